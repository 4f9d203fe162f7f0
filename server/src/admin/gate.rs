//! Who may ask what.
//!
//! A browser on this machine reaches the listener, too: whatever page it shows must not. Such a page cannot choose Host,
//! cannot leave out Origin where it matters, and cannot post JSON to somebody else without being asked first.

use std::fmt;
use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{StatusCode, Uri};

use super::answer::Refusal;
use super::{AdminRules, Reach};
use crate::access::{Access, Grant, Right};

/// What is needed to have an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: it tells next to nothing.
    Nothing,
    /// To be on this machine: it tells numbers.
    Presence,
    /// A token, or a Unix socket: it tells who is here, or changes something.
    Trust,
}

/// Who asks.
pub(super) enum Operator {
    /// Nobody knows who.
    Anyone,
    /// Whom the permissions of the Unix socket have let in.
    Socket,
    /// Who has the token of `admin.token_file`.
    TokenFile,
    /// Who has a token with the right [`Right::Admin`].
    Token(Grant),
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operator::Anyone => f.write_str("anyone"),
            Operator::Socket => f.write_str("unix socket"),
            Operator::TokenFile => f.write_str("admin.token_file"),
            Operator::Token(grant) => write!(f, "token {}", grant.name()),
        }
    }
}

/// Is the request made by whom it seems to be?
pub(super) fn check_sender(uri: &Uri, headers: &HeaderMap, reach: Reach, rules: &AdminRules) -> Result<(), Refusal> {
    if uri.authority().is_some() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad-request", "this is no proxy"));
    }
    let host = text(headers, &header::HOST)?.unwrap_or_default();
    // No browser speaks to a Unix socket, and there is no name to come by.
    if reach != Reach::Unix && !is_own(host, &rules.hosts) {
        let detail = "Host is to be an IP address, localhost, or one of admin.hosts";
        return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", detail));
    }
    let elsewhere = Refusal::new(StatusCode::FORBIDDEN, "forbidden", "a page from elsewhere asks");
    match text(headers, &header::ORIGIN)? {
        Some(origin) if origin.strip_prefix("http://") != Some(host) => return Err(elsewhere),
        _ => {}
    }
    match text(headers, &HeaderName::from_static("sec-fetch-site"))? {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(elsewhere),
    }
}

/// Who it is that came so, with this token or without, if they may have the answer.
pub(super) fn check_right(
    need: Need,
    headers: &HeaderMap,
    reach: Reach,
    rules: &AdminRules,
    access: &Access,
) -> Result<Operator, Refusal> {
    let wrong = |detail| Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", detail));
    if reach == Reach::Unix {
        return Ok(Operator::Socket);
    }
    if let Some(authorization) = text(headers, &header::AUTHORIZATION)? {
        let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
        let operator =
            if scheme.eq_ignore_ascii_case("bearer") { holder(token.trim().as_bytes(), rules, access) } else { None };
        return operator.map_or_else(|| wrong("the token is wrong, or does not allow it"), Ok);
    }
    match (need, reach) {
        (Need::Nothing, _) | (Need::Presence, Reach::Loopback) => Ok(Operator::Anyone),
        _ if rules.token.is_none() && !access.has_operators() => {
            wrong("without admin.token_file and a token with the right admin this is answered on a Unix socket only")
        }
        _ => wrong("a token is needed: Authorization: Bearer TOKEN"),
    }
}

/// Whose token that is, if it lets one control the hub.
fn holder(token: &[u8], rules: &AdminRules, access: &Access) -> Option<Operator> {
    if rules.token.as_ref().is_some_and(|known| known.is(token)) {
        return Some(Operator::TokenFile);
    }
    access.check(token).filter(|grant| grant.may_everywhere(Right::Admin)).map(Operator::Token)
}

/// Is it JSON? No form can send that, and no page to another host without being asked whether it may.
pub(super) fn check_content(headers: &HeaderMap) -> Result<(), Refusal> {
    let content = text(headers, &header::CONTENT_TYPE)?.unwrap_or_default();
    let media = content.split(';').next().unwrap_or_default().trim();
    match media.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "Content-Type is to be application/json",
        )),
    }
}

/// The one value of a header.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str());
    match (value, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(Refusal::new(StatusCode::BAD_REQUEST, "bad-request", format!("{name} is to be one text"))),
    }
}

/// `HOST` or `HOST:PORT`, where HOST is no name that somebody else can lead here.
fn is_own(host: &str, known: &[String]) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    if port.is_some_and(|port| port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return false;
    }
    let is_address = match name.strip_prefix('[').map(|name| name.strip_suffix(']')) {
        Some(address) => address.is_some_and(|address| matches!(address.parse(), Ok(IpAddr::V6(_)))),
        None => matches!(name.parse(), Ok(IpAddr::V4(_))),
    };
    is_address || name.eq_ignore_ascii_case("localhost") || known.iter().any(|own| own.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_localhost_and_known_names_are_ours() {
        let known = ["hub.example".to_owned()];
        for host in [
            "127.0.0.1",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:9090",
            "localhost",
            "LOCALHOST:1",
            "Hub.Example:7",
            "10.0.0.1",
        ] {
            assert!(is_own(host, &known), "{host}");
        }
        for host in [
            "",
            ":80",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1:",
            "127.0.0.1:x",
            "::1",
            "[::1",
            "[127.0.0.1]",
            "[::1]evil",
            "hub.example.",
            "a@127.0.0.1",
            "127.1",
        ] {
            assert!(!is_own(host, &known), "{host}");
        }
    }
}

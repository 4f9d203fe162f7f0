//! Authorization of requests.
//!
//! A browser on this machine can reach the service, but the pages that it shows must not. A page cannot choose Host, cannot
//! omit Origin where it matters, and cannot post JSON to another origin without a preflight request.

use std::fmt;
use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{StatusCode, Uri};

use super::response::Refusal;
use super::{AdminRules, Reach};
use crate::access::{Access, Grant, Right};

/// What a request requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Requirement {
    /// Nothing: the answer reveals little.
    None,
    /// A client on this machine: the answer contains numbers.
    ThisMachine,
    /// A token, or a Unix socket: the answer names members, or the request changes something.
    Operator,
}

/// Who makes a request.
pub(super) enum Operator {
    /// Unknown.
    Anyone,
    /// A user that the permissions of the Unix socket admit.
    Socket,
    /// A client with the token of `admin.token_file`.
    TokenFile,
    /// A client with a token that has [`Right::Admin`].
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

/// Why a request is not authorized.
pub(super) enum Denied {
    WrongToken,
    Refused(Refusal),
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Denied {
        Denied::Refused(refusal)
    }
}

/// Checks that no page of another origin makes the request.
pub(super) fn check_origin(uri: &Uri, headers: &HeaderMap, reach: Reach, rules: &AdminRules) -> Result<(), Refusal> {
    if uri.authority().is_some() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad-request", "this is not a proxy"));
    }
    let host = text(headers, &header::HOST)?.unwrap_or_default();
    // No browser connects to a Unix socket, and a Unix socket has no host name.
    if reach != Reach::Unix && !is_own(host, &rules.hosts) {
        let detail = "Host must be an IP address, localhost, or one of admin.hosts";
        return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", detail));
    }
    let other_origin =
        Refusal::new(StatusCode::FORBIDDEN, "forbidden", "the request comes from a page of another origin");
    match text(headers, &header::ORIGIN)? {
        Some(origin) if origin.strip_prefix("http://") != Some(host) => return Err(other_origin),
        _ => {}
    }
    match text(headers, &HeaderName::from_static("sec-fetch-site"))? {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(other_origin),
    }
}

/// Who makes the request, if that meets the requirement.
pub(super) fn authorize(
    requirement: Requirement,
    headers: &HeaderMap,
    reach: Reach,
    rules: &AdminRules,
    access: &Access,
) -> Result<Operator, Denied> {
    let needed = |detail| Err(Refusal::unauthorized(detail).into());
    if reach == Reach::Unix {
        return Ok(Operator::Socket);
    }
    if let Some(authorization) = text(headers, &header::AUTHORIZATION)? {
        let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
        let operator =
            if scheme.eq_ignore_ascii_case("bearer") { holder(token.trim().as_bytes(), rules, access) } else { None };
        return operator.ok_or(Denied::WrongToken);
    }
    match (requirement, reach) {
        (Requirement::None, _) | (Requirement::ThisMachine, Reach::Loopback) => Ok(Operator::Anyone),
        _ if rules.token.is_none() && !access.has_operators() => {
            needed("this needs a Unix socket, admin.token_file, or a token with the right admin")
        }
        _ => needed("a token is needed: Authorization: Bearer TOKEN"),
    }
}

/// The holder of a token that allows to control the hub.
fn holder(token: &[u8], rules: &AdminRules, access: &Access) -> Option<Operator> {
    if rules.token.as_ref().is_some_and(|known| known.is(token)) {
        return Some(Operator::TokenFile);
    }
    access.check(token).filter(|grant| grant.may_everywhere(Right::Admin)).map(Operator::Token)
}

/// Checks that the body is JSON. A form cannot send JSON, and a page of another origin only after a preflight request.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let content = text(headers, &header::CONTENT_TYPE)?.unwrap_or_default();
    let media = content.split(';').next().unwrap_or_default().trim();
    match media.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "Content-Type must be application/json",
        )),
    }
}

/// The only value of a header.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str());
    match (value, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(Refusal::new(StatusCode::BAD_REQUEST, "bad-request", format!("{name} must have one value, in ASCII"))),
    }
}

/// Is it `HOST` or `HOST:PORT`, where HOST is an address or a name that nobody else can make resolve to this machine?
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
    fn only_addresses_localhost_and_known_names_are_own_hosts() {
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

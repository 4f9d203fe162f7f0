//! Who may ask what.
//!
//! A browser on this machine reaches the listener, too: whatever page it shows must not. Such a page cannot choose Host,
//! cannot leave out Origin where it matters, and cannot post JSON to somebody else without being asked first.

use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{StatusCode, Uri};

use super::answer::Refusal;
use super::{AdminRules, Reach};

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

/// May whoever came so, with this token or without, have the answer?
pub(super) fn check_right(need: Need, headers: &HeaderMap, reach: Reach, rules: &AdminRules) -> Result<(), Refusal> {
    let wrong = |detail| Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", detail));
    if let Some(authorization) = text(headers, &header::AUTHORIZATION)?
        && reach != Reach::Unix
    {
        let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
        let is_right = rules.token.as_ref().is_some_and(|known| known.is(token.trim().as_bytes()));
        return match scheme.eq_ignore_ascii_case("bearer") && is_right {
            true => Ok(()),
            false => wrong("the token is wrong"),
        };
    }
    match (need, reach) {
        (_, Reach::Unix) | (Need::Nothing, _) | (Need::Presence, Reach::Loopback) => Ok(()),
        _ if rules.token.is_none() => wrong("without admin.token_file this is answered on a Unix socket only"),
        _ => wrong("a token is needed: Authorization: Bearer TOKEN"),
    }
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

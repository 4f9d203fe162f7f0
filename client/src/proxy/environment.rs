//! The proxy that the environment names.

use std::net::IpAddr;

use super::Proxy;
use crate::address::AddressError;
use crate::target::Target;

/// The proxy for `hub`; `variable` looks up an environment variable.
pub(super) fn proxy(hub: &Target, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, AddressError> {
    let Some(address) = hub.address() else { return Ok(None) };
    let set = |name: &str| {
        let found = variable(name).or_else(|| variable(&name.to_ascii_lowercase()));
        found.filter(|value| !value.is_empty())
    };
    if is_here(address.host()) || is_listed(address.host(), &set("NO_PROXY").unwrap_or_default()) {
        return Ok(None);
    }
    let for_tls = if hub.is_tls() { set("HTTPS_PROXY") } else { None };
    for_tls.or_else(|| set("ALL_PROXY")).map(|proxy| proxy.parse()).transpose()
}

fn is_here(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Whether a list such as `example.org, .example.net, 10.0.0.1, *` contains the host, or a domain that it is in.
fn is_listed(host: &str, list: &str) -> bool {
    let host = host.to_ascii_lowercase();
    list.split(',').map(str::trim).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        let domain = entry.strip_prefix('.').unwrap_or(&entry);
        let is_under = || host.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.'));
        entry == "*" || !domain.is_empty() && is_under()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(hub: &str, variables: &[(&str, &str)]) -> Option<String> {
        let look_up = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        proxy(&hub.parse().unwrap(), look_up).unwrap().map(|proxy| proxy.to_string())
    }

    #[test]
    fn variable_depends_on_whether_the_hub_uses_tls() {
        let both = [("all_proxy", "socks5://a"), ("HTTPS_PROXY", "http://b")];
        assert_eq!(named("hub", &both).as_deref(), Some("socks5://a:1080"));
        assert_eq!(named("tls://hub", &both).as_deref(), Some("http://b:80"));
        assert_eq!(named("tls://hub", &both[..1]).as_deref(), Some("socks5://a:1080"));
        assert_eq!(named("hub", &[("ALL_PROXY", "")]), None);
        assert_eq!(named("unix:/run/hub", &both), None);
    }

    #[test]
    fn listed_and_local_hubs_have_no_proxy() {
        for (hub, list, is_reached_by_proxy) in [
            ("hub.example.org", "example.org", false),
            ("hub.example.org", "other, .EXAMPLE.org", false),
            ("example.org", ".example.org", false),
            ("badexample.org", "example.org", true),
            ("10.0.0.1", "10.0.0.1", false),
            ("10.0.0.11", "10.0.0.1", true),
            ("hub", "*", false),
            ("hub", " ,,", true),
            ("localhost", "", false),
            ("127.0.0.9", "", false),
            ("[::1]", "", false),
        ] {
            let found = named(hub, &[("ALL_PROXY", "socks5://a"), ("NO_PROXY", list)]);
            assert_eq!(found.is_some(), is_reached_by_proxy, "{hub} {list}");
        }
    }

    #[test]
    fn variable_with_a_malformed_proxy_is_an_error() {
        assert!(proxy(&"hub".parse().unwrap(), |_| Some("gate:1080".into())).is_err());
    }
}

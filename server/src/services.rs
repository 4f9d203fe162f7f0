//! Port numbers by service name, from the system's services file.

use std::io;
use std::path::PathBuf;

/// The TCP port of a service, from the services file.
pub(crate) fn port(service: &str) -> io::Result<Option<u16>> {
    Ok(find(&std::fs::read_to_string(path())?, service))
}

fn path() -> PathBuf {
    match std::env::var_os("SystemRoot") {
        Some(root) if cfg!(windows) => PathBuf::from(root).join(r"System32\drivers\etc\services"),
        _ => PathBuf::from("/etc/services"),
    }
}

/// Lines are `name port/protocol alias… # comment`.
fn find(services: &str, service: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (name, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
        (name == service || words.any(|alias| alias == service)).then(|| port.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tcp_service_is_found_by_name_or_alias() {
        let services = "# services\nntp 123/udp\nnntp\t119/tcp\treadnews untp # news\nbad x/tcp\n";
        assert_eq!(find(services, "nntp"), Some(119));
        assert_eq!(find(services, "untp"), Some(119));
        assert_eq!(find(services, "news"), None);
        assert_eq!(find(services, "ntp"), None);
        assert_eq!(find(services, "bad"), None);
    }
}

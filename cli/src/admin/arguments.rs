//! The command line of `bookend admin`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::action::Action;
use super::ask::AdminAddress;
use crate::timespan::timespan;

const EXIT_CODES: &str = "\
Exit codes:
  0      success; for `status`: the hub is ready
  1      the hub refused the request; for `status`: the hub is not ready
  2      invalid option or argument, or unreadable token
  3      no answer
  128+N  ended by signal N";

/// The longest timeout.
const LONGEST: Duration = Duration::from_secs(3600);

/// Control a hub through its admin listener
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct AdminArguments {
    /// The Unix socket of the admin listener; it needs no token. This or --url is required
    #[arg(long, value_name = "PATH", global = true)]
    socket: Option<PathBuf>,
    /// The address of the admin listener, such as http://127.0.0.1:3991
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,
    /// Read the admin token from the first line of FILE [default: the token in BOOKEND_TOKEN, if set]
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// Hidden: other users of this machine could read a token on the command line.
    #[arg(long, hide = true, env = "BOOKEND_TOKEN", hide_env_values = true, global = true)]
    admin_token: Option<String>,
    /// Print the answer unchanged: JSON, except for metrics
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// The longest time to wait for the answer
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = timeout, global = true)]
    pub(super) timeout: Duration,
    /// Report how long each stage took
    #[arg(long, short, global = true)]
    pub(super) verbose: bool,
    #[command(subcommand)]
    pub(super) action: Action,
}

impl AdminArguments {
    /// The address of the admin listener.
    pub(super) fn address(&self) -> Result<AdminAddress, String> {
        // Clap checks neither what is required nor what excludes each other among options that may follow a subcommand.
        match (&self.socket, &self.url) {
            (Some(_), Some(_)) => Err("--socket and --url exclude each other".into()),
            (Some(_), None) if self.token_file.is_some() => Err("--token-file: a Unix socket needs no token".into()),
            (Some(path), None) => Ok(AdminAddress::Unix(path.clone())),
            (None, Some(url)) => {
                let rest =
                    url.strip_prefix("http://").ok_or_else(|| format!("{url}: the URL must begin with http://"))?;
                let host = rest.strip_suffix('/').unwrap_or(rest);
                let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
                match host.rsplit_once(':') {
                    Some((name, port)) if is_host(name) && port.parse::<u16>().is_ok() => {
                        Ok(AdminAddress::Tcp(host.into()))
                    }
                    _ => Err(format!("{url}: the URL must be http://HOST:PORT")),
                }
            }
            (None, None) => Err("--socket PATH or --url URL is required".into()),
        }
    }

    /// The token, if there is one.
    pub(super) fn token(&self) -> Result<Option<String>, String> {
        let is_token = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(path) = &self.token_file {
            let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            let token = text.lines().next().unwrap_or_default().trim();
            let wrong = || format!("{}: its first line is not a token", path.display());
            return is_token(token).then(|| Some(token.into())).ok_or_else(wrong);
        }
        match self.admin_token.as_deref().map(str::trim) {
            // The variable may be for the hub's rooms, which are another matter.
            _ if self.socket.is_some() => Ok(None),
            None | Some("") => Ok(None),
            Some(token) if is_token(token) => Ok(Some(token.into())),
            Some(_) => Err("BOOKEND_TOKEN: it is not a token".into()),
        }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    timespan(text, Duration::from_millis(100), LONGEST)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::admin::action::AdminRequest;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: AdminArguments,
    }

    fn parsed(words: &[&str]) -> Result<AdminArguments, String> {
        let words = ["admin"].iter().chain(words);
        Line::try_parse_from(words).map(|line| line.arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn address_is_a_socket_or_a_host_and_a_port() {
        let address = |words: &[&str]| parsed(&[words, &["status"]].concat()).and_then(|arguments| arguments.address());
        assert_eq!(address(&["--socket", "/run/a b"]), Ok(AdminAddress::Unix("/run/a b".into())));
        for (url, host) in [
            ("http://127.0.0.1:3991", "127.0.0.1:3991"),
            ("http://[::1]:1/", "[::1]:1"),
            ("http://hub.example:80", "hub.example:80"),
        ] {
            assert_eq!(address(&["--url", url]), Ok(AdminAddress::Tcp(host.into())));
        }
        for url in [
            "127.0.0.1:1",
            "https://a:1",
            "http://a",
            "http://a:x",
            "http://:1",
            "http://a:1/b",
            "http://a@b:1",
            "http://",
        ] {
            assert!(address(&["--url", url]).is_err(), "{url}");
        }
        assert!(address(&[]).is_err() && address(&["--url", "http://a:1", "--socket", "b"]).is_err());
    }

    #[test]
    fn options_may_follow_the_subcommand() {
        for words in [
            &["--socket", "a", "rooms", "--json", "--timeout", "3"][..],
            &["rooms", "--json", "--timeout", "3", "--socket", "a"],
        ] {
            let arguments = parsed(words).unwrap();
            assert!(arguments.json && arguments.timeout == Duration::from_secs(3));
            assert_eq!(arguments.address(), Ok(AdminAddress::Unix("a".into())));
        }
        let arguments = parsed(&["kick", "7", "--url", "http://a:1", "--token-file", "b"]).unwrap();
        assert_eq!(arguments.address(), Ok(AdminAddress::Tcp("a:1".into())));
        assert_eq!(arguments.token_file, Some("b".into()));
        for wrong in [
            &["rooms"][..],
            &["rooms", "--socket", "a", "--url", "http://a:1"],
            &["--socket", "a", "rooms", "--token-file", "b"],
        ] {
            assert!(parsed(wrong).unwrap().address().is_err(), "{wrong:?}");
        }
        for wrong in [
            &["--socket", "a"][..],
            &["--socket", "a", "dance"],
            &["--socket", "a", "--timeout", "0", "rooms"],
            &["--socket", "a", "kick"],
            &["--socket", "a", "kick", "1", "--member", "2"],
            &["--socket", "a", "kick", "ann"],
            &["--socket", "a", "say"],
            &["--socket", "a", "ban"],
            &["--socket", "a", "ban", "--name", "ann", "--address", "192.0.2.7"],
            &["--socket", "a", "unban", "ann"],
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn request_has_the_arguments_of_the_subcommand() {
        let request = |words: &[&str]| parsed(&[&["--socket", "a"], words].concat()).unwrap().action.request();
        let AdminRequest { path, body } = request(&["kick", "7", "--reason", "no \"flood\""]);
        assert_eq!(path, "/kick");
        assert_eq!(body.as_deref(), Some(r#"{"ban":null,"connection":7,"member":null,"reason":"no \"flood\""}"#));
        let AdminRequest { path, body } = request(&["say", "back", "soon", "--room", "den"]);
        assert_eq!((path, body.as_deref()), ("/say", Some(r#"{"room":"den","text":"back soon"}"#)));
        let AdminRequest { path, body } = request(&["ban", "--network", "192.0.2.0/24", "--for", "7d"]);
        let body: serde_json::Value = serde_json::from_str(&body.unwrap()).unwrap();
        assert_eq!((path, &body["network"], &body["for"]), ("/ban", &"192.0.2.0/24".into(), &"7d".into()));
        assert!(body["force"] == false && body["address"].is_null());
        assert_eq!(request(&["unban", "7"]).body.as_deref(), Some(r#"{"ban":7}"#));
        assert_eq!((request(&["bans"]).body, request(&["metrics"]).body), (None, None));
    }
}

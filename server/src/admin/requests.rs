//! The bodies of requests.

use std::net::IpAddr;
use std::time::Duration;

use bookend::is_disturbing;
use serde::Deserialize;

use crate::access::Access;
use crate::bans::BanTarget;
use crate::hub::Target;

/// The longest text, in bytes. However it is converted and escaped, it fits into the smallest `max body`.
const MAX_TEXT: usize = 280;
/// The longest reason, in bytes. CLOSE has room for it after the name of the code.
const MAX_REASON: usize = 100;
/// How long a ban lasts for which no time is given.
const DEFAULT_BAN: &str = "1h";
/// The longest ban.
const LONGEST_BAN: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// Close a connection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kick {
    connection: Option<u64>,
    member: Option<u32>,
    reason: Option<String>,
    /// Ban it, too, for this time.
    ban: Option<String>,
}

/// Keep peers out for a while.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddBan {
    address: Option<String>,
    network: Option<String>,
    name: Option<String>,
    token: Option<String>,
    r#for: Option<String>,
    reason: Option<String>,
    /// Allow a network of very many addresses.
    #[serde(default)]
    force: bool,
}

/// Lift a ban.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unban {
    pub(super) ban: u64,
}

/// Send a message from the hub itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Say {
    /// `None` for all rooms.
    pub(super) room: Option<String>,
    text: String,
}

/// A request without arguments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoArguments {}

impl Kick {
    /// Which connection, and why.
    pub(super) fn validate(&self) -> Result<(Target, &str), String> {
        let target = match (self.connection, self.member) {
            (Some(connection), None) => Target::Connection(connection),
            (None, Some(member)) => Target::Member(member),
            _ => return Err("exactly one of connection and member is needed".into()),
        };
        let reason = self.reason.as_deref().unwrap_or("closed by an operator");
        line("reason", reason, MAX_REASON).map(|reason| (target, reason))
    }
}

impl Kick {
    /// For how long the address and the token of the connection are banned, if they are.
    pub(super) fn ban(&self) -> Result<Option<Duration>, String> {
        self.ban.as_deref().map(|text| time("ban", text)).transpose()
    }
}

impl AddBan {
    /// Whom to ban, for how long, and why.
    pub(super) fn validate(&self, access: &Access) -> Result<(BanTarget, Duration, &str), String> {
        let target = match (&self.address, &self.network, &self.name, &self.token) {
            (Some(address), None, None, None) => {
                let address: IpAddr = address.parse().map_err(|_| format!("{address:?} is not an IP address"))?;
                BanTarget::address(address)
            }
            (None, Some(network), None, None) => BanTarget::network(network)?,
            (None, None, Some(name), None) => BanTarget::name(name)?,
            (None, None, None, Some(token)) if !access.has_token(token) => {
                return Err(format!("there is no token named {token:?}"));
            }
            (None, None, None, Some(token)) => BanTarget::token(token)?,
            _ => return Err("exactly one of address, network, name and token is needed".into()),
        };
        if target.is_too_wide() && !self.force {
            return Err(format!("{target} keeps out very many peers; set force to ban it anyway"));
        }
        let duration = time("for", self.r#for.as_deref().unwrap_or(DEFAULT_BAN))?;
        let reason = self.reason.as_deref().unwrap_or("by an operator");
        line("reason", reason, MAX_REASON).map(|reason| (target, duration, reason))
    }
}

impl Say {
    pub(super) fn text(&self) -> Result<&str, String> {
        line("text", &self.text, MAX_TEXT)
    }
}

/// A time from 1 s to 10 years.
fn time(what: &str, text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .ok()
        .filter(|time| (Duration::from_secs(1)..=LONGEST_BAN).contains(time))
        .ok_or_else(|| format!("{what}: {text:?} is not a time from 1s to 10y, such as 30m, 1h or 7d"))
}

/// Checks that a text is a line.
fn line<'a>(what: &str, text: &'a str, max: usize) -> Result<&'a str, String> {
    match (1..=max).contains(&text.len()) && !text.chars().any(is_disturbing) {
        true => Ok(text),
        false => Err(format!("{what} must be 1 to {max} bytes without control characters")),
    }
}

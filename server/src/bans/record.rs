//! A ban in JSON, for operators and in the file of bans.

use bookend::is_disturbing;
use serde::{Deserialize, Serialize};

use super::target::Kind;
use super::{Ban, BanTarget};

/// The longest reason, in bytes. CLOSE has room for it after the name of the code.
const MAX_REASON: usize = 100;

/// `{"ban":7,"network":"192.0.2.0/24","reason":"…","since":1795390321000,"until":1795393921000}`, or with `name` or
/// `token` in place of `network`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    ban: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    reason: String,
    since: u64,
    until: u64,
}

impl From<Ban> for Record {
    fn from(ban: Ban) -> Record {
        let Ban { id, target, reason, since, until } = ban;
        let (mut network, mut name, mut token) = (None, None, None);
        match target.0 {
            Kind::Network(found) => network = Some(found.to_string()),
            Kind::Name(found) => name = Some(found.into()),
            Kind::Token(found) => token = Some(found.into()),
        }
        Record { ban: id, network, name, token, reason: reason.as_ref().into(), since, until }
    }
}

impl TryFrom<Record> for Ban {
    type Error = String;

    fn try_from(record: Record) -> Result<Ban, String> {
        let Record { ban: id, network, name, token, reason, since, until } = record;
        let target = match (network, name, token) {
            (Some(network), None, None) => BanTarget::network(&network)?,
            (None, Some(name), None) => BanTarget::name(&name)?,
            (None, None, Some(token)) => BanTarget::token(&token)?,
            _ => return Err(format!("ban {id} needs exactly one of network, name and token")),
        };
        if reason.len() > MAX_REASON || reason.chars().any(is_disturbing) {
            return Err(format!("the reason of ban {id} is longer than {MAX_REASON} bytes or has control characters"));
        }
        Ok(Ban { id, target, reason: reason.into(), since, until })
    }
}

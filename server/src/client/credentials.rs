//! The credentials of a client: what its token allows, and what it has been denied.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bookend::Code;

use crate::access::{Access, Grant, Identity, LOBBY, Rights};
use crate::admission::{Rejection, TokenShare};
use crate::hub::Hub;
use crate::peer::Peer;
use crate::wrong_tokens::DelayedAnswer;

/// A token is checked again at least this often: somebody may set the clock.
const MAX_CHECK_INTERVAL: Duration = Duration::from_secs(3600);

/// All times are since the connection was accepted.
#[derive(Default)]
pub(crate) struct Credentials {
    token: Option<Box<Token>>,
    denial: Option<Box<Denial>>,
}

struct Token {
    grant: Grant,
    /// When to check whether it has expired.
    check_at: Option<Duration>,
    _share: TokenShare,
}

/// Why a client is denied, and when it is closed for that.
pub(super) struct Denial {
    code: Code,
    reason: Cow<'static, str>,
    /// The answer is due at once without it.
    delayed: Option<DelayedAnswer>,
    due: Option<Duration>,
}

impl Denial {
    pub(super) fn at_once(code: Code, reason: impl Into<Cow<'static, str>>) -> Denial {
        Denial { code, reason: reason.into(), delayed: None, due: None }
    }

    /// The denial of a wrong token.
    fn wrong_token(delayed: Option<DelayedAnswer>) -> Denial {
        let reason = match delayed {
            Some(_) => "the token is not valid",
            None => "the token is not valid, and too many wrong ones came from this address",
        };
        Denial { delayed, ..Denial::at_once(Code::POLICY, reason) }
    }
}

impl Credentials {
    /// Accepts a token, or denies the client after a delay. A hub without tokens accepts everything.
    pub(crate) fn authenticate(&mut self, token: &[u8], now: Duration, hub: &Hub, peer: &Peer) -> bool {
        let access = hub.access();
        match access.check(token) {
            None if access.tokens() == 0 => true,
            Some(grant) => {
                if let Some(notice) = hub.ban_of_token(peer, &grant) {
                    self.deny(Denial::at_once(Code::POLICY, notice));
                    return false;
                }
                let Some(share) = hub.admit_token(&grant) else {
                    let rejection = Rejection::PerToken;
                    hub.count_rejection(&rejection);
                    self.deny(Denial::at_once(rejection.code(), rejection.reason()));
                    return false;
                };
                tracing::info!(peer = peer.label(), token = grant.name(), "token-accepted");
                let check_at = access.time_left(&grant).map(|left| next_check(now, left));
                self.token = Some(Box::new(Token { grant, check_at, _share: share }));
                true
            }
            None => {
                tracing::info!(peer = peer.label(), "token-refused");
                self.deny(Denial::wrong_token(hub.count_wrong_token(peer)));
                false
            }
        }
    }

    /// The token that was accepted.
    pub(crate) fn grant(&self) -> Option<&Grant> {
        self.token.as_ref().map(|token| &token.grant)
    }

    /// Who the client has proved to be.
    pub(crate) fn identity(&self, peer: &Peer) -> Option<Identity> {
        let certificate = || peer.certificate().map(|fingerprint| Identity::Certificate(fingerprint.into()));
        self.grant().map(|grant| Identity::Token(grant.clone())).or_else(certificate)
    }

    /// What the client may do in a room.
    pub(crate) fn rights_in(&self, room: &str, hub: &Hub, peer: &Peer) -> Rights {
        match self.grant() {
            Some(grant) => grant.rights_in(room),
            None => hub.config().access.without_token(peer.is_certified()),
        }
    }

    /// The room of a client that names none.
    pub(crate) fn default_room(&self) -> Arc<str> {
        self.grant().map_or(LOBBY, Grant::default_room).into()
    }

    // ---- expiry

    /// When to check whether the token has expired.
    pub(crate) fn check_at(&self) -> Option<Duration> {
        self.token.as_ref()?.check_at
    }

    /// Checks the token again now: a reload may have changed when it expires.
    pub(crate) fn check_again(&mut self, now: Duration) {
        if let Some(token) = &mut self.token {
            token.check_at = Some(now);
        }
    }

    /// Has the token expired? A reload may have extended it.
    pub(crate) fn is_expired(&mut self, now: Duration, access: impl FnOnce() -> Access) -> bool {
        if self.check_at().is_none_or(|check_at| now < check_at) {
            return false;
        }
        let Some(token) = &mut self.token else { return false };
        let left = access().time_left(&token.grant);
        token.check_at = left.map(|left| next_check(now, left));
        left.is_some_and(|left| left.is_zero())
    }

    // ---- denial

    pub(super) fn deny(&mut self, denial: Denial) {
        self.denial = Some(Box::new(denial));
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.denial.is_some()
    }

    /// Starts the delay of a denial.
    pub(crate) fn schedule_denial(&mut self, now: Duration) {
        if let Some(denial) = &mut self.denial {
            let delay = denial.delayed.as_ref().map_or(Duration::ZERO, |delayed| delayed.delay);
            denial.due.get_or_insert(now.saturating_add(delay));
        }
    }

    /// When the client is closed because it was denied.
    pub(crate) fn denial_due(&self) -> Option<Duration> {
        self.denial.as_ref()?.due
    }

    /// The code and the reason of a denial whose delay is over, once.
    pub(crate) fn take_due_denial(&mut self, now: Duration) -> Option<(Code, Cow<'static, str>)> {
        if self.denial_due().is_none_or(|due| now < due) {
            return None;
        }
        self.denial.take().map(|denial| (denial.code, denial.reason))
    }
}

fn next_check(now: Duration, left: Duration) -> Duration {
    now.saturating_add(left.min(MAX_CHECK_INTERVAL))
}

//! Bans: an operator keeps peers out for a while.

use std::sync::Arc;
use std::time::Duration;

use super::{Hub, Target};
use crate::access::Grant;
use crate::bans::{Ban, BanError, BanKeeper, BanTarget, notice};
use crate::peer::Peer;

/// What a ban has done.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "admin", derive(serde::Serialize))]
pub struct Banned {
    /// The ban.
    #[cfg_attr(feature = "admin", serde(flatten))]
    pub ban: Ban,
    /// How many open connections it closes.
    pub closed: usize,
}

/// A connection that is closed and banned.
#[derive(Clone, Debug)]
pub struct Kicked {
    /// The label of its peer.
    pub peer: Arc<str>,
    /// The bans of its address and of its token.
    pub bans: Vec<Banned>,
}

impl Hub {
    /// Keeps peers out for a while, and closes those that are connected, with CLOSE 1008 `policy` or a line with the
    /// reason. A ban of the same target is replaced.
    ///
    /// # Errors
    /// [`BanError::TooMany`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # use std::time::Duration;
    /// # use bookend_server::{BanTarget, Config, Hub};
    /// let hub = Hub::new(Config::default());
    /// let target = BanTarget::network("198.51.100.0/24").unwrap();
    /// let banned = hub.ban(target, Duration::from_secs(3600), "no flooding").unwrap();
    /// assert_eq!((hub.bans().len(), banned.closed), (1, 0));
    /// assert_eq!(hub.unban(banned.ban.id), Some(banned.ban));
    /// # }
    /// ```
    pub fn ban(&self, target: BanTarget, duration: Duration, reason: &str) -> Result<Banned, BanError> {
        let ban = self.shared.bans.add(target, duration, reason)?;
        // It is in the list first, so that a peer that joins meanwhile is found here or finds the ban itself.
        let mailboxes = match ban.name_key() {
            Some(key) => self.shared.rooms.mailboxes_with_key(&key),
            None => self.shared.registry.mailboxes_of(|peer, token| ban.is_for(peer.address(), token)),
        };
        for mailbox in &mailboxes {
            mailbox.kick(ban.notice());
        }
        tracing::info!(
            ban = ban.id,
            kind = ban.target.kind(),
            target = %ban.target,
            seconds = duration.as_secs(),
            detail = &*ban.reason,
            closed = mailboxes.len(),
            "ban"
        );
        Ok(Banned { closed: mailboxes.len(), ban })
    }

    /// Bans the address of a connection, and its token if it has one. That closes it. Returns `None` if there
    /// is no such connection.
    ///
    /// # Errors
    /// [`BanError::Nothing`], [`BanError::TooMany`].
    pub fn kick_and_ban(&self, target: Target, duration: Duration, reason: &str) -> Result<Option<Kicked>, BanError> {
        let Some(mailbox) = self.mailbox(target) else { return Ok(None) };
        let by_address = mailbox.peer().address().map(BanTarget::address);
        let token = self.shared.registry.token_of(&mailbox);
        let by_token = token.and_then(|token| BanTarget::token(&token).ok());
        let targets: Vec<_> = by_address.into_iter().chain(by_token).collect();
        if targets.is_empty() {
            return Err(BanError::Nothing);
        }
        let bans = targets.into_iter().map(|target| self.ban(target, duration, reason)).collect::<Result<_, _>>()?;
        Ok(Some(Kicked { peer: mailbox.peer().label().into(), bans }))
    }

    /// Lifts a ban. `None` if there is none of that number.
    pub fn unban(&self, id: u64) -> Option<Ban> {
        let ban = self.shared.bans.remove(id)?;
        tracing::info!(ban = ban.id, kind = ban.target.kind(), target = %ban.target, "unban");
        Some(ban)
    }

    /// The bans in force, by number.
    #[must_use]
    pub fn bans(&self) -> Vec<Ban> {
        self.shared.bans.all()
    }

    /// Adds earlier bans, and keeps them all beyond the process: the keeper learns of each change. There is one keeper.
    #[must_use]
    pub fn keep_bans(&self, earlier: Vec<Ban>) -> BanKeeper {
        BanKeeper::new(self.shared.bans.clone(), earlier)
    }

    /// Waits up to 5 s until the keeper has written the bans so far. False if there is none, or it could not.
    pub async fn bans_written(&self) -> bool {
        self.shared.bans.kept().written().await
    }

    /// Has the keeper written the last change that it was given? False if there is none.
    #[must_use]
    pub fn are_bans_kept(&self) -> bool {
        self.shared.bans.kept().is_written()
    }

    pub(crate) fn ban_count(&self) -> usize {
        self.shared.bans.count()
    }

    /// What a peer is told if its token is banned. It is counted.
    pub(crate) fn ban_of_token(&self, peer: &Peer, grant: &Grant) -> Option<String> {
        let reason = self.shared.bans.of_token(grant.name())?;
        self.count_banned(peer, &reason);
        Some(notice(&reason))
    }

    /// What a peer is told if a name is banned. It is counted.
    pub(crate) fn ban_of_name(&self, peer: &Peer, name: &str) -> Option<String> {
        let reason = self.shared.bans.of_name(name)?;
        self.count_banned(peer, &reason);
        Some(notice(&reason))
    }

    /// Logs and counts that a ban kept a peer out.
    pub(super) fn count_banned(&self, peer: &Peer, reason: &str) {
        tracing::debug!(peer = peer.label(), detail = reason, "banned");
        self.counters().refused.count("banned");
    }
}

//! Bans: whom the hub keeps out, for how long, and why.

mod keeper;
#[cfg(feature = "admin")]
mod record;
mod target;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::Instant;

use crate::canonical;
use crate::clock::wall_clock;
use crate::lock::lock;
use keeper::Kept;
use target::{Kind, networks_of};

pub use keeper::BanKeeper;
pub use target::BanTarget;

/// The most bans at one time.
const MAX_BANS: usize = 10_000;

/// A ban that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "admin", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "admin", serde(into = "record::Record", try_from = "record::Record"))]
pub struct Ban {
    /// Its number, which no ban of another target has had.
    pub id: u64,
    /// Whom it keeps out.
    pub target: BanTarget,
    /// The reason, which peers are sent.
    pub reason: Arc<str>,
    /// When it began, in milliseconds since 1970-01-01T00:00:00Z.
    pub since: u64,
    /// When it ends, in milliseconds since 1970-01-01T00:00:00Z.
    pub until: u64,
}

/// Why the hub does not ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BanError {
    /// There are as many bans as a hub keeps, 10,000.
    TooMany,
    /// The peer has neither an address nor a token.
    Nothing,
}

#[derive(Debug, Default)]
pub(crate) struct Bans {
    /// How many there are, expired ones included. It is read without the lock for each connection.
    count: AtomicUsize,
    state: Mutex<State>,
    kept: Kept,
}

#[derive(Debug, Default)]
struct State {
    by_id: BTreeMap<u64, Entry>,
    /// By what is compared.
    by_target: HashMap<BanTarget, u64>,
    last: u64,
}

#[derive(Debug)]
struct Entry {
    ban: Ban,
    /// A change of the clock does not move it.
    expires: Instant,
}

impl Bans {
    /// Adds a ban. One of the same target is replaced, and its number remains.
    pub(crate) fn add(&self, target: BanTarget, duration: Duration, reason: &str) -> Result<Ban, BanError> {
        let mut state = self.lock();
        if state.by_id.len() >= MAX_BANS {
            state.remove_expired();
        }
        let key = target.key();
        let id = match state.by_target.get(&key) {
            Some(&id) => id,
            None if state.by_id.len() >= MAX_BANS => return Err(BanError::TooMany),
            None => state.last + 1,
        };
        let since = wall_clock();
        let until = since.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        let ban = Ban { id, target, reason: reason.into(), since, until };
        state.insert(ban.clone(), duration);
        self.changed(&state);
        Ok(ban)
    }

    /// Adds bans from a file, unless they have expired.
    fn restore(&self, bans: Vec<Ban>) {
        let mut state = self.lock();
        let now = wall_clock();
        for ban in bans {
            let left = Duration::from_millis(ban.until.saturating_sub(now));
            state.last = state.last.max(ban.id);
            if !left.is_zero() && state.by_id.len() < MAX_BANS {
                state.insert(ban, left);
            }
        }
        self.changed(&state);
    }

    pub(crate) fn remove(&self, id: u64) -> Option<Ban> {
        let mut state = self.lock();
        state.remove_expired();
        let ban = state.remove(id)?;
        self.changed(&state);
        Some(ban)
    }

    /// All bans in force, by number.
    pub(crate) fn all(&self) -> Vec<Ban> {
        let now = Instant::now();
        self.lock().by_id.values().filter(|entry| now < entry.expires).map(|entry| entry.ban.clone()).collect()
    }

    /// How many bans are in force.
    pub(crate) fn count(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        let now = Instant::now();
        self.lock().by_id.values().filter(|entry| now < entry.expires).count()
    }

    /// Whether the bans survive the process.
    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The reason why an address is banned.
    pub(crate) fn of_address(&self, address: IpAddr) -> Option<Arc<str>> {
        if self.is_empty() {
            return None;
        }
        let state = self.lock();
        networks_of(address).find_map(|network: IpNet| state.reason(&BanTarget(Kind::Network(network))))
    }

    /// The reason why a name is banned.
    pub(crate) fn of_name(&self, name: &str) -> Option<Arc<str>> {
        if self.is_empty() {
            return None;
        }
        self.lock().reason(&BanTarget(Kind::Name(canonical::key(name))))
    }

    /// The reason why the token of that name is banned.
    pub(crate) fn of_token(&self, token: &str) -> Option<Arc<str>> {
        if self.is_empty() {
            return None;
        }
        self.lock().reason(&BanTarget(Kind::Token(token.into())))
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    fn changed(&self, state: &State) {
        self.count.store(state.by_id.len(), Ordering::Release);
        self.kept.changed();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn insert(&mut self, ban: Ban, left: Duration) {
        if let Some(other) = self.by_target.insert(ban.target.key(), ban.id)
            && other != ban.id
        {
            self.by_id.remove(&other);
        }
        self.last = self.last.max(ban.id);
        self.by_id.insert(ban.id, Entry { ban, expires: Instant::now() + left });
    }

    fn remove(&mut self, id: u64) -> Option<Ban> {
        let Entry { ban, .. } = self.by_id.remove(&id)?;
        self.by_target.remove(&ban.target.key());
        Some(ban)
    }

    fn remove_expired(&mut self) {
        let now = Instant::now();
        let State { by_id, by_target, .. } = self;
        by_id.retain(|_, entry| {
            let in_force = now < entry.expires;
            if !in_force {
                by_target.remove(&entry.ban.target.key());
            }
            in_force
        });
    }

    fn reason(&self, key: &BanTarget) -> Option<Arc<str>> {
        let entry = self.by_id.get(self.by_target.get(key)?)?;
        (Instant::now() < entry.expires).then(|| entry.ban.reason.clone())
    }
}

impl Ban {
    /// Does it keep out a peer with this address, or a member with this token?
    pub(crate) fn is_for(&self, address: Option<IpAddr>, token: Option<&str>) -> bool {
        match &self.target.0 {
            Kind::Network(network) => address.is_some_and(|address| network.contains(&address.to_canonical())),
            Kind::Token(banned) => token.is_some_and(|token| *token == **banned),
            Kind::Name(_) => false,
        }
    }

    /// The key of the names that it keeps out, if it is for a name.
    pub(crate) fn name_key(&self) -> Option<Box<str>> {
        match &self.target.0 {
            Kind::Name(name) => Some(canonical::key(name)),
            Kind::Network(_) | Kind::Token(_) => None,
        }
    }

    /// The reason that a peer is sent.
    pub(crate) fn notice(&self) -> String {
        notice(&self.reason)
    }
}

/// The reason that a banned peer is sent.
pub(crate) fn notice(reason: &str) -> String {
    format!("banned: {reason}")
}

impl fmt::Display for BanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BanError::TooMany => write!(f, "there are {MAX_BANS} bans, the most that a hub keeps"),
            BanError::Nothing => f.write_str("the peer has neither an address nor a token: ban its name"),
        }
    }
}

impl std::error::Error for BanError {}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn network(text: &str) -> BanTarget {
        BanTarget::network(text).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_ban_matches_until_it_expires_or_is_lifted() {
        let bans = Bans::default();
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let first = bans.add(network("192.0.2.0/24"), HOUR, "flood").unwrap();
        bans.add(BanTarget::name("Ann").unwrap(), 2 * HOUR, "rude").unwrap();
        bans.add(BanTarget::token("board").unwrap(), 2 * HOUR, "loud").unwrap();
        assert_eq!(bans.of_address(address).as_deref(), Some("flood"));
        assert_eq!(bans.of_address("::ffff:192.0.2.7".parse().unwrap()).as_deref(), Some("flood"));
        assert_eq!((bans.of_address("192.0.3.7".parse().unwrap()), bans.of_name("annie")), (None, None));
        assert_eq!((bans.of_name("aNN").as_deref(), bans.of_token("board").as_deref()), (Some("rude"), Some("loud")));
        assert_eq!((bans.of_token("Board"), bans.count(), first.until - first.since), (None, 3, 3_600_000));
        tokio::time::advance(HOUR).await;
        assert_eq!((bans.of_address(address), bans.count(), bans.all().len()), (None, 2, 2));
        assert_eq!(bans.remove(first.id), None, "it has expired");
        let board = bans.all()[1].id;
        assert_eq!(bans.remove(board).map(|ban| ban.id), Some(board));
        assert_eq!((bans.of_token("board"), bans.remove(board)), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_ban_of_the_same_target_replaces_the_first_and_their_number_is_limited() {
        let bans = Bans::default();
        let first = bans.add(BanTarget::name("ann").unwrap(), HOUR, "one").unwrap();
        let again = bans.add(BanTarget::name("ANN").unwrap(), 2 * HOUR, "two").unwrap();
        assert_eq!((first.id, bans.count(), bans.of_name("ann").as_deref()), (again.id, 1, Some("two")));
        for number in 1..MAX_BANS {
            bans.add(BanTarget::name(&number.to_string()).unwrap(), HOUR, "x").unwrap();
        }
        assert_eq!(bans.add(network("192.0.2.0/24"), HOUR, "x"), Err(BanError::TooMany));
        assert!(bans.add(BanTarget::name("7").unwrap(), HOUR, "again").is_ok(), "it replaces one");
        tokio::time::advance(HOUR).await;
        assert!(bans.add(network("192.0.2.0/24"), HOUR, "x").is_ok(), "expired bans make room");
        assert_eq!(bans.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn restored_bans_last_as_long_as_they_would_have_and_keep_their_numbers() {
        let bans = Bans::default();
        let now = wall_clock();
        let ban = |id, until| Ban { id, target: network("192.0.2.0/24"), reason: "x".into(), since: 0, until };
        bans.restore(vec![ban(4, now + 3_600_000), Ban { target: network("198.51.100.0/24"), ..ban(9, now - 1) }]);
        assert_eq!(bans.count(), 1);
        tokio::time::advance(HOUR - Duration::from_secs(60)).await;
        assert_eq!(bans.count(), 1);
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(bans.count(), 0);
        assert_eq!(bans.add(network("203.0.113.0/24"), HOUR, "x").unwrap().id, 10, "9 is not used again");
    }
}

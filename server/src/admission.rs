//! Admission: limits on connections that have not identified themselves, on new connections and on wrong tokens.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;

/// With fewer addresses, expired counts are not removed.
const SWEEP: usize = 1024;
/// The window in which new connections are counted.
const ARRIVALS_WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Admission(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waiting: usize,
    waiting_by_address: HashMap<IpAddr, usize>,
    arrivals: WindowedCounts,
    wrong_tokens: WindowedCounts,
}

/// Counts by address, each for one window.
#[derive(Debug, Default)]
struct WindowedCounts {
    by_address: HashMap<IpAddr, WindowedCount>,
    /// With this many addresses the expired counts are removed.
    sweep_at: usize,
}

#[derive(Debug)]
struct WindowedCount {
    count: usize,
    expires: Instant,
}

/// Why a connection is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// Too many connections wait, in all or from this address.
    Waiting,
    /// Too many connections were made from this address in ten seconds.
    Arrivals,
    /// Too many wrong tokens were sent from this address.
    WrongTokens,
}

/// Permission to wait. The place is free again when this is dropped. It is boxed because a connection needs it only
/// for a moment, but has room for it as long as it lasts.
#[derive(Debug)]
pub(crate) struct Permit {
    _place: Box<Place>,
}

#[derive(Debug)]
struct Place {
    address: Option<IpAddr>,
    state: Arc<Mutex<State>>,
}

impl WindowedCounts {
    /// Adds one for an address. The first one starts the window.
    fn add(&mut self, address: IpAddr, window: Duration, now: Instant) {
        if self.by_address.len() >= self.sweep_at.max(SWEEP) {
            self.by_address.retain(|_, count| now < count.expires);
            self.sweep_at = 2 * self.by_address.len();
        }
        let new = || WindowedCount { count: 0, expires: now + window };
        let count = self.by_address.entry(address).or_insert_with(new);
        if now >= count.expires {
            *count = new();
        }
        count.count += 1;
    }

    fn of(&self, address: IpAddr, now: Instant) -> usize {
        self.by_address.get(&address).filter(|count| now < count.expires).map_or(0, |count| count.count)
    }
}

impl Admission {
    pub(crate) fn count_wrong_token(&self, address: IpAddr, window: Duration) {
        lock(&self.0).wrong_tokens.add(network(address), window, Instant::now());
    }

    /// Has the address sent at least `max` wrong tokens in the current window?
    pub(crate) fn has_wrong_tokens(&self, address: IpAddr, max: usize) -> bool {
        lock(&self.0).wrong_tokens.of(network(address), Instant::now()) >= max
    }

    /// Counts a new connection. False if `max` were made from the address in ten seconds. Connections from this machine
    /// are not counted.
    pub(crate) fn arrive(&self, address: IpAddr, max: usize) -> bool {
        let (address, now) = (network(address), Instant::now());
        if address.is_loopback() {
            return true;
        }
        let arrivals = &mut lock(&self.0).arrivals;
        let admitted = arrivals.of(address, now) < max;
        if admitted {
            arrivals.add(address, ARRIVALS_WINDOW, now);
        }
        admitted
    }

    /// A permit for a connection, unless `max` wait in all or `max_each` from its address.
    pub(crate) fn enter(&self, address: Option<IpAddr>, max: usize, max_each: usize) -> Option<Permit> {
        let address = address.map(network);
        let mut state = lock(&self.0);
        if state.waiting >= max {
            return None;
        }
        if let Some(address) = address {
            let count = state.waiting_by_address.entry(address).or_default();
            if *count >= max_each {
                return None;
            }
            *count += 1;
        }
        state.waiting += 1;
        Some(Permit { _place: Box::new(Place { address, state: self.0.clone() }) })
    }
}

impl Rejection {
    /// The reason in words.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Rejection::Waiting => "too many connections",
            Rejection::Arrivals => "too many connections in a short time",
            Rejection::WrongTokens => "too many wrong tokens",
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.waiting -= 1;
        if let Some(address) = self.address
            && let Some(count) = state.waiting_by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                state.waiting_by_address.remove(&address);
            }
        }
    }
}

/// The address that is counted. The owner of one IPv6 address usually has all 2^64 addresses of its network.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_connections_are_limited_in_all_and_by_network_until_the_permit_is_dropped() {
        let admission = Admission::default();
        let enter = |address: &str| admission.enter(Some(address.parse().unwrap()), 4, 2);
        let first = enter("192.0.2.1");
        let _second = enter("::ffff:192.0.2.1");
        assert!(first.is_some());
        assert!(enter("192.0.2.1").is_none(), "two from one address");
        let _third = enter("2001:db8::1");
        let _fourth = enter("2001:db8::2");
        assert!(enter("192.0.2.2").is_none(), "four in all");
        drop(first);
        assert!(enter("2001:db8::3").is_none(), "one network");
        assert!(enter("192.0.2.1").is_some());
    }
}

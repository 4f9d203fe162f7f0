//! The door: how many may be connected without having said who they are, who comes too often, and who has tried too many
//! tokens.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct Admission(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    arrivals: Counted,
    wrong_tokens: Counted,
}

/// What is counted by address, for a while.
#[derive(Debug, Default)]
struct Counted {
    by_address: HashMap<IpAddr, Count>,
    /// With so many addresses those are looked for that can be forgotten.
    sweep_at: usize,
}

#[derive(Debug)]
struct Count {
    count: usize,
    /// When it is forgotten.
    until: Instant,
}

/// Why nobody is let in from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// Too many wait, in all or from there.
    Full,
    /// Too many have come from there one after the other.
    Restless,
    /// Too many wrong tokens have come from there.
    Barred,
}

/// Fewer addresses are not looked through.
const SWEEP: usize = 1024;
/// How long arrivals are counted.
const ARRIVALS: Duration = Duration::from_secs(10);

/// One place at the door; it is free again when this is dropped. It is kept for a moment, within what every connection
/// has for as long as it lasts.
#[derive(Debug)]
pub(crate) struct Ticket {
    _place: Box<Place>,
}

#[derive(Debug)]
struct Place {
    address: Option<IpAddr>,
    waiting: Arc<Mutex<Waiting>>,
}

impl Counted {
    /// Counts one more against an address; the first one begins the time in which they are counted.
    fn add(&mut self, address: IpAddr, window: Duration, now: Instant) {
        if self.by_address.len() >= self.sweep_at.max(SWEEP) {
            self.by_address.retain(|_, count| now < count.until);
            self.sweep_at = 2 * self.by_address.len();
        }
        let fresh = || Count { count: 0, until: now + window };
        let count = self.by_address.entry(address).or_insert_with(fresh);
        if now >= count.until {
            *count = fresh();
        }
        count.count += 1;
    }

    fn of(&self, address: IpAddr, now: Instant) -> usize {
        self.by_address.get(&address).filter(|count| now < count.until).map_or(0, |count| count.count)
    }
}

impl Admission {
    /// Counts a wrong token against an address.
    pub(crate) fn count_wrong_token(&self, address: IpAddr, window: Duration) {
        lock(&self.0).wrong_tokens.add(network(address), window, Instant::now());
    }

    /// Did so many wrong tokens come from an address?
    pub(crate) fn is_barred(&self, address: IpAddr, most: usize) -> bool {
        lock(&self.0).wrong_tokens.of(network(address), Instant::now()) >= most
    }

    /// Counts a connection from an address of another machine. Is it one of the first `most` in ten seconds?
    pub(crate) fn arrive(&self, address: IpAddr, most: usize) -> bool {
        let (address, now) = (network(address), Instant::now());
        if address.is_loopback() {
            return true;
        }
        let arrivals = &mut lock(&self.0).arrivals;
        let is_welcome = arrivals.of(address, now) < most;
        if is_welcome {
            arrivals.add(address, ARRIVALS, now);
        }
        is_welcome
    }

    /// A place for a connection from `address`, unless so many wait in all or from there.
    pub(crate) fn enter(&self, address: Option<IpAddr>, all: usize, each: usize) -> Option<Ticket> {
        let address = address.map(network);
        let mut waiting = lock(&self.0);
        if waiting.all >= all {
            return None;
        }
        if let Some(address) = address {
            let count = waiting.by_address.entry(address).or_default();
            if *count >= each {
                return None;
            }
            *count += 1;
        }
        waiting.all += 1;
        Some(Ticket { _place: Box::new(Place { address, waiting: self.0.clone() }) })
    }
}

impl Shut {
    /// In words.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Shut::Full => "too many connections",
            Shut::Restless => "too many connections in a short time",
            Shut::Barred => "too many wrong tokens",
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        waiting.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = waiting.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                waiting.by_address.remove(&address);
            }
        }
    }
}

/// Whoever has an IPv6 address has the 2^64 addresses beside it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_all_and_by_network_and_is_free_again() {
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

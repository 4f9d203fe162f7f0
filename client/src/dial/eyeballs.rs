//! Happy eyeballs (RFC 8305): all addresses of a host, alternating families, each a little after the previous one.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

use crate::race::{First, race};

/// How long after one address the next is tried.
const DELAY: Duration = Duration::from_millis(250);
/// How many addresses are tried: a name may have any number.
const MAX_ADDRESSES: usize = 16;

/// IPv6 and IPv4 alternately, otherwise in the resolver's order, starting with the family of the first address.
pub(super) fn in_turn(found: impl Iterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let mut families = [VecDeque::new(), VecDeque::new()];
    let mut first = None;
    for address in found {
        let family = usize::from(address.is_ipv4());
        first.get_or_insert(family);
        if !families[family].contains(&address) {
            families[family].push_back(address);
        }
    }
    let mut family = first.unwrap_or_default();
    let mut order = VecDeque::new();
    while order.len() < MAX_ADDRESSES {
        let Some(address) = families[family].pop_front().or_else(|| families[1 - family].pop_front()) else { break };
        family = usize::from(!address.is_ipv4());
        order.push_back(address);
    }
    order
}

/// The first stream that connects, or why each address failed.
pub(super) async fn first<S, F: Future<Output = io::Result<S>>>(
    mut addresses: VecDeque<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
    mut report: impl FnMut(SocketAddr),
) -> Result<S, Vec<(SocketAddr, Arc<io::Error>)>> {
    let mut trying = Vec::new();
    let mut failed = Vec::new();
    loop {
        if let Some(address) = addresses.pop_front() {
            report(address);
            trying.push((address, Box::pin(connect(address))));
        } else if trying.is_empty() {
            return Err(failed);
        }
        let delay = async {
            match addresses.is_empty() {
                true => pending().await,
                false => sleep(DELAY).await,
            }
        };
        match race(next(&mut trying), delay).await {
            First::One((_, Ok(stream))) => return Ok(stream),
            First::One((address, Err(error))) => failed.push((address, Arc::new(error))),
            First::Other(()) => {}
        }
    }
}

/// Waits for the first of these attempts, and removes it. Cancel-safe.
async fn next<F: Future>(trying: &mut Vec<(SocketAddr, Pin<Box<F>>)>) -> (SocketAddr, F::Output) {
    poll_fn(|cx| {
        for index in 0..trying.len() {
            let (address, attempt) = &mut trying[index];
            if let Poll::Ready(output) = attempt.as_mut().poll(cx) {
                let address = *address;
                drop(trying.swap_remove(index));
                return Poll::Ready((address, output));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use tokio::time::Instant;

    fn addresses(list: &[&str]) -> VecDeque<SocketAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn families_alternate_and_start_with_the_resolvers_first() {
        let found = addresses(&["[::1]:1", "[::2]:1", "[::1]:1", "1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1"]);
        let order = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "1.1.1.3:1"]);
        assert_eq!(in_turn(found.into_iter()), order);
        assert_eq!(in_turn(addresses(&["1.1.1.1:1", "[::1]:1"]).into_iter()), addresses(&["1.1.1.1:1", "[::1]:1"]));
        let many = (0..99).map(|port| SocketAddr::from(([1, 1, 1, 1], port)));
        assert_eq!(in_turn(many).len(), MAX_ADDRESSES);
    }

    #[tokio::test(start_paused = true)]
    async fn silent_address_costs_a_quarter_of_a_second() {
        let start = Instant::now();
        let reported = RefCell::new(Vec::new());
        let connect = |address: SocketAddr| async move {
            if address.is_ipv6() { std::future::pending().await } else { Ok(address) }
        };
        let both = addresses(&["[::1]:1", "1.1.1.1:1"]);
        let reached = first(both.clone(), connect, |address| reported.borrow_mut().push(address)).await;
        assert_eq!((reached.unwrap(), start.elapsed()), (both[1], DELAY));
        assert_eq!(reported.into_inner(), Vec::from(both));
    }

    #[tokio::test(start_paused = true)]
    async fn address_that_refuses_costs_nothing_and_each_failure_is_kept() {
        let start = Instant::now();
        let connect = async |_| Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionRefused));
        let failed = first(addresses(&["[::1]:1", "1.1.1.1:1"]), connect, |_| {}).await.unwrap_err();
        assert_eq!((failed.len(), start.elapsed()), (2, Duration::ZERO));
    }
}

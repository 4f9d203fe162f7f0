//! Connects everyone, and waits until all have joined.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::{Driver, LOOK};
use crate::connection::Connection;
use crate::error::LoadError;
use crate::judge::Judge;
use crate::peer::{Peer, Purpose};
use crate::plan::Plan;
use crate::process::Process;
use crate::report::Cost;

/// The most connections that have not joined yet: servers have a queue for those that they have not accepted.
const AT_ONCE: usize = 256;
/// The same over a network, where the first bytes take a while to arrive: a hub admits ten connections of one address that
/// have sent nothing.
const AT_ONCE_REMOTE: usize = 8;
/// A joined member has received all news about joining members when it has received nothing for this time.
const QUIET: Duration = Duration::from_millis(200);

impl<'a, P: Peer> Driver<'a, P> {
    /// Connects everyone, and waits until all have joined.
    pub(super) fn join(plan: &'a Plan, addresses: &[SocketAddr]) -> Result<Driver<'a, P>, LoadError> {
        let server = plan.pid.map(Process);
        let before = server.and_then(Process::memory);
        let start = Instant::now();
        let first = reach(addresses, plan.timeout).map_err(LoadError::Unreachable)?;
        let address = first.peer_addr()?;
        let separate = if P::MEMBERS_PUBLISH { 0 } else { plan.publishers };
        let mut driver = Driver {
            plan,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Vec::with_capacity(plan.members + separate),
            ready: VecDeque::new(),
            buffer: Vec::new(),
            judge: Judge::new(plan.readers(), plan.publishers, plan.size),
            published: vec![0; plan.publishers],
            start,
            answered: 0,
            last_input: Duration::ZERO,
            connecting: Duration::ZERO,
            cost: Cost { memory_before: before, ..Cost::default() },
        };
        let mut first = Some(first);
        let all = plan.members + separate;
        let at_once = if address.ip().is_loopback() { AT_ONCE } else { AT_ONCE_REMOTE };
        while driver.answered < all {
            let is_full = |driver: &Driver<'_, P>| {
                driver.connections.len() == all || driver.connections.len() - driver.answered >= at_once
            };
            if !is_full(&driver) {
                let stream = first.take().map_or_else(|| TcpStream::connect(address), Ok);
                let joined = driver.answered;
                let added = stream.map_err(|error| error.to_string()).and_then(|stream| driver.add(stream));
                added.map_err(|why| LoadError::Unjoined { joined, why })?;
                // Input is read now and then, so that the server does not wait for the driver.
                if !driver.connections.len().is_multiple_of(16) {
                    continue;
                }
            }
            let turn = driver.turn(if is_full(&driver) { LOOK } else { Duration::ZERO });
            turn.and_then(|()| driver.check_joining())
                .map_err(|why| LoadError::Unjoined { joined: driver.answered, why })?;
        }
        driver.connecting = driver.now();
        driver.stall()?;
        // The remaining news about joined members must not be measured with the messages.
        driver.settle().map_err(|why| LoadError::Unjoined { joined: all, why })?;
        driver.cost.memory_joined = server.and_then(Process::memory);
        Ok(driver)
    }

    fn add(&mut self, stream: TcpStream) -> Result<(), String> {
        let mut stream = self.plan.stream(stream).map_err(|error| error.to_string())?;
        let index = self.connections.len();
        self.poll
            .registry()
            .register(stream.socket(), Token(index), Interest::READABLE | Interest::WRITABLE)
            .map_err(|error| error.to_string())?;
        let purpose = if index < self.plan.members { Purpose::Member } else { Purpose::Publisher };
        let mut out = Vec::new();
        let peer = P::new(purpose, self.plan, &mut out);
        let mut connection = Connection::new(stream, peer, out);
        connection.write()?;
        self.connections.push(connection);
        Ok(())
    }

    /// Stops reading from the stalled members.
    fn stall(&mut self) -> io::Result<()> {
        for connection in &mut self.connections[self.plan.readers()..self.plan.members] {
            self.poll.registry().deregister(connection.stream.socket())?;
        }
        let stalled = self.plan.readers()..self.plan.members;
        self.ready.retain(|index| !stalled.contains(index));
        Ok(())
    }

    /// Reads until nothing arrives any more.
    fn settle(&mut self) -> Result<(), String> {
        while self.now() < self.last_input + QUIET {
            self.turn(LOOK)?;
        }
        Ok(())
    }

    /// The reason why a connection has not joined, after the timeout.
    fn check_joining(&mut self) -> Result<(), String> {
        let now = self.now();
        self.check_timeout().map_err(|silence| {
            let waiting = self.connections.iter_mut().find(|connection| !connection.joined);
            match waiting.and_then(|connection| connection.give_up(now)) {
                Some(why) => format!("{silence}: {why}"),
                None => silence,
            }
        })
    }
}

/// Connects to the first address that accepts.
fn reach(addresses: &[SocketAddr], timeout: Duration) -> io::Result<TcpStream> {
    let mut refused = io::Error::new(io::ErrorKind::NotFound, "the name has no addresses");
    for address in addresses {
        match std::net::TcpStream::connect_timeout(address, timeout) {
            Ok(stream) => {
                stream.set_nonblocking(true)?;
                return Ok(TcpStream::from_std(stream));
            }
            Err(error) => refused = io::Error::new(error.kind(), format!("{address}: {error}")),
        }
    }
    Err(refused)
}

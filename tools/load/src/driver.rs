//! The driver: one thread that publishes as the plan says, and reads whatever arrives.

mod join;
mod publish;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::connection::{Connection, Reading};
use super::error::LoadError;
use super::judge::Judge;
use super::peer::{Event, Peer};
use super::plan::{Plan, Until};
use super::process::Process;
use super::report::{Cost, Report};

/// The longest wait between two checks of the clock.
const LOOK: Duration = Duration::from_millis(50);
/// How long the server may take to answer the goodbyes.
const LEAVE: Duration = Duration::from_secs(1);

/// Connects to the first of `addresses` that accepts, publishes, receives, and verifies. Blocks until the plan is done.
///
/// # Errors
/// [`LoadError`] if not every connection could join. Later problems are in the report.
pub fn run<P: Peer>(plan: &Plan, addresses: &[SocketAddr]) -> Result<Report, LoadError> {
    Driver::<P>::join(plan, addresses)?.run()
}

struct Driver<'a, P> {
    plan: &'a Plan,
    poll: Poll,
    events: Events,
    /// The members, then the publishers that are not members.
    connections: Vec<Connection<P>>,
    /// The connections that may have input.
    ready: VecDeque<usize>,
    buffer: Vec<u8>,
    judge: Judge,
    /// The number of messages that each publisher has sent.
    published: Vec<u64>,
    start: Instant,
    /// The number of connections that have joined, or answered a ping.
    answered: usize,
    /// When the last input was read.
    last_input: Duration,
    connecting: Duration,
    cost: Cost,
}

impl<'a, P: Peer> Driver<'a, P> {
    /// Publishes and receives, then reports the result. A problem ends the run early and is in the report.
    fn run(mut self) -> Result<Report, LoadError> {
        let server = self.plan.pid.map(Process);
        let warm_up_problem = self.publish(Until::Messages(self.plan.warm_up)).err();
        let warm_up: u64 = self.published.iter().sum();
        self.judge.begin();
        let spent_before = server.and_then(Process::spent);
        let begin = self.now();
        let problem = warm_up_problem.or_else(|| self.publish(self.plan.until).err());
        let seconds = (self.last_input.max(begin) - begin).as_secs_f64();
        let spent = server.and_then(Process::spent);
        let problem = problem.or_else(|| if self.plan.is_idle() { None } else { self.ping_all().err() });
        self.cost.cpu = spent.zip(spent_before).map(|(after, before)| after.since(&before));
        self.cost.memory_after = server.and_then(Process::memory);
        self.cost.memory_peak = server.and_then(Process::peak);
        self.leave();
        let (counts, latency) = self.judge.finish(&self.published);
        let published = self.published.iter().sum::<u64>() - warm_up;
        Ok(Report::new(self.plan, self.connecting, published, seconds, &counts, &latency, self.cost, problem))
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Pings the server: after its answer no duplicate can be on its way.
    fn ping_all(&mut self) -> Result<(), String> {
        self.answered = 0;
        let readers = self.plan.readers();
        for connection in &mut self.connections[..readers] {
            connection.ping()?;
            connection.write()?;
        }
        self.last_input = self.now();
        while self.answered < readers {
            self.turn(LOOK)?;
            self.check_timeout()?;
        }
        Ok(())
    }

    /// Ends every connection in an orderly way, so that the server logs no faults.
    fn leave(&mut self) {
        let now = self.now();
        let readers = self.plan.readers();
        let mut left =
            self.connections[..readers].iter_mut().filter_map(|connection| connection.leave(now).then_some(())).count();
        while left > 0 && self.now() < now + LEAVE {
            // Each error means that one connection has ended.
            left -= usize::from(self.turn(LOOK).is_err());
        }
    }

    fn check_timeout(&self) -> Result<(), String> {
        let silent = self.now().saturating_sub(self.last_input);
        let timeout = self.plan.timeout;
        if silent < timeout { Ok(()) } else { Err(format!("nothing arrived for {timeout:?}")) }
    }

    /// Waits at most this long for input or room for output, and reads once from each connection that has input.
    fn turn(&mut self, wait: Duration) -> Result<(), String> {
        let wait = if self.ready.is_empty() { wait } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.to_string()),
            _ => {}
        }
        for event in &self.events {
            let index = event.token().0;
            let connection = &mut self.connections[index];
            connection.ending |= event.is_read_closed();
            if event.is_readable() && !std::mem::replace(&mut connection.queued, true) {
                self.ready.push_back(index);
            }
            if event.is_writable() && connection.has_output() {
                connection.write().map_err(|why| in_connection(index, &why))?;
            }
        }
        for _ in 0..self.ready.len() {
            let Some(index) = self.ready.pop_front() else { break };
            match self.read(index).map_err(|why| in_connection(index, &why))? {
                Reading::More => self.ready.push_back(index),
                Reading::Drained => self.connections[index].queued = false,
            }
        }
        Ok(())
    }

    fn read(&mut self, index: usize) -> Result<Reading, String> {
        let Driver { connections, buffer, judge, published, answered, .. } = self;
        let now = self.start.elapsed();
        self.last_input = now;
        let time = nanoseconds(now);
        let connection = &mut connections[index];
        let mut joined = connection.joined;
        let reading = connection.read(buffer, now, |event| match event {
            Event::Delivery(payload) => judge.take(index, payload, time, published),
            Event::Missed(count) => judge.take_missed(count),
            Event::Joined => *answered += usize::from(!std::mem::replace(&mut joined, true)),
            Event::Pong => *answered += 1,
        });
        connections[index].joined = joined;
        reading
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn in_connection(index: usize, why: &str) -> String {
    format!("connection {index}: {why}")
}

//! The driver: one thread that publishes as the plan says, and reads whatever comes.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::LoadError;
use super::connection::{Connection, Reading};
use super::judge::Judge;
use super::payload::Stamp;
use super::peer::{Event, Part, Peer};
use super::plan::{Plan, Until};
use super::process::Process;
use super::report::{Cost, Report};

/// Connections that have not joined yet, at most: servers have a queue for those that they have not accepted.
const AT_ONCE: usize = 256;
/// The same where the first words take a while to arrive: a hub has ten places for those of one address who have said
/// nothing.
const AT_ONCE_AFAR: usize = 8;
/// What a publisher writes at once, in bytes.
const CHUNK: usize = 64 << 10;
/// The longest time between two looks at the clock.
const LOOK: Duration = Duration::from_millis(50);
/// What is due sooner is waited for awake: sleep is not so exact.
const AWAKE: Duration = Duration::from_millis(2);
/// The longest time in which the server may answer those who leave.
const LEAVE: Duration = Duration::from_secs(1);
/// After so long without a word, members that have joined have heard all there is about it.
const QUIET: Duration = Duration::from_millis(200);

pub(super) struct Driver<'a, P> {
    plan: &'a Plan,
    poll: Poll,
    events: Events,
    /// The members, and behind them the publishers that are none.
    connections: Vec<Connection<P>>,
    /// Those that may have something to read.
    ready: VecDeque<usize>,
    buffer: Vec<u8>,
    judge: Judge,
    /// How many messages each publisher has sent.
    published: Vec<u64>,
    start: Instant,
    /// Connections that have joined, or answered a ping.
    answered: usize,
    /// When something was read last.
    heard: Duration,
    connecting: Duration,
    cost: Cost,
}

impl<'a, P: Peer> Driver<'a, P> {
    /// Connects everyone, and waits until all have joined.
    pub(super) fn join(plan: &'a Plan, addresses: &[SocketAddr]) -> Result<Driver<'a, P>, LoadError> {
        let server = plan.pid.map(Process);
        let before = server.and_then(Process::memory);
        let start = Instant::now();
        let first = reach(addresses, plan.timeout).map_err(LoadError::Unreachable)?;
        let address = first.peer_addr()?;
        let apart = if P::MEMBERS_PUBLISH { 0 } else { plan.publishers };
        let mut driver = Driver {
            plan,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Vec::with_capacity(plan.members + apart),
            ready: VecDeque::new(),
            buffer: Vec::new(),
            judge: Judge::new(plan.readers(), plan.publishers, plan.size),
            published: vec![0; plan.publishers],
            start,
            answered: 0,
            heard: Duration::ZERO,
            connecting: Duration::ZERO,
            cost: Cost { memory_before: before, ..Cost::default() },
        };
        let mut first = Some(first);
        let all = plan.members + apart;
        let at_once = if address.ip().is_loopback() { AT_ONCE } else { AT_ONCE_AFAR };
        while driver.answered < all {
            let is_full = |driver: &Driver<'_, P>| {
                driver.connections.len() == all || driver.connections.len() - driver.answered >= at_once
            };
            if !is_full(&driver) {
                let stream = first.take().map_or_else(|| TcpStream::connect(address), Ok);
                let joined = driver.answered;
                let added = stream.map_err(|error| error.to_string()).and_then(|stream| driver.add(stream));
                added.map_err(|why| LoadError::Unjoined(joined, why))?;
                // Now and then what has come is read: the server is not to wait for this side.
                if !driver.connections.len().is_multiple_of(16) {
                    continue;
                }
            }
            let turn = driver.turn(if is_full(&driver) { LOOK } else { Duration::ZERO });
            turn.and_then(|()| driver.check_joining()).map_err(|why| LoadError::Unjoined(driver.answered, why))?;
        }
        driver.connecting = driver.now();
        driver.stall()?;
        // What the server still has to say of those who came is not to be counted with the messages.
        driver.settle().map_err(|why| LoadError::Unjoined(all, why))?;
        driver.cost.memory_joined = server.and_then(Process::memory);
        Ok(driver)
    }

    /// Publishes and receives; then says what was found, whatever went wrong.
    pub(super) fn run(mut self) -> Result<Report, LoadError> {
        let server = self.plan.pid.map(Process);
        let cold = self.publish(Until::Messages(self.plan.warm_up)).err();
        let warm_up: u64 = self.published.iter().sum();
        self.judge.begin();
        let spent_before = server.and_then(Process::spent);
        let begin = self.now();
        let problem = cold.or_else(|| self.publish(self.plan.until).err());
        let seconds = (self.heard.max(begin) - begin).as_secs_f64();
        let spent = server.and_then(Process::spent);
        let problem = problem.or_else(|| if self.plan.is_idle() { None } else { self.ask_all().err() });
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

    fn add(&mut self, mut stream: TcpStream) -> Result<(), String> {
        let index = self.connections.len();
        self.poll
            .registry()
            .register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)
            .map_err(|error| error.to_string())?;
        let part = if index < self.plan.members { Part::Member } else { Part::Publisher };
        let mut out = Vec::new();
        let peer = P::new(part, self.plan, &mut out);
        let mut connection = Connection::new(stream, peer, out);
        connection.write()?;
        self.connections.push(connection);
        Ok(())
    }

    /// Listens no more to those who are to read nothing.
    fn stall(&mut self) -> io::Result<()> {
        for connection in &mut self.connections[self.plan.readers()..self.plan.members] {
            self.poll.registry().deregister(&mut connection.stream)?;
        }
        let stalled = self.plan.readers()..self.plan.members;
        self.ready.retain(|index| !stalled.contains(index));
        Ok(())
    }

    /// Reads until nothing more comes.
    fn settle(&mut self) -> Result<(), String> {
        while self.now() < self.heard + QUIET {
            self.turn(LOOK)?;
        }
        Ok(())
    }

    /// Publishes until it is time to stop, and receives until everyone has everything.
    fn publish(&mut self, until: Until) -> Result<(), String> {
        if matches!(until, Until::Messages(0)) {
            return Ok(());
        }
        let begin = self.now();
        for connection in &self.connections {
            connection.stream.set_nodelay(true).map_err(|error| error.to_string())?;
        }
        let mut payload = vec![0; self.plan.size];
        let before: u64 = self.published.iter().sum();
        let mut sent = before;
        loop {
            let now = self.now();
            let elapsed = now - begin;
            let goal = match until {
                Until::Messages(count) => before.saturating_add(count),
                Until::Elapsed(limit) if elapsed >= limit => sent,
                Until::Elapsed(_) => u64::MAX,
            };
            let past_all = self.judge.past_all().min(sent);
            if sent >= goal && past_all == sent {
                return Ok(());
            }
            let (due, next) = self.due(elapsed, before);
            let allowed = goal.min(past_all + self.plan.window());
            while sent < allowed.min(due) {
                let Some(publisher) = self.idle_publisher(sent) else { break };
                sent = self.publish_chunk(publisher, sent..allowed.min(due), begin, before, &mut payload)?;
            }
            let wait = match next {
                _ if sent >= allowed || sent < due => LOOK,
                Some(next) if next > elapsed + AWAKE => (next - elapsed - AWAKE).min(LOOK),
                _ => Duration::ZERO,
            };
            self.turn(wait)?;
            if past_all < sent {
                self.check_patience()?;
            } else {
                self.heard = self.heard.max(now);
            }
        }
    }

    /// How many messages may have been sent by now, and when the next one may; `before` went before the first of them.
    fn due(&self, elapsed: Duration, before: u64) -> (u64, Option<Duration>) {
        let Some(rate) = self.plan.rate else { return (u64::MAX, None) };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "neither negative nor beyond u64")]
        let due = (elapsed.as_secs_f64() * rate) as u64 + 1;
        (before + due, Some(intended(due, rate)))
    }

    /// A publisher that has little to write, from that on whose turn it is.
    fn idle_publisher(&self, sent: u64) -> Option<usize> {
        let count = self.plan.publishers;
        let first = self.published.iter().position(|&own| own * (count as u64) <= sent).unwrap_or_default();
        (first..first + count).map(|publisher| publisher % count).find(|&publisher| self.unwritten(publisher) < CHUNK)
    }

    fn unwritten(&self, publisher: usize) -> usize {
        self.connections[self.connection_of(publisher)].unwritten()
    }

    fn connection_of(&self, publisher: usize) -> usize {
        if P::MEMBERS_PUBLISH { publisher } else { self.plan.members + publisher }
    }

    /// Sends what goes into one write, of the messages of these numbers, and returns the next number. Number `first`
    /// was to be sent at `begin`.
    fn publish_chunk(
        &mut self,
        publisher: usize,
        numbers: Range<u64>,
        begin: Duration,
        first: u64,
        payload: &mut [u8],
    ) -> Result<u64, String> {
        let Range { start: mut sent, end } = numbers;
        let index = self.connection_of(publisher);
        let now = self.now();
        let number = u16::try_from(publisher).expect("publishers are judged with the arguments");
        while sent < end && self.connections[index].unwritten() < CHUNK {
            let time = self.plan.rate.map_or(now, |rate| begin + intended(sent - first, rate));
            Stamp { publisher: number, seq: self.published[publisher], time: nanoseconds(time) }.write(payload);
            self.connections[index].publish(payload)?;
            self.published[publisher] += 1;
            sent += 1;
        }
        self.connections[index].write()?;
        Ok(sent)
    }

    /// Asks the server whether that was all: what comes twice may come late.
    fn ask_all(&mut self) -> Result<(), String> {
        self.answered = 0;
        let readers = self.plan.readers();
        for connection in &mut self.connections[..readers] {
            connection.ping()?;
            connection.write()?;
        }
        self.heard = self.now();
        while self.answered < readers {
            self.turn(LOOK)?;
            self.check_patience()?;
        }
        Ok(())
    }

    /// Ends every connection in good order, so that the server's log has no faults that are none.
    fn leave(&mut self) {
        let now = self.now();
        let readers = self.plan.readers();
        let mut left =
            self.connections[..readers].iter_mut().filter_map(|connection| connection.leave(now).then_some(())).count();
        while left > 0 && self.now() < now + LEAVE {
            // Each error is the end of one connection.
            left -= usize::from(self.turn(LOOK).is_err());
        }
    }

    /// Whoever is not let in for so long may hear why.
    fn check_joining(&mut self) -> Result<(), String> {
        let now = self.now();
        self.check_patience().map_err(|silence| {
            let waiting = self.connections.iter_mut().find(|connection| !connection.joined);
            match waiting.and_then(|connection| connection.give_up(now)) {
                Some(why) => format!("{silence}: {why}"),
                None => silence,
            }
        })
    }

    fn check_patience(&self) -> Result<(), String> {
        let silent = self.now().saturating_sub(self.heard);
        let patience = self.plan.timeout;
        if silent < patience { Ok(()) } else { Err(format!("nothing more came for {patience:?}")) }
    }

    /// Waits for something to do unless there is, and reads once from everyone who has something.
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
            if event.is_readable() && !std::mem::replace(&mut connection.listed, true) {
                self.ready.push_back(index);
            }
            if event.is_writable() && connection.unwritten() > 0 {
                connection.write().map_err(|why| told(index, &why))?;
            }
        }
        for _ in 0..self.ready.len() {
            let Some(index) = self.ready.pop_front() else { break };
            match self.read(index).map_err(|why| told(index, &why))? {
                Reading::More => self.ready.push_back(index),
                Reading::Drained => self.connections[index].listed = false,
            }
        }
        Ok(())
    }

    fn read(&mut self, index: usize) -> Result<Reading, String> {
        let Driver { connections, buffer, judge, published, answered, .. } = self;
        let now = self.start.elapsed();
        self.heard = now;
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

/// The first address that answers.
fn reach(addresses: &[SocketAddr], patience: Duration) -> io::Result<TcpStream> {
    let mut refused = io::Error::new(io::ErrorKind::NotFound, "the name has no addresses");
    for address in addresses {
        match std::net::TcpStream::connect_timeout(address, patience) {
            Ok(stream) => {
                stream.set_nonblocking(true)?;
                return Ok(TcpStream::from_std(stream));
            }
            Err(error) => refused = io::Error::new(error.kind(), format!("{address}: {error}")),
        }
    }
    Err(refused)
}

/// When message `number` is to be sent.
fn intended(number: u64, rate: f64) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "2^53 messages are a long time")]
    Duration::from_secs_f64(number as f64 / rate)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn told(index: usize, why: &str) -> String {
    format!("connection {index}: {why}")
}

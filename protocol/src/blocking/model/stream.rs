//! A stream to a peer, each of a certain manner, in a time that passes only while something waits.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use super::super::Timed;
use crate::code::Code;
use crate::encoding::Encoding;
use crate::frame::Frame;
use crate::hello::Hello;
use crate::kind;

pub(super) const SECOND: Duration = Duration::from_secs(1);
/// What the peer promises, in seconds.
pub(super) const KEEPALIVE: u16 = 3;
/// Bytes that the way to the peer holds.
pub(super) const PIPE: usize = 4096;

/// The time of one case.
#[derive(Clone, Default)]
pub(in crate::blocking) struct Time(Rc<Cell<Duration>>);

impl Time {
    pub(in crate::blocking) fn now(&self) -> Duration {
        self.0.get()
    }

    pub(in crate::blocking) fn pass(&self, time: Duration) {
        self.0.set(self.0.get() + time);
    }
}

/// What a peer does once the session is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// It closes the stream.
    Vanishes,
    /// It neither reads nor writes.
    Freezes,
    /// It reads, and writes nothing.
    IsMute,
    /// It writes a message each second, and reads nothing.
    IsDeaf,
    /// It writes a message and reads 100 bytes each second.
    Trickles,
    /// It writes a message and reads 2,000 bytes each second.
    Reads,
    /// It sends half a frame, and then nothing.
    StopsInAFrame,
    /// It reads, and sends CLOSE after [`CLOSES_AFTER`].
    Closes,
}

pub(super) const CLOSES_AFTER: Duration = Duration::from_secs(5);

pub(super) const PEERS: [Peer; 8] = [
    Peer::Vanishes,
    Peer::Freezes,
    Peer::IsMute,
    Peer::IsDeaf,
    Peer::Trickles,
    Peer::Reads,
    Peer::StopsInAFrame,
    Peer::Closes,
];

/// How a stream behaves that has nothing to read, or no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It waits for its timeout.
    Waits,
    /// It returns at once, as in non-blocking mode.
    ReturnsAtOnce,
    /// Reads wait, writes return at once.
    WritesReturnAtOnce,
    /// It waits, and every other call is interrupted.
    IsInterrupted,
    /// No call does anything but report that it was interrupted.
    IsOnlyInterrupted,
    /// It waits, and `flush` waits until the peer has read everything.
    FlushWaits,
    /// `flush` returns at once while the peer has not read everything, as all calls do.
    FlushReturnsAtOnce,
}

pub(super) const MANNERS: [Manner; 7] = [
    Manner::Waits,
    Manner::ReturnsAtOnce,
    Manner::WritesReturnAtOnce,
    Manner::IsInterrupted,
    Manner::IsOnlyInterrupted,
    Manner::FlushWaits,
    Manner::FlushReturnsAtOnce,
];

pub(super) struct Stream {
    pub(super) time: Time,
    peer: Peer,
    manner: Manner,
    /// None until the program sets one.
    timeout: Option<Duration>,
    /// Bytes that wait to be read.
    inbound: VecDeque<u8>,
    /// Bytes that the peer has not read.
    pub(super) outbound: usize,
    /// When the peer acts next.
    due: Duration,
    pub(super) is_open: bool,
    calls: u64,
    /// Calls that moved nothing.
    pub(super) idle: Rc<Cell<u64>>,
}

impl Stream {
    pub(super) fn new(peer: Peer, manner: Manner) -> Stream {
        let mut hello = Vec::new();
        Hello::new().with_keepalive(KEEPALIVE).encode(&mut hello);
        Stream {
            time: Time::default(),
            peer,
            manner,
            timeout: None,
            inbound: hello.into(),
            outbound: 0,
            due: Duration::ZERO,
            is_open: false,
            calls: 0,
            idle: Rc::default(),
        }
    }

    /// The peer does what it has to do until now.
    fn catch_up(&mut self) {
        if matches!(self.peer, Peer::IsMute | Peer::Closes) {
            self.outbound = 0;
        }
        while self.is_open && self.due <= self.time.now() {
            self.due += SECOND;
            match self.peer {
                Peer::IsDeaf => self.inbound.extend(message()),
                Peer::Trickles | Peer::Reads => {
                    let count = if self.peer == Peer::Reads { 2000 } else { 100 };
                    self.inbound.extend(message());
                    self.outbound = self.outbound.saturating_sub(count);
                }
                Peer::StopsInAFrame if self.due <= SECOND => self.inbound.extend(&message()[..9]),
                Peer::Closes if self.due == CLOSES_AFTER + SECOND => self.inbound.extend(close()),
                _ => {}
            }
        }
    }

    /// Waits up to the timeout until `is_ready`; fails as the stream would.
    fn wait(&mut self, returns_at_once: bool, is_ready: impl Fn(&Stream) -> bool) -> io::Result<()> {
        self.calls += 1;
        self.catch_up();
        let always = self.is_open && self.manner == Manner::IsOnlyInterrupted;
        if always || self.manner == Manner::IsInterrupted && self.calls.is_multiple_of(2) {
            self.idle.set(self.idle.get() + u64::from(always && self.calls.is_multiple_of(17)));
            return Err(ErrorKind::Interrupted.into());
        }
        let timeout = self.timeout.expect("the connection has set the timeout");
        let until = self.time.now() + timeout;
        while !is_ready(self) {
            if returns_at_once || self.time.now() >= until {
                self.idle.set(self.idle.get() + 1);
                let seconds = self.time.now().as_secs() + 1;
                assert!(self.idle.get() < 1000 * seconds, "{:?}: it asks again and again", self.manner);
                let kinds = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
                return Err(kinds[usize::from(self.calls.is_multiple_of(3))].into());
            }
            self.time.pass((until - self.time.now()).min(Duration::from_millis(50)));
            self.catch_up();
        }
        Ok(())
    }

    fn returns_at_once(&self) -> bool {
        matches!(self.manner, Manner::ReturnsAtOnce | Manner::FlushReturnsAtOnce)
    }

    fn is_gone(&self) -> bool {
        self.is_open && self.peer == Peer::Vanishes
    }
}

impl Timed for Stream {
    fn set_timeouts(&mut self, timeout: Duration) -> io::Result<()> {
        assert!((Duration::from_millis(1)..=Duration::from_millis(250)).contains(&timeout), "{timeout:?}");
        self.timeout = Some(timeout);
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.wait(self.returns_at_once(), |stream| stream.is_gone() || !stream.inbound.is_empty())?;
        if self.is_gone() { Ok(0) } else { self.inbound.read(space) }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let returns_at_once = self.returns_at_once() || self.manner == Manner::WritesReturnAtOnce;
        self.wait(returns_at_once, |stream| stream.is_gone() || stream.outbound < PIPE)?;
        if self.is_gone() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(PIPE - self.outbound);
        self.outbound += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        let waits = self.is_open && matches!(self.manner, Manner::FlushWaits | Manner::FlushReturnsAtOnce);
        self.wait(self.returns_at_once(), |stream| !waits || stream.is_gone() || stream.outbound == 0)
    }
}

fn message() -> Vec<u8> {
    frame(kind::MESSAGE, b"hi")
}

fn close() -> Vec<u8> {
    frame(kind::CLOSE, &[&Code::GOING_AWAY.0.to_be_bytes()[..], b"going-away"].concat())
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Frame::new(kind, Encoding::Utf8, body).expect("short").encode(&mut wire);
    wire
}

//! One connection: a socket, the unwritten output, and the beginning of an incomplete frame.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use super::peer::{End, Event, Peer};
use super::stream::Stream;

/// The size of a read, in bytes: usually all that waits. With smaller reads the server would wait for the driver, and the
/// result would measure the driver.
const READ: usize = 256 << 10;

pub(super) struct Connection<P> {
    pub(super) stream: Stream,
    peer: P,
    /// The beginning of an incomplete frame.
    held: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    /// The connection is in the driver's queue of those that may have input.
    pub(super) queued: bool,
    /// The server has ended the stream: read on until the end is reached.
    pub(super) ending: bool,
    pub(super) joined: bool,
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// There may be more input.
    More,
    /// All input was read.
    Drained,
}

impl<P: Peer> Connection<P> {
    /// A connection whose peer has written its opening to `out`.
    pub(super) fn new(stream: Stream, peer: P, out: Vec<u8>) -> Connection<P> {
        Connection { stream, peer, held: Vec::new(), out, written: 0, queued: false, ending: false, joined: false }
    }

    /// Reads once, into `buffer`, which all connections share, and processes the complete frames.
    pub(super) fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        now: Duration,
        take: impl FnMut(Event<'_>),
    ) -> Result<Reading, String> {
        let held = self.held.len();
        if buffer.len() < held + READ {
            buffer.resize(held + READ, 0);
        }
        buffer[..held].copy_from_slice(&self.held);
        let count = match self.stream.read(&mut buffer[held..]) {
            Ok(0) => {
                let why = self.peer.explain_end(End::Closed, &self.held, now);
                return Err(why.unwrap_or_else(|| "the server ended the connection".into()));
            }
            Ok(count) => count,
            Err(error) if is_not_ready(&error) => return Ok(Reading::Drained),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Reading::More),
            Err(error) => return Err(error.to_string()),
        };
        let filled = &buffer[..held + count];
        let used = self.peer.receive(filled, now, &mut self.out, take)?;
        self.held.clear();
        self.held.extend_from_slice(&filled[used..]);
        self.write()?;
        // After a short read the socket has no more input, and mio reports new input. On Windows it does so only after a read
        // that would block.
        let is_short = filled.len() < buffer.len() && self.stream.is_drained_by_a_short_read();
        Ok(if !is_short || self.ending || cfg!(windows) { Reading::More } else { Reading::Drained })
    }

    /// The problem of a server that sends nothing any more.
    pub(super) fn give_up(&mut self, now: Duration) -> Option<String> {
        self.peer.explain_end(End::Silent, &self.held, now)
    }

    /// Queues a message.
    pub(super) fn publish(&mut self, payload: &[u8]) -> Result<(), String> {
        self.peer.publish(payload, &mut self.out)
    }

    /// Queues a ping.
    pub(super) fn ping(&mut self) -> Result<(), String> {
        self.peer.ping(&mut self.out)
    }

    /// Says goodbye, if the protocol has a goodbye. Returns true if it was sent.
    pub(super) fn leave(&mut self, now: Duration) -> bool {
        self.peer.leave(now, &mut self.out) && self.write().is_ok()
    }

    /// True if something waits to be written.
    pub(super) fn has_output(&self) -> bool {
        self.written < self.out.len() || self.stream.has_output()
    }

    /// The number of bytes that are not written yet.
    pub(super) fn unwritten(&self) -> usize {
        self.out.len() - self.written
    }

    /// Writes as much as the socket takes.
    pub(super) fn write(&mut self) -> Result<(), String> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(0) => return Err("the socket accepts no bytes".into()),
                Ok(count) => self.written += count,
                Err(error) if is_not_ready(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        self.out.clear();
        self.written = 0;
        self.stream.flush().map_err(|error| error.to_string())
    }
}

fn is_not_ready(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

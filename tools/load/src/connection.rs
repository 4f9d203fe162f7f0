//! One connection: a socket, what waits to be written, and the beginning of what is not whole.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use mio::net::TcpStream;

use super::peer::{End, Event, Peer};

/// What one read asks for, in bytes: all that usually waits. Whoever takes little at a time has the server wait for it, and
/// with many members measures itself.
const READ: usize = 256 << 10;

pub(super) struct Connection<P> {
    pub(super) stream: TcpStream,
    peer: P,
    /// What was read and is no whole frame yet.
    held: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    /// It is in the list of those that may have something to read.
    pub(super) listed: bool,
    /// The server has sent its last: read until that is there.
    pub(super) ending: bool,
    pub(super) joined: bool,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// There may be more.
    More,
    /// All that was there.
    Drained,
}

impl<P: Peer> Connection<P> {
    /// A connection whose peer has put its first words into `out`.
    pub(super) fn new(stream: TcpStream, peer: P, out: Vec<u8>) -> Connection<P> {
        Connection { stream, peer, held: Vec::new(), out, written: 0, listed: false, ending: false, joined: false }
    }

    /// Reads once, into `buffer`, which all connections share, and takes what is whole.
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
                let why = self.peer.judge_end(End::Closed, &self.held, now);
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
        // A socket that gave less than was asked for has no more, and says so when it has; on Windows it must say no first.
        Ok(if filled.len() == buffer.len() || self.ending || cfg!(windows) { Reading::More } else { Reading::Drained })
    }

    /// What is wrong with a server that says nothing more.
    pub(super) fn give_up(&mut self, now: Duration) -> Option<String> {
        self.peer.judge_end(End::Silent, &self.held, now)
    }

    /// Queues a message.
    pub(super) fn publish(&mut self, payload: &[u8]) -> Result<(), String> {
        self.peer.publish(payload, &mut self.out)
    }

    /// Queues a ping.
    pub(super) fn ping(&mut self) -> Result<(), String> {
        self.peer.ping(&mut self.out)
    }

    /// Takes leave, if that is how the protocol ends.
    pub(super) fn leave(&mut self, now: Duration) -> bool {
        self.peer.leave(now, &mut self.out) && self.write().is_ok()
    }

    /// Bytes that wait to be written.
    pub(super) fn unwritten(&self) -> usize {
        self.out.len() - self.written
    }

    /// Writes as much as the socket takes.
    pub(super) fn write(&mut self) -> Result<(), String> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(0) => return Err("the socket takes nothing".into()),
                Ok(count) => self.written += count,
                Err(error) if is_not_ready(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }
}

fn is_not_ready(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

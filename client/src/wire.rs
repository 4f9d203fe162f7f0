//! A stream that notes when bytes last arrived, and which messages were written whole.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bookend::{HEADER_LENGTH, OVERHEAD, kind};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::dial::Stream;

pub(crate) struct Wire {
    stream: Stream,
    heard: watch::Sender<Instant>,
    written: Written,
}

/// The messages that were written whole, shared with the confirmations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<Mutex<Tally>>);

/// Follows the frames that are written, by their headers.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    header: [u8; HEADER_LENGTH],
    /// Bytes of the header that have been written.
    filled: usize,
    /// Bytes of body and END that have not, once the header has been.
    left: u64,
    /// The number of the frame, from HELLO = 0.
    number: u32,
    /// The numbers of MESSAGEs and POSTs that were written whole and have not been settled.
    pub(crate) messages: VecDeque<u32>,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> (Wire, Written, watch::Receiver<Instant>) {
        let (heard, hearing) = watch::channel(Instant::now());
        let written = Written::default();
        (Wire { stream, heard, written: written.clone() }, written, hearing)
    }
}

impl Written {
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn wrote(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.filled < HEADER_LENGTH {
                let count = bytes.len().min(HEADER_LENGTH - self.filled);
                let (header, rest) = bytes.split_at(count);
                self.header[self.filled..self.filled + count].copy_from_slice(header);
                self.filled += count;
                bytes = rest;
                if self.filled == HEADER_LENGTH {
                    let [.., a, b, c, d] = self.header;
                    self.left = u64::from(u32::from_be_bytes([a, b, c, d])) + (OVERHEAD - HEADER_LENGTH) as u64;
                }
            } else {
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = &bytes[count..];
                self.left -= count as u64;
                if self.left == 0 {
                    self.end_frame();
                }
            }
        }
    }

    fn end_frame(&mut self) {
        if matches!(self.header[2], kind::MESSAGE | kind::POST) {
            self.messages.push_back(self.number);
        }
        self.number = self.number.wrapping_add(1);
        self.filled = 0;
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = space.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, space))?;
        if space.filled().len() > before {
            self.heard.send_replace(Instant::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.written.tally().wrote(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_numbered_however_they_are_cut_and_only_whole_ones_count() {
        let frames: [&[u8]; 5] = [
            b"\xF5\xF8\x01\0\0\0\0\x02xx\xF8\xF5",
            b"\xF5\xF8\x02\x02\0\0\0\x0A\xF5\xF8\x02\x02\0\0\0\0\xF8\xF5\xF8\xF5",
            b"\xF5\xF8\x06\0\0\0\0\0\xF8\xF5",
            b"\xF5\xF8\x12\x02\0\0\0\x04\0\0\0\0\xF8\xF5",
            b"\xF5\xF8\x02\x02\0\0\0\0\xF8\xF5",
        ];
        let bytes = frames.concat();
        for step in 1..bytes.len() {
            let mut tally = Tally::default();
            bytes[..bytes.len() - 1].chunks(step).for_each(|chunk| tally.wrote(chunk));
            assert_eq!(tally.messages, [1, 3], "in steps of {step}");
            tally.wrote(&bytes[bytes.len() - 1..]);
            assert_eq!(tally.messages, [1, 3, 4]);
        }
    }
}

//! A raw connection to a peer: it sends any bytes, receives frames, and every wait has a deadline.
//!
//! A [`Connection`](bookend::Connection) cannot send invalid bytes, so this is a stream and a [`Decoder`].

use std::fmt;
use std::io;
use std::time::Duration;

use bookend::diagnosis::WINDOW;
use bookend::session::MAX_PREAMBLE;
use bookend::{Code, Decoder, Encoding, Fault, Hello, MAX_HELLO, START, kind};
use bookend_client::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout_at};

use super::conduct::Watch;
use super::frame::{ErrorMessage, Frame, frame, quoted_close};
use super::memory::Memory;
use super::peer_stream::{PeerProcess, PeerStream};
use super::side::Side;

/// The pause between pieces that should arrive in separate reads.
const PAUSE: Duration = Duration::from_millis(2);
/// How long to read on after a fault.
pub(super) const AFTERMATH: Duration = Duration::from_millis(300);
/// How much is kept of the frames before a fault, in bytes.
const MAX_PAST: usize = 4 << 10;
/// What a slow link transfers within a timeout, in bytes: much more than the PINGs of an idle peer.
const PROGRESS: usize = 16 << 10;
/// How many timeouts a wait lasts at most, whatever arrives.
const MAX_TIMEOUTS: u32 = 12;
/// How long the peer may take to answer a CLOSE that ends a check.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// A connection to the peer, for one check.
pub(super) struct RawPeer<'a> {
    stream: Stream,
    /// When the current wait ends.
    deadline: Instant,
    timeout: Duration,
    /// Whether the wait begins anew after each [`PROGRESS`] that arrives.
    while_arriving: bool,
    /// Bytes sent or received since the wait began anew.
    progress: usize,
    /// When the wait ends whatever arrives.
    last_deadline: Instant,
    /// When the whole examination ends.
    end: Instant,
    /// Bytes that arrived and were not consumed.
    buffer: Vec<u8>,
    /// Bytes that arrived before the first START.
    preamble: Vec<u8>,
    started: bool,
    decoder: Decoder,
    /// The last frames that were received, as evidence.
    past: Vec<u8>,
    watch: Watch<'a>,
    /// The peer's process, if it was started for this connection. It ends with the connection.
    process: Option<PeerProcess>,
}

/// Why an expected answer is missing.
#[derive(Clone, Debug)]
pub(super) enum Missing {
    /// The stream ended.
    End,
    /// The connection was reset, or failed in another way.
    Reset(String),
    /// Nothing matching arrived within this time.
    TimedOut(Duration),
    /// The time for the examination is up.
    OutOfTime,
    /// The peer's bytes are not a frame.
    BadFrame(Fault),
    /// The peer sent CLOSE.
    Closed { code: Code, reason: String },
}

impl<'a> RawPeer<'a> {
    /// A connection that waits for at most `timeout`, and no later than `end`.
    pub(super) fn new(stream: PeerStream, timeout: Duration, end: Instant, watch: Watch<'a>) -> RawPeer<'a> {
        let PeerStream { stream, side, process } = stream;
        let deadline = end.min(Instant::now() + timeout);
        let (buffer, preamble, decoder) = (Vec::new(), Vec::new(), Decoder::new(MAX_HELLO));
        let started = side == Side::Client; // R4.22: only a server may send something before its first frame
        let (past, while_arriving, progress) = (Vec::new(), false, 0);
        RawPeer {
            stream,
            deadline,
            timeout,
            while_arriving,
            progress,
            last_deadline: deadline,
            end,
            buffer,
            preamble,
            started,
            decoder,
            past,
            watch,
            process,
        }
    }

    /// The memory peak of the peer's process, if it was started here and the system reports it.
    pub(super) fn memory(&self) -> Option<Memory> {
        Memory::peak_of(self.process.as_ref()?.id()?)
    }

    /// The peer's process, if it was started here.
    pub(super) fn process(&mut self) -> Option<&mut PeerProcess> {
        self.process.as_mut()
    }

    /// Gives the peer this much time, from now on.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.while_arriving = false;
        self.progress = 0;
        self.deadline = self.end.min(Instant::now() + timeout);
        self.last_deadline = self.end.min(Instant::now() + timeout * MAX_TIMEOUTS);
    }

    /// Gives the peer this much time again while long messages arrive over a slow link.
    pub(super) fn set_timeout_while_arriving(&mut self, timeout: Duration) {
        self.set_timeout(timeout);
        self.while_arriving = true;
    }

    /// Begins the wait anew if enough was transferred.
    fn progresses(&mut self, bytes: usize) {
        self.progress += bytes;
        if self.progress >= PROGRESS {
            self.progress = 0;
            self.deadline = self.last_deadline.min(Instant::now() + self.timeout);
        }
    }

    // ---- sending

    /// False if the peer did not accept all bytes. It may have closed; what it sent can still be read.
    ///
    /// The wait begins anew while the peer accepts bytes: half a frame would ruin the connection.
    pub(super) async fn send(&mut self, mut bytes: &[u8]) -> bool {
        self.watch.sends(bytes);
        while !bytes.is_empty() {
            match timeout_at(self.deadline, self.stream.write(bytes)).await {
                Ok(Ok(written @ 1..)) => {
                    bytes = &bytes[written..];
                    self.progresses(written);
                }
                _ => return false,
            }
        }
        matches!(timeout_at(self.deadline, self.stream.flush()).await, Ok(Ok(()))) // TLS may buffer
    }

    /// Sends the pieces with pauses, so that they can arrive in separate reads.
    pub(super) async fn send_apart<'b>(&mut self, pieces: impl IntoIterator<Item = &'b [u8]>) {
        for piece in pieces {
            if !self.send(piece).await {
                return;
            }
            sleep(PAUSE).await;
        }
    }

    /// Sends HELLO. From now on the peer may send what this HELLO permits.
    pub(super) async fn send_hello(&mut self, hello: &Hello) {
        let mut wire = Vec::new();
        hello.encode(&mut wire);
        self.watch.sent_hello(hello);
        self.send(&wire).await;
    }

    /// Sends CLOSE.
    pub(super) async fn send_close(&mut self, code: Code, reason: &str) {
        self.watch.sent_close();
        let body = [&code.0.to_be_bytes(), reason.as_bytes()].concat();
        self.send(&frame(kind::CLOSE, Encoding::Ascii, &body)).await;
    }

    /// Shuts down the sending direction.
    pub(super) async fn end(&mut self) {
        let _ = timeout_at(self.deadline, self.stream.shutdown()).await; // the peer may have closed already
    }

    /// Closes the session properly, so that the peer sees no fault. The answer does not matter.
    pub(super) async fn leave(mut self) {
        self.set_timeout(CLOSE_TIMEOUT);
        self.send_close(Code::NORMAL, "normal").await;
        self.end().await;
        while self.read().await.is_ok() {
            self.buffer.clear();
        }
    }

    // ---- receiving

    /// Reads whatever has arrived.
    async fn read(&mut self) -> Result<(), Missing> {
        match timeout_at(self.deadline, self.stream.read_buf(&mut self.buffer)).await {
            Ok(Ok(0)) => Err(Missing::End),
            Ok(Ok(read)) => {
                if self.while_arriving {
                    self.progresses(read);
                }
                Ok(())
            }
            // TLS ended without close_notify: Bookend's own framing shows whether a frame is missing.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Missing::End),
            Ok(Err(error)) => Err(Missing::Reset(error.to_string())),
            Err(_) if self.deadline == self.end => Err(Missing::OutOfTime),
            Err(_) => Err(Missing::TimedOut(self.timeout)),
        }
    }

    /// Whatever arrives next, as bytes.
    pub(super) async fn raw(&mut self) -> Result<Vec<u8>, Missing> {
        self.read().await?;
        Ok(std::mem::take(&mut self.buffer))
    }

    /// The next frame, judged by the rules for a sender.
    pub(super) async fn next(&mut self) -> Result<Frame, Missing> {
        loop {
            let offset = self.decoder.offset();
            match self.decode() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(error) => {
                    self.collect().await;
                    self.watch.bad_frame(error, offset, &self.past, &self.buffer);
                    return Err(Missing::BadFrame(error));
                }
            }
            match self.read().await {
                Err(Missing::End) if self.started && !self.buffer.is_empty() => {
                    let error = Fault::Truncated { arrived: self.buffer.len() as u64 };
                    self.watch.bad_frame(error, self.decoder.offset(), &self.past, &self.buffer);
                    return Err(Missing::BadFrame(error));
                }
                read => read?,
            }
        }
    }

    fn decode(&mut self) -> Result<Option<Frame>, Fault> {
        self.skip_preamble()?;
        if !self.started {
            return Ok(None);
        }
        let mut rest = &*self.buffer;
        let Some(frame) = self.decoder.decode(&mut rest)? else { return Ok(None) };
        self.watch.judge(frame);
        self.decoder.set_limit(self.watch.max_body());
        let frame = Frame::of(frame);
        let used = self.buffer.len() - rest.len();
        if self.past.len() + used > MAX_PAST {
            self.past.clear();
        }
        self.past.extend(self.buffer.drain(..used).take(MAX_PAST));
        Ok(Some(frame))
    }

    /// Reads on for a moment after a fault, so that its name does not depend on how the stream was cut.
    async fn collect(&mut self) {
        let deadline = self.end.min(Instant::now() + AFTERMATH);
        let RawPeer { stream, buffer, .. } = self;
        while buffer.len() < WINDOW && matches!(timeout_at(deadline, stream.read_buf(buffer)).await, Ok(Ok(1..))) {}
    }

    /// R4.21: at most 1,024 bytes before the first F5.
    fn skip_preamble(&mut self) -> Result<(), Fault> {
        if self.started {
            return Ok(());
        }
        let start = self.buffer.iter().position(|&byte| byte == START[0]);
        self.preamble.extend(self.buffer.drain(..start.unwrap_or(self.buffer.len())));
        self.started = start.is_some();
        match self.preamble.get(MAX_PREAMBLE) {
            Some(&found) => Err(Fault::BadStart { offset: 0, found }),
            None => Ok(()),
        }
    }

    /// Waits for a frame for which `pick` returns a value, and skips all others except CLOSE.
    pub(super) async fn wait<T>(&mut self, mut pick: impl FnMut(&Frame) -> Option<T>) -> Result<T, Missing> {
        loop {
            let frame = self.next().await?;
            if let Some(picked) = pick(&frame) {
                return Ok(picked);
            }
            if let Some((code, reason)) = frame.as_close() {
                return Err(Missing::Closed { code, reason });
            }
        }
    }

    /// Waits for CLOSE.
    pub(super) async fn wait_close(&mut self) -> Result<(Code, String), Missing> {
        self.wait(Frame::as_close).await
    }

    /// Sends PING, waits for PONG, and returns the ERRORs that arrived before it.
    pub(super) async fn barrier(&mut self) -> Result<Vec<ErrorMessage>, Missing> {
        self.send(&frame(kind::PING, Encoding::Binary, b"doctor")).await;
        let mut errors = Vec::new();
        self.wait(|frame| {
            errors.extend(frame.as_error());
            (frame.kind == kind::PONG).then_some(())
        })
        .await?;
        Ok(errors)
    }

    /// Waits until the stream ends, and ignores everything before that.
    pub(super) async fn wait_end(&mut self) -> Result<(), Missing> {
        let mut missing = loop {
            if let Err(missing) = self.next().await {
                break missing;
            }
        };
        while let Missing::BadFrame(_) = missing {
            self.buffer.clear();
            if let Err(other) = self.read().await {
                missing = other;
            }
        }
        if let Missing::End = missing { Ok(()) } else { Err(missing) }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::End => f.write_str("the stream ended"),
            Missing::Reset(error) => write!(f, "the connection failed ({error})"),
            Missing::TimedOut(timeout) => write!(f, "the check timed out after {:.1} s", timeout.as_secs_f64()),
            Missing::OutOfTime => f.write_str("the time for the examination is up"),
            Missing::BadFrame(error) => write!(f, "the bytes that arrived are not a frame ({error})"),
            Missing::Closed { code, reason } => write!(f, "{} arrived", quoted_close(*code, reason)),
        }
    }
}

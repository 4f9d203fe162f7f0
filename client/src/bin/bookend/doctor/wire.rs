//! A raw peer: any bytes go out, frames come in, and every wait ends.
//!
//! A [`Connection`](bookend::Connection) sends nothing wrong, so this is a stream and a [`Decoder`].

use std::fmt;
use std::io;
use std::time::Duration;

use bookend::session::MAX_PREAMBLE;
use bookend::{Code, Decoder, Encoding, Fault, Hello, MAX_HELLO, Message, OVERHEAD, START, kind};
use bookend_client::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout_at};

use super::acceptor::Started;
use super::conduct::Watch;
use super::subject::{Reached, Side};
use crate::memory::Memory;

/// How long bytes that are to be read apart are sent apart.
const APART: Duration = Duration::from_millis(2);
/// How long a peer that was told goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// A connection of one check.
pub(super) struct Peer<'a> {
    stream: Stream,
    /// When nothing more is waited for.
    deadline: Instant,
    patience: Duration,
    /// When the whole examination ends.
    end: Instant,
    /// What came and was not used.
    buffer: Vec<u8>,
    /// What came before the first START.
    preamble: Vec<u8>,
    started: bool,
    decoder: Decoder,
    watch: Watch<'a>,
    /// The peer itself, if it was started for this connection; it ends with it.
    process: Option<Started>,
}

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) encoding: Encoding,
    pub(super) body: Vec<u8>,
}

/// What came next.
#[derive(Debug)]
pub(super) enum Heard {
    Frame(Frame),
    Nothing(Unmet),
}

/// Why what was waited for has not come.
#[derive(Clone, Debug)]
pub(super) enum Unmet {
    /// The stream ended.
    End,
    /// The connection was reset, or failed in another way.
    Reset(String),
    /// Time passed.
    Silence(Duration),
    /// The examination is over.
    Late,
    /// The peer's frame is none.
    Unsound(Fault),
    /// The peer sent CLOSE.
    Closed { code: Code, reason: String },
}

/// What a read brought.
pub(super) enum Read {
    Some,
    Nothing(Unmet),
}

impl<'a> Peer<'a> {
    /// A peer that is connected, and may be silent for as long as `patience` at most, and until `end`.
    pub(super) fn new(reached: Reached, patience: Duration, end: Instant, watch: Watch<'a>) -> Peer<'a> {
        let Reached { stream, side, process } = reached;
        let deadline = end.min(Instant::now() + patience);
        let (buffer, preamble, decoder) = (Vec::new(), Vec::new(), Decoder::new(MAX_HELLO));
        let started = side == Side::Client; // R4.22: only a server may send something before its first frame
        Peer { stream, deadline, patience, end, buffer, preamble, started, decoder, watch, process }
    }

    /// What the peer's process has used, at its peak, if it is one that was started here and the system tells.
    pub(super) fn memory(&self) -> Option<Memory> {
        Memory::peak_of(self.process.as_ref()?.id()?)
    }

    /// Gives the peer so much time from now on.
    pub(super) fn be_patient(&mut self, patience: Duration) {
        self.patience = patience;
        self.deadline = self.end.min(Instant::now() + patience);
    }

    // ---- sending

    /// False if the peer does not take all of it: it may have closed, and what it said can be read.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.watch.sends(bytes);
        let Peer { stream, deadline, .. } = self;
        let sent = timeout_at(*deadline, async {
            stream.write_all(bytes).await?;
            stream.flush().await // TLS may have kept some
        });
        matches!(sent.await, Ok(Ok(())))
    }

    /// Sends the pieces so that they can arrive one by one.
    pub(super) async fn send_apart<'b>(&mut self, pieces: impl IntoIterator<Item = &'b [u8]>) {
        for piece in pieces {
            if !self.send(piece).await {
                return;
            }
            sleep(APART).await;
        }
    }

    /// Sends HELLO, and lets the peer send what that allows.
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

    /// Ends the sending direction.
    pub(super) async fn end(&mut self) {
        // Who has closed already need not be told.
        let _told = timeout_at(self.deadline, self.stream.shutdown()).await;
    }

    /// Closes in good order, so that the peer has nothing to complain of; it does not matter what comes of it.
    pub(super) async fn leave(mut self) {
        self.be_patient(GOODBYE);
        self.send_close(Code::NORMAL, "normal").await;
        self.end().await;
        while let Read::Some = self.read().await {
            self.buffer.clear();
        }
    }

    // ---- receiving

    /// Takes what the network has.
    pub(super) async fn read(&mut self) -> Read {
        match timeout_at(self.deadline, self.stream.read_buf(&mut self.buffer)).await {
            Ok(Ok(0)) => Read::Nothing(Unmet::End),
            Ok(Ok(_)) => Read::Some,
            // TLS without its own end: Bookend knows by itself what is whole.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Read::Nothing(Unmet::End),
            Ok(Err(error)) => Read::Nothing(Unmet::Reset(error.to_string())),
            Err(_) if self.deadline == self.end => Read::Nothing(Unmet::Late),
            Err(_) => Read::Nothing(Unmet::Silence(self.patience)),
        }
    }

    /// The next frame, judged by the rules for what a peer sends.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            match self.decode() {
                Ok(Some(frame)) => return Heard::Frame(frame),
                Ok(None) => {}
                Err(error) => return Heard::Nothing(Unmet::Unsound(error)),
            }
            match self.read().await {
                Read::Some => {}
                Read::Nothing(Unmet::End) if self.started && !self.buffer.is_empty() => {
                    let error = Fault::Truncated { arrived: self.buffer.len() as u64 };
                    self.watch.unsound(error, self.decoder.offset(), &self.buffer);
                    return Heard::Nothing(Unmet::Unsound(error));
                }
                Read::Nothing(unmet) => return Heard::Nothing(unmet),
            }
        }
    }

    fn decode(&mut self) -> Result<Option<Frame>, Fault> {
        self.skip_preamble()?;
        if !self.started {
            return Ok(None);
        }
        let mut rest = &*self.buffer;
        let offset = self.decoder.offset();
        match self.decoder.decode(&mut rest) {
            Ok(None) => Ok(None),
            Ok(Some(frame)) => {
                self.watch.judge(frame);
                self.decoder.set_limit(self.watch.max_body());
                let frame = Frame::of(frame);
                let used = self.buffer.len() - rest.len();
                self.buffer.drain(..used);
                Ok(Some(frame))
            }
            Err(error) => {
                self.watch.unsound(error, offset, &self.buffer);
                Err(error)
            }
        }
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

    /// Waits for a frame that `pick` makes something of, past all others but a CLOSE.
    pub(super) async fn wait<T>(&mut self, mut pick: impl FnMut(&Frame) -> Option<T>) -> Result<T, Unmet> {
        loop {
            let frame = match self.next().await {
                Heard::Frame(frame) => frame,
                Heard::Nothing(unmet) => return Err(unmet),
            };
            if let Some(picked) = pick(&frame) {
                return Ok(picked);
            }
            if let Some((code, reason)) = frame.as_close() {
                return Err(Unmet::Closed { code, reason });
            }
        }
    }

    /// Waits for CLOSE.
    pub(super) async fn wait_close(&mut self) -> Result<(Code, String), Unmet> {
        self.wait(Frame::as_close).await
    }

    /// Sends PING, waits for a PONG, and says which ERRORs came before it.
    pub(super) async fn barrier(&mut self) -> Result<Vec<Refused>, Unmet> {
        self.send(&frame(kind::PING, Encoding::Binary, b"doctor")).await;
        let mut refused = Vec::new();
        self.wait(|frame| {
            refused.extend(frame.as_error());
            (frame.kind == kind::PONG).then_some(())
        })
        .await?;
        Ok(refused)
    }

    /// Waits until the stream ends, whatever comes before.
    pub(super) async fn wait_end(&mut self) -> Result<(), Unmet> {
        let mut unmet = loop {
            if let Heard::Nothing(unmet) = self.next().await {
                break unmet;
            }
        };
        while let Unmet::Unsound(_) = unmet {
            self.buffer.clear();
            if let Read::Nothing(other) = self.read().await {
                unmet = other;
            }
        }
        if let Unmet::End = unmet { Ok(()) } else { Err(unmet) }
    }
}

/// An ERROR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) id: u32,
    pub(super) frame: u32,
    pub(super) code: Code,
    pub(super) reason: String,
}

impl Frame {
    pub(super) fn of(frame: bookend::Frame<'_>) -> Frame {
        Frame { kind: frame.kind(), encoding: frame.encoding(), body: frame.body().to_vec() }
    }

    pub(super) fn wire_length(&self) -> usize {
        self.body.len() + OVERHEAD
    }

    /// What it says; `None` if it is malformed, has bad text, or is of a kind to ignore.
    pub(super) fn message(&self) -> Option<Message<'_>> {
        Message::parse(bookend::Frame::new(self.kind, self.encoding, &self.body).ok()?).ok().flatten()
    }

    pub(super) fn as_close(&self) -> Option<(Code, String)> {
        match self.message()? {
            Message::Close { code, reason } => Some((code, reason.to_str().into_owned())),
            _ => None,
        }
    }

    pub(super) fn as_error(&self) -> Option<Refused> {
        let Message::Error(bookend::Refusal { id, frame, code, reason }) = self.message()? else { return None };
        Some(Refused { id, frame, code, reason: reason.to_str().into_owned() })
    }

    /// How a row names it.
    pub(super) fn name(&self) -> String {
        named(self.kind)
    }
}

/// How a row names a kind.
pub(super) fn named(kind: u8) -> String {
    kind::name(kind).map_or_else(|| format!("a frame of kind {kind:02x}"), Into::into)
}

/// A sound frame; its contents may be wrong.
pub(super) fn frame(kind: u8, encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    bookend::Frame::new(kind, encoding, body).expect("nobody makes gigabytes here").encode(&mut wire);
    wire
}

/// A MESSAGE.
pub(super) fn message(encoding: Encoding, payload: &[u8]) -> Vec<u8> {
    frame(kind::MESSAGE, encoding, payload)
}

/// How a row quotes a CLOSE.
pub(super) fn quoted_close(code: Code, reason: &str) -> String {
    if reason.is_empty() { format!("CLOSE {} without reason", code.0) } else { format!("CLOSE {}: {reason}", code.0) }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR {}: {}", self.code.0, self.reason)
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmet::End => f.write_str("the stream ended"),
            Unmet::Reset(error) => write!(f, "the connection failed ({error})"),
            Unmet::Silence(patience) => write!(f, "nothing of the kind came within {:.1} s", patience.as_secs_f64()),
            Unmet::Late => f.write_str("no time is left"),
            Unmet::Unsound(error) => write!(f, "what came is no frame ({error})"),
            Unmet::Closed { code, reason } => write!(f, "{} came", quoted_close(*code, reason)),
        }
    }
}

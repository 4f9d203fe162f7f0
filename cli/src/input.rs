//! Messages from standard input. A thread reads them, because a console cannot be awaited as a socket can.

mod entry;
mod hex;
mod jsonl;
mod utf16;

use std::io::{self, BufRead, BufReader, Read};
use std::thread;

use bookend::{Encoding, Fault, Text};
use tokio::sync::mpsc;

pub(crate) use entry::{Body, Entry, InputError, Position};

/// The length at which a chunk of messages is handed over, in bytes.
const CHUNK: usize = 64 << 10;

/// Chunks of messages to send, and of errors: each chunk holds what one read brought.
pub(crate) type Messages = mpsc::Receiver<Vec<Result<Entry, InputError>>>;

/// How the input is divided into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageFormat {
    /// One message of text per line. A line ends with CR LF or LF; the last one may have no line end.
    Lines,
    /// Text, each message terminated by U+0000; the last one may have no terminator.
    Nul,
    /// One binary message per line, in hexadecimal, two digits per byte.
    Hex,
    /// One JSON object per line, as `listen --json` prints them.
    Jsonl,
    /// The whole input is one message of text.
    Whole,
    /// The whole input is one binary message.
    Binary,
}

/// One message of text.
pub(crate) fn one(text: String) -> Messages {
    let (sender, messages) = mpsc::channel(1);
    let entry = Entry { position: Position::Whole, body: Body::Text(text) };
    sender.try_send(vec![Ok(entry)]).expect("there is room for one");
    messages
}

/// The messages of `input`. A message that cannot fit into a body of `max_body` bytes is an error.
pub(crate) fn messages(input: impl Read + Send + 'static, format: MessageFormat, max_body: u32) -> Messages {
    let limit = format.limit(max_body as usize);
    match format {
        MessageFormat::Whole | MessageFormat::Binary => whole(input, format, limit),
        _ => parts(input, format, limit),
    }
}

fn parts(input: impl Read + Send + 'static, format: MessageFormat, limit: usize) -> Messages {
    let (sender, messages) = mpsc::channel(1);
    thread::spawn(move || {
        let mut input = BufReader::with_capacity(CHUNK, input);
        if input.fill_buf().is_ok_and(|start| utf16::starts(start, format)) {
            let _ = sender.blocking_send(vec![Err(InputError::Utf16)]); // the command may have ended
            return;
        }
        let mut parts = Parts { input, format, limit, number: 0 };
        loop {
            let (chunk, is_over) = parts.chunk();
            if !chunk.is_empty() && sender.blocking_send(chunk).is_err() || is_over {
                break;
            }
        }
    });
    messages
}

fn whole(input: impl Read + Send + 'static, format: MessageFormat, limit: usize) -> Messages {
    let (sender, messages) = mpsc::channel(1);
    thread::spawn(move || {
        let position = Position::Whole;
        let mut bytes = Vec::new();
        let read = input.take(limit as u64 + 1).read_to_end(&mut bytes);
        let message = match read {
            Ok(count) if count > limit => Err(InputError::TooLong { position, limit }),
            Ok(_) if utf16::starts(&bytes, format) => Err(InputError::Utf16),
            Ok(_) if format == MessageFormat::Binary => Ok(Entry { position, body: Body::Binary(bytes) }),
            Ok(_) => text(position, &bytes).map(|text| Entry { position, body: Body::Text(text) }),
            Err(error) => Err(InputError::Io(error)),
        };
        let _ = sender.blocking_send(vec![message]); // the command may have ended
    });
    messages
}

/// An input that is divided into several messages.
struct Parts<R> {
    input: BufReader<R>,
    format: MessageFormat,
    /// The longest message, in bytes.
    limit: usize,
    /// How many messages have been read.
    number: u64,
}

impl<R: Read> Parts<R> {
    /// The messages that are available without blocking, but at least one unless the input has ended; and whether it
    /// has ended.
    fn chunk(&mut self) -> (Vec<Result<Entry, InputError>>, bool) {
        let mut chunk = Vec::new();
        let mut length = 0;
        let is_over = loop {
            match self.next_message() {
                Ok(Some(entry)) => {
                    length += entry.as_ref().map_or(0, |entry| entry.body.length());
                    chunk.push(entry);
                }
                Ok(None) => break true,
                Err(error) => {
                    chunk.push(Err(InputError::Io(error)));
                    break true;
                }
            }
            if length >= CHUNK || !self.input.buffer().contains(&self.format.terminator()) {
                break false;
            }
        };
        (chunk, is_over)
    }

    /// The next message. Parts that are not messages are skipped.
    fn next_message(&mut self) -> io::Result<Option<Result<Entry, InputError>>> {
        while let Some(part) = self.next_part()? {
            let position = self.position();
            let body = match part {
                Ok(bytes) => self.format.body(position, &bytes),
                Err(error) => Err(error),
            };
            if let Some(body) = body.transpose() {
                return Ok(Some(body.map(|body| Entry { position, body })));
            }
        }
        Ok(None)
    }

    /// The bytes of the next part, without its terminator.
    fn next_part(&mut self) -> io::Result<Option<Result<Vec<u8>, InputError>>> {
        let mut bytes = Vec::new();
        let room = self.limit.saturating_add(2); // for the line end
        let terminator = self.format.terminator();
        (&mut self.input).take(room as u64).read_until(terminator, &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let is_terminated = bytes.pop_if(|last| *last == terminator).is_some();
        if is_terminated && terminator == b'\n' {
            bytes.pop_if(|last| *last == b'\r');
        } else if !is_terminated && bytes.len() == room {
            self.input.skip_until(terminator)?;
        }
        if bytes.len() > self.limit {
            return Ok(Some(Err(InputError::TooLong { position: self.position(), limit: self.limit })));
        }
        Ok(Some(Ok(bytes)))
    }

    fn position(&self) -> Position {
        match self.format {
            MessageFormat::Nul => Position::Message(self.number),
            _ => Position::Line(self.number),
        }
    }
}

impl MessageFormat {
    /// The byte that ends each message.
    fn terminator(self) -> u8 {
        if self == MessageFormat::Nul { 0 } else { b'\n' }
    }

    /// An upper bound for the length in the input of a message that fits into a body, in bytes.
    fn limit(self, max_body: usize) -> usize {
        match self {
            // UTF-8 takes up to 3/2 of UTF-16.
            MessageFormat::Lines | MessageFormat::Nul | MessageFormat::Whole => max_body.saturating_mul(2),
            MessageFormat::Binary => max_body,
            MessageFormat::Hex => max_body.saturating_mul(3),
            MessageFormat::Jsonl => max_body.saturating_mul(6).saturating_add(4096), // \u00e9 may be one byte; names
        }
    }

    /// The message in a part of the input; `None` if the part is valid but not a message.
    fn body(self, position: Position, bytes: &[u8]) -> Result<Option<Body>, InputError> {
        match self {
            MessageFormat::Hex => {
                let bytes = hex::bytes(bytes).map_err(|why| InputError::Malformed { position, why })?;
                Ok(Some(Body::Binary(bytes)))
            }
            MessageFormat::Jsonl => {
                jsonl::body(&text(position, bytes)?).map_err(|why| InputError::Malformed { position, why })
            }
            _ => Ok(Some(Body::Text(text(position, bytes)?))),
        }
    }
}

fn text(position: Position, bytes: &[u8]) -> Result<String, InputError> {
    match Text::decode(Encoding::Utf8, bytes) {
        Ok(text) => Ok(text.to_str().into_owned()),
        Err(Fault::BadText { offset, .. }) => Err(InputError::BadText { position, offset }),
        Err(_) => Err(InputError::BadText { position, offset: 0 }),
    }
}

#[cfg(test)]
pub(crate) mod tests;

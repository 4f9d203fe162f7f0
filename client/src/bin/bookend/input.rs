//! Standard input: messages in one of the forms that `send` takes, read by a thread, for a console cannot be waited for
//! like a socket.

mod jsonl;

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::thread;

use bookend::{Content, Encoding, Fault, Text};
use data_encoding::HEXLOWER_PERMISSIVE;
use tokio::sync::mpsc;

/// Bytes of lines that are handed over at a time, once more wait.
const CHUNK: usize = 64 << 10;

/// Messages to send, or why there is none: what one read brought, at a time.
pub(crate) type Messages = mpsc::Receiver<Vec<Result<Entry, InputError>>>;

/// How messages stand in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A line each, the last one with or without its line end, which is CR LF or LF.
    Lines,
    /// Text in front of each U+0000, and behind the last one if there is any.
    Nul,
    /// A line each, as two digits a byte.
    Hex,
    /// A JSON object a line, as `listen --json` prints them.
    Jsonl,
    /// All of it is one message of text.
    Whole,
    /// All of it is one binary message.
    Binary,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) body: Body,
}

/// Where in the input it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is all of it.
    All,
    /// The number of its line, from 1.
    Line(u64),
    /// How many messages there are up to it.
    Message(u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Text(String),
    TextIn(Encoding, String),
    Binary(Vec<u8>),
}

/// Why there is no message.
#[derive(Debug)]
pub(crate) enum InputError {
    /// It is not UTF-8 from that byte of it on.
    BadText { place: Place, offset: usize },
    /// More bytes than any message has.
    TooLong { place: Place, limit: usize },
    /// It is not in the form that it should have.
    Malformed { place: Place, why: String },
    /// Nothing more can be read.
    Io(io::Error),
}

/// One message of text.
pub(crate) fn one(text: String) -> Messages {
    let (sender, messages) = mpsc::channel(1);
    sender.try_send(vec![Ok(Entry { place: Place::All, body: Body::Text(text) })]).expect("there is room for one");
    messages
}

/// The messages of `input`, none of which fits into a body of more than `max_body` bytes.
pub(crate) fn messages(input: impl Read + Send + 'static, layout: Layout, max_body: u32) -> Messages {
    let limit = layout.limit(max_body as usize);
    match layout {
        Layout::Whole | Layout::Binary => whole(input, layout, limit),
        _ => parts(input, layout, limit),
    }
}

fn parts(input: impl Read + Send + 'static, layout: Layout, limit: usize) -> Messages {
    let (sender, messages) = mpsc::channel(1);
    thread::spawn(move || {
        let mut parts = Parts { input: BufReader::with_capacity(CHUNK, input), layout, limit, number: 0 };
        loop {
            let (chunk, is_over) = parts.chunk();
            if !chunk.is_empty() && sender.blocking_send(chunk).is_err() || is_over {
                break;
            }
        }
    });
    messages
}

fn whole(input: impl Read + Send + 'static, layout: Layout, limit: usize) -> Messages {
    let (sender, messages) = mpsc::channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = input.take(limit as u64 + 1).read_to_end(&mut bytes);
        let message = match read {
            Ok(count) if count > limit => Err(InputError::TooLong { place: Place::All, limit }),
            Ok(_) if layout == Layout::Binary => Ok(Entry { place: Place::All, body: Body::Binary(bytes) }),
            Ok(_) => text(Place::All, &bytes).map(|text| Entry { place: Place::All, body: Body::Text(text) }),
            Err(error) => Err(InputError::Io(error)),
        };
        // Who is gone needs none.
        let _gone = sender.blocking_send(vec![message]);
    });
    messages
}

struct Parts<R> {
    input: BufReader<R>,
    layout: Layout,
    limit: usize,
    number: u64,
}

impl<R: Read> Parts<R> {
    /// The messages that can be had without waiting, at least one unless the input is over. Is it over?
    fn chunk(&mut self) -> (Vec<Result<Entry, InputError>>, bool) {
        let mut chunk = Vec::new();
        let mut length = 0;
        let is_over = loop {
            match self.next_part() {
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
            if length >= CHUNK || !self.input.buffer().contains(&self.layout.end()) {
                break false;
            }
        };
        (chunk, is_over)
    }

    /// The next part that is to be a message.
    fn next_part(&mut self) -> io::Result<Option<Result<Entry, InputError>>> {
        while let Some(part) = self.cut()? {
            let place = self.place();
            let body = match part {
                Ok(bytes) => self.layout.body(place, &bytes),
                Err(error) => Err(error),
            };
            if let Some(body) = body.transpose() {
                return Ok(Some(body.map(|body| Entry { place, body })));
            }
        }
        Ok(None)
    }

    /// The bytes of the next part, without its end.
    fn cut(&mut self) -> io::Result<Option<Result<Vec<u8>, InputError>>> {
        let mut bytes = Vec::new();
        // Two bytes for the line end.
        let room = self.limit.saturating_add(2);
        let end = self.layout.end();
        (&mut self.input).take(room as u64).read_until(end, &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let is_whole = bytes.pop_if(|last| *last == end).is_some();
        if is_whole && end == b'\n' {
            bytes.pop_if(|last| *last == b'\r');
        } else if !is_whole && bytes.len() == room {
            self.input.skip_until(end)?;
        }
        if bytes.len() > self.limit {
            return Ok(Some(Err(InputError::TooLong { place: self.place(), limit: self.limit })));
        }
        Ok(Some(Ok(bytes)))
    }

    fn place(&self) -> Place {
        if self.layout == Layout::Nul { Place::Message(self.number) } else { Place::Line(self.number) }
    }
}

impl Layout {
    /// What each message ends with.
    fn end(self) -> u8 {
        if self == Layout::Nul { 0 } else { b'\n' }
    }

    /// At least as many bytes as a message can take that fits into a body.
    fn limit(self, max_body: usize) -> usize {
        match self {
            Layout::Lines | Layout::Nul | Layout::Whole => max_body.saturating_mul(2), // UTF-8 is up to 3/2 of UTF-16
            Layout::Binary => max_body,
            Layout::Hex => max_body.saturating_mul(3),
            Layout::Jsonl => max_body.saturating_mul(6).saturating_add(4096), // \u00e9 may be one byte; names
        }
    }

    /// The message, or nothing if it is none.
    fn body(self, place: Place, bytes: &[u8]) -> Result<Option<Body>, InputError> {
        match self {
            Layout::Hex => {
                let digits: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
                let bytes = HEXLOWER_PERMISSIVE.decode(&digits);
                let malformed =
                    |error: data_encoding::DecodeError| InputError::Malformed { place, why: error.to_string() };
                bytes.map(|bytes| Some(Body::Binary(bytes))).map_err(malformed)
            }
            Layout::Jsonl => jsonl::body(&text(place, bytes)?).map_err(|why| InputError::Malformed { place, why }),
            _ => Ok(Some(Body::Text(text(place, bytes)?))),
        }
    }
}

fn text(place: Place, bytes: &[u8]) -> Result<String, InputError> {
    match Text::decode(Encoding::Utf8, bytes) {
        Ok(text) => Ok(text.to_str().into_owned()),
        Err(Fault::BadText { offset, .. }) => Err(InputError::BadText { place, offset }),
        Err(_) => Err(InputError::BadText { place, offset: 0 }),
    }
}

impl Place {
    /// From 1.
    pub(crate) fn number(self) -> u64 {
        match self {
            Place::All => 1,
            Place::Line(number) | Place::Message(number) => number,
        }
    }
}

impl Body {
    /// As it is sent, text in `encoding` if there is one.
    pub(crate) fn content(&self, encoding: Option<Encoding>) -> Content<'_> {
        match (self, encoding) {
            (Body::Text(text) | Body::TextIn(_, text), Some(encoding)) => Content::TextIn(encoding, text),
            (Body::TextIn(encoding, text), None) => Content::TextIn(*encoding, text),
            (Body::Text(text), None) => Content::Text(text),
            (Body::Binary(bytes), _) => Content::Binary(bytes),
        }
    }

    fn length(&self) -> usize {
        match self {
            Body::Text(text) | Body::TextIn(_, text) => text.len(),
            Body::Binary(bytes) => bytes.len(),
        }
    }
}

impl InputError {
    /// Where a message should be; nowhere if nothing more can be read.
    pub(crate) fn place(&self) -> Option<Place> {
        match self {
            InputError::BadText { place, .. }
            | InputError::TooLong { place, .. }
            | InputError::Malformed { place, .. } => Some(*place),
            InputError::Io(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::All => f.write_str("the message"),
            Place::Line(number) => write!(f, "line {number}"),
            Place::Message(number) => write!(f, "message {number}"),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputError::BadText { place, offset } => write!(f, "{place}: bad-text: byte {offset} is not utf-8"),
            InputError::TooLong { place, limit } => write!(f, "{place}: too-long: more than {limit} bytes"),
            InputError::Malformed { place, why } => write!(f, "{place}: malformed: {why}"),
            InputError::Io(error) => write!(f, "standard input: {error}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Lines that were typed: one of each text.
    pub(crate) fn typed(texts: &[&str]) -> Vec<Result<Entry, InputError>> {
        (1..)
            .zip(texts)
            .map(|(line, text)| Ok(Entry { place: Place::Line(line), body: Body::Text((*text).into()) }))
            .collect()
    }

    /// Lines of at most `limit` bytes.
    fn read(input: &'static [u8], limit: usize) -> Vec<String> {
        collect(parts(input, Layout::Lines, limit))
    }

    fn collect(mut messages: Messages) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(chunk) = messages.blocking_recv() {
            all.extend(chunk.into_iter().map(|entry| match entry {
                Ok(Entry { place, body: Body::Text(text) }) => format!("{} {text}", place.number()),
                Ok(Entry { body, .. }) => format!("{body:?}"),
                Err(error) => error.to_string(),
            }));
        }
        all
    }

    #[test]
    fn lines_end_in_lf_or_crlf_and_the_last_one_need_not() {
        assert_eq!(read(b"a\r\nb\n\nc\r\r\nd\re", 9), ["1 a", "2 b", "3 ", "4 c\r", "5 d\re"]);
        assert_eq!(read(b"a\n", 9), ["1 a"]);
        assert_eq!(read(b"", 9), [""; 0]);
    }

    #[test]
    fn bad_line_is_told_with_number_and_offset_and_the_rest_goes_on() {
        assert_eq!(
            read(b"good\nba\xFFd\n\xC3\n\xEF\xBB\xBFa\xFF\nrest", 99),
            [
                "1 good",
                "line 2: bad-text: byte 2 is not utf-8",
                "line 3: bad-text: byte 0 is not utf-8",
                "line 4: bad-text: byte 4 is not utf-8",
                "5 rest"
            ]
        );
    }

    #[test]
    fn byte_order_mark_of_a_line_is_no_text() {
        assert_eq!(read(b"\xEF\xBB\xBFa\r\n", 9), ["1 a"]);
    }

    #[test]
    fn long_line_is_told_and_not_kept() {
        assert_eq!(
            read(b"12345\n123456\n12345\r\n1\n", 5),
            ["1 12345", "line 2: too-long: more than 5 bytes", "3 12345", "4 1"]
        );
        assert_eq!(read(b"123456789\n1\n", 5), ["line 1: too-long: more than 5 bytes", "2 1"]);
        assert_eq!(read(b"12345\r", 5), ["line 1: too-long: more than 5 bytes"]);
        assert_eq!(read(b"123456", 5), ["line 1: too-long: more than 5 bytes"]);
        assert_eq!(read(b"1234567\n8", 5), ["line 1: too-long: more than 5 bytes", "2 8"]);
    }

    #[test]
    fn input_that_fails_ends_behind_its_lines() {
        struct Failing(bool);
        impl Read for Failing {
            fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                bytes[..2].copy_from_slice(b"a\n");
                Ok(2)
            }
        }
        let mut messages = super::messages(Failing(false), Layout::Lines, 9);
        assert!(matches!(messages.blocking_recv().as_deref(), Some([Ok(_)])));
        assert!(matches!(messages.blocking_recv().as_deref(), Some([Err(InputError::Io(_))])));
        assert!(messages.blocking_recv().is_none());
    }

    #[test]
    fn binary_input_is_one_message_of_every_byte() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut messages = messages(io::Cursor::new(bytes.clone()), Layout::Binary, 256);
        let chunk = messages.blocking_recv().unwrap();
        assert_eq!(chunk.first().unwrap().as_ref().unwrap().body, Body::Binary(bytes.clone()));
        let chunk = super::messages(io::Cursor::new(bytes), Layout::Binary, 255).blocking_recv().unwrap();
        assert!(matches!(chunk.as_slice(), [Err(InputError::TooLong { place: Place::All, limit: 255 })]));
    }

    #[test]
    fn text_may_be_all_of_the_input_or_end_in_u_0000() {
        assert_eq!(collect(messages(&b"one\ntwo\n"[..], Layout::Whole, 99)), ["1 one\ntwo\n"]);
        assert_eq!(collect(messages(&b""[..], Layout::Whole, 99)), ["1 "]);
        assert_eq!(
            collect(messages(&b"a\r\n\0\0b\xFF\0c"[..], Layout::Nul, 99)),
            ["1 a\r\n", "2 ", "message 3: bad-text: byte 1 is not utf-8", "4 c"]
        );
    }

    #[test]
    fn hexadecimal_lines_are_bytes() {
        assert_eq!(
            collect(messages(&b"00 FF\r\n\nabc\nxy\n68"[..], Layout::Hex, 99)),
            [
                "Binary([0, 255])",
                "Binary([])",
                "line 3: malformed: invalid length at 2",
                "line 4: malformed: invalid symbol at 0",
                "Binary([104])"
            ]
        );
    }
}

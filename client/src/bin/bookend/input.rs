//! Standard input: lines of text or one binary message, read by a thread, for a console cannot be waited for like
//! a socket.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::thread;

use bookend::{Encoding, Error, Text};
use tokio::sync::mpsc;

/// Bytes of lines that are handed over at a time, once more wait.
const CHUNK: usize = 64 << 10;

/// Messages to send, or why there is none: what one read brought, at a time.
pub(crate) type Messages = mpsc::Receiver<Vec<Result<Entry, InputError>>>;

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The number of its line, from 1; 0 for what is no line.
    pub(crate) line: u64,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Text(String),
    Binary(Vec<u8>),
}

/// Why there is no message.
#[derive(Debug)]
pub(crate) enum InputError {
    /// A line is not UTF-8 from that byte of it on.
    BadText { line: u64, offset: usize },
    /// More bytes than any message has.
    TooLong { line: u64, limit: usize },
    /// Nothing more can be read.
    Io(io::Error),
}

/// One message of text.
pub(crate) fn one(text: String) -> Messages {
    let (sender, messages) = mpsc::channel(1);
    sender.try_send(vec![Ok(Entry { line: 0, body: Body::Text(text) })]).expect("there is room for one");
    messages
}

/// Each line of `input` is a message, the last one with or without its line end, which is CR LF or LF.
pub(crate) fn lines(input: impl Read + Send + 'static, limit: usize) -> Messages {
    let (sender, messages) = mpsc::channel(1);
    thread::spawn(move || {
        let mut lines = Lines { input: BufReader::with_capacity(CHUNK, input), limit, line: 0 };
        loop {
            let (chunk, is_over) = lines.chunk();
            if !chunk.is_empty() && sender.blocking_send(chunk).is_err() || is_over {
                break;
            }
        }
    });
    messages
}

/// All of `input` is one binary message.
pub(crate) fn whole(input: impl Read + Send + 'static, limit: usize) -> Messages {
    let (sender, messages) = mpsc::channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = input.take(limit as u64 + 1).read_to_end(&mut bytes);
        let message = match read {
            Ok(count) if count > limit => Err(InputError::TooLong { line: 0, limit }),
            Ok(_) => Ok(Entry { line: 0, body: Body::Binary(bytes) }),
            Err(error) => Err(InputError::Io(error)),
        };
        // Who is gone needs none.
        let _gone = sender.blocking_send(vec![message]);
    });
    messages
}

struct Lines<R> {
    input: BufReader<R>,
    limit: usize,
    line: u64,
}

impl<R: Read> Lines<R> {
    /// The lines that can be had without waiting, at least one unless the input is over. Is it over?
    fn chunk(&mut self) -> (Vec<Result<Entry, InputError>>, bool) {
        let mut chunk = Vec::new();
        let mut length = 0;
        let is_over = loop {
            match self.next_line() {
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
            if length >= CHUNK || !self.input.buffer().contains(&b'\n') {
                break false;
            }
        };
        (chunk, is_over)
    }

    fn next_line(&mut self) -> io::Result<Option<Result<Entry, InputError>>> {
        let mut bytes = Vec::new();
        // Two bytes for the line end.
        let room = self.limit.saturating_add(2);
        (&mut self.input).take(room as u64).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        let line = self.line;
        let is_whole = bytes.pop_if(|last| *last == b'\n').is_some();
        if is_whole {
            bytes.pop_if(|last| *last == b'\r');
        } else if bytes.len() == room {
            self.input.skip_until(b'\n')?;
        }
        if bytes.len() > self.limit {
            return Ok(Some(Err(InputError::TooLong { line, limit: self.limit })));
        }
        Ok(Some(match Text::decode(Encoding::Utf8, &bytes) {
            Ok(text) => Ok(Entry { line, body: Body::Text(text.to_str().into_owned()) }),
            Err(Error::BadText { offset, .. }) => Err(InputError::BadText { line, offset }),
            Err(_) => Err(InputError::BadText { line, offset: 0 }),
        }))
    }
}

impl Body {
    fn length(&self) -> usize {
        match self {
            Body::Text(text) => text.len(),
            Body::Binary(bytes) => bytes.len(),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputError::BadText { line, offset } => write!(f, "line {line}: bad-text: byte {offset} is not utf-8"),
            InputError::TooLong { line: 0, limit } => write!(f, "standard input: too-long: more than {limit} bytes"),
            InputError::TooLong { line, limit } => write!(f, "line {line}: too-long: more than {limit} bytes"),
            InputError::Io(error) => write!(f, "standard input: {error}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Lines that were typed: one of each text.
    pub(crate) fn typed(texts: &[&str]) -> Vec<Result<Entry, InputError>> {
        (1..).zip(texts).map(|(line, text)| Ok(Entry { line, body: Body::Text((*text).into()) })).collect()
    }

    fn read(input: &'static [u8], limit: usize) -> Vec<String> {
        let mut messages = lines(input, limit);
        let mut all = Vec::new();
        while let Some(chunk) = messages.blocking_recv() {
            all.extend(chunk.into_iter().map(|entry| match entry {
                Ok(Entry { line, body: Body::Text(text) }) => format!("{line} {text}"),
                Ok(other) => format!("{other:?}"),
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
        let mut messages = lines(Failing(false), 9);
        assert!(matches!(messages.blocking_recv().as_deref(), Some([Ok(_)])));
        assert!(matches!(messages.blocking_recv().as_deref(), Some([Err(InputError::Io(_))])));
        assert!(messages.blocking_recv().is_none());
    }

    #[test]
    fn binary_input_is_one_message_of_every_byte() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut messages = whole(io::Cursor::new(bytes.clone()), 256);
        let chunk = messages.blocking_recv().unwrap();
        assert_eq!(chunk.first().unwrap().as_ref().unwrap().body, Body::Binary(bytes.clone()));
        let chunk = whole(io::Cursor::new(bytes), 255).blocking_recv().unwrap();
        assert!(matches!(chunk.as_slice(), [Err(InputError::TooLong { line: 0, limit: 255 })]));
    }
}

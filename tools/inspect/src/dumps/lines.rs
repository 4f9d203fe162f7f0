//! Reads a text line by line: UTF-8 or UTF-16, with or without a byte order mark, with lines of any length.

use std::io::{self, Read};

/// The longest piece of a line, in bytes. A longer line is passed on in pieces.
const PIECE: usize = 64 << 10;
/// The size of a read, in bytes.
const READ: usize = 16 << 10;

/// A line of a text, or a piece of a long one, without its line end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// It is the first piece of the line.
    pub(super) begins: bool,
    /// It is the last piece of the line.
    pub(super) ends: bool,
}

impl<'a> Line<'a> {
    /// The whole line; `None` if this is a piece of a longer one.
    pub(super) fn whole(self) -> Option<&'a str> {
        (self.begins && self.ends).then_some(self.text)
    }
}

/// How the characters of a text are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Units {
    Utf8,
    Utf16Le,
    Utf16Be,
}

/// The encoding of a text that begins with `sample`, and the length of its byte order mark.
pub(super) fn units(sample: &[u8]) -> (Units, usize) {
    match sample {
        [0xEF, 0xBB, 0xBF, ..] => (Units::Utf8, 3),
        [0xFF, 0xFE, ..] => (Units::Utf16Le, 2),
        [0xFE, 0xFF, ..] => (Units::Utf16Be, 2),
        [a, 0, b, 0, ..] if a.min(b) > &0 => (Units::Utf16Le, 0),
        [0, a, 0, b, ..] if a.min(b) > &0 => (Units::Utf16Be, 0),
        _ => (Units::Utf8, 0),
    }
}

/// Reads the lines of a text.
pub(super) struct Lines<R> {
    input: R,
    units: Units,
    /// Bytes of the byte order mark that are still to be skipped.
    mark: usize,
    /// Bytes of a character whose rest has not arrived.
    partial: Vec<u8>,
    text: String,
    at: usize,
    inside: bool,
    ended: bool,
    number: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R, (units, mark): (Units, usize)) -> Lines<R> {
        let (partial, text) = (Vec::new(), String::new());
        Lines { input, units, mark, partial, text, at: 0, inside: false, ended: false, number: 0 }
    }

    /// The number of the last line, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line, or `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let end = rest.iter().position(|&byte| byte == b'\n');
            let (length, used, ends) = match end {
                Some(end) => (end, end + 1, true),
                None if rest.len() >= PIECE || (self.ended && !rest.is_empty()) => (rest.len(), rest.len(), self.ended),
                None if self.ended => return Ok(None),
                None => {
                    self.read()?;
                    continue;
                }
            };
            let begins = !self.inside;
            self.inside = !ends;
            self.number += u64::from(begins);
            let text = &self.text[self.at..self.at + length];
            self.at += used;
            let text = if ends { text.strip_suffix('\r').unwrap_or(text) } else { text };
            return Ok(Some(Line { text, begins, ends }));
        }
    }

    fn read(&mut self) -> io::Result<()> {
        self.text.drain(..self.at);
        self.at = 0;
        let begun = self.partial.len();
        self.partial.resize(begun + READ, 0);
        let count = match self.input.read(&mut self.partial[begun..]) {
            Ok(count) => count,
            Err(error) => {
                self.partial.truncate(begun);
                return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
            }
        };
        self.partial.truncate(begun + count);
        let skipped = self.mark.min(self.partial.len());
        self.partial.drain(..skipped);
        self.mark -= skipped;
        self.ended = count == 0;
        let used = push_text(self.units, &self.partial, &mut self.text);
        self.partial.drain(..used);
        if self.ended && !self.partial.is_empty() {
            self.partial.clear();
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        Ok(())
    }
}

/// Appends the characters of `bytes` to `text`; illegal ones become U+FFFD. Returns how many bytes were used: all but an
/// incomplete character at the end.
pub(super) fn push_text(units: Units, bytes: &[u8], text: &mut String) -> usize {
    let unit = match units {
        Units::Utf8 => return push_utf8(bytes, text),
        Units::Utf16Le => u16::from_le_bytes,
        Units::Utf16Be => u16::from_be_bytes,
    };
    let (pairs, _) = bytes.as_chunks::<2>();
    let last_is_high = pairs.last().is_some_and(|pair| (0xD800..0xDC00).contains(&unit(*pair)));
    let count = pairs.len() - usize::from(last_is_high);
    let characters = char::decode_utf16(pairs[..count].iter().map(|pair| unit(*pair)));
    text.extend(characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)));
    2 * count
}

fn push_utf8(bytes: &[u8], text: &mut String) -> usize {
    let incomplete = match std::str::from_utf8(bytes) {
        Ok(_) => 0,
        Err(_) => (1..=3.min(bytes.len()))
            .find(|&count| {
                let end = std::str::from_utf8(&bytes[bytes.len() - count..]);
                end.is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
            })
            .unwrap_or(0),
    };
    let used = bytes.len() - incomplete;
    text.push_str(&String::from_utf8_lossy(&bytes[..used]));
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(1).min(space.len());
            self.0.read(&mut space[..count])
        }
    }

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(Slow(bytes), units(bytes));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(line.whole().unwrap().to_owned());
        }
        found
    }

    #[test]
    fn every_encoding_gives_the_same_lines() {
        let text = "f5 f8\r\n\u{2026} gr\u{fc}\u{df} \u{1F600}\n\nend";
        let want = ["f5 f8", "\u{2026} gr\u{fc}\u{df} \u{1F600}", "", "end"];
        let wide = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            [b"\xFF\xFE", &little[..]].concat(),
            [b"\xFE\xFF", &big[..]].concat(),
            little,
            big,
        ] {
            assert_eq!(lines(&bytes), want, "{bytes:02x?}");
        }
        assert_eq!(lines(b"a\xE2\x80"), ["a\u{FFFD}"]);
    }

    #[test]
    fn long_line_comes_in_pieces() {
        let text = "a".repeat(3 * PIECE);
        let mut lines = Lines::new(text.as_bytes(), (Units::Utf8, 0));
        let (mut length, mut pieces) = (0, 0);
        while let Some(line) = lines.next().unwrap() {
            assert_eq!(line.begins, pieces == 0);
            assert!(line.text.len() <= PIECE + READ);
            length += line.text.len();
            pieces += 1;
        }
        assert!(pieces >= 3 && length == text.len() && lines.number() == 1);
    }
}

//! Decodes base64 text: either alphabet, with or without padding, line breaks anywhere.

use std::io::{self, Read};

use data_encoding::BASE64_NOPAD;

/// The size of a read, in characters.
const PIECE: usize = 16 << 10;

/// Reads base64 text.
pub(super) struct Base64Reader<R> {
    input: R,
    /// Characters that are not decoded yet.
    digits: Vec<u8>,
    ready: Vec<u8>,
    used: usize,
}

impl<R: Read> Base64Reader<R> {
    pub(super) fn new(input: R) -> Base64Reader<R> {
        Base64Reader { input, digits: Vec::new(), ready: Vec::new(), used: 0 }
    }

    /// Decodes the next bytes. Returns false at the end.
    fn next(&mut self) -> io::Result<bool> {
        let mut piece = [0; PIECE];
        let count = self.input.read(&mut piece)?;
        let more = piece[..count].iter().filter(|byte| !is_ignored(**byte));
        self.digits.extend(more.map(|&byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => byte,
        }));
        let whole = if count == 0 { self.digits.len() } else { self.digits.len() & !3 };
        self.ready = BASE64_NOPAD
            .decode(&self.digits[..whole])
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("not base64: {}", error.kind)))?;
        self.used = 0;
        self.digits.drain(..whole);
        Ok(count > 0)
    }
}

impl<R: Read> Read for Base64Reader<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        while self.used == self.ready.len() {
            if !self.next()? && self.ready.is_empty() {
                return Ok(0);
            }
        }
        let count = (&self.ready[self.used..]).read(space)?;
        self.used += count;
        Ok(count)
    }
}

/// Decodes `text`, which may be the beginning of a longer text. `None` if it is not base64.
pub(super) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.iter().filter(|byte| !is_ignored(**byte)).count();
    let mut bytes = Vec::new();
    // The sample may end inside a group of four characters.
    Base64Reader::new(text).take(digits as u64 / 4 * 3).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn is_ignored(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'='
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        Base64Reader::new(text.as_bytes()).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    #[test]
    fn both_alphabets_padding_and_line_breaks_are_accepted() {
        let bytes = b"\xF5\xF8\x02\x02\0\0\0\x02hi\xF8\xF5".to_vec();
        for text in ["9fgCAgAAAAJoafj1", "9fgC\r\nAgAAAAJoafj1\n", "9fgCAgAAAAJo afj1\n\n"] {
            assert_eq!(read(text), Ok(bytes.clone()), "{text}");
        }
        assert_eq!(read("-_8="), Ok(vec![0xFB, 0xFF]));
        assert_eq!(read("+/8"), Ok(vec![0xFB, 0xFF]));
    }

    #[test]
    fn any_length_is_decoded_and_other_text_is_refused() {
        for length in [0_usize, 1, 2, 3, 4, 50_000, 50_001, 50_002] {
            let bytes: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[0]).collect();
            assert_eq!(read(&data_encoding::BASE64_MIME.encode(&bytes)), Ok(bytes));
        }
        assert!(read("9fgC?").unwrap_err().contains("not base64"));
        assert_eq!(decoded(b"9fgCAgA"), Some(b"\xF5\xF8\x02".to_vec()));
        assert_eq!(decoded(b"hello, you"), None);
    }
}

//! Decodes base64, alone and in the YAML of Wireshark and tshark: either alphabet, with or without padding.

use data_encoding::BASE64_NOPAD;

use super::lines::Line;
use super::piece::{Decoder, Out};
use crate::side::Side;

/// Decodes base64.
#[derive(Default)]
pub(super) struct Base64 {
    /// Characters that are not decoded yet.
    digits: Vec<u8>,
}

impl Base64 {
    fn push(&mut self, text: &str) -> Result<Vec<u8>, String> {
        let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=');
        self.digits.extend(digits.map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => byte,
        }));
        let whole = self.digits.len() & !3;
        let decoded = decode(&self.digits[..whole]);
        self.digits.drain(..whole);
        decoded
    }

    fn finish(&mut self) -> Result<Vec<u8>, String> {
        decode(&std::mem::take(&mut self.digits))
    }
}

fn decode(digits: &[u8]) -> Result<Vec<u8>, String> {
    BASE64_NOPAD.decode(digits).map_err(|error| format!("not base64: {}", error.kind))
}

impl Decoder for Base64 {
    fn line(&mut self, line: Line<'_>, out: &mut Out) -> Result<(), String> {
        let bytes = self.push(line.text)?;
        out.push(None, false, &bytes);
        Ok(())
    }

    fn end(&mut self, out: &mut Out) -> Result<(), String> {
        let bytes = self.finish()?;
        out.push(None, false, &bytes);
        Ok(())
    }
}

/// Decodes the YAML of Wireshark's Follow and of `tshark -z follow,tcp,yaml`.
#[derive(Default)]
pub(super) struct Yaml {
    side: Option<Side>,
    /// The indentation of the line `data: !!binary |`, inside its block.
    block: Option<usize>,
    base64: Base64,
}

impl Decoder for Yaml {
    fn line(&mut self, line: Line<'_>, out: &mut Out) -> Result<(), String> {
        let text = line.text.trim();
        let indent = line.text.len() - line.text.trim_start().len();
        if let Some(block) = self.block {
            if !line.begins || (indent > block && !text.is_empty()) {
                let bytes = self.base64.push(text)?;
                out.push(self.side, false, &bytes);
                return Ok(());
            }
            self.end(out)?;
        }
        let peer = |text: &str| match text.strip_prefix("peer") {
            Some(rest) if rest.trim_start_matches([':', ' ']).starts_with('0') => Some(Side::Client),
            Some(rest) if rest.trim_start_matches([':', ' ']).starts_with('1') => Some(Side::Server),
            _ => None,
        };
        self.side = peer(text.trim_start_matches("- ")).or(self.side);
        if let Some((_, data)) = text.split_once("!!binary") {
            self.block = Some(indent);
            let bytes = self.base64.push(data.trim().trim_matches(['|', '>', '-', '"', ' ']))?;
            out.push(self.side, true, &bytes);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Out) -> Result<(), String> {
        self.block = None;
        let bytes = self.base64.finish()?;
        out.push(self.side, false, &bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u8>, String> {
        let (mut decoder, mut out) = (Base64::default(), Out::default());
        for text in text.lines() {
            decoder.line(Line { text, begins: true, ends: true }, &mut out)?;
        }
        decoder.end(&mut out)?;
        Ok(out.pieces().flat_map(|piece| piece.bytes.clone()).collect())
    }

    #[test]
    fn both_alphabets_padding_and_line_breaks_are_accepted() {
        let bytes = b"\xF5\xF8\x02\x02\0\0\0\x02hi\xF8\xF5".to_vec();
        for text in ["9fgCAgAAAAJoafj1", "9fgC\r\nAgAAAAJoafj1\n", "9fgCAgAAAAJo afj1\n\n"] {
            assert_eq!(read(text), Ok(bytes.clone()), "{text}");
        }
        assert_eq!(read("-_8="), Ok(vec![0xFB, 0xFF]));
        assert_eq!(read("+/8"), Ok(vec![0xFB, 0xFF]));
        assert!(read("9fgC?").unwrap_err().contains("not base64"));
    }

    #[test]
    fn any_length_is_decoded() {
        for length in [0_usize, 1, 2, 3, 4, 50_000, 50_001, 50_002] {
            let bytes: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[0]).collect();
            assert_eq!(read(&data_encoding::BASE64_MIME.encode(&bytes)), Ok(bytes));
        }
    }
}

//! Decodes hexadecimal text: plain digits, and the dumps of xxd, hexdump, od and Wireshark.

use std::io::{self, BufRead, Read};

/// The longest piece of a line that is processed at a time, in bytes. The lines of a dump are far shorter.
const PIECE: u64 = 16 << 10;
/// The most bytes that a `*` line of hexdump may stand for.
const MAX_REPEATED: u64 = 1 << 20;

/// Reads hexadecimal text.
pub(super) struct HexReader<R> {
    input: R,
    line: Vec<u8>,
    line_number: u64,
    /// The line continues after the piece.
    inside: bool,
    /// The first digit of a byte whose second digit has not arrived.
    half: Option<u8>,
    /// A row with an offset was read.
    in_dump: bool,
    /// Bytes since the dump began.
    position: u64,
    /// The last row of a dump, which `*` repeats.
    row: Vec<u8>,
    repeats: bool,
    ready: Vec<u8>,
    used: usize,
}

impl<R: BufRead> HexReader<R> {
    pub(super) fn new(input: R) -> HexReader<R> {
        HexReader {
            input,
            line: Vec::new(),
            line_number: 0,
            inside: false,
            half: None,
            in_dump: false,
            position: 0,
            row: Vec::new(),
            repeats: false,
            ready: Vec::new(),
            used: 0,
        }
    }

    /// Decodes the next bytes. Returns false at the end.
    fn next(&mut self) -> io::Result<bool> {
        self.ready.clear();
        self.used = 0;
        self.line.clear();
        self.input.by_ref().take(PIECE).read_until(b'\n', &mut self.line)?;
        if self.line.is_empty() {
            return if self.half.is_some() {
                Err(self.wrong("the second digit of a byte is missing"))
            } else {
                Ok(false)
            };
        }
        if !self.inside {
            self.line_number += 1;
        }
        let line = std::mem::take(&mut self.line);
        let read = self.read_line(&line);
        self.inside = !line.ends_with(b"\n");
        self.line = line;
        read.map_err(|why| self.wrong(why))?;
        self.position += self.ready.len() as u64;
        Ok(true)
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        if !self.inside {
            if line.trim_ascii() == b"*" {
                self.repeats = true;
                return Ok(());
            }
            if let Some((offset, rest)) = split_offset(line, self.in_dump) {
                self.begin_row(offset)?;
                self.in_dump = true;
                let row = row(rest);
                self.ready.extend_from_slice(&row);
                self.row = row;
                return Ok(());
            }
        }
        self.digits(line)
    }

    /// Begins a row at `offset`, which is the end of the previous row, or of the rows that `*` stands for.
    fn begin_row(&mut self, offset: u64) -> Result<(), &'static str> {
        let repeats = std::mem::take(&mut self.repeats);
        match offset.checked_sub(self.position) {
            Some(0) => {}
            Some(missing) if repeats && !self.row.is_empty() && missing <= MAX_REPEATED => {
                let count = usize::try_from(missing).expect("it is 1 MiB at most");
                self.ready.extend(self.row.iter().cycle().take(count));
            }
            None if offset == 0 => self.position = 0,          // another dump
            _ if self.position == 0 => self.position = offset, // a dump that begins inside the data
            _ => return Err("the offset does not follow from the rows before"),
        }
        Ok(())
    }

    fn digits(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let mut rest = line;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match (byte, after) {
                (b'0', [b'x' | b'X', after @ ..]) | (b'\\', [b'x', after @ ..]) if self.half.is_none() => after,
                _ => {
                    match (digit(byte), self.half.take()) {
                        (Some(low), Some(high)) => self.ready.push(high << 4 | low),
                        (Some(high), None) => self.half = Some(high),
                        (None, Some(_)) => return Err("the second digit of a byte is missing"),
                        (None, None) if is_separator(byte) => {}
                        (None, None) => return Err("not a hexadecimal digit"),
                    }
                    after
                }
            };
        }
        Ok(())
    }

    fn wrong(&self, why: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("line {} of the hexadecimal text: {why}", self.line_number))
    }
}

impl<R: BufRead> Read for HexReader<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        while self.used == self.ready.len() {
            if !self.next()? {
                return Ok(0);
            }
        }
        let count = (&self.ready[self.used..]).read(space)?;
        self.used += count;
        Ok(count)
    }
}

/// True if `text` is hexadecimal. Unless it is `complete`, it may be the beginning of a longer text.
pub(super) fn is_hex(text: &[u8], complete: bool) -> bool {
    // The last line may be cut off.
    let end = if complete { text.len() } else { text.iter().rposition(|&byte| byte == b'\n').unwrap_or(text.len()) };
    let text = if end == 0 { text } else { &text[..end] };
    let cut = end == text.len() && !complete && !text.contains(&b'\n');
    let mut bytes = Vec::new();
    match HexReader::new(text).read_to_end(&mut bytes) {
        Ok(_) => !bytes.is_empty(),
        Err(_) => cut && text.iter().all(|&byte| digit(byte).is_some() || is_separator(byte)),
    }
}

/// The offset at the beginning of a row of a dump, and the rest of the row.
fn split_offset(line: &[u8], in_dump: bool) -> Option<(u64, &[u8])> {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"0x").unwrap_or(line);
    let length = line.iter().take_while(|&&byte| digit(byte).is_some()).count();
    let (number, rest) = line.split_at(length);
    if !(4..=16).contains(&length) {
        return None;
    }
    let offset = u64::from_str_radix(std::str::from_utf8(number).ok()?, 16).ok()?;
    if let Some(rest) = rest.strip_prefix(b":") {
        return Some((offset, rest));
    }
    // Without a colon, digits are an offset only if single bytes follow, and inside a dump or where they are 0. The last
    // line of a dump may be an offset alone.
    let blank = rest.first().is_some_and(u8::is_ascii_whitespace);
    let single = blank && rest.trim_ascii_start().iter().take_while(|&&byte| digit(byte).is_some()).count() == 2;
    let fits = if in_dump { single || rest.is_empty() } else { single && offset == 0 };
    fits.then_some((offset, rest))
}

/// The bytes of a row, without the column of characters.
fn row(text: &[u8]) -> Vec<u8> {
    let text = &text[..text.iter().position(|&byte| byte == b'|').unwrap_or(text.len())];
    let mut bytes = Vec::new();
    let mut rest = text.trim_ascii_start();
    while bytes.len() < MAX_ROW {
        let length = rest.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
        let (word, after) = rest.split_at(length);
        let digits: Option<Vec<u8>> = word.iter().map(|&byte| digit(byte)).collect();
        match digits {
            Some(digits) if !digits.is_empty() && digits.len() % 2 == 0 => {
                bytes.extend(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
            }
            _ => break,
        }
        let gap = after.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        rest = &after[gap..];
        // Two blanks precede the characters; they also divide a row of sixteen bytes.
        if gap >= 2 && !(bytes.len() == MAX_ROW / 2 && has_second_half(rest)) {
            break;
        }
    }
    bytes.truncate(MAX_ROW);
    bytes
}

/// The most bytes of a row.
const MAX_ROW: usize = 16;

/// True if bytes follow, rather than characters.
fn has_second_half(text: &[u8]) -> bool {
    matches!(text, [a, b] | [a, b, b' ' | b'\t' | b'\r', ..] if digit(*a).is_some() && digit(*b).is_some())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b",;:-_\"'{}[]()".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let text = text.as_bytes();
        HexReader::new(text).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        assert!(is_hex(text, true));
        Ok(bytes)
    }

    const BYTES: &[u8] = b"\xF5\xF8\x02\x02\0\0\0\x0Aabcdefghij\xF8\xF5";

    #[test]
    fn plain_digits_are_read_with_any_separators() {
        for text in [
            "f5f802020000000a6162636465666768696af8f5",
            "F5F8 02 02 0000000A\n6162 6364 6566 6768 696A\r\n F8 F5\n\n",
            "f5f80202\n0000000a\n61626364\n",
            "f5:f8:02:02:00:00:00:0a:61:62:63:64:65:66:67:68:69:6a:f8:f5",
            "0xf5, 0xf8, 0x02, 0x02, 0, 0".strip_suffix(", 0, 0").unwrap(),
            r"\xf5\xf8\x02\x02",
        ] {
            let bytes = read(text).unwrap();
            assert!(BYTES.starts_with(&bytes) && bytes.len() >= 4, "{text}: {bytes:02x?}");
        }
    }

    #[test]
    fn dumps_are_read() {
        for text in [
            "00000000: f5f8 0202 0000 000a 6162 6364 6566 6768  ........abcdefgh\n00000010: 696a f8f5                                ij..\n",
            "00000000  f5 f8 02 02 00 00 00 0a  61 62 63 64 65 66 67 68  |........abcdefgh|\n00000010  69 6a f8 f5                                       |ij..|\n00000014\n",
            "000000 f5 f8 02 02 00 00 00 0a 61 62 63 64 65 66 67 68\n000010 69 6a f8 f5\n000014\n",
            "0000   f5 f8 02 02 00 00 00 0a 61 62 63 64 65 66 67 68   ........abcdefgh\n0010   69 6a f8 f5                                       ij..\n",
            "    0000  f5 f8 02 02 00 00 00 0a 61 62 63 64 65 66 67 68  ........abcdefgh\n    0010  69 6a f8 f5                                      ij..\n",
            "0x0000:  f5f8 0202 0000 000a 6162 6364 6566 6768  ........abcdefgh\n0x0010:  696a f8f5",
            "00000000: f5f8 0202 0000 000a  ........\n00000008: 6162 6364 6566 6768  abcdefgh\n00000010: 696a f8f5            ij..\n",
        ] {
            assert_eq!(read(text).as_deref(), Ok(BYTES), "{text}");
        }
    }

    #[test]
    fn characters_beside_a_row_are_not_bytes() {
        let text = "00000000: 6162 6320 6465 2066 6666 6666 6666 6666  abc de fffffffff\n";
        assert_eq!(read(text).unwrap(), b"abc de fffffffff"[..16].to_vec());
        assert_eq!(read("00000000: 6162 2063  ab c\n").unwrap(), b"ab c");
    }

    #[test]
    fn asterisk_repeats_the_row() {
        let text = "00000000  61 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  |aaaaaaaaaaaaaaaa|\n*\n00000030  62  |b|\n00000031\n";
        assert_eq!(read(text).unwrap(), [&[b'a'; 48][..], b"b"].concat());
    }

    #[test]
    fn consecutive_dumps_are_one_stream() {
        assert_eq!(read("0000  61 62  ab\n0000  63 64  cd\n").unwrap(), b"abcd");
    }

    #[test]
    fn error_names_the_line() {
        let wrong = |text: &str| HexReader::new(text.as_bytes()).read_to_end(&mut Vec::new()).unwrap_err().to_string();
        assert_eq!(wrong("f5f8\nzz\n"), "line 2 of the hexadecimal text: not a hexadecimal digit");
        assert_eq!(wrong("f5f"), "line 1 of the hexadecimal text: the second digit of a byte is missing");
        assert!(wrong("00000000: f5f8\n00000010: 0202\n").contains("line 2"), "a row is missing");
    }

    #[test]
    fn other_text_is_not_recognised_as_hex() {
        for text in ["", "\n", "hello", "GET / HTTP/1.1\r\n", "Bookend hub, Sun\r\n"] {
            assert!(!is_hex(text.as_bytes(), true), "{text}");
        }
        assert!(is_hex(b"f5f8020", false));
        assert!(is_hex(b"00000000: f5f8 0202 0000 000a 6162 6364 6566 6768  ........abcdefgh\n000000", false));
    }

    #[test]
    fn line_may_be_of_any_length() {
        let text = "61".repeat(100_000);
        assert_eq!(read(&text).unwrap(), vec![b'a'; 100_000]);
        let text = format!("6{}", "16".repeat(50_000)) + "1";
        assert_eq!(read(&text).unwrap(), vec![b'a'; 50_001]);
    }
}

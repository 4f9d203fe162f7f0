//! Corrections in a line before its end, from a terminal that sends each key as it is typed (R9.42).

/// Ctrl-H, which some terminals send for the backspace key.
pub(super) const BACKSPACE: u8 = 0x08;
/// What the others send for it.
pub(super) const DELETE: u8 = 0x7F;

/// The most bytes of a character in UTF-8.
const LONGEST: usize = 4;

/// Removes the last character: its bytes in UTF-8, also if they are incomplete, or one byte of other text.
pub(super) fn erase_character(line: &mut Vec<u8>) {
    let last = &line[line.len().saturating_sub(LONGEST)..];
    let length = match last.iter().rev().position(|byte| !is_continuation(*byte)) {
        Some(following) if is_start(last[last.len() - 1 - following], following) => following + 1,
        _ => 1,
    };
    line.truncate(line.len().saturating_sub(length));
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// True if a character begins with this byte and may have so many bytes after it.
fn is_start(byte: u8, following: usize) -> bool {
    following == 0 || following < byte.leading_ones() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erased(line: &[u8]) -> Vec<u8> {
        let mut line = line.to_vec();
        erase_character(&mut line);
        line
    }

    #[test]
    fn a_character_of_any_length_is_erased_whole_and_other_text_by_bytes() {
        // [R9.42]
        for (line, rest) in [("ab", "a"), ("aß", "a"), ("a漢", "a"), ("a😀", "a"), ("", ""), ("😀😀", "😀")] {
            assert_eq!(erased(line.as_bytes()), rest.as_bytes(), "{line}");
        }
        for (line, rest) in [
            (&b"a\xF0\x9F"[..], &b"a"[..]), // half a character
            (b"gr\xFC", b"gr"),             // Latin-1
            (b"a\x80", b"a"),               // a stray continuation byte
            (b"\x80\x80\x80\x80\x80", b"\x80\x80\x80\x80"),
            (b"\xC3\x9F\x9F", b"\xC3\x9F"),
        ] {
            assert_eq!(erased(line), rest, "{}", line.escape_ascii());
        }
    }
}

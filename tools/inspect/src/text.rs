//! Shows the bytes of a stream as text that is safe for a terminal and omits nothing silently.

use std::fmt::Write as _;

use bookend::{Encoding, Text, escaped};

/// Decodes bytes, and shows illegal ones as `\xhh`. If `cut`, more bytes follow, and an incomplete character at the end
/// is omitted.
pub(super) fn shown(encoding: Encoding, bytes: &[u8], cut: bool) -> String {
    match encoding {
        Encoding::Binary => hex(bytes),
        Encoding::Ascii => narrow(bytes, cut, true),
        Encoding::Utf8 => narrow(bytes, cut, false),
        Encoding::Utf16Be => wide(bytes, cut, u16::from_be_bytes),
        Encoding::Utf16Le => wide(bytes, cut, u16::from_le_bytes),
    }
}

/// Two digits per byte, separated by blanks.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(3 * bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        let gap = if at == 0 { "" } else { " " };
        write!(shown, "{gap}{byte:02x}").expect("writing to a String does not fail");
    }
    shown
}

fn narrow(bytes: &[u8], cut: bool, ascii: bool) -> String {
    let mut shown = String::with_capacity(bytes.len());
    let mut left = bytes.len();
    for chunk in bytes.utf8_chunks() {
        left -= chunk.valid().len() + chunk.invalid().len();
        if ascii && !chunk.valid().is_ascii() {
            for character in chunk.valid().chars() {
                if character.is_ascii() {
                    push(&mut shown, character)
                } else {
                    raw(&mut shown, character.encode_utf8(&mut [0; 4]).as_bytes())
                }
            }
        } else {
            write!(shown, "{}", escaped(chunk.valid())).expect("writing to a String does not fail");
        }
        let breaks_off = cut && left == 0 && chunk.invalid().len() < 4 && !ascii;
        if !breaks_off {
            raw(&mut shown, chunk.invalid());
        }
    }
    shown
}

fn wide(bytes: &[u8], cut: bool, unit: fn([u8; 2]) -> u16) -> String {
    let mut shown = String::with_capacity(bytes.len());
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let odd = units.len() * 2;
    let count = units.len();
    let mut at = 0;
    for character in char::decode_utf16(units) {
        match character {
            Ok(character) => push(&mut shown, character),
            Err(_) if cut && at + 1 == count => {}
            Err(_) => raw(&mut shown, &bytes[2 * at..2 * at + 2]),
        }
        at += character.map_or(1, char::len_utf16);
    }
    if !cut {
        raw(&mut shown, &bytes[odd..]);
    }
    shown
}

fn push(shown: &mut String, character: char) {
    write!(shown, "{}", escaped(character.encode_utf8(&mut [0; 4]))).expect("writing to a String does not fail");
}

fn raw(shown: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(shown, "\\x{byte:02x}").expect("writing to a String does not fail");
    }
}

/// The text, if the bytes are legal. If `cut`, more bytes follow, and an incomplete character at the end is omitted.
pub(super) fn legal(encoding: Encoding, bytes: &[u8], cut: bool) -> Option<String> {
    match Text::decode(encoding, bytes) {
        Ok(text) => Some(text.to_str().into_owned()),
        Err(bookend::Fault::BadText { offset, .. }) if cut && offset > 0 && offset + 4 > bytes.len() => {
            legal(encoding, &bytes[..offset], false)
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_omitted_and_controls_are_escaped() {
        assert_eq!(shown(Encoding::Utf8, b"gr\xFC\xDF \x1B[31m", false), "gr\\xfc\\xdf \\u{1b}[31m");
        assert_eq!(shown(Encoding::Utf8, "grüß\u{202E}\n".as_bytes(), false), "grüß\\u{202e}\\u{a}");
        assert_eq!(shown(Encoding::Ascii, "aü".as_bytes(), false), "a\\xc3\\xbc");
        assert_eq!(shown(Encoding::Utf16Le, b"h\0\x1B\0\0\xD8i\0x", false), "h\\u{1b}\\x00\\xd8i\\x78");
        assert_eq!(shown(Encoding::Utf16Be, b"\xD8\x3D\xDE\0", false), "😀");
        assert_eq!(shown(Encoding::Binary, b"\x1B[", false), "1b 5b");
    }

    #[test]
    fn incomplete_character_at_a_cut_is_omitted() {
        assert_eq!(shown(Encoding::Utf8, b"gr\xC3", true), "gr");
        assert_eq!(shown(Encoding::Utf16Be, b"\0a\xD8\x3D", true), "a");
        assert_eq!(shown(Encoding::Utf16Be, b"\0a\0", true), "a");
        assert_eq!(legal(Encoding::Utf8, b"gr\xC3", true).as_deref(), Some("gr"));
        assert_eq!(legal(Encoding::Utf8, b"gr\xC3", false), None);
        assert_eq!(legal(Encoding::Utf8, b"g\xFCxxxxx", true), None);
    }
}

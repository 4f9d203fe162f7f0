//! The law of text (SPEC 5).

use bookend::{Encoding, Fault, Misuse, Text, text};

use crate::{Verdict, reason};

/// The four encodings of text.
pub const ENCODINGS: [Encoding; 4] = [Encoding::Ascii, Encoding::Utf8, Encoding::Utf16Be, Encoding::Utf16Le];

/// Text that was found legal, and whether a byte order mark was removed.
pub type Decoded = Result<(String, bool), Fault>;

/// The crate's own check and conversion.
///
/// # Errors
/// [`Fault::BadText`].
pub fn decode(encoding: Encoding, bytes: &[u8]) -> Decoded {
    Text::decode(encoding, bytes).map(|text| (text.to_str().into_owned(), text.had_bom()))
}

/// The law of text for some bytes, and for the text that they are, under each encoding.
///
/// # Errors
/// How the law is broken.
pub fn every(bytes: &[u8]) -> Verdict {
    for encoding in ENCODINGS {
        received(decode, encoding, bytes)?;
        if let Ok((text, _)) = decode(encoding, bytes) {
            for encoding in ENCODINGS {
                sent(decode, encoding, &text)?;
            }
        }
    }
    Ok(())
}

/// Law 7, for bytes received. Legal text, written again, is the same bytes without one byte order mark. In other text,
/// everything before the offset is legal, and nothing longer is. The standard library is the reference.
///
/// # Errors
/// How the law is broken.
pub fn received(decode: impl Fn(Encoding, &[u8]) -> Decoded, encoding: Encoding, bytes: &[u8]) -> Verdict {
    let marked = mark(encoding).is_some_and(|mark| bytes.starts_with(mark));
    let content = &bytes[if marked { mark(encoding).map_or(0, <[u8]>::len) } else { 0 }..];
    let judged = decode(encoding, bytes);
    match &judged {
        Ok((text, bom)) => {
            demand!(*bom == marked, "text: {bytes:02x?} begin with a byte order mark: {marked}, not {bom}");
            let written = units(encoding, text);
            demand!(written == content, "text: {bytes:02x?} in {encoding} were read, {written:02x?} written");
        }
        Err(error @ Fault::BadText { encoding: named, offset }) => {
            reason::sendable(error.name(), error)?;
            demand!(*named == encoding, "text: {encoding} is called {named}");
            demand!(*offset < bytes.len(), "text: offset {offset} of {} bytes", bytes.len());
            let before = decode(encoding, &bytes[..*offset]);
            demand!(before.is_ok(), "text: {bytes:02x?} in {encoding} fail at {offset}, but so does what is before");
            for longer in offset + 1..=bytes.len().min(offset + 4) {
                let legal = decode(encoding, &bytes[..longer]).is_ok();
                demand!(!legal, "text: {bytes:02x?} in {encoding} fail at {offset}, but {longer} bytes are legal");
            }
        }
        Err(error) => return Err(format!("text: {error:?} for {bytes:02x?}")),
    }
    let legal = !is_other_mark(encoding, bytes) && legal(encoding, content);
    demand!(judged.is_ok() == legal, "text: {bytes:02x?} in {encoding} is {judged:?}, but legal: {legal}");
    Ok(())
}

/// Law 7, for text to send. What an encoding carries arrives unchanged, without a byte order mark at its start. An error
/// gives the offset of the first character that the encoding cannot carry. Escaped, such characters are carried.
///
/// # Errors
/// How the law is broken.
pub fn sent(decode: impl Fn(Encoding, &[u8]) -> Decoded, encoding: Encoding, wanted: &str) -> Verdict {
    let missing = missing(encoding, wanted);
    let mut wire = b"before".to_vec();
    match text::encode(encoding, wanted, &mut wire) {
        Ok(()) => {
            let came = decode(encoding, &wire[6..]);
            let same = wanted.trim_start_matches(MARK);
            demand!(came == Ok((same.into(), false)), "text: {wanted:?} was sent in {encoding}, {came:?} came");
            demand!(missing.is_empty(), "text: {encoding} does not carry {wanted:?}, but sent it");
        }
        Err(misuse @ Misuse::UnmappableText { encoding: named, offset }) => {
            reason::sendable(misuse.name(), misuse)?;
            demand!(named == encoding, "text: {encoding} is called {named}");
            demand!(wire == b"before", "text: {wanted:?} was refused, but {wire:02x?} written");
            let first = missing.first() == Some(&offset);
            demand!(first, "text: {offset} is refused of {wanted:?} in {encoding}, but it lacks {missing:?}");
        }
        Err(error) => return Err(format!("text: {error:?} for {wanted:?}")),
    }

    let (shown, count) = text::escape_unmappable(encoding, wanted);
    demand!(count == missing.len(), "text: {count} escapes in {shown:?}, but {encoding} lacks {missing:?}");
    wire.clear();
    let carried = text::encode(encoding, &shown, &mut wire).is_ok();
    demand!(carried, "text: {wanted:?} is shown as {shown:?}, which {encoding} does not carry");
    let escaped = wanted.char_indices().fold(String::new(), |escaped, (at, character)| {
        if missing.contains(&at) {
            escaped + &character.escape_unicode().to_string()
        } else {
            escaped + &character.to_string()
        }
    });
    demand!(shown == escaped, "text: {wanted:?} is shown as {shown:?}, but {encoding} lacks {missing:?}");
    Ok(())
}

/// The offsets of the characters that text in `encoding` cannot carry (R5.1, R5.15).
fn missing(encoding: Encoding, text: &str) -> Vec<usize> {
    let content = text.len() - text.trim_start_matches(MARK).len();
    let carries = |at: usize, character: char| match encoding {
        Encoding::Ascii => character.is_ascii(),
        Encoding::Utf16Be | Encoding::Utf16Le => !(at == content && character == '\u{FFFE}'),
        Encoding::Binary | Encoding::Utf8 => true,
    };
    text.char_indices().filter(|&(at, character)| !carries(at, character)).map(|(at, _)| at).collect()
}

/// The byte order mark as a character.
pub(crate) const MARK: char = '\u{FEFF}';

/// SPEC 5 by means of the standard library, slow and plain, without byte order marks.
fn legal(encoding: Encoding, bytes: &[u8]) -> bool {
    let utf16 = |unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        bytes.len().is_multiple_of(2) && char::decode_utf16(units).all(|unit| unit.is_ok())
    };
    match encoding {
        Encoding::Binary => false,
        Encoding::Ascii => bytes.iter().all(|&byte| byte < 0x80),
        Encoding::Utf8 => std::str::from_utf8(bytes).is_ok(),
        Encoding::Utf16Be => utf16(u16::from_be_bytes),
        Encoding::Utf16Le => utf16(u16::from_le_bytes),
    }
}

/// The bytes of `text` in an encoding that can carry it, by the standard library.
#[must_use]
pub fn units(encoding: Encoding, text: &str) -> Vec<u8> {
    match encoding {
        Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => text.into(),
    }
}

/// The byte order mark of an encoding.
pub(crate) fn mark(encoding: Encoding) -> Option<&'static [u8]> {
    match encoding {
        Encoding::Utf8 => Some(b"\xEF\xBB\xBF"),
        Encoding::Utf16Be => Some(b"\xFE\xFF"),
        Encoding::Utf16Le => Some(b"\xFF\xFE"),
        Encoding::Binary | Encoding::Ascii => None,
    }
}

fn is_other_mark(encoding: Encoding, bytes: &[u8]) -> bool {
    match encoding {
        Encoding::Utf16Be => bytes.starts_with(b"\xFF\xFE"),
        Encoding::Utf16Le => bytes.starts_with(b"\xFE\xFF"),
        _ => false,
    }
}

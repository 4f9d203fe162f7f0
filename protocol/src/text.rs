//! Text: checked, lossless conversion between `str` and the encodings of the wire (SPEC 5).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use byteorder::{BigEndian, ByteOrder, LittleEndian};

use crate::encoding::Encoding;
use crate::fault::Fault;
use crate::misuse::Misuse;
use crate::shown::Excerpt;

/// Text that has been checked against its encoding, borrowed from a frame.
///
/// ```
/// use bookend::{Encoding, Fault, Text};
/// let text = Text::decode(Encoding::Utf16Be, b"\0h\0i")?;
/// assert_eq!((text.encoding(), &*text.to_str()), (Encoding::Utf16Be, "hi"));
/// let bad = Text::decode(Encoding::Ascii, b"gr\xFC\xDF");
/// assert_eq!(bad, Err(Fault::BadText { encoding: Encoding::Ascii, offset: 2 }));
/// # Ok::<(), Fault>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<'a>(Form<'a>);

/// One tag beside the slice, and no more fields: every message passes through here by value, and a wide copy of small
/// fields that were just written is slow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form<'a> {
    Ascii(&'a str),
    Utf8(&'a str),
    /// An even number of bytes without an unpaired surrogate, as in the other three.
    Utf16Be(&'a [u8]),
    Utf16Le(&'a [u8]),
    Utf8AfterBom(&'a str),
    Utf16BeAfterBom(&'a [u8]),
    Utf16LeAfterBom(&'a [u8]),
}

impl<'a> Text<'a> {
    /// Checks `bytes`, and removes one byte order mark (R5.1 to R5.7).
    ///
    /// # Errors
    /// [`Fault::BadText`] with the offset of the first illegal sequence; [`Encoding::Binary`] has no legal text.
    #[inline]
    pub fn decode(encoding: Encoding, bytes: &'a [u8]) -> Result<Text<'a>, Fault> {
        let bom = bom(encoding);
        let marked = !bom.is_empty() && bytes.starts_with(bom);
        let text = if marked { &bytes[bom.len()..] } else { bytes };
        let checked = match encoding {
            Encoding::Binary => Err(0),
            Encoding::Ascii => checked_ascii(text).map(Form::Ascii),
            Encoding::Utf8 => checked_utf8(text).map(if marked { Form::Utf8AfterBom } else { Form::Utf8 }),
            Encoding::Utf16Be => {
                checked_utf16::<BigEndian>(text, marked).map(if marked { Form::Utf16BeAfterBom } else { Form::Utf16Be })
            }
            Encoding::Utf16Le => checked_utf16::<LittleEndian>(text, marked).map(if marked {
                Form::Utf16LeAfterBom
            } else {
                Form::Utf16Le
            }),
        };
        match checked {
            Ok(form) => Ok(Text(form)),
            Err(offset) => Err(Fault::BadText { encoding, offset: bytes.len() - text.len() + offset }),
        }
    }

    /// The text of a `str`, as UTF-8.
    #[inline]
    #[must_use]
    pub const fn utf8(text: &'a str) -> Text<'a> {
        Text(Form::Utf8(text))
    }

    /// Its encoding on the wire.
    #[inline]
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self.0 {
            Form::Ascii(_) => Encoding::Ascii,
            Form::Utf8(_) | Form::Utf8AfterBom(_) => Encoding::Utf8,
            Form::Utf16Be(_) | Form::Utf16BeAfterBom(_) => Encoding::Utf16Be,
            Form::Utf16Le(_) | Form::Utf16LeAfterBom(_) => Encoding::Utf16Le,
        }
    }

    /// Was a byte order mark removed? The sender broke R5.5.
    #[must_use]
    pub fn had_bom(&self) -> bool {
        matches!(self.0, Form::Utf8AfterBom(_) | Form::Utf16BeAfterBom(_) | Form::Utf16LeAfterBom(_))
    }

    /// Can it be sent unchanged: does it not begin with what a receiver would take for a mark (R5.5, R5.15)?
    #[inline]
    pub(crate) fn is_sendable(&self) -> bool {
        match self.0 {
            Form::Ascii(_) | Form::Utf16Be(_) | Form::Utf16Le(_) => true,
            Form::Utf8(text) => !text.starts_with(BOM),
            // Another mark, or U+FFFE, may follow the one that was removed.
            Form::Utf8AfterBom(_) | Form::Utf16BeAfterBom(_) | Form::Utf16LeAfterBom(_) => false,
        }
    }

    /// The bytes on the wire, without byte order mark.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        match self.0 {
            Form::Ascii(text) | Form::Utf8(text) | Form::Utf8AfterBom(text) => text.as_bytes(),
            Form::Utf16Be(bytes)
            | Form::Utf16Le(bytes)
            | Form::Utf16BeAfterBom(bytes)
            | Form::Utf16LeAfterBom(bytes) => bytes,
        }
    }

    /// The text: borrowed from US-ASCII and UTF-8, converted from UTF-16.
    #[must_use]
    pub fn to_str(&self) -> Cow<'a, str> {
        match self.0 {
            Form::Ascii(text) | Form::Utf8(text) | Form::Utf8AfterBom(text) => Cow::Borrowed(text),
            Form::Utf16Be(bytes) | Form::Utf16BeAfterBom(bytes) => Cow::Owned(utf16_to_string::<BigEndian>(bytes)),
            Form::Utf16Le(bytes) | Form::Utf16LeAfterBom(bytes) => Cow::Owned(utf16_to_string::<LittleEndian>(bytes)),
        }
    }
}

impl fmt::Debug for Text<'_> {
    /// The encoding and the text, or the beginning of a long one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Text").field(&self.encoding()).field(&Excerpt(&self.to_str())).finish()
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str())
    }
}

/// Appends `text` to `out` in `encoding`, without U+FEFF in front, which is a byte order mark there and no character
/// (R5.5); on an error `out` is unchanged.
///
/// # Errors
/// [`Misuse::UnmappableText`]: US-ASCII cannot carry it, or it begins with U+FFFE in UTF-16 (R5.15).
/// [`Encoding::Binary`] takes the bytes of UTF-8.
pub fn encode(encoding: Encoding, text: &str, out: &mut Vec<u8>) -> Result<(), Misuse> {
    if let Some((offset, _)) = unmappable(encoding, text).next() {
        return Err(Misuse::UnmappableText { encoding, offset });
    }
    match encoding {
        Encoding::Binary | Encoding::Ascii => out.extend_from_slice(text.as_bytes()),
        Encoding::Utf8 => out.extend_from_slice(without_bom(text).as_bytes()),
        Encoding::Utf16Be => append_utf16::<BigEndian>(without_bom(text), out),
        Encoding::Utf16Le => append_utf16::<LittleEndian>(without_bom(text), out),
    }
    Ok(())
}

/// `text` with `\u{hex}` for every character that `encoding` cannot carry, and how many there are (R5.13).
#[must_use]
pub fn escape_unmappable(encoding: Encoding, text: &str) -> (Cow<'_, str>, usize) {
    let (mut escaped, mut done, mut count) = (String::new(), 0, 0);
    for (offset, character) in unmappable(encoding, text) {
        escaped.push_str(&text[done..offset]);
        escaped.extend(character.escape_unicode());
        done = offset + character.len_utf8();
        count += 1;
    }
    if count == 0 {
        return (Cow::Borrowed(text), 0);
    }
    escaped.push_str(&text[done..]);
    (Cow::Owned(escaped), count)
}

/// The characters of `text` that `encoding` cannot carry, each with its offset in bytes.
fn unmappable(encoding: Encoding, text: &str) -> impl Iterator<Item = (usize, char)> {
    let content = without_bom(text);
    let first = match encoding {
        Encoding::Ascii => ascii_length(text.as_bytes()),
        Encoding::Utf16Be | Encoding::Utf16Le if content.starts_with('\u{FFFE}') => text.len() - content.len(),
        _ => text.len(),
    };
    let in_ascii = encoding == Encoding::Ascii;
    text[first..]
        .char_indices()
        .map(move |(at, character)| (first + at, character))
        .filter(move |&(offset, character)| if in_ascii { !character.is_ascii() } else { offset == first })
}

/// `text` without its leading byte order marks: a receiver would remove the first (R5.6).
#[inline]
pub(crate) fn without_bom(text: &str) -> &str {
    text.trim_start_matches(BOM)
}

const BOM: char = '\u{FEFF}';

/// The bytes without the byte order mark that they may begin with.
#[cfg(feature = "tokio")]
pub(crate) fn without_mark(encoding: Encoding, bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(bom(encoding)).unwrap_or(bytes)
}

/// The byte order mark of an encoding, empty if it has none.
#[inline]
const fn bom(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Utf8 => b"\xEF\xBB\xBF",
        Encoding::Utf16Be => b"\xFE\xFF",
        Encoding::Utf16Le => b"\xFF\xFE",
        Encoding::Binary | Encoding::Ascii => b"",
    }
}

/// `bytes` as a `str` if they are US-ASCII, else the offset of the first byte that is not.
fn checked_ascii(bytes: &[u8]) -> Result<&str, usize> {
    if bytes.is_ascii() { checked_utf8(bytes) } else { Err(ascii_length(bytes)) }
}

/// How many bytes precede the first that is not US-ASCII.
fn ascii_length(bytes: &[u8]) -> usize {
    if bytes.is_ascii() { bytes.len() } else { bytes.iter().take_while(|byte| byte.is_ascii()).count() }
}

fn checked_utf8(bytes: &[u8]) -> Result<&str, usize> {
    core::str::from_utf8(bytes).map_err(|error| error.valid_up_to())
}

/// Units that are looked at together: a compiler makes a few vector instructions of that.
const BLOCK: usize = 32;

/// `bytes` themselves if they are well-formed UTF-16, else the offset of the first byte that is not.
fn checked_utf16<Order: ByteOrder>(bytes: &[u8], after_bom: bool) -> Result<&[u8], usize> {
    if !after_bom && bytes.len() >= 2 && Order::read_u16(bytes) == 0xFFFE {
        return Err(0); // the byte order mark of the other order
    }
    let (units, odd) = bytes.as_chunks::<2>();
    let mut at = 0;
    while at < units.len() {
        let block = &units[at..units.len().min(at + BLOCK)];
        let end = at + block.len();
        if !block.iter().fold(false, |found, unit| found | (Order::read_u16(unit) & 0xF800 == 0xD800)) {
            at = end; // most text has no surrogates
        }
        while at < end {
            let low = || units.get(at + 1).is_some_and(|unit| Order::read_u16(unit) & 0xFC00 == 0xDC00);
            at += match Order::read_u16(&units[at]) & 0xFC00 {
                0xD800 if low() => 2,
                0xD800 | 0xDC00 => return Err(2 * at),
                _ => 1,
            };
        }
    }
    if odd.is_empty() { Ok(bytes) } else { Err(2 * units.len()) }
}

fn utf16_to_string<Order: ByteOrder>(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(Order::read_u16);
    let mut text = String::with_capacity(bytes.len());
    text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    text
}

fn append_utf16<Order: ByteOrder>(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len()); // exact for half of the scripts, and amortised for the rest
    let mut pair = [0; 2];
    for unit in text.encode_utf16() {
        Order::write_u16(&mut pair, unit);
        out.extend_from_slice(&pair);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmappable_text_is_refused_or_escaped() {
        // [R5.13] [R5.15]
        let refused = |encoding, text: &str| encode(encoding, text, &mut Vec::new()).err();
        let error = |encoding, offset| Some(Misuse::UnmappableText { encoding, offset });
        assert_eq!(refused(Encoding::Ascii, "grüß"), error(Encoding::Ascii, 2));
        assert_eq!(refused(Encoding::Utf16Le, "\u{FFFE}a"), error(Encoding::Utf16Le, 0));
        assert_eq!(refused(Encoding::Utf16Be, "a\u{FFFE}"), None);
        assert_eq!(escape_unmappable(Encoding::Ascii, "grüß 😀"), ("gr\\u{fc}\\u{df} \\u{1f600}".into(), 3));
        assert_eq!(escape_unmappable(Encoding::Utf16Be, "\u{FFFE}\u{FFFE}"), ("\\u{fffe}\u{FFFE}".into(), 1));
        assert_eq!(escape_unmappable(Encoding::Utf8, "grüß"), ("grüß".into(), 0));
    }

    #[test]
    fn byte_order_mark_is_not_sent() {
        // [R5.5]
        for encoding in [Encoding::Utf8, Encoding::Utf16Be, Encoding::Utf16Le] {
            let (mut marked, mut plain) = (Vec::new(), Vec::new());
            encode(encoding, "\u{FEFF}\u{FEFF}a\u{FEFF}", &mut marked).expect("is carried");
            encode(encoding, "a\u{FEFF}", &mut plain).expect("is carried");
            assert_eq!(marked, plain);
        }
        let refused = encode(Encoding::Utf16Be, "\u{FEFF}\u{FFFE}", &mut Vec::new());
        assert_eq!(refused, Err(Misuse::UnmappableText { encoding: Encoding::Utf16Be, offset: 3 }));
    }

    #[test]
    fn surrogate_pair_may_span_blocks() {
        // [R5.3]
        for lead in BLOCK - 2..BLOCK + 2 {
            let text = "a".repeat(lead) + "😀b";
            let mut bytes = Vec::new();
            encode(Encoding::Utf16Le, &text, &mut bytes).expect("UTF-16 carries it");
            assert_eq!(Text::decode(Encoding::Utf16Le, &bytes).expect("is legal").to_str(), text);
            let broken = [&bytes[..2 * lead + 2], b"b\0"].concat();
            let error = Fault::BadText { encoding: Encoding::Utf16Le, offset: 2 * lead };
            assert_eq!(Text::decode(Encoding::Utf16Le, &broken), Err(error));
            assert_eq!(Text::decode(Encoding::Utf16Le, &bytes[..2 * lead + 2]), Err(error));
        }
    }
}

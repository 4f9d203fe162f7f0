//! What text shows of a sender's mistake beside its encoding. In legal text each is no more than possible.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use byteorder::{BigEndian, ByteOrder, LittleEndian};

use super::super::mistakes::{self as m, Mistake};
use super::super::{Confidence, Hypothesis, hex, quoted};
use super::plausible::Script;
use super::{Case, fill, printed};
use crate::encoding::Encoding;

impl Case<'_> {
    /// Legal text.
    pub(super) fn remarks(&self, found: &mut Vec<Hypothesis>) {
        if let Some(seen) = self.own_length() {
            found.push(self.possible(&m::TEXT_OWN_LENGTH, 0, seen));
        }
        self.printed(found);
        let Some(text) = self.decoded() else { return };
        if let Some((at, count)) = replaced(&text) {
            let seen = format!("U+FFFD, the replacement character, {}", times(count));
            found.push(self.possible(&m::TEXT_REPLACEMENT, self.offset(&text, at), seen));
        }
        if let Some((at, count)) = padding(&text) {
            let seen = format!("{count} NUL{} the text", if count == 1 { " follows" } else { "s follow" });
            found.push(self.possible(&m::TEXT_NUL_PADDED, self.offset(&text, at), seen));
        } else if let Some((at, seen)) = self.uninitialised(&text) {
            found.push(self.possible(&m::TEXT_UNINITIALISED, self.offset(&text, at), seen));
        }
    }

    /// A value that was printed in place of what it holds.
    pub(super) fn printed(&self, found: &mut Vec<Hypothesis>) {
        let narrow = matches!(self.encoding, Encoding::Ascii | Encoding::Utf8);
        if self.length > printed::LONGEST || narrow && !printed::may_be(self.bytes) {
            return;
        }
        if let Some(text) = self.decoded()
            && let Some((form, at)) = printed::object(&text)
        {
            let seen = format!("the text is printed as {form}");
            found.push(self.possible(&m::TEXT_PRINTED_OBJECT, self.offset(&text, at), seen));
        }
    }

    /// Illegal text that is explained by what stands before or after it. True if it is.
    pub(super) fn damage(&self, found: &mut Vec<Hypothesis>) -> bool {
        let Some(at) = self.fault else { return false };
        if let Some(seen) = self.own_length() {
            found.push(self.name(&m::TEXT_OWN_LENGTH, Confidence::Likely, seen));
            return true;
        }
        let end = fill::end(self.bytes, at);
        let Some((start, pattern)) = fill::at_end(&self.bytes[..end], 4).filter(|(start, _)| *start <= at) else {
            return false;
        };
        let after_nul = start > 0 && self.bytes[start - 1] == 0;
        let length = end - start;
        let confidence =
            if length >= 8 && (after_nul || length >= 16) { Confidence::Likely } else { Confidence::Possible };
        found.push(self.name(&m::TEXT_UNINITIALISED, confidence, format!("{length} bytes of {pattern}")));
        confidence == Confidence::Likely
    }

    /// UTF-32 that is called something else.
    pub(super) fn utf32(&self, found: &mut Vec<Hypothesis>) -> bool {
        let whole = &self.bytes[..self.bytes.len() & !3];
        if whole.len() < 8 || !self.cut && whole.len() != self.bytes.len() {
            return false;
        }
        for (order, read) in
            [("little-endian", u32::from_le_bytes as fn([u8; 4]) -> u32), ("big-endian", u32::from_be_bytes)]
        {
            let units = whole.chunks_exact(4).map(|unit| read([unit[0], unit[1], unit[2], unit[3]]));
            let Some(text) = units.map(char::from_u32).collect::<Option<String>>() else { continue };
            let text = text.trim_start_matches('\u{FEFF}').trim_end_matches('\0');
            let script = Script::of(text);
            let likely = script.characters >= 2 && script.share() >= 85 && !text.contains('\0');
            if likely {
                let confidence = if self.fault.is_some() { Confidence::Likely } else { Confidence::Possible };
                let seen = format!("it reads as UTF-32, {order}: {}", hex(&whole[..8]));
                found.push(self.name(&m::TEXT_UTF_32, confidence, seen));
                return true;
            }
        }
        false
    }

    fn possible(&self, mistake: &'static Mistake, at: usize, seen: String) -> Hypothesis {
        Hypothesis::new(mistake, Confidence::Possible, at as u64, seen)
    }

    /// The text, as far as it is examined.
    fn decoded(&self) -> Option<Cow<'_, str>> {
        match self.encoding {
            Encoding::Ascii | Encoding::Utf8 if !self.cut => core::str::from_utf8(self.bytes).ok().map(Cow::Borrowed),
            _ => self
                .read_as(if self.encoding == Encoding::Ascii { Encoding::Utf8 } else { self.encoding })
                .map(Cow::Owned),
        }
    }

    /// Where the byte at `at` of the decoded text is in the payload.
    fn offset(&self, text: &str, at: usize) -> usize {
        match self.encoding {
            Encoding::Utf16Be | Encoding::Utf16Le => 2 * text[..at].encode_utf16().count(),
            _ => at,
        }
    }

    /// A number before the text that is the length of the text.
    fn own_length(&self) -> Option<String> {
        let wide = matches!(self.encoding, Encoding::Utf16Be | Encoding::Utf16Le);
        for (form, width, number) in prefixes(self.bytes) {
            let rest = self.length - width;
            // Otherwise it is a character, which may be there by chance.
            let telling = self.fault.is_some()
                || if wide { width > 2 } else { self.bytes[..width].iter().any(super::legacy::is_control) };
            let counts = match number {
                number if !telling || rest < 2 || number < 2 => continue,
                number if number == rest as u64 => "the bytes that follow",
                number if number == self.length as u64 && width > 1 => "itself and the bytes that follow",
                number if wide && width > 1 && number == rest as u64 / 2 => "the UTF-16 units that follow",
                number if self.is_characters(number, width) => "the characters that follow",
                _ => continue,
            };
            let legal = self.fault.is_none() || self.cut || super::fault(self.encoding, &self.bytes[width..]).is_none();
            if legal {
                return Some(format!("{form}, {}, counts {counts}", hex(&self.bytes[..width])));
            }
        }
        None
    }

    /// Is this the number of characters after a number of this width? They are counted only if it may be.
    fn is_characters(&self, number: u64, width: usize) -> bool {
        let rest = (self.length - width) as u64;
        let may_be = width > 1 && number < rest && rest <= 3 * number && self.encoding == Encoding::Utf8 && !self.cut;
        may_be
            && core::str::from_utf8(&self.bytes[width..]).is_ok_and(|text| text.encode_utf16().count() as u64 == number)
    }

    fn uninitialised(&self, text: &str) -> Option<(usize, String)> {
        if matches!(self.encoding, Encoding::Utf16Be | Encoding::Utf16Le) {
            let (start, pattern) = fill::at_end(self.bytes, 8)?;
            let at = self.units_to(text, start);
            return Some((at, format!("it ends with {} bytes of {pattern}", self.bytes.len() - start)));
        }
        let (start, pattern) = fill::misread(text)?;
        Some((start, format!("it ends with {pattern}")))
    }

    /// Where in the text the unit begins that holds byte `at` of the payload.
    fn units_to(&self, text: &str, at: usize) -> usize {
        let mut units = 0;
        text.char_indices()
            .find(|(_, character)| {
                let here = units >= at;
                units += 2 * character.len_utf16();
                here
            })
            .map_or(text.len(), |(at, _)| at)
    }
}

/// Uninitialised memory in a payload that is not text: its end.
pub(super) fn of_binary(payload: &[u8]) -> Option<Hypothesis> {
    let (start, pattern) = fill::at_end(payload, 16)?;
    let seen = format!("it ends with {} bytes of {pattern}", payload.len() - start);
    Some(Hypothesis::new(&m::TEXT_UNINITIALISED, Confidence::Possible, start as u64, seen))
}

/// Is the first byte of each payload the number of the bytes that follow?
pub(super) fn together(encoding: Encoding, payloads: &[&[u8]]) -> Option<Hypothesis> {
    let counts = |payload: &&[u8]| payload.split_first().is_some_and(|(first, rest)| usize::from(*first) == rest.len());
    let mut lengths: Vec<usize> = payloads.iter().map(|payload| payload.len()).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let narrow = matches!(encoding, Encoding::Ascii | Encoding::Utf8);
    if !narrow || lengths.len() < 3 || !payloads.iter().all(counts) {
        return None;
    }
    let seen = format!("the first byte of each text is the length of the rest: {}", quoted(payloads.first()?));
    Some(Hypothesis::new(&m::TEXT_OWN_LENGTH, Confidence::Possible, 0, seen))
}

/// The numbers that the first bytes may be: their form, width and value.
fn prefixes(bytes: &[u8]) -> impl Iterator<Item = (&'static str, usize, u64)> {
    let big = |width: usize| bytes.get(..width).map(|field| BigEndian::read_uint(field, width));
    let little = |width: usize| bytes.get(..width).map(|field| LittleEndian::read_uint(field, width));
    let varint = bytes.iter().take(4).position(|byte| byte.is_ascii()).map(|last| {
        let number = bytes[..=last].iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7F));
        (last + 1, number)
    });
    [
        ("a u64, big-endian", 8, big(8)),
        ("a u64, little-endian", 8, little(8)),
        ("a u32, big-endian", 4, big(4)),
        ("a u32, little-endian", 4, little(4)),
        ("a u16, big-endian (writeUTF)", 2, big(2)),
        ("a u16, little-endian", 2, little(2)),
        ("a byte", 1, big(1)),
        ("a varint (BinaryWriter)", varint.map_or(0, |(width, _)| width), varint.map(|(_, number)| number)),
    ]
    .into_iter()
    .filter_map(|(form, width, number)| Some((form, width, number?)))
}

/// Where U+FFFD first occurs, and how often it or what becomes of it in GBK does. Text about it does not count.
fn replaced(text: &str) -> Option<(usize, usize)> {
    const IN_GBK: &str = "锟斤拷";
    let at = text.find('\u{FFFD}').or_else(|| text.contains('锟').then(|| text.find(IN_GBK))?)?;
    let about = ["FFFD", "fffd", "eplacement char"].iter().any(|word| text.contains(word));
    let count = text.matches('\u{FFFD}').count() + text.matches(IN_GBK).count();
    (!about).then_some((at, count))
}

/// Where the NULs at the end begin, and how many there are, if there are no others.
fn padding(text: &str) -> Option<(usize, usize)> {
    let kept = text.trim_end_matches('\0');
    let count = text.len() - kept.len();
    let enough = if kept.is_empty() { 4 } else { 1 };
    (count >= enough && !kept.contains('\0')).then_some((kept.len(), count))
}

fn times(count: usize) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

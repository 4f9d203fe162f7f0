//! Text that is not in the encoding that its encoding byte names.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::mistakes::{self as m, Mistake};
use super::{Confidence, Hypothesis, WINDOW, hex};
use crate::encoding::Encoding;
use crate::text::Text;

mod fill;
mod legacy;
mod pages;
mod plausible;
mod printed;
mod remarks;

use plausible::Script;

/// Text that is shorter was hardly cut off, in bytes.
const SHORT: usize = 64;
const UTF_8_BOM: &[u8] = b"\xEF\xBB\xBF";

pub(super) fn judge(encoding: Encoding, payload: &[u8], found: &mut Vec<Hypothesis>) {
    let cut = payload.len() > WINDOW;
    let bytes = &payload[..payload.len().min(WINDOW)];
    let mut case = Case { encoding, bytes, cut, length: payload.len(), fault: None };
    if matches!(encoding, Encoding::Ascii | Encoding::Utf8) && case.is_plain() {
        return case.printed(found); // by far the commonest
    }
    case.fault = fault(encoding, payload);
    match encoding {
        Encoding::Binary => return found.extend(remarks::of_binary(payload)),
        _ if case.utf32(found) || case.bom(found) || case.damage(found) => return,
        Encoding::Ascii | Encoding::Utf8 if case.fault.is_some() => case.bad_bytes(found),
        Encoding::Ascii | Encoding::Utf8 => {
            case.utf16_hidden(found);
            case.double_encoded(found);
        }
        Encoding::Utf16Be | Encoding::Utf16Le => case.utf16(found),
    }
    if case.fault.is_none() && found.is_empty() {
        case.remarks(found);
    }
    if case.fault.is_some() && !found.iter().any(|known| known.mistake == &m::TEXT_CUT_OFF) {
        case.cut_off(found);
    }
}

/// Sound payloads of one sender.
pub(super) fn judge_together(encoding: Encoding, payloads: &[&[u8]]) -> Option<Hypothesis> {
    remarks::together(encoding, payloads)
}

/// The offset of the first byte that is not legal.
fn fault(encoding: Encoding, payload: &[u8]) -> Option<usize> {
    match Text::decode(encoding, payload) {
        Err(crate::Fault::BadText { offset, .. }) => Some(offset),
        _ => None,
    }
}

struct Case<'a> {
    encoding: Encoding,
    bytes: &'a [u8],
    /// The payload has more after `bytes`.
    cut: bool,
    /// The length of the whole payload, in bytes.
    length: usize,
    fault: Option<usize>,
}

impl<'a> Case<'a> {
    /// Nothing but what a keyboard has: it is what was written, unless it was printed.
    fn is_plain(&self) -> bool {
        self.bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n'))
    }

    fn name(&self, mistake: &'static Mistake, confidence: Confidence, seen: String) -> Hypothesis {
        Hypothesis::new(mistake, confidence, self.fault.unwrap_or(0) as u64, seen)
    }

    /// The bytes read in another encoding, if they are legal there (as far as they are examined).
    fn read_as(&self, encoding: Encoding) -> Option<String> {
        let bytes = if !self.cut {
            self.bytes
        } else if encoding == Encoding::Utf8 {
            let valid = core::str::from_utf8(self.bytes).map_or_else(|error| error.valid_up_to(), str::len);
            &self.bytes[..if valid + 3 >= self.bytes.len() { valid } else { self.bytes.len() }]
        } else {
            let even = self.bytes.len() & !1;
            let valid = fault(encoding, &self.bytes[..even]).unwrap_or(even);
            &self.bytes[..if valid + 2 >= even { valid } else { even }]
        };
        let text = Text::decode(encoding, bytes).ok()?;
        Some(text.to_str().into_owned())
    }

    /// A byte order mark names the encoding.
    fn bom(&self, found: &mut Vec<Hypothesis>) -> bool {
        let marked = match self.bytes {
            bytes if bytes.starts_with(UTF_8_BOM) => Encoding::Utf8,
            [0xFE, 0xFF, ..] => Encoding::Utf16Be,
            [0xFF, 0xFE, ..] => Encoding::Utf16Le,
            _ => return false,
        };
        let seen = format!("the byte order mark of {marked}, {}", hex(&self.bytes[..self.bytes.len().min(3)]));
        let wide = |encoding| matches!(encoding, Encoding::Utf16Be | Encoding::Utf16Le);
        let legal = self.read_as(marked).is_some();
        let mistake = match (self.encoding, marked) {
            (declared, marked) if declared == marked => &m::TEXT_BOM,
            (declared, marked) if wide(declared) && wide(marked) => &m::TEXT_UTF_16_WRONG_ORDER,
            _ if !legal => return false,
            (declared, Encoding::Utf8) if wide(declared) => &m::TEXT_UTF_8_CALLED_UTF_16,
            (Encoding::Ascii, Encoding::Utf8) => {
                if self.bytes[UTF_8_BOM.len()..].is_ascii() {
                    &m::TEXT_BOM
                } else {
                    found.push(self.name(&m::TEXT_BOM, Confidence::Likely, seen.clone()));
                    &m::TEXT_UTF_8_CALLED_ASCII
                }
            }
            _ => &m::TEXT_UTF_16_CALLED_UTF_8,
        };
        let others_fault = self.fault.is_some() && mistake == &m::TEXT_BOM && self.encoding != Encoding::Ascii;
        if others_fault {
            return false;
        }
        let confidence = if legal { Confidence::Certain } else { Confidence::Likely };
        found.push(self.name(mistake, confidence, seen));
        true
    }

    /// US-ASCII or UTF-8 that is not legal.
    fn bad_bytes(&self, found: &mut Vec<Hypothesis>) {
        let Some(at) = self.fault else { return };
        let Some((before, rest)) = self.bytes.split_at_checked(at).filter(|(_, rest)| !rest.is_empty()) else {
            Case { fault: None, ..*self }.utf16_hidden(found); // what is examined is legal
            return;
        };
        let around = &rest[..rest.len().min(6)];
        if self.encoding == Encoding::Ascii
            && let Some(text) = self.read_as(Encoding::Utf8)
        {
            let confidence = if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
                Confidence::Possible
            } else {
                Confidence::Likely
            };
            found.push(self.name(
                &m::TEXT_UTF_8_CALLED_ASCII,
                confidence,
                format!("well-formed UTF-8: {}", hex(around)),
            ));
            return;
        }
        // Well-formed UTF-8 up to the last character is no accident, if any of it is not ASCII.
        if !before.is_ascii() && self.cut_off(found) {
            return;
        }
        if let Some(hypotheses) = self.surrogates(around) {
            found.extend(hypotheses);
            return;
        }
        self.utf16_hidden(found);
        let best = legacy::guesses(self.bytes, self.cut);
        let utf16 = found.iter().any(|hypothesis| hypothesis.confidence > Confidence::Possible);
        for (mistake, confidence) in best {
            let confidence = if utf16 { Confidence::Possible } else { confidence };
            found.push(self.name(
                mistake,
                confidence,
                format!("{} is not {}, but would be text there", hex(around), self.encoding),
            ));
        }
    }

    /// CESU-8, modified UTF-8, lone surrogates: UTF-8 but for those.
    fn surrogates(&self, around: &[u8]) -> Option<Vec<Hypothesis>> {
        let counts = plausible::surrogates_in_utf8(self.bytes, self.cut)?;
        let seen = |what: &str| format!("{what}: {}", hex(around));
        let (nul, pairs, lone) = (counts.nul > 0, counts.pairs > 0, counts.lone > 0);
        Some(match (nul, pairs, lone) {
            (true, ..) => [self.name(&m::TEXT_MODIFIED_UTF_8, Confidence::Certain, seen("U+0000 as C0 80"))].into(),
            (_, true, false) => [
                self.name(&m::TEXT_CESU_8, Confidence::Likely, seen("a pair of surrogates as six bytes")),
                self.name(&m::TEXT_MODIFIED_UTF_8, Confidence::Likely, seen("a pair of surrogates as six bytes")),
            ]
            .into(),
            (_, true, true) => [
                self.name(&m::TEXT_CESU_8, Confidence::Likely, seen("surrogates as three bytes each, some alone")),
                self.name(
                    &m::TEXT_LONE_SURROGATE,
                    Confidence::Likely,
                    seen("surrogates as three bytes each, some alone"),
                ),
            ]
            .into(),
            (_, false, true) => {
                [self.name(&m::TEXT_LONE_SURROGATE, Confidence::Certain, seen("a lone surrogate as three bytes"))]
                    .into()
            }
            _ => return None,
        })
    }

    /// UTF-16 that is declared as an 8-bit encoding.
    fn utf16_hidden(&self, found: &mut Vec<Hypothesis>) {
        if !self.cut && !self.bytes.len().is_multiple_of(2) || self.bytes.len() < 2 {
            return;
        }
        let has_zeros = self.fault.is_some() || self.bytes.contains(&0);
        let zeros = if has_zeros { self.bytes.iter().filter(|&&byte| byte == 0).count() } else { 0 };
        // Legal as it is: every other byte must be NUL.
        if self.fault.is_none() && (zeros * 3 < self.bytes.len() || zeros == self.bytes.len()) {
            return;
        }
        let readings = [Encoding::Utf16Be, Encoding::Utf16Le].map(|order| {
            let text = self.read_as(order);
            let script = text.as_deref().map_or(Script::default(), Script::of);
            (order, script)
        });
        let (order, script) = if readings[1].1.share() > readings[0].1.share() { readings[1] } else { readings[0] };
        let letters = self.bytes.iter().filter(|byte| matches!(byte, b'a'..=b'z' | b' ')).count();
        if letters * 10 >= self.bytes.len() * 6 {
            return;
        }
        let controls = self.bytes.iter().any(legacy::is_control);
        let pairs = if self.fault.is_some() { legacy::high_pairs(self.bytes, self.cut) } else { 0 };
        let confidence = match self.fault {
            Some(_) if pairs >= 4 => return,
            // One letter and a NUL are a string of C.
            None if script.share() < 90 || script.characters < 2 => return,
            None => Confidence::Likely,
            // Every byte of text in a legacy encoding is a printable one.
            Some(_) if script.share() >= 85 && script.characters >= 2 && controls => Confidence::Likely,
            Some(_) if script.share() >= 85 && script.characters >= 2 => Confidence::Possible,
            Some(_) if script.share() >= 60 && script.characters >= 4 => Confidence::Possible,
            Some(_) => return,
        };
        let seen = format!("it reads as {order}: {}", hex(&self.bytes[..self.bytes.len().min(8)]));
        found.push(self.name(&m::TEXT_UTF_16_CALLED_UTF_8, confidence, seen));
    }

    /// UTF-8 that was taken for Windows-1252 and encoded again.
    fn double_encoded(&self, found: &mut Vec<Hypothesis>) {
        if self.bytes.is_ascii() {
            return;
        }
        let at = self.bytes.iter().position(|byte| *byte >= 0x80).unwrap_or(0);
        if let Some(sequences) = plausible::encoded_twice(self.bytes, self.cut) {
            let shown = hex(&self.bytes[at..self.bytes.len().min(at + 6)]);
            let seen = format!("{sequences} characters that are UTF-8 seen as Windows-1252: {shown}");
            found.push(Hypothesis::new(&m::TEXT_DOUBLE_ENCODED, Confidence::Likely, at as u64, seen));
        }
    }

    /// Text that is declared as UTF-16, legal or not.
    fn utf16(&self, found: &mut Vec<Hypothesis>) {
        let other = if self.encoding == Encoding::Utf16Be { Encoding::Utf16Le } else { Encoding::Utf16Be };
        let own = Script::of(&self.units());
        let swapped = self.read_as(other).as_deref().map_or(Script::default(), Script::of);
        let narrow = self.read_as(Encoding::Utf8).filter(|text| !text.contains('\0'));
        let shown = hex(&self.bytes[..self.bytes.len().min(8)]);
        if let Some(text) = narrow.filter(|_| self.bytes.len() > 1 || self.fault.is_some()) {
            let script = Script::of(&text);
            let multibyte = text.chars().filter(|c| !c.is_ascii()).count();
            let confidence = match self.fault {
                Some(_) if script.share() >= 60 || multibyte > 1 => Some(Confidence::Likely),
                Some(_) => Some(Confidence::Possible),
                // Legal UTF-16 whose bytes are well-formed UTF-8 by chance is short, or Han in the ASCII rows.
                None if multibyte >= 4 && script.share() >= 80 => Some(Confidence::Likely),
                None if script.characters >= 12 && plausible::is_plain_latin(&text) => Some(Confidence::Likely),
                None if script.characters >= 32 && plausible::is_printable_ascii(&text) => Some(Confidence::Likely),
                None => None,
            };
            if let Some(confidence) = confidence {
                let seen = format!("it reads as UTF-8: {shown}");
                found.push(self.name(&m::TEXT_UTF_8_CALLED_UTF_16, confidence, seen));
            }
        }
        if let Some(rest) = self.fault.and_then(|at| self.bytes.get(at..))
            && rest.len() > 3 // at the end it is cut off
            && own.share() >= 60
            && !swapped.outshines(&own)
        {
            let seen = format!("a lone surrogate in {}: {}", self.encoding, hex(&rest[..4]));
            found.push(self.name(&m::TEXT_LONE_SURROGATE, Confidence::Likely, seen));
        }
        let confidence = match self.fault {
            Some(_) if own.outshines(&swapped) => None,
            Some(_) if swapped.share() >= 80 && swapped.characters > 1 => Some(Confidence::Likely),
            Some(_) if swapped.share() > own.share() && swapped.share() >= 50 => Some(Confidence::Possible),
            Some(_) => None,
            None => swapped.outshines(&own).then_some(Confidence::Likely),
        };
        if let Some(confidence) = confidence {
            let seen = format!("it reads as {other}: {shown}");
            found.push(self.name(&m::TEXT_UTF_16_WRONG_ORDER, confidence, seen));
        }
        // Well-formed UTF-8 with multi-byte sequences does not occur by chance.
        found.sort_by_key(|hypothesis| core::cmp::Reverse(hypothesis.confidence));
    }

    /// The bytes as UTF-16 in their own order, whatever is wrong with them.
    fn units(&self) -> String {
        let pairs = self.bytes.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
        let units: Vec<u16> = match self.encoding {
            Encoding::Utf16Be => pairs.map(u16::from_be_bytes).collect(),
            _ => pairs.map(u16::from_le_bytes).collect(),
        };
        String::from_utf16_lossy(&units)
    }

    /// Legal but for its last character.
    fn cut_off(&self, found: &mut Vec<Hypothesis>) -> bool {
        let Some(at) = self.fault.filter(|_| !self.cut) else { return false };
        let rest = &self.bytes[at..];
        let cut = match self.encoding {
            Encoding::Utf8 => {
                core::str::from_utf8(rest).is_err_and(|error| error.error_len().is_none() && error.valid_up_to() == 0)
            }
            Encoding::Utf16Be | Encoding::Utf16Le => rest.len() <= 3,
            _ => false,
        };
        let cut = cut && at > 0;
        if cut {
            // One byte after ASCII may as well be the last letter of a word in a code page.
            let letter = matches!(rest, [0xC6 | 0xD0 | 0xE0..=0xFF]) && self.bytes[..at].is_ascii() && at < SHORT;
            let confidence = if letter { Confidence::Possible } else { Confidence::Likely };
            let seen = format!("it ends within a character: {}", hex(rest));
            found.push(self.name(&m::TEXT_CUT_OFF, confidence, seen));
        }
        cut
    }
}

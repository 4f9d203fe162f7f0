//! Text that is not in the encoding that its encoding byte names.

use bookend::Encoding::{self, Ascii, Utf8, Utf16Be, Utf16Le};

use crate::corpus::{CYRILLIC, Chance, EMOJI, HAN, JAPANESE, KOREAN, WESTERN, text, text_in};
use crate::{Damage, Mistake, mistake};

pub(crate) const MISTAKES: &[Mistake] = &[
    mistake("UTF-16 in the other order", &["text-utf-16-wrong-order"], |c| {
        let little = c.once_in(2);
        declared(if little { Utf16Be } else { Utf16Le }, utf16(&long(c), little))
    }),
    mistake("the same, not legal", &["text-utf-16-wrong-order"], |c| {
        let little = c.once_in(2);
        illegal(declared(if little { Utf16Be } else { Utf16Le }, utf16(&long(c), little)))
    }),
    mistake("UTF-16 called UTF-8", &["text-utf-16-called-utf-8"], |c| {
        let little = c.once_in(2);
        illegal(declared(Utf8, utf16(&long(c), little)))
    }),
    mistake("UTF-16 of Latin letters called UTF-8", &["text-utf-16-called-utf-8"], |c| {
        let little = c.once_in(2);
        let text = long(c);
        text.is_ascii().then_some(())?;
        declared(Utf8, utf16(&text, little))
    }),
    mistake("UTF-8 called UTF-16", &["text-utf-8-called-utf-16"], |c| {
        let order = if c.once_in(2) { Utf16Be } else { Utf16Le };
        declared(order, long(c).into_bytes())
    }),
    mistake("UTF-8 called US-ASCII", &["text-utf-8-called-ascii"], |c| {
        let text = text(c);
        (!text.is_ascii()).then_some(())?;
        declared(Ascii, text.into_bytes())
    }),
    mistake("Windows-1252 called UTF-8", &["text-windows-1252"], |c| {
        let text = sized(c, WESTERN);
        illegal(declared(Utf8, encoding_rs::WINDOWS_1252.encode(&text).0.into_owned()))
    }),
    mistake("Latin-1 called US-ASCII", &["text-windows-1252"], |c| {
        let text = sized(c, WESTERN);
        illegal(declared(Ascii, text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()))
    }),
    mistake("Shift_JIS called UTF-8", &["text-shift-jis"], |c| {
        let text = sized(c, JAPANESE);
        long_enough(illegal(declared(Utf8, encoding_rs::SHIFT_JIS.encode(&text).0.into_owned())))
    }),
    mistake("Windows-1251 called UTF-8", &["text-legacy-encoding"], |c| {
        let text = sized(c, CYRILLIC);
        long_enough(illegal(declared(Utf8, encoding_rs::WINDOWS_1251.encode(&text).0.into_owned())))
    }),
    mistake("GBK called UTF-8", &["text-legacy-encoding"], |c| {
        let text = sized(c, HAN);
        long_enough(illegal(declared(Utf8, encoding_rs::GBK.encode(&text).0.into_owned())))
    }),
    mistake("EUC-KR called UTF-8", &["text-legacy-encoding"], |c| {
        let text = sized(c, KOREAN);
        long_enough(illegal(declared(Utf8, encoding_rs::EUC_KR.encode(&text).0.into_owned())))
    }),
    // Without U+0000 both are the same.
    mistake("CESU-8", &["text-cesu-8"], |c| {
        let text = sized(c, EMOJI);
        illegal(declared(Utf8, surrogates_encoded(&text, false)))
    }),
    mistake("Java's modified UTF-8", &["text-modified-utf-8"], |c| {
        let mut text = text(c);
        text.insert(0, '\0');
        illegal(declared(Utf8, surrogates_encoded(&text, true)))
    }),
    mistake("a byte order mark", &["text-bom"], |c| {
        let text = text(c);
        match c.below(3) {
            0 => declared(Utf8, [b"\xEF\xBB\xBF", text.as_bytes()].concat()),
            1 => declared(Utf16Le, [b"\xFF\xFE".to_vec(), utf16(&text, true)].concat()),
            _ => declared(Utf16Be, [b"\xFE\xFF".to_vec(), utf16(&text, false)].concat()),
        }
    }),
    mistake("UTF-8 encoded twice", &["text-double-encoded"], |c| {
        let text = text(c);
        (!text.is_ascii()).then_some(())?;
        // What is a control in Windows-1252 stays one, as browsers and most libraries have it.
        let twice = encoding_rs::WINDOWS_1252.decode_without_bom_handling(text.as_bytes()).0.into_owned();
        declared(Utf8, twice.into_bytes())
    }),
    mistake("a lone surrogate in UTF-16", &["text-lone-surrogate", "text-cut-off"], |c| {
        let (little, size) = (c.once_in(2), c.size());
        let mut units: Vec<u16> = text_in(c, EMOJI, size).encode_utf16().collect();
        let halves: Vec<usize> = (0..units.len()).filter(|&at| matches!(units[at], 0xD800..=0xDFFF)).collect();
        units.remove(halves[c.below(halves.len().max(1))..].first().copied()?);
        let bytes = units.into_iter().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() });
        declared(if little { Utf16Le } else { Utf16Be }, bytes.collect())
    }),
    mistake("text cut within a character", &["text-cut-off"], |c| {
        let text = text(c);
        let last = text.chars().next_back().filter(|c| !c.is_ascii() && text.len() > 4)?;
        let cut = text.len() - 1 - c.below(last.len_utf8() - 1);
        declared(Utf8, text.as_bytes()[..cut].to_vec())
    }),
];

fn declared(encoding: Encoding, payload: Vec<u8>) -> Option<Damage> {
    Some(Damage::Text { encoding, payload })
}

/// Only where it is not legal by chance, which cannot be noticed.
fn illegal(damage: Option<Damage>) -> Option<Damage> {
    let Some(Damage::Text { encoding, payload }) = damage else { return None };
    bookend::Text::decode(encoding, &payload).is_err().then_some(Damage::Text { encoding, payload })
}

/// Eight bytes at least: a letter or two may be of any code page.
fn long_enough(damage: Option<Damage>) -> Option<Damage> {
    damage.filter(|damage| matches!(damage, Damage::Text { payload, .. } if payload.len() >= 8))
}

/// Sixteen characters at least: fewer are as good as any others.
fn long(chance: &mut Chance) -> String {
    (0..1000).map(|_| text(chance)).find(|text| text.chars().count() >= 16).expect("some are long")
}

fn sized(chance: &mut Chance, sentences: &[&str]) -> String {
    let size = chance.size();
    text_in(chance, sentences, size)
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
}

/// UTF-8 of each UTF-16 unit by itself, as old databases and Java do.
fn surrogates_encoded(text: &str, modified: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for unit in text.encode_utf16() {
        let low = |shift: u16| 0x80 | (unit >> shift & 0x3F).to_be_bytes()[1];
        match unit {
            0 if modified => out.extend([0xC0, 0x80]),
            0..=0x7F => out.push(unit.to_be_bytes()[1]),
            0x80..=0x7FF => out.extend([0xC0 | (unit >> 6).to_be_bytes()[1], low(0)]),
            _ => out.extend([0xE0 | (unit >> 12).to_be_bytes()[1], low(6), low(0)]),
        }
    }
    out
}

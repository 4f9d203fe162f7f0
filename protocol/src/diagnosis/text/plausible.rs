//! How much bytes look like text: by script, and by what makes UTF-8 almost UTF-8.

use alloc::vec::Vec;

/// How much of a text belongs to one script, counting characters that all scripts share.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Script {
    pub(super) characters: usize,
    /// Characters of the commonest script, and common ones.
    main: usize,
    /// The commonest script.
    group: u8,
    /// How many different rows of 256 characters there are, and how many columns.
    rows: usize,
    columns: usize,
    /// Characters of the commonest column: few, but the row of a script in the wrong order.
    top_column: usize,
    /// How many different characters these are.
    in_top_column: usize,
}

impl Script {
    pub(super) fn of(text: &str) -> Script {
        let mut counts = [0_usize; GROUPS];
        let (mut rows, mut columns) = ([0_usize; 256], [0_usize; 256]);
        let mut characters = 0;
        for character in text.chars() {
            characters += 1;
            counts[usize::from(group(character))] += 1;
            // Surrogates would count twice.
            if let Ok(unit) = u16::try_from(u32::from(character)) {
                let [high, low] = unit.to_be_bytes();
                rows[usize::from(high)] += 1;
                columns[usize::from(low)] += 1;
            }
        }
        let commonest = (2..GROUPS).max_by_key(|&group| counts[group]).unwrap_or(2);
        let count = |set: &[usize; 256]| set.iter().filter(|&&seen| seen > 0).count();
        // Latin letters belong to every script: names, addresses and units are written in it.
        let latin = if commonest == LATIN { 0 } else { counts[LATIN] };
        let top = (0..columns.len()).max_by_key(|&column| columns[column]).unwrap_or(0);
        Script {
            characters,
            main: counts[COMMON] + counts[commonest] + latin,
            group: u8::try_from(commonest).unwrap_or(u8::MAX),
            rows: count(&rows),
            columns: count(&columns),
            top_column: columns[top],
            in_top_column: rows_of(text, top),
        }
    }

    /// In percent.
    pub(super) fn share(&self) -> usize {
        (self.main * 100).checked_div(self.characters).unwrap_or(0)
    }

    /// Is this reading of the same bytes so much more like text that the other one cannot be meant?
    pub(super) fn outshines(&self, other: &Script) -> bool {
        if self.characters < 4 || self.share() < 70 {
            return false;
        }
        if other.top_column * 2 > other.characters && other.in_top_column > 2 && self.top_column * 2 <= self.characters
        {
            return true;
        }
        if self.share() < 90 {
            return false;
        }
        let narrow = usize::from(self.group) != HAN && self.rows * 3 <= self.columns && other.columns * 3 <= other.rows;
        self.share() >= other.share() + 40 || narrow
    }
}

/// How many different rows the characters of a column are in.
fn rows_of(text: &str, column: usize) -> usize {
    let mut seen = [false; 256];
    for character in text.chars() {
        if let Ok(unit) = u16::try_from(u32::from(character)) {
            let [high, low] = unit.to_be_bytes();
            seen[usize::from(high)] |= usize::from(low) == column;
        }
    }
    seen.into_iter().filter(|seen| *seen).count()
}

const GROUPS: usize = 17;
/// Unassigned, private or control characters.
#[cfg(test)]
const STRANGE: usize = 0;
const COMMON: usize = 1;
const LATIN: usize = 2;
const HAN: usize = 3;

fn group(character: char) -> u8 {
    match u32::from(character) {
        0x09 | 0x0A | 0x0D | 0x20..=0x40 | 0x5B..=0x60 | 0x7B..=0x7E | 0xA0..=0xBF => 1,
        0x2010..=0x2027 | 0x2030..=0x205E | 0x20A0..=0x20BF | 0x2100..=0x214F | 0x2190..=0x2BFF => 1,
        0x3000..=0x303F | 0xFF00..=0xFF65 | 0x1F000..=0x1FAFF | 0xFE0F | 0x200B..=0x200F => 1,
        0x41..=0x5A | 0x61..=0x7A | 0xC0..=0x24F | 0x1E00..=0x1EFF | 0x300..=0x36F | 0x1D400..=0x1D7FF => 2,
        0x3040..=0x30FF
        | 0xFF66..=0xFF9F
        | 0x31F0..=0x31FF
        | 0x3400..=0x4DBF
        | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF
        | 0x20000..=0x2FFFF => 3,
        0x370..=0x3FF | 0x1F00..=0x1FFF => 4,
        0x400..=0x52F => 5,
        0x530..=0x58F => 6,
        0x590..=0x5FF => 7,
        0x600..=0x6FF | 0x750..=0x77F => 8,
        0x900..=0x97F => 9,
        0xE00..=0xE7F => 10,
        0x10A0..=0x10FF => 11,
        0xAC00..=0xD7A3 | 0x1100..=0x11FF | 0x3130..=0x318F => 12,
        0x980..=0x9FF => 13,
        0xB80..=0xBFF => 14,
        0x1200..=0x137F => 15,
        // Scripts whose texts are not told apart.
        0x700..=0x8FF | 0xA00..=0xB7F | 0xC00..=0xDFF | 0xE80..=0x109F | 0x1380..=0x1DFF => 16,
        _ => 0,
    }
}

/// Small letters and spaces, as a text in Latin letters mostly is.
pub(super) fn is_plain_latin(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_ascii_lowercase() || *c == ' ').count();
    letters * 10 >= text.chars().count() * 8
}

/// Nothing but what a keyboard has, and not the same again and again.
pub(super) fn is_printable_ascii(text: &str) -> bool {
    let mut seen = 0_u128;
    text.bytes().filter(u8::is_ascii).for_each(|byte| seen |= 1 << byte);
    seen.count_ones() > 7 && text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'))
}

/// What almost-UTF-8 has that UTF-8 has not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Surrogates {
    /// C0 80.
    pub(super) nul: usize,
    /// Two surrogates of three bytes each.
    pub(super) pairs: usize,
    /// One surrogate alone.
    pub(super) lone: usize,
}

/// Counts the sequences; `None` if anything else is wrong as well.
pub(super) fn surrogates_in_utf8(bytes: &[u8], cut: bool) -> Option<Surrogates> {
    let mut counts = Surrogates::default();
    let mut rest = bytes;
    loop {
        match core::str::from_utf8(rest) {
            Ok(_) => return Some(counts),
            Err(error) => rest = &rest[error.valid_up_to()..],
        }
        let taken = match rest {
            [0xC0, 0x80, ..] => {
                counts.nul += 1;
                2
            }
            [0xED, 0xA0..=0xAF, 0x80..=0xBF, 0xED, 0xB0..=0xBF, 0x80..=0xBF, ..] => {
                counts.pairs += 1;
                6
            }
            [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..] => {
                counts.lone += 1;
                3
            }
            _ if cut && rest.len() < 6 => return Some(counts),
            _ => return None,
        };
        rest = &rest[taken..];
    }
}

/// How many characters of legal UTF-8 are UTF-8 that was read as Windows-1252 or Latin-1; `None` unless all that are
/// not ASCII are.
pub(super) fn encoded_twice(bytes: &[u8], cut: bool) -> Option<usize> {
    let valid = core::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    if valid < bytes.len() && !cut {
        return None;
    }
    let text = core::str::from_utf8(&bytes[..valid]).ok()?;
    let mut narrow = Vec::with_capacity(text.len());
    for character in text.chars() {
        narrow.push(in_windows_1252(character)?);
    }
    let legal = core::str::from_utf8(&narrow).map_or_else(|error| error.valid_up_to(), str::len);
    if legal + if cut { 3 } else { 0 } < narrow.len() {
        return None;
    }
    let sequences = core::str::from_utf8(&narrow[..legal]).ok()?.chars().filter(|c| !c.is_ascii()).count();
    (sequences > 0).then_some(sequences)
}

/// The byte of a character in Windows-1252, where 81 and its like are controls as in Latin-1.
fn in_windows_1252(character: char) -> Option<u8> {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', //
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
    ];
    if let Ok(byte) = u8::try_from(u32::from(character)) {
        return Some(byte);
    }
    HIGH.iter().position(|&high| high == character).and_then(|at| u8::try_from(0x80 + at).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_within_bounds() {
        for character in ('\0'..=char::MAX).step_by(7) {
            assert!(usize::from(group(character)) < GROUPS);
        }
        assert_eq!(usize::from(group('\u{E000}')), STRANGE);
    }
}

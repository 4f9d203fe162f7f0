//! Legacy encodings: which one the bytes are in, as far as they show it.

use alloc::vec::Vec;

use super::super::Confidence;
use super::super::mistakes::{self as m, Mistake};
use super::pages;

/// An encoding, and how sure it is.
pub(super) type Guess = (&'static Mistake, Confidence);

/// Which legacy encodings the bytes may be in, the likeliest first.
pub(super) fn guesses(bytes: &[u8], cut: bool) -> Vec<Guess> {
    let high = bytes.iter().filter(|byte| !byte.is_ascii()).count();
    let controls = bytes.iter().filter(|byte| is_control(byte)).count();
    if high == 0 || controls * 20 > bytes.len() {
        return Vec::new();
    }
    if let Some(confidence) = ebcdic(bytes) {
        return [(&m::TEXT_EBCDIC, confidence), (&m::TEXT_LEGACY, Confidence::Possible)].into();
    }
    let dense = high > 2 && pairs_of_high(bytes) * 2 >= high;
    let mut found: Vec<Guess> = Vec::new();
    match dense {
        true => found.extend(dos_cyrillic(bytes).map(|confidence| (&m::TEXT_DOS_CODE_PAGE, confidence))),
        false => found.extend(pages::best(bytes)),
    }
    found.extend(shift_jis(bytes, cut).map(|confidence| (&m::TEXT_SHIFT_JIS, confidence)));
    if found.iter().all(|(_, confidence)| *confidence == Confidence::Possible) {
        let confidence = if dense && is_of_words(bytes) { Confidence::Likely } else { Confidence::Possible };
        found.insert(if dense { 0 } else { found.len() }, (&m::TEXT_LEGACY, confidence));
    }
    found.sort_by_key(|(_, confidence)| core::cmp::Reverse(*confidence));
    found
}

/// What text does not have.
pub(super) fn is_control(byte: &u8) -> bool {
    matches!(byte, 0..=0x1F | 0x7F) && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Do the bytes above 7F stand in words, with nothing but blanks and punctuation between these? The bytes of UTF-16 do
/// not.
fn is_of_words(bytes: &[u8]) -> bool {
    let mixed = bytes.windows(2).filter(|pair| match pair {
        [first, second] if first.is_ascii() != second.is_ascii() => {
            let ascii = if first.is_ascii() { first } else { second };
            !matches!(
                ascii,
                b' ' | b'\r'
                    | b'\n'
                    | b'\t'
                    | b'.'
                    | b','
                    | b'!'
                    | b'?'
                    | b':'
                    | b';'
                    | b'-'
                    | b'"'
                    | b'('
                    | b')'
                    | b'\''
            )
        }
        _ => false,
    });
    let high = bytes.iter().filter(|byte| !byte.is_ascii()).count();
    high >= 4 && mixed.count() * 8 <= high && !bytes.iter().any(is_control)
}

/// How many bytes above 7F are followed by another one, as in words of another script.
fn pairs_of_high(bytes: &[u8]) -> usize {
    bytes.windows(2).filter(|pair| !pair[0].is_ascii() && !pair[1].is_ascii()).count()
}

/// Words of EBCDIC: letters in three rows, and 40 between them.
fn ebcdic(bytes: &[u8]) -> Option<Confidence> {
    let (mut letters, mut vowels, mut blanks, mut others) = (0_usize, 0_usize, 0_usize, 0_usize);
    for byte in bytes {
        match byte {
            0x81..=0x89 | 0x91..=0x99 | 0xA2..=0xA9 | 0xC1..=0xC9 | 0xD1..=0xD9 | 0xE2..=0xE9 => {
                letters += 1;
                vowels += usize::from(matches!(byte | 0x40, 0xC1 | 0xC5 | 0xC9 | 0xD6 | 0xE4));
            }
            0x40 => blanks += 1,
            0xF0..=0xF9 | 0x15 | 0x25 | 0x0D | 0x4B..=0x50 | 0x5A..=0x61 | 0x6B..=0x6F | 0x7A..=0x7F => {}
            _ => others += 1,
        }
    }
    let words = letters * 10 >= bytes.len() * 6 && vowels * 5 >= letters && vowels * 10 <= letters * 7;
    match () {
        () if !words || others * 5 > letters || bytes.contains(&b' ') => None,
        () if blanks > 0 && bytes.len() >= 8 => Some(Confidence::Likely),
        () if bytes.len() >= 4 => Some(Confidence::Possible),
        () => None,
    }
}

/// Small letters of Russian in code page 866, in two rows, and few capitals.
fn dos_cyrillic(bytes: &[u8]) -> Option<Confidence> {
    let count = |is: fn(&u8) -> bool| bytes.iter().filter(|byte| is(byte)).count();
    let (first, second) = (count(|byte| matches!(byte, 0xA0..=0xAF)), count(|byte| matches!(byte, 0xE0..=0xEF | 0xF1)));
    let (capitals, others) =
        (count(|byte| matches!(byte, 0x80..=0x9F | 0xF0)), count(|byte| matches!(byte, 0xB0..=0xDF | 0xF2..)));
    let is_russian =
        first > 0 && second > 0 && capitals * 3 <= first + second && first <= second * 6 && second <= first * 3;
    match () {
        () if !is_russian || others * 20 > first + second => None,
        () if others == 0 && first + second >= 6 => Some(Confidence::Likely),
        () => Some(Confidence::Possible),
    }
}

/// Pairs of bytes, by what they are in Shift_JIS.
#[derive(Default)]
struct Pairs {
    kana: usize,
    common: usize,
    rare: usize,
    /// Katakana of one byte.
    half: usize,
    /// Those alone within a word of Latin letters, where Japanese has none.
    lonely: usize,
}

impl Pairs {
    fn count(bytes: &[u8], cut: bool) -> Option<Pairs> {
        let mut pairs = Pairs::default();
        // How many pairs there are without ASCII between them, and whether letters stand before and at the end of the first.
        let (mut run, mut in_word, mut last) = (0_usize, false, b' ');
        let mut rest = bytes;
        while let [first, tail @ ..] = rest {
            rest = tail;
            match first {
                0..=0x7F | 0xA1..=0xDF => {
                    pairs.half += usize::from(!first.is_ascii());
                    pairs.lonely += usize::from(run == 1 && in_word);
                    (run, last) = (0, *first);
                    continue;
                }
                0x81..=0x9F | 0xE0..=0xFC => {}
                _ => return None,
            }
            let Some((&second, tail)) = rest.split_first() else { return if cut { break } else { None } };
            match (first, second) {
                (_, 0..=0x3F | 0x7F | 0xFD..) => return None,
                (0x82, 0x9F..=0xF1) | (0x83, 0x40..=0x96) => pairs.kana += 1,
                (0x81, _) | (0x82, _) | (0x88..=0x97, _) | (0x98, 0x40..=0x72) => pairs.common += 1,
                _ => pairs.rare += 1,
            }
            let follows = |byte: &u8| byte.is_ascii_alphabetic();
            in_word = run == 0 && last.is_ascii_alphabetic() && (follows(&second) || tail.first().is_some_and(follows));
            run += 1;
            rest = tail;
        }
        pairs.lonely += usize::from(run == 1 && in_word);
        Some(pairs)
    }
}

/// Kana and the commoner kanji.
fn shift_jis(bytes: &[u8], cut: bool) -> Option<Confidence> {
    let Pairs { kana, common, rare, half, lonely } = Pairs::count(bytes, cut)?;
    let all = kana + common + rare;
    match () {
        () if all == 0 || lonely * 2 > all => None,
        () if kana > 1 && lonely * 4 <= all && (kana + common) >= 4 * (rare + half) => Some(Confidence::Likely),
        () => Some(Confidence::Possible),
    }
}

/// How many pairs of bytes from A1 up there are, if nothing else is but ASCII: so Chinese and Korean code pages are,
/// nearly all of whose pairs are Hangul if they are read as UTF-16.
pub(super) fn high_pairs(bytes: &[u8], cut: bool) -> usize {
    let (mut pairs, mut rest) = (0, bytes);
    loop {
        rest = match rest {
            [0..=0x7F, tail @ ..] => tail,
            [0xA1..=0xFE, 0xA1..=0xFE, tail @ ..] => {
                pairs += 1;
                tail
            }
            [] => return pairs,
            [0xA1..=0xFE] if cut => return pairs,
            _ => return 0,
        };
    }
}

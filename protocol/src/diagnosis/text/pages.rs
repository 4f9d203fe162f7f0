//! Code pages of one byte per character for languages in Latin letters: which one makes the bytes above 7F letters of one
//! language, at places where such letters are?

use alloc::vec::Vec;

use super::super::Confidence;
use super::super::mistakes::{self as m, Mistake};

/// A code page.
struct Page {
    mistake: &'static Mistake,
    /// How rare it is, in bits.
    rarity: u32,
    /// The characters of 80 to FF.
    characters: &'static str,
}

/// Those of which one is named, and others that are not, but would be confused with them.
#[rustfmt::skip]
const PAGES: [Page; 6] = [
    Page { mistake: &m::TEXT_WINDOWS_1252, rarity: 0, characters: concat!(
        "€�‚ƒ„…†‡ˆ‰Š‹Œ�Ž��‘’“”•–—˜™š›œ�žŸ\u{A0}¡¢£¤¥¦§¨©ª«¬�®¯°±²³´µ¶·¸¹º»¼½¾¿",
        "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ") },
    Page { mistake: &m::TEXT_DOS_CODE_PAGE, rarity: 0, characters: concat!( // 850; the letters of 437 are the same
        "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐",
        "└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´�±‗¾¶§÷¸°¨·¹³²■\u{A0}") },
    Page { mistake: &m::TEXT_LEGACY, rarity: 2, characters: concat!( // 1250
        "€�‚�„…†‡�‰Š‹ŚŤŽŹ�‘’“”•–—�™š›śťžź\u{A0}ˇ˘Ł¤Ą¦§¨©Ş«¬�®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż",
        "ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙") },
    Page { mistake: &m::TEXT_LEGACY, rarity: 3, characters: concat!( // 1254
        "€�‚ƒ„…†‡ˆ‰Š‹Œ����‘’“”•–—˜™š›œ��Ÿ\u{A0}¡¢£¤¥¦§¨©ª«¬�®¯°±²³´µ¶·¸¹º»¼½¾¿",
        "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ") },
    Page { mistake: &m::TEXT_LEGACY, rarity: 4, characters: concat!( // 1257
        "€�‚�„…†‡�‰�‹�¨ˇ¸�‘’“”•–—�™�›�¯˛�\u{A0}�¢£¤�¦§Ø©Ŗ«¬�®Æ°±²³´µ¶·ø¹ŗ»¼½¾æ",
        "ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙") },
    Page { mistake: &m::TEXT_LEGACY, rarity: 4, characters: concat!( // Mac OS Roman
        "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø",
        "¿¡¬√ƒ≈∆«»…\u{A0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ�ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ") },
];

/// The letters of each language that ASCII has not, the commonest first.
const LANGUAGES: [&str; 22] = [
    "éèàêçùâîôûëïœæüÿ",
    "üäößé",
    "óáíéñúü",
    "ãçáéóêíõúâàôü",
    "èàòùéìíóç",
    "äöåé",
    "øåæéòó",
    "íáðóéúæöþý",
    "ëéïèöüóê",
    "àéèíóòçúïü",
    "äöåšž",
    "ąęłóśżćńź",
    "íáěéýřčšžůúňťďó",
    "áíčéžýúšľťôňďäóĺŕ",
    "áéőíöóüúű",
    "ăîâşţșțé",
    "čšžćđ",
    "ıüşğöçİâî",
    "ėšžąųįūčę",
    "āīšēņļžķģčū",
    "äõüöšž",
    "ëçâê",
];

/// The most bytes above 7F that are examined: more do not change the judgement.
const EXAMINED: usize = 160;
/// A reading that costs so many bits less than any other is likely.
const MARGIN: u32 = 8;
/// What a character costs that no language has, or that does not belong where it is.
const STRANGE: u32 = 12;

/// The page that fits best. It is likely if no other page, which reads other characters, fits nearly as well.
pub(super) fn best(bytes: &[u8]) -> Option<(&'static Mistake, Confidence)> {
    let high: Vec<(usize, u8)> =
        bytes.iter().copied().enumerate().filter(|(_, byte)| !byte.is_ascii()).take(EXAMINED).collect();
    let count = u32::try_from(high.len()).ok().filter(|count| *count > 0)?;
    let readings = PAGES.each_ref().map(|page| {
        let mut table = ['\u{FFFD}'; 128];
        table.iter_mut().zip(page.characters.chars()).for_each(|(slot, character)| *slot = character);
        let characters: Vec<char> = high.iter().map(|(_, byte)| table[usize::from(byte & 0x7F)]).collect();
        let at = high.iter().map(|(at, _)| *at).zip(characters.iter().copied());
        let misplaced: u32 = at.map(|(at, character)| misplacement(bytes, at, character)).sum();
        let strange = LANGUAGES.iter().map(|letters| cost(&characters, letters)).min().unwrap_or(u32::MAX / 2);
        (page, characters, misplaced + strange + page.rarity)
    });
    let (page, characters, cost) = readings.iter().min_by_key(|(.., cost)| cost)?;
    let rival = readings.iter().filter(|(_, other, _)| other != characters).map(|(.., cost)| *cost).min();
    let latin = u32::try_from(bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count()).unwrap_or(u32::MAX);
    let clear = latin >= 2.max(count) && rival.is_none_or(|rival| rival >= cost + MARGIN);
    match () {
        () if *cost > 9 * count => None,
        () if clear && *cost <= 7 * count => Some((page.mistake, Confidence::Likely)),
        () => Some((page.mistake, Confidence::Possible)),
    }
}

/// How little the characters are those of a language, in bits.
fn cost(characters: &[char], letters: &str) -> u32 {
    characters.iter().map(|character| of_character(*character, letters)).sum()
}

fn of_character(character: char, letters: &str) -> u32 {
    let small = character.to_lowercase().next().unwrap_or(character);
    match letters.chars().position(|letter| letter == small) {
        Some(0) => 1,
        Some(1) => 2,
        Some(2 | 3) => 3,
        Some(4 | 5) => 4,
        Some(6..=9) => 5,
        Some(_) => 6,
        None if is_punctuation(character) => 3,
        None if matches!(
            character,
            '°' | '§' | '€' | '£' | '©' | '®' | '™' | 'º' | 'ª' | '²' | '½' | '±' | '×' | 'µ'
        ) =>
        {
            5
        }
        None if small.is_alphabetic() => STRANGE - 2,
        None => STRANGE,
    }
}

fn is_punctuation(character: char) -> bool {
    matches!(
        character,
        '’' | '‘' | '“' | '”' | '„' | '‚' | '–' | '—' | '…' | '«' | '»' | '¿' | '¡' | '·' | '•' | '\u{A0}'
    )
}

/// How little a character belongs where it is, between these neighbours, in bits.
fn misplacement(bytes: &[u8], at: usize, character: char) -> u32 {
    let before = at.checked_sub(1).map_or(b' ', |at| bytes[at]);
    let after = bytes.get(at + 1).copied().unwrap_or(b' ');
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0x80;
    let inside = letter(before) && letter(after);
    let in_capitals = before.is_ascii_uppercase() && after.is_ascii_uppercase();
    let capital_within = before.is_ascii_lowercase() || letter(before) && after.is_ascii_lowercase();
    let misplaced = match character {
        '·' | '\u{A0}' => return 0,
        '’' => !inside && !before.is_ascii_alphanumeric(),
        '¿' | '¡' | '“' | '„' | '‘' | '‚' => letter(before) || after == b' ',
        '”' => before == b' ' || inside,
        'ª' | 'º' => inside,
        _ if !character.is_alphabetic() => inside,
        _ if character.is_uppercase() => capital_within,
        _ if character.is_lowercase() => in_capitals,
        _ => false,
    };
    match (misplaced, letter(before) || letter(after)) {
        (true, _) => 8,
        (false, false) if character.is_alphabetic() => 2,
        _ => 0,
    }
}

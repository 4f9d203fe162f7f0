//! One form for each name: what is shown, and what decides whether two names are the same (SPEC 9, "Names").
//!
//! Normalization and the table of confusable characters come from the crates unicode-normalization and unicode-security,
//! so that a new version of Unicode needs no change here.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use bookend::{MAX_LINE, is_blank, is_invisible};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::skeleton;

/// The most combining marks on one character. More of them would reach the lines above and below.
const MARKS: usize = 4;
/// The most characters of a name in Form KC; a few characters stand for a whole sentence there. A longer one is compared
/// as it is.
const COMPATIBLE: usize = 128;

/// What a name is compared by. Names that share a key are the same name: they differ only in case, or look alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    by_case: Arc<str>,
    by_look: Arc<str>,
}

/// The form in which a name or the name of a room is stored and sent (R9.34), or `None` if nothing is left of it.
pub(crate) fn shown(name: &str) -> Option<Cow<'_, str>> {
    if is_shown_already(name) {
        return Some(Cow::Borrowed(name));
    }
    let mut shown = String::new();
    let mut marks = 0;
    let composed: String = name.nfc().collect();
    for character in visible(&composed).nfc() {
        let is_mark = is_combining_mark(character);
        marks = if is_mark { marks + 1 } else { 0 };
        let is_bare = shown.is_empty() || shown.ends_with(' ');
        let needs_base = is_mark || matches!(character, ' ' | JOINER | NON_JOINER | EMOJI_FORM);
        if (is_bare && needs_base) || marks > MARKS {
            continue;
        }
        if shown.len() + character.len_utf8() > MAX_LINE {
            break;
        }
        shown.push(character);
    }
    shown.truncate(shown.trim_end_matches([' ', JOINER, NON_JOINER]).len());
    (!shown.is_empty()).then_some(Cow::Owned(shown))
}

/// What the spellings of one name have in common: case, width and composition do not matter (R9.35). It decides which
/// room is meant, and which member is addressed.
pub(crate) fn folded(name: &str) -> Box<str> {
    let shown = shown(name).unwrap_or_default();
    if shown.is_ascii() {
        return shown.to_ascii_lowercase().into();
    }
    fold(shown.nfkc()).nfkc().filter(|&character| !is_invisible(character)).collect::<String>().into()
}

/// What names that look alike in lower case have in common. [`keys`] decides whether a name is taken.
pub(crate) fn key(name: &str) -> Box<str> {
    look(&fold(compatible(&shown(name).unwrap_or_default()).chars()).collect::<String>())
}

/// What a name is compared by (R9.36).
pub(crate) fn keys(name: &str) -> Keys {
    let compatible = compatible(&shown(name).unwrap_or_default());
    let folded: String = fold(compatible.chars()).collect();
    let by_case: Arc<str> = look(&folded).into();
    let by_look = if folded == compatible { by_case.clone() } else { look(&compatible).into() };
    Keys { by_case, by_look }
}

impl Keys {
    /// One key or two.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        let other = (self.by_look != self.by_case).then_some(&self.by_look);
        std::iter::once(&self.by_case).chain(other)
    }

    /// The keys of the same name with this at its end, which begins with a hyphen.
    pub(crate) fn suffixed(&self, suffix: &str) -> Keys {
        let suffix = look(suffix);
        let append = |key: &str| [key, &suffix].concat().into();
        Keys { by_case: append(&self.by_case), by_look: append(&self.by_look) }
    }
}

/// A name in Form KC.
fn compatible(shown: &str) -> String {
    if shown.is_ascii() {
        return shown.to_owned();
    }
    let compatible: String = shown.nfkc().take(COMPATIBLE + 1).collect();
    if compatible.chars().count() > COMPATIBLE { shown.to_owned() } else { compatible }
}

/// Printable ASCII with single blanks inside.
fn is_shown_already(name: &str) -> bool {
    (1..=MAX_LINE).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !name.starts_with(' ')
        && !name.ends_with(' ')
        && !name.contains("  ")
}

/// Zero width joiner and non-joiner: part of emoji and of some scripts.
const JOINER: char = '\u{200D}';
const NON_JOINER: char = '\u{200C}';
/// Asks for the colourful form of a symbol.
const EMOJI_FORM: char = '\u{FE0F}';

/// The characters of a name that show something, with U+0020 for every blank. Joiners remain between two characters
/// that are not ASCII, and so does U+FE0F after one.
fn visible(name: &str) -> impl Iterator<Item = char> + '_ {
    let joins = |character: char| !character.is_ascii() && !is_blank(character) && !is_invisible(character);
    let mut before = ' ';
    name.char_indices().filter_map(move |(at, character)| {
        let follows = || name[at + character.len_utf8()..].chars().next().is_some_and(joins);
        let shown = match character {
            _ if is_blank(character) => Some(' '),
            JOINER | NON_JOINER => ((joins(before) || before == EMOJI_FORM) && follows()).then_some(character),
            EMOJI_FORM => joins(before).then_some(character),
            _ => (!is_invisible(character)).then_some(character),
        };
        before = shown.unwrap_or(before);
        shown
    })
}

/// Caseless: lower case of upper case, so that ß and ẞ are ss, and both forms of the small sigma are one.
fn fold(characters: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    characters.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// The looks of the ASCII characters.
static ASCII: LazyLock<[Box<str>; 128]> = LazyLock::new(|| {
    std::array::from_fn(|byte| twice(char::from(u8::try_from(byte).unwrap_or_default())).into_boxed_str())
});

/// The skeleton of a text (UTS 39), in lower case, without accents, and with more letters that look alike.
fn look(text: &str) -> Box<str> {
    let mut look = String::with_capacity(2 * text.len());
    for character in text.chars() {
        match ASCII.get(character as usize) {
            Some(known) => look.push_str(known),
            None => look.push_str(&twice(character)),
        }
    }
    if look.is_ascii() { look.into() } else { look.nfd().collect() }
}

/// After two rounds the look of every character is stable.
fn twice(character: char) -> String {
    let once = |character: char| {
        let mut bytes = [0; 4];
        let skeleton: Vec<char> = skeleton(character.encode_utf8(&mut bytes)).collect();
        fold(skeleton.into_iter().filter(|&character| !is_accent(character)).map(plain))
    };
    once(character).flat_map(once).collect()
}

/// The combining marks that accent letters of any script. The marks of one script alone are letters there.
fn is_accent(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}')
}

/// The letter that a small capital, or a letter in a filled circle or square, looks like. The tables of Unicode have no
/// entry for these.
fn plain(character: char) -> char {
    let letter = |first: char| {
        let number = u32::from(character) - u32::from(first);
        u8::try_from(number).map_or(character, |number| char::from(b'a' + number))
    };
    match character {
        'ᴀ' => 'a',
        'ʙ' => 'b',
        'ᴅ' => 'd',
        'ᴇ' => 'e',
        'ꜰ' => 'f',
        'ɢ' => 'g',
        'ʜ' => 'h',
        'ɪ' => 'i',
        'ᴊ' => 'j',
        'ᴋ' | 'ĸ' => 'k',
        'ʟ' => 'l',
        'ᴍ' | 'ʍ' => 'm',
        'ɴ' => 'n',
        'ᴘ' => 'p',
        'ꞯ' => 'q',
        'ʀ' => 'r',
        'ꜱ' => 's',
        'ᴛ' => 't',
        'ᴜ' => 'u',
        'ᴠ' => 'v',
        'ᴡ' => 'w',
        'ʏ' => 'y',
        'ᴢ' => 'z',
        '\u{1F150}'..='\u{1F169}' => letter('\u{1F150}'),
        '\u{1F170}'..='\u{1F189}' => letter('\u{1F170}'),
        '\u{1F1E6}'..='\u{1F1FF}' => letter('\u{1F1E6}'),
        // Without a font, all characters for private use look the same.
        '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFD}' => '\u{FFFD}',
        character => character,
    }
}

#[cfg(test)]
mod tests;

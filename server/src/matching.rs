//! Does a text contain another one, whatever the case of the letters (R9.44)?
//!
//! Letters are the same in another case if they have the same simple case folding, as for `(?i)` of the crate `regex`. The
//! standard library has no table of that; upper case, and then lower case, has the same result but for the exceptions.

#[cfg(feature = "history")]
use std::sync::OnceLock;

#[cfg(feature = "history")]
use regex::bytes::{Regex, RegexBuilder};

/// A text that is looked for. Those who look for it share it, so that it is compiled once.
#[derive(Debug)]
pub(crate) struct Pattern {
    folded: String,
    #[cfg(feature = "history")]
    text: Box<str>,
    #[cfg(feature = "history")]
    regex: OnceLock<Option<Regex>>,
}

/// The most memory of a compiled text, in bytes. The longest that a query may have takes a tenth.
#[cfg(feature = "history")]
const COMPILED: usize = 1 << 20;

/// Letters that fold to themselves, although they have an upper case of one letter that is also that of another one.
const UNFOLDED: [char; 1] = ['ı'];
/// Letters that fold to another one, although they have no upper case of one letter.
const FOLDED: [(char, char); 3] = [('\u{1FD3}', '\u{390}'), ('\u{1FE3}', '\u{3B0}'), ('\u{FB05}', '\u{FB06}')];

impl Pattern {
    pub(crate) fn new(text: &str) -> Pattern {
        Pattern {
            folded: text.chars().map(fold).collect(),
            #[cfg(feature = "history")]
            text: text.into(),
            #[cfg(feature = "history")]
            regex: OnceLock::new(),
        }
    }

    /// The same for the bytes of UTF-8, which is faster there. The first call compiles it, so it is for a thread that may
    /// take its time. `None` if the text is longer than that of any query, and cannot be compiled.
    #[cfg(feature = "history")]
    pub(crate) fn regex(&self) -> Option<&Regex> {
        let compile = || {
            let literal = regex::escape(&self.text);
            RegexBuilder::new(&literal).case_insensitive(true).size_limit(COMPILED).build().ok()
        };
        self.regex.get_or_init(compile).as_ref()
    }

    #[cfg(all(test, feature = "history"))]
    pub(crate) fn is_compiled(&self) -> bool {
        self.regex.get().is_some()
    }

    /// Is it in that text?
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let folded: String = text.chars().map(fold).collect();
        folded.contains(&self.folded)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Pattern {}

/// The same for all cases of a letter.
fn fold(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    if UNFOLDED.contains(&letter) {
        return letter;
    }
    if let Some((_, folded)) = FOLDED.iter().find(|(from, _)| *from == letter) {
        return *folded;
    }
    let upper = single(letter.to_uppercase()).unwrap_or(letter);
    single(upper.to_lowercase()).unwrap_or(upper)
}

fn single(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

    use super::*;

    #[test]
    fn letters_are_the_same_in_another_case_as_for_the_crate_regex() {
        // [R9.44]
        let Ok(unassigned) = regex_syntax::parse(r"\p{Cn}") else { panic!() };
        let HirKind::Class(Class::Unicode(unassigned)) = unassigned.kind() else { panic!("{unassigned:?}") };
        // The standard library may know letters of a later version of Unicode.
        let is_known = |letter| !unassigned.iter().any(|range| (range.start()..=range.end()).contains(&letter));
        let mut same: HashMap<char, Vec<char>> = HashMap::new();
        let letters = ('\0'..='\u{1FFFF}').filter(|&letter| is_known(letter));
        for letter in letters.clone() {
            same.entry(fold(letter)).or_default().push(letter);
        }
        for letter in letters {
            let mut class = ClassUnicode::new([ClassUnicodeRange::new(letter, letter)]);
            class.case_fold_simple();
            let theirs: Vec<_> = class.iter().flat_map(|range| range.start()..=range.end()).collect();
            assert_eq!(same[&fold(letter)], theirs, "{letter:?}");
        }
    }

    #[test]
    fn a_text_is_found_in_any_case_and_anywhere() {
        for (pattern, text, found) in [
            ("noon", "Tea at NOON?", true),
            ("NOON", "noon", true),
            ("straße", "STRAẞE", true),
            ("ΣΊΣΥΦΟΣ", "σίσυφος", true),
            ("noon", "no on", false),
            ("a", "ä", false),
            ("xx", "x", false),
        ] {
            assert_eq!(Pattern::new(pattern).is_in(text), found, "{pattern:?} in {text:?}");
        }
    }
}

//! How a person addresses a member (hub profile): by name, or by number.

use core::fmt;

use crate::line::MAX_LINE;

/// Why no member was addressed. Nothing is sent then: a private message must not reach another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unaddressed {
    /// No member has that name.
    NoSuchMember,
    /// Several members may be meant.
    Ambiguous,
    /// Only a name that contains blanks fits, and it is not in quotes.
    Unquoted,
}

impl Unaddressed {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Unaddressed::NoSuchMember => "no-such-member",
            Unaddressed::Ambiguous => "ambiguous-member",
            Unaddressed::Unquoted => "unquoted-name",
        }
    }
}

impl fmt::Display for Unaddressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        f.write_str(match self {
            Unaddressed::NoSuchMember => ": no member has that name",
            Unaddressed::Ambiguous => ": several members fit; write \"NAME\" in quotes, or #NUMBER",
            Unaddressed::Unquoted => ": write a name that contains blanks in quotes: \"NAME\"",
        })
    }
}

impl core::error::Error for Unaddressed {}

/// Splits what a person wrote into a member and the text after one blank: `NAME TEXT`, `"NAME WITH BLANKS" TEXT`,
/// `#7 TEXT` or `7 TEXT`.
///
/// `find` looks a name up. A name without quotes has no blanks. If the words also begin with the name of another member
/// that contains blanks, they are ambiguous. `7` is the member called 7, or else the one with that number; `#7` is the one
/// with that number, and ambiguous if another member is called #7.
///
/// # Errors
/// [`Unaddressed`], if it is not certain who is meant.
///
/// ```
/// use bookend::addressee::{Unaddressed, split};
///
/// let find = |name: &str| match name {
///     "ann" => Ok(5),
///     "bob lee" => Ok(7),
///     _ => Err(Unaddressed::NoSuchMember),
/// };
/// assert_eq!(split("ann hello", find), Ok((5, "hello")));
/// assert_eq!(split("\"bob lee\" hello", find), Ok((7, "hello")));
/// assert_eq!(split("bob lee hello", find), Err(Unaddressed::Unquoted));
/// ```
pub fn split(words: &str, find: impl Fn(&str) -> Result<u32, Unaddressed>) -> Result<(u32, &str), Unaddressed> {
    if let Some(quoted) = words.strip_prefix('"') {
        // A name may contain quotes too.
        let ends = quoted.match_indices('"').take_while(|(at, _)| *at <= MAX_LINE);
        let names = ends.filter_map(|(at, _)| Some((&quoted[..at], rest(&quoted[at + 1..])?)));
        return only(names.map(|(name, text)| Ok((find(name)?, text))));
    }
    let (first, text) = words.split_once(' ').unwrap_or((words, ""));
    let ends = words.match_indices(' ').map(|(at, _)| at).chain([words.len()]).skip(1);
    let mut longer = ends.take_while(|&at| at <= MAX_LINE).map(|at| &words[..at]).filter(|name| !name.ends_with(' '));
    let found = whole(first, &find);
    let others = longer.any(|name| find(name) != Err(Unaddressed::NoSuchMember) && find(name) != found);
    match found {
        Ok(_) if others => Err(Unaddressed::Ambiguous),
        Err(Unaddressed::NoSuchMember) if others => Err(Unaddressed::Unquoted),
        found => Ok((found?, text)),
    }
}

/// The member that a person means by a name, with or without blanks and quotes, `#7` or `7`.
///
/// # Errors
/// [`Unaddressed`], if it is not certain who is meant.
pub fn whole(name: &str, find: impl Fn(&str) -> Result<u32, Unaddressed>) -> Result<u32, Unaddressed> {
    let digits = name.strip_prefix('#').unwrap_or(name);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_number { digits.parse::<u32>().ok() } else { None };
    let unquoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    match (number, find(name)) {
        (None, Err(Unaddressed::NoSuchMember)) => unquoted.map_or(Err(Unaddressed::NoSuchMember), find),
        (Some(number), Err(Unaddressed::NoSuchMember)) => Ok(number),
        (Some(number), Ok(member)) if number != member && name.starts_with('#') => Err(Unaddressed::Ambiguous),
        (_, found) => found,
    }
}

/// What follows one blank, or nothing.
fn rest(text: &str) -> Option<&str> {
    if text.is_empty() { Some(text) } else { text.strip_prefix(' ') }
}

/// The only one that was found.
fn only<T>(candidates: impl Iterator<Item = Result<T, Unaddressed>>) -> Result<T, Unaddressed> {
    let mut found = Err(Unaddressed::NoSuchMember);
    for candidate in candidates {
        match (&found, candidate) {
            (_, Err(Unaddressed::NoSuchMember)) => {}
            (Err(Unaddressed::NoSuchMember), candidate) => found = candidate,
            _ => return Err(Unaddressed::Ambiguous),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::Unaddressed::{Ambiguous, NoSuchMember, Unquoted};
    use super::*;

    /// A room with these members; two are called `twin`.
    fn find(name: &str) -> Result<u32, Unaddressed> {
        match name {
            "ann" => Ok(5),
            "ann secret" => Ok(6),
            "bob lee" => Ok(7),
            "9" | "#9" => Ok(8),
            "böb" => Ok(9),
            "10" => Ok(10),
            "the \"x\"" => Ok(11),
            "twin" => Err(Ambiguous),
            _ => Err(NoSuchMember),
        }
    }

    #[test]
    fn it_is_certain_who_is_addressed_or_nobody_is() {
        for (words, expected) in [
            ("ann hello", Ok((5, "hello"))),
            ("ann  two blanks", Ok((5, " two blanks"))),
            ("ann", Ok((5, ""))),
            ("ann secret word", Err(Ambiguous)),
            ("ann secret", Err(Ambiguous)),
            ("ann secrets", Ok((5, "secrets"))),
            ("ann ", Ok((5, ""))),
            ("\"ann\" secret word", Ok((5, "secret word"))),
            ("\"ann secret\" word", Ok((6, "word"))),
            ("\"ann secret\"", Ok((6, ""))),
            ("\"ann secret\"word", Err(NoSuchMember)),
            ("\"ann secret word", Err(NoSuchMember)),
            ("bob lee hello", Err(Unquoted)),
            ("bob hello", Err(NoSuchMember)),
            ("\"the \"x\"\" hi", Ok((11, "hi"))),
            ("böb x", Ok((9, "x"))),
            ("#5 x", Ok((5, "x"))),
            ("5 x", Ok((5, "x"))),
            ("10 x", Ok((10, "x"))),
            ("9 x", Ok((8, "x"))),
            ("#9 x", Err(Ambiguous)),
            ("\"9\" x", Ok((8, "x"))),
            ("4294967296 x", Err(NoSuchMember)),
            ("#+5 x", Err(NoSuchMember)),
            ("twin x", Err(Ambiguous)),
            ("\"twin\" x", Err(Ambiguous)),
            ("eve x", Err(NoSuchMember)),
            ("", Err(NoSuchMember)),
            (" ann x", Err(NoSuchMember)),
        ] {
            assert_eq!(split(words, find), expected, "{words}");
        }
    }

    #[test]
    fn a_longer_spelling_of_the_same_name_is_not_another_member() {
        let trimming = |name: &str| find(name.trim_end_matches(['\u{200b}', ' ']));
        assert_eq!(split("ann \u{200b} x", trimming), Ok((5, "\u{200b} x")));
    }

    #[test]
    fn a_whole_name_may_contain_blanks() {
        assert_eq!(whole("ann secret", find), Ok(6));
        assert_eq!(whole("7", find), Ok(7));
        assert_eq!((whole("9", find), whole("\"9\"", find), whole("#9", find)), (Ok(8), Ok(8), Err(Ambiguous)));
        assert_eq!(whole("ann ", find), Err(NoSuchMember));
    }
}

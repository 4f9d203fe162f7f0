//! The escapes of string literals, in the languages that people paste them from.

/// What an escape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    Byte(u8),
    Character(u32),
    /// Nothing, such as an escaped line end.
    Nothing,
}

/// The result of reading an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The escape, and the number of characters after the backslash.
    Found(Escape, usize),
    /// More characters are needed.
    Partial,
    Unknown,
}

/// The most characters of an escape after its backslash.
const LONGEST: usize = 12;

/// Reads the escape whose backslash precedes `text`. With `decimal`, three digits are decimal, as in Lua and Haskell.
/// `complete`: no more characters follow.
pub(super) fn read(text: &str, decimal: bool, complete: bool) -> Read {
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return if complete { Read::Found(Escape::Nothing, 0) } else { Read::Partial };
    };
    if text.len() < LONGEST && !complete && !matches!(first, 'n' | 'r' | 't' | '\\' | '"' | '\'') {
        return Read::Partial;
    }
    let digits = |radix: u32, most: usize, from: usize| {
        let digits = text.get(from..).unwrap_or("");
        let count = digits.chars().take(most).take_while(|c| c.is_digit(radix)).count();
        u32::from_str_radix(&digits[..count], radix).ok().map(|value| (value, from + count))
    };
    let byte = |value: u8| Read::Found(Escape::Byte(value), 1);
    let number = |found: Option<(u32, usize)>| match found {
        Some((value, used)) => u8::try_from(value).map_or(Read::Unknown, |byte| Read::Found(Escape::Byte(byte), used)),
        None => Read::Unknown,
    };
    let character = |found: Option<(u32, usize)>| {
        found.map_or(Read::Unknown, |(value, used)| Read::Found(Escape::Character(value), used))
    };
    let braced = |found: Option<(u32, usize)>| {
        let closed = found.filter(|&(_, used)| text.get(used..).is_some_and(|rest| rest.starts_with('}')));
        character(closed.map(|(value, used)| (value, used + 1)))
    };
    match first {
        'n' => byte(b'\n'),
        'r' => byte(b'\r'),
        't' => byte(b'\t'),
        'a' => byte(7),
        'b' => byte(8),
        'v' => byte(11),
        'f' => byte(12),
        'e' => byte(27),
        '\\' | '"' | '\'' | '`' | '?' | '$' | '#' | '/' => byte(u8::try_from(first).unwrap_or(b'?')),
        'x' if text.starts_with("x{") => braced(digits(16, 6, 2)),
        'x' => number(digits(16, 2, 1)),
        'o' if text.starts_with("o{") => braced(digits(8, 6, 2)),
        'u' if text.starts_with("u{") => braced(digits(16, 6, 2)),
        'u' => character(digits(16, 4, 1).filter(|found| found.1 == 5)),
        'U' => character(digits(16, 8, 1).filter(|found| found.1 == 9)),
        '0'..='9' if decimal => number(digits(10, 3, 0)),
        '0'..='7' => number(digits(8, 3, 0)),
        '\n' => Read::Found(Escape::Nothing, 1),
        _ => Read::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_every_language_are_read() {
        for (text, decimal, escape, used) in [
            ("xf5face", false, Escape::Byte(0xF5), 3),
            ("x4 ", false, Escape::Byte(4), 2),
            ("0face", false, Escape::Byte(0), 1),
            ("3658", false, Escape::Byte(0xF5), 3),
            ("245\\", true, Escape::Byte(0xF5), 3),
            ("u00f5f", false, Escape::Character(0xF5), 5),
            ("u{f5}f", false, Escape::Character(0xF5), 5),
            ("U000000f5f", false, Escape::Character(0xF5), 9),
            ("e[", false, Escape::Byte(27), 1),
            ("", false, Escape::Nothing, 0),
        ] {
            assert_eq!(read(text, decimal, true), Read::Found(escape, used), "{text}");
        }
        for text in ["xg", "u00f", "Kx", "777", "x{3", "u{f5", "o{7 }"] {
            assert_eq!(read(text, false, true), Read::Unknown, "{text}");
        }
        assert_eq!(read("x", false, false), Read::Partial);
    }
}

//! What allocators and debuggers write into memory that nobody has written to.

/// Bytes that repeat, and how many of them are no accident.
const PATTERNS: [(&[u8], usize, &str); 14] = [
    (&[0xCD], 4, "CD (heap of Visual C++)"),
    (&[0xCC], 4, "CC (stack of Visual C++)"),
    (&[0xDD], 4, "DD (freed memory of Visual C++)"),
    (&[0xFD], 4, "FD (guard bytes of Visual C++)"),
    (&[0xAB], 8, "AB (guard bytes of Windows)"),
    (&[0xAA], 8, "AA"),
    (&[0xA5], 8, "A5 (jemalloc)"),
    (&[0xBE], 8, "BE (AddressSanitizer)"),
    (&[0xFE, 0xEE], 4, "FE EE (freed memory of Windows)"),
    (&[0xBE, 0xEF], 4, "BE EF"),
    (&[0xDE, 0xAD, 0xBE, 0xEF], 4, "DE AD BE EF"),
    (&[0xEF, 0xBE, 0xAD, 0xDE], 4, "EF BE AD DE"),
    (&[0xBA, 0xAD, 0xF0, 0x0D], 4, "BA AD F0 0D"),
    (&[0x0D, 0xF0, 0xAD, 0xBA], 4, "0D F0 AD BA"),
];

/// The characters that such bytes become in code pages of several bytes, and in the old ones of consoles.
const MISREAD: [(char, &str); 9] = [
    ('烫', "CC, read as GBK"),
    ('屯', "CD, read as GBK"),
    ('葺', "DD, read as GBK"),
    ('铪', "FE EE, read as GBK"),
    ('ﾌ', "CC, read as Shift_JIS"),
    ('ﾍ', "CD, read as Shift_JIS"),
    ('ﾝ', "DD, read as Shift_JIS"),
    ('╠', "CC, read in a DOS code page"),
    ('췍', "CD, read as UTF-16"),
];

/// Where the bytes begin to repeat a pattern to their end, or to NULs at their end, at least `least` of them.
pub(super) fn at_end(bytes: &[u8], least: usize) -> Option<(usize, &'static str)> {
    let end = bytes.iter().rposition(|byte| *byte != 0)? + 1;
    let bytes = &bytes[..end];
    let last = bytes.last()?;
    PATTERNS.iter().find_map(|(pattern, enough, name)| {
        // The bytes may end anywhere within the pattern.
        let phases = pattern.iter().enumerate().filter(|(_, byte)| *byte == last);
        let longest = phases.map(|(phase, _)| {
            let repeated = (0..=phase).rev().chain((0..pattern.len()).rev().cycle());
            bytes.iter().rev().zip(repeated).take_while(|(byte, at)| **byte == pattern[*at]).count()
        });
        let length = longest.max()?;
        (length >= least.max(*enough)).then_some((bytes.len() - length, *name))
    })
}

/// Where the bytes from `at` on stop being such that patterns have.
pub(super) fn end(bytes: &[u8], at: usize) -> usize {
    let known = |byte: &&u8| PATTERNS.iter().any(|(pattern, ..)| pattern.contains(byte));
    let at = at.min(bytes.len());
    at + bytes[at..].iter().take_while(known).count()
}

/// The same of text that such bytes became in an encoding of one byte per character, or in one of [`MISREAD`].
pub(super) fn misread(text: &str) -> Option<(usize, &'static str)> {
    const LEAST: usize = 4;
    let text = text.trim_end_matches('\0');
    let last = text.chars().next_back().filter(|last| !last.is_ascii())?;
    if let Some((_, name)) = MISREAD.iter().find(|(character, _)| *character == last) {
        let kept = text.trim_end_matches(last);
        return (text[kept.len()..].chars().count() >= LEAST).then_some((kept.len(), *name));
    }
    // Latin-1, of which the last few hundred characters are enough.
    const EXAMINED: usize = 256;
    let mut narrow = [0; EXAMINED];
    let mut begin = EXAMINED;
    for character in text.chars().rev().take(EXAMINED) {
        let Ok(byte) = u8::try_from(u32::from(character)) else { break };
        begin -= 1;
        narrow[begin] = byte;
    }
    let narrow = &narrow[begin..];
    let (start, name) = at_end(narrow, LEAST)?;
    let at = text.char_indices().rev().nth(narrow.len() - start - 1).map_or(0, |(at, _)| at);
    Some((at, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fill_is_found_at_any_phase_and_before_nuls() {
        assert_eq!(at_end(b"ab\xCD\xCD\xCD\xCD", 4), Some((2, "CD (heap of Visual C++)")));
        assert_eq!(at_end(b"ab\xEE\xFE\xEE\xFE\0\0", 4), Some((2, "FE EE (freed memory of Windows)")));
        assert_eq!(at_end(b"\xF0\xAD\xBA\x0D\xF0", 4), Some((0, "0D F0 AD BA")));
        assert_eq!(at_end(b"ab\xCD\xCD\xCD", 4), None);
        assert_eq!(at_end(b"ab\xAA\xAA\xAA\xAA", 4), None);
        assert_eq!(at_end(b"\0\0", 4), None);
    }

    #[test]
    fn fill_is_found_in_text_that_it_became() {
        assert_eq!(misread("hi\0ÌÌÌÌ").map(|(at, _)| at), Some(3));
        assert_eq!(misread("hi烫烫烫烫").map(|(at, _)| at), Some(2));
        assert_eq!(misread("þîþîþî").map(|(at, _)| at), Some(0));
        assert_eq!(misread("烫烫"), None);
        assert_eq!(misread("Ínfimo"), None);
    }
}

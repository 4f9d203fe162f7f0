//! Text that may be anything, for HTML and for XML.

use std::fmt::Write as _;

/// Text as it can stand between tags and in quotes. What XML 1.0 has no place for, and what would turn the line
/// around, becomes `\u{hex}`.
pub(super) fn text(words: &str) -> String {
    let mut safe = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' | ' '..='~' => safe.push(character),
            '\u{fffe}' | '\u{ffff}' => {
                let _written = write!(safe, "\\u{{{:x}}}", u32::from(character)); // a String takes everything
            }
            // Controls and bidirectional controls.
            _ => safe.push_str(&bookend::escaped(character.encode_utf8(&mut [0; 4])).to_string()),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        assert_eq!(text("<a b=\"c\" d='e'> & \u{1b}\0"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt; &amp; \\u{1b}\\u{0}");
        assert_eq!(text("grüß 😀\u{202e}\u{fffe}\r\n"), "grüß 😀\\u{202e}\\u{fffe}\\u{d}\n");
    }
}

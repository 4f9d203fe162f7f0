//! Escapes any text for HTML and XML.

use std::fmt::Write as _;

/// Escapes text for use between tags and within quotes. Characters that XML 1.0 forbids, and bidirectional controls,
/// become `\u{hex}`.
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
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(character)); // writing to a String cannot fail
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
    fn markup_and_control_characters_are_escaped() {
        assert_eq!(text("<a b=\"c\" d='e'> & \u{1b}\0"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt; &amp; \\u{1b}\\u{0}");
        assert_eq!(text("grüß 😀\u{202e}\u{fffe}\r\n"), "grüß 😀\\u{202e}\\u{fffe}\\u{d}\n");
    }
}

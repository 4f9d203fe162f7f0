//! The token, which no report shows: a peer may quote what it was sent.

use bookend_client::Token;
use data_encoding::HEXLOWER;

/// What stands in place of the token.
const HIDDEN: &str = "***";
/// The shortest part of the token that is hidden, in bytes: a peer may quote only the beginning.
const SHORTEST: usize = 6;

/// Hides the token in texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Secret(Vec<Form>);

/// A way to write the token, and how many characters of it are hidden at least.
#[derive(Clone, Debug)]
struct Form {
    characters: Vec<char>,
    shortest: usize,
}

impl Secret {
    pub(super) fn new<'a>(tokens: impl IntoIterator<Item = &'a Token>) -> Secret {
        Secret(tokens.into_iter().flat_map(|token| Secret::forms(token.as_bytes())).collect())
    }

    fn forms(token: &[u8]) -> Vec<Form> {
        let hex = HEXLOWER.encode(token);
        let spaced = token.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        let written = [
            (String::from_utf8_lossy(token).into_owned(), SHORTEST),
            (token.escape_ascii().to_string(), SHORTEST),
            (hex, 2 * SHORTEST),
            (spaced, 3 * SHORTEST - 1),
        ];
        let forms = written.into_iter().map(|(text, shortest)| {
            let characters: Vec<char> = text.to_ascii_lowercase().chars().collect();
            let shortest = shortest.min(characters.len());
            Form { characters, shortest }
        });
        forms.collect()
    }

    /// The text without the token.
    pub(super) fn hide(&self, text: &str) -> String {
        let (characters, mut shown, mut at) = (text.chars().collect::<Vec<_>>(), String::new(), 0);
        while at < characters.len() {
            match self.0.iter().map(|form| form.found(&characters[at..])).max().unwrap_or(0) {
                0 => {
                    shown.push(characters[at]);
                    at += 1;
                }
                length => {
                    shown.push_str(HIDDEN);
                    at += length;
                }
            }
        }
        shown
    }
}

impl Form {
    /// The number of characters at the beginning of `text` that are a part of the token; 0 if they are too few.
    fn found(&self, text: &[char]) -> usize {
        let same = |rest: &[char]| {
            text.iter().zip(rest).take_while(|(here, token)| here.to_ascii_lowercase() == **token).count()
        };
        let longest = (0..self.characters.len()).map(|start| same(&self.characters[start..])).max().unwrap_or(0);
        if longest >= self.shortest { longest } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_hidden_however_a_peer_quotes_it() {
        let secret = Secret::new(Some(&"9a1f0c5be77d4f21".parse().unwrap()));
        for (text, shown) in [
            ("policy: no such token: 9a1f0c5be77d4f21!", "policy: no such token: ***!"),
            ("9A1F0C5BE77D4F21", "***"),
            ("it begins with 9a1f0c5…", "it begins with ***…"),
            ("39 61 31 66 30 63 35 62", "***"),
            ("token=396131663063356265373764346632310a", "token=***0a"),
            ("9a1f, and nothing else", "9a1f, and nothing else"),
        ] {
            assert_eq!(secret.hide(text), shown, "{text}");
        }
        assert_eq!(Secret::new(Some(&"abc".parse().unwrap())).hide("abcd ab"), "***d ab");
        assert_eq!(Secret::new(None).hide("abc"), "abc");
    }
}

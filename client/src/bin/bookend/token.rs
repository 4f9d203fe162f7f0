//! What lets into a room, kept out of sight.

use std::fmt;
use std::fs;
use std::str::FromStr;

/// Bytes that HELLO carries as a token (SPEC 4).
const LENGTHS: std::ops::RangeInclusive<usize> = 1..=255;

/// A token, 1 to 255 bytes. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(Vec<u8>);

impl Token {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first line of a file.
    pub(crate) fn in_file(path: &str) -> Result<Token, String> {
        let text = fs::read(path).map_err(|error| error.to_string())?;
        let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(text.len());
        Token::new(&text[..end])
    }

    fn new(bytes: &[u8]) -> Result<Token, String> {
        if LENGTHS.contains(&bytes.len()) {
            Ok(Token(bytes.to_vec()))
        } else {
            Err(format!("a token has 1 to 255 bytes, but this one {}", bytes.len()))
        }
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Token, String> {
        Token::new(text.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_first_line_of_a_file_and_is_not_shown() {
        let path = std::env::temp_dir().join(format!("bookend-token-{}", std::process::id()));
        let name = path.to_str().unwrap();
        for (text, token) in [("secret\n", Ok("secret")), ("a b\r\nmore", Ok("a b")), ("", Err(())), ("\nx", Err(()))] {
            fs::write(&path, text).unwrap();
            assert_eq!(Token::in_file(name).map_err(|_| ()), token.map(|token| token.parse().unwrap()));
        }
        fs::remove_file(&path).unwrap();
        assert!(Token::in_file(name).is_err());
        assert!("x".repeat(256).parse::<Token>().is_err());
        assert_eq!(format!("{:?}", "secret".parse::<Token>().unwrap()), "(not shown)");
    }
}

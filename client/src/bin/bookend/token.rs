//! What lets into a room, kept out of sight.

use std::fmt;
use std::fs;
use std::str::FromStr;

use bookend::Hello;
use clap::Args;

/// Bytes that HELLO carries as a token (SPEC 4).
const LENGTHS: std::ops::RangeInclusive<usize> = 1..=255;

/// A token, 1 to 255 bytes. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(Vec<u8>);

// Where a token comes from; were this a doc comment, it would take the place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct TokenArguments {
    /// Show the hub the token in this file's first line; without it, that in BOOKEND_TOKEN, if there is one
    #[arg(long, value_name = "FILE", value_parser = Token::in_file)]
    token_file: Option<Token>,
    /// Others on this machine could read it on the command line.
    #[arg(long, hide = true, env = "BOOKEND_TOKEN", hide_env_values = true)]
    token: Option<Token>,
}

impl TokenArguments {
    pub(crate) fn token(&self) -> Option<&Token> {
        self.token_file.as_ref().or(self.token.as_ref())
    }
}

impl Token {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// HELLO with it.
    pub(crate) fn shown_in(&self, hello: Hello) -> Hello {
        hello.with_token(&self.0).expect("its length was judged")
    }

    /// Covers it wherever it stands in bytes that somebody may show, also in part at their end, where they were cut.
    pub(crate) fn cover(&self, bytes: &mut [u8]) {
        let token = &self.0;
        let places: Vec<_> = (0..bytes.len())
            .map(|at| at..bytes.len().min(at + token.len()))
            .filter(|place| token.starts_with(&bytes[place.clone()]))
            .collect();
        for place in places {
            bytes[place].fill(b'*');
        }
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
    fn a_token_is_covered_wherever_it_stands() {
        let token: Token = "aab".parse().unwrap();
        for (bytes, covered) in
            [("aaab.b", "a***.b"), ("aabaab", "******"), ("xaa", "x**"), ("aax", "aax"), ("", ""), ("b", "b")]
        {
            let mut bytes = bytes.as_bytes().to_vec();
            token.cover(&mut bytes);
            assert_eq!(bytes, covered.as_bytes());
        }
    }

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

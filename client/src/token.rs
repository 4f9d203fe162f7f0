//! A token that is never printed.

use std::fmt;
use std::fs;
use std::str::FromStr;

use bookend::Hello;

/// The lengths of a token in HELLO, in bytes (SPEC 4).
const LENGTHS: std::ops::RangeInclusive<usize> = 1..=255;

/// A token, 1 to 255 bytes, that a hub admits a member by. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Vec<u8>);

impl Token {
    /// The token itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `hello` with this token.
    pub fn shown_in(&self, hello: Hello) -> Hello {
        hello.with_token(&self.0).expect("its length was judged")
    }

    /// Overwrites the token with `*` wherever it occurs in `bytes`, also where its beginning ends them.
    pub fn cover(&self, bytes: &mut [u8]) {
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
    ///
    /// # Errors
    /// The file cannot be read, or its first line is not 1 to 255 bytes long.
    pub fn in_file(path: &str) -> Result<Token, String> {
        let text = fs::read(path).map_err(|error| error.to_string())?;
        let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(text.len());
        Token::new(&text[..end])
    }

    fn new(bytes: &[u8]) -> Result<Token, String> {
        if LENGTHS.contains(&bytes.len()) {
            Ok(Token(bytes.to_vec()))
        } else {
            Err(format!("a token has 1 to 255 bytes, but this one has {}", bytes.len()))
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

//! The tokens of an examination.

use bookend_client::Token;

/// The tokens with which a server is examined. A server that requires none needs none of them.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// The token of all checks. It should grant reading and writing in every room.
    pub own: Option<Token>,
    /// A token that may only read, in every room.
    pub reader: Option<Token>,
    /// A token that may be in every room and write there, but not read.
    pub writer: Option<Token>,
    /// A token that may be in no room.
    pub refused: Option<Token>,
}

impl Tokens {
    /// Those that there are.
    pub(super) fn all(&self) -> impl Iterator<Item = &Token> {
        [&self.own, &self.reader, &self.writer, &self.refused].into_iter().flatten()
    }
}

impl From<Option<Token>> for Tokens {
    /// A token for all checks.
    fn from(own: Option<Token>) -> Tokens {
        Tokens { own, ..Tokens::default() }
    }
}

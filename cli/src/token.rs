//! The options that name a token.

use bookend_client::Token;
use bookend_doctor::Tokens;
use clap::Args;

// The source of the token. (A doc comment would replace the summary of the command.)
#[derive(Debug, Args)]
pub(crate) struct TokenArguments {
    /// Read the token from the first line of FILE [default: the token in BOOKEND_TOKEN, if set]
    #[arg(long, value_name = "FILE", value_parser = Token::in_file)]
    token_file: Option<Token>,
    /// Hidden: other users of this machine could read a token on the command line.
    #[arg(long, hide = true, env = "BOOKEND_TOKEN", hide_env_values = true)]
    token: Option<Token>,
}

// Tokens with fewer rights, for those who examine a server.
#[derive(Debug, Args)]
pub(crate) struct OtherTokenArguments {
    /// The token in the first line of FILE may only read: what it sends must be refused
    #[arg(long, value_name = "FILE", value_parser = Token::in_file)]
    pub(crate) reader_token_file: Option<Token>,
    /// The token in the first line of FILE may write but not read: nothing may be sent to it
    #[arg(long, value_name = "FILE", value_parser = Token::in_file)]
    pub(crate) writer_token_file: Option<Token>,
    /// The token in the first line of FILE may not enter: it must be refused
    #[arg(long, value_name = "FILE", value_parser = Token::in_file)]
    pub(crate) refused_token_file: Option<Token>,
}

impl TokenArguments {
    pub(crate) fn token(&self) -> Option<&Token> {
        self.token_file.as_ref().or(self.token.as_ref())
    }

    /// All tokens with which a server is examined.
    pub(crate) fn tokens(&self, others: &OtherTokenArguments) -> Tokens {
        Tokens {
            own: self.token().cloned(),
            reader: others.reader_token_file.clone(),
            writer: others.writer_token_file.clone(),
            refused: others.refused_token_file.clone(),
        }
    }
}

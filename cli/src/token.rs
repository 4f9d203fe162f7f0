//! The options that name a token.

use bookend_client::Token;
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

impl TokenArguments {
    pub(crate) fn token(&self) -> Option<&Token> {
        self.token_file.as_ref().or(self.token.as_ref())
    }
}

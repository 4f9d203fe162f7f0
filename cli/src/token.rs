//! The options that name a token.

use bookend_client::Token;
use clap::Args;

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

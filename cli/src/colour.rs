//! When to colour the output.

use std::io;

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;

/// The value of --color.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

impl Colour {
    /// The choice for standard output.
    pub(crate) fn choice(self) -> ColorChoice {
        match self {
            Colour::Auto => AutoStream::choice(&io::stdout()),
            Colour::Always => ColorChoice::Always,
            Colour::Never => ColorChoice::Never,
        }
    }

    /// True if standard output is coloured.
    pub(crate) fn is_on(self) -> bool {
        self.choice() != ColorChoice::Never
    }
}

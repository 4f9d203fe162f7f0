//! When the output has colours.

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
    /// How standard output takes colours.
    pub(crate) fn choice(self) -> ColorChoice {
        match self {
            Colour::Auto => AutoStream::choice(&io::stdout()),
            Colour::Always => ColorChoice::Always,
            Colour::Never => ColorChoice::Never,
        }
    }

    /// True if standard output has colours.
    pub(crate) fn is_on(self) -> bool {
        self.choice() != ColorChoice::Never
    }
}

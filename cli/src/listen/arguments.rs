//! The command line of `bookend listen`.

use bookend::Hello;
use clap::Args;

use crate::exit::EXIT_CODES;
use crate::joining::{Joining, Waiting, Wanted};
use crate::receive::Form;

/// Print what is said in a room, a line each
///
/// When the network or the hub goes away, it joins again, resumes, and says what was missed.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ListenArguments {
    #[command(flatten)]
    pub(crate) joining: Joining,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    #[command(flatten)]
    wanted: Wanted,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
    /// Print the bytes of the messages, as they came, and nothing in between
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// End after N messages have come
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End with the session, instead of joining again when the network or the hub went away
    #[arg(long)]
    pub(crate) once: bool,
}

impl ListenArguments {
    pub(crate) fn form(&self) -> Form {
        match (self.raw, self.json) {
            (true, _) => Form::Raw,
            (false, true) => Form::Json,
            (false, false) => Form::Plain,
        }
    }

    pub(crate) fn hello(&self) -> Hello {
        self.joining.hello(self.wanted.encoding())
    }
}

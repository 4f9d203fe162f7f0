//! The command line of `bookend listen`.

use bookend::Hello;
use clap::Args;

use crate::exit::EXIT_CODES;
use crate::join::{EncodingArguments, JoinArguments, TimeoutArguments};
use crate::show::OutputFormat;

/// Print the messages of a room, one per line
///
/// If the connection is lost, `listen` reconnects, resumes, and reports how many messages were missed.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ListenArguments {
    #[command(flatten)]
    pub(crate) join: JoinArguments,
    #[command(flatten)]
    pub(crate) waiting: TimeoutArguments,
    #[command(flatten)]
    encoding: EncodingArguments,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    /// Print only the bytes of each message, unchanged and without separators
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// Exit after N messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Exit when the session ends, instead of reconnecting
    #[arg(long)]
    pub(crate) once: bool,
}

impl ListenArguments {
    pub(crate) fn format(&self) -> OutputFormat {
        match (self.raw, self.json) {
            (true, _) => OutputFormat::Raw,
            (false, true) => OutputFormat::Json,
            (false, false) => OutputFormat::Plain,
        }
    }

    pub(crate) fn hello(&self) -> Hello {
        self.join.hello(self.encoding.encoding())
    }
}

//! The command line of `bookend listen`.

use std::io::{self, IsTerminal};

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
    /// Print who joins and leaves, and what was missed, also if standard output is not a terminal
    ///
    /// Without it, only messages are printed to a pipe or a file, and losses are reported on standard error. --json
    /// prints every event.
    #[arg(long)]
    presence: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    /// Print only the bytes of each message, unchanged and without separators
    #[arg(long, conflicts_with_all = ["json", "presence"])]
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
        match self {
            ListenArguments { raw: true, .. } => OutputFormat::Raw,
            ListenArguments { json: true, .. } => OutputFormat::Json,
            ListenArguments { presence: true, .. } => OutputFormat::Plain,
            _ if io::stdout().is_terminal() => OutputFormat::Plain,
            _ => OutputFormat::Messages,
        }
    }

    pub(crate) fn hello(&self) -> Hello {
        self.join.hello(self.encoding.encoding())
    }
}

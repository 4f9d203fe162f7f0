//! The command line of `bookend listen`.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use bookend::Hello;
use clap::Args;

use crate::exit::EXIT_CODES;
use crate::join::{EncodingArguments, JoinArguments, TimeoutArguments};
use crate::kept::{Since, Start, since};
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
    /// Print first what the hub has kept since then, and go on with what is said from now on, without a seam
    ///
    /// SINCE is the number of a message (`seq` with --json), after which the messages begin; a time such as
    /// 2026-11-30T07:00:00Z; a time span with a unit such as 2h; or `all` for what the hub still has. What is no longer
    /// kept is reported as missed. A hub that keeps no history answers a number or `all` from its memory; with a time,
    /// `listen` then fails with `no-history` and exit code 1.
    #[arg(long, value_name = "SINCE", value_parser = since, conflicts_with = "plain")]
    since: Option<Since>,
    /// Print first the last N messages that the hub has kept; as --since
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["since", "plain"])]
    last: Option<u64>,
    /// Append to FILE instead of printing, and continue after the last message in it, if there is one
    ///
    /// For a recorder: after an end of any kind, the same command continues without a hole, or FILE says in an object of
    /// the event `gap` which numbers are missing. A line that was not finished is removed first. Without a message in
    /// FILE, --since and --last say where to begin.
    #[arg(long, value_name = "FILE", requires = "json", conflicts_with = "plain")]
    pub(crate) append: Option<PathBuf>,
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

    /// Where to begin, if not with what is said from now on.
    pub(crate) fn start(&self) -> Option<Start> {
        self.since.map(Start::Since).or(self.last.map(Start::Last))
    }

    pub(crate) fn hello(&self) -> Hello {
        self.join.hello(self.encoding.encoding())
    }
}

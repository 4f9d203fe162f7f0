//! The command line of `bookend export`.

use std::path::PathBuf;

use bookend::Hello;
use clap::Args;

use crate::join::{EncodingArguments, JoinArguments, TimeoutArguments};
use crate::kept::{Moment, Since, since, until};
use crate::show::OutputFormat;

/// Print everything that the hub has kept of a room, oldest first, and end
///
/// What is missing in between is marked where it is missing, as `listen` does. The export ends with the message before its
/// own start.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    pub(crate) join: JoinArguments,
    #[command(flatten)]
    pub(crate) waiting: TimeoutArguments,
    #[command(flatten)]
    encoding: EncodingArguments,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    /// Write to FILE instead of standard output
    ///
    /// FILE is replaced when the export has ended, with exit code 0 or because messages are missing. Until then the
    /// messages are in FILE.PID.part; if the export fails, that is removed, and FILE is as it was. A device or a pipe is
    /// written to at once.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The first message
    ///
    /// SINCE is the number of the message before it (`seq` with --json); a time such as 2026-11-30T07:00:00Z; a time span
    /// with a unit such as 2h; or `all` for the first message that the hub still has.
    #[arg(long, value_name = "SINCE", value_parser = since, default_value = "all")]
    pub(crate) since: Since,
    /// The last message: its number, or the last one of this time
    #[arg(long, value_name = "UNTIL", value_parser = until)]
    pub(crate) until: Option<Moment>,
}

impl ExportArguments {
    pub(crate) fn format(&self) -> OutputFormat {
        if self.json { OutputFormat::Json } else { OutputFormat::Plain }
    }

    pub(crate) fn hello(&self) -> Hello {
        self.join.hello(self.encoding.encoding())
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0      everything is there that was asked for, as far as the hub knows
  1      some messages are not kept or too long for this client; the hub keeps no history; or another fault
  2      invalid option or argument
  3      no hub could be joined
  128+N  ended by signal N";

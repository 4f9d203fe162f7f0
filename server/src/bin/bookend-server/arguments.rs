//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::{Sources, Value};

/// The end of `--help`.
const MORE: &str = "\
Settings are read from the file, the environment (BOOKEND_LIMITS_MAX_BODY=2MiB) and the flags; a later source overrides
an earlier one. docs/operating.md and --print-config list all settings.

Signals: SIGTERM, SIGQUIT and ctrl-c shut the hub down gracefully, a second one ends it at once; SIGHUP reloads the
settings.

Exit status: 0 shut down gracefully · 1 could not listen, or another failure · 2 wrong arguments or settings ·
128 + N ended at once by signal N";

/// The end of `history --help`.
const HISTORY_STATUS: &str = "\
Exit status: 0 done, and nothing is damaged · 1 damage, or a hub uses the file, or another failure · 2 wrong arguments or
settings";

/// Run a Bookend hub: framed peers and telnet users share rooms on one port.
#[derive(Debug, Parser)]
#[command(version, after_help = MORE)]
pub(crate) struct Arguments {
    /// The settings file, in TOML
    #[arg(long, value_name = "FILE", env = "BOOKEND_CONFIG")]
    config: Option<PathBuf>,
    /// Listen on this address instead of 127.0.0.1:3990; may be repeated. The port is a number, 0 for any free port, or
    /// the name of a service
    #[arg(long, value_name = "[tls://]HOST:PORT|unix:PATH")]
    listen: Vec<String>,
    /// Allow addresses that other machines can reach, even if anybody may join there or tokens are sent unencrypted
    #[arg(long)]
    public: bool,
    /// Log events of this level and above on standard error: off, error, warn, info, debug
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// Log in this format: pretty or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Write the addresses to this file when the hub listens
    #[arg(long, value_name = "PATH")]
    ready_file: Option<String>,
    /// Set any setting, such as limits.max_body=2MiB; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Check the settings and exit
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Print the settings in force as a commented settings file and exit
    #[arg(long, conflicts_with = "check_config")]
    pub(crate) print_config: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the program does instead of running a hub.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a token. The token is printed on standard error, only this once, and its entry for the token file on standard
    /// output: `bookend-server token ann --room ops >> tokens.toml`
    Token(TokenArguments),
    /// Look into a history file that no hub uses, or change it
    #[command(after_help = HISTORY_STATUS)]
    History(HistoryArguments),
}

#[derive(Args, Debug)]
pub(crate) struct HistoryArguments {
    /// The file, instead of `history.path` of the settings
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) path: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: HistoryCommand,
}

/// What is done with the file.
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// Read everything, compare all checksums, and print each fault
    Check {
        /// Print an object
        #[arg(long)]
        json: bool,
    },
    /// List the rooms of which messages are kept
    List {
        /// List all rooms whose numbers are remembered
        #[arg(long)]
        all: bool,
        /// Print an object for each room
        #[arg(long)]
        json: bool,
    },
    /// Print the messages, oldest first
    Dump {
        /// Only of this room
        room: Option<String>,
        /// Print objects, as `bookend listen --json` does
        #[arg(long)]
        json: bool,
    },
    /// Delete all messages of a room
    Drop { room: String },
    /// Delete all messages that were sent under a name
    Delete {
        /// The name
        #[arg(long, value_name = "NAME")]
        member: String,
        /// Only in this room
        #[arg(long, value_name = "ROOM")]
        room: Option<String>,
    },
    /// Say that the file is a backup that was restored: rooms begin with new numbers
    Restored,
}

#[derive(Args, Debug)]
pub(crate) struct TokenArguments {
    /// The name of the token in the log
    pub(crate) name: String,
    /// A room that the token is for, or * for all; may be repeated
    #[arg(long, value_name = "ROOM", default_value = "*")]
    pub(crate) room: Vec<String>,
    /// A right that the token grants there; may be repeated
    #[arg(long, value_name = "RIGHT", value_enum, default_values = ["read", "write"])]
    pub(crate) right: Vec<RightName>,
    /// When it expires, such as 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RightName {
    /// receive messages
    Read,
    /// send messages
    Write,
    /// control the hub
    Admin,
}

impl Arguments {
    /// The sources of the settings. `--set` is applied first: flags of their own override it.
    pub(crate) fn sources(&self) -> Sources {
        let mut sources = Sources::new(self.config.clone());
        for set in &self.set {
            let (name, value) = set.split_once('=').unwrap_or((set, ""));
            sources.flag("--set", name.trim(), Value::One(value.into()));
        }
        if !self.listen.is_empty() {
            sources.flag("--listen", "listen", Value::Many(self.listen.clone()));
        }
        if self.public {
            sources.flag("--public", "public", Value::One("true".into()));
        }
        let named = [
            ("--log", "log.level", &self.log),
            ("--log-format", "log.format", &self.log_format),
            ("--ready-file", "ready_file", &self.ready_file),
        ];
        for (flag, name, value) in named {
            if let Some(value) = value {
                sources.flag(flag, name, Value::One(value.clone()));
            }
        }
        sources
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}

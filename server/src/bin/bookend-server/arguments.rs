//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::{Sources, Value};

/// What stands behind the flags in `--help`.
const MORE: &str = "\
Settings come from the file, then from the environment (BOOKEND_LIMITS_MAX_BODY=2MiB), then from the flags; what is
later counts. docs/operating.md has all of them, and so has --print-config.

Signals: SIGTERM and ctrl-c end the hub in good order, a second one ends it at once; SIGHUP reads the file again.

Exit status: 0 ended in good order · 1 could not listen, or another failure · 2 wrong arguments or settings ·
130 ended at once by a second signal";

/// A hub: framed peers and telnet users in one room, on one port.
#[derive(Debug, Parser)]
#[command(version, after_help = MORE)]
pub(crate) struct Arguments {
    /// The settings, in TOML
    #[arg(long, value_name = "FILE", env = "BOOKEND_CONFIG")]
    config: Option<PathBuf>,
    /// Where to listen instead of 127.0.0.1:3990, also several times; the port is a number, 0 for any that is free, or
    /// the name of a service
    #[arg(long, value_name = "[tls://]HOST:PORT|unix:PATH")]
    listen: Vec<String>,
    /// Listen on addresses that other machines can reach, although anybody may enter there, or tokens travel in the clear
    #[arg(long)]
    public: bool,
    /// What to log on standard error: off, error, warn, info, debug
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// How to log it: pretty or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// A file to write once the hub listens, with the places in it
    #[arg(long, value_name = "PATH")]
    ready_file: Option<String>,
    /// Any setting, such as limits.max_body=2MiB
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Say whether the settings are right, and do nothing else
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Print the settings in force as a file with remarks, and do nothing else
    #[arg(long, conflicts_with = "check_config")]
    pub(crate) print_config: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the program does instead of being a hub.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a token: it is printed on standard error, this once, and its entry for the file of tokens on standard
    /// output: `bookend-server token ann --room ops >> tokens.toml`
    Token(TokenArguments),
}

#[derive(Args, Debug)]
pub(crate) struct TokenArguments {
    /// What the log calls it
    pub(crate) name: String,
    /// A room that it is for, also several times, or * for all
    #[arg(long, value_name = "ROOM", default_value = "*")]
    pub(crate) room: Vec<String>,
    /// What it allows there, also several times
    #[arg(long, value_name = "RIGHT", value_enum, default_values = ["read", "write"])]
    pub(crate) right: Vec<RightName>,
    /// When it ends, such as 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RightName {
    /// be told what is said
    Read,
    /// say something
    Write,
    /// control the hub
    Admin,
}

impl Arguments {
    /// Where the settings come from. The general flag goes first: those with a name of their own count more.
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
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }
}

//! The command line of `bookend send`.

use std::time::Duration;

use bookend::{Encoding, Hello};
use bookend_client::Backoff;
use clap::{Args, ValueEnum};

use super::Sending;
use crate::exit::EXIT_CODES;
use crate::input::Layout;
use crate::joining::{Joining, Waiting};

/// Post to a room, and end once the hub has confirmed everything
///
/// The words of TEXT are one message. Without them the messages come from standard input, by default a line each. None
/// is ever split, joined with another, or changed. When the network or the hub goes away, it joins again; what was under
/// way then is not sent twice unless --resend says so. Unless the hub has everything, a report says what became of it,
/// and with which line to go on.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct SendArguments {
    #[command(flatten)]
    pub(crate) joining: Joining,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// The message, behind HOST:PORT
    text: Vec<String>,
    #[command(flatten)]
    layout: LayoutArguments,
    /// Send again what was under way when a session ended, and may have arrived: it may then arrive twice
    #[arg(long, conflicts_with = "to")]
    pub(crate) resend: bool,
    /// Print the report, as a JSON object
    #[arg(long)]
    json: bool,
    /// Send to one member only, by name or number, and end with the session: in the next one the name and the number
    /// may be another's
    #[arg(long, value_name = "NAME|ID", conflicts_with = "plain")]
    to: Option<String>,
    /// The encoding to send text in; that which the hub prefers, if there is none
    #[arg(long, value_name = "ENCODING", conflicts_with_all = ["binary", "hex"])]
    encoding: Option<TextEncoding>,
}

/// What a message is in standard input.
#[derive(Debug, Args)]
#[group(multiple = false, conflicts_with = "text")]
struct LayoutArguments {
    /// Each line is a message, of UTF-8, without its line end; so it is without this
    #[arg(long)]
    lines: bool,
    /// All of it is one message, of UTF-8, as it is
    #[arg(long)]
    whole: bool,
    /// What stands in front of each NUL is a message, of UTF-8, as `find -print0` writes it
    #[arg(long)]
    nul: bool,
    /// Each line is a binary message, two digits a byte
    #[arg(long)]
    hex: bool,
    /// Each line is a JSON object, as `listen --json` prints them: "text", with or without "encoding", or "hex"
    #[arg(long)]
    jsonl: bool,
    /// All of it is one binary message
    #[arg(long)]
    binary: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TextEncoding {
    Ascii,
    #[value(name = "utf-8")]
    Utf8,
    #[value(name = "utf-16be")]
    Utf16Be,
    #[value(name = "utf-16le")]
    Utf16Le,
}

/// What `send` sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WhatToSend {
    Text(String),
    /// Standard input.
    Input(Layout),
}

/// How long the hub may be gone while there is something to send.
const ABSENCE: Duration = Duration::from_secs(30);

impl SendArguments {
    pub(crate) fn what(&self) -> WhatToSend {
        if self.text.is_empty() {
            WhatToSend::Input(self.layout.layout())
        } else {
            WhatToSend::Text(self.text.join(" "))
        }
    }

    pub(crate) fn sending(&self) -> Sending {
        Sending {
            to: self.to.clone(),
            encoding: self.encoding.map(TextEncoding::encoding),
            timeout: self.waiting.timeout,
            json: self.json,
            is_verbose: self.waiting.verbose,
        }
    }

    /// When to connect again.
    pub(crate) fn backoff(&self) -> Option<Backoff> {
        self.to.is_none().then(Backoff::default)
    }

    /// How long the hub may be gone.
    pub(crate) fn absence(&self) -> Duration {
        self.waiting.timeout.unwrap_or(ABSENCE)
    }

    pub(crate) fn hello(&self) -> Hello {
        self.joining.hello(Encoding::Utf8)
    }
}

impl LayoutArguments {
    fn layout(&self) -> Layout {
        match self {
            LayoutArguments { whole: true, .. } => Layout::Whole,
            LayoutArguments { nul: true, .. } => Layout::Nul,
            LayoutArguments { hex: true, .. } => Layout::Hex,
            LayoutArguments { jsonl: true, .. } => Layout::Jsonl,
            LayoutArguments { binary: true, .. } => Layout::Binary,
            LayoutArguments { lines: _, .. } => Layout::Lines,
        }
    }
}

impl TextEncoding {
    fn encoding(self) -> Encoding {
        match self {
            TextEncoding::Ascii => Encoding::Ascii,
            TextEncoding::Utf8 => Encoding::Utf8,
            TextEncoding::Utf16Be => Encoding::Utf16Be,
            TextEncoding::Utf16Le => Encoding::Utf16Le,
        }
    }
}

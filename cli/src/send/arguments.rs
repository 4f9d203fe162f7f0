//! The command line of `bookend send`.

use std::time::Duration;

use bookend::{Encoding, Hello};
use bookend_client::Backoff;
use clap::{Args, ValueEnum};

use super::SendOptions;
use crate::exit::EXIT_CODES;
use crate::input::MessageFormat;
use crate::join::{JoinArguments, TimeoutArguments};

/// Post to a room, and exit once the hub has confirmed every message
///
/// The words of TEXT are one message. Without TEXT, messages are read from standard input, one per line by default. A
/// message is never split, joined with another or changed. If the connection is lost, `send` reconnects; messages in
/// flight are not sent again unless --resend is given. Unless the hub confirms every message, a report counts those that
/// were confirmed, refused, possibly lost and not sent, and names the message to resume at.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct SendArguments {
    #[command(flatten)]
    pub(crate) join: JoinArguments,
    #[command(flatten)]
    pub(crate) waiting: TimeoutArguments,
    /// The message, after HOST:PORT
    text: Vec<String>,
    #[command(flatten)]
    format: FormatArguments,
    /// Resend the messages that were in flight when the connection was lost; they may arrive twice
    #[arg(long, conflicts_with = "to")]
    pub(crate) resend: bool,
    /// Print the report as a JSON object
    #[arg(long)]
    json: bool,
    /// Post to one member only, by name or number, and do not reconnect
    ///
    /// A number is written #ID if a member has that name. In the next session, the name or the number may belong to
    /// another member.
    #[arg(long, value_name = "NAME|ID", conflicts_with = "plain")]
    to: Option<String>,
    /// The encoding of text [default: the one that the hub prefers]
    #[arg(long, value_name = "ENCODING", conflicts_with_all = ["binary", "hex"])]
    encoding: Option<TextEncoding>,
}

// How standard input is divided into messages. (A doc comment would replace the summary of the command.)
#[derive(Debug, Args)]
#[group(multiple = false, conflicts_with = "text")]
struct FormatArguments {
    /// Send each line of UTF-8 as a message, without its line end (the default)
    #[arg(long)]
    lines: bool,
    /// Send all of the UTF-8 input as one message, unchanged
    #[arg(long)]
    whole: bool,
    /// Send each NUL-terminated UTF-8 text as a message, as `find -print0` writes them
    #[arg(long)]
    nul: bool,
    /// Send each line of hexadecimal digits as a binary message
    #[arg(long)]
    hex: bool,
    /// Send the message in each JSON object, as `listen --json` prints them: "text", with or without "encoding", or "hex"
    #[arg(long)]
    jsonl: bool,
    /// Send all of the input as one binary message
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

/// The source of the messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Text(String),
    /// Standard input.
    Input(MessageFormat),
}

/// How long to reconnect while there are messages to send.
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(30);

impl SendArguments {
    pub(crate) fn source(&self) -> Source {
        if self.text.is_empty() { Source::Input(self.format.format()) } else { Source::Text(self.text.join(" ")) }
    }

    pub(crate) fn options(&self) -> SendOptions {
        SendOptions {
            to: self.to.clone(),
            encoding: self.encoding.map(TextEncoding::encoding),
            timeout: self.waiting.timeout,
            json: self.json,
            is_verbose: self.waiting.verbose,
        }
    }

    /// When to reconnect.
    pub(crate) fn backoff(&self) -> Option<Backoff> {
        self.to.is_none().then(Backoff::default)
    }

    /// How long to try to reconnect.
    pub(crate) fn reconnect_timeout(&self) -> Duration {
        self.waiting.timeout.unwrap_or(RECONNECT_TIMEOUT)
    }

    pub(crate) fn hello(&self) -> Hello {
        self.join.hello(Encoding::Utf8)
    }
}

impl FormatArguments {
    fn format(&self) -> MessageFormat {
        match self {
            FormatArguments { whole: true, .. } => MessageFormat::Whole,
            FormatArguments { nul: true, .. } => MessageFormat::Nul,
            FormatArguments { hex: true, .. } => MessageFormat::Hex,
            FormatArguments { jsonl: true, .. } => MessageFormat::Jsonl,
            FormatArguments { binary: true, .. } => MessageFormat::Binary,
            FormatArguments { lines: _, .. } => MessageFormat::Lines,
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

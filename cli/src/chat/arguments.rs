//! The command line of `bookend chat`.

use bookend::{Encoding, Hello, Payload};
use clap::Args;

use super::ChatOptions;
use crate::exit::EXIT_CODES;
use crate::join::{EncodingArguments, JoinArguments, TimeoutArguments};
use crate::show::OutputFormat;

/// Post each line of standard input to a room, and print the messages of the room
///
/// On a terminal, `chat` opens a window, which scrolls back through what the hub has kept. Otherwise each line is posted as
/// it is, unless it begins with `/`: `/to NAME TEXT` posts to one member, `/who` lists the members, `/quit` exits, as does the
/// end of the input, and `/help` lists the others. `/last N` prints the last N messages that the hub has kept, `/search TEXT`
/// the last ones that contain TEXT, each with its time; with --json as objects of the event `kept`. An unknown command is
/// refused; `//TEXT` posts /TEXT, and `bookend send` posts every line as it is. NAME is a name, in quotes if it contains
/// blanks, or #ID. `chat` exits after the hub has confirmed every post.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ChatArguments {
    #[command(flatten)]
    pub(crate) join: JoinArguments,
    #[command(flatten)]
    pub(crate) waiting: TimeoutArguments,
    #[command(flatten)]
    encoding: EncodingArguments,
    /// Read and print lines on a terminal too, instead of opening a window
    #[arg(long)]
    lines: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    /// Exit after N messages, instead of at the end of the input
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Post the bytes HEX in encoding ENC, 0 to 4, after joining; may be repeated
    #[arg(long, num_args = 2, value_names = ["ENC", "HEX"])]
    send_hex: Vec<String>,
}

impl ChatArguments {
    /// True if a window is wanted on a terminal.
    pub(crate) fn wants_window(&self) -> bool {
        !(self.lines || self.json || self.count.is_some() || !self.send_hex.is_empty() || self.join.plain)
    }

    pub(crate) fn options(&self) -> ChatOptions {
        ChatOptions {
            format: if self.json { OutputFormat::Json } else { OutputFormat::Plain },
            count: self.count,
            payloads: self.payloads().expect("`Arguments::read` has checked them"),
        }
    }

    pub(crate) fn hello(&self) -> Hello {
        self.join.hello(self.encoding.encoding())
    }

    /// The payloads of --send-hex.
    pub(crate) fn payloads(&self) -> Result<Vec<(Encoding, Vec<u8>)>, String> {
        self.send_hex.chunks_exact(2).map(|pair| payload(&pair[0], &pair[1])).collect()
    }
}

/// A payload from the number of its encoding and its bytes in hexadecimal.
fn payload(encoding: &str, hex: &str) -> Result<(Encoding, Vec<u8>), String> {
    let number = encoding.parse().ok().and_then(Encoding::from_byte);
    let encoding = number.ok_or_else(|| format!("{encoding} is not an encoding; use 0 to 4"))?;
    let bytes = bytes(hex).ok_or_else(|| format!("{hex} is not hexadecimal; use two digits per byte"))?;
    match Payload::decode(encoding, &bytes) {
        Ok(payload) => Ok((encoding, payload.as_bytes().to_vec())),
        Err(error) => Err(error.to_string()),
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits?;
    digits.len().is_multiple_of(2).then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

//! The command line of `bookend chat`.

use bookend::{Encoding, Hello, Payload};
use clap::Args;

use super::Chat;
use crate::exit::EXIT_CODES;
use crate::joining::{Joining, Waiting, Wanted};
use crate::receive::Form;

/// Post each line of standard input to a room, and print what is said there
///
/// A line is posted as it is, but for these: `/to NAME TEXT` or `/to ID TEXT` posts to one member (0: to everyone),
/// `/who` prints who is there, `/quit` ends, as the end of the input does. Before it ends, the hub has confirmed all
/// posts.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ChatArguments {
    #[command(flatten)]
    pub(crate) joining: Joining,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    #[command(flatten)]
    wanted: Wanted,
    /// Read and print lines also on a terminal, where there is a window otherwise
    #[arg(long)]
    lines: bool,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
    /// End after N messages have come, and not with the input
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Post these bytes in encoding 0 to 4 once joined; may be repeated
    #[arg(long, num_args = 2, value_names = ["ENC", "HEX"])]
    send_hex: Vec<String>,
}

impl ChatArguments {
    /// Is a window wanted, where there is a terminal?
    pub(crate) fn window(&self) -> bool {
        !(self.lines || self.json || self.count.is_some() || !self.send_hex.is_empty() || self.joining.plain)
    }

    pub(crate) fn chat(&self) -> Chat {
        Chat {
            form: if self.json { Form::Json } else { Form::Plain },
            count: self.count,
            payloads: self.payloads().expect("`Arguments::read` has judged them"),
        }
    }

    pub(crate) fn hello(&self) -> Hello {
        self.joining.hello(self.wanted.encoding())
    }

    /// The payloads of --send-hex.
    pub(crate) fn payloads(&self) -> Result<Vec<(Encoding, Vec<u8>)>, String> {
        self.send_hex.chunks_exact(2).map(|pair| payload(&pair[0], &pair[1])).collect()
    }
}

/// A payload from the number of its encoding and its bytes in hex.
fn payload(encoding: &str, hex: &str) -> Result<(Encoding, Vec<u8>), String> {
    let number = encoding.parse().ok().and_then(Encoding::from_byte);
    let encoding = number.ok_or_else(|| format!("{encoding} is no encoding: they are 0 to 4"))?;
    let bytes = bytes(hex).ok_or_else(|| format!("{hex} is no hex"))?;
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

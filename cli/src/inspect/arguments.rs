//! The command line of `bookend inspect`.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bookend::MAX_LENGTH;
use bookend_client::DEFAULT_PORT;
use bookend_inspect::{Format, Options, Output};
use clap::{Args, ValueEnum};

use crate::colour::Colour;
use crate::timespan::timespan;

const ABOUT_JSON: &str = "\
Exit codes:
  0    everything is sound
  1    a fault was found, or the input is damaged
  2    a wrong option or argument

Objects of --json, one a line, each with \"event\":
  stream      stream, client, server, whole: a TCP stream of a capture; what follows of it names it in
              \"stream\" and \"sender\", which is client or server
  preamble    text, or hex if it is none: what a client skips before the first START
  line        text, or hex: of a line terminal, which has no frames
  frame       frame, offset, kind, name, encoding, length, fields of the fixed part, and text or hex, the
              payload; cut, missing and unended where they hold
  refused     frame, offset, fault, detail, diagnoses: what a session would say of the frame before
  remark      frame, offset, fault, detail, diagnoses: what is worth knowing of the frame before; with fault
              if it would be one, were this not a part of a stream
  fault       frame, offset, fault, detail, hex, diagnoses: name, confidence, offset, seen, expected, fix
  skipped     offset, length, why (fault, hole or begun), found: bytes without a sound frame
  hole        offset, length: bytes that are not in the capture
  unfinished  offset, arrived, expected: the capture ends inside a frame
  no-close    the stream ended without a CLOSE
  damaged     detail: the input cannot be read on
  summary     format, frames, faults, refused, skipped, missing, streams, left_out, not_followed, fragments,
              unreadable, damaged

Offsets count from the first START of a stream, frames from 0, as in SPEC.md.";

/// Say frame by frame what is in a capture or a dump, and which mistake is behind a fault
///
/// Reads tcpdump's captures, whose TCP streams it puts together, and single streams as raw bytes, hexadecimal text or
/// base64, of any length. Of a capture it tells of the streams that look like Bookend or use port 3990. Behind a fault
/// it goes on with the next sound frame, which is a guess: a payload may hold frames.
#[derive(Debug, Args)]
#[command(after_help = ABOUT_JSON)]
pub(crate) struct InspectArguments {
    /// What to inspect; - is standard input
    file: Option<PathBuf>,
    /// The form of the input
    #[arg(long, value_enum, default_value_t = InputFormat::Auto)]
    format: InputFormat,
    /// The longest body that is no fault, in bytes [default: 1048576, or what the HELLOs of a capture say]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LENGTH)))]
    max_body: Option<u32>,
    /// Of a capture, only the streams to or from this port
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Of a capture, only this stream, by its number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    stream: Option<u64>,
    /// Show the bytes of each frame, field by field
    #[arg(long)]
    hex: bool,
    /// Print a JSON object a line
    #[arg(long, conflicts_with = "hex")]
    json: bool,
    /// Print only what is wrong, and the summary
    #[arg(long, short)]
    quiet: bool,
    /// Read for so long at most, and tell of what has come until then: a live capture does not end by itself
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    pub(super) timeout: Option<Duration>,
    /// Tell how long each stage took
    #[arg(long, short)]
    pub(super) verbose: bool,
    /// Colours; auto is on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    pub(super) color: Colour,
}

fn timeout(text: &str) -> Result<Duration, String> {
    timespan(text, Duration::from_millis(100), Duration::from_secs(366 * 86_400))
}

/// The value of --format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InputFormat {
    /// Judge by the first bytes
    Auto,
    /// The bytes of one direction of a stream
    Raw,
    /// Digits, or a dump of xxd, hexdump, od or Wireshark
    Hex,
    Base64,
    /// A capture of tcpdump or Wireshark, pcap or pcapng
    Pcap,
}

impl InspectArguments {
    /// What to inspect, and how to write it.
    pub(super) fn options(&self) -> Options {
        Options {
            format: match self.format {
                InputFormat::Auto => Format::Auto,
                InputFormat::Raw => Format::Raw,
                InputFormat::Hex => Format::Hex,
                InputFormat::Base64 => Format::Base64,
                InputFormat::Pcap => Format::Pcap,
            },
            max_body: self.max_body,
            port: self.port,
            stream: self.stream,
            usual_port: DEFAULT_PORT,
            output: if self.json { Output::Json } else { Output::Plain { colored: self.color.is_on(), hex: self.hex } },
            quiet: self.quiet,
        }
    }

    /// True if no file is named, and nothing piped in.
    pub(super) fn lacks_input(&self) -> bool {
        self.file.is_none() && io::stdin().is_terminal()
    }

    /// The file to inspect, `None` for standard input.
    pub(super) fn path(&self) -> Option<&Path> {
        self.file.as_deref().filter(|path| *path != Path::new("-"))
    }
}

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
  0      no fault was found
  1      a fault was found, the input is damaged, or something of value in a capture was left out
  2      invalid option or argument
  128+N  ended by signal N

Objects of --json, one per line, each with \"event\":
  dump        form, note: how a text was read, as the first object; the note says whether it has two sides, or
              packets with headers
  stream      stream, client, server, whole: a TCP stream of a capture; later events of the stream name it in
              \"stream\", and the side in \"sender\", which is client or server
  preamble    text, or hex if it is not text: what a client skips before the first START
  line        text, or hex: a line from a line terminal, which has no frames
  frame       frame, offset, kind, name, encoding, length, fields of the fixed part, and the payload as text or
              hex; cut, missing and unended where they apply; history, of a REQUEST that asks a hub for what it has
              kept (before, count, text) and of its REPLY (lost_before, entries)
  refused     frame, offset, fault, detail, diagnoses: a session would refuse the previous frame
  remark      frame, offset, fault, detail, diagnoses: a remark about the previous frame; it has a fault if the
              frame would be one in a complete stream. At the end of a stream, with count, of and what: a mistake
              that sound frames show (what is text, number or binary payload), and the first of those frames
  fault       frame, offset, fault, detail, hex, diagnoses: name, confidence, offset, seen, expected, fix
  skipped     offset, length, why (fault, hole or begun), found: bytes without a valid frame
  hole        offset, length: bytes that are missing from the capture
  conflict    offset, length, differing: bytes that were sent again with other content, which is not used
  unfinished  offset, arrived, expected: the capture ends inside a frame
  no-close    the stream ended without a CLOSE
  damaged     detail: the rest of the input cannot be read
  summary     format, frames, faults, refused, skipped, missing, streams, left_out, not_followed, fragments,
              unreadable, damaged, and account of a capture: packets = tcp + the packets left out; payload (bytes of
              TCP payload) = used + the bytes left out; left_out is a list of why, what, packets, bytes, of_value

Reasons (why), with an asterisk if a stream of Bookend may lack such bytes (of_value):
  not-tcp, fragment*, tunnel*, too-deep*, cut-off*, malformed*, link-type*: packets that were not read; what is
              the protocol, the tunnel or the link type. A fragment of UDP or ICMP is not of value
  retransmission, conflicting-retransmission*, out-of-order*, outside-window*, after-fin*, after-reset*,
  other-stream, not-followed*: bytes of packets that were read

Offsets count from the first START of a stream, and frames from 0, as in SPEC.md.";

/// Show every frame of a capture or a dump, and explain each fault
///
/// Reads captures by tcpdump or Wireshark, whose TCP streams it reassembles; single streams as raw bytes; and dumps, which
/// are text that shows bytes, such as the output of xxd. The input may have any length. The first line says how a dump was
/// read. In a capture, it shows the streams that look like Bookend or use port 3990, also inside tunnels such as VXLAN,
/// Geneve, GRE, IPIP, PPPoE and MPLS, and accounts for every packet and byte. After a fault it continues at the next valid
/// frame. This is a guess, because a payload may contain frames.
#[derive(Debug, Args)]
#[command(after_help = ABOUT_JSON)]
pub(crate) struct InspectArguments {
    /// The file to inspect; - is standard input
    file: Option<PathBuf>,
    /// The format of the input
    #[arg(long, value_enum, default_value_t = InputFormat::Auto)]
    format: InputFormat,
    /// Report a longer body as a fault, in bytes [default: the limit in the HELLOs of a capture, or 1048576]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LENGTH)))]
    max_body: Option<u32>,
    /// In a capture, show only the streams to or from this port
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// In a capture, show only stream number N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    stream: Option<u64>,
    /// Show the bytes of each frame, field by field
    #[arg(long)]
    hex: bool,
    /// Print one JSON object per line
    #[arg(long, conflicts_with = "hex")]
    json: bool,
    /// Print only faults and the summary
    #[arg(long, short)]
    quiet: bool,
    /// Leave out remarks on sound frames
    #[arg(long)]
    no_remarks: bool,
    /// Stop reading after TIME and report what has arrived; for live captures, which do not end by themselves
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    pub(super) timeout: Option<Duration>,
    /// Report how long each stage took
    #[arg(long, short)]
    pub(super) verbose: bool,
    /// When to colour the output
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    pub(super) color: Colour,
}

fn timeout(text: &str) -> Result<Duration, String> {
    timespan(text, Duration::from_millis(100), Duration::from_secs(366 * 86_400))
}

/// The value of --format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InputFormat {
    /// Detect the format from the first bytes
    Auto,
    /// The bytes of one direction of a stream
    Raw,
    /// Text that shows bytes: a dump by xxd, hexdump, od, tcpdump, Wireshark, strace or gdb, string literals, lists of
    /// numbers, hexadecimal digits or base64
    Dump,
    /// Hexadecimal digits, or rows of them with offsets
    Hex,
    Base64,
    /// A capture by tcpdump or Wireshark, pcap or pcapng
    Pcap,
}

impl InspectArguments {
    /// What to inspect, and how to print it.
    pub(super) fn options(&self) -> Options {
        Options {
            format: match self.format {
                InputFormat::Auto => Format::Auto,
                InputFormat::Raw => Format::Raw,
                InputFormat::Dump => Format::Dump,
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
            remarks: !self.no_remarks,
        }
    }

    /// True if no file is named and standard input is a terminal.
    pub(super) fn lacks_input(&self) -> bool {
        self.file.is_none() && io::stdin().is_terminal()
    }

    /// The file to inspect, or `None` for standard input.
    pub(super) fn path(&self) -> Option<&Path> {
        self.file.as_deref().filter(|path| *path != Path::new("-"))
    }
}

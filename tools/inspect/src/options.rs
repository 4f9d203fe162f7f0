//! What to inspect, and how to write it.

/// The longest body by default (R8.2), in bytes.
pub(super) const MAX_BODY: u32 = 1 << 20;

/// What to inspect of the input, and how to write it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The format of the input.
    pub format: Format,
    /// The longest legal body, in bytes. With `None` it is 1 MiB, or in a capture what each side's HELLO accepts.
    pub max_body: Option<u32>,
    /// In a capture, inspect only TCP streams to or from this port.
    pub port: Option<u16>,
    /// In a capture, inspect only this TCP stream, counted from 1.
    pub stream: Option<u64>,
    /// In a capture, a TCP stream to or from this port is inspected even if its bytes do not look like Bookend: 3990.
    pub usual_port: u16,
    /// How the report is written.
    pub output: Output,
    /// Report only faults, refused frames, gaps and the summary.
    pub quiet: bool,
    /// Report what sound frames show of a sender's mistake, such as a text that is legal, but probably not what was
    /// intended.
    pub remarks: bool,
}

impl Default for Options {
    /// Recognises the format, inspects everything, and writes plain text without colours.
    fn default() -> Options {
        Options {
            format: Format::Auto,
            max_body: None,
            port: None,
            stream: None,
            usual_port: 3990,
            output: Output::Plain { colored: false, hex: false },
            quiet: false,
            remarks: true,
        }
    }
}

/// The format of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Recognised by the first bytes.
    #[default]
    Auto,
    /// The bytes of one direction of a stream.
    Raw,
    /// Text that shows bytes: the output of xxd, hexdump, od, tcpdump, Wireshark, strace or gdb, string literals, lists of
    /// numbers, hexadecimal digits or base64.
    Dump,
    /// Hexadecimal digits, or rows of them with offsets.
    Hex,
    /// Base64, in either alphabet, with or without padding and line breaks.
    Base64,
    /// A capture of tcpdump or Wireshark, pcap or pcapng.
    Pcap,
}

impl Format {
    /// The name in the summary, such as `hex`; `raw` for [`Format::Auto`].
    pub(super) fn name(self) -> &'static str {
        match self {
            Format::Auto | Format::Raw => "raw",
            Format::Dump => "dump",
            Format::Hex => "hex",
            Format::Base64 => "base64",
            Format::Pcap => "pcap",
        }
    }
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Lines of text.
    Plain {
        /// Use the colours of a terminal.
        colored: bool,
        /// Show the bytes of each frame, field by field.
        hex: bool,
    },
    /// One JSON object per line. `bookend inspect --help` lists the keys, which are stable.
    Json,
}

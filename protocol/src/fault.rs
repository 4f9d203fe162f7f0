//! The rules that a peer can break: one flat [`Fault`], its stable name and its [`Code`] (SPEC 6).

use core::fmt;

use crate::code::Code;
use crate::encoding::Encoding;

/// A rule that the peer broke, with what was found and what was expected.
///
/// Mistakes of the application itself are [`Misuse`](crate::Misuse). [`name`](Fault::name) is the same kebab-case word
/// on the wire, in logs and in every language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A frame does not begin with F5 F8 (R2.2). `offset` in bytes from the first START of the stream.
    BadStart {
        /// Where the wrong byte is, in bytes from the first START of the stream.
        offset: u64,
        /// The byte that is there.
        found: u8,
    },
    /// A body is not followed by F8 F5 (R2.10).
    BadEnd {
        /// Where the wrong byte is, in bytes from the first START of the stream.
        offset: u64,
        /// The byte that is there.
        found: u8,
        /// The length that the header claimed, in bytes.
        length: u32,
    },
    /// The encoding byte is not 0 to 4 (R2.4).
    UnknownEncoding {
        /// Where the byte is, in bytes from the first START of the stream.
        offset: u64,
        /// The byte that is there.
        found: u8,
    },
    /// A body is longer than the limit in force (R2.7, R4.17).
    TooLong {
        /// Where the length field is, in bytes from the first START of the stream.
        offset: u64,
        /// The length of the body, in bytes.
        length: u64,
        /// The limit in force, in bytes.
        max: u32,
    },
    /// The stream ended inside a frame (R2.16).
    Truncated {
        /// Bytes of the unfinished frame that had arrived.
        arrived: u64,
    },
    /// The stream ended between frames without a CLOSE (R7.9). Never on the wire.
    NoClose,
    /// The first frame is neither HELLO nor CLOSE (R4.3).
    HelloExpected {
        /// The kind that arrived instead.
        kind: u8,
    },
    /// A second HELLO (R4.4).
    SecondHello,
    /// A HELLO breaks a rule (R4.5, R4.10 to R4.16).
    BadHello {
        /// The rule.
        why: &'static str,
    },
    /// The channel changed the canary of HELLO (R4.6).
    BadCanary {
        /// Which byte of the canary is the first wrong one, 0..7.
        position: u8,
        /// The byte that is there.
        found: u8,
    },
    /// Both sides are clients (R4.24).
    TwoClients,
    /// Another major version (R4.8).
    Version {
        /// The peer's major version.
        major: u8,
    },
    /// A body does not fit its kind (R3.1 to R3.4, R9.3, R9.4).
    Malformed {
        /// The kind.
        kind: u8,
        /// The rule.
        why: &'static str,
    },
    /// An unknown kind below 80 (R3.5).
    UnknownKind {
        /// The kind.
        kind: u8,
    },
    /// A kind that this side of a hub never receives (R9.2).
    UnexpectedKind {
        /// The kind.
        kind: u8,
    },
    /// A REQUEST whose id is still unanswered (R3.15).
    DuplicateRequest {
        /// The id.
        id: u32,
    },
    /// Text that is not legal in the encoding that its frame names (R5.8). The connection lives.
    BadText {
        /// The encoding that the frame names.
        encoding: Encoding,
        /// The first illegal byte, in bytes from the start of the payload.
        offset: usize,
    },
    /// An encoding that the receiver did not accept in its HELLO (R5.10, R5.11). The connection lives.
    EncodingRefused {
        /// The encoding.
        encoding: Encoding,
    },
    /// No HELLO arrived in time (R7.10).
    HelloTimeout,
    /// Nothing arrived for twice the keepalive that the peer promised (R7.3).
    Idle {
        /// The silence, in seconds.
        seconds: u64,
    },
    /// The peer does not read what is sent to it: see [`Limits::write_timeout`](crate::Limits::write_timeout).
    SlowConsumer,
    /// A frame began and did not arrive in time (R7.11, R7.12).
    FrameTimeout {
        /// Bytes of the frame that had arrived.
        arrived: u64,
        /// The length of the whole frame, in bytes, if its header had arrived.
        expected: Option<u64>,
    },
    /// Too many PINGs without anything else (R8.3).
    PingFlood,
    /// Too many frames of length 0 (R8.4).
    EmptyFlood,
    /// Too many requests are unanswered (R3.16).
    TooManyRequests,
}

impl Fault {
    /// The stable name (SPEC 6).
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Fault::BadStart { .. } => "bad-start",
            Fault::BadEnd { .. } => "bad-end",
            Fault::UnknownEncoding { .. } => "unknown-encoding",
            Fault::TooLong { .. } => "too-long",
            Fault::Truncated { .. } => "truncated",
            Fault::NoClose => "no-close",
            Fault::HelloExpected { .. } => "hello-expected",
            Fault::SecondHello => "second-hello",
            Fault::BadHello { .. } => "bad-hello",
            Fault::BadCanary { .. } => "bad-canary",
            Fault::TwoClients => "two-clients",
            Fault::Version { .. } => "version",
            Fault::Malformed { .. } => "malformed",
            Fault::UnknownKind { .. } => "unknown-kind",
            Fault::UnexpectedKind { .. } => "unexpected-kind",
            Fault::DuplicateRequest { .. } => "duplicate-request",
            Fault::BadText { .. } => "bad-text",
            Fault::EncodingRefused { .. } => "encoding-refused",
            Fault::HelloTimeout => "hello-timeout",
            Fault::Idle { .. } => "idle",
            Fault::SlowConsumer => "slow-consumer",
            Fault::FrameTimeout { .. } => "frame-timeout",
            Fault::PingFlood => "ping-flood",
            Fault::EmptyFlood => "empty-flood",
            Fault::TooManyRequests => "try-later",
        }
    }

    /// The code that is sent for this fault (R6.1).
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Fault::BadStart { .. } => Code::BAD_START,
            Fault::BadEnd { .. } => Code::BAD_END,
            Fault::UnknownKind { .. } => Code::UNKNOWN_KIND,
            Fault::BadText { .. } | Fault::EncodingRefused { .. } => Code::BAD_TEXT,
            Fault::TooLong { .. } => Code::TOO_LONG,
            Fault::Version { .. } => Code::VERSION,
            Fault::HelloTimeout => Code::HELLO_TIMEOUT,
            Fault::Idle { .. } => Code::IDLE,
            Fault::SlowConsumer => Code::SLOW_CONSUMER,
            Fault::FrameTimeout { .. } => Code::FRAME_TIMEOUT,
            Fault::PingFlood | Fault::EmptyFlood => Code::RATE,
            Fault::TooManyRequests => Code::TRY_LATER,
            Fault::UnknownEncoding { .. }
            | Fault::Truncated { .. }
            | Fault::NoClose
            | Fault::HelloExpected { .. }
            | Fault::SecondHello
            | Fault::BadHello { .. }
            | Fault::BadCanary { .. }
            | Fault::TwoClients
            | Fault::Malformed { .. }
            | Fault::UnexpectedKind { .. }
            | Fault::DuplicateRequest { .. } => Code::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for Fault {
    /// The name, a colon and a detail of plain ASCII, at most 200 bytes (R6.2, R6.5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match *self {
            Fault::BadStart { offset, found } => {
                write!(f, "a frame begins with f5 f8, but byte {offset} is {found:02x}")
            }
            Fault::BadEnd { offset, found, length } => write!(
                f,
                "a body of {length} bytes was declared, but f8 f5 does not follow it: byte {offset} is {found:02x}"
            ),
            Fault::UnknownEncoding { offset, found } => {
                write!(f, "encoding {found} at byte {offset}, but only 0 to 4 exist")
            }
            Fault::TooLong { length, max, .. } => {
                write!(f, "a body of {length} bytes, but at most {max} are accepted")
            }
            Fault::Truncated { arrived } => {
                write!(f, "the stream ended {arrived} bytes into a frame")
            }
            Fault::NoClose => f.write_str("the stream ended without a CLOSE"),
            Fault::HelloExpected { kind } => {
                write!(f, "kind {kind:02x} arrived first, but HELLO opens a session")
            }
            Fault::SecondHello => f.write_str("HELLO may be sent only once"),
            Fault::BadHello { why } => f.write_str(why),
            Fault::BadCanary { position, found } => write!(
                f,
                "the channel changes bytes: {} (byte {position} of the canary is {found:02x})",
                canary_damage(position, found)
            ),
            Fault::TwoClients => f.write_str("the HELLO of a client arrived at a client"),
            Fault::Version { major } => write!(f, "major version {major}, but this side speaks 1"),
            Fault::Malformed { kind, why } => write!(f, "kind {kind:02x}: {why}"),
            Fault::UnknownKind { kind } => write!(f, "kind {kind:02x}"),
            Fault::UnexpectedKind { kind } => {
                write!(f, "kind {kind:02x} is for the other direction in the hub profile")
            }
            Fault::DuplicateRequest { id } => write!(f, "request {id} is still unanswered"),
            Fault::BadText { encoding, offset } => {
                write!(f, "byte {offset} of the payload is not {encoding}")
            }
            Fault::EncodingRefused { encoding } => write!(f, "{encoding} was not accepted in HELLO"),
            Fault::HelloTimeout => f.write_str("no HELLO in time"),
            Fault::Idle { seconds } => write!(f, "nothing arrived for {seconds} s"),
            Fault::SlowConsumer => f.write_str("the peer does not read what is sent to it"),
            Fault::FrameTimeout { arrived, expected: Some(expected) } => {
                write!(f, "{arrived} of {expected} bytes of a frame arrived in time")
            }
            Fault::FrameTimeout { arrived, expected: None } => {
                write!(f, "{arrived} of the 8 bytes of a header arrived in time")
            }
            Fault::PingFlood => f.write_str("too many PINGs and nothing else"),
            Fault::EmptyFlood => f.write_str("too many empty frames"),
            Fault::TooManyRequests => f.write_str("too many requests are unanswered"),
        }
    }
}

impl core::error::Error for Fault {}

/// How the channel changes bytes, as the first wrong byte of a canary shows (SPEC 4).
const fn canary_damage(position: u8, found: u8) -> &'static str {
    match (position, found) {
        (0, 0x0A) => "CRLF became LF",
        (1, 0x0D) => "LF became CRLF",
        (1, 0x00) => "CR became CR NUL",
        (1, 0x1A) => "LF was dropped",
        (2, 0x0A) => "^Z was dropped, or CR became CRLF",
        (3, 0x0D) => "bare LF became CRLF",
        (4, 0x7F) => "the eighth bit was stripped",
        (4, 0x11) => "FF was taken for telnet IAC",
        (5, 0xFF) => "FF was doubled, as telnet IAC",
        (5, 0x0D) => "XON was swallowed",
        (7, 0x0A) => "CR became CRLF",
        (7, 0x01) => "NUL was dropped",
        _ => "in an unknown way",
    }
}

//! The vocabulary of what can go wrong: one flat [`Error`], its stable name and its [`Code`] (SPEC 6).

use core::fmt;

use crate::encoding::Encoding;

/// What went wrong, with what was found and what was wanted.
///
/// [`name`](Error::name) is the same kebab-case word on the wire, in logs and in every language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
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
    /// The encoding byte is none of 0..4 (R2.4).
    UnknownEncoding {
        /// Where the byte is, in bytes from the first START of the stream.
        offset: u64,
        /// The byte that is there.
        found: u8,
    },
    /// A body is longer than the limit in force (R2.7, R4.17).
    TooLong {
        /// Where the length field is, in bytes from the first START of the stream; 0 for a body to send.
        offset: u64,
        /// The length of the body, in bytes.
        length: u64,
        /// The limit in force, in bytes.
        max: u32,
    },
    /// The stream ended inside a frame (R2.16).
    Truncated {
        /// Bytes of the unfinished frame that had come.
        arrived: u64,
    },
    /// The stream ended between frames without a CLOSE (R7.9). Never on the wire.
    NoClose,
    /// The first frame is neither HELLO nor CLOSE (R4.3).
    HelloExpected {
        /// The kind that came instead.
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
    /// Text that is not what its encoding byte says (R5.8). The connection lives.
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
    /// Text that an encoding cannot carry (R5.13).
    UnmappableText {
        /// The encoding that was wanted.
        encoding: Encoding,
        /// The first such character, in bytes of UTF-8 from the start of the text.
        offset: usize,
    },
    /// No HELLO in time (R7.10).
    HelloTimeout,
    /// Nothing came for twice the keepalive that the peer promised (R7.3).
    Idle {
        /// The silence, in seconds.
        seconds: u64,
    },
    /// A frame began and did not arrive in time (R7.11, R7.12).
    FrameTimeout {
        /// Bytes of the frame that had come.
        arrived: u64,
        /// Bytes that it was to have, where its header had come.
        expected: Option<u64>,
    },
    /// Too many PINGs without anything else (R8.3).
    PingFlood,
    /// Too many frames of length 0 (R8.4).
    EmptyFlood,
    /// Too many requests are unanswered (R3.16).
    TooManyRequests,
    /// A REPLY to a request that is not waiting for one (R3.12).
    NoSuchRequest {
        /// The id.
        id: u32,
    },
    /// Something was to be sent before the peer's HELLO, or after a CLOSE (R4.2, R7.5).
    NotOpen,
}

impl Error {
    /// The stable name (SPEC 6).
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Error::BadStart { .. } => "bad-start",
            Error::BadEnd { .. } => "bad-end",
            Error::UnknownEncoding { .. } => "unknown-encoding",
            Error::TooLong { .. } => "too-long",
            Error::Truncated { .. } => "truncated",
            Error::NoClose => "no-close",
            Error::HelloExpected { .. } => "hello-expected",
            Error::SecondHello => "second-hello",
            Error::BadHello { .. } => "bad-hello",
            Error::BadCanary { .. } => "bad-canary",
            Error::Version { .. } => "version",
            Error::Malformed { .. } => "malformed",
            Error::UnknownKind { .. } => "unknown-kind",
            Error::UnexpectedKind { .. } => "unexpected-kind",
            Error::DuplicateRequest { .. } => "duplicate-request",
            Error::BadText { .. } => "bad-text",
            Error::EncodingRefused { .. } => "encoding-refused",
            Error::UnmappableText { .. } => "unmappable-text",
            Error::HelloTimeout => "hello-timeout",
            Error::Idle { .. } => "idle",
            Error::FrameTimeout { .. } => "frame-timeout",
            Error::PingFlood => "ping-flood",
            Error::EmptyFlood => "empty-flood",
            Error::TooManyRequests => "try-later",
            Error::NoSuchRequest { .. } => "no-such-request",
            Error::NotOpen => "not-open",
        }
    }

    /// The code that goes on the wire for this error (R6.1).
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Error::BadStart { .. } => Code::BAD_START,
            Error::BadEnd { .. } => Code::BAD_END,
            Error::UnknownKind { .. } => Code::UNKNOWN_KIND,
            Error::BadText { .. } | Error::EncodingRefused { .. } => Code::BAD_TEXT,
            Error::UnmappableText { .. } => Code::UNMAPPABLE_TEXT,
            Error::TooLong { .. } => Code::TOO_LONG,
            Error::Version { .. } => Code::VERSION,
            Error::HelloTimeout => Code::HELLO_TIMEOUT,
            Error::Idle { .. } => Code::IDLE,
            Error::FrameTimeout { .. } => Code::FRAME_TIMEOUT,
            Error::PingFlood | Error::EmptyFlood => Code::RATE,
            Error::TooManyRequests => Code::TRY_LATER,
            Error::UnknownEncoding { .. }
            | Error::Truncated { .. }
            | Error::NoClose
            | Error::HelloExpected { .. }
            | Error::SecondHello
            | Error::BadHello { .. }
            | Error::BadCanary { .. }
            | Error::Malformed { .. }
            | Error::UnexpectedKind { .. }
            | Error::DuplicateRequest { .. }
            | Error::NoSuchRequest { .. }
            | Error::NotOpen => Code::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for Error {
    /// The name, a colon and a detail of plain ASCII, at most 200 bytes (R6.2, R6.5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match *self {
            Error::BadStart { offset, found } => {
                write!(f, "a frame begins with f5 f8, but byte {offset} is {found:02x}")
            }
            Error::BadEnd { offset, found, length } => write!(
                f,
                "a body of {length} bytes was declared, but f8 f5 does not follow it: byte {offset} is {found:02x}"
            ),
            Error::UnknownEncoding { offset, found } => {
                write!(f, "encoding {found} at byte {offset}, but only 0 to 4 exist")
            }
            Error::TooLong { length, max, .. } => {
                write!(f, "a body of {length} bytes, but at most {max} are accepted")
            }
            Error::Truncated { arrived } => {
                write!(f, "the stream ended {arrived} bytes into a frame")
            }
            Error::NoClose => f.write_str("the stream ended without a CLOSE"),
            Error::HelloExpected { kind } => {
                write!(f, "kind {kind:02x} came first, but HELLO opens a session")
            }
            Error::SecondHello => f.write_str("HELLO comes once"),
            Error::BadHello { why } => f.write_str(why),
            Error::BadCanary { position, found } => write!(
                f,
                "the channel changes bytes: {} (byte {position} of the canary is {found:02x})",
                canary_damage(position, found)
            ),
            Error::Version { major } => write!(f, "major version {major}, but this side speaks 1"),
            Error::Malformed { kind, why } => write!(f, "kind {kind:02x}: {why}"),
            Error::UnknownKind { kind } => write!(f, "kind {kind:02x}"),
            Error::UnexpectedKind { kind } => {
                write!(f, "kind {kind:02x} goes the other way in the hub profile")
            }
            Error::DuplicateRequest { id } => write!(f, "request {id} is still unanswered"),
            Error::BadText { encoding, offset } => {
                write!(f, "byte {offset} of the payload is not {encoding}")
            }
            Error::EncodingRefused { encoding } => write!(f, "{encoding} was not accepted in HELLO"),
            Error::UnmappableText { encoding, offset } => {
                write!(f, "{encoding} cannot carry the character at byte {offset}")
            }
            Error::HelloTimeout => f.write_str("no HELLO in time"),
            Error::Idle { seconds } => write!(f, "nothing came for {seconds} s"),
            Error::FrameTimeout { arrived, expected: Some(expected) } => {
                write!(f, "{arrived} of {expected} bytes of a frame came in time")
            }
            Error::FrameTimeout { arrived, expected: None } => {
                write!(f, "{arrived} of the 8 bytes of a header came in time")
            }
            Error::PingFlood => f.write_str("too many PINGs and nothing else"),
            Error::EmptyFlood => f.write_str("too many empty frames"),
            Error::TooManyRequests => f.write_str("too many requests are unanswered"),
            Error::NoSuchRequest { id } => write!(f, "request {id} is not waiting for a reply"),
            Error::NotOpen => f.write_str("the session is not open"),
        }
    }
}

impl core::error::Error for Error {}

/// What the first wrong byte of a canary says of the channel (SPEC 4).
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
        _ => "in no way that is known",
    }
}

/// The number in a CLOSE or an ERROR (SPEC 6). Unknown ones are legal (R6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

macro_rules! codes {
    ($($constant:ident = $number:literal $name:literal, $doc:literal;)*) => {
        impl Code {
            $(#[doc = $doc] pub const $constant: Code = Code($number);)*

            /// The first name that SPEC 6 gives the code, `None` for a code it does not know.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    NORMAL = 1000 "normal", "Done.";
    GOING_AWAY = 1001 "going-away", "Shutting down.";
    PROTOCOL_ERROR = 1002 "protocol-error", "The peer broke a rule.";
    UNKNOWN_KIND = 1003 "unknown-kind", "A kind below 80 that is not known.";
    BAD_TEXT = 1007 "bad-text", "Text that is not what the encoding byte says, or not accepted.";
    POLICY = 1008 "policy", "Refused by a rule of this server.";
    TOO_LONG = 1009 "too-long", "Over the limit.";
    INTERNAL = 1011 "internal", "A mistake on this side.";
    TRY_LATER = 1013 "try-later", "Full or busy.";
    BAD_START = 4000 "bad-start", "A frame does not begin with F5 F8.";
    BAD_END = 4001 "bad-end", "A body is not followed by F8 F5.";
    VERSION = 4003 "version", "Another major version.";
    HELLO_TIMEOUT = 4004 "hello-timeout", "No HELLO in time.";
    IDLE = 4005 "idle", "Silent for twice the keepalive it promised.";
    SLOW_CONSUMER = 4006 "slow-consumer", "Does not read what it is sent.";
    RATE = 4007 "rate", "Too often.";
    FRAME_TIMEOUT = 4008 "frame-timeout", "A frame began and did not arrive in time.";
    RESUME_REFUSED = 4009 "resume-refused", "What was asked to be resumed is not there.";
    NO_SUCH_MEMBER = 4010 "no-such-member", "The member is not in the room.";
    UNMAPPABLE_TEXT = 4011 "unmappable-text", "The receiver's encoding cannot carry the text.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

//! HELLO: what each side declares, and a check of what the channel does to bytes (SPEC 4).

mod wire;

use alloc::boxed::Box;

use crate::encoding::{Encoding, Encodings};
use crate::frame::MAX_LENGTH;
use crate::line::Line;
use crate::misuse::Misuse;
use crate::shared::Shared;
pub(crate) use wire::{judge_first_frame, shown_after};

/// The first four bytes of a HELLO's body.
pub const MAGIC: [u8; 4] = *b"BKND";
/// Eight bytes that a channel which changes bytes is likely to change (R4.6).
pub const CANARY: [u8; 8] = [0x0D, 0x0A, 0x1A, 0x0A, 0xFF, 0x11, 0x0D, 0x00];
/// The longest body before the peer's HELLO, in bytes (R4.18).
pub const MAX_HELLO: u32 = 4096;
/// The longest text that a client skips before the server's first frame, in bytes (R4.21).
pub const MAX_PREAMBLE: usize = 1024;
/// The shortest `max body` (R4.16), in bytes.
pub const MIN_MAX_BODY: u32 = 1024;
/// The major version that this crate speaks.
pub(crate) const MAJOR: u8 = 1;
/// The highest minor version that this crate speaks.
pub(crate) const MINOR: u8 = 0;

/// What one side declares. A value that exists is legal on the wire.
///
/// ```
/// use bookend::{Encoding, Hello};
/// let hello = Hello::new().with_name("ann").unwrap().with_preferred(Encoding::Utf16Le);
/// assert_eq!(hello.max_body(), 1 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    minor: u8,
    accepted: Encodings,
    preferred: Encoding,
    max_body: u32,
    keepalive: u16,
    hub: bool,
    name: Option<Line>,
    room: Option<Line>,
    token: Option<Token>,
    resume: Option<u64>,
    software: Option<Line>,
    client: bool,
    requests: Option<u32>,
}

/// A HELLO's token, 1 to 255 bytes. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
struct Token(Box<[u8]>);

impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Default for Hello {
    fn default() -> Hello {
        Hello::new()
    }
}

impl Hello {
    /// How many requests may be unanswered if HELLO does not say (R3.16).
    pub const DEFAULT_REQUESTS: u32 = 64;

    /// Accepts all encodings, prefers UTF-8, takes bodies of 1 MiB, promises a byte every 30 s.
    #[must_use]
    pub fn new() -> Hello {
        Hello {
            minor: MINOR,
            accepted: Encodings::ALL,
            preferred: Encoding::Utf8,
            max_body: 1 << 20,
            keepalive: 30,
            hub: false,
            name: None,
            room: None,
            token: None,
            resume: None,
            software: None,
            client: false,
            requests: None,
        }
    }

    /// Sets the encodings that are accepted; the preferred one becomes UTF-8 if it is not among them.
    #[must_use]
    pub fn with_accepted(mut self, accepted: Encodings) -> Hello {
        self.accepted = accepted;
        if !accepted.contains(self.preferred) {
            self.preferred = Encoding::Utf8;
        }
        self
    }

    /// Sets the preferred encoding of text, and accepts it; [`Encoding::Binary`] asks for text as it was sent.
    #[must_use]
    pub fn with_preferred(mut self, preferred: Encoding) -> Hello {
        self.preferred = preferred;
        self.accepted = Encodings::from_bits(self.accepted.bits() | 1 << preferred as u8).unwrap_or(self.accepted);
        self
    }

    /// Sets the longest body accepted, in bytes, clamped to 1,024..2^31-1.
    #[must_use]
    pub fn with_max_body(mut self, max_body: u32) -> Hello {
        self.max_body = max_body.clamp(MIN_MAX_BODY, MAX_LENGTH);
        self
    }

    /// Sets the keepalive, in seconds; 0 promises nothing.
    #[must_use]
    pub fn with_keepalive(mut self, seconds: u16) -> Hello {
        self.keepalive = seconds;
        self
    }

    /// Sets whether this side speaks the hub profile (SPEC 9), which is off by default: a hub then sends plain messages,
    /// `name: text`.
    #[must_use]
    pub fn with_hub(mut self, hub: bool) -> Hello {
        self.hub = hub;
        self
    }

    /// Sets the name, a plain line.
    ///
    /// # Errors
    /// [`Misuse::BadHello`] if it is not a plain line (R4.11).
    pub fn with_name(mut self, name: &str) -> Result<Hello, Misuse> {
        self.name = Some(plain_line(name)?);
        Ok(self)
    }

    /// Sets the room, a plain line.
    ///
    /// # Errors
    /// [`Misuse::BadHello`] if it is not a plain line (R4.11).
    pub fn with_room(mut self, room: &str) -> Result<Hello, Misuse> {
        self.room = Some(plain_line(room)?);
        Ok(self)
    }

    /// Sets the name of the program, a plain line.
    ///
    /// # Errors
    /// [`Misuse::BadHello`] if it is not a plain line (R4.11).
    pub fn with_software(mut self, software: &str) -> Result<Hello, Misuse> {
        self.software = Some(plain_line(software)?);
        Ok(self)
    }

    /// Sets the token, 1 to 255 bytes.
    ///
    /// # Errors
    /// [`Misuse::BadHello`] for another length.
    pub fn with_token(mut self, token: &[u8]) -> Result<Hello, Misuse> {
        if !(1..=255).contains(&token.len()) {
            return Err(Misuse::BadHello { why: NOT_A_TOKEN });
        }
        self.token = Some(Token(token.into()));
        Ok(self)
    }

    /// Sets how many requests of the peer may be unanswered, 0 for none (R3.16).
    #[must_use]
    pub fn with_requests(mut self, requests: u32) -> Hello {
        self.requests = Some(requests);
        self
    }

    /// The HELLO as a client or a server sends it (R4.23).
    pub(crate) fn with_client(self: Shared<Hello>, client: bool) -> Shared<Hello> {
        if self.client == client { self } else { Shared::new(Hello { client, ..Hello::clone(&self) }) }
    }

    /// Requests the messages after this sequence number.
    #[must_use]
    pub fn with_resume(mut self, after: u64) -> Hello {
        self.resume = Some(after);
        self
    }

    /// The minor version.
    #[must_use]
    pub fn minor(&self) -> u8 {
        self.minor
    }

    /// The encodings that are accepted.
    #[inline]
    #[must_use]
    pub fn accepted(&self) -> Encodings {
        self.accepted
    }

    /// The preferred encoding of text; [`Encoding::Binary`] stands for "as it was sent".
    #[inline]
    #[must_use]
    pub fn preferred(&self) -> Encoding {
        self.preferred
    }

    /// The longest body accepted, in bytes.
    #[inline]
    #[must_use]
    pub fn max_body(&self) -> u32 {
        self.max_body
    }

    /// Seconds between bytes promised; 0 promises nothing.
    #[must_use]
    pub fn keepalive(&self) -> u16 {
        self.keepalive
    }

    /// Does this side speak the hub profile?
    #[must_use]
    pub fn hub(&self) -> bool {
        self.hub
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Line::as_str)
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> Option<&str> {
        self.room.as_ref().map(Line::as_str)
    }

    /// The token: a password.
    #[must_use]
    pub fn token(&self) -> Option<&[u8]> {
        self.token.as_ref().map(|token| &*token.0)
    }

    /// The sequence number after which messages are requested.
    #[must_use]
    pub fn resume(&self) -> Option<u64> {
        self.resume
    }

    /// The name of the program.
    #[must_use]
    pub fn software(&self) -> Option<&str> {
        self.software.as_ref().map(Line::as_str)
    }

    /// Does it say that its sender is a client? A [`Session`](crate::Session) of a client adds this to its HELLO.
    #[must_use]
    pub fn client(&self) -> bool {
        self.client
    }

    /// How many requests of the other side may be unanswered; `None` stands for
    /// [`DEFAULT_REQUESTS`](Hello::DEFAULT_REQUESTS).
    #[must_use]
    pub fn requests(&self) -> Option<u32> {
        self.requests
    }

    /// How many requests of the other side may be unanswered.
    pub(crate) fn max_requests(&self) -> usize {
        self.requests.unwrap_or(Hello::DEFAULT_REQUESTS).try_into().unwrap_or(usize::MAX)
    }
}

fn plain_line(text: &str) -> Result<Line, Misuse> {
    Line::new(text).ok_or(Misuse::BadHello { why: NOT_A_LINE })
}

const NOT_A_LINE: &str = "name, room and software are 1 to 64 bytes without control characters";
const NOT_A_TOKEN: &str = "a token is 1 to 255 bytes";

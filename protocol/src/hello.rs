//! HELLO: what each side declares, and a check of what the channel does to bytes (SPEC 4).

use alloc::boxed::Box;
use alloc::vec::Vec;

use byteorder::{BigEndian, ByteOrder};

use crate::encoding::{Encoding, Encodings};
use crate::fault::Fault;
use crate::frame::{Frame, HEADER_LENGTH, MAX_LENGTH};
use crate::kind;
use crate::line::Line;
use crate::misuse::Misuse;

/// The first four bytes of a HELLO's body.
pub const MAGIC: [u8; 4] = *b"BKND";
/// Eight bytes that a channel which changes bytes is likely to change (R4.6).
pub const CANARY: [u8; 8] = [0x0D, 0x0A, 0x1A, 0x0A, 0xFF, 0x11, 0x0D, 0x00];
/// The longest body before the peer's HELLO, in bytes (R4.18).
pub const MAX_HELLO: u32 = 4096;
/// The shortest `max body` (R4.16), in bytes.
pub const MIN_MAX_BODY: u32 = 1024;
/// The major version that this crate speaks.
pub(crate) const MAJOR: u8 = 1;
/// The highest minor version that this crate speaks.
pub(crate) const MINOR: u8 = 0;

const FIXED: usize = 24;

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

    /// Appends the frame to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let body = self.body();
        Frame::new(kind::HELLO, Encoding::Binary, &body).expect("five options are far below the limit").encode(out);
    }

    /// The body of the frame.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(64);
        body.extend_from_slice(&MAGIC);
        body.extend_from_slice(&CANARY);
        body.extend_from_slice(&[MAJOR, self.minor, self.accepted.bits(), self.preferred as u8]);
        body.extend_from_slice(&self.max_body.to_be_bytes());
        body.extend_from_slice(&self.keepalive.to_be_bytes());
        body.extend_from_slice(&u16::from(self.hub).to_be_bytes());
        let resume = self.resume.map(u64::to_be_bytes);
        let options = [
            (NAME, self.name().map(str::as_bytes)),
            (ROOM, self.room().map(str::as_bytes)),
            (TOKEN, self.token()),
            (RESUME, resume.as_ref().map(<[u8; 8]>::as_slice)),
            (SOFTWARE, self.software().map(str::as_bytes)),
        ];
        for (option, value) in options {
            if let Some(value) = value {
                let length = u8::try_from(value.len()).expect("lines have 64 bytes at most, tokens 255");
                body.extend_from_slice(&[option, length]);
                body.extend_from_slice(value);
            }
        }
        body
    }

    /// Reads the body of a HELLO.
    ///
    /// # Errors
    /// [`Fault::BadHello`], [`Fault::BadCanary`], [`Fault::Version`], in the order of R4.19.
    pub fn parse(body: &[u8]) -> Result<Hello, Fault> {
        judge_opening(body)?;
        let Some((fixed, options)) = body.split_first_chunk::<FIXED>() else {
            return Err(Fault::BadHello { why: "a HELLO has at least 24 bytes" });
        };
        let bad = |why| Fault::BadHello { why };
        let major = fixed[12];
        if major != MAJOR {
            return Err(Fault::Version { major });
        }
        let accepted = Encodings::from_bits(fixed[14]).ok_or(bad("binary, US-ASCII and UTF-8 must be accepted"))?;
        let preferred = Encoding::from_byte(fixed[15])
            .filter(|&preferred| accepted.contains(preferred))
            .ok_or(bad("the preferred encoding is not accepted"))?;
        let max_body = BigEndian::read_u32(&fixed[16..]);
        if !(MIN_MAX_BODY..=MAX_LENGTH).contains(&max_body) {
            return Err(bad("max body is 1024 to 2147483647"));
        }
        let mut hello = Hello {
            minor: fixed[13],
            accepted,
            preferred,
            max_body,
            keepalive: BigEndian::read_u16(&fixed[20..]),
            hub: fixed[23] & 1 != 0,
            ..Hello::new()
        };
        hello.read_options(options)?;
        Ok(hello)
    }

    fn read_options(&mut self, mut options: &[u8]) -> Result<(), Fault> {
        let bad = |why| Fault::BadHello { why };
        while let [option, rest @ ..] = options {
            let (value, rest) = rest
                .split_first()
                .and_then(|(&length, rest)| rest.split_at_checked(length.into()))
                .ok_or(bad("an option runs past the end"))?;
            options = rest;
            let twice = match *option {
                NAME => self.name.replace(line(value)?).is_some(),
                ROOM => self.room.replace(line(value)?).is_some(),
                SOFTWARE => self.software.replace(line(value)?).is_some(),
                TOKEN if value.is_empty() => return Err(bad(NOT_A_TOKEN)),
                TOKEN => self.token.replace(Token(value.into())).is_some(),
                RESUME => {
                    let after = <[u8; 8]>::try_from(value).map_err(|_| bad("resume is 8 bytes"))?;
                    self.resume.replace(u64::from_be_bytes(after)).is_some()
                }
                _ => false,
            };
            if twice {
                return Err(bad("an option appears twice"));
            }
        }
        Ok(())
    }
}

const NAME: u8 = 1;
const ROOM: u8 = 2;
const TOKEN: u8 = 3;
const RESUME: u8 = 4;
const SOFTWARE: u8 = 5;

fn line(value: &[u8]) -> Result<Line, Fault> {
    let text = core::str::from_utf8(value).map_err(|_| Fault::BadHello { why: "name, room and software are UTF-8" })?;
    Line::new(text).ok_or(Fault::BadHello { why: NOT_A_LINE })
}

fn plain_line(text: &str) -> Result<Line, Misuse> {
    Line::new(text).ok_or(Misuse::BadHello { why: NOT_A_LINE })
}

const NOT_A_LINE: &str = "name, room and software are 1 to 64 bytes without control characters";
const NOT_A_TOKEN: &str = "a token is 1 to 255 bytes";

/// Judges a first frame's kind, magic and canary, as far as `wire`, its beginning, holds them (R4.3, R4.7).
/// The decoder judges the framing of the header before.
pub(crate) fn judge_first_frame(wire: &[u8]) -> Result<(), Fault> {
    let Some((header, body)) = wire.split_first_chunk::<HEADER_LENGTH>() else { return Ok(()) };
    match header[2] {
        kind::CLOSE => Ok(()),
        kind::HELLO => {
            let length = BigEndian::read_u32(&header[4..]) as usize;
            judge_opening(&body[..body.len().min(length)])
        }
        kind => Err(Fault::HelloExpected { kind }),
    }
}

/// Judges magic and canary, as far as `body`, the beginning of a HELLO's body, holds them.
fn judge_opening(body: &[u8]) -> Result<(), Fault> {
    let magic = &body[..body.len().min(MAGIC.len())];
    if !MAGIC.starts_with(magic) {
        return Err(Fault::BadHello { why: "the magic is not BKND" });
    }
    for (position, (&found, wanted)) in (0..).zip(body[magic.len()..].iter().zip(CANARY)) {
        if found != wanted {
            return Err(Fault::BadCanary { position, found });
        }
    }
    Ok(())
}

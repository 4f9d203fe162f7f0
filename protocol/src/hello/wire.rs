//! HELLO as bytes, and the checks of a first frame (SPEC 4).

use alloc::vec::Vec;

use byteorder::{BigEndian, ByteOrder};

use super::{CANARY, Hello, MAGIC, MAJOR, MIN_MAX_BODY, NOT_A_LINE, NOT_A_TOKEN, Token};
use crate::encoding::{Encoding, Encodings};
use crate::fault::Fault;
use crate::frame::{Frame, HEADER_LENGTH, MAX_LENGTH};
use crate::kind;
use crate::line::Line;

const FIXED: usize = 24;

impl Hello {
    /// Appends the frame to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let body = self.body();
        Frame::new(kind::HELLO, Encoding::Binary, &body).expect("seven options are far below the limit").encode(out);
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
        let requests = self.requests.map(u32::to_be_bytes);
        let options = [
            (NAME, self.name().map(str::as_bytes)),
            (ROOM, self.room().map(str::as_bytes)),
            (TOKEN, self.token()),
            (RESUME, resume.as_ref().map(<[u8; 8]>::as_slice)),
            (SOFTWARE, self.software().map(str::as_bytes)),
            (CLIENT, self.client.then_some(&[][..])),
            (REQUESTS, requests.as_ref().map(<[u8; 4]>::as_slice)),
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
                CLIENT if !value.is_empty() => return Err(bad("the option client has no value")),
                CLIENT => core::mem::replace(&mut self.client, true),
                REQUESTS => {
                    let requests = <[u8; 4]>::try_from(value).map_err(|_| bad("requests is 4 bytes"))?;
                    self.requests.replace(u32::from_be_bytes(requests)).is_some()
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
const CLIENT: u8 = 7;
const REQUESTS: u8 = 8;

fn line(value: &[u8]) -> Result<Line, Fault> {
    let text = core::str::from_utf8(value).map_err(|_| Fault::BadHello { why: "name, room and software are UTF-8" })?;
    Line::new(text).ok_or(Fault::BadHello { why: NOT_A_LINE })
}

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

/// After how many bytes of a first frame its fault is shown, which [`judge_first_frame`] has found.
pub(crate) fn shown_after(wire: &[u8]) -> usize {
    let shown = |length: &usize| judge_first_frame(&wire[..*length]).is_err();
    (HEADER_LENGTH..wire.len()).find(shown).unwrap_or(wire.len())
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

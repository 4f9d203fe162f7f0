//! Messages: what a frame's body means, for every kind but HELLO (SPEC 3 and 9).

mod fields;

use alloc::vec::Vec;

use byteorder::{BigEndian, ByteOrder};
use core::num::NonZeroU32;

use crate::code::Code;
use crate::encoding::Encoding;
use crate::fault::Fault;
use crate::frame::Frame;
use crate::kind::{self, PrivateKind};
use crate::line::{MAX_LINE, is_plain_line};
use crate::misuse::Misuse;
use crate::payload::{Content, Payload, write_frame};
use crate::text::{Text, without_bom};
use fields::{Fields, NOT_A_NAME};

/// The longest PING or PONG payload, in bytes (R3.3).
pub const MAX_PING: usize = 64;

/// A decoded frame, legal by construction and borrowed from the frame's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message<'a> {
    /// MESSAGE: an application's payload.
    Message(Payload<'a>),
    /// REQUEST: a payload that wants one answer.
    Request {
        /// Names the request in its answer.
        id: NonZeroU32,
        /// The application's part.
        payload: Payload<'a>,
    },
    /// REPLY: the answer to the request of that id.
    Reply {
        /// The request's id.
        id: NonZeroU32,
        /// The application's part.
        payload: Payload<'a>,
    },
    /// ERROR: something about one frame was refused; the connection lives.
    Error(Refusal<'a>),
    /// PING: asks for a PONG with the same bytes.
    Ping(Probe<'a>),
    /// PONG: everything before its PING has been acted on.
    Pong(Probe<'a>),
    /// CLOSE: ends the session.
    Close {
        /// Why, as a number.
        code: Code,
        /// Why, in words: a name, perhaps a colon and a detail.
        reason: Text<'a>,
    },
    /// WELCOME: a hub greets a new member.
    Welcome {
        /// The new member's own id.
        member: u32,
        /// The sequence number of the next message to everyone.
        next_seq: u64,
        /// A line for people.
        greeting: Text<'a>,
    },
    /// PRESENCE: a member who is here, joined or left.
    Presence {
        /// The member's id.
        member: u32,
        /// What happened.
        event: PresenceEvent,
        /// The member's name, a plain line.
        name: MemberName<'a>,
    },
    /// POST: a payload for one member, or for everyone.
    Post {
        /// The member's id; 0 for everyone.
        to: u32,
        /// The application's part.
        payload: Payload<'a>,
    },
    /// DELIVERY: a POST as its receivers get it.
    Delivery(Delivery<'a>),
    /// GAP: messages to everyone that this member missed.
    Gap {
        /// How many.
        missed: u64,
    },
    /// CANCEL: the answer to the request of that id is no longer needed (R3.22).
    Cancel {
        /// The request's id.
        id: NonZeroU32,
    },
    /// A kind that the applications of both sides have agreed on (R3.28).
    Private {
        /// The kind, C0 to EF.
        kind: PrivateKind,
        /// The whole body.
        payload: Payload<'a>,
    },
}

/// The contents of an ERROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The id of the REQUEST that was refused, 0 for another frame.
    pub id: u32,
    /// The number of the refused frame, from HELLO = 0, modulo 2^32.
    pub frame: u32,
    /// Why, as a number.
    pub code: Code,
    /// Why, in words.
    pub reason: Text<'a>,
}

/// At most 64 bytes of a PING or PONG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe<'a>(&'a [u8]);

impl<'a> Probe<'a> {
    /// The bytes of a PING, `None` for more than 64.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Probe<'a>> {
        (bytes.len() <= MAX_PING).then_some(Probe(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// What a PRESENCE reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PresenceEvent {
    /// The member was here before.
    Here = 0,
    /// The member has joined.
    Joined = 1,
    /// The member has left.
    Left = 2,
    /// The room has become too large to report who joins and leaves: the number is how many members are here, the
    /// name is the room's (R9.25).
    Crowd = 3,
}

/// A member's name in a PRESENCE: a plain line, in some encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberName<'a>(Text<'a>);

impl<'a> MemberName<'a> {
    /// The name in `text`; `None` unless it is a plain line (R9.4) and holds more than byte order marks, which are
    /// not sent (R5.5).
    #[must_use]
    pub fn new(text: Text<'a>) -> Option<MemberName<'a>> {
        MemberName::received(text).filter(|name| name.check_sendable().is_ok())
    }

    /// The name in `text` that has arrived; `None` unless it is a plain line (R9.4).
    fn received(text: Text<'a>) -> Option<MemberName<'a>> {
        is_plain_line(&text.to_str()).then_some(MemberName(text))
    }

    /// Refuses a name that has arrived and cannot be sent: nothing of it would be left (R5.5).
    pub(crate) fn check_sendable(&self) -> Result<(), Misuse> {
        if without_bom(&self.0.to_str()).is_empty() {
            return Err(Misuse::Malformed { kind: kind::PRESENCE, why: "the name is nothing but byte order marks" });
        }
        Ok(())
    }

    /// The name.
    #[must_use]
    pub fn text(&self) -> Text<'a> {
        self.0
    }
}

/// The contents of a DELIVERY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// The sender's id, 0 for the hub itself.
    pub from: u32,
    /// The receiver's id, 0 for everyone.
    pub to: u32,
    /// The number of the message in the room, from 1; 0 for a message to one member.
    pub seq: u64,
    /// When the hub received it, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    name: &'a str,
    /// The application's part.
    pub payload: Payload<'a>,
}

impl<'a> Delivery<'a> {
    /// Bytes of the fixed part without the name.
    pub const FIXED_LENGTH: usize = 25;

    /// A delivery from a member of that name; `None` unless the name is empty or a plain line (R9.4).
    #[must_use]
    pub fn new(from: u32, to: u32, seq: u64, time: u64, name: &'a str, payload: Payload<'a>) -> Option<Delivery<'a>> {
        (name.is_empty() || is_plain_line(name)).then_some(Delivery { from, to, seq, time, name, payload })
    }

    /// Reads the body of a DELIVERY.
    #[inline]
    pub(crate) fn parse(frame: Frame<'a>) -> Result<Delivery<'a>, Fault> {
        Fields::of(frame).delivery()
    }

    /// The fixed part of the body, which the name and the payload follow: for a writer that has the bytes of the
    /// payload already.
    #[must_use]
    pub fn fixed_part(&self) -> [u8; Delivery::FIXED_LENGTH] {
        let mut fixed = [0; Delivery::FIXED_LENGTH];
        BigEndian::write_u32(&mut fixed, self.from);
        BigEndian::write_u32(&mut fixed[4..], self.to);
        BigEndian::write_u64(&mut fixed[8..], self.seq);
        BigEndian::write_u64(&mut fixed[16..], self.time);
        fixed[24] = u8::try_from(self.name.len()).expect("a plain line has 64 bytes at most");
        fixed
    }

    /// The sender's name; empty for the hub itself.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }
}

impl<'a> Message<'a> {
    /// Reads a frame; `None` for a kind that must be ignored (R3.6). Assumes that the hub profile is in force.
    ///
    /// # Errors
    /// [`Fault::Malformed`], [`Fault::UnknownKind`], and [`Fault::SecondHello`] for HELLO, which
    /// [`Hello::parse`](crate::Hello::parse) reads. [`Fault::BadText`] leaves the connection alive.
    #[inline]
    pub fn parse(frame: Frame<'a>) -> Result<Option<Message<'a>>, Fault> {
        if frame.kind() == kind::MESSAGE {
            return Ok(Some(Message::Message(Payload::decode(frame.encoding(), frame.body())?)));
        }
        Message::parse_other(frame)
    }

    /// Reads a frame as [`parse`](Message::parse) does, for a side that has agreed on private kinds (R3.28).
    ///
    /// # Errors
    /// As [`parse`](Message::parse).
    pub fn parse_agreed(frame: Frame<'a>) -> Result<Option<Message<'a>>, Fault> {
        match PrivateKind::new(frame.kind()) {
            Some(kind) => {
                Ok(Some(Message::Private { kind, payload: Payload::decode(frame.encoding(), frame.body())? }))
            }
            None => Message::parse(frame),
        }
    }

    /// Reads the body of a POST.
    #[inline]
    pub(crate) fn parse_post(frame: Frame<'a>) -> Result<Message<'a>, Fault> {
        Fields::of(frame).post()
    }

    fn parse_other(frame: Frame<'a>) -> Result<Option<Message<'a>>, Fault> {
        let fields = Fields::of(frame);
        Ok(Some(match frame.kind() {
            kind::HELLO => return Err(Fault::SecondHello),
            kind::REQUEST => fields.numbered(|id, payload| Message::Request { id, payload })?,
            kind::REPLY => fields.numbered(|id, payload| Message::Reply { id, payload })?,
            kind::ERROR => {
                let (fixed, reason) = fields.fixed::<10>()?;
                Message::Error(Refusal {
                    id: BigEndian::read_u32(fixed),
                    frame: BigEndian::read_u32(&fixed[4..]),
                    code: Code(BigEndian::read_u16(&fixed[8..])),
                    reason: fields.reason(reason)?,
                })
            }
            kind::PING => Message::Ping(fields.probe()?),
            kind::PONG => Message::Pong(fields.probe()?),
            kind::CLOSE => {
                let (fixed, reason) = fields.fixed::<2>()?;
                Message::Close { code: Code(u16::from_be_bytes(*fixed)), reason: fields.reason(reason)? }
            }
            kind::WELCOME => {
                let (fixed, greeting) = fields.fixed::<12>()?;
                Message::Welcome {
                    member: BigEndian::read_u32(fixed),
                    next_seq: BigEndian::read_u64(&fixed[4..]),
                    greeting: fields.text(greeting)?,
                }
            }
            kind::PRESENCE => {
                let (fixed, name) = fields.fixed::<5>()?;
                let event = match fixed[4] {
                    0 => PresenceEvent::Here,
                    1 => PresenceEvent::Joined,
                    2 => PresenceEvent::Left,
                    3 => PresenceEvent::Crowd,
                    _ => return Err(fields.malformed("an event is 0, 1, 2 or 3")),
                };
                let name = MemberName::received(fields.text(name)?).ok_or(fields.malformed(NOT_A_NAME))?;
                Message::Presence { member: BigEndian::read_u32(fixed), event, name }
            }
            kind::POST => fields.post()?,
            kind::DELIVERY => Message::Delivery(fields.delivery()?),
            kind::GAP => {
                let (fixed, rest) = fields.fixed::<8>()?;
                if !rest.is_empty() || fields.encoding != Encoding::Binary {
                    return Err(fields.malformed("a GAP is eight binary bytes"));
                }
                Message::Gap { missed: u64::from_be_bytes(*fixed) }
            }
            kind::CANCEL => Message::Cancel { id: fields.cancelled()? },
            kind if kind < kind::IGNORABLE => return Err(Fault::UnknownKind { kind }),
            _ => return Ok(None),
        }))
    }

    /// The kind byte.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Message::Message(_) => kind::MESSAGE,
            Message::Request { .. } => kind::REQUEST,
            Message::Reply { .. } => kind::REPLY,
            Message::Error(_) => kind::ERROR,
            Message::Ping(_) => kind::PING,
            Message::Pong(_) => kind::PONG,
            Message::Close { .. } => kind::CLOSE,
            Message::Welcome { .. } => kind::WELCOME,
            Message::Presence { .. } => kind::PRESENCE,
            Message::Post { .. } => kind::POST,
            Message::Delivery(_) => kind::DELIVERY,
            Message::Gap { .. } => kind::GAP,
            Message::Cancel { .. } => kind::CANCEL,
            Message::Private { kind, .. } => kind.get(),
        }
    }

    /// Appends the frame to `out`, unless its body would be longer than `limit` bytes.
    ///
    /// # Errors
    /// [`Misuse::TooLong`], and for what may be received but not sent [`Misuse::UnmappableText`] (U+FFFE at the start in
    /// UTF-16, R5.15) and [`Misuse::Malformed`] (a name of nothing but byte order marks, R5.5). `out` is unchanged.
    pub fn encode(&self, limit: u32, out: &mut Vec<u8>) -> Result<(), Misuse> {
        let kind = self.kind();
        let mut write = |fixed: &[u8], payload: Payload<'a>| {
            write_frame(kind, payload.encoding(), fixed, Content::Payload(payload), limit, out)
        };
        match *self {
            Message::Message(payload) | Message::Private { payload, .. } => write(&[], payload),
            Message::Request { id, payload } | Message::Reply { id, payload } => {
                write(&id.get().to_be_bytes(), payload)
            }
            Message::Error(Refusal { id, frame, code, reason }) => {
                let mut fixed = [0; 10];
                BigEndian::write_u32(&mut fixed, id);
                BigEndian::write_u32(&mut fixed[4..], frame);
                BigEndian::write_u16(&mut fixed[8..], code.0);
                write(&fixed, Payload::Text(reason))
            }
            Message::Ping(probe) | Message::Pong(probe) => write(&[], Payload::Binary(probe.0)),
            Message::Close { code, reason } => write(&code.0.to_be_bytes(), Payload::Text(reason)),
            Message::Welcome { member, next_seq, greeting } => {
                let mut fixed = [0; 12];
                BigEndian::write_u32(&mut fixed, member);
                BigEndian::write_u64(&mut fixed[4..], next_seq);
                write(&fixed, Payload::Text(greeting))
            }
            Message::Presence { member, event, name } => {
                name.check_sendable()?;
                let mut fixed = [0; 5];
                BigEndian::write_u32(&mut fixed, member);
                fixed[4] = event as u8;
                write(&fixed, Payload::Text(name.0))
            }
            Message::Post { to, payload } => write(&to.to_be_bytes(), payload),
            Message::Delivery(delivery) => {
                let mut fixed = [0; Delivery::FIXED_LENGTH + MAX_LINE];
                let (front, rest) = fixed.split_at_mut(Delivery::FIXED_LENGTH);
                front.copy_from_slice(&delivery.fixed_part());
                rest[..delivery.name.len()].copy_from_slice(delivery.name.as_bytes());
                write(&fixed[..Delivery::FIXED_LENGTH + delivery.name.len()], delivery.payload)
            }
            Message::Gap { missed } => write(&missed.to_be_bytes(), Payload::Binary(&[])),
            Message::Cancel { id } => write(&id.get().to_be_bytes(), Payload::Binary(&[])),
        }
    }
}

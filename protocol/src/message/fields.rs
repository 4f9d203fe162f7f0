//! The fields of a body that is being read.

use core::num::NonZeroU32;

use byteorder::{BigEndian, ByteOrder};

use super::{Delivery, Message, Probe};
use crate::encoding::Encoding;
use crate::fault::Fault;
use crate::frame::Frame;
use crate::line::is_plain_line;
use crate::payload::Payload;
use crate::text::Text;

pub(super) const NOT_A_NAME: &str = "a name is a plain line of at most 64 bytes";

/// A body that is being read.
pub(super) struct Fields<'a> {
    pub(super) kind: u8,
    pub(super) encoding: Encoding,
    body: &'a [u8],
}

impl<'a> Fields<'a> {
    #[inline]
    pub(super) fn of(frame: Frame<'a>) -> Fields<'a> {
        Fields { kind: frame.kind(), encoding: frame.encoding(), body: frame.body() }
    }

    pub(super) fn malformed(&self, why: &'static str) -> Fault {
        Fault::Malformed { kind: self.kind, why }
    }

    /// The fixed part of `N` bytes, and the payload.
    #[inline]
    pub(super) fn fixed<const N: usize>(&self) -> Result<(&'a [u8; N], &'a [u8]), Fault> {
        self.body.split_first_chunk().ok_or(self.malformed("the body is shorter than its fixed part"))
    }

    pub(super) fn numbered(
        &self,
        make: impl FnOnce(NonZeroU32, Payload<'a>) -> Message<'a>,
    ) -> Result<Message<'a>, Fault> {
        let (id, payload) = self.id()?;
        Ok(make(id, Payload::decode(self.encoding, payload)?))
    }

    /// The whole body of a CANCEL.
    pub(super) fn cancelled(&self) -> Result<NonZeroU32, Fault> {
        match self.id()? {
            (id, []) if self.encoding == Encoding::Binary => Ok(id),
            _ => Err(self.malformed("a CANCEL is four binary bytes")),
        }
    }

    fn id(&self) -> Result<(NonZeroU32, &'a [u8]), Fault> {
        let (fixed, rest) = self.fixed::<4>()?;
        let id = NonZeroU32::new(u32::from_be_bytes(*fixed)).ok_or(self.malformed("an id must not be 0"))?;
        Ok((id, rest))
    }

    #[inline]
    pub(super) fn post(&self) -> Result<Message<'a>, Fault> {
        let (fixed, payload) = self.fixed::<4>()?;
        Ok(Message::Post { to: u32::from_be_bytes(*fixed), payload: Payload::decode(self.encoding, payload)? })
    }

    pub(super) fn text(&self, payload: &'a [u8]) -> Result<Text<'a>, Fault> {
        if self.encoding == Encoding::Binary {
            return Err(self.malformed("the payload is text, so the encoding is not 0"));
        }
        Text::decode(self.encoding, payload)
    }

    /// A reason that is not valid text is an empty one (R3.21).
    pub(super) fn reason(&self, payload: &'a [u8]) -> Result<Text<'a>, Fault> {
        match self.text(payload) {
            Err(Fault::BadText { .. }) => self.text(&[]),
            checked => checked,
        }
    }

    pub(super) fn probe(&self) -> Result<Probe<'a>, Fault> {
        if self.encoding != Encoding::Binary {
            return Err(self.malformed("the encoding is 0"));
        }
        Probe::new(self.body).ok_or(self.malformed("more than 64 bytes"))
    }

    #[inline]
    pub(super) fn delivery(&self) -> Result<Delivery<'a>, Fault> {
        let (fixed, rest) = self.fixed::<{ Delivery::FIXED_LENGTH }>()?;
        let (name, payload) =
            rest.split_at_checked(fixed[24].into()).ok_or(self.malformed("the body is shorter than its fixed part"))?;
        let name = core::str::from_utf8(name)
            .ok()
            .filter(|name| name.is_empty() || is_plain_line(name))
            .ok_or(self.malformed(NOT_A_NAME))?;
        Ok(Delivery {
            from: BigEndian::read_u32(fixed),
            to: BigEndian::read_u32(&fixed[4..]),
            seq: BigEndian::read_u64(&fixed[8..]),
            time: BigEndian::read_u64(&fixed[16..]),
            name,
            payload: Payload::decode(self.encoding, payload)?,
        })
    }
}

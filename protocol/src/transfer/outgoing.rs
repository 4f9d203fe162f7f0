//! The sending side of one transfer, without streams.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::cause::Cause;
use super::chunk::{Broken, CHUNK_HEADER, Chunk, Offer, data_header, is_name, reason_of};
use super::held::Held;
use super::progress::Progress;

/// What a payload from the receiver means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer<'c> {
    /// The payload is not a chunk, or one that does not answer this transfer.
    Other,
    /// The receiver has everything before this position. In answer to the offer: it holds that much already.
    Want(u64),
    /// The receiver has the whole, and its digest is right. The transfer is over.
    Done,
    /// The receiver ended the transfer.
    Refused {
        /// Why.
        cause: Cause,
        /// Why, in words.
        reason: &'c str,
    },
}

/// One transfer that this side sends.
///
/// Give it every byte of the source, from the first one on, even if the receiver holds some: the digest covers them all.
/// The example of [`Incoming`](super::Incoming) sends one.
#[derive(Debug)]
pub struct Outgoing {
    transfer: NonZeroU32,
    length: Option<u64>,
    /// What the source has given.
    source: Held,
    /// Where the receiver wants the DATA to begin; `None` until it has answered the offer.
    start: Option<u64>,
    /// Everything before this position has arrived.
    arrived: u64,
    ended: bool,
}

impl Outgoing {
    /// A transfer, and the OFFER that begins it. If a REQUEST carries that, wait for its answer before you call
    /// [`data`](Outgoing::data) (R12.8).
    ///
    /// # Errors
    /// [`Cause::BadChunk`] if the name cannot be sent (R12.2).
    pub fn new(offer: Offer<'_>) -> Result<(Outgoing, Vec<u8>), Cause> {
        let Offer { transfer, length, name } = offer;
        if !is_name(name) {
            return Err(Cause::BadChunk);
        }
        let outgoing = Outgoing { transfer, length, source: Held::nothing(), start: None, arrived: 0, ended: false };
        Ok((outgoing, Chunk::Offer(offer).to_vec()))
    }

    /// Makes DATA of the next bytes of the source, which stand in `buffer` after [`CHUNK_HEADER`] bytes of room. Returns
    /// the payload, a part of `buffer`; `None` if the receiver holds all of the bytes already, or there are none.
    ///
    /// # Errors
    /// [`Cause::WrongLength`] if these are more bytes than were offered, or the end has been sent: send
    /// [`abort`](Outgoing::abort).
    pub fn data<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, Cause> {
        let bytes = buffer.get(CHUNK_HEADER..).unwrap_or_default();
        let offset = self.source.length();
        let end = offset.checked_add(bytes.len() as u64).ok_or(Cause::WrongLength)?;
        if self.ended || self.length.is_some_and(|length| end > length) {
            return Err(Cause::WrongLength);
        }
        self.source.add(bytes);
        let start = self.start.unwrap_or_default();
        if end <= start.max(offset) {
            return Ok(None);
        }
        // Bytes that the receiver holds are overwritten.
        let skipped = usize::try_from(start.saturating_sub(offset)).unwrap_or(usize::MAX);
        let payload = &mut buffer[skipped..];
        payload[..CHUNK_HEADER].copy_from_slice(&data_header(self.transfer, start.max(offset)));
        Ok(Some(payload))
    }

    /// The END, once the source has given everything.
    ///
    /// # Errors
    /// [`Cause::WrongLength`] if the source gave fewer bytes than were offered, or than the receiver holds: send
    /// [`abort`](Outgoing::abort).
    pub fn end(&mut self) -> Result<Vec<u8>, Cause> {
        let length = self.source.length();
        if self.length.is_some_and(|offered| offered != length) || length < self.start.unwrap_or_default() {
            return Err(Cause::WrongLength);
        }
        self.ended = true;
        Ok(Chunk::End { transfer: self.transfer, length, digest: self.source.digest() }.to_vec())
    }

    /// Takes a payload from the receiver.
    ///
    /// # Errors
    /// [`Cause::BadChunk`] and [`Cause::BadOffset`] (R12.17): send [`abort`](Outgoing::abort). The transfer is over.
    pub fn answer<'c>(&mut self, payload: &'c [u8]) -> Result<Answer<'c>, Cause> {
        match Chunk::read(payload) {
            Ok(Some(Chunk::Want { transfer, offset })) if transfer == self.transfer => self.wanted(offset),
            Ok(Some(Chunk::Done { transfer, length })) if transfer == self.transfer => {
                if !self.ended || length != self.source.length() {
                    return Err(Cause::BadChunk);
                }
                self.arrived = length;
                Ok(Answer::Done)
            }
            Ok(Some(Chunk::Refuse { transfer, cause, reason })) if transfer == self.transfer.get() => {
                Ok(Answer::Refused { cause, reason })
            }
            Err(Broken { transfer, from_receiver: true, cause }) if transfer == self.transfer.get() => Err(cause),
            _ => Ok(Answer::Other),
        }
    }

    /// The ABORT that ends the transfer early. Its reason is the cause's name and `detail`, which may be empty.
    #[must_use]
    pub fn abort(&self, cause: Cause, detail: &str) -> Vec<u8> {
        Chunk::Abort { transfer: self.transfer, cause, reason: &reason_of(cause, detail) }.to_vec()
    }

    /// How far the receiver has got, as far as its answers say.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { done: self.arrived, length: self.length }
    }

    /// How many bytes the source has given.
    #[must_use]
    pub fn given(&self) -> u64 {
        self.source.length()
    }

    /// The receiver has answered the offer with WANT.
    #[cfg(feature = "std")]
    pub(super) fn is_accepted(&self) -> bool {
        self.start.is_some()
    }

    fn wanted(&mut self, offset: u64) -> Result<Answer<'static>, Cause> {
        let most = match self.start {
            // The answer to the offer.
            None if self.source.length() == 0 => self.length.unwrap_or(u64::MAX),
            start => start.unwrap_or_default().max(self.source.length()),
        };
        if offset > most {
            return Err(Cause::BadOffset);
        }
        if self.source.length() == 0 {
            self.start.get_or_insert(offset);
        }
        self.arrived = self.arrived.max(offset);
        Ok(Answer::Want(offset))
    }
}

//! The receiving side of transfers, without streams.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::cause::Cause;
use super::chunk::{Broken, Chunk, DIGEST_LENGTH, Offer, reason_of};
use super::held::Held;
use super::progress::Progress;

/// What a receiver accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// The longest whole, in bytes; 1 GiB by default (R12.15).
    pub max_length: u64,
    /// How many transfers may be open at a time; 8 by default (R12.16).
    pub max_open: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { max_length: 1 << 30, max_open: 8 }
    }
}

impl Bounds {
    /// Sets [`max_length`](Bounds::max_length), in bytes.
    #[must_use]
    pub fn with_max_length(mut self, max_length: u64) -> Bounds {
        self.max_length = max_length;
        self
    }

    /// Sets [`max_open`](Bounds::max_open).
    #[must_use]
    pub fn with_max_open(mut self, max_open: usize) -> Bounds {
        self.max_open = max_open;
        self
    }
}

/// What a payload means. Each `answer` is a payload: send it as the REPLY if the chunk came in a REQUEST; otherwise send
/// only that of [`Fault`](Step::Fault), as a MESSAGE, or nothing (R12.5, R12.9).
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step<'c> {
    /// The payload is not a chunk, or one that answers a transfer of this side ([`Outgoing::answer`]).
    ///
    /// [`Outgoing::answer`]: super::Outgoing::answer
    Other,
    /// A transfer is offered: call [`Incoming::accept`] or [`Incoming::refuse`], which return the answer.
    Offer(Offer<'c>),
    /// The next bytes. Keep them, then send the answer; if they cannot be kept, send what [`Incoming::refuse`] returns.
    Data {
        /// The transfer.
        transfer: NonZeroU32,
        /// The position of the first byte in the whole.
        offset: u64,
        /// At least one byte.
        bytes: &'c [u8],
        /// How far the transfer has got with these bytes.
        progress: Progress,
        /// WANT.
        answer: Vec<u8>,
    },
    /// Everything has arrived, and its digest is right. The transfer is over.
    Done {
        /// The transfer.
        transfer: NonZeroU32,
        /// The length of the whole, in bytes.
        length: u64,
        /// The SHA-256 of the whole.
        digest: [u8; DIGEST_LENGTH],
        /// DONE.
        answer: Vec<u8>,
    },
    /// The sender has given up. The transfer is over; the bytes may be kept, to resume.
    Aborted {
        /// The transfer.
        transfer: NonZeroU32,
        /// Why.
        cause: Cause,
        /// Why, in words.
        reason: &'c str,
        /// REFUSE with the same cause.
        answer: Vec<u8>,
    },
    /// The chunk breaks a rule. The transfer is over if it was open. After [`Cause::WrongDigest`] discard its bytes
    /// (R12.13); otherwise they may be kept, to resume.
    Fault {
        /// The transfer, unless its number could not be read.
        transfer: Option<NonZeroU32>,
        /// Which rule.
        cause: Cause,
        /// REFUSE.
        answer: Vec<u8>,
    },
}

/// The transfers that one session receives.
///
/// It keeps a number of bytes and a digest for each open transfer, and never the bytes.
///
/// ```
/// use bookend::transfer::{Bounds, Held, Incoming, Offer, Outgoing, Step};
/// # use core::num::NonZeroU32;
///
/// let offer = Offer { transfer: NonZeroU32::MIN, length: Some(5), name: "a.txt" };
/// let (mut outgoing, chunk) = Outgoing::new(offer)?;
/// let mut incoming = Incoming::new(Bounds::default());
///
/// let Step::Offer(offered) = incoming.receive(&chunk) else { panic!("an offer") };
/// let answer = incoming.accept(offered.transfer, Held::nothing())?;
/// outgoing.answer(&answer)?;
///
/// let mut buffer = [&[0; bookend::transfer::CHUNK_HEADER], &b"hello"[..]].concat();
/// let chunk = outgoing.data(&mut buffer)?.expect("the receiver does not hold it");
/// let Step::Data { bytes: b"hello", .. } = incoming.receive(chunk) else { panic!("the bytes") };
/// let Step::Done { length: 5, .. } = incoming.receive(&outgoing.end()?) else { panic!("the end") };
/// # Ok::<(), bookend::transfer::Cause>(())
/// ```
#[derive(Debug)]
pub struct Incoming {
    bounds: Bounds,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    transfer: NonZeroU32,
    length: Option<u64>,
    /// What has arrived, once the offer has been accepted.
    held: Option<Held>,
}

impl Incoming {
    /// No transfer is open.
    #[must_use]
    pub fn new(bounds: Bounds) -> Incoming {
        Incoming { bounds, open: Vec::new() }
    }

    /// How many transfers are open: offered or accepted.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// How far a transfer has got; `None` if it is not open or not accepted yet.
    #[must_use]
    pub fn progress(&self, transfer: NonZeroU32) -> Option<Progress> {
        let open = self.open.iter().find(|open| open.transfer == transfer)?;
        Some(open.progress(open.held.as_ref()?))
    }

    /// Takes the payload of any message that is binary.
    pub fn receive<'c>(&mut self, payload: &'c [u8]) -> Step<'c> {
        let chunk = match Chunk::read(payload) {
            Ok(Some(chunk)) => chunk,
            Ok(None) | Err(Broken { from_receiver: true, .. }) => return Step::Other,
            Err(Broken { transfer, cause, .. }) => return self.fault(transfer, cause),
        };
        let (transfer, taken) = match chunk {
            Chunk::Offer(offer) => (offer.transfer, self.offered(offer)),
            Chunk::Data { transfer, offset, bytes } => (transfer, self.data(transfer, offset, bytes)),
            Chunk::End { transfer, length, digest } => (transfer, self.end(transfer, length, digest)),
            Chunk::Abort { transfer, cause, reason } => (transfer, self.aborted(transfer, cause, reason)),
            Chunk::Want { .. } | Chunk::Done { .. } | Chunk::Refuse { .. } => return Step::Other,
        };
        taken.unwrap_or_else(|cause| self.fault(transfer.get(), cause))
    }

    /// Accepts an offer: the sender continues after what is held. Returns the answer.
    ///
    /// # Errors
    /// [`Cause::WrongLength`] if more is held than is offered, and the offer still waits; [`Cause::NoSuchTransfer`] if
    /// none waits.
    pub fn accept(&mut self, transfer: NonZeroU32, held: Held) -> Result<Vec<u8>, Cause> {
        let waiting = |open: &&mut Open| open.transfer == transfer && open.held.is_none();
        let open = self.open.iter_mut().find(waiting).ok_or(Cause::NoSuchTransfer)?;
        let offset = held.length();
        if offset > open.length.unwrap_or(self.bounds.max_length) {
            return Err(Cause::WrongLength);
        }
        open.held = Some(held);
        Ok(Chunk::Want { transfer, offset }.to_vec())
    }

    /// Refuses an offer, or ends an open transfer. Returns the answer: its reason is the cause's name and `detail`,
    /// which may be empty.
    pub fn refuse(&mut self, transfer: NonZeroU32, cause: Cause, detail: &str) -> Vec<u8> {
        self.close(transfer);
        Chunk::Refuse { transfer: transfer.get(), cause, reason: &reason_of(cause, detail) }.to_vec()
    }

    fn offered<'c>(&mut self, offer: Offer<'c>) -> Result<Step<'c>, Cause> {
        if self.open.iter().any(|open| open.transfer == offer.transfer) {
            return Err(Cause::DuplicateTransfer);
        }
        if offer.length.is_some_and(|length| length > self.bounds.max_length) {
            return Err(Cause::TooLarge);
        }
        if self.open.len() >= self.bounds.max_open {
            return Err(Cause::TooManyTransfers);
        }
        self.open.push(Open { transfer: offer.transfer, length: offer.length, held: None });
        Ok(Step::Offer(offer))
    }

    fn data<'c>(&mut self, transfer: NonZeroU32, offset: u64, bytes: &'c [u8]) -> Result<Step<'c>, Cause> {
        let max_length = self.bounds.max_length;
        let (open, mut held) = self.take_held(transfer)?;
        if offset != held.length() {
            return Err(Cause::BadOffset);
        }
        let end = offset.checked_add(bytes.len() as u64).ok_or(Cause::TooLarge)?;
        if open.length.is_some_and(|length| end > length) {
            return Err(Cause::WrongLength);
        }
        if end > max_length {
            return Err(Cause::TooLarge);
        }
        held.add(bytes);
        let progress = open.progress(&held);
        open.held = Some(held);
        Ok(Step::Data { transfer, offset, bytes, progress, answer: Chunk::Want { transfer, offset: end }.to_vec() })
    }

    fn end<'c>(&mut self, transfer: NonZeroU32, length: u64, digest: [u8; DIGEST_LENGTH]) -> Result<Step<'c>, Cause> {
        let (open, held) = self.take_held(transfer)?;
        if length != held.length() || open.length.is_some_and(|offered| offered != length) {
            return Err(Cause::WrongLength);
        }
        if held.digest() != digest {
            return Err(Cause::WrongDigest);
        }
        self.close(transfer);
        Ok(Step::Done { transfer, length, digest, answer: Chunk::Done { transfer, length }.to_vec() })
    }

    fn aborted<'c>(&mut self, transfer: NonZeroU32, cause: Cause, reason: &'c str) -> Result<Step<'c>, Cause> {
        if !self.close(transfer) {
            return Err(Cause::NoSuchTransfer);
        }
        let answer = self.refuse(transfer, cause, "");
        Ok(Step::Aborted { transfer, cause, reason, answer })
    }

    /// An accepted transfer and what is held of it, which is lost unless it is put back.
    fn take_held(&mut self, transfer: NonZeroU32) -> Result<(&mut Open, Held), Cause> {
        let open = self.open.iter_mut().find(|open| open.transfer == transfer).ok_or(Cause::NoSuchTransfer)?;
        let held = open.held.take().ok_or(Cause::NoSuchTransfer)?;
        Ok((open, held))
    }

    fn fault<'c>(&mut self, transfer: u32, cause: Cause) -> Step<'c> {
        let number = NonZeroU32::new(transfer);
        number.map(|transfer| self.close(transfer));
        let answer = Chunk::Refuse { transfer, cause, reason: cause.name() }.to_vec();
        Step::Fault { transfer: number, cause, answer }
    }

    /// Was it open?
    fn close(&mut self, transfer: NonZeroU32) -> bool {
        let before = self.open.len();
        self.open.retain(|open| open.transfer != transfer);
        self.open.len() < before
    }
}

impl Open {
    fn progress(&self, held: &Held) -> Progress {
        Progress { done: held.length(), length: self.length }
    }
}

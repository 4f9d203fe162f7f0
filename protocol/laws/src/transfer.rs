//! The laws of transfers (SPEC 12).

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use bookend::transfer::{Bounds, Cause, Chunk, Held, Incoming, Step};

use crate::Verdict;

/// What the laws judge: the receiving side.
pub trait Receives {
    /// Takes a payload.
    fn receive<'c>(&mut self, payload: &'c [u8]) -> Step<'c>;
    /// Accepts an offer of which nothing is held.
    ///
    /// # Errors
    /// Why that is not possible.
    fn accept(&mut self, transfer: NonZeroU32) -> Result<Vec<u8>, Cause>;
    /// How many transfers are open.
    fn open(&self) -> usize;
}

impl Receives for Incoming {
    fn receive<'c>(&mut self, payload: &'c [u8]) -> Step<'c> {
        Incoming::receive(self, payload)
    }

    fn accept(&mut self, transfer: NonZeroU32) -> Result<Vec<u8>, Cause> {
        Incoming::accept(self, transfer, Held::nothing())
    }

    fn open(&self) -> usize {
        Incoming::open(self)
    }
}

/// Laws 4, 5 and 8, for whatever payloads arrive in whatever order. The bytes of a transfer are contiguous and within
/// the bounds; a transfer is complete only if the digest in its END is that of the bytes; no more transfers are open
/// than the bounds allow; an answer is a chunk that its receiver does not answer.
///
/// # Errors
/// How a law is broken.
pub fn every(receiver: &mut impl Receives, bounds: Bounds, payloads: &[Vec<u8>]) -> Verdict {
    let mut open: BTreeMap<NonZeroU32, Vec<u8>> = BTreeMap::new();
    for payload in payloads {
        let answer = match receiver.receive(payload) {
            Step::Other => None,
            Step::Offer(offer) => {
                let fresh = open.insert(offer.transfer, Vec::new()).is_none();
                demand!(fresh, "transfer: {} was offered twice", offer.transfer);
                let answer = receiver.accept(offer.transfer);
                demand!(answer.is_ok(), "transfer: nothing is held, and the offer cannot be accepted: {answer:?}");
                answer.ok()
            }
            Step::Data { transfer, offset, bytes, answer, .. } => {
                let Some(arrived) = open.get_mut(&transfer) else {
                    return Err(format!("transfer: {transfer} is not open"));
                };
                demand!(offset == arrived.len() as u64, "transfer: DATA at {offset} after {} bytes", arrived.len());
                arrived.extend_from_slice(bytes);
                demand!(arrived.len() as u64 <= bounds.max_length, "transfer: {} bytes arrived", arrived.len());
                Some(answer)
            }
            Step::Done { transfer, length, digest, answer } => {
                let Some(arrived) = open.remove(&transfer) else {
                    return Err(format!("transfer: {transfer} is not open"));
                };
                demand!(length == arrived.len() as u64, "transfer: {length} bytes instead of {}", arrived.len());
                let mut held = Held::nothing();
                held.add(&arrived);
                demand!(digest == held.digest(), "transfer: delivered with another digest than that of its bytes");
                let claimed =
                    matches!(Chunk::decode(payload), Ok(Some(Chunk::End { digest: claim, .. })) if claim == digest);
                demand!(claimed, "transfer: delivered with another digest than END states");
                Some(answer)
            }
            Step::Aborted { transfer, answer, .. } => {
                demand!(open.remove(&transfer).is_some(), "transfer: {transfer} was not open and was aborted");
                Some(answer)
            }
            Step::Fault { transfer, answer, .. } => {
                transfer.map(|transfer| open.remove(&transfer));
                Some(answer)
            }
            step => return Err(format!("transfer: {step:?} is unknown to the law")),
        };
        demand!(open.len() == receiver.open(), "transfer: {} are open, not {}", receiver.open(), open.len());
        demand!(receiver.open() <= bounds.max_open, "transfer: {} are open", receiver.open());
        if let Some(answer) = answer {
            demand!(matches!(Chunk::decode(&answer), Ok(Some(_))), "transfer: the answer is no chunk: {answer:02x?}");
            demand!(receiver.receive(&answer) == Step::Other, "transfer: an answer was answered: {answer:02x?}");
        }
    }
    Ok(())
}

/// The payloads in a stream of arbitrary bytes: each begins where the mark stands.
#[must_use]
pub fn payloads(stream: &[u8]) -> Vec<Vec<u8>> {
    let mark = bookend::transfer::MARK;
    let starts: Vec<usize> = (0..stream.len()).filter(|&at| stream[at..].starts_with(&mark)).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts.iter().zip(ends).map(|(&start, end)| stream[start..end].to_vec()).collect()
}

//! Receives transfers into destinations, from payloads that the application passes on.

use std::io;
use std::num::NonZeroU32;

use super::cause::Cause;
use super::chunk::DIGEST_LENGTH;
use super::held::Held;
use super::incoming::{Bounds, Incoming, Step};
use super::progress::Progress;
use crate::message::Message;
use crate::payload::Payload;

/// An offer that waits for [`Receiver::accept`] or [`Receiver::refuse`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offered {
    /// The number of the transfer.
    pub transfer: NonZeroU32,
    /// The length of the whole in bytes, unless the sender does not know it yet.
    pub length: Option<u64>,
    /// What the sender calls it; see [`Offer::name`](super::Offer::name).
    pub name: String,
}

/// A transfer that is complete: its digest was right.
#[derive(Debug)]
#[non_exhaustive]
pub struct Received<W> {
    /// The number of the transfer.
    pub transfer: NonZeroU32,
    /// The length of the whole, in bytes.
    pub length: u64,
    /// The SHA-256 of the whole.
    pub digest: [u8; DIGEST_LENGTH],
    /// The destination, which has everything.
    pub sink: W,
}

/// What became of a payload. Send each `answer` as the REPLY if the payload came in a REQUEST; if not, send that of
/// [`Failed`](Taken::Failed) as a MESSAGE if `is_fault`, and no other.
#[derive(Debug)]
#[non_exhaustive]
pub enum Taken<W> {
    /// The payload is not a chunk of a transfer to this side.
    Other,
    /// A transfer is offered: [`Receiver::accept`] and [`Receiver::refuse`] return the answer.
    Offered(Offered),
    /// Bytes arrived and were written.
    Progress {
        /// The transfer.
        transfer: NonZeroU32,
        /// How far it has got.
        progress: Progress,
        /// The payload to answer with.
        answer: Vec<u8>,
    },
    /// A transfer is complete.
    Done {
        /// What was received.
        received: Received<W>,
        /// The payload to answer with.
        answer: Vec<u8>,
    },
    /// A transfer failed, or a chunk did that belongs to none.
    Failed {
        /// The transfer, unless its number could not be read.
        transfer: Option<NonZeroU32>,
        /// The destination, if the transfer was accepted. It has what arrived; after [`Cause::WrongDigest`] discard that
        /// (R12.13), otherwise it may be kept, to resume.
        sink: Option<W>,
        /// Why.
        cause: Cause,
        /// Why, in words of the peer, if it gave up.
        reason: String,
        /// This side found a fault.
        is_fault: bool,
        /// The payload to answer with.
        answer: Vec<u8>,
    },
}

/// The transfers that one session receives, each with its destination.
///
/// It belongs beside the connection: pass it the payload of each MESSAGE and REQUEST. Several transfers and other
/// messages may be mixed. Drop it with the connection; the destinations keep what has arrived.
///
/// ```no_run
/// use bookend::transfer::{Bounds, Held, Receiver, Taken};
/// # use bookend::{Connection, Message};
/// # async fn serve(mut connection: Connection<tokio::net::TcpStream>) -> Result<(), Box<dyn std::error::Error>> {
///
/// let mut receiver = Receiver::new(Bounds::default());
/// while let Some(message) = connection.next().await? {
///     let Message::Request { id, payload } = message else { continue };
///     let answer = match receiver.take(payload).await {
///         Taken::Offered(offered) => {
///             let file = tokio::fs::File::create("received").await?; // never a name from the peer, unchecked
///             receiver.accept(offered.transfer, file, Held::nothing())?
///         }
///         Taken::Progress { answer, .. } | Taken::Done { answer, .. } | Taken::Failed { answer, .. } => answer,
///         _ => b"a request that is no chunk".to_vec(), // the application's own requests
///     };
///     connection.reply(id, &*answer).await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Receiver<W> {
    incoming: Incoming,
    sinks: Vec<(NonZeroU32, W)>,
    /// The transfer whose bytes are being written: still set if that was cancelled.
    writing: Option<NonZeroU32>,
}

impl<W> Receiver<W> {
    /// No transfer is open.
    #[must_use]
    pub fn new(bounds: Bounds) -> Receiver<W> {
        Receiver { incoming: Incoming::new(bounds), sinks: Vec::new(), writing: None }
    }

    /// How many transfers are open: offered or accepted.
    #[must_use]
    pub fn open(&self) -> usize {
        self.incoming.open()
    }

    /// Accepts an offer. `sink` has what is `held`, and takes what follows. Returns the payload to answer with.
    ///
    /// # Errors
    /// As [`Incoming::accept`].
    pub fn accept(&mut self, transfer: NonZeroU32, sink: W, held: Held) -> Result<Vec<u8>, Cause> {
        let answer = self.incoming.accept(transfer, held)?;
        self.sinks.push((transfer, sink));
        Ok(answer)
    }

    /// Refuses an offer, or ends an open transfer. Returns the payload to answer with.
    pub fn refuse(&mut self, transfer: NonZeroU32, cause: Cause, detail: &str) -> Vec<u8> {
        self.remove(transfer);
        self.incoming.refuse(transfer, cause, detail)
    }

    /// Takes a payload as [`take`](Receiver::take) does, into a destination that blocks.
    pub fn take_blocking(&mut self, payload: Payload<'_>) -> Taken<W>
    where
        W: io::Write,
    {
        let step = self.step(payload);
        let written = match (&step, self.sink_of(&step)) {
            (Step::Data { bytes, .. }, Some(sink)) => sink.write_all(bytes),
            (Step::Done { .. }, Some(sink)) => sink.flush(),
            _ => Ok(()),
        };
        self.taken(step, written)
    }

    /// Takes a payload: writes the bytes of DATA into the destination of their transfer, and flushes it at the END.
    ///
    /// If this is cancelled while it writes, nobody knows how many bytes the destination took: the next call ends the
    /// transfer and drops the destination.
    #[cfg(feature = "tokio")]
    pub async fn take(&mut self, payload: Payload<'_>) -> Taken<W>
    where
        W: tokio::io::AsyncWrite + Unpin,
    {
        use tokio::io::AsyncWriteExt;

        let step = self.step(payload);
        let written = match (&step, self.sink_of(&step)) {
            (Step::Data { bytes, .. }, Some(sink)) => sink.write_all(bytes).await,
            (Step::Done { .. }, Some(sink)) => sink.flush().await,
            _ => Ok(()),
        };
        self.taken(step, written)
    }

    fn step<'c>(&mut self, payload: Payload<'c>) -> Step<'c> {
        if let Some(cancelled) = self.writing.take() {
            self.refuse(cancelled, Cause::Failed, "");
        }
        let step = match payload {
            Payload::Binary(bytes) => self.incoming.receive(bytes),
            Payload::Text(_) => Step::Other,
        };
        if let Step::Data { transfer, .. } | Step::Done { transfer, .. } = &step {
            self.writing = Some(*transfer);
        }
        step
    }

    fn sink_of(&mut self, step: &Step<'_>) -> Option<&mut W> {
        let (Step::Data { transfer, .. } | Step::Done { transfer, .. }) = step else { return None };
        self.sinks.iter_mut().find(|(of, _)| of == transfer).map(|(_, sink)| sink)
    }

    fn remove(&mut self, transfer: NonZeroU32) -> Option<W> {
        let at = self.sinks.iter().position(|(of, _)| *of == transfer)?;
        Some(self.sinks.swap_remove(at).1)
    }

    /// What became of a step whose bytes were written, or not.
    fn taken(&mut self, step: Step<'_>, written: io::Result<()>) -> Taken<W> {
        self.writing = None;
        let (transfer, cause, reason, is_fault, answer) = match (step, written) {
            (Step::Other, _) => return Taken::Other,
            (Step::Offer(offer), _) => {
                let (transfer, length) = (offer.transfer, offer.length);
                return Taken::Offered(Offered { transfer, length, name: offer.name.into() });
            }
            (Step::Data { transfer, progress, answer, .. }, Ok(())) => {
                return Taken::Progress { transfer, progress, answer };
            }
            (Step::Done { transfer, length, digest, answer }, Ok(())) => match self.remove(transfer) {
                Some(sink) => return Taken::Done { received: Received { transfer, length, digest, sink }, answer },
                None => return Taken::Other, // an accepted transfer has a destination
            },
            (Step::Data { transfer, .. } | Step::Done { transfer, .. }, Err(error)) => {
                let reason = error.kind().to_string();
                let answer = self.incoming.refuse(transfer, Cause::Failed, &reason);
                (Some(transfer), Cause::Failed, reason, true, answer)
            }
            (Step::Aborted { transfer, cause, reason, answer }, _) => {
                (Some(transfer), cause, reason.to_owned(), false, answer)
            }
            (Step::Fault { transfer, cause, answer }, _) => (transfer, cause, String::new(), true, answer),
        };
        let sink = transfer.and_then(|transfer| self.remove(transfer));
        Taken::Failed { transfer, sink, cause, reason, is_fault, answer }
    }
}

/// The payload of a message that may carry a chunk to this side, and the id of a REQUEST.
pub(super) fn payload_of<'m>(message: &Message<'m>) -> Option<(Option<NonZeroU32>, Payload<'m>)> {
    match message {
        Message::Message(payload) => Some((None, *payload)),
        Message::Request { id, payload } => Some((Some(*id), *payload)),
        _ => None,
    }
}

//! What the REPLYs to a transfer's REQUESTs mean, and what its failures mean for the peer.

use super::cause::Cause;
use super::error::TransferError;
use super::outgoing::{Answer, Outgoing};
use crate::error::{ConnectionError, Reply};

impl Outgoing {
    /// The answer to OFFER or DATA.
    pub(super) fn take_want(&mut self, answer: &Reply) -> Result<(), TransferError> {
        match self.take(answer)? {
            Answer::Want(_) => Ok(()),
            _ => Err(Cause::BadChunk.into()),
        }
    }

    /// The answer to END.
    pub(super) fn take_done(&mut self, answer: &Reply) -> Result<(), TransferError> {
        match self.take(answer)? {
            Answer::Done => Ok(()),
            _ => Err(Cause::BadChunk.into()),
        }
    }

    fn take<'r>(&mut self, answer: &'r Reply) -> Result<Answer<'r>, TransferError> {
        let Reply::Binary(payload) = answer else { return Err(Cause::BadChunk.into()) };
        match self.answer(payload)? {
            Answer::Refused { cause, reason } => Err(TransferError::Ended { cause, reason: reason.into() }),
            answer => Ok(answer),
        }
    }
}

impl TransferError {
    /// Why a transfer to this side failed.
    pub(super) fn of(cause: Cause, reason: String, is_fault: bool) -> TransferError {
        if is_fault { TransferError::Fault(cause) } else { TransferError::Ended { cause, reason } }
    }

    /// What the peer must be told: nothing if it ended the transfer itself, the connection is gone, or an ERROR answered
    /// the offer, as that of a peer without transfers does.
    pub(super) fn to_report(&self, outgoing: &Outgoing) -> Option<(Cause, String)> {
        match self {
            TransferError::Io(error) => Some((Cause::Failed, error.kind().to_string())),
            TransferError::Fault(cause) => Some((*cause, String::new())),
            TransferError::Connection(ConnectionError::Refused { .. }) if !outgoing.is_accepted() => None,
            TransferError::Connection(
                ConnectionError::Timeout
                | ConnectionError::Refused { .. }
                | ConnectionError::Unreadable(_)
                | ConnectionError::Backlog { .. },
            ) => Some((Cause::Cancelled, String::from("no answer"))),
            TransferError::Connection(_) | TransferError::Ended { .. } => None,
        }
    }
}

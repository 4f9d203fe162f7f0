//! Why a transfer over a connection failed.

use std::fmt;
use std::io;

use super::cause::Cause;
use crate::error::ConnectionError;

/// Why a transfer failed. The connection lives, except after [`Connection`](TransferError::Connection).
#[derive(Debug)]
#[non_exhaustive]
pub enum TransferError {
    /// The connection failed, or a REQUEST was not answered in time.
    Connection(ConnectionError),
    /// The source or the destination failed; the peer was told.
    Io(io::Error),
    /// The peer ended the transfer.
    Ended {
        /// Why.
        cause: Cause,
        /// Why, in words of the peer.
        reason: String,
    },
    /// This side ended the transfer: the peer broke a rule, or the source did not give the offered length.
    Fault(Cause),
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransferError::Connection(error) => write!(f, "{error}"),
            TransferError::Io(error) => write!(f, "the source or the destination failed: {error}"),
            TransferError::Ended { cause, reason } => {
                write!(f, "the peer ended the transfer: {cause}")?;
                match reason.strip_prefix(cause.name()) {
                    Some(detail) => write!(f, "{}", crate::escaped(detail)),
                    None if reason.is_empty() => Ok(()),
                    None => write!(f, ", {}", crate::escaped(reason)),
                }
            }
            TransferError::Fault(cause) => write!(f, "the transfer was ended: {cause}"),
        }
    }
}

impl std::error::Error for TransferError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TransferError::Connection(error) => Some(error),
            TransferError::Io(error) => Some(error),
            TransferError::Fault(cause) => Some(cause),
            TransferError::Ended { .. } => None,
        }
    }
}

impl From<ConnectionError> for TransferError {
    fn from(error: ConnectionError) -> TransferError {
        TransferError::Connection(error)
    }
}

impl From<Cause> for TransferError {
    fn from(cause: Cause) -> TransferError {
        TransferError::Fault(cause)
    }
}

//! Why a transfer ended early (SPEC 12).

use core::fmt;

/// Why a transfer ended before it was complete: the number in an ABORT or a REFUSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The application gave the transfer up.
    Cancelled,
    /// The receiver does not want it.
    Refused,
    /// The source or the destination failed.
    Failed,
    /// A chunk breaks a rule (R12.2, R12.17).
    BadChunk,
    /// The chunk belongs to no open transfer (R12.18).
    NoSuchTransfer,
    /// A transfer of this number is open (R12.18).
    DuplicateTransfer,
    /// The receiver has as many open transfers as it accepts (R12.16).
    TooManyTransfers,
    /// The whole is longer than the receiver accepts (R12.15).
    TooLarge,
    /// DATA does not begin where the bytes before it end, or WANT is not where it can be (R12.10, R12.17).
    BadOffset,
    /// The number of bytes is not the number that OFFER or END states (R12.11).
    WrongLength,
    /// OFFER names another digest than SHA-256 (R12.14).
    UnknownDigest,
    /// The bytes are not those that the sender digested (R12.12).
    WrongDigest,
    /// A code that SPEC.md does not list (R12.22).
    Other(u16),
}

impl Cause {
    /// Every cause that has a name, in the order of their codes.
    pub const ALL: [Cause; 12] = [
        Cause::Cancelled,
        Cause::Refused,
        Cause::Failed,
        Cause::BadChunk,
        Cause::NoSuchTransfer,
        Cause::DuplicateTransfer,
        Cause::TooManyTransfers,
        Cause::TooLarge,
        Cause::BadOffset,
        Cause::WrongLength,
        Cause::UnknownDigest,
        Cause::WrongDigest,
    ];

    /// The cause of a code.
    #[must_use]
    pub fn of(code: u16) -> Cause {
        Cause::ALL.into_iter().find(|cause| cause.code() == code).unwrap_or(Cause::Other(code))
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Cause::Cancelled => 1,
            Cause::Refused => 2,
            Cause::Failed => 3,
            Cause::BadChunk => 4,
            Cause::NoSuchTransfer => 5,
            Cause::DuplicateTransfer => 6,
            Cause::TooManyTransfers => 7,
            Cause::TooLarge => 8,
            Cause::BadOffset => 9,
            Cause::WrongLength => 10,
            Cause::UnknownDigest => 11,
            Cause::WrongDigest => 12,
            Cause::Other(code) => code,
        }
    }

    /// The stable name; `unknown` for a code that SPEC.md does not list.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Cause::Cancelled => "cancelled",
            Cause::Refused => "refused",
            Cause::Failed => "failed",
            Cause::BadChunk => "bad-chunk",
            Cause::NoSuchTransfer => "no-such-transfer",
            Cause::DuplicateTransfer => "duplicate-transfer",
            Cause::TooManyTransfers => "too-many-transfers",
            Cause::TooLarge => "too-large",
            Cause::BadOffset => "bad-offset",
            Cause::WrongLength => "wrong-length",
            Cause::UnknownDigest => "unknown-digest",
            Cause::WrongDigest => "wrong-digest",
            Cause::Other(_) => "unknown",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Other(code) => write!(f, "unknown cause {code}"),
            cause => f.pad(cause.name()),
        }
    }
}

impl core::error::Error for Cause {}

//! One chunk: the binary payload of a message (SPEC 12).

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;

use super::cause::Cause;
use crate::line::is_disturbing;
use crate::shown::Bytes;

/// The first bytes of every chunk.
pub const MARK: [u8; 4] = *b"BKTR";

/// The bytes of a chunk before what its type adds: mark, type, transfer, position.
pub const CHUNK_HEADER: usize = 17;

/// The longest name in an OFFER, in bytes of UTF-8.
pub const MAX_NAME: usize = 255;

/// The bytes of a digest.
pub const DIGEST_LENGTH: usize = 32;

/// The longest reason that is sent, in bytes.
const MAX_REASON: usize = 200;

/// SHA-256, the only digest.
const SHA_256: u8 = 1;

/// The position of an OFFER whose length is not known.
const UNKNOWN_LENGTH: u64 = u64::MAX;

const OFFER: u8 = 0x01;
const DATA: u8 = 0x02;
const END: u8 = 0x03;
const ABORT: u8 = 0x04;
const WANT: u8 = 0x81;
const DONE: u8 = 0x82;
const REFUSE: u8 = 0x83;

/// What a sender offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    /// The number of the transfer, unique among the open transfers of its sender.
    pub transfer: NonZeroU32,
    /// The length of the whole in bytes, unless it is not known yet.
    pub length: Option<u64>,
    /// What the sender calls it: at most 255 bytes, without control characters, line breaks and bidirectional controls.
    /// It may be empty, and it may be any path: check it before you use it as the name of a file.
    pub name: &'a str,
}

/// One chunk, borrowed from its payload.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunk<'a> {
    /// Begins a transfer.
    Offer(Offer<'a>),
    /// The next bytes of the whole.
    Data {
        /// The transfer.
        transfer: NonZeroU32,
        /// The position of the first byte in the whole.
        offset: u64,
        /// At least one byte.
        bytes: &'a [u8],
    },
    /// The sender has sent everything.
    End {
        /// The transfer.
        transfer: NonZeroU32,
        /// The length of the whole, in bytes.
        length: u64,
        /// The SHA-256 of the whole.
        digest: [u8; DIGEST_LENGTH],
    },
    /// The sender ends the transfer early.
    Abort {
        /// The transfer.
        transfer: NonZeroU32,
        /// Why.
        cause: Cause,
        /// Why, in words; empty if it is not UTF-8.
        reason: &'a str,
    },
    /// The receiver has everything before `offset`.
    Want {
        /// The transfer.
        transfer: NonZeroU32,
        /// The position of the next byte that it wants.
        offset: u64,
    },
    /// The receiver has the whole, and its digest is right.
    Done {
        /// The transfer.
        transfer: NonZeroU32,
        /// The length of the whole, in bytes.
        length: u64,
    },
    /// The receiver ends the transfer early.
    Refuse {
        /// The transfer; 0 if the number could not be read.
        transfer: u32,
        /// Why.
        cause: Cause,
        /// Why, in words; empty if it is not UTF-8.
        reason: &'a str,
    },
}

/// A payload that begins as a chunk and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// The transfer, or 0 if it cannot be read.
    pub(super) transfer: u32,
    /// The type says that it comes from the receiver of a transfer.
    pub(super) from_receiver: bool,
    pub(super) cause: Cause,
}

impl<'a> Chunk<'a> {
    /// Reads a binary payload. `None` if it is not a chunk, but the application's own (R12.1).
    ///
    /// # Errors
    /// [`Cause::BadChunk`] (R12.2) and [`Cause::UnknownDigest`] (R12.14).
    ///
    /// ```
    /// use bookend::transfer::Chunk;
    ///
    /// let payload = b"BKTR\x02\0\0\0\x01\0\0\0\0\0\0\0\0hello";
    /// let Ok(Some(Chunk::Data { offset, bytes, .. })) = Chunk::decode(payload) else { panic!() };
    /// assert_eq!((offset, bytes), (0, &b"hello"[..]));
    /// assert_eq!(Chunk::decode(b"hello"), Ok(None));
    /// ```
    pub fn decode(payload: &'a [u8]) -> Result<Option<Chunk<'a>>, Cause> {
        Chunk::read(payload).map_err(|broken| broken.cause)
    }

    pub(super) fn read(payload: &'a [u8]) -> Result<Option<Chunk<'a>>, Broken> {
        let Some(rest) = payload.strip_prefix(&MARK) else { return Ok(None) };
        let kind = rest.first().copied().unwrap_or_default();
        let number = rest.get(1..5).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes);
        let broken = |cause| Broken { transfer: number, from_receiver: kind >= 0x80, cause };
        let position = rest.get(5..13).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        let Some(position) = position else { return Err(broken(Cause::BadChunk)) };
        chunk_of(kind, number, position, &rest[13..]).map(Some).map_err(broken)
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut begin = |kind: u8, transfer: u32, position: u64, rest: &[&[u8]]| {
            out.extend_from_slice(&header(kind, transfer, position));
            rest.iter().for_each(|part| out.extend_from_slice(part));
        };
        match *self {
            Chunk::Offer(Offer { transfer, length, name }) => {
                begin(OFFER, transfer.get(), length.unwrap_or(UNKNOWN_LENGTH), &[&[SHA_256], name.as_bytes()]);
            }
            Chunk::Data { transfer, offset, bytes } => begin(DATA, transfer.get(), offset, &[bytes]),
            Chunk::End { transfer, length, digest } => begin(END, transfer.get(), length, &[&digest]),
            Chunk::Abort { transfer, cause, reason } => {
                begin(ABORT, transfer.get(), 0, &[&cause.code().to_be_bytes(), reason.as_bytes()]);
            }
            Chunk::Want { transfer, offset } => begin(WANT, transfer.get(), offset, &[]),
            Chunk::Done { transfer, length } => begin(DONE, transfer.get(), length, &[]),
            Chunk::Refuse { transfer, cause, reason } => {
                begin(REFUSE, transfer, 0, &[&cause.code().to_be_bytes(), reason.as_bytes()]);
            }
        }
    }

    pub(super) fn to_vec(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Chunk<'_> {
    /// The number of bytes of DATA, never the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Chunk::Offer(offer) => f.debug_tuple("Offer").field(offer).finish(),
            Chunk::Data { transfer, offset, bytes } => f
                .debug_struct("Data")
                .field("transfer", transfer)
                .field("offset", offset)
                .field("bytes", &Bytes(bytes.len()))
                .finish(),
            Chunk::End { transfer, length, .. } => {
                f.debug_struct("End").field("transfer", transfer).field("length", length).finish_non_exhaustive()
            }
            Chunk::Abort { transfer, cause, .. } => {
                f.debug_struct("Abort").field("transfer", transfer).field("cause", cause).finish_non_exhaustive()
            }
            Chunk::Want { transfer, offset } => {
                f.debug_struct("Want").field("transfer", transfer).field("offset", offset).finish()
            }
            Chunk::Done { transfer, length } => {
                f.debug_struct("Done").field("transfer", transfer).field("length", length).finish()
            }
            Chunk::Refuse { transfer, cause, .. } => {
                f.debug_struct("Refuse").field("transfer", transfer).field("cause", cause).finish_non_exhaustive()
            }
        }
    }
}

/// The header of the DATA that begins at `offset`.
pub(super) fn data_header(transfer: NonZeroU32, offset: u64) -> [u8; CHUNK_HEADER] {
    header(DATA, transfer.get(), offset)
}

/// May `name` stand in an OFFER?
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME && !name.chars().any(is_disturbing)
}

/// `name: detail`, or the name alone, shortened to what is sent.
pub(super) fn reason_of(cause: Cause, detail: &str) -> alloc::string::String {
    let mut reason = alloc::string::String::from(cause.name());
    if !detail.is_empty() {
        reason.push_str(": ");
        reason.push_str(detail);
    }
    while reason.len() > MAX_REASON {
        reason.pop();
    }
    reason
}

fn header(kind: u8, transfer: u32, position: u64) -> [u8; CHUNK_HEADER] {
    let mut header = [0; CHUNK_HEADER];
    header[..4].copy_from_slice(&MARK);
    header[4] = kind;
    header[5..9].copy_from_slice(&transfer.to_be_bytes());
    header[9..].copy_from_slice(&position.to_be_bytes());
    header
}

fn chunk_of(kind: u8, number: u32, position: u64, rest: &[u8]) -> Result<Chunk<'_>, Cause> {
    if kind == REFUSE {
        let (cause, reason) = cause_and_reason(rest)?;
        return Ok(Chunk::Refuse { transfer: number, cause, reason });
    }
    let transfer = NonZeroU32::new(number).ok_or(Cause::BadChunk)?;
    match kind {
        OFFER => {
            let (&digest, name) = rest.split_first().ok_or(Cause::BadChunk)?;
            let name = core::str::from_utf8(name).ok().filter(|name| is_name(name)).ok_or(Cause::BadChunk)?;
            if digest != SHA_256 {
                return Err(Cause::UnknownDigest);
            }
            let length = (position != UNKNOWN_LENGTH).then_some(position);
            Ok(Chunk::Offer(Offer { transfer, length, name }))
        }
        DATA if !rest.is_empty() => Ok(Chunk::Data { transfer, offset: position, bytes: rest }),
        END => {
            let digest = rest.try_into().map_err(|_| Cause::BadChunk)?;
            Ok(Chunk::End { transfer, length: position, digest })
        }
        ABORT => {
            let (cause, reason) = cause_and_reason(rest)?;
            Ok(Chunk::Abort { transfer, cause, reason })
        }
        WANT if rest.is_empty() => Ok(Chunk::Want { transfer, offset: position }),
        DONE if rest.is_empty() => Ok(Chunk::Done { transfer, length: position }),
        _ => Err(Cause::BadChunk),
    }
}

fn cause_and_reason(rest: &[u8]) -> Result<(Cause, &str), Cause> {
    let (code, reason) = rest.split_first_chunk().ok_or(Cause::BadChunk)?;
    Ok((Cause::of(u16::from_be_bytes(*code)), core::str::from_utf8(reason).unwrap_or_default()))
}

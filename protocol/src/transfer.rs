//! Bytes of any length, such as files, over a session (SPEC 12; feature `transfer`).
//!
//! A *transfer* is a series of *chunks*, each the binary payload of a MESSAGE or a REQUEST: an OFFER with a name and the
//! length, DATA in order, and an END with the SHA-256 of the whole, without which nothing counts as received. Over
//! REQUESTs, each REPLY says how far the receiver has got: that is the flow control, and after a broken connection the
//! transfer resumes where the receiver stands. Memory is a few chunks on each side, whatever the length.
//!
//! | you have | sending | receiving |
//! |---|---|---|
//! | a [`Connection`](crate::Connection) | [`send_from`] an `AsyncRead` | [`receive_into`] an `AsyncWrite`; a [`Receiver`] among other messages |
//! | a [`blocking::Connection`](crate::blocking::Connection) | [`blocking::send_from`] a `Read` | [`blocking::receive_into`] a `Write`; [`Receiver::take_blocking`] |
//! | a stream or a kind of message of your own | [`Outgoing`] | [`Incoming`] |
//!
//! [`Incoming`] and [`Outgoing`] do no I/O and need no `std`; [`Chunk`] is the layout alone. A receiver accepts wholes of
//! up to 1 GiB and 8 open transfers unless [`Bounds`] say otherwise.
//!
//! `cargo run -p bookend --features transfer --example file_transfer` sends and receives files, with progress and resume.

#[cfg(feature = "std")]
pub mod blocking;
mod cause;
mod chunk;
#[cfg(feature = "std")]
mod error;
mod held;
mod incoming;
mod options;
mod outgoing;
mod progress;
#[cfg(feature = "std")]
mod receiver;
#[cfg(feature = "tokio")]
mod receiving;
#[cfg(feature = "std")]
mod replies;
#[cfg(feature = "tokio")]
mod sending;

pub use cause::Cause;
pub use chunk::{CHUNK_HEADER, Chunk, DIGEST_LENGTH, MARK, MAX_NAME, Offer};
#[cfg(feature = "std")]
pub use error::TransferError;
pub use held::Held;
pub use incoming::{Bounds, Incoming, Step};
pub use options::SendOptions;
pub use outgoing::{Answer, Outgoing};
pub use progress::Progress;
#[cfg(feature = "std")]
pub use receiver::{Offered, Received, Receiver, Taken};
#[cfg(feature = "tokio")]
pub use receiving::receive_into;
#[cfg(feature = "tokio")]
pub use sending::send_from;

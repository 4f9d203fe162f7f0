//! Values of Rust types as binary payloads, in the format of `postcard` (feature `postcard`).

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::payload::{OwnedContent, Payload};

/// Why a value cannot become a payload, or a payload a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueError {
    /// The payload is text.
    Text,
    /// So many bytes follow the value.
    Trailing(usize),
    /// The bytes are not a value of this type, or the type cannot be serialised.
    Invalid(postcard::Error),
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueError::Text => f.write_str("the payload is text, not a binary value"),
            ValueError::Trailing(count) => write!(f, "{count} bytes follow the value: another type was sent"),
            ValueError::Invalid(error) => write!(f, "not a value of this type: {error}"),
        }
    }
}

impl core::error::Error for ValueError {}

impl OwnedContent {
    /// A value as a binary payload. Both sides must use the same type: the format does not describe itself.
    ///
    /// ```
    /// # use bookend::{Connection, Hello, OwnedContent};
    /// # use std::time::Duration;
    /// #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    /// struct Point { x: i32, y: i32 }
    ///
    /// # #[cfg(feature = "tokio")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    /// # let (mut near, far) = (near?, far?);
    /// # tokio::spawn(far.serve(async |payload: bookend::OwnedPayload| Ok(payload)));
    /// let request = OwnedContent::postcard(&Point { x: 3, y: -4 })?;
    /// let reply = near.request(&request, Duration::from_secs(5)).await?;
    /// # let echoed: Point = reply.from_postcard()?;
    /// # assert_eq!(echoed, Point { x: 3, y: -4 });
    /// # Ok(()) }
    /// # #[cfg(not(feature = "tokio"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`ValueError::Invalid`] if the type cannot be serialised: a map or sequence of unknown length, for example.
    pub fn postcard<T: Serialize + ?Sized>(value: &T) -> Result<OwnedContent, ValueError> {
        postcard::to_allocvec(value).map(OwnedContent::Binary).map_err(ValueError::Invalid)
    }
}

impl<'a> Payload<'a> {
    /// The value that [`OwnedContent::postcard`] has made; it may borrow from the payload. Nothing may follow it.
    ///
    /// Deserialisation takes memory in proportion to the payload, as far as the type's `Deserialize` does. A type that
    /// contains itself is deserialised recursively, as deep as the peer likes: do not use one for payloads of strangers.
    ///
    /// # Errors
    /// What is wrong with the payload.
    pub fn from_postcard<T: Deserialize<'a>>(&self) -> Result<T, ValueError> {
        match self {
            Payload::Binary(bytes) => value_of(bytes),
            Payload::Text(_) => Err(ValueError::Text),
        }
    }
}

#[cfg(feature = "std")]
impl crate::Reply {
    /// As [`Payload::from_postcard`].
    ///
    /// # Errors
    /// As [`Payload::from_postcard`].
    pub fn from_postcard<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ValueError> {
        match self {
            crate::Reply::Binary(bytes) => value_of(bytes),
            crate::Reply::Text(_) => Err(ValueError::Text),
        }
    }
}

#[cfg(feature = "tokio")]
impl crate::OwnedPayload {
    /// As [`Payload::from_postcard`].
    ///
    /// # Errors
    /// As [`Payload::from_postcard`].
    pub fn from_postcard<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ValueError> {
        self.as_payload().from_postcard()
    }
}

fn value_of<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ValueError> {
    match postcard::take_from_bytes(bytes).map_err(ValueError::Invalid)? {
        (value, []) => Ok(value),
        (_, rest) => Err(ValueError::Trailing(rest.len())),
    }
}

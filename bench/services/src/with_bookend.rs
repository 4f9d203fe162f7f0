//! The services with Bookend.

pub(crate) mod bridge;
pub(crate) mod device;
pub(crate) mod key_value;
pub(crate) mod transfer;

/// The bytes of a reply.
fn bytes(reply: bookend::Reply) -> bytes::Bytes {
    match reply {
        bookend::Reply::Binary(bytes) => bytes.into(),
        bookend::Reply::Text(text) => text.into(),
    }
}

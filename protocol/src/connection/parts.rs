//! A connection taken apart.

use std::fmt;

use super::Connection;
use crate::session::Session;
use crate::shown::Bytes;

/// What a connection consists of, from [`Connection::into_parts`].
#[non_exhaustive]
pub struct Parts<S> {
    /// The stream.
    pub stream: S,
    /// The session, with the output of its own that has not been taken.
    pub session: Session,
    /// What has been read and not been returned: whole frames that the session has judged already.
    pub judged: Vec<u8>,
    /// What has been read after that, for [`Session::receive`].
    pub read: Vec<u8>,
    /// What was sent or queued and has not been written.
    pub unwritten: Vec<u8>,
}

impl<S> fmt::Debug for Parts<S> {
    /// The session, with lengths in place of bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("session", &self.session)
            .field("judged", &Bytes(self.judged.len()))
            .field("read", &Bytes(self.read.len()))
            .field("unwritten", &Bytes(self.unwritten.len()))
            .finish_non_exhaustive()
    }
}

impl<S> Connection<S> {
    /// The stream. What has been read and not been returned, and what has not been written, is lost:
    /// [`into_parts`](Connection::into_parts) keeps it.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// The stream, the session, and the bytes between them, for a driver of your own. What handles have queued and the
    /// connection has not taken is lost, and they fail with [`Misuse::NotOpen`](crate::Misuse::NotOpen).
    pub fn into_parts(self) -> Parts<S> {
        let (session, judged, read, unwritten) = self.endpoint.into_parts();
        Parts { stream: self.stream, session, judged, read, unwritten }
    }
}

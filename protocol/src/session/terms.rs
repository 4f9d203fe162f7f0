//! What the peer's HELLO permits this side to send: fixed once the session is open.

use alloc::vec::Vec;

use super::{Role, Session, State};
#[cfg(feature = "tokio")]
use core::num::NonZeroU32;

use crate::encoding::{Encoding, Encodings};
use crate::kind;
use crate::misuse::Misuse;
use crate::payload::{Content, write_frame};

/// The peer's terms. A copy serves a task that does not own the session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    accepted: Encodings,
    preferred: Encoding,
    /// The longest body, in bytes.
    max_body: u32,
    hub_profile: bool,
    role: Role,
    /// How many requests of this side may be unanswered (R3.16).
    #[cfg(feature = "tokio")]
    pub(crate) requests: usize,
}

impl Terms {
    /// Appends a frame to `out`; on an error `out` is unchanged.
    #[inline]
    pub(crate) fn write(&self, kind: u8, fixed: &[u8], content: Content<'_>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        let encoding = content.encoding(self.preferred);
        let limit = self.sendable(kind, encoding)?;
        write_frame(kind, encoding, fixed, content, limit, out)
    }

    /// May a frame of this kind and encoding be sent, and how long may its body be, in bytes?
    #[inline]
    pub(super) fn sendable(&self, kind: u8, encoding: Encoding) -> Result<u32, Misuse> {
        if kind::is_hub(kind) {
            if !self.hub_profile {
                return Err(Misuse::UnknownKind { kind });
            }
            if (kind == kind::POST) == (self.role == Role::Server) {
                return Err(Misuse::UnexpectedKind { kind });
            }
        }
        if !self.accepted.contains(encoding) {
            return Err(Misuse::EncodingRefused { encoding });
        }
        Ok(self.max_body)
    }
}

impl Session {
    /// The peer's terms, while the session is open.
    #[inline]
    pub(crate) fn terms(&self) -> Result<Terms, Misuse> {
        let Some(peer) = self.peer.as_ref().filter(|_| self.state == State::Open) else {
            return Err(Misuse::NotOpen);
        };
        Ok(Terms {
            accepted: peer.accepted(),
            preferred: peer.preferred(),
            max_body: peer.max_body(),
            hub_profile: self.hub_profile(),
            role: self.role,
            #[cfg(feature = "tokio")]
            requests: peer.max_requests(),
        })
    }
}

/// Requests, for a connection that numbers them itself.
#[cfg(feature = "tokio")]
impl Session {
    /// A request of this id, which is free, is sent now.
    pub(crate) fn expect(&mut self, id: NonZeroU32) {
        self.requests.ask(id);
    }

    /// Appends a REQUEST of this id, which is free, to `out`.
    pub(crate) fn request_as(&mut self, id: NonZeroU32, content: Content<'_>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.terms()?.write(kind::REQUEST, &id.get().to_be_bytes(), content, out)?;
        self.expect(id);
        Ok(())
    }

    /// The peer's request of this id, from the frame of that number, is answered now; false if it is not unanswered.
    pub(crate) fn answer(&mut self, id: NonZeroU32, frame: u32) -> bool {
        let unanswered = self.requests.frame_of(id) == Ok(frame);
        if unanswered {
            self.requests.answered(id);
        }
        unanswered
    }

    /// Does a PONG wait to be sent?
    pub(crate) fn owes_pong(&self) -> bool {
        self.pongs.is_some()
    }
}

//! What `Debug` shows of a session: no bytes of the peer, and none that wait to be sent.

use core::fmt;

use super::{Outcome, Session};
use crate::shown::{Bytes, Excerpt};

impl fmt::Debug for Session {
    /// The state and the HELLOs, with lengths in place of bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Session");
        shown.field("role", &self.role).field("state", &self.state);
        match self.outcome() {
            Some(Outcome::Fault(fault)) => shown.field("fault", fault),
            Some(Outcome::Closed(code)) => shown.field("closed", code),
            Some(Outcome::PeerClosed { code, reason }) => {
                shown.field("peer_closed", code).field("reason", &Bytes(reason.len()))
            }
            None => &mut shown,
        };
        shown
            .field("local", &self.local)
            .field("peer", &self.peer)
            .field("next_frame", &self.next_frame)
            .field("requests", &self.requests)
            .field("decoder", &self.decoder)
            .field("preamble", &Bytes(self.preamble.len()))
            .field("output", &Bytes(self.output.len()))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Outcome {
    /// A long reason is shortened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Fault(fault) => f.debug_tuple("Fault").field(fault).finish(),
            Outcome::Closed(code) => f.debug_tuple("Closed").field(code).finish(),
            Outcome::PeerClosed { code, reason } => {
                f.debug_struct("PeerClosed").field("code", code).field("reason", &Excerpt(reason)).finish()
            }
        }
    }
}

//! What happens in a session, as a span and events of `tracing` (feature `tracing`). Without the feature, each call is
//! empty.
//!
//! Nothing here reports a token, a payload or a PING's bytes. What the peer chose and is reported is its name, room and
//! software, which are plain lines of at most 64 bytes, and at most 32 bytes of a reason, escaped (SPEC 8).
#![cfg_attr(not(feature = "tracing"), allow(unused_variables, reason = "nothing is observed"))]

use core::num::NonZeroU32;
use std::io;

use crate::code::Code;
use crate::fault::Fault;
use crate::message::Refusal;
use crate::session::Session;

#[cfg(feature = "tracing")]
use crate::session::{Outcome, Role};

/// The most bytes of a peer's reason that an event has.
#[cfg(feature = "tracing")]
const EXCERPT: usize = 32;

/// Reports to `tracing`, or to nobody.
pub(crate) struct Observer {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
    /// The end of the session has been reported.
    #[cfg(feature = "tracing")]
    ended: bool,
}

impl Observer {
    pub(crate) fn new(session: &Session) -> Observer {
        Observer {
            // The level of errors: wherever an event is enabled, its session is shown.
            #[cfg(feature = "tracing")]
            span: tracing::error_span!(
                "bookend.session",
                role = role(session),
                peer = tracing::field::Empty,
                room = tracing::field::Empty,
                software = tracing::field::Empty,
            ),
            #[cfg(feature = "tracing")]
            ended: false,
        }
    }

    /// The peer's HELLO has been accepted.
    pub(crate) fn opened(&self, session: &Session) {
        #[cfg(feature = "tracing")]
        if let Some(peer) = session.peer() {
            let room = peer.room().or_else(|| session.local().room());
            for (field, value) in [("peer", peer.name()), ("room", room), ("software", peer.software())] {
                if let Some(value) = value {
                    self.span.record(field, value);
                }
            }
            tracing::debug!(
                parent: &self.span,
                hub = session.hub_profile(),
                max_body = peer.max_body(),
                keepalive = peer.keepalive(),
                "session opened"
            );
        }
    }

    /// This side refuses a frame that the session could not deliver.
    pub(crate) fn refuses(&self, kind: u8, fault: Fault, frame: u32) {
        #[cfg(feature = "tracing")]
        tracing::debug!(
            parent: &self.span,
            code = fault.code().0,
            name = fault.name(),
            kind = crate::kind::name(kind),
            frame,
            "frame refused"
        );
    }

    /// The application answers a frame with an ERROR.
    pub(crate) fn refusing(&self, frame: u32, code: Code) {
        #[cfg(feature = "tracing")]
        tracing::debug!(parent: &self.span, code = code.0, name = code.name(), frame, "refusal sent");
    }

    /// The peer has refused a frame of this side.
    pub(crate) fn refused(&self, refusal: &Refusal<'_>) {
        #[cfg(feature = "tracing")]
        tracing::debug!(
            parent: &self.span,
            code = refusal.code.0,
            frame = refusal.frame,
            request = NonZeroU32::new(refusal.id),
            reason = excerpt(&refusal.reason.to_str()).as_str(),
            "refusal received"
        );
    }

    /// This side cancels a request.
    pub(crate) fn cancelling(&self, id: NonZeroU32) {
        #[cfg(feature = "tracing")]
        tracing::debug!(parent: &self.span, request = id.get(), "request cancelled");
    }

    /// The peer has cancelled a request.
    pub(crate) fn cancelled(&self, id: NonZeroU32) {
        #[cfg(feature = "tracing")]
        tracing::debug!(parent: &self.span, request = id.get(), "request cancelled by the peer");
    }

    /// The stream failed. The kind is enough: the text of an error may hold what a wrapper of the stream puts there.
    pub(crate) fn failed(&self, error: &io::Error) {
        #[cfg(feature = "tracing")]
        tracing::debug!(parent: &self.span, kind = tracing::field::debug(error.kind()), "the stream failed");
    }

    /// The session has ended. Only the first call counts.
    pub(crate) fn ended(&mut self, session: &Session) {
        #[cfg(feature = "tracing")]
        if let Some(outcome) = session.outcome()
            && !core::mem::replace(&mut self.ended, true)
        {
            match outcome {
                Outcome::Fault(fault) => self.faulted(*fault, session),
                Outcome::Closed(code) => {
                    tracing::debug!(parent: &self.span, code = code.0, name = code.name(), "session closed");
                }
                Outcome::PeerClosed { code, reason } => {
                    let reason = excerpt(reason);
                    tracing::debug!(parent: &self.span, code = code.0, reason = reason.as_str(), "session closed by the peer");
                }
            }
        }
    }

    /// Without what the diagnosis has seen: those are bytes of the peer.
    #[cfg(feature = "tracing")]
    fn faulted(&self, fault: Fault, session: &Session) {
        let likeliest = session.diagnosis().and_then(|diagnosis| diagnosis.first());
        tracing::warn!(
            parent: &self.span,
            code = fault.code().0,
            name = fault.name(),
            mistake = likeliest.map(|mistake| mistake.name()),
            confidence = likeliest.map(|mistake| tracing::field::display(mistake.confidence())),
            offset = likeliest.map(|mistake| mistake.offset()),
            fix = likeliest.map(|mistake| mistake.fix()),
            "session ended by a fault: {fault}"
        );
    }

    /// The session goes on elsewhere.
    #[cfg(feature = "tokio")]
    pub(crate) fn handed_over(&mut self) {
        #[cfg(feature = "tracing")]
        if !core::mem::replace(&mut self.ended, true) {
            tracing::debug!(parent: &self.span, "session taken out of its connection");
        }
    }
}

#[cfg(feature = "tracing")]
impl Drop for Observer {
    /// The peer will report a stream without a CLOSE.
    fn drop(&mut self) {
        if !self.ended {
            tracing::debug!(parent: &self.span, "connection dropped before the session had ended");
        }
    }
}

#[cfg(feature = "tracing")]
fn role(session: &Session) -> &'static str {
    match session.role() {
        Role::Client => "client",
        Role::Server => "server",
    }
}

/// The beginning of a text of the peer, escaped.
#[cfg(feature = "tracing")]
fn excerpt(text: &str) -> String {
    let end = (0..=text.len().min(EXCERPT)).rev().find(|&end| text.is_char_boundary(end));
    crate::escaped(&text[..end.unwrap_or(0)]).to_string()
}

//! The mistake behind a fault, as far as the bytes around it tell.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};

use super::{Outcome, Session};
use crate::diagnosis::{Diagnosis, Evidence, diagnose};
use crate::fault::Fault;
use crate::frame::Frame;
use crate::kind;

impl Session {
    /// Looks for the mistake behind a fault, so that the CLOSE which tells the fault can name it: call it whenever the
    /// session may have met one, before [`take_output`](Session::take_output). Nothing happens if there is none, or
    /// if it has been explained.
    ///
    /// `bytes` is the input of the call of [`receive`](Session::receive) that met it, or what was left unused when
    /// the time was up or the stream ended. `before` is what is still at hand of the frames before that, from the
    /// first byte of a frame on.
    #[inline]
    pub fn explain(&mut self, before: &[u8], bytes: &[u8]) {
        if self.diagnosis.is_none()
            && let Some(&Outcome::Fault(fault)) = self.outcome()
        {
            self.diagnosis = Some(Box::new(self.judge(fault, before, bytes)));
        }
    }

    /// What may be behind the fault that ended the session, once it has been [explained](Session::explain).
    #[must_use]
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        self.diagnosis.as_deref()
    }

    #[cold]
    fn judge(&self, fault: Fault, before: &[u8], bytes: &[u8]) -> Diagnosis {
        let judged = |bytes: &[u8]| diagnose(&Evidence::stream(fault, self.fault_at, bytes).behind(before));
        if self.preamble.is_empty() || !self.is_before_first_frame(fault) {
            return judged(bytes);
        }
        let said: Cow<'_, [u8]> = match bytes {
            [] => Cow::Borrowed(&self.preamble),
            bytes => Cow::Owned([&self.preamble, bytes].concat()),
        };
        let whole = judged(&said);
        // Behind the line for people that a hub begins with, its HELLO may have come changed.
        let line = said.iter().position(|&byte| byte == b'\n').map_or(said.len(), |end| end + 1);
        if names_a_peer(&whole) || line == said.len() {
            return whole;
        }
        let behind_line = judged(&said[line..]);
        if names_a_peer(&behind_line) { behind_line } else { whole }
    }

    /// Has the server's first frame not come, or only a byte that might have begun it?
    fn is_before_first_frame(&self, fault: Fault) -> bool {
        self.skipping || self.fault_at == 0 && matches!(fault, Fault::BadStart { .. })
    }

    /// The reason for refusing a frame, with what the sender may have done wrong.
    pub(super) fn refusal(&mut self, frame: Frame<'_>, fault: Fault) -> String {
        let judged = matches!(fault, Fault::BadText { .. }) && frame.kind() != kind::DELIVERY && self.guesses > 0;
        if !judged {
            return fault.to_string();
        }
        self.guesses -= 1;
        let payload = frame.body().get(kind::fixed_length(frame.kind())..).unwrap_or_default();
        diagnose(&Evidence::text(frame.encoding(), payload)).to_string()
    }

    /// Puts the CLOSE that tells the fault behind what is to be sent.
    pub(super) fn tell_fault(&mut self) {
        let Some(&Outcome::Fault(fault)) = self.outcome() else { return };
        let reason = match &self.diagnosis {
            Some(diagnosis) => diagnosis.to_string(),
            None => fault.to_string(),
        };
        self.push_close(fault.code(), &reason);
    }
}

/// Is there more to say than that text came?
fn names_a_peer(diagnosis: &Diagnosis) -> bool {
    diagnosis.first().is_some_and(|first| !first.is_plain_text())
}

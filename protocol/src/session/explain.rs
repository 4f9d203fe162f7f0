//! The mistake that caused a fault, as far as the bytes around it show.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Ending, Outcome, Role, Session};
use crate::diagnosis::{Diagnosis, Evidence, diagnose};
use crate::fault::Fault;
use crate::frame::{Frame, START};
use crate::kind;

impl Session {
    /// Looks for the mistake that caused a fault, so that CLOSE can name it. Call it whenever the session may have met
    /// a fault, before [`take_output`](Session::take_output). Without a fault, and the second time, it does nothing.
    ///
    /// `bytes` is the input of the call of [`receive`](Session::receive) that met the fault, or what was left unused
    /// when the time was up or the stream ended. `before` is what you still have of the bytes before that, from the
    /// first byte of a frame on; it may be empty.
    #[inline]
    pub fn explain(&mut self, before: &[u8], bytes: &[u8]) {
        if let Some(&Ending { outcome: Outcome::Fault(fault), fault_at, diagnosis: None, .. }) = self.ending.as_deref()
        {
            let diagnosis = self.judge(fault, fault_at, before, bytes);
            if let Some(ending) = &mut self.ending {
                ending.diagnosis = Some(diagnosis);
            }
        }
    }

    /// The likely cause of the fault that ended the session, once it has been [explained](Session::explain).
    #[must_use]
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        self.ending.as_ref()?.diagnosis.as_ref()
    }

    #[cold]
    fn judge(&self, fault: Fault, fault_at: u64, before: &[u8], bytes: &[u8]) -> Diagnosis {
        let mut sent = Vec::new();
        if self.role == Role::Client && self.peer.is_none() {
            self.local.encode(&mut sent);
        }
        let judged = |bytes: &[u8]| diagnose(&Evidence::stream(fault, fault_at, bytes).after(before).sent(&sent));
        if self.preamble.is_empty() || !self.is_before_first_frame(fault, fault_at, bytes) {
            return judged(bytes);
        }
        let received: Cow<'_, [u8]> = match bytes {
            [] => Cow::Borrowed(&self.preamble),
            bytes => Cow::Owned([&self.preamble, bytes].concat()),
        };
        let whole = judged(&received);
        // A changed HELLO may follow the line for people that a hub begins with.
        let line = received.iter().position(|&byte| byte == b'\n').map_or(received.len(), |end| end + 1);
        if names_a_peer(&whole) || line == received.len() {
            return whole;
        }
        let after_line = judged(&received[line..]);
        if names_a_peer(&after_line) { after_line } else { whole }
    }

    /// Is the server's first frame missing, but for a byte that might begin it?
    fn is_before_first_frame(&self, fault: Fault, fault_at: u64, bytes: &[u8]) -> bool {
        let is_short = matches!(fault, Fault::BadStart { .. }) || bytes.len() < START.len();
        self.skipping || self.peer.is_none() && fault_at == 0 && is_short
    }

    /// The reason for refusing a frame, with the likely mistake of the sender.
    pub(super) fn refusal(&mut self, frame: Frame<'_>, fault: Fault) -> String {
        let judged = matches!(fault, Fault::BadText { .. }) && frame.kind() != kind::DELIVERY && self.guesses > 0;
        if !judged {
            return fault.to_string();
        }
        self.guesses -= 1;
        let payload = frame.body().get(kind::fixed_length(frame.kind())..).unwrap_or_default();
        diagnose(&Evidence::text(frame.encoding(), payload)).to_string()
    }

    /// Appends the CLOSE that names the fault to the output.
    pub(super) fn push_fault(&mut self) {
        let Some(&Outcome::Fault(fault)) = self.outcome() else { return };
        let reason = match self.diagnosis() {
            Some(diagnosis) => diagnosis.to_string(),
            None => fault.to_string(),
        };
        self.push_close(fault.code(), &reason);
    }
}

/// Does it name more than plain text?
fn names_a_peer(diagnosis: &Diagnosis) -> bool {
    diagnosis.first().is_some_and(|first| !first.is_plain_text())
}

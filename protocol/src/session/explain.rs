//! The mistake that caused a fault, as far as the bytes around it show.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Ending, MAX_PREAMBLE, Outcome, Role, Session};
use crate::diagnosis::{Diagnosis, Evidence, WINDOW, diagnose};
use crate::fault::Fault;
use crate::frame::Frame;
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
            self.explain_fault(fault, fault_at, before, bytes);
        }
    }

    #[cold]
    fn explain_fault(&mut self, fault: Fault, fault_at: u64, before: &[u8], bytes: &[u8]) {
        let Some(ending) = &mut self.ending else { return };
        if ending.before.is_empty() && before.len() <= WINDOW {
            ending.before = before.to_vec();
        }
        if ending.gathering.is_some() {
            return;
        }
        let mut before = core::mem::take(&mut ending.before);
        if before.is_empty()
            && let Some(hello) = self.peer.as_ref().filter(|_| fault_at > 0)
        {
            // The frame before this one, if it was the first.
            hello.encode(&mut before);
            before.truncate(if before.len() as u64 == fault_at { before.len() } else { 0 });
        }
        let diagnosis = self.judge(fault, fault_at, &before, bytes);
        if let Some(ending) = &mut self.ending {
            ending.diagnosis = Some(diagnosis);
        }
    }

    /// The likely cause of the fault that ended the session, once it has been [explained](Session::explain).
    #[must_use]
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        self.ending.as_ref()?.diagnosis.as_ref()
    }

    fn judge(&self, fault: Fault, fault_at: u64, before: &[u8], bytes: &[u8]) -> Diagnosis {
        let mut sent = Vec::new();
        if self.role == Role::Client && self.peer.is_none() {
            self.local.encode(&mut sent);
        }
        let is_greeting = self.role == Role::Client && self.peer.is_none() && fault_at == 0;
        if !is_greeting {
            return diagnose(&Evidence::stream(fault, fault_at, bytes).after(before).sent(&sent));
        }
        let mut received = [&self.preamble, bytes].concat();
        if self.skipping {
            received.truncate(MAX_PREAMBLE + 1);
        }
        diagnose(&Evidence::greeting(fault, &received).sent(&sent))
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

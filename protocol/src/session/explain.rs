//! The mistake that caused a fault, as far as the bytes around it show.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Ending, MAX_PREAMBLE, Outcome, Role, Session};
use crate::diagnosis::{Confidence, Diagnosis, Evidence, Hypothesis, WINDOW, diagnose};
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
        let before = core::mem::take(&mut ending.before);
        let before = self.frames_before(fault_at, before);
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
            let diagnosis = diagnose(&Evidence::stream(fault, fault_at, bytes).after(before).sent(&sent));
            return self.judge_from_first_byte(fault_at, before, bytes).unwrap_or(diagnosis);
        }
        let mut received = [&self.preamble, bytes].concat();
        if self.skipping {
            received.truncate(MAX_PREAMBLE + 1);
        }
        diagnose(&Evidence::greeting(fault, &received).sent(&sent))
    }

    /// The frames before the one at `fault_at`, without a preamble; `given` is what is left of them. HELLO, if it is all
    /// of them, is known anyway.
    fn frames_before(&self, fault_at: u64, mut given: Vec<u8>) -> Vec<u8> {
        if given.len() as u64 == fault_at + self.preamble.len() as u64 {
            given.drain(..self.preamble.len());
        }
        if given.len() as u64 != fault_at
            && let Some(peer) = &self.peer
        {
            let mut hello = Vec::new();
            peer.encode(&mut hello);
            if hello.len() as u64 == fault_at {
                return hello;
            }
        }
        given
    }

    /// What was skipped before the server's HELLO is no line (R4.20): it belongs to what is around each frame.
    fn judge_from_first_byte(&self, fault_at: u64, before: &[u8], bytes: &[u8]) -> Option<Diagnosis> {
        let &found = self.preamble.first().filter(|_| !self.preamble.ends_with(b"\r\n"))?;
        if before.len() as u64 != fault_at {
            return None;
        }
        let received = [&self.preamble, before, bytes].concat();
        let fault = Fault::BadStart { offset: 0, found };
        let diagnosis = diagnose(&Evidence::stream(fault, 0, &received));
        let is_certain = |first: &Hypothesis| first.confidence() == Confidence::Certain;
        diagnosis.first().is_some_and(is_certain).then_some(diagnosis)
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

//! What others request of a connection through its mailbox: to close, to report, to answer.

use bookend::Code;

use super::{ConnectionCore, PeerKind, Phase};
use crate::report::ConnectionReport;

impl ConnectionCore {
    /// Does what the mailbox requests.
    pub(in crate::connection) fn take_requests(&mut self) {
        if !self.client.mailbox().has_content() {
            return;
        }
        self.take_request();
        let Some(code) = self.client.mailbox().take_close() else { return };
        if self.is_ending() {
            return;
        }
        if code == Code::POLICY {
            // It may no longer receive what waits to be written.
            self.close(code, "the token no longer allows this");
            self.close_if_ended();
        } else if let Phase::Open { close_when_written, .. } = &mut self.phase {
            *close_when_written = Some(code);
        }
    }

    fn take_request(&mut self) {
        let Some(request) = self.client.mailbox().take_request() else { return };
        if let Some(receiver) = request.report {
            let report = self.report();
            let _ = receiver.send(report); // the operator may no longer wait
            if let PeerKind::Framed(framed) = &mut self.kind {
                framed.measure(&mut self.client, self.now);
            }
        }
        if request.recheck_token {
            self.client.credentials.check_again(self.now);
        }
        if request.reclaim_name && !self.is_ending() {
            self.client.reclaim_name();
        }
        if let PeerKind::Framed(framed) = &mut self.kind {
            framed.prove(request.prove);
            let timeout = self.client.hub().config().answer;
            if request.challenge && !timeout.is_zero() {
                framed.challenge(timeout, self.now);
            }
        }
        if let Some(reason) = request.kick
            && !self.is_ending()
        {
            self.close(Code::POLICY, &reason);
            self.close_if_ended();
        }
    }

    pub(super) fn report(&self) -> ConnectionReport {
        let mut report = self.client.report(self.now);
        report.unwritten += self.unwritten().saturating_sub(self.farewell());
        if let PeerKind::Framed(framed) = &self.kind {
            report.software = framed.software().map(Into::into);
        }
        report
    }
}

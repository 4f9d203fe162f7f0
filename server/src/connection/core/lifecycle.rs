//! How the start and the end of a connection are logged: each `connect` has its `disconnect`, at the same level.

use std::io;

use super::ConnectionCore;
use super::kind::PeerKind;
use crate::client::Client;
use crate::report::CloseReason;

impl ConnectionCore {
    /// Logs the start, once. A peer that leaves without a byte, such as the check of a load balancer, is not worth two
    /// lines.
    pub(super) fn log_connect(&mut self) {
        log_connect(&mut self.is_logged, &self.client);
    }

    /// The connection has ended, or its stream has failed.
    pub(in crate::connection) fn ended(&mut self, result: io::Result<()>) {
        if !self.is_logged && matches!(self.kind, PeerKind::Unknown { .. }) {
            self.record(CloseReason::NO_CLOSE);
            return self.client.hub().log_silent(self.client.peer());
        }
        let ending = self.is_ending();
        if result.is_err() {
            self.record(CloseReason::IO);
        }
        let peer = self.client.peer().label();
        match result {
            Ok(()) => {}
            // A peer that is being closed need not read everything.
            Err(error) if ending => tracing::debug!(peer, detail = %error, "cut-off"),
            Err(error) => tracing::info!(peer, fault = "io", detail = %error, "fault"),
        }
        if self.is_logged {
            tracing::info!(peer, "disconnect");
        }
    }
}

pub(super) fn log_connect(is_logged: &mut bool, client: &Client) {
    if !std::mem::replace(is_logged, true) {
        tracing::info!(peer = client.peer().label(), "connect");
    }
}

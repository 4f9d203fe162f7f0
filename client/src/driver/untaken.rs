//! What an application that takes no events costs its session: nothing is read, and the keepalive is kept.

use std::time::Duration;

use bookend::Connection;
use tokio::time::timeout;

use super::Driver;
use super::heard::Heard;
use crate::event::Event;
use crate::race::{First, race};

impl Driver {
    /// Reports an event once there is room. Nothing is read until then, and the keepalive is kept nevertheless: an
    /// application that takes no events for a while does not lose its session.
    pub(super) async fn report_in(&mut self, connection: &mut Connection<Heard>, event: Event) {
        let keepalive = Duration::from_secs(connection.session().local().keepalive().into());
        while !keepalive.is_zero() && !self.closing.has_begun() && !self.outlet.has_room(&event) {
            // Something may have been sent half a period ago.
            let waited = race(timeout(keepalive / 2, self.outlet.room(&event)), self.closing.wanted()).await;
            let is_late = matches!(waited, First::One(Err(_)));
            // The next event of the connection says why it failed.
            if is_late && (connection.queue_ping().is_err() || connection.flush().await.is_err()) {
                break;
            }
        }
        self.report(event).await;
    }
}

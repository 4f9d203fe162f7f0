//! A hub that keeps its rooms in a file.

use std::sync::Arc;
use std::time::Duration;

use super::{Hub, Shared};
use crate::clock::wall_clock;
use crate::config::Config;
use crate::history::{Announce, History, HistoryStatus, Notice};
use crate::metrics::HistoryNumbers;

impl Hub {
    /// A hub that keeps what is said in its rooms. When it [shuts down](Hub::shut_down), it closes the file.
    ///
    /// ```no_run
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), bookend_server::HistoryError> {
    /// use bookend_server::{Config, History, HistoryConfig, Hub};
    ///
    /// let history = History::open(HistoryConfig::new("history.db"))?;
    /// let hub = Hub::with_history(Config::default(), history);
    /// # hub.shut_down().await;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_history(config: Config, history: Arc<History>) -> Hub {
        let hub = Hub::with_store(config, Some(history.clone()));
        history.announce_to(Arc::<Shared>::downgrade(&hub.shared));
        let _ = hub.shared.history.set(history); // it is new
        hub
    }

    /// The state of what keeps the rooms, if they are kept.
    #[must_use]
    pub fn history(&self) -> Option<HistoryStatus> {
        self.shared.history.get().map(|history| history.status())
    }

    pub(super) fn history_numbers(&self) -> Option<HistoryNumbers> {
        let status = self.history()?;
        let age = if status.messages == 0 { 0 } else { wall_clock().saturating_sub(status.oldest) };
        Some(HistoryNumbers {
            bytes: status.file_bytes,
            wal_bytes: status.log_bytes,
            messages: status.messages,
            oldest: Duration::from_millis(age),
            written_lag: status.written_lag,
            synced_lag: status.synced_lag,
            sync_time: status.sync_time,
            damaged_rows: status.damaged as u64,
            is_failing: status.failure.is_some(),
        })
    }
}

impl Announce for Shared {
    fn announce(&self, room: &str, notice: Notice) {
        if let Some(room) = self.rooms.find(room) {
            room.notify(&notice.to_string());
        }
    }
}

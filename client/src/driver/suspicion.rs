//! Whether the other side has been silent for longer than it promised.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Watches when the other side was last heard.
pub(super) struct Suspicion {
    heard: watch::Receiver<Instant>,
    /// How often the other side promised to send something; zero if it did not.
    keepalive: Duration,
    /// Silence before this moment does not count: nothing was read.
    listening: Instant,
    is_suspect: bool,
}

impl Suspicion {
    pub(super) fn new(heard: watch::Receiver<Instant>, keepalive: Duration) -> Suspicion {
        Suspicion { heard, keepalive, listening: Instant::now(), is_suspect: false }
    }

    /// Counts silence from now on: until now nothing may have been read.
    pub(super) fn listen_again(&mut self) {
        self.listening = Instant::now();
    }

    /// Was the other side suspect, and has it been heard since? True once.
    pub(super) fn is_refuted(&mut self) -> bool {
        let is_refuted = self.is_suspect && self.heard.has_changed().unwrap_or(false);
        self.is_suspect &= !is_refuted;
        is_refuted
    }

    /// Waits until the other side becomes suspect, which is true, or until something was heard. Cancel-safe.
    pub(super) async fn rises(&mut self) -> bool {
        if self.is_suspect {
            let _ = self.heard.changed().await; // an error if the stream is gone, and then so is the session
            self.heard.mark_changed();
            return false;
        }
        if self.keepalive.is_zero() {
            return std::future::pending().await;
        }
        let silent_since = (*self.heard.borrow_and_update()).max(self.listening);
        sleep_until(silent_since + self.keepalive + self.keepalive / 4).await;
        self.is_suspect = !self.heard.has_changed().unwrap_or(false);
        self.is_suspect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPALIVE: Duration = Duration::from_secs(40);

    #[tokio::test(start_paused = true)]
    async fn silence_for_a_quarter_longer_than_promised_is_suspect_until_something_is_heard() {
        let (hear, heard) = watch::channel(Instant::now());
        let mut suspicion = Suspicion::new(heard, KEEPALIVE);
        let start = Instant::now();
        assert!(suspicion.rises().await);
        assert_eq!(start.elapsed(), Duration::from_secs(50));
        assert!(!suspicion.is_refuted());
        hear.send_replace(Instant::now());
        assert!(!suspicion.rises().await);
        assert!(suspicion.is_refuted());
        assert!(!suspicion.is_refuted(), "it is reported once");
    }

    #[tokio::test(start_paused = true)]
    async fn time_without_reading_is_no_silence() {
        let (_hear, heard) = watch::channel(Instant::now());
        let mut suspicion = Suspicion::new(heard, KEEPALIVE);
        tokio::time::sleep(KEEPALIVE).await;
        suspicion.listen_again();
        let start = Instant::now();
        assert!(suspicion.rises().await);
        assert_eq!(start.elapsed(), Duration::from_secs(50));
    }

    #[tokio::test(start_paused = true)]
    async fn peer_that_promised_nothing_is_never_suspect() {
        let (_hear, heard) = watch::channel(Instant::now());
        let mut suspicion = Suspicion::new(heard, Duration::ZERO);
        assert!(tokio::time::timeout(Duration::from_secs(3600), suspicion.rises()).await.is_err());
    }
}

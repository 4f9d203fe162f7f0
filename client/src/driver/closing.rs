//! The end of a client: when it is wanted, and how long the last messages may take.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How long what was sent before a close may take to be confirmed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether a client should close, over all its sessions.
pub(super) struct Closing {
    /// Becomes true, or is dropped, when the client should close.
    wish: watch::Receiver<bool>,
    /// When a close that has begun gives up.
    deadline: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum CloseStep {
    /// Send what waits, then close.
    Begin,
    /// Close now, whatever waits.
    GiveUp,
}

impl Closing {
    pub(super) fn new(wish: watch::Receiver<bool>) -> Closing {
        Closing { wish, deadline: None }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.deadline.is_some()
    }

    /// Waits until the program closes the client, or has dropped every part of it. Cancel-safe.
    pub(super) async fn wanted(&mut self) {
        let _ = self.wish.wait_for(|&wish| wish).await; // an error means that every part was dropped
    }

    /// Waits for the next step, and takes it. Cancel-safe.
    pub(super) async fn next(&mut self) -> CloseStep {
        if let Some(deadline) = self.deadline {
            sleep_until(deadline).await;
            return CloseStep::GiveUp;
        }
        self.wanted().await;
        self.deadline = Some(Instant::now() + CLOSE_TIMEOUT);
        CloseStep::Begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn close_begins_when_it_is_wanted_and_gives_up_after_10_s() {
        let (wish, wanted) = watch::channel(false);
        let mut closing = Closing::new(wanted);
        assert!(tokio::time::timeout(Duration::from_secs(60), closing.next()).await.is_err());
        assert!(!closing.has_begun());
        wish.send_replace(true);
        assert_eq!(closing.next().await, CloseStep::Begin);
        assert!(closing.has_begun());
        let start = Instant::now();
        assert_eq!((closing.next().await, start.elapsed()), (CloseStep::GiveUp, CLOSE_TIMEOUT));
    }

    #[tokio::test]
    async fn client_that_nobody_holds_closes() {
        let (wish, wanted) = watch::channel(false);
        drop(wish);
        assert_eq!(Closing::new(wanted).next().await, CloseStep::Begin);
    }
}

//! Reports events to a receiver, which must not hold up the streams.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;

use super::event::Event;

/// How long the streams wait for a receiver that accepts nothing, before it loses events.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The sending end. A receiver that is only slow loses nothing.
pub(super) struct Reporter {
    events: mpsc::Sender<Event>,
    /// How many events were lost since the receiver has stalled; 0 if it has not.
    lost: Cell<u64>,
}

impl Reporter {
    pub(super) fn new(events: mpsc::Sender<Event>) -> Reporter {
        Reporter { events, lost: Cell::new(0) }
    }

    pub(super) async fn report(&self, event: Event) {
        if self.lost.get() > 0 {
            match self.events.try_reserve() {
                Ok(permit) => permit.send(self.take_loss()),
                Err(_) => return self.lose(),
            }
        }
        // The relay works without a receiver, too.
        if let Err(SendTimeoutError::Timeout(_)) = self.events.send_timeout(event, TIMEOUT).await {
            self.lose();
        }
    }

    /// Reports what was lost last.
    pub(super) async fn finish(self) {
        if self.lost.get() > 0 {
            let _ = self.events.send_timeout(self.take_loss(), TIMEOUT).await; // nobody may read that either
        }
    }

    fn lose(&self) {
        self.lost.set(self.lost.get() + 1);
    }

    fn take_loss(&self) -> Event {
        Event::Remark(format!("nobody read the reports: {} of them were lost", self.lost.take()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remark(text: &str) -> Event {
        Event::Remark(text.into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_receiver_holds_up_one_event_and_learns_later_what_it_lost() {
        let (events, mut receiver) = mpsc::channel(2);
        let reporter = Reporter::new(events);
        let start = tokio::time::Instant::now();
        for number in 0..1000 {
            reporter.report(remark(&number.to_string())).await;
        }
        assert_eq!(start.elapsed(), TIMEOUT);
        for text in ["0", "1"] {
            assert!(matches!(receiver.recv().await, Some(Event::Remark(had)) if had == text));
        }
        reporter.report(remark("after")).await;
        for text in ["nobody read the reports: 998 of them were lost", "after"] {
            assert!(matches!(receiver.recv().await, Some(Event::Remark(had)) if had == text));
        }
        reporter.finish().await;
        assert!(receiver.recv().await.is_none());
    }
}

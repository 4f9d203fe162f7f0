//! Keeps the bans beyond the process: the program that writes them to a file learns of each change, and reports what was written.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::{Ban, Bans};

/// The longest time that an operator waits until a change is written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// The changes of the list, and what has been written.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The number of the last change.
    changes: watch::Sender<u64>,
    /// `None` if nobody keeps the bans.
    written: watch::Sender<Option<Written>>,
}

/// The last change that was written, or could not be.
#[derive(Clone, Copy, Debug)]
struct Written {
    change: u64,
    succeeded: bool,
}

/// Keeps the bans of a hub beyond its process: [`Hub::keep_bans`](crate::Hub::keep_bans) makes it.
pub struct BanKeeper {
    bans: Arc<Bans>,
    changes: watch::Receiver<u64>,
    /// The last change that [`next`](BanKeeper::next) has returned.
    last: u64,
}

impl Kept {
    pub(super) fn changed(&self) {
        self.changes.send_modify(|change| *change += 1);
    }

    /// Waits until the changes so far have been written. False if they have not: nobody keeps the bans, or the file
    /// cannot be written.
    pub(crate) async fn written(&self) -> bool {
        let change = *self.changes.borrow();
        let mut written = self.written.subscribe();
        let reached = written.wait_for(|written| written.is_none_or(|written| written.change >= change));
        match timeout(WRITE_TIMEOUT, reached).await {
            Ok(Ok(written)) => written.is_some_and(|written| written.succeeded),
            _ => false,
        }
    }

    /// Has the last change been written?
    pub(crate) fn is_written(&self) -> bool {
        self.written.borrow().is_some_and(|written| written.succeeded)
    }
}

impl BanKeeper {
    /// The keeper of these bans, to which the earlier ones are added.
    pub(crate) fn new(bans: Arc<Bans>, earlier: Vec<Ban>) -> BanKeeper {
        bans.restore(earlier);
        let changes = bans.kept.changes.subscribe();
        let last = *changes.borrow();
        bans.kept.written.send_replace(Some(Written { change: last, succeeded: true }));
        BanKeeper { bans, changes, last }
    }

    /// Waits for the next change, and returns all bans. Several changes may be one. Cancel-safe.
    pub async fn next(&mut self) -> Vec<Ban> {
        let _ = self.changes.changed().await; // the sender lives as long as the bans
        self.last = *self.changes.borrow_and_update();
        self.bans.all()
    }

    /// All bans now.
    #[must_use]
    pub fn bans(&self) -> Vec<Ban> {
        self.bans.all()
    }

    /// Reports whether the bans of the last change were written.
    pub fn set_written(&self, succeeded: bool) {
        self.bans.kept.written.send_replace(Some(Written { change: self.last, succeeded }));
    }
}

impl fmt::Debug for BanKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BanKeeper").finish_non_exhaustive()
    }
}

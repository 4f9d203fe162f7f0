//! Several ways to a hub, one after another.

use futures_core::future::BoxFuture;

use super::{Dial, Dialled, Dialler};
use crate::error::ConnectError;
use crate::step::ConnectStep;
use crate::target::Target;
use crate::targets::Targets;

/// Connects to one of several hosts: each time to the next, and after the last to the first again.
///
/// An attempt of a [`Client`](crate::Client) tries each host once, in order, until a session is open; only when all have
/// failed does the client pause or end. After a lost session it continues with the host after the one that was lost, so
/// that no host is preferred. The hosts should be doors to the same hub: room, members and numbers of messages belong to
/// one hub.
///
/// ```
/// use bookend_client::{Dialler, Diallers, Hello, Options, Targets};
/// use std::time::Duration;
///
/// let targets: Targets = "tls://a.example,b.example".parse()?;
/// let options = Options::new(Diallers::from(targets), Hello::new()).with_timeout(Some(Duration::from_secs(20)));
/// // Each with a proxy or certificates of its own:
/// let diallers = Diallers::new(Dialler::new("a.example".parse()?)).or(Dialler::new("b.example".parse()?));
/// # Ok::<(), bookend_client::AddressError>(())
/// ```
pub struct Diallers {
    all: Vec<Box<dyn Dial>>,
    current: usize,
    has_dialled: bool,
}

impl Diallers {
    /// Connects by `first`.
    #[must_use]
    pub fn new(first: impl Dial) -> Diallers {
        Diallers { all: vec![Box::new(first)], current: 0, has_dialled: false }
    }

    /// Connects by `next` after the others.
    #[must_use]
    pub fn or(mut self, next: impl Dial) -> Diallers {
        self.all.push(Box::new(next));
        self
    }
}

impl From<Targets> for Diallers {
    fn from(targets: Targets) -> Diallers {
        let mut all = targets.iter().map(|target| Dialler::new(target.clone()));
        let first = Diallers::new(all.next().expect("there is at least one"));
        all.fold(first, Diallers::or)
    }
}

impl Dial for Diallers {
    fn dial<'a>(
        &'a mut self,
        report: &'a mut (dyn FnMut(ConnectStep) + Send),
    ) -> BoxFuture<'a, Result<Dialled, ConnectError>> {
        if std::mem::replace(&mut self.has_dialled, true) {
            self.current = (self.current + 1) % self.all.len();
        }
        self.all[self.current].dial(report)
    }

    /// The one that was connected to last, or the first.
    fn target(&self) -> &Target {
        self.all[self.current].target()
    }

    fn target_count(&self) -> usize {
        self.all.len()
    }
}

impl std::fmt::Debug for Diallers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all.iter().map(|dial| dial.target())).finish()
    }
}

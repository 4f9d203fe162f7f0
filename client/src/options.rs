//! How a client connects, reconnects and sends.

use std::fmt;
use std::time::Duration;

use bookend::Hello;

use crate::dial::Dial;
use crate::retry::Backoff;

/// What a client is to do.
pub struct Options {
    pub(crate) dialler: Box<dyn Dial>,
    pub(crate) hello: Hello,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) patience: Option<Duration>,
    pub(crate) is_patient: bool,
    pub(crate) resends: bool,
}

impl Options {
    /// Reaches the hub by `dialler`, says `hello`, and connects again by the default [`Backoff`]. From the second
    /// session on the HELLO asks to resume behind the last message that came. A member of a room wants
    /// [`Hello::with_hub`]: without it there are no names, numbers and gaps.
    #[must_use]
    pub fn new(dialler: impl Dial, hello: Hello) -> Options {
        let backoff = Some(Backoff::default());
        Options { dialler: Box::new(dialler), hello, backoff, patience: None, is_patient: false, resends: false }
    }

    /// When to connect again; `None` for never.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Option<Backoff>) -> Options {
        self.backoff = backoff;
        self
    }

    /// How long an attempt may take in all, from the name to the WELCOME; by default the [`Dialler`](crate::Dialler)'s
    /// patience with each step, and the protocol's.
    #[must_use]
    pub fn with_timeout(mut self, patience: Option<Duration>) -> Options {
        self.patience = patience;
        self
    }

    /// Connect again even if there has been no session yet? By default a first attempt that fails is the end: most
    /// often the address is wrong.
    #[must_use]
    pub fn with_patience_at_first(mut self, is_patient: bool) -> Options {
        self.is_patient = is_patient;
        self
    }

    /// Send again, in the next session, what was written and not confirmed when a session ended? It arrives at least
    /// once then, and may arrive twice; by default it arrives at most once, and [`SendError::Unconfirmed`] tells of it.
    #[must_use]
    pub fn with_resend(mut self, resends: bool) -> Options {
        self.resends = resends;
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { dialler, backoff, patience, is_patient, resends, .. } = self;
        f.debug_struct("Options")
            .field("place", dialler.place())
            .field("backoff", backoff)
            .field("patience", patience)
            .field("is_patient", is_patient)
            .field("resends", resends)
            .finish_non_exhaustive()
    }
}

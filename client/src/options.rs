//! How a client connects, reconnects and sends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bookend::Hello;

use crate::dial::Dial;
use crate::metrics::Metrics;
use crate::retry::Backoff;

/// How a [`Client`](crate::Client) connects, reconnects and sends.
///
/// ```
/// use std::time::Duration;
/// use bookend_client::{Backoff, Dialler, Hello, Options};
///
/// let dialler = Dialler::new("tls://hub.example".parse()?);
/// let options = Options::new(dialler, Hello::new().with_hub(true).with_name("ann")?)
///     .with_backoff(Some(Backoff::new().with_longest(Duration::from_secs(5))))
///     .with_retry_on_initial_connect(true)
///     .with_timeout(Some(Duration::from_secs(20)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Options {
    pub(crate) dialler: Box<dyn Dial>,
    pub(crate) hello: Hello,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries_initial: bool,
    pub(crate) wait: Option<Duration>,
    pub(crate) resends: bool,
    pub(crate) metrics: Arc<dyn Metrics>,
}

impl Options {
    /// Connects by `dialler`, sends `hello`, and reconnects by the default [`Backoff`]. From the second session on, the
    /// HELLO asks to resume after the last message that arrived. A member of a room needs [`Hello::with_hub`]: without
    /// it there are no names, numbers and gaps.
    #[must_use]
    pub fn new(dialler: impl Dial, hello: Hello) -> Options {
        let backoff = Some(Backoff::default());
        Options {
            dialler: Box::new(dialler),
            hello,
            backoff,
            timeout: None,
            retries_initial: false,
            wait: None,
            resends: false,
            metrics: Arc::new(()),
        }
    }

    /// When to reconnect; `None` for never.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Option<Backoff>) -> Options {
        self.backoff = backoff;
        self
    }

    /// How long an attempt may take in all, from the name to the WELCOME. With several hosts
    /// ([`Diallers`](crate::Diallers)), each may take its share of what is left, so that the last has its turn too. By default only the
    /// [`Timeouts`](crate::Timeouts) of the [`Dialler`](crate::Dialler) and those of the protocol apply.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Option<Duration>) -> Options {
        self.timeout = timeout;
        self
    }

    /// Whether to retry before there has been any session. By default the client ends when its first attempt fails:
    /// most often the address is wrong.
    #[must_use]
    pub fn with_retry_on_initial_connect(mut self, retries: bool) -> Options {
        self.retries_initial = retries;
        self
    }

    /// How long to wait until a hub is there: before the first session, attempts that fail with a fault that may pass
    /// are repeated about every second for this time, even without a [`Backoff`]. An attempt that has begun in time may
    /// end later. By default only [`with_retry_on_initial_connect`](Options::with_retry_on_initial_connect) applies.
    #[must_use]
    pub fn with_wait(mut self, wait: Option<Duration>) -> Options {
        self.wait = wait;
        self
    }

    /// Whether to send again, in the next session, each message that was written and not confirmed when a session
    /// ended. Such a message arrives at least once, perhaps twice. By default it arrives at most once, and
    /// [`SendError::Unconfirmed`](crate::SendError::Unconfirmed) reports it.
    #[must_use]
    pub fn with_resend(mut self, resends: bool) -> Options {
        self.resends = resends;
        self
    }

    /// Reports to `metrics` what the client does.
    #[must_use]
    pub fn with_metrics(mut self, metrics: impl Metrics) -> Options {
        self.metrics = Arc::new(metrics);
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { dialler, backoff, timeout, retries_initial, wait, resends, .. } = self;
        f.debug_struct("Options")
            .field("target", dialler.target())
            .field("backoff", backoff)
            .field("timeout", timeout)
            .field("retries_initial", retries_initial)
            .field("wait", wait)
            .field("resends", resends)
            .finish_non_exhaustive()
    }
}

//! What a client counts, for a program that exports metrics.

use std::sync::Arc;
use std::time::Duration;

/// Receives what a [`Client`](crate::Client) counts, as it happens; see [`Options::with_metrics`].
///
/// The methods are called by the client's task and must return soon. Each does nothing unless it is implemented, so that
/// later versions can add some. For the crate `metrics`, a body is such as
/// `metrics::counter!("bookend_failures", "name" => name).increment(1)`; with `prometheus`, a field is a counter.
///
/// ```
/// use bookend_client::{Dialler, Hello, Metrics, Options};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use std::time::Duration;
///
/// #[derive(Default)]
/// struct Counters {
///     sessions: AtomicU64,
///     failures: AtomicU64,
///     received: AtomicU64,
/// }
///
/// impl Metrics for Counters {
///     fn connected(&self, session: u64, took: Duration) {
///         self.sessions.fetch_add(1, Relaxed);
///         println!("session {session} after {took:?}");
///     }
///
///     fn failed(&self, name: &'static str) {
///         self.failures.fetch_add(1, Relaxed);
///         println!("{name}");
///     }
///
///     fn message_received(&self, _bytes: usize) {
///         self.received.fetch_add(1, Relaxed);
///     }
/// }
///
/// let counters = Arc::new(Counters::default());
/// let dialler = Dialler::new("localhost:3990".parse()?);
/// let options = Options::new(dialler, Hello::new()).with_metrics(Arc::clone(&counters));
/// # Ok::<(), bookend_client::AddressError>(())
/// ```
///
/// [`Options::with_metrics`]: crate::Options::with_metrics
#[expect(unused_variables, reason = "the names document the arguments")]
pub trait Metrics: Send + Sync + 'static {
    /// A session is open. `session` counts from 1; a later one is a reconnection. `took` is the time since the client
    /// started, or since it lost the last session, with all pauses and failed attempts.
    fn connected(&self, session: u64, took: Duration) {}

    /// A host could not be joined, or a session ended by a fault: its name, as
    /// [`ConnectError::name`](crate::ConnectError::name) returns it. With several hosts, each counts.
    fn failed(&self, name: &'static str) {}

    /// A message was reported as an event; its body has this many bytes.
    fn message_received(&self, bytes: usize) {}

    /// A message or a request was given to a session; its content has this many bytes. A message counts again if it
    /// is given to the next session.
    fn message_sent(&self, bytes: usize) {}

    /// It is known what became of a message: `None` if the other side has acted on it, or the name of the
    /// [`SendError`](crate::SendError).
    fn message_settled(&self, failure: Option<&'static str>) {}

    /// This many bytes were read from the stream: frames, keepalive and all, before TLS encrypts them.
    fn bytes_read(&self, count: usize) {}

    /// This many bytes were written to the stream.
    fn bytes_written(&self, count: usize) {}
}

/// Counts nothing.
impl Metrics for () {}

impl<M: Metrics + ?Sized> Metrics for Arc<M> {
    fn connected(&self, session: u64, took: Duration) {
        (**self).connected(session, took);
    }

    fn failed(&self, name: &'static str) {
        (**self).failed(name);
    }

    fn message_received(&self, bytes: usize) {
        (**self).message_received(bytes);
    }

    fn message_sent(&self, bytes: usize) {
        (**self).message_sent(bytes);
    }

    fn message_settled(&self, failure: Option<&'static str>) {
        (**self).message_settled(failure);
    }

    fn bytes_read(&self, count: usize) {
        (**self).bytes_read(count);
    }

    fn bytes_written(&self, count: usize) {
        (**self).bytes_written(count);
    }
}

//! What a session allows the peer.

use core::time::Duration;

/// What a session allows the peer, in time and in number; the defaults are those of the specification.
///
/// ```
/// use bookend::Limits;
/// use std::time::Duration;
/// let limits = Limits::new().with_hello_timeout(Duration::from_secs(2)).with_pings(3, Duration::from_secs(10));
/// assert_eq!(limits.close_timeout, Duration::from_secs(2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// HELLO within this: 5 s (R7.10).
    pub hello_timeout: Duration,
    /// A header within this of its first byte (R7.11), and the constant part of a body's time (R7.12): 5 s.
    pub header_timeout: Duration,
    /// The slowest body, in bytes a second: 1024 (R7.12). 0 counts as 1.
    pub body_rate: u32,
    /// The stream must take a byte of what waits to be written within this, 10 s, and all of it within this plus a
    /// second for each [`body_rate`](Limits::body_rate) bytes; otherwise a connection ends the session with
    /// [`Fault::SlowConsumer`](crate::Fault::SlowConsumer). A [`Session`](crate::Session) alone writes nothing, and does
    /// not judge it.
    ///
    /// Linux reports that a TCP stream takes bytes again only when a third of its buffer, which may hold megabytes, is
    /// free: a peer that reads 100 kB/s then seems to take nothing for longer than this. Set `TCP_NOTSENT_LOWAT` to
    /// some kilobytes on a stream that you open yourself; the hub and the crate `bookend-client` do.
    pub write_timeout: Duration,
    /// How long to drain after CLOSE: 2 s (R7.6).
    pub close_timeout: Duration,
    /// How much to drain after CLOSE, in bytes: 65,536 (R7.6).
    pub drain: usize,
    /// How long after a fault of the framing to wait for more of the peer's bytes before CLOSE: they show the mistake,
    /// however the stream was cut. 0 by default: CLOSE follows at once. Each read extends the wait, up to eight times it.
    pub evidence_timeout: Duration,
    /// PINGs in [`ping_window`](Limits::ping_window) without other frames: 10 (R8.3).
    pub pings: u32,
    /// The window of [`pings`](Limits::pings): 10 s.
    pub ping_window: Duration,
    /// Frames of length 0 in a second: 1000 (R8.4).
    pub empty_frames: u32,
}

impl Limits {
    /// Those of the specification.
    #[must_use]
    pub fn new() -> Limits {
        Limits {
            hello_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(5),
            body_rate: 1024,
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            drain: 64 << 10,
            evidence_timeout: Duration::ZERO,
            pings: 10,
            ping_window: Duration::from_secs(10),
            empty_frames: 1000,
        }
    }

    /// Sets [`hello_timeout`](Limits::hello_timeout).
    #[must_use]
    pub fn with_hello_timeout(mut self, hello_timeout: Duration) -> Limits {
        self.hello_timeout = hello_timeout;
        self
    }

    /// Sets [`header_timeout`](Limits::header_timeout).
    #[must_use]
    pub fn with_header_timeout(mut self, header_timeout: Duration) -> Limits {
        self.header_timeout = header_timeout;
        self
    }

    /// Sets [`body_rate`](Limits::body_rate).
    #[must_use]
    pub fn with_body_rate(mut self, body_rate: u32) -> Limits {
        self.body_rate = body_rate;
        self
    }

    /// Sets [`write_timeout`](Limits::write_timeout).
    #[must_use]
    pub fn with_write_timeout(mut self, write_timeout: Duration) -> Limits {
        self.write_timeout = write_timeout;
        self
    }

    /// Sets [`close_timeout`](Limits::close_timeout).
    #[must_use]
    pub fn with_close_timeout(mut self, close_timeout: Duration) -> Limits {
        self.close_timeout = close_timeout;
        self
    }

    /// Sets [`drain`](Limits::drain).
    #[must_use]
    pub fn with_drain(mut self, drain: usize) -> Limits {
        self.drain = drain;
        self
    }

    /// Sets [`evidence_timeout`](Limits::evidence_timeout).
    #[must_use]
    pub fn with_evidence_timeout(mut self, evidence_timeout: Duration) -> Limits {
        self.evidence_timeout = evidence_timeout;
        self
    }

    /// Sets [`pings`](Limits::pings) and their [`window`](Limits::ping_window).
    #[must_use]
    pub fn with_pings(mut self, pings: u32, window: Duration) -> Limits {
        (self.pings, self.ping_window) = (pings, window);
        self
    }

    /// Sets [`empty_frames`](Limits::empty_frames), in a second.
    #[must_use]
    pub fn with_empty_frames(mut self, empty_frames: u32) -> Limits {
        self.empty_frames = empty_frames;
        self
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::new()
    }
}

//! Which faults pass by themselves, and how long to wait before the next attempt.

use std::time::Duration;

use bookend::{Code, ConnectionError, Fault};

use crate::error::{ConnectError, JoinError};
#[cfg(feature = "proxy")]
use crate::proxy::ProxyError;

/// When to connect again, after a fault that may pass.
///
/// The first pause is a random time between half of `first` and all of it, so that clients which lost a hub at the same
/// moment do not return at the same moment. Each further pause is twice as long, up to `longest`. After a session that
/// lasted for `longest` or more, the pauses start again with `first`.
///
/// ```
/// use std::time::Duration;
/// use bookend_client::Backoff;
///
/// let backoff = Backoff::new().with_longest(Duration::from_secs(10)).with_attempts(Some(5));
/// ```
///
/// Before the first session, an attempt is repeated
/// ([`Options::with_retry_on_initial_connect`](crate::Options::with_retry_on_initial_connect),
/// [`Options::with_wait`](crate::Options::with_wait)) only after a fault that may pass by itself:
///
/// | fault | may it pass? |
/// |---|---|
/// | the name is not found, no route, refused, timed out, reset | yes |
/// | the proxy cannot be reached, or cannot reach the hub | yes |
/// | the proxy requires other credentials, or is not a proxy | no |
/// | TLS was cut off or timed out | yes |
/// | a certificate is not trusted, the peer does not speak TLS, a TLS alert | no |
/// | the stream ended without CLOSE, or inside a frame; silence (`idle`), `hello-timeout`, `frame-timeout` | yes |
/// | CLOSE `going-away`, `internal`, `try-later`, `hello-timeout`, `idle`, `frame-timeout`, `slow-consumer` | yes |
/// | CLOSE `normal`: the hub is done with this client | no |
/// | CLOSE `policy` (a bad token, banned, kicked), `version`, `rate`, or a code for a broken rule | no |
/// | CLOSE with any other code: an application's own (3000..3999), or unknown | no |
/// | the other side breaks a rule, or does not speak Bookend | no |
///
/// Once there has been a session, the address, the token and the certificate were right, and whatever is wrong later may
/// be put right at the hub: a certificate that has expired, a proxy that is being restarted, another server on the port.
/// The client then reconnects after every fault but a refusal on purpose: CLOSE `policy`, `normal`, or with an
/// application's own code.
///
/// With several hosts, an attempt that failed is followed by another if that holds for one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The first pause: half a second by default.
    pub first: Duration,
    /// The longest pause: 30 s by default.
    pub longest: Duration,
    /// How many attempts in a row may fail before the client ends; a session shorter than `longest` counts as failed.
    /// Unlimited by default.
    pub attempts: Option<u32>,
}

/// When to try again while a client waits for its first hub.
pub(crate) const WAITING: Backoff =
    Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(1), attempts: None };

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::new()
    }
}

impl Backoff {
    /// The defaults.
    #[must_use]
    pub fn new() -> Backoff {
        Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(30), attempts: None }
    }

    /// Sets [`first`](Backoff::first).
    #[must_use]
    pub fn with_first(mut self, first: Duration) -> Backoff {
        self.first = first;
        self
    }

    /// Sets [`longest`](Backoff::longest).
    #[must_use]
    pub fn with_longest(mut self, longest: Duration) -> Backoff {
        self.longest = longest;
        self
    }

    /// Sets [`attempts`](Backoff::attempts).
    #[must_use]
    pub fn with_attempts(mut self, attempts: Option<u32>) -> Backoff {
        self.attempts = attempts;
        self
    }

    /// The pause after `failed` earlier failures; `None` if they are too many.
    pub(crate) fn pause(&self, failed: u32) -> Option<Duration> {
        if self.attempts.is_some_and(|attempts| failed >= attempts) {
            return None;
        }
        let whole = self.first.saturating_mul(1 << failed.min(30)).min(self.longest);
        Some(whole.mul_f64(0.5 + fastrand::f64() / 2.0))
    }
}

/// Whether a later attempt can succeed without a change by somebody.
pub(crate) fn may_pass(error: &ConnectError) -> bool {
    match error {
        ConnectError::System { .. }
        | ConnectError::Resolve { .. }
        | ConnectError::Tcp { .. }
        | ConnectError::Unix { .. }
        | ConnectError::TimedOut { .. } => true,
        #[cfg(feature = "proxy")]
        ConnectError::Proxy { error, .. } => {
            !matches!(error, ProxyError::NotAProxy(_) | ProxyError::Credentials(_) | ProxyError::Method(_))
        }
        ConnectError::Tls { error, .. } => !error.is_lasting(),
        ConnectError::All { errors } => errors.iter().any(may_pass),
        ConnectError::Join { error, .. } => match error {
            JoinError::Hello(error) | JoinError::Session(error) => may_pass_in_session(error),
            JoinError::Left | JoinError::NoWelcome { .. } => false,
        },
    }
}

fn may_pass_in_session(error: &ConnectionError) -> bool {
    match error {
        ConnectionError::Io(_) | ConnectionError::Timeout => true,
        // A recognised mistake will recur.
        ConnectionError::Fault { diagnosis: Some(diagnosis), .. } if diagnosis.first().is_some() => false,
        ConnectionError::Fault { fault, .. } => matches!(
            fault,
            Fault::NoClose
                | Fault::Truncated { .. }
                | Fault::Idle { .. }
                | Fault::SlowConsumer
                | Fault::HelloTimeout
                | Fault::FrameTimeout { .. }
        ),
        ConnectionError::Closed { code, .. } => matches!(
            *code,
            Code::GOING_AWAY
                | Code::INTERNAL
                | Code::TRY_LATER
                | Code::HELLO_TIMEOUT
                | Code::IDLE
                | Code::FRAME_TIMEOUT
                | Code::SLOW_CONSUMER
        ),
        _ => false,
    }
}

/// Whether a client that once had a session tries again: after everything but a refusal on purpose.
pub(crate) fn may_pass_later(error: &ConnectError) -> bool {
    match error {
        ConnectError::All { errors } => errors.iter().any(may_pass_later),
        ConnectError::Join { error: JoinError::Left, .. } => false,
        ConnectError::Join { error: JoinError::Hello(error) | JoinError::Session(error), .. } => match **error {
            ConnectionError::Closed { code, .. } => !is_on_purpose(code),
            _ => true,
        },
        _ => true,
    }
}

/// Whether the other side closes because it does not want this client, as opposed to a fault.
fn is_on_purpose(code: Code) -> bool {
    matches!(code, Code::NORMAL | Code::POLICY) || (3000..4000).contains(&code.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_vary() {
        let backoff = Backoff { attempts: Some(100), ..Backoff::default() };
        for (failed, whole) in [(0, 500), (1, 1000), (5, 16_000), (6, 30_000), (99, 30_000)] {
            let whole = Duration::from_millis(whole);
            for _ in 0..20 {
                let pause = backoff.pause(failed).unwrap();
                assert!(pause >= whole / 2 && pause <= whole, "{failed}: {pause:?}");
            }
        }
        assert_eq!(backoff.pause(100), None);
    }

    #[test]
    fn codes_that_may_pass_are_retried_and_others_are_not() {
        let closed = |code| may_pass_in_session(&ConnectionError::Closed { code, reason: String::new() });
        for code in [Code::GOING_AWAY, Code::TRY_LATER, Code::INTERNAL, Code::SLOW_CONSUMER, Code::IDLE] {
            assert!(closed(code), "{code}");
        }
        for code in [Code::POLICY, Code::VERSION, Code::PROTOCOL_ERROR, Code::RATE, Code::BAD_END, Code(3000), Code(9)]
        {
            assert!(!closed(code), "{code}");
        }
        assert!(may_pass_in_session(&Fault::NoClose.into()));
        assert!(!may_pass_in_session(&Fault::SecondHello.into()));
    }
}

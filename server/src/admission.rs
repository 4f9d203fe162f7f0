//! Admission: limits on new connections, on those that have not identified themselves, and on connections of one source or
//! token.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bookend::Code;
use tokio::time::Instant;

use crate::bans;
use crate::config::Config;
use crate::counters::Transport;
use crate::lock::lock;
use crate::places::{Loss, Place, Places};
use crate::quota::{Full, Quota, Share};
use crate::source::Source;
use crate::windowed::WindowedCounts;
use crate::wrong_tokens::{DelayedAnswer, WrongTokenLimits, WrongTokens};

/// The window in which new connections are counted.
const ARRIVALS_WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Admission {
    connections: Quota<Source>,
    by_token: Quota<Arc<str>>,
    /// One for each transport, so that the peers of one do not take the places of another.
    waiting: [Places; Transport::ALL.len()],
    arrivals: Mutex<WindowedCounts>,
    wrong_tokens: WrongTokens,
}

/// Why a connection is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// An operator has banned the address, for this reason.
    Banned(Arc<str>),
    /// The hub has as many connections as it may have.
    Connections,
    /// The source has as many connections as it may have.
    PerSource,
    /// Too many connections were made by this source in ten seconds.
    Arrivals,
    /// The token has as many connections as it may have.
    PerToken,
    /// A newer connection took its place before it had identified itself.
    GaveWay,
}

/// An admitted connection. It is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    _connection: Share<Source>,
    /// Until the peer has identified itself. Boxed, because that is a moment in the life of a connection.
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    place: Place,
    loss: Loss,
    is_active: bool,
}

/// A connection with a token. It is counted until this is dropped.
pub(crate) type TokenShare = Share<Arc<str>>;

impl Admission {
    /// Admits a connection to the places of those that have not identified themselves, or rejects it.
    pub(crate) fn admit(&self, source: Source, transport: Transport, config: &Config) -> Result<Entry, Rejection> {
        let connection = self.connect(source, config)?;
        if !self.arrive(source, config.arrivals_per_address) {
            return Err(Rejection::Arrivals);
        }
        let max_each = if source == Source::Unknown { usize::MAX } else { config.waiting_per_address };
        let (place, loss) = self.waiting[transport as usize].take(source, config.waiting, max_each);
        Ok(Entry { _connection: connection, waiting: Some(Box::new(Waiting { place, loss, is_active: false })) })
    }

    /// Counts a connection. No address and no local user has more than half of all, except an address of this machine, which
    /// may have three quarters: tunnels, proxies and load tests make thousands of connections from it.
    pub(crate) fn connect(&self, source: Source, config: &Config) -> Result<Share<Source>, Rejection> {
        let max = config.connections;
        let half = max.div_ceil(2);
        let max_each = match source {
            Source::Unknown => max,
            Source::User(_) => half,
            Source::Network(_) if source.is_local() => half + max / 4,
            Source::Network(_) => half.min(config.connections_per_address),
        };
        self.connections.take(source, max, max_each).map_err(|full| match full {
            Full::InAll => Rejection::Connections,
            Full::ForKey => Rejection::PerSource,
        })
    }

    /// Counts a new connection. False if `max` were made by the source in ten seconds. Connections from this machine are not
    /// counted.
    fn arrive(&self, source: Source, max: usize) -> bool {
        if source.is_local() {
            return true;
        }
        let (mut arrivals, now) = (lock(&self.arrivals), Instant::now());
        let admitted = arrivals.of(source, now) < max;
        if admitted {
            arrivals.add(source, ARRIVALS_WINDOW, now);
        }
        admitted
    }

    /// Counts a connection with the token of that name, unless there are `max`.
    pub(crate) fn connect_with_token(&self, name: &str, max: usize) -> Option<TokenShare> {
        self.by_token.take(name.into(), usize::MAX, max).ok()
    }

    /// Counts a wrong token. `None` if too many wait for their answers already.
    pub(crate) fn count_wrong_token(&self, source: Source, config: &Config) -> Option<DelayedAnswer> {
        let limits = WrongTokenLimits {
            delay: config.token_delay,
            max_delay: config.token_max_delay,
            window: config.token_window,
            max_delayed: config.wrong_tokens,
        };
        self.wrong_tokens.count(source, &limits)
    }
}

impl Entry {
    /// The peer has sent something that a program or a person sends first.
    pub(crate) fn set_active(&mut self) {
        if let Some(waiting) = &mut self.waiting
            && !std::mem::replace(&mut waiting.is_active, true)
        {
            waiting.place.set_active(true);
        }
    }

    /// The peer has identified itself, and no longer waits.
    pub(crate) fn set_identified(&mut self) {
        self.waiting = None;
    }

    /// Ready once, if a newer connection took the place of this one while it waits.
    pub(crate) fn poll_loss(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(waiting) = &mut self.waiting else { return Poll::Pending };
        let lost = waiting.loss.poll(cx);
        if lost.is_ready() {
            self.waiting = None;
        }
        lost
    }

    /// The output of a future, or `None` if a newer connection takes the place of this one before.
    #[cfg(feature = "tls")]
    pub(crate) async fn before_loss<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        match &mut self.waiting {
            Some(waiting) => waiting.loss.before(future).await,
            None => Some(future.await),
        }
    }
}

impl Rejection {
    pub(crate) fn code(&self) -> Code {
        match self {
            Rejection::Banned(_) => Code::POLICY,
            _ => Code::TRY_LATER,
        }
    }

    /// The name in the metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Rejection::Banned(_) => "banned",
            Rejection::Connections => "connections",
            Rejection::PerSource => "connections-per-address",
            Rejection::Arrivals => "arrivals",
            Rejection::PerToken => "connections-per-token",
            Rejection::GaveWay => "gave-way",
        }
    }

    /// The reason in words.
    pub(crate) fn reason(&self) -> Cow<'static, str> {
        let reason = match self {
            Rejection::Banned(reason) => return bans::notice(reason).into(),
            Rejection::Connections => "the hub has as many connections as it can hold",
            Rejection::PerSource => "too many connections from this address",
            Rejection::Arrivals => "too many connections in a short time from this address",
            Rejection::PerToken => "too many connections with this token",
            Rejection::GaveWay => "too many connections wait, and this one has not identified itself",
        };
        reason.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Source {
        Source::of(address.parse().unwrap())
    }

    #[test]
    fn no_source_has_all_connections() {
        let config = Config { connections: 10, connections_per_address: 4, ..Config::default() };
        for (source, most) in
            [(of("192.0.2.1"), 4), (of("127.0.0.1"), 7), (of("::1"), 7), (Source::User(7), 5), (Source::Unknown, 10)]
        {
            let admission = Admission::default();
            let held: Vec<_> = (0..20).map_while(|_| admission.connect(source, &config).ok()).collect();
            assert_eq!(held.len(), most, "{source:?}");
        }
        let admission = Admission::default();
        let config = Config { connections: 3, ..config };
        let _held =
            [of("192.0.2.1"), of("192.0.2.1"), of("192.0.2.2")].map(|source| admission.connect(source, &config));
        assert_eq!(admission.connect(of("192.0.2.1"), &config).unwrap_err(), Rejection::PerSource);
        assert_eq!(admission.connect(of("192.0.2.2"), &config).unwrap_err(), Rejection::Connections);
    }
}

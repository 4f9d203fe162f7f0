//! The peer that is examined: how to connect to it, what its HELLO offers, the time for it, and what it has sent so far.

use std::time::Duration;

use bookend::{Hello, kind};
use tokio::sync::{Mutex, MutexGuard, Semaphore};
use tokio::time::Instant;

use super::conduct::{Conduct, Watch};
use super::hello::PeerInfo;
use super::identity::Identity;
use super::raw_peer::{Missing, RawPeer};
use super::report::Finding;
use super::route::Route;
use super::side::Side;
use super::tokens::Tokens;

/// Connections at a time that exchange HELLOs.
const GREETING: usize = 3;

pub(super) struct Target {
    route: Route,
    info: PeerInfo,
    timeout: Duration,
    slow: bool,
    /// Checks may visit the hub's default room.
    visits: bool,
    /// Permits to greet a server: a hub admits few connections at a time that have not sent HELLO.
    greeting: Semaphore,
    /// Held while a check is in that room.
    default_room: Mutex<()>,
    /// When the examination ends: afterwards no check begins, and none waits.
    end: Instant,
    conduct: Conduct,
    identity: Identity,
}

impl Target {
    pub(super) fn new(
        route: Route,
        info: PeerInfo,
        timeout: Duration,
        slow: bool,
        end: Instant,
        identity: Identity,
    ) -> Target {
        Target {
            route,
            info,
            timeout,
            slow,
            visits: false,
            greeting: Semaphore::new(GREETING),
            default_room: Mutex::default(),
            end,
            conduct: Conduct::default(),
            identity,
        }
    }

    /// Checks may visit the hub's default room.
    pub(super) fn visiting(self) -> Target {
        Target { visits: true, ..self }
    }

    /// Waits until no other check is in the hub's default room.
    pub(super) async fn default_room(&self) -> MutexGuard<'_, ()> {
        self.default_room.lock().await
    }

    pub(super) fn may_visit(&self) -> bool {
        self.visits
    }

    /// What the peer's HELLO offers.
    pub(super) fn info(&self) -> &PeerInfo {
        &self.info
    }

    /// True if slow checks run, too.
    pub(super) fn slow(&self) -> bool {
        self.slow
    }

    /// What was observed of the peer's own frames.
    pub(super) fn conduct(&self) -> &Conduct {
        &self.conduct
    }

    pub(super) fn side(&self) -> Side {
        self.route.side()
    }

    /// True if a proxy stands between this side and the peer.
    pub(super) fn is_proxied(&self) -> bool {
        matches!(&self.route, Route::Dialler(dialler) if dialler.proxy().is_some())
    }

    /// True if only one check can have a connection at a time.
    pub(super) fn is_one_at_a_time(&self) -> bool {
        matches!(&self.route, Route::Accept(acceptor) if acceptor.is_shared())
    }

    /// True if the peer is a client that sends what people type and prints what they see.
    pub(super) fn is_chat(&self) -> bool {
        matches!(&self.route, Route::Accept(acceptor) if acceptor.is_chat())
    }

    /// The tokens of the examination.
    pub(super) fn tokens(&self) -> &Tokens {
        self.identity.tokens()
    }

    /// How long a check waits for an answer.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// True if the time for the examination is up.
    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.end
    }

    /// A HELLO of this side, for a new room.
    pub(super) fn hello(&self) -> Hello {
        self.identity.hello()
    }

    /// The first bytes that this side sent during a check, with the token masked.
    pub(super) fn sent_during(&self, check: &str) -> Vec<u8> {
        let mut sent = self.conduct.sent_during(check);
        for token in self.identity.tokens().all() {
            token.cover(&mut sent);
        }
        sent
    }

    /// A connection on which this side has sent nothing. A client has sent its HELLO.
    pub(super) async fn connect(&self, check: &'static str) -> Result<RawPeer<'_>, Finding> {
        let watch = Watch::new(&self.conduct, check, self.side());
        let connected = self.route.connect(self.end.min(Instant::now() + self.timeout)).await;
        let stream = connected.map_err(|error| Finding::skipped(format!("no connection: {error}")))?;
        let mut peer = RawPeer::new(stream, self.timeout, self.end, watch);
        if self.side() == Side::Client {
            wait_hello(&mut peer).await?;
        }
        Ok(peer)
    }

    /// A connection on which both HELLOs were exchanged.
    pub(super) async fn greet(&self, check: &'static str, hello: &Hello) -> Result<RawPeer<'_>, Finding> {
        let is_server = self.side() == Side::Server;
        let _permit = if is_server { self.greeting.acquire().await.ok() } else { None };
        let mut peer = self.connect(check).await?;
        peer.send_hello(hello).await;
        if is_server {
            wait_hello(&mut peer).await?;
        }
        Ok(peer)
    }
}

async fn wait_hello(peer: &mut RawPeer<'_>) -> Result<(), Finding> {
    let hello = peer.wait(|frame| (frame.kind == kind::HELLO).then_some(())).await;
    hello.map_err(|missing| Finding::skipped(format!("no HELLO arrived this time: {missing}")))
}

impl Missing {
    /// The finding of a check that expected something else.
    pub(super) fn finding(&self, expected: &str) -> Finding {
        match self {
            Missing::BadFrame(_) => Finding::skipped(format!("{self}: see sent-frames")),
            Missing::OutOfTime => Finding::skipped(self.to_string()),
            Missing::TimedOut(_) | Missing::End | Missing::Reset(_) | Missing::Closed { .. } => {
                Finding::fails(format!("expected {expected}, but {self}"))
            }
        }
    }
}

//! Who is examined: where it is, what it has said of itself, and what was noticed so far.

use std::time::Duration;

use bookend::{Hello, kind};
use tokio::time::Instant;

use super::conduct::{Conduct, Watch};
use super::guise::Guise;
use super::hello::Facts;
use super::report::Finding;
use super::side::Side;
use super::way::Way;
use super::wire::{Peer, Unmet};

pub(super) struct Subject {
    way: Way,
    facts: Facts,
    patience: Duration,
    slow: bool,
    /// When nothing more is begun, and nothing more waited for.
    end: Instant,
    conduct: Conduct,
    guise: Guise,
}

impl Subject {
    pub(super) fn new(way: Way, facts: Facts, patience: Duration, slow: bool, end: Instant, guise: Guise) -> Subject {
        Subject { way, facts, patience, slow, end, conduct: Conduct::default(), guise }
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn slow(&self) -> bool {
        self.slow
    }

    pub(super) fn conduct(&self) -> &Conduct {
        &self.conduct
    }

    pub(super) fn side(&self) -> Side {
        self.way.side()
    }

    /// Does a proxy stand between?
    pub(super) fn is_proxied(&self) -> bool {
        matches!(&self.way, Way::Through(dialler) if dialler.proxy().is_some())
    }

    /// Can a check not have a connection of its own while another one has?
    pub(super) fn is_one_at_a_time(&self) -> bool {
        matches!(&self.way, Way::Accept(acceptor) if acceptor.is_shared())
    }

    /// How long a check waits.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Is no time left?
    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.end
    }

    pub(super) fn hello(&self) -> Hello {
        self.guise.hello()
    }

    /// The first bytes that this side sent during a check, without the token.
    pub(super) fn sent_during(&self, check: &str) -> Vec<u8> {
        let mut sent = self.conduct.sent_during(check);
        if let Some(token) = self.guise.token() {
            token.cover(&mut sent);
        }
        sent
    }

    /// A connection on which this side has said nothing; a client has sent its HELLO.
    pub(super) async fn connect(&self, check: &'static str) -> Result<Peer<'_>, Finding> {
        let watch = Watch::new(&self.conduct, check, self.side());
        let reached = self.way.reach(self.end.min(Instant::now() + self.patience)).await;
        let reached = reached.map_err(|error| Finding::skipped(format!("no connection: {error}")))?;
        let mut peer = Peer::new(reached, self.patience, self.end, watch);
        if self.side() == Side::Client {
            hello_of(&mut peer).await?;
        }
        Ok(peer)
    }

    /// A connection on which HELLOs were exchanged.
    pub(super) async fn greet(&self, check: &'static str, hello: &Hello) -> Result<Peer<'_>, Finding> {
        let mut peer = self.connect(check).await?;
        peer.send_hello(hello).await;
        if self.side() == Side::Server {
            hello_of(&mut peer).await?;
        }
        Ok(peer)
    }
}

async fn hello_of(peer: &mut Peer<'_>) -> Result<(), Finding> {
    let came = peer.wait(|frame| (frame.kind == kind::HELLO).then_some(())).await;
    came.map_err(|unmet| Finding::skipped(format!("no HELLO came this time: {unmet}")))
}

impl Unmet {
    /// What it means for a check to which `due` was due.
    pub(super) fn finding(&self, due: &str) -> Finding {
        match self {
            Unmet::Unsound(_) => Finding::skipped(format!("{self}: see sent-frames")),
            Unmet::Late => Finding::skipped(self.to_string()),
            Unmet::Silence(_) | Unmet::End | Unmet::Reset(_) | Unmet::Closed { .. } => {
                Finding::fails(format!("{due} is due, but {self}"))
            }
        }
    }
}

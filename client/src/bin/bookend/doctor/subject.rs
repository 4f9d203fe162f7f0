//! Who is examined: where it is, what it has said of itself, and what was noticed so far.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bookend::{Encoding, Encodings, Hello, kind};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::acceptor::{Acceptor, Started};
use super::conduct::{Conduct, Watch};
use super::hello::Facts;
use super::report::Finding;
use super::wire::{Peer, Unmet};

/// The name that this side goes by.
const NAME: &str = "doctor";
const SOFTWARE: &str = concat!("bookend doctor ", env!("CARGO_PKG_VERSION"));

/// What a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A connection to a peer.
pub(super) struct Reached {
    pub(super) stream: TcpStream,
    pub(super) side: Side,
    /// The peer, if it was started for this connection.
    pub(super) process: Option<Started>,
}

/// How connections to a peer come about.
pub(super) enum Way {
    /// It is a server.
    Dial(SocketAddr),
    /// It is a client.
    Accept(Acceptor),
}

impl Way {
    pub(super) fn side(&self) -> Side {
        match self {
            Way::Dial(_) => Side::Server,
            Way::Accept(_) => Side::Client,
        }
    }

    /// A new connection.
    pub(super) async fn reach(&self, deadline: Instant) -> io::Result<Reached> {
        match self {
            Way::Dial(address) => {
                let connecting = TcpStream::connect(*address);
                let stream = timeout_at(deadline, connecting).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
                Ok(Reached { stream, side: Side::Server, process: None })
            }
            Way::Accept(acceptor) => acceptor.accept(deadline).await,
        }
    }
}

pub(super) struct Subject {
    way: Way,
    facts: Facts,
    patience: Duration,
    slow: bool,
    /// When nothing more is begun, and nothing more waited for.
    end: Instant,
    conduct: Conduct,
    rooms: Rooms,
}

/// Rooms that nobody else is in.
pub(super) struct Rooms {
    prefix: String,
    count: Cell<u32>,
}

impl Rooms {
    pub(super) fn new() -> Rooms {
        // Keys of a hash map are as random as a name has to be.
        let number = RandomState::new().build_hasher().finish();
        Rooms { prefix: format!("{NAME}-{:08x}", number >> 32), count: Cell::new(0) }
    }

    /// What this side says of itself: as little as everyone accepts, and in a room of its own.
    pub(super) fn hello(&self) -> Hello {
        self.count.set(self.count.get() + 1);
        Hello::new()
            .with_accepted(Encodings::CORE)
            .with_preferred(Encoding::Utf8)
            .with_keepalive(0)
            .with_name(NAME)
            .and_then(|hello| hello.with_room(&format!("{}-{}", self.prefix, self.count.get())))
            .and_then(|hello| hello.with_software(SOFTWARE))
            .expect("they are plain lines")
    }
}

impl Subject {
    pub(super) fn new(way: Way, facts: Facts, patience: Duration, slow: bool, end: Instant, rooms: Rooms) -> Subject {
        Subject { way, facts, patience, slow, end, conduct: Conduct::default(), rooms }
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
        self.rooms.hello()
    }

    /// A connection on which this side has said nothing; a client has sent its HELLO.
    pub(super) async fn connect(&self, check: &'static str) -> Result<Peer<'_>, Finding> {
        let watch = Watch::new(&self.conduct, check, self.side());
        let reached = self.way.reach(self.end.min(Instant::now() + self.patience)).await;
        let peer = reached.and_then(|reached| Peer::new(reached, self.patience, self.end, watch));
        let mut peer = peer.map_err(|error| Finding::skipped(format!("no connection: {error}")))?;
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

//! Who is examined: where it is, what it has said of itself, and what was noticed so far.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bookend::{Encoding, Encodings, Hello, kind};
use bookend_client::{ConnectError, Dial, Dialler, Stream};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::acceptor::{Acceptor, Started};
use super::conduct::{Conduct, Watch};
use super::hello::Facts;
use super::report::Finding;
use super::wire::{Peer, Unmet};
use crate::token::Token;

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
    pub(super) stream: Stream,
    pub(super) side: Side,
    /// The peer, if it was started for this connection.
    pub(super) process: Option<Started>,
}

/// How connections to a peer come about.
pub(super) enum Way {
    /// It is a server, and nothing stands between.
    Dial(SocketAddr),
    /// It is a server behind TLS or a proxy, or at a Unix socket.
    Through(Box<Dialler>),
    /// It is a client.
    Accept(Acceptor),
}

impl Way {
    pub(super) fn side(&self) -> Side {
        match self {
            Way::Dial(_) | Way::Through(_) => Side::Server,
            Way::Accept(_) => Side::Client,
        }
    }

    /// A new connection.
    pub(super) async fn reach(&self, deadline: Instant) -> io::Result<Reached> {
        match self {
            Way::Dial(address) => {
                let connecting = TcpStream::connect(*address);
                let stream = timeout_at(deadline, connecting).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
                stream.set_nodelay(true)?; // what is sent apart is to arrive apart
                Ok(Reached { stream: Stream::new(stream), side: Side::Server, process: None })
            }
            Way::Through(dialler) => {
                let mut dialler = dialler.clone();
                let dialled = timeout_at(deadline, dialler.dial(&mut |_| {})).await;
                match dialled {
                    Ok(Ok(dialled)) => Ok(Reached { stream: dialled.stream, side: Side::Server, process: None }),
                    Ok(Err(ConnectError::Tcp { mut tried, .. })) if !tried.is_empty() => Err(tried.remove(0).1),
                    Ok(Err(error)) => Err(io::Error::other(error)),
                    Err(_) => Err(io::ErrorKind::TimedOut.into()),
                }
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
    guise: Guise,
}

/// As whom this side comes: into rooms that nobody else is in, and with a token if one is needed.
pub(super) struct Guise {
    prefix: String,
    count: Cell<u32>,
    token: Option<Token>,
}

impl Guise {
    pub(super) fn new(token: Option<Token>) -> Guise {
        // Keys of a hash map are as random as a name has to be.
        let number = RandomState::new().build_hasher().finish();
        Guise { prefix: format!("{NAME}-{:08x}", number >> 32), count: Cell::new(0), token }
    }

    /// What this side says of itself: as little as everyone accepts, and in a room of its own.
    pub(super) fn hello(&self) -> Hello {
        self.count.set(self.count.get() + 1);
        let hello = Hello::new()
            .with_accepted(Encodings::CORE)
            .with_preferred(Encoding::Utf8)
            .with_keepalive(0)
            .with_name(NAME)
            .and_then(|hello| hello.with_room(&format!("{}-{}", self.prefix, self.count.get())))
            .and_then(|hello| hello.with_software(SOFTWARE))
            .expect("they are plain lines");
        match &self.token {
            Some(token) => token.shown_in(hello),
            None => hello,
        }
    }
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
        if let Some(token) = &self.guise.token {
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

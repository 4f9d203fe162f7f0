//! Tests a peer in any language against SPEC.md, and writes its report card.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use bookend_doctor::conform::{Options, Subject, conform};
//!
//! let command = ["python3", "-m", "bookend.adapter"].map(str::to_owned);
//! let card = conform("my adapter", Subject::Adapter(&command), &Options::default()).await?;
//! println!("{}", card.plain(false));
//! assert!(card.conforms());
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! `vectors` sends every vector to an `adapter`, a process; `answer` judges what comes back, `sent` the frames in it, and `mistake` names what is wrong.
//! `live` runs the checks of
//! [`examine`](crate::examine()) against a server or a client. Each result is a `case`, which rests on requirements of
//! SPEC.md. `selection` chooses the cases, and `report` writes the card.

mod adapter;
mod answer;
mod case;
mod live;
mod mistake;
mod report;
mod selection;
mod sent;
mod vectors;

use std::fmt;
use std::time::Duration;

use adapter::Timeouts;

pub use case::{Case, Found, Summary, Verdict};
pub use report::Card;
pub use selection::{Filter, Selection, UnknownRequirement};

pub use crate::coverage::Coverage;

use crate::acceptor::START_TIMEOUT;
use crate::coverage::Mode;
pub use crate::examine::Peer;

/// What is tested.
pub enum Subject<'a> {
    /// A program and its arguments. It answers requests on its standard input (docs/new-language.md).
    Adapter(&'a [String]),
    /// A live server or client.
    Peer(Peer),
}

/// How to test.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// How long each case may wait for an answer.
    pub timeout: Duration,
    /// How long an adapter may take to start: its first answer may take so long. An [`Acceptor`](crate::Acceptor) has a
    /// time of its own.
    pub start_timeout: Duration,
    /// Run the checks of a live peer that take seconds, too.
    pub slow: bool,
    /// Count advice (SHOULD) like requirements.
    pub strict: bool,
    /// The cases to run.
    pub selection: Selection<'a>,
}

impl Default for Options<'_> {
    /// Every case, with 20 s for each. Advice does not count.
    fn default() -> Self {
        Options {
            timeout: Duration::from_secs(20),
            start_timeout: START_TIMEOUT,
            slow: true,
            strict: false,
            selection: Selection::default(),
        }
    }
}

/// The peer cannot be started or reached, or does not speak Bookend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPeer {
    name: String,
    why: String,
}

impl fmt::Display for NoPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.why)
    }
}

impl std::error::Error for NoPeer {}

/// Runs every selected case. `name` is the subject's name on the card.
///
/// # Errors
/// [`NoPeer`] if the subject cannot be started or reached, or does not speak Bookend.
pub async fn conform(name: impl Into<String>, subject: Subject<'_>, options: &Options<'_>) -> Result<Card, NoPeer> {
    let name = name.into();
    let Options { timeout, start_timeout, slow, strict, selection } = *options;
    let mode = match &subject {
        Subject::Adapter(_) => Mode::Adapter,
        Subject::Peer(Peer::Server { .. }) => Mode::Server,
        Subject::Peer(Peer::Client(_)) => Mode::Client,
    };
    let results = match subject {
        Subject::Adapter(command) => {
            let timeouts = Timeouts { answer: timeout, start: start_timeout };
            vectors::run(command, timeouts, selection).await.map_err(|error| error.to_string())
        }
        Subject::Peer(peer) => live::run(peer, timeout, slow, selection).await,
    };
    match results {
        Ok(case::Results { cases, left_out }) => Ok(Card { subject: name, cases, left_out, strict, mode }),
        Err(why) => Err(NoPeer { name, why }),
    }
}

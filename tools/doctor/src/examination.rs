//! An examination from the first connection to the last row.

use std::time::Duration;

use bookend_client::{Dialler, Token};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::acceptor::Acceptor;
use super::checks;
use super::greeting::{self, Greeting};
use super::guise::Guise;
use super::identify;
use super::reach;
use super::report::{Progress, Report, Row, Unread, Verdict};
use super::schedule::{self, Wanted};
use super::subject::Subject;
use super::way::Way;

/// No check begins after this, and no answer is awaited.
const ALL: Duration = Duration::from_secs(55);
/// The same with slow checks.
const ALL_SLOW: Duration = Duration::from_secs(600);

/// How to examine a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The token to send, if the server needs one: one to read and write in every room.
    pub token: Option<Token>,
    /// How long each check waits for an answer.
    pub timeout: Duration,
    /// Run the checks that take seconds as well.
    pub slow: bool,
    /// Send harmless requests of other protocols to a peer that does not speak Bookend, to name it.
    pub probes: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { token: None, timeout: Duration::from_secs(5), slow: false, probes: true }
    }
}

/// How an examination ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every check holds.
    Sound,
    /// Some check fails.
    Faulty,
    /// There is no Bookend peer to examine.
    Absent,
}

/// Examines a server, and reports rows to `progress` as they are found.
///
/// # Errors
/// [`Unread`] if the receiver of `progress` is gone.
pub async fn examine(dialler: Dialler, options: &Options, progress: mpsc::Sender<Progress>) -> Result<Ended, Unread> {
    let mut report = Report::new(progress);
    let end = Instant::now() + if options.slow { ALL_SLOW } else { ALL };
    let timeout = || options.timeout.min(end.saturating_duration_since(Instant::now()));
    let Some(way) = reach::reach(dialler, timeout, &mut report).await? else { return Ok(Ended::Absent) };
    let guise = Guise::new(options.token.clone());
    let greeting = greeting::greet(&way, &guise.hello(), timeout()).await;
    report.stage("HELLO").await?;
    let facts = match greeting {
        Greeting::Bookend { rows, facts } => {
            for row in rows {
                report.row(row).await?;
            }
            facts
        }
        Greeting::Foreign { said, unmet } => {
            report.row(identify::identify(&way, &said, &unmet, options.probes, timeout(), end).await).await?;
            return Ok(Ended::Absent);
        }
    };
    let Some(facts) = facts else { return Ok(Ended::Faulty) };
    let subject = Subject::new(way, facts, options.timeout, options.slow, end, guise);
    schedule::run(&subject, &|_, _, _| true, &mut report).await?;
    report.stage("all checks").await?;
    for row in subject.conduct().rows() {
        report.row(row).await?;
    }
    Ok(if report.failed() { Ended::Faulty } else { Ended::Sound })
}

/// True for a check that takes seconds.
pub(super) fn is_slow(check: &str) -> bool {
    checks::groups().iter().any(|group| group.others.iter().any(|slow| slow.name == check && slow.is_slow()))
}

/// A live peer.
pub enum Peer {
    /// A server: how it is reached, and the token for it.
    Server(Box<Dialler>, Option<Token>),
    /// A client.
    Client(Acceptor),
}

/// All rows that are wanted: each check has one, whether it could be run or not. An error says why there is no peer to
/// examine.
pub(super) async fn rows(peer: Peer, patience: Duration, slow: bool, wanted: Wanted<'_>) -> Result<Vec<Row>, String> {
    let end = Instant::now() + ALL_SLOW;
    let (way, token) = match peer {
        Peer::Client(acceptor) => (Way::Accept(acceptor), None),
        Peer::Server(dialler, token) => {
            let mut steps = Vec::new();
            let mut report = Report::keeping(&mut steps);
            let way = reach::reach(*dialler, || patience, &mut report).await.expect("rows are kept");
            let failed = steps.into_iter().find(|row| row.verdict == Verdict::Fails);
            (way.ok_or_else(|| failed.map_or_else(String::new, |row| row.seen))?, token)
        }
    };
    let (side, guise) = (way.side(), Guise::new(token));
    let (mut rows, facts) = match greeting::greet(&way, &guise.hello(), patience).await {
        Greeting::Bookend { rows, facts } => (rows, facts),
        Greeting::Foreign { said, unmet } => {
            let head = &said[..said.len().min(32)];
            return Err(format!("it does not say HELLO: {unmet}; it said \"{}\"", head.escape_ascii()));
        }
    };
    rows.retain(|row| wanted(row.stage, row.check, &row.spec));
    let Some(facts) = facts else {
        let others = schedule::skipped(side, "there is no sound HELLO to build on");
        rows.extend(others.into_iter().filter(|row| wanted(row.stage, row.check, &row.spec)));
        return Ok(rows);
    };
    let subject = Subject::new(way, facts, patience, slow, end, guise);
    let mut report = Report::keeping(&mut rows);
    schedule::run(&subject, wanted, &mut report).await.expect("rows are kept");
    let conduct = subject.conduct().rows();
    rows.extend(conduct.into_iter().filter(|row| wanted(row.stage, row.check, &row.spec)));
    Ok(rows)
}

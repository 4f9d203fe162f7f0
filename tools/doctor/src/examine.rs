//! An examination, from the first connection to the last row.

use std::time::Duration;

use bookend_client::Dialler;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::acceptor::Acceptor;
use super::checks;
use super::foreign;
use super::greeting::{self, Greeting};
use super::identity::Identity;
use super::reach;
use super::report::{Progress, ProgressClosed, Report, Row, Verdict};
use super::route::Route;
use super::schedule::{self, Wanted};
use super::secret::Secret;
use super::target::Target;
use super::tokens::Tokens;

/// The time for a whole examination: afterwards no check begins, and none waits.
const TIME: Duration = Duration::from_secs(55);
/// The same with slow checks.
const TIME_SLOW: Duration = Duration::from_secs(600);

/// How to examine a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The tokens to send.
    pub tokens: Tokens,
    /// How long each check waits for an answer.
    pub timeout: Duration,
    /// Run the checks that take seconds, too.
    pub slow: bool,
    /// Send harmless requests of other protocols to a server that does not speak Bookend, to identify it.
    pub probes: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { tokens: Tokens::default(), timeout: Duration::from_secs(5), slow: false, probes: true }
    }
}

/// How an examination ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No check fails.
    Conforms,
    /// At least one check fails.
    Faulty,
    /// The server cannot be reached, or does not speak Bookend.
    NoPeer,
}

/// Examines a server, and sends each row to `progress` as soon as it is known.
///
/// # Errors
/// [`ProgressClosed`] if the receiver of `progress` was dropped.
pub async fn examine(
    dialler: Dialler,
    options: &Options,
    progress: mpsc::Sender<Progress>,
) -> Result<Outcome, ProgressClosed> {
    let mut report = Report::new(progress, Secret::new(options.tokens.all()));
    let end = Instant::now() + if options.slow { TIME_SLOW } else { TIME };
    let timeout = || options.timeout.min(end.saturating_duration_since(Instant::now()));
    let Some(route) = reach::reach(dialler, timeout, &mut report).await? else { return Ok(Outcome::NoPeer) };
    let identity = Identity::new(options.tokens.clone());
    let greeting = greeting::greet(&route, &identity.hello(), timeout()).await;
    report.stage("HELLO").await?;
    let info = match greeting {
        Greeting::Bookend { rows, info } => {
            for row in rows {
                report.row(row).await?;
            }
            info
        }
        Greeting::Foreign { received, missing } => {
            let row = foreign::identify(&route, &received, &missing, options.probes, timeout(), end).await;
            report.row(row).await?;
            return Ok(Outcome::NoPeer);
        }
    };
    let Some(info) = info else { return Ok(Outcome::Faulty) };
    let target = Target::new(route, info, options.timeout, options.slow, end, identity);
    schedule::run(&target, &|_, _, _| true, &mut report).await?;
    report.stage("all checks").await?;
    for row in target.conduct().rows() {
        report.row(row).await?;
    }
    Ok(if report.failed() { Outcome::Faulty } else { Outcome::Conforms })
}

/// True for a check that takes seconds.
pub(super) fn is_slow(check: &str) -> bool {
    checks::groups().iter().any(|group| group.others.iter().any(|slow| slow.name == check && slow.is_slow()))
}

/// A live peer to test.
pub enum Peer {
    /// A server.
    Server {
        /// Connects to the server.
        dialler: Box<Dialler>,
        /// The tokens to send.
        tokens: Tokens,
    },
    /// A client.
    Client(Acceptor),
}

/// All rows that are wanted: every check has one, even a check that could not run. An error states why there is no peer
/// to examine.
pub(super) async fn rows(peer: Peer, timeout: Duration, slow: bool, wanted: Wanted<'_>) -> Result<Vec<Row>, String> {
    let end = Instant::now() + TIME_SLOW;
    let (route, tokens) = match peer {
        Peer::Client(acceptor) => (Route::Accept(acceptor), Tokens::default()),
        Peer::Server { dialler, tokens } => {
            let mut steps = Vec::new();
            let mut report = Report::keeping(&mut steps);
            let route = reach::reach(*dialler, || timeout, &mut report).await.expect("rows are kept");
            let failed = steps.into_iter().find(|row| row.verdict == Verdict::Fails);
            (route.ok_or_else(|| failed.map_or_else(String::new, |row| row.seen))?, tokens)
        }
    };
    let secret = Secret::new(tokens.all());
    let (side, identity) = (route.side(), Identity::new(tokens));
    let (mut rows, info) = match greeting::greet(&route, &identity.hello(), timeout).await {
        Greeting::Bookend { rows, info } => (rows, info),
        Greeting::Foreign { received, missing } => {
            let head = &received[..received.len().min(32)];
            let sent = secret.hide(&head.escape_ascii().to_string());
            return Err(format!("the peer sent no HELLO: {missing}; it sent \"{sent}\""));
        }
    };
    rows.retain(|row| wanted(row.stage, row.check, &row.spec));
    let Some(info) = info else {
        let others = schedule::skipped(side, "the peer sent no valid HELLO");
        rows.extend(others.into_iter().filter(|row| wanted(row.stage, row.check, &row.spec)));
        return Ok(rows.into_iter().map(|row| row.without(&secret)).collect());
    };
    let target = Target::new(route, info, timeout, slow, end, identity).visiting();
    let mut report = Report::keeping(&mut rows);
    schedule::run(&target, wanted, &mut report).await.expect("rows are kept");
    let conduct = target.conduct().rows();
    rows.extend(conduct.into_iter().filter(|row| wanted(row.stage, row.check, &row.spec)));
    Ok(rows.into_iter().map(|row| row.without(&secret)).collect())
}

//! `bookend doctor`: is a server there, does it speak Bookend, and where is it wrong?
//!
//! # Layout
//!
//! `reach` finds the way to a server, step by step; `greeting` says HELLO, and `hello` reads the answer field by field;
//! `refusal` knows why it may not be one, and `identify` names what is not Bookend. A client is not dialled but accepted,
//! by `acceptor`, for `bookend conform`. `checks` is the table of what a peer is to do, done in the order of `schedule`
//! over connections of `wire`, which can send wrong bytes; `conduct` judges what the peer itself sends meanwhile.
//! `report` writes rows.

mod acceptor;
mod arguments;
mod checks;
mod codes;
mod conduct;
mod greeting;
mod hello;
mod identify;
mod reach;
mod refusal;
mod report;
mod schedule;
mod subject;
mod wire;

use std::pin::pin;
use std::time::Duration;

use bookend_client::Dialler;
use tokio::select;
use tokio::time::Instant;

pub(crate) use acceptor::Acceptor;
pub(crate) use arguments::DoctorArguments;
use greeting::Greeting;
use report::Report;
pub(crate) use report::{Row, Stage, Verdict};
use subject::{Guise, Subject, Way};

use crate::console::{Console, Unread};
use crate::receive::Failure;
use crate::stages::Stopwatch;
use crate::token::Token;

/// Nothing is begun after this, and nothing waited for.
const ALL: Duration = Duration::from_secs(55);
/// The same with `--slow`.
const ALL_SLOW: Duration = Duration::from_secs(600);

/// How an examination ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Well,
    Unwell,
    /// There is nobody to examine.
    Nobody,
}

/// Examines, and tells what it finds.
pub(crate) async fn doctor(
    arguments: &DoctorArguments,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let dialler = arguments.dialler()?;
    let mut interrupt = pin!(interrupt);
    let mut report = Report::new(console, arguments.form());
    let ended = select! {
        biased;
        () = &mut interrupt => return Err(Failure::Interrupted),
        ended = examine(arguments, dialler, &mut report, Stopwatch::new(console, arguments.verbose)) => match ended {
            Ok(ended) => report.sum_up().await.map(|()| ended),
            Err(unread) => Err(unread),
        },
    };
    match ended {
        // Who does not read on does not want to know.
        Ok(Ended::Well) | Err(Unread) => Ok(()),
        Ok(Ended::Unwell) => Err(Failure::Told(crate::FAULT)),
        Ok(Ended::Nobody) => Err(Failure::Told(crate::NOT_CONNECTED)),
    }
}

async fn examine(
    arguments: &DoctorArguments,
    dialler: Dialler,
    report: &mut Report<'_>,
    mut watch: Stopwatch<'_>,
) -> Result<Ended, Unread> {
    let end = Instant::now() + if arguments.slow { ALL_SLOW } else { ALL };
    let patience = || arguments.timeout.min(end.saturating_duration_since(Instant::now()));
    let Some(way) = reach::reach(dialler, patience, report, &mut watch).await? else { return Ok(Ended::Nobody) };
    let guise = arguments.guise();
    let greeting = greeting::greet(&way, &guise.hello(), patience()).await;
    watch.lap("HELLO");
    let facts = match greeting {
        Greeting::Bookend { rows, facts } => {
            for row in rows {
                report.tell(&row).await?;
            }
            facts
        }
        Greeting::Foreign { said, unmet } => {
            let row = identify::identify(&way, &said, &unmet, !arguments.no_probes, patience(), end).await;
            report.tell(&row).await?;
            return Ok(Ended::Nobody);
        }
    };
    let Some(facts) = facts else { return Ok(Ended::Unwell) };
    let subject = Subject::new(way, facts, arguments.timeout, arguments.slow, end, guise);
    schedule::run(&subject, &|_, _, _| true, report).await?;
    watch.lap("all checks");
    for row in subject.conduct().rows() {
        report.tell(&row).await?;
    }
    Ok(if report.is_well() { Ended::Well } else { Ended::Unwell })
}

/// Is it a check that is only done where there is time for it?
pub(crate) fn is_slow(check: &str) -> bool {
    checks::groups().iter().any(|group| group.others.iter().any(|slow| slow.name == check && slow.is_slow()))
}

/// A peer that is to be examined for somebody else's report.
pub(crate) enum Patient {
    /// The token is shown to it.
    Server(Box<Dialler>, Option<Token>),
    Client(Acceptor),
}

/// All rows that are wanted: each check that there is has one, whether it could be done or not. An error says why there
/// is nobody to examine.
pub(crate) async fn rows(
    patient: Patient,
    patience: Duration,
    slow: bool,
    wanted: schedule::Wanted<'_>,
) -> Result<Vec<Row>, String> {
    let end = Instant::now() + ALL_SLOW;
    let (way, token) = match patient {
        Patient::Client(acceptor) => (Way::Accept(acceptor), None),
        Patient::Server(dialler, token) => {
            let mut steps = Vec::new();
            let (mut report, mut watch) = (Report::keeping(&mut steps), Stopwatch::silent());
            let way = reach::reach(*dialler, || patience, &mut report, &mut watch).await.expect("rows are kept");
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

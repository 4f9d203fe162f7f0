//! `bookend doctor`: is a server there, does it speak Bookend, and where is it wrong?
//!
//! # Layout
//!
//! `reach` resolves and connects; `greeting` says HELLO, and `hello` reads the answer field by field; `identify` names
//! what is not Bookend. `checks` is the table of what a peer is to do, done in the order of `schedule` over connections
//! of `wire`, which can send wrong bytes; `conduct` judges what the peer itself sends meanwhile. `report` writes rows.

mod arguments;
mod checks;
mod codes;
mod conduct;
mod greeting;
mod hello;
mod identify;
mod reach;
mod report;
mod schedule;
mod subject;
mod wire;

use std::pin::pin;
use std::time::Duration;

use tokio::select;
use tokio::time::Instant;

pub(crate) use arguments::DoctorArguments;
use greeting::Greeting;
use report::Report;
use subject::{Rooms, Subject};

use crate::console::{Console, Unread};
use crate::receive::Failure;

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
    let mut interrupt = pin!(interrupt);
    let mut report = Report::new(console, arguments.form());
    let ended = select! {
        biased;
        () = &mut interrupt => return Err(Failure::Interrupted),
        ended = examine(arguments, &mut report) => match ended {
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

async fn examine(arguments: &DoctorArguments, report: &mut Report<'_>) -> Result<Ended, Unread> {
    let end = Instant::now() + if arguments.slow { ALL_SLOW } else { ALL };
    let patience = || arguments.timeout.min(end.saturating_duration_since(Instant::now()));
    let (row, addresses) = reach::resolve(&arguments.address, patience()).await;
    report.tell(&row).await?;
    let (rows, address) = reach::connect(&addresses, patience()).await;
    for row in rows {
        report.tell(&row).await?;
    }
    let Some(address) = address else { return Ok(Ended::Nobody) };
    let rooms = Rooms::new();
    let facts = match greeting::greet(address, &rooms.hello(), patience()).await {
        Greeting::Bookend { rows, facts } => {
            for row in rows {
                report.tell(&row).await?;
            }
            facts
        }
        Greeting::Foreign { said, unmet } => {
            let row = identify::identify(address, &said, &unmet, !arguments.no_probes, patience(), end).await;
            report.tell(&row).await?;
            return Ok(Ended::Nobody);
        }
    };
    let Some(facts) = facts else { return Ok(Ended::Unwell) };
    let subject = Subject::new(address, facts, arguments.timeout, arguments.slow, end, rooms);
    schedule::run(&subject, report).await?;
    for row in subject.conduct().rows() {
        report.tell(&row).await?;
    }
    Ok(if report.is_well() { Ended::Well } else { Ended::Unwell })
}

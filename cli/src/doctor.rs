//! `bookend doctor`: checks whether a server is reachable, speaks Bookend, and meets SPEC.md.

mod arguments;

use bookend_doctor::{Outcome, Progress, ProgressClosed, Summary, examine};
use tokio::sync::mpsc;
use tokio::{join, select};

pub(crate) use arguments::DoctorArguments;

use crate::console::{self, Console};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::shutdown::Signal;
use crate::stages::note;

/// The most rows that wait to be printed.
const WAITING: usize = 16;

/// Examines a server and prints the result of each check.
pub(crate) async fn doctor(
    arguments: &DoctorArguments,
    console: &Console,
    shutdown: impl Future<Output = Signal>,
) -> Result<(), Failure> {
    let (dialler, options) = (arguments.dialler()?, arguments.options());
    let (progress, reported) = mpsc::channel(WAITING);
    let (outcome, printed) = select! {
        biased;
        signal = shutdown => return Err(Failure::Signalled(signal)),
        both = async { join!(examine(dialler, &options, progress), print(reported, arguments, console)) } => both,
    };
    match (outcome, printed) {
        // The reader has closed the output.
        (Ok(Outcome::Conforms), _) | (Err(ProgressClosed), _) | (_, Err(console::Unread)) => Ok(()),
        (Ok(Outcome::Faulty), Ok(())) => Err(Failure::Reported(Exit::Fault)),
        (Ok(Outcome::NoPeer), Ok(())) => Err(Failure::Reported(Exit::NotConnected)),
    }
}

/// Prints each row as soon as it is known, then the sum.
async fn print(
    mut reported: mpsc::Receiver<Progress>,
    arguments: &DoctorArguments,
    console: &Console,
) -> Result<(), console::Unread> {
    let colored = arguments.color.is_on();
    let mut summary = Summary::default();
    while let Some(progress) = reported.recv().await {
        match progress {
            Progress::Row(row) => {
                summary.count(row.verdict);
                let line = if arguments.json { row.json() } else { row.plain(colored) };
                console.print(line.into_bytes()).await?;
            }
            Progress::Stage(name, time) if arguments.verbose => note(console, name, time),
            Progress::Stage(..) => {}
        }
    }
    let line = if arguments.json { summary.json() } else { summary.plain(colored) };
    console.print(line.into_bytes()).await
}

//! `bookend doctor`: checks whether a server is reachable, speaks Bookend, and meets SPEC.md.

mod arguments;

use bookend_doctor::{Ended, Progress, Sum, Unread, examine};
use tokio::sync::mpsc;
use tokio::{join, select};

pub(crate) use arguments::DoctorArguments;

use crate::console::{self, Console};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::stages::note;

/// The most rows that wait to be printed.
const WAITING: usize = 16;

/// Examines a server and prints the result of each check.
pub(crate) async fn doctor(
    arguments: &DoctorArguments,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (dialler, options) = (arguments.dialler()?, arguments.options());
    let (progress, reported) = mpsc::channel(WAITING);
    let (ended, printed) = select! {
        biased;
        () = interrupt => return Err(Failure::Interrupted),
        both = async { join!(examine(dialler, &options, progress), print(reported, arguments, console)) } => both,
    };
    match (ended, printed) {
        // The reader has closed the output.
        (Ok(Ended::Sound), _) | (Err(Unread), _) | (_, Err(console::Unread)) => Ok(()),
        (Ok(Ended::Faulty), Ok(())) => Err(Failure::Reported(Exit::Fault)),
        (Ok(Ended::Absent), Ok(())) => Err(Failure::Reported(Exit::NotConnected)),
    }
}

/// Prints each row as soon as it is known, then the sum.
async fn print(
    mut reported: mpsc::Receiver<Progress>,
    arguments: &DoctorArguments,
    console: &Console,
) -> Result<(), console::Unread> {
    let colored = arguments.color.is_on();
    let mut sum = Sum::default();
    while let Some(progress) = reported.recv().await {
        match progress {
            Progress::Row(row) => {
                sum.count(row.verdict);
                let line = if arguments.json { row.json() } else { row.plain(colored) };
                console.print(line.into_bytes()).await?;
            }
            Progress::Stage(name, time) if arguments.verbose => note(console, name, time),
            Progress::Stage(..) => {}
        }
    }
    let line = if arguments.json { sum.json() } else { sum.plain(colored) };
    console.print(line.into_bytes()).await
}

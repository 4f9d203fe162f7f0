//! `bookend admin`: how a hub is, and control of it, through its admin listener.
//!
//! # Layout
//!
//! `arguments` is the command line, `ask` the one request over HTTP, `answer` what is printed of the answer.

mod answer;
mod arguments;
mod ask;

use tokio::select;

pub(crate) use arguments::AdminArguments;
use ask::{Question, Unanswered};

use crate::console::Console;
use crate::receive::Failure;
use crate::stages::Stopwatch;

/// Asks, and prints the answer.
pub(crate) async fn admin(
    arguments: &AdminArguments,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (place, token) = match (arguments.place(), arguments.token()) {
        (Ok(place), Ok(token)) => (place, token),
        (Err(why), _) | (_, Err(why)) => return complain(console, &why, crate::WRONG_ARGUMENT),
    };
    let mut watch = Stopwatch::new(console, arguments.verbose);
    let Question { path, body } = arguments.action.question();
    let asked = select! {
        biased;
        () = interrupt => return Err(Failure::Interrupted),
        asked = tokio::time::timeout(arguments.timeout, ask::ask(&place, token.as_deref(), path, body, &mut watch)) => asked,
    };
    let answer = match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(Unanswered(why))) => return complain(console, &format!("{place}: {why}"), crate::NOT_CONNECTED),
        Err(_) => {
            let time = humantime::format_duration(arguments.timeout);
            return complain(console, &format!("{place}: no answer in {time}"), crate::NOT_CONNECTED);
        }
    };
    if !answer.is_well() {
        for why in answer.reasons() {
            console.complain(format_args!("{why}"));
        }
        return Err(Failure::Told(crate::FAULT));
    }
    let (printed, is_well) = match answer.printed(&arguments.action, arguments.json) {
        Ok(printed) => printed,
        Err(why) => return complain(console, &format!("{place}: {why}"), crate::FAULT),
    };
    // Who does not read on does not want to know.
    let _unread = console.print(printed.into_bytes()).await;
    if is_well { Ok(()) } else { Err(Failure::Told(crate::FAULT)) }
}

fn complain(console: &Console, why: &str, status: u8) -> Result<(), Failure> {
    console.complain(format_args!("{why}"));
    Err(Failure::Told(status))
}

//! `bookend admin`: how a hub is, and control of it, through its admin listener.
//!
//! # Layout
//!
//! `arguments` is the command line, and `action` what it asks for; `ask` is the one request over HTTP, `answer` what is
//! printed of the answer.

mod action;
mod answer;
mod arguments;
mod ask;

use tokio::select;

use action::Question;
pub(crate) use arguments::AdminArguments;
use ask::Unanswered;

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::stages::Stopwatch;

/// Asks, and prints the answer.
pub(crate) async fn admin(
    arguments: &AdminArguments,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (place, token) = match (arguments.place(), arguments.token()) {
        (Ok(place), Ok(token)) => (place, token),
        (Err(why), _) | (_, Err(why)) => return Err(Failure::wrong_argument(console, why)),
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
        Ok(Err(Unanswered(why))) => return Err(Failure::not_connected(console, format_args!("{place}: {why}"))),
        Err(_) => {
            let time = humantime::format_duration(arguments.timeout);
            return Err(Failure::not_connected(console, format_args!("{place}: no answer in {time}")));
        }
    };
    if !answer.is_well() {
        for why in answer.reasons() {
            console.complain(format_args!("{why}"));
        }
        return Err(Failure::Reported(Exit::Fault));
    }
    let (printed, is_well) = match answer.printed(&arguments.action, arguments.json) {
        Ok(printed) => printed,
        Err(why) => return Err(Failure::reported(console, format_args!("{place}: {why}"), Exit::Fault)),
    };
    let _ = console.print(printed.into_bytes()).await; // nobody may read it
    if is_well { Ok(()) } else { Err(Failure::Reported(Exit::Fault)) }
}

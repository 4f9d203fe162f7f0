//! `bookend admin`: reports the state of a hub and controls it, through its admin listener.
//!
//! # Layout
//!
//! `arguments` is the command line, and `action` its subcommands; `ask` sends the one HTTP request, and `answer` prints
//! the answer.

mod action;
mod answer;
mod arguments;
mod ask;

use tokio::select;

use action::AdminRequest;
pub(crate) use arguments::AdminArguments;
use ask::NoAnswer;

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::shutdown::Signal;
use crate::stages::Stopwatch;

/// Sends the request and prints the answer.
pub(crate) async fn admin(
    arguments: &AdminArguments,
    console: &Console,
    shutdown: impl Future<Output = Signal>,
) -> Result<(), Failure> {
    let (address, token) = match (arguments.address(), arguments.token()) {
        (Ok(address), Ok(token)) => (address, token),
        (Err(why), _) | (_, Err(why)) => return Err(Failure::wrong_argument(console, why)),
    };
    let mut watch = Stopwatch::new(console, arguments.verbose);
    let AdminRequest { path, body } = arguments.action.request();
    let asked = select! {
        biased;
        signal = shutdown => return Err(Failure::Signalled(signal)),
        asked = tokio::time::timeout(arguments.timeout, ask::ask(&address, token.as_deref(), path, body, &mut watch)) => asked,
    };
    let answer = match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(NoAnswer(why))) => return Err(Failure::not_connected(console, format_args!("{address}: {why}"))),
        Err(_) => {
            let time = humantime::format_duration(arguments.timeout);
            return Err(Failure::not_connected(console, format_args!("{address}: no answer within {time}")));
        }
    };
    if !answer.is_success() {
        for why in answer.reasons() {
            console.error(format_args!("{why}"));
        }
        return Err(Failure::Reported(Exit::Fault));
    }
    let (printed, is_success) = match answer.printed(&arguments.action, arguments.json) {
        Ok(printed) => printed,
        Err(why) => return Err(Failure::reported(console, format_args!("{address}: {why}"), Exit::Fault)),
    };
    let _ = console.print(printed.into_bytes()).await; // the reader may have closed the output
    if is_success { Ok(()) } else { Err(Failure::Reported(Exit::Fault)) }
}

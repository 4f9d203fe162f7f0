//! `bookend conform`: does a peer, in whatever language, keep to SPEC.md?
//!
//! # Layout
//!
//! `answers` asks an `adapter`, a process, what `vectors` have to ask, and watches its `memory`. Each thing that is
//! asked is a `case`, which rests on requirements of `spec`; `selection` leaves some out. `report` writes the card.

mod adapter;
mod answers;
mod arguments;
mod case;
mod memory;
mod report;
mod selection;
mod spec;
mod vectors;

use std::fs;
use std::io;
use std::path::Path;
use std::pin::pin;

use tokio::select;

use answers::Examined;
pub(crate) use arguments::ConformArguments;
use report::Card;

use crate::console::Console;
use crate::receive::Failure;

/// Examines a peer, and writes its report card.
pub(crate) async fn conform(
    arguments: &ConformArguments,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let mut interrupt = pin!(interrupt);
    let (subject, examined) = select! {
        biased;
        () = &mut interrupt => return Err(Failure::Interrupted),
        examined = examine(arguments) => match examined {
            Ok(examined) => examined,
            Err(why) => {
                console.complain(format_args!("{why}"));
                return Err(Failure::Told(crate::NOT_CONNECTED));
            }
        },
    };
    if examined.cases.is_empty() {
        console.complain(format_args!("--only and --skip leave nothing to ask"));
        return Err(Failure::Told(crate::WRONG_ARGUMENT));
    }
    let Examined { cases, left_out } = examined;
    let card = Card { subject, cases, left_out, strict: arguments.strict };
    for (path, text) in [(&arguments.junit, report::junit as fn(&Card) -> String), (&arguments.html, report::html)] {
        if let Some(path) = path {
            write(path, &text(&card)).map_err(Failure::System)?;
        }
    }
    let coloured = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    let text = if arguments.json { report::json(&card) } else { report::plain(&card, coloured) };
    // Who does not read on has the exit code.
    let _read = console.print(text.into_bytes()).await;
    if card.conforms() { Ok(()) } else { Err(Failure::Told(crate::FAULT)) }
}

/// What was tested, and what came of it; an error says why there is nobody to test.
async fn examine(arguments: &ConformArguments) -> Result<(String, Examined), String> {
    let command = arguments.command.join(" ");
    let examined = answers::examine(&arguments.command, arguments.timeout, arguments.selection()).await;
    let examined = examined.map_err(|error| format!("{command}: {error}"))?;
    Ok((format!("adapter: {command}"), examined))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

//! `bookend conform`: does a peer, in whatever language, keep to SPEC.md?
//!
//! # Layout
//!
//! `answers` asks an `adapter`, a process, what `vectors` have to ask; `conduct` is what the doctor finds of a server or
//! a client over connections. Each thing that is
//! asked is a `case`, which rests on requirements of `spec`; `selection` leaves some out. `report` writes the card.

mod adapter;
mod answers;
mod arguments;
mod case;
mod conduct;
mod report;
mod selection;
mod spec;
mod vectors;

use std::fs;
use std::io;
use std::path::Path;
use std::pin::pin;

use bookend_client::{Dial, Dialler};
use tokio::net::TcpListener;
use tokio::select;

use answers::Examined;
pub(crate) use arguments::ConformArguments;
use report::Card;

use crate::console::Console;
use crate::doctor::{Acceptor, Patient};
use crate::receive::Failure;

/// Examines a peer, and writes its report card.
pub(crate) async fn conform(
    arguments: &ConformArguments,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    if arguments.client && !arguments.command.is_empty() && !Acceptor::says_where(&arguments.command) {
        console.complain(format_args!("CMD has to say {{port}} or {{address}} where it is to connect to"));
        return Err(Failure::Told(crate::WRONG_ARGUMENT));
    }
    let mut interrupt = pin!(interrupt);
    let dialler = match &arguments.server {
        Some(place) => Some(arguments.reaching.dialler(place)?),
        None => None,
    };
    let (subject, examined) = select! {
        biased;
        () = &mut interrupt => return Err(Failure::Interrupted),
        examined = examine(arguments, dialler, console) => match examined {
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
async fn examine(
    arguments: &ConformArguments,
    server: Option<Dialler>,
    console: &Console,
) -> Result<(String, Examined), String> {
    let (command, patience, selection) = (arguments.command.join(" "), arguments.patience(), arguments.selection());
    if arguments.adapter {
        let examined = answers::examine(&arguments.command, patience, selection).await;
        let examined = examined.map_err(|error| format!("{command}: {error}"))?;
        return Ok((format!("adapter: {command}"), examined));
    }
    let (subject, patient) = match server {
        Some(server) => {
            (format!("server: {}", server.target()), Patient::Server(server.into(), arguments.token.token().cloned()))
        }
        None if command.is_empty() => {
            let address = &arguments.listen;
            let listener = TcpListener::bind((address.host(), address.port())).await;
            let listener = listener.map_err(|error| format!("{address}: {error}"))?;
            console.remark(format_args!("waits at {address} for a client that comes again and again"));
            (format!("client of {address}"), Patient::Client(Acceptor::Waits(listener)))
        }
        None => (format!("client: {command}"), Patient::Client(Acceptor::starting(&arguments.command))),
    };
    let examined = conduct::examine(patient, patience, !arguments.quick, selection).await;
    Ok((subject.clone(), examined.map_err(|why| format!("{subject}: {why}"))?))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

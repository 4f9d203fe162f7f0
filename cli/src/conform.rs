//! `bookend conform`: tests a peer in any language against SPEC.md.

mod arguments;

use std::fs;
use std::io;
use std::path::Path;

use bookend_client::Dial;
use bookend_doctor::Acceptor;
use bookend_doctor::conform::{Card, Peer, Subject, conform as test};
use tokio::net::TcpListener;
use tokio::select;

pub(crate) use arguments::ConformArguments;

use crate::colour::Colour;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::shutdown::Signal;

/// Tests a peer and writes its report card.
pub(crate) async fn conform(
    arguments: &ConformArguments,
    console: &Console,
    shutdown: impl Future<Output = Signal>,
) -> Result<(), Failure> {
    if arguments.client && !arguments.command.is_empty() && !Acceptor::has_placeholder(&arguments.command) {
        let why = "CMD must contain {port} or {address}, which tell the client where to connect";
        return Err(Failure::wrong_argument(console, why));
    }
    let card = select! {
        biased;
        signal = shutdown => return Err(Failure::Signalled(signal)),
        card = examine(arguments, console) => card?,
    };
    if card.cases.is_empty() {
        return Err(Failure::wrong_argument(console, "--only and --skip select no case"));
    }
    for (path, text) in [(&arguments.junit, Card::junit as fn(&Card) -> String), (&arguments.html, Card::html)] {
        if let Some(path) = path {
            write(path, &text(&card)).map_err(Failure::System)?;
        }
    }
    let text = if arguments.json { card.json() } else { card.plain(Colour::Auto.is_on()) };
    let _ = console.print(text.into_bytes()).await; // the reader may have closed the output
    if card.conforms() { Ok(()) } else { Err(Failure::Reported(Exit::Fault)) }
}

async fn examine(arguments: &ConformArguments, console: &Console) -> Result<Card, Failure> {
    let (name, subject) = subject(arguments, console).await?;
    let card = test(name, subject, &arguments.options()).await;
    card.map_err(|why| Failure::not_connected(console, why))
}

/// The name of the subject on the card, and the subject.
async fn subject<'a>(arguments: &'a ConformArguments, console: &Console) -> Result<(String, Subject<'a>), Failure> {
    let command = arguments.command.join(" ");
    if arguments.adapter {
        return Ok((format!("adapter: {command}"), Subject::Adapter(&arguments.command)));
    }
    let acceptor = |acceptor: Acceptor| acceptor.with_start_timeout(arguments.start_timeout).with_chat(arguments.chat);
    let (name, peer) = match &arguments.server {
        Some(place) => {
            let dialler = arguments.route.dialler(place)?;
            let tokens = arguments.token.tokens(&arguments.others);
            (format!("server: {}", dialler.target()), Peer::Server { dialler: dialler.into(), tokens })
        }
        None if command.is_empty() => {
            let address = &arguments.listen;
            let listener = TcpListener::bind((address.host(), address.port())).await;
            let listener =
                listener.map_err(|error| Failure::not_connected(console, format_args!("{address}: {error}")))?;
            let address = listener.local_addr().map_err(Failure::System)?; // with the port that 0 became
            console.note(format_args!("waiting on {address} for a client that connects repeatedly"));
            (format!("client of {address}"), Peer::Client(acceptor(Acceptor::from_listener(listener))))
        }
        None => (format!("client: {command}"), Peer::Client(acceptor(Acceptor::from_command(&arguments.command)))),
    };
    Ok((name, Subject::Peer(peer)))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

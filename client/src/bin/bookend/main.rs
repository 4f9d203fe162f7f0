//! The program `bookend`: chat, send and listen over a hub, find out what is wrong with one and what it carries, and
//! inspect what was captured.
//!
//! # Layout
//!
//! `arguments` is the command line; `chat` (on a terminal `window`), `send`, `listen` and `ping` are the commands, and `doctor`, `inspect`, `relay`,
//! `admin`, `conform` and `bench`, which have layouts of their own. Under the others: `input` reads messages
//! and `console` writes, each in a thread of its own; `receive` hears what comes, and `stages` times the way.

mod admin;
mod arguments;
mod bench;
mod chat;
mod conform;
mod console;
mod doctor;
mod exit;
#[cfg(test)]
#[path = "../../../tests/hub/mod.rs"]
mod hub;
mod input;
mod inspect;
mod listen;
mod manual;
mod memory;
mod ping;
mod reaching;
mod receive;
mod relay;
mod room;
mod send;
mod stages;
mod timespan;
mod token;
mod window;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use bookend_client::{Backoff, Hello, Options};
use tokio::runtime::Builder;

use arguments::{Arguments, Command, Joining, Patience, WhatToSend};
use console::Console;
use exit::Exit;
use input::Layout;
use ping::PingArguments;
use receive::{Failure, Hearing};

// Other commands say what theirs mean.
const WELL: u8 = Exit::Well as u8;
const FAULT: u8 = Exit::Fault as u8;
const WRONG_ARGUMENT: u8 = Exit::WrongArgument as u8;
const NOT_CONNECTED: u8 = Exit::NotConnected as u8;
const INTERRUPTED: u8 = Exit::Interrupted as u8;

/// How long the output may take once the user has ended it.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let command = Arguments::read().command;
    let console = Console::new(io::stdout(), io::stderr());
    let ended = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(run(command, &console));
            runtime.shutdown_background(); // the resolver may still be at it
            ended
        }
        Err(error) => Err(Failure::System(error)),
    };
    ExitCode::from(status(ended, console))
}

async fn run(command: Command, console: &Console) -> Result<(), Failure> {
    match command {
        Command::Chat(arguments) if arguments.window() && window::is_possible() => {
            let hello = arguments.hello();
            let options = options(&arguments.joining, hello.clone(), arguments.patience.timeout)?;
            window::chat(options, arguments.joining.place.to_string(), &hello, interrupt()).await
        }
        Command::Chat(arguments) => {
            let Patience { timeout, verbose } = arguments.patience;
            let options = options(&arguments.joining, arguments.hello(), timeout)?;
            let joined = Hearing::connect(options, timeout, verbose, console).await?;
            let lines = input::messages(io::stdin(), Layout::Lines, joined.2.peer.max_body());
            chat::chat(joined, lines, &arguments.chat(), console, interrupt()).await
        }
        Command::Send(arguments) => {
            let Patience { timeout, verbose } = arguments.patience;
            let options = options(&arguments.joining, arguments.hello(), timeout)?
                .with_backoff(arguments.backoff())
                .with_resend(arguments.resend);
            let joined = Hearing::connect(options, Some(arguments.absence()), verbose, console).await?;
            let messages = match arguments.what() {
                WhatToSend::Text(text) => input::one(text),
                WhatToSend::Input(layout) => input::messages(io::stdin(), layout, joined.2.peer.max_body()),
            };
            send::send(joined, messages, &arguments.sending(), console, interrupt()).await
        }
        Command::Listen(arguments) => {
            let Patience { timeout, verbose } = arguments.patience;
            let options = options(&arguments.joining, arguments.hello(), timeout)?
                .with_backoff((!arguments.once).then(Backoff::default));
            let joined = Hearing::connect(options, timeout, verbose, console).await?;
            listen::listen(joined, arguments.form(), arguments.count, console, interrupt()).await
        }
        Command::Ping(arguments) => {
            let hello = arguments.joining.hello_in(&PingArguments::room());
            let options = options(&arguments.joining, hello, Some(arguments.timeout))?.with_backoff(None);
            let joined = Hearing::connect(options, None, arguments.verbose, console).await?;
            ping::ping(joined, &arguments, console, interrupt()).await
        }
        Command::Doctor(arguments) => doctor::doctor(&arguments, console, interrupt()).await,
        // It reads a file, and nothing else is to be done meanwhile.
        Command::Inspect(arguments) => Err(Failure::Told(inspect::run(&arguments))),
        Command::Relay(arguments) => relay::relay(&arguments, console, interrupt()).await,
        Command::Admin(arguments) => admin::admin(&arguments, console, interrupt()).await,
        Command::Bench(arguments) => bench::bench(&arguments, console).await,
        Command::Completions(arguments) => told(console, manual::completions(&arguments)).await,
        Command::Man(arguments) => match manual::man(&arguments) {
            Ok(written) => told(console, written).await,
            Err(error) => Err(Failure::Unusable(format!("man: {error}"))),
        },
        Command::Conform(arguments) => conform::conform(&arguments, console, interrupt()).await,
    }
}

async fn told(console: &Console, what: Vec<u8>) -> Result<(), Failure> {
    // Who does not read on has had enough.
    let _unread = console.print(what).await;
    Ok(())
}

/// How the hub is reached, each time within `timeout`.
fn options(joining: &Joining, hello: Hello, timeout: Option<Duration>) -> Result<Options, Failure> {
    Ok(Options::new(joining.dialler()?, hello).with_timeout(timeout))
}

async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// Tells what there is to tell, and says it in one number.
fn status(ended: Result<(), Failure>, console: Console) -> u8 {
    let (status, patience) = match &ended {
        Ok(()) => (WELL, Duration::MAX),
        Err(Failure::Interrupted) => (INTERRUPTED, LAST_WORDS),
        Err(Failure::Connect(_)) => (NOT_CONNECTED, Duration::MAX),
        Err(Failure::Unusable(_)) => (WRONG_ARGUMENT, Duration::MAX),
        Err(Failure::Told(status)) => (*status, Duration::MAX),
        Err(_) => (FAULT, Duration::MAX),
    };
    match &ended {
        Ok(()) | Err(Failure::Interrupted | Failure::Told(_)) => {}
        Err(failure) => console.complain(format_args!("{failure}")),
    }
    if let Err(Failure::Connect(error)) = &ended {
        console.complain(format_args!("{}", error.fix()));
    }
    if !console.finish(patience) && status == WELL { FAULT } else { status }
}

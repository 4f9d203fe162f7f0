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
mod colour;
mod conform;
mod console;
mod doctor;
mod exit;
mod failure;
mod input;
mod inspect;
mod joining;
mod listen;
mod manual;
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

use bookend_client::Backoff;
use clap::CommandFactory;
use tokio::runtime::Builder;

use arguments::{Arguments, Command};
use console::Console;
use exit::Exit;
use failure::Failure;
use input::Layout;
use joining::Waiting;
use ping::PingArguments;
use receive::Hearing;
use send::WhatToSend;

/// How long the output may take after an interrupt.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let command = Arguments::read().command;
    let console = Console::new(io::stdout(), io::stderr());
    let ended = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(run(command, &console));
            runtime.shutdown_background(); // the resolver may still be running
            ended
        }
        Err(error) => Err(Failure::System(error)),
    };
    ExitCode::from(status(ended, console) as u8)
}

async fn run(command: Command, console: &Console) -> Result<(), Failure> {
    match command {
        Command::Chat(arguments) if arguments.window() && window::is_possible() => {
            let hello = arguments.hello();
            let options = arguments.joining.options(hello.clone(), arguments.waiting.timeout)?;
            window::chat(options, arguments.joining.place.to_string(), &hello, interrupt()).await
        }
        Command::Chat(arguments) => {
            let Waiting { timeout, verbose } = arguments.waiting;
            let options = arguments.joining.options(arguments.hello(), timeout)?;
            let joined = Hearing::connect(options, timeout, verbose, console).await?;
            let lines = input::messages(io::stdin(), Layout::Lines, joined.2.peer.max_body());
            chat::chat(joined, lines, &arguments.chat(), console, interrupt()).await
        }
        Command::Send(arguments) => {
            let Waiting { timeout, verbose } = arguments.waiting;
            let options = arguments
                .joining
                .options(arguments.hello(), timeout)?
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
            let Waiting { timeout, verbose } = arguments.waiting;
            let options = arguments
                .joining
                .options(arguments.hello(), timeout)?
                .with_backoff((!arguments.once).then(Backoff::default));
            let joined = Hearing::connect(options, timeout, verbose, console).await?;
            listen::listen(joined, arguments.form(), arguments.count, console, interrupt()).await
        }
        Command::Ping(arguments) => {
            let hello = arguments.joining.hello_in(&PingArguments::room());
            let options = arguments.joining.options(hello, Some(arguments.timeout))?.with_backoff(None);
            let joined = Hearing::connect(options, None, arguments.verbose, console).await?;
            ping::ping(joined, &arguments, console, interrupt()).await
        }
        Command::Doctor(arguments) => doctor::doctor(&arguments, console, interrupt()).await,
        Command::Inspect(arguments) => match inspect::run(&arguments) {
            Exit::Well => Ok(()),
            exit => Err(Failure::Reported(exit)),
        },
        Command::Relay(arguments) => relay::relay(&arguments, console, interrupt()).await,
        Command::Admin(arguments) => admin::admin(&arguments, console, interrupt()).await,
        Command::Bench(arguments) => bench::bench(&arguments, console).await,
        Command::Completions(arguments) => print(console, manual::completions(&arguments, Arguments::command())).await,
        Command::Man(arguments) => match manual::man(&arguments, Arguments::command()) {
            Ok(written) => print(console, written).await,
            Err(error) => Err(Failure::Unusable(format!("man: {error}"))),
        },
        Command::Conform(arguments) => conform::conform(&arguments, console, interrupt()).await,
    }
}

async fn print(console: &Console, what: Vec<u8>) -> Result<(), Failure> {
    let _ = console.print(what).await; // nobody may read it
    Ok(())
}

async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// Reports a failure, waits for the output, and returns the exit code.
fn status(ended: Result<(), Failure>, console: Console) -> Exit {
    let (exit, timeout) = match &ended {
        Ok(()) => (Exit::Well, Duration::MAX),
        Err(Failure::Interrupted) => (Exit::Interrupted, LAST_WORDS),
        Err(failure) => (failure.exit(), Duration::MAX),
    };
    match &ended {
        Ok(()) | Err(Failure::Interrupted | Failure::Reported(_)) => {}
        Err(failure) => console.complain(format_args!("{failure}")),
    }
    if let Err(Failure::Connect(error)) = &ended {
        console.complain(format_args!("{}", error.fix()));
    }
    if !console.finish(timeout) && exit == Exit::Well { Exit::Fault } else { exit }
}

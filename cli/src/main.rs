//! The program `bookend`: chats, sends and listens over a hub, checks peers, and inspects captures.
//!
//! # Layout
//!
//! `arguments` is the command line. Each command has a module of the same name; `chat` on a terminal is `window`, and
//! `completions` and `man` are `manual`. The commands that join a room share `join` (their options), `input` (reads
//! messages in a thread), `receiver` (receives events), `room` (the members), `kept` (what the hub has kept) and `show` (prints messages). All commands
//! share `shutdown` (signals), `console` (writes the output in threads) and `output` (standard output), `failure` and `exit`, `stages` (reports times), `route` and `token`
//! (options of a connection), `colour` and `timespan`.

// `doctor`, `conform`, `inspect`, `relay` and `bench` only front the crates in `tools/`.

mod admin;
mod arguments;
mod bench;
mod chat;
mod colour;
mod conform;
mod console;
mod doctor;
mod exit;
mod export;
mod failure;
mod input;
mod inspect;
mod join;
mod kept;
mod listen;
mod manual;
mod output;
mod ping;
mod pointer;
mod receiver;
mod relay;
mod room;
mod route;
mod send;
mod show;
mod shutdown;
mod stages;
mod times;
mod timespan;
mod token;
mod window;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory;
use tokio::runtime::Builder;
use tokio::select;
use tokio::task::spawn_blocking;

use arguments::{Arguments, Command};
use console::Console;
use exit::Exit;
use failure::Failure;
use input::MessageFormat;
use join::TimeoutArguments;
use ping::PingArguments;
use receiver::Receiver;
use send::Source;
use shutdown::Shutdown;

/// How long to wait for the output after a signal.
const SIGNAL_TIMEOUT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let command = Arguments::read().command;
    let console = Console::standard();
    let started =
        Shutdown::new().and_then(|shutdown| Ok((shutdown, Builder::new_current_thread().enable_all().build()?)));
    let ended = match started {
        Ok((shutdown, runtime)) => {
            let ended = runtime.block_on(run(command, &console, shutdown));
            runtime.shutdown_background(); // the resolver may still be running
            ended
        }
        Err(error) => Err(Failure::System(error)),
    };
    ExitCode::from(status(ended, console).code())
}

async fn run(command: Command, console: &Console, shutdown: Shutdown) -> Result<(), Failure> {
    match command {
        Command::Chat(arguments) if arguments.wants_window() && window::is_possible() => {
            let hello = arguments.hello();
            let options = arguments.join.options(hello.clone(), arguments.waiting.timeout)?;
            window::chat(options, arguments.join.target.to_string(), &hello, shutdown.signal()).await
        }
        Command::Chat(arguments) => {
            let TimeoutArguments { timeout, verbose } = arguments.waiting;
            let options = arguments.join.options(arguments.hello(), timeout)?;
            let joined = Receiver::connect(options, timeout, verbose, console, shutdown.signal()).await?;
            let lines = input::messages(io::stdin(), MessageFormat::Lines, joined.2.peer.max_body());
            chat::chat(joined, lines, &arguments.options(), console, shutdown.signal()).await
        }
        Command::Send(arguments) => {
            let TimeoutArguments { timeout, verbose } = arguments.waiting;
            let options = arguments
                .join
                .options(arguments.hello(), timeout)?
                .with_backoff(arguments.backoff())
                .with_resend(arguments.resend);
            let joined =
                Receiver::connect(options, Some(arguments.reconnect_timeout()), verbose, console, shutdown.signal())
                    .await?;
            let messages = match arguments.source() {
                Source::Text(text) => input::one(text),
                Source::Input(format) => input::messages(io::stdin(), format, joined.2.peer.max_body()),
            };
            send::send(joined, messages, &arguments.options(), console, shutdown.signal()).await
        }
        Command::Listen(arguments) => listen::run(&arguments, console, &shutdown).await,
        Command::Export(arguments) => export::export(&arguments, console, &shutdown).await,
        Command::Ping(arguments) => {
            let hello = arguments.join.hello_in(&PingArguments::room());
            let options = arguments.join.options(hello, Some(arguments.timeout))?.with_backoff(None);
            let joined = Receiver::connect(options, None, arguments.verbose, console, shutdown.signal()).await?;
            ping::ping(joined, &arguments, console, shutdown.signal()).await
        }
        Command::Doctor(arguments) => doctor::doctor(&arguments, console, shutdown.signal()).await,
        Command::Inspect(arguments) => match in_thread(move || inspect::run(&arguments), &shutdown).await? {
            Exit::Success => Ok(()),
            exit => Err(Failure::Reported(exit)),
        },
        Command::Relay(arguments) => relay::relay(&arguments, console, shutdown.signal()).await,
        Command::Admin(arguments) => admin::admin(&arguments, console, shutdown.signal()).await,
        Command::Bench(arguments) => bench::bench(&arguments, console, shutdown.signal()).await,
        Command::Completions(arguments) => print(console, manual::completions(&arguments, Arguments::command())).await,
        Command::Man(arguments) => match manual::man(&arguments, Arguments::command()) {
            Ok(written) => print(console, written).await,
            Err(error) => Err(Failure::Unusable(format!("man: {error}"))),
        },
        Command::Conform(arguments) => conform::conform(&arguments, console, shutdown.signal()).await,
    }
}

async fn print(console: &Console, text: Vec<u8>) -> Result<(), Failure> {
    let _ = console.print(text).await; // the reader may have closed the output
    Ok(())
}

/// Runs what blocks in a thread, which a signal abandons.
async fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    shutdown: &Shutdown,
) -> Result<T, Failure> {
    select! {
        biased;
        signal = shutdown.signal() => Err(Failure::Signalled(signal)),
        done = spawn_blocking(work) => done.map_err(|error| Failure::System(error.into())),
    }
}

/// Reports a failure, waits for the output, and returns the exit code.
fn status(ended: Result<(), Failure>, console: Console) -> Exit {
    let (exit, timeout) = match &ended {
        Ok(()) => (Exit::Success, Duration::MAX),
        Err(failure @ Failure::Signalled(_)) => (failure.exit(), SIGNAL_TIMEOUT),
        Err(failure) => (failure.exit(), Duration::MAX),
    };
    match &ended {
        Ok(()) | Err(Failure::Signalled(_) | Failure::Reported(_)) => {}
        Err(failure) => console.error(format_args!("{failure}")),
    }
    if let Err(Failure::Connect(error)) = &ended {
        console.error(format_args!("{}", pointer::fix(error)));
    }
    for line in ended.as_ref().err().map(Failure::pointers).unwrap_or_default() {
        console.error(format_args!("{line}"));
    }
    if !console.finish(timeout) && exit == Exit::Success { Exit::Fault } else { exit }
}

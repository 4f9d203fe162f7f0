//! The program `bookend-server`: the hub as a daemon.
//!
//! `settings` reads and checks the settings, `listeners` listens on the configured addresses, `service` runs the hub.

mod address;
mod admin;
mod arguments;
mod bans;
mod binding;
mod certificates;
mod credentials;
mod descriptors;
mod exit;
mod exposed;
mod exposure;
mod history;
mod inherited;
mod listeners;
mod logging;
mod notice;
mod ready;
mod replace;
mod service;
mod settings;
mod signals;
mod systemd;
mod token;
mod warnings;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use credentials::Credentials;
use exit::WRONG_SETTINGS;
use inherited::Inherited;
use notice::complain;
use service::{Failure, Service};
use settings::{Fault, LoadedSettings, Sources};
use signals::Signals;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => return print_usage(&answer),
    };
    match &arguments.command {
        Some(Command::Token(token)) => return token::make(token),
        Some(Command::History(history)) => return history::run(history, &arguments.sources()),
        None => {}
    }
    let inherited = match Inherited::take() {
        Ok(inherited) => inherited,
        Err(reason) => {
            complain(&[reason]);
            return WRONG_SETTINGS.into();
        }
    };
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&[error]);
            return ExitCode::FAILURE;
        }
    };
    let status = runtime.block_on(run(&arguments, inherited));
    runtime.shutdown_background(); // without waiting, for instance for a name that is being looked up
    status
}

/// Prints what was asked for, such as `--help`, or why the arguments are wrong.
fn print_usage(answer: &clap::Error) -> ExitCode {
    match answer.print().and_then(|()| io::stdout().flush()) {
        Ok(()) if answer.use_stderr() => WRONG_SETTINGS.into(),
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn run(arguments: &Arguments, inherited: Inherited) -> ExitCode {
    let sources = arguments.sources();
    if arguments.check_config || arguments.print_config {
        return print_answer(&sources, arguments.print_config).await;
    }
    match serve(sources, inherited).await {
        Ok(status) => status.into(),
        Err(failure) => {
            complain(&failure.reasons);
            if failure.of_settings { WRONG_SETTINGS.into() } else { ExitCode::FAILURE }
        }
    }
}

/// Runs the hub. Returns the exit status.
async fn serve(sources: Sources, inherited: Inherited) -> Result<u8, Failure> {
    let mut signals = Signals::new().map_err(Failure::io)?;
    let service = tokio::select! {
        service = Service::start(sources, inherited) => service?,
        reason = signals.stop() => return Ok(reason.status()),
    };
    Ok(service.run(signals).await)
}

/// Checks that the hub can listen with these settings. Returns warnings.
async fn resolve(loaded: &LoadedSettings) -> Result<Vec<String>, Vec<Fault>> {
    bans::load(loaded).map_err(|fault| vec![fault])?;
    let credentials = Credentials::load(loaded)?;
    listeners::resolve(loaded, &credentials).await.map_err(|unresolved| unresolved.faults)?;
    let of_history = history::file::check(loaded).map_err(|fault| vec![fault])?;
    let doubtful = warnings::of(loaded, &credentials.access);
    Ok(doubtful.iter().map(ToString::to_string).chain(credentials.warnings()).chain(of_history).collect())
}

/// Answers `--check-config` or `--print-config`.
async fn print_answer(sources: &Sources, print: bool) -> ExitCode {
    let resolved = match sources.load() {
        Ok(loaded) => match (resolve(&loaded).await, admin::AdminSettings::resolve(&loaded).await) {
            (Ok(warnings), Ok(_)) => Ok((loaded, warnings)),
            (checked, admin) => Err([checked.err(), admin.err()].into_iter().flatten().flatten().collect()),
        },
        Err(faults) => Err(faults),
    };
    for (name, meant) in sources.misspelled() {
        complain(&[format!("{name} is not a setting and is ignored; did you mean {meant}?")]);
    }
    match resolved {
        Ok((loaded, warnings)) => {
            complain(&warnings.iter().map(|warning| format!("warning: {warning}")).collect::<Vec<_>>());
            let text = if print { settings::page(&loaded) } else { "ok\n".into() };
            match io::stdout().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            }
        }
        Err(faults) => {
            complain(&faults);
            WRONG_SETTINGS.into()
        }
    }
}

//! The program `bookend-server`: the hub as a daemon.
//!
//! `settings` reads and checks the settings, `listeners` listens on the configured addresses, `service` runs the hub.

mod address;
mod admin;
mod arguments;
mod bans;
mod credentials;
mod descriptors;
mod exit;
mod exposure;
mod listeners;
mod logging;
mod ready;
mod service;
mod settings;
mod signals;
mod systemd;
mod token;
mod warnings;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use credentials::Credentials;
use exit::{INTERRUPTED, WRONG_SETTINGS};
use service::{Outcome, Service};
use settings::{Fault, LoadedSettings, Sources};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Command::Token(arguments)) = &arguments.command {
        return token::make(arguments);
    }
    let sources = arguments.sources();
    if arguments.check_config || arguments.print_config {
        return print_answer(&sources, arguments.print_config).await;
    }
    let service = match Service::start(sources).await {
        Ok(service) => service,
        Err(failure) => {
            print_errors(&failure.reasons);
            return if failure.of_settings { WRONG_SETTINGS.into() } else { ExitCode::FAILURE };
        }
    };
    match service.run().await {
        Outcome::Graceful => ExitCode::SUCCESS,
        // Exits without waiting, for instance for a name that is being looked up.
        Outcome::AtOnce => std::process::exit(INTERRUPTED),
    }
}

/// Checks that the hub can listen with these settings. Returns what is allowed, and probably a mistake.
async fn resolve(loaded: &LoadedSettings) -> Result<Vec<Fault>, Vec<Fault>> {
    bans::load(loaded).map_err(|fault| vec![fault])?;
    let credentials = Credentials::load(loaded)?;
    listeners::resolve(loaded, &credentials).await?;
    Ok(warnings::of(loaded, &credentials.access))
}

/// Answers `--check-config` or `--print-config`.
async fn print_answer(sources: &Sources, print: bool) -> ExitCode {
    let resolved = match sources.load() {
        Ok(loaded) => match (resolve(&loaded).await, admin::AdminSettings::resolve(&loaded).await) {
            (Ok(warnings), Ok(_)) => Ok((loaded, warnings)),
            (listeners, admin) => Err([listeners.err(), admin.err()].into_iter().flatten().flatten().collect()),
        },
        Err(faults) => Err(faults),
    };
    for (name, meant) in sources.misspelled() {
        print_errors(&[format!("{name} is not a setting and is ignored; did you mean {meant}?")]);
    }
    match resolved {
        Ok((loaded, warnings)) => {
            print_errors(&warnings.iter().map(|warning| format!("warning: {warning}")).collect::<Vec<_>>());
            let text = if print { settings::page(&loaded) } else { "ok\n".into() };
            match io::stdout().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            }
        }
        Err(faults) => {
            print_errors(&faults);
            WRONG_SETTINGS.into()
        }
    }
}

fn print_errors(reasons: &[impl fmt::Display]) {
    for reason in reasons {
        eprintln!("bookend-server: {reason}");
    }
}

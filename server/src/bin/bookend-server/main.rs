//! The program `bookend-server`: a hub that is left running.
//!
//! Settings go one way: `settings` reads and judges them, `doors` listens where they say, and the hub gets its part.

mod admin;
mod arguments;
mod doors;
mod exposure;
mod keys;
mod logging;
mod place;
mod ready;
mod service;
mod settings;
mod signals;
mod systemd;
mod token;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use keys::Keys;
use service::{End, Service};
use settings::{Fault, Settled, Sources};

/// Wrong arguments or settings; the same as for arguments that clap refuses.
const WRONG_SETTINGS: u8 = 2;
/// What shells say of a program that was interrupted.
const INTERRUPTED: i32 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Command::Token(arguments)) = &arguments.command {
        return token::make(arguments);
    }
    let sources = arguments.sources();
    if arguments.check_config || arguments.print_config {
        return answer(&sources, arguments.print_config).await;
    }
    let service = match Service::start(sources).await {
        Ok(service) => service,
        Err(failure) => {
            complain(&failure.reasons);
            return if failure.of_settings { WRONG_SETTINGS.into() } else { ExitCode::FAILURE };
        }
    };
    match service.run().await {
        End::InGoodOrder => ExitCode::SUCCESS,
        // Nothing is waited for, such as a name that is being looked up.
        End::AtOnce => std::process::exit(INTERRUPTED),
    }
}

/// Can it listen with these settings?
async fn resolve(settled: &Settled) -> Result<(), Vec<Fault>> {
    let keys = Keys::load(settled)?;
    doors::resolve(settled, &keys).await.map(drop)
}

/// Says whether the settings are right, or which ones are in force.
async fn answer(sources: &Sources, print: bool) -> ExitCode {
    let resolved = match sources.settle() {
        Ok(settled) => match (resolve(&settled).await, admin::Wanted::resolve(&settled).await) {
            (Ok(()), Ok(_)) => Ok(settled),
            (doors, admin) => Err([doors.err(), admin.err()].into_iter().flatten().flatten().collect()),
        },
        Err(faults) => Err(faults),
    };
    for (name, meant) in sources.mistaken() {
        complain(&[format!("{name} is no setting, and ignored; did you mean {meant}?")]);
    }
    match resolved {
        Ok(settled) => {
            let text = if print { settings::page(&settled) } else { "ok\n".into() };
            match io::stdout().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_nobody_reads) => ExitCode::FAILURE,
            }
        }
        Err(faults) => {
            complain(&faults);
            WRONG_SETTINGS.into()
        }
    }
}

fn complain(reasons: &[impl fmt::Display]) {
    for reason in reasons {
        eprintln!("bookend-server: {reason}");
    }
}

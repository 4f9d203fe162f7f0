//! `bookend bench`: what does a hub carry, how fast, and is it all there?
//!
//! # Layout
//!
//! `arguments` is the command line, `load` does all the work.

mod arguments;
mod load;

use std::net::{SocketAddr, ToSocketAddrs};

use arguments::BenchArguments;
use clap::Args;
use load::{Member, Plan, Trouble};

use crate::console::Console;
use crate::receive::Failure;
use crate::stages::Stopwatch;
use crate::token::TokenArguments;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    arguments: BenchArguments,
    #[command(flatten)]
    token: TokenArguments,
}

/// Puts load on a hub, and tells what came of it. Nothing else is done meanwhile: an interrupt ends the program.
pub(crate) async fn bench(bench: &Bench, console: &Console) -> Result<(), Failure> {
    let Bench { arguments, token } = bench;
    let plan = match arguments.plan() {
        Ok(plan) => Plan { token: token.token().map(|token| token.as_bytes().to_vec()), ..plan },
        Err(why) => return complain(console, &why, crate::WRONG_ARGUMENT),
    };
    let mut watch = Stopwatch::new(console, arguments.verbose);
    let resolved = (arguments.address.host(), arguments.address.port()).to_socket_addrs();
    let addresses: Vec<SocketAddr> = match resolved {
        Ok(addresses) => addresses.collect(),
        Err(error) => return complain(console, &error, crate::NOT_CONNECTED),
    };
    watch.lap(format_args!("resolving {}", arguments.address.host()));
    let report = match load::run::<Member>(&plan, &addresses) {
        Ok(report) => report,
        Err(Trouble::System(error)) => return Err(Failure::System(error)),
        Err(trouble) => return complain(console, &trouble, crate::NOT_CONNECTED),
    };
    watch.lap("joining, publishing, receiving and leaving");
    let lines = if arguments.json {
        serde_json::to_string(&report).expect("it has names and numbers") + "\n"
    } else {
        report.to_string() + &if arguments.histogram { report.histogram() } else { String::new() }
    };
    // Who does not read on does not want to know.
    let _unread = console.print(lines.into_bytes()).await;
    if let Some(problem) = report.problem() {
        console.complain(format_args!("{}: {problem}", arguments.address));
    }
    if report.is_well() { Ok(()) } else { Err(Failure::Told(crate::FAULT)) }
}

fn complain(console: &Console, why: &dyn std::fmt::Display, status: u8) -> Result<(), Failure> {
    console.complain(format_args!("{why}"));
    Err(Failure::Told(status))
}

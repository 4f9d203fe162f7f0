//! The load of `bookend bench`, on a hub, on redis-server or on nats-server: the same driver, and the same verification.

#[path = "../../client/src/bin/bookend/bench/arguments.rs"]
mod arguments;
#[path = "../../client/src/bin/bookend/bench/load/mod.rs"]
mod load;
mod nats;
mod redis;

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use arguments::BenchArguments;
use clap::{Parser, ValueEnum};
use load::{Member, Report};

/// The same load on a Bookend hub, or on another server
#[derive(Debug, Parser)]
#[command(name = "bookend-rivals")]
struct Arguments {
    /// What the server speaks
    #[arg(long, value_enum)]
    protocol: Protocol,
    #[command(flatten)]
    bench: BenchArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Protocol {
    Bookend,
    Redis,
    Nats,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(report) => {
            if arguments.bench.json {
                println!("{}", serde_json::to_string(&report).expect("it has names and numbers"));
            } else {
                print!("{report}{}", if arguments.bench.histogram { report.histogram() } else { String::new() });
            }
            if let Some(problem) = report.problem() {
                eprintln!("bookend-rivals: {problem}");
            }
            ExitCode::from(u8::from(!report.is_well()))
        }
        Err(error) => {
            eprintln!("bookend-rivals: {error}");
            ExitCode::from(3)
        }
    }
}

fn run(arguments: &Arguments) -> Result<Report, String> {
    let plan = arguments.bench.plan()?;
    let address = &arguments.bench.address;
    let resolved = (address.host(), address.port()).to_socket_addrs().map_err(|error| error.to_string())?;
    let addresses: Vec<SocketAddr> = resolved.collect();
    let report = match arguments.protocol {
        Protocol::Bookend => load::run::<Member>(&plan, &addresses),
        Protocol::Redis => load::run::<redis::Subscriber>(&plan, &addresses),
        Protocol::Nats => load::run::<nats::Subscriber>(&plan, &addresses),
    };
    report.map_err(|trouble| trouble.to_string())
}

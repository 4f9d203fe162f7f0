//! The load of `bookend bench` on a hub, on redis-server or on nats-server, with the same driver and the same verification.

mod nats;
mod redis;

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use bookend_load::{LoadArguments, Member, Report};
use clap::{Parser, ValueEnum};

const EXIT_CODES: &str = "\
Exit codes:
  0  every delivery arrived exactly once, in order, and as published
  1  a delivery was lost, doubled, reordered or damaged
  2  a wrong option or argument
  3  not all members could join";

/// Put the same load on a Bookend hub, on redis-server or on nats-server
#[derive(Debug, Parser)]
#[command(name = "bookend-rivals", after_help = EXIT_CODES)]
struct Arguments {
    /// Protocol of the server
    #[arg(long, value_enum)]
    protocol: Protocol,
    /// Address of the server
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:3990")]
    address: String,
    #[command(flatten)]
    load: LoadArguments,
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
            if arguments.load.json {
                println!("{}", serde_json::to_string(&report).expect("a report has string keys"));
            } else {
                print!("{report}{}", if arguments.load.histogram { report.histogram_table() } else { String::new() });
            }
            if let Some(problem) = &report.problem {
                eprintln!("bookend-rivals: {problem}");
            }
            ExitCode::from(u8::from(!report.passed()))
        }
        Err(error) => {
            eprintln!("bookend-rivals: {error}");
            ExitCode::from(3)
        }
    }
}

fn run(arguments: &Arguments) -> Result<Report, String> {
    let plan = arguments.load.plan()?;
    let resolved = arguments.address.to_socket_addrs().map_err(|error| format!("{}: {error}", arguments.address))?;
    let addresses: Vec<SocketAddr> = resolved.collect();
    let report = match arguments.protocol {
        Protocol::Bookend => bookend_load::run::<Member>(&plan, &addresses),
        Protocol::Redis => bookend_load::run::<redis::Subscriber>(&plan, &addresses),
        Protocol::Nats => bookend_load::run::<nats::Subscriber>(&plan, &addresses),
    };
    report.map_err(|error| error.to_string())
}

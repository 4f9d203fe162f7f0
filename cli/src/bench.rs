//! `bookend bench`: puts load on a hub.

use std::net::{SocketAddr, ToSocketAddrs};

use bookend_client::Address;
use bookend_load::{LoadArguments, LoadError, Member, Plan, run};
use clap::Args;
use tokio::select;
use tokio::task::spawn_blocking;

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::shutdown::Signal;
use crate::stages::Stopwatch;
use crate::token::TokenArguments;

const EXIT_CODES: &str = "\
Exit codes:
  0      every delivery arrived once, in order and unchanged
  1      a delivery was lost, repeated, reordered or changed
  2      invalid option or argument
  3      not all members could join
  128+N  ended by signal N";

/// Put load on a hub, verify every delivery, and measure it
///
/// Members join one room, and some of them publish. The load runs in a single thread: on another core than the hub it
/// does not slow the hub down, and over a network it shows what one machine can observe.
///
/// By default a hub reads at most 10,000 messages and 8 MiB per second from a member. To measure what it is capable of,
/// start it with `--set limits.messages_per_second=0 --set limits.bytes_per_second=0`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct BenchArguments {
    /// The hub: HOST:PORT
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:3990")]
    address: Address,
    #[command(flatten)]
    load: LoadArguments,
    #[command(flatten)]
    token: TokenArguments,
}

/// Puts load on a hub from a thread, and reports the result.
pub(crate) async fn bench(
    arguments: &BenchArguments,
    console: &Console,
    shutdown: impl Future<Output = Signal>,
) -> Result<(), Failure> {
    let BenchArguments { address, load, token } = arguments;
    let plan = load.plan().map_err(|why| Failure::wrong_argument(console, why))?;
    let plan = Plan { token: token.token().map(|token| token.as_bytes().to_vec()), ..plan };
    let mut watch = Stopwatch::new(console, load.verbose);
    let resolved = (address.host(), address.port()).to_socket_addrs();
    let addresses: Vec<SocketAddr> = resolved.map_err(|error| Failure::not_connected(console, error))?.collect();
    watch.lap(format_args!("resolving {}", address.host()));
    let run = select! {
        biased;
        signal = shutdown => return Err(Failure::Signalled(signal)),
        run = spawn_blocking(move || run::<Member>(&plan, &addresses)) => run,
    };
    let report = match run.map_err(|error| Failure::System(error.into()))? {
        Ok(report) => report,
        Err(LoadError::System(error)) => return Err(Failure::System(error)),
        Err(error) => return Err(Failure::not_connected(console, error)),
    };
    watch.lap("join, publishing, receiving and leaving");
    let lines = if load.json {
        serde_json::to_string(&report).expect("it has names and numbers") + "\n"
    } else {
        report.to_string() + &if load.histogram { report.histogram_table() } else { String::new() }
    };
    let _ = console.print(lines.into_bytes()).await; // the reader may have closed the output
    if let Some(problem) = &report.problem {
        console.error(format_args!("{address}: {problem}"));
    }
    if report.passed() { Ok(()) } else { Err(Failure::Reported(Exit::Fault)) }
}

//! The program `bookend-server`: a hub on one port or more.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use bookend_server::{Address, Config, Hub, Listener};
use clap::Parser;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tracing_subscriber::filter::LevelFilter;

/// The exit code of who is told twice to end.
const INTERRUPTED: u8 = 130;

const ENDING: &str = "\
SIGINT (ctrl-c) or SIGTERM tells every member that the hub goes away, and ends it when they have gone, with exit code 0.
A second one ends it at once, with exit code 130.";

/// A hub: framed peers and telnet users in one room, on one port.
#[derive(Debug, Parser)]
#[command(version, after_help = ENDING)]
struct Arguments {
    /// Where to listen; the port is a number, 0 for any that is free, or the name of a service
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:3990")]
    listen: Vec<Address>,
    /// Listen on addresses that other machines can reach: there is neither encryption nor authentication
    #[arg(long)]
    public: bool,
    /// What to log on standard error: off, error, warn, info, debug
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(arguments.log).with_target(false).init();
    match run(&arguments).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bookend-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut orders = Orders::new()?;
    let mut listeners = Vec::new();
    for address in &arguments.listen {
        let addresses = address.resolve().await?;
        if let Some(address) = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback())
            && !arguments.public
        {
            return Err(format!("{address} can be reached by other machines: --public allows it").into());
        }
        listeners.extend(bind(&addresses).await?);
    }
    for listener in &listeners {
        announce(listener.address())?;
    }
    let hub = Hub::new(Config::default());
    let mut doors = JoinSet::new();
    for listener in listeners {
        doors.spawn(listener.run(hub.clone()));
    }
    orders.next().await?;
    tracing::info!("shut-down");
    doors.shutdown().await;
    tokio::select! {
        _farewell = hub.shut_down() => Ok(ExitCode::SUCCESS),
        again = orders.next() => {
            again?;
            tracing::warn!("shut-down-at-once");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// The orders to end: SIGINT and SIGTERM, or ctrl-c where there are no signals.
#[cfg(unix)]
struct Orders(Signal, Signal);

#[cfg(unix)]
impl Orders {
    fn new() -> io::Result<Orders> {
        Ok(Orders(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    async fn next(&mut self) -> io::Result<()> {
        tokio::select! {
            _ = self.0.recv() => Ok(()),
            _ = self.1.recv() => Ok(()),
        }
    }
}

#[cfg(not(unix))]
struct Orders;

#[cfg(not(unix))]
impl Orders {
    fn new() -> io::Result<Orders> {
        Ok(Orders)
    }

    async fn next(&mut self) -> io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}

/// Listens on the addresses of one host: on some of them at least, as `localhost` may stand for one that is not there.
async fn bind(addresses: &[SocketAddr]) -> Result<Vec<Listener>, String> {
    let (mut listeners, mut refusals) = (Vec::new(), Vec::new());
    for &address in addresses {
        match Listener::bind(address).await {
            Ok(listener) => listeners.push(listener),
            Err(error) => refusals.push(format!("{address}: {error}")),
        }
    }
    if listeners.is_empty() {
        return Err(refusals.join(", "));
    }
    for refusal in refusals {
        tracing::warn!(detail = refusal, "listen-failed");
    }
    Ok(listeners)
}

/// Says where the hub listens, and how to join.
fn announce(address: SocketAddr) -> io::Result<()> {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let (port, join) = (address.port(), SocketAddr::new(host, address.port()));
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "listening on {address} - join: telnet {host} {port}   or: cargo run --release -p bookend-client -- chat {join}"
    )?;
    out.flush()
}

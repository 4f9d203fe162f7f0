//! The route to a server: the resolver and TCP to each address, then TLS; or a proxy.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bookend_client::{Address, ConnectError, ConnectStep, Dial, Dialler, Stage as DialStage};
use futures_util::future::join_all;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{self, Instant};

use super::report::{Finding, ProgressClosed, Report, Row, Stage, milliseconds};
use super::route::Route;

/// The number of addresses that are tried.
const MAX_ADDRESSES: usize = 8;

/// The route to a server, if one is found. Each step is a row, and may take as long as `timeout`.
pub(super) async fn reach(
    dialler: Dialler,
    timeout: impl Fn() -> Duration,
    report: &mut Report<'_>,
) -> Result<Option<Route>, ProgressClosed> {
    let direct = dialler.target().address().filter(|_| dialler.proxy().is_none()).cloned();
    if let Some(address) = direct {
        let (row, addresses) = resolve(&address, timeout()).await;
        report.stage(format!("resolving {}", address.host())).await?;
        report.row(row).await?;
        let (rows, first) = connect(&addresses, timeout()).await;
        report.stage("connecting").await?;
        for row in rows {
            report.row(row).await?;
        }
        match first {
            Some(first) if !dialler.target().is_tls() => return Ok(Some(Route::Tcp(first))),
            Some(_) => {}
            None => return Ok(None),
        }
    }
    let (row, route) = through(dialler, timeout()).await;
    report.stage(row.check).await?;
    report.row(row).await?;
    Ok(route)
}

/// Connects by TLS, a proxy or a Unix socket: one row for all of it.
async fn through(mut dialler: Dialler, timeout: Duration) -> (Row, Option<Route>) {
    let (start, place) = (Instant::now(), dialler.target().clone());
    let mut last = None;
    let dialled = time::timeout(timeout, dialler.dial(&mut |step| last = Some(step))).await;
    let dialled = dialled.unwrap_or_else(|_| {
        let step = last.unwrap_or_else(|| ConnectStep::Opening(place.to_string()));
        Err(ConnectError::TimedOut { target: place.clone(), step: step.into(), timeout })
    });
    match dialled {
        Ok(_) => {
            let time = milliseconds(start.elapsed());
            let (check, seen) = match (dialler.proxy(), place.is_tls()) {
                (Some(proxy), true) => ("tls", format!("{place}: TLS handshake through {proxy} in {time}")),
                (Some(proxy), false) => ("proxy", format!("{proxy} connected to {place} in {time}")),
                (None, true) => ("tls", format!("{place}: TLS handshake in {time}, and its certificate is trusted")),
                (None, false) => ("unix", format!("{place} connected in {time}")),
            };
            (Row::new(Stage::Reach, check, "", "", Finding::ok(seen)), Some(Route::Dialler(dialler.into())))
        }
        Err(error) => {
            let check = match error.stage() {
                DialStage::Resolve => "resolve",
                DialStage::Tcp if place.path().is_some() => "unix",
                DialStage::Tcp => "tcp",
                DialStage::Proxy => "proxy",
                _ => "tls",
            };
            let finding = Finding::fails(error.to_string()).named(error.name()).with_fix(error.fix());
            (Row::new(Stage::Reach, check, "", "", finding), None)
        }
    }
}

/// The addresses of a host.
async fn resolve(address: &Address, timeout: Duration) -> (Row, Vec<SocketAddr>) {
    let (finding, mut addresses) = match time::timeout(timeout, lookup_host((address.host(), address.port()))).await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in found {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            let shown = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
            let finding = if addresses.is_empty() {
                Finding::fails(format!("{} has no address", address.host()))
            } else {
                Finding::ok(format!("{} is {shown}", address.host()))
            };
            (finding, addresses)
        }
        Ok(Err(error)) => (Finding::fails(format!("{}: {error}", address.host())), Vec::new()),
        Err(_) => {
            let seen = format!("{}: no answer from the resolver within {:.1} s", address.host(), timeout.as_secs_f64());
            (Finding::fails(seen), Vec::new())
        }
    };
    addresses.truncate(MAX_ADDRESSES);
    let fix = "check the name, or use an address such as 127.0.0.1, which needs no resolver";
    (Row::new(Stage::Reach, "resolve", "", fix, finding), addresses)
}

/// Tries every address: a row for each, and the first address that accepts.
async fn connect(addresses: &[SocketAddr], timeout: Duration) -> (Vec<Row>, Option<SocketAddr>) {
    let tried = join_all(addresses.iter().map(|address| dial(*address, timeout))).await;
    let first = addresses.iter().zip(&tried).find(|(_, result)| result.is_ok()).map(|(address, _)| *address);
    let rows = addresses.iter().zip(tried).map(|(address, result)| {
        let finding = match result {
            Ok(time) => Finding::ok(format!("{address} connected in {}", milliseconds(time))),
            Err(error) => {
                let (name, fix) = explained(&error);
                let seen = format!("{address}: {name}: {error}");
                // If another address accepts, clients merely connect more slowly.
                let finding = if first.is_some() { Finding::warns(seen) } else { Finding::fails(seen) };
                finding.named(name).with_fix(fix)
            }
        };
        Row::new(Stage::Reach, "tcp", "", "", finding)
    });
    (rows.collect(), first)
}

async fn dial(address: SocketAddr, timeout: Duration) -> io::Result<Duration> {
    let start = Instant::now();
    match time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(connected) => connected.map(|_| start.elapsed()),
        Err(_) => {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {:.1} s", timeout.as_secs_f64())))
        }
    }
}

/// The name of a failure to connect, and a possible fix.
fn explained(error: &io::Error) -> (&'static str, &'static str) {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            ("connection-refused", "nothing listens there: is the server running, on this address and port?")
        }
        io::ErrorKind::TimedOut => (
            "timed-out",
            "nothing answers: does a firewall drop the packets, or has the server stopped accepting connections?",
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            ("unreachable", "there is no route to it: is the network up, and the address right?")
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            ("connection-reset", "something on the way resets the connection: is it a firewall?")
        }
        _ => ("io", "is the network up?"),
    }
}

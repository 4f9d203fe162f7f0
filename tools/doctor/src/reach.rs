//! From a name to a connection: the resolver, and TCP to each address; then TLS, or a proxy before that.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bookend_client::{Address, ConnectError, ConnectStep, Dial, Dialler, Stage as Came};
use futures_util::future::join_all;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::report::{Finding, Report, Row, Stage, Unread};
use super::way::Way;

/// More addresses than this are not tried.
const MAX_ADDRESSES: usize = 8;

/// The way to a server, if there is one. Each step of it is a row, and may take `patience`.
pub(super) async fn reach(
    dialler: Dialler,
    patience: impl Fn() -> Duration,
    report: &mut Report<'_>,
) -> Result<Option<Way>, Unread> {
    let direct = dialler.target().address().filter(|_| dialler.proxy().is_none()).cloned();
    if let Some(address) = direct {
        let (row, addresses) = resolve(&address, patience()).await;
        report.stage(format!("resolving {}", address.host())).await?;
        report.row(row).await?;
        let (rows, first) = connect(&addresses, patience()).await;
        report.stage("connecting").await?;
        for row in rows {
            report.row(row).await?;
        }
        match first {
            Some(first) if !dialler.target().is_tls() => return Ok(Some(Way::Dial(first))),
            Some(_) => {}
            None => return Ok(None),
        }
    }
    let (row, way) = through(dialler, patience()).await;
    report.stage(row.check).await?;
    report.row(row).await?;
    Ok(way)
}

/// The last step where there is more than TCP: one row for all that this program does not do itself.
async fn through(mut dialler: Dialler, patience: Duration) -> (Row, Option<Way>) {
    let (start, place) = (Instant::now(), dialler.target().clone());
    let mut last = None;
    let dialled = timeout(patience, dialler.dial(&mut |step| last = Some(step))).await;
    let dialled = dialled.unwrap_or_else(|_| {
        let step = last.unwrap_or_else(|| ConnectStep::Opening(place.to_string()));
        Err(ConnectError::TimedOut { target: place.clone(), step: step.into(), timeout: patience })
    });
    match dialled {
        Ok(_) => {
            let time = milliseconds(start.elapsed());
            let (check, seen) = match (dialler.proxy(), place.is_tls()) {
                (Some(proxy), true) => ("tls", format!("{place} shakes hands by {proxy} in {time}")),
                (Some(proxy), false) => ("proxy", format!("{proxy} connects to {place} in {time}")),
                (None, true) => ("tls", format!("{place} shakes hands in {time}, and its certificate is trusted")),
                (None, false) => ("unix", format!("{place} connected in {time}")),
            };
            (Row::new(Stage::Reach, check, "", "", Finding::ok(seen)), Some(Way::Through(dialler.into())))
        }
        Err(error) => {
            let check = match error.stage() {
                Came::Resolve => "resolve",
                Came::Tcp if place.path().is_some() => "unix",
                Came::Tcp => "tcp",
                Came::Proxy => "proxy",
                _ => "tls",
            };
            let finding = Finding::fails(error.to_string()).named(error.name()).with_fix(error.fix());
            (Row::new(Stage::Reach, check, "", "", finding), None)
        }
    }
}

/// The addresses that a host has.
async fn resolve(address: &Address, patience: Duration) -> (Row, Vec<SocketAddr>) {
    let (finding, mut addresses) = match timeout(patience, lookup_host((address.host(), address.port()))).await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in found {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            let shown = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
            let finding = if addresses.is_empty() {
                Finding::fails(format!("{} has no addresses", address.host()))
            } else {
                Finding::ok(format!("{} is {shown}", address.host()))
            };
            (finding, addresses)
        }
        Ok(Err(error)) => (Finding::fails(format!("{}: {error}", address.host())), Vec::new()),
        Err(_) => {
            let seen =
                format!("{}: no answer from the resolver within {:.1} s", address.host(), patience.as_secs_f64());
            (Finding::fails(seen), Vec::new())
        }
    };
    addresses.truncate(MAX_ADDRESSES);
    let fix = "is the name right? a number such as 127.0.0.1 needs no resolver";
    (Row::new(Stage::Reach, "resolve", "", fix, finding), addresses)
}

/// Tries each address; a row for each, and the first that answers.
async fn connect(addresses: &[SocketAddr], patience: Duration) -> (Vec<Row>, Option<SocketAddr>) {
    let tried = join_all(addresses.iter().map(|address| dial(*address, patience))).await;
    let first = addresses.iter().zip(&tried).find(|(_, result)| result.is_ok()).map(|(address, _)| *address);
    let rows = addresses.iter().zip(tried).map(|(address, result)| {
        let finding = match result {
            Ok(time) => Finding::ok(format!("{address} connected in {}", milliseconds(time))),
            Err(error) => {
                let (name, fix) = explained(&error);
                let seen = format!("{address}: {name}: {error}");
                // With another address that answers, clients are slower and nothing else.
                let finding = if first.is_some() { Finding::warns(seen) } else { Finding::fails(seen) };
                finding.named(name).with_fix(fix)
            }
        };
        Row::new(Stage::Reach, "tcp", "", "", finding)
    });
    (rows.collect(), first)
}

async fn dial(address: SocketAddr, patience: Duration) -> io::Result<Duration> {
    let start = Instant::now();
    match timeout(patience, TcpStream::connect(address)).await {
        Ok(connected) => connected.map(|_| start.elapsed()),
        Err(_) => {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {:.1} s", patience.as_secs_f64())))
        }
    }
}

/// What a failure to connect is called, and what may fix it.
fn explained(error: &io::Error) -> (&'static str, &'static str) {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            ("connection-refused", "nobody listens there: is the server running, and on this address and port?")
        }
        io::ErrorKind::TimedOut => {
            ("timed-out", "nothing answers: does a firewall drop the packets, or does the server not accept any more?")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            ("unreachable", "there is no way there: is the network up, and the address right?")
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            ("connection-reset", "something in between cuts the connection: is it a firewall?")
        }
        _ => ("io", "is the network up?"),
    }
}

/// A time as rows show it.
pub(super) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

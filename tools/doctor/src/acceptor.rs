//! Connections from a peer that is a client.

use std::cell::Cell;
use std::io;
use std::process::Stdio;

use bookend_client::Stream;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::{Instant, timeout_at};

use super::reached::{Reached, Started};
use super::side::Side;

/// Waits for a client, or starts one for each connection.
pub enum Acceptor {
    /// It connects by itself to this listener, once for each check.
    Waits(TcpListener),
    /// It is this program, started once for each check; `{port}` and `{address}` in its arguments become the port and
    /// the address to connect to.
    Starts {
        /// The program and its arguments.
        command: Vec<String>,
        /// True if it was started before: its standard error is shown only once.
        again: Cell<bool>,
    },
}

/// What stands for the port, and for host and port.
const PORT: &str = "{port}";
const ADDRESS: &str = "{address}";

impl Acceptor {
    /// A client that `command` starts.
    pub fn starting(command: &[String]) -> Acceptor {
        Acceptor::Starts { command: command.to_vec(), again: Cell::new(false) }
    }

    /// True if an argument of `command` contains `{port}` or `{address}`.
    pub fn says_where(command: &[String]) -> bool {
        command.iter().any(|word| word.contains(PORT) || word.contains(ADDRESS))
    }

    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Acceptor::Waits(_))
    }

    pub(super) async fn accept(&self, deadline: Instant) -> io::Result<Reached> {
        let started; // its listener is for one connection
        let (listener, process) = match self {
            Acceptor::Waits(listener) => (listener, None),
            Acceptor::Starts { command, again } => {
                started = TcpListener::bind("127.0.0.1:0").await?;
                let process = start(command, &started, again.replace(true))?;
                (&started, Some(process))
            }
        };
        let accepted = timeout_at(deadline, listener.accept()).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
        let stream = accepted?.0;
        stream.set_nodelay(true)?; // what is sent apart is to arrive apart
        Ok(Reached { stream: Stream::new(stream), side: Side::Client, process })
    }
}

fn start(command: &[String], listener: &TcpListener, quiet: bool) -> io::Result<Started> {
    let address = listener.local_addr()?;
    let (port, address) = (address.port().to_string(), address.to_string());
    let mut words = command.iter().map(|word| word.replace(PORT, &port).replace(ADDRESS, &address));
    let program = words.next().ok_or(io::ErrorKind::InvalidInput)?;
    // Its input stays open: who reads lines to send is not to end before it is told to.
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
    if quiet {
        command.stderr(Stdio::null());
    }
    Ok(Started::new(command.spawn()?))
}

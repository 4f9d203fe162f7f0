//! Connections from a peer that is a client.

use std::cell::Cell;
use std::io;
use std::process::Stdio;

use bookend_client::Stream;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::{Instant, timeout_at};

use super::peer_stream::{PeerProcess, PeerStream};
use super::side::Side;

/// Accepts the connections of a client under test, one for each check.
pub struct Acceptor(Source);

/// Where connections come from.
enum Source {
    /// The client connects to this listener by itself.
    Listener(TcpListener),
    /// This program is started for each connection.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
        /// True if it was started before. Its standard error is shown only once.
        was_started: Cell<bool>,
    },
}

/// The placeholder for the port.
const PORT: &str = "{port}";
/// The placeholder for host and port.
const ADDRESS: &str = "{address}";

impl Acceptor {
    /// Accepts a client that connects to `listener` by itself, once for each check.
    pub fn from_listener(listener: TcpListener) -> Acceptor {
        Acceptor(Source::Listener(listener))
    }

    /// Starts `command`, a program and its arguments, for each check. The placeholders `{port}` and `{address}` in the
    /// arguments become the port, or the host and port, to connect to.
    pub fn from_command(command: &[String]) -> Acceptor {
        Acceptor(Source::Command { command: command.to_vec(), was_started: Cell::new(false) })
    }

    /// True if an argument of `command` contains `{port}` or `{address}`.
    pub fn has_placeholder(command: &[String]) -> bool {
        command.iter().any(|word| word.contains(PORT) || word.contains(ADDRESS))
    }

    /// True if all checks share one listener, so that only one can have a connection at a time.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.0, Source::Listener(_))
    }

    pub(super) async fn accept(&self, deadline: Instant) -> io::Result<PeerStream> {
        let own_listener; // for this connection only
        let (listener, process) = match &self.0 {
            Source::Listener(listener) => (listener, None),
            Source::Command { command, was_started } => {
                own_listener = TcpListener::bind("127.0.0.1:0").await?;
                let process = start(command, &own_listener, was_started.replace(true))?;
                (&own_listener, Some(process))
            }
        };
        let accepted = timeout_at(deadline, listener.accept()).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
        let stream = accepted?.0;
        stream.set_nodelay(true)?; // separate writes should arrive separately
        Ok(PeerStream { stream: Stream::new(stream), side: Side::Client, process })
    }
}

fn start(command: &[String], listener: &TcpListener, quiet: bool) -> io::Result<PeerProcess> {
    let address = listener.local_addr()?;
    let (port, address) = (address.port().to_string(), address.to_string());
    let mut words = command.iter().map(|word| word.replace(PORT, &port).replace(ADDRESS, &address));
    let program = words.next().ok_or(io::ErrorKind::InvalidInput)?;
    // Standard input stays open: a client that reads lines to send would exit at its end.
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
    if quiet {
        command.stderr(Stdio::null());
    }
    Ok(PeerProcess::new(command.spawn()?))
}

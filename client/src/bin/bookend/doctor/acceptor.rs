//! Connections from a peer that is a client.

use std::cell::Cell;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use bookend_client::Stream;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use super::subject::{Reached, Side};

/// Waits for a client, or starts one for each connection.
pub(crate) enum Acceptor {
    /// It comes by itself, again and again.
    Waits(TcpListener),
    /// By a program; `{port}` and `{address}` in its arguments become what it is to connect to.
    Starts {
        command: Vec<String>,
        /// It was started before: only once its complaints are shown.
        again: Cell<bool>,
    },
}

/// How long a client that was started has to end by itself, once its connection is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// A client that was started for one connection: it may end by itself, and has to end.
#[derive(Debug)]
pub(super) struct Started(Option<Child>);

impl Started {
    /// The number of the process, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.0.as_ref()?.id()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let (Some(mut child), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            drop(child.stdin.take());
            // Nobody waits for it: the next check begins meanwhile. Behind the time it is killed as it is dropped.
            runtime.spawn(async move {
                let _ended = timeout(FAREWELL, child.wait()).await;
            });
        }
    }
}

/// What stands for the port, and for host and port.
const PORT: &str = "{port}";
const ADDRESS: &str = "{address}";

impl Acceptor {
    pub(crate) fn starting(command: &[String]) -> Acceptor {
        Acceptor::Starts { command: command.to_vec(), again: Cell::new(false) }
    }

    /// Can an argument of the command say where to connect to?
    pub(crate) fn says_where(command: &[String]) -> bool {
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
    Ok(Started(Some(command.spawn()?)))
}

//! Connections from a peer that is a client.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use bookend_client::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::select;
use tokio::time::{Instant, timeout_at};

use super::peer_stream::{PeerProcess, PeerStream};
use super::side::Side;

/// Accepts the connections of a client under test, one for each check.
pub struct Acceptor {
    source: Source,
    start_timeout: Duration,
    /// The program is a chat.
    chat: bool,
}

/// How long a program may take to start: an interpreter on a busy machine takes seconds.
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Where connections come from.
enum Source {
    /// The client connects to this listener by itself.
    Listener {
        listener: TcpListener,
        /// True if it has connected before.
        was_reached: Cell<bool>,
    },
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
        Acceptor::new(Source::Listener { listener, was_reached: Cell::new(false) })
    }

    /// Starts `command`, a program and its arguments, for each check. The placeholders `{port}` and `{address}` in the
    /// arguments become the port, or the host and port, to connect to.
    pub fn from_command(command: &[String]) -> Acceptor {
        Acceptor::new(Source::Command { command: command.to_vec(), was_started: Cell::new(false) })
    }

    fn new(source: Source) -> Acceptor {
        Acceptor { source, start_timeout: START_TIMEOUT, chat: false }
    }

    /// The program that is started is a chat: it sends each line of its standard input, which is UTF-8, and prints what
    /// it receives. What it prints is tested, too.
    #[must_use]
    pub fn with_chat(mut self, chat: bool) -> Acceptor {
        self.chat = chat;
        self
    }

    /// True if the program is a chat.
    pub(super) fn is_chat(&self) -> bool {
        self.chat
    }

    /// Sets how long a client may take until it has connected and its first byte has arrived: 60 s by default. It holds
    /// for a program that is started, as long as it runs, and for the first connection of a client that connects by
    /// itself.
    #[must_use]
    pub fn with_start_timeout(mut self, start_timeout: Duration) -> Acceptor {
        self.start_timeout = start_timeout;
        self
    }

    /// True if an argument of `command` contains `{port}` or `{address}`.
    pub fn has_placeholder(command: &[String]) -> bool {
        command.iter().any(|word| word.contains(PORT) || word.contains(ADDRESS))
    }

    /// True if all checks share one listener, so that only one can have a connection at a time.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.source, Source::Listener { .. })
    }

    /// The next connection, once its first byte has arrived: from then on, what it does not do in time is a fault.
    pub(super) async fn accept(&self, deadline: Instant) -> io::Result<PeerStream> {
        let start_deadline = deadline.max(Instant::now() + self.start_timeout);
        let own_listener; // for this connection only
        let (stream, process) = match &self.source {
            Source::Listener { listener, was_reached } => {
                let deadline = if was_reached.replace(true) { deadline } else { start_deadline };
                (timeout_at(deadline, first_byte(listener)).await.unwrap_or_else(|_| late())?, None)
            }
            Source::Command { command, was_started } => {
                own_listener = TcpListener::bind("127.0.0.1:0").await?;
                let mut process = start(command, &own_listener, was_started.replace(true), self.chat)?;
                let mut connecting = pin!(timeout_at(start_deadline, first_byte(&own_listener)));
                let connected = select! {
                    biased;
                    connected = &mut connecting => connected,
                    // Its children may still connect.
                    () = process.ended() => timeout_at(deadline, connecting).await.unwrap_or_else(|_| Ok(late())),
                };
                (connected.unwrap_or_else(|_| late())?, Some(process))
            }
        };
        stream.set_nodelay(true)?; // separate writes should arrive separately
        Ok(PeerStream { stream: Stream::new(stream), side: Side::Client, process })
    }
}

fn late() -> io::Result<TcpStream> {
    Err(io::ErrorKind::TimedOut.into())
}

/// Accepts a connection, and waits for its first byte or its end.
async fn first_byte(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.peek(&mut [0]).await?;
    Ok(stream)
}

fn start(command: &[String], listener: &TcpListener, quiet: bool, chat: bool) -> io::Result<PeerProcess> {
    let address = listener.local_addr()?;
    let (port, address) = (address.port().to_string(), address.to_string());
    let mut words = command.iter().map(|word| word.replace(PORT, &port).replace(ADDRESS, &address));
    let program = words.next().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    let output = if chat { Stdio::piped() } else { Stdio::null() };
    command.args(words).stdin(Stdio::piped()).stdout(output).kill_on_drop(true);
    if quiet {
        command.stderr(Stdio::null());
    }
    Ok(PeerProcess::new(command.spawn()?))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// What comes of a client that bash runs, if its check may wait no longer.
    async fn accepted(script: &str, start_timeout: Duration) -> Result<PeerStream, io::ErrorKind> {
        let command = ["bash", "-c", script].map(str::to_owned);
        let acceptor = Acceptor::from_command(&command).with_start_timeout(start_timeout);
        acceptor.accept(Instant::now()).await.map_err(|error| error.kind())
    }

    #[tokio::test]
    async fn client_that_starts_slowly_has_time_while_it_runs() {
        let minute = Duration::from_secs(60);
        let slow = "sleep 0.2; exec 3<>/dev/tcp/127.0.0.1/{port}; sleep 0.2; printf x >&3; read";
        assert!(accepted(slow, minute).await.is_ok());
        let start = Instant::now();
        let late = accepted("exec sleep 30", Duration::from_millis(10)).await;
        assert_eq!(late.err(), Some(io::ErrorKind::TimedOut), "the time is limited");
        assert_eq!(accepted("exit 1", minute).await.err(), Some(io::ErrorKind::TimedOut), "it runs no more");
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}

//! The relay: accepts connections, and connects each to the target.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use bookend_inspect::{Output, Side, Watch};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio::{select, try_join};

use super::chance::Chance;
use super::event::Event;
use super::impairer::Impairer;
use super::impairment::Impairment;
use super::pump::{Broken, Pump};
use super::reporter::Reporter;

/// How long connecting to the target may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Forwards connections to a target, reports what passes, and impairs it.
#[derive(Clone, Debug)]
pub struct Relay {
    target: (String, u16),
    join: Option<Duration>,
    client: Impairment,
    server: Impairment,
    chance: Chance,
    output: Option<Output>,
}

impl Relay {
    /// A relay to a host and a port. It changes nothing, and reports packets and frames as plain text without colours.
    pub fn new(host: impl Into<String>, port: u16) -> Relay {
        Relay {
            target: (host.into(), port),
            join: None,
            client: Impairment::default(),
            server: Impairment::default(),
            chance: Chance::new(0),
            output: Some(Output::Plain { colored: false, hex: false }),
        }
    }

    /// Sets the seed of all random choices, 0 by default. The same seed, impairments and bytes give the same bytes on the
    /// other side.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Relay {
        Relay { chance: Chance::new(seed), ..self }
    }

    /// Joins the bytes that arrive within this time, up to 1 MiB, and forwards them in one piece. `None` forwards the
    /// bytes of each read at once.
    #[must_use]
    pub fn with_join(self, join: impl Into<Option<Duration>>) -> Relay {
        Relay { join: join.into(), ..self }
    }

    /// Impairs the bytes that clients send.
    #[must_use]
    pub fn with_client(self, client: Impairment) -> Relay {
        Relay { client, ..self }
    }

    /// Impairs the bytes that the target sends.
    #[must_use]
    pub fn with_server(self, server: Impairment) -> Relay {
        Relay { server, ..self }
    }

    /// Sets how packets and frames are reported. `None` reports only failed connections.
    #[must_use]
    pub fn with_output(self, output: impl Into<Option<Output>>) -> Relay {
        Relay { output: output.into(), ..self }
    }

    /// Serves this number of connections, or with `None` runs for ever. The relay continues if the receiver of `events` is
    /// dropped. A slow receiver slows down the connections, but one that accepts nothing for a second loses events, and is
    /// told later how many.
    ///
    /// # Errors
    /// Accepting a connection failed.
    pub async fn serve(
        &self,
        listener: TcpListener,
        connections: Option<u64>,
        events: mpsc::Sender<Event>,
    ) -> io::Result<()> {
        let reporter = Reporter::new(events);
        let mut running = FuturesUnordered::new();
        let mut number = 0;
        while connections.is_none_or(|connections| number < connections) {
            select! {
                accepted = listener.accept() => {
                    let (client, _) = accepted?;
                    number += 1;
                    running.push(self.connection(number, client, &reporter));
                }
                Some(()) = running.next() => {}
            }
        }
        drop(listener);
        while running.next().await.is_some() {}
        drop(running);
        reporter.finish().await;
        Ok(())
    }

    async fn connection(&self, number: u64, mut client: TcpStream, reporter: &Reporter) {
        let (host, port) = &self.target;
        let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect((&**host, *port))).await;
        let mut server = match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(server) => server,
            Err(error) => {
                return reporter.report(Event::Remark(format!("connection {number}: {host}:{port}: {error}"))).await;
            }
        };
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true); // if it fails, TCP may join pieces; the rest works
        }
        let watch = self.output.map(|output| RefCell::new(Watch::new(number, output)));
        let ended = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let up = self.pump(number, Side::Client, from_client, to_server, watch.as_ref(), reporter);
            let down = self.pump(number, Side::Server, from_server, to_client, watch.as_ref(), reporter);
            try_join!(up.run(), down.run())
        };
        // A failure or a reset of one direction ends both.
        if let Err(broken) = ended {
            for stream in [&client, &server] {
                let _ = stream.set_zero_linger(); // it may be gone already
            }
            if let Broken::Error(sender, error) = broken {
                let what = format!("connection {number}, {}: {error}", sender.name());
                reporter.report(Event::Remark(what)).await;
            }
        }
    }

    fn pump<'p>(
        &'p self,
        number: u64,
        sender: Side,
        from: ReadHalf<'p>,
        to: WriteHalf<'p>,
        watch: Option<&'p RefCell<Watch>>,
        reporter: &'p Reporter,
    ) -> Pump<'p> {
        let (impairment, part) = match sender {
            Side::Client => (&self.client, 2 * number + 1),
            Side::Server => (&self.server, 2 * number),
        };
        let impairer = Impairer::new(impairment, self.chance.part(part));
        Pump { sender, from, to, impairer, join: self.join, watch, reporter }
    }
}

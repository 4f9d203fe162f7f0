//! A TCP relay that shows what the network makes of Bookend messages, and does to a stream what a network may do.
//!
//! [`Relay::serve`] accepts connections, connects each to the target, and reports [`Event`]s to a channel.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use bookend_relay::{Event, Relay, Treatment};
//! use tokio::{net::TcpListener, sync::mpsc};
//!
//! let listener = TcpListener::bind("127.0.0.1:4000").await?;
//! let every_byte_alone = Treatment { pieces: "1".parse().ok(), ..Treatment::default() };
//! let relay = Relay::new("127.0.0.1", 3990).with_seed(7).with_client(every_byte_alone);
//! let (events, mut reported) = mpsc::channel(16);
//! let print = async {
//!     while let Some(event) = reported.recv().await {
//!         match event {
//!             Event::Lines(lines) => print!("{}", String::from_utf8_lossy(&lines)),
//!             Event::Remark(remark) => eprintln!("{remark}"),
//!         }
//!     }
//! };
//! let (served, ()) = tokio::join!(relay.serve(listener, None, events), print);
//! served
//! # }
//! ```
//!
//! # Layout
//!
//! Data goes one way: a socket is read, `bookend_inspect::Watch` shows it, `course` decides what becomes of the bytes (by
//! `channel` and by `chance`), and the result is written to the other socket.

mod chance;
mod channel;
mod course;

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use bookend_inspect::{Form, Watch};
use chance::Chance;
pub use channel::Channel;
pub use course::{Action, Pieces, Spot, Treatment};
use course::{Course, Step};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio::{select, try_join};

/// Bytes read at once.
const READ: usize = 64 << 10;
/// Bytes that are joined at most.
const JOINED: usize = 1 << 20;
/// How long connecting to the target may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a relay reports.
#[derive(Debug)]
pub enum Event {
    /// Lines for the output, each with its line feed: packets, frames, and what was done to the stream.
    Lines(Vec<u8>),
    /// A connection failed: which, and why.
    Remark(String),
}

/// What a relay does to its connections.
#[derive(Clone, Debug)]
pub struct Relay {
    target: (String, u16),
    join: Option<Duration>,
    client: Treatment,
    server: Treatment,
    chance: Chance,
    form: Option<Form>,
}

impl Relay {
    /// A relay to a host and a port. It changes nothing, and shows packets and frames as lines without colours.
    pub fn new(host: impl Into<String>, port: u16) -> Relay {
        Relay {
            target: (host.into(), port),
            join: None,
            client: Treatment::default(),
            server: Treatment::default(),
            chance: Chance::new(0),
            form: Some(Form::Plain { colored: false, hex: false }),
        }
    }

    /// The seed of all random choices: the same seed, treatments and bytes give the same bytes on the other side.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Relay {
        Relay { chance: Chance::new(seed), ..self }
    }

    /// Joins what arrives within this time, and passes it on in one piece.
    #[must_use]
    pub fn with_join(self, join: impl Into<Option<Duration>>) -> Relay {
        Relay { join: join.into(), ..self }
    }

    /// What is done to the bytes that clients send.
    #[must_use]
    pub fn with_client(self, client: Treatment) -> Relay {
        Relay { client, ..self }
    }

    /// What is done to the bytes that the target sends.
    #[must_use]
    pub fn with_server(self, server: Treatment) -> Relay {
        Relay { server, ..self }
    }

    /// How packets and frames are shown; `None` shows nothing.
    #[must_use]
    pub fn with_form(self, form: impl Into<Option<Form>>) -> Relay {
        Relay { form: form.into(), ..self }
    }

    /// Serves `connections` connections, or without end. A receiver of events that is gone stops nothing; one that is
    /// slow holds the bytes back.
    ///
    /// # Errors
    /// Those of accepting.
    pub async fn serve(
        &self,
        listener: TcpListener,
        connections: Option<u64>,
        events: mpsc::Sender<Event>,
    ) -> io::Result<()> {
        let mut running = FuturesUnordered::new();
        let mut number = 0;
        while connections.is_none_or(|connections| number < connections) {
            select! {
                accepted = listener.accept() => {
                    let (client, _) = accepted?;
                    number += 1;
                    running.push(self.connection(number, client, &events));
                }
                Some(()) = running.next() => {}
            }
        }
        drop(listener);
        while running.next().await.is_some() {}
        Ok(())
    }

    async fn connection(&self, number: u64, mut client: TcpStream, events: &mpsc::Sender<Event>) {
        let (host, port) = &self.target;
        let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect((&**host, *port))).await;
        let mut server = match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(server) => server,
            Err(error) => return remark(events, format!("{number}: {host}:{port}: {error}")).await,
        };
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true); // if it fails, TCP may join pieces; the rest works
        }
        let watch = self.form.map(|form| RefCell::new(Watch::new(number, form)));
        let ended = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let up = self.pump(number, true, from_client, to_server, watch.as_ref(), events);
            let down = self.pump(number, false, from_server, to_client, watch.as_ref(), events);
            try_join!(up.run(), down.run())
        };
        // The first that fails, or resets, is the end of both.
        if let Err(broken) = ended {
            for stream in [&client, &server] {
                let _ = stream.set_zero_linger(); // it may be gone already
            }
            if let Broken::Error(from_client, error) = broken {
                let side = if from_client { "client" } else { "server" };
                remark(events, format!("{number} {side}: {error}")).await;
            }
        }
    }

    fn pump<'p>(
        &'p self,
        number: u64,
        from_client: bool,
        from: ReadHalf<'p>,
        to: WriteHalf<'p>,
        watch: Option<&'p RefCell<Watch>>,
        events: &'p mpsc::Sender<Event>,
    ) -> Pump<'p> {
        let chance = self.chance.part(2 * number + u64::from(from_client));
        let course = Course::new(if from_client { &self.client } else { &self.server }, chance);
        Pump { from_client, from, to, course, join: self.join, watch, events }
    }
}

/// Why a connection ends at once.
enum Broken {
    Reset,
    /// Reading from that side, or writing what it sent, failed.
    Error(bool, io::Error),
}

/// One direction of one connection.
struct Pump<'a> {
    from_client: bool,
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    course: Course,
    join: Option<Duration>,
    watch: Option<&'a RefCell<Watch>>,
    events: &'a mpsc::Sender<Event>,
}

impl Pump<'_> {
    async fn run(mut self) -> Result<(), Broken> {
        let from_client = self.from_client;
        let broken = |error| Broken::Error(from_client, error);
        let mut buffer = vec![0; READ];
        let mut ended = false;
        while !ended {
            let packet = self.read(&mut buffer).await.map_err(broken)?;
            ended = packet.is_empty();
            let mut steps = self.course.pass(&packet);
            if ended {
                steps.extend(self.course.end());
            }
            for step in steps {
                match step {
                    Step::Write(bytes) => self.to.write_all(&bytes).await.map_err(broken)?,
                    Step::Wait(time) => sleep(time).await,
                    Step::Tell(offset, what) => {
                        self.show(|watch, from_client, out| watch.done(from_client, offset, &what, out)).await;
                    }
                    Step::Reset => return Err(Broken::Reset),
                    Step::HalfClose => {
                        let _ = self.to.shutdown().await; // the peer may be gone
                        // The rest is read and dropped: its sender notices nothing.
                        while !ended && self.from.read(&mut buffer).await.map_err(broken)? > 0 {}
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// What one read brought, or all that arrived within the time to join. Empty at the end.
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<Vec<u8>> {
        let mut packet = Vec::new();
        let mut until = None;
        while packet.len() < JOINED {
            let read = self.from.read(buffer);
            let count = match until {
                None => read.await?,
                Some(until) => match timeout_at(until, read).await {
                    Ok(count) => count?,
                    Err(_) => break,
                },
            };
            if count == 0 {
                // If something was joined, the next call reads the end again.
                if packet.is_empty() {
                    self.show(|watch, from_client, out| watch.end(from_client, out)).await;
                }
                break;
            }
            self.show(|watch, from_client, out| watch.packet(from_client, &buffer[..count], out)).await;
            packet.extend_from_slice(&buffer[..count]);
            match self.join {
                Some(join) => _ = until.get_or_insert_with(|| Instant::now() + join),
                None => break,
            }
        }
        Ok(packet)
    }

    async fn show(&self, show: impl FnOnce(&mut Watch, bool, &mut Vec<u8>) -> io::Result<()>) {
        let Some(watch) = self.watch else { return };
        let mut out = Vec::new();
        show(&mut watch.borrow_mut(), self.from_client, &mut out).expect("writing to a vector does not fail");
        if !out.is_empty() {
            let _ = self.events.send(Event::Lines(out)).await; // the relay goes on without a receiver
        }
    }
}

async fn remark(events: &mpsc::Sender<Event>, what: String) {
    let _ = events.send(Event::Remark(what)).await; // the relay goes on without a receiver
}

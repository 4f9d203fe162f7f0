//! `bookend relay`: a proxy that shows what TCP makes of messages, and does to them what a network may do.
//!
//! # Layout
//!
//! Data goes one way: a socket is read, `inspect`'s watch is told, `course` says what becomes of the bytes (by `channel`
//! and by `chance`), and that is done to the other socket.

mod arguments;
mod chance;
mod channel;
mod course;

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio::{select, try_join};

pub(crate) use arguments::RelayArguments;
use arguments::Side;
use chance::Chance;
use course::{Course, Step, Treatment};

use crate::console::{Console, Unread};
use crate::inspect::{Form, Watch};
use crate::receive::Failure;

/// What is read at once, in bytes.
const READ: usize = 64 << 10;
/// More than this is not gathered, in bytes.
const GATHERED: usize = 1 << 20;
/// How long connecting to the target may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Relays until it is interrupted, or `--connections` are over.
pub(crate) async fn relay(
    arguments: &RelayArguments,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (host, port) = &arguments.listen;
    let listener = match TcpListener::bind((&**host, *port)).await {
        Ok(listener) => listener,
        Err(error) => {
            console.complain(format_args!("{host}:{port}: {error}"));
            return Err(Failure::Told(crate::NOT_CONNECTED));
        }
    };
    let seed = arguments.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let listening = Listening {
        event: "relay",
        listen: listener.local_addr().map_err(Failure::System)?,
        target: arguments.target.to_string(),
        seed,
    };
    let relay = Relay {
        target: (arguments.target.host(), arguments.target.port()),
        join: arguments.join,
        treatments: [Side::Client, Side::Server].map(|side| arguments.treatment(side)),
        chance: Chance::new(seed),
        form: (!arguments.quiet).then(|| arguments.form()),
        console,
    };
    if console.print(listening.line(arguments.form())).await.is_err() {
        return Ok(());
    }
    let mut interrupt = pin!(interrupt);
    select! {
        biased;
        () = &mut interrupt => Err(Failure::Interrupted),
        served = relay.serve(listener, arguments.connections) => served.map_err(Failure::System),
    }
}

/// What is said first.
#[derive(Serialize)]
struct Listening {
    event: &'static str,
    listen: SocketAddr,
    target: String,
    seed: u64,
}

impl Listening {
    fn line(&self, form: Form) -> Vec<u8> {
        let Listening { listen, target, seed, .. } = self;
        let line = match form {
            Form::Json => serde_json::to_string(self).expect("it has no keys but names"),
            Form::Plain { .. } => format!("relays {listen} to {target}, --seed {seed}"),
        };
        (line + "\n").into_bytes()
    }
}

impl RelayArguments {
    fn treatment(&self, side: Side) -> Treatment {
        if self.side != side && self.side != Side::Both {
            return Treatment::default();
        }
        Treatment {
            pieces: self.pieces.clone(),
            delay: self.delay.clone(),
            channel: self.channel.clone(),
            spots: self.at.clone(),
        }
    }
}

struct Relay<'a> {
    target: (&'a str, u16),
    join: Option<Duration>,
    /// Of what the client sends, and the server.
    treatments: [Treatment; 2],
    chance: Chance,
    form: Option<Form>,
    console: &'a Console,
}

impl Relay<'_> {
    async fn serve(&self, listener: TcpListener, connections: Option<u64>) -> io::Result<()> {
        let mut running = FuturesUnordered::new();
        let mut number = 0;
        while connections.is_none_or(|connections| number < connections) {
            select! {
                accepted = listener.accept() => {
                    let (client, _) = accepted?;
                    number += 1;
                    running.push(self.connection(number, client));
                }
                Some(()) = running.next() => {}
            }
        }
        drop(listener);
        while running.next().await.is_some() {}
        Ok(())
    }

    async fn connection(&self, number: u64, mut client: TcpStream) {
        let connected = timeout(PATIENCE, TcpStream::connect(self.target)).await;
        let mut server = match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(server) => server,
            Err(error) => {
                let (host, port) = self.target;
                return self.console.remark(format_args!("{number}: {host}:{port}: {error}"));
            }
        };
        for stream in [&client, &server] {
            // Without it pieces would be put together again; the rest works all the same.
            let _slower = stream.set_nodelay(true);
        }
        let watch = self.form.map(|form| RefCell::new(Watch::new(number, form)));
        let ended = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let up = self.pump(number, true, from_client, to_server, watch.as_ref());
            let down = self.pump(number, false, from_server, to_client, watch.as_ref());
            try_join!(up.run(), down.run())
        };
        // The first that fails, or resets, is the end of both.
        if let Err(broken) = ended {
            for stream in [&client, &server] {
                // It may be gone already.
                let _reset = stream.set_zero_linger();
            }
            if let Broken::Error(from_client, error) = broken {
                let side = if from_client { "client" } else { "server" };
                self.console.remark(format_args!("{number} {side}: {error}"));
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
    ) -> Pump<'p> {
        let chance = self.chance.part(2 * number + u64::from(from_client));
        let course = Course::new(&self.treatments[usize::from(!from_client)], chance);
        Pump { from_client, from, to, course, join: self.join, watch, console: self.console }
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
    console: &'a Console,
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
                        // Whoever is gone need not be told.
                        let _closed = self.to.shutdown().await;
                        // What comes behind it is read and goes nowhere: its sender notices nothing.
                        while !ended && self.from.read(&mut buffer).await.map_err(broken)? > 0 {}
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// What one read brought, or all that came within the time for which it is to be gathered. Empty at the end.
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<Vec<u8>> {
        let mut packet = Vec::new();
        let mut until = None;
        while packet.len() < GATHERED {
            let read = self.from.read(buffer);
            let count = match until {
                None => read.await?,
                Some(until) => match timeout_at(until, read).await {
                    Ok(count) => count?,
                    Err(_) => break,
                },
            };
            if count == 0 {
                // It is read again, where something was gathered.
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

    async fn show(&self, tell: impl FnOnce(&mut Watch, bool, &mut Vec<u8>) -> io::Result<()>) {
        let Some(watch) = self.watch else { return };
        let mut out = Vec::new();
        tell(&mut watch.borrow_mut(), self.from_client, &mut out).expect("a vector takes everything");
        // Whoever does not read on still has a relay.
        if let Err(Unread) = self.console.print(out).await {}
    }
}

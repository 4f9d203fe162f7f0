//! `bookend relay`: a relay between two peers that compares packets with messages.

mod arguments;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;

use bookend_inspect::Output;
use bookend_relay::Event;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::{join, select};

pub(crate) use arguments::RelayArguments;

use crate::console::Console;
use crate::failure::Failure;
use crate::shutdown::Signal;

/// The most events that wait to be printed.
const WAITING: usize = 16;

/// Relays until a signal arrives, or the last of --connections has ended.
pub(crate) async fn relay(
    arguments: &RelayArguments,
    console: &Console,
    shutdown: impl Future<Output = Signal>,
) -> Result<(), Failure> {
    let (host, port) = &arguments.listen;
    let listener = TcpListener::bind((&**host, *port)).await;
    let listener = listener.map_err(|error| Failure::not_connected(console, format_args!("{host}:{port}: {error}")))?;
    let seed = arguments.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let listening = Listening {
        event: "relay",
        listen: listener.local_addr().map_err(Failure::System)?,
        target: arguments.target.to_string(),
        seed,
    };
    if console.print(listening.line(arguments.output())).await.is_err() {
        return Ok(());
    }
    let (events, mut reported) = mpsc::channel(WAITING);
    let print = async {
        while let Some(event) = reported.recv().await {
            match event {
                Event::Lines(lines) => _ = console.print(lines).await, // the reader may have closed it
                Event::Remark(remark) => console.note(format_args!("{remark}")),
            }
        }
    };
    let relay = arguments.relay(seed);
    select! {
        biased;
        signal = shutdown => Err(Failure::Signalled(signal)),
        (served, ()) = async { join!(relay.serve(listener, arguments.connections, events), print) } => {
            served.map_err(Failure::System)
        }
    }
}

/// The first line of the output.
#[derive(Serialize)]
struct Listening {
    event: &'static str,
    listen: SocketAddr,
    target: String,
    seed: u64,
}

impl Listening {
    fn line(&self, output: Output) -> Vec<u8> {
        let Listening { listen, target, seed, .. } = self;
        let line = match output {
            Output::Json => serde_json::to_string(self).expect("it has names and numbers"),
            Output::Plain { .. } => format!("relaying {listen} to {target} with --seed {seed}"),
        };
        (line + "\n").into_bytes()
    }
}

//! A TCP relay that reports the packets and the Bookend frames that pass, and impairs the stream as a network may.
//!
//! [`Relay::serve`] accepts connections, connects each to the target, and sends [`Event`]s to a channel.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use bookend_relay::{Event, Impairment, Relay};
//! use tokio::{net::TcpListener, sync::mpsc};
//!
//! let listener = TcpListener::bind("127.0.0.1:4000").await?;
//! let single_bytes = Impairment { pieces: "1".parse().ok(), ..Impairment::default() };
//! let relay = Relay::new("127.0.0.1", 3990).with_seed(7).with_client(single_bytes);
//! let (events, mut receiver) = mpsc::channel(16);
//! let print = async {
//!     while let Some(event) = receiver.recv().await {
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
//! Data flows one way: `pump` reads a socket, `bookend_inspect::Watch` reports the bytes, `impairer` applies the
//! `impairment` (with `channel` and `chance`), and `pump` writes the result to the other socket. `relay` starts two pumps
//! for each connection. What is shown goes through `reporter`.

mod chance;
mod channel;
mod event;
mod impairer;
mod impairment;
mod pump;
mod relay;
mod reporter;

pub use bookend_inspect::Output;
pub use channel::Channel;
pub use event::Event;
pub use impairment::{Action, Impairment, Pieces, Spot};
pub use relay::Relay;

/// Tests the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

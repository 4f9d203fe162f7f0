//! The client's side of a Bookend hub: find it, join a room, know who is there, show what arrives.
//!
//! # Layout
//!
//! - [`Place`]: `HOST:PORT`, `tls://HOST:PORT` or `unix:PATH`, as people write it.
//! - [`Dialler`]: the way there: name, addresses, [`Proxy`], [`Tls`]; a [`Stream`] at the end.
//! - [`Joined`]: a [`Connection`](bookend::Connection) whose handshake is done and whose hub has said WELCOME;
//!   [`ConnectError`] says at which [`Stage`] that failed, and how to mend it.
//! - [`Members`]: who is in the room, by number and by name.
//! - [`show`]: a message as a line for people, or as JSON.
//!
//! The program `bookend` is made of these.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bookend_client::{Dialler, Hello, Joined, Message};
//!
//! let hello = Hello::new().with_hub(true).with_name("ann")?;
//! let mut client = Joined::dial(&mut Dialler::new("localhost:3990".parse()?), hello).await?;
//! client.connection().post(0, "hello").await?;
//! while let Some(message) = client.connection().next().await? {
//!     if let Message::Delivery(delivery) = message {
//!         println!("{}: {:?}", delivery.name(), delivery.payload.text());
//!     }
//! }
//! # Ok(()) }
//! ```

mod address;
mod dial;
mod error;
mod joined;
mod members;
mod place;
mod proxy;
pub mod show;
mod tls;

pub use address::{Address, AddressError, DEFAULT_PORT};
pub use bookend::{Hello, Message};
pub use dial::{Dial, Dialled, Dialler, Io, Patience, Step, Stream};
pub use error::{ConnectError, JoinError, Stage};
pub use joined::{Joined, Welcome};
pub use members::Members;
pub use place::Place;
pub use proxy::{Proxy, ProxyError};
pub use tls::{Tls, TlsError};

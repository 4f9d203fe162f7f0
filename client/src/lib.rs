//! The client's side of a Bookend hub: find it, join a room, know who is there, show what arrives.
//!
//! # Layout
//!
//! - [`Address`]: `HOST:PORT`, as people write it.
//! - [`Client`]: a [`Connection`](bookend::Connection) whose handshake is done and whose hub has said WELCOME;
//!   [`ConnectError`] says at which [`Stage`] that failed, and how to mend it.
//! - [`Members`]: who is in the room, by number and by name.
//! - [`show`]: a message as a line for people, or as JSON.
//!
//! The program `bookend` is made of these.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bookend_client::{Client, Hello, Message};
//!
//! let hello = Hello::new().with_hub(true).with_name("ann")?;
//! let mut client = Client::connect(&"localhost:3990".parse()?, hello).await?;
//! client.connection().post(0, "hello").await?;
//! while let Some(message) = client.connection().next().await? {
//!     if let Message::Delivery(delivery) = message {
//!         println!("{}: {:?}", delivery.name(), delivery.payload.text());
//!     }
//! }
//! # Ok(()) }
//! ```

mod address;
mod client;
mod error;
mod members;
pub mod show;

pub use address::{Address, AddressError, DEFAULT_PORT};
pub use bookend::{Hello, Message};
pub use client::{Client, Welcome};
pub use error::{ConnectError, JoinError, Stage};
pub use members::Members;

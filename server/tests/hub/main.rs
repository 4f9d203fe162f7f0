//! The hub, as its members find it: over streams in memory, with a clock that is paused.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod access;
#[cfg(feature = "admin")]
mod admin;
mod attacks;
#[cfg(feature = "tls")]
#[path = "../authority/mod.rs"]
mod authority;
mod behind;
mod crowds;
mod door;
mod hostile;
mod law;
mod laws;
mod peer;
mod private;
mod renditions;
mod rooms;
mod running;
mod shut_down;
mod terminals;
#[cfg(feature = "tls")]
mod tls;
#[cfg(unix)]
mod unix;

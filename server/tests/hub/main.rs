//! The hub, as its members find it: over streams in memory, with a clock that is paused.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod access;
mod admin;
mod attacks;
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
mod tls;
#[cfg(unix)]
mod unix;

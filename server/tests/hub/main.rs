//! The hub as its members see it: over streams in memory, with a paused clock.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod access;
#[cfg(feature = "admin")]
mod admin;
mod admission;
mod attacks;
mod bans;
mod crowds;
mod first_bytes;
mod ghosts;
mod hostile;
mod laws;
mod lingering;
mod memory;
mod names;
mod peer;
mod private;
#[cfg(feature = "tls")]
mod proxies;
mod queries;
mod rates;
mod renditions;
mod resuming;
mod rooms;
mod running;
mod shut_down;
mod slow_members;
mod strangers;
mod terminals;
#[cfg(feature = "tls")]
mod tls;
#[cfg(unix)]
mod unix;

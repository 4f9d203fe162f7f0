//! The program: what it prints, what it obeys, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]
#![cfg_attr(not(unix), allow(dead_code, reason = "where there are no signals, fewer tests need help"))]

mod access;
#[cfg(unix)]
mod admin;
#[path = "../authority/mod.rs"]
mod authority;
#[cfg(unix)]
mod lifecycle;
mod listening;
mod manual;
mod running;
#[cfg(unix)]
mod serving;
mod settings;
#[cfg(target_os = "linux")]
mod systemd;
mod tls;

//! The program: its output, its settings and signals, and its end.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]
#![cfg_attr(not(unix), allow(dead_code, reason = "where there are no signals, fewer tests need help"))]

mod access;
#[cfg(unix)]
mod admin;
#[cfg(unix)]
mod bans;
#[cfg(target_os = "linux")]
mod boot;
mod history;
#[cfg(unix)]
mod lifecycle;
mod listening;
#[cfg(unix)]
mod log;
mod manual;
mod running;
#[cfg(unix)]
mod serving;
mod settings;
#[cfg(unix)]
mod signals;
#[cfg(target_os = "linux")]
mod systemd;
mod tls;
#[cfg(unix)]
mod unread;

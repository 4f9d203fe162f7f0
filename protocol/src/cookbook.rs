//! Complete programs, each short enough to copy. Every one is compiled and run as a test of the crate.
//!
//! | recipe | what it shows |
//! |---|---|
//! | [`tls_server`] | 1,000 clients over TLS, with limits |
//! | [`graceful_shutdown`] | a server that stops without breaking a request |
//! | [`producer`] | a task that only sends, and knows what has arrived |
//! | [`request_reply`] | requests in parallel, and what each error means |
#![cfg_attr(feature = "transfer", doc = "| [`file_transfer`] | a file of any length, with progress and a digest |")]
//! | [`serial_device`] | a device without a runtime, on a serial port |
//! | [`select`] | one task that owns the connection and does other work |
//! | [`http_bridge`] | HTTP requests passed on over one connection |
//! | [`microcontroller`] | frames in a fixed buffer, without `std` and without allocation |
//!
//! This module is part of the documentation only; it has no items for a program.

#[doc = include_str!("cookbook/tls_server.md")]
pub mod tls_server {}

#[doc = include_str!("cookbook/graceful_shutdown.md")]
pub mod graceful_shutdown {}

#[doc = include_str!("cookbook/producer.md")]
pub mod producer {}

#[doc = include_str!("cookbook/request_reply.md")]
pub mod request_reply {}

#[cfg(feature = "transfer")]
#[doc = include_str!("cookbook/file_transfer.md")]
pub mod file_transfer {}

#[doc = include_str!("cookbook/serial_device.md")]
pub mod serial_device {}

#[doc = include_str!("cookbook/select.md")]
pub mod select {}

#[doc = include_str!("cookbook/http_bridge.md")]
pub mod http_bridge {}

#[doc = include_str!("cookbook/microcontroller.md")]
pub mod microcontroller {}

//! What the tests of several crates share. It is not published.
//!
//! [`hub`] is a hub that a test plays step by step.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod hub;

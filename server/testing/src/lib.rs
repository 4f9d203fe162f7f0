//! What the tests of Bookend share. The API may change in any release.
//!
//! - [`HANG_TIMEOUT`]: bounds tests that use the real clock.
//! - [`law`]: the law of the hub, fed by `server/tests/hub` and by the fuzzer.
//! - `Authority`, with the feature `certificates`: certificates for TLS tests, and clients that trust them.
//! - `hub`, with the feature `client`: a hub that a test scripts step by step.
//!
//! A test package uses it as a dev-dependency:
//!
//! ```toml
//! bookend-testing = { version = "0.1", features = ["certificates"] }
//! ```

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::time::Duration;

#[cfg(feature = "certificates")]
mod authority;
#[cfg(feature = "client")]
mod history;
#[cfg(feature = "client")]
pub mod hub;
pub mod law;

/// After this time a test counts as hanging. It judges nothing else: a busy machine may need most of it.
pub const HANG_TIMEOUT: Duration = Duration::from_secs(120);

#[cfg(feature = "certificates")]
pub use authority::{Authority, KeyPairPem};

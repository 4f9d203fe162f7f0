//! The import graph of a crate, read from its source. The tests of this crate hold the repository together.
//!
//! # Layout
//!
//! `modules` finds the modules of a crate and their files; `imports` reads which modules each one names; [`circles`] finds
//! those that import each other.

mod circles;
mod imports;
mod modules;

pub use circles::circles;
pub use modules::{Module, modules};

/// Tests the programs of the README of the repository, to which `README.md` of this crate is a symbolic link.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! The steps of a scene.

use std::fmt;

use bookend::{Code, Fault};

use crate::frame::ErrorMessage;
use crate::raw_peer::Missing;
use crate::report::Finding;

/// The steps of a scene: a finding says at which one it happened.
pub(super) struct Script {
    number: usize,
    what: String,
}

impl Script {
    pub(super) fn new() -> Script {
        Script { number: 0, what: String::new() }
    }

    /// Begins the next step: what this side does.
    pub(super) fn step(&mut self, what: impl Into<String>) {
        self.number += 1;
        self.what = what.into();
    }

    /// The finding that something else was expected.
    pub(super) fn fails(&self, expected: impl fmt::Display, seen: impl fmt::Display) -> Finding {
        let Script { number, what } = self;
        Finding::fails(format!("step {number}: {what}; expected {expected}, but {seen}"))
    }

    /// The finding that something did not arrive.
    pub(super) fn missing(&self, who: &str, expected: impl fmt::Display, missing: &Missing) -> Finding {
        match missing {
            Missing::BadFrame(Fault::TooLong { .. }) => self
                .fails(
                    format!("{who} receives {expected}"),
                    format!("a frame arrived that is over its limit: {missing}"),
                )
                .named("a body longer than the member's max body")
                .with_fix(
                    "compare the length of each DELIVERY with the `max body` of the member's HELLO (R9.14, R4.17)",
                ),
            Missing::BadFrame(_) | Missing::OutOfTime => missing.finding(""),
            _ => self.fails(format!("{who} receives {expected}"), missing),
        }
    }

    /// Judges an ERROR for the frame of that number.
    pub(super) fn judge_error(&self, error: &ErrorMessage, code: Code, name: &str, frame: u32) -> Result<(), Finding> {
        let expected = format!("ERROR {} {name} about frame {frame}, with id 0", code.0);
        if error.code != code {
            return Err(self.fails(expected, format!("{error} arrived")));
        }
        if error.id != 0 {
            return Err(self.fails(expected, format!("its id is {}: only a REQUEST has one (R3.18)", error.id)));
        }
        if error.frame != frame {
            let seen = format!("its frame is {}", error.frame);
            return Err(self
                .fails(expected, seen)
                .named("frames are counted otherwise")
                .with_fix("count every frame of the member, HELLO as 0, MESSAGE, PING and PONG too (R3.17)"));
        }
        Ok(())
    }
}

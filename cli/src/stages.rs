//! How long each stage of the way to a hub took, on standard error (`-v`).

use std::time::{Duration, Instant};

use bookend_client::ConnectStep;

use crate::console::Console;

/// Times the stages, each from its beginning to the next one's.
#[derive(Default)]
pub(crate) struct Stages {
    /// The one that goes on: when in its attempt it began, and when on the clock.
    now: Option<(ConnectStep, Duration, Instant)>,
}

impl Stages {
    /// A stage begins, so long after its attempt has.
    pub(crate) fn begin(&mut self, step: ConnectStep, after: Duration, console: &Console) {
        if let Some((last, began, _)) = self.now.take() {
            console.remark(format_args!("{last}: {}", Ms(after.saturating_sub(began))));
        }
        if step == ConnectStep::Joined {
            console.remark(format_args!("{step} after {}", Ms(after)));
        } else {
            self.now = Some((step, after, Instant::now()));
        }
    }

    /// The attempt has failed.
    pub(crate) fn fail(&mut self, console: &Console) {
        if let Some((last, _, began)) = self.now.take() {
            console.remark(format_args!("{last}: failed after {}", Ms(began.elapsed())));
        }
    }
}

/// Times the stages of a command that does not join, one behind the other.
pub(crate) struct Stopwatch<'a> {
    /// Where they are told, if they are.
    console: Option<&'a Console>,
    began: Instant,
}

impl Stopwatch<'_> {
    pub(crate) fn new(console: &Console, is_verbose: bool) -> Stopwatch<'_> {
        Stopwatch { console: is_verbose.then_some(console), began: Instant::now() }
    }

    /// A stage has ended, and the next one begins.
    pub(crate) fn lap(&mut self, stage: impl std::fmt::Display) {
        let now = Instant::now();
        if let Some(console) = self.console {
            remark(console, stage, now - self.began);
        }
        self.began = now;
    }
}

/// Reports how long a stage took.
pub(crate) fn remark(console: &Console, stage: impl std::fmt::Display, time: Duration) {
    console.remark(format_args!("{stage}: {}", Ms(time)));
}

struct Ms(Duration);

impl std::fmt::Display for Ms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1000.0)
    }
}

//! Reports on standard error how long each stage took (`-v`).

use std::time::{Duration, Instant};

use bookend_client::ConnectStep;

use crate::console::Console;

/// Times the stages of joining, each from its start to the start of the next one.
#[derive(Default)]
pub(crate) struct Stages {
    /// The current stage, when it started in its attempt, and when by the clock.
    now: Option<(ConnectStep, Duration, Instant)>,
}

impl Stages {
    /// A stage starts, this long after its attempt started.
    pub(crate) fn begin(&mut self, step: ConnectStep, after: Duration, console: &Console) {
        if let Some((last, began, _)) = self.now.take() {
            console.note(format_args!("{last}: {}", Ms(after.saturating_sub(began))));
        }
        if step == ConnectStep::Joined {
            console.note(format_args!("{step} after {}", Ms(after)));
        } else {
            self.now = Some((step, after, Instant::now()));
        }
    }

    /// The attempt has failed.
    pub(crate) fn fail(&mut self, console: &Console) {
        if let Some((last, _, began)) = self.now.take() {
            console.note(format_args!("{last}: failed after {}", Ms(began.elapsed())));
        }
    }
}

/// Times the stages of a command that does not join a room.
pub(crate) struct Stopwatch<'a> {
    /// Where to report the times, if at all.
    console: Option<&'a Console>,
    began: Instant,
}

impl Stopwatch<'_> {
    pub(crate) fn new(console: &Console, is_verbose: bool) -> Stopwatch<'_> {
        Stopwatch { console: is_verbose.then_some(console), began: Instant::now() }
    }

    /// A stage ends and the next one starts.
    pub(crate) fn lap(&mut self, stage: impl std::fmt::Display) {
        let now = Instant::now();
        if let Some(console) = self.console {
            note(console, stage, now - self.began);
        }
        self.began = now;
    }
}

/// Reports how long a stage took.
pub(crate) fn note(console: &Console, stage: impl std::fmt::Display, time: Duration) {
    console.note(format_args!("{stage}: {}", Ms(time)));
}

struct Ms(Duration);

impl std::fmt::Display for Ms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1000.0)
    }
}

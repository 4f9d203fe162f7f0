//! An attempt to open a session: each host once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{self, Instant};

use super::Driver;
use super::heard::Heard;
use crate::dial::Dialled;
use crate::error::ConnectError;
use crate::event::{Event, Up};
use crate::joined::Joined;
use crate::race::{First, race};
use crate::step::ConnectStep;

/// A session that has just been opened.
pub(super) struct Opened {
    pub(super) joined: Joined<Heard>,
    pub(super) heard: watch::Receiver<Instant>,
    pub(super) up: Up,
}

impl Driver {
    /// Opens a session with the first host that admits this client, each in its share of the timeout. `None` if the
    /// client should close.
    pub(super) async fn open(&mut self) -> Option<Result<Opened, ConnectError>> {
        let (start, mut errors) = (Instant::now(), Vec::new());
        let mut remaining = self.timeout;
        for left in (1..=self.dialler.target_count().max(1)).rev() {
            let share = remaining.map(|remaining| remaining / u32::try_from(left).unwrap_or(u32::MAX));
            let began = Instant::now();
            match self.open_next(start, share).await? {
                Ok(opened) => return Some(Ok(opened)),
                Err(error) => {
                    self.metrics.failed(error.name());
                    errors.push(error);
                    remaining = remaining.map(|remaining| whole_millis(remaining.saturating_sub(began.elapsed())));
                }
            }
        }
        Some(Err(ConnectError::of_all(errors)))
    }

    /// Opens a session with the next host within `timeout`, and reports the steps.
    async fn open_next(&mut self, start: Instant, timeout: Option<Duration>) -> Option<Result<Opened, ConnectError>> {
        let mut last = None;
        let outlet = &self.outlet;
        let mut report = |step: ConnectStep| {
            last = Some(step.clone());
            outlet.report_if_room(Event::Progress { step, after: start.elapsed() });
        };
        let opening = async {
            let Dialled { stream, local, remote } = self.dialler.dial(&mut report).await?;
            report(ConnectStep::Hello);
            let (stream, heard) = Heard::new(stream, Arc::clone(&self.metrics));
            let joined = Joined::join(stream, self.hello.clone()).await.map_err(|error| ConnectError::Join {
                target: self.dialler.target().clone(),
                peer: remote,
                error,
            })?;
            report(ConnectStep::Joined);
            let up = Up { session: 0, welcome: joined.welcome().cloned(), peer: joined.peer().clone(), local, remote };
            Ok(Opened { joined, heard, up })
        };
        let First::One(opened) = race(within(timeout, opening), self.closing.wanted()).await else { return None };
        Some(opened.unwrap_or_else(|timeout| {
            let target = self.dialler.target().clone();
            let step = last.unwrap_or_else(|| ConnectStep::Resolving(target.to_string()));
            Err(ConnectError::TimedOut { target, step: Box::new(step), timeout })
        }))
    }
}

/// Without the fraction, which an error would show.
fn whole_millis(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// The output of `future`, or the timeout if that was too short.
async fn within<F: Future>(timeout: Option<Duration>, future: F) -> Result<F::Output, Duration> {
    match timeout {
        None => Ok(future.await),
        Some(timeout) => time::timeout(timeout, future).await.map_err(|_| timeout),
    }
}

//! The job control of a shell: requests to stop, and that the program continues.

use std::io;

/// What a shell, or another program in its place, wants of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "only Unix has job control"))]
pub(super) enum Job {
    /// SIGTSTP: stop.
    Stop,
    /// SIGCONT: the program was stopped, and the terminal may have other modes now.
    Continue,
}

#[cfg(unix)]
pub(super) struct Jobs {
    stop: tokio::signal::unix::Signal,
    resumed: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Jobs {
    pub(super) fn new() -> io::Result<Jobs> {
        use tokio::signal::unix::{SignalKind, signal};
        let kind = |signal: rustix::process::Signal| SignalKind::from_raw(signal.as_raw());
        Ok(Jobs {
            stop: signal(kind(rustix::process::Signal::TSTP))?,
            resumed: signal(kind(rustix::process::Signal::CONT))?,
        })
    }

    pub(super) async fn next(&mut self) -> Job {
        tokio::select! {
            _ = self.stop.recv() => Job::Stop,
            _ = self.resumed.recv() => Job::Continue,
        }
    }
}

#[cfg(not(unix))]
pub(super) struct Jobs;

#[cfg(not(unix))]
impl Jobs {
    pub(super) fn new() -> io::Result<Jobs> {
        Ok(Jobs)
    }

    pub(super) async fn next(&mut self) -> Job {
        std::future::pending().await
    }
}

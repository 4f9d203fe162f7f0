//! Signals of the system. They are handled from the start of the program on: process 1 of a container has no defaults.

use std::io;

/// What a signal requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Reload the settings.
    #[cfg_attr(not(unix), allow(dead_code, reason = "no signal requests it"))]
    Reload,
    /// Shut down.
    Stop(Reason),
}

/// Who ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The name of the signal, or `admin`.
    pub(crate) name: &'static str,
    /// Its number.
    number: u8,
}

impl Reason {
    /// An operator.
    pub(crate) const ADMIN: Reason = Reason { name: "admin", number: 0 };

    /// The exit status if the program ends at once: what shells show for a program that the signal has ended.
    pub(crate) fn status(self) -> u8 {
        128 + self.number
    }
}

#[cfg(unix)]
pub(crate) use unix::Signals;
#[cfg(windows)]
pub(crate) use windows::Signals;

#[cfg(unix)]
mod unix {
    use std::future::poll_fn;
    use std::task::Poll;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::{Command, Reason, io};

    const STOP: [Reason; 3] = [
        Reason { name: "SIGINT", number: 2 },
        Reason { name: "SIGQUIT", number: 3 },
        Reason { name: "SIGTERM", number: 15 },
    ];

    pub(crate) struct Signals {
        stop: Vec<(Signal, Reason)>,
        hangup: Signal,
    }

    impl Signals {
        /// Handles the signals.
        pub(crate) fn new() -> io::Result<Signals> {
            let handle = |reason: Reason| Ok((signal(SignalKind::from_raw(reason.number.into()))?, reason));
            let stop = STOP.into_iter().map(handle).collect::<io::Result<_>>()?;
            Ok(Signals { stop, hangup: signal(SignalKind::hangup())? })
        }

        pub(crate) async fn next(&mut self) -> Command {
            tokio::select! {
                biased;
                reason = stop(&mut self.stop) => Command::Stop(reason),
                _ = self.hangup.recv() => Command::Reload,
            }
        }

        /// The next signal that ends the program. A request to reload waits.
        pub(crate) async fn stop(&mut self) -> Reason {
            stop(&mut self.stop).await
        }
    }

    async fn stop(signals: &mut [(Signal, Reason)]) -> Reason {
        poll_fn(|cx| {
            let arrived =
                signals.iter_mut().find_map(|(signal, reason)| signal.poll_recv(cx).is_ready().then_some(*reason));
            arrived.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(windows)]
mod windows {
    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlShutdown};
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

    use super::{Command, Reason, io};

    pub(crate) struct Signals {
        c: CtrlC,
        break_key: CtrlBreak,
        close: CtrlClose,
        shutdown: CtrlShutdown,
    }

    impl Signals {
        /// Handles the signals. None requests a reload.
        pub(crate) fn new() -> io::Result<Signals> {
            Ok(Signals { c: ctrl_c()?, break_key: ctrl_break()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
        }

        pub(crate) async fn next(&mut self) -> Command {
            Command::Stop(self.stop().await)
        }

        /// The next signal that ends the program.
        pub(crate) async fn stop(&mut self) -> Reason {
            let name = tokio::select! {
                _ = self.c.recv() => "ctrl-c",
                _ = self.break_key.recv() => "ctrl-break",
                _ = self.close.recv() => "close",
                _ = self.shutdown.recv() => "shutdown",
            };
            Reason { name, number: 2 }
        }
    }
}

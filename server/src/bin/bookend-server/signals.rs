//! Signals of the system.

use std::io;

/// What a signal requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Reload the settings.
    #[cfg_attr(not(unix), allow(dead_code, reason = "no signal requests it"))]
    Reload,
    /// Shut down; with the name of the signal.
    Stop(&'static str),
}

#[cfg(unix)]
pub(crate) use unix::Signals;
#[cfg(windows)]
pub(crate) use windows::Signals;

#[cfg(unix)]
mod unix {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::{Command, io};

    pub(crate) struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hangup: Option<Signal>,
    }

    impl Signals {
        /// Handles the signals. Without files to reload, SIGHUP keeps its default: it ends the program, except under nohup.
        pub(crate) fn new(reload: bool) -> io::Result<Signals> {
            Ok(Signals {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: if reload { Some(signal(SignalKind::hangup())?) } else { None },
            })
        }

        pub(crate) async fn next(&mut self) -> Command {
            let hangup = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => Command::Stop("SIGINT"),
                _ = self.terminate.recv() => Command::Stop("SIGTERM"),
                _ = hangup => Command::Reload,
            }
        }
    }
}

#[cfg(windows)]
mod windows {
    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlShutdown};
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

    use super::{Command, io};

    pub(crate) struct Signals {
        c: CtrlC,
        break_key: CtrlBreak,
        close: CtrlClose,
        shutdown: CtrlShutdown,
    }

    impl Signals {
        /// Handles the signals. None requests a reload.
        pub(crate) fn new(_reload: bool) -> io::Result<Signals> {
            Ok(Signals { c: ctrl_c()?, break_key: ctrl_break()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
        }

        pub(crate) async fn next(&mut self) -> Command {
            tokio::select! {
                _ = self.c.recv() => Command::Stop("ctrl-c"),
                _ = self.break_key.recv() => Command::Stop("ctrl-break"),
                _ = self.close.recv() => Command::Stop("close"),
                _ = self.shutdown.recv() => Command::Stop("shutdown"),
            }
        }
    }
}

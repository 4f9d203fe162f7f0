//! What the system and its users ask of a program that runs.

use std::io;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Read the file again.
    #[cfg_attr(not(unix), allow(dead_code, reason = "no signal asks for it"))]
    Reload,
    /// End; with the name of the signal.
    Stop(&'static str),
}

#[cfg(unix)]
pub(crate) use unix::Signals;
#[cfg(windows)]
pub(crate) use windows::Signals;

#[cfg(unix)]
mod unix {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::{Order, io};

    pub(crate) struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hangup: Option<Signal>,
    }

    impl Signals {
        /// Listens to them. Without files to read again, SIGHUP stays what it was: the end, or nothing under nohup.
        pub(crate) fn new(reload: bool) -> io::Result<Signals> {
            Ok(Signals {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: if reload { Some(signal(SignalKind::hangup())?) } else { None },
            })
        }

        pub(crate) async fn next(&mut self) -> Order {
            let hangup = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => Order::Stop("SIGINT"),
                _ = self.terminate.recv() => Order::Stop("SIGTERM"),
                _ = hangup => Order::Reload,
            }
        }
    }
}

#[cfg(windows)]
mod windows {
    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlShutdown};
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

    use super::{Order, io};

    pub(crate) struct Signals {
        c: CtrlC,
        break_key: CtrlBreak,
        close: CtrlClose,
        shutdown: CtrlShutdown,
    }

    impl Signals {
        /// Listens to them. None asks to read the file again.
        pub(crate) fn new(_reload: bool) -> io::Result<Signals> {
            Ok(Signals { c: ctrl_c()?, break_key: ctrl_break()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
        }

        pub(crate) async fn next(&mut self) -> Order {
            tokio::select! {
                _ = self.c.recv() => Order::Stop("ctrl-c"),
                _ = self.break_key.recv() => Order::Stop("ctrl-break"),
                _ = self.close.recv() => Order::Stop("close"),
                _ = self.shutdown.recv() => Order::Stop("shutdown"),
            }
        }
    }
}

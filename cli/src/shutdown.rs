//! The signals that end the program, as one future.

use std::fmt;
use std::io;

use tokio::sync::watch;

/// A signal that ends the program; on Windows, the console event that means the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(windows, allow(dead_code, reason = "Windows has no SIGQUIT"))]
pub(crate) enum Signal {
    /// The terminal is gone: SIGHUP, or the console closes or logs off.
    Hangup,
    /// SIGINT, or ctrl-c.
    Interrupt,
    /// SIGQUIT, or ctrl-\.
    Quit,
    /// SIGTERM, or ctrl-break, or the machine shuts down.
    Terminate,
}

impl Signal {
    /// The exit status of a program that the signal ended, as shells report it: 128 and the number of the signal.
    pub(crate) fn status(self) -> u8 {
        128 + match self {
            Signal::Hangup => 1,
            Signal::Interrupt => 2,
            Signal::Quit => 3,
            Signal::Terminate => 15,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Hangup => "SIGHUP",
            Signal::Interrupt => "SIGINT",
            Signal::Quit => "SIGQUIT",
            Signal::Terminate => "SIGTERM",
        })
    }
}

/// The first signal that ends the program.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown(watch::Receiver<Option<Signal>>);

impl Shutdown {
    /// Handles the signals from now on. The kernel discards a signal without a handler if the program is PID 1, so this
    /// comes before anything that takes time. Needs the runtime.
    pub(crate) fn new() -> io::Result<Shutdown> {
        let mut signals = Signals::new()?;
        let (sender, first) = watch::channel(None);
        tokio::spawn(async move {
            let signal = signals.next().await;
            sender.send_replace(Some(signal));
            sender.closed().await; // a further signal changes nothing
        });
        Ok(Shutdown(first))
    }

    /// Waits for the first signal; returns at once if it has arrived.
    pub(crate) async fn signal(&self) -> Signal {
        let mut first = self.0.clone();
        match first.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            _ => std::future::pending().await, // the runtime is ending
        }
    }
}

#[cfg(unix)]
struct Signals {
    /// `None` if the program was started with the signal ignored.
    hangup: Option<tokio::signal::unix::Signal>,
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            hangup: if hangup_is_ignored() { None } else { Some(signal(SignalKind::hangup())?) },
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hangup => Signal::Hangup,
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.quit.recv() => Signal::Quit,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// True if the program was started by `nohup`, as far as the system tells: Linux does, in `/proc`.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 != 0) // SIGHUP is signal 1, the lowest bit
}

#[cfg(windows)]
struct Signals {
    c: tokio::signal::windows::CtrlC,
    break_key: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    log_off: tokio::signal::windows::CtrlLogoff,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        Ok(Signals {
            c: ctrl_c()?,
            break_key: ctrl_break()?,
            close: ctrl_close()?,
            log_off: ctrl_logoff()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.c.recv() => Signal::Interrupt,
            _ = self.break_key.recv() => Signal::Terminate,
            _ = self.close.recv() => Signal::Hangup,
            _ = self.log_off.recv() => Signal::Hangup,
            _ = self.shutdown.recv() => Signal::Terminate,
        }
    }
}

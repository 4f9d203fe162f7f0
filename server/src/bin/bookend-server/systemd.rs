//! Notifies systemd, if it requests that (`Type=notify` or `notify-reload`, `WatchdogSec=`).

#[cfg(target_os = "linux")]
pub(crate) use linux::{ready, reloading, stopping, watch};
#[cfg(not(target_os = "linux"))]
pub(crate) use none::{ready, reloading, stopping, watch};

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsStr;
    use std::io;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::time::Duration;

    use sd_notify::NotifyState;

    /// How long sending may take.
    const TIMEOUT: Duration = Duration::from_secs(1);

    pub(crate) fn ready() {
        notify(&[NotifyState::Ready]);
    }

    pub(crate) fn reloading() {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(detail = %error, "notify-failed"),
        }
    }

    pub(crate) fn stopping() {
        notify(&[NotifyState::Stopping]);
    }

    /// Resets the watchdog twice in each of its periods, if there is a watchdog.
    pub(crate) async fn watch() {
        let Some(period) = sd_notify::watchdog_enabled().filter(|period| !period.is_zero()) else { return };
        let mut ticks = tokio::time::interval(period / 2);
        loop {
            ticks.tick().await;
            notify(&[NotifyState::Watchdog]);
        }
    }

    fn notify(state: &[NotifyState<'_>]) {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
        if let Err(error) = send(&name, state) {
            tracing::warn!(detail = %error, "notify-failed");
        }
    }

    /// Sends to a path, or with `@` to an abstract name, which `sd_notify::notify` does not know. A receiver that reads
    /// nothing delays the hub by [`TIMEOUT`] at most.
    fn send(name: &OsStr, state: &[NotifyState<'_>]) -> io::Result<()> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(name),
        }?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        let text: String = state.iter().map(|state| format!("{state}\n")).collect();
        socket.send_to_addr(text.as_bytes(), &address).map(drop)
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    pub(crate) fn ready() {}

    pub(crate) fn reloading() {}

    pub(crate) fn stopping() {}

    pub(crate) async fn watch() {}
}

//! Notifies systemd, if it requests that (`Type=notify` or `notify-reload`, `WatchdogSec=`).

#[cfg(target_os = "linux")]
pub(crate) use linux::{ready, reloading, stopping, watch};
#[cfg(not(target_os = "linux"))]
pub(crate) use none::{ready, reloading, stopping, watch};

#[cfg(target_os = "linux")]
mod linux {
    use sd_notify::NotifyState;

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
        if let Err(error) = sd_notify::notify(state) {
            tracing::warn!(detail = %error, "notify-failed");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    pub(crate) fn ready() {}

    pub(crate) fn reloading() {}

    pub(crate) fn stopping() {}

    pub(crate) async fn watch() {}
}

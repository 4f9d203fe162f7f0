//! Watches the certificate in use: it warns before the end, and reports the end to the metrics.

use std::time::{Duration, SystemTime};

use bookend_server::{Hub, Tls};
use tokio::task::JoinHandle;
use tokio::time::sleep;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The log warns when so much is left. The last one is the end.
const WARNINGS: [Duration; 4] =
    [Duration::from_secs(30 * 24 * 3600), Duration::from_secs(7 * 24 * 3600), DAY, Duration::ZERO];
/// The clock of the system is looked at this often, since it may be set, or stand still while the machine sleeps.
const LOOK: Duration = Duration::from_secs(3600);

/// The watch. It ends when this is dropped.
pub(crate) struct CertificateWatch(JoinHandle<()>);

impl CertificateWatch {
    /// Watches the certificate; `None` if there is none.
    pub(crate) fn start(tls: Option<&Tls>, hub: &Hub) -> Option<CertificateWatch> {
        let end = tls.map(Tls::expires);
        hub.set_certificate_end(end);
        end.map(|end| CertificateWatch(tokio::spawn(watch(end))))
    }
}

impl Drop for CertificateWatch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn watch(end: SystemTime) {
    let ends = humantime::format_rfc3339_seconds(end);
    let mut given = 0;
    loop {
        let left = end.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        let reached = reached(left);
        if reached > given {
            given = reached;
            if left.is_zero() {
                tracing::error!(%ends, "certificate-expired");
            } else {
                let days = left.as_secs() / DAY.as_secs();
                tracing::warn!(%ends, days, "certificate-expires");
            }
        }
        let next = WARNINGS.get(given).map_or(LOOK, |next| left.saturating_sub(*next));
        // A clock that is a little late must not cause a busy loop.
        sleep(next.clamp(Duration::from_millis(100), LOOK)).await;
    }
}

/// How many warnings are due.
fn reached(left: Duration) -> usize {
    WARNINGS.iter().take_while(|warning| left <= **warning).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_due_at_30_7_and_1_days_and_at_the_end() {
        for (left, count) in [(31 * DAY, 0), (30 * DAY, 1), (8 * DAY, 1), (7 * DAY, 2), (DAY, 3), (DAY / 2, 3)] {
            assert_eq!(reached(left), count, "{left:?}");
        }
        assert_eq!(reached(Duration::ZERO), 4);
    }
}

//! The listeners of the hub, and how a reload changes them.

use std::io;
use std::time::Duration;

use bookend_server::{Hub, ListenError, Tls};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::address::{ListenAddress, LocalAddress};
use crate::binding::{AddressWait, AnyListener, BindFailure, Binder, BoundListeners, Resolved};
use crate::credentials::Credentials;
use crate::exposure::{Exposure, is_public};
use crate::inherited::Inherited;
use crate::settings::{Fault, LoadedSettings, Settings};

/// The timeout for looking up a host name.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the addresses cannot be listened on.
pub(crate) struct Unresolved {
    pub(crate) faults: Vec<Fault>,
    /// Looking up a name failed, which may work later. The settings may be right.
    pub(crate) is_of_lookup: bool,
}

/// Listeners that accept connections.
struct OpenListener {
    place: ListenAddress,
    bound: Vec<LocalAddress>,
    tasks: Vec<JoinHandle<()>>,
    /// What was logged last.
    exposure: Option<Exposure>,
}

/// All listeners. They are closed when this is dropped.
#[derive(Default)]
pub(crate) struct Listeners(Vec<OpenListener>);

/// Looks up the configured addresses. An address that other machines can reach must be protected or allowed.
pub(crate) async fn resolve(loaded: &LoadedSettings, credentials: &Credentials) -> Result<Vec<Resolved>, Unresolved> {
    let (mut resolved, mut faults, mut is_of_lookup) = (Vec::new(), Vec::new(), true);
    let mut refuse = |text: String, of_lookup: bool| {
        is_of_lookup &= of_lookup;
        faults.push(loaded.fault("listen", text));
    };
    for place in &loaded.settings.listen {
        let addresses = match place {
            ListenAddress::Unix(_) => Vec::new(),
            ListenAddress::Tcp(address) | ListenAddress::Tls(address) => {
                match timeout(LOOKUP_TIMEOUT, address.resolve()).await {
                    Ok(Ok(addresses)) => addresses,
                    Ok(Err(error)) => {
                        refuse(error.to_string(), matches!(error, ListenError::Io(..)));
                        continue;
                    }
                    Err(_) => {
                        refuse(format!("{address}: no answer in {} s", LOOKUP_TIMEOUT.as_secs()), true);
                        continue;
                    }
                }
            }
        };
        let exposure = Exposure::of(place, &loaded.settings, credentials);
        if let Some(address) = addresses.iter().find(|address| is_public(address))
            && exposure.needs_public()
            && !loaded.settings.public
        {
            let detail = exposure.detail();
            let text = format!(
                "other machines can reach {address}, and {detail}: to allow that, use --public or public = true"
            );
            refuse(text, false);
        }
        resolved.push(Resolved { place: place.clone(), addresses });
    }
    if faults.is_empty() { Ok(resolved) } else { Err(Unresolved { faults, is_of_lookup }) }
}

impl Listeners {
    /// Binds the addresses that are not open yet: all of them or none.
    pub(crate) async fn bind(
        &self,
        wanted: &[Resolved],
        inherited: &Inherited,
        mode: u32,
    ) -> Result<Vec<BoundListeners>, BindFailure> {
        let binder = Binder::new(inherited, mode, wanted);
        let (mut all_bound, mut reasons, mut is_absent) = (Vec::new(), Vec::new(), true);
        for resolved in wanted {
            if self.0.iter().any(|door| door.place == resolved.place) {
                continue;
            }
            match binder.bind(resolved).await {
                Ok(bound) => all_bound.push(bound),
                Err(failure) => {
                    is_absent &= failure.is_absent;
                    reasons.extend(failure.reasons);
                }
            }
        }
        if reasons.is_empty() { Ok(all_bound) } else { Err(BindFailure { reasons, is_absent }) }
    }

    /// The same at the start, which waits for addresses that are not there yet.
    pub(crate) async fn bind_first(
        wanted: &[Resolved],
        inherited: &Inherited,
        mode: u32,
    ) -> Result<Vec<BoundListeners>, Vec<String>> {
        let wait = AddressWait::new();
        loop {
            match Listeners::default().bind(wanted, inherited, mode).await {
                Ok(bound) => return Ok(bound),
                Err(BindFailure { reasons, is_absent }) => {
                    if !is_absent || !wait.try_again(&reasons).await {
                        return Err(reasons);
                    }
                }
            }
        }
    }

    /// Accepts connections on these listeners. `tls` is needed if one of them speaks TLS.
    pub(crate) fn open(&mut self, bound: Vec<BoundListeners>, hub: &Hub, tls: Option<&Tls>) {
        for BoundListeners { place, listeners } in bound {
            let bound: Vec<_> = listeners.iter().map(AnyListener::bound).collect();
            for bound in &bound {
                tracing::info!(address = bound.to_string(), "listen");
            }
            let tasks = listeners.into_iter().map(|listening| listening.run(hub, tls)).collect();
            self.0.push(OpenListener { place, bound, tasks, exposure: None });
        }
    }

    /// Logs how the listeners that other machines can reach are protected, if that has changed.
    pub(crate) fn log_exposure(&mut self, settings: &Settings, credentials: &Credentials) {
        for door in &mut self.0 {
            let exposure = Exposure::of(&door.place, settings, credentials);
            if door.exposure.replace(exposure) == Some(exposure) {
                continue;
            }
            for bound in &door.bound {
                match bound {
                    LocalAddress::Tcp(address) | LocalAddress::Tls(address) if is_public(address) => {
                        exposure.log(bound)
                    }
                    _ => {}
                }
            }
        }
    }

    /// Closes the listeners of other addresses. Their connections remain.
    pub(crate) async fn close_others(&mut self, places: &[ListenAddress]) {
        let (kept, closed) = std::mem::take(&mut self.0).into_iter().partition(|door| places.contains(&door.place));
        self.0 = kept;
        for door in closed {
            for bound in &door.bound {
                tracing::info!(address = bound.to_string(), "listen-end");
            }
            door.close().await;
        }
    }

    /// Sets the permissions of the open Unix sockets, except those that were handed over.
    #[cfg_attr(not(unix), allow(clippy::unused_self, reason = "this system has no Unix sockets"))]
    pub(crate) fn set_mode(&self, mode: u32, inherited: &Inherited) {
        for bound in self.addresses() {
            if let LocalAddress::Unix(path) = bound
                && !inherited.has_path(path)
                && let Err(error) = set_mode(path, mode)
            {
                tracing::warn!(address = bound.to_string(), detail = %error, "mode-failed");
            }
        }
    }

    /// The addresses of all listeners.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &LocalAddress> {
        self.0.iter().flat_map(|door| &door.bound)
    }
}

impl OpenListener {
    async fn close(mut self) {
        for task in &mut self.tasks {
            task.abort();
            let _ = task.await; // it was aborted
        }
    }
}

impl Drop for OpenListener {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[cfg(unix)]
fn set_mode(path: &std::path::Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    if !path.symlink_metadata()?.file_type().is_socket() {
        return Err(io::Error::other("it is no longer a socket"));
    }
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &std::path::Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

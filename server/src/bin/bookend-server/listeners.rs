//! The listeners of the hub, and how a reload changes them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

#[cfg(unix)]
use bookend_server::UnixListener;
use bookend_server::{Hub, Listener, Tls};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::address::ListenAddress;
use crate::credentials::Credentials;
use crate::exposure::{Exposure, is_public};
use crate::settings::{Fault, LoadedSettings, Settings};

/// The timeout for looking up a host name.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// A configured address, with its socket addresses.
#[derive(Debug)]
pub(crate) struct Resolved {
    place: ListenAddress,
    addresses: Vec<SocketAddr>,
}

/// The address of one listener.
#[derive(Clone, Debug)]
#[cfg_attr(not(unix), allow(dead_code, reason = "this system has no Unix sockets"))]
pub(crate) enum LocalAddress {
    Tcp(SocketAddr),
    Tls(SocketAddr),
    Unix(PathBuf),
}

/// Listeners that are bound, but do not accept connections yet.
pub(crate) struct BoundListeners {
    place: ListenAddress,
    listeners: Vec<AnyListener>,
}

enum AnyListener {
    Tcp(Listener),
    Tls(Listener),
    #[cfg(unix)]
    Unix(UnixListener),
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
pub(crate) async fn resolve(loaded: &LoadedSettings, credentials: &Credentials) -> Result<Vec<Resolved>, Vec<Fault>> {
    let (mut resolved, mut faults) = (Vec::new(), Vec::new());
    let mut refuse = |text: String| faults.push(loaded.fault("listen", text));
    for place in &loaded.settings.listen {
        let addresses = match place {
            ListenAddress::Unix(_) => Vec::new(),
            ListenAddress::Tcp(address) | ListenAddress::Tls(address) => {
                match timeout(LOOKUP_TIMEOUT, address.resolve()).await {
                    Ok(Ok(addresses)) => addresses,
                    Ok(Err(error)) => {
                        refuse(error.to_string());
                        continue;
                    }
                    Err(_) => {
                        refuse(format!("{address}: no answer in {} s", LOOKUP_TIMEOUT.as_secs()));
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
            refuse(format!(
                "other machines can reach {address}, and {detail}: to allow that, use --public or public = true"
            ));
        }
        resolved.push(Resolved { place: place.clone(), addresses });
    }
    if faults.is_empty() { Ok(resolved) } else { Err(faults) }
}

impl Listeners {
    /// Binds the addresses that are not open yet: all of them or none.
    pub(crate) async fn bind(&self, wanted: Vec<Resolved>, mode: u32) -> Result<Vec<BoundListeners>, Vec<String>> {
        let (mut all_bound, mut failures) = (Vec::new(), Vec::new());
        for Resolved { place, addresses } in wanted {
            if self.0.iter().any(|door| door.place == place) {
                continue;
            }
            let listeners = match &place {
                ListenAddress::Tcp(_) => bind_tcp(&addresses, AnyListener::Tcp).await,
                ListenAddress::Tls(_) => bind_tcp(&addresses, AnyListener::Tls).await,
                ListenAddress::Unix(path) => bind_unix(path, mode).await,
            };
            match listeners {
                Ok(listeners) => all_bound.push(BoundListeners { place, listeners }),
                Err(failure) => failures.push(failure),
            }
        }
        if failures.is_empty() { Ok(all_bound) } else { Err(failures) }
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

    /// Sets the permissions of the open Unix sockets.
    #[cfg_attr(not(unix), allow(clippy::unused_self, reason = "this system has no Unix sockets"))]
    pub(crate) fn set_mode(&self, mode: u32) {
        for bound in self.addresses() {
            if let LocalAddress::Unix(path) = bound
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

impl AnyListener {
    fn bound(&self) -> LocalAddress {
        match self {
            AnyListener::Tcp(listener) => LocalAddress::Tcp(listener.address()),
            AnyListener::Tls(listener) => LocalAddress::Tls(listener.address()),
            #[cfg(unix)]
            AnyListener::Unix(listener) => LocalAddress::Unix(listener.path().into()),
        }
    }

    fn run(self, hub: &Hub, tls: Option<&Tls>) -> JoinHandle<()> {
        match self {
            AnyListener::Tcp(listener) => tokio::spawn(listener.run(hub.clone())),
            AnyListener::Tls(listener) => {
                let tls = tls.expect("an address with TLS is refused without a certificate").clone();
                tokio::spawn(listener.run_tls(hub.clone(), tls))
            }
            #[cfg(unix)]
            AnyListener::Unix(listener) => tokio::spawn(listener.run(hub.clone())),
        }
    }
}

impl LocalAddress {
    /// A command that joins the hub.
    pub(crate) fn invitation(&self) -> String {
        match self {
            LocalAddress::Tcp(address) => {
                let join = reachable(address);
                let (host, port) = (join.ip(), join.port());
                format!("telnet {host} {port}   or: cargo run --release -p bookend-cli -- chat {join}")
            }
            LocalAddress::Tls(address) => format!("openssl s_client -quiet -connect {}", reachable(address)),
            LocalAddress::Unix(path) => format!("nc -U {}", path.display()),
        }
    }
}

impl std::fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LocalAddress::Tcp(address) => address.fmt(f),
            LocalAddress::Tls(address) => write!(f, "tls://{address}"),
            LocalAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An address of this machine that reaches the listener.
fn reachable(address: &SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(host, address.port())
}

/// Listens on the addresses of one host. One of them suffices: `localhost` may have an address that is not available.
async fn bind_tcp(addresses: &[SocketAddr], kind: fn(Listener) -> AnyListener) -> Result<Vec<AnyListener>, String> {
    let (mut listeners, mut refusals) = (Vec::new(), Vec::new());
    for &address in addresses {
        match Listener::bind(address).await {
            Ok(listener) => listeners.push(kind(listener)),
            Err(error) => refusals.push(format!("{address}: {error}")),
        }
    }
    if listeners.is_empty() {
        return Err(refusals.join(", "));
    }
    for refusal in refusals {
        tracing::warn!(detail = refusal, "listen-failed");
    }
    Ok(listeners)
}

#[cfg(unix)]
async fn bind_unix(path: &std::path::Path, mode: u32) -> Result<Vec<AnyListener>, String> {
    let listener = UnixListener::bind(path, mode).await;
    listener
        .map(|listener| vec![AnyListener::Unix(listener)])
        .map_err(|error| format!("unix:{}: {error}", path.display()))
}

#[cfg(unix)]
fn set_mode(path: &std::path::Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
async fn bind_unix(path: &std::path::Path, _mode: u32) -> Result<Vec<AnyListener>, String> {
    Err(format!("unix:{}: this system has no Unix sockets", path.display()))
}

#[cfg(not(unix))]
fn set_mode(_path: &std::path::Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

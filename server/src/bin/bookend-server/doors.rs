//! The doors: the places that are listened on, and how they change.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

#[cfg(unix)]
use bookend_server::UnixListener;
use bookend_server::{Hub, Listener, Tls};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::exposure::{Exposure, is_public};
use crate::keys::Keys;
use crate::place::Place;
use crate::settings::{Fault, Settings, Settled};

/// A host name that takes longer to look up is not to be had.
const LOOK_UP: Duration = Duration::from_secs(10);

/// A place with the addresses that it stands for.
#[derive(Debug)]
pub(crate) struct Resolved {
    place: Place,
    addresses: Vec<SocketAddr>,
}

/// Where one listener is.
#[derive(Clone, Debug)]
#[cfg_attr(not(unix), allow(dead_code, reason = "there are no Unix sockets"))]
pub(crate) enum Bound {
    Tcp(SocketAddr),
    Tls(SocketAddr),
    Unix(PathBuf),
}

/// A place that is bound, but from which nobody is served yet.
pub(crate) struct Unopened {
    place: Place,
    listeners: Vec<Listening>,
}

enum Listening {
    Tcp(Listener),
    Tls(Listener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// A place from which connections are served.
struct Door {
    place: Place,
    bound: Vec<Bound>,
    tasks: Vec<JoinHandle<()>>,
    /// What was last said of it.
    exposure: Option<Exposure>,
}

/// All of them. None is left open when this is dropped.
#[derive(Default)]
pub(crate) struct Doors(Vec<Door>);

/// Looks the places up, and says which ones other machines can reach although that is not allowed.
pub(crate) async fn resolve(settled: &Settled, keys: &Keys) -> Result<Vec<Resolved>, Vec<Fault>> {
    let (mut resolved, mut faults) = (Vec::new(), Vec::new());
    let mut refuse = |text: String| faults.push(settled.fault("listen", text));
    for place in &settled.settings.listen {
        let addresses = match place {
            Place::Unix(_) => Vec::new(),
            Place::Tcp(address) | Place::Tls(address) => match timeout(LOOK_UP, address.resolve()).await {
                Ok(Ok(addresses)) => addresses,
                Ok(Err(error)) => {
                    refuse(error.to_string());
                    continue;
                }
                Err(_) => {
                    refuse(format!("{address}: no answer in {} s", LOOK_UP.as_secs()));
                    continue;
                }
            },
        };
        let exposure = Exposure::of(place, &settled.settings, keys);
        if let Some(address) = addresses.iter().find(|address| is_public(address))
            && exposure.needs_leave()
            && !settled.settings.public
        {
            let why = exposure.detail();
            refuse(format!(
                "{address} can be reached by other machines, and {why}: --public or public = true allows it"
            ));
        }
        resolved.push(Resolved { place: place.clone(), addresses });
    }
    if faults.is_empty() { Ok(resolved) } else { Err(faults) }
}

impl Doors {
    /// Binds the places that are not open yet: all of them or none.
    pub(crate) async fn bind(&self, wanted: Vec<Resolved>, mode: u32) -> Result<Vec<Unopened>, Vec<String>> {
        let (mut unopened, mut failures) = (Vec::new(), Vec::new());
        for Resolved { place, addresses } in wanted {
            if self.0.iter().any(|door| door.place == place) {
                continue;
            }
            let listeners = match &place {
                Place::Tcp(_) => bind_tcp(&addresses, Listening::Tcp).await,
                Place::Tls(_) => bind_tcp(&addresses, Listening::Tls).await,
                Place::Unix(path) => bind_unix(path, mode).await,
            };
            match listeners {
                Ok(listeners) => unopened.push(Unopened { place, listeners }),
                Err(failure) => failures.push(failure),
            }
        }
        if failures.is_empty() { Ok(unopened) } else { Err(failures) }
    }

    /// Serves whoever comes to these places, too; there is `tls` if any of them speaks it.
    pub(crate) fn open(&mut self, unopened: Vec<Unopened>, hub: &Hub, tls: Option<&Tls>) {
        for Unopened { place, listeners } in unopened {
            let bound: Vec<_> = listeners.iter().map(Listening::bound).collect();
            for bound in &bound {
                tracing::info!(address = bound.to_string(), "listen");
            }
            let tasks = listeners.into_iter().map(|listening| listening.run(hub, tls)).collect();
            self.0.push(Door { place, bound, tasks, exposure: None });
        }
    }

    /// Says what other machines find where they can come, as far as that is new.
    pub(crate) fn log_exposure(&mut self, settings: &Settings, keys: &Keys) {
        for door in &mut self.0 {
            let exposure = Exposure::of(&door.place, settings, keys);
            if door.exposure.replace(exposure) == Some(exposure) {
                continue;
            }
            for bound in &door.bound {
                match bound {
                    Bound::Tcp(address) | Bound::Tls(address) if is_public(address) => exposure.log(bound),
                    _ => {}
                }
            }
        }
    }

    /// Closes the places that are not among those; who came through them stays.
    pub(crate) async fn close_others(&mut self, places: &[Place]) {
        let (kept, closed) = std::mem::take(&mut self.0).into_iter().partition(|door| places.contains(&door.place));
        self.0 = kept;
        for door in closed {
            for bound in &door.bound {
                tracing::info!(address = bound.to_string(), "listen-end");
            }
            door.close().await;
        }
    }

    /// Gives the Unix sockets that are open these permissions.
    #[cfg_attr(not(unix), allow(clippy::unused_self, reason = "there are none"))]
    pub(crate) fn set_mode(&self, mode: u32) {
        for bound in self.bound() {
            if let Bound::Unix(path) = bound
                && let Err(error) = set_mode(path, mode)
            {
                tracing::warn!(address = bound.to_string(), detail = %error, "mode-failed");
            }
        }
    }

    /// Where the listeners are.
    pub(crate) fn bound(&self) -> impl Iterator<Item = &Bound> {
        self.0.iter().flat_map(|door| &door.bound)
    }
}

impl Door {
    async fn close(mut self) {
        for task in &mut self.tasks {
            task.abort();
            let _aborted = task.await;
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Listening {
    fn bound(&self) -> Bound {
        match self {
            Listening::Tcp(listener) => Bound::Tcp(listener.address()),
            Listening::Tls(listener) => Bound::Tls(listener.address()),
            #[cfg(unix)]
            Listening::Unix(listener) => Bound::Unix(listener.path().into()),
        }
    }

    fn run(self, hub: &Hub, tls: Option<&Tls>) -> JoinHandle<()> {
        match self {
            Listening::Tcp(listener) => tokio::spawn(listener.run(hub.clone())),
            Listening::Tls(listener) => {
                let tls = tls.expect("a place that speaks TLS has been refused without certificate").clone();
                tokio::spawn(listener.run_tls(hub.clone(), tls))
            }
            #[cfg(unix)]
            Listening::Unix(listener) => tokio::spawn(listener.run(hub.clone())),
        }
    }
}

impl Bound {
    /// How to join, in words for people.
    pub(crate) fn invitation(&self) -> String {
        match self {
            Bound::Tcp(address) => {
                let join = reachable(address);
                let (host, port) = (join.ip(), join.port());
                format!("telnet {host} {port}   or: cargo run --release -p bookend-cli -- chat {join}")
            }
            Bound::Tls(address) => format!("openssl s_client -quiet -connect {}", reachable(address)),
            Bound::Unix(path) => format!("nc -U {}", path.display()),
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Bound::Tcp(address) => address.fmt(f),
            Bound::Tls(address) => write!(f, "tls://{address}"),
            Bound::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An address of this machine that leads there.
fn reachable(address: &SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(host, address.port())
}

/// Listens on the addresses of one host: on some of them at least, as `localhost` may stand for one that is not there.
async fn bind_tcp(addresses: &[SocketAddr], kind: fn(Listener) -> Listening) -> Result<Vec<Listening>, String> {
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
async fn bind_unix(path: &std::path::Path, mode: u32) -> Result<Vec<Listening>, String> {
    let listener = UnixListener::bind(path, mode).await;
    listener
        .map(|listener| vec![Listening::Unix(listener)])
        .map_err(|error| format!("unix:{}: {error}", path.display()))
}

#[cfg(unix)]
fn set_mode(path: &std::path::Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
async fn bind_unix(path: &std::path::Path, _mode: u32) -> Result<Vec<Listening>, String> {
    Err(format!("unix:{}: there are no Unix sockets on this system", path.display()))
}

#[cfg(not(unix))]
fn set_mode(_path: &std::path::Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

//! Binds the configured addresses.

use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

#[cfg(unix)]
use bookend_server::UnixListener;
use bookend_server::{Hub, Listener, Tls};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::address::{ListenAddress, LocalAddress};
use crate::inherited::Inherited;

/// How long the start waits for an address that the machine does not have yet.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(60);
const ADDRESS_RETRY: Duration = Duration::from_secs(1);

/// A configured address, with its socket addresses.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) place: ListenAddress,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Listeners of one configured address that are bound, but do not accept connections yet.
pub(crate) struct BoundListeners {
    pub(crate) place: ListenAddress,
    pub(crate) listeners: Vec<AnyListener>,
}

pub(crate) enum AnyListener {
    Tcp(Listener),
    Tls(Listener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// Why addresses cannot be bound.
pub(crate) struct BindFailure {
    pub(crate) reasons: Vec<String>,
    /// The machine does not have the addresses, at least not yet.
    pub(crate) is_absent: bool,
}

/// Waits at the start for addresses that the machine does not have yet, for instance after booting.
pub(crate) struct AddressWait(Instant);

impl AddressWait {
    pub(crate) fn new() -> AddressWait {
        AddressWait(Instant::now() + ADDRESS_TIMEOUT)
    }

    /// Logs what is missing, and waits until it is time to try again. False if that was tried for long enough.
    pub(crate) async fn try_again(&self, reasons: &[String]) -> bool {
        if Instant::now() >= self.0 {
            return false;
        }
        for detail in reasons {
            tracing::warn!(detail, seconds = ADDRESS_TIMEOUT.as_secs(), "listen-waits");
        }
        sleep(ADDRESS_RETRY).await;
        true
    }
}

/// How addresses are bound.
pub(crate) struct Binder<'a> {
    /// Sockets that listen already.
    pub(crate) inherited: &'a Inherited,
    /// The permissions of Unix sockets.
    #[cfg_attr(not(unix), allow(dead_code, reason = "this system has no Unix sockets"))]
    pub(crate) mode: u32,
    /// The ports of all configured IPv4 addresses.
    v4_ports: Vec<u16>,
}

impl<'a> Binder<'a> {
    /// A binder for some of these addresses.
    pub(crate) fn new(inherited: &'a Inherited, mode: u32, all: &[Resolved]) -> Binder<'a> {
        let addresses = all.iter().flat_map(|resolved| &resolved.addresses);
        let v4_ports = addresses.filter(|address| address.is_ipv4() && address.port() != 0).map(SocketAddr::port);
        Binder { inherited, mode, v4_ports: v4_ports.collect() }
    }

    pub(crate) async fn bind(&self, wanted: &Resolved) -> Result<BoundListeners, BindFailure> {
        let Resolved { place, addresses } = wanted;
        let listeners = match place {
            ListenAddress::Tcp(_) => self.bind_tcp(addresses, AnyListener::Tcp).await,
            ListenAddress::Tls(_) => self.bind_tcp(addresses, AnyListener::Tls).await,
            ListenAddress::Unix(path) => self.bind_unix(path).await,
        };
        listeners.map(|listeners| BoundListeners { place: place.clone(), listeners })
    }

    /// Listens on the addresses of one host. One of them suffices: `localhost` may have an address that is not available.
    async fn bind_tcp(
        &self,
        addresses: &[SocketAddr],
        kind: fn(Listener) -> AnyListener,
    ) -> Result<Vec<AnyListener>, BindFailure> {
        let (mut listeners, mut reasons, mut is_absent) = (Vec::new(), Vec::new(), true);
        for &address in addresses {
            match self.bind_address(address).await {
                Ok(listener) => listeners.push(kind(listener)),
                Err(error) => {
                    is_absent &= error.kind() == ErrorKind::AddrNotAvailable;
                    reasons.push(format!("{address}: {error}{}", explain(address, &error).await));
                }
            }
        }
        if listeners.is_empty() {
            return Err(BindFailure { reasons: vec![reasons.join(", ")], is_absent });
        }
        for refusal in reasons {
            tracing::warn!(detail = refusal, "listen-failed");
        }
        Ok(listeners)
    }

    /// `[::]` accepts IPv4 connections, too, unless another listener has the port for IPv4.
    async fn bind_address(&self, address: SocketAddr) -> io::Result<Listener> {
        if let Some(inherited) = self.inherited.tcp(address) {
            return Listener::from_std(inherited.try_clone()?);
        }
        match is_any_v6(address) && self.v4_ports.contains(&address.port()) {
            true => Listener::bind_only_v6(address).await,
            false => Listener::bind(address).await,
        }
    }

    #[cfg(unix)]
    async fn bind_unix(&self, path: &std::path::Path) -> Result<Vec<AnyListener>, BindFailure> {
        let listener = match self.inherited.unix(path) {
            Some(inherited) => inherited.try_clone().and_then(UnixListener::from_std),
            None => UnixListener::bind(path, self.mode).await,
        };
        listener
            .map(|listener| vec![AnyListener::Unix(listener)])
            .map_err(|error| BindFailure::of(format!("unix:{}: {error}", path.display())))
    }

    #[cfg(not(unix))]
    async fn bind_unix(&self, path: &std::path::Path) -> Result<Vec<AnyListener>, BindFailure> {
        Err(BindFailure::of(format!("unix:{}: this system has no Unix sockets", path.display())))
    }
}

fn is_any_v6(address: SocketAddr) -> bool {
    address.ip() == Ipv6Addr::UNSPECIFIED
}

/// Who else has the port, if that cannot be seen from the address.
async fn explain(address: SocketAddr, error: &io::Error) -> &'static str {
    let any_v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
    if error.kind() != ErrorKind::AddrInUse || !(address.is_ipv4() || is_any_v6(address)) {
        return "";
    }
    // Bound for a moment only, to find out.
    match (address.is_ipv4(), Listener::bind_only_v6(any_v6).await) {
        (true, Err(error)) if error.kind() == ErrorKind::AddrInUse => {
            ": a listener has this port on [::], which includes IPv4"
        }
        (false, Ok(_)) => ": a listener has this port on an IPv4 address, and [::] includes IPv4",
        _ => "",
    }
}

impl BindFailure {
    fn of(reason: String) -> BindFailure {
        BindFailure { reasons: vec![reason], is_absent: false }
    }
}

impl AnyListener {
    pub(crate) fn bound(&self) -> LocalAddress {
        match self {
            AnyListener::Tcp(listener) => LocalAddress::Tcp(listener.address()),
            AnyListener::Tls(listener) => LocalAddress::Tls(listener.address()),
            #[cfg(unix)]
            AnyListener::Unix(listener) => LocalAddress::Unix(listener.path().into()),
        }
    }

    /// Accepts connections.
    pub(crate) fn run(self, hub: &Hub, tls: Option<&Tls>) -> JoinHandle<()> {
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

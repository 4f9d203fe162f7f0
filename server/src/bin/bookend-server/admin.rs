//! The admin listener.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

#[cfg(unix)]
use bookend_server::UnixListener;
use bookend_server::{Admin, AdminOrder, AdminRules, AdminToken, Hub, Listener};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::address::ListenAddress;
use crate::binding::AddressWait;
use crate::settings::{Fault, LoadedSettings};

const NO_TLS: &str = "the admin listener does not support TLS: use a loopback address or a Unix socket";
/// The timeout for looking up a host name.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// How many orders may wait.
const ORDERS: usize = 4;

/// The settings of the listener, with its addresses and token.
pub(crate) struct AdminSettings {
    place: Option<(ListenAddress, Vec<SocketAddr>)>,
    mode: u32,
    rules: AdminRules,
}

/// The running listener. It ends when this is dropped.
pub(crate) struct AdminListener {
    admin: Admin,
    orders: mpsc::Receiver<AdminOrder>,
    place: String,
    task: JoinHandle<()>,
}

impl AdminSettings {
    /// Looks up the address and reads the token.
    pub(crate) async fn resolve(loaded: &LoadedSettings) -> Result<AdminSettings, Vec<Fault>> {
        let settings = &loaded.settings;
        let mut faults = Vec::new();
        let token = match settings.admin_token_file.as_deref().map(|path| (path, AdminToken::from_file(path))) {
            None => None,
            Some((_, Ok(token))) => Some(token),
            Some((path, Err(error))) => {
                faults.push(loaded.fault("admin.token_file", format!("{}: {error}", path.display())));
                None
            }
        };
        let place = match &settings.admin_listen {
            None => None,
            Some(place) => match look_up(place).await {
                Ok(addresses) => Some((place.clone(), addresses)),
                Err(reason) => {
                    faults.push(loaded.fault("admin.listen", reason));
                    None
                }
            },
        };
        let addresses = place.iter().flat_map(|(_, addresses)| addresses);
        if let Some(address) = addresses.clone().find(|address| !address.ip().to_canonical().is_loopback())
            && !(settings.admin_public && (settings.admin_token_file.is_some() || settings.access_tokens.is_some()))
        {
            let reason = format!(
                "other machines can reach {address}: to allow that, set admin.public = true and admin.token_file or \
                 access.tokens"
            );
            faults.push(loaded.fault("admin.listen", reason));
        }
        let rules = AdminRules { token, hosts: settings.admin_hosts.clone() };
        if faults.is_empty() { Ok(AdminSettings { place, mode: settings.admin_mode, rules }) } else { Err(faults) }
    }
}

async fn look_up(address: &ListenAddress) -> Result<Vec<SocketAddr>, String> {
    match address {
        ListenAddress::Unix(_) => Ok(Vec::new()),
        ListenAddress::Tls(_) => Err(NO_TLS.into()),
        ListenAddress::Tcp(address) => match timeout(LOOKUP_TIMEOUT, address.resolve()).await {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err(format!("{address}: no answer in {} s", LOOKUP_TIMEOUT.as_secs())),
        },
    }
}

impl AdminListener {
    /// Starts the listener, if one is configured.
    pub(crate) async fn open(wanted: AdminSettings, hub: &Hub) -> Result<Option<AdminListener>, String> {
        let AdminSettings { place, mode, rules } = wanted;
        let Some((place, addresses)) = place else { return Ok(None) };
        let (sender, orders) = mpsc::channel(ORDERS);
        let admin = Admin::new(hub.clone(), sender, rules);
        let (place, task) = match &place {
            ListenAddress::Tcp(_) => open_tcp(&addresses, admin.clone()).await?,
            ListenAddress::Unix(path) => open_unix(path, mode, admin.clone()).await?,
            ListenAddress::Tls(_) => return Err(NO_TLS.into()),
        };
        tracing::info!(address = place, "admin-listen");
        Ok(Some(AdminListener { admin, orders, place, task }))
    }

    /// Its address.
    pub(crate) fn address(&self) -> &str {
        &self.place
    }

    /// The hub listens on all addresses.
    pub(crate) fn set_ready(&self) {
        self.admin.set_ready();
    }

    /// The hub shuts down.
    pub(crate) fn set_draining(&self) {
        self.admin.set_draining();
    }

    /// Stops listening; open requests are still answered.
    pub(crate) async fn close(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await; // it was aborted
    }

    /// Replaces the rules. The address remains.
    pub(crate) fn set_rules(&self, wanted: AdminSettings) {
        self.admin.set_rules(wanted.rules);
    }
}

impl Drop for AdminListener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The next order of an operator. Without a listener there never is one.
pub(crate) async fn next(listener: &mut Option<AdminListener>) -> AdminOrder {
    match listener {
        Some(listener) => match listener.orders.recv().await {
            Some(order) => order,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// Listens on the first address of a host that is available.
async fn open_tcp(addresses: &[SocketAddr], admin: Admin) -> Result<(String, JoinHandle<()>), String> {
    let wait = AddressWait::new();
    loop {
        let (mut refusals, mut is_absent) = (Vec::new(), true);
        for &address in addresses {
            match Listener::bind(address).await {
                Ok(listener) => return Ok((listener.address().to_string(), tokio::spawn(listener.run_admin(admin)))),
                Err(error) => {
                    is_absent &= error.kind() == ErrorKind::AddrNotAvailable;
                    refusals.push(format!("{address}: {error}"));
                }
            }
        }
        let reasons = [format!("admin.listen: {}", refusals.join(", "))];
        if !is_absent || !wait.try_again(&reasons).await {
            return Err(reasons.concat());
        }
    }
}

#[cfg(unix)]
async fn open_unix(path: &std::path::Path, mode: u32, admin: Admin) -> Result<(String, JoinHandle<()>), String> {
    let place = format!("unix:{}", path.display());
    match UnixListener::bind(path, mode).await {
        Ok(listener) => Ok((place, tokio::spawn(listener.run_admin(admin)))),
        Err(error) => Err(format!("admin.listen: {place}: {error}")),
    }
}

#[cfg(not(unix))]
async fn open_unix(path: &std::path::Path, _mode: u32, _admin: Admin) -> Result<(String, JoinHandle<()>), String> {
    Err(format!("admin.listen: unix:{}: this system has no Unix sockets", path.display()))
}

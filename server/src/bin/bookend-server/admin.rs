//! The admin listener of this program.

use std::net::SocketAddr;
use std::time::Duration;

#[cfg(unix)]
use bookend_server::UnixListener;
use bookend_server::{Admin, AdminOrder, AdminRules, AdminToken, Hub, Listener};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::place::Place;
use crate::settings::{Fault, Settled};

const NO_TLS: &str = "the hub is not looked after by TLS: a loopback address or a Unix socket needs none";
/// A host name that takes longer to look up is not to be had.
const LOOK_UP: Duration = Duration::from_secs(10);
/// Orders that wait to be obeyed.
const ORDERS: usize = 4;

/// What the settings say, looked up and read.
pub(crate) struct Wanted {
    place: Option<(Place, Vec<SocketAddr>)>,
    mode: u32,
    rules: AdminRules,
}

/// The listener while it answers. It ends when this is dropped.
pub(crate) struct AdminDoor {
    admin: Admin,
    orders: mpsc::Receiver<AdminOrder>,
    place: String,
    task: JoinHandle<()>,
}

impl Wanted {
    /// Looks the place up and reads the token, or says what is wrong with them.
    pub(crate) async fn resolve(settled: &Settled) -> Result<Wanted, Vec<Fault>> {
        let settings = &settled.settings;
        let mut faults = Vec::new();
        let token = match settings.admin_token_file.as_deref().map(|path| (path, AdminToken::read(path))) {
            None => None,
            Some((_, Ok(token))) => Some(token),
            Some((path, Err(error))) => {
                faults.push(settled.fault("admin.token_file", format!("{}: {error}", path.display())));
                None
            }
        };
        let place = match &settings.admin_listen {
            None => None,
            Some(place) => match look_up(place).await {
                Ok(addresses) => Some((place.clone(), addresses)),
                Err(why) => {
                    faults.push(settled.fault("admin.listen", why));
                    None
                }
            },
        };
        let addresses = place.iter().flat_map(|(_, addresses)| addresses);
        if let Some(address) = addresses.clone().find(|address| !address.ip().to_canonical().is_loopback())
            && !(settings.admin_public && (settings.admin_token_file.is_some() || settings.access_tokens.is_some()))
        {
            let why = format!(
                "{address} can be reached by other machines: admin.public = true with admin.token_file or \
                 access.tokens allows it"
            );
            faults.push(settled.fault("admin.listen", why));
        }
        let rules = AdminRules { token, hosts: settings.admin_hosts.clone() };
        if faults.is_empty() { Ok(Wanted { place, mode: settings.admin_mode, rules }) } else { Err(faults) }
    }
}

async fn look_up(place: &Place) -> Result<Vec<SocketAddr>, String> {
    match place {
        Place::Unix(_) => Ok(Vec::new()),
        Place::Tls(_) => Err(NO_TLS.into()),
        Place::Tcp(address) => match timeout(LOOK_UP, address.resolve()).await {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err(format!("{address}: no answer in {} s", LOOK_UP.as_secs())),
        },
    }
}

impl AdminDoor {
    /// Answers where it is wanted, if it is.
    pub(crate) async fn open(wanted: Wanted, hub: &Hub) -> Result<Option<AdminDoor>, String> {
        let Wanted { place, mode, rules } = wanted;
        let Some((place, addresses)) = place else { return Ok(None) };
        let (sender, orders) = mpsc::channel(ORDERS);
        let admin = Admin::new(hub.clone(), sender, rules);
        let (place, task) = match &place {
            Place::Tcp(_) => open_tcp(&addresses, admin.clone()).await?,
            Place::Unix(path) => open_unix(path, mode, admin.clone()).await?,
            Place::Tls(_) => return Err(NO_TLS.into()),
        };
        tracing::info!(address = place, "admin-listen");
        Ok(Some(AdminDoor { admin, orders, place, task }))
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Everything else is listened on, too.
    pub(crate) fn is_ready(&self) {
        self.admin.set_ready();
    }

    /// Nobody is let in any more.
    pub(crate) fn is_draining(&self) {
        self.admin.set_draining();
    }

    /// Answers no more, and is gone when this returns; what has been asked is still answered.
    pub(crate) async fn close(mut self) {
        self.task.abort();
        let _aborted = (&mut self.task).await;
    }

    /// Other rules hold from now on; where it is stays.
    pub(crate) fn set_rules(&self, wanted: Wanted) {
        self.admin.set_rules(wanted.rules);
    }
}

impl Drop for AdminDoor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What an operator orders next; nothing ever without a listener.
pub(crate) async fn next(door: &mut Option<AdminDoor>) -> AdminOrder {
    match door {
        Some(door) => match door.orders.recv().await {
            Some(order) => order,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// Listens on the first address of a host that can be had: one place is one listener.
async fn open_tcp(addresses: &[SocketAddr], admin: Admin) -> Result<(String, JoinHandle<()>), String> {
    let mut refusals = Vec::new();
    for &address in addresses {
        match Listener::bind(address).await {
            Ok(listener) => return Ok((listener.address().to_string(), tokio::spawn(listener.run_admin(admin)))),
            Err(error) => refusals.push(format!("{address}: {error}")),
        }
    }
    Err(format!("admin.listen: {}", refusals.join(", ")))
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
    Err(format!("admin.listen: unix:{}: there are no Unix sockets on this system", path.display()))
}

//! The admin service: HTTP/1.1 for operators and their programs.
//!
//! It has limits of its own: few connections, each for a short time, and small requests.

mod answer;
mod authorization;
mod requests;
mod response;
mod token;

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::hub::Hub;
use crate::lock::lock;

pub use token::AdminToken;

/// The most connections at one time.
const CONNECTIONS: usize = 32;
/// The timeout for the head of a request, for its body, and for an idle connection.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time of a connection, however slowly its peer reads.
const LIFETIME: Duration = Duration::from_secs(60);
/// The longest head of a request, in bytes.
const HEAD: usize = 16 << 10;
/// The most headers of a request.
const HEADERS: usize = 64;

/// A request to the program that embeds the hub.
#[derive(Debug)]
pub enum AdminOrder {
    /// Shut down gracefully.
    Drain,
    /// Reload the settings. The answer contains the faults if they are refused.
    Reload(oneshot::Sender<Result<(), Vec<String>>>),
}

/// How a client of the admin service is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Over a Unix socket. Its permissions are the authorization: the client may do everything.
    Unix,
    /// Over TCP, from this machine. Without a token the client may read what is not private.
    Loopback,
    /// Over TCP, from any machine. Without a token the client may ask whether the hub is alive and ready.
    Anywhere,
}

/// The rules of authorization.
#[derive(Clone, Debug, Default)]
pub struct AdminRules {
    /// A client with this token may do everything, as may a client with a token of the hub that has
    /// [`Right::Admin`](crate::Right::Admin).
    pub token: Option<AdminToken>,
    /// Host names of the service, besides IP addresses and localhost. A request for another name is refused: it is from
    /// a page whose name resolves to this machine.
    pub hosts: Vec<String>,
}

/// The admin service of a hub. Clones are the same service.
///
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// use bookend_server::{Admin, AdminOrder, AdminRules, Config, Hub, Listener};
/// use tokio::sync::mpsc;
///
/// let hub = Hub::new(Config::default());
/// let (orders, mut received) = mpsc::channel(4);
/// let admin = Admin::new(hub.clone(), orders, AdminRules::default());
/// let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await?;
/// tokio::spawn(listener.run_admin(admin));
/// while let Some(order) = received.recv().await {
///     match order {
///         AdminOrder::Drain => drop(hub.shut_down().await),
///         AdminOrder::Reload(answer) => drop(answer.send(Ok(()))),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Admin(Arc<Shared>);

struct Shared {
    hub: Hub,
    orders: mpsc::Sender<AdminOrder>,
    rules: Mutex<Arc<AdminRules>>,
    /// The hub listens on all addresses.
    ready: AtomicBool,
    /// The hub accepts no new connections, or soon will not.
    draining: AtomicBool,
    permits: Arc<Semaphore>,
}

impl Admin {
    /// The service of a hub; the embedding program receives its orders.
    #[must_use]
    pub fn new(hub: Hub, orders: mpsc::Sender<AdminOrder>, rules: AdminRules) -> Admin {
        Admin(Arc::new(Shared {
            hub,
            orders,
            rules: Mutex::new(Arc::new(rules)),
            ready: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
        }))
    }

    /// Sets the rules for the next requests.
    pub fn set_rules(&self, rules: AdminRules) {
        *lock(&self.0.rules) = Arc::new(rules);
    }

    /// Reports the hub as ready, until it shuts down.
    pub fn set_ready(&self) {
        self.0.ready.store(true, Ordering::Relaxed);
    }

    /// Reports the hub as draining, even before it starts to shut down.
    pub fn set_draining(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Serves one connection until it has ended.
    pub async fn serve<S>(&self, stream: S, reach: Reach)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let service = service_fn(|request: Request<Incoming>| async move {
            Ok::<_, Infallible>(answer::answer(self, request, reach).await)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_TIMEOUT)
            .max_headers(HEADERS)
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        match timeout(LIFETIME, connection).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(detail = %error, "admin-disconnect"),
            Err(_) => tracing::debug!(detail = "the connection lasted too long", "admin-disconnect"),
        }
    }

    /// Waits until one more connection is allowed.
    pub(crate) async fn permit(&self) -> OwnedSemaphorePermit {
        self.0.permits.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    fn hub(&self) -> &Hub {
        &self.0.hub
    }

    fn rules(&self) -> Arc<AdminRules> {
        lock(&self.0.rules).clone()
    }

    /// `starting`, `ready` or `draining`.
    fn state(&self) -> &'static str {
        let Shared { hub, ready, draining, .. } = &*self.0;
        match draining.load(Ordering::Relaxed) || hub.is_shutting_down() {
            true => "draining",
            false if ready.load(Ordering::Relaxed) => "ready",
            false => "starting",
        }
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

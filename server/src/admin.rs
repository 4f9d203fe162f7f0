//! The admin service: HTTP/1.1 for operators and their programs.
//!
//! It has limits of its own: few connections, each for a short time, and small requests. When there are too many, the oldest
//! one that waits for a request ends, so that idle clients keep neither operators nor probes out.

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
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::hub::Hub;
use crate::lock::lock;
use crate::places::{Place, Places};
use crate::source::Source;
use crate::wrong_tokens::{WrongTokenLimits, WrongTokens};

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
/// The answers to wrong tokens. A token cannot be guessed; this bounds the work and the log of a client that tries.
const WRONG_TOKENS: WrongTokenLimits = WrongTokenLimits {
    delay: Duration::from_millis(250),
    max_delay: Duration::from_secs(2),
    window: Duration::from_secs(60),
    max_delayed: 4,
};

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
    places: Places,
    wrong_tokens: WrongTokens,
}

/// The connection of a request.
struct Caller {
    /// As the log names it.
    peer: String,
    reach: Reach,
    source: Source,
    place: Place,
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
            places: Places::default(),
            wrong_tokens: WrongTokens::default(),
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
        self.serve_from(stream, "unknown".into(), reach, Source::Unknown).await;
    }

    /// Serves one connection of a known source until it has ended, or a newer one takes its place.
    pub(crate) async fn serve_from<S>(&self, stream: S, peer: String, reach: Reach, source: Source)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (place, mut loss) = self.0.places.take(source, CONNECTIONS, CONNECTIONS);
        let caller = &Caller { peer, reach, source, place };
        let service = service_fn(|request: Request<Incoming>| async move {
            caller.place.set_active(true);
            let answer = answer::answer(self, request, caller).await;
            caller.place.set_active(false);
            Ok::<_, Infallible>(answer)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_TIMEOUT)
            .max_headers(HEADERS)
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        match loss.before(timeout(LIFETIME, connection)).await {
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => tracing::debug!(detail = %error, "admin-disconnect"),
            Some(Err(_)) => tracing::debug!(detail = "the connection lasted too long", "admin-disconnect"),
            None => tracing::debug!(detail = "a newer connection took its place", "admin-disconnect"),
        }
    }

    /// Waits for as long as the answer to a wrong token is delayed. False if too many wait already.
    async fn delay_wrong_token(&self, caller: &Caller) -> bool {
        let Some(delayed) = self.0.wrong_tokens.count(caller.source, &WRONG_TOKENS) else { return false };
        caller.place.set_active(false);
        tokio::time::sleep(delayed.delay).await;
        true
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

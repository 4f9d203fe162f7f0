//! The admin listener: HTTP/1.1 for those who look after the hub, and for their programs.
//!
//! It has limits of its own, as it is not to be the way in for those whom the door keeps out: few connections, each for
//! a short time, small requests.

mod answer;
mod gate;
mod orders;
mod token;

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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

pub use token::AdminToken;

/// Connections at one time.
const CONNECTIONS: usize = 32;
/// A request's head is to come within this, and its body within as long again. A connection may be idle for so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// No connection lasts longer, whatever is asked and however slowly the answer is taken.
const LIFETIME: Duration = Duration::from_secs(60);
/// Bytes of a request's head.
const HEAD: usize = 16 << 10;
/// Headers of a request.
const HEADERS: usize = 64;

/// What is asked of the program that has the hub.
#[derive(Debug)]
pub enum AdminOrder {
    /// End in good order.
    Drain,
    /// Read the settings again. The answer has the reasons if they are refused.
    Reload(oneshot::Sender<Result<(), Vec<String>>>),
}

/// Over what somebody has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A Unix socket: the permissions of its file have let them in, and they may do everything.
    Unix,
    /// TCP, from this machine: without a token they may see what is not private.
    Loopback,
    /// TCP, from anywhere: without a token they may ask whether the hub is alive and ready.
    Anywhere,
}

/// Who may ask.
#[derive(Clone, Debug, Default)]
pub struct AdminRules {
    /// Who has it may do everything, as may who has a token of the hub with [`Right::Admin`](crate::Right::Admin).
    pub token: Option<AdminToken>,
    /// The names by which the listener is asked, besides IP addresses and localhost: another name is one that somebody
    /// has led here.
    pub hosts: Vec<String>,
}

/// What answers at the admin listener. Its clones are the same.
#[derive(Clone)]
pub struct Admin(Arc<Shared>);

struct Shared {
    hub: Hub,
    orders: mpsc::Sender<AdminOrder>,
    rules: Mutex<Arc<AdminRules>>,
    /// All places are listened on.
    ready: AtomicBool,
    /// Nobody is let in any more, or soon.
    draining: AtomicBool,
    places: Arc<Semaphore>,
}

impl Admin {
    /// For a hub, whose program obeys `orders`.
    #[must_use]
    pub fn new(hub: Hub, orders: mpsc::Sender<AdminOrder>, rules: AdminRules) -> Admin {
        Admin(Arc::new(Shared {
            hub,
            orders,
            rules: Mutex::new(Arc::new(rules)),
            ready: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        }))
    }

    /// Other rules hold, for the next request on.
    pub fn set_rules(&self, rules: AdminRules) {
        *self.0.rules.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// From now on the hub is ready, until it shuts down.
    pub fn set_ready(&self) {
        self.0.ready.store(true, Ordering::Relaxed);
    }

    /// From now on the hub is not ready any more, already before it begins to shut down.
    pub fn set_draining(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Serves one connection, until it is over.
    pub async fn serve<S>(&self, stream: S, reach: Reach)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let service = service_fn(|request: Request<Incoming>| async move {
            Ok::<_, Infallible>(answer::answer(self, request, reach).await)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_headers(HEADERS)
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        match timeout(LIFETIME, connection).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(detail = %error, "admin-disconnect"),
            Err(_) => tracing::debug!(detail = "it has lasted too long", "admin-disconnect"),
        }
    }

    /// Waits until there is place for one more connection.
    pub(crate) async fn place(&self) -> OwnedSemaphorePermit {
        self.0.places.clone().acquire_owned().await.expect("nobody closes it")
    }

    fn hub(&self) -> &Hub {
        &self.0.hub
    }

    fn rules(&self) -> Arc<AdminRules> {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

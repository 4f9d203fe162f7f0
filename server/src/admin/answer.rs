//! Routes, and the answers to requests.

use std::process;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::authorization::{self, Denied, Requirement};
use super::requests::{AddBan, Kick, NoArguments, Say, Unban};
use super::response::{Refusal, json_response, text_response};
use super::{Admin, AdminOrder, Caller, REQUEST_TIMEOUT};
use crate::bans::BanError;
use crate::hub::{Hub, Kicked, Target};

/// The longest body of a request, in bytes.
const BODY: usize = 4 << 10;
/// A reload looks up host names, which may take long.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(45);

/// A path of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Health,
    Readiness,
    Metrics,
    Status,
    Connections,
    Rooms,
    Kick,
    Bans,
    Ban,
    Unban,
    Say,
    Drain,
    Reload,
}

/// Answers a request.
pub(super) async fn answer(admin: &Admin, request: Request<Incoming>, caller: &Caller) -> Response<Full<Bytes>> {
    let route = Route::of(request.uri().path());
    let mut response = match respond(admin, request, route, caller).await {
        Ok(response) => response,
        Err(refusal) => refusal.response(&caller.peer, route.map(Route::allowed)),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn respond(
    admin: &Admin,
    request: Request<Incoming>,
    route: Option<Route>,
    caller: &Caller,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let (head, body) = request.into_parts();
    let (rules, reach) = (admin.rules(), caller.reach);
    authorization::check_origin(&head.uri, &head.headers, reach, &rules)?;
    let route = route.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "not-found", "there is no such path"))?;
    if !route.allows(&head.method) {
        let detail = format!("use {}", route.allowed());
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail));
    }
    let access = admin.hub().access();
    let operator = match authorization::authorize(route.requirement(), &head.headers, reach, &rules, &access) {
        Ok(operator) => operator,
        Err(Denied::Refused(refusal)) => return Err(refusal),
        Err(Denied::WrongToken) => {
            return Err(match admin.delay_wrong_token(caller).await {
                true => Refusal::unauthorized("the token is wrong, or does not allow this"),
                false => Refusal::too_many_wrong_tokens(),
            });
        }
    };
    if !route.is_order() {
        return Ok(read(admin, route).await);
    }
    authorization::check_content_type(&head.headers)?;
    let body = read_body(body).await?;
    tracing::info!(order = head.uri.path(), by = %operator, "admin-order");
    order(admin, route, &body).await.map(|answer| json_response(StatusCode::OK, &answer))
}

async fn read(admin: &Admin, route: Route) -> Response<Full<Bytes>> {
    let hub = admin.hub();
    match route {
        Route::Health => text_response(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".into()),
        Route::Readiness => {
            let state = admin.state();
            let status = if state == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            text_response(status, "text/plain; charset=utf-8", format!("{state}\n"))
        }
        Route::Metrics => text_response(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", hub.metrics()),
        Route::Connections => json_response(StatusCode::OK, &hub.connections().await),
        Route::Rooms => json_response(StatusCode::OK, &hub.rooms()),
        Route::Bans => json_response(StatusCode::OK, &json!({ "bans": hub.bans(), "kept": hub.are_bans_kept() })),
        Route::Status | Route::Kick | Route::Ban | Route::Unban | Route::Say | Route::Drain | Route::Reload => {
            json_response(StatusCode::OK, &status(admin))
        }
    }
}

fn status(admin: &Admin) -> Value {
    let hub = admin.hub();
    let (census, traffic) = (hub.census(), hub.counters().traffic());
    let age = SystemTime::now().duration_since(hub.started()).unwrap_or_default();
    json!({
        "state": admin.state(),
        "version": env!("CARGO_PKG_VERSION"),
        "pid": process::id(),
        "seconds": age.as_secs(),
        "connections": hub.connection_count(),
        "members": census.kinds.values().sum::<usize>(),
        "rooms": census.rooms,
        "bans": hub.ban_count(),
        "log_bytes": census.log_bytes,
        "history": history(hub),
        "messages": traffic.messages,
        "deliveries": traffic.deliveries,
        "bytes_received": traffic.bytes_received,
        "bytes_sent": traffic.bytes_sent,
    })
}

/// The state of the file that keeps rooms, if there is one.
#[cfg(feature = "history")]
fn history(hub: &Hub) -> Option<Value> {
    let status = hub.history()?;
    Some(json!({
        "path": status.path.display().to_string(),
        "bytes": status.file_bytes,
        "wal_bytes": status.log_bytes,
        "rooms": status.rooms,
        "messages": status.messages,
        "oldest": status.oldest,
        "written_lag": status.written_lag,
        "synced_lag": status.synced_lag,
        "sync_seconds": status.sync_time.as_secs_f64(),
        "damaged_rows": status.damaged,
        "failing": status.failure.map(|failure| format!("{}: {}", failure.reason, failure.detail)),
    }))
}

#[cfg(not(feature = "history"))]
fn history(_hub: &Hub) -> Option<Value> {
    None
}

async fn order(admin: &Admin, route: Route, body: &[u8]) -> Result<Value, Refusal> {
    let hub = admin.hub();
    match route {
        Route::Kick => kick(hub, body).await,
        Route::Ban | Route::Unban => change_bans(hub, route, body).await,
        Route::Say => {
            let say: Say = parsed(body)?;
            let text = say.text().map_err(Refusal::bad)?;
            let rooms = hub.announce(say.room.as_deref(), text);
            if let (0, Some(_)) = (rooms, &say.room) {
                return Err(Refusal::new(StatusCode::NOT_FOUND, "no-such-room", "there is no such room"));
            }
            tracing::info!(rooms, "say");
            Ok(json!({ "rooms": rooms }))
        }
        Route::Reload => {
            let NoArguments {} = parsed(body)?;
            let (answer, answered) = oneshot::channel();
            let taken = timeout(RELOAD_TIMEOUT, async {
                send(admin, AdminOrder::Reload(answer)).await?;
                answered.await.map_err(|_| Refusal::busy())
            });
            match taken.await.map_err(|_| Refusal::busy())?? {
                Ok(()) => Ok(json!({ "reloaded": true })),
                Err(faults) => {
                    let detail = "the old settings remain in force";
                    Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "reload-refused", detail).with_faults(faults))
                }
            }
        }
        _ => {
            let NoArguments {} = parsed(body)?;
            send(admin, AdminOrder::Drain).await?;
            Ok(json!({ "draining": true }))
        }
    }
}

async fn kick(hub: &Hub, body: &[u8]) -> Result<Value, Refusal> {
    let kick: Kick = parsed(body)?;
    let (target, reason) = kick.validate().map_err(Refusal::bad)?;
    let absent = || {
        let detail = match target {
            Target::Connection(number) => format!("there is no connection {number}"),
            Target::Member(member) => format!("there is no member {member}"),
        };
        Refusal::new(StatusCode::NOT_FOUND, "no-such-member", detail)
    };
    let Some(duration) = kick.ban().map_err(Refusal::bad)? else {
        let peer = hub.kick(target, reason).ok_or_else(absent)?;
        tracing::info!(peer = &*peer, detail = reason, "kick");
        return Ok(json!({ "kicked": *peer }));
    };
    let Kicked { peer, bans } = hub.kick_and_ban(target, duration, reason).map_err(not_banned)?.ok_or_else(absent)?;
    tracing::info!(peer = &*peer, detail = reason, "kick");
    Ok(json!({ "kicked": *peer, "bans": bans, "kept": hub.bans_written().await }))
}

async fn change_bans(hub: &Hub, route: Route, body: &[u8]) -> Result<Value, Refusal> {
    let mut answer =
        if route == Route::Ban {
            let request: AddBan = parsed(body)?;
            let (target, duration, reason) = request.validate(&hub.access()).map_err(Refusal::bad)?;
            json!(hub.ban(target, duration, reason).map_err(not_banned)?)
        } else {
            let Unban { ban: id } = parsed(body)?;
            json!(hub.unban(id).ok_or_else(|| {
                Refusal::new(StatusCode::NOT_FOUND, "no-such-ban", format!("there is no ban {id}"))
            })?)
        };
    answer["kept"] = hub.bans_written().await.into();
    Ok(answer)
}

fn not_banned(error: BanError) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, "not-banned", error.to_string())
}

async fn send(admin: &Admin, order: AdminOrder) -> Result<(), Refusal> {
    admin.0.orders.send(order).await.map_err(|_| Refusal::busy())
}

/// Reads the body of a request, within limits of length and time.
async fn read_body(body: Incoming) -> Result<Bytes, Refusal> {
    let too_long =
        || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", format!("a body has at most {BODY} bytes"));
    if body.size_hint().lower() > BODY as u64 {
        return Err(too_long());
    }
    match timeout(REQUEST_TIMEOUT, Limited::new(body, BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(error)) => Err(Refusal::bad(error.to_string())),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "frame-timeout", "the body did not arrive in time")),
    }
}

/// Parses a body. An empty one is the same as an empty object.
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Refusal::bad(error.to_string()))
}

impl Route {
    fn of(path: &str) -> Option<Route> {
        Some(match path {
            "/healthz" => Route::Health,
            "/readyz" => Route::Readiness,
            "/metrics" => Route::Metrics,
            "/status" => Route::Status,
            "/connections" => Route::Connections,
            "/rooms" => Route::Rooms,
            "/kick" => Route::Kick,
            "/bans" => Route::Bans,
            "/ban" => Route::Ban,
            "/unban" => Route::Unban,
            "/say" => Route::Say,
            "/drain" => Route::Drain,
            "/reload" => Route::Reload,
            _ => return None,
        })
    }

    /// Does it change something?
    fn is_order(self) -> bool {
        matches!(self, Route::Kick | Route::Ban | Route::Unban | Route::Say | Route::Drain | Route::Reload)
    }

    fn requirement(self) -> Requirement {
        match self {
            Route::Health | Route::Readiness => Requirement::None,
            Route::Metrics => Requirement::ThisMachine,
            _ => Requirement::Operator,
        }
    }

    fn allows(self, method: &Method) -> bool {
        if self.is_order() { method == Method::POST } else { matches!(*method, Method::GET | Method::HEAD) }
    }

    fn allowed(self) -> &'static str {
        if self.is_order() { "POST" } else { "GET, HEAD" }
    }
}

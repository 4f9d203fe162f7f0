//! The admin listener, over streams in memory.

mod authorization;
mod bans;
mod control;
mod hostile;
mod reports;

use std::time::Duration;

use bookend_server::{Admin, AdminOrder, AdminRules, AdminToken, Hub, Reach};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A token.
const TOKEN: &str = "0123456789abcdef";

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The only answer in these bytes.
    fn parse(bytes: &[u8]) -> Answer {
        let text = String::from_utf8(bytes.into()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.into() }
    }
}

/// The admin service of a hub, and the receiver of its orders.
fn admin(hub: &Hub) -> (Admin, mpsc::Receiver<AdminOrder>) {
    let (sender, orders) = mpsc::channel(1);
    (Admin::new(hub.clone(), sender, AdminRules::default()), orders)
}

/// The same with a token and a host name.
fn guarded(hub: &Hub) -> Admin {
    let (admin, _) = admin(hub);
    let token = AdminToken::new(TOKEN.as_bytes());
    admin.set_rules(AdminRules { token, hosts: vec!["hub.example".into()] });
    admin
}

/// A connection to it.
fn connect(admin: &Admin, reach: Reach) -> DuplexStream {
    let (near, far) = duplex(1 << 16);
    let admin = admin.clone();
    tokio::spawn(async move { admin.serve(far, reach).await });
    near
}

/// Everything that arrives, up to the end.
async fn rest(stream: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    timeout(Duration::from_secs(600), stream.read_to_end(&mut bytes)).await.expect("it ends").unwrap();
    bytes
}

/// The answer to a request, with all its headers.
async fn raw(admin: &Admin, reach: Reach, request: &str) -> Answer {
    let mut stream = connect(admin, reach);
    stream.write_all(request.as_bytes()).await.unwrap();
    Answer::parse(&rest(&mut stream).await)
}

/// The answer to a request over a Unix socket.
async fn get(admin: &Admin, path: &str) -> Answer {
    raw(admin, Reach::Unix, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
}

/// The same for an order.
async fn post(admin: &Admin, path: &str, body: &str) -> Answer {
    let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    let length = body.len();
    raw(admin, Reach::Unix, &format!("POST {path} HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{body}")).await
}

/// The value of a metric.
async fn metric(admin: &Admin, name: &str) -> Option<f64> {
    let text = get(admin, "/metrics").await.body;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|number| number.parse().unwrap())
}

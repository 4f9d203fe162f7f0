//! Clients that try to block the admin service.

use std::time::Duration;

use bookend_server::{Listener, Reach};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::{Answer, TOKEN, admin, connect, get, guarded, raw, rest};
use crate::peer::{Peer, hello, hub};

/// How long it takes until the connection is closed, and what comes until then.
async fn closed_after(stream: &mut tokio::io::DuplexStream) -> (u64, Vec<u8>) {
    let start = Instant::now();
    let bytes = rest(stream).await;
    (start.elapsed().as_secs(), bytes)
}

#[tokio::test(start_paused = true)]
async fn idle_and_slow_requests_time_out() {
    let (admin, _orders) = admin(&hub());
    for beginning in ["", "G", "GET /metrics HTTP/1.1\r\n", "GET /metrics HTTP/1.1\r\nHost: x\r\nX: "] {
        let mut stream = connect(&admin, Reach::Loopback);
        stream.write_all(beginning.as_bytes()).await.unwrap();
        assert_eq!(closed_after(&mut stream).await.0, 5, "{beginning:?}");
    }
    // One byte a second is not progress.
    let (mut reader, mut writer) = tokio::io::split(connect(&admin, Reach::Loopback));
    let dripping = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let start = Instant::now();
    let _ = reader.read_to_end(&mut Vec::new()).await; // the connection may be reset
    assert_eq!(start.elapsed().as_secs(), 5);
    dripping.abort();

    let head = "POST /say HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    for body in ["Content-Length: 10\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{"] {
        let mut stream = connect(&admin, Reach::Unix);
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let (seconds, bytes) = closed_after(&mut stream).await;
        assert_eq!((seconds, Answer::parse(&bytes).status), (5, 408), "{body:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn oversized_requests_are_refused() {
    let (admin, _orders) = admin(&hub());
    let long = "x".repeat(20 << 10);
    let many: String = (0..100).map(|number| format!("X-{number}: y\r\n")).collect();
    for request in [
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"),
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
    ] {
        assert_eq!(raw(&admin, Reach::Unix, &request).await.status, 431);
    }
    assert!([414, 431].contains(&raw(&admin, Reach::Unix, &format!("GET /{long} HTTP/1.1\r\n\r\n")).await.status));
    for nonsense in ["\r\n\r\nhello\r\n\r\n", "GET /\r\n\r\n", "\u{1}\u{2}\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut stream = connect(&admin, Reach::Unix);
        stream.write_all(nonsense.as_bytes()).await.unwrap();
        let bytes = rest(&mut stream).await;
        assert!(bytes.is_empty() || Answer::parse(&bytes).status == 400, "{nonsense:?}");
    }
    let head = "POST /say HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let body = format!("{{\"text\":\"{}\"}}", "x".repeat(5000));
    for request in [
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()),
        format!("{head}Content-Length: 99999999999\r\n\r\n"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
    ] {
        assert_eq!(raw(&admin, Reach::Unix, &request).await.status, 413);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_read_is_given_up() {
    let hub = hub();
    let mut members = Vec::new();
    for number in 0..20 {
        members.push(Peer::join(&hub, hello(&format!("m{number}"))).await);
    }
    let (admin, _orders) = admin(&hub);
    let (mut near, far) = duplex(256);
    let start = Instant::now();
    let serving = tokio::spawn(async move { admin.serve(far, Reach::Unix).await });
    near.write_all(b"GET /connections HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    serving.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order() {
    let (admin, _orders) = admin(&hub());
    let mut stream = connect(&admin, Reach::Unix);
    let requests = ["/healthz", "/nowhere", "/rooms"].map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
    stream.write_all(requests.concat().as_bytes()).await.unwrap();
    let (seconds, bytes) = closed_after(&mut stream).await;
    let text = String::from_utf8(bytes).unwrap();
    let statuses: Vec<_> = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "404", "200"]);
    assert_eq!(seconds, 5, "it accepts more requests for a while");
    assert_eq!(get(&admin, "/rooms").await.body, "{\"rooms\":[]}\n");
}

#[tokio::test]
async fn wrong_tokens_over_tcp_are_delayed_and_limited_and_a_right_one_is_not() {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address();
    let running = tokio::spawn(listener.run_admin(guarded(&hub())));
    let ask = |token: &'static str| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("Host: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
        stream.write_all(format!("GET /status HTTP/1.1\r\n{head}").as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Answer::parse(&bytes).status
    };
    let start = std::time::Instant::now();
    assert_eq!((ask("a guess").await, ask("another guess").await), (401, 401));
    assert!(start.elapsed() >= Duration::from_millis(750), "a quarter of a second, and half a second");
    let guesses: Vec<_> = (0..8).map(|_| tokio::spawn(ask("a guess"))).collect();
    assert_eq!(ask(TOKEN).await, 200, "while guesses wait");
    let mut statuses = Vec::new();
    for guess in guesses {
        statuses.push(guess.await.unwrap());
    }
    assert!(statuses.iter().all(|status| [401, 429].contains(status)) && statuses.contains(&429), "{statuses:?}");
    running.abort();
}

#[cfg(unix)]
#[tokio::test]
async fn idle_connections_give_way_to_new_ones() {
    use bookend_server::UnixListener;
    use tokio::net::UnixStream;

    let (admin, _orders) = admin(&hub());
    let path = std::env::temp_dir().join(format!("bookend-admin-{}", std::process::id()));
    let listener = UnixListener::bind(&path, 0o600).await.unwrap();
    let running = tokio::spawn(listener.run_admin(admin));
    let mut idle = Vec::new();
    for _ in 0..32 {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        idle.push(stream);
    }
    for round in 0..40 {
        // Half a request is idle, too.
        let mut slow = UnixStream::connect(&path).await.unwrap();
        slow.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await.unwrap();
        idle.push(slow);
        let mut probe = UnixStream::connect(&path).await.unwrap();
        probe.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(probe.read(&mut [0; 1024]).await.unwrap() > 0, "{round}");
    }
    assert_eq!(idle[0].read(&mut [0; 1024]).await.unwrap_or(0), 0, "the oldest one was closed");
    running.abort();
    let _ = running.await; // it was aborted
    assert!(!path.exists());
}

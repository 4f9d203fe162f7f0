//! What the feature `tracing` reports, and what it never does.
#![cfg(all(feature = "tracing", feature = "tokio"))]

use std::fmt::Debug;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, Once};
use std::thread;
use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Fault, Hello, Message, OwnedMessage, blocking};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default, set_global_default};
use tracing::{Event, Level, Metadata, Subscriber};

const SECOND: Duration = Duration::from_secs(1);
const TOKEN: &str = "s3cr3t-t0ken";
const PAYLOAD: &str = "payl0ad-of-the-application";

/// Each span and event as a line: level or `span`, number of the span, then `field=value` pairs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// Collects what this thread reports until the guard is dropped.
    ///
    /// `tracing` asks only one subscriber whether a statement is of interest, that of the thread which comes to it
    /// first, and remembers the answer. A thread without a subscriber would answer "never" for all others.
    fn collect() -> (Lines, DefaultGuard) {
        static OTHER_THREADS: Once = Once::new();
        OTHER_THREADS.call_once(|| set_global_default(Lines::default()).expect("no global subscriber before"));
        let lines = Lines::default();
        let guard = set_default(lines.clone());
        (lines, guard)
    }

    fn push(&self, line: String) {
        self.0.lock().expect("no panic before").push(line);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic before").clone()
    }

    /// The one line that contains each of the parts.
    #[track_caller]
    fn the(&self, parts: &[&str]) -> String {
        let lines = self.all();
        let found: Vec<_> = lines.iter().filter(|line| parts.iter().all(|part| line.contains(part))).collect();
        match found[..] {
            [line] => line.clone(),
            _ => panic!("{} lines with {parts:?} in {lines:#?}", found.len()),
        }
    }

    #[track_caller]
    fn has_no_secret(&self) {
        let lines = self.all();
        assert!(!lines.is_empty());
        let hexadecimal = |text: &str| text.bytes().map(|byte| format!("{byte:02x} ")).collect::<String>();
        for secret in [TOKEN, PAYLOAD, &hexadecimal(&PAYLOAD[..4]), &hexadecimal(&TOKEN[..4])] {
            assert!(!lines.iter().any(|line| line.contains(secret)), "{secret} in {lines:#?}");
        }
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        *self.0 += &format!(" {}={value:?}", field.name());
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("bookend")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.all().len() as u64 + 1;
        let mut line = format!("span {id} {}", span.metadata().name());
        span.record(&mut Fields(&mut line));
        self.push(line);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut line = format!("record {}", span.into_u64());
        values.record(&mut Fields(&mut line));
        self.push(line);
    }

    fn event(&self, event: &Event<'_>) {
        let span = event.parent().expect("each event belongs to a session");
        let mut line = format!("{} {}", event.metadata().level(), span.into_u64());
        event.record(&mut Fields(&mut line));
        self.push(line);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn client_hello() -> Hello {
    let hello = Hello::new().with_name("ann").expect("a plain line").with_room("lobby").expect("a plain line");
    hello.with_token(TOKEN.as_bytes()).expect("not too long")
}

async fn pair(near: Hello, far: Hello) -> (Connection<DuplexStream>, Connection<DuplexStream>) {
    let (a, b) = duplex(1 << 20);
    let (near, far) = tokio::join!(Connection::connect(a, near), Connection::accept(b, far));
    (near.expect("the client opens"), far.expect("the server opens"))
}

#[tokio::test(start_paused = true)]
async fn session_has_a_span_and_no_event_has_a_token_or_a_payload() {
    let (lines, _guard) = Lines::collect();
    let server = Hello::new().with_software("service/1").unwrap();
    let (mut near, mut far) = pair(client_hello(), server).await;
    let serving = tokio::spawn(async move {
        while let Some(message) = far.next().await? {
            if let Message::Request { id, .. } = message {
                far.reply(id, PAYLOAD).await?;
            }
        }
        Ok::<(), ConnectionError>(())
    });
    near.send(PAYLOAD).await.unwrap();
    near.request(PAYLOAD, SECOND).await.unwrap();
    near.close(Code::NORMAL, "a detail of more than 32 bytes").await.unwrap();
    serving.await.unwrap().unwrap();

    let span = |role| lines.the(&["bookend.session", role]).split(' ').nth(1).unwrap().to_owned();
    let (client, server) = (span("role=\"client\""), span("role=\"server\""));
    lines.the(&[&format!("record {client} "), "room=\"lobby\""]);
    lines.the(&[&format!("record {client} "), "software=\"service/1\""]);
    lines.the(&[&format!("record {server} "), "peer=\"ann\""]);
    lines.the(&[&format!("record {server} "), "room=\"lobby\""]);
    for session in [&client, &server] {
        lines.the(&[&format!("DEBUG {session} "), "session opened", "max_body=1048576"]);
    }
    lines.the(&[&format!("DEBUG {client} "), "session closed", "code=1000", "name=\"normal\""]);
    // 32 bytes of the reason.
    let reason = "reason=\"normal: a detail of more than 32\"";
    lines.the(&[&format!("DEBUG {server} "), "session closed by the peer", reason]);
    lines.has_no_secret();
}

#[tokio::test(start_paused = true)]
async fn refusals_have_code_and_frame_and_an_escaped_excerpt() {
    let (lines, _guard) = Lines::collect();
    let (mut near, mut far) = pair(client_hello(), Hello::new()).await;
    near.send(PAYLOAD).await.unwrap();
    far.next().await.unwrap();
    far.refuse(None, Code::POLICY, &format!("\x1B[31m{}", "e".repeat(100))).await.unwrap();
    near.barrier(SECOND).await.unwrap_err(); // nobody answers, but the ERROR arrives
    assert!(matches!(near.next().await, Ok(Some(Message::Error(_)))));
    lines.the(&["DEBUG", "refusal sent", "code=1008", "name=\"policy\"", "frame=1"]);
    let line = lines.the(&["DEBUG", "refusal received", "code=1008", "frame=1"]);
    assert!(line.contains("reason=\"policy: \\\\u{1b}[31meeeeeeeeeeeeeeeeeee\""), "{line}");
    lines.has_no_secret();
}

#[tokio::test(start_paused = true)]
async fn frame_that_the_session_refuses_is_reported_without_its_text() {
    let (lines, _guard) = Lines::collect();
    let (stream, mut peer) = duplex(1 << 16);
    let mut wire = Vec::new();
    client_hello().encode(&mut wire);
    let text = [PAYLOAD.as_bytes(), b"\xE9"].concat();
    wire.extend([0xF5, 0xF8, 2, 2, 0, 0, 0, u8::try_from(text.len()).unwrap()]);
    wire.extend(text);
    wire.extend([0xF8, 0xF5]);
    peer.write_all(&wire).await.unwrap();
    let mut near = Connection::accept(stream, Hello::new()).await.unwrap();
    let _ = tokio::time::timeout(SECOND, near.next()).await;
    lines.the(&["DEBUG", "frame refused", "code=1007", "name=\"bad-text\"", "kind=\"MESSAGE\"", "frame=1"]);
    assert_eq!((near.counters().refused, near.counters().frames_received), (1, 2));
    lines.has_no_secret();
}

#[tokio::test(start_paused = true)]
async fn cancelled_request_is_reported_on_both_sides() {
    let (lines, _guard) = Lines::collect();
    let (mut near, far) = pair(client_hello(), Hello::new()).await;
    let (mut receiver, _handle, driver) = far.split();
    let driver = tokio::spawn(driver);
    near.request(PAYLOAD, SECOND).await.unwrap_err();
    let Some(OwnedMessage::Request(mut request)) = receiver.next().await.unwrap() else { panic!("a REQUEST") };
    near.flush().await.unwrap();
    request.cancelled().await;
    let _ = tokio::time::timeout(SECOND, near.next()).await;
    lines.the(&["DEBUG", "message=request cancelled by the peer", "request=1"]);
    let own = lines.all().iter().filter(|line| line.ends_with("message=request cancelled request=1")).count();
    assert_eq!(own, 1, "{:#?}", lines.all());
    lines.has_no_secret();
    drop(driver);
}

#[tokio::test(start_paused = true)]
async fn fault_is_a_warning_with_its_diagnosis_and_without_the_bytes() {
    let (lines, _guard) = Lines::collect();
    let (stream, mut peer) = duplex(1 << 16);
    peer.write_all(format!("GET /?{PAYLOAD} HTTP/1.1\r\nAuthorization: {TOKEN}\r\n\r\n").as_bytes()).await.unwrap();
    let peer = tokio::spawn(async move { peer.read_to_end(&mut Vec::new()).await });
    Connection::accept(stream, Hello::new()).await.unwrap_err();
    peer.await.unwrap().unwrap();
    let line = lines.the(&["WARN", "bad-start", "code=4000"]);
    for part in ["mistake=\"foreign-http\"", "confidence=certain", "fix=\"this is HTTP"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    lines.has_no_secret();
}

#[tokio::test(start_paused = true)]
async fn idle_and_slow_peers_are_warnings() {
    let (lines, _guard) = Lines::collect();
    let (mut near, _far) = pair(client_hello(), Hello::new().with_keepalive(1)).await;
    assert!(matches!(near.next().await, Err(ConnectionError::Fault { fault: Fault::Idle { .. }, .. })));
    lines.the(&["WARN", "name=\"idle\"", "code=4005"]);

    let (stream, mut peer) = duplex(256);
    let mut wire = Vec::new();
    Hello::new().with_keepalive(0).encode(&mut wire);
    peer.write_all(&wire).await.unwrap();
    let mut near = Connection::accept(stream, Hello::new()).await.unwrap();
    near.send(&PAYLOAD.repeat(100)).await.unwrap_err();
    lines.the(&["WARN", "name=\"slow-consumer\"", "code=4006"]);
    lines.has_no_secret();
}

#[tokio::test(start_paused = true)]
async fn dropped_connection_and_failed_stream_are_reported() {
    let (lines, _guard) = Lines::collect();
    let (near, mut far) = pair(client_hello(), Hello::new()).await;
    drop(near);
    far.next().await.unwrap_err();
    lines.the(&["DEBUG", "connection dropped before the session had ended"]);
    lines.the(&["WARN", "name=\"no-close\""]);
    far.send(PAYLOAD).await.unwrap_err();
    lines.has_no_secret();
}

#[test]
fn blocking_connection_reports_the_same() {
    let (lines, _guard) = Lines::collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut server = blocking::accept_tcp(stream, Hello::new()).unwrap();
        while let Some(message) = server.next().unwrap() {
            if let Message::Request { id, .. } = message {
                server.refuse(Some(id), Code::POLICY, "no").unwrap();
            }
        }
    });
    let mut client = blocking::connect_tcp(address, client_hello()).unwrap();
    client.request(PAYLOAD, 60 * SECOND).unwrap_err();
    client.close(Code::NORMAL, "").unwrap();
    server.join().unwrap();
    lines.the(&["span", "bookend.session", "role=\"client\""]);
    lines.the(&["DEBUG", "session opened"]);
    lines.the(&["DEBUG", "refusal received", "code=1008", "request=1", "reason=\"policy: no\""]);
    lines.the(&["DEBUG", "session closed", "code=1000"]);
    assert!(!lines.all().iter().any(|line| line.contains(Level::WARN.as_str())), "{:#?}", lines.all());
    lines.has_no_secret();
}

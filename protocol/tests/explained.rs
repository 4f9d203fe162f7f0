//! How a live session reports a peer's mistake: in its CLOSE, in its ERROR, and to its own application.
#![cfg(feature = "tokio")]

use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use bookend::{
    Code, Connection, ConnectionError, Encoding, Fault, Frame, Hello, Limits, Message, Outcome, Role, Session, State,
    Step, blocking, kind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};

fn hello() -> Vec<u8> {
    let mut wire = Vec::new();
    Hello::new().encode(&mut wire);
    wire
}

fn frame(kind: u8, encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Frame::new(kind, encoding, body).expect("short").encode(&mut wire);
    wire
}

fn message(text: &str) -> Vec<u8> {
    frame(kind::MESSAGE, Encoding::Utf8, text.as_bytes())
}

/// What a server sends last to a client that has sent this.
async fn last_words(sent_bytes: Vec<u8>) -> (Code, String, ConnectionError) {
    let (near, far) = duplex(1 << 20);
    let server = tokio::spawn(async move {
        let mut server = Connection::accept(far, Hello::new()).await?;
        while server.next().await?.is_some() {}
        Ok::<(), ConnectionError>(())
    });
    let (reader, mut writer) = tokio::io::split(near);
    writer.write_all(&sent_bytes).await.expect("writes");
    // A half-closed stream would be a truncated one.
    let reason = close_of(reader).await;
    drop(writer);
    let error = server.await.expect("ends").expect_err("there is a fault");
    (reason.0, reason.1, error)
}

/// The CLOSE among the bytes read.
async fn close_of(mut reader: impl AsyncReadExt + Unpin) -> (Code, String) {
    let mut received = Vec::new();
    loop {
        if reader.read_buf(&mut received).await.expect("reads") == 0 {
            panic!("no CLOSE in {received:02x?}");
        }
        let mut rest = &received[..];
        let mut decoder = bookend::Decoder::new(1 << 20);
        while let Some(frame) = decoder.decode(&mut rest).expect("sound") {
            if let Ok(Some(Message::Close { code, reason })) = Message::parse(frame) {
                return (code, reason.to_str().into_owned());
            }
        }
    }
}

fn named(error: &ConnectionError) -> Option<&'static str> {
    match error {
        ConnectionError::Fault { diagnosis: Some(diagnosis), .. } => diagnosis.first().map(|first| first.name()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn close_and_local_error_name_the_mistake() {
    // [R6.2] [R6.5]
    let little_endian = b"\xF5\xF8\x02\x02\x02\0\0\0hi\xF8\xF5";
    let (code, reason, error) = last_words([&hello()[..], little_endian].concat()).await;
    assert_eq!(code, Code::TOO_LONG);
    assert!(reason.starts_with("too-long: length-little-endian (certain)"), "{reason}");
    assert!(reason.contains("htonl") && reason.len() <= 200, "{reason}");
    assert_eq!(named(&error), Some("length-little-endian"));
    assert_eq!(error.to_string(), reason);
}

#[tokio::test(start_paused = true)]
async fn body_that_never_arrives_is_explained_after_its_timeout() {
    // [R7.12]
    let since = Instant::now();
    let counts_the_frame = b"\xF5\xF8\x02\x02\0\0\0\x0Chi\xF8\xF5";
    let (code, reason, error) = last_words([&hello()[..], counts_the_frame].concat()).await;
    assert_eq!((code, since.elapsed().as_secs()), (Code::FRAME_TIMEOUT, 5));
    assert!(reason.starts_with("frame-timeout: length-includes-frame"), "{reason}");
    assert_eq!(named(&error), Some("length-includes-frame"));
}

#[tokio::test(start_paused = true)]
async fn frame_cut_off_by_the_end_of_the_stream_is_explained() {
    // [R2.16]
    let (mut near, far) = duplex(1 << 16);
    near.write_all(&hello()).await.unwrap();
    near.write_all(b"\xF5\xF8\x02\x02\0\0\0\x0Chi\xF8\xF5").await.unwrap();
    near.shutdown().await.unwrap();
    let mut server = Connection::accept(far, Hello::new()).await.unwrap();
    let error = server.next().await.expect_err("the frame is cut off");
    assert!(matches!(error, ConnectionError::Fault { fault: Fault::Truncated { arrived: 12 }, .. }), "{error:?}");
    assert_eq!(named(&error), Some("length-includes-frame"));
}

#[tokio::test(start_paused = true)]
async fn sound_frames_distinguish_an_accident_from_a_habit() {
    let mut lossy = message("a text that is long enough to lose one byte of it");
    lossy.remove(20);
    let accident = |before: &[u8]| [&hello()[..], before, &lossy].concat();
    let (_, alone, _) = last_words(accident(b"")).await;
    assert!(alone.contains("length-counts-terminator"), "{alone}");
    let before = [message("one"), message("two words"), message("and three of them")].concat();
    let (_, reason, error) = last_words(accident(&before)).await;
    assert!(reason.starts_with("bad-end: channel-byte-lost ("), "{reason}");
    assert_eq!(named(&error), Some("channel-byte-lost"));
}

#[tokio::test(start_paused = true)]
async fn whole_but_wrong_frame_is_explained_at_its_start() {
    // A REQUEST whose length omits the id: END is in its place by chance.
    let (code, reason, error) = last_words([&hello()[..], &frame(0x30, Encoding::Binary, b"?")].concat()).await;
    assert_eq!((code, &*reason), (Code::UNKNOWN_KIND, "unknown-kind: kind 30"));
    assert_eq!(named(&error), None);
}

/// The error of a client that connects to this.
async fn at(server: &[u8], ends: bool) -> ConnectionError {
    let (near, mut far) = duplex(1 << 16);
    far.write_all(server).await.expect("writes");
    if ends {
        far.shutdown().await.expect("shuts down");
    }
    let error = Connection::connect(near, Hello::new()).await.expect_err("that is no Bookend");
    drop(far);
    error
}

#[tokio::test(start_paused = true)]
async fn client_error_names_the_protocol_of_a_foreign_peer() {
    // [R4.21]
    let page = [&b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"[..], &[b'x'; 2000]].concat();
    let hub_behind_seven_bits = b"Bookend hub, today\r\n\x75\x78\x01\0\0\0\0\x18BKND\r\n\x1A\n\x7F\x11\r\0";
    for (server, ends, fault, name) in [
        (&page[..], true, "bad-start", Some("foreign-http")),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", true, "no-close", Some("foreign-http")),
        (b"SSH-2.0-OpenSSH_9.2\r\n", false, "hello-timeout", Some("foreign-ssh")),
        (b"SSH-2.0-OpenSSH_9.2\r\n\xF5\0\0", true, "bad-start", Some("foreign-ssh")),
        (b"-ERR unknown command\r\n", true, "no-close", Some("foreign-redis")),
        (b"\x15\x03\x03\0\x02\x02\x46", true, "no-close", Some("foreign-tls")),
        (hub_behind_seven_bits, false, "hello-timeout", Some("channel-seven-bit")),
        (b"login: ", false, "hello-timeout", Some("foreign-text")),
        (b"", true, "no-close", None),
        (b"", false, "hello-timeout", None),
    ] {
        let error = at(server, ends).await;
        let ConnectionError::Fault { fault: found, .. } = &error else { panic!("{error:?}") };
        assert_eq!((found.name(), named(&error)), (fault, name), "{error}");
    }
}

#[test]
fn preamble_is_available() {
    // [R4.21]
    let now = Duration::ZERO;
    let mut session = Session::new(Role::Client, Hello::new(), Limits::default(), now);
    for mut part in [&b"Bookend hub, "[..], b"today\r\n"] {
        assert_eq!(session.receive(&mut part, now), Step::More);
        assert_eq!(part, b"");
    }
    let wire = hello();
    while session.receive(&mut &wire[..], now) != Step::Opened {}
    assert_eq!((session.state(), session.preamble()), (State::Open, &b"Bookend hub, today\r\n"[..]));
}

#[test]
fn unexplained_fault_is_sent_in_close_too() {
    let now = Duration::ZERO;
    let mut session = Session::new(Role::Server, Hello::new(), Limits::default(), now);
    session.receive(&mut &b"GET / HTTP/1.1\r\n"[..], now);
    assert_eq!(session.diagnosis(), None);
    let mut out = Vec::new();
    session.take_output(&mut out);
    let sent = b"bad-start: a frame begins with f5 f8, but byte 0 is 47";
    assert_eq!(out, frame(kind::CLOSE, Encoding::Utf8, &[&4000_u16.to_be_bytes()[..], sent].concat()));
    // Too late for the CLOSE, but not for the log.
    session.explain(b"", b"GET / HTTP/1.1\r\n");
    assert_eq!(session.diagnosis().and_then(|known| known.first()).map(|first| first.name()), Some("foreign-http"));
    assert!(matches!(session.outcome(), Some(Outcome::Fault(Fault::BadStart { offset: 0, found: b'G' }))));
}

async fn error_reason(raw: &mut DuplexStream) -> String {
    let mut header = [0; 8];
    raw.read_exact(&mut header).await.expect("reads");
    let mut body = vec![0; usize::from(header[7]) + 2];
    raw.read_exact(&mut body).await.expect("reads");
    assert_eq!(header[2], kind::ERROR);
    String::from_utf8(body[10..body.len() - 2].to_vec()).expect("UTF-8")
}

#[tokio::test(start_paused = true)]
async fn error_diagnoses_bad_text_a_limited_number_of_times() {
    // [R5.8] [R6.2]
    let (mut raw, far) = duplex(1 << 16);
    raw.write_all(&hello()).await.unwrap();
    let server = tokio::spawn(async move {
        let mut server = Connection::accept(far, Hello::new()).await.expect("opens");
        while server.next().await.expect("lives").is_some() {}
    });
    raw.read_exact(&mut vec![0; hello().len()]).await.unwrap();
    let latin_1 = frame(kind::REQUEST, Encoding::Utf8, b"\0\0\0\x07na\xEFve caf\xE9, d\xE9j\xE0 vu");
    for round in 0..20 {
        raw.write_all(&latin_1).await.unwrap();
        let reason = error_reason(&mut raw).await;
        let guess = reason.starts_with("bad-text: text-windows-1252 (") && reason.contains(" at byte 2: ");
        assert_eq!(guess, round < 16, "{round}: {reason}");
        assert!(guess || reason == "bad-text: byte 2 of the payload is not utf-8", "{reason}");
        sleep(Duration::from_millis(1)).await;
    }
    raw.write_all(&frame(kind::CLOSE, Encoding::Utf8, &1000_u16.to_be_bytes())).await.unwrap();
    raw.shutdown().await.unwrap();
    server.await.unwrap();
}

/// A server that sends this, and either reads to the end or resets the stream, as closing with unread bytes does.
fn serve(words: &'static [u8], resets: bool) -> (SocketAddr, JoinHandle<()>) {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("binds");
    let address = listener.local_addr().expect("is bound");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        stream.write_all(words).expect("writes");
        if resets {
            stream.peek(&mut [0]).expect("the client has spoken");
        } else {
            stream.shutdown(Shutdown::Write).expect("shuts down");
            let _gone = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    (address, server)
}

#[test]
fn blocking_connection_names_the_mistake_too() {
    for resets in [false, true] {
        let (address, server) = serve(b"SSH-2.0-x\r\n", resets);
        let error = blocking::connect_tcp(address, Hello::new()).expect_err("that is no Bookend");
        assert_eq!(named(&error), Some("foreign-ssh"), "{error}");
        server.join().unwrap();
    }
}

#[tokio::test]
async fn close_received_before_a_reset_is_the_reason() {
    let (address, server) = serve(b"SSH-2.0-x\r\n", true);
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let error = Connection::connect(stream, Hello::new()).await.expect_err("that is no Bookend");
    assert_eq!(named(&error), Some("foreign-ssh"), "{error}");
    server.join().unwrap();
}

#[test]
fn lines_of_a_hub_before_its_hello_are_no_mistake_of_a_session_that_was_open() {
    let mut session = Session::new(Role::Client, Hello::new(), Limits::default(), Duration::ZERO);
    let mut wire = b"Bookend hub, for people too\r\n".to_vec();
    Hello::new().encode(&mut wire);
    let mut rest = &wire[..];
    while session.receive(&mut rest, Duration::ZERO) != Step::More {}
    assert_eq!(session.state(), State::Open);
    session.end_of_stream(0, Duration::ZERO);
    session.explain(&[], &[]);
    assert_eq!(session.outcome(), Some(&Outcome::Fault(Fault::NoClose)));
    let found = session.diagnosis().and_then(|diagnosis| diagnosis.first().map(|first| first.name()));
    assert_eq!(found, None, "a client that connects again must not take the hub for a foreign server");
}

/// A server that sends this with pauses: the fault, the mistake, and when the client knows it.
async fn client_at(pieces: Vec<Vec<u8>>, limits: Limits) -> (&'static str, Option<&'static str>, Duration) {
    let (near, mut far) = duplex(1 << 20);
    let start = Instant::now();
    let serving = tokio::spawn(async move {
        for piece in pieces {
            if far.write_all(&piece).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(2)).await;
        }
        sleep(Duration::from_secs(10)).await;
    });
    let error = async {
        let mut client = Connection::open(near, Role::Client, Hello::new(), limits).await?;
        while client.next().await?.is_some() {}
        Ok(())
    };
    let error: ConnectionError = error.await.expect_err("there is a fault");
    serving.abort();
    let ConnectionError::Fault { fault, .. } = &error else { panic!("{error}") };
    (fault.name(), named(&error), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn mistake_has_the_same_name_however_the_stream_was_cut() {
    let two = |suffix: &[u8]| [hello(), suffix.to_vec(), message("first"), suffix.to_vec()].concat();
    let limits = Limits::new().with_evidence_timeout(Duration::from_millis(250));
    for (wire, name) in [
        (two(b"\0"), "wrapped-nul"),
        (two(&[0; 40]), "wrapped-padding"),
        ([hello(), b"\xF5\xF8\x02\x02\x02\0\0\0hi\xF8\xF5".repeat(2)].concat(), "length-little-endian"),
        (
            [b"a hub\r\n".to_vec(), [&hello()[..4], b"\x18\0\0\0", &hello()[8..]].concat()].concat(),
            "length-little-endian",
        ),
    ] {
        let halves = |at: usize| vec![wire[..at].to_vec(), wire[at..].to_vec()];
        let bytes = wire.chunks(1).map(<[u8]>::to_vec).collect();
        for pieces in (1..wire.len()).map(halves).chain([vec![wire.clone()], bytes]) {
            let cut = pieces[0].len();
            assert_eq!(client_at(pieces, limits).await.1, Some(name), "cut after {cut}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn evidence_is_awaited_no_longer_than_it_may_show_something() {
    let limits = Limits::new().with_evidence_timeout(Duration::from_millis(250)).with_close_timeout(Duration::ZERO);
    let wire = [hello(), b"?".to_vec()].concat();
    let (fault, _, time) = client_at(vec![wire.clone()], limits).await;
    assert_eq!((fault, time), ("bad-start", Duration::from_millis(250)));
    // More and more arrives: eight times as long.
    let endless = [wire].into_iter().chain(vec![b"??".to_vec(); 5000]).collect();
    let (_, _, time) = client_at(endless, limits).await;
    assert!((Duration::from_millis(2000)..=Duration::from_millis(2010)).contains(&time), "{time:?}");
    // 0, the default: at once.
    let none = Limits::new().with_close_timeout(Duration::ZERO);
    let (_, _, time) = client_at(vec![[hello(), b"?".to_vec()].concat()], none).await;
    assert_eq!(time, Duration::ZERO);
}

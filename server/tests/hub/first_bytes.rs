//! What a connection sends first: a person's lines, or something before frames, however TCP cuts it.

use std::time::Duration;

use bookend::{Code, Decoder, Hello, Message, PresenceEvent};
use bookend_server::Hub;
use tokio::time::{Instant, sleep, timeout};

use crate::peer::{Peer, hello, hub, post};

/// HELLO and two messages, each in one of these.
fn wrapped(each: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut first = Vec::new();
    hello("wrapped").encode(&mut first);
    [first, post("said by nobody"), post("nor this")].iter().flat_map(|frame| each(frame)).collect()
}

fn short(frame: &[u8]) -> u8 {
    u8::try_from(frame.len()).unwrap()
}

fn after(prefix: &[u8]) -> Vec<u8> {
    [prefix, &wrapped(<[u8]>::to_vec)].concat()
}

/// What framed clients send that put something before their frames, and the name of the mistake.
fn streams() -> Vec<(&'static str, Vec<u8>)> {
    let size = |frame: &[u8]| u32::try_from(frame.len()).unwrap();
    // A HELLO of 266 bytes: its size is 01 0A, and so has a line feed in it.
    let text = "t".repeat(64);
    let mut long = hello(&text).with_software(&text).unwrap().with_room(&text).unwrap();
    let length = |hello: &Hello| {
        let mut bytes = Vec::new();
        hello.encode(&mut bytes);
        bytes
    };
    let room = 266 - length(&long).len() - 2;
    long = long.with_token(&vec![b't'; room]).unwrap();
    let long = length(&long);
    assert_eq!(size(&long), 266);
    vec![
        ("wrapped-length-prefix", wrapped(|frame| [&size(frame).to_be_bytes(), frame].concat())),
        ("wrapped-length-prefix", wrapped(|frame| [&size(frame).to_le_bytes(), frame].concat())),
        ("wrapped-length-prefix", [&266_u32.to_be_bytes(), &long[..]].concat()),
        ("wrapped-docker", wrapped(|frame| [&[1, 0, 0, 0], &size(frame).to_be_bytes()[..], frame].concat())),
        ("wrapped-netstring", wrapped(|frame| [format!("{}:", frame.len()).as_bytes(), frame, b","].concat())),
        ("wrapped-chunked", wrapped(|frame| [format!("{:x}\r\n", frame.len()).as_bytes(), frame, b"\r\n"].concat())),
        ("wrapped-websocket", wrapped(|frame| [&[0x82, short(frame)], frame].concat())),
        ("wrapped-websocket", wrapped(masked)),
        ("wrapped-byte-order-mark", after(b"\xEF\xBB\xBF")),
        ("foreign-proxy-protocol", after(b"PROXY TCP4 192.0.2.7 192.0.2.1 51234 3990\r\n")),
        ("foreign-proxy-protocol", after(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")),
        ("foreign-socks", after(b"\x05\x01\0")),
        ("foreign-socks", after(b"\x04\x01\x0F\x96\xC0\0\x02\x01ann\0")),
        ("foreign-http", after(b"CONNECT hub.example:3990 HTTP/1.1\r\nHost: hub.example\r\n\r\n")),
        ("foreign-http", after(b"POST / HTTP/1.1\r\nHost: hub.example\r\n\r\n")),
        ("channel-compressed", b"\x1F\x8B\x08\0\0\0\0\0\x02\xFF\xFB\xFA\x83\x91".to_vec()),
    ]
}

/// A frame in a WebSocket frame of a client.
fn masked(frame: &[u8]) -> Vec<u8> {
    let key = [0x12, 0x0A, 0xF5, 0x99];
    let body = frame.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
    [0x82, 0x80 | short(frame)].into_iter().chain(key).chain(body).collect()
}

/// How TCP may cut them: not at all, at each of the first bytes, and everywhere.
fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let in_two = (1..bytes.len().min(64)).map(|at| vec![&bytes[..at], &bytes[at..]]);
    in_two.chain([vec![bytes], bytes.chunks(1).collect()]).collect()
}

async fn send_apart(peer: &mut Peer, pieces: &[&[u8]], pause: Duration) {
    for piece in pieces {
        if !peer.try_send(piece).await {
            break;
        }
        sleep(pause).await;
    }
}

fn count(hub: &Hub, metric: &str) -> u64 {
    let metrics = hub.metrics();
    metrics.lines().find_map(|line| line.strip_prefix(metric)?.trim().parse().ok()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_framed_client_that_wraps_its_frames_is_refused_by_name_however_it_is_cut() {
    // [R9.43]
    for (name, bytes) in streams() {
        for pieces in cuts(&bytes) {
            let hub = hub();
            let mut witness = Peer::join(&hub, hello("witness")).await;
            let mut client = Peer::connect(&hub);
            send_apart(&mut client, &pieces, Duration::from_millis(3)).await;
            let answer = client.rest().await;
            let text = String::from_utf8_lossy(&answer);
            let line = text.lines().nth(1).unwrap_or_default();
            let cut = pieces[0].len();
            assert!(line.starts_with(&format!("! bad-start: {name}")), "{name}, cut after {cut}: {line}");
            assert_eq!(count(&hub, &format!("bookend_diagnoses_total{{name=\"{name}\"}}")), 1, "{name}");
            assert_eq!(count(&hub, "bookend_faults_total{name=\"bad-start\"}"), 1, "{name}");
            // It said nothing, and was not even there.
            witness.quiet().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_client_is_sent_a_close_too() {
    // [R9.43] [R4.21]
    let hub = hub();
    let mut client = Peer::connect(&hub);
    client.send(&after(b"\xEF\xBB\xBF")).await;
    let answer = client.rest().await;
    let start = answer.windows(2).position(|window| window == b"\xF5\xF8").unwrap();
    assert!(start <= 1024, "a client skips no more");
    let frame = Decoder::new(4096).decode(&mut &answer[start..]).unwrap().unwrap();
    let Ok(Some(Message::Close { code: Code::BAD_START, reason })) = Message::parse(frame) else { panic!("{frame:?}") };
    assert!(reason.to_str().starts_with("bad-start: wrapped-byte-order-mark (certain)"), "{reason:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_pauses_after_a_line_is_refused_when_its_hello_comes() {
    // [R9.43] A log line of the program, said in the room, and then frames.
    let hub = hub();
    let mut person = Peer::connect(&hub);
    person.send(b"starting\r\n").await;
    sleep(Duration::from_secs(3)).await;
    send_apart(&mut person, &[&wrapped(<[u8]>::to_vec)[..20], b"rest"], Duration::from_millis(3)).await;
    let answer = person.rest().await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.contains("guest-1: starting\r\n! bad-start: "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn people_do_not_notice_that_their_first_line_waits() {
    // [R9.17] [R9.43]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let soon = Duration::from_millis(250);

    // Lines that are piped into nc, which then closes its side.
    let mut piped = Peer::connect(&hub);
    let start = Instant::now();
    piped.send(b"one\ntwo\n").await;
    piped.shut().await;
    assert!(ann.frame().await.presence().2.starts_with("guest-"));
    assert_eq!(ann.frame().await.seq_and_text().1, "one");
    assert_eq!(ann.frame().await.seq_and_text().1, "two");
    assert!(ann.frame().await.presence().2.starts_with("guest-"));
    assert_eq!(start.elapsed(), Duration::ZERO, "the end of the stream ends the wait");
    drop(piped);

    // A person who types a line at a time, and one whose telnet sends each character.
    for pieces in [vec![&b"one\r\n"[..]], b"one\r\n".chunks(1).collect()] {
        let mut person = Peer::connect(&hub);
        let start = Instant::now();
        send_apart(&mut person, &pieces, Duration::from_millis(120)).await;
        assert!(ann.frame().await.presence().2.starts_with("guest-"));
        assert_eq!(ann.frame().await.seq_and_text().1, "one");
        assert!(
            start.elapsed() <= soon + Duration::from_millis(120) * u32::try_from(pieces.len()).unwrap(),
            "{:?}",
            start.elapsed()
        );
        let start = Instant::now();
        person.send(b"two\r\n").await;
        assert_eq!(ann.frame().await.seq_and_text().1, "two");
        assert_eq!(start.elapsed(), Duration::ZERO, "only the first line waits");
        person.send(b"/quit\r\n").await;
        assert!(ann.frame().await.presence().2.starts_with("guest-"));
    }

    // One who never pauses does not wait for ever.
    let mut busy = Peer::connect(&hub);
    let start = Instant::now();
    let said = timeout(Duration::from_secs(3), async {
        loop {
            send_apart(&mut busy, &[b"a line\n"], Duration::from_millis(200)).await;
            if start.elapsed() > Duration::from_secs(2) {
                break;
            }
        }
        ann.frame().await.presence().2
    });
    assert!(said.await.unwrap().starts_with("guest-"));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_only_listens_is_refused_like_the_others() {
    // [R9.43] After its silence it is a member; what it then sends first is examined as well.
    let hub = hub();
    let mut witness = Peer::join(&hub, hello("witness")).await;
    let mut client = Peer::connect(&hub);
    sleep(Duration::from_secs(3)).await;
    assert!(witness.frame().await.presence().2.starts_with("guest-"));
    client.send(&after(b"ready\n")).await;
    let answer = client.rest().await;
    assert!(String::from_utf8_lossy(&answer).contains("\r\n! bad-start: "));
    let (_, event, _) = witness.frame().await.presence();
    assert_eq!(event, PresenceEvent::Left, "it has said nothing");
    witness.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_frames_has_the_same_name_however_they_are_cut() {
    let first = wrapped(<[u8]>::to_vec);
    let nul = wrapped(|frame| [frame, b"\0"].concat());
    let padded = wrapped(|frame| {
        let mut buffer = frame.to_vec();
        buffer.resize(256, 0);
        buffer
    });
    let checked = wrapped(|frame| {
        let sum = frame.iter().fold(7_u32, |sum, byte| sum.wrapping_mul(0x0101_6B65).wrapping_add(u32::from(*byte)));
        [frame, &sum.to_be_bytes()].concat()
    });
    let hello_length = first.len() - post("said by nobody").len() - post("nor this").len();
    let mut swapped = first.clone();
    for at in [hello_length, hello_length + post("said by nobody").len()] {
        swapped[at + 4..at + 8].reverse();
    }
    for (name, bytes) in [
        ("wrapped-nul", nul),
        ("wrapped-padding", padded),
        ("wrapped-trailer", checked),
        ("length-little-endian", swapped),
    ] {
        for pieces in cuts(&bytes) {
            let hub = hub();
            let mut client = Peer::connect(&hub);
            send_apart(&mut client, &pieces, Duration::from_millis(3)).await;
            client.rest().await;
            let diagnosed = count(&hub, &format!("bookend_diagnoses_total{{name=\"{name}\"}}"));
            assert_eq!(diagnosed, 1, "{name}, cut after {}: {}", pieces[0].len(), hub.metrics());
        }
    }
}

//! Reports about the hub and its connections.

use std::time::Duration;

use bookend::{Code, Encoding, kind};
use bookend_server::{Config, Hub};
use tokio::time::sleep;

use super::{admin, get, metric};
use crate::peer::{Peer, config, frame, hello, hub, post, post_to};

#[tokio::test(start_paused = true)]
async fn readiness_follows_the_hub_from_start_to_shut_down() {
    let hub = hub();
    let (admin, _orders) = admin(&hub);
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let readiness = async || {
        let answer = get(&admin, "/readyz").await;
        (answer.status, answer.body)
    };
    assert_eq!(readiness().await, (503, "starting\n".into()));
    admin.set_ready();
    assert_eq!(readiness().await, (200, "ready\n".into()));
    let ending = tokio::spawn({
        let hub = hub.clone();
        async move { hub.shut_down().await }
    });
    assert_eq!(ann.frame().await.close().0, Code::GOING_AWAY);
    assert_eq!(readiness().await, (503, "draining\n".into()));
    assert_eq!(get(&admin, "/status").await.json()["state"], "draining");
    assert_eq!(get(&admin, "/healthz").await.status, 200);
    drop(ann);
    ending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn member_counts_of_an_empty_hub_are_zero_for_every_kind() {
    let (admin, _orders) = admin(&hub());
    for kind in ["hub", "plain", "terminal"] {
        assert_eq!(metric(&admin, &format!("bookend_members{{kind=\"{kind}\"}}")).await, Some(0.0), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_report_their_identity_and_state() {
    let hub = Hub::new(Config { terminal_silence: Duration::from_secs(60), ..config() });
    let greeting = hello("ann").with_room("den").unwrap().with_software("tester 1").unwrap();
    let mut ann = Peer::join(&hub, greeting.with_preferred(Encoding::Utf16Le)).await;
    let mut bob = Peer::terminal(&hub).await;
    let mut raw = Peer::connect(&hub);
    raw.greet(&hello("raw").with_hub(false).with_preferred(Encoding::Binary)).await;
    let _waiting = Peer::connect(&hub);
    bob.line().await;
    sleep(Duration::from_secs(3)).await;
    ann.send(&post("hi")).await;
    ann.frame().await;
    bob.send(b"hello\r\n").await;
    bob.line().await;
    sleep(Duration::from_secs(1)).await;

    let (admin, _orders) = admin(&hub);
    let list = get(&admin, "/connections").await.json();
    assert_eq!(list["unanswered"], 0);
    let all = list["connections"].as_array().unwrap();
    let values = |field: &str| all.iter().map(|connection| connection[field].to_string()).collect::<Vec<_>>();
    assert_eq!(values("connection"), ["1", "2", "3", "4"]);
    assert_eq!(values("peer"), [r#""test""#; 4]);
    assert_eq!(values("door"), [r#""other""#; 4]);
    assert_eq!(values("state"), [r#""member""#, r#""member""#, r#""member""#, r#""waiting""#]);
    assert_eq!(values("kind"), [r#""hub""#, r#""terminal""#, r#""plain""#, "null"]);
    assert_eq!(values("room"), [r#""den""#, r#""lobby""#, r#""lobby""#, "null"]);
    assert_eq!(values("member"), ["1", "2", "3", "null"]);
    assert_eq!(values("name"), [r#""ann""#, r#""guest-2""#, r#""raw""#, "null"]);
    assert_eq!(values("encoding"), [r#""utf-16le""#, r#""utf-8""#, r#""as-sent""#, "null"]);
    assert_eq!(values("software"), [r#""tester 1""#, "null", "null", "null"]);
    assert_eq!(values("rtt"), ["null"; 4]);
    assert_eq!(values("messages"), ["1", "1", "0", "0"]);
    assert_eq!(values("deliveries"), ["1", "1", "1", "0"]);
    assert_eq!(values("idle"), ["1", "1", "4", "4"]);
    assert_eq!(values("bytes_received")[1], "9", "\\r\\n and hello\\r\\n");
    assert!(all[0]["bytes_sent"].as_u64().unwrap() > 100);
    let since = all[0]["since"].as_u64().unwrap();
    assert!(since > 1_700_000_000_000, "{since}");

    let rooms = get(&admin, "/rooms").await.json();
    let den = &rooms["rooms"][0];
    assert_eq!((&den["room"], &den["members"], &den["messages"]), (&"den".into(), &1.into(), &1.into()));
    assert_eq!((&den["crowd"], rooms["rooms"].as_array().unwrap().len()), (&false.into(), 2));
    let status = get(&admin, "/status").await.json();
    assert_eq!((&status["connections"], &status["members"], &status["rooms"]), (&4.into(), &3.into(), &2.into()));
    for (kind, count) in [("hub", 1.0), ("plain", 1.0), ("terminal", 1.0)] {
        assert_eq!(metric(&admin, &format!("bookend_members{{kind=\"{kind}\"}}")).await, Some(count));
    }
    for (state, count) in [("waiting", 1.0), ("member", 3.0), ("closing", 0.0)] {
        let name = format!("bookend_connections{{door=\"other\",state=\"{state}\"}}");
        assert_eq!(metric(&admin, &name).await, Some(count), "{state}");
    }
}

/// The payload of the next PING.
async fn ping(peer: &mut Peer, length: usize) -> Vec<u8> {
    let bytes = peer.bytes(10 + length).await;
    assert_eq!((bytes[2], usize::from(bytes[7])), (kind::PING, length), "{bytes:02x?}");
    bytes[8..8 + length].into()
}

#[tokio::test(start_paused = true)]
async fn the_round_trip_is_measured_by_keepalives_and_requests_but_at_most_once_a_keepalive() {
    let hub = Hub::new(Config { keepalive: 30, ..config() });
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let (admin, _orders) = admin(&hub);
    let rtt = async || get(&admin, "/connections").await.json()["connections"][0]["rtt"].as_f64();

    assert_eq!(rtt().await, None);
    let stamp = ping(&mut ann, 4).await;
    sleep(Duration::from_millis(50)).await;
    ann.send(&frame(kind::PONG, Encoding::Binary, b"")).await; // no test reads from this one
    ann.send(&frame(kind::PONG, Encoding::Binary, &stamp)).await;
    sleep(Duration::from_millis(1)).await;
    let first = rtt().await.unwrap();
    assert!((50.0..51.0).contains(&first), "{first}");
    ann.quiet().await; // the second and third look asked for nothing

    sleep(Duration::from_secs(28)).await;
    ping(&mut ann, 0).await;
    sleep(Duration::from_millis(20)).await;
    ann.send(&frame(kind::PONG, Encoding::Binary, b"")).await;
    sleep(Duration::from_millis(1)).await;
    let second = rtt().await.unwrap();
    assert!((20.0..21.0).contains(&second), "{second}");
    ann.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn on_a_busy_connection_requests_send_one_ping_a_keepalive() {
    let hub = Hub::new(Config { keepalive: 30, ..config() });
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let (admin, _orders) = admin(&hub);
    for _ in 0..60 {
        ann.send(&post("hi")).await;
        sleep(Duration::from_secs(1)).await;
        get(&admin, "/connections").await;
    }
    ann.shut().await;
    let mut rest = &ann.rest().await[..];
    let mut pings = 0;
    while let Some(frame) = bookend::Decoder::new(u32::MAX).decode(&mut rest).unwrap() {
        pings += usize::from(frame.kind() == kind::PING);
    }
    assert_eq!(pings, 2);
}

#[tokio::test(start_paused = true)]
async fn missed_and_written_messages_are_counted_once() {
    let hub = Hub::new(Config { log_bytes: 4 << 10, ..config() });
    let mut slow = Peer::connect_over(&hub, 256);
    slow.greet(&hello("slow")).await;
    let (member, ..) = slow.welcome().await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let (admin, _orders) = admin(&hub);
    let (mut sent, mut missed, mut received) = (0_u64, 0, 0);
    for _round in 0..3 {
        for _ in 0..100 {
            ann.send(&post("something of some length, as people say it, and longer still")).await;
            sent += 1;
            while ann.frame().await.kind != kind::DELIVERY {}
        }
        ann.send(&post_to(member, Encoding::Utf8, b"psst")).await;
        sleep(Duration::from_millis(1)).await;
        while missed + received < sent {
            let frame = slow.frame().await;
            match frame.kind {
                kind::GAP => missed += frame.missed(),
                kind::DELIVERY if frame.delivery().seq > 0 => received += 1,
                _ => {}
            }
        }
    }
    sleep(Duration::from_millis(1)).await;
    assert!(missed > 100, "{missed}");
    let list = get(&admin, "/connections").await.json();
    let slow = &list["connections"][0];
    assert_eq!(slow["missed"], missed);
    assert_eq!(slow["deliveries"], received + 3, "and the private ones");
    assert_eq!(list["connections"][1]["messages"], sent + 3);
    #[allow(clippy::cast_precision_loss, reason = "there are few")]
    for (name, value) in [
        ("bookend_missed_messages_total", missed),
        ("bookend_messages_total", sent + 3),
        ("bookend_deliveries_total", sent + received + 3),
    ] {
        assert_eq!(metric(&admin, name).await, Some(value as f64), "{name}");
    }
    assert!((3.0..=6.0).contains(&metric(&admin, "bookend_gaps_total").await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_message_too_long_for_one_member_is_missed_by_it_alone() {
    let hub = hub();
    let mut small = Peer::join(&hub, hello("small").with_max_body(1024)).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for text in ["x".repeat(2000), "short".into()] {
        ann.send(&post(&text)).await;
        while ann.frame().await.kind != kind::DELIVERY {}
    }
    assert_eq!(small.frame().await.kind, kind::PRESENCE);
    assert_eq!(small.frame().await.missed(), 1);
    assert_eq!(small.frame().await.seq_and_text().0, 2);
    sleep(Duration::from_millis(1)).await;
    let list = get(&admin(&hub).0, "/connections").await.json();
    let numbers =
        |at: usize| (list["connections"][at]["deliveries"].clone(), list["connections"][at]["missed"].clone());
    assert_eq!((numbers(0), numbers(1)), ((1.into(), 1.into()), (2.into(), 0.into())));
}

#[tokio::test(start_paused = true)]
async fn ended_connections_are_listed_with_the_name_of_the_reason() {
    let hub = hub();
    let (admin, _orders) = admin(&hub);
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&frame(kind::CLOSE, Encoding::Utf8, &1000_u16.to_be_bytes())).await;
    ann.end_of_session().await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    bob.shut().await;
    bob.rest().await;
    let mut cid = Peer::join(&hub, hello("cid")).await;
    cid.send(b"\xF5\xF9").await;
    cid.frame().await;
    let mut dot = Peer::terminal(&hub).await;
    dot.send(b"/quit\r\n").await;
    dot.line().await;
    let mut eve = Peer::terminal(&hub).await;
    eve.shut().await;
    let mut fay = Peer::connect(&hub);
    fay.send(b"GET / HTTP/1.1\r\n\r\n").await;
    fay.line().await;
    fay.line().await;
    let mut guy = Peer::join(&hub, hello("guy")).await;
    guy.send(&frame(kind::CLOSE, Encoding::Utf8, &3333_u16.to_be_bytes())).await;
    guy.end_of_session().await;
    sleep(Duration::from_secs(5)).await;
    let list = get(&admin, "/connections").await.json();
    assert_eq!(list["connections"].as_array().unwrap().len(), 0, "{list}");
    let closed = list["closed"].as_array().unwrap();
    let values: Vec<_> = closed.iter().map(|closed| [&closed["name"], &closed["by"], &closed["reason"]]).collect();
    let expected = [
        ["ann", "peer", "normal"],
        ["bob", "peer", "no-close"],
        ["cid", "hub", "bad-start"],
        ["guest-4", "peer", "normal"],
        ["guest-5", "peer", "no-close"],
        ["", "hub", "bad-start"],
        ["guy", "peer", "unknown-code"],
    ];
    for (values, expected) in values.iter().zip(expected) {
        assert_eq!(values.map(|value| value.as_str().unwrap_or_default()), expected);
    }
    assert_eq!(values.len(), expected.len());
    let mut members = closed.iter().filter(|closed| closed["member"].is_number());
    assert!(members.all(|closed| closed["unwritten"] == 0), "neither CLOSE nor the last line: {list}");
    for (labels, count) in [("by=\"hub\",reason=\"bad-start\"", 2.0), ("by=\"peer\",reason=\"normal\"", 2.0)] {
        let name = format!("bookend_connections_closed_total{{{labels}}}");
        assert_eq!(metric(&admin, &name).await, Some(count), "{labels}");
    }
    assert_eq!(metric(&admin, "bookend_faults_total{name=\"bad-start\"}").await, Some(2.0));
    assert_eq!(metric(&admin, "bookend_faults_total{name=\"normal\"}").await, None);
    assert!(get(&admin, "/metrics").await.body.contains("bookend_diagnoses_total{name=\"foreign-http"));
    for state in ["waiting", "member", "closing"] {
        let name = format!("bookend_connections{{door=\"other\",state=\"{state}\"}}");
        assert_eq!(metric(&admin, &name).await, Some(0.0), "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_those_that_ended_the_last_256_are_remembered() {
    let hub = hub();
    for number in 0..300 {
        let mut peer = Peer::join(&hub, hello(&format!("m{number}"))).await;
        peer.shut().await;
        peer.rest().await;
    }
    let list = get(&admin(&hub).0, "/connections").await.json();
    let closed = list["closed"].as_array().unwrap();
    assert_eq!((closed.len(), closed[0]["name"].as_str()), (256, Some("m44")));
}

#[tokio::test(start_paused = true)]
async fn refused_frames_and_lines_are_counted_by_name() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&post_to(0, Encoding::Utf8, b"\xFF")).await;
    ann.send(&post_to(99, Encoding::Utf8, b"x")).await;
    let mut bob = Peer::terminal(&hub).await;
    bob.send(b"\xFF\xFF\xFE\r\n").await;
    bob.line().await;
    let (admin, _orders) = admin(&hub);
    for (name, count) in [("bad-text", 2.0), ("no-such-member", 1.0)] {
        assert_eq!(metric(&admin, &format!("bookend_errors_total{{name=\"{name}\"}}")).await, Some(count), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_requests_are_all_answered() {
    let hub = hub();
    let mut members = Vec::new();
    for number in 0..50 {
        members.push(Peer::join(&hub, hello(&format!("m{number}"))).await);
    }
    let (admin, _orders) = admin(&hub);
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let admin = admin.clone();
            tokio::spawn(async move { get(&admin, "/connections").await.json() })
        })
        .collect();
    for asked in asking {
        let list = asked.await.unwrap();
        assert_eq!((list["connections"].as_array().unwrap().len(), &list["unanswered"]), (50, &0.into()));
    }
}

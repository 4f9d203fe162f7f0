//! The orders of an operator.

use bookend::{Code, Encoding, kind};
use bookend_server::AdminOrder;

use super::{admin, get, post};
use crate::peer::{Peer, hello, hub, post as say};

#[tokio::test(start_paused = true)]
async fn a_kicked_peer_gets_the_reason_and_is_closed_at_once() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::terminal(&hub).await;
    let (admin, _orders) = admin(&hub);
    let list = get(&admin, "/connections").await.json();
    let (member, connection) = (&list["connections"][0]["member"], &list["connections"][1]["connection"]);

    let kicked = post(&admin, "/kick", &format!(r#"{{"member":{member},"reason":"no flooding, please"}}"#)).await;
    assert_eq!((kicked.status, &*kicked.body), (200, "{\"kicked\":\"test\"}\n"));
    while ann.frame().await.kind == kind::PRESENCE {}
    ann.end().await;
    assert_eq!(post(&admin, "/kick", &format!(r#"{{"connection":{connection}}}"#)).await.status, 200);
    assert!(bob.line().await.starts_with("* ann left"));
    assert_eq!(bob.line().await, "! policy: closed by an operator");
    bob.end().await;
    let closed = &get(&admin, "/connections").await.json()["closed"];
    for (number, name) in [(0, "ann"), (1, "guest-2")] {
        assert_eq!((&closed[number]["name"], &closed[number]["reason"]), (&name.into(), &"policy".into()));
        assert_eq!(closed[number]["by"], "hub");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kicked_peer_that_accepts_nothing_gets_the_reason_with_close() {
    let hub = hub();
    let mut slow = Peer::connect_over(&hub, 256);
    slow.greet(&hello("slow")).await;
    slow.welcome().await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for _ in 0..100 {
        ann.send(&say("something of some length, as people say it")).await;
    }
    let (admin, _orders) = admin(&hub);
    let list = get(&admin, "/connections").await.json();
    assert!(list["connections"][0]["behind"].as_u64().unwrap() > 90, "{list}");
    assert_eq!(post(&admin, "/kick", r#"{"connection":1,"reason":"too slow"}"#).await.status, 200);
    let mut deliveries = 0;
    let close = loop {
        let frame = slow.frame().await;
        match frame.kind {
            kind::DELIVERY => deliveries += 1,
            kind::PRESENCE => {}
            _ => break frame.close(),
        }
    };
    assert_eq!(close, (Code::POLICY, "policy: too slow".into()));
    assert!(deliveries < 10, "waiting messages are discarded; {deliveries} were written");
    slow.end().await;
}

#[tokio::test(start_paused = true)]
async fn kick_needs_one_existing_target() {
    let (admin, _orders) = admin(&hub());
    for (body, status) in [
        (r#"{"connection":7}"#, 404),
        (r#"{"member":7}"#, 404),
        (r#"{}"#, 400),
        ("", 400),
        (r#"{"connection":1,"member":1}"#, 400),
        (r#"{"connection":-1}"#, 400),
        (r#"{"connection":"1"}"#, 400),
        (r#"{"member":4294967296}"#, 400),
        (r#"{"conection":1}"#, 400),
        (r#"{"connection":1,"reason":"two\nlines"}"#, 400),
        (r#"{"connection":1,"reason":""}"#, 400),
        ("[", 400),
        (r#"{"connection":1}{"#, 400),
    ] {
        let answer = post(&admin, "/kick", body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(answer.json()["error"].is_string() && answer.json()["detail"].is_string());
    }
    let reason = format!(r#"{{"connection":1,"reason":"{}"}}"#, "x".repeat(101));
    assert_eq!(post(&admin, "/kick", &reason).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn announcements_come_from_the_hub_itself() {
    let hub = hub();
    let mut framed = Peer::join(&hub, hello("framed")).await;
    let mut plain = Peer::connect(&hub);
    plain.greet(&hello("plain").with_hub(false)).await;
    let mut person = Peer::terminal(&hub).await;
    let mut away = Peer::join(&hub, hello("away").with_room("den").unwrap()).await;
    let (admin, _orders) = admin(&hub);
    assert_eq!(post(&admin, "/say", r#"{"text":"back at noon, größer","room":"lobby"}"#).await.body, "{\"rooms\":1}\n");
    let mut frame = framed.frame().await;
    while frame.kind == kind::PRESENCE {
        frame = framed.frame().await;
    }
    let delivery = frame.delivery();
    assert_eq!((delivery.from, delivery.to, delivery.name().to_string()), (0, 0, String::new()));
    assert_eq!(frame.seq_and_text(), (1, "back at noon, größer".into()));
    let frame = plain.frame().await;
    assert_eq!((frame.encoding, &*frame.body), (Encoding::Utf8, "* back at noon, größer".as_bytes()));
    assert_eq!(person.line().await, "* back at noon, größer");
    assert_eq!(post(&admin, "/say", r#"{"text":"to all"}"#).await.json()["rooms"], 2);
    assert_eq!(person.line().await, "* to all");
    assert_eq!(away.frame().await.seq_and_text(), (1, "to all".into()), "it has not received the first");

    assert_eq!(post(&admin, "/say", r#"{"text":"x","room":"nowhere"}"#).await.status, 404);
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(281));
    for wrong in [r#"{"text":""}"#, r#"{"text":"a\u001bb"}"#, r#"{"text":"a\u202eb"}"#, r#"{"room":"lobby"}"#, &long] {
        assert_eq!(post(&admin, "/say", wrong).await.status, 400, "{wrong}");
    }
    person.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn announcements_fit_into_the_smallest_body_however_they_are_escaped() {
    let hub = hub();
    let ascii = hello("old").with_preferred(Encoding::Ascii).with_max_body(1024);
    let mut old = Peer::join(&hub, ascii).await;
    let (admin, _orders) = admin(&hub);
    for text in ["ä".repeat(140), "€".repeat(93), "😀".repeat(70), "x".repeat(280)] {
        assert_eq!(post(&admin, "/say", &format!(r#"{{"text":"{text}"}}"#)).await.status, 200);
        assert_eq!(old.frame().await.kind, kind::DELIVERY, "no GAP");
    }
}

#[tokio::test(start_paused = true)]
async fn drain_and_reload_are_forwarded_to_the_program() {
    let hub = hub();
    let (admin, mut orders) = admin(&hub);
    let program = tokio::spawn(async move {
        let mut answers = [Ok(()), Err(vec!["hub.toml:1:1: there is no setting lisen".to_owned()])].into_iter();
        while let Some(order) = orders.recv().await {
            match order {
                AdminOrder::Drain => return orders,
                AdminOrder::Reload(answer) => answer.send(answers.next().unwrap()).unwrap(),
            }
        }
        panic!("no drain was ordered");
    });
    assert_eq!(post(&admin, "/reload", "").await.body, "{\"reloaded\":true}\n");
    let refused = post(&admin, "/reload", "{}").await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["error"], "reload-refused");
    assert_eq!(refused.json()["faults"][0], "hub.toml:1:1: there is no setting lisen");
    assert_eq!(post(&admin, "/drain", r#"{"now":true}"#).await.status, 400);
    assert_eq!(post(&admin, "/drain", "{}").await.body, "{\"draining\":true}\n");
    drop(program.await.unwrap());
    assert_eq!(post(&admin, "/reload", "{}").await.status, 503, "the program has ended");
}

#[tokio::test(start_paused = true)]
async fn a_reload_times_out_if_the_program_does_not_answer() {
    let (admin, mut orders) = admin(&hub());
    let asked = tokio::spawn({
        let admin = admin.clone();
        async move { post(&admin, "/reload", "{}").await.status }
    });
    let order = orders.recv().await;
    assert_eq!(asked.await.unwrap(), 503);
    drop(order);
}

//! What a hub does with kinds that are not for a room: REQUEST, REPLY, ERROR, PONG, and kinds of the other direction.

use bookend::history::Query;
use bookend::{Code, END, Encoding, HEADER_LENGTH, kind};

use super::super::{CheckResult, judge_close};
use super::basics::hello;
use super::cast::named;
use super::member::{Event, Member, leave_all, quoted};
use super::script::Script;
use crate::frame::frame;
use crate::report::Finding;
use crate::target::Target;

/// REQUESTs that are no query: each is answered with ERROR policy, with its id and the number of its frame.
pub(super) async fn hub_request(target: &Target, name: &'static str) -> CheckResult {
    let query = |text| Query { before: Query::NOW, count: 2, text }.encode();
    let long = "x".repeat(257);
    let samples: [(&str, Encoding, Vec<u8>); 9] = [
        ("text", Encoding::Utf8, b"time?".to_vec()),
        ("nothing", Encoding::Binary, Vec::new()),
        ("an unknown query", Encoding::Binary, [&[3], &query(None)[1..]].concat()),
        ("a query in US-ASCII", Encoding::Ascii, b"\x01\0\0\0\0\0\0\0\x7F\0\0\0\x02".to_vec()),
        ("a query for 0 messages", Encoding::Binary, [&query(None)[..9], &[0; 4]].concat()),
        ("a query with a byte after it", Encoding::Binary, [query(None), vec![0]].concat()),
        ("a search without text", Encoding::Binary, [&[2], &query(None)[1..]].concat()),
        ("a search for 257 bytes", Encoding::Binary, [&[2], &query(None)[1..], long.as_bytes()].concat()),
        ("a search for bad UTF-8", Encoding::Binary, [&[2], &query(None)[1..], b"\xFF"].concat()),
    ];
    let (mut script, count) = (Script::new(), samples.len());
    let mut ann = Member::join(target, name, "ann", &named(&hello(target), "ann")).await?;
    let mut ben = Member::join(target, name, "ben", &named(&ann.hello, "ben")).await?;
    for (id, (what, encoding, payload)) in (0x0100_0001_u32..).zip(samples) {
        script.step(format!("ann sends REQUEST {id:08x} with {what}, {}", quoted(&payload)));
        let number = ann.send(kind::REQUEST, encoding, &[&id.to_be_bytes()[..], &payload].concat()).await;
        let expected = format!("one ERROR 1008 policy with id {id:08x} and frame {number}");
        let answer = ann.find(|event| match event {
            Event::Error(error) if error.id == id || error.frame == number => Some(Ok(error.clone())),
            Event::Reply(other) if *other == id => Some(Err(())),
            _ => None,
        });
        match answer.await.map_err(|missing| script.missing("ann", &expected, &missing))? {
            Ok(error) if (error.code, error.id, error.frame) == (Code::POLICY, id, number) => {}
            Ok(error) => {
                let seen = format!("{error} arrived, with id {:08x} and frame {}", error.id, error.frame);
                return Err(script.fails(expected, seen));
            }
            Err(()) => return Err(script.fails(expected, "a REPLY arrived")),
        }
    }
    ann.sync().await.map_err(|missing| script.missing("ann", "PONG", &missing))?;
    if ann.errors().count() != count {
        return Err(
            script.fails(format!("{count} answers to {count} REQUESTs"), format!("{} arrived", ann.errors().count()))
        );
    }
    ben.settle().await;
    if let Some(event) =
        ben.log.iter().find(|event| matches!(event, Event::Delivery(_) | Event::Gap(_) | Event::Other(_)))
    {
        return Err(script.fails("ben notices nothing of it", format!("{event} arrived")));
    }
    leave_all([ann, ben]).await;
    Ok(Finding::ok(format!("{count} REQUESTs that are no query are answered with ERROR policy, with id and frame")))
}

/// REPLY, ERROR, PONG, CANCEL and ignored kinds from a member cause nothing, for anybody.
pub(super) async fn hub_quiet(target: &Target, name: &'static str) -> CheckResult {
    let mut script = Script::new();
    let mut ann = Member::join(target, name, "ann", &named(&hello(target), "ann")).await?;
    let mut ben = Member::join(target, name, "ben", &named(&ann.hello, "ben")).await?;
    let error = [&0_u32.to_be_bytes()[..], &7_u32.to_be_bytes(), &1007_u16.to_be_bytes(), b"bad-text"].concat();
    let other = [&9_u32.to_be_bytes()[..], &7_u32.to_be_bytes(), &1007_u16.to_be_bytes(), b"\xFF"].concat();
    for (what, kind, encoding, body) in [
        ("REPLY 9", kind::REPLY, Encoding::Ascii, b"\0\0\0\x09to nobody".to_vec()),
        ("REPLY 9 with bad text", kind::REPLY, Encoding::Utf8, b"\0\0\0\x09\xFF".to_vec()),
        ("ERROR about frame 7", kind::ERROR, Encoding::Ascii, error),
        ("ERROR 9 with a bad reason", kind::ERROR, Encoding::Utf8, other),
        ("PONG", kind::PONG, Encoding::Binary, b"who?".to_vec()),
        ("CANCEL 9", kind::CANCEL, Encoding::Binary, b"\0\0\0\x09".to_vec()),
        ("kind 80", 0x80, Encoding::Utf8, b"\xFF".to_vec()),
        ("private kind C0", 0xC0, Encoding::Utf16Le, b"odd".to_vec()),
    ] {
        script.step(format!("ann sends {what}"));
        ann.send(kind, encoding, &body).await;
        ann.sync().await.map_err(|missing| script.missing("ann", "PONG and nothing else", &missing))?;
        let answer =
            ann.log.iter().find(|event| matches!(event, Event::Error(_) | Event::Reply(_) | Event::Delivery(_)));
        if let Some(event) = answer {
            return Err(script.fails("PONG and nothing else", format!("{event} arrived")));
        }
    }
    script.step("ann POSTs \"end\"");
    ann.post(0, Encoding::Ascii, b"end").await;
    ben.find(|event| event.says("end").then_some(()))
        .await
        .map_err(|missing| script.missing("ben", "\"end\"", &missing))?;
    let heard: Vec<String> = ben.deliveries().map(|it| Event::Delivery(it.clone()).to_string()).collect();
    if heard.len() != 1 || ben.deliveries().any(|it| it.seq != ben.next_seq) {
        return Err(script.fails(format!("ben receives \"end\" with seq {} alone", ben.next_seq), heard.join(", ")));
    }
    leave_all([ann, ben]).await;
    Ok(Finding::ok("REPLY, ERROR, PONG, CANCEL and unknown kinds cause nothing, for their sender and for others"))
}

/// Each kind that only a hub sends.
pub(super) async fn hub_direction(target: &Target, name: &'static str) -> CheckResult {
    let (hello, mut seen) = (hello(target), String::new());
    for (kind, encoding, body) in [
        (kind::WELCOME, Encoding::Ascii, &[0; 12][..]),
        (kind::PRESENCE, Encoding::Ascii, b"\0\0\0\x01\0a"),
        (kind::DELIVERY, Encoding::Ascii, &[0; 25]),
        (kind::GAP, Encoding::Binary, &[0; 8]),
    ] {
        let mut peer = target.greet(name, &hello).await?;
        peer.send(&frame(kind, encoding, body)).await;
        let found = judge_close(peer.wait_close().await, "unexpected-kind");
        let which = bookend::kind::name(kind).unwrap_or_default();
        seen = found.map_err(|finding| Finding::fails(format!("after {which} from a member: {}", finding.seen)))?.seen;
    }
    Ok(Finding::ok(format!("for each of the four: {seen}")))
}

/// A POST that is malformed ends the session, and what follows it reaches nobody (R2.14, R7.15).
pub(super) async fn hub_sticky(target: &Target, name: &'static str) -> CheckResult {
    let hello = hello(target);
    for (what, wrong) in [
        ("a POST of 3 bytes", frame(kind::POST, Encoding::Ascii, b"\0\0\0")),
        ("a bad START", b"\xF5\xF5\x12\x01\0\0\0\0\xF8\xF5".to_vec()),
        ("a bad END", b"\xF5\xF8\x12\x01\0\0\0\x06\0\0\0\0hiF5".to_vec()),
        ("an unknown kind", frame(0x7F, Encoding::Binary, b"")),
    ] {
        let mut script = Script::new();
        let hello =
            hello.clone().with_room(&format!("{} {what}", hello.room().unwrap_or_default())).unwrap_or(hello.clone());
        let mut ann = Member::join(target, name, "ann", &named(&hello, "ann")).await?;
        let mut ben = Member::join(target, name, "ben", &named(&hello, "ben")).await?;
        script.step(format!("ann POSTs \"before\", then sends {what} and a POST \"after\" at once"));
        let post = |text: &[u8]| frame(kind::POST, Encoding::Ascii, &[&[0; 4], text].concat());
        ann.peer.send(&[post(b"before"), wrong, post(b"after"), post(b"after all")].concat()).await;
        let closes = ann.peer.wait_close().await;
        closes.map_err(|missing| script.missing("ann", "CLOSE", &missing))?;
        let end = ann.peer.next().await;
        if let Ok(more) = end {
            return Err(script.fails("CLOSE, and nothing after it", format!("{} arrived after CLOSE", more.name())));
        }
        let heard = ben.find(|event| event.says("before").then_some(())).await;
        heard.map_err(|missing| script.missing("ben", "\"before\", which was whole", &missing))?;
        ben.settle().await;
        if let Some(event) = ben.log.iter().find(|event| event.delivery().is_some() && !event.says("before")) {
            return Err(script
                .fails("nothing after the fault is acted on", format!("ben receives {event}"))
                .named("frames after a fault are acted on")
                .with_fix("stop reading frames at the first fault, and only discard what follows (R2.14, R7.6)"));
        }
        ben.leave().await;
    }
    Ok(Finding::ok("what precedes a fault is delivered, and nothing of what follows it"))
}

/// Each byte of a POST arrives apart, and what is in it may be anything: a whole frame, START, END.
pub(super) async fn hub_bytes(target: &Target, name: &'static str) -> CheckResult {
    let mut script = Script::new();
    let mut ann = Member::join(target, name, "ann", &named(&hello(target), "ann")).await?;
    let inner = frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8");
    let payload = [&inner[..], b"\xF8\xF5\xF5\xF8\0\r\n\x1A\xFF\x11", &(0..=255).collect::<Vec<u8>>()].concat();
    script.step("ann POSTs bytes that hold a frame, START, END and every value, byte by byte");
    let whole = frame(kind::POST, Encoding::Binary, &[&[0; 4], &payload[..]].concat());
    let (head, tail) = whole.split_at(HEADER_LENGTH + 4 + inner.len() + END.len());
    for piece in head.chunks(1).chain([tail]) {
        ann.peer.send_apart([piece]).await;
    }
    let heard = ann.find(|event| event.delivery().cloned()).await;
    let delivery = heard.map_err(|missing| script.missing("ann", "her message", &missing))?;
    if delivery.payload != payload || delivery.encoding != Encoding::Binary {
        return Err(script.fails("the same bytes", format!("{} arrived", delivery.quoted())));
    }
    ann.leave().await;
    Ok(Finding::ok(format!("{} bytes of every value come back unchanged", payload.len())))
}

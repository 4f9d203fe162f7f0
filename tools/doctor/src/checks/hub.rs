//! The hub profile (SPEC 9), in rooms without other members.

use bookend::{Code, Encoding, Encodings, Hello, Message, Payload, PresenceEvent, kind};

use super::session::MAX_SENT;
use super::{Check, CheckResult, Test, When, custom, judge_name};
use crate::frame::{Frame, frame, message};
use crate::raw_peer::{Missing, RawPeer};
use crate::report::Finding;
use crate::side::Side;
use crate::target::Target;

const fn check(name: &'static str, spec: &'static str, fix: &'static str, test: Test) -> Check {
    Check::new(name, spec, fix, test).when(When::Hub).needing(&["hub-welcome"]).only_for(Side::Server)
}

/// A check that posts.
const fn writing(name: &'static str, spec: &'static str, fix: &'static str, test: Test) -> Check {
    check(name, spec, fix, test).needing(&["hub-welcome", "hub-own-message"])
}

/// The checks that the others depend on.
pub(super) static FIRST: &[Check] = &[
    check(
        "hub-welcome",
        "R9.5",
        "send WELCOME immediately after HELLO if both HELLOs set bit 0 of `features`",
        custom!(hub_welcome),
    )
    .needing(&[]),
    check("hub-own-message", "R9.7", "deliver a POST to everyone to its sender, too", custom!(hub_own_message)),
];

pub(super) static CHECKS: &[Check] = &[
    check(
        "hub-presence",
        "R9.5",
        "after WELCOME, send a PRESENCE here for each member, the new one last",
        custom!(hub_presence),
    ),
    writing("hub-everyone", "R9.7", "deliver a POST to every member of the room", custom!(hub_everyone)),
    writing(
        "hub-sequence",
        "R9.8",
        "number the room's messages to everyone consecutively, and send the next number in WELCOME",
        custom!(hub_sequence),
    ),
    writing("hub-message", "R9.6", "treat a MESSAGE as a POST to everyone", custom!(hub_message)),
    writing(
        "hub-private",
        "R9.8",
        "deliver a POST to one member with its number in `to`, and seq 0",
        custom!(hub_private),
    ),
    writing(
        "hub-no-such-member",
        "R9.9",
        "answer a POST to an absent member by ERROR 4010 no-such-member",
        Test::Refused(|_| vec![frame(kind::POST, Encoding::Utf8, b"\xFF\xFF\xFF\xFFhi")], "no-such-member"),
    ),
    check(
        "hub-direction",
        "R9.2",
        "refuse WELCOME, PRESENCE, DELIVERY and GAP from a client",
        Test::Closed(|_| frame(kind::GAP, Encoding::Binary, &[0; 8]), "unexpected-kind"),
    ),
    writing(
        "hub-encoding",
        "R9.12",
        "deliver text in the encoding that the member prefers, with \\u{hex} for what it cannot encode",
        custom!(hub_encoding),
    ),
    check(
        "hub-same-name",
        "R9.15",
        "add a suffix to a name that is taken, and send the new name in PRESENCE",
        custom!(hub_same_name),
    ),
    check(
        "hub-look-alike",
        "R9.36",
        "count a name as taken if it differs from a member's only in case, or looks like it",
        custom!(hub_look_alike),
    ),
    writing(
        "hub-plain-member",
        "R9.11",
        "send a peer without the hub profile MESSAGE `name: text`",
        custom!(hub_plain_member),
    ),
    check(
        "hub-resume-refused",
        "R9.13",
        "answer a future resume by ERROR 4009 resume-refused after WELCOME, and let the member join",
        custom!(hub_resume_refused),
    ),
    writing(
        "hub-too-long",
        "R9.21",
        "answer a POST by ERROR 1009 too-long if its DELIVERY is longer than the hub's own `max body`",
        custom!(hub_too_long),
    ),
];

/// The contents of a DELIVERY.
#[derive(Debug)]
struct ReceivedDelivery {
    from: u32,
    to: u32,
    seq: u64,
    name: String,
    encoding: Encoding,
    text: String,
}

fn delivered(frame: &Frame) -> Option<ReceivedDelivery> {
    let Message::Delivery(delivery) = frame.message()? else { return None };
    let text = match delivery.payload {
        Payload::Binary(bytes) => bytes.escape_ascii().to_string(),
        Payload::Text(text) => text.to_str().into_owned(),
    };
    let (from, to, seq, name) = (delivery.from, delivery.to, delivery.seq, delivery.name().to_owned());
    Some(ReceivedDelivery { from, to, seq, name, encoding: frame.encoding, text })
}

/// A member that this side plays: its number, and the sequence number of the room's next message.
struct Member<'a> {
    peer: RawPeer<'a>,
    id: u32,
    next_seq: u64,
}

impl<'a> Member<'a> {
    /// Joins and waits for WELCOME.
    async fn join(target: &'a Target, name: &'static str, hello: &Hello) -> Result<Member<'a>, Finding> {
        let mut peer = target.greet(name, hello).await?;
        let welcome = peer.wait(|frame| match frame.message()? {
            Message::Welcome { member, next_seq, .. } => Some((member, next_seq)),
            _ => None,
        });
        let (id, next_seq) = welcome.await.map_err(|missing| missing.finding("WELCOME"))?;
        Ok(Member { peer, id, next_seq })
    }

    async fn post(&mut self, to: u32, encoding: Encoding, payload: &[u8]) {
        self.peer.send(&frame(kind::POST, encoding, &[&to.to_be_bytes(), payload].concat())).await;
    }

    /// The next DELIVERY from a member.
    async fn delivery(&mut self, from: u32) -> Result<ReceivedDelivery, Finding> {
        let delivery = self.peer.wait(|frame| delivered(frame).filter(|delivery| delivery.from == from));
        delivery.await.map_err(|missing| missing.finding("DELIVERY"))
    }
}

fn hello(target: &Target) -> Hello {
    target.hello().with_hub(true)
}

async fn hub_welcome(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &hello(target)).await?;
    let frame = peer.next().await.map_err(|missing| missing.finding("WELCOME"))?;
    let found = match frame.message() {
        Some(Message::Welcome { member, greeting, .. }) => {
            Ok(Finding::ok(format!("WELCOME, member {member}: {greeting}")))
        }
        _ => Err(Finding::fails(format!("{} arrived after HELLO, not WELCOME", frame.name()))),
    };
    peer.leave().await;
    found
}

async fn hub_presence(target: &Target, name: &'static str) -> CheckResult {
    let hello = hello(target);
    let first = Member::join(target, name, &hello).await?;
    let mut second = Member::join(target, name, &hello).await?;
    let (own, mut here) = (second.id, Vec::new());
    let received = second.peer.wait(|frame| match frame.message()? {
        Message::Presence { member, event: PresenceEvent::Here, .. } => {
            here.push(member);
            (member == own).then_some(())
        }
        _ => None,
    });
    received.await.map_err(|missing| missing.finding("PRESENCE here of the new member"))?;
    let found = if here.contains(&first.id) {
        Ok(Finding::ok(format!("PRESENCE here for {} members, the new one last", here.len())))
    } else {
        Err(Finding::fails(format!(
            "PRESENCE here for the members {here:?}, but not for {}, which joined before",
            first.id
        )))
    };
    first.peer.leave().await;
    second.peer.leave().await;
    found
}

async fn hub_own_message(target: &Target, name: &'static str) -> CheckResult {
    let mut member = Member::join(target, name, &hello(target)).await?;
    member.post(0, Encoding::Utf8, "grüß 😀".as_bytes()).await;
    let own = member.id;
    let answer = member.peer.wait(|frame| match frame.as_error() {
        Some(error) if error.code == Code::POLICY => Some(Err(error)),
        _ => delivered(frame).filter(|delivery| delivery.from == own).map(Ok),
    });
    let answer = answer.await.map_err(|missing| missing.finding("DELIVERY"))?;
    member.peer.leave().await;
    let delivery = answer.map_err(|error| {
        Finding::skipped(format!("this side may not write here, and a token that may is needed to check it: {error}"))
    })?;
    match (delivery.to, &*delivery.text) {
        (0, "grüß 😀") => Ok(Finding::ok("a POST to everyone comes back to its sender")),
        _ => Err(Finding::fails(format!("the POST \"grüß 😀\" to everyone came back as {delivery:?}"))),
    }
}

async fn hub_everyone(target: &Target, name: &'static str) -> CheckResult {
    let hello = hello(target);
    let mut first = Member::join(target, name, &hello).await?;
    let mut second = Member::join(target, name, &hello).await?;
    first.post(0, Encoding::Ascii, b"from the first").await;
    let delivery = second.delivery(first.id).await?;
    first.peer.leave().await;
    second.peer.leave().await;
    match &*delivery.text {
        "from the first" => Ok(Finding::ok(format!("the other member receives it, from {}", delivery.name))),
        text => Err(Finding::fails(format!("\"from the first\" arrived as {text:?}"))),
    }
}

async fn hub_sequence(target: &Target, name: &'static str) -> CheckResult {
    let mut member = Member::join(target, name, &hello(target)).await?;
    for text in ["one", "two", "three"] {
        member.post(0, Encoding::Ascii, text.as_bytes()).await;
    }
    let mut seqs = Vec::new();
    let own = member.id;
    let counted = member.peer.wait(|frame| {
        let delivery = delivered(frame).filter(|delivery| delivery.to == 0)?;
        seqs.push(delivery.seq);
        (delivery.from == own && delivery.text == "three").then_some(())
    });
    counted.await.map_err(|missing| missing.finding("three DELIVERYs"))?;
    member.peer.leave().await;
    if (member.next_seq..).zip(&seqs).all(|(expected, &seq)| expected == seq) {
        Ok(Finding::ok(format!("{seqs:?}, as WELCOME announced")))
    } else {
        Err(Finding::fails(format!("{seqs:?}, but WELCOME announced {} as the next", member.next_seq)))
    }
}

async fn hub_message(target: &Target, name: &'static str) -> CheckResult {
    let mut member = Member::join(target, name, &hello(target)).await?;
    member.peer.send(&message(Encoding::Utf8, b"a MESSAGE")).await;
    let delivery = member.delivery(member.id).await?;
    member.peer.leave().await;
    match (&*delivery.text, delivery.to) {
        ("a MESSAGE", 0) => Ok(Finding::ok("a MESSAGE comes back as a DELIVERY to everyone")),
        _ => Err(Finding::fails(format!("\"a MESSAGE\" came back as {delivery:?}"))),
    }
}

async fn hub_private(target: &Target, name: &'static str) -> CheckResult {
    let mut member = Member::join(target, name, &hello(target)).await?;
    let own = member.id;
    member.post(own, Encoding::Utf8, b"to myself").await;
    let delivery = member.delivery(own).await?;
    member.peer.leave().await;
    match (delivery.to == own, delivery.seq) {
        (true, 0) => Ok(Finding::ok("a POST to one member arrives with its number and seq 0")),
        _ => Err(Finding::fails(format!("a POST to {own} arrived with `to` {} and seq {}", delivery.to, delivery.seq))),
    }
}

async fn hub_encoding(target: &Target, name: &'static str) -> CheckResult {
    for (preferred, text) in [(Encoding::Utf16Le, "grüß"), (Encoding::Ascii, "gr\\u{fc}\\u{df}")] {
        let hello = hello(target).with_accepted(Encodings::ALL).with_preferred(preferred);
        let mut member = Member::join(target, name, &hello).await?;
        member.post(0, Encoding::Utf8, "grüß".as_bytes()).await;
        let delivery = member.delivery(member.id).await?;
        member.peer.leave().await;
        if (delivery.encoding, &*delivery.text) != (preferred, text) {
            let ReceivedDelivery { encoding, text, .. } = delivery;
            return Err(Finding::fails(format!("a member that prefers {preferred} receives {text:?} in {encoding}")));
        }
    }
    Ok(Finding::ok("members that prefer utf-16le and us-ascii receive text in them"))
}

async fn hub_same_name(target: &Target, name: &'static str) -> CheckResult {
    let hello = hello(target);
    suffixed(target, name, [&hello, &hello]).await
}

async fn hub_look_alike(target: &Target, name: &'static str) -> CheckResult {
    let first = hello(target);
    let capitals = first.name().unwrap_or_default().to_ascii_uppercase();
    let second = first.clone().with_name(&capitals).unwrap_or_else(|_| first.clone()); // it may have no name
    suffixed(target, name, [&first, &second]).await
}

/// Joins with each HELLO in turn. The name in the second one is taken then.
async fn suffixed(target: &Target, name: &'static str, hellos: [&Hello; 2]) -> CheckResult {
    let [first, hello] = hellos;
    let first = Member::join(target, name, first).await?;
    let mut second = Member::join(target, name, hello).await?;
    let own = second.id;
    let given = second.peer.wait(|frame| match frame.message()? {
        Message::Presence { member, name, .. } if member == own => Some(name.text().to_str().into_owned()),
        _ => None,
    });
    let given = given.await.map_err(|missing| missing.finding("PRESENCE of the new member"))?;
    first.peer.leave().await;
    second.peer.leave().await;
    match hello.name() {
        Some(taken) if taken == given => Err(Finding::fails(format!("the name {taken} is given although it is taken"))),
        taken => Ok(Finding::ok(format!("the second {} becomes {given}", taken.unwrap_or_default()))),
    }
}

async fn hub_plain_member(target: &Target, name: &'static str) -> CheckResult {
    let hello = hello(target);
    let mut member = Member::join(target, name, &hello).await?;
    let mut plain = target.greet(name, &hello.with_hub(false)).await?;
    // Once PONG arrives, it is in the room.
    plain.barrier().await.map_err(|missing| missing.finding("PONG"))?;
    member.post(0, Encoding::Ascii, b"to a plain one").await;
    let named = member.delivery(member.id).await?.name;
    let received = plain.wait(|frame| match frame.message()? {
        Message::Message(payload) => payload.text().map(|text| text.into_owned()),
        _ => None,
    });
    let received = received.await.map_err(|missing| missing.finding("MESSAGE to a peer without the hub profile"))?;
    member.peer.leave().await;
    plain.leave().await;
    match received == format!("{named}: to a plain one") {
        true => Ok(Finding::ok(format!("MESSAGE \"{received}\""))),
        false => Err(Finding::fails(format!("\"{received}\"; expected \"{named}: to a plain one\""))),
    }
}

async fn hub_resume_refused(target: &Target, name: &'static str) -> CheckResult {
    let mut member = Member::join(target, name, &hello(target).with_resume(1 << 40)).await?;
    let error = member.peer.wait(|frame| frame.as_error()).await;
    let error = error.map_err(|missing| missing.finding("ERROR resume-refused after WELCOME"))?;
    judge_name(error.code, &error.reason, "resume-refused", &error.to_string())?;
    member
        .peer
        .barrier()
        .await
        .map_err(|missing| missing.finding("PONG from the hub, since the member joins nevertheless"))?;
    member.peer.leave().await;
    Ok(Finding::ok(format!("{error}; the member joins nevertheless")))
}

async fn hub_too_long(target: &Target, name: &'static str) -> CheckResult {
    let length = target.info().max_body;
    if length > MAX_SENT {
        return Ok(Finding::skipped(format!("{length} bytes are too many to send for a check")));
    }
    let mut member = Member::join(target, name, &hello(target)).await?;
    member.post(0, Encoding::Binary, &vec![0x55; length as usize - 4]).await;
    let error = member.peer.wait(|frame| match delivered(frame) {
        Some(_) => Some(None),
        None => frame.as_error().map(Some),
    });
    let Some(error) = error.await.map_err(|missing: Missing| missing.finding("ERROR too-long"))? else {
        return Err(Finding::fails(format!("a POST of {length} bytes was delivered, in a DELIVERY that is longer")));
    };
    member.peer.leave().await;
    judge_name(Code(error.code.0), &error.reason, "too-long", &error.to_string())?;
    Ok(Finding::ok(error.to_string()))
}

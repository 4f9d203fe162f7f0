//! The first things of a hub: WELCOME, who is here, a message that comes back; and a message longer than the hub accepts.

use bookend::{Code, Encoding, Hello, Message, PresenceEvent};

use super::super::CheckResult;
use super::super::session::MAX_SENT;
use super::member::{Event, Member, leave_all, numbers};
use super::script::Script;
use crate::report::Finding;
use crate::target::Target;

pub(super) fn hello(target: &Target) -> Hello {
    target.hello().with_hub(true)
}

pub(super) async fn hub_welcome(target: &Target, name: &'static str) -> CheckResult {
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

pub(super) async fn hub_presence(target: &Target, name: &'static str) -> CheckResult {
    let hello = hello(target);
    let first = Member::join(target, name, "the first member", &hello).await?;
    let mut second = Member::join(target, name, "the second member", &hello).await?;
    second.name().await?;
    let here: Vec<u32> = second.log.iter().filter_map(presence_here).collect();
    let found = if here.contains(&first.id) {
        Ok(Finding::ok(format!("PRESENCE here for {} members, the new one last", here.len())))
    } else {
        Err(Finding::fails(format!(
            "PRESENCE here for the members {}, but not for {}, which joined before",
            numbers(&here),
            first.id
        )))
    };
    leave_all([first, second]).await;
    found
}

fn presence_here(event: &Event) -> Option<u32> {
    match event {
        Event::Presence { member, event: PresenceEvent::Here, .. } => Some(*member),
        _ => None,
    }
}

pub(super) async fn hub_own_message(target: &Target, name: &'static str) -> CheckResult {
    const TEXT: &str = "grüß 😀";
    let mut member = Member::join(target, name, "a member", &hello(target)).await?;
    member.post(0, Encoding::Utf8, TEXT.as_bytes()).await;
    let own = member.id;
    let answer = member.find(|event| match event {
        Event::Error(error) if error.code == Code::POLICY => Some(Err(error.clone())),
        event => event.delivery().filter(|delivery| delivery.from == own).cloned().map(Ok),
    });
    let answer = answer.await.map_err(|missing| missing.finding("DELIVERY of a POST to everyone to its sender"))?;
    member.leave().await;
    let delivery = answer.map_err(|error| {
        Finding::skipped(format!("this side may not write here, and a token that may is needed to check it: {error}"))
    })?;
    match (delivery.to, &*delivery.payload) {
        (0, payload) if payload == TEXT.as_bytes() => Ok(Finding::ok("a POST to everyone comes back to its sender")),
        _ => Err(Finding::fails(format!("the POST \"{TEXT}\" to everyone came back as {}", Event::Delivery(delivery)))),
    }
}

/// A DELIVERY that is exactly as long as the hub accepts itself, and one that is longer by a byte.
pub(super) async fn hub_too_long(target: &Target, name: &'static str) -> CheckResult {
    let length = target.info().max_body;
    if length > MAX_SENT {
        return Ok(Finding::skipped(format!("{length} bytes are too many to send for a check")));
    }
    let mut script = Script::new();
    let mut ann = Member::join(target, name, "ann", &hello(target).with_max_body(length + 4096)).await?;
    let mut ben = Member::join(target, name, "ben", &ann.hello.clone()).await?;
    let exact = length as usize - bookend::Delivery::FIXED_LENGTH - ann.name().await?.len();
    script.step(format!("ann POSTs {exact} bytes, which make a DELIVERY of {length}, the hub's max body"));
    ann.post(0, Encoding::Binary, &vec![0x55; exact]).await;
    let heard = ann.find(|event| match event {
        Event::Error(error) => Some(Err(error.to_string())),
        event => event.delivery().map(|delivery| Ok(delivery.payload.len())),
    });
    let heard = heard.await.map_err(|missing| script.missing("ann", "her message", &missing))?;
    if heard != Ok(exact) {
        let seen = heard.map_or_else(|error| error, |length| format!("{length} bytes"));
        return Err(script.fails("the message is delivered", format!("{seen} arrived")));
    }
    script.step(format!("ann POSTs {} bytes: one more", exact + 1));
    let number = ann.post(0, Encoding::Binary, &vec![0x55; exact + 1]).await;
    ann.sync().await.map_err(|missing| script.missing("ann", "PONG", &missing))?;
    match ann.errors().next() {
        Some(error) => script.judge_error(error, Code::TOO_LONG, "too-long", number)?,
        None => return Err(script.fails("ERROR 1009 too-long before the PONG", "none arrived")),
    }
    // Until ben has read so much, it may count as a member that lags.
    let heard = ben.find(|event| event.delivery().map(|_| ())).await;
    heard.map_err(|missing| script.missing("ben", "the first message", &missing))?;
    ann.post(0, Encoding::Ascii, b"end").await;
    ben.find(|event| event.says("end").then_some(()))
        .await
        .map_err(|missing| script.missing("ben", "\"end\"", &missing))?;
    let (count, last) = (ben.deliveries().count(), ben.deliveries().last().map_or(0, |delivery| delivery.seq));
    let gap = ben.log.iter().find(|event| matches!(event, Event::Gap(_)));
    if count != 2 || gap.is_some() || last != ben.next_seq.saturating_add(1) {
        let seen = format!("{count} arrived, the last with seq {last}");
        return Err(script.fails("ben receives two messages with consecutive numbers, and no GAP", seen));
    }
    leave_all([ann, ben]).await;
    Ok(Finding::ok(format!(
        "a DELIVERY of {length} bytes is sent, and one of {} refused with ERROR too-long",
        length + 1
    )))
}

//! Who may enter, read and write (SPEC 9, Who may enter). These checks need tokens.

use std::time::Duration;

use bookend::history::Query;
use bookend::{Code, Encoding, Hello, Message, PresenceEvent, kind};
use tokio::time::Instant;

use super::super::{CheckResult, judge_name};
use super::basics::hello;
use super::cast::named;
use super::member::{Event, Member, leave_all};
use super::script::Script;
use crate::raw_peer::Missing;
use crate::report::Finding;
use crate::target::Target;

/// How long a hub waits for an answer by default (R9.40, R9.41).
const ANSWER: Duration = Duration::from_secs(3);

fn with_token(hello: &Hello, token: &[u8]) -> Hello {
    hello.clone().with_token(token).unwrap_or_else(|_| hello.clone()) // its length was judged
}

/// Without a token, with a wrong one, and with one that is refused (R9.28).
pub(super) async fn hub_refused(target: &Target, name: &'static str) -> CheckResult {
    let tokens = target.tokens();
    let hello = hello(target);
    let mut ann = Member::join(target, name, "ann", &named(&hello, "ann")).await?;
    let mut attempts: Vec<(&str, Option<Vec<u8>>, bool)> = Vec::new();
    attempts.extend(
        tokens.refused.iter().map(|token| ("the token that is refused", Some(token.as_bytes().to_vec()), true)),
    );
    if tokens.own.is_some() {
        attempts.push(("no token", None, false));
        attempts.push(("a wrong token", Some(b"doctor: this is no token".to_vec()), false));
    }
    let mut refused = Vec::new();
    for (what, token, must) in attempts {
        let plain = Hello::new()
            .with_hub(true)
            .with_keepalive(0)
            .with_name("eve")
            .and_then(|eve| eve.with_room(hello.room().unwrap_or("x")));
        let Ok(plain) = plain else { continue };
        let eve = token.map_or_else(|| plain.clone(), |token| with_token(&plain, &token));
        let mut peer = target.connect(name).await?;
        peer.send_hello(&eve).await;
        peer.set_timeout(target.timeout() + ANSWER);
        let answer = peer.wait(|frame| match frame.message() {
            Some(Message::Welcome { .. }) => Some(None),
            _ => frame.as_close().map(Some),
        });
        match answer.await.map_err(|missing| missing.finding(&format!("WELCOME, or CLOSE policy for {what}")))? {
            Some((code, reason)) => {
                let seen = format!("CLOSE {} {reason} for {what}", code.0);
                judge_name(code, &reason, "policy", &seen)?;
                refused.push(what);
            }
            None if must => return Err(Finding::fails(format!("{what} is admitted with WELCOME"))),
            None => peer.leave().await,
        }
    }
    ann.settle().await;
    let joined = ann.log.iter().find(
        |event| matches!(event, Event::Presence { event: PresenceEvent::Joined, name, .. } if name.starts_with("eve")),
    );
    if let (Some(event), false) = (joined, refused.is_empty()) {
        return Err(Finding::fails(format!("ann receives {event}, although {} is refused", refused.join(" and "))));
    }
    ann.leave().await;
    match &refused[..] {
        [] => Ok(Finding::not_applicable(
            "nobody was refused: this needs --refused-token-file, or a hub that requires a token",
        )),
        _ => Ok(Finding::ok(format!("CLOSE policy for {}, and nothing reaches the room", refused.join(" and for ")))),
    }
}

/// A member that may not write (R9.29).
pub(super) async fn hub_reader(target: &Target, name: &'static str) -> CheckResult {
    let Some(token) = &target.tokens().reader else {
        return Ok(Finding::not_applicable("this needs a token that may only read: --reader-token-file"));
    };
    let mut script = Script::new();
    let hello = hello(target);
    let mut ann = Member::join(target, name, "ann", &named(&hello, "ann")).await?;
    let reader = with_token(&named(&hello, "rea"), token.as_bytes());
    let mut rea = Member::join(target, name, "rea, who may only read", &reader).await?;
    for (what, to) in [("a POST to everyone", Some(0)), ("a POST to ann", Some(ann.id)), ("a MESSAGE", None)] {
        script.step(format!("rea, who may only read, sends {what}"));
        let number = match to {
            Some(to) => rea.post(to, Encoding::Ascii, b"not permitted").await,
            None => rea.send(kind::MESSAGE, Encoding::Ascii, b"not permitted").await,
        };
        let known = rea.errors().count();
        rea.sync().await.map_err(|missing| script.missing(rea.role, "PONG", &missing))?;
        match rea.errors().nth(known) {
            Some(error) => script.judge_error(error, Code::POLICY, "policy", number)?,
            None => return Err(script.fails("ERROR 1008 policy before the PONG", "none arrived")),
        }
    }
    script.step("ann POSTs \"all\" to everyone");
    ann.post(0, Encoding::Ascii, b"all").await;
    rea.find(|event| event.says("all").then_some(()))
        .await
        .map_err(|missing| script.missing(rea.role, "\"all\"", &missing))?;
    ann.settle().await;
    if let Some(event) = ann.log.iter().find(|event| event.says("not permitted")) {
        return Err(script.fails("nothing of a member that may not write", format!("ann receives {event}")));
    }
    if ann.deliveries().any(|it| it.to == 0 && it.seq != ann.next_seq) {
        return Err(
            script.fails(format!("\"all\" has seq {}", ann.next_seq), "another number: a refused POST was counted")
        );
    }
    leave_all([ann, rea]).await;
    Ok(Finding::ok("what a member that may not write sends is answered with ERROR policy, and reaches nobody"))
}

/// A member that may not read (R9.30, R9.48).
pub(super) async fn hub_writer(target: &Target, name: &'static str) -> CheckResult {
    const ID: u32 = 0x0C0D_0E0F;
    let Some(token) = &target.tokens().writer else {
        return Ok(Finding::not_applicable("this needs a token that may write and not read: --writer-token-file"));
    };
    let mut script = Script::new();
    let hello = hello(target);
    let mut ann = Member::join(target, name, "ann", &named(&hello, "ann")).await?;
    ann.post(0, Encoding::Ascii, b"before").await;
    ann.sync().await.map_err(|missing| script.missing("ann", "PONG", &missing))?;
    script.step("wim, who may not read, joins with resume 0, and asks for the last messages");
    let role = "wim, who may not read";
    let mut wim =
        Member::join(target, name, role, &with_token(&named(&hello, "wim").with_resume(0), token.as_bytes())).await?;
    wim.name().await?;
    wim.send(kind::REQUEST, Encoding::Binary, &[&ID.to_be_bytes()[..], &Query::last(5).encode()].concat()).await;
    wim.sync().await.map_err(|missing| script.missing(role, "PONG", &missing))?;
    let refused = |code: Code, id: u32| wim.errors().any(|error| error.code == code && error.id == id);
    if !refused(Code::RESUME_REFUSED, 0) || !refused(Code::POLICY, ID) {
        return Err(script.fails("ERROR resume-refused, and ERROR policy for the query", "one of them did not arrive"));
    }
    let mark = wim.log.len();
    script.step("ben joins and leaves, ann POSTs to everyone and to wim");
    let ben = Member::join(target, name, "ben", &named(&hello, "ben")).await?;
    ben.leave().await;
    ann.post(0, Encoding::Ascii, b"secret").await;
    let number = ann.post(wim.id, Encoding::Ascii, b"secret").await;
    ann.sync().await.map_err(|missing| script.missing("ann", "PONG", &missing))?;
    match ann.errors().next() {
        Some(error) => script.judge_error(error, Code::POLICY, "policy", number)?,
        None => return Err(script.fails("ERROR 1008 policy for the POST to wim", "none arrived")),
    }
    wim.settle().await;
    let received = wim.log[mark..]
        .iter()
        .find(|event| matches!(event, Event::Delivery(_) | Event::Gap(_) | Event::Presence { .. } | Event::Other(_)));
    if let Some(event) = received {
        return Err(script.fails("wim receives nothing of it, not even a GAP", format!("{event} arrived")));
    }
    leave_all([ann, wim]).await;
    Ok(Finding::ok(
        "a member that may not read receives nothing, and its resume, its query and a POST to it are refused",
    ))
}

/// Two connections of one token ask for one name (R9.40).
pub(super) async fn hub_name_again(target: &Target, name: &'static str) -> CheckResult {
    if target.tokens().own.is_none() {
        return Ok(Finding::not_applicable("this needs a token: --token-file"));
    }
    let hello = named(&hello(target), "nia");
    let mut first = Member::join(target, name, "the first nia", &hello).await?;
    let mut second = Member::join(target, name, "the second nia", &hello).await?;
    second.name().await?;
    first.peer.set_timeout(Duration::from_secs(1));
    while !matches!(first.log.last(), Some(Event::Ping)) {
        match first.next().await {
            Ok(_) => {}
            Err(Missing::TimedOut(_)) => {
                return Ok(Finding::warns("the member of that name and token is sent no PING"));
            }
            Err(missing) => return Err(missing.finding("PING for the first member of the name")),
        }
    }
    first.peer.set_timeout(ANSWER + Duration::from_secs(1));
    match first.next().await {
        Err(Missing::Closed { code, .. }) => {
            return Err(Finding::fails(format!("CLOSE {} for a member that answered its PING at once", code.0)));
        }
        _ => leave_all([first, second]).await,
    }
    Ok(Finding::ok("the member of that name and token is sent a PING, answers, and keeps its name"))
}

/// A message to a member that does not answer (R9.41).
pub(super) async fn hub_unanswered(target: &Target, name: &'static str) -> CheckResult {
    let hello = hello(target);
    let mut ann = Member::join(target, name, "ann", &named(&hello, "ann")).await?;
    let ben = Member::join(target, name, "ben, who does not answer", &named(&hello, "ben")).await?;
    let number = ann.post(ben.id, Encoding::Ascii, b"are you there?").await;
    let start = Instant::now();
    ann.peer.set_timeout(target.timeout() + ANSWER);
    ann.send(kind::PING, Encoding::Binary, b"arrived?").await;
    while ann.log.last() != Some(&Event::Pong(b"arrived?".to_vec())) {
        ann.next().await.map_err(|missing| missing.finding("PONG after a POST to a member that does not answer"))?;
    }
    let after = start.elapsed().as_secs_f64();
    let error = ann.errors().find(|error| error.frame == number).cloned();
    leave_all([ann, ben]).await;
    match error {
        Some(error) if error.code == Code::TRY_LATER && after >= 1.0 => {
            Ok(Finding::ok(format!("ERROR try-later and PONG after {after:.1} s without an answer of the addressee")))
        }
        Some(error) => Ok(Finding::warns(format!("{error} after {after:.1} s; expected ERROR 1013 try-later"))),
        None => Ok(Finding::warns(format!("PONG after {after:.1} s, although the addressee has answered nothing"))),
    }
}

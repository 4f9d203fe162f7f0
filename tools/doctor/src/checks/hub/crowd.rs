//! A room with so many members that a hub no longer tells each who joins and leaves (SPEC 9, Crowds).

use std::collections::BTreeSet;

use bookend::{Encoding, PresenceEvent};

use super::super::CheckResult;
use super::basics::hello;
use super::cast::named;
use super::member::{Event, Member, leave_all};
use super::script::Script;
use crate::report::Finding;
use crate::target::Target;

/// The members that join at most, until the room is a crowd: by default it is one with more than 256.
const MOST: usize = 300;
/// What permits so many connections.
const SETTING: &str = "permit 400 connections from one address and with one token";

fn crowd(event: &Event) -> Option<(u32, String)> {
    match event {
        Event::Presence { member, event: PresenceEvent::Crowd, name } => Some((*member, name.clone())),
        _ => None,
    }
}

pub(super) async fn hub_crowd(target: &Target, name: &'static str) -> CheckResult {
    let mut script = Script::new();
    let hello = hello(target);
    let mut ann = Member::join(target, name, "ann", &named(&hello, "ann")).await?;
    ann.name().await?;
    let mut others = Vec::new();
    script.step(format!("up to {MOST} members join, until the room is a crowd"));
    let newest = loop {
        if others.len() == MOST {
            leave_all(others.into_iter().chain([ann])).await;
            return Ok(Finding::not_applicable(format!("the hub treats no room of {MOST} members as a crowd")));
        }
        let joined = Member::join(target, name, "a new member", &named(&hello, &format!("m{}", others.len()))).await;
        let mut member = match joined {
            Ok(member) => member,
            Err(finding) => {
                let count = others.len();
                leave_all(others.into_iter().chain([ann])).await;
                return Ok(Finding::not_applicable(format!(
                    "after {count} members, {}; to ask this, {SETTING}",
                    finding.seen
                )));
            }
        };
        member.name().await?;
        judge_list(&script, &member, others.len() + 2)?;
        if member.log.iter().any(|event| crowd(event).is_some()) {
            break member;
        }
        others.push(member);
    };
    let count = others.len() + 2;
    script.step(format!("the room of {count} members is a crowd"));
    let newest = judge_newest(&script, newest).await?;
    // It may come up to a second late.
    let announced = |event: &Event| crowd(event).filter(|(number, _)| usize::try_from(*number).ok() == Some(count));
    let _ = ann.find(announced).await; // what has come is judged below
    let room = hello.room().unwrap_or_default();
    judge_announced(&script, &ann, count, room)?;
    let mark = ann.log.len();
    others.push(newest);
    let more = count / 8 + 4;
    script.step(format!("{more} more members join the crowd, more than an eighth"));
    for number in 0..more {
        let hello = named(&hello, &format!("x{number}"));
        match Member::join(target, name, "a new member", &hello).await {
            Ok(mut member) => {
                if number == 0 {
                    member.name().await?;
                    judge_informed(&script, &member)?;
                }
                others.push(member);
            }
            Err(finding) => return Ok(Finding::not_applicable(format!("{}; to ask this, {SETTING}", finding.seen))),
        }
    }
    ann.begin_waiting();
    while ann.log[mark..].iter().filter_map(crowd).next().is_none() {
        ann.next().await.map_err(|missing| script.missing("ann", "another PRESENCE crowd", &missing))?;
    }
    judge_silent(&script, &ann.log[mark..])?;
    ends(&mut script, &mut ann, others).await?;
    ann.leave().await;
    Ok(Finding::ok(format!(
        "{count} members are a crowd: it is announced, again after an eighth more, and when it ends"
    )))
}

/// A message reaches the crowd; then all but three leave, and those learn who is here (R9.27).
async fn ends(script: &mut Script, ann: &mut Member<'_>, mut others: Vec<Member<'_>>) -> Result<(), Finding> {
    script.step("ann POSTs to the crowd");
    ann.post(0, Encoding::Ascii, b"to the crowd").await;
    for member in others.iter_mut().rev().step_by(60) {
        let heard = member.find(|event| event.says("to the crowd").then_some(())).await;
        heard.map_err(|missing| script.missing("a member of the crowd", "the message", &missing))?;
    }
    script.step("all but three members leave");
    let mark = ann.log.len();
    let gone = others.split_off(2);
    leave_all(gone).await;
    ann.begin_waiting();
    let wanted: BTreeSet<u32> = others.iter().map(|member| member.id).chain([ann.id]).collect();
    while here(&ann.log[mark..]) != wanted {
        let next = ann.next().await.map(drop);
        next.map_err(|missing| {
            let expected = format!(
                "PRESENCE here for each of the {} members that are left, and left for the others",
                wanted.len()
            );
            script.missing("ann", expected, &missing)
        })?;
    }
    leave_all(others).await;
    Ok(())
}

fn is_single(event: &Event) -> bool {
    matches!(event, Event::Presence { event: PresenceEvent::Joined | PresenceEvent::Left, .. })
}

/// A new member receives PRESENCE here for each member, unless it receives PRESENCE crowd (R9.5, R9.26).
fn judge_list(script: &Script, member: &Member<'_>, count: usize) -> Result<(), Finding> {
    let listed = here(&member.log).len();
    if listed == count || member.log.iter().any(|event| crowd(event).is_some()) {
        return Ok(());
    }
    let expected = format!("a new member receives PRESENCE here for each of {count} members, or PRESENCE crowd");
    Err(script
        .fails(expected, format!("{listed} PRESENCEs here arrived"))
        .named("a new member of a crowd receives no PRESENCE crowd")
        .with_fix("send a new member PRESENCE crowd after WELCOME, and PRESENCE here for itself (R9.26)"))
}

/// Before the next PRESENCE crowd, nobody that joins or leaves is announced (R9.25).
fn judge_silent(script: &Script, log: &[Event]) -> Result<(), Finding> {
    match log.iter().take_while(|event| crowd(event).is_none()).find(|event| is_single(event)) {
        None => Ok(()),
        Some(event) => Err(script
            .fails("ann receives PRESENCE crowd alone", format!("{event} arrived"))
            .named("who joins a crowd is announced")
            .with_fix(
                "in a crowd, send PRESENCE crowd when the number has changed by an eighth, and no PRESENCE between",
            )),
    }
}

/// A member that joins a crowd receives PRESENCE crowd (R9.26).
fn judge_informed(script: &Script, member: &Member<'_>) -> Result<(), Finding> {
    if member.log.iter().any(|event| crowd(event).is_some()) {
        return Ok(());
    }
    let expected = "who joins a crowd receives PRESENCE crowd, and then PRESENCE here for itself";
    Err(script
        .fails(expected, "PRESENCE here arrived alone")
        .named("a new member of a crowd receives no PRESENCE crowd")
        .with_fix("send a new member PRESENCE crowd after WELCOME, and PRESENCE here for itself (R9.26)"))
}

/// The new member receives PRESENCE crowd, and here for itself alone (R9.26).
async fn judge_newest<'a>(script: &Script, mut newest: Member<'a>) -> Result<Member<'a>, Finding> {
    newest.settle().await;
    let list: Vec<&Event> =
        newest.log.iter().filter(|event| matches!(event, Event::Presence { event: PresenceEvent::Here, .. })).collect();
    if list.len() != 1 {
        let seen = format!("{} PRESENCEs here arrived", list.len());
        return Err(script.fails("a new member receives PRESENCE crowd, and PRESENCE here for itself alone", seen));
    }
    Ok(newest)
}

/// The other members receive the number and the room's name (R9.25).
fn judge_announced(script: &Script, ann: &Member<'_>, count: usize, room: &str) -> Result<(), Finding> {
    let Some((number, name)) = ann.log.iter().filter_map(crowd).next_back() else {
        return Err(script.fails(format!("ann receives PRESENCE crowd {count} \"{room}\""), "none arrived"));
    };
    if usize::try_from(number).ok() != Some(count) || name != room {
        let seen = format!("PRESENCE crowd {number} \"{name}\" arrived");
        return Err(script.fails(format!("ann receives PRESENCE crowd {count} \"{room}\""), seen));
    }
    Ok(())
}

/// Who is here by the last list and what followed it; nobody if the crowd has not ended.
fn here(log: &[Event]) -> BTreeSet<u32> {
    let mut here = BTreeSet::new();
    for event in log {
        match event {
            Event::Presence { event: PresenceEvent::Crowd, .. } => here.clear(),
            Event::Presence { member, event: PresenceEvent::Here | PresenceEvent::Joined, .. } => {
                here.insert(*member);
            }
            Event::Presence { member, event: PresenceEvent::Left, .. } => {
                here.remove(member);
            }
            _ => {}
        }
    }
    here
}

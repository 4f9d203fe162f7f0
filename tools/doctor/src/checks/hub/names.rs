//! The names of members and rooms: the vectors of names.json, live.

use bookend::{Encoding, Hello, PresenceEvent};
use bookend_vectors::{NameCase, names};

use super::super::CheckResult;
use super::member::{Event, Member, leave_all};
use crate::report::Finding;
use crate::target::Target;

/// The most cases that a finding lists.
const SHOWN: usize = 3;

/// A name in its shown form (R9.34).
pub(super) async fn hub_shown_names(target: &Target, name: &'static str) -> CheckResult {
    cases(target, name, &["R9.34"]).await
}

/// Names that are taken, exactly or in what people see of them (R9.15, R9.36).
pub(super) async fn hub_look_alike(target: &Target, name: &'static str) -> CheckResult {
    cases(target, name, &["R9.15", "R9.36"]).await
}

/// The hub's own names (R9.37).
pub(super) async fn hub_reserved(target: &Target, name: &'static str) -> CheckResult {
    cases(target, name, &["R9.37"]).await
}

/// Which rooms are one (R9.35).
pub(super) async fn hub_rooms(target: &Target, name: &'static str) -> CheckResult {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for vector in names() {
        let NameCase::Rooms { rooms, same } = &vector.case else { continue };
        let hello = target.hello().with_hub(true);
        // Nobody else is in a room whose name begins so.
        let prefix = hello.room().unwrap_or_default().to_owned();
        let mut members = Vec::new();
        for room in rooms {
            let hello = hello.clone().with_room(&format!("{prefix} {room}"));
            let Ok(hello) = hello else { continue };
            members.push(Member::join(target, name, "a member", &hello).await?);
        }
        let [first, second] = &mut members[..] else { continue };
        count += 1;
        second.name().await?;
        first.post(0, Encoding::Ascii, b"who is here?").await;
        first.sync().await.map_err(|missing| missing.finding("PONG"))?;
        first.settle().await;
        second.settle().await;
        let met = second.log.iter().any(|event| event.says("who is here?"));
        if met != *same {
            let word = if met { "are one room" } else { "are two rooms" };
            wrong.push(format!("{}: {} {word}", vector.id, listed(rooms)));
        }
        leave_all(members).await;
    }
    judge(&wrong, count)
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{}\"", name.escape_default())).collect::<Vec<_>>().join(" and ")
}

async fn cases(target: &Target, check: &'static str, tags: &[&str]) -> CheckResult {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for vector in names().iter().filter(|vector| vector.requires == tags) {
        let NameCase::Member { present, wanted, given } = &vector.case else { continue };
        let hello = target.hello().with_hub(true);
        let mut members = Vec::new();
        for name in present {
            let Ok(hello) = hello.clone().with_name(name) else { continue };
            members.push(Member::join(target, check, "a member", &hello).await?);
        }
        let Ok(hello) = hello.with_name(wanted) else { continue };
        let mut member = Member::join(target, check, "a new member", &hello).await?;
        let seen = member.name().await?;
        members.push(member);
        leave_all(members).await;
        count += 1;
        if !is_right(present, given, &seen) {
            let before = if present.is_empty() { String::new() } else { format!(" where {} is", listed(present)) };
            wrong.push(format!(
                "{}: who asks for \"{}\"{before} is given \"{}\", not \"{}\"",
                vector.id,
                wanted.escape_default(),
                seen.escape_default(),
                given.escape_default()
            ));
        }
    }
    judge(&wrong, count)
}

/// True if a hub may give that name. It chooses the suffix, and the name of a member without one.
fn is_right(present: &[String], given: &str, seen: &str) -> bool {
    if given == "member-1" {
        return seen.chars().any(char::is_alphanumeric);
    }
    let suffix = given.rsplit_once('-').filter(|(_, number)| number.parse::<u32>().is_ok());
    match suffix {
        None => seen == given,
        Some((name, _)) => {
            seen.len() > name.len() && seen.starts_with(name) && !present.iter().any(|other| other == seen)
        }
    }
}

fn judge(wrong: &[String], count: usize) -> CheckResult {
    match wrong {
        [] => Ok(Finding::ok(format!("{count} cases of interop/vectors/names.json"))),
        _ => {
            let more = wrong.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            let shown = wrong[..wrong.len().min(SHOWN)].join("; ");
            Err(Finding::fails(format!(
                "{} of {count} cases of interop/vectors/names.json: {shown}{more}",
                wrong.len()
            )))
        }
    }
}

/// A third member asks for the name of two others, in other letters where it has some.
async fn third(
    target: &Target,
    check: &'static str,
    hello: &Hello,
    wanted: &str,
    given: &[String; 2],
) -> Result<(), Finding> {
    let other = wanted.to_uppercase();
    let hello = hello.clone().with_name(&other).unwrap_or_else(|_| hello.clone()); // it is a plain line
    let mut third = Member::join(target, check, "the third member", &hello).await?;
    let name = third.name().await?;
    third.leave().await;
    if given.iter().any(|taken| taken.to_uppercase() == name.to_uppercase()) {
        let taken = format!("\"{}\" and \"{}\" are there", given[0], given[1]);
        return Err(Finding::fails(format!("{taken}, and who asks for \"{other}\" is given \"{name}\""))
            .named("a name that is taken, apart from its case")
            .with_fix(
                "choose a suffix with which the name is not taken, whatever the case of its letters (R9.15, R9.36)",
            ));
    }
    Ok(())
}

/// A name that is taken, and one of 64 bytes: what PRESENCE and DELIVERY say agrees, and is at most 64 bytes long.
pub(super) async fn hub_same_name(target: &Target, name: &'static str) -> CheckResult {
    let mut seen = Vec::new();
    for wanted in ["doctor", &"n".repeat(64), &"ü".repeat(32)] {
        let hello: Hello = target.hello().with_hub(true);
        let hello = hello.clone().with_name(wanted).unwrap_or(hello); // it is a plain line
        let mut first = Member::join(target, name, "the first member", &hello).await?;
        let mut second = Member::join(target, name, "the second member", &hello).await?;
        let given = [first.name().await?, second.name().await?];
        let who = format!("two members ask for \"{wanted}\"");
        if given[0] == given[1] {
            return Err(
                Finding::fails(format!("{who}, and both are given \"{}\"", given[0])).named("names without suffix")
            );
        }
        if given[0] != wanted {
            return Err(Finding::fails(format!("{who}; the first one is given \"{}\"", given[0])));
        }
        if let Some(long) = given.iter().find(|name| name.len() > 64) {
            let fix = "cut a name before its suffix, at a character, so that both have at most 64 bytes";
            return Err(Finding::fails(format!("{who}; one is given \"{long}\", {} bytes", long.len())).with_fix(fix));
        }
        let presence = |event: &Event, kind| match event {
            Event::Presence { member, event, name } if *event == kind => Some((*member, name.clone())),
            _ => None,
        };
        let id = second.id;
        let joined =
            first.find(|event| presence(event, PresenceEvent::Joined).filter(|(member, _)| *member == id)).await;
        let (_, joined) = joined.map_err(|missing| missing.finding("PRESENCE joined of the second"))?;
        if joined != given[1] {
            let seen = format!("{who}; the second is \"{}\", but joins as \"{joined}\" for the first", given[1]);
            return Err(Finding::fails(seen).with_fix("use the name that the member was given everywhere"));
        }
        third(target, name, &hello, wanted, &given).await?;
        second.post(0, Encoding::Ascii, b"who am I?").await;
        let said = first.find(|event| event.delivery().map(|delivery| delivery.name.clone())).await;
        let said = said.map_err(|missing| missing.finding("DELIVERY"))?;
        if said != given[1] {
            let seen = format!("{who}; PRESENCE calls the second \"{}\", but DELIVERY \"{said}\"", given[1]);
            return Err(Finding::fails(seen).with_fix("use the name that the member was given everywhere"));
        }
        if seen.is_empty() {
            seen.push(format!("the second \"{wanted}\" becomes \"{}\"", given[1]));
        }
        second.leave().await;
        let left = first.find(|event| presence(event, PresenceEvent::Left).filter(|(member, _)| *member == id)).await;
        let (_, left) = left.map_err(|missing| missing.finding("PRESENCE left of the second"))?;
        if left != given[1] {
            let seen = format!("{who}; the second is \"{}\", but leaves as \"{left}\"", given[1]);
            return Err(Finding::fails(seen).with_fix("use the name that the member was given everywhere"));
        }
        first.leave().await;
    }
    let hello: Hello = target.hello().with_hub(true);
    let hello = hello.clone().with_name("hub").unwrap_or(hello); // it is a plain line
    let mut member = Member::join(target, name, "who asks for \"hub\"", &hello).await?;
    if member.name().await? == "hub" {
        return Err(Finding::fails("who asks for \"hub\" is given \"hub\", the hub's own name")
            .with_fix("count `hub`, `the hub`, `*` and `!` as taken in every room (R9.37)"));
    }
    member.leave().await;
    Ok(Finding::ok(seen.concat()))
}

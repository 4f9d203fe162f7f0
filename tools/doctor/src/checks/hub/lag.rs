//! A member that does not read while much is sent: what it misses is counted, and the others are not held up.

use std::collections::BTreeSet;

use bookend::{Encoding, PresenceEvent};

use super::super::CheckResult;
use super::super::session::MAX_SENT;
use super::account::{Missed, Received, account};
use super::cast::{named, number_in};
use super::member::{Delivered, Event, Member, leave_all, numbers};
use super::script::Script;
use crate::report::Finding;
use crate::target::Target;

/// How much is sent, in bytes: more than sockets hold, and more than a room keeps.
const AMOUNT: usize = 26 << 20;
/// The longest message.
const LONGEST: usize = 1 << 20;
/// The short messages after the long ones.
const SHORT: usize = 1000;
/// Those that are sent at once.
const BATCH: usize = 50;
const END: &str = "that was all";

pub(super) async fn hub_lagging(target: &Target, name: &'static str) -> CheckResult {
    let max_body = target.info().max_body.min(MAX_SENT) as usize;
    let length = max_body.min(LONGEST) - bookend::Delivery::FIXED_LENGTH - 64;
    let mut script = Script::new();
    let hello = target.hello().with_hub(true).with_max_body(target.info().max_body.clamp(1 << 20, MAX_SENT) + 4096);
    let hello = hello.with_preferred(Encoding::Binary);
    let mut ann = Member::join(target, name, "ann", &named(&hello, "ann")).await?;
    let mut lag = Member::join(target, name, "lars, who does not read for a while", &named(&hello, "lars")).await?;
    let plain = named(&hello, "pat").with_hub(false);
    let mut pat =
        Member::join(target, name, "pat, without the hub profile, who does not read for a while", &plain).await?;
    let (begin, mut posted) = (ann.next_seq, 0_usize);
    script.step(format!(
        "ann POSTs {} MiB to everyone, and then {SHORT} short messages, while lars and pat do not read",
        AMOUNT >> 20
    ));
    let payload = vec![0x55; length];
    while posted * length < AMOUNT {
        ann.post(0, Encoding::Binary, &payload).await;
        posted += 1;
        hears(&script, &mut ann, begin.saturating_add(posted as u64)).await?;
    }
    let cy = Member::join(target, name, "cy", &named(&hello, "cy")).await?;
    cy.leave().await;
    let dee = Member::join(target, name, "dee", &named(&hello, "dee").with_max_body(1024)).await?;
    for _ in 0..SHORT / BATCH {
        for _ in 0..BATCH {
            ann.post(0, Encoding::Ascii, b"short").await;
            posted += 1;
        }
        hears(&script, &mut ann, begin.saturating_add(posted as u64)).await?;
    }
    script.step("lars and pat read on, and ann POSTs one more message");
    // A hub may count what it sends meanwhile in the GAP, too.
    tokio::join!(lag.settle(), pat.settle());
    ann.post(0, Encoding::Ascii, END.as_bytes()).await;
    hears(&script, &mut ann, begin.saturating_add(posted as u64 + 1)).await?;
    let said: Vec<Delivered> = ann.deliveries().filter(|it| it.to == 0).cloned().collect();
    account(&script, &ann, begin, &said, Missed::TooLong)?;
    let caught_up = lag.find_behind_much(|event| event.says(END).then_some(())).await;
    let closed = lag.log.iter().any(|event| matches!(event, Event::Close(close) if close.contains("4006")));
    if closed {
        leave_all([ann, dee, pat]).await;
        return Ok(Finding::not_applicable("the hub closes a member that does not read, with slow-consumer"));
    }
    caught_up.map_err(|missing| script.missing(lag.role, format!("\"{END}\""), &missing))?;
    lag.settle().await;
    let received = account(&script, &lag, begin, &said, Missed::Any)?;
    // The hub may have closed pat, who did not read either.
    let pat_is_here = pat.find_behind_much(|event| event.says(END).then_some(())).await.is_ok();
    judge_room(&script, &lag, [ann.id, lag.id, dee.id], pat_is_here)?;
    if pat_is_here {
        judge_plain(&script, &pat, &said)?;
    }
    let seen = format!("lars received {} messages, and GAPs count the other {}", received.messages, received.missed);
    let resumed = resumes(target, name, &mut script, &mut ann, said).await?;
    leave_all([ann, lag, dee, pat]).await;
    Ok(Finding::ok(format!("{seen}; a resume brings {} and GAPs of {}", resumed.messages, resumed.missed)))
}

/// A member asks for everything, of which the room has not kept all.
async fn resumes(
    target: &Target,
    name: &'static str,
    script: &mut Script,
    ann: &mut Member<'_>,
    said: Vec<Delivered>,
) -> Result<Received, Finding> {
    script.step("zoe joins with resume 0");
    let begin = ann.next_seq;
    let mut zoe = Member::join(target, name, "zoe", &named(&ann.hello, "zoe").with_resume(0)).await?;
    ann.log.clear();
    ann.post(0, Encoding::Ascii, b"and more").await;
    let last = ann.find(|event| event.delivery().filter(|_| event.says("and more")).cloned()).await;
    let last = last.map_err(|missing| script.missing("ann", "her message", &missing))?;
    let said: Vec<Delivered> = said.into_iter().chain([last]).collect();
    let heard = zoe.find_behind_much(|event| event.says("and more").then_some(())).await;
    heard.map_err(|missing| script.missing("zoe", "\"and more\"", &missing))?;
    let resumed = account(script, &zoe, begin, &said, Missed::Any)?;
    zoe.leave().await;
    Ok(resumed)
}

/// Waits until the speaker has received everything before that number.
async fn hears(script: &Script, ann: &mut Member<'_>, before: u64) -> Result<(), Finding> {
    ann.begin_waiting_while_arriving();
    loop {
        match ann.log.iter().rev().find_map(|event| event.delivery().filter(|it| it.to == 0)) {
            Some(last) if last.seq >= before.saturating_sub(1) => return Ok(()),
            _ => {}
        }
        if let Err(missing) = ann.next().await {
            let finding = script.missing("ann", format!("her own message {}", before.saturating_sub(1)), &missing);
            return Err(finding
                .named("a member that does not read holds up the others")
                .with_fix("queue for each member apart, within a limit, and count what it misses in a GAP (R9.10)"));
        }
    }
}

/// After GAPs, a member knows who is in the room (R9.23). Peers without the hub profile do not know their numbers.
fn judge_room(script: &Script, lag: &Member<'_>, known: [u32; 3], pat_is_here: bool) -> Result<(), Finding> {
    let here = room_of(lag);
    let others = here.iter().filter(|id| !known.contains(id)).count();
    if known.iter().all(|id| here.contains(id)) && others == usize::from(pat_is_here) {
        return Ok(());
    }
    let [ann, itself, dee] = known;
    let and_pat = if pat_is_here { "pat, " } else { "" };
    let expected =
        format!("lars knows that ann {ann}, itself {itself}, {and_pat}and dee {dee} are in the room, and cy has left");
    Err(script
        .fails(expected, format!("by the PRESENCEs that it received, {} are", numbers(&here)))
        .named("a member that missed joins and leaves receives no list of members")
        .with_fix("after the GAP, send PRESENCE here for each member (R9.23)"))
}

/// Who is in the room, by the PRESENCEs that a member received.
fn room_of(member: &Member<'_>) -> BTreeSet<u32> {
    let (mut here, mut begins) = (BTreeSet::new(), true);
    for event in &member.log {
        match event {
            Event::Gap(_) => begins = true,
            Event::Presence { member, event: PresenceEvent::Here, .. } => {
                if std::mem::take(&mut begins) {
                    here.clear();
                }
                here.insert(*member);
            }
            Event::Presence { member, event: PresenceEvent::Joined, .. } => {
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

/// A peer without the hub profile receives each message, or the number that it missed (R9.24).
fn judge_plain(script: &Script, pat: &Member<'_>, said: &[Delivered]) -> Result<(), Finding> {
    let (mut messages, mut missed, mut last) = (0, 0_u64, String::new());
    for event in &pat.log {
        let Event::Message(encoding, body) = event else { continue };
        let text = String::from_utf8_lossy(body);
        if *encoding == Encoding::Binary || text.contains(": short") || text.contains(END) {
            messages += 1;
        } else {
            missed = number_in(&text).saturating_add(missed);
            last = text.into_owned();
        }
    }
    let total = said.len() as u64;
    if missed.saturating_add(messages) == total {
        return Ok(());
    }
    let seen =
        format!("{messages} arrived, and MESSAGEs say that {missed} were missed; the last of these is \"{last}\"");
    Err(script
        .fails(format!("{} receives {total} messages, or the number that it missed", pat.role), seen)
        .with_fix("send such a peer a MESSAGE that states how many messages it missed (R9.24)"))
}

//! A member that returns and names the last number it received.

use bookend::{Code, Encoding, Encodings, Hello};

use super::super::CheckResult;
use super::account::{Missed, Received, account, reference};
use super::cast::{judge_plain, named};
use super::member::{Delivered, Event, Member, leave_all};
use super::script::Script;
use crate::frame::ErrorMessage;
use crate::raw_peer::Missing;
use crate::report::Finding;
use crate::target::Target;

const SECRET: &str = "for you alone";

/// A room in which something was said: who said it, and what.
struct Past<'a> {
    ann: Member<'a>,
    name: String,
    posts: Vec<(Encoding, Vec<u8>)>,
    said: Vec<Delivered>,
    hello: Hello,
}

impl<'a> Past<'a> {
    /// Six messages to everyone, one of which is long, and messages to one member between them.
    async fn of(target: &'a Target, check: &'static str, script: &mut Script) -> Result<Past<'a>, Finding> {
        let hello = target.hello().with_hub(true).with_accepted(Encodings::ALL).with_preferred(Encoding::Binary);
        let mut ann = Member::join(target, check, "ann", &named(&hello, "ann")).await?;
        let name = ann.name().await?;
        let mut ben = Member::join(target, check, "ben", &named(&hello, "ben")).await?;
        let texts = ["one", "two grün", "three", &"long ".repeat(300), "five", "six"];
        let posts = texts.map(|text| (Encoding::Utf8, text.as_bytes().to_vec()));
        script.step("ann POSTs 6 messages to everyone, and one to ben after each");
        for (encoding, payload) in &posts {
            ann.post(0, *encoding, payload).await;
            ann.post(ben.id, Encoding::Ascii, SECRET.as_bytes()).await;
        }
        let all = |event: &Event| event.says("six").then_some(());
        ben.find(all).await.map_err(|missing| script.missing("ben", "\"six\"", &missing))?;
        ben.sync().await.map_err(|missing| script.missing("ben", "PONG", &missing))?;
        ann.find(all).await.map_err(|missing| script.missing("ann", "\"six\"", &missing))?;
        ben.settle().await;
        ben.leave().await;
        let mut past = Past { ann, name, posts: posts.into(), said: Vec::new(), hello };
        past.refresh(script)?;
        Ok(past)
    }

    fn refresh(&mut self, script: &Script) -> Result<(), Finding> {
        self.said = reference(script, &self.ann, &self.name, &self.posts)?;
        Ok(())
    }

    fn first(&self) -> u64 {
        self.said.first().map_or(1, |said| said.seq)
    }

    fn last(&self) -> u64 {
        self.said.last().map_or(0, |said| said.seq)
    }

    /// Says one thing more, which `member` and the speaker hear, and a moment later.
    async fn says(&mut self, script: &Script, member: &mut Member<'_>) -> Result<(), Finding> {
        let text = format!("live {}", self.posts.len());
        self.ann.post(0, Encoding::Utf8, text.as_bytes()).await;
        self.posts.push((Encoding::Utf8, text.clone().into()));
        let heard = |event: &Event| event.says(&text).then_some(());
        let missing = |who: &str, missing: &Missing| script.missing(who, format!("\"{text}\""), missing);
        member.find(heard).await.map_err(|why| missing(member.role, &why))?;
        self.ann.find(heard).await.map_err(|why| missing("ann", &why))?;
        tokio::join!(member.settle(), self.ann.settle());
        self.refresh(script)
    }
}

fn refusal<'b>(member: &'b Member<'_>) -> Option<&'b ErrorMessage> {
    member.errors().find(|error| error.code == Code::RESUME_REFUSED)
}

/// Nothing that was for one member is repeated.
fn judge_private(script: &Script, member: &Member<'_>) -> Result<(), Finding> {
    let private = |event: &&Event| event.delivery().is_some_and(|it| it.to != 0) || event.says(SECRET);
    match member.log.iter().find(private) {
        None => Ok(()),
        Some(event) => Err(script
            .fails("messages to everyone alone are repeated", format!("{event} arrived"))
            .named("a private message is repeated after a resume")
            .with_fix("keep POSTs to one member in no log of the room (SPEC 9, History)")),
    }
}

/// From each place.
pub(super) async fn hub_resume(target: &Target, name: &'static str) -> CheckResult {
    let mut script = Script::new();
    let mut past = Past::of(target, name, &mut script).await?;
    let (first, mut missed) = (past.first(), 0_u64);
    let middle = first.saturating_add(2);
    for after in [past.last(), middle, first, 0, middle] {
        script.step(format!(
            "zoe joins with resume {after}; the room's messages have the numbers {first} to {}",
            past.last()
        ));
        let next = past.last().saturating_add(1);
        let hello = named(&past.hello, "zoe").with_resume(after);
        let mut zoe = Member::join(target, name, "zoe", &hello).await?;
        if zoe.next_seq != next {
            let seen = format!("it states {}", zoe.next_seq);
            return Err(script.fails(format!("WELCOME states {next}, the number of the next message"), seen));
        }
        past.says(&script, &mut zoe).await?;
        missed = returned(&script, &past, &zoe, after, Missed::Any)?.missed.saturating_add(missed);
        zoe.leave().await;
    }
    script.step(format!("cat, whose max body is 1,024, joins with resume {first}"));
    let hello = named(&past.hello, "cat").with_max_body(1024).with_resume(first);
    let mut cat = Member::join(target, name, "cat, whose max body is 1,024", &hello).await?;
    past.says(&script, &mut cat).await?;
    // Unless the room has not kept everything.
    let may_miss = if missed == 0 { Missed::TooLong } else { Missed::Any };
    let received = returned(&script, &past, &cat, first, may_miss)?;
    if missed == 0 && received.missed != 1 {
        let seen = format!("GAPs count {}", received.missed);
        return Err(script.fails("one GAP of 1, for the message that is too long for cat", seen));
    }
    cat.leave().await;
    script.step(format!("pat, without the hub profile, joins with resume {middle}"));
    let hello = named(&past.hello, "pat").with_hub(false).with_preferred(Encoding::Utf8).with_resume(middle);
    let mut pat = Member::join(target, name, "pat, without the hub profile", &hello).await?;
    past.says(&script, &mut pat).await?;
    judge_private(&script, &pat)?;
    if missed == 0 {
        judge_plain(&script, &pat, &past.said[3..])?;
    }
    leave_all([past.ann, pat]).await;
    if missed > 0 {
        let fix = "let rooms keep more: members that return have missed what is not kept";
        return Ok(Finding::warns(format!("GAPs count {missed} messages that had just been said")).with_fix(fix));
    }
    Ok(Finding::ok(
        "a resume after the last, a middle and the first number, and after 0, brings what is after it, once",
    ))
}

/// Judges what a member received after its resume.
fn returned(
    script: &Script,
    past: &Past<'_>,
    member: &Member<'_>,
    after: u64,
    may_miss: Missed,
) -> Result<Received, Finding> {
    if let Some(error) = refusal(member) {
        let finding = script.fails("the messages after this number", format!("{error} arrived"));
        return Err(finding.named("a resume is refused although its number is the room's"));
    }
    judge_private(script, member)?;
    let from = if after == 0 { past.first() } else { after.saturating_add(1) };
    let repeated = member.deliveries().find(|it| it.to == 0 && it.seq == after);
    if let Some(delivery) = repeated {
        let seen = format!("number {after} itself arrived, {}", delivery.quoted());
        let finding = script.fails(format!("the messages after number {after}"), seen);
        return Err(finding
            .named("a resume repeats the message that it names")
            .with_fix("begin after `resume`, not with it"));
    }
    let first_seq = member.deliveries().find(|it| it.to == 0).map(|it| it.seq);
    let live = past.last();
    if first_seq == Some(live) && from < live && !member.log.iter().any(|event| matches!(event, Event::Gap(_))) {
        let seen = format!("only the message that was posted later, {live}, arrived, without a GAP");
        let finding = script.fails(format!("the messages {from} to {live}"), seen);
        return Err(finding.named("resume is not answered"));
    }
    account(script, member, from, &past.said, may_miss)
}

/// From the future, and from before the room's first number.
pub(super) async fn hub_resume_refused(target: &Target, name: &'static str) -> CheckResult {
    let mut script = Script::new();
    let mut past = Past::of(target, name, &mut script).await?;
    let first = past.first();
    let places: [fn(u64, u64) -> u64; 4] = [
        |_, last| last.saturating_add(1),
        |_, last| last.saturating_add(1000),
        |_, _| u64::MAX,
        |first, _| first.saturating_sub(2),
    ];
    let mut seen = String::new();
    for place in places {
        let last = past.last();
        let after = place(first, last);
        if after == 0 {
            continue; // which asks for everything
        }
        script.step(format!("zoe joins with resume {after}; the room's messages have the numbers {first} to {last}"));
        let hello = named(&past.hello, "zoe").with_resume(after);
        let mut zoe = Member::join(target, name, "zoe", &hello).await?;
        past.says(&script, &mut zoe).await?;
        let expected = "WELCOME, then ERROR 4009 resume-refused about frame 0";
        let Some(error) = refusal(&zoe) else { return Err(script.fails(expected, "no such ERROR arrived")) };
        script.judge_error(error, Code::RESUME_REFUSED, "resume-refused", 0)?;
        let place = |wanted: fn(&Event) -> bool| zoe.log.iter().position(wanted);
        if place(|event| matches!(event, Event::Error(_))) < place(|event| *event == Event::Welcome) {
            return Err(script.fails(expected, "the ERROR arrived before WELCOME"));
        }
        let old = zoe.deliveries().find(|it| it.to == 0 && it.seq <= last);
        if let Some(old) = old {
            let seen = format!("number {} arrived, {}", old.seq, old.quoted());
            return Err(script.fails("none of the earlier messages, as if it had not asked", seen));
        }
        account(&script, &zoe, last.saturating_add(1), &past.said, Missed::TooLong)?;
        seen = error.to_string();
        zoe.leave().await;
    }
    past.ann.leave().await;
    Ok(Finding::ok(format!("{seen}, and the member joins nevertheless")))
}

/// While others speak: what is repeated and what is new have no seam.
pub(super) async fn hub_resume_live(target: &Target, name: &'static str) -> CheckResult {
    const COUNT: usize = 150;
    let mut script = Script::new();
    let mut past = Past::of(target, name, &mut script).await?;
    let first = past.first();
    script.step(format!("zoe joins with resume {first} while ann POSTs {COUNT} messages"));
    let hello = named(&past.hello, "zoe").with_resume(first);
    let live: Vec<_> = (0..COUNT).map(|number| (Encoding::Ascii, format!("during {number}").into_bytes())).collect();
    let ann = &mut past.ann;
    let speaks = async {
        for (encoding, payload) in &live {
            ann.post(0, *encoding, payload).await;
            tokio::task::yield_now().await;
        }
    };
    let (zoe, ()) = tokio::join!(Member::join(target, name, "zoe", &hello), speaks);
    let mut zoe = zoe?;
    past.posts.extend(live);
    past.says(&script, &mut zoe).await?;
    let received = returned(&script, &past, &zoe, first, Missed::Any)?;
    leave_all([past.ann, zoe]).await;
    Ok(Finding::ok(format!("{} messages in order without a seam, {} in GAPs", received.messages, received.missed)))
}

/// When everybody has left and one returns, and in another room.
pub(super) async fn hub_room_again(target: &Target, name: &'static str) -> CheckResult {
    let mut script = Script::new();
    let past = Past::of(target, name, &mut script).await?;
    let (first, last, hello) = (past.first(), past.last(), past.hello);
    past.ann.leave().await;
    script.step(format!("everybody leaves; the last number was {last}; ann joins again"));
    let ann = Member::join(target, name, "ann", &named(&hello, "ann")).await?;
    let next = ann.next_seq;
    if next <= last {
        return Err(script
            .fails(format!("WELCOME states a number above {last}"), format!("it states {next}"))
            .named("a room's numbers begin again")
            .with_fix("begin a room at the milliseconds since 1970 times 1,024, or keep its numbers (R9.32)"));
    }
    ann.leave().await;
    script.step(format!("ann joins with resume {first}, the first number before everybody left"));
    let mut ann = Member::join(target, name, "ann", &named(&hello, "ann").with_resume(first)).await?;
    ann.post(0, Encoding::Ascii, b"again").await;
    ann.find(|event| event.says("again").then_some(()))
        .await
        .map_err(|missing| script.missing("ann", "\"again\"", &missing))?;
    judge_private(&script, &ann)?;
    let kept = if refusal(&ann).is_none() {
        let mut at = first.saturating_add(1);
        for event in &ann.log {
            at = match event {
                Event::Gap(missed) => at.saturating_add(*missed),
                Event::Delivery(it) if it.to == 0 && it.seq == at => at.saturating_add(1),
                Event::Delivery(it) if it.to == 0 => {
                    return Err(script.fails(format!("number {at}, or a GAP"), format!("number {} arrived", it.seq)));
                }
                _ => at,
            };
        }
        "is continued"
    } else {
        "begins anew, above its earlier numbers"
    };
    script.step(format!("zoe joins another room with resume {}", last.saturating_sub(1)));
    let other = target.hello().with_hub(true).with_resume(last.saturating_sub(1));
    let mut zoe = Member::join(target, name, "zoe", &named(&other, "zoe")).await?;
    zoe.post(0, Encoding::Ascii, b"elsewhere").await;
    zoe.find(|event| event.says("elsewhere").then_some(()))
        .await
        .map_err(|missing| script.missing("zoe", "\"elsewhere\"", &missing))?;
    if let Some(event) = zoe.log.iter().find(|event| event.says("six") || event.says("again")) {
        let finding = script.fails("nothing of the first room", format!("{event} arrived"));
        return Err(finding.named("a resume brings messages of another room"));
    }
    if refusal(&zoe).is_none() {
        let seen = "no ERROR arrived".to_owned();
        return Err(script.fails("ERROR 4009 resume-refused, since the room has never had this number", seen));
    }
    leave_all([ann, zoe]).await;
    Ok(Finding::ok(format!("a room that everybody had left {kept}, and another room refuses its numbers")))
}

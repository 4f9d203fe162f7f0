//! Messages to one member: they arrive there, and nowhere else.

use bookend::history::Query;
use bookend::{Code, Encoding, kind};

use super::super::CheckResult;
use super::account::judge_times;
use super::cast::{Cast, named};
use super::member::{Event, Member, leave_all};
use super::script::Script;
use crate::report::Finding;
use crate::target::Target;

const SECRET: &str = "between us: grün";
const TO_SELF: &str = "a note to myself";
/// The id of the REQUEST for what is kept.
const QUERY: u32 = 0x0A0B_0C0D;

/// A message to one member, looked for at every other member, after a resume and in the history.
pub(super) async fn hub_private(target: &Target, name: &'static str) -> CheckResult {
    let (mut cast, mut script) = (Cast::join(target, name).await?, Script::new());
    cast.ann.post(0, Encoding::Ascii, b"before").await;
    let addressee = cast.others[3].id;
    script.step(format!("ann POSTs \"{SECRET}\" in utf-8 to {addressee}, eve"));
    cast.ann.post(addressee, Encoding::Utf8, SECRET.as_bytes()).await;
    let eve = &mut cast.others[3];
    let heard = eve.find(|event| event.delivery().filter(|_| event.says(SECRET)).cloned()).await;
    let delivery = heard.map_err(|missing| script.missing("eve", "the message to her", &missing))?;
    eve.sync().await.map_err(|missing| script.missing("eve", "PONG", &missing))?;
    let mistake = match delivery.seq {
        _ if delivery.to == 0 => Some("a message to one member looks like one to everyone"),
        0 => None,
        _ => Some("a message to one member has a number of the room"),
    };
    if (delivery.from, delivery.to, delivery.seq, &delivery.name) != (cast.ann.id, addressee, 0, &cast.name) {
        let expected = format!("a DELIVERY from {} \"{}\" to {addressee} with seq 0", cast.ann.id, cast.name);
        let seen = format!("{} of \"{}\"", Event::Delivery(delivery.clone()), delivery.name);
        let finding = script.fails(expected, seen);
        return Err(mistake.into_iter().fold(finding, |finding, mistake| finding.named(mistake)));
    }
    if delivery.encoding != Encoding::Utf16Be {
        return Err(script.fails("a DELIVERY in UTF-16BE, which eve prefers", Event::Delivery(delivery)));
    }
    judge_times(&script, [&delivery])?;
    script.step("ann POSTs a note to herself");
    let own = cast.ann.id;
    cast.ann.post(own, Encoding::Utf8, TO_SELF.as_bytes()).await;
    let heard = cast.ann.find(|event| event.delivery().filter(|_| event.says(TO_SELF)).cloned()).await;
    let note = heard.map_err(|missing| script.missing("ann", "her note", &missing))?;
    if (note.from, note.to, note.seq) != (own, own, 0) {
        return Err(script.fails(format!("a DELIVERY from {own} to {own} with seq 0"), Event::Delivery(note)));
    }
    cast.end(&mut script).await?;
    script.step(format!("ann POSTed \"{SECRET}\" to eve alone, and a note to herself"));
    let copies = cast.others[3].log.iter().filter(|event| event.says(SECRET)).count();
    if copies != 1 {
        return Err(script.fails("eve receives the message to her once", format!("it arrived {copies} times")));
    }
    let members = std::iter::once(&cast.ann).chain(&cast.others).chain(&cast.plain);
    for member in members.filter(|member| member.id != addressee) {
        nowhere(&script, member, "receives nothing of it")?;
    }
    if let Some(event) = cast.others[3].log.iter().find(|event| event.says(TO_SELF)) {
        return Err(script.fails("eve receives nothing of ann's note", format!("{event} arrived")));
    }
    let posts = [(Encoding::Ascii, b"before".to_vec())];
    cast.judge(&mut script, &posts)?; // no number of the room was used
    later(target, name, &mut cast, &mut script).await?;
    cast.leave().await;
    Ok(Finding::ok("a message to one member reaches it alone, with seq 0, and neither a resume nor the history has it"))
}

/// A member that received it fails.
fn nowhere(script: &Script, member: &Member<'_>, what: &str) -> Result<(), Finding> {
    let reached = member.log.iter().find(|event| event.says(SECRET));
    match reached {
        None => Ok(()),
        Some(event) => Err(script
            .fails(format!("{} {what}", member.role), format!("{event} arrived"))
            .named("the private message reached somebody else")
            .with_fix("send a POST with `to` other than 0 to that member alone, and keep it in no log of the room")),
    }
}

/// It is neither repeated to a member that resumes, nor in a page of the history.
async fn later(target: &Target, name: &'static str, cast: &mut Cast<'_>, script: &mut Script) -> Result<(), Finding> {
    let first = cast.ann.next_seq;
    let hello = cast.ann.hello.clone().with_resume(first);
    let role = "zoe, who resumes";
    let mut zoe = Member::join(target, name, role, &named(&hello, role)).await?;
    script.step(format!("zoe joins with resume {first}, and asks for the last messages"));
    let query = Query::last(50).encode();
    zoe.send(kind::REQUEST, Encoding::Binary, &[&QUERY.to_be_bytes()[..], &query].concat()).await;
    let answered = loop {
        match zoe.peer.next().await {
            Ok(frame) if frame.kind == kind::REPLY => break Ok(Some(frame.body)),
            Ok(frame) if frame.as_error().is_some_and(|error| error.id == QUERY) => break Ok(None),
            Ok(frame) => zoe.take(&frame),
            Err(missing) => break Err(missing),
        }
    };
    let page = answered.map_err(|missing| script.missing(role, "REPLY or ERROR for her query", &missing))?;
    zoe.settle().await;
    nowhere(script, &zoe, "receives nothing of the private message")?;
    let mut wide = Vec::new();
    bookend::text::encode(Encoding::Utf16Be, SECRET, &mut wide).expect("UTF-16 has everything");
    let holds = |page: &[u8], bytes: &[u8]| page.windows(bytes.len()).any(|window| window == bytes);
    if page.is_some_and(|page| holds(&page, SECRET.as_bytes()) || holds(&page, &wide)) {
        return Err(script
            .fails("a page without private messages", "the private message is in it")
            .named("the history keeps private messages")
            .with_fix("keep POSTs to everyone alone (SPEC 9, History)"));
    }
    zoe.leave().await;
    Ok(())
}

/// To members that are not there: nobody, and one that has left.
pub(super) async fn hub_absent(target: &Target, name: &'static str) -> CheckResult {
    let hello = target.hello().with_hub(true);
    let mut script = Script::new();
    let mut ann = Member::join(target, name, "ann", &named(&hello, "ann")).await?;
    let ben = Member::join(target, name, "ben", &named(&hello, "ben")).await?;
    let cy = Member::join(target, name, "cy", &named(&hello, "cy")).await?;
    let (gone, mut others) = (ben.id, vec![cy]);
    script.step(format!("ben, {gone}, leaves"));
    ben.leave().await;
    let left = ann.find(|event| match event {
        Event::Presence { member, event: bookend::PresenceEvent::Left, .. } if *member == gone => Some(()),
        _ => None,
    });
    let announced = left.await;
    let dan = Member::join(target, name, "dan", &named(&hello, "dan")).await?;
    others.push(dan);
    let zed = Member::join(target, name, "zed, in another room", &named(&target.hello().with_hub(true), "zed")).await?;
    let here = [ann.id, others[0].id, others[1].id];
    let mut absent = vec![(gone, "ben, who has left"), (u32::MAX, "nobody"), (here[2].wrapping_add(1000), "nobody")];
    absent.extend((!here.contains(&zed.id)).then_some((zed.id, "zed, who is in another room")));
    others.push(zed);
    for (to, whom) in absent {
        script.step(format!("ann POSTs to {to}, {whom}"));
        ann.post(0, Encoding::Ascii, b"a number for this").await;
        let number = ann.post(to, Encoding::Ascii, b"are you there?").await;
        let known = ann.errors().count();
        ann.sync().await.map_err(|missing| script.missing("ann", "PONG", &missing))?;
        match ann.errors().nth(known) {
            Some(error) => script.judge_error(error, Code::NO_SUCH_MEMBER, "no-such-member", number)?,
            None => return Err(script.fails("ERROR 4010 no-such-member before the PONG", "none arrived")),
        }
    }
    for member in &mut others {
        member.settle().await;
        if let Some(event) = member.log.iter().find(|event| event.says("are you there?")) {
            let finding = script.fails(format!("{} receives nothing of it", member.role), format!("{event} arrived"));
            return Err(finding.named("a message to a member that has left reached another one"));
        }
    }
    announced.map_err(|missing| script.missing("ann", "PRESENCE left of ben", &missing))?;
    leave_all(others.into_iter().chain([ann])).await;
    Ok(Finding::ok("a POST to nobody, and to a member that has left, is answered with no-such-member about its frame"))
}

/// Longer than the addressee accepts (R9.22).
pub(super) async fn hub_private_long(target: &Target, name: &'static str) -> CheckResult {
    let hello = target.hello().with_hub(true);
    let mut script = Script::new();
    let mut ann = Member::join(target, name, "ann", &named(&hello, "ann")).await?;
    let own_name = ann.name().await?;
    let mut cat = Member::join(target, name, "cat", &named(&hello, "cat").with_max_body(1024)).await?;
    let exact = 1024 - bookend::Delivery::FIXED_LENGTH - own_name.len();
    script.step(format!("ann POSTs {exact} bytes to cat, whose max body of 1,024 the DELIVERY has exactly"));
    ann.post(cat.id, Encoding::Binary, &vec![b'x'; exact]).await;
    let heard = cat.find(|event| event.delivery().map(|delivery| delivery.payload.len())).await;
    let length = heard.map_err(|missing| script.missing("cat", "the DELIVERY", &missing))?;
    cat.sync().await.map_err(|missing| script.missing("cat", "PONG", &missing))?;
    if length != exact {
        return Err(script.fails(format!("a payload of {exact} bytes"), format!("{length} bytes arrived")));
    }
    script.step(format!("ann POSTs {} bytes to cat: one more than fits", exact + 1));
    let number = ann.post(cat.id, Encoding::Binary, &vec![b'x'; exact + 1]).await;
    ann.sync().await.map_err(|missing| script.missing("ann", "PONG", &missing))?;
    match ann.errors().next() {
        Some(error) => script.judge_error(error, Code::TOO_LONG, "too-long", number)?,
        None => return Err(script.fails("ERROR 1009 too-long before the PONG", "none arrived")),
    }
    cat.settle().await;
    if let Some(event) = cat.log.iter().find(|event| matches!(event, Event::Gap(_) | Event::Close(_))) {
        let finding =
            script.fails("cat notices nothing: a message to one member has no number", format!("{event} arrived"));
        return Err(finding);
    }
    leave_all([ann, cat]).await;
    Ok(Finding::ok("a POST that is too long for its addressee is answered with ERROR too-long, and fits by one byte"))
}

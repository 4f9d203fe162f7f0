//! Scenes with a whole cast: every message of a run is counted at every member.

use bookend::{Code, Encoding};

use super::super::CheckResult;
use super::account::{Missed, account, judge_times};
use super::cast::Cast;
use super::member::{Delivered, Event, quoted};
use super::script::Script;
use crate::report::Finding;
use crate::target::Target;

/// The messages of a run.
const RUN: usize = 40;

/// Two members speak at the same time: everybody receives everything, once, in one order.
pub(super) async fn hub_run(target: &Target, name: &'static str) -> CheckResult {
    let (mut cast, mut script) = (Cast::join(target, name).await?, Script::new());
    script.step(format!("ann and gus POST {RUN} messages each to everyone, at the same time"));
    for number in 0..RUN {
        cast.ann.post(0, Encoding::Ascii, format!("ann {number}").as_bytes()).await;
        let gus = cast.others.last_mut().expect("there are several");
        gus.post(0, Encoding::Ascii, format!("gus {number}").as_bytes()).await;
    }
    let gus = cast.others.last_mut().expect("there are several");
    gus.sync().await.map_err(|missing| script.missing(gus.role, "PONG", &missing))?;
    let names = [(cast.ann.id, cast.name.clone()), (gus.id, gus.name().await?)];
    cast.end(&mut script).await?;
    script.step(format!("ann and gus have POSTed {RUN} messages each to everyone"));
    let said: Vec<Delivered> = cast.ann.deliveries().filter(|delivery| delivery.to == 0).cloned().collect();
    for (id, own) in &names {
        let word = if *id == cast.ann.id { "ann" } else { "gus" };
        for number in 0..RUN {
            let words = format!("{word} {number}");
            let found: Vec<&Delivered> = said.iter().filter(|said| said.payload == words.as_bytes()).collect();
            let expected = format!("ann receives \"{words}\" once, from {id} \"{own}\"");
            let [delivery] = found[..] else {
                let finding = script.fails(expected, format!("it arrived {} times", found.len()));
                let finding = if found.is_empty() {
                    finding.named("a message was lost")
                } else {
                    finding.named("a message was delivered twice")
                };
                return Err(finding.with_fix("deliver each POST to everyone exactly once to each member (R9.7)"));
            };
            if (delivery.from, &delivery.name) != (*id, own) {
                return Err(script.fails(expected, format!("it is from {} \"{}\"", delivery.from, delivery.name)));
            }
        }
    }
    judge_times(&script, said.iter())?;
    for member in std::iter::once(&cast.ann).chain(&cast.others) {
        account(&script, member, cast.ann.next_seq, &said, Missed::TooLong)?;
    }
    cast.judge_plain(&script, &said)?;
    let members = 1 + cast.others.len() + cast.plain.len();
    cast.leave().await;
    Ok(Finding::ok(format!("{} messages of two speakers reach {members} members once, in one order", said.len())))
}

/// Texts that some encodings cannot carry, and others that look odd.
pub(super) async fn hub_encodings(target: &Target, name: &'static str) -> CheckResult {
    let (mut cast, mut script) = (Cast::join(target, name).await?, Script::new());
    let utf8 = ["grüß 😀", "", "nul \0 and \u{FFFF}\u{10FFFF}", "\u{FFFE}first", "a \u{FEFF} inside", "back\\slash"];
    let mut posts: Vec<(Encoding, Vec<u8>)> =
        utf8.iter().map(|text| (Encoding::Utf8, text.as_bytes().into())).collect();
    posts.push((Encoding::Utf8, b"\xEF\xBB\xBFmarked".into()));
    posts.push((Encoding::Utf8, b"\xEF\xBB\xBF\xEF\xBB\xBFmarked twice".into()));
    posts.push((Encoding::Ascii, b"plain\x7F".into()));
    posts.push((Encoding::Binary, b"\x00\xFF\xF5\xF8\xF8\xF5".into()));
    posts.push((Encoding::Binary, b"".into()));
    for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
        if target.info().accepted.contains(encoding) {
            let mut bytes = Vec::new();
            bookend::text::encode(encoding, "wide ß 😀", &mut bytes).expect("UTF-16 has them");
            posts.push((encoding, bytes.clone()));
            let mark = if encoding == Encoding::Utf16Le { b"\xFF\xFE" } else { b"\xFE\xFF" };
            posts.push((encoding, [&mark[..], &bytes].concat()));
        }
    }
    for (encoding, payload) in &posts {
        script.step(format!("ann POSTs {} in {encoding} to everyone", quoted(payload)));
        cast.ann.post(0, *encoding, payload).await;
    }
    cast.end(&mut script).await?;
    if let Some(error) = cast.ann.errors().next() {
        return Err(script.fails("every POST is accepted", format!("{error} arrived about frame {}", error.frame)));
    }
    cast.judge(&mut script, &posts)?;
    cast.leave().await;
    Ok(Finding::ok(format!("{} messages reach each member in the encoding that it prefers", posts.len() + 1)))
}

/// Messages that are too long for some members, and that fit by one byte.
pub(super) async fn hub_gaps(target: &Target, name: &'static str) -> CheckResult {
    let (mut cast, mut script) = (Cast::join(target, name).await?, Script::new());
    let fixed = bookend::Delivery::FIXED_LENGTH + cast.name.len();
    let exact = 1024 - fixed;
    let lengths = [10, exact, exact + 1, 20, exact + 1, 2000, 30, exact / 2, exact / 2 + 1, 40];
    let posts: Vec<(Encoding, Vec<u8>)> = lengths
        .iter()
        .map(|&length| (Encoding::Ascii, format!("{length:05}{}", "x".repeat(length - 5)).into()))
        .collect();
    script.step(format!(
        "ann POSTs {} messages to everyone, of which some are too long for a max body of 1,024",
        posts.len()
    ));
    for (encoding, payload) in &posts {
        cast.ann.post(0, *encoding, payload).await;
    }
    cast.end(&mut script).await?;
    let said = cast.judge(&mut script, &posts)?;
    let missed: u64 =
        cast.received(&script, &said)?.iter().fold(0, |sum, received| received.missed.saturating_add(sum));
    cast.leave().await;
    Ok(Finding::ok(format!("{missed} messages were too long for members, and each was counted in a GAP in its place")))
}

/// POSTs that are refused leave no trace in the room.
pub(super) async fn hub_refused(target: &Target, name: &'static str) -> CheckResult {
    let (mut cast, mut script) = (Cast::join(target, name).await?, Script::new());
    let mut posts = vec![(Encoding::Ascii, b"before".to_vec())];
    cast.ann.post(0, Encoding::Ascii, b"before").await;
    for (what, encoding, payload) in [
        ("bad UTF-8", Encoding::Utf8, &b"bad \xFF"[..]),
        ("bad US-ASCII", Encoding::Ascii, b"\xE4 bad"),
        ("bad UTF-8 as a MESSAGE", Encoding::Utf8, b"\xC3"),
    ] {
        script.step(format!("ann POSTs {what}, {}", quoted(payload)));
        let number = match what.contains("MESSAGE") {
            true => cast.ann.send(bookend::kind::MESSAGE, encoding, payload).await,
            false => cast.ann.post(0, encoding, payload).await,
        };
        let seen = cast.ann.errors().count();
        cast.ann.sync().await.map_err(|missing| script.missing("ann", "PONG", &missing))?;
        match cast.ann.errors().nth(seen) {
            Some(error) => script.judge_error(error, Code::BAD_TEXT, "bad-text", number)?,
            None => return Err(script.fails("ERROR 1007 bad-text before the PONG", "none arrived")),
        }
    }
    posts.push((Encoding::Ascii, b"after".to_vec()));
    cast.ann.post(0, Encoding::Ascii, b"after").await;
    cast.end(&mut script).await?;
    cast.judge(&mut script, &posts)?;
    for member in cast.others.iter().chain(&cast.plain) {
        if let Some(event) = member.log.iter().find(|event| matches!(event, Event::Error(_))) {
            return Err(script.fails(format!("{} receives no ERROR", member.role), format!("{event} arrived")));
        }
    }
    cast.leave().await;
    Ok(Finding::ok("a POST with bad text is answered with ERROR bad-text about its frame, and reaches nobody"))
}

/// A MESSAGE of each kind of member is a POST to everyone.
pub(super) async fn hub_messages(target: &Target, name: &'static str) -> CheckResult {
    let (mut cast, mut script) = (Cast::join(target, name).await?, Script::new());
    script.step("pat, without the hub profile, sends MESSAGE \"from pat\"");
    let pat = &mut cast.plain[0];
    pat.post(0, Encoding::Utf8, b"from pat").await;
    pat.sync().await.map_err(|missing| script.missing("pat", "PONG", &missing))?;
    let heard = cast.ann.find(|event| event.delivery().filter(|_| event.says("from pat")).cloned()).await;
    let delivery = heard.map_err(|missing| script.missing("ann", "DELIVERY of \"from pat\"", &missing))?;
    if delivery.to != 0 || delivery.seq != cast.ann.next_seq || delivery.from == 0 {
        let expected = format!("a DELIVERY to everyone with seq {}", cast.ann.next_seq);
        return Err(script.fails(expected, Event::Delivery(delivery)));
    }
    script.step("dan, with the hub profile, sends MESSAGE \"from dan\"");
    let dan = &mut cast.others[2];
    dan.send(bookend::kind::MESSAGE, Encoding::Utf8, b"from dan").await;
    let id = dan.id;
    let heard = cast.ann.find(|event| event.delivery().filter(|_| event.says("from dan")).cloned()).await;
    let other = heard.map_err(|missing| script.missing("ann", "DELIVERY of \"from dan\"", &missing))?;
    if (other.from, other.to, other.seq) != (id, 0, delivery.seq.saturating_add(1)) {
        let expected = format!("a DELIVERY from {id} to everyone with seq {}", delivery.seq.saturating_add(1));
        return Err(script.fails(expected, Event::Delivery(other)));
    }
    cast.end(&mut script).await?;
    for member in &cast.plain {
        let expected = format!("{}: from pat", delivery.name);
        let copies = member.log.iter().filter(|event| event.says(&expected)).count();
        if copies != 1 {
            let who = member.role;
            return Err(script
                .fails(format!("{who} receives MESSAGE \"{expected}\" once"), format!("it arrived {copies} times")));
        }
    }
    cast.leave().await;
    Ok(Finding::ok(format!(
        "a MESSAGE of {} and of {} reaches everyone as a numbered message",
        delivery.name, other.name
    )))
}

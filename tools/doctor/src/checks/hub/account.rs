//! Accounts for every number of a room at one member: each message to everyone exactly once, in order, or in a GAP.

use std::time::{SystemTime, UNIX_EPOCH};

use bookend::{Encoding, Encodings, Text, text};

use super::member::{Delivered, Event, Member, quoted};
use super::script::Script;
use crate::report::Finding;

/// What a member is permitted to miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    /// Only messages that are too long for it (R9.14).
    TooLong,
    /// Any: it lags, or has resumed.
    Any,
}

/// What a member received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) messages: u64,
    /// In GAPs.
    pub(super) missed: u64,
}

/// A day, in milliseconds.
const DAY: u64 = 86_400_000;

/// The messages to everyone that a member received that accepts all encodings and wants text as it was sent, once they
/// match what was posted: `posts` in their order.
pub(super) fn reference(
    script: &Script,
    member: &Member<'_>,
    name: &str,
    posts: &[(Encoding, Vec<u8>)],
) -> Result<Vec<Delivered>, Finding> {
    let mut said: Vec<Delivered> = Vec::new();
    for delivery in member.deliveries().filter(|delivery| delivery.to == 0 && delivery.from == member.id) {
        said.push(delivery.clone());
    }
    let who = member.role;
    for (place, (encoding, payload)) in posts.iter().enumerate() {
        let what = format!("message {} of {}, {} in {encoding}", place + 1, posts.len(), quoted(payload));
        let Some(delivery) = said.get(place) else {
            let seen = format!("{} arrived", said.len());
            return Err(script.fails(format!("{who} receives its own {what}"), seen));
        };
        let expected = without_marks(*encoding, payload);
        if (delivery.encoding, &*delivery.payload) != (*encoding, &*expected) {
            let again = place > 0 && said[place - 1].payload == delivery.payload;
            let finding = script.fails(
                format!("{who}, who wants text as it was sent, receives its own {what}"),
                format!("{} arrived with seq {}", delivery.quoted(), delivery.seq),
            );
            return Err(if again { finding.named("a message was delivered twice") } else { finding });
        }
        if delivery.name != name {
            let expected = format!("the DELIVERY of {what} carries the name \"{name}\" that PRESENCE gave");
            return Err(script.fails(expected, format!("it carries \"{}\"", delivery.name)));
        }
    }
    if let Some(delivery) = said.get(posts.len()) {
        let seen = format!("{} arrived besides", delivery.quoted());
        return Err(script
            .fails(format!("{who} receives its {} messages", posts.len()), seen)
            .named("a message was delivered twice")
            .with_fix("deliver each POST to everyone exactly once to each member, its sender included (R9.7)"));
    }
    judge_times(script, said.iter())?;
    Ok(said)
}

/// The payload as a hub keeps it: without leading byte order marks (R5.5, R5.6).
fn without_marks(encoding: Encoding, payload: &[u8]) -> Vec<u8> {
    match (encoding, Text::decode(encoding, payload)) {
        (Encoding::Binary, _) | (_, Err(_)) => payload.to_vec(),
        (_, Ok(text)) => {
            let mut bytes = Vec::new();
            match text::encode(encoding, &text.to_str(), &mut bytes) {
                Ok(()) => bytes,
                Err(_) => payload.to_vec(),
            }
        }
    }
}

/// The times: milliseconds since 1970, not decreasing.
pub(super) fn judge_times<'b>(
    script: &Script,
    deliveries: impl IntoIterator<Item = &'b Delivered>,
) -> Result<(), Finding> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let now = u64::try_from(now).unwrap_or(u64::MAX);
    let mut last = 0;
    for delivery in deliveries {
        let Delivered { time, seq, .. } = *delivery;
        let expected = format!("the time of message {seq} in milliseconds since 1970, near {now}");
        if time.abs_diff(now) > DAY {
            let near = |scaled: u64| scaled.abs_diff(now) <= DAY;
            let mistake = if near(time.saturating_mul(1000)) {
                "time is in seconds"
            } else if near(time / 1000) {
                "time is in microseconds"
            } else if near(time / 1_000_000) {
                "time is in nanoseconds"
            } else if near(time.swap_bytes()) {
                "time is little-endian"
            } else {
                "time is not the hub's clock"
            };
            return Err(script
                .fails(expected, format!("it is {time}"))
                .named(mistake)
                .with_fix("write the hub's clock in milliseconds since 1970-01-01T00:00:00Z, u64, big-endian"));
        }
        if time < last {
            return Err(script
                .fails(format!("times that do not decrease, at least {last}"), format!("message {seq} has {time}")));
        }
        last = time;
    }
    Ok(())
}

/// The form of a message for a member, and its encoding (R9.12).
pub(super) fn form(preferred: Encoding, accepted: Encodings, sent: Encoding, payload: &[u8]) -> (Encoding, Vec<u8>) {
    let to = match preferred {
        _ if sent == Encoding::Binary => Encoding::Binary,
        Encoding::Binary if accepted.contains(sent) => sent,
        Encoding::Binary => Encoding::Utf8,
        preferred => preferred,
    };
    let Ok(text) = Text::decode(sent, payload) else { return (to, payload.to_vec()) };
    if to == sent || to == Encoding::Binary {
        return (to, payload.to_vec());
    }
    let mut bytes = Vec::new();
    let text = text.to_str();
    let (escaped, _) = text::escape_unmappable(to, &text);
    text::encode(to, &escaped, &mut bytes).expect("what the encoding lacks was escaped");
    (to, bytes)
}

/// Judges the messages to everyone that a member received, from number `first` on, against those that were `said`.
pub(super) fn account(
    script: &Script,
    member: &Member<'_>,
    first: u64,
    said: &[Delivered],
    may_miss: Missed,
) -> Result<Received, Finding> {
    let who = member.role;
    let (mut at, mut received) = (first, Received::default());
    let mut gap = None; // the sum of the GAPs since the last DELIVERY: two mean their sum
    for event in &member.log {
        match event {
            Event::Gap(0) => {
                let finding = script.fails(format!("{who} receives a GAP only for missed messages"), "GAP 0 arrived");
                return Err(finding.named("GAP too small by one").with_fix(GAP_FIX));
            }
            Event::Gap(missed) => gap = Some(missed.saturating_add(gap.unwrap_or(0))),
            Event::Delivery(delivery) if delivery.to == 0 => {
                at = after_gap(script, member, said, at, gap, may_miss)?;
                received.missed = received.missed.saturating_add(gap.unwrap_or(0));
                if delivery.seq != at {
                    return Err(misnumbered(script, who, delivery, at, gap, said));
                }
                judge(script, member, delivery, said)?;
                (at, gap) = (at.saturating_add(1), None);
                received.messages += 1;
            }
            _ => {}
        }
    }
    at = after_gap(script, member, said, at, gap, may_miss)?;
    received.missed = received.missed.saturating_add(gap.unwrap_or(0));
    let end = said.last().map_or(first, |last| last.seq.saturating_add(1));
    if at != end {
        let seen = format!("nothing arrived for {at} to {}", end.saturating_sub(1));
        return Err(
            script.fails(format!("{who} receives every message up to {}, or a GAP", end.saturating_sub(1)), seen)
        );
    }
    Ok(received)
}

/// The number after a GAP at `at`, if it states as much as it may.
fn after_gap(
    script: &Script,
    member: &Member<'_>,
    said: &[Delivered],
    at: u64,
    gap: Option<u64>,
    may_miss: Missed,
) -> Result<u64, Finding> {
    let Some(missed) = gap else { return Ok(at) };
    if may_miss == Missed::TooLong {
        judge_gap(script, member, said, at, missed)?;
    }
    Ok(at.saturating_add(missed))
}

/// A GAP at a member that reads stands for messages that are too long for it.
fn judge_gap(script: &Script, member: &Member<'_>, said: &[Delivered], at: u64, missed: u64) -> Result<(), Finding> {
    let too_long = |number: u64| {
        let found = said.iter().find(|said| said.seq == number);
        found.is_some_and(|said| delivery_length(member, said) > member.hello.max_body() as usize)
    };
    let real = (at..=u64::MAX).take_while(|number| too_long(*number)).count() as u64;
    let (who, by) = (member.role, amount(real.abs_diff(missed)));
    let (expected, mistake) = match real {
        _ if real == missed => return Ok(()),
        0 => (format!("{who} receives number {at}, which fits"), "a GAP for a message that fits".to_owned()),
        _ if real > missed => (format!("{who} receives GAP {real} at number {at}"), format!("GAP too small by {by}")),
        _ => (format!("{who} receives GAP {real} at number {at}"), format!("GAP too large by {by}")),
    };
    Err(script.fails(expected, format!("GAP {missed} arrived")).named(mistake).with_fix(GAP_FIX))
}

const GAP_FIX: &str =
    "state in a GAP how many messages are missing between the last number that was sent and the next one";

fn amount(number: u64) -> String {
    if number == 1 { "one".into() } else { number.to_string() }
}

/// The length of a message as a DELIVERY to a member.
pub(super) fn delivery_length(member: &Member<'_>, delivery: &Delivered) -> usize {
    let (_, payload) = form(member.hello.preferred(), member.hello.accepted(), delivery.encoding, &delivery.payload);
    bookend::Delivery::FIXED_LENGTH + delivery.name.len() + payload.len()
}

/// A DELIVERY whose number is not the next one.
fn misnumbered(
    script: &Script,
    who: &str,
    delivery: &Delivered,
    at: u64,
    gap: Option<u64>,
    said: &[Delivered],
) -> Finding {
    let seq = delivery.seq;
    let expected =
        format!("{who} receives number {at} next{}", gap.map(|gap| format!(", after GAP {gap}")).unwrap_or_default());
    let finding = script.fails(expected, format!("number {seq} arrived, {}", delivery.quoted()));
    let by = seq.abs_diff(at);
    let amount = amount(by);
    let fix =
        "number messages to everyone consecutively, and state in a GAP how many a member has missed (R9.8, R9.10)";
    match gap {
        Some(_) if seq > at => finding.named(format!("GAP too small by {amount}")).with_fix(fix),
        Some(_) => finding.named(format!("GAP too large by {amount}")).with_fix(fix),
        None if seq == 0 => finding.named("a message to everyone has seq 0").with_fix(fix),
        None if seq < at && said.iter().any(|said| said.seq == seq) => {
            finding.named("a message was delivered twice, or out of order").with_fix(fix)
        }
        None if by == 1 => finding.named("a number was skipped without a GAP").with_fix(fix),
        None if seq > at => finding.named(format!("{by} numbers were skipped without a GAP")).with_fix(fix),
        None => finding.with_fix(fix),
    }
}

/// A DELIVERY against what the first member received under that number.
fn judge(script: &Script, member: &Member<'_>, delivery: &Delivered, said: &[Delivered]) -> Result<(), Finding> {
    let who = member.role;
    let Some(original) = said.iter().find(|said| said.seq == delivery.seq) else {
        let seen = format!("number {}, {}, arrived", delivery.seq, delivery.quoted());
        return Err(script.fails(format!("{who} receives what others receive"), seen));
    };
    let seq = delivery.seq;
    let (encoding, payload) =
        form(member.hello.preferred(), member.hello.accepted(), original.encoding, &original.payload);
    if !is_same((delivery.encoding, &delivery.payload), (encoding, &payload)) {
        let expected = format!(
            "{who} receives message {seq}, sent as {}, as {} in {encoding}",
            original.quoted(),
            quoted(&payload)
        );
        let finding = script.fails(expected, format!("{} arrived", delivery.quoted()));
        return Err(match mistake(delivery, encoding, &payload) {
            Some((mistake, fix)) => finding.named(mistake).with_fix(fix),
            None => finding,
        });
    }
    if delivery.from != original.from || delivery.name != original.name {
        let expected = format!("message {seq} is from {} \"{}\" for everyone", original.from, original.name);
        return Err(script.fails(expected, format!("{who} receives it from {} \"{}\"", delivery.from, delivery.name)));
    }
    if delivery.time != original.time {
        let expected = format!("message {seq} has the same time for everyone, {}", original.time);
        return Err(script
            .fails(expected, format!("{who} receives {}", delivery.time))
            .named("time is that of the delivery")
            .with_fix("take the time once, when the hub accepts the message"));
    }
    Ok(())
}

/// The case of the digits in `\u{hex}` does not matter.
pub(super) fn is_same(seen: (Encoding, &[u8]), expected: (Encoding, &[u8])) -> bool {
    seen == expected || seen.0 == expected.0 && expected.1.contains(&b'\\') && seen.1.eq_ignore_ascii_case(expected.1)
}

fn mistake(delivery: &Delivered, encoding: Encoding, payload: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = String::from_utf8_lossy(&delivery.payload);
    if delivery.encoding != encoding {
        return Some(("text is not converted", "convert text to the encoding that the member's HELLO prefers (R9.12)"));
    }
    if encoding == Encoding::Ascii && text.contains('?') {
        return Some((
            "characters were replaced by ?",
            "write `\\u{hex}` for each character that the encoding lacks (R5.13)",
        ));
    }
    if text.to_ascii_lowercase().contains("\\ud83d") || text.contains("\\u{d83d}") {
        return Some(("surrogates were escaped", "escape code points, not UTF-16 units: `\\u{1f600}`"));
    }
    if text.contains("\\u00") || text.contains("\\x") {
        return Some(("another form of escape", "write `\\u{hex}`: braces, hexadecimal, no leading zeros"));
    }
    if payload.is_empty() {
        return None;
    }
    (delivery.payload.len() < payload.len() && payload.starts_with(&delivery.payload))
        .then_some(("a message was cut", "deliver every byte of the payload"))
}

/// The MESSAGE for a peer without the hub profile (R9.11).
pub(super) fn plain_form(member: &Member<'_>, original: &Delivered) -> (Encoding, Vec<u8>) {
    if original.encoding == Encoding::Binary {
        return (Encoding::Binary, original.payload.clone());
    }
    let text = Text::decode(original.encoding, &original.payload).map(|text| text.to_str().into_owned());
    let line = format!("{}: {}", original.name, text.unwrap_or_default());
    let (preferred, accepted) = (member.hello.preferred(), member.hello.accepted());
    let (encoding, _) = form(preferred, accepted, original.encoding, b"");
    form(encoding, Encodings::ALL, Encoding::Utf8, line.as_bytes())
}

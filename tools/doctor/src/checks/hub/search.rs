//! What a hub has kept, in the form that suits the member that asks, and found by a text (SPEC 9, History).

use bookend::history::{self, Query};
use bookend::{Code, Encoding, Message, kind};

use super::super::CheckResult;
use super::account::{form, is_same};
use super::basics::hello;
use super::cast::named;
use super::member::{Delivered, Member, quoted};
use super::script::Script;
use crate::frame::Frame;
use crate::report::Finding;
use crate::target::Target;

const ID: u32 = 0x0102_0304;
const TEXTS: [&str; 4] = ["Noon in Grün", "midnight", "at NOON again", "the end"];

/// A page: the number in the GAP at its start, and its messages.
type Page = (Option<u64>, Vec<Delivered>);

fn page_of(frame: &Frame) -> Option<Result<Page, String>> {
    if let Some(error) = frame.as_error().filter(|error| error.id == ID) {
        return Some(Err(if error.code == Code::POLICY { "policy".into() } else { error.to_string() }));
    }
    let Message::Reply { id, payload } = frame.message()? else { return None };
    if id.get() != ID {
        return None;
    }
    let Ok(page) = history::Page::parse(payload) else { return Some(Err("a REPLY that is not a page".into())) };
    let entries = page.entries().filter_map(|entry| match entry {
        history::Entry::Message(delivery) => {
            let (encoding, bytes) = match delivery.payload {
                bookend::Payload::Binary(bytes) => (Encoding::Binary, bytes.to_vec()),
                bookend::Payload::Text(text) => (text.encoding(), text.as_bytes().to_vec()),
            };
            Some(Delivered {
                from: delivery.from,
                to: delivery.to,
                seq: delivery.seq,
                time: delivery.time,
                name: delivery.name().into(),
                encoding,
                payload: bytes,
            })
        }
        history::Entry::Gap(_) => None,
    });
    Some(Ok((page.lost_before(), entries.collect())))
}

async fn ask(member: &mut Member<'_>, query: &Query<'_>) -> Result<Result<Page, String>, crate::raw_peer::Missing> {
    member.send(kind::REQUEST, Encoding::Binary, &[&ID.to_be_bytes()[..], &query.encode()].concat()).await;
    member.peer.wait(page_of).await
}

/// A member that prefers US-ASCII asks: each message has its number, time, name and form, and a search finds by text.
pub(super) async fn hub_history_search(target: &Target, name: &'static str) -> CheckResult {
    let mut script = Script::new();
    let mut ann =
        Member::join(target, name, "ann", &named(&hello(target).with_preferred(Encoding::Utf8), "ann")).await?;
    script.step("ann POSTs four messages");
    for text in TEXTS {
        ann.post(0, Encoding::Utf8, text.as_bytes()).await;
    }
    let end = |event: &super::member::Event| event.says("the end").then_some(());
    ann.find(end).await.map_err(|missing| script.missing("ann", "her messages", &missing))?;
    let said: Vec<Delivered> = ann.deliveries().filter(|it| it.to == 0).cloned().collect();
    if said.len() != TEXTS.len() {
        return Err(script.fails("ann receives her four messages", format!("{} arrived", said.len())));
    }
    let role = "bob, who prefers US-ASCII";
    let mut bob = Member::join(target, name, role, &named(&ann.hello, "bob").with_preferred(Encoding::Ascii)).await?;
    let last = said.last().map_or(0, |said| said.seq);
    for (what, text, before, count, places) in [
        ("the last 10", None, Query::NOW, 10, &[0, 1, 2, 3][..]),
        ("the last 2", None, Query::NOW, 2, &[2, 3]),
        ("the last 10 before the last one", None, last, 10, &[0, 1, 2]),
        ("the last 10 with \"nOOn\"", Some("nOOn"), Query::NOW, 10, &[0, 2]),
        ("the last 10 with \"GRÜN\"", Some("GRÜN"), Query::NOW, 10, &[0]),
        ("the last 10 with \"sunrise\"", Some("sunrise"), Query::NOW, 10, &[]),
    ] {
        script.step(format!("bob asks for {what}"));
        let answer = ask(&mut bob, &Query { before, count, text }).await;
        let answer = answer.map_err(|missing| script.missing(role, "REPLY or ERROR", &missing))?;
        let (_, page) = match answer {
            Err(why) if why == "policy" => return Ok(Finding::not_applicable("the hub keeps nothing: ERROR policy")),
            Err(why) => return Err(script.fails("a page", format!("{why} arrived"))),
            Ok(page) => page,
        };
        if page.len() < said.len() && count == 10 && text.is_none() && before == Query::NOW {
            let fix = "let rooms keep more: members that return have missed what is not kept";
            return Ok(
                Finding::warns(format!("{} of 4 messages that have just been said are kept", page.len())).with_fix(fix)
            );
        }
        let expected: Vec<&Delivered> = places.iter().map(|&place| &said[place]).collect();
        let numbers = |list: &[u64]| list.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let wanted: Vec<u64> = expected.iter().map(|delivery| delivery.seq).collect();
        let seen: Vec<u64> = page.iter().map(|delivery| delivery.seq).collect();
        if seen != wanted {
            let seen = format!("those with {} are in the page", numbers(&seen));
            return Err(script.fails(format!("the messages with the numbers {}", numbers(&wanted)), seen));
        }
        for (original, kept) in expected.into_iter().zip(&page) {
            let (encoding, payload) = form(Encoding::Ascii, bob.hello.accepted(), original.encoding, &original.payload);
            let own = Delivered { encoding, payload: payload.clone(), ..original.clone() };
            let alike = is_same((kept.encoding, &kept.payload), (encoding, &payload));
            if !alike || *kept != (Delivered { payload: kept.payload.clone(), ..own.clone() }) {
                let expected = format!(
                    "message {} at {} from {} \"{}\" as {} in {encoding}",
                    own.seq,
                    own.time,
                    own.from,
                    own.name,
                    quoted(&payload)
                );
                let seen = format!("at {} from {} \"{}\" {} is there", kept.time, kept.from, kept.name, kept.quoted());
                return Err(script.fails(expected, seen));
            }
        }
    }
    super::member::leave_all([ann, bob]).await;
    Ok(Finding::ok("six queries bring the right messages, with number, time, name and in the member's encoding"))
}

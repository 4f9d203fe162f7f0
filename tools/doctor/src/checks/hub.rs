//! The hub profile (SPEC 9), in rooms where nobody else is.

use bookend::{Code, Encoding, Encodings, Hello, Message, Payload, PresenceEvent, kind};

use super::session::MAX_SENT;
use super::{Check, Exam, Judged, When, judge_name, own};
use crate::frame::{Frame, frame, message};
use crate::report::Finding;
use crate::side::Side;
use crate::subject::Subject;
use crate::wire::{Heard, Peer, Unmet};

const fn check(name: &'static str, spec: &'static str, fix: &'static str, exam: Exam) -> Check {
    Check::new(name, spec, fix, exam).when(When::Hub).needing(&["hub-welcome"]).only_for(Side::Server)
}

/// On this the other checks build.
pub(super) static FIRST: &[Check] = &[check(
    "hub-welcome",
    "R9.5",
    "send WELCOME right behind HELLO where both HELLOs set bit 0 of `features`",
    own!(hub_welcome),
)
.needing(&[])];

pub(super) static CHECKS: &[Check] = &[
    check(
        "hub-presence",
        "R9.5",
        "behind WELCOME send a PRESENCE here for each member, the new one last",
        own!(hub_presence),
    ),
    check("hub-own-message", "R9.7", "deliver a POST to everyone to its sender as well", own!(hub_own_message)),
    check("hub-everyone", "R9.7", "deliver a POST to every member of the room", own!(hub_everyone)),
    check(
        "hub-sequence",
        "R9.8",
        "count the room's messages to everyone one by one, and say the next number in WELCOME",
        own!(hub_sequence),
    ),
    check("hub-message", "R9.6", "take a MESSAGE as a POST to everyone", own!(hub_message)),
    check("hub-private", "R9.8", "deliver a POST to one member with its number in `to`, and seq 0", own!(hub_private)),
    check(
        "hub-no-such-member",
        "R9.9",
        "answer a POST to a member that is not there by ERROR 4010 no-such-member",
        Exam::Refused(|_| vec![frame(kind::POST, Encoding::Utf8, b"\xFF\xFF\xFF\xFFhi")], "no-such-member"),
    ),
    check(
        "hub-direction",
        "R9.2",
        "refuse WELCOME, PRESENCE, DELIVERY and GAP from a client",
        Exam::Closed(|_| frame(kind::GAP, Encoding::Binary, &[0; 8]), "unexpected-kind"),
    ),
    check(
        "hub-encoding",
        "R9.12",
        "deliver text in the encoding that the member prefers, with \\u{hex} for what it cannot carry",
        own!(hub_encoding),
    ),
    check(
        "hub-same-name",
        "R9.15",
        "give a name that is taken with a suffix, and say so in the PRESENCE",
        own!(hub_same_name),
    ),
    check(
        "hub-plain-member",
        "R9.11",
        "send a peer without the hub profile MESSAGE `name: text`",
        own!(hub_plain_member),
    ),
    check(
        "hub-resume-refused",
        "R9.13",
        "answer a resume from the future by ERROR 4009 resume-refused behind WELCOME, and let the member join",
        own!(hub_resume_refused),
    ),
    check(
        "hub-too-long",
        "R9.21",
        "answer a POST by ERROR 1009 too-long if its DELIVERY is longer than the hub's own `max body`",
        own!(hub_too_long),
    ),
];

/// A DELIVERY.
#[derive(Debug)]
struct Delivered {
    from: u32,
    to: u32,
    seq: u64,
    name: String,
    encoding: Encoding,
    text: String,
}

fn delivered(frame: &Frame) -> Option<Delivered> {
    let Message::Delivery(delivery) = frame.message()? else { return None };
    let text = match delivery.payload {
        Payload::Binary(bytes) => bytes.escape_ascii().to_string(),
        Payload::Text(text) => text.to_str().into_owned(),
    };
    let (from, to, seq, name) = (delivery.from, delivery.to, delivery.seq, delivery.name().to_owned());
    Some(Delivered { from, to, seq, name, encoding: frame.encoding, text })
}

/// A member, its number and the next message's.
struct Member<'a> {
    peer: Peer<'a>,
    id: u32,
    next_seq: u64,
}

impl<'a> Member<'a> {
    /// Joins and waits for WELCOME.
    async fn join(subject: &'a Subject, name: &'static str, hello: &Hello) -> Result<Member<'a>, Finding> {
        let mut peer = subject.greet(name, hello).await?;
        let welcome = peer.wait(|frame| match frame.message()? {
            Message::Welcome { member, next_seq, .. } => Some((member, next_seq)),
            _ => None,
        });
        let (id, next_seq) = welcome.await.map_err(|unmet| unmet.finding("WELCOME"))?;
        Ok(Member { peer, id, next_seq })
    }

    async fn post(&mut self, to: u32, encoding: Encoding, payload: &[u8]) {
        self.peer.send(&frame(kind::POST, encoding, &[&to.to_be_bytes(), payload].concat())).await;
    }

    /// The next DELIVERY from a member.
    async fn delivery(&mut self, from: u32) -> Result<Delivered, Finding> {
        let delivery = self.peer.wait(|frame| delivered(frame).filter(|delivery| delivery.from == from));
        delivery.await.map_err(|unmet| unmet.finding("DELIVERY"))
    }
}

fn hello(subject: &Subject) -> Hello {
    subject.hello().with_hub(true)
}

async fn hub_welcome(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.greet(name, &hello(subject)).await?;
    let frame = match peer.next().await {
        Heard::Frame(frame) => frame,
        Heard::Nothing(unmet) => return Err(unmet.finding("WELCOME")),
    };
    let found = match frame.message() {
        Some(Message::Welcome { member, greeting, .. }) => {
            Ok(Finding::ok(format!("WELCOME, member {member}: {greeting}")))
        }
        _ => Err(Finding::fails(format!("{} came behind HELLO", frame.name()))),
    };
    peer.leave().await;
    found
}

async fn hub_presence(subject: &Subject, name: &'static str) -> Judged {
    let hello = hello(subject);
    let first = Member::join(subject, name, &hello).await?;
    let mut second = Member::join(subject, name, &hello).await?;
    let (own, mut here) = (second.id, Vec::new());
    let told = second.peer.wait(|frame| match frame.message()? {
        Message::Presence { member, event: PresenceEvent::Here, .. } => {
            here.push(member);
            (member == own).then_some(())
        }
        _ => None,
    });
    told.await.map_err(|unmet| unmet.finding("PRESENCE here of the new member itself"))?;
    let found = if here.contains(&first.id) {
        Ok(Finding::ok(format!("PRESENCE here for {} members, the new one last", here.len())))
    } else {
        Err(Finding::fails(format!("members {here:?} are here, but {} was before them", first.id)))
    };
    first.peer.leave().await;
    second.peer.leave().await;
    found
}

async fn hub_own_message(subject: &Subject, name: &'static str) -> Judged {
    let mut member = Member::join(subject, name, &hello(subject)).await?;
    member.post(0, Encoding::Utf8, "grüß 😀".as_bytes()).await;
    let delivery = member.delivery(member.id).await?;
    member.peer.leave().await;
    match (delivery.to, &*delivery.text) {
        (0, "grüß 😀") => Ok(Finding::ok("a POST to everyone comes back to its sender")),
        _ => Err(Finding::fails(format!("the POST \"grüß 😀\" to everyone came back as {delivery:?}"))),
    }
}

async fn hub_everyone(subject: &Subject, name: &'static str) -> Judged {
    let hello = hello(subject);
    let mut first = Member::join(subject, name, &hello).await?;
    let mut second = Member::join(subject, name, &hello).await?;
    first.post(0, Encoding::Ascii, b"from the first").await;
    let delivery = second.delivery(first.id).await?;
    first.peer.leave().await;
    second.peer.leave().await;
    match &*delivery.text {
        "from the first" => Ok(Finding::ok(format!("the other member gets it, from {}", delivery.name))),
        text => Err(Finding::fails(format!("\"from the first\" came as {text:?}"))),
    }
}

async fn hub_sequence(subject: &Subject, name: &'static str) -> Judged {
    let mut member = Member::join(subject, name, &hello(subject)).await?;
    for text in ["one", "two", "three"] {
        member.post(0, Encoding::Ascii, text.as_bytes()).await;
    }
    let mut seqs = Vec::new();
    let own = member.id;
    let counted = member.peer.wait(|frame| {
        let delivery = delivered(frame).filter(|delivery| delivery.to == 0)?;
        seqs.push(delivery.seq);
        (delivery.from == own && delivery.text == "three").then_some(())
    });
    counted.await.map_err(|unmet| unmet.finding("three DELIVERYs"))?;
    member.peer.leave().await;
    if (member.next_seq..).zip(&seqs).all(|(due, &seq)| due == seq) {
        Ok(Finding::ok(format!("{seqs:?}, as WELCOME said")))
    } else {
        Err(Finding::fails(format!("{seqs:?}, but WELCOME said that {} is next", member.next_seq)))
    }
}

async fn hub_message(subject: &Subject, name: &'static str) -> Judged {
    let mut member = Member::join(subject, name, &hello(subject)).await?;
    member.peer.send(&message(Encoding::Utf8, b"a MESSAGE")).await;
    let delivery = member.delivery(member.id).await?;
    member.peer.leave().await;
    match (&*delivery.text, delivery.to) {
        ("a MESSAGE", 0) => Ok(Finding::ok("a MESSAGE comes back as a DELIVERY to everyone")),
        _ => Err(Finding::fails(format!("\"a MESSAGE\" came back as {delivery:?}"))),
    }
}

async fn hub_private(subject: &Subject, name: &'static str) -> Judged {
    let mut member = Member::join(subject, name, &hello(subject)).await?;
    let own = member.id;
    member.post(own, Encoding::Utf8, b"to myself").await;
    let delivery = member.delivery(own).await?;
    member.peer.leave().await;
    match (delivery.to == own, delivery.seq) {
        (true, 0) => Ok(Finding::ok("a POST to one member comes with its number and seq 0")),
        _ => Err(Finding::fails(format!("a POST to {own} came with `to` {} and seq {}", delivery.to, delivery.seq))),
    }
}

async fn hub_encoding(subject: &Subject, name: &'static str) -> Judged {
    for (preferred, text) in [(Encoding::Utf16Le, "grüß"), (Encoding::Ascii, "gr\\u{fc}\\u{df}")] {
        let hello = hello(subject).with_accepted(Encodings::ALL).with_preferred(preferred);
        let mut member = Member::join(subject, name, &hello).await?;
        member.post(0, Encoding::Utf8, "grüß".as_bytes()).await;
        let delivery = member.delivery(member.id).await?;
        member.peer.leave().await;
        if (delivery.encoding, &*delivery.text) != (preferred, text) {
            let Delivered { encoding, text, .. } = delivery;
            return Err(Finding::fails(format!("a member that prefers {preferred} gets {text:?} in {encoding}")));
        }
    }
    Ok(Finding::ok("text comes in utf-16le and us-ascii to who prefers them"))
}

async fn hub_same_name(subject: &Subject, name: &'static str) -> Judged {
    let hello = hello(subject);
    let first = Member::join(subject, name, &hello).await?;
    let mut second = Member::join(subject, name, &hello).await?;
    let own = second.id;
    let given = second.peer.wait(|frame| match frame.message()? {
        Message::Presence { member, name, .. } if member == own => Some(name.text().to_str().into_owned()),
        _ => None,
    });
    let given = given.await.map_err(|unmet| unmet.finding("PRESENCE of the new member itself"))?;
    first.peer.leave().await;
    second.peer.leave().await;
    match hello.name() {
        Some(taken) if taken == given => Err(Finding::fails(format!("two members are called {taken}"))),
        taken => Ok(Finding::ok(format!("the second {} is called {given}", taken.unwrap_or_default()))),
    }
}

async fn hub_plain_member(subject: &Subject, name: &'static str) -> Judged {
    let hello = hello(subject);
    let mut member = Member::join(subject, name, &hello).await?;
    let mut plain = subject.greet(name, &hello.with_hub(false)).await?;
    // By its PONG it is in the room.
    plain.barrier().await.map_err(|unmet| unmet.finding("PONG"))?;
    member.post(0, Encoding::Ascii, b"to a plain one").await;
    let named = member.delivery(member.id).await?.name;
    let told = plain.wait(|frame| match frame.message()? {
        Message::Message(payload) => payload.text().map(|text| text.into_owned()),
        _ => None,
    });
    let told = told.await.map_err(|unmet| unmet.finding("MESSAGE to a peer without the hub profile"))?;
    member.peer.leave().await;
    plain.leave().await;
    match told == format!("{named}: to a plain one") {
        true => Ok(Finding::ok(format!("MESSAGE \"{told}\""))),
        false => Err(Finding::fails(format!("\"{told}\", but \"{named}: to a plain one\" is due"))),
    }
}

async fn hub_resume_refused(subject: &Subject, name: &'static str) -> Judged {
    let mut member = Member::join(subject, name, &hello(subject).with_resume(1 << 40)).await?;
    let error = member.peer.wait(|frame| frame.as_error()).await;
    let error = error.map_err(|unmet| unmet.finding("ERROR resume-refused behind WELCOME"))?;
    judge_name(error.code, &error.reason, "resume-refused", &error.to_string())?;
    member.peer.barrier().await.map_err(|unmet| unmet.finding("PONG: the member joins all the same, and it"))?;
    member.peer.leave().await;
    Ok(Finding::ok(format!("{error}; the member joins all the same")))
}

async fn hub_too_long(subject: &Subject, name: &'static str) -> Judged {
    let length = subject.facts().max_body;
    if length > MAX_SENT {
        return Ok(Finding::skipped(format!("{length} bytes are too many to send for a check")));
    }
    let mut member = Member::join(subject, name, &hello(subject)).await?;
    member.post(0, Encoding::Binary, &vec![0x55; length as usize - 4]).await;
    let error = member.peer.wait(|frame| match delivered(frame) {
        Some(_) => Some(None),
        None => frame.as_error().map(Some),
    });
    let Some(error) = error.await.map_err(|unmet: Unmet| unmet.finding("ERROR too-long"))? else {
        return Err(Finding::fails(format!("a POST of {length} bytes was delivered, in a DELIVERY that is longer")));
    };
    member.peer.leave().await;
    judge_name(Code(error.code.0), &error.reason, "too-long", &error.to_string())?;
    Ok(Finding::ok(error.to_string()))
}

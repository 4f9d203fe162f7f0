//! The members of a scene: they are in one room, and accept different things.

use bookend::{Encoding, Encodings, Hello};

use super::account::{Missed, Received, account, is_same, plain_form, reference};
use super::member::{Delivered, Event, Member, leave_all, quoted, settle_all};
use super::script::Script;
use crate::report::Finding;
use crate::target::Target;

/// The members of a scene. The first one speaks; it wants text as it was sent.
pub(super) struct Cast<'a> {
    pub(super) ann: Member<'a>,
    /// The name of the first one.
    pub(super) name: String,
    /// The others with the hub profile.
    pub(super) others: Vec<Member<'a>>,
    /// Those without.
    pub(super) plain: Vec<Member<'a>>,
    /// The last words: whoever has them has everything before.
    end: &'static str,
}

/// The role and HELLO of each member, after the speaker.
const ROLES: [(&str, Encodings, Encoding, u32); 6] = [
    ("bob, who accepts US-ASCII and UTF-8 and prefers US-ASCII", Encodings::CORE, Encoding::Ascii, 1 << 20),
    ("cat, whose max body is 1,024", Encodings::CORE, Encoding::Utf8, 1024),
    ("dan, who prefers UTF-16LE", Encodings::ALL, Encoding::Utf16Le, 1 << 20),
    ("eve, who prefers UTF-16BE and whose max body is 1,024", Encodings::ALL, Encoding::Utf16Be, 1024),
    ("fay, who wants text as it was sent but accepts no UTF-16", Encodings::CORE, Encoding::Binary, 1 << 20),
    ("gus, who prefers UTF-8", Encodings::ALL, Encoding::Utf8, 1 << 20),
];

const PLAIN_ROLES: [(&str, Encodings, Encoding, u32); 2] = [
    ("pat, without the hub profile", Encodings::CORE, Encoding::Utf8, 1 << 20),
    (
        "pia, without the hub profile, who prefers US-ASCII and whose max body is 1,024",
        Encodings::CORE,
        Encoding::Ascii,
        1024,
    ),
];

/// The HELLO of a role: its name is the first word.
pub(super) fn named(hello: &Hello, role: &str) -> Hello {
    let name = role.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    hello.clone().with_name(name).unwrap_or_else(|_| hello.clone()) // it is a word
}

impl<'a> Cast<'a> {
    /// All join a room of their own.
    pub(super) async fn join(target: &'a Target, check: &'static str) -> Result<Cast<'a>, Finding> {
        let hello = target.hello().with_hub(true).with_accepted(Encodings::ALL).with_preferred(Encoding::Binary);
        let hello = hello.with_max_body(target.info().max_body.max(1 << 20).saturating_add(4096));
        let role = "ann, who speaks";
        // Names are UTF-8 in a DELIVERY, whatever the encoding of the payload.
        let own = hello.clone().with_name("änn").unwrap_or(hello);
        let mut ann = Member::join(target, check, role, &own).await?;
        let name = ann.name().await?;
        let play = |(role, accepted, preferred, max_body), hub| {
            let hello = named(&own, role).with_hub(hub).with_accepted(accepted).with_preferred(preferred);
            (role, hello.with_max_body(max_body))
        };
        let (mut others, mut plain) = (Vec::new(), Vec::new());
        for role in ROLES {
            let (role, hello) = play(role, true);
            others.push(Member::join(target, check, role, &hello).await?);
        }
        for role in PLAIN_ROLES {
            let (role, hello) = play(role, false);
            plain.push(Member::join(target, check, role, &hello).await?);
        }
        Ok(Cast { ann, name, others, plain, end: "that is all" })
    }

    /// The speaker POSTs its last words, and all read up to them, and a moment longer.
    pub(super) async fn end(&mut self, script: &mut Script) -> Result<(), Finding> {
        let end = self.end;
        script.step(format!("ann POSTs \"{end}\" to everyone"));
        self.ann.post(0, Encoding::Ascii, end.as_bytes()).await;
        for member in std::iter::once(&mut self.ann).chain(&mut self.others).chain(&mut self.plain) {
            let heard = member.find(|event| event.says(end).then_some(())).await;
            heard.map_err(|missing| script.missing(member.role, format!("\"{end}\""), &missing))?;
        }
        settle_all(std::iter::once(&mut self.ann).chain(&mut self.others).chain(&mut self.plain)).await;
        Ok(())
    }

    /// Judges what everybody received of these messages of the speaker.
    pub(super) fn judge(&self, script: &mut Script, posts: &[(Encoding, Vec<u8>)]) -> Result<Vec<Delivered>, Finding> {
        let posts: Vec<_> = posts.iter().cloned().chain([(Encoding::Ascii, self.end.into())]).collect();
        script.step(format!("ann has POSTed {} messages to everyone", posts.len()));
        let said = reference(script, &self.ann, &self.name, &posts)?;
        account(script, &self.ann, self.ann.next_seq, &said, Missed::TooLong)?;
        for member in &self.others {
            account(script, member, self.ann.next_seq, &said, Missed::TooLong)?;
        }
        self.judge_plain(script, &said)?;
        Ok(said)
    }

    /// Judges what those without the hub profile received.
    pub(super) fn judge_plain(&self, script: &Script, said: &[Delivered]) -> Result<(), Finding> {
        self.plain.iter().try_for_each(|member| judge_plain(script, member, said))
    }

    /// How many messages each member with the hub profile received, for a row.
    pub(super) fn received(&self, script: &Script, said: &[Delivered]) -> Result<Vec<Received>, Finding> {
        self.others.iter().map(|member| account(script, member, self.ann.next_seq, said, Missed::TooLong)).collect()
    }

    pub(super) async fn leave(self) {
        leave_all(std::iter::once(self.ann).chain(self.others).chain(self.plain)).await;
    }
}

/// Judges the MESSAGEs of a peer without the hub profile: each message as it should be, or one that states how many were
/// missed (R9.24).
pub(super) fn judge_plain(script: &Script, member: &Member<'_>, said: &[Delivered]) -> Result<(), Finding> {
    let mut messages = member.log.iter().filter_map(|event| match event {
        Event::Message(encoding, body) => Some((*encoding, body.as_slice())),
        _ => None,
    });
    let mut messages = messages.by_ref().peekable();
    let mut missed = 0_u64;
    for delivery in said {
        let (encoding, body) = plain_form(member, delivery);
        if body.len() > member.hello.max_body() as usize {
            missed += 1;
            continue;
        }
        let is_next = |next: &&(Encoding, &[u8])| is_same(**next, (encoding, &body));
        if missed > 0 {
            let mut stated = Vec::new();
            while let Some((_, count)) = messages.next_if(|next| !is_next(&next)) {
                stated.push(String::from_utf8_lossy(count).into_owned());
            }
            judge_count(script, member, &stated, std::mem::take(&mut missed))?;
        }
        let expected = format!("{} receives MESSAGE {} in {encoding}", member.role, quoted(&body));
        let Some(next) = messages.next() else { return Err(script.fails(expected, "nothing more arrived")) };
        if !is_same(next, (encoding, &body)) {
            return Err(script.fails(expected, format!("MESSAGE {} in {} arrived", quoted(next.1), next.0)).with_fix(
                "send text as MESSAGE `name: text`, binary as it is, to a peer without the hub profile (R9.11)",
            ));
        }
    }
    match messages.next() {
        None => Ok(()),
        Some((_, body)) => {
            let seen = format!("MESSAGE {} arrived besides", quoted(body));
            Err(script.fails(format!("{} receives {} messages", member.role, said.len()), seen))
        }
    }
}

/// The number of missed messages that a MESSAGE states in words (R9.24).
pub(super) fn number_in(words: &str) -> u64 {
    match words.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty()) {
        Some(digits) => digits.parse().unwrap_or(0),
        None => u64::from(words.contains("one ") || words.contains(" a message")),
    }
}

/// Judges the MESSAGEs that state how many messages a peer has missed: their sum is the number.
fn judge_count(script: &Script, member: &Member<'_>, stated: &[String], missed: u64) -> Result<(), Finding> {
    if stated.iter().map(|words| number_in(words)).fold(0, u64::saturating_add) == missed {
        return Ok(());
    }
    let expected = format!("{} receives a MESSAGE that says that {missed} were missed", member.role);
    let seen = match stated.first() {
        Some(words) => format!("MESSAGE {} arrived", quoted(words.as_bytes())),
        None => "none arrived before the next one".into(),
    };
    Err(script
        .fails(expected, seen)
        .named("missed messages are not counted for a peer without the hub profile")
        .with_fix("send such a peer a MESSAGE that states how many messages it missed (R9.24)"))
}

//! What a hub has kept of a room: its pages, and a member that returns (SPEC 9, History).

use std::fmt;
use std::time::{Duration, SystemTime};

use bookend::history::{self, Query};
use bookend::{Code, Encoding, Hello, Message, kind};

use super::super::CheckResult;
use super::basics::hello;
use super::member::{Delivered, Event, Member};
use crate::frame::{Frame, frame};
use crate::report::Finding;
use crate::target::Target;

/// What is said in the room, one message after the other.
const TEXTS: [&str; 3] = ["one", "two", "three"];
/// What is said after a member has returned.
const LAST_TEXT: &str = "four";
/// The messages of a page: fewer than all, so that there is more than one page.
const COUNT: u32 = 2;
/// 9999-12-31T23:59:59Z, the last date that can be written, in milliseconds since 1970.
const LAST_DATE: u64 = 253_402_300_799_000;

pub(super) async fn hub_history(target: &Target, name: &'static str) -> CheckResult {
    let hello = hello(target);
    let mut member = Member::join(target, name, "a member", &hello).await?;
    let begin = member.next_seq;
    // A hub without history says so before anything is said in the room.
    read_back(&mut member, begin, begin).await?;
    let mut next = begin;
    for text in TEXTS {
        member.post(0, Encoding::Ascii, text.as_bytes()).await;
        let said = member.find(|event| event.delivery().filter(|_| event.says(text)).map(|delivery| delivery.seq));
        next = said.await.map_err(|missing| missing.finding("DELIVERY"))?.saturating_add(1);
    }
    let kept = read_back(&mut member, begin, next).await?;
    let missed = returned(target, name, &mut member, &hello.with_resume(begin)).await?;
    member.peer.leave().await;
    kept.judge(begin, missed)
}

/// Reads page after page, back to the room's first number, `begin`. `next` is the number of the next message.
async fn read_back(member: &mut Member<'_>, begin: u64, next: u64) -> Result<Kept, Finding> {
    let (mut kept, mut before, mut at) = (Kept::default(), Query::NOW, next);
    loop {
        let page = ask(member, before).await?;
        at = kept.add(&page, begin, at).map_err(Finding::fails)?;
        if page.lost.is_some() {
            nothing_before(member, page.first().unwrap_or(before)).await?;
            return Ok(kept);
        }
        before = at;
    }
}

/// A page has begun with a GAP: nothing before its first number can be in another (R9.47).
async fn nothing_before(member: &mut Member<'_>, first: u64) -> Result<(), Finding> {
    match ask(member, first).await?.first() {
        None => Ok(()),
        Some(earlier) => Err(Finding::fails(format!(
            "a page begins with a GAP before number {first}, but the page before that number has message {earlier}"
        ))
        .named("a page says that nothing earlier is kept")
        .with_fix("begin a page with a GAP if, and only if, no earlier message can be in another answer (R9.47)")),
    }
}

/// The answer to one query.
async fn ask(member: &mut Member<'_>, before: u64) -> Result<Page, Finding> {
    const ID: u32 = 0x0708_090A;
    let query = Query { before, count: COUNT, text: None }.encode();
    member.peer.send(&frame(kind::REQUEST, Encoding::Binary, &[&ID.to_be_bytes()[..], &query].concat())).await;
    let answer = member.peer.wait(|frame| match frame.as_error().filter(|error| error.id == ID) {
        Some(error) if error.code == Code::POLICY => {
            Some(Err(Finding::not_applicable(format!("the hub offers no history: {error}"))))
        }
        Some(error) if error.code == Code::TRY_LATER => {
            Some(Err(Finding::warns(format!("the hub cannot read its history now: {error}"))
                .with_fix("look for the reason in the log of the hub, for example a disk that is full or fails")))
        }
        Some(error) => Some(Err(Finding::fails(format!("{error} answers the query for the last messages")))),
        None => Page::of(frame, ID),
    });
    answer.await.map_err(|missing| missing.finding("REPLY or ERROR for the query for the last messages"))?
}

/// Another member returns with that HELLO, and hears what is said next. Returns how many messages it has missed.
async fn returned(target: &Target, name: &'static str, first: &mut Member<'_>, hello: &Hello) -> Result<u64, Finding> {
    let after = hello.resume().unwrap_or(0);
    let mut member = Member::join(target, name, "a member that returns", hello).await?;
    first.post(0, Encoding::Ascii, LAST_TEXT.as_bytes()).await;
    let (mut at, mut missed) = (after.saturating_add(1), 0u64);
    let heard = member.peer.wait(|frame| {
        if let Some(error) = frame.as_error().filter(|error| error.code == Code::RESUME_REFUSED) {
            return Some(Err(format!("a resume after message {after} of a room with members is refused: {error}")));
        }
        if let Some(Message::Gap { missed: more }) = frame.message() {
            (at, missed) = (at.saturating_add(more), missed.saturating_add(more));
        }
        let delivery = delivered(frame).filter(|delivery| delivery.to == 0)?;
        if delivery.seq != at {
            let seq = delivery.seq;
            return Some(Err(format!("a resume after message {after} brings message {seq} where {at} is expected")));
        }
        at = at.saturating_add(1);
        (delivery.payload == LAST_TEXT.as_bytes()).then_some(Ok(()))
    });
    let heard = heard.await.map_err(|missing| missing.finding("the messages after a resume"))?;
    member.peer.leave().await;
    heard.map(|()| missed).map_err(Finding::fails)
}

fn delivered(frame: &Frame) -> Option<Delivered> {
    Event::of(frame).delivery().cloned()
}

/// A page.
#[derive(Debug)]
struct Page {
    /// The number in the GAP at its start.
    lost: Option<u64>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Message { seq: u64, time: u64 },
    Gap(u64),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Message { seq, .. } => write!(f, "message {seq}"),
            Entry::Gap(missed) => write!(f, "GAP {missed}"),
        }
    }
}

impl Page {
    /// The number of its first message.
    fn first(&self) -> Option<u64> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Message { seq, .. } => Some(*seq),
            Entry::Gap(_) => None,
        })
    }

    /// The page in the REPLY of that id; `None` for another frame.
    fn of(frame: &Frame, expected: u32) -> Option<Result<Page, Finding>> {
        let Message::Reply { id, payload } = frame.message()? else { return None };
        let page = history::Page::parse(payload).map_err(|error| Finding::fails(format!("REPLY: {error}")));
        (id.get() == expected).then(|| {
            page.map(|page| {
                let entries = page.entries().map(|entry| match entry {
                    history::Entry::Message(delivery) => Entry::Message { seq: delivery.seq, time: delivery.time },
                    history::Entry::Gap(missed) => Entry::Gap(missed),
                });
                Page { lost: page.lost_before(), entries: entries.collect() }
            })
        })
    }
}

/// What pages have of the room.
#[derive(Debug, Default)]
struct Kept {
    /// Number and time of each message, the latest first.
    messages: Vec<(u64, u64)>,
    pages: u32,
}

impl Kept {
    /// Adds the page before number `next` of a room whose first number is `begin`, and returns the number before which the
    /// next page ends. An error states how the page does not account for every number (R9.45 to R9.47).
    fn add(&mut self, page: &Page, begin: u64, next: u64) -> Result<u64, String> {
        let mut at = next;
        for entry in page.entries.iter().rev() {
            let (first, expected) = match *entry {
                Entry::Message { seq, .. } => (Some(seq), at.checked_sub(1)),
                Entry::Gap(missed) => (at.checked_sub(missed), at.checked_sub(missed)),
            };
            at = first.filter(|&first| first >= begin && Some(first) == expected).ok_or_else(|| {
                format!(
                    "{entry} is in a page before number {at}, but no GAP counts what is missing, or one counts more"
                )
            })?;
            if let Entry::Message { seq, time } = *entry {
                self.messages.push((seq, time));
            }
        }
        self.pages += 1;
        let older =
            at.checked_sub(begin).ok_or_else(|| format!("number {at} is before the room's first number, {begin}"))?;
        match page.lost {
            Some(lost) if lost == older => Ok(begin),
            Some(lost) => Err(format!("a page begins with GAP {lost}, but {older} older messages are not there")),
            None if at == next => Err("a page has no message, and no GAP at its start".into()),
            None if older == 0 => Err("a page begins with the room's first message, and not with GAP 0".into()),
            None => Ok(at),
        }
    }

    /// Judges what is kept, if a member that has returned has missed that many messages.
    fn judge(&self, after: u64, missed: u64) -> CheckResult {
        let (found, said) = (self.messages.len(), TEXTS.len());
        let Some(&(oldest, time)) = self.messages.last() else {
            return Ok(few(&format!("nothing is kept of {said} messages that have just been said")));
        };
        let since = format!("since {}", date(time));
        if found < said {
            return Ok(few(&format!("{found} of {said} messages that have just been said are kept, {since}")));
        }
        match missed {
            0 => Ok(Finding::ok(format!(
                "{found} messages are kept, {since}, and read in {} pages from {oldest} on; \
                 a resume after {after} continues without a hole",
                self.pages
            ))),
            missed => Err(Finding::fails(format!(
                "{found} messages are kept, {since}, but a resume after {after} brings GAP {missed}"
            ))),
        }
    }
}

/// Less is kept than a check says.
fn few(seen: &str) -> Finding {
    Finding::warns(seen).with_fix("let rooms keep more: members that return have missed what is not kept")
}

/// Milliseconds since 1970 as a date.
fn date(milliseconds: u64) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
    match time {
        Some(time) if milliseconds <= LAST_DATE => humantime::format_rfc3339_seconds(time).to_string(),
        _ => format!("{milliseconds} ms after 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;

    const BEGIN: u64 = 1024;

    fn page(lost: Option<u64>, numbers: impl IntoIterator<Item = u64>) -> Page {
        Page { lost, entries: numbers.into_iter().map(|seq| Entry::Message { seq, time: 0 }).collect() }
    }

    /// What is kept if pages say so, and how it is judged.
    fn judged(pages: &[Page], missed: u64) -> Result<Finding, String> {
        let (mut kept, mut at) = (Kept::default(), BEGIN + 3);
        for page in pages {
            at = kept.add(page, BEGIN, at)?;
        }
        Ok(kept.judge(BEGIN, missed).unwrap_or_else(|finding| finding))
    }

    // [R9.46] [R9.47]
    #[test]
    fn pages_account_for_every_number_however_few_messages_are_kept() {
        for (pages, found) in [
            (vec![page(Some(3), [])], "nothing is kept of 3 messages"),
            (
                vec![page(Some(2), [1026])],
                "1 of 3 messages that have just been said are kept, since 1970-01-01T00:00:00Z",
            ),
            (vec![page(Some(1), [1025, 1026])], "2 of 3 messages"),
            (vec![page(None, [1025, 1026]), page(Some(1), [])], "2 of 3 messages"),
        ] {
            let finding = judged(&pages, 1).unwrap();
            assert_eq!(finding.verdict, Verdict::Warns, "{pages:?}");
            assert!(finding.seen.starts_with(found), "{pages:?}: {}", finding.seen);
        }
        let all = [page(None, [1025, 1026]), page(Some(0), [1024])];
        let finding = judged(&all, 0).unwrap();
        assert!(finding.verdict == Verdict::Ok && finding.seen.contains("in 2 pages from 1024 on"), "{}", finding.seen);
        assert_eq!(judged(&all, 1).unwrap().verdict, Verdict::Fails, "a member that returns is told less");
    }

    // [R9.45] [R9.46] [R9.47]
    #[test]
    fn a_page_that_does_not_account_for_every_number_is_a_mistake() {
        let gap = |missed, seq| Page { lost: None, entries: vec![Entry::Gap(missed), Entry::Message { seq, time: 0 }] };
        for (wrong, why) in [
            (page(None, []), "no message, and no GAP"),
            (page(Some(0), []), "GAP 0, but 3 older messages"),
            (page(Some(9), [1026]), "GAP 9, but 2 older messages"),
            (page(None, [1024, 1025, 1026]), "not with GAP 0"),
            (page(Some(0), [1024, 1026]), "message 1024"),
            (page(Some(0), [1026, 1025]), "message 1025"),
            (page(None, [1027]), "message 1027"),
            (page(None, [u64::MAX]), "is in a page before number 1027"),
            (page(None, [0]), "message 0 "),
            (gap(u64::MAX, 1026), "GAP 18446744073709551615"),
            (gap(3, 1026), "GAP 3"),
        ] {
            let error = judged(&[wrong], 0).map(|finding| finding.seen).unwrap_err();
            assert!(error.contains(why), "{error}, not {why}");
        }
        let mut kept = Kept::default();
        assert_eq!(kept.add(&page(Some(0), []), BEGIN, BEGIN), Ok(BEGIN), "a room in which nothing was said");
        assert!(kept.add(&page(Some(0), [0]), 0, 0).is_err(), "a room whose numbers begin with 0");
        assert!(kept.add(&page(Some(0), []), 1000, 1).is_err(), "a message before the room's first number");
    }

    #[test]
    fn a_time_is_a_date_as_far_as_dates_go() {
        assert_eq!(date(LAST_DATE), "9999-12-31T23:59:59Z");
        assert_eq!(date(u64::MAX), "18446744073709551615 ms after 1970");
    }
}

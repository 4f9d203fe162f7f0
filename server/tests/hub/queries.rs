//! What members ask of the history of their room, as far as it is in memory.

mod terminals;

use bookend::history::{Entry, Page, Query};
use bookend::{Code, Encoding, Message, kind};
use bookend_server::{Config, Hub};

use crate::access::{tokens, with_token};
use crate::peer::{Peer, ReceivedFrame, config, frame, hello, hub, post, post_to};

const NOW: u64 = Query::NOW;

/// A REQUEST.
fn request(id: u32, query: Query<'_>) -> Vec<u8> {
    frame(kind::REQUEST, Encoding::Binary, &[&id.to_be_bytes()[..], &query.encode()].concat())
}

fn last(count: u32, before: u64) -> Query<'static> {
    Query { before, count, text: None }
}

fn search(text: &str) -> Query<'_> {
    Query { before: NOW, count: 50, text: Some(text) }
}

/// What the page in a REPLY says is lost before it, and its entries: the number and text of each message, or a gap.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    id: u32,
    lost: Option<u64>,
    entries: Vec<Result<(u64, String), u64>>,
}

impl Answer {
    fn of(frame: &ReceivedFrame) -> Answer {
        assert_eq!((frame.kind, frame.encoding), (kind::REPLY, Encoding::Binary), "{frame:?}");
        let Message::Reply { id, payload } = frame.message() else { panic!("{frame:?}") };
        let page = Page::parse(payload).unwrap();
        let entries = page.entries().map(|entry| match entry {
            Entry::Message(delivery) => {
                assert_eq!((delivery.to, delivery.name()), (0, "ann"));
                Ok((delivery.seq, delivery.payload.text().unwrap().into_owned()))
            }
            Entry::Gap(missed) => Err(missed),
        });
        Answer { id: id.get(), lost: page.lost_before(), entries: entries.collect() }
    }

    fn new(id: u32, lost: Option<u64>, messages: &[(u64, &str)]) -> Answer {
        let entries = messages.iter().map(|&(seq, text)| Ok((seq, text.to_owned()))).collect();
        Answer { id, lost, entries }
    }
}

impl Peer {
    async fn answer(&mut self) -> Answer {
        Answer::of(&self.frame().await)
    }

    async fn ask(&mut self, id: u32, query: Query<'_>) -> Answer {
        self.send(&request(id, query)).await;
        self.answer().await
    }
}

/// A member that has said these texts, and has received them.
async fn said(hub: &Hub, texts: &[&str]) -> Peer {
    let mut ann = Peer::join(hub, hello("ann")).await;
    for text in texts {
        ann.send(&post(text)).await;
        ann.frame().await.delivery();
    }
    ann
}

#[tokio::test(start_paused = true)]
async fn pages_go_back_to_the_first_message_without_a_seam() {
    // [R9.44] [R9.45] [R9.47]
    let hub = hub();
    let ann = said(&hub, &["one", "two", "three", "four", "five"]).await;
    let mut bob = Peer::connect(&hub);
    bob.greet(&hello("bob")).await;
    let next = bob.welcome().await.1;
    assert_eq!(bob.ask(1, last(2, next)).await, Answer::new(1, None, &[(4, "four"), (5, "five")]));
    assert_eq!(bob.ask(2, last(2, 4)).await, Answer::new(2, None, &[(2, "two"), (3, "three")]));
    assert_eq!(bob.ask(3, last(2, 2)).await, Answer::new(3, Some(0), &[(1, "one")]));
    assert_eq!(bob.ask(4, last(2, 1)).await, Answer::new(4, Some(0), &[]));
    assert_eq!(bob.ask(5, last(u32::MAX, NOW)).await.entries.len(), 5);
    drop(ann);
}

#[tokio::test(start_paused = true)]
async fn a_page_has_at_most_as_many_messages_as_the_setting_says() {
    // [R9.45]
    let hub = Hub::new(Config { history_page: 2, ..config() });
    let mut ann = said(&hub, &["one", "two", "three"]).await;
    assert_eq!(ann.ask(1, last(50, NOW)).await, Answer::new(1, None, &[(2, "two"), (3, "three")]));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_in_memory_is_counted() {
    // [R9.47]
    let hub = Hub::new(Config { log_bytes: 4 << 10, ..config() });
    let long = "x".repeat(1000);
    let mut ann = said(&hub, &[&*long; 20]).await;
    let Answer { lost, entries, .. } = ann.ask(1, last(50, NOW)).await;
    let lost = lost.unwrap();
    assert!((17..20).contains(&lost), "{lost}");
    assert_eq!(entries.len() as u64 + lost, 20);
    assert_eq!(entries[0].as_ref().unwrap().0, lost + 1);
    let before = ann.ask(2, last(50, lost + 1)).await;
    assert_eq!(before, Answer::new(2, Some(lost), &[]), "the first GAP counts what is before the page, and `before`");
}

#[tokio::test(start_paused = true)]
async fn a_search_finds_a_text_in_any_case_and_encoding() {
    // [R9.44] [R9.47]
    let hub = hub();
    let mut ann = said(&hub, &["Tea at NOON", "no", "noon?"]).await;
    let utf16: Vec<u8> = "Ärger".encode_utf16().flat_map(u16::to_le_bytes).collect();
    ann.send(&post_to(0, Encoding::Utf16Le, &utf16)).await;
    ann.frame().await.delivery();
    ann.send(&post_to(0, Encoding::Binary, b"noon")).await;
    ann.frame().await.delivery();
    assert_eq!(ann.ask(1, search("Noon")).await, Answer::new(1, Some(0), &[(1, "Tea at NOON"), (3, "noon?")]));
    assert_eq!(ann.ask(2, search("äR")).await, Answer::new(2, Some(0), &[(4, "Ärger")]));
    assert_eq!(ann.ask(3, search("midnight")).await, Answer::new(3, Some(0), &[]));
    let first = Query { before: NOW, count: 1, text: Some("noon") };
    assert_eq!(ann.ask(4, first).await, Answer::new(4, None, &[(3, "noon?")]));
}

#[tokio::test(start_paused = true)]
async fn a_member_with_short_bodies_is_sent_gaps_for_what_is_too_long() {
    // [R9.14] [R9.46]
    let hub = hub();
    let long = "x".repeat(2000);
    let half = "y".repeat(500);
    let _ann = said(&hub, &["one", &long, &half, &long, &half, &long]).await;
    let mut bob = Peer::join(&hub, hello("bob").with_max_body(1024)).await;
    let page = bob.ask(1, last(50, NOW)).await;
    assert_eq!(page, Answer { id: 1, lost: None, entries: vec![Ok((5, half.clone())), Err(1)] });
    let page = bob.ask(2, last(50, 5)).await;
    assert_eq!(
        page,
        Answer { id: 2, lost: Some(0), entries: vec![Ok((1, "one".into())), Err(1), Ok((3, half)), Err(1)] }
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_is_in_the_encoding_of_the_member() {
    // [R9.12] [R9.45]
    let hub = hub();
    let _ann = said(&hub, &["grüß"]).await;
    for preferred in [Encoding::Utf16Le, Encoding::Ascii] {
        let mut bob = Peer::join(&hub, hello("bob").with_preferred(preferred)).await;
        bob.send(&request(1, last(1, NOW))).await;
        let frame = bob.frame().await;
        let Message::Reply { payload, .. } = frame.message() else { panic!("{frame:?}") };
        let Some(Entry::Message(delivery)) = Page::parse(payload).unwrap().entries().next() else { panic!() };
        assert_eq!(delivery.payload.encoding(), preferred);
        let text = if preferred == Encoding::Ascii { "gr\\u{fc}\\u{df}" } else { "grüß" };
        assert_eq!(delivery.payload.text().unwrap(), text);
        bob.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn queries_are_answered_in_order_and_a_cancelled_one_once() {
    // [R3.12] [R3.23] [R9.44]
    let hub = hub();
    let mut ann = said(&hub, &["one", "two"]).await;
    let cancel = frame(kind::CANCEL, Encoding::Binary, b"\0\0\0\x02");
    let asked = [request(1, last(1, NOW)), request(2, last(1, 2)), request(3, search("t")), cancel, post("three")];
    ann.send(&asked.concat()).await;
    let mut frames = Vec::new();
    for _ in 0..4 {
        frames.push(ann.frame().await);
    }
    let delivered = frames.iter().position(|frame| frame.kind == kind::DELIVERY).unwrap();
    assert_eq!(frames.remove(delivered).seq_and_text(), (3, "three".into()));
    let refused = frames.iter().position(|frame| frame.kind == kind::ERROR).unwrap();
    assert_eq!(frames.remove(refused).error(), (2, 4, Code::CANCELLED));
    let answers: Vec<_> = frames.iter().map(|frame| Answer::of(frame).id).collect();
    assert_eq!(answers, [1, 3]);
    ann.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn more_queries_than_permitted_are_refused() {
    // [R3.16]
    let hub = Hub::new(Config { requests: 2, ..config() });
    let mut ann = said(&hub, &["one"]).await;
    ann.send(&[1, 2, 3].map(|id| request(id, last(1, NOW))).concat()).await;
    let frames = [ann.frame().await, ann.frame().await, ann.frame().await];
    let refused: Vec<_> = frames.iter().filter(|frame| frame.kind == kind::ERROR).map(ReceivedFrame::error).collect();
    assert_eq!(refused, [(3, 4, Code::TRY_LATER)]);
}

#[tokio::test(start_paused = true)]
async fn other_requests_and_those_of_a_member_that_may_not_read_are_refused() {
    // [R9.48]
    let hub = hub();
    let mut ann = said(&hub, &["one"]).await;
    for payload in [&b""[..], b"\x01", b"\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\x01"] {
        ann.send(&frame(kind::REQUEST, Encoding::Binary, &[b"\0\0\0\x01", payload].concat())).await;
        assert_eq!(ann.frame().await.error().2, Code::POLICY);
    }
    let body = [&b"\0\0\0\x01"[..], &last(1, NOW).encode()].concat();
    ann.send(&frame(kind::REQUEST, Encoding::Ascii, &body[..4])).await;
    assert_eq!(ann.frame().await.error().2, Code::POLICY);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_may_not_read_is_shown_nothing_of_what_was_said() {
    // [R9.30] [R9.48]
    let access = tokens(&[("both", "'*'", "['read', 'write']"), ("mouth", "'*'", "['write']")]);
    let hub = Hub::new(Config { access, recent: 10, ..config() });
    let mut ann = Peer::join(&hub, with_token("ann", "both")).await;
    ann.send(&post("secret")).await;
    ann.frame().await;
    let mut mouth = Peer::join(&hub, with_token("mouth", "mouth")).await;
    for query in [last(1, NOW), search("secret")] {
        mouth.send(&request(1, query)).await;
        assert_eq!(mouth.frame().await.error(), (1, u32::from(query.text.is_some()) + 1, Code::POLICY));
    }
    let mut person = Peer::connect(&hub);
    person.line().await;
    person.send(b"/token mouth\r\n/last\r\n/search secret\r\n").await;
    assert!(person.line().await.starts_with("* you are guest-"));
    for _ in 0..2 {
        assert_eq!(person.line().await, "! policy: no right to read here");
    }
    person.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_search_through_much_finds_the_oldest_message() {
    // [R9.44]
    let hub = hub();
    let long = "x".repeat(100_000);
    let mut texts = vec!["needle"];
    texts.resize(31, &long);
    let mut ann = said(&hub, &texts).await;
    assert_eq!(ann.ask(1, search("NEEDLE")).await, Answer::new(1, Some(0), &[(1, "needle")]));
}

#[tokio::test(start_paused = true)]
async fn a_page_ends_before_more_than_a_reply_may_have_and_the_next_one_goes_on() {
    // [R9.45]
    let hub = hub();
    let long = "x".repeat(100_000);
    let mut ann = said(&hub, &[&*long; 9]).await;
    let (mut before, mut found) = (NOW, 0);
    loop {
        let Answer { lost, entries, .. } = ann.ask(1, last(50, before)).await;
        assert!((1..=2).contains(&entries.len()), "{}", entries.len());
        found += entries.len();
        before = entries[0].as_ref().unwrap().0;
        if lost.is_some() {
            break;
        }
    }
    assert_eq!(found, 9);
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_changes_its_room_asks_of_the_new_one() {
    let hub = Hub::new(Config { recent: 1, ..config() });
    let _ann = said(&hub, &["one"]).await;
    let mut bob = Peer::join(&hub, hello("ann").with_room("other").unwrap()).await;
    bob.send(&post("two")).await;
    bob.frame().await;
    let mut person = Peer::terminal(&hub).await;
    assert!(person.line().await.ends_with(" ann: one"));
    person.send(b"/last\r\n/join other\r\n/last\r\n/last\r\n").await;
    for end in [
        "* nothing older is kept",
        " ann: one",
        ". Type a line to say it, /help for more, /quit to leave.",
        " ann: two",
        "* nothing older is kept",
        " ann: two",
        "* nothing older is kept",
        " ann: two",
    ] {
        let line = person.line().await;
        assert!(line.ends_with(end), "{line}");
    }
    person.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_the_hub_profile_may_ask_too() {
    let hub = hub();
    let _ann = said(&hub, &["one"]).await;
    let mut plain = Peer::connect(&hub);
    plain.greet(&bookend::Hello::new().with_keepalive(0)).await;
    plain.send(&request(1, last(1, NOW))).await;
    assert_eq!(plain.answer().await, Answer::new(1, Some(0), &[(1, "one")]));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_after_its_question_ends_without_the_answer() {
    let hub = hub();
    let mut ann = said(&hub, &["one"]).await;
    ann.send(&[request(1, last(1, NOW)), b"\xF5\xF8\x7F\x00\x00\x00\x00\x00XX".to_vec()].concat()).await;
    let mut frame = ann.frame().await;
    while frame.kind != kind::CLOSE {
        frame = ann.frame().await;
    }
    assert_eq!(frame.close().0, Code::BAD_END);
}

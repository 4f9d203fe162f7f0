use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Weak};
use std::task::{Wake, Waker};

use bookend::history::{Entry, Page as Parsed};
use bookend::{Encodings, Payload, Text};

use super::*;
use crate::block::{Event, Payloads};
use crate::counters::Counters;
use crate::lock::lock;
use crate::memory::Memory;
use crate::rendition::{StoredPayload, TextPreference};
use crate::room::{Numbers, RoomOptions};
use crate::source::Source as Network;
use crate::store::{Opened, Position, RoomId, Store, StoreCensus, Written};

const FIRST: u64 = 1024;
const ID: RoomId = RoomId(7);

/// A store of one room that reads one block at a time.
#[derive(Debug, Default)]
struct Fake {
    blocks: Mutex<Vec<Arc<Block>>>,
    /// Reads that have not been answered, if they have to wait.
    waiting: Mutex<Option<Vec<oneshot::Sender<StoreRead>>>>,
    reads: AtomicUsize,
    /// What was searched for.
    texts: Mutex<Vec<Arc<Pattern>>>,
    /// It answers each read with nothing, although it has more.
    is_stuck: bool,
}

impl Fake {
    /// The last block before that number with a message that matches, and the numbers of those.
    fn find(&self, before: u64, pattern: Option<&Pattern>) -> StoreRead {
        let matches = |payload: StoredPayload<'_>| pattern.is_none_or(|text| text.is_in(&payload.to_str()));
        let mut hits = Vec::new();
        for block in lock(&self.blocks).iter() {
            let payloads = block.said().unwrap().payloads.iter();
            let seqs = (block.first_seq()..).zip(payloads).filter(|&(seq, payload)| seq < before && matches(payload));
            let found: Vec<u64> = seqs.map(|(seq, _)| seq).collect();
            if !found.is_empty() {
                hits.push((block.clone(), found));
            }
        }
        let Some((block, found)) = hits.pop().filter(|_| !self.is_stuck) else {
            return StoreRead { is_end: !self.is_stuck, ..StoreRead::default() };
        };
        let found = if pattern.is_some() { found } else { Vec::new() };
        StoreRead { blocks: vec![block], found, is_end: hits.is_empty() }
    }

    fn hold(&self) {
        *lock(&self.waiting) = Some(Vec::new());
    }

    /// Answers the oldest read that waits with nothing.
    fn release(&self) {
        let sender = lock(&self.waiting).as_mut().unwrap().remove(0);
        sender.send(StoreRead { is_end: true, ..StoreRead::default() }).unwrap();
    }
}

impl Store for Fake {
    fn open(&self, _: &str, _: u64) -> Option<Opened> {
        None
    }
    fn append(&self, _: RoomId, _: &Arc<Block>, _: &Weak<dyn Written>) -> Position {
        0
    }
    fn has_space(&self, _: RoomId) -> bool {
        true
    }
    fn refusal(&self) -> Option<&'static str> {
        None
    }
    fn synced(&self) -> Position {
        0
    }
    fn wake_when_synced(&self, _: Position, _: &Arc<Waker>) {}
    fn read(&self, id: RoomId, query: StoreQuery) -> oneshot::Receiver<StoreRead> {
        assert_eq!(id, ID);
        self.reads.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        let read = match query {
            StoreQuery::Before { before, count: 1.., bytes: 1.. } => self.find(before, None),
            StoreQuery::Search { before, count: 1.., bytes: 1.., text } => {
                let texts = &mut *lock(&self.texts);
                texts.push(text.clone());
                self.find(before, Some(&text))
            }
            other => panic!("{other:?}"),
        };
        match &mut *lock(&self.waiting) {
            Some(waiting) => waiting.push(sender),
            None => sender.send(read).unwrap(),
        }
        receiver
    }
    fn census(&self, _: RoomId) -> StoreCensus {
        StoreCensus::default()
    }
    fn close(&self) -> oneshot::Receiver<()> {
        oneshot::channel().1
    }
}

/// A room of which the first texts are in the store only, and the others in memory.
fn room(store: &Arc<Fake>, stored: &[&[&str]], in_memory: &[&[&str]]) -> Arc<Room> {
    let opened = Opened { id: ID, first_seq: FIRST, next_seq: FIRST };
    let options = RoomOptions {
        log_bytes: 8 << 20,
        crowd: 9,
        numbers: Numbers::Kept(store.clone(), opened),
        owner: Network::Unknown,
        counters: Arc::new(Counters::default()),
        memory: Arc::new(Memory::new(8 << 20)),
    };
    let room = Arc::new(Room::new("lobby", options));
    let publish = |texts: &&[&str]| {
        let mut payloads = Payloads::default();
        texts.iter().for_each(|text| payloads.push(Payload::Text(Text::utf8(text))));
        room.publish(Event::Messages { from: 1, name: Arc::from("ann"), time: 0, payloads });
        room.written(room.next_seq());
    };
    stored.iter().for_each(publish);
    *lock(&store.blocks) = room.last_in_memory(u64::MAX, u64::MAX).blocks;
    room.shorten(usize::MAX);
    in_memory.iter().for_each(publish);
    room
}

fn query(asker: Asker, before: u64, count: usize, text: Option<&str>) -> Query {
    let preference = TextPreference { preferred: Encoding::Utf8, accepted: Encodings::ALL };
    let form = Form::Frames { preference, max_body: 1 << 20 };
    Query { asker, before, count, text: text.map(Into::into), form, after: 0 }
}

fn request(id: u32) -> Asker {
    Asker::Request(NonZeroU32::new(id).unwrap())
}

#[derive(Debug, Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Goes on until there is an answer, or the store has to read.
fn answer(queries: &mut Queries, room: &Room, waker: &Waker) -> Option<Answer> {
    for _ in 0..1000 {
        match queries.poll(room, usize::MAX, &mut Context::from_waker(waker)) {
            Poll::Pending => return None,
            Poll::Ready(Progress::Answer(answer)) => return Some(answer),
            Poll::Ready(Progress::Work(_)) => {}
        }
    }
    panic!("there is no end")
}

/// The page that answers one query: what is lost before it, and its messages. It has no gaps.
fn page(room: &Room, before: u64, count: usize, text: Option<&str>) -> (Option<u64>, Vec<(u64, String)>) {
    let mut queries = Queries::default();
    queries.push(query(request(1), before, count, text));
    let Some(Answer { page: Ok(rendered), .. }) = answer(&mut queries, room, Waker::noop()) else { panic!() };
    assert!(queries.is_empty());
    let page = Parsed::parse(Payload::Binary(&rendered.bytes)).unwrap();
    let messages = page.entries().map(|entry| match entry {
        Entry::Message(delivery) => (delivery.seq - FIRST, delivery.payload.text().unwrap().into_owned()),
        Entry::Gap(missed) => panic!("GAP {missed}"),
    });
    (page.lost_before(), messages.collect())
}

const STORED: [&[&str]; 3] = [&["a0", "b1"], &["a2"], &["b3", "a4", "b5"]];
const IN_MEMORY: [&[&str]; 2] = [&["a6", "b7"], &["a8"]];

#[test]
fn pages_have_no_seam_between_memory_and_the_store() {
    // [R9.44] [R9.47]
    let store = Arc::default();
    let room = room(&store, &STORED, &IN_MEMORY);
    let all: Vec<_> = [&STORED[..], &IN_MEMORY].concat().concat().into_iter().map(str::to_owned).zip(0..).collect();
    for count in 1..=10 {
        let (mut before, mut found) = (u64::MAX, Vec::new());
        loop {
            let (lost, messages) = page(&room, before, count, None);
            before = messages.first().map_or(FIRST, |(seq, _)| FIRST + seq);
            found.extend(messages.into_iter().rev());
            if let Some(lost) = lost {
                assert_eq!(lost, 0);
                break;
            }
        }
        found.reverse();
        assert_eq!(found, all.iter().cloned().map(|(text, seq)| (seq, text)).collect::<Vec<_>>(), "{count} at a time");
    }
}

#[test]
fn a_search_has_no_seam_between_memory_and_the_store() {
    // [R9.44] [R9.47]
    let store = Arc::default();
    let room = room(&store, &STORED, &IN_MEMORY);
    let texts = |(lost, messages): (Option<u64>, Vec<(u64, String)>)| {
        (lost, messages.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(texts(page(&room, u64::MAX, 9, Some("B"))), (Some(0), "b1 b3 b5 b7".into()));
    assert_eq!(texts(page(&room, u64::MAX, 2, Some("B"))), (None, "b5 b7".into()));
    assert_eq!(texts(page(&room, FIRST + 5, 2, Some("B"))), (Some(0), "b1 b3".into()));
    assert_eq!(texts(page(&room, u64::MAX, 2, Some("c"))), (Some(0), String::new()));
}

#[test]
fn the_store_is_asked_only_for_what_is_not_in_memory() {
    let store = Arc::new(Fake::default());
    let room = room(&store, &STORED, &IN_MEMORY);
    assert_eq!(page(&room, u64::MAX, 2, None).1.len(), 2);
    assert_eq!(store.reads.load(Ordering::Relaxed), 0);
    assert_eq!(page(&room, u64::MAX, 4, None).1.len(), 4);
    assert_eq!(store.reads.load(Ordering::Relaxed), 1);
}

#[test]
fn queries_wait_in_order_for_the_store_which_wakes_the_connection() {
    let store = Arc::new(Fake::default());
    let room = room(&store, &STORED, &[]);
    store.hold();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut queries = Queries::default();
    for id in 1..=3 {
        queries.push(query(request(id), u64::MAX, 5, None));
    }
    assert!(answer(&mut queries, &room, &waker).is_none());
    assert_eq!((store.reads.load(Ordering::Relaxed), woken.0.load(Ordering::Relaxed)), (1, 0), "one read at a time");
    store.release();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(answer(&mut queries, &room, &waker).unwrap().asker, request(1));
    assert!(answer(&mut queries, &room, &waker).is_none());
    queries.cancel(request(2)); // it is being read
    assert!(answer(&mut queries, &room, &waker).is_none());
    store.waiting.lock().unwrap().as_mut().unwrap().remove(0);
    store.release();
    assert_eq!(answer(&mut queries, &room, &waker).unwrap().asker, request(3));
    assert!(queries.is_empty());
}

#[test]
fn a_store_that_fails_or_brings_nothing_new_ends_the_query_with_an_error() {
    for is_stuck in [false, true] {
        let store = Arc::new(Fake { is_stuck, ..Fake::default() });
        let room = room(&store, &STORED, &IN_MEMORY);
        let mut queries = Queries::default();
        for text in [None, Some("b")] {
            if !is_stuck {
                store.hold();
            }
            queries.push(query(request(1), u64::MAX, 5, text));
            let mut answered = answer(&mut queries, &room, Waker::noop());
            if !is_stuck {
                *lock(&store.waiting) = None;
                answered = answer(&mut queries, &room, Waker::noop());
            }
            assert_eq!(answered.unwrap().page.unwrap_err(), Unreadable);
        }
    }
}

#[test]
fn events_wait_while_a_newcomer_waits_for_what_was_said_before() {
    let store = Arc::new(Fake::default());
    let room = room(&store, &STORED, &[]);
    store.hold();
    let mut queries = Queries::default();
    queries.push(query(request(1), u64::MAX, 5, None));
    assert!(!queries.hold_events());
    queries.cancel(request(1));
    queries.push(query(Asker::Newcomer, u64::MAX, 5, None));
    assert!(queries.hold_events());
    assert!(answer(&mut queries, &room, Waker::noop()).is_none());
    assert!(queries.hold_events());
    store.release();
    let rendered = answer(&mut queries, &room, Waker::noop()).unwrap().page.unwrap();
    assert!(rendered.bytes.is_empty(), "a newcomer has not asked what is lost");
    assert!(!queries.hold_events());
}

#[test]
fn a_search_has_one_text_however_often_the_store_is_asked() {
    // [R9.44]
    let store = Arc::<Fake>::default();
    let room = room(&store, &STORED, &IN_MEMORY);
    let (_, found) = page(&room, u64::MAX, 9, Some("A"));
    assert_eq!(found.len(), 5);
    let texts = lock(&store.texts);
    assert!(texts.len() > 1 && texts.iter().all(|text| Arc::ptr_eq(text, &texts[0])), "{}", texts.len());
}

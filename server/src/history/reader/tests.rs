//! Tests of the threads that read.

use bookend::Encoding;
use tokio::sync::oneshot::Receiver;

use super::*;
use crate::history::sample::{self, Folder};
use crate::matching::Pattern;

fn search(text: &str) -> StoreQuery {
    search_for(&Arc::new(Pattern::new(text)))
}

fn search_for(text: &Arc<Pattern>) -> StoreQuery {
    StoreQuery::Search { before: u64::MAX, count: 10, bytes: 1 << 20, text: text.clone() }
}

/// [R9.44] The hub's tasks do not wait for it.
#[test]
fn a_text_is_compiled_by_the_thread_that_searches() {
    let folder = Folder::new();
    let connection = sample::create(&folder.file());
    sample::fill(&connection, 1, 10, 8);
    let readers = Readers::start(&folder.file(), 1, Arc::default()).unwrap();
    let (paused, text) = (readers.pause(), Arc::new(Pattern::new("x")));
    let found = readers.read(RoomId(1), search_for(&text));
    assert!(!text.is_compiled());
    drop(paused);
    assert_eq!(found.blocking_recv().unwrap().found.len(), 10);
    assert!(text.is_compiled());
}

fn request() -> (Request, Receiver<StoreRead>) {
    let (answer, receiver) = oneshot::channel();
    (Request { work: Work::From { from: 0, bytes: 0 }, answer }, receiver)
}

#[test]
fn rooms_take_turns_however_many_requests_one_has() {
    let mut state = State::default();
    for room in [1, 1, 1, 2, 1, 3] {
        state.add(RoomId(room), request().0);
    }
    let turns: Vec<u64> = std::iter::from_fn(|| state.take()).map(|(room, _)| room.0).collect();
    assert_eq!(turns, [1, 2, 3, 1, 1, 1]);
    assert!(state.requests.is_empty() && state.turns.is_empty());
}

#[test]
fn requests_that_were_cancelled_are_forgotten_while_nothing_is_read() {
    let mut state = State::default();
    let (kept, mut receivers): (Vec<_>, Vec<_>) = (0..100).map(|_| request()).unzip();
    for (number, request) in kept.into_iter().enumerate() {
        state.add(RoomId(number as u64 % 7), request);
        for room in 0..10 {
            state.add(RoomId(room), self::request().0); // its receiver is dropped
        }
    }
    assert!(state.count <= 2 * 100 + FEW, "{}", state.count);
    while let Some((_, request)) = state.take() {
        let _ = request.answer.send(StoreRead::default());
    }
    assert_eq!((state.count, state.requests.len(), state.turns.len()), (0, 0, 0));
    assert!(receivers.iter_mut().all(|receiver| receiver.try_recv().is_ok()), "all others are answered");
}

#[test]
fn all_queries_are_answered_and_readers_pause() {
    let folder = Folder::new();
    let connection = sample::create(&folder.file());
    let next = sample::fill(&connection, 1, 100, 64);
    let readers = Readers::start(&folder.file(), 2, Arc::default()).unwrap();
    let from = readers.read(RoomId(1), StoreQuery::From { from: 6400, bytes: 1 });
    assert_eq!(from.blocking_recv().unwrap().blocks[0].first_seq(), 6337);
    let before = readers.read(RoomId(1), StoreQuery::Before { before: next, count: 70, bytes: 1 << 20 });
    assert_eq!(before.blocking_recv().unwrap().blocks.len(), 2);
    let found = readers.read(RoomId(1), search("X")).blocking_recv().unwrap();
    assert_eq!(found.found, (6391..=6400).collect::<Vec<u64>>());
    let paused = readers.pause();
    assert_eq!(lock(&readers.shared.state).open, 0);
    let mut waiting = readers.read(RoomId(1), search("y"));
    assert!(waiting.try_recv().is_err(), "nothing is read in a pause");
    drop(paused);
    assert!(waiting.blocking_recv().unwrap().is_end);
}

#[test]
fn a_file_that_cannot_be_read_fails_the_request_and_closing_fails_the_rest() {
    let folder = Folder::new();
    std::fs::write(folder.file(), "no database ".repeat(1000)).unwrap();
    let readers = Readers::start(&folder.file(), 1, Arc::default()).unwrap();
    assert!(readers.read(RoomId(1), search("x")).blocking_recv().is_err());
    std::mem::forget(readers.pause());
    let waiting = readers.read(RoomId(1), search("x"));
    drop(readers);
    assert!(waiting.blocking_recv().is_err());
}

#[test]
fn pages_have_no_holes_while_another_connection_writes_and_trims() {
    let folder = Folder::new();
    let connection = sample::create(&folder.file());
    let mut next = sample::fill(&connection, 1, 200, 8);
    sample::add_room(&connection, 1, "lobby", next);
    let readers = Readers::start(&folder.file(), 2, Arc::default()).unwrap();
    let mut first = 1;
    for round in 0..200 {
        let pending = [
            readers.read(RoomId(1), StoreQuery::From { from: next - 400, bytes: 1 << 20 }),
            readers.read(RoomId(1), StoreQuery::Before { before: u64::MAX, count: 400, bytes: 1 << 20 }),
            readers.read(RoomId(1), StoreQuery::Before { before: u64::MAX, count: usize::MAX, bytes: 1 << 20 }),
        ];
        let transaction = connection.unchecked_transaction().unwrap();
        let speech = ("ann".to_owned(), vec![(Encoding::Utf8, b"x".to_vec()); 8]);
        sample::add_row(&transaction, 1, next, round, &[speech]);
        next += 8;
        let sql = "DELETE FROM block WHERE rowid = (SELECT rowid FROM block WHERE room = 1 ORDER BY first LIMIT 1)";
        transaction.execute(sql, []).unwrap();
        transaction.commit().unwrap();
        for (receiver, is_whole) in pending.into_iter().zip([false, false, true]) {
            let read = receiver.blocking_recv().unwrap();
            let seen: Vec<u64> = sample::told(1, &read).iter().map(|told| told.seq).collect();
            assert!(seen.windows(2).all(|pair| pair[0] + 1 == pair[1]), "a hole in {seen:?}");
            assert!([next, next - 8].contains(&(seen[seen.len() - 1] + 1)), "it ends at the end");
            let is_one_state =
                read.is_end && [(first, next - 8), (first + 8, next)].contains(&(seen[0], seen[seen.len() - 1] + 1));
            assert!(!is_whole || is_one_state, "one state of the file");
        }
        first += 8;
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
    }
    assert_eq!(lock(&readers.shared.state).requests.len(), 0);
}

/// Measures: `cargo test --release -p bookend-server --lib history::reader -- --ignored --nocapture`.
#[test]
#[ignore = "it measures, on a file of 1 GB"]
fn speed_with_ten_million_messages() {
    use std::time::Instant;
    let folder = Folder::new();
    let mut connection = sample::create(&folder.file());
    let mut next = 1;
    for _ in 0..100 {
        let transaction = connection.transaction().unwrap();
        for _ in 0..1563 {
            let text = |seq: u64| format!("message {seq:>10} of a room in which people talk, 64 bytes lo").into_bytes();
            let mut said: Vec<_> = (next..next + 64).map(|seq| (Encoding::Utf8, text(seq))).collect();
            if next == 1 {
                said[0].1 = b"the needle".to_vec();
            }
            sample::add_row(&transaction, 1, next, next, &[("ann".into(), said)]);
            next += 64;
        }
        transaction.commit().unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }
    sample::add_room(&connection, 1, "lobby", next);
    let readers = Readers::start(&folder.file(), 1, Arc::default()).unwrap();
    let timed = |query: StoreQuery| {
        let start = Instant::now();
        let read = readers.read(RoomId(1), query).blocking_recv().unwrap();
        (start.elapsed(), read)
    };
    let page = |before| StoreQuery::Before { before, count: 200, bytes: 1 << 20 };
    println!("first page, with opening: {:?}", timed(page(next)).0);
    let mut times: Vec<_> = (0..2000).map(|at| timed(page(1 + at * 7_919_017 % next)).0).collect();
    times.sort_unstable();
    println!("page of 200: p50 {:?}, p99 {:?}", times[1000], times[1980]);
    for text in ["NEEDLE", "people", "no such word"] {
        let (time, read) = timed(search(text));
        println!("search for {text:?}: {time:?}, {} found", read.found.len());
    }
    let (start, mut from) = (Instant::now(), 0);
    while from < next {
        let (_, read) = timed(StoreQuery::From { from, bytes: 128 << 10 });
        from = read.blocks.last().map(|block| block.first_seq() + block.messages()).unwrap();
    }
    println!("from the first to the last: {:.1} M messages/s", next as f64 / start.elapsed().as_secs_f64() / 1e6);
}

//! What a reader returns of rooms with holes, in pages of any length.

use bookend::{Delivery, Hello, Payload};
use bookend_client::{Client, Options};
use bookend_testing::HANG_TIMEOUT;
use bookend_testing::hub::{History, Hub, memory};
use proptest::prelude::*;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

/// A client in the room of a hub, which says how often it was asked.
async fn joined(history: &History) -> (Client, JoinHandle<usize>) {
    let (dialler, mut hubs) = memory();
    let history = history.clone();
    let hub = tokio::spawn(async move {
        let mut hub = Hub::with_history(hubs.recv().await.unwrap(), history).await;
        hub.rest().await;
        hub.history.unwrap().asked
    });
    (Client::connect(Options::new(dialler, Hello::new().with_hub(true))).await.unwrap(), hub)
}

/// The numbers of the messages, `-n` for a gap of n, and how often the hub was asked.
///
/// Skipped numbers are `-n`, too.
async fn read(history: History, start: Start, until: Option<Moment>) -> (Vec<i64>, usize) {
    let (client, hub) = joined(&history).await;
    let sender = client.sender();
    let mut reader = Reader::new(&sender, start, history.next_seq).await.unwrap();
    if let Some(until) = until {
        reader.until(until).await.unwrap();
    }
    let (mut shape, mut next) = (Vec::new(), None);
    while let Some(events) = reader.next().await.unwrap() {
        for event in events {
            let (first, count, shown) = match event {
                Event::Message(incoming) => (numbers(&incoming).0, 1, i64::try_from(numbers(&incoming).0).unwrap()),
                Event::Missed(Missed::Gap { first, count } | Missed::Skipped { first, count }) => {
                    (first, count, -i64::try_from(count).unwrap())
                }
                other => panic!("{other:?}"),
            };
            assert!(next.is_none_or(|next| next == first), "{first} follows {next:?}");
            next = Some(first + count);
            shape.push(shown);
        }
    }
    client.close().await;
    (shape, hub.await.unwrap())
}

const ALL: Start = Start::Since(Since::All);

fn after(number: u64) -> Start {
    Start::Since(Since::Moment(Moment::Number(number)))
}

fn from_time(seconds: u64) -> Start {
    Start::Since(Since::Moment(Moment::Time(seconds * 1000)))
}

#[tokio::test]
async fn everything_is_read_once_in_order_in_pages_of_any_length() {
    let all: Vec<i64> = (1..=700).collect();
    for page in [1, 3, 100, 5000] {
        let (shape, _) = read(History { page, ..History::of(1..=700) }, ALL, None).await;
        assert_eq!(shape, all, "{page}");
    }
}

#[tokio::test]
async fn what_is_missing_is_told_where_it_is_missing() {
    for page in [1, 2, 100] {
        let history = || History { page, next_seq: 2013, ..History::of([3, 4, 8, 9, 2000, 2010]) };
        let whole = [-2, 3, 4, -3, 8, 9, -1990, 2000, -9, 2010, -2];
        assert_eq!(read(history(), ALL, None).await.0, whole, "{page}");
        assert_eq!(read(history(), after(4), None).await.0, whole[3..], "{page}");
        assert_eq!(read(history(), after(6), None).await.0, [&[-1], &whole[4..]].concat(), "{page}");
        assert_eq!(read(history(), after(10), None).await.0, [&[-1989], &whole[7..]].concat(), "{page}");
        assert_eq!(read(history(), after(2010), None).await.0, [-2], "{page}");
        assert_eq!(read(history(), after(2012), None).await.0, [0; 0], "{page}");
        assert_eq!(read(history(), after(9), Some(Moment::Number(2005))).await.0, [-1990, 2000, -5], "{page}");
    }
    assert_eq!(read(History { next_seq: 6, ..History::of([]) }, ALL, None).await.0, [-5]);
    assert_eq!(read(History::of([]), ALL, None).await.0, [0; 0]);
}

#[tokio::test]
async fn times_and_counts_are_found() {
    let history = || History { next_seq: 502, ..History::of((100..=400).chain([500])) };
    for (start, expected) in [
        (from_time(0), &[-99, 100][..]),
        (from_time(100), &[-99, 100]),
        (from_time(101), &[101]),
        (from_time(250), &[250]),
        (from_time(401), &[-99, 500]), // they may be of that time
        (Start::Last(1), &[500]),
        (Start::Last(2), &[400]),
        (Start::Last(302), &[100]),
        (Start::Last(303), &[100]),
    ] {
        let (shape, _) = read(history(), start, None).await;
        assert_eq!(shape[..expected.len()], *expected, "{start:?}");
        assert_eq!(shape[shape.len() - 2..], [500, -1], "{start:?}");
    }
    assert_eq!(read(history(), from_time(501), None).await.0, [-1]);
    assert_eq!(read(History::of(1..=9), from_time(10), None).await.0, [0; 0], "nothing was said since then");
    let until = Some(Moment::Time(252_999));
    assert_eq!(read(history(), from_time(250), until).await.0, [250, 251, 252]);
}

#[tokio::test]
async fn numbers_that_begin_with_the_clock_or_begin_again_take_few_questions() {
    let far = 1_842_360_000_000_000;
    let room = || History { begin: far, ..History::of(far..far + 300) };
    let (shape, asked) = read(room(), ALL, None).await;
    assert_eq!((shape.len(), shape[0]), (300, far as i64));
    assert!(asked < 100, "{asked}");
    // A copy of the file: the numbers go on from the clock, and the old messages are still kept.
    let moved = History { begin: far, ..History::of((1..=10).chain(far..far + 10)) };
    let (shape, asked) = read(moved, after(5), None).await;
    assert_eq!((&shape[..6], shape.len()), (&[6, 7, 8, 9, 10, -(far as i64 - 11)][..], 16));
    assert!(asked < 100, "{asked}");
}

#[tokio::test]
async fn skipped_numbers_are_told_apart_from_missing_messages() {
    let far = 1_000_000;
    // It began anew with `far`; the messages with the first two numbers since then are missing, and 7.
    let moved = History { begin: far, ..History::of((5..=6).chain(8..=10).chain(far + 2..far + 4)) };
    for page in [1, 2, 100] {
        let moved = History { page, ..moved.clone() };
        let (client, hub) = joined(&moved).await;
        let sender = client.sender();
        let mut reader = Reader::new(&sender, after(5), moved.next_seq).await.unwrap();
        let mut missed = Vec::new();
        while let Some(events) = reader.next().await.unwrap() {
            missed.extend(events.into_iter().filter_map(|event| match event {
                Event::Missed(missed) => Some(missed),
                _ => None,
            }));
        }
        client.close().await;
        hub.await.unwrap();
        let expected = [
            Missed::Gap { first: 7, count: 1 },
            Missed::Skipped { first: 11, count: far - 11 },
            Missed::Gap { first: far, count: 2 },
        ];
        assert_eq!(missed, expected, "{page}");
    }
}

#[tokio::test]
async fn long_messages_are_not_all_in_memory_at_the_same_time() {
    const LONG: usize = 512 << 10;
    let mut history = History { page: 1, ..History::of(1..=200) };
    for (number, (.., text)) in history.messages.iter_mut().enumerate() {
        if !(20..60).contains(&number) {
            "x".repeat(if number < 100 { LONG } else { 8 }).clone_into(text);
        }
    }
    let (client, hub) = joined(&history).await;
    let sender = client.sender();
    let mut reader = Reader::new(&sender, ALL, history.next_seq).await.unwrap();
    let (mut read, mut most) = (0, 0);
    while let Some(events) = reader.next().await.unwrap() {
        let lengths = events.iter().map(|event| match event {
            Event::Message(incoming) => match incoming.message() {
                Message::Delivery(delivery) => delivery.payload.as_bytes().len(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        });
        most = most.max(lengths.sum::<usize>());
        read += events.len();
    }
    client.close().await;
    let asked = hub.await.unwrap();
    assert_eq!(read, 200);
    assert!(most <= BYTES + LONG, "{most} bytes");
    assert!(asked < 400, "asked {asked} times");
}

/// Numbers that a hub may lie with.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..12_u64, (u64::MAX - 12)..=u64::MAX, any::<u64>()]
}

/// A page of GAPs and messages, which may be no page at all.
fn lie() -> impl Strategy<Value = Vec<u8>> {
    let entry = (any::<bool>(), number()).prop_map(|(is_gap, number)| {
        let message = match is_gap {
            true => Message::Gap { missed: number },
            false => Message::Delivery(Delivery::new(7, 0, number, number, "bob", Payload::Binary(b"x")).unwrap()),
        };
        let mut bytes = Vec::new();
        message.encode(u32::MAX, &mut bytes).unwrap();
        bytes
    });
    prop::collection::vec(entry, 0..5).prop_map(|entries| entries.concat())
}

/// The same with ascending numbers, which a client must believe.
fn plausible_lie() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::btree_set(number(), 0..5).prop_flat_map(|numbers| {
        let gaps = prop::collection::vec(prop::option::of(number()), numbers.len() + 1);
        gaps.prop_map(move |gaps| {
            let mut bytes = Vec::new();
            let mut messages = numbers.iter();
            for gap in gaps {
                if let Some(missed) = gap {
                    Message::Gap { missed }.encode(u32::MAX, &mut bytes).unwrap();
                }
                if let Some(&seq) = messages.next() {
                    let said = Delivery::new(7, 0, seq, seq, "bob", Payload::Binary(b"x")).unwrap();
                    Message::Delivery(said).encode(u32::MAX, &mut bytes).unwrap();
                }
            }
            bytes
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever a hub answers, a reader ends, with the messages or with an error, and never returns a number twice.
    #[test]
    fn lies_of_a_hub_end_in_an_error_at_worst(
        lies in prop::collection::vec(prop_oneof![lie(), plausible_lie()], 0..12),
        next_seq in number(),
        start in prop_oneof![Just(ALL), number().prop_map(after), number().prop_map(Start::Last),
            number().prop_map(|time| Start::Since(Since::Moment(Moment::Time(time))))],
        until in prop::option::of(number().prop_map(Moment::Number)),
    ) {
        let history = History { lies: lies.into(), next_seq, ..History::of(1..=9) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, hub) = joined(&history).await;
            let sender = client.sender();
            let end = timeout(HANG_TIMEOUT, drain(&sender, start, history.next_seq, until)).await;
            let end = end.expect("it ends");
            client.close().await;
            hub.await.unwrap();
            assert!(matches!(end, Ok(true) | Err(HistoryError::BadPage)), "{end:?}");
        });
    }
}

/// Reads everything. Did the numbers of the messages ascend?
async fn drain(sender: &Sender, start: Start, end: u64, until: Option<Moment>) -> Result<bool, HistoryError> {
    let mut reader = Reader::new(sender, start, end).await?;
    if let Some(until) = until {
        reader.until(until).await?;
    }
    let (mut last, mut is_ordered) = (0, true);
    while let Some(events) = reader.next().await? {
        for event in events {
            if let Event::Message(incoming) = event {
                let (seq, _) = numbers(&incoming);
                is_ordered &= seq > last;
                last = seq;
            }
        }
    }
    Ok(is_ordered)
}

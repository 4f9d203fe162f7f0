//! What a hub has kept: pages, the walk back, and answers that are none.

use std::time::Duration;

use bookend::{Code, Message, Payload};
use bookend_client::{Client, Entry, HistoryError, Missed, Page, Query, SendError};
use bookend_testing::hub::{History, Hub};
use tokio::io::DuplexStream;

use super::{Event, both, joined, next, next_up, options, words};

const TIMEOUT: Duration = Duration::from_secs(5);

async fn joined_with(history: History) -> (Client, Hub<DuplexStream>) {
    let (client, mut hub, _) = joined(options()).await;
    hub.history = Some(history);
    (client, hub)
}

/// The numbers of the messages of a page, and `-n` for a gap of n.
fn shape(page: &Page) -> Vec<i64> {
    let number = |entry: &Entry| match entry {
        Entry::Gap(count) => -i64::try_from(*count).unwrap(),
        Entry::Message(incoming) => match incoming.message() {
            Message::Delivery(delivery) => i64::try_from(delivery.seq).unwrap(),
            other => panic!("{other:?}"),
        },
    };
    page.entries.iter().map(number).collect()
}

#[tokio::test(start_paused = true)]
async fn page_has_the_last_messages_and_what_is_missing_between_them() {
    // [R9.44] [R9.46] [R9.47]
    let (client, mut hub) = joined_with(History::of([3, 4, 8, 9])).await;
    let asking = async {
        let page = client.history(Query::last(3), TIMEOUT).await.unwrap();
        assert_eq!(
            (shape(&page), page.lost_before, page.first(), page.last()),
            (vec![4, -3, 8, 9], None, Some(4), Some(9))
        );
        let page = client.history(Query { before: 4, ..Query::last(3) }, TIMEOUT).await.unwrap();
        assert_eq!((shape(&page), page.lost_before), (vec![3], Some(2)));
        let page = client.history(Query { before: 3, ..Query::last(3) }, TIMEOUT).await.unwrap();
        assert_eq!((shape(&page), page.lost_before, page.first()), (vec![], Some(2), None));
        client.close().await
    };
    both(asking, hub.rest()).await;
}

#[tokio::test(start_paused = true)]
async fn walk_back_ends_with_the_first_message_and_a_search_finds_the_others() {
    let (client, mut hub) = joined_with(History { page: 4, ..History::of(1..=10) }).await;
    let asking = async {
        let mut pages = client.sender().pages(Query::last(50), TIMEOUT);
        let mut walked = Vec::new();
        while let Some(page) = pages.next().await.unwrap() {
            walked.push((shape(&page), page.lost_before));
        }
        assert_eq!(walked, [(vec![7, 8, 9, 10], None), (vec![3, 4, 5, 6], None), (vec![1, 2], Some(0))]);
        assert_eq!(pages.next().await, Ok(None), "the walk has ended");
        let mut found = client.sender().pages(Query { text: Some("MESSAGE 1"), ..Query::last(1) }, TIMEOUT);
        assert_eq!(shape(&found.next().await.unwrap().unwrap()), [10]);
        assert_eq!(shape(&found.next().await.unwrap().unwrap()), [1]);
        assert_eq!(found.next().await, Ok(None));
        client.close().await
    };
    both(asking, hub.rest()).await;
}

#[tokio::test(start_paused = true)]
async fn page_that_did_not_arrive_is_asked_for_again() {
    let (client, hub, mut hubs) = joined(options()).await;
    let mut pages = client.sender().pages(Query::last(2), TIMEOUT);
    let (lost, ()) = both(pages.next(), async {
        let mut hub = hub;
        hub.turn().await;
    })
    .await;
    assert_eq!(lost, Err(HistoryError::Request(SendError::Unconfirmed)));
    let asking = async {
        let page = pages.next().await.unwrap().unwrap();
        client.close().await;
        shape(&page)
    };
    let hub = async { Hub::with_history(hubs.recv().await.unwrap(), History::of(1..=3)).await.rest().await };
    assert_eq!(both(asking, hub).await.0, [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn hub_without_history_and_a_query_that_cannot_be_are_told_apart() {
    let (client, mut hub, _hubs) = joined(options()).await;
    for query in [Query::last(0), Query { text: Some(""), ..Query::last(1) }] {
        assert_eq!(client.history(query, TIMEOUT).await, Err(HistoryError::BadQuery));
    }
    let refusing = async {
        hub.turn().await;
        hub.refuse_request(std::num::NonZeroU32::MIN, Code::POLICY, "this hub answers no requests").await;
    };
    let (refused, ()) = both(client.history(Query::last(1), TIMEOUT), refusing).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.name(), "no-history");
    assert!(refused.to_string().starts_with("no-history: this hub keeps no history"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn answer_that_is_no_page_of_what_was_asked_for_is_an_error() {
    let page = |numbers: &[u64]| {
        let mut history = History { page: 100, ..History::of(numbers.iter().copied()) };
        history.answer(Payload::Binary(&Query::last(9).encode())).unwrap()
    };
    let (late, backwards) = (page(&[9]), [page(&[2]), page(&[1])].concat());
    let one_to_one = {
        let delivery = bookend::Delivery::new(7, 5, 0, 0, "bob", Payload::Binary(b"")).unwrap();
        let mut out = Vec::new();
        Message::Delivery(delivery).encode(u32::MAX, &mut out).unwrap();
        out
    };
    for answer in [b"nonsense".to_vec(), Vec::new(), late, backwards, one_to_one] {
        let (client, mut hub, _hubs) = joined(options()).await;
        let answering = async {
            hub.turn().await;
            let id = std::num::NonZeroU32::MIN;
            hub.say(&Message::Reply { id, payload: Payload::Binary(&answer) }).await;
        };
        let query = Query { before: 9, ..Query::last(9) };
        assert_eq!(both(client.history(query, TIMEOUT), answering).await.0, Err(HistoryError::BadPage), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_returns_to_a_hub_with_history_misses_only_what_the_hub_has_lost() {
    // [R9.50]
    let (mut client, mut hub, mut hubs) = joined(options()).await;
    next_up(&mut client).await;
    super::deliver(&mut hub, 1, "message 1").await;
    assert_eq!(words(&next(&mut client).await), "message 1");
    drop(hub); // the machine loses its power: 4 and 5 were delivered to others, and are lost
    let hub = async {
        let mut hub = Hub::with_history(hubs.recv().await.unwrap(), History::of([1, 2, 3, 6])).await;
        assert_eq!(hub.peer().resume(), Some(1));
        hub.rest().await
    };
    let received = async {
        assert!(matches!(next(&mut client).await, Event::Down { .. }));
        assert_eq!(next_up(&mut client).await, 2);
        assert_eq!(words(&next(&mut client).await), "message 2");
        assert_eq!(words(&next(&mut client).await), "message 3");
        assert!(matches!(next(&mut client).await, Event::Missed(Missed::Gap { first: 4, count: 2 })));
        assert_eq!(words(&next(&mut client).await), "message 6", "and nothing else is missing");
        client.close().await
    };
    both(hub, received).await;
}

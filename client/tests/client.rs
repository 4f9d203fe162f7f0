//! A client that stays connected, over in-memory streams and paused time, with a scripted hub.

#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

#[path = "client/history.rs"]
mod history;
#[path = "client/retries.rs"]
mod retries;

use std::time::Duration;

use bookend::{Code, Delivery, Hello, Message, Payload, Text};
use bookend_client::{Backoff, Client, End, Event, Missed, Options, SendError, Status};
use bookend_testing::hub::{Hub, Hubs, Posted, memory, text};
use tokio::io::DuplexStream;
use tokio::time::{Instant, timeout};

fn options() -> (Options, Hubs) {
    let (dialler, hubs) = memory();
    (Options::new(dialler, Hello::new().with_hub(true).with_name("ann").unwrap()), hubs)
}

/// A connected client, its hub, and the source of its next hubs.
async fn joined(options: (Options, Hubs)) -> (Client, Hub<DuplexStream>, Hubs) {
    let (options, mut hubs) = options;
    let hub = async { Hub::welcome(hubs.recv().await.unwrap(), &[]).await };
    let (client, hub) = tokio::join!(Client::connect(options), hub);
    (client.unwrap(), hub, hubs)
}

/// The next event other than progress and presence.
async fn next(client: &mut Client) -> Event {
    loop {
        match client.next().await.expect("there is an event") {
            Event::Progress { .. } => {}
            Event::Message(incoming) if matches!(incoming.message(), Message::Presence { .. }) => {}
            event => return event,
        }
    }
}

async fn next_up(client: &mut Client) -> u64 {
    match next(client).await {
        Event::Up(up) => up.session,
        other => panic!("{other:?}"),
    }
}

/// Runs both at the same time.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    timeout(Duration::from_secs(3600), async { tokio::join!(one, other) }).await.expect("neither waits for ever")
}

async fn deliver(hub: &mut Hub<DuplexStream>, seq: u64, words: &str) {
    let delivery = Delivery::new(7, 0, seq, 0, "bob", Payload::Text(Text::utf8(words))).unwrap();
    hub.say(&Message::Delivery(delivery)).await;
}

fn words(event: &Event) -> String {
    match event {
        Event::Message(incoming) => match incoming.message() {
            Message::Delivery(delivery) => delivery.payload.text().unwrap().into_owned(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn steps_are_reported_in_order_and_the_status_follows() {
    let (options, mut hubs) = options();
    let mut client = Client::start(options);
    assert_eq!(client.sender().status(), Status::Connecting);
    let hub = tokio::spawn(async move { Hub::welcome(hubs.recv().await.unwrap(), &[]).await.rest().await });
    let mut steps = Vec::new();
    let up = loop {
        match client.next().await.unwrap() {
            Event::Progress { step, .. } => steps.push(step.to_string()),
            Event::Up(up) => break up,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(steps, ["connecting to memory", "HELLO", "joined"]);
    assert_eq!((up.session, up.welcome.unwrap().next_seq), (1, 1));
    assert_eq!(client.sender().status(), Status::Up);
    assert!(matches!(client.close().await, End::Closed));
    assert_eq!(hub.await.unwrap().1, Some(Code::NORMAL));
}

#[tokio::test(start_paused = true)]
async fn message_is_confirmed_once_the_hub_has_acted_on_it() {
    let (client, mut hub, _hubs) = joined(options()).await;
    let receipt = client.send("one").await.unwrap();
    let hub = async {
        assert_eq!(hub.next().await, Posted::text("one"));
        hub.rest().await
    };
    let sent = async {
        assert_eq!(receipt.await, Ok(()));
        client.close().await
    };
    assert!(matches!(both(hub, sent).await, ((_, Some(Code::NORMAL)), End::Closed)));
}

#[tokio::test(start_paused = true)]
async fn refusal_fails_the_message_that_was_refused() {
    let (client, mut hub, _hubs) = joined(options()).await;
    let (one, two) = (client.sender(), client.sender());
    let hub = async {
        assert_eq!(hub.next().await, Posted::text("one"));
        while hub.turn().await.is_empty() {}
        hub.frame = 3; // HELLO is frame 0, "one" 1, its PING 2
        hub.refuse(Code::POLICY, "not that").await;
        hub.rest().await
    };
    let sent = async {
        assert_eq!(one.send("one").await.unwrap().await, Ok(()));
        let refused = two.send("two").await.unwrap().await.unwrap_err();
        assert_eq!(refused.to_string(), "the peer refused: 1008 policy: not that");
        let unmappable = two.send(bookend::Content::TextIn(bookend::Encoding::Ascii, "ü")).await.unwrap().await;
        assert_eq!(unmappable.unwrap_err().name(), "unmappable-text");
        client.close().await
    };
    both(hub, sent).await;
}

#[tokio::test(start_paused = true)]
async fn client_reconnects_resumes_and_reports_unconfirmed_messages() {
    let (mut client, mut hub, mut hubs) = joined(options()).await;
    assert_eq!(next_up(&mut client).await, 1);
    deliver(&mut hub, 1, "first").await;
    assert_eq!(words(&next(&mut client).await), "first");
    let sent = client.send("perhaps").await.unwrap();
    let nobody_waits = client.send("forgotten").await.unwrap();
    drop(nobody_waits);
    let mut posted = Vec::new();
    while posted.len() < 2 {
        posted.extend(hub.turn().await);
    }
    drop(hub); // the PING is not answered: the hub is killed
    assert_eq!(sent.await, Err(SendError::Unconfirmed));
    assert!(matches!(next(&mut client).await, Event::Failed(SendError::Unconfirmed)));
    let Event::Down { error, retry_in } = next(&mut client).await else { panic!() };
    assert_eq!(error.name(), "no-close", "{error}");
    assert!(retry_in >= Duration::from_millis(250) && retry_in <= Duration::from_millis(500), "{retry_in:?}");
    assert_eq!(client.sender().status(), Status::Connecting);
    let waiting = client.send("later").await.unwrap();
    let hub = async {
        let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
        assert_eq!(hub.peer().resume(), Some(1));
        assert_eq!(hub.next().await, Posted::text("later"), "and nothing that may have arrived");
        hub.say(&Message::Gap { missed: 2 }).await;
        deliver(&mut hub, 4, "fourth").await;
        deliver(&mut hub, 7, "seventh").await;
        hub.rest().await
    };
    let received = async {
        assert_eq!(next_up(&mut client).await, 2);
        assert_eq!(waiting.await, Ok(()));
        assert!(matches!(next(&mut client).await, Event::Missed(Missed::Gap { first: 2, count: 2 })));
        assert_eq!(words(&next(&mut client).await), "fourth");
        assert!(matches!(next(&mut client).await, Event::Missed(Missed::Skipped { first: 5, count: 2 })));
        assert_eq!(words(&next(&mut client).await), "seventh");
        client.close().await
    };
    both(hub, received).await;
}

#[tokio::test(start_paused = true)]
async fn unconfirmed_message_is_sent_again_with_resend() {
    let (options, hubs) = options();
    let (client, mut hub, mut hubs) = joined((options.with_resend(true), hubs)).await;
    let receipt = client.send("twice").await.unwrap();
    let to_one = client.sender().send_to(7, "psst").await.unwrap();
    let mut posted = Vec::new();
    while posted.len() < 2 {
        posted.extend(hub.turn().await);
    }
    drop(hub);
    let hub = async {
        let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
        assert_eq!(hub.next().await, Posted::text("twice"));
        hub.rest().await
    };
    let sent = async {
        assert_eq!(receipt.await, Ok(()));
        assert_eq!(to_one.await, Err(SendError::Unconfirmed), "7 may be another member by now");
        client.close().await
    };
    both(hub, sent).await;
}

#[tokio::test(start_paused = true)]
async fn refused_resume_is_reported_and_counting_restarts() {
    let (mut client, mut hub, mut hubs) = joined(options()).await;
    next_up(&mut client).await;
    deliver(&mut hub, 1, "first").await;
    words(&next(&mut client).await);
    hub.close(Code::GOING_AWAY, "").await;
    assert!(matches!(next(&mut client).await, Event::Down { .. }));
    let hub = async {
        let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
        hub.frame = 0;
        hub.refuse(Code::RESUME_REFUSED, "").await;
        deliver(&mut hub, 1, "first again").await;
        hub.rest().await
    };
    let received = async {
        next_up(&mut client).await;
        assert!(matches!(next(&mut client).await, Event::Missed(Missed::Unknown { after: Some(1) })));
        assert_eq!(words(&next(&mut client).await), "first again");
        client.close().await
    };
    both(hub, received).await;
}

#[tokio::test(start_paused = true)]
async fn fault_that_does_not_pass_ends_the_client_once() {
    for (code, name) in [(Code::POLICY, "policy"), (Code(3001), "closed")] {
        let (mut client, mut hub, _hubs) = joined(options()).await;
        next_up(&mut client).await;
        hub.close(code, "").await;
        let Event::Closed(End::Failed(error)) = next(&mut client).await else { panic!() };
        assert_eq!(error.name(), name, "{error}");
        assert!(client.next().await.is_none(), "no event follows the last one");
        assert_eq!(client.sender().status(), Status::Closed);
        assert_eq!(client.send("late").await.unwrap_err(), SendError::NotSent);
    }
    let (mut client, mut hub, _hubs) = joined(options()).await;
    next_up(&mut client).await;
    hub.close(Code::NORMAL, "").await;
    assert!(matches!(next(&mut client).await, Event::Closed(End::PeerClosed)));
}

#[tokio::test(start_paused = true)]
async fn first_failed_attempt_ends_the_client_unless_it_retries_initially() {
    let (first, hubs) = options();
    drop(hubs);
    let error = Client::connect(first).await.unwrap_err();
    assert_eq!(error.name(), "connection-refused");
    let (retrying, hubs) = options();
    drop(hubs);
    let backoff = Backoff::new().with_attempts(Some(3));
    let mut client = Client::start(retrying.with_retry_on_initial_connect(true).with_backoff(Some(backoff)));
    let start = Instant::now();
    for _ in 0..3 {
        assert!(matches!(next(&mut client).await, Event::Down { .. }));
    }
    assert!(matches!(next(&mut client).await, Event::Closed(End::Failed(_))));
    assert!(start.elapsed() >= Duration::from_millis(250 + 500 + 1000), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn silent_peer_is_suspect_and_then_the_session_ends() {
    let (mut client, mut hub, _hubs) = joined(options()).await;
    next_up(&mut client).await;
    let start = Instant::now();
    assert!(matches!(next(&mut client).await, Event::Suspect));
    assert_eq!((start.elapsed().as_secs(), client.sender().status()), (37, Status::Suspect)); // 30 s and a quarter
    deliver(&mut hub, 1, "here I am").await;
    assert!(matches!(next(&mut client).await, Event::Heard));
    assert_eq!(words(&next(&mut client).await), "here I am");
    assert_eq!(client.sender().status(), Status::Up);
    assert!(matches!(next(&mut client).await, Event::Suspect));
    let Event::Down { error, .. } = next(&mut client).await else { panic!() };
    assert_eq!(error.name(), "idle");
}

#[tokio::test(start_paused = true)]
async fn request_is_answered_times_out_or_ends_with_the_session() {
    let (client, hub, mut hubs) = joined(options()).await;
    let timeout = Duration::from_secs(2);
    let (timed_out, hub) = both(client.request("anybody?", timeout), async {
        let mut hub = hub;
        hub.turn().await;
        hub
    })
    .await;
    assert_eq!(timed_out, Err(SendError::TimedOut));
    let (lost, ()) = both(client.request("anybody?", timeout), async {
        let mut hub = hub;
        hub.turn().await;
    })
    .await;
    assert_eq!(lost, Err(SendError::Unconfirmed));
    // Asked without a session, answered in the next one.
    let answered = async {
        let answered = client.request("anybody?", timeout).await;
        client.close().await;
        answered
    };
    let hub = async {
        let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
        hub.turn().await;
        let id = std::num::NonZeroU32::MIN;
        hub.say(&Message::Reply { id, payload: text("me") }).await;
        hub.rest().await
    };
    assert_eq!(both(answered, hub).await.0.unwrap().text(), Some("me"));
}

#[tokio::test(start_paused = true)]
async fn dropped_client_sends_what_waits_and_closes() {
    let (client, mut hub, _hubs) = joined(options()).await;
    let (sender, events) = client.split();
    drop(events);
    let receipt = sender.send("goodbye").await.unwrap();
    drop(sender);
    let (posted, code) = hub.rest().await;
    assert_eq!((posted, code), (vec![Posted::text("goodbye")], Some(Code::NORMAL)));
    assert_eq!(receipt.await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn untaken_events_slow_the_hub_down_and_memory_stays_bounded() {
    let (mut client, mut hub, _hubs) = joined(options()).await;
    let long = "x".repeat(100_000);
    let mut delivering = Box::pin(async {
        for seq in 1..=100 {
            deliver(&mut hub, seq, &long).await;
        }
    });
    assert!(timeout(Duration::from_secs(5), &mut delivering).await.is_err(), "10 MB do not fit");
    let received = async {
        let mut count = 0;
        while count < 100 {
            count += usize::from(matches!(next(&mut client).await, Event::Message(_)));
        }
    };
    both(delivering.as_mut(), received).await;
    drop(delivering);
    let closing = async { client.close().await };
    assert!(matches!(both(closing, hub.rest()).await.0, End::Closed));
}

#[tokio::test(start_paused = true)]
async fn close_waits_at_most_10_s_for_confirmations() {
    let (client, hub, _hubs) = joined(options()).await;
    let receipt = client.send("hello?").await.unwrap();
    let start = Instant::now();
    assert!(matches!(client.close().await, End::Closed));
    assert_eq!(receipt.await, Err(SendError::Unconfirmed));
    assert!(start.elapsed() < Duration::from_secs(13), "{:?}", start.elapsed());
    drop(hub);
}

#[tokio::test(start_paused = true)]
async fn member_number_is_valid_in_the_session_of_the_last_up_event() {
    let (mut client, mut hub, mut hubs) = joined(options()).await;
    next_up(&mut client).await;
    hub.close(Code::GOING_AWAY, "").await;
    let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[(7, "eve")]).await;
    while client.sender().status() != Status::Up {
        tokio::task::yield_now().await;
    }
    // There is a new session, and its event was not taken: 7 was another member.
    let sent = client.sender().send_to(7, "psst").await.unwrap().await;
    assert_eq!(sent, Err(SendError::NotSent));
    while !matches!(next(&mut client).await, Event::Up(_)) {}
    let receipt = client.sender().send_to(7, "psst").await.unwrap();
    assert_eq!(hub.next().await, Posted::text("psst").to(7));
    drop(receipt);
}

#[tokio::test(start_paused = true)]
async fn ping_measures_the_time_to_the_answer() {
    let (client, mut hub, hubs) = joined(options()).await;
    let (lost, ()) = both(client.sender().ping(Duration::from_secs(1)), async {
        hub.turn().await;
    })
    .await;
    assert_eq!(lost, Err(SendError::TimedOut), "the next call gives the answer");
    let pinging = async {
        let answered = client.sender().ping(Duration::from_secs(1)).await;
        client.close().await;
        answered
    };
    let (answered, _) = both(pinging, hub.rest()).await;
    assert!(answered.unwrap() < Duration::from_secs(1));
    drop(hubs);
}

#[tokio::test]
async fn request_from_a_peer_is_refused() {
    let (client, mut hub, _hubs) = joined(options()).await;
    let mut asked = Vec::new();
    hub.write(b"\xF5\xF8\x03\x01\0\0\0\x05\0\0\0\x09?\xF8\xF5").await;
    let answer = b"\0\0\0\x09\0\0\0\x03\x03\xF0policy";
    while !asked.windows(answer.len()).any(|window| window == answer) {
        hub.read_raw(&mut asked).await;
    }
    drop(client);
}

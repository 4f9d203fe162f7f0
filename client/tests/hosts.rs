//! Several hosts, receipts that are withdrawn, and metrics, over in-memory streams and paused time.

#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookend::{Code, Hello};
use bookend_client::{
    Backoff, Client, ConnectError, Diallers, End, Event, Joined, Metrics, Options, Receipt, SendError, Status,
};
use bookend_testing::hub::{Hub, Hubs, Posted, memory};
use tokio::io::DuplexStream;
use tokio::time::{Instant, timeout};

fn hello() -> Hello {
    Hello::new().with_hub(true).with_name("ann").unwrap()
}

async fn welcome(hubs: &mut Hubs) -> Hub<DuplexStream> {
    let stream = timeout(Duration::from_secs(3600), hubs.recv()).await.expect("the client comes").unwrap();
    Hub::welcome(stream, &[]).await
}

/// Closes with this code instead of sending a HELLO.
async fn turn_away(hubs: &mut Hubs, code: Code) {
    let mut hub = Hub::greet(hubs.recv().await.unwrap(), Hello::new().with_hub(true)).await;
    hub.close(code, "").await;
}

async fn until(client: &mut Client, wanted: impl Fn(&Event) -> bool) -> Event {
    loop {
        let event = timeout(Duration::from_secs(3600), client.next()).await.expect("there is an event").unwrap();
        if wanted(&event) {
            return event;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn hosts_are_tried_in_order_and_after_a_loss_from_the_next_on() {
    let ((one, mut first), (two, mut second), (three, mut third)) = (memory(), memory(), memory());
    let options = Options::new(Diallers::new(one).or(two).or(three), hello());
    let served = async {
        turn_away(&mut first, Code::TRY_LATER).await;
        welcome(&mut second).await
    };
    let (client, mut hub) = tokio::join!(Client::connect(options), served);
    let mut client = client.unwrap();
    hub.close(Code::GOING_AWAY, "").await;
    // The third has gone: the first is tried after it, without a pause.
    third.close();
    let Event::Down { retry_in, .. } = until(&mut client, |event| matches!(event, Event::Down { .. })).await else {
        unreachable!()
    };
    let since = Instant::now();
    let mut hub = welcome(&mut first).await;
    let took = since.elapsed();
    assert!(took >= retry_in && took < retry_in + Duration::from_millis(3), "one pause for all hosts: {took:?}");
    until(&mut client, |event| matches!(event, Event::Up(up) if up.session == 2)).await;
    hub.close(Code::GOING_AWAY, "").await;
    let mut hub = welcome(&mut second).await;
    let (_, end) = tokio::join!(hub.rest(), client.close());
    assert!(matches!(end, End::Closed));
}

#[tokio::test(start_paused = true)]
async fn attempt_fails_once_every_host_has_and_names_each() {
    let ((one, mut first), (two, second)) = (memory(), memory());
    drop(second);
    let options = Options::new(Diallers::new(one).or(two), hello());
    let (client, ()) = tokio::join!(Client::connect(options), turn_away(&mut first, Code::POLICY));
    let error = client.unwrap_err();
    let ConnectError::All { errors } = error.clone() else { panic!("{error}") };
    assert_eq!(errors.iter().map(ConnectError::name).collect::<Vec<_>>(), ["policy", "connection-refused"]);
    assert_eq!(error.name(), "policy", "the furthest: {error}");
    assert_eq!(error.to_string(), format!("{}; {}", errors[0], errors[1]));
}

#[tokio::test(start_paused = true)]
async fn client_ends_if_no_host_can_ever_admit_it_and_retries_if_one_may() {
    for (code, retries) in [(Code::POLICY, false), (Code::TRY_LATER, true)] {
        let ((one, mut first), (two, mut second)) = (memory(), memory());
        let backoff = Backoff::new().with_attempts(Some(1));
        let options = Options::new(Diallers::new(one).or(two), hello())
            .with_backoff(Some(backoff))
            .with_retry_on_initial_connect(true);
        let mut client = Client::start(options);
        turn_away(&mut first, Code::POLICY).await;
        turn_away(&mut second, code).await;
        let event = until(&mut client, |event| matches!(event, Event::Down { .. } | Event::Closed(_))).await;
        assert_eq!(matches!(event, Event::Down { .. }), retries, "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn silent_host_leaves_the_others_their_share_of_the_timeout() {
    let ((one, first), (two, mut second)) = (memory(), memory());
    let options = Options::new(Diallers::new(one).or(two), hello()).with_timeout(Some(Duration::from_secs(4)));
    let start = Instant::now();
    let (client, _hub) = tokio::join!(Client::connect(options), welcome(&mut second));
    client.unwrap();
    assert_eq!(start.elapsed().as_secs(), 2);
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn one_session_is_opened_with_the_first_host_that_admits_it() {
    let ((one, mut first), (two, mut second)) = (memory(), memory());
    let mut diallers = Diallers::new(one).or(two);
    let served = async {
        turn_away(&mut first, Code::GOING_AWAY).await;
        welcome(&mut second).await
    };
    let (joined, _hub) = tokio::join!(Joined::dial(&mut diallers, hello()), served);
    assert!(joined.unwrap().welcome().is_some());
}

/// A client without a session, and where its next hub comes from.
async fn offline() -> (Client, Hubs) {
    let (dialler, mut hubs) = memory();
    let (client, mut hub) = tokio::join!(Client::connect(Options::new(dialler, hello())), welcome(&mut hubs));
    let mut client = client.unwrap();
    hub.close(Code::GOING_AWAY, "").await;
    until(&mut client, |event| matches!(event, Event::Down { .. })).await;
    (client, hubs)
}

#[tokio::test(start_paused = true)]
async fn withdrawn_message_is_never_sent_and_its_receipt_says_so() {
    let (mut client, mut hubs) = offline().await;
    let first = client.send("first").await.unwrap();
    let second = client.send("second").await.unwrap();
    let dropped = client.send("third").await.unwrap();
    let last = client.send("last").await.unwrap();
    assert!(second.withdraw() && dropped.withdraw());
    assert!(second.withdraw(), "it stays withdrawn");
    drop(dropped);
    let mut hub = welcome(&mut hubs).await;
    let settled = async {
        assert_eq!((first.await, second.await, last.await), (Ok(()), Err(SendError::Withdrawn), Ok(())));
        client.sender().close();
        let closed = until(&mut client, |event| {
            assert!(!matches!(event, Event::Failed(_)), "nobody is told of a message that was taken back");
            matches!(event, Event::Closed(_))
        });
        closed.await;
    };
    let ((posted, _), ()) = tokio::join!(hub.rest(), settled);
    assert_eq!(posted, [Posted::text("first"), Posted::text("last")]);
}

#[tokio::test(start_paused = true)]
async fn message_that_a_session_has_cannot_be_withdrawn() {
    let (dialler, mut hubs) = memory();
    let (client, mut hub) = tokio::join!(Client::connect(Options::new(dialler, hello())), welcome(&mut hubs));
    let client = client.unwrap();
    let receipt: Receipt = client.send("sent").await.unwrap();
    assert_eq!(hub.next().await, Posted::text("sent"));
    assert!(!receipt.withdraw());
    let (settled, _) = tokio::join!(
        async {
            let settled = receipt.await;
            client.close().await;
            settled
        },
        hub.rest()
    );
    assert_eq!(settled, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn message_of_a_client_that_has_closed_cannot_be_withdrawn() {
    let (client, hubs) = offline().await;
    let sender = client.sender();
    let receipt = client.send("late").await.unwrap();
    client.close().await;
    assert_eq!(sender.status(), Status::Closed);
    assert!(!receipt.withdraw(), "it is known what became of it");
    assert_eq!(receipt.await, Err(SendError::NotSent));
    drop(hubs);
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>, Mutex<(usize, usize)>);

impl Log {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl Metrics for Log {
    fn connected(&self, session: u64, took: Duration) {
        self.add(format!("connected {session} after {} s", took.as_secs()));
    }

    fn failed(&self, name: &'static str) {
        self.add(format!("failed {name}"));
    }

    fn message_received(&self, bytes: usize) {
        self.add(format!("received {bytes}"));
    }

    fn message_sent(&self, bytes: usize) {
        self.add(format!("sent {bytes}"));
    }

    fn message_settled(&self, failure: Option<&'static str>) {
        self.add(format!("settled {}", failure.unwrap_or("ok")));
    }

    fn bytes_read(&self, count: usize) {
        self.1.lock().unwrap().0 += count;
    }

    fn bytes_written(&self, count: usize) {
        self.1.lock().unwrap().1 += count;
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_count_sessions_failures_messages_and_bytes() {
    let ((one, first), (two, mut second)) = (memory(), memory());
    drop(first);
    let log = Arc::new(Log::default());
    let backoff = Backoff::new().with_first(Duration::from_secs(8)).with_longest(Duration::from_secs(8));
    let options =
        Options::new(Diallers::new(one).or(two), hello()).with_backoff(Some(backoff)).with_metrics(Arc::clone(&log));
    let (client, mut hub) = tokio::join!(Client::connect(options), welcome(&mut second));
    let mut client = client.unwrap();
    let receipt = client.send("12345").await.unwrap();
    assert_eq!(hub.next().await, Posted::text("12345"));
    tokio::select! {
        settled = receipt => settled.unwrap(),
        _ = hub.rest() => panic!("the client stays"),
    }
    hub.close(Code::GOING_AWAY, "").await;
    let mut hub = welcome(&mut second).await;
    until(&mut client, |event| matches!(event, Event::Up(up) if up.session == 2)).await;
    tokio::join!(hub.rest(), client.close());
    let lines = log.0.lock().unwrap().clone();
    let lines: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.starts_with("received")).collect();
    let expected = ["failed connection-refused", "connected 1 after 0 s", "sent 5", "settled ok", "failed going-away"];
    assert_eq!(lines[..5], expected);
    assert_eq!(lines[5], "failed connection-refused");
    let took: u64 = lines[6].strip_prefix("connected 2 after ").unwrap().strip_suffix(" s").unwrap().parse().unwrap();
    assert!((4..=8).contains(&took), "with the pause: {took}");
    assert_eq!(lines.len(), 7);
    let (read, written) = *log.1.lock().unwrap();
    assert!(read > 100 && written > 100, "{read} {written}");
}

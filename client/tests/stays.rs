//! A client stays connected to the real hub: after a kill and restart, across a silent network, on a Unix socket, and
//! without a runtime.

#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

#[path = "../examples/stay.rs"]
#[allow(dead_code, reason = "the example's `main`")]
mod stay;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use bookend_client::{Backoff, Client, Dialler, Entry, Event, Hello, Message, Missed, Options, Query, blocking};
use bookend_server::{Config, Hub, Listener};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// After this time a test counts as hanging.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A hub on its own thread. Dropping it closes all its connections, as if it were killed.
struct Killable {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Killable {
    fn start(address: &str) -> Killable {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address: SocketAddr = address.parse().unwrap();
        let (report, bound) = mpsc::channel();
        runtime.spawn(async move {
            let listener = Listener::bind(address).await.unwrap();
            report.send(listener.address()).unwrap();
            listener.run(Hub::new(Config { keepalive: 2, ..Config::default() })).await;
        });
        let address = bound.recv_timeout(TIMEOUT).unwrap();
        Killable { address, runtime: Some(runtime) }
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        let runtime = self.runtime.take().unwrap();
        // On another thread: the test's runtime must not block.
        std::thread::spawn(move || runtime.shutdown_timeout(TIMEOUT)).join().unwrap();
    }
}

fn options(address: impl std::fmt::Display) -> Options {
    let hello = Hello::new().with_hub(true).with_name("ann").unwrap();
    let backoff = Backoff::new().with_first(Duration::from_millis(20));
    Options::new(Dialler::new(address.to_string().parse().unwrap()), hello).with_backoff(Some(backoff))
}

async fn until<T>(client: &mut Client, mut what: impl FnMut(Event) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = what(client.next().await.expect("it is not over")) {
                return found;
            }
        }
    };
    timeout(TIMEOUT, found).await.expect("it arrives in time")
}

fn text(event: &Event) -> Option<String> {
    let Event::Message(incoming) = event else { return None };
    let Message::Delivery(delivery) = incoming.message() else { return None };
    delivery.payload.text().map(Into::into)
}

#[tokio::test]
async fn client_rejoins_a_hub_that_was_killed_and_restarted() {
    let hub = Killable::start("127.0.0.1:0");
    let address = hub.address;
    let mut client = Client::connect(options(address)).await.unwrap();
    assert_eq!(client.sender().remote_addr(), Some(address));
    assert!(client.sender().local_addr().is_some());
    client.send("before").await.unwrap().await.unwrap();
    until(&mut client, |event| text(&event).filter(|text| text == "before")).await;
    drop(hub);
    let down = until(&mut client, |event| match event {
        Event::Down { error, .. } => Some(error),
        _ => None,
    });
    let error = down.await;
    assert!(error.to_string().starts_with(&format!("{address}: session: ")), "{error}");
    let waiting = client.send("meanwhile").await.unwrap();
    let _hub = Killable::start(&address.to_string());
    let missed = until(&mut client, |event| match event {
        Event::Missed(missed) => Some(missed),
        _ => None,
    });
    assert!(
        matches!(missed.await, Missed::Unknown { after: Some(_) }),
        "the new hub knows nothing of the old one's messages"
    );
    until(&mut client, |event| text(&event).filter(|text| text == "meanwhile")).await;
    waiting.await.unwrap();
    client.close().await;
}

#[tokio::test]
async fn messages_sent_while_the_network_was_silent_arrive_afterwards() {
    let hub = Killable::start("127.0.0.1:0");
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gate = relay.local_addr().unwrap();
    let (cut, is_cut) = oneshot::channel::<()>();
    let to = hub.address;
    let relaying = tokio::spawn(async move {
        let (mut near, _) = relay.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => {}
            _ = is_cut => {}
        }
        // From now on nothing passes, and neither side is notified.
        let _silent = (near, far);
        let (mut near, _) = relay.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        // Its result does not matter here.
        let _ended = copy_bidirectional(&mut near, &mut far).await;
    });
    let mut away = Client::connect(options(gate)).await.unwrap();
    let here = Client::connect(options(hub.address)).await.unwrap();
    here.send("one").await.unwrap().await.unwrap();
    until(&mut away, |event| text(&event).filter(|text| text == "one")).await;
    cut.send(()).unwrap();
    here.send("two").await.unwrap().await.unwrap();
    until(&mut away, |event| matches!(event, Event::Suspect).then_some(())).await;
    let fault = until(&mut away, |event| match event {
        Event::Down { error, .. } => Some(error.name()),
        _ => None,
    });
    assert_eq!(fault.await, "idle");
    here.send("three").await.unwrap().await.unwrap();
    let mut received = Vec::new();
    while received.len() < 2 {
        received.push(
            until(&mut away, |event| {
                assert!(!matches!(event, Event::Missed(_)), "{event:?}");
                text(&event)
            })
            .await,
        );
    }
    assert_eq!(received, ["two", "three"]);
    here.close().await;
    away.close().await;
    timeout(TIMEOUT, relaying).await.unwrap().unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn hub_on_a_unix_socket_is_joined() {
    let folder = std::env::temp_dir().join(format!("bookend-stays-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("hub");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let hub = Hub::new(Config::default());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        hub.serve(stream, "a neighbour").await;
    });
    let client = Client::connect(options(format!("unix:{}", path.display()))).await.unwrap();
    client.send("hello").await.unwrap().await.unwrap();
    client.close().await;
    let error = Client::connect(options("unix:/nowhere/at/all")).await.unwrap_err();
    assert!(error.to_string().starts_with("unix:/nowhere/at/all: TCP: "), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn program_without_a_runtime_sends_and_receives() {
    let hub = Killable::start("127.0.0.1:0");
    let mut client = blocking::Client::connect(options(hub.address)).unwrap();
    client.sender().send("hello").unwrap().wait().unwrap();
    while text(&client.next_event().unwrap()).as_deref() != Some("hello") {}
    assert_eq!(client.next_event_within(Duration::from_millis(1)).unwrap_err(), blocking::TimedOut);
    drop(hub);
    let down = loop {
        if let Event::Down { error, .. } = client.next_event_within(TIMEOUT).unwrap().unwrap() {
            break error;
        }
    };
    assert_ne!(down.to_string(), "");
    assert_eq!(client.close().to_string(), "closed");
}

#[test]
fn program_without_a_runtime_walks_back_through_what_the_hub_has_kept() {
    let hub = Killable::start("127.0.0.1:0");
    let client = blocking::Client::connect(options(hub.address)).unwrap();
    let sender = client.sender();
    let receipts: Vec<_> = (0..10).map(|number| sender.send(&format!("message {number}")).unwrap()).collect();
    receipts.into_iter().for_each(|receipt| receipt.wait().unwrap());
    let walked = |query| {
        let (mut texts, mut lost) = (Vec::new(), None);
        for page in sender.pages(query, TIMEOUT) {
            let page = page.unwrap();
            lost = page.lost_before;
            let page = page.entries.iter().map(|entry| match entry {
                Entry::Message(incoming) => text(&Event::Message(incoming.clone())).unwrap(),
                Entry::Gap(count) => panic!("{count} are missing"),
            });
            texts.splice(0..0, page);
        }
        assert_eq!(lost, Some(0));
        texts
    };
    assert_eq!(walked(Query::last(3)), (0..10).map(|number| format!("message {number}")).collect::<Vec<_>>());
    assert_eq!(walked(Query { text: Some("AGE 7"), ..Query::last(3) }), ["message 7"]);
    client.close();
}

#[tokio::test]
async fn example_sends_its_arguments_and_ends() {
    let hub = Killable::start("127.0.0.1:0");
    let (sender, printed) = mpsc::channel();
    let words = vec!["one".into(), "two".into()];
    let place = hub.address.to_string().parse().unwrap();
    let staying = stay::stay(place, words, |line| sender.send(line).unwrap());
    timeout(TIMEOUT, staying).await.unwrap().unwrap();
    // The hub may still deliver to a client that has closed; it may not arrive.
    let lines: Vec<String> = printed.try_iter().filter(|line| line.starts_with("* ")).collect();
    assert_eq!(lines, ["* closed"], "everything was confirmed");
}

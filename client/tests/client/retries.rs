//! Which faults a client retries before its first session, and after it.

use std::time::Duration;

use bookend::Code;
use bookend_client::{Client, End, Event};
use bookend_testing::hub::Hub;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::{both, joined, next, next_up, options};

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_its_first_hub_as_long_as_it_is_told_to() {
    let (waiting, hubs) = options();
    drop(hubs);
    let waiting = waiting.with_backoff(None).with_wait(Some(Duration::from_secs(20)));
    let (mut client, start) = (Client::start(waiting), Instant::now());
    let mut attempts = 1;
    while let Event::Down { retry_in, .. } = next(&mut client).await {
        assert!(retry_in <= Duration::from_secs(1));
        attempts += 1;
    }
    assert!((20..=41).contains(&attempts), "one to two attempts a second: {attempts}");
    assert_eq!(start.elapsed(), Duration::from_secs(20));

    let (options, mut hubs) = options();
    let waiting = options.with_backoff(None).with_wait(Some(Duration::from_secs(20)));
    let script = async {
        Hub::welcome(hubs.recv().await.unwrap(), &[]).await.close(Code::GOING_AWAY, "").await;
    };
    let (client, ()) = tokio::join!(Client::connect(waiting), script);
    let mut client = client.unwrap();
    next_up(&mut client).await;
    assert!(matches!(next(&mut client).await, Event::Closed(End::Failed(_))), "it no longer waits");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_had_a_session_retries_everything_but_a_refusal_on_purpose() {
    let (mut client, mut hub, mut hubs) = joined(options()).await;
    next_up(&mut client).await;
    // Each of these ends a client that has had no session.
    for code in [Code::VERSION, Code::RATE, Code::PROTOCOL_ERROR] {
        hub.close(code, "").await;
        assert!(matches!(next(&mut client).await, Event::Down { .. }), "{code}");
        hub = both(async { Hub::welcome(hubs.recv().await.unwrap(), &[]).await }, next_up(&mut client)).await.0;
    }
    drop(hub);
    assert!(matches!(next(&mut client).await, Event::Down { .. }));
    // Another server on the port of the hub.
    let web = async { hubs.recv().await.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap() };
    let (down, ()) = both(next(&mut client), web).await;
    let Event::Down { error, .. } = down else { panic!("{down:?}") };
    assert!(error.to_string().contains("foreign-http"), "{error}");
    let refusal = async { Hub::welcome(hubs.recv().await.unwrap(), &[]).await.close(Code::POLICY, "banned").await };
    let (_, ()) = both(next_up(&mut client), refusal).await;
    assert!(matches!(next(&mut client).await, Event::Closed(End::Failed(_))));
}

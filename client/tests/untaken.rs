//! A client whose application takes no events, over in-memory streams and paused time.

#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::time::Duration;

use bookend::Hello;
use bookend_client::{Client, Options};
use bookend_testing::hub::{Hub, memory, text};
use tokio::time::timeout;

#[tokio::test(start_paused = true)]
async fn keepalive_is_kept_while_events_are_not_taken() {
    // [R7.1]
    const PING: &[u8] = b"\xF5\xF8\x06";
    let (dialler, mut hubs) = memory();
    let connecting = Client::connect(Options::new(dialler, Hello::new().with_hub(true)));
    let welcoming = async { Hub::welcome(hubs.recv().await.unwrap(), &[]).await };
    let (client, mut hub) = tokio::join!(connecting, welcoming);
    let _client = client.unwrap();
    let long = "x".repeat(100_000);
    let delivering = async {
        loop {
            hub.deliver(7, 0, "bob", text(&long)).await;
        }
    };
    timeout(Duration::from_secs(5), delivering).await.expect_err("the application takes nothing");
    let keepalive = Duration::from_secs(hub.peer().keepalive().into());
    assert!(!keepalive.is_zero());
    for period in 1..=5 {
        let mut read = Vec::new();
        let heard = async {
            while !read.windows(PING.len()).any(|bytes| bytes == PING) {
                hub.read_raw(&mut read).await;
            }
        };
        assert!(timeout(keepalive, heard).await.is_ok(), "period {period}");
    }
}

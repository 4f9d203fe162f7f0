//! Settings that change while the hub runs.

use bookend_server::{Config, Hub};

use crate::peer::{Peer, config, hello, hub, post};

/// The longest body that the hub accepts on a new connection.
async fn max_body(hub: &Hub) -> u32 {
    let mut peer = Peer::connect(hub);
    peer.line().await;
    let mut bytes = Vec::new();
    hello("who").encode(&mut bytes);
    peer.send(&bytes).await;
    let frame = peer.frame().await;
    assert_eq!(frame.kind, bookend::kind::HELLO);
    u32::from_be_bytes(frame.body[16..20].try_into().unwrap())
}

#[tokio::test(start_paused = true)]
async fn new_settings_apply_to_new_connections_only() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    assert_eq!(max_body(&hub).await, 1 << 20);
    hub.reconfigure(Config { max_body: 2048, ..config() });
    assert_eq!(max_body(&hub).await, 2048);
    ann.send(&post(&"x".repeat(10_000))).await;
    while ann.frame().await.kind != bookend::kind::DELIVERY {}
}

#[tokio::test(start_paused = true)]
async fn a_smaller_log_is_cut_at_once() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for _ in 0..10 {
        ann.send(&post(&"x".repeat(1000))).await;
        while ann.frame().await.kind != bookend::kind::DELIVERY {}
    }
    hub.reconfigure(Config { log_bytes: 4 << 10, ..config() });
    let mut bob = Peer::join(&hub, hello("bob").with_resume(0)).await;
    let missed = bob.frame().await.missed();
    assert!((6..10).contains(&missed), "{missed} of ten messages are not kept");
    assert_eq!(bob.frame().await.seq_and_text().0, missed + 1);
}

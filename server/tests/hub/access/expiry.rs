//! Tokens that expire.

use std::time::{Duration, SystemTime};

use bookend::{Code, kind};
use bookend_server::{Access, Config};

use super::{hash, hub_of, with_token};
use crate::peer::{Peer, config, post};

/// Later than the members of a test have joined, in milliseconds.
const SOON: u64 = 6000;

/// A token that expires after this many milliseconds.
fn ending_in(ms: u64) -> Access {
    let end = SystemTime::now() + Duration::from_millis(ms);
    let (hash, end) = (hash("brief"), humantime::format_rfc3339_millis(end));
    let entry = format!("name = 'brief'\nsha256 = '{hash}'\nrooms = '*'\nrights = ['read', 'write']\nexpires = {end}");
    Access::from_toml(&format!("[[token]]\n{entry}\n")).unwrap()
}

#[tokio::test]
async fn a_member_is_closed_as_soon_as_its_token_expires() {
    // [R9.28] By the wall clock, which cannot be paused.
    let hub = hub_of(ending_in(SOON));
    let mut ann = Peer::join(&hub, with_token("ann", "brief")).await;
    let mut tess = Peer::connect(&hub);
    tess.line().await;
    tess.send(b"/token brief\r\n").await;
    ann.frame().await.presence();
    let over = "policy: the token has expired";
    while !tess.line().await.ends_with(over) {}
    let mut frame = ann.frame().await;
    if frame.kind == kind::PRESENCE {
        frame = ann.frame().await; // tess went first
    }
    assert_eq!(frame.close(), (Code::POLICY, over.into()));
}

#[tokio::test]
async fn a_reload_can_extend_a_token() {
    let hub = hub_of(ending_in(SOON));
    let mut ann = Peer::join(&hub, with_token("ann", "brief")).await;
    hub.reconfigure(Config { access: ending_in(3_600_000), ..config() });
    let other = hub_of(ending_in(SOON));
    let mut bob = Peer::join(&other, with_token("bob", "brief")).await;
    assert_eq!(bob.frame().await.close().0, Code::POLICY);
    ann.send(&post("still there")).await;
    assert_eq!(ann.frame().await.seq_and_text().1, "still there");
}

#[tokio::test]
async fn a_reload_can_add_an_expiry_to_a_token() {
    let hub = hub_of(ending_in(3_600_000));
    let mut ann = Peer::join(&hub, with_token("ann", "brief")).await;
    hub.reconfigure(Config { access: ending_in(100), ..config() });
    assert_eq!(ann.frame().await.close(), (Code::POLICY, "policy: the token has expired".into()));
}

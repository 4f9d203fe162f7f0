//! Bans: peers that an operator keeps out for a while.

use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Hello, kind};
use bookend_server::{BanTarget, Hub};
use tokio::io::duplex;
use tokio::time::advance;

use crate::access::{hub_of, tokens, with_token};
use crate::peer::{Peer, hello, hub};

const HOUR: Duration = Duration::from_secs(3600);

/// A member from an address.
async fn join_from(hub: &Hub, address: &str, hello: Hello) -> Peer {
    let mut peer = Peer::connect_from(hub, address);
    peer.greet(&hello).await;
    peer.welcome().await;
    peer
}

/// The CLOSE of a member that is closed now.
async fn closed(peer: &mut Peer) -> (Code, String) {
    loop {
        let frame = peer.frame().await;
        if frame.kind != kind::PRESENCE {
            return frame.close();
        }
    }
}

/// Asserts that the address is refused before anything is read from it, with the reason for people and for programs.
async fn is_refused(hub: &Hub, address: &str, reason: &str) {
    let text = String::from_utf8(Peer::connect_from(hub, address).rest().await).unwrap_or_else(|error| {
        // CLOSE follows the line.
        String::from_utf8_lossy(error.as_bytes()).into_owned()
    });
    assert!(text.starts_with("Bookend hub, ") && text.contains(&format!(": banned: {reason}\r\n")), "{text}");
    let (stream, other) = duplex(1 << 16);
    let address: std::net::SocketAddr = address.parse().unwrap();
    tokio::spawn(hub.serve(other, address));
    let Err(ConnectionError::Closed { code, reason: why }) = Connection::connect(stream, hello("eve")).await else {
        panic!("{address} is not refused")
    };
    assert_eq!((code, why), (Code::POLICY, format!("policy: banned: {reason}")));
}

#[tokio::test(start_paused = true)]
async fn a_banned_address_is_closed_and_refused_until_the_ban_ends_or_is_lifted() {
    let hub = hub();
    let mut eve = join_from(&hub, "192.0.2.7:1", hello("eve")).await;
    let mut ann = join_from(&hub, "192.0.2.8:1", hello("ann")).await;
    let target = BanTarget::address("192.0.2.7".parse().unwrap());
    let banned = hub.ban(target.clone(), HOUR, "no flooding").unwrap();
    assert_eq!(banned.closed, 1);
    assert_eq!(closed(&mut eve).await, (Code::POLICY, "policy: banned: no flooding".into()));
    eve.end().await;
    is_refused(&hub, "192.0.2.7:2", "no flooding").await;
    is_refused(&hub, "[::ffff:192.0.2.7]:2", "no flooding").await;
    join_from(&hub, "192.0.2.9:1", hello("bob")).await;
    assert!(ann.frame().await.presence().2 == "eve", "the others remain");
    let metrics = hub.metrics();
    assert!(metrics.contains("\nbookend_bans 1\n"), "{metrics}");
    assert!(metrics.contains("\nbookend_connections_refused_total{reason=\"banned\"} 4\n"), "{metrics}");

    advance(HOUR).await;
    assert!(hub.bans().is_empty() && hub.metrics().contains("\nbookend_bans 0\n"));
    join_from(&hub, "192.0.2.7:3", hello("eve")).await;
    let again = hub.ban(target, HOUR, "no flooding").unwrap();
    is_refused(&hub, "192.0.2.7:4", "no flooding").await;
    assert_eq!(hub.unban(again.ban.id), Some(again.ban));
    join_from(&hub, "192.0.2.7:5", hello("eve")).await;
}

#[tokio::test(start_paused = true)]
async fn an_ipv6_address_is_banned_with_its_network_and_a_network_with_all_its_addresses() {
    let hub = hub();
    let mut eve = join_from(&hub, "[2001:db8:1:2::7]:1", hello("eve")).await;
    hub.ban(BanTarget::address("2001:db8:1:2:ffff::1".parse().unwrap()), HOUR, "six").unwrap();
    assert_eq!(closed(&mut eve).await.1, "policy: banned: six");
    is_refused(&hub, "[2001:db8:1:2:3:4:5:6]:1", "six").await;
    join_from(&hub, "[2001:db8:1:3::7]:1", hello("ann")).await;
    let _ann = join_from(&hub, "198.51.100.1:1", hello("ann")).await;
    let _bob = join_from(&hub, "198.51.100.200:1", hello("bob")).await;
    let network = hub.ban(BanTarget::network("198.51.100.128/25").unwrap(), HOUR, "half").unwrap();
    assert_eq!(network.closed, 1);
    is_refused(&hub, "198.51.100.129:1", "half").await;
    join_from(&hub, "198.51.100.127:1", hello("carl")).await;
}

#[tokio::test(start_paused = true)]
async fn a_banned_name_is_refused_to_framed_peers_and_to_terminals_in_any_case() {
    let hub = hub();
    let mut framed = Peer::join(&hub, hello("Flood")).await;
    let mut person = Peer::terminal(&hub).await;
    person.send(b"/name flood2\r\n").await;
    while !person.line().await.contains("is now flood2") {}
    assert_eq!(hub.ban(BanTarget::name("fLOOD").unwrap(), HOUR, "no").unwrap().closed, 1);
    assert_eq!(closed(&mut framed).await, (Code::POLICY, "policy: banned: no".into()));
    let mut again = Peer::connect(&hub);
    again.greet(&hello("FLOOD")).await;
    assert_eq!(again.frame().await.close(), (Code::POLICY, "policy: banned: no".into()));
    assert_eq!(person.line().await, "* Flood left (1 here)");
    person.send(b"/name floOd\r\n").await;
    assert_eq!(person.line().await, "! policy: banned: no");
    assert_eq!(hub.ban(BanTarget::name("flood2").unwrap(), HOUR, "no").unwrap().closed, 1);
    assert_eq!(person.line().await, "! policy: banned: no");
    person.end().await;
    Peer::join(&hub, hello("flood3")).await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_waits_for_a_name_does_not_get_it_while_it_is_banned() {
    let hub = hub();
    let mut holder = Peer::join(&hub, hello("ann")).await;
    let mut waiting = Peer::join(&hub, hello("ann")).await;
    hub.ban(BanTarget::name("ann").unwrap(), HOUR, "no").unwrap();
    assert_eq!(closed(&mut holder).await.0, Code::POLICY);
    holder.end().await;
    assert_eq!(waiting.frame().await.presence().2, "ann");
    waiting.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_banned_token_is_refused_from_everywhere_and_other_tokens_are_not() {
    let hub = hub_of(tokens(&[("board", "'*'", "['write']"), ("desk", "'*'", "['write']")]));
    let mut one = join_from(&hub, "192.0.2.7:1", with_token("one", "board")).await;
    let mut person = Peer::connect_from(&hub, "192.0.2.8:1");
    person.line().await;
    person.send(b"/token board\r\n").await;
    assert!(person.line().await.starts_with("* you are guest-"));
    let _desk = join_from(&hub, "192.0.2.7:2", with_token("two", "desk")).await;
    let banned = hub.ban(BanTarget::token("board").unwrap(), HOUR, "lost").unwrap();
    assert_eq!(banned.closed, 2);
    assert_eq!(closed(&mut one).await, (Code::POLICY, "policy: banned: lost".into()));
    let mut again = Peer::connect_from(&hub, "203.0.113.1:1");
    again.greet(&with_token("one", "board")).await;
    assert_eq!(again.frame().await.close(), (Code::POLICY, "policy: banned: lost".into()));
    let mut person = Peer::connect_from(&hub, "203.0.113.1:2");
    person.line().await;
    person.send(b"/token board\r\n").await;
    assert_eq!(person.line().await, "! policy: banned: lost");
    person.end().await;
    join_from(&hub, "203.0.113.1:3", with_token("three", "desk")).await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_the_bans() {
    let hub = hub();
    hub.ban(BanTarget::address("192.0.2.7".parse().unwrap()), HOUR, "x").unwrap();
    hub.reconfigure(bookend_server::Config { max_body: 2048, ..crate::peer::config() });
    is_refused(&hub, "192.0.2.7:1", "x").await;
}

#[tokio::test(start_paused = true)]
async fn the_keeper_gets_each_change_and_its_report_is_awaited() {
    let hub = hub();
    hub.ban(BanTarget::name("early").unwrap(), HOUR, "x").unwrap();
    assert!(!hub.are_bans_kept() && !hub.bans_written().await, "nobody keeps them");
    let mut keeper = hub.keep_bans(Vec::new());
    assert_eq!(keeper.bans().len(), 1);
    let banned = hub.ban(BanTarget::name("ann").unwrap(), HOUR, "x").unwrap();
    let asking = tokio::spawn({
        let hub = hub.clone();
        async move { hub.bans_written().await }
    });
    assert_eq!(keeper.next().await.len(), 2);
    assert!(!asking.is_finished());
    keeper.set_written(true);
    assert!(asking.await.unwrap() && hub.are_bans_kept());
    hub.unban(banned.ban.id).unwrap();
    assert_eq!(keeper.next().await.len(), 1);
    keeper.set_written(false);
    assert!(!hub.bans_written().await && !hub.are_bans_kept(), "the disk may be full");
    hub.ban(BanTarget::name("ann").unwrap(), HOUR, "x").unwrap();
    assert!(!hub.bans_written().await, "a keeper that does not answer does not block for long");
}

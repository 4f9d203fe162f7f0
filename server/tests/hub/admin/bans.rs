//! Bans through the admin service.

use serde_json::Value;

use super::{Answer, admin, get, post};
use crate::access::{hub_of, tokens, with_token};
use crate::peer::{Peer, hello, hub};

#[tokio::test(start_paused = true)]
async fn a_ban_is_added_listed_and_lifted() {
    let hub = hub();
    let (admin, _orders) = admin(&hub);
    let _eve = Peer::connect_from(&hub, "192.0.2.7:1");
    let banned = post(&admin, "/ban", r#"{"address":"192.0.2.7","for":"10m","reason":"no flooding"}"#).await;
    assert_eq!(banned.status, 200, "{}", banned.body);
    let banned = banned.json();
    assert_eq!((&banned["ban"], &banned["network"], &banned["closed"]), (&1.into(), &"192.0.2.7/32".into(), &1.into()));
    assert_eq!((&banned["reason"], &banned["kept"]), (&"no flooding".into(), &false.into()), "{banned}");
    let time = |banned: &Value| banned["until"].as_u64().unwrap() - banned["since"].as_u64().unwrap();
    assert_eq!(time(&banned), 600_000);
    let by_name = post(&admin, "/ban", r#"{"name":"flood"}"#).await.json();
    assert_eq!((&by_name["ban"], &by_name["name"], time(&by_name)), (&2.into(), &"flood".into(), 3_600_000));
    let list = get(&admin, "/bans").await.json();
    assert_eq!((list["bans"].as_array().unwrap().len(), &list["kept"]), (2, &false.into()));
    assert_eq!(list["bans"][1]["reason"], "by an operator");
    assert_eq!(get(&admin, "/status").await.json()["bans"], 2);
    let lifted = post(&admin, "/unban", r#"{"ban":1}"#).await;
    assert_eq!((lifted.status, &lifted.json()["network"]), (200, &"192.0.2.7/32".into()));
    let absent = post(&admin, "/unban", r#"{"ban":1}"#).await;
    assert_eq!((absent.status, &absent.json()["error"]), (404, &"no-such-ban".into()));
    assert_eq!(get(&admin, "/bans").await.json()["bans"][0]["ban"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_ban_is_refused_and_everything_only_if_it_is_forced() {
    let (admin, _orders) = admin(&hub());
    let long = format!(r#"{{"name":"a","reason":"{}"}}"#, "x".repeat(101));
    for wrong in [
        "{}",
        r#"{"address":"192.0.2.7","name":"ann"}"#,
        r#"{"address":"192.0.2.0/24"}"#,
        r#"{"address":"example"}"#,
        r#"{"network":"192.0.2.7/24"}"#,
        r#"{"network":"0.0.0.0/0"}"#,
        r#"{"network":"::/0"}"#,
        r#"{"network":"::ffff:0.0.0.0/96"}"#,
        r#"{"name":""}"#,
        r#"{"name":"a\nb"}"#,
        r#"{"token":"nobody"}"#,
        r#"{"name":"a","for":"0s"}"#,
        r#"{"name":"a","for":"11y"}"#,
        r#"{"name":"a","for":"10"}"#,
        r#"{"name":"a","for":10}"#,
        r#"{"name":"a","reason":"b\u001bc"}"#,
        r#"{"name":"a","until":"tomorrow"}"#,
        &long,
    ] {
        let Answer { status, body, .. } = post(&admin, "/ban", wrong).await;
        assert_eq!(status, 400, "{wrong}: {body}");
    }
    assert!(get(&admin, "/bans").await.json()["bans"].as_array().unwrap().is_empty());
    assert_eq!(post(&admin, "/ban", r#"{"network":"0.0.0.0/0","force":true}"#).await.status, 200);
    assert_eq!(get(&admin, "/bans").await.status, 200, "bans do not concern the admin service");
    for wrong in ["{}", r#"{"ban":"1"}"#, r#"{"ban":-1}"#] {
        assert_eq!(post(&admin, "/unban", wrong).await.status, 400, "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn kick_with_a_ban_keeps_the_address_and_the_token_out() {
    let hub = hub_of(tokens(&[("board", "'*'", "['write']")]));
    let (admin, _orders) = admin(&hub);
    let mut eve = Peer::connect_from(&hub, "192.0.2.7:1");
    eve.greet(&with_token("eve", "board")).await;
    eve.welcome().await;
    let kicked = post(&admin, "/kick", r#"{"connection":1,"ban":"10m","reason":"no flooding"}"#).await.json();
    assert_eq!(kicked["kicked"], "192.0.2.7:1");
    let targets = (&kicked["bans"][0]["network"], &kicked["bans"][1]["token"], &kicked["kept"]);
    assert_eq!(targets, (&"192.0.2.7/32".into(), &"board".into(), &false.into()));
    assert_eq!(eve.frame().await.close().1, "policy: banned: no flooding");
    let refused = Peer::connect_from(&hub, "192.0.2.7:2").rest().await;
    assert!(String::from_utf8_lossy(&refused).contains("banned: no flooding"));
    let mut again = Peer::connect_from(&hub, "192.0.2.8:1");
    again.greet(&with_token("eve", "board")).await;
    assert_eq!(again.frame().await.close().1, "policy: banned: no flooding");
}

#[tokio::test(start_paused = true)]
async fn kick_with_a_ban_changes_nothing_if_there_is_nothing_to_ban() {
    let hub = hub();
    let (admin, _orders) = admin(&hub);
    let mut ann = Peer::join(&hub, hello("ann")).await; // over a stream without an address
    let refused = post(&admin, "/kick", r#"{"connection":1,"ban":"10m"}"#).await;
    assert_eq!((refused.status, &refused.json()["error"]), (409, &"not-banned".into()));
    assert_eq!(post(&admin, "/kick", r#"{"connection":7,"ban":"10m"}"#).await.status, 404);
    assert_eq!(post(&admin, "/kick", r#"{"connection":1,"ban":"soon"}"#).await.status, 400);
    ann.quiet().await;
}

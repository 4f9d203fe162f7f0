//! The test is the hub.

use super::*;
use crate::console::tests::Captured;
use crate::input::tests::typed;
use crate::input::{InputError, MessageFormat, one};
use bookend::{Code, Hello};
use bookend_client::Options;
use bookend_testing::hub::{Hub, Posted, memory};
use std::future::pending;
use tokio::io::DuplexStream;

const TO_ALL: SendOptions = SendOptions { to: None, encoding: None, timeout: None, json: false, is_verbose: false };

fn read(entries: Vec<Result<Entry, InputError>>) -> Messages {
    let (sender, messages) = mpsc::channel(1);
    sender.try_send(entries).unwrap();
    messages
}

/// Runs `send` while the hub runs `script`, and returns how it ends and its errors.
async fn sent<T>(
    messages: Messages,
    options: &SendOptions,
    script: impl AsyncFnOnce(Hub<DuplexStream>) -> T,
) -> (Result<(), Failure>, String, T) {
    let (dialler, mut hubs) = memory();
    let captured = Captured::default();
    let console = captured.console();
    let sending = async {
        let client = Options::new(dialler, Hello::new().with_hub(true)).with_backoff(None);
        let client = Receiver::connect(client, None, false, &console, pending()).await.unwrap();
        send(client, messages, options, &console, pending()).await
    };
    let scripted = async { script(Hub::welcome(hubs.recv().await.unwrap(), &[(7, "bob")]).await).await };
    let both = timeout(Duration::from_secs(30), async { tokio::join!(sending, scripted) });
    let (ended, scripted) = both.await.expect("both end");
    console.finish(Duration::MAX);
    assert_eq!(captured.output.text(), "", "`send` prints nothing");
    (ended, captured.errors.text(), scripted)
}

#[tokio::test]
async fn success_prints_nothing_and_posts_in_order() {
    let texts: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let entries = typed(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let (ended, errors, (posted, code)) = sent(read(entries), &TO_ALL, async |mut hub| hub.rest().await).await;
    assert!(ended.is_ok());
    assert_eq!((&*errors, code), ("", Some(Code::NORMAL)));
    assert_eq!(posted, texts.iter().map(|text| Posted::text(text)).collect::<Vec<_>>());
}

#[tokio::test]
async fn empty_input_is_success() {
    let (ended, errors, (posted, code)) = sent(read(Vec::new()), &TO_ALL, async |mut hub| hub.rest().await).await;
    assert!(ended.is_ok());
    assert_eq!((posted, &*errors, code), (Vec::new(), "", Some(Code::NORMAL)));
}

#[tokio::test]
async fn refused_message_is_reported_and_not_confirmed() {
    let (ended, errors, _) =
        sent(read(typed(&["one"])), &SendOptions { to: Some("9".into()), ..TO_ALL }, async |mut hub| {
            hub.refuses = Some(Code::NO_SUCH_MEMBER);
            assert_eq!(hub.next().await, Posted::text("one").to(9));
            hub.rest().await
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!(
        errors,
        "bookend: line 1: the peer refused: 4010 no-such-member\nbookend: 1 message read: 0 confirmed, 1 refused, 0 unconfirmed, 0 not sent\n"
    );
}

#[tokio::test]
async fn bad_line_is_reported_and_the_rest_is_sent() {
    let mut entries = typed(&["one", "two"]);
    entries.insert(1, Err(InputError::BadText { position: Position::Line(2), offset: 0 }));
    let (_, errors, (posted, _)) = sent(read(entries), &TO_ALL, async |mut hub| hub.rest().await).await;
    assert_eq!(posted, [Posted::text("one"), Posted::text("two")]);
    assert_eq!(
        errors,
        "bookend: line 2: bad-text: byte 0 is not utf-8\nbookend: 3 messages read: 2 confirmed, 1 refused (at 2), 0 unconfirmed, 0 not sent\n"
    );
}

#[tokio::test]
async fn lost_connection_is_reported_with_what_was_confirmed() {
    let (sender, messages) = mpsc::channel(1);
    let (ended, errors, ()) = sent(messages, &TO_ALL, async |mut hub| {
        sender.send(typed(&["one"])).await.unwrap();
        assert_eq!(hub.next().await, Posted::text("one"));
        sender.send(typed(&["one", "two"]).split_off(1)).await.unwrap();
        assert_eq!(hub.next().await, Posted::text("two"));
        drop(hub); // before it answers the second PING
    })
    .await;
    assert!(matches!(ended, Err(Failure::Reported(Exit::Fault))));
    assert_eq!(
        errors,
        "bookend: unix:/memory: session: no-close: the stream ended without a CLOSE\n\
         bookend: 2 messages read: 1 confirmed, 0 refused, 1 unconfirmed from 2 on, 0 not sent; resume at 2\n"
    );
}

#[tokio::test]
async fn close_after_every_confirmation_is_success() {
    let (ended, errors, ()) = sent(read(typed(&["one"])), &TO_ALL, async |mut hub| {
        // HELLO is frame 0, the message 1, the PING 2.
        while hub.frame < 2 {
            hub.turn().await;
        }
        hub.close(Code::GOING_AWAY, "").await;
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(errors, "");
}

#[tokio::test]
async fn name_is_looked_up_in_the_complete_list_of_members() {
    let options = SendOptions { to: Some("bob".into()), ..TO_ALL };
    let (ended, errors, (posted, _)) = sent(one("hi".into()), &options, async |mut hub| hub.rest().await).await;
    assert!(ended.is_ok());
    assert_eq!((posted, &*errors), (vec![Posted::text("hi").to(7)], ""));
}

#[tokio::test]
async fn unknown_name_sends_nothing() {
    let options = SendOptions { to: Some("eve".into()), ..TO_ALL };
    let (_, errors, (posted, code)) = sent(one("hi".into()), &options, async |mut hub| hub.rest().await).await;
    assert_eq!((posted, code), (Vec::new(), Some(Code::NORMAL)));
    assert!(errors.starts_with("bookend: no-such-member: no member has that name: eve\n"), "{errors}");
}

#[tokio::test]
async fn text_is_sent_in_the_requested_encoding_or_not_at_all() {
    let options = SendOptions { encoding: Some(Encoding::Utf16Le), ..TO_ALL };
    let (_, errors, (posted, _)) = sent(one("hi".into()), &options, async |mut hub| hub.rest().await).await;
    assert_eq!(posted, [Posted { to: 0, encoding: Encoding::Utf16Le, bytes: b"h\0i\0".to_vec() }]);
    assert_eq!(errors, "");
    let options = SendOptions { encoding: Some(Encoding::Ascii), ..TO_ALL };
    let (_, errors, (posted, _)) = sent(one("grüß".into()), &options, async |mut hub| hub.rest().await).await;
    assert_eq!(posted, []);
    assert!(errors.contains("unmappable-text: ") && errors.contains("0 confirmed, 1 refused"), "{errors}");
}

#[tokio::test]
async fn binary_input_is_one_message() {
    let messages = crate::input::messages(&b"\xFF\n\0"[..], MessageFormat::Binary, 99);
    let (ended, errors, (posted, _)) = sent(messages, &TO_ALL, async |mut hub| hub.rest().await).await;
    assert!(ended.is_ok());
    assert_eq!(posted, [Posted { to: 0, encoding: Encoding::Binary, bytes: b"\xFF\n\0".to_vec() }]);
    assert_eq!(errors, "");
}

#[tokio::test(start_paused = true)]
async fn send_gives_up_when_no_confirmation_arrives_within_the_timeout() {
    let options = SendOptions { timeout: Some(Duration::from_secs(3)), ..TO_ALL };
    let begun = Instant::now();
    let (ended, errors, _hub) = sent(one("hi".into()), &options, async |hub| hub).await;
    assert!(matches!(ended, Err(Failure::Reported(Exit::Fault))));
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    assert_eq!(
        errors,
        "bookend: timed-out: no confirmation from the hub for 3s\n\
         bookend: 1 message read: 0 confirmed, 0 refused, 1 unconfirmed, 0 not sent\n"
    );
}

#[tokio::test(start_paused = true)]
async fn after_reconnecting_the_rest_is_sent_and_messages_in_flight_only_with_resend() {
    for (resends, second, report) in [
        (false, &["three"][..], "3 messages read: 2 confirmed, 0 refused, 1 unconfirmed from 2 on, 0 not sent; "),
        (true, &["two", "three"], "3 messages read: 3 confirmed, 0 refused, 0 unconfirmed, 0 not sent\n"),
    ] {
        let (dialler, mut hubs) = memory();
        let captured = Captured::default();
        let console = captured.console();
        let (typing, messages) = mpsc::channel(1);
        let mut lines = typed(&["one", "two", "three"]).into_iter();
        let mut line = || vec![lines.next().unwrap()];
        let sending = async {
            let options = Options::new(dialler, Hello::new().with_hub(true)).with_resend(resends);
            let timeout = Some(Duration::from_secs(30));
            let joined = Receiver::connect(options, timeout, false, &console, pending()).await.unwrap();
            send(joined, messages, &SendOptions { is_verbose: true, ..TO_ALL }, &console, pending()).await
        };
        let scripted = async {
            let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
            typing.send(line()).await.unwrap();
            assert_eq!(hub.next().await, Posted::text("one"));
            typing.send(line()).await.unwrap();
            assert_eq!(hub.next().await, Posted::text("two"));
            drop(hub); // after its answer to the PING after the first message, and before that to the second
            typing.send(line()).await.unwrap();
            drop(typing);
            Hub::welcome(hubs.recv().await.unwrap(), &[]).await.rest().await.0
        };
        let (ended, posted) = tokio::join!(sending, scripted);
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(posted, second.iter().map(|text| Posted::text(text)).collect::<Vec<_>>());
        assert_eq!(console.finish(Duration::MAX), resends);
        let errors = captured.errors.text();
        assert!(errors.contains("; reconnecting\nbookend: reconnected\n"), "{errors}");
        assert!(errors.contains(report), "{errors}");
    }
}

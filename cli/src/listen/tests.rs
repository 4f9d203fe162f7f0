use super::*;
use crate::console::tests::{Captured, Shared, Stuck};
use bookend::{Code, Hello, Payload};
use bookend_client::Options;
use bookend_testing::hub::{Hub, Memory, memory, text};
use std::future::pending;
use std::time::Duration;
use tokio::io::DuplexStream;

fn once(dialler: Memory) -> Options {
    Options::new(dialler, Hello::new().with_hub(true)).with_backoff(None)
}

/// Runs `listen` while the hub runs `script`, and returns the console and how both end.
async fn listened<T>(
    format: OutputFormat,
    count: Option<u64>,
    script: impl AsyncFnOnce(Hub<DuplexStream>) -> T,
) -> (Captured, Result<(), Failure>, T) {
    let (dialler, mut hubs) = memory();
    let captured = Captured::default();
    let console = captured.console();
    let listening = async {
        let client = Receiver::connect(once(dialler), None, false, &console, pending()).await.unwrap();
        listen(client, &mut Printer::before(format, count, &console), pending()).await
    };
    let scripted = async { script(Hub::welcome(hubs.recv().await.unwrap(), &[(7, "bob")]).await).await };
    let (ended, scripted) = tokio::join!(listening, scripted);
    console.finish(Duration::MAX);
    (captured, ended, scripted)
}

#[tokio::test]
async fn every_event_is_a_line_and_the_count_ends_it() {
    let (captured, ended, (_, code)) = listened(OutputFormat::Json, Some(2), async |mut hub| {
        hub.say(&Message::Gap { missed: 3 }).await;
        hub.deliver(7, 0, "bob", text("one")).await;
        hub.deliver(7, 5, "bob", Payload::Binary(b"two")).await;
        hub.deliver(7, 0, "bob", text("one too many")).await;
        hub.rest().await
    })
    .await;
    assert!(ended.is_ok());
    assert_eq!(code, Some(Code::NORMAL));
    assert_eq!(
        captured.output.text(),
        r#"{"event":"welcome","member":5,"next_seq":1,"greeting":"hi"}
{"event":"here","member":7,"name":"bob"}
{"event":"here","member":5,"name":"guest"}
{"event":"gap","missed":3,"first":1,"last":3}
{"from":7,"name":"bob","to":0,"seq":1,"time":0,"encoding":2,"text":"one"}
{"from":7,"name":"bob","to":5,"seq":1,"time":0,"encoding":0,"hex":"74776f"}
"#
    );
}

#[tokio::test]
async fn raw_output_is_only_payload_bytes_and_a_gap_is_reported() {
    let (captured, ended, _) = listened(OutputFormat::Raw, Some(2), async |mut hub| {
        hub.deliver(7, 0, "bob", Payload::Binary(b"\xFF\x00\n")).await;
        hub.say(&Message::Gap { missed: 1 }).await;
        hub.deliver(7, 0, "bob", text("a\x1b\n")).await;
        hub.rest().await
    })
    .await;
    assert!(ended.is_ok());
    assert_eq!(captured.output.bytes(), b"\xFF\x00\na\x1b\n");
    assert_eq!(captured.errors.text(), "bookend: 1 messages were missed\n");
}

#[tokio::test]
async fn normal_close_is_success_unless_messages_of_the_count_are_missing() {
    for (count, is_success) in [(None, true), (Some(2), false)] {
        let (captured, ended, ()) = listened(OutputFormat::Plain, count, async |mut hub| {
            hub.deliver(7, 0, "bob", text("one")).await;
            hub.close(Code::NORMAL, "").await;
        })
        .await;
        assert_eq!(ended.is_ok(), is_success, "{ended:?}");
        assert_eq!(captured.output.text(), "* bob here\n* guest here\nbob: one\n");
    }
}

#[tokio::test]
async fn reason_of_the_close_is_reported() {
    let (_, ended, ()) = listened(OutputFormat::Plain, None, async |mut hub| {
        hub.close(Code::SLOW_CONSUMER, "10 s without progress").await;
    })
    .await;
    let errors = ended.unwrap_err().to_string();
    assert_eq!(
        errors,
        "unix:/memory: session: slow-consumer: the peer closed: 4006 slow-consumer: 10 s without progress"
    );
}

#[tokio::test(start_paused = true)]
async fn connection_stays_open_while_the_output_is_stalled() {
    let (dialler, mut hubs) = memory();
    let (_release, stuck) = std::sync::mpsc::channel();
    let console = Console::new(Stuck(stuck), Shared::default());
    let listening = async {
        let client = Receiver::connect(once(dialler), None, false, &console, pending()).await.unwrap();
        listen(client, &mut Printer::before(OutputFormat::Plain, None, &console), pending()).await
    };
    let scripted = async {
        let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
        hub.deliver(7, 0, "bob", text("one")).await;
        // HELLO is frame 0; each further frame is a PING, every 30 s.
        while hub.frame < 3 {
            hub.turn().await;
            assert!(!hub.is_closed());
        }
        hub.close(Code::NORMAL, "").await;
    };
    let (ended, ()) = tokio::join!(listening, scripted);
    assert!(ended.is_ok());
}

#[tokio::test]
async fn illegal_text_from_the_hub_is_reported() {
    let (captured, ended, ()) = listened(OutputFormat::Plain, Some(1), async |mut hub| {
        hub.write(b"\xF5\xF8\x02\x02\0\0\0\x01\xFF\xF8\xF5").await;
        hub.deliver(7, 0, "bob", text("one")).await;
        hub.rest().await;
    })
    .await;
    assert!(ended.is_ok());
    assert!(captured.errors.text().contains("1 frames from the peer were refused"), "{}", captured.errors.text());
}

/// Every loss there is: a GAP, missing numbers, illegal text, a lost session, and one that cannot be resumed.
async fn lose_everything(format: OutputFormat) -> (String, String) {
    let (dialler, mut hubs) = memory();
    let captured = Captured::default();
    let console = captured.console();
    let listening = async {
        let options = Options::new(dialler, Hello::new().with_hub(true));
        let client = Receiver::connect(options, None, false, &console, pending()).await.unwrap();
        let mut printer = Printer::before(format, None, &console);
        printer.resumed = Some(6); // it is known already that the hub has forgotten what follows
        listen(client, &mut printer, pending()).await
    };
    let scripted = async {
        let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
        hub.say(&Message::Gap { missed: 2 }).await;
        let far = bookend::Delivery::new(7, 0, 6, 0, "bob", text("six")).unwrap();
        hub.say(&Message::Delivery(far)).await;
        hub.write(b"\xF5\xF8\x02\x02\0\0\0\x01\xFF\xF8\xF5").await;
        hub.close(Code::GOING_AWAY, "").await;
        let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
        hub.refuse(Code::RESUME_REFUSED, "").await;
        hub.close(Code::POLICY, "enough").await;
    };
    let (ended, ()) = tokio::join!(listening, scripted);
    assert!(ended.is_err());
    console.finish(Duration::MAX);
    (captured.output.text(), captured.errors.text())
}

#[tokio::test(start_paused = true)]
async fn every_loss_is_marked_where_it_happened() {
    let (printed, _) = lose_everything(OutputFormat::Json).await;
    let losses: Vec<serde_json::Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|object: &serde_json::Value| object["event"] == "gap" || object["event"] == "down")
        .collect();
    let gaps: Vec<_> = losses.iter().map(|loss| (&loss["missed"], loss["cause"].as_str().unwrap_or("GAP"))).collect();
    let (null, number) = (serde_json::Value::Null, serde_json::Value::from);
    let expected = [
        (&number(2), "GAP"),
        (&number(3), "skipped"),
        (&number(1), "bad-text"),
        (&null, "going-away"),
        (&null, "not-resumed"),
        (&null, "policy"),
    ];
    assert_eq!(gaps, expected, "{printed}");

    let (printed, _) = lose_everything(OutputFormat::Plain).await;
    let marked: Vec<_> = printed.lines().filter(|line| !line.contains("guest") && !line.contains("bob:")).collect();
    let beginnings = ["* 2 messages missed", "* 3 numbers were", "* 1 frames", "* disconnected: ", "* messages may"];
    assert_eq!(marked.len(), 6, "{printed}");
    assert!(beginnings.iter().zip(&marked).all(|(beginning, line)| line.starts_with(beginning)), "{printed}");

    let (printed, errors) = lose_everything(OutputFormat::Raw).await;
    assert_eq!(printed, "six");
    assert!(errors.contains("2 messages were missed\n") && errors.contains("may have been missed"), "{errors}");
}

#[tokio::test(start_paused = true)]
async fn lost_session_is_resumed_and_the_gap_is_reported() {
    let (dialler, mut hubs) = memory();
    let captured = Captured::default();
    let console = captured.console();
    let listening = async {
        let options = Options::new(dialler, Hello::new().with_hub(true));
        let client = Receiver::connect(options, None, false, &console, pending()).await.unwrap();
        listen(client, &mut Printer::before(OutputFormat::Plain, Some(2), &console), pending()).await
    };
    let scripted = async {
        let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
        hub.deliver(7, 0, "bob", text("one")).await;
        hub.close(Code::GOING_AWAY, "").await;
        let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
        assert_eq!(hub.peer().resume(), Some(1));
        hub.say(&Message::Gap { missed: 1 }).await;
        hub.deliver(7, 5, "bob", text("two")).await;
        hub.rest().await
    };
    let (ended, (_, code)) = tokio::join!(listening, scripted);
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(code, Some(Code::NORMAL));
    assert!(console.finish(Duration::MAX), "a lost session is not an error of `listen`");
    let errors = captured.errors.text();
    assert!(
        errors.contains("1001 going-away") && errors.ends_with("; reconnecting\nbookend: reconnected\n"),
        "{errors}"
    );
    assert_eq!(errors.lines().count(), 2, "{errors}");
    let printed = captured.output.text();
    assert!(printed.starts_with("* guest here\nbob: one\n* disconnected: unix:/memory: "), "{printed}");
    assert!(printed.contains("\n* guest here\n* 1 messages missed\n"), "{printed}");
    assert!(printed.ends_with("two\n") && printed.contains("missed"), "{printed}");
}

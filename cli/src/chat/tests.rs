//! The test is both the hub and the user.

mod recall;

use super::*;
use crate::console::tests::{Broken, Captured, Shared};
use crate::input::Position;
use crate::input::tests::typed;
use bookend::{Code, Hello, Message, PresenceEvent, Text};
use bookend_client::Options;
use bookend_testing::hub::{Hub, OWN, Posted, memory, presence, text};
use std::future::pending;
use std::io;
use tokio::io::DuplexStream;

type Typing = mpsc::Sender<Vec<Result<Entry, InputError>>>;

const PLAIN: ChatOptions = ChatOptions { format: OutputFormat::Plain, count: None, payloads: Vec::new() };

struct Run {
    captured: Captured,
    signal: Notify,
    hello: Hello,
}

impl Run {
    fn new() -> Run {
        let hello = Hello::new().with_hub(true).with_name("ann").unwrap();
        Run { captured: Captured::default(), signal: Notify::new(), hello }
    }

    /// Runs `chat` while the test is both the hub and the user.
    async fn run<T>(
        &self,
        options: &ChatOptions,
        script: impl AsyncFnOnce(DuplexStream, Typing) -> T,
    ) -> (Result<(), Failure>, T) {
        let (dialler, mut hubs) = memory();
        let (typing, input) = mpsc::channel(8);
        let console = self.captured.console();
        let chatting = async {
            let client = Options::new(dialler, self.hello.clone()).with_backoff(None);
            let client = Receiver::connect(client, None, false, &console, pending()).await.unwrap();
            super::chat(client, input, options, &console, self.interrupt()).await
        };
        let both = async { tokio::join!(chatting, async { script(hubs.recv().await.unwrap(), typing).await }) };
        let ended = timeout(Duration::from_secs(30), both).await.expect("the chat ends");
        console.finish(Duration::MAX);
        ended
    }

    async fn interrupt(&self) -> Signal {
        self.signal.notified().await;
        Signal::Interrupt
    }

    fn output(&self) -> String {
        self.captured.output.text()
    }

    fn errors(&self) -> String {
        self.captured.errors.text()
    }
}

#[tokio::test]
async fn lines_are_posted_and_what_arrives_is_printed() {
    let run = Run::new();
    let (ended, (rest, code)) = run
        .run(&PLAIN, async |far, typing| {
            let mut hub = Hub::welcome(far, &[(7, "bob")]).await;
            typing.send(typed(&["grüß", ""])).await.unwrap();
            let mut posted = hub.turn().await;
            while posted.len() < 2 {
                posted.extend(hub.turn().await);
            }
            assert_eq!(posted, [Posted::text("grüß"), Posted::text("")]);
            hub.deliver(OWN, 0, "ann", text("grüß")).await;
            hub.deliver(7, OWN, "bob", text("psst\nbob: what?")).await;
            hub.say(&presence(7, PresenceEvent::Left, "bob")).await;
            drop(typing);
            hub.rest().await
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!((rest, code), (Vec::new(), Some(Code::NORMAL)));
    assert_eq!(run.output(), "* bob here\n* ann here\nann: grüß\nbob (to you): psst\\u{a}bob: what?\n* bob left\n");
    assert_eq!(run.errors(), "");
}

#[tokio::test]
async fn end_of_input_waits_for_every_confirmation() {
    let run = Run::new();
    let (ended, ()) = run
        .run(&PLAIN, async |far, typing| {
            let mut hub = Hub::welcome(far, &[]).await;
            hub.refuses = Some(Code::RATE);
            typing.send(typed(&["last words"])).await.unwrap();
            drop(typing);
            assert_eq!(hub.next().await, Posted::text("last words"));
            // The ERROR comes before the PONG, and both before the CLOSE.
            assert_eq!(hub.rest().await, (Vec::new(), Some(Code::NORMAL)));
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!(run.errors(), "bookend: line 1: the peer refused: 4007 rate\n");
}

#[tokio::test]
async fn end_of_input_waits_for_the_own_messages_after_their_confirmation() {
    let run = Run::new();
    let (ended, code) = run
        .run(&PLAIN, async |far, typing| {
            let mut hub = Hub::welcome(far, &[]).await;
            typing.send(typed(&["one", "two"])).await.unwrap();
            drop(typing);
            let mut posted: Vec<Posted> = Vec::new();
            // Until everything is confirmed; if a busy machine ends this early, the test still holds.
            while let Ok(turn) = timeout(Duration::from_millis(300), hub.turn()).await {
                posted.extend(turn);
            }
            assert_eq!(posted, [Posted::text("one"), Posted::text("two")]);
            for said in ["one", "two"] {
                hub.deliver(OWN, 0, "ann", text(said)).await;
            }
            hub.rest().await.1
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!(code, Some(Code::NORMAL));
    assert!(run.output().ends_with("ann: one\nann: two\n"), "{}", run.output());
}

#[tokio::test]
async fn to_posts_to_one_member_by_name_or_number() {
    let run = Run::new();
    let (ended, (posted, _)) = run
        .run(&PLAIN, async |far, typing| {
            let mut hub = Hub::welcome(far, &[(7, "bob"), (8, "bob lee"), (10, "carl may")]).await;
            let lines = [
                "/to bob psst",
                "/to \"bob lee\" psst",
                "/to #9 psst",
                "/to #0 psst",
                "//quit",
                "/me waves",
                "/to eve psst",
                "/too",
                "/to bob lee psst",
                "/to carl may psst",
            ];
            typing.send(typed(&lines)).await.unwrap();
            drop(typing);
            hub.rest().await
        })
        .await;
    assert!(ended.is_ok());
    let psst = |to| Posted::text("psst").to(to);
    assert_eq!(posted, [psst(7), psst(8), psst(9), Posted::text("/quit"), Posted::text("* ann waves")]);
    let errors = [
        "line 4: /to NAME TEXT: 0 is everyone",
        "line 7: no-such-member: ",
        "line 8: there is no such command; /help lists all",
        "line 9: ambiguous-member: ",
        "line 10: unquoted-name: ",
    ];
    for (shown, expected) in run.errors().lines().zip(errors) {
        assert!(shown.starts_with(&format!("bookend: {expected}")), "{shown}");
    }
    assert_eq!(run.errors().lines().count(), errors.len());
}

#[tokio::test]
async fn to_waits_for_the_complete_list_of_members() {
    let run = Run::new();
    let (ended, (posted, _)) = run
        .run(&PLAIN, async |far, typing| {
            let mut hub = Hub::greet(far, Hello::new().with_hub(true)).await;
            hub.say(&Message::Welcome { member: OWN, next_seq: 1, greeting: Text::utf8("") }).await;
            hub.say(&presence(6, PresenceEvent::Here, "bob")).await;
            typing.send(typed(&["first", "/to \"bob lee\" psst"])).await.unwrap();
            drop(typing);
            assert_eq!(hub.next().await, Posted::text("first"));
            hub.say(&presence(7, PresenceEvent::Here, "bob lee")).await;
            hub.say(&presence(OWN, PresenceEvent::Here, "ann")).await;
            hub.rest().await
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!((posted, &*run.errors()), (vec![Posted::text("psst").to(7)], ""));
}

#[tokio::test]
async fn who_lists_the_members_and_quit_exits() {
    let run = Run::new();
    let (ended, (posted, code)) = run
        .run(&PLAIN, async |far, typing| {
            let mut hub = Hub::welcome(far, &[]).await;
            while !run.output().contains("ann here") {
                tokio::task::yield_now().await;
            }
            typing.send(typed(&["/who", "/quit", "unheard"])).await.unwrap();
            hub.rest().await
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!((posted, code), (Vec::new(), Some(Code::NORMAL)));
    assert_eq!(run.output(), "* ann here\n* ann here\n");
}

#[tokio::test]
async fn bad_line_is_reported_and_the_next_one_is_posted() {
    let run = Run::new();
    let (ended, (posted, _)) = run
        .run(&PLAIN, async |far, typing| {
            let bad = Err(InputError::BadText { position: Position::Line(1), offset: 2 });
            typing.send(vec![bad]).await.unwrap();
            typing.send(typed(&["next"])).await.unwrap();
            drop(typing);
            Hub::welcome(far, &[]).await.rest().await
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!(posted, [Posted::text("next")]);
    assert_eq!(run.errors(), "bookend: line 1: bad-text: byte 2 is not utf-8\n");
}

#[tokio::test]
async fn line_that_the_peer_cannot_accept_is_reported_and_the_chat_continues() {
    let run = Run::new();
    let (ended, (posted, _)) = run
        .run(&PLAIN, async |far, typing| {
            let hello = Hello::new().with_preferred(Encoding::Ascii).with_max_body(1024);
            typing.send(typed(&["grüß", &"a".repeat(1025), "plain"])).await.unwrap();
            drop(typing);
            Hub::greet(far, hello).await.rest().await
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!(posted, [Posted { encoding: Encoding::Ascii, ..Posted::text("plain") }]);
    assert!(run.errors().contains("line 1: unmappable-text: "), "{}", run.errors());
    assert!(run.errors().contains("line 2: too-long: "), "{}", run.errors());
}

#[tokio::test(start_paused = true)]
async fn count_ends_the_chat_and_the_end_of_input_does_not() {
    let run = Run::new();
    let options = ChatOptions { count: Some(2), ..PLAIN };
    let (ended, code) = run
        .run(&options, async |far, typing| {
            let mut hub = Hub::welcome(far, &[]).await;
            typing.send(typed(&["hi"])).await.unwrap();
            drop(typing);
            assert_eq!(hub.next().await, Posted::text("hi"));
            // Nothing follows but the PING that asks for a confirmation.
            assert!(timeout(Duration::from_secs(10), hub.turn()).await.is_err());
            assert_eq!(hub.frame, 2);
            for word in ["one", "two", "three"] {
                hub.deliver(OWN, 0, "ann", text(word)).await;
            }
            hub.rest().await.1
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!(code, Some(Code::NORMAL));
    assert_eq!(run.output(), "* ann here\nann: one\nann: two\n");
}

#[tokio::test]
async fn count_ends_the_chat_while_the_input_is_idle() {
    let run = Run::new();
    let options = ChatOptions { count: Some(1), ..PLAIN };
    let (ended, code) = run
        .run(&options, async |far, _typing| {
            let mut hub = Hub::welcome(far, &[]).await;
            hub.deliver(OWN, 0, "ann", text("one")).await;
            hub.rest().await.1
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!(code, Some(Code::NORMAL));
}

#[tokio::test]
async fn payloads_are_posted_first_and_in_their_own_encoding() {
    let run = Run::new();
    let payloads =
        vec![(Encoding::Utf16Be, b"\0h".to_vec()), (Encoding::Binary, vec![0xFF]), (Encoding::Ascii, vec![])];
    let options = ChatOptions { payloads: payloads.clone(), ..PLAIN };
    let (ended, (posted, _)) = run
        .run(&options, async |far, typing| {
            typing.send(typed(&["typed"])).await.unwrap();
            drop(typing);
            Hub::welcome(far, &[]).await.rest().await
        })
        .await;
    assert!(ended.is_ok());
    let mut wanted: Vec<_> = payloads.into_iter().map(|(encoding, bytes)| Posted { to: 0, encoding, bytes }).collect();
    wanted.push(Posted::text("typed"));
    assert_eq!(posted, wanted);
}

#[tokio::test]
async fn close_by_the_hub_is_a_failure() {
    for code in [Code::NORMAL, Code::GOING_AWAY] {
        let run = Run::new();
        let (ended, _typing) = run
            .run(&PLAIN, async |far, typing| {
                Hub::welcome(far, &[]).await.close(code, "").await;
                typing
            })
            .await;
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(code.name().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn end_of_stream_without_close_is_a_failure() {
    let run = Run::new();
    let (ended, _typing) = run
        .run(&PLAIN, async |far, typing| {
            drop(Hub::welcome(far, &[]).await);
            typing
        })
        .await;
    assert!(ended.unwrap_err().to_string().ends_with("no-close: the stream ended without a CLOSE"));
}

#[tokio::test]
async fn signal_closes_normally() {
    let run = Run::new();
    let (ended, (code, _typing)) = run
        .run(&PLAIN, async |far, typing| {
            let mut hub = Hub::welcome(far, &[]).await;
            run.signal.notify_one();
            (hub.rest().await.1, typing)
        })
        .await;
    assert!(matches!(ended, Err(Failure::Signalled(Signal::Interrupt))));
    assert_eq!(code, Some(Code::NORMAL));
}

#[tokio::test]
async fn chat_with_closed_output_closes_normally() {
    let (dialler, mut hubs) = memory();
    let errors = Shared::default();
    let console = Console::new(Broken(io::ErrorKind::BrokenPipe), errors.clone());
    while console.print(b"x".to_vec()).await.is_ok() {}
    let (_typing, input) = mpsc::channel(8);
    let chatting = async {
        let options = Options::new(dialler, Hello::new().with_hub(true)).with_backoff(None);
        let client = Receiver::connect(options, None, false, &console, pending()).await.unwrap();
        super::chat(client, input, &PLAIN, &console, std::future::pending()).await
    };
    let scripted = async {
        let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
        hub.rest().await.1
    };
    let both = timeout(Duration::from_secs(30), async { tokio::join!(chatting, scripted) });
    let (ended, code) = both.await.expect("the chat ends");
    assert!(ended.is_ok());
    assert_eq!(code, Some(Code::NORMAL));
    assert!(console.finish(Duration::MAX));
    assert_eq!(errors.text(), "");
}

#[tokio::test]
async fn without_the_hub_profile_lines_are_messages_to_all() {
    let mut run = Run::new();
    run.hello = Hello::new();
    let (ended, posted) = run
        .run(&PLAIN, async |far, typing| {
            let mut hub = Hub::greet(far, Hello::new().with_hub(true)).await;
            typing.send(typed(&["hello", "/to 7 psst"])).await.unwrap();
            drop(typing);
            hub.say(&Message::Message(text("bob: hi"))).await;
            hub.rest().await.0
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!(posted, [Posted::text("hello")]);
    assert_eq!(run.output(), "bob: hi\n");
    assert_eq!(run.errors(), "bookend: line 2: unknown-kind: kind 12 needs the hub profile\n");
}

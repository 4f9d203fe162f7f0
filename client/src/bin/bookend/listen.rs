//! `bookend listen`: prints what is said in a room.

use std::ops::ControlFlow;

use bookend::Message;
use bookend_client::Joined;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::console::Console;
use crate::receive::{Ended, Failure, Form, conclude, is_said, receive};

/// Prints until `count` messages have come, the hub closes, or nobody reads on.
pub(crate) async fn listen<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: Joined<S>,
    form: Form,
    count: Option<u64>,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let own = client.own();
    let mut first = Vec::new();
    if let Some(welcome) = client.welcome() {
        form.print(&welcome.message(), own, &mut first);
    }
    // If nobody reads, the next line will tell.
    let _unread = console.print(first).await;
    let mut left = count;
    let ended = receive(client.connection(), console, interrupt, |message, lines| {
        if form == Form::Raw
            && let Message::Gap { missed } = message
        {
            console.complain(format_args!("{missed} messages were missed"));
        }
        form.print(message, own, lines);
        match &mut left {
            Some(left) if is_said(message) => {
                *left -= 1;
                if *left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
            _ => ControlFlow::Continue(()),
        }
    })
    .await;
    // Without a count whatever came is all that was wanted.
    let is_done = matches!(ended, Ok(Ended::There)) && left.is_none();
    conclude(&mut client, ended, is_done).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::{Captured, Shared, Stuck};
    use crate::hub::{Hub, text};
    use bookend::{Code, Hello, Payload};
    use std::future::pending;
    use std::time::Duration;
    use tokio::io::{DuplexStream, duplex};

    /// What `listen` prints and complains of while the hub does `script`, and how both end.
    async fn listened<T>(
        form: Form,
        count: Option<u64>,
        script: impl AsyncFnOnce(Hub<DuplexStream>) -> T,
    ) -> (Captured, Result<(), Failure>, T) {
        let (near, far) = duplex(1 << 16);
        let captured = Captured::default();
        let console = captured.console();
        let listening = async {
            let client = Joined::join(near, Hello::new().with_hub(true)).await.unwrap();
            listen(client, form, count, &console, pending()).await
        };
        let scripted = async { script(Hub::welcome(far, &[(7, "bob")]).await).await };
        let (ended, scripted) = tokio::join!(listening, scripted);
        console.finish(Duration::MAX);
        (captured, ended, scripted)
    }

    #[tokio::test]
    async fn every_event_is_a_line_and_enough_ends_it() {
        let (captured, ended, (_, code)) = listened(Form::Json, Some(2), async |mut hub| {
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
{"event":"gap","missed":3}
{"from":7,"name":"bob","to":0,"seq":1,"time":0,"encoding":2,"text":"one"}
{"from":7,"name":"bob","to":5,"seq":1,"time":0,"encoding":0,"hex":"74776f"}
"#
        );
    }

    #[tokio::test]
    async fn raw_is_the_bytes_and_nothing_else_but_a_gap_is_told() {
        let (captured, ended, _) = listened(Form::Raw, Some(2), async |mut hub| {
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
    async fn hub_that_closes_in_good_order_ends_it_well_unless_more_was_to_come() {
        for (count, is_well) in [(None, true), (Some(2), false)] {
            let (captured, ended, ()) = listened(Form::Plain, count, async |mut hub| {
                hub.deliver(7, 0, "bob", text("one")).await;
                hub.close(Code::NORMAL, "").await;
            })
            .await;
            assert_eq!(ended.is_ok(), is_well, "{ended:?}");
            assert_eq!(captured.output.text(), "* bob here\n* guest here\nbob: one\n");
        }
    }

    #[tokio::test]
    async fn hub_that_closes_for_a_reason_is_quoted() {
        let (_, ended, ()) = listened(Form::Plain, None, async |mut hub| {
            hub.close(Code::SLOW_CONSUMER, "10 s without progress").await;
        })
        .await;
        assert_eq!(ended.unwrap_err().to_string(), "the peer closed: 4006 slow-consumer: 10 s without progress");
    }

    #[tokio::test(start_paused = true)]
    async fn connection_lives_while_the_output_stands_still() {
        let (near, far) = duplex(1 << 16);
        let (_release, stuck) = std::sync::mpsc::channel();
        let console = Console::new(Stuck(stuck), Shared::default());
        let listening = async {
            let client = Joined::join(near, Hello::new().with_hub(true)).await.unwrap();
            listen(client, Form::Plain, None, &console, pending()).await
        };
        let scripted = async {
            let mut hub = Hub::welcome(far, &[]).await;
            hub.deliver(7, 0, "bob", text("one")).await;
            // HELLO is frame 0; each frame more is a PING, after 30 s each.
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
    async fn illegal_text_of_the_hub_is_told_of() {
        let (captured, ended, ()) = listened(Form::Plain, Some(1), async |mut hub| {
            hub.write(b"\xF5\xF8\x02\x02\0\0\0\x01\xFF\xF8\xF5").await;
            hub.deliver(7, 0, "bob", text("one")).await;
            hub.rest().await;
        })
        .await;
        assert!(ended.is_ok());
        assert!(captured.errors.text().contains("1 frames of the peer were refused"), "{}", captured.errors.text());
    }
}

//! `bookend listen`: prints the messages of a room.

mod arguments;

use std::future::ready;
use std::ops::ControlFlow;
use std::pin::pin;

use bookend::{ConnectionError, Message};
use bookend_client::{End, Event, Missed, Sender, Up};
use tokio::select;

pub(crate) use arguments::ListenArguments;

use crate::console::{Console, Unread};
use crate::failure::Failure;
use crate::receiver::{Receiver, over};
use crate::show::{OutputFormat, carries_content};
use crate::shutdown::Signal;

/// The length at which lines are printed, in bytes.
const BATCH: usize = 64 << 10;

/// Prints until `count` messages have arrived, the hub closes for good, or the reader closes the output. When a session
/// ends for another reason, the client starts the next one.
pub(crate) async fn listen(
    (sender, mut receiver, up): (Sender, Receiver<'_>, Box<Up>),
    format: OutputFormat,
    count: Option<u64>,
    console: &Console,
    shutdown: impl Future<Output = Signal>,
) -> Result<(), Failure> {
    let mut shutdown = pin!(shutdown);
    let mut unread = pin!(console.unread());
    let mut printer = Printer::new(format, count, console, &up);
    let ended = loop {
        let flow = select! {
            biased;
            signal = &mut shutdown => break Err(Failure::Signalled(signal)),
            () = &mut unread => break Ok(()),
            event = receiver.next(), if printer.lines.is_empty() => match event {
                Ok(event) => printer.add_all(event, &mut receiver),
                Err(failure) => break Err(failure),
            },
            () = ready(()), if !printer.lines.is_empty() => ControlFlow::Continue(()),
        };
        select! {
            biased;
            signal = &mut shutdown => break Err(Failure::Signalled(signal)),
            printed = printer.print() => if printed.is_err() {
                break Ok(());
            }
        }
        if let ControlFlow::Break(ended) = flow {
            break ended;
        }
    };
    match ended {
        Err(Failure::Signalled(_) | Failure::Gone(..)) => receiver.leave(&sender).await,
        _ => receiver.close(&sender).await,
    }
    ended
}

/// Turns events into output.
pub(crate) struct Printer<'a> {
    format: OutputFormat,
    console: &'a Console,
    /// The number of this client in the room.
    own: u32,
    /// Messages to print before the end, if there is a limit.
    left: Option<u64>,
    /// Lines to print.
    lines: Vec<u8>,
}

/// Breaks after the last message that was wanted, or the last event.
pub(crate) type Flow = ControlFlow<Result<(), Failure>>;

impl<'a> Printer<'a> {
    /// A printer for the session `up` and the ones after it, for `count` messages if there is a count.
    pub(crate) fn new(format: OutputFormat, count: Option<u64>, console: &'a Console, up: &Up) -> Printer<'a> {
        let mut printer = Printer { format, console, own: 0, left: count, lines: Vec::new() };
        printer.add_welcome(up);
        printer
    }

    /// Adds an event, and the events that have already arrived after it.
    fn add_all(&mut self, first: Option<Event>, receiver: &mut Receiver<'_>) -> Flow {
        let mut next = first;
        while let Some(event) = next {
            self.add(event)?;
            next = if self.is_full() { None } else { receiver.ready() };
        }
        ControlFlow::Continue(())
    }

    /// True if it is time to print.
    pub(crate) fn is_full(&self) -> bool {
        self.lines.len() >= BATCH
    }

    /// Passes the lines to the console.
    pub(crate) async fn print(&mut self) -> Result<(), Unread> {
        self.console.print_all(&mut self.lines).await
    }

    /// Adds an event.
    pub(crate) fn add(&mut self, event: Event) -> Flow {
        match event {
            Event::Up(up) => self.add_welcome(&up),
            Event::Message(incoming) => return self.add_message(&incoming.message()),
            Event::Missed(missed) => {
                // A GAP is an ordinary event, the others are not.
                if !self.format.has_events() || !matches!(missed, Missed::Gap(_)) {
                    self.console.error(format_args!("{missed}"));
                }
                self.format.print_missed(missed, &mut self.lines);
            }
            Event::Down { error, .. } => self.format.print_down(&error, &mut self.lines),
            Event::Closed(End::Closed) => return ControlFlow::Break(Ok(())),
            // Without a count, the messages so far are all that was wanted.
            Event::Closed(End::PeerClosed) if self.left.is_none() => return ControlFlow::Break(Ok(())),
            Event::Closed(end) => {
                if let End::Failed(error) = &end {
                    self.format.print_down(error, &mut self.lines);
                }
                return ControlFlow::Break(Err(over(end)));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn add_welcome(&mut self, up: &Up) {
        if let Some(welcome) = &up.welcome {
            self.own = welcome.member;
            self.add_line(&welcome.message());
        }
    }

    fn add_message(&mut self, message: &Message<'_>) -> Flow {
        if let Message::Error(refusal) = message {
            let (code, reason) = (refusal.code, refusal.reason.to_str().into_owned());
            self.console.error(format_args!("{}", ConnectionError::Refused { code, reason }));
        }
        self.add_line(message);
        if let Some(left) = self.left.as_mut().filter(|_| carries_content(message)) {
            *left -= 1;
            if *left == 0 {
                return ControlFlow::Break(Ok(()));
            }
        }
        ControlFlow::Continue(())
    }

    fn add_line(&mut self, message: &Message<'_>) {
        self.format.print(message, self.own, &mut self.lines);
    }
}

#[cfg(test)]
mod tests {
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
            listen(client, format, count, &console, pending()).await
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
{"event":"gap","missed":3}
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
            listen(client, OutputFormat::Plain, None, &console, pending()).await
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
            listen(client, format, None, &console, pending()).await
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
        let gaps: Vec<_> =
            losses.iter().map(|loss| (&loss["missed"], loss["cause"].as_str().unwrap_or("GAP"))).collect();
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
        let beginnings =
            ["* 2 messages missed", "* 3 messages were", "* 1 frames", "* disconnected: ", "* messages may"];
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
            listen(client, OutputFormat::Plain, Some(2), &console, pending()).await
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
}

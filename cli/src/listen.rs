//! `bookend listen`: prints what is said in a room.

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
use crate::receive::{Form, Hearing, is_said, over};

/// Bytes of lines that are printed at once, about.
const BATCH: usize = 64 << 10;

/// Prints until `count` messages have come, the hub closes for good, or nobody reads on. A session that ends otherwise
/// is followed by the next one.
pub(crate) async fn listen(
    (sender, mut hearing, up): (Sender, Hearing<'_>, Box<Up>),
    form: Form,
    count: Option<u64>,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let mut interrupt = pin!(interrupt);
    let mut listener = Listener::new(form, count, console, &up);
    let ended = loop {
        let flow = select! {
            biased;
            () = &mut interrupt => break Err(Failure::Interrupted),
            event = hearing.next(), if listener.lines.is_empty() => match event {
                Ok(event) => listener.hear_all(event, &mut hearing),
                Err(failure) => break Err(failure),
            },
            () = ready(()), if !listener.lines.is_empty() => ControlFlow::Continue(()),
        };
        select! {
            biased;
            () = &mut interrupt => break Err(Failure::Interrupted),
            printed = listener.print() => if printed.is_err() {
                break Ok(());
            }
        }
        if let ControlFlow::Break(ended) = flow {
            break ended;
        }
    };
    match ended {
        Err(Failure::Interrupted | Failure::Gone(..)) => hearing.leave(&sender).await,
        _ => hearing.close(&sender).await,
    }
    ended
}

/// Prints events.
pub(crate) struct Listener<'a> {
    form: Form,
    console: &'a Console,
    own: u32,
    /// Messages that are to come until the end.
    left: Option<u64>,
    /// To be printed.
    lines: Vec<u8>,
}

/// Breaks once enough has come, or nothing more will.
pub(crate) type Flow = ControlFlow<Result<(), Failure>>;

impl<'a> Listener<'a> {
    /// Prints `count` messages, if there is a count, of the session `up` and the next ones.
    pub(crate) fn new(form: Form, count: Option<u64>, console: &'a Console, up: &Up) -> Listener<'a> {
        let mut listener = Listener { form, console, own: 0, left: count, lines: Vec::new() };
        listener.welcome(up);
        listener
    }

    /// Hears an event, and those that wait behind it.
    fn hear_all(&mut self, first: Option<Event>, hearing: &mut Hearing<'_>) -> Flow {
        let mut next = first;
        while let Some(event) = next {
            self.hear(event)?;
            next = if self.is_full() { None } else { hearing.ready() };
        }
        ControlFlow::Continue(())
    }

    /// Is there enough to be printed at once?
    pub(crate) fn is_full(&self) -> bool {
        self.lines.len() >= BATCH
    }

    /// Hands what is to be printed to the console.
    pub(crate) async fn print(&mut self) -> Result<(), Unread> {
        self.console.print(std::mem::take(&mut self.lines)).await
    }

    fn welcome(&mut self, up: &Up) {
        if let Some(welcome) = &up.welcome {
            self.own = welcome.member;
            self.add(&welcome.message());
        }
    }

    pub(crate) fn hear(&mut self, event: Event) -> Flow {
        match event {
            Event::Up(up) => self.welcome(&up),
            Event::Message(incoming) => return self.hear_message(&incoming.message()),
            Event::Missed(Missed::Gap(missed)) => {
                if self.form == Form::Raw {
                    self.console.complain(format_args!("{missed} messages were missed"));
                }
                self.add(&Message::Gap { missed });
            }
            Event::Missed(missed) => self.console.complain(format_args!("{missed}")),
            Event::Closed(End::Closed) => return ControlFlow::Break(Ok(())),
            // Without a count whatever came is all that was wanted.
            Event::Closed(End::PeerClosed) if self.left.is_none() => return ControlFlow::Break(Ok(())),
            Event::Closed(end) => return ControlFlow::Break(Err(over(end))),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn hear_message(&mut self, message: &Message<'_>) -> Flow {
        if let Message::Error(refusal) = message {
            let (code, reason) = (refusal.code, refusal.reason.to_str().into_owned());
            self.console.complain(format_args!("{}", ConnectionError::Refused { code, reason }));
        }
        self.add(message);
        if let Some(left) = self.left.as_mut().filter(|_| is_said(message)) {
            *left -= 1;
            if *left == 0 {
                return ControlFlow::Break(Ok(()));
            }
        }
        ControlFlow::Continue(())
    }

    fn add(&mut self, message: &Message<'_>) {
        self.form.print(message, self.own, &mut self.lines);
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

    /// What `listen` prints and complains of while the hub does `script`, and how both end.
    async fn listened<T>(
        form: Form,
        count: Option<u64>,
        script: impl AsyncFnOnce(Hub<DuplexStream>) -> T,
    ) -> (Captured, Result<(), Failure>, T) {
        let (dialler, mut hubs) = memory();
        let captured = Captured::default();
        let console = captured.console();
        let listening = async {
            let client = Hearing::connect(once(dialler), None, false, &console).await.unwrap();
            listen(client, form, count, &console, pending()).await
        };
        let scripted = async { script(Hub::welcome(hubs.recv().await.unwrap(), &[(7, "bob")]).await).await };
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
        let told = ended.unwrap_err().to_string();
        assert_eq!(
            told,
            "unix:/memory: session: slow-consumer: the peer closed: 4006 slow-consumer: 10 s without progress"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn connection_lives_while_the_output_stands_still() {
        let (dialler, mut hubs) = memory();
        let (_release, stuck) = std::sync::mpsc::channel();
        let console = Console::new(Stuck(stuck), Shared::default());
        let listening = async {
            let client = Hearing::connect(once(dialler), None, false, &console).await.unwrap();
            listen(client, Form::Plain, None, &console, pending()).await
        };
        let scripted = async {
            let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
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
        assert!(captured.errors.text().contains("1 frames from the peer were refused"), "{}", captured.errors.text());
    }

    #[tokio::test(start_paused = true)]
    async fn session_that_ends_is_followed_by_the_next_and_what_is_missed_is_told() {
        let (dialler, mut hubs) = memory();
        let captured = Captured::default();
        let console = captured.console();
        let listening = async {
            let options = Options::new(dialler, Hello::new().with_hub(true));
            let client = Hearing::connect(options, None, false, &console).await.unwrap();
            listen(client, Form::Plain, Some(2), &console, pending()).await
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
        assert!(console.finish(Duration::MAX), "that a session ended is no fault of `listen`");
        let told = captured.errors.text();
        assert!(
            told.contains("1001 going-away") && told.ends_with("; connecting again\nbookend: connected again\n"),
            "{told}"
        );
        assert_eq!(told.lines().count(), 2, "{told}");
        let printed = captured.output.text();
        assert!(printed.starts_with("* guest here\nbob: one\n* guest here\n"), "{printed}");
        assert!(printed.ends_with("two\n") && printed.contains("missed"), "{printed}");
    }
}

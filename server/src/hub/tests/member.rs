//! A member, and what it receives in words.

use std::time::Duration;

use bookend::{Hello, Limits, Message, Probe, Role, Session, State, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use crate::hub::Hub;

/// Longer than anything in transit takes. The clock is paused, so it costs no time.
pub(super) const QUIET: Duration = Duration::from_secs(1);

/// A member with a session.
pub(super) struct Member {
    pub(super) stream: DuplexStream,
    pub(super) session: Session,
    read: Vec<u8>,
}

impl Member {
    pub(super) async fn join(hub: &Hub, name: &str, resume: Option<u64>) -> Member {
        Member::join_room(hub, name, "lobby", resume).await
    }

    /// Joins, and reads the list of members.
    pub(super) async fn join_room(hub: &Hub, name: &str, room: &str, resume: Option<u64>) -> Member {
        let mut member = Member::connect(hub, name, room, resume).await;
        let own = format!("here {name}");
        while member.next().await != own {}
        member
    }

    pub(super) async fn connect(hub: &Hub, name: &str, room: &str, resume: Option<u64>) -> Member {
        let (stream, other) = duplex(1 << 20);
        tokio::spawn(hub.serve(other, "test"));
        let hello = Hello::new().with_hub(true).with_keepalive(0).with_name(name).unwrap();
        let mut hello = hello.with_room(room).unwrap();
        if let Some(after) = resume {
            hello = hello.with_resume(after);
        }
        let session = Session::new(Role::Client, hello, Limits::default(), Duration::ZERO);
        let mut member = Member { stream, session, read: Vec::new() };
        member.write(Vec::new()).await;
        assert_eq!(member.next().await, "opened");
        member
    }

    pub(super) async fn write(&mut self, bytes: Vec<u8>) {
        let mut out = Vec::new();
        self.session.take_output(&mut out);
        out.extend(bytes);
        self.stream.write_all(&out).await.unwrap();
    }

    pub(super) async fn say(&mut self, text: &str) {
        let mut out = Vec::new();
        self.session.post(0, text.into(), &mut out).unwrap();
        self.write(out).await;
    }

    pub(super) async fn ping(&mut self, byte: u8) {
        let mut out = Vec::new();
        self.session.encode(&Message::Ping(Probe::new(&[byte]).unwrap()), &mut out).unwrap();
        self.write(out).await;
    }

    /// What arrives next, in words.
    pub(super) async fn next(&mut self) -> String {
        timeout(Duration::from_secs(20), self.wait_for_next()).await.expect("something arrives")
    }

    async fn wait_for_next(&mut self) -> String {
        loop {
            let mut rest = &*self.read;
            let step = self.session.receive(&mut rest, Duration::ZERO);
            let words = match step {
                Step::Opened => Some("opened".to_owned()),
                Step::Pong(probe) => Some(format!("pong {}", probe.as_bytes()[0])),
                Step::Message(message) => Some(words(message)),
                Step::Handled if self.session.state() == State::Closed => Some("close".to_owned()),
                _ => None,
            };
            let (is_more, left) = (step == Step::More, rest.len());
            self.read.drain(..self.read.len() - left);
            if let Some(words) = words {
                return words;
            }
            if is_more {
                let count = self.stream.read_buf(&mut self.read).await.unwrap();
                assert_ne!(count, 0, "the hub has ended the stream");
            }
        }
    }

    /// The next `count` of them.
    pub(super) async fn several(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(self.next().await);
        }
        all
    }

    /// Nothing arrives for a while.
    pub(super) async fn quiet(&mut self) {
        let next = timeout(QUIET, self.next()).await;
        assert!(next.is_err(), "nothing should have arrived, but: {next:?}");
    }
}

fn words(message: Message<'_>) -> String {
    match message {
        Message::Delivery(delivery) => format!("{} {}", delivery.seq, delivery.payload.text().unwrap()),
        Message::Gap { missed } => format!("gap {missed}"),
        Message::Welcome { next_seq, .. } => format!("welcome {next_seq}"),
        Message::Presence { event, name, .. } => format!("{event:?} {}", name.text()).to_lowercase(),
        Message::Error(refusal) => format!("error {}", refusal.reason.to_str()),
        other => format!("{other:?}"),
    }
}

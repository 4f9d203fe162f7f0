//! A member that a check plays: it keeps everything that arrives, in order, and answers PINGs.

use std::fmt;
use std::time::Duration;

use bookend::{Encoding, Hello, Message, PresenceEvent, kind};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::frame::{ErrorMessage, Frame, frame, quoted_close};
use crate::raw_peer::{Missing, RawPeer};
use crate::report::Finding;
use crate::target::Target;

/// After so long without a byte, nothing more is expected that nobody has asked for.
const QUIET: Duration = Duration::from_millis(200);
/// The bytes of a payload that a finding quotes.
const QUOTED: usize = 40;

/// A member that this side plays, or a peer without the hub profile.
pub(super) struct Member<'a> {
    pub(super) peer: RawPeer<'a>,
    /// What is special about it, for findings: `bob, who prefers US-ASCII`.
    pub(super) role: &'static str,
    /// Its number, from WELCOME; 0 for a peer without the hub profile.
    pub(super) id: u32,
    /// The number of the room's next message when it joined, from WELCOME.
    pub(super) next_seq: u64,
    pub(super) hello: Hello,
    /// What has arrived since HELLO.
    pub(super) log: Vec<Event>,
    /// The number of the last frame that this side has sent; HELLO is 0 (R3.17).
    pub(super) sent: u32,
    timeout: Duration,
}

/// A frame that arrived at a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Welcome,
    Presence {
        member: u32,
        event: PresenceEvent,
        name: String,
    },
    Delivery(Delivered),
    Gap(u64),
    /// MESSAGE: what a peer without the hub profile receives.
    Message(Encoding, Vec<u8>),
    Error(ErrorMessage),
    Reply(u32),
    Ping,
    Pong(Vec<u8>),
    Close(String),
    /// Another kind, or a body that cannot be read.
    Other(String),
}

/// The contents of a DELIVERY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delivered {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) seq: u64,
    pub(super) time: u64,
    pub(super) name: String,
    pub(super) encoding: Encoding,
    pub(super) payload: Vec<u8>,
}

impl Event {
    pub(super) fn of(frame: &Frame) -> Event {
        let Some(message) = frame.message() else {
            let tail = &frame.body[frame.body.len() - frame.body.len().min(QUOTED)..];
            return Event::Other(format!("{} that cannot be read, ending in {}", frame.name(), quoted(tail)));
        };
        match message {
            Message::Welcome { .. } => Event::Welcome,
            Message::Presence { member, event, name } => {
                Event::Presence { member, event, name: name.text().to_str().into_owned() }
            }
            Message::Delivery(delivery) => Event::Delivery(Delivered {
                from: delivery.from,
                to: delivery.to,
                seq: delivery.seq,
                time: delivery.time,
                name: delivery.name().into(),
                encoding: frame.encoding,
                payload: frame.body[bookend::Delivery::FIXED_LENGTH + delivery.name().len()..].to_vec(),
            }),
            Message::Gap { missed } => Event::Gap(missed),
            Message::Message(_) => Event::Message(frame.encoding, frame.body.clone()),
            Message::Error(_) => frame.as_error().map_or_else(|| Event::Other("ERROR".into()), Event::Error),
            Message::Reply { id, .. } => Event::Reply(id.get()),
            Message::Ping(_) => Event::Ping,
            Message::Pong(bytes) => Event::Pong(bytes.as_bytes().to_vec()),
            Message::Close { code, reason } => Event::Close(quoted_close(code, &reason.to_str())),
            _ => Event::Other(frame.name()),
        }
    }

    pub(super) fn delivery(&self) -> Option<&Delivered> {
        match self {
            Event::Delivery(delivery) => Some(delivery),
            _ => None,
        }
    }

    pub(super) fn error(&self) -> Option<&ErrorMessage> {
        match self {
            Event::Error(error) => Some(error),
            _ => None,
        }
    }

    /// True if the payload that it carries ends with these words, in any encoding.
    pub(super) fn says(&self, words: &str) -> bool {
        match self {
            Event::Delivery(delivery) => ends_with(delivery.encoding, &delivery.payload, words),
            Event::Message(encoding, body) => ends_with(*encoding, body, words),
            Event::Other(seen) => seen.contains(words),
            _ => false,
        }
    }
}

fn ends_with(encoding: Encoding, payload: &[u8], words: &str) -> bool {
    let mut bytes = Vec::new();
    bookend::text::encode(encoding, words, &mut bytes).is_ok() && payload.ends_with(&bytes)
}

impl Delivered {
    pub(super) fn quoted(&self) -> String {
        format!("{} in {}", quoted(&self.payload), self.encoding)
    }
}

/// The first bytes of a payload, escaped.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let head = bytes[..bytes.len().min(QUOTED)].escape_ascii();
    if bytes.len() > QUOTED { format!("\"{head}…\" ({} bytes)", bytes.len()) } else { format!("\"{head}\"") }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Welcome => f.write_str("WELCOME"),
            Event::Presence { member, event, name } => write!(f, "PRESENCE {} {member} \"{name}\"", word(*event)),
            Event::Delivery(delivery) => {
                let Delivered { from, to, seq, .. } = delivery;
                write!(f, "DELIVERY from {from} to {to} with seq {seq}, {}", delivery.quoted())
            }
            Event::Gap(missed) => write!(f, "GAP {missed}"),
            Event::Message(encoding, body) => write!(f, "MESSAGE {} in {encoding}", quoted(body)),
            Event::Error(error) => error.fmt(f),
            Event::Reply(id) => write!(f, "REPLY {id}"),
            Event::Ping => f.write_str("PING"),
            Event::Pong(_) => f.write_str("PONG"),
            Event::Close(close) => f.write_str(close),
            Event::Other(seen) => f.write_str(seen),
        }
    }
}

/// Numbers of members, for findings.
pub(super) fn numbers<'b>(ids: impl IntoIterator<Item = &'b u32>) -> String {
    ids.into_iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// The word of SPEC 9 for an event.
pub(super) fn word(event: PresenceEvent) -> &'static str {
    match event {
        PresenceEvent::Here => "here",
        PresenceEvent::Joined => "joined",
        PresenceEvent::Left => "left",
        PresenceEvent::Crowd => "crowd",
    }
}

impl<'a> Member<'a> {
    /// Joins, and waits for WELCOME if the HELLO offers the hub profile, else for PONG.
    pub(super) async fn join(
        target: &'a Target,
        check: &'static str,
        role: &'static str,
        hello: &Hello,
    ) -> Result<Member<'a>, Finding> {
        let peer = target.greet(check, hello).await?;
        Member::admitted(target, peer, role, hello).await
    }

    /// The same on a connection on which HELLOs were exchanged.
    pub(super) async fn admitted(
        target: &Target,
        peer: RawPeer<'a>,
        role: &'static str,
        hello: &Hello,
    ) -> Result<Member<'a>, Finding> {
        let (log, timeout, hello) = (Vec::new(), target.timeout(), hello.clone());
        let mut member = Member { peer, role, id: 0, next_seq: 0, hello, log, sent: 0, timeout };
        if !member.hello.hub() {
            member.sync().await.map_err(|missing| missing.finding("PONG"))?;
            return Ok(member);
        }
        loop {
            let missing = |missing: Missing| missing.finding(&format!("WELCOME for {role}"));
            let frame = member.peer.next().await.map_err(missing)?;
            member.log.push(Event::of(&frame));
            if let Some((code, reason)) = frame.as_close() {
                return Err(missing(Missing::Closed { code, reason }));
            }
            if let Some(Message::Welcome { member: id, next_seq, .. }) = frame.message() {
                (member.id, member.next_seq) = (id, next_seq);
                return Ok(member);
            }
        }
    }

    /// Sends a frame, and counts it.
    pub(super) async fn send(&mut self, kind: u8, encoding: Encoding, body: &[u8]) -> u32 {
        self.peer.send(&frame(kind, encoding, body)).await;
        self.sent += 1;
        self.sent
    }

    /// Sends a POST, or a MESSAGE if it has no hub profile, and returns the frame's number.
    pub(super) async fn post(&mut self, to: u32, encoding: Encoding, payload: &[u8]) -> u32 {
        if !self.hello.hub() {
            return self.send(kind::MESSAGE, encoding, payload).await;
        }
        self.send(kind::POST, encoding, &[&to.to_be_bytes(), payload].concat()).await
    }

    /// The next frame.
    pub(super) async fn next(&mut self) -> Result<&Event, Missing> {
        let frame = self.peer.next().await?;
        let event = Event::of(&frame);
        if event == Event::Ping {
            self.send(kind::PONG, Encoding::Binary, &frame.body).await;
        }
        self.log.push(event);
        match frame.as_close() {
            Some((code, reason)) => Err(Missing::Closed { code, reason }),
            None => Ok(self.log.last().expect("it was pushed")),
        }
    }

    /// Keeps a frame that was read otherwise.
    pub(super) fn take(&mut self, frame: &Frame) {
        self.log.push(Event::of(frame));
    }

    /// The first frame, of those that have arrived or will, for which `pick` returns a value.
    pub(super) async fn find<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> Result<T, Missing> {
        self.begin_waiting();
        self.find_in_time(pick).await
    }

    /// The same behind much else, which may take its time.
    pub(super) async fn find_behind_much<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> Result<T, Missing> {
        self.begin_waiting_while_arriving();
        self.find_in_time(pick).await
    }

    async fn find_in_time<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> Result<T, Missing> {
        if let Some(found) = self.log.iter().find_map(&pick) {
            return Ok(found);
        }
        loop {
            if let Some(found) = pick(self.next().await?) {
                return Ok(found);
            }
        }
    }

    /// Sends PING, and waits for its PONG: everything that this member has sent has been acted on (R3.10).
    pub(super) async fn sync(&mut self) -> Result<(), Missing> {
        let bytes = format!("sync {}", self.sent).into_bytes();
        self.send(kind::PING, Encoding::Binary, &bytes).await;
        self.peer.set_timeout(self.timeout);
        loop {
            if *self.next().await? == Event::Pong(bytes.clone()) {
                return Ok(());
            }
        }
    }

    /// Reads until nothing has arrived for a while, or for four timeouts. What ends the stream stays in the log.
    pub(super) async fn settle(&mut self) {
        let end = Instant::now() + self.timeout * 4;
        self.peer.set_timeout(QUIET);
        while self.next().await.is_ok() && Instant::now() < end {
            self.peer.set_timeout(QUIET);
        }
        self.begin_waiting();
    }

    /// Gives the member the whole time for an answer, from now on.
    pub(super) fn begin_waiting(&mut self) {
        self.peer.set_timeout(self.timeout);
    }

    /// The same, and again while long messages arrive.
    pub(super) fn begin_waiting_while_arriving(&mut self) {
        self.peer.set_timeout_while_arriving(self.timeout);
    }

    /// Its own name, from its own PRESENCE.
    pub(super) async fn name(&mut self) -> Result<String, Finding> {
        let own = self.id;
        let named = self.find(|event| match event {
            Event::Presence { member, event: PresenceEvent::Here, name } if *member == own => Some(name.clone()),
            _ => None,
        });
        named.await.map_err(|missing| missing.finding("PRESENCE here of the new member itself"))
    }

    /// The ERRORs that have arrived.
    pub(super) fn errors(&self) -> impl Iterator<Item = &ErrorMessage> {
        self.log.iter().filter_map(Event::error)
    }

    /// The DELIVERYs that have arrived.
    pub(super) fn deliveries(&self) -> impl Iterator<Item = &Delivered> {
        self.log.iter().filter_map(Event::delivery)
    }

    pub(super) async fn leave(self) {
        self.peer.leave().await;
    }
}

/// Lets each read what is still coming.
pub(super) async fn settle_all<'b, 'a: 'b>(members: impl IntoIterator<Item = &'b mut Member<'a>>) {
    join_all(members.into_iter().map(Member::settle)).await;
}

/// All leave.
pub(super) async fn leave_all<'a>(members: impl IntoIterator<Item = Member<'a>>) {
    join_all(members.into_iter().map(Member::leave)).await;
}

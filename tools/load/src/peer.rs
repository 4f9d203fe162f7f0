//! The interface to a protocol, and its implementation for Bookend.

use std::time::Duration;

use bookend::{Code, Content, Encoding, Hello, Limits, Message, Outcome, Probe, Role, Session, Step};

use super::plan::Plan;

/// The protocol of one connection, without its socket.
pub trait Peer: Sized {
    /// True if members publish, false if publishers need separate connections.
    const MEMBERS_PUBLISH: bool;

    /// Opens a connection, and appends the first bytes to send to `out`.
    fn new(purpose: Purpose, plan: &Plan, out: &mut Vec<u8>) -> Self;

    /// Processes the complete frames of `input`, and returns their length in bytes. Calls `take` with each event, and
    /// appends answers to `out`. `now` is the time since the run began, also for the other methods.
    ///
    /// # Errors
    /// The reason why the run must end, in words.
    fn receive(
        &mut self,
        input: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
        take: impl FnMut(Event<'_>),
    ) -> Result<usize, String>;

    /// The reason why the server ended the connection or sends nothing; `None` if it is unknown. `unused` is the incomplete
    /// frame at the end of the input.
    fn explain_end(&mut self, _end: End, _unused: &[u8], _now: Duration) -> Option<String> {
        None
    }

    /// Appends a message to all members to `out`.
    ///
    /// # Errors
    /// The reason why the message cannot be sent, in words.
    fn publish(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), String>;

    /// Appends a request to `out` that the server answers with [`Event::Pong`].
    ///
    /// # Errors
    /// The reason why it cannot be sent, in words.
    fn ping(&mut self, out: &mut Vec<u8>) -> Result<(), String>;

    /// Appends a goodbye to `out` and returns true, if the protocol has one that the server answers. After the answer,
    /// [`receive`](Peer::receive) returns an error.
    fn leave(&mut self, _now: Duration, _out: &mut Vec<u8>) -> bool {
        false
    }
}

/// The purpose of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It receives. Where members publish, it may also publish.
    Member,
    /// It only publishes.
    Publisher,
}

/// How a server stopped sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It ended the stream.
    Closed,
    /// It sent nothing until the timeout.
    Silent,
}

/// What a connection receives.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The server admitted the connection, which receives from now on.
    Joined,
    /// A message: its payload.
    Delivery(&'a [u8]),
    /// The server reports that it left out this number of messages.
    Missed(u64),
    /// The answer to a ping.
    Pong,
}

/// A member of a room on a Bookend hub.
pub struct Member(Session);

impl Peer for Member {
    const MEMBERS_PUBLISH: bool = true;

    fn new(_purpose: Purpose, plan: &Plan, out: &mut Vec<u8>) -> Member {
        let max_body =
            u32::try_from(plan.size).unwrap_or(u32::MAX / 2).saturating_add(1 << 20).min(bookend::MAX_LENGTH);
        // No keepalive: a member may send nothing for a while, and the busy driver has no timers.
        let hello = Hello::new().with_hub(true).with_max_body(max_body).with_keepalive(0);
        let mut hello =
            hello.with_preferred(Encoding::Binary).with_room(&plan.room).expect("the plan has a legal room");
        if let Some(token) = &plan.token {
            hello = hello.with_token(token).expect("the plan has a legal token");
        }
        let mut session = Session::new(Role::Client, hello, Limits::default(), Duration::ZERO);
        session.take_output(out);
        Member(session)
    }

    fn receive(
        &mut self,
        input: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
        mut take: impl FnMut(Event<'_>),
    ) -> Result<usize, String> {
        let mut rest = input;
        loop {
            match self.0.receive(&mut rest, now) {
                Step::Message(Message::Delivery(delivery)) => take(Event::Delivery(delivery.payload.as_bytes())),
                Step::Message(Message::Gap { missed }) => take(Event::Missed(missed)),
                Step::Message(Message::Welcome { .. }) => take(Event::Joined),
                Step::Message(Message::Error(refusal)) => return Err(refusal.reason.to_str().into_owned()),
                Step::Opened if !self.0.hub_profile() => return Err("the server is not a hub".into()),
                Step::Pong(_) => take(Event::Pong),
                Step::Refused { fault, .. } => return Err(fault.to_string()),
                Step::More => break,
                _ => {}
            }
        }
        if self.0.has_output() {
            self.0.take_output(out);
        }
        match self.0.outcome() {
            None => Ok(input.len() - rest.len()),
            Some(Outcome::Fault(_)) => Err(self.fault(input).unwrap_or_default()),
            Some(Outcome::PeerClosed { code, reason }) => Err(format!("the hub closed: {code} {reason}")),
            Some(Outcome::Closed(code)) => Err(format!("closed: {code}")),
            Some(outcome) => Err(format!("{outcome:?}")),
        }
    }

    fn explain_end(&mut self, end: End, unused: &[u8], now: Duration) -> Option<String> {
        match end {
            End::Closed => self.0.end_of_stream(unused.len(), now),
            End::Silent => self.0.tick(self.0.deadline()?),
        }
        self.fault(unused)
    }

    fn publish(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        self.0.message(Content::Binary(payload), out).map_err(|error| error.to_string())
    }

    fn ping(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let probe = Probe::new(b"bench").expect("it is short");
        self.0.encode(&Message::Ping(probe), out).map_err(|error| error.to_string())
    }

    fn leave(&mut self, now: Duration, out: &mut Vec<u8>) -> bool {
        self.0.close(Code::NORMAL, "", now);
        self.0.take_output(out);
        true
    }
}

impl Member {
    /// The fault that ended the session, and the mistake that caused it if `input` shows it.
    fn fault(&mut self, input: &[u8]) -> Option<String> {
        self.0.explain(&[], input);
        let Some(Outcome::Fault(error)) = self.0.outcome() else { return None };
        let mistake = self.0.diagnosis().filter(|diagnosis| diagnosis.first().is_some());
        Some(mistake.map_or_else(|| error.to_string(), ToString::to_string))
    }
}

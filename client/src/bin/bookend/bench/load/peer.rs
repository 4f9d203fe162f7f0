//! A protocol, as the load needs it, and Bookend's.

use std::time::Duration;

use bookend::{Code, Content, Encoding, Hello, Limits, Message, Outcome, Probe, Role, Session, Step};

use super::plan::Plan;

/// One connection's protocol, without the socket.
pub(crate) trait Peer: Sized {
    /// Do members publish, or do connections of their own?
    const MEMBERS_PUBLISH: bool;

    /// Begins; what is to be sent first goes to `out`.
    fn new(part: Part, plan: &Plan, out: &mut Vec<u8>) -> Self;

    /// Uses `input` as far as it is whole, and returns how many bytes that is. Answers go to `out`. An error, in words,
    /// ends the run.
    fn receive(
        &mut self,
        input: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
        take: impl FnMut(Event<'_>),
    ) -> Result<usize, String>;

    /// What is wrong with a server that ended the connection, or says nothing more; `unused` has come and is not whole.
    /// `None` if there is no more to say about it.
    fn judge_end(&mut self, _end: End, _unused: &[u8], _now: Duration) -> Option<String> {
        None
    }

    /// Appends a message to everyone to `out`.
    fn publish(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), String>;

    /// Asks the server for a [`Event::Pong`].
    fn ping(&mut self, out: &mut Vec<u8>) -> Result<(), String>;

    /// Takes leave, if that is how the protocol ends: then the server answers, and [`receive`](Peer::receive) ends the
    /// run of this connection.
    fn leave(&mut self, _now: Duration, _out: &mut Vec<u8>) -> bool {
        false
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It receives; where members publish, it may do that as well.
    Member,
    /// It publishes and receives nothing.
    Publisher,
}

/// How the server stopped speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It ended the stream.
    Closed,
    /// It was given up.
    Silent,
}

/// What a connection hears.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    /// The server has taken it in: from now on it receives.
    Joined,
    /// A message.
    Delivery(&'a [u8]),
    /// The server says that it has left out so many.
    Missed(u64),
    /// The answer to a ping.
    Pong,
}

/// A member of a hub's room.
pub(crate) struct Member(Session);

impl Peer for Member {
    const MEMBERS_PUBLISH: bool = true;

    fn new(_part: Part, plan: &Plan, out: &mut Vec<u8>) -> Member {
        let max_body =
            u32::try_from(plan.size).unwrap_or(u32::MAX / 2).saturating_add(1 << 20).min(bookend::MAX_LENGTH);
        // Nothing is promised: there may be nothing to say for a while, and a thread that is busy has no timers.
        let hello = Hello::new().with_hub(true).with_max_body(max_body).with_keepalive(0);
        let mut hello =
            hello.with_preferred(Encoding::Binary).with_room(&plan.room).expect("rooms are judged with the arguments");
        if let Some(token) = &plan.token {
            hello = hello.with_token(token).expect("tokens are judged with the arguments");
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
                Step::Opened if !self.0.hub_profile() => return Err("it is no hub".into()),
                Step::Pong(_) => take(Event::Pong),
                Step::Refused { fault, .. } => return Err(fault.to_string()),
                Step::More => break,
                Step::Message(_) | Step::Opened | Step::Handled => {}
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
        }
    }

    fn judge_end(&mut self, end: End, unused: &[u8], now: Duration) -> Option<String> {
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
    /// The fault that ended the session, and the mistake behind it as far as `input` shows it.
    fn fault(&mut self, input: &[u8]) -> Option<String> {
        self.0.explain(&[], input);
        let Some(Outcome::Fault(error)) = self.0.outcome() else { return None };
        let mistake = self.0.diagnosis().filter(|diagnosis| diagnosis.first().is_some());
        Some(mistake.map_or_else(|| error.to_string(), ToString::to_string))
    }
}

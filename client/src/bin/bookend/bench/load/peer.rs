//! A protocol, as the load needs it, and Bookend's.

use std::time::Duration;

use bookend::{Content, Encoding, Hello, Limits, Message, Outcome, Probe, Role, Session, Step};

/// One connection's protocol, without the socket.
pub(crate) trait Peer: Sized {
    /// Do members publish, or do connections of their own?
    const MEMBERS_PUBLISH: bool;

    /// Begins; what is to be sent first goes to `out`. Payloads have `size` bytes.
    fn new(part: Part, room: &str, size: usize, out: &mut Vec<u8>) -> Self;

    /// Uses `input` as far as it is whole, and returns how many bytes that is. Answers go to `out`. An error, in words,
    /// ends the run.
    fn receive(
        &mut self,
        input: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
        take: impl FnMut(Event<'_>),
    ) -> Result<usize, String>;

    /// Appends a message to everyone to `out`.
    fn publish(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), String>;

    /// Asks the server for a [`Event::Pong`].
    fn ping(&mut self, out: &mut Vec<u8>) -> Result<(), String>;
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It receives; where members publish, it may do that as well.
    Member,
    /// It publishes and receives nothing.
    Publisher,
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

    fn new(_part: Part, room: &str, size: usize, out: &mut Vec<u8>) -> Member {
        let max_body = u32::try_from(size).unwrap_or(u32::MAX / 2).saturating_add(1 << 20).min(bookend::MAX_LENGTH);
        // Nothing is promised: there may be nothing to say for a while, and a thread that is busy has no timers.
        let hello = Hello::new().with_hub(true).with_max_body(max_body).with_keepalive(0);
        let hello =
            hello.with_preferred(Encoding::Binary).with_room(room).expect("rooms are judged with the arguments");
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
                Step::Refused { error, .. } => return Err(error.to_string()),
                Step::More => break,
                Step::Message(_) | Step::Opened | Step::Handled => {}
            }
        }
        if self.0.has_output() {
            self.0.take_output(out);
        }
        match self.0.outcome() {
            None => Ok(input.len() - rest.len()),
            Some(Outcome::Fault(error)) => Err(error.to_string()),
            Some(Outcome::PeerClosed { code, reason }) => Err(format!("the hub closed: {code} {reason}")),
            Some(Outcome::Closed(code)) => Err(format!("closed: {code}")),
        }
    }

    fn publish(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        self.0.message(Content::Binary(payload), out).map_err(|error| error.to_string())
    }

    fn ping(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let probe = Probe::new(b"bench").expect("it is short");
        self.0.encode(&Message::Ping(probe), out).map_err(|error| error.to_string())
    }
}

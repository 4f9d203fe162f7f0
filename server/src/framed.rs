//! A framed peer: what its session brings, done to the room.

mod ping;

use std::time::Duration;

use bookend::diagnosis::Diagnosis;
use bookend::{Code, Fault, Hello, Message, Outcome, Session, State, Step};

use crate::config::Config;
use crate::counters::By;
use crate::hub::Hub;
use crate::rendition::{Rendition, Wanted};
use crate::report::Ending;
use crate::seat::{Seat, Wish};
use ping::Ping;

pub(crate) struct Framed {
    pub(crate) session: Session,
    /// How the bytes begin in which a fault was found.
    faulty: Box<[u8]>,
    ping: Ping,
}

/// The longest body, in bytes, that is below the longest frame however it is escaped.
const MAX_BODY: u32 = bookend::MAX_LENGTH / 8;
/// Where the hub promises no keepalive, the round trip is measured once in so long at most.
const UNPROMISED: Duration = Duration::from_secs(30);
/// A code of a peer that SPEC 6 does not have.
const UNKNOWN: &str = "unknown-code";
/// Bytes of a peer's data that a log line quotes.
const QUOTED: usize = 32;

impl Framed {
    pub(crate) fn new(hub: &Hub) -> Framed {
        Framed { session: hub.session(), faulty: Box::default(), ping: Ping::default() }
    }

    /// Uses what was read, as far as it is whole, and advances `input` past it.
    pub(crate) fn receive(&mut self, input: &mut &[u8], seat: &mut Seat, now: Duration) {
        let read = *input;
        loop {
            let start = *input;
            match self.session.receive(input, now) {
                Step::Message(message) => self.take(message, seat),
                Step::Opened => {
                    self.open(seat, now);
                    if seat.is_denied() {
                        break;
                    }
                }
                Step::Refused { fault, .. } => {
                    seat.hub().counters().errors.count(fault.name());
                    tracing::debug!(peer = seat.peer().label(), fault = fault.name(), detail = %fault, "refuse");
                }
                Step::More => break,
                Step::Handled => self.explain(&read[..read.len() - start.len()], start),
                Step::Pong(probe) => {
                    if let Some(round_trip) = self.ping.answered(probe, now) {
                        seat.tally.round_trip = round_trip;
                    }
                }
            }
        }
        seat.flush();
    }

    /// The stream has ended, with `unused` of what was read.
    pub(crate) fn end_of_stream(&mut self, unused: &[u8], now: Duration) {
        self.session.end_of_stream(unused.len(), now);
        self.explain(&[], unused);
    }

    /// Does what is due; `unused` is what was read and is no whole frame yet.
    pub(crate) fn on_time(&mut self, unused: &[u8], now: Duration) {
        let waiting = self.session.output_length();
        self.session.tick(now);
        if self.session.state() == State::Open && self.session.output_length() > waiting {
            self.ping.kept_alive(now);
        }
        self.explain(&[], unused);
    }

    /// Sends a PING if the round trip has not been measured for so long as a keepalive takes: where there is always
    /// something to say, no PING goes by itself.
    pub(crate) fn measure(&mut self, seat: &mut Seat, now: Duration) {
        let period = Duration::from_secs(self.session.local().keepalive().into());
        let period = if period.is_zero() { UNPROMISED } else { period };
        if self.session.state() == State::Open && self.ping.is_due(now, period) {
            let sent = self.session.encode(&self.ping.stamped(now).message(), &mut seat.out);
            sent.expect("a PING of four bytes is sent by any session that is open");
        }
    }

    /// What the peer says that it is.
    pub(crate) fn software(&self) -> Option<&str> {
        self.session.peer().and_then(Hello::software)
    }

    /// Says what may be behind a fault in `bytes`, if there is one; `before` are the frames in front of them.
    fn explain(&mut self, before: &[u8], bytes: &[u8]) {
        if self.session.diagnosis().is_none() {
            self.session.explain(before, bytes);
            if self.session.diagnosis().is_some() {
                self.faulty = bytes[..bytes.len().min(QUOTED)].into();
            }
        }
    }

    /// Why the session ended; it is logged unless that is as it should be.
    pub(crate) fn end(&self, seat: &Seat) -> Ending {
        match self.session.outcome() {
            Some(Outcome::Fault(error)) => {
                log_fault(seat, *error, self.session.diagnosis(), &self.faulty);
                let by = if matches!(error, Fault::NoClose | Fault::Truncated { .. }) { By::Peer } else { By::Hub };
                Ending { by, reason: error.name(), is_fault: true }
            }
            Some(Outcome::Closed(code)) => {
                let is_fault = *code != Code::GOING_AWAY;
                if is_fault {
                    tracing::info!(peer = seat.peer().label(), fault = code.name(), "fault");
                }
                Ending { by: By::Hub, reason: code.name().unwrap_or(UNKNOWN), is_fault }
            }
            Some(Outcome::PeerClosed { code, .. }) => {
                Ending { by: By::Peer, reason: code.name().unwrap_or(UNKNOWN), is_fault: false }
            }
            None => Ending::NO_CLOSE,
        }
    }

    fn open(&mut self, seat: &mut Seat, now: Duration) {
        self.session.take_output(&mut seat.out); // HELLO goes before WELCOME
        let Some(hello) = self.session.peer() else { return };
        if hello.token().is_some_and(|token| !seat.authenticate(token, now)) {
            return;
        }
        let room = hello.room().map_or_else(|| seat.home(), Into::into);
        if !seat.may_enter(&room) {
            return seat.deny(&room);
        }
        seat.let_in();
        let wanted = Wanted { preferred: hello.preferred(), accepted: hello.accepted() };
        let resumed = seat.join(&Wish {
            room: &room,
            name: hello.name(),
            kind: "member",
            rendition: match self.session.hub_profile() {
                true => Rendition::Deliveries(wanted),
                false => Rendition::Messages(wanted),
            },
            max_body: hello.max_body(),
            resume: hello.resume(),
        });
        if !resumed {
            seat.count_error(Code::RESUME_REFUSED);
            let detail = if seat.may_read() { "the room has not come so far" } else { "no right to read here" };
            self.session.refuse_frame(0, Code::RESUME_REFUSED, detail);
        }
    }

    fn take(&mut self, message: Message<'_>, seat: &mut Seat) {
        match message {
            Message::Message(_) | Message::Post { .. } if !seat.may_write() => {
                self.session.refuse_frame(self.session.frame_number(), Code::POLICY, "no right to write here");
            }
            Message::Message(payload) | Message::Post { to: 0, payload } => {
                let max = self.session.local().max_body();
                if seat.delivery_length(payload) > max as usize {
                    let detail = format!("with what a hub adds it is longer than {max} bytes");
                    seat.count_error(Code::TOO_LONG);
                    self.session.refuse_frame(self.session.frame_number(), Code::TOO_LONG, &detail);
                } else {
                    seat.say(payload);
                }
            }
            Message::Post { to, payload } => {
                if let Err((code, detail)) = seat.say_to(to, payload) {
                    seat.count_error(code);
                    self.session.refuse_frame(self.session.frame_number(), code, &detail);
                }
            }
            Message::Request { id, .. } => {
                seat.count_error(Code::POLICY);
                self.session
                    .refuse_request(id, Code::POLICY, "this hub answers no requests")
                    .expect("it has just been asked");
            }
            // An ERROR is a reply: it provokes none. The session keeps all else from its application.
            _ => {}
        }
    }
}

/// What a hub says of itself.
pub(crate) fn hello(config: &Config) -> Hello {
    Hello::new()
        .with_preferred(bookend::Encoding::Binary)
        .with_max_body(config.max_body.min(MAX_BODY))
        .with_keepalive(config.keepalive)
        .with_hub(true)
        .with_software(concat!("bookend-server ", env!("CARGO_PKG_VERSION")))
        .expect("it is a plain line")
}

/// Logs a peer's fault: its name, what may be behind it, and how the bytes begin in which it was found.
pub(crate) fn log_fault(seat: &Seat, fault: Fault, diagnosis: Option<&Diagnosis>, bytes: &[u8]) {
    let input = bytes[..bytes.len().min(QUOTED)].escape_ascii();
    let (peer, name) = (seat.peer().label(), fault.name());
    match diagnosis.and_then(|diagnosis| Some((diagnosis, diagnosis.first()?))) {
        Some((diagnosis, first)) => {
            seat.hub().counters().diagnoses.count(first.name());
            tracing::info!(peer, fault = name, diagnosis = first.name(), detail = %diagnosis, %input, "fault");
        }
        None => tracing::info!(peer, fault = name, detail = %fault, %input, "fault"),
    }
}

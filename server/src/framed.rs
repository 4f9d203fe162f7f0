//! A framed peer: applies the messages of its session to the room.

mod ping;

use std::time::Duration;

use bookend::{Code, Fault, Hello, Message, Outcome, Session, State, Step};

use crate::client::{Client, JoinRequest};
use crate::counters::Side;
use crate::fault::{QUOTED, log_fault};
use crate::hub::Hub;
use crate::rendition::{Rendition, TextPreference};
use crate::report::CloseReason;
use ping::Ping;

pub(crate) struct Framed {
    pub(crate) session: Session,
    /// The first bytes in which a fault was found.
    faulty: Box<[u8]>,
    ping: Ping,
}

/// The shortest time between two measurements of the round trip, if the hub promises no keepalive.
const MEASURE_INTERVAL: Duration = Duration::from_secs(30);
/// The name of a code that SPEC 6 does not define.
const UNKNOWN_CODE: &str = "unknown-code";

impl Framed {
    pub(crate) fn new(hub: &Hub) -> Framed {
        Framed { session: hub.session(), faulty: Box::default(), ping: Ping::default() }
    }

    /// Uses the complete frames of what was read, and advances `input` past them.
    pub(crate) fn receive(&mut self, input: &mut &[u8], client: &mut Client, now: Duration) {
        let read = *input;
        loop {
            let start = *input;
            match self.session.receive(input, now) {
                Step::Message(message) => self.apply(message, client),
                Step::Opened => {
                    self.open(client, now);
                    if client.credentials.is_denied() {
                        break;
                    }
                }
                Step::Refused { fault, .. } => {
                    client.hub().counters().errors.count(fault.name());
                    tracing::debug!(peer = client.peer().label(), fault = fault.name(), detail = %fault, "refuse");
                }
                Step::More => break,
                Step::Handled => self.explain(&read[..read.len() - start.len()], start),
                Step::Pong(probe) => {
                    if let Some(round_trip) = self.ping.answered(probe, now) {
                        client.counts.round_trip = round_trip;
                    }
                }
                _ => {}
            }
        }
        client.flush();
    }

    /// The stream has ended; `unused` is what was read and not used.
    pub(crate) fn end_of_stream(&mut self, unused: &[u8], now: Duration) {
        self.session.end_of_stream(unused.len(), now);
        self.explain(&[], unused);
    }

    /// Does what is due; `unused` is an incomplete frame that was read.
    pub(crate) fn on_time(&mut self, unused: &[u8], now: Duration) {
        let waiting = self.session.output_length();
        self.session.tick(now);
        if self.session.state() == State::Open && self.session.output_length() > waiting {
            self.ping.sent_empty(now);
        }
        self.explain(&[], unused);
    }

    /// Sends a PING if the round trip has not been measured for the time of a keepalive: a session that always has
    /// something to send sends no PING by itself.
    pub(crate) fn measure(&mut self, client: &mut Client, now: Duration) {
        let period = Duration::from_secs(self.session.local().keepalive().into());
        let period = if period.is_zero() { MEASURE_INTERVAL } else { period };
        if self.session.state() == State::Open && self.ping.is_due(now, period) {
            let sent = self.session.encode(&self.ping.stamped(now).message(), client.output.buffer());
            sent.expect("an open session sends a PING of four bytes");
        }
    }

    /// The software that the peer named in HELLO.
    pub(crate) fn software(&self) -> Option<&str> {
        self.session.peer().and_then(Hello::software)
    }

    /// Diagnoses a fault in `bytes`, if there is one; `before` are the frames before them.
    fn explain(&mut self, before: &[u8], bytes: &[u8]) {
        if self.session.diagnosis().is_none() {
            self.session.explain(before, bytes);
            if self.session.diagnosis().is_some() {
                self.faulty = bytes[..bytes.len().min(QUOTED)].into();
            }
        }
    }

    /// Why the session ended. A fault is logged.
    pub(crate) fn close_reason(&self, client: &Client) -> CloseReason {
        match self.session.outcome() {
            Some(Outcome::Fault(error)) => {
                log_fault(client, *error, self.session.diagnosis(), &self.faulty);
                let by = if matches!(error, Fault::NoClose | Fault::Truncated { .. }) { Side::Peer } else { Side::Hub };
                CloseReason { by, name: error.name(), is_fault: true }
            }
            Some(Outcome::Closed(code)) => {
                let is_fault = *code != Code::GOING_AWAY;
                if is_fault {
                    tracing::info!(peer = client.peer().label(), fault = code.name(), "fault");
                }
                CloseReason { by: Side::Hub, name: code.name().unwrap_or(UNKNOWN_CODE), is_fault }
            }
            Some(Outcome::PeerClosed { code, .. }) => {
                CloseReason { by: Side::Peer, name: code.name().unwrap_or(UNKNOWN_CODE), is_fault: false }
            }
            Some(_) | None => CloseReason::NO_CLOSE,
        }
    }

    fn open(&mut self, client: &mut Client, now: Duration) {
        self.session.take_output(client.output.buffer()); // HELLO precedes WELCOME
        let Some(hello) = self.session.peer() else { return };
        if hello.token().is_some_and(|token| !client.authenticate(token, now)) {
            return;
        }
        let room = hello.room().map_or_else(|| client.credentials.default_room(), Into::into);
        if !client.may_enter(&room) {
            return client.deny(&room);
        }
        client.set_identified();
        let preference = TextPreference { preferred: hello.preferred(), accepted: hello.accepted() };
        let joined = client.join(&JoinRequest {
            room: &room,
            name: hello.name(),
            name_prefix: "member",
            rendition: match self.session.hub_profile() {
                true => Rendition::Deliveries(preference),
                false => Rendition::Messages(preference),
            },
            max_body: hello.max_body(),
            resume: hello.resume(),
        });
        let Ok(resumed) = joined else {
            return self.session.close(Code::TRY_LATER, "the hub has too many rooms", now);
        };
        if !resumed {
            client.count_error(Code::RESUME_REFUSED);
            let reason = if client.may_read() { "the room has had no such message" } else { "no right to read here" };
            self.session.refuse_frame(0, Code::RESUME_REFUSED, reason);
        }
    }

    fn apply(&mut self, message: Message<'_>, client: &mut Client) {
        match message {
            Message::Message(_) | Message::Post { .. } if !client.may_write() => {
                self.session.refuse_frame(self.session.frame_number(), Code::POLICY, "no right to write here");
            }
            Message::Message(payload) | Message::Post { to: 0, payload } => {
                let max = self.session.local().max_body();
                if client.member().is_some_and(|member| member.delivery_length(payload) > max as usize) {
                    let detail = format!("as a DELIVERY its body is longer than {max} bytes");
                    client.count_error(Code::TOO_LONG);
                    self.session.refuse_frame(self.session.frame_number(), Code::TOO_LONG, &detail);
                } else {
                    client.post(payload);
                }
            }
            Message::Post { to, payload } => {
                if let Err((code, detail)) = client.post_to(to, payload) {
                    client.count_error(code);
                    self.session.refuse_frame(self.session.frame_number(), code, &detail);
                }
            }
            Message::Request { id, .. } => {
                client.count_error(Code::POLICY);
                self.session
                    .refuse_request(id, Code::POLICY, "this hub answers no requests")
                    .expect("the request has just arrived");
            }
            // ERROR is never answered. The session handles all other kinds itself.
            _ => {}
        }
    }
}

//! A framed peer: applies the messages of its session to the room.

mod asking;
mod ping;
mod unproven;
mod unsynced;
mod vitals;

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bookend::{Code, Fault, Hello, Message, Outcome, Session, State, Step};

use crate::canonical::shown;
use crate::client::{Client, JoinRequest};
use crate::counters::Side;
use crate::fault::{QUOTED, log_fault};
use crate::hub::Hub;
use crate::mailbox::Proof;
use crate::queries::Asker;
use crate::rendition::{Rendition, TextPreference};
use crate::report::CloseReason;
use ping::Ping;
use unproven::Unproven;
use unsynced::Unsynced;
use vitals::Vitals;

pub(crate) struct Framed {
    pub(crate) session: Session,
    /// Allocated when the session ends.
    ending: Option<Box<Ending>>,
    ping: Ping,
    /// Allocated when somebody asks whether this peer still answers.
    vitals: Option<Box<Vitals>>,
    /// Allocated for the first private message of this peer.
    unproven: Option<Box<Unproven>>,
    /// Allocated while something that this peer said to everyone is not on stable storage.
    unsynced: Option<Box<Unsynced>>,
}

/// What the log says of the end of a session.
#[derive(Default)]
struct Ending {
    /// The first bytes in which a fault was found.
    faulty: Box<[u8]>,
    /// Why the hub has closed it.
    detail: Box<str>,
}

/// The shortest time between two measurements of the round trip, if the hub promises no keepalive.
const MEASURE_INTERVAL: Duration = Duration::from_secs(30);
/// The name of a code that SPEC 6 does not define.
const UNKNOWN_CODE: &str = "unknown-code";

impl Framed {
    /// A peer whose first byte has arrived.
    pub(crate) fn new(hub: &Hub, now: Duration) -> Framed {
        let (session, ping) = (hub.session(now), Ping::default());
        Framed { session, ending: None, ping, vitals: None, unproven: None, unsynced: None }
    }

    /// Uses the complete frames of what was read, at most `left`, advances `input` past them and counts them down.
    pub(crate) fn receive(&mut self, input: &mut &[u8], left: &mut u64, client: &mut Client, now: Duration) {
        let read = *input;
        while *left > 0 || self.is_closing() {
            let start = *input;
            if self.is_closing() {
                // It is discarded, whatever was to be confirmed before.
                self.unproven = None;
            }
            if self.unproven.as_mut().is_some_and(|unproven| unproven.holds(start)) {
                break;
            }
            let step = self.session.receive(input, now);
            *left = left.saturating_sub(u64::from(step != Step::More));
            match step {
                Step::Message(message) => self.apply(message, client, now),
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
        if let (Some(position), Some(unsynced)) = (client.flush(), &mut self.unsynced) {
            unsynced.flushed(position);
        }
    }

    /// Sends the PONGs that show what is on stable storage now (R9.49).
    pub(crate) fn settle(&mut self, client: &Client) {
        if let (Some(unsynced), Some(store)) = (&mut self.unsynced, client.hub().store())
            && unsynced.settle(store.synced(), &mut self.session)
        {
            self.unsynced = None;
        }
    }

    /// Has `waker` woken when a PONG that is held may be sent. False if it may.
    pub(crate) fn wait_for_sync(&mut self, client: &Client, waker: &Waker) -> bool {
        match (&mut self.unsynced, client.hub().store()) {
            (Some(unsynced), Some(store)) if self.session.holds_pong() => unsynced.wait(&**store, waker),
            _ => true,
        }
    }

    /// Does a PING wait for its PONG until what was said before it is on stable storage?
    pub(crate) fn holds_pong(&self) -> bool {
        self.unsynced.is_some() && self.session.holds_pong()
    }

    /// The connection has another waker.
    pub(crate) fn forget_waker(&mut self) {
        if let Some(unsynced) = &mut self.unsynced {
            unsynced.forget_waker();
        }
    }

    fn is_closing(&self) -> bool {
        matches!(self.session.state(), State::Closing | State::Closed)
    }

    /// Closes the session for this reason.
    pub(crate) fn close(&mut self, code: Code, detail: &str, now: Duration) {
        if !self.is_closing() {
            self.ending.get_or_insert_default().detail = detail.into();
        }
        self.session.close(code, detail, now);
    }

    /// The bytes of its CLOSE, which it may not have handed out yet.
    pub(crate) fn farewell(&self) -> usize {
        if self.is_closing() { self.session.output_length() } else { 0 }
    }

    /// The stream has ended; `unused` is what was read and not used.
    pub(crate) fn end_of_stream(&mut self, unused: &[u8], now: Duration) {
        self.session.end_of_stream(unused.len(), now);
        self.explain(&[], unused);
    }

    /// When to call [`on_time`](Self::on_time) next.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let of_vitals = self.vitals.as_ref().and_then(|vitals| vitals.deadline());
        let of_unproven = self.unproven.as_ref().and_then(|unproven| unproven.deadline());
        [self.session.deadline(), of_vitals, of_unproven].into_iter().flatten().min()
    }

    /// Does what is due; `unused` is an incomplete frame that was read.
    pub(crate) fn on_time(&mut self, unused: &[u8], client: &Client, now: Duration) {
        self.give_up_posts(client, now);
        if self.vitals.as_mut().is_some_and(|vitals| vitals.take_silence(now)) {
            self.close(Code::IDLE, "joined again, and this session does not answer", now);
        }
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

    // ---- signs of life

    /// Something has been read.
    pub(crate) fn heard(&mut self) {
        if let Some(vitals) = &mut self.vitals {
            vitals.heard();
        }
    }

    /// Proves that the peer is there after what is written to it next.
    pub(crate) fn prove(&mut self, proofs: Vec<Arc<Proof>>) {
        if !proofs.is_empty() {
            self.vitals.get_or_insert_default().prove(proofs);
        }
    }

    /// Closes the session, unless the peer answers in time.
    pub(crate) fn challenge(&mut self, timeout: Duration, now: Duration) {
        self.vitals.get_or_insert_default().challenge(timeout, now);
    }

    /// Writes the PING that somebody waits for.
    pub(crate) fn ask(&mut self, client: &mut Client, now: Duration) {
        if self.session.state() == State::Open && self.vitals.as_mut().is_some_and(|vitals| vitals.take_ping()) {
            let sent = self.session.encode(&self.ping.stamped(now).message(), client.output.buffer());
            sent.expect("an open session sends a PING of four bytes");
        }
    }

    /// Does input wait until the receivers of private messages have been heard?
    pub(crate) fn is_held(&self) -> bool {
        self.unproven.as_ref().is_some_and(|unproven| unproven.is_held())
    }

    /// Does as much of it wait as may? While somebody asks for a sign of life of this peer, twice as much may.
    pub(crate) fn is_full(&self) -> bool {
        let is_asked = self.vitals.as_ref().is_some_and(|vitals| vitals.is_asked());
        self.unproven.as_ref().is_some_and(|unproven| unproven.is_full(is_asked))
    }

    /// Nothing was read until now, so the peer was not silent. It has `answer` more to answer a challenge.
    pub(crate) fn excuse_silence(&mut self, answer: Duration, now: Duration) {
        self.session.not_reading(now);
        if let Some(vitals) = &mut self.vitals {
            vitals.excuse_silence(answer, now);
        }
    }

    /// Need it wait no longer?
    pub(crate) fn is_released(&mut self) -> bool {
        self.unproven.as_mut().is_some_and(|unproven| unproven.is_released())
    }

    /// Refuses the private messages whose receivers have not been heard in time.
    fn give_up_posts(&mut self, client: &Client, now: Duration) {
        while let Some(frame) = self.unproven.as_mut().and_then(|unproven| unproven.take_expired(now)) {
            client.count_error(Code::TRY_LATER);
            self.session.refuse_frame(
                frame,
                Code::TRY_LATER,
                "the member does not answer; the message may not have arrived",
            );
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
                self.ending.get_or_insert_default().faulty = bytes[..bytes.len().min(QUOTED)].into();
            }
        }
    }

    /// Why the session ended. A fault is logged.
    pub(crate) fn close_reason(&self, client: &Client) -> CloseReason {
        match self.session.outcome() {
            Some(Outcome::Fault(error)) => {
                let faulty = self.ending.as_ref().map_or(&[][..], |ending| &*ending.faulty);
                log_fault(client, *error, self.session.diagnosis(), faulty);
                let by = if matches!(error, Fault::NoClose | Fault::Truncated { .. }) { Side::Peer } else { Side::Hub };
                CloseReason { by, name: error.name(), is_fault: true }
            }
            Some(Outcome::Closed(code)) => {
                let is_fault = *code != Code::GOING_AWAY;
                if is_fault {
                    let detail = self.ending.as_ref().map_or("", |ending| &*ending.detail);
                    tracing::info!(peer = client.peer().label(), fault = code.name(), detail, "fault");
                }
                CloseReason { by: Side::Hub, name: code.name().unwrap_or(UNKNOWN_CODE), is_fault }
            }
            Some(Outcome::PeerClosed { code, .. }) => {
                CloseReason { by: Side::Peer, name: code.name().unwrap_or(UNKNOWN_CODE), is_fault: false }
            }
            Some(_) | None => CloseReason::NO_CLOSE,
        }
    }

    /// How long this peer waits for another one to answer: not so long that it is taken for silent itself.
    fn answer_timeout(&self, client: &Client) -> Duration {
        let timeout = client.hub().config().answer;
        let keepalive = self.session.peer().map_or(0, Hello::keepalive);
        if keepalive == 0 { timeout } else { timeout.min(Duration::from_secs(keepalive.into())) }
    }

    fn open(&mut self, client: &mut Client, now: Duration) {
        self.session.take_output(client.output.buffer()); // HELLO precedes WELCOME
        let Some(hello) = self.session.peer() else { return };
        if hello.token().is_some_and(|token| !client.authenticate(token, now)) {
            return;
        }
        let named = hello.room().and_then(shown);
        let room = named.map_or_else(|| client.credentials.default_room(), |room| room.as_ref().into());
        if !client.may_enter(&room) {
            return client.deny(&room);
        }
        if hello.name().is_some_and(|name| client.has_banned_name(name)) {
            return;
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
            return self.close(Code::TRY_LATER, "the hub has too many rooms", now);
        };
        if !resumed {
            client.count_error(Code::RESUME_REFUSED);
            let reason = if client.may_read() { "the room has had no such message" } else { "no right to read here" };
            self.session.refuse_frame(0, Code::RESUME_REFUSED, reason);
        }
    }

    fn apply(&mut self, message: Message<'_>, client: &mut Client, now: Duration) {
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
                } else if let Some(refusal) = client.refusal() {
                    client.count_error(Code::TRY_LATER);
                    self.session.refuse_frame(self.session.frame_number(), Code::TRY_LATER, &refusal);
                } else {
                    client.post(payload);
                    if client.store().is_some() {
                        self.unsynced.get_or_insert_default().said(&mut self.session);
                    }
                }
            }
            Message::Post { to, payload } => match client.post_to(to, payload) {
                Ok(Some(proof)) => {
                    let due = now.saturating_add(self.answer_timeout(client));
                    self.unproven.get_or_insert_default().push(self.session.frame_number(), due, proof);
                }
                Ok(None) => {}
                Err((code, detail)) => {
                    client.count_error(code);
                    self.session.refuse_frame(self.session.frame_number(), code, &detail);
                }
            },
            Message::Request { id, payload } => self.request(id, payload, client),
            Message::Cancel { id } => client.cancel(Asker::Request(id)), // the session has answered it
            // ERROR is never answered. The session handles all other kinds itself.
            _ => {}
        }
    }
}

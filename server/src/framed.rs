//! A framed peer: what its session brings, done to the room.

use std::time::Duration;

use bookend::diagnosis::Diagnosis;
use bookend::{Code, Error, Hello, Message, Outcome, Session, Step};

use crate::config::Config;
use crate::hub::{Hub, Peer};
use crate::rendition::{Rendition, Wanted};
use crate::seat::{Seat, Wish};

pub(crate) struct Framed {
    pub(crate) session: Session,
    /// How the bytes begin in which a fault was found.
    faulty: Vec<u8>,
}

/// The longest body, in bytes, that is below the longest frame however it is escaped.
const MAX_BODY: u32 = bookend::MAX_LENGTH / 8;
/// Bytes of a peer's data that a log line quotes.
const QUOTED: usize = 32;

impl Framed {
    pub(crate) fn new(hub: &Hub) -> Framed {
        Framed { session: hub.session(), faulty: Vec::new() }
    }

    /// Uses what was read, as far as it is whole, and advances `input` past it.
    pub(crate) fn receive(&mut self, input: &mut &[u8], seat: &mut Seat, now: Duration) {
        let read = *input;
        loop {
            let start = *input;
            match self.session.receive(input, now) {
                Step::Message(message) => self.take(message, seat),
                Step::Opened => {
                    self.open(seat);
                    if seat.is_denied() {
                        break;
                    }
                }
                Step::Refused { error, .. } => {
                    tracing::debug!(peer = seat.peer().label(), fault = error.name(), detail = %error, "refuse");
                }
                Step::More => break,
                Step::Handled => self.explain(&read[..read.len() - start.len()], start),
                Step::Pong(_) => {}
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
        self.session.on_time(now);
        self.explain(&[], unused);
    }

    /// Says what may be behind a fault in `bytes`, if there is one; `before` are the frames in front of them.
    fn explain(&mut self, before: &[u8], bytes: &[u8]) {
        if self.session.diagnosis().is_none() {
            self.session.explain(before, bytes);
            if self.session.diagnosis().is_some() {
                self.faulty = bytes[..bytes.len().min(QUOTED)].to_vec();
            }
        }
    }

    /// Logs why the session ended, unless that is as it should be.
    pub(crate) fn log_end(&self, peer: &Peer) {
        match self.session.outcome() {
            Some(Outcome::Fault(error)) => log_fault(peer, *error, self.session.diagnosis(), &self.faulty),
            Some(Outcome::Closed(code)) if *code != Code::GOING_AWAY => {
                tracing::info!(peer = peer.label(), fault = code.name(), "fault");
            }
            _ => {}
        }
    }

    fn open(&mut self, seat: &mut Seat) {
        self.session.take_output(&mut seat.out); // HELLO goes before WELCOME
        let Some(hello) = self.session.peer() else { return };
        if hello.token().is_some_and(|token| !seat.authenticate(token)) {
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
            max_body: hello.max_body() as usize,
            resume: hello.resume(),
        });
        if !resumed {
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
                    self.session.refuse_frame(self.session.frame_number(), Code::TOO_LONG, &detail);
                } else {
                    seat.say(payload);
                }
            }
            Message::Post { to, payload } => {
                if let Err((code, detail)) = seat.say_to(to, payload) {
                    self.session.refuse_frame(self.session.frame_number(), code, &detail);
                }
            }
            Message::Request { id, .. } => {
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
pub(crate) fn log_fault(peer: &Peer, fault: Error, diagnosis: Option<&Diagnosis>, bytes: &[u8]) {
    let input = bytes[..bytes.len().min(QUOTED)].escape_ascii();
    let (peer, name) = (peer.label(), fault.name());
    match diagnosis.and_then(|diagnosis| Some((diagnosis, diagnosis.first()?))) {
        Some((diagnosis, first)) => {
            tracing::info!(peer, fault = name, diagnosis = first.name(), detail = %diagnosis, %input, "fault");
        }
        None => tracing::info!(peer, fault = name, detail = %fault, %input, "fault"),
    }
}

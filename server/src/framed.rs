//! A framed peer: what its session brings, done to the room.

use std::time::Duration;

use bookend::{Code, Hello, Message, Outcome, Role, Session, State, Step};

use crate::config::Config;
use crate::hub::{LOBBY, Peer};
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
    /// A session whose peer connected when the clock was 0.
    pub(crate) fn new(config: &Config) -> Framed {
        let hello = Hello::new()
            .with_preferred(bookend::Encoding::Binary)
            .with_max_body(config.max_body.min(MAX_BODY))
            .with_keepalive(config.keepalive)
            .with_hub(true)
            .with_software(concat!("bookend-server ", env!("CARGO_PKG_VERSION")))
            .expect("it is a plain line");
        let session = Session::new(Role::Server, hello, config.limits, Duration::ZERO);
        Framed { session, faulty: Vec::new() }
    }

    /// Uses what was read, as far as it is whole, and advances `input` past it.
    pub(crate) fn receive(&mut self, input: &mut &[u8], seat: &mut Seat, now: Duration) {
        loop {
            let before = *input;
            match self.session.receive(input, now) {
                Step::Message(message) => self.take(message, seat),
                Step::Opened => self.open(seat),
                Step::Refused { error, .. } => {
                    tracing::debug!(peer = seat.peer().label(), fault = error.name(), detail = %error, "refuse");
                }
                Step::More => break,
                Step::Pong(_) | Step::Handled => {}
            }
            if self.session.state() == State::Closing && self.faulty.is_empty() {
                self.faulty.extend_from_slice(&before[..before.len().min(QUOTED)]);
            }
        }
        seat.flush();
    }

    /// Logs why the session ended, unless that is as it should be.
    pub(crate) fn log_end(&self, peer: &Peer) {
        match self.session.outcome() {
            Some(Outcome::Fault(error)) => {
                let input = self.faulty.escape_ascii();
                tracing::info!(peer = peer.label(), fault = error.name(), detail = %error, %input, "fault");
            }
            Some(Outcome::Closed(code)) if *code != Code::GOING_AWAY => {
                tracing::info!(peer = peer.label(), fault = code.name(), "fault");
            }
            _ => {}
        }
    }

    fn open(&mut self, seat: &mut Seat) {
        seat.let_in();
        self.session.take_output(&mut seat.out); // HELLO goes before WELCOME
        let Some(hello) = self.session.peer() else { return };
        let wanted = Wanted { preferred: hello.preferred(), accepted: hello.accepted() };
        let resumed = seat.join(&Wish {
            room: hello.room().unwrap_or(LOBBY),
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
            self.session.refuse_frame(0, Code::RESUME_REFUSED, "the room has not come so far");
        }
    }

    fn take(&mut self, message: Message<'_>, seat: &mut Seat) {
        match message {
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

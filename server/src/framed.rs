//! A framed peer: what its session brings, done to the room.

use std::time::Duration;

use bookend::{Code, Hello, Message, Outcome, Role, Session, State, Step};

use crate::config::Config;
use crate::hub::LOBBY;
use crate::rendition::{Rendition, Wanted};
use crate::seat::{Seat, Wish};

pub(crate) struct Framed {
    pub(crate) session: Session,
}

impl Framed {
    /// A session whose peer connected when the clock was 0.
    pub(crate) fn new(config: &Config) -> Framed {
        let hello = Hello::new()
            .with_preferred(bookend::Encoding::Binary)
            .with_max_body(config.max_body)
            .with_keepalive(config.keepalive)
            .with_hub(true)
            .with_software(concat!("bookend-server ", env!("CARGO_PKG_VERSION")))
            .expect("it is a plain line");
        Framed { session: Session::new(Role::Server, hello, config.limits, Duration::ZERO) }
    }

    /// Uses what was read, as far as it is whole, and advances `input` past it.
    pub(crate) fn receive(&mut self, input: &mut &[u8], seat: &mut Seat, now: Duration) {
        loop {
            let before = *input;
            match self.session.receive(input, now) {
                Step::Message(message) => self.take(message, seat),
                Step::Opened => self.open(seat),
                Step::Refused { error, .. } => {
                    tracing::debug!(peer = seat.peer().label(), name = error.name(), detail = %error, "refuse");
                }
                Step::More => break,
                Step::Pong(_) | Step::Handled => {}
            }
            if self.session.state() == State::Closing && self.is_own_fault() {
                let quote = &before[..before.len().min(32)];
                tracing::debug!(peer = seat.peer().label(), input = %quote.escape_ascii(), "fault-input");
            }
        }
        seat.flush();
    }

    fn is_own_fault(&self) -> bool {
        matches!(self.session.outcome(), Some(Outcome::Fault(_)))
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
            self.session.refuse_frame(0, 0, Code::RESUME_REFUSED, "the room has not come so far");
        }
    }

    fn take(&mut self, message: Message<'_>, seat: &mut Seat) {
        match message {
            Message::Message(payload) | Message::Post { to: 0, payload } => seat.say(payload),
            Message::Post { to, payload } => {
                if let Err((code, detail)) = seat.say_to(to, payload) {
                    self.session.refuse_frame(0, self.session.frame_number(), code, &detail);
                }
            }
            Message::Request { id, .. } => {
                let frame = self.session.frame_number();
                self.session.refuse_frame(id.get(), frame, Code::POLICY, "this hub answers no requests");
            }
            // An ERROR is a reply: it provokes none. The session keeps all else from its application.
            _ => {}
        }
    }
}

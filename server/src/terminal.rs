//! A line terminal: people with telnet, nc or a serial line (R9.16 to R9.20).

mod foreign;
mod lines;

use std::collections::VecDeque;
use std::time::Duration;

use bookend::diagnosis::{Evidence, diagnose};
use bookend::{Code, Encoding, Line, MAX_LINE as MAX_NAME, Payload};

use crate::counters::By;
use crate::framed::log_fault;
use crate::rendition::{LineEncoding, Rendered, Rendition, shown};
use crate::report::Ending;
use crate::room::Room;
use crate::seat::{Seat, Wish};
use foreign::Opening;
use lines::{Event, Lines};

/// Members that /who shows.
const SHOWN: usize = 100;
const NO_RIGHT_TO_WRITE: &str = "! policy: no right to write here";
/// In which changes of name or room are counted.
const CHANGE_WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Terminal {
    lines: Lines,
    /// `None` once a line has come.
    opening: Option<Opening>,
    encoding: LineEncoding,
    /// Nothing has come yet.
    silent: bool,
    joined: bool,
    /// It may not join without a token.
    waits: bool,
    /// The room to go to, once what the old one has told is written.
    moving: Option<Line>,
    closing: bool,
    /// The time since the connection was accepted.
    now: Duration,
    /// When the last changes of name or room were, that count against `limits.changes`.
    changes: VecDeque<Duration>,
    /// Why the hub closes it.
    reason: Option<Code>,
}

impl Terminal {
    pub(crate) fn new() -> Terminal {
        let (lines, encoding) = (Lines::default(), LineEncoding::Utf8);
        Terminal {
            lines,
            opening: Some(Opening::default()),
            encoding,
            silent: true,
            joined: false,
            waits: false,
            moving: None,
            closing: false,
            now: Duration::ZERO,
            changes: VecDeque::new(),
            reason: None,
        }
    }

    /// Is nothing more to be read?
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Why it ends.
    pub(crate) fn ending(&self) -> Ending {
        match self.reason {
            _ if !self.closing => Ending::NO_CLOSE,
            None => Ending { by: By::Peer, reason: "normal", is_fault: false }, // it said /quit
            Some(code) => {
                let reason = code.name().expect("the hub closes for reasons that it knows");
                Ending { by: By::Hub, reason, is_fault: code != Code::GOING_AWAY }
            }
        }
    }

    /// Has nothing come yet?
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    /// When [`on_time`](Terminal::on_time) is to be called: who has not joined does then, or is sent away.
    pub(crate) fn deadline(&self, seat: &Seat) -> Option<Duration> {
        let config = seat.hub().config();
        match self.joined || seat.is_denied() {
            true => None,
            false if self.waits => Some(config.limits.hello_timeout.max(config.token_timeout)),
            false => Some(config.limits.hello_timeout),
        }
    }

    /// Joins, or is sent away, when it is time.
    pub(crate) fn on_time(&mut self, now: Duration, seat: &mut Seat) {
        if !self.closing && self.deadline(seat).is_some_and(|deadline| now >= deadline) {
            if !self.waits {
                self.join(seat);
            }
            if !self.joined && self.deadline(seat).is_some_and(|deadline| now >= deadline) {
                self.close_with(Code::POLICY, "no token has come in time", seat);
            }
        }
    }

    /// Uses what was read, until more than `limit` bytes lie in `seat.out`. Returns the rest.
    pub(crate) fn receive<'a>(
        &mut self,
        mut input: &'a [u8],
        limit: usize,
        seat: &mut Seat,
        now: Duration,
    ) -> &'a [u8] {
        self.now = now;
        self.silent = false;
        self.recognise(input, seat);
        while !self.closing
            && !seat.is_denied()
            && self.moving.is_none()
            && seat.out.len() <= limit
            && let Some(event) = self.lines.next(&mut input)
        {
            match event {
                Event::Line(line) => self.line(&line, seat),
                Event::TooLong(line) => self.too_long(&line, seat),
                Event::Refusal(bytes) => seat.out.extend_from_slice(&bytes),
                Event::Endless => self.close_with(Code::TOO_LONG, "a telnet subnegotiation does not end", seat),
            }
        }
        seat.flush();
        if self.closing { &[] } else { input }
    }

    /// Closes if what the peer says first shows that it is another program, or a framed peer behind a channel that
    /// changes bytes (R9.20).
    fn recognise(&mut self, input: &[u8], seat: &mut Seat) {
        let Some(opening) = self.opening.as_mut().filter(|_| !self.closing) else { return };
        let Some((fault, diagnosis)) = opening.recognise(input) else { return };
        log_fault(seat, fault, Some(&diagnosis), opening.bytes());
        self.reason = Some(fault.code());
        self.close(&format!("! {diagnosis}"), seat);
    }

    /// Joins, unless that has been done, or is to wait for a token: whoever just reads types nothing.
    fn join(&mut self, seat: &mut Seat) {
        if self.joined {
            return;
        }
        let home = seat.home();
        self.joined = seat.may_enter(&home);
        self.waits = !self.joined;
        if self.joined {
            self.join_room(&home, None, seat);
        }
    }

    /// Is it to go to another room?
    pub(crate) fn is_moving(&self) -> bool {
        self.moving.is_some()
    }

    /// Goes to the other room under the same name, or one like it.
    pub(crate) fn move_on(&mut self, seat: &mut Seat) {
        if let Some(room) = self.moving.take() {
            let name = seat.name().map(str::to_owned);
            seat.leave();
            self.join_room(room.as_str(), name.as_deref(), seat);
        }
    }

    fn join_room(&self, room: &str, name: Option<&str>, seat: &mut Seat) {
        let rendition = Rendition::Lines(self.encoding);
        seat.join(&Wish { room, name, kind: "guest", rendition, max_body: u32::MAX, resume: None });
        let name = seat.name().unwrap_or_default();
        let here = seat.room().map_or(0, Room::count);
        let words =
            format!("* you are {name} in {room} ({here} here). Type a line to say it, /help for more, /quit to leave.");
        self.tell(&words, seat);
    }

    /// Says why, as the last line, and reads no more.
    pub(crate) fn close_with(&mut self, code: Code, detail: &str, seat: &mut Seat) {
        let name = code.name().unwrap_or_default();
        self.reason.get_or_insert(code);
        if !self.closing && code != Code::GOING_AWAY {
            tracing::info!(peer = seat.peer().label(), fault = name, detail, "fault");
        }
        self.close(&format!("! {name}: {detail}"), seat);
    }

    fn close(&mut self, words: &str, seat: &mut Seat) {
        if !std::mem::replace(&mut self.closing, true) {
            self.tell(words, seat);
        }
    }

    /// Writes a line to this terminal alone; `words` has no control characters.
    fn tell(&self, words: &str, seat: &mut Seat) {
        let mut out = Rendered::default();
        out.line(self.encoding, words);
        seat.write(out);
    }

    fn too_long(&mut self, beginning: &[u8], seat: &mut Seat) {
        if self.is_refused(beginning, seat) {
            return;
        }
        if !self.begin(seat) {
            return;
        }
        seat.count_error(Code::TOO_LONG);
        self.tell(&format!("! too-long: a line has at most {} bytes", lines::MAX_LINE), seat);
    }

    fn line(&mut self, line: &[u8], seat: &mut Seat) {
        if self.is_refused(line, seat) {
            return;
        }
        if let Some(token) = line.strip_prefix(b"/token").filter(|rest| rest.first().is_none_or(|&byte| byte == b' ')) {
            return self.token(token.trim_ascii(), seat);
        }
        if line.trim_ascii() == b"/quit" && self.waits {
            return self.close("* bye", seat);
        }
        if !self.begin(seat) {
            return;
        }
        match Payload::decode(Encoding::Utf8, line) {
            Err(_) => {
                seat.count_error(Code::BAD_TEXT);
                self.tell(&format!("! {}", diagnose(&Evidence::text(Encoding::Utf8, line))), seat);
            }
            Ok(payload) => {
                let text = payload.text().unwrap_or_default();
                match text.strip_prefix('/') {
                    Some(literal) if literal.starts_with('/') => self.say(literal, seat),
                    Some(command) => self.command(command, seat),
                    None if text.is_empty() => {}
                    None => self.say(&text, seat),
                }
            }
        }
    }

    /// Is the first line a request of another protocol (R9.20)?
    fn is_refused(&mut self, line: &[u8], seat: &mut Seat) -> bool {
        if self.opening.is_none() || !foreign::is_request(line) {
            return false;
        }
        self.close_with(Code::BAD_START, "this is a Bookend hub, which does not speak HTTP", seat);
        true
    }

    /// A line has come. Does it come from a member?
    fn begin(&mut self, seat: &mut Seat) -> bool {
        self.opening = None;
        self.join(seat);
        match self.joined {
            true => seat.let_in(),
            false => self.tell("! policy: a token is needed: /token SECRET", seat),
        }
        self.joined
    }

    /// Takes the token of whoever has not joined yet. It is not shown, nor logged.
    fn token(&mut self, token: &[u8], seat: &mut Seat) {
        if self.joined {
            self.tell("! policy: a token is to come before all else: connect anew, and begin with /token SECRET", seat);
        } else if token.is_empty() {
            self.tell("! /token SECRET: SECRET is your token", seat);
        } else if seat.authenticate(token, self.now) {
            self.join(seat);
            match self.joined {
                true => {
                    self.opening = None;
                    seat.let_in();
                }
                false => seat.deny(&seat.home()),
            }
        }
    }

    fn command(&mut self, command: &str, seat: &mut Seat) {
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        let rest = rest.trim();
        match (word, rest) {
            ("name" | "msg" | "me", _) if !seat.may_write() => self.tell(NO_RIGHT_TO_WRITE, seat),
            ("help", _) => self.help(seat),
            ("who", _) => self.who(seat),
            ("quit", _) => self.close("* bye", seat),
            ("name", name) => match Line::new(name) {
                Some(name) if self.may_change(seat) => seat.rename(name.as_str()),
                Some(_) => self.too_often(seat),
                None => self.tell(&format!("! /name NAME: 1 to {MAX_NAME} bytes without control characters"), seat),
            },
            ("msg", rest) => self.message(rest, seat),
            ("me", "") => self.tell("! /me TEXT: TEXT is what you do", seat),
            ("me", deed) => {
                let deed = format!("* {} {deed}", seat.name().unwrap_or_default());
                self.say(&deed, seat);
            }
            ("join", room) => match Line::new(room) {
                Some(room) if seat.room().is_some_and(|here| here.name() == room.as_str()) => {
                    self.tell("! /join ROOM: you are there", seat);
                }
                Some(room) if !seat.may_enter(room.as_str()) => {
                    self.tell("! policy: no right to this room", seat);
                }
                Some(room) if self.may_change(seat) => self.moving = Some(room),
                Some(_) => self.too_often(seat),
                None => self.tell(&format!("! /join ROOM: 1 to {MAX_NAME} bytes without control characters"), seat),
            },
            ("whoami", _) => self.whoami(seat),
            ("encoding", "ascii" | "us-ascii") => self.set_encoding(LineEncoding::Ascii, "ascii", seat),
            ("encoding", "utf-8" | "utf8") => self.set_encoding(LineEncoding::Utf8, "utf-8", seat),
            ("encoding", _) => self.tell("! /encoding ascii or /encoding utf-8", seat),
            _ => self
                .tell("! there is no such command; /help shows all. To say a line that begins with /, type //", seat),
        }
    }

    /// Everyone is told who has another name or room: is there to be one more change so soon?
    fn may_change(&mut self, seat: &Seat) -> bool {
        while self.changes.front().is_some_and(|&at| self.now >= at.saturating_add(CHANGE_WINDOW)) {
            self.changes.pop_front();
        }
        let may = self.changes.len() < seat.hub().config().changes;
        if may {
            self.changes.push_back(self.now);
        }
        may
    }

    fn too_often(&self, seat: &mut Seat) {
        let (most, seconds) = (seat.hub().config().changes, CHANGE_WINDOW.as_secs());
        self.tell(&format!("! rate: at most {most} times /name or /join in {seconds} seconds"), seat);
    }

    fn help(&self, seat: &mut Seat) {
        for line in [
            "* /who: who is here",
            "* /name NAME: be called NAME",
            "* /msg NAME TEXT: say TEXT to NAME alone",
            "* /me TEXT: say what you do",
            "* /join ROOM: go to another room",
            "* /whoami: who and where you are, and from where",
            "* /encoding ascii|utf-8: what this terminal can show; what it cannot comes as \\u{hex}",
            "* //TEXT: say /TEXT",
            "* /quit: leave",
        ] {
            self.tell(line, seat);
        }
    }

    fn whoami(&self, seat: &mut Seat) {
        let (name, room) = (seat.name().unwrap_or_default(), seat.room());
        let (room, here) = room.map_or(("no room", 0), |room| (room.name(), room.count()));
        let words = format!("* you are {name} in {room} ({here} here), from {}", seat.peer().label());
        self.tell(&words, seat);
    }

    fn who(&self, seat: &mut Seat) {
        let (names, here) = seat.room().map(|room| room.here(SHOWN)).unwrap_or_default();
        let more = if here > SHOWN { format!(", and {} more", here - SHOWN) } else { String::new() };
        // A name with a comma is not to look like two.
        let names: Vec<_> = names.iter().map(|name| shown(name).replace(',', "\\u{2c}")).collect();
        self.tell(&format!("* {here} here: {}{more}", names.join(", ")), seat);
    }

    /// `NAME TEXT`, where the name may have blanks: the longest one that is here counts.
    fn message(&self, rest: &str, seat: &mut Seat) {
        let found = rest.rmatch_indices(' ').filter(|(at, _)| *at <= MAX_NAME).find_map(|(at, _)| {
            Some((seat.room()?.member_named(&rest[..at])?, &rest[..at], rest[at + 1..].trim_start()))
        });
        let Some((to, name, text)) = found.filter(|(_, _, text)| !text.is_empty()) else {
            self.tell("! /msg NAME TEXT: NAME is to be somebody who is here; /who shows all", seat);
            return;
        };
        match seat.say_to(to, Payload::Text(bookend::Text::utf8(text))) {
            Ok(()) => self.tell(&format!("* to {name} alone: {}", bookend::escaped(text)), seat),
            Err((code, detail)) => {
                seat.count_error(code);
                self.tell(&format!("! {}: {detail}", code.name().unwrap_or_default()), seat);
            }
        }
    }

    fn say(&self, text: &str, seat: &mut Seat) {
        match seat.may_write() {
            true => seat.say(Payload::Text(bookend::Text::utf8(text))),
            false => self.tell(NO_RIGHT_TO_WRITE, seat),
        }
    }

    fn set_encoding(&mut self, encoding: LineEncoding, name: &str, seat: &mut Seat) {
        self.encoding = encoding;
        seat.set_rendition(Rendition::Lines(encoding));
        self.tell(&format!("* lines come in {name} now"), seat);
    }
}

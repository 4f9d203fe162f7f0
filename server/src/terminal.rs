//! A line terminal: a person with telnet, nc or a serial line (R9.16 to R9.20).

mod asking;
mod commands;
mod editing;
mod first_bytes;
mod foreign;
mod lines;

use std::collections::VecDeque;
use std::time::Duration;

use bookend::diagnosis::{Evidence, diagnose};
use bookend::{Code, Encoding, Line, Payload, displayed};

use crate::client::{Client, JoinRequest};
use crate::counters::Side;
use crate::fault::{UNKNOWN_PROXY, close_frame, is_of_proxy, log_fault};
use crate::rendition::{LineEncoding, Rendered, Rendition};
use crate::report::CloseReason;
use first_bytes::FirstBytes;
#[cfg(feature = "tls")]
pub(crate) use first_bytes::{EXAMINED, PAUSE};
use foreign::Program;
use lines::{LineEvent, Lines};

/// The answer to /join while there are too many rooms.
const TOO_MANY_ROOMS: &str = "! try-later: the hub has too many rooms";

#[derive(Debug)]
pub(crate) struct Terminal {
    lines: Lines,
    first_bytes: FirstBytes,
    encoding: LineEncoding,
    state: State,
    /// The number of the last message in the default room when it connected.
    last_seq: u64,
    /// The time since the connection was accepted.
    now: Duration,
    /// The last changes of name or room, which `limits.changes` limits.
    changes: VecDeque<Duration>,
}

#[derive(Debug)]
enum State {
    /// It joins the default room with its first line, or after a timeout.
    New,
    /// It may not join without a token.
    NeedsToken,
    Joined,
    /// It changes to that room when everything from the old one has been written.
    Moving(Line),
    /// With the reason why the hub closes it; without one the person typed /quit.
    /// The code, and the bytes of the last line.
    Closing(Option<Code>, usize),
}

impl Terminal {
    /// A terminal that is sent what was said in the default room since the message of that number.
    pub(crate) fn new(last_seq: u64) -> Terminal {
        Terminal {
            lines: Lines::default(),
            first_bytes: FirstBytes::default(),
            encoding: LineEncoding::Utf8,
            state: State::New,
            last_seq,
            now: Duration::ZERO,
            changes: VecDeque::new(),
        }
    }

    /// Has it closed?
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing(..))
    }

    /// Why the connection ended.
    pub(crate) fn close_reason(&self) -> CloseReason {
        match self.state {
            State::Closing(None, _) => CloseReason { by: Side::Peer, name: "normal", is_fault: false },
            State::Closing(Some(code), _) => {
                let name = code.name().expect("the hub closes with codes of SPEC 6");
                CloseReason { by: Side::Hub, name, is_fault: code != Code::GOING_AWAY }
            }
            _ => CloseReason::NO_CLOSE,
        }
    }

    /// Has the peer sent nothing, so that it may be a framed one after all?
    pub(crate) fn may_become_framed(&self) -> bool {
        !self.is_closing() && self.first_bytes.is_empty()
    }

    /// Does what the peer has sent wait, because more may show that it is a program?
    pub(crate) fn is_holding(&self) -> bool {
        self.first_bytes.held_until().is_some()
    }

    fn is_joined(&self) -> bool {
        matches!(self.state, State::Joined | State::Moving(_))
    }

    // ---- time

    /// When to call [`on_time`](Terminal::on_time): a terminal that has not joined then joins or is closed.
    pub(crate) fn deadline(&self, client: &Client) -> Option<Duration> {
        let config = client.hub().config();
        match self.state {
            _ if client.credentials.is_denied() => None,
            _ if self.is_holding() => self.first_bytes.held_until(),
            State::New => Some(config.terminal_silence),
            State::NeedsToken => Some(config.terminal_silence.max(config.token_timeout)),
            State::Joined | State::Moving(_) | State::Closing(..) => None,
        }
    }

    pub(crate) fn on_time(&mut self, now: Duration, client: &mut Client) {
        if let Some(until) = self.first_bytes.held_until() {
            if now >= until {
                self.release(client);
            }
            return;
        }
        if let State::New = self.state
            && self.is_due(now, client)
        {
            self.join(client);
            if self.is_joined() {
                client.set_identified();
            }
        }
        if let State::NeedsToken = self.state
            && self.is_due(now, client)
        {
            self.close_with(Code::POLICY, "no token arrived in time", client);
        }
    }

    fn is_due(&self, now: Duration, client: &Client) -> bool {
        self.deadline(client).is_some_and(|deadline| now >= deadline)
    }

    // ---- lines

    /// Uses what was read, until more than `limit` bytes wait to be written or no line is `left`, which is counted down.
    /// Returns the rest.
    pub(crate) fn receive<'a>(
        &mut self,
        mut input: &'a [u8],
        limit: usize,
        left: &mut u64,
        client: &mut Client,
        now: Duration,
    ) -> &'a [u8] {
        self.now = now;
        let longest = client.hub().config().terminal_silence;
        if let Some(program) = self.first_bytes.read(input, now, longest) {
            self.refuse_program(&program, client);
        }
        if self.is_holding() && !self.is_closing() {
            return input;
        }
        while !matches!(self.state, State::Closing(..) | State::Moving(_))
            && !client.credentials.is_denied()
            && client.output.unwritten().len() <= limit
            && !client.is_asking()
            && *left > 0
            && let Some(event) = self.lines.next(&mut input)
        {
            *left -= u64::from(matches!(event, LineEvent::Line(_) | LineEvent::TooLong(_)));
            match event {
                LineEvent::Line(line) => self.line(&line, client),
                LineEvent::TooLong(start) => self.too_long(&start, client),
                LineEvent::Refusal(bytes) => client.output.buffer().extend_from_slice(&bytes),
                LineEvent::Endless => {
                    self.close_with(Code::TOO_LONG, "a telnet subnegotiation does not end", client);
                }
            }
        }
        client.flush();
        let left = if self.is_closing() { &[] } else { input };
        self.first_bytes.left(left.len());
        left
    }

    /// The stream has ended. A last line without an end counts, unless nothing shows that a person wrote it.
    pub(crate) fn end_of_stream(&mut self, client: &mut Client, now: Duration) {
        self.now = now;
        if self.is_closing() || client.credentials.is_denied() {
            return;
        }
        let Some(line) = self.lines.rest() else { return };
        if self.first_bytes.is_person() || !line.iter().any(u8::is_ascii_control) {
            self.line(&line, client);
            client.flush();
        }
    }

    /// What was held waits no longer, because the peer has paused or has ended the stream: closes if it is a program.
    pub(crate) fn release(&mut self, client: &mut Client) {
        if let Some(program) = self.first_bytes.release() {
            self.refuse_program(&program, client);
        }
    }

    /// Closes because the first bytes are those of another program, of a framed peer over a channel that changes bytes,
    /// or of one that puts something before its frames (R9.20, R9.43).
    fn refuse_program(&mut self, program: &Program, client: &mut Client) {
        if self.is_closing() {
            return;
        }
        let Program { fault, diagnosis, is_framed } = program;
        log_fault(client, *fault, Some(diagnosis), self.first_bytes.bytes());
        let mut reason = diagnosis.to_string();
        if is_of_proxy(diagnosis) {
            client.hub().counters().refused.count("proxy-header");
            reason = format!("{}: foreign-proxy-protocol: {UNKNOWN_PROXY}", fault.name());
        }
        self.close(Some(fault.code()), &format!("! {reason}"), client);
        // A browser shows what it is sent; a framed client knows CLOSE.
        let is_http = diagnosis.hypotheses().iter().any(|known| known.name() == "foreign-http");
        if *is_framed && !is_http {
            let reason = reason.strip_prefix("bad-start: ").unwrap_or(&reason);
            client.output.buffer().extend_from_slice(&close_frame(fault.code(), reason));
        }
    }

    fn too_long(&mut self, start: &[u8], client: &mut Client) {
        if self.refuse_request(start, client) || !self.identify(client) {
            return;
        }
        client.count_error(Code::TOO_LONG);
        self.print(&format!("! too-long: a line has at most {} bytes", lines::MAX_LINE), client);
    }

    fn line(&mut self, line: &[u8], client: &mut Client) {
        if self.refuse_request(line, client) {
            return;
        }
        if let Some(token) = lines::token(line) {
            return self.token(token, client);
        }
        if line.trim_ascii() == b"/quit" && matches!(self.state, State::NeedsToken) {
            return self.quit(client);
        }
        if !self.identify(client) {
            return;
        }
        match Payload::decode(Encoding::Utf8, line) {
            Err(_) => {
                client.count_error(Code::BAD_TEXT);
                self.print(&format!("! {}", diagnose(&Evidence::text(Encoding::Utf8, line))), client);
            }
            Ok(payload) => {
                self.typed(&payload.text().unwrap_or_default(), client);
            }
        }
    }

    /// Closes if the first line is a request of another protocol (R9.20).
    fn refuse_request(&mut self, line: &[u8], client: &mut Client) -> bool {
        if self.first_bytes.is_person() || !foreign::is_request(line) {
            return false;
        }
        self.close_with(Code::BAD_START, "this is a Bookend hub, which does not speak HTTP", client);
        true
    }

    /// A line has arrived. Joins if it has not; false if it may not without a token.
    fn identify(&mut self, client: &mut Client) -> bool {
        self.first_bytes.set_person();
        self.join(client);
        match self.is_joined() {
            true => client.set_identified(),
            false if self.is_closing() => {}
            false => self.print("! policy: a token is needed: /token SECRET", client),
        }
        self.is_joined()
    }

    /// Takes a token, which is neither printed nor logged.
    fn token(&mut self, token: &[u8], client: &mut Client) {
        if self.is_joined() {
            self.print("! policy: send the token first: connect again and start with /token SECRET", client);
        } else if token.is_empty() {
            self.print("! /token SECRET: SECRET is your token", client);
        } else if client.authenticate(token, self.now) {
            self.join(client);
            match self.is_joined() {
                true => {
                    self.first_bytes.set_person();
                    client.set_identified();
                }
                false if self.is_closing() => {}
                false => client.deny(&client.credentials.default_room()),
            }
        }
    }

    // ---- rooms

    /// Joins the default room, unless it has joined or may not.
    fn join(&mut self, client: &mut Client) {
        if !matches!(self.state, State::New | State::NeedsToken) {
            return;
        }
        let room = client.credentials.default_room();
        if client.may_enter(&room) {
            // Without a token it might have joined when it connected: it is sent what was said since then.
            let resume = match client.credentials.grant() {
                None => client.resume_since(&room, self.last_seq),
                Some(_) => None,
            };
            self.state = State::Joined;
            if !self.enter(&room, None, resume, client) {
                self.close_with(Code::TRY_LATER, "the hub has too many rooms", client);
            }
        } else {
            self.state = State::NeedsToken;
        }
    }

    /// Will it change its room?
    pub(crate) fn is_moving(&self) -> bool {
        matches!(self.state, State::Moving(_))
    }

    /// Enters the room that it moves to, under the same name or one like it.
    pub(crate) fn enter_next_room(&mut self, client: &mut Client) {
        match std::mem::replace(&mut self.state, State::Joined) {
            State::Moving(room) => {
                let name = client.name().map(str::to_owned);
                if !self.enter(room.as_str(), name.as_deref(), None, client) {
                    self.print(TOO_MANY_ROOMS, client);
                    client.record_room();
                }
            }
            other => self.state = other,
        }
    }

    /// Enters a room. False if there are too many rooms.
    fn enter(&self, room: &str, name: Option<&str>, resume: Option<u64>, client: &mut Client) -> bool {
        let rendition = Rendition::Lines(self.encoding);
        let request = JoinRequest { room, name, name_prefix: "guest", rendition, max_body: u32::MAX, resume };
        if client.join(&request).is_err() {
            return false;
        }
        let name = client.name().unwrap_or_default();
        let (room, here) = client.room().map_or((room, 0), |room| (room.name(), room.count()));
        let you = format!("you are {} in {}", displayed(name), displayed(room));
        let text = format!("* {you} ({here} here). Type a line to say it, /help for more, /quit to leave.");
        self.print(&text, client);
        self.recall(client);
        true
    }

    // ---- closing and printing

    /// Prints the reason as the last line, and reads no more.
    pub(crate) fn close_with(&mut self, code: Code, reason: &str, client: &mut Client) {
        let name = code.name().unwrap_or_default();
        if !self.is_closing() && code != Code::GOING_AWAY {
            tracing::info!(peer = client.peer().label(), fault = name, detail = reason, "fault");
        }
        self.close(Some(code), &format!("! {name}: {reason}"), client);
    }

    /// The bytes of its last line.
    pub(crate) fn farewell(&self) -> usize {
        if let State::Closing(_, length) = self.state { length } else { 0 }
    }

    fn quit(&mut self, client: &mut Client) {
        self.close(None, "* bye", client);
    }

    fn close(&mut self, code: Option<Code>, text: &str, client: &mut Client) {
        if !self.is_closing() {
            let before = client.output.unwritten().len();
            self.print(text, client);
            self.state = State::Closing(code, client.output.unwritten().len().saturating_sub(before));
        }
    }

    /// Prints a line to this terminal alone; `text` has no control characters.
    fn print(&self, text: &str, client: &mut Client) {
        let mut out = Rendered::default();
        out.line(self.encoding, text);
        client.write(out);
    }
}

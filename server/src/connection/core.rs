//! Everything about one connection except its stream and its task: its input is bytes and the time, its output bytes to write.
//!
//! The first byte decides which kind of peer it is (R4.22, R9.17).

mod answer;
mod hold;
mod keeping;
mod kind;
mod lifecycle;
mod pace;
mod requests;
mod write;

use std::task::Context;
use std::time::{Duration, SystemTime};

use bookend::{Code, State};

use crate::access::LOBBY;
use crate::admission::Entry;
use crate::client::Client;
use crate::hub::Hub;
use crate::intake::Intake;
use crate::peer::Peer;
use crate::rendition::{LineEncoding, Rendered};
use crate::report::CloseReason;
use crate::terminal::Terminal;
use kind::PeerKind;
use pace::Pace;
use write::Source;

/// The most unwritten bytes for the peer alone while more is read from it.
const MAX_UNWRITTEN: usize = 64 << 10;
/// Ends the greeting if nobody is admitted without a token. Only one line is allowed before frames.
const NEEDS_TOKEN: &str = "; a token is needed: /token SECRET";

pub(super) struct ConnectionCore {
    client: Client,
    kind: PeerKind,
    /// The time since the connection was accepted.
    now: Duration,
    phase: Phase,
    /// What the peer has sent of late.
    intake: Intake,
    /// Until when nothing is read, because the peer has sent too much.
    hold: Option<Duration>,
    /// The connection is in the log.
    is_logged: bool,
    /// The end of the stream has been read.
    end_of_input: bool,
    /// Nothing is read until the store has written something.
    is_congested: bool,
    /// The source of the bytes that are being written.
    source: Source,
}

/// A connection is open until either side closes it, and then has a deadline.
#[derive(Clone, Copy)]
enum Phase {
    Open {
        pace: Pace,
        /// Close for this reason after everything has been written.
        close_when_written: Option<Code>,
        /// Some of what was read has not been used.
        has_unused_input: bool,
    },
    Closing {
        deadline: Duration,
        /// Bytes that were read and discarded.
        discarded: usize,
    },
}

impl Phase {
    const NEW: Phase = Phase::Open { pace: Pace::NEW, close_when_written: None, has_unused_input: false };
}

impl ConnectionCore {
    /// A connection that has just been accepted; it starts with a line of text (R9.16).
    pub(super) fn new(hub: &Hub, peer: Peer, entry: Entry) -> ConnectionCore {
        let mut client = Client::new(hub, peer, entry);
        let needs_token = !client.may_enter(LOBBY);
        client.write(greeting(if needs_token { NEEDS_TOKEN } else { "" }));
        let last_seq = client.last_seq(LOBBY);
        ConnectionCore {
            client,
            kind: PeerKind::Unknown { last_seq },
            now: Duration::ZERO,
            phase: Phase::NEW,
            intake: Intake::new(hub.config().burst),
            hold: None,
            is_logged: false,
            end_of_input: false,
            is_congested: false,
            source: Source::Output,
        }
    }

    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    // ---- reading

    /// Uses what was read and not used before. Returns how many bytes it has used.
    pub(super) fn receive(&mut self, input: &[u8]) -> usize {
        if let PeerKind::Terminal(terminal) = &mut self.kind {
            if terminal.is_moving() {
                terminal.enter_next_room(&mut self.client);
            }
            self.set_unused_input(false);
        }
        match input.first() {
            Some(&first) => self.decide_kind(first),
            None if self.end_of_input => {}
            None => return 0,
        }
        let mut rest = input;
        let allowance = self.intake.allowance(self.rates(), self.now);
        let mut left = allowance;
        match &mut self.kind {
            PeerKind::Framed(framed) => {
                framed.receive(&mut rest, &mut left, &mut self.client, self.now);
                let is_paused = left == 0 && !rest.is_empty();
                if self.end_of_input && !is_paused && !framed.is_held() {
                    framed.end_of_stream(rest, self.now);
                }
                self.set_unused_input(is_paused);
            }
            PeerKind::Terminal(terminal) if terminal.is_closing() => {
                if let Phase::Closing { discarded, .. } = &mut self.phase {
                    *discarded = discarded.saturating_add(rest.len());
                }
                rest = &[];
            }
            PeerKind::Terminal(terminal) => {
                rest = terminal.receive(rest, MAX_UNWRITTEN, &mut left, &mut self.client, self.now);
                let waits = terminal.is_moving() || self.client.is_asking();
                let has_unused_input = !rest.is_empty() && !terminal.is_holding() || waits;
                if self.end_of_input && !has_unused_input {
                    terminal.end_of_stream(&mut self.client, self.now);
                }
                self.set_unused_input(has_unused_input);
            }
            PeerKind::Unknown { .. } => {}
        }
        self.count_messages(allowance - left);
        self.client.credentials.schedule_denial(self.now);
        self.close_if_ended();
        input.len() - rest.len()
    }

    fn set_unused_input(&mut self, value: bool) {
        if let Phase::Open { has_unused_input, .. } = &mut self.phase {
            *has_unused_input = value;
        }
    }

    fn has_unused_input(&self) -> bool {
        matches!(self.phase, Phase::Open { has_unused_input: true, .. })
    }

    /// The stream has ended; `unused` is what was read and not used.
    pub(super) fn end_of_stream(&mut self, unused: &[u8]) {
        self.end_of_input = true;
        match &mut self.kind {
            PeerKind::Framed(framed) if framed.is_held() => {}
            PeerKind::Framed(framed) => framed.end_of_stream(unused, self.now),
            PeerKind::Terminal(terminal) => {
                if terminal.is_holding() {
                    terminal.release(&mut self.client);
                }
                let waits = !unused.is_empty() || self.client.is_asking();
                let has_unused_input = waits && !terminal.is_closing();
                if !has_unused_input {
                    terminal.end_of_stream(&mut self.client, self.now);
                }
                self.set_unused_input(has_unused_input);
            }
            PeerKind::Unknown { .. } => {}
        }
        self.close_if_ended();
    }

    /// Should the connection read from the stream?
    pub(super) fn wants_read(&self) -> bool {
        !self.end_of_input
            && match self.phase {
                Phase::Closing { .. } => true,
                Phase::Open { has_unused_input, .. } => !has_unused_input && self.can_receive() && !self.is_full(),
            }
    }

    /// Should [`receive`](Self::receive) be called with the unused input? It waits until there is room for answers, and a
    /// terminal changes its room only after it has received everything from the old one, and says more after the answer to a
    /// query.
    pub(super) fn wants_unused_input(&mut self) -> bool {
        if let PeerKind::Framed(framed) = &mut self.kind
            && framed.is_released()
        {
            return self.can_receive();
        }
        if !self.has_unused_input() {
            return false;
        }
        if self.client.is_asking() && matches!(self.kind, PeerKind::Terminal(_)) {
            return false;
        }
        let is_moving = matches!(&self.kind, PeerKind::Terminal(terminal) if terminal.is_moving());
        let may_move = !is_moving || self.client.feed().is_none_or(|feed| !feed.is_behind());
        may_move && self.can_receive()
    }

    fn can_receive(&self) -> bool {
        self.hold.is_none()
            && !self.client.credentials.is_denied()
            && self.unwritten() <= MAX_UNWRITTEN
            && !self.client.is_congested()
    }

    /// Does as much input wait as may?
    fn is_full(&self) -> bool {
        matches!(&self.kind, PeerKind::Framed(framed) if framed.is_full())
    }

    // ---- time

    pub(super) fn set_time(&mut self, now: Duration) {
        self.now = now;
        self.end_hold();
        self.settle();
    }

    /// When to call [`on_time`](Self::on_time) next.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let config = self.client.hub().config();
        let of_session = match &self.kind {
            PeerKind::Framed(framed) => framed.deadline(),
            PeerKind::Terminal(_) | PeerKind::Unknown { .. } => None,
        };
        match self.phase {
            Phase::Closing { deadline, .. } => Some(of_session.map_or(deadline, |other| other.min(deadline))),
            Phase::Open { pace, .. } => {
                let of_terminal = match &self.kind {
                    PeerKind::Framed(_) => None,
                    PeerKind::Terminal(terminal) => terminal.deadline(&self.client),
                    PeerKind::Unknown { .. } => Some(config.terminal_silence),
                };
                let credentials = &self.client.credentials;
                let own = [credentials.denial_due(), credentials.check_at(), pace.until(), self.hold];
                own.into_iter().chain([of_session, of_terminal]).flatten().min()
            }
        }
    }

    /// Does what is due; `unused` is what was read and not used.
    pub(super) fn on_time(&mut self, unused: &[u8]) {
        if !self.wants_read() && !self.end_of_input {
            self.excuse_silence();
        }
        let terminal_silence = self.client.hub().config().terminal_silence;
        match &mut self.kind {
            PeerKind::Framed(framed) => framed.on_time(unused, &self.client, self.now),
            PeerKind::Terminal(terminal) => {
                let was_holding = terminal.is_holding();
                terminal.on_time(self.now, &mut self.client);
                if was_holding && !terminal.is_holding() && !terminal.is_closing() {
                    self.set_unused_input(!unused.is_empty());
                }
            }
            // A person who only reads types nothing: telnet sends its first byte with the first line.
            PeerKind::Unknown { last_seq }
                if self.now >= terminal_silence && matches!(self.phase, Phase::Open { .. }) =>
            {
                let mut terminal = Box::new(Terminal::new(*last_seq));
                lifecycle::log_connect(&mut self.is_logged, &self.client);
                terminal.on_time(self.now, &mut self.client);
                self.kind = PeerKind::Terminal(terminal);
            }
            PeerKind::Unknown { .. } => {}
        }
        if let Phase::Open { pace, .. } = self.phase {
            if let Some((code, reason)) = self.client.credentials.take_due_denial(self.now) {
                self.close(code, &reason);
            }
            if self.client.is_expired(self.now) {
                self.close(Code::POLICY, "the token has expired");
            }
            if pace.is_too_slow(self.now) {
                self.close(Code::SLOW_CONSUMER, "accepts too little of what it is sent");
            }
        }
        self.close_if_ended();
    }

    /// Ends the connection if a newer one took its place before it had identified itself. True if so.
    pub(super) fn poll_loss(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(rejection) = self.client.poll_loss(cx).filter(|_| !self.is_ending()) else { return false };
        self.close(rejection.code(), &rejection.reason());
        self.close_if_ended();
        true
    }

    // ---- closing

    fn close(&mut self, code: Code, reason: &str) {
        match &mut self.kind {
            PeerKind::Framed(framed) => framed.close(code, reason, self.now),
            PeerKind::Terminal(terminal) => terminal.close_with(code, reason, &mut self.client),
            PeerKind::Unknown { last_seq } => {
                let mut terminal = Box::new(Terminal::new(*last_seq));
                terminal.close_with(code, reason, &mut self.client);
                self.kind = PeerKind::Terminal(terminal);
            }
        }
    }

    /// Records once how the connection ended, before the client leaves its room.
    fn record(&mut self, reason: CloseReason) {
        if !self.client.is_closing() {
            let report = self.report();
            self.client.close(reason, report);
        }
    }

    /// Starts the closing phase and leaves the room if the session or the terminal has closed. A frame or line that is
    /// partly written is completed first.
    fn close_if_ended(&mut self) {
        if self.is_ending() || !self.has_closed() {
            return;
        }
        let deadline = self.now.saturating_add(self.client.hub().config().limits.close_timeout);
        self.phase = Phase::Closing { deadline, discarded: 0 };
        self.finish_unit();
        let reason = match &self.kind {
            PeerKind::Framed(framed) => framed.close_reason(&self.client),
            PeerKind::Terminal(terminal) => terminal.close_reason(),
            PeerKind::Unknown { .. } => CloseReason::NO_CLOSE,
        };
        self.record(reason);
        self.client.leave();
    }

    /// Has the rest of a frame or line that is partly written be written next.
    fn finish_unit(&mut self) {
        if let Some(feed) = self.client.feed()
            && !feed.is_at_boundary()
        {
            let rest = feed.rest_of_unit().to_vec();
            self.client.output.prepend(rest);
        }
    }

    fn has_closed(&self) -> bool {
        match &self.kind {
            PeerKind::Unknown { .. } => self.end_of_input,
            PeerKind::Framed(framed) => match framed.session.state() {
                State::Closing => !framed.session.awaits_evidence(),
                State::Closed => true,
                State::Greeting | State::Open => false,
            },
            PeerKind::Terminal(terminal) => {
                let waits = self.has_unused_input() || self.client.is_asking();
                self.end_of_input && !waits || terminal.is_closing()
            }
        }
    }

    /// Has the closing phase started?
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    /// Can the connection be dropped? `shut` is whether everything was written and the sending direction closed.
    pub(super) fn is_finished(&self, shut: bool) -> bool {
        let Phase::Closing { deadline, discarded } = self.phase else { return false };
        let peer_is_done = match &self.kind {
            PeerKind::Framed(framed) => framed.session.state() == State::Closed,
            PeerKind::Unknown { .. } | PeerKind::Terminal(_) => {
                self.end_of_input || discarded >= self.client.hub().config().limits.drain
            }
        };
        self.now >= deadline || (peer_is_done && shut)
    }
}

/// The first line of every connection.
pub(super) fn greeting(remark: &str) -> Rendered {
    let mut line = Rendered::default();
    let date = httpdate::fmt_http_date(SystemTime::now());
    line.line(LineEncoding::Ascii, &format!("Bookend hub, {date}{remark}"));
    line
}

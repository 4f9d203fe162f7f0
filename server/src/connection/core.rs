//! Everything about one connection except its stream and its task: its input is bytes and the time, its output bytes to write.
//!
//! The first byte decides which kind of peer it is (R4.22, R9.17).

mod requests;
mod write;

use std::time::{Duration, SystemTime};

use bookend::{Code, START, State};

use crate::access::LOBBY;
use crate::client::Client;
use crate::framed::Framed;
use crate::hub::Hub;
use crate::peer::Peer;
use crate::rendition::{LineEncoding, Rendered};
use crate::report::CloseReason;
use crate::terminal::Terminal;
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
    /// The end of the stream has been read.
    end_of_input: bool,
    /// The source of the bytes that are being written.
    source: Source,
}

enum PeerKind {
    /// Nothing has been read.
    Unknown,
    Framed(Box<Framed>),
    Terminal(Box<Terminal>),
}

/// A connection is open until either side closes it, and then has a deadline.
#[derive(Clone, Copy)]
enum Phase {
    Open {
        /// Since when the stream accepts no bytes.
        stalled_since: Option<Duration>,
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
    const NEW: Phase = Phase::Open { stalled_since: None, close_when_written: None, has_unused_input: false };
}

impl ConnectionCore {
    /// A connection that has just been accepted; it starts with a line of text (R9.16).
    pub(super) fn new(hub: &Hub, peer: Peer) -> ConnectionCore {
        let mut client = Client::new(hub, peer);
        let needs_token = !client.may_enter(LOBBY);
        client.write(greeting(if needs_token { NEEDS_TOKEN } else { "" }));
        ConnectionCore {
            client,
            kind: PeerKind::Unknown,
            now: Duration::ZERO,
            phase: Phase::NEW,
            end_of_input: false,
            source: Source::Output,
        }
    }

    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    // ---- reading

    /// `count` bytes have been read.
    pub(super) fn count_read(&mut self, count: usize) {
        self.client.counts.bytes_received += count as u64;
        self.client.counts.last_read = u32::try_from(self.now.as_secs()).unwrap_or(u32::MAX);
        self.client.hub().counters().received(count);
        if let PeerKind::Framed(framed) = &mut self.kind {
            framed.heard();
        }
    }

    /// Uses what was read and not used before. Returns how many bytes it has used.
    pub(super) fn receive(&mut self, input: &[u8]) -> usize {
        if let PeerKind::Terminal(terminal) = &mut self.kind
            && terminal.is_moving()
        {
            terminal.enter_next_room(&mut self.client);
            self.set_unused_input(false);
        }
        let Some(&first) = input.first() else { return 0 };
        if let PeerKind::Unknown = self.kind {
            self.kind = match first == START[0] {
                true => PeerKind::Framed(Box::new(Framed::new(self.client.hub()))),
                false => PeerKind::Terminal(Box::new(Terminal::new())),
            };
        }
        let mut rest = input;
        match &mut self.kind {
            PeerKind::Framed(framed) => {
                framed.receive(&mut rest, &mut self.client, self.now);
                if self.end_of_input && !framed.is_held() {
                    framed.end_of_stream(rest, self.now);
                }
            }
            PeerKind::Terminal(terminal) if terminal.is_closing() => {
                if let Phase::Closing { discarded, .. } = &mut self.phase {
                    *discarded = discarded.saturating_add(rest.len());
                }
                rest = &[];
            }
            PeerKind::Terminal(terminal) if terminal.is_silent() && first == START[0] => {
                let mut framed = Box::new(Framed::new(self.client.hub()));
                framed.on_time(rest, &self.client, self.now); // its HELLO is too late
                self.kind = PeerKind::Framed(framed);
                rest = &[];
            }
            PeerKind::Terminal(terminal) => {
                rest = terminal.receive(rest, MAX_UNWRITTEN, &mut self.client, self.now);
                let has_unused_input = !rest.is_empty() || terminal.is_moving();
                self.set_unused_input(has_unused_input);
            }
            PeerKind::Unknown => {}
        }
        self.client.credentials.schedule_denial(self.now);
        self.close_if_ended();
        input.len() - rest.len()
    }

    fn set_unused_input(&mut self, value: bool) {
        if let Phase::Open { has_unused_input, .. } = &mut self.phase {
            *has_unused_input = value;
        }
    }

    /// The stream has ended; `unused` is what was read and not used.
    pub(super) fn end_of_stream(&mut self, unused: &[u8]) {
        self.end_of_input = true;
        if let PeerKind::Framed(framed) = &mut self.kind
            && !framed.is_held()
        {
            framed.end_of_stream(unused, self.now);
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
    /// terminal changes its room only after it has received everything from the old one.
    pub(super) fn wants_unused_input(&mut self) -> bool {
        if let PeerKind::Framed(framed) = &mut self.kind
            && framed.is_released()
        {
            return self.can_receive();
        }
        let Phase::Open { has_unused_input: true, .. } = self.phase else { return false };
        let is_moving = matches!(&self.kind, PeerKind::Terminal(terminal) if terminal.is_moving());
        let may_move = !is_moving || self.client.feed().is_none_or(|feed| !feed.is_behind());
        may_move && self.can_receive()
    }

    fn can_receive(&self) -> bool {
        !self.client.credentials.is_denied() && self.unwritten() <= MAX_UNWRITTEN
    }

    /// Does as much input wait as may?
    fn is_full(&self) -> bool {
        matches!(&self.kind, PeerKind::Framed(framed) if framed.is_full())
    }

    fn unwritten(&self) -> usize {
        let of_session = match &self.kind {
            PeerKind::Framed(framed) => framed.session.output_length(),
            PeerKind::Terminal(_) | PeerKind::Unknown => 0,
        };
        self.client.output.unwritten().len() + of_session
    }

    // ---- time

    pub(super) fn set_time(&mut self, now: Duration) {
        self.now = now;
    }

    /// When to call [`on_time`](Self::on_time) next.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let config = self.client.hub().config();
        let of_session = match &self.kind {
            PeerKind::Framed(framed) => framed.deadline(),
            PeerKind::Terminal(_) | PeerKind::Unknown => None,
        };
        match self.phase {
            Phase::Closing { deadline, .. } => Some(of_session.map_or(deadline, |other| other.min(deadline))),
            Phase::Open { stalled_since, .. } => {
                let of_terminal = match &self.kind {
                    PeerKind::Framed(_) => None,
                    PeerKind::Terminal(terminal) => terminal.deadline(&self.client),
                    PeerKind::Unknown => Some(config.limits.hello_timeout),
                };
                let stall = stalled_since.map(|since| since.saturating_add(config.stall));
                let credentials = &self.client.credentials;
                let all = [of_session, of_terminal, credentials.denial_due(), stall, credentials.check_at()];
                all.into_iter().flatten().min()
            }
        }
    }

    /// Does what is due; `unused` is what was read and not used.
    pub(super) fn on_time(&mut self, unused: &[u8]) {
        let config = self.client.hub().config();
        let (hello_timeout, stall) = (config.limits.hello_timeout, config.stall);
        match &mut self.kind {
            PeerKind::Framed(framed) => framed.on_time(unused, &self.client, self.now),
            PeerKind::Terminal(terminal) => terminal.on_time(self.now, &mut self.client),
            // A person who only reads types nothing: telnet sends its first byte with the first line.
            PeerKind::Unknown if self.now >= hello_timeout && matches!(self.phase, Phase::Open { .. }) => {
                let mut terminal = Box::new(Terminal::new());
                terminal.on_time(self.now, &mut self.client);
                self.kind = PeerKind::Terminal(terminal);
            }
            PeerKind::Unknown => {}
        }
        if let Phase::Open { stalled_since, .. } = self.phase {
            if let Some(reason) = self.client.credentials.take_due_denial(self.now) {
                self.close(Code::POLICY, &reason);
            }
            if self.client.is_expired(self.now) {
                self.close(Code::POLICY, "the token has expired");
            }
            if stalled_since.is_some_and(|since| self.now >= since.saturating_add(stall)) {
                self.close(Code::SLOW_CONSUMER, "accepts nothing of what it is sent");
            }
        }
        self.close_if_ended();
    }

    // ---- closing

    fn close(&mut self, code: Code, reason: &str) {
        match &mut self.kind {
            PeerKind::Framed(framed) => framed.session.close(code, reason, self.now),
            PeerKind::Terminal(terminal) => terminal.close_with(code, reason, &mut self.client),
            PeerKind::Unknown => {
                let mut terminal = Box::new(Terminal::new());
                terminal.close_with(code, reason, &mut self.client);
                self.kind = PeerKind::Terminal(terminal);
            }
        }
    }

    /// The stream has failed.
    pub(super) fn stream_failed(&mut self) {
        self.record(CloseReason::IO);
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
        if let Some(feed) = self.client.feed()
            && !feed.is_at_boundary()
        {
            let rest = feed.rest_of_unit().to_vec();
            self.client.output.prepend(rest);
        }
        let reason = match &self.kind {
            PeerKind::Framed(framed) => framed.close_reason(&self.client),
            PeerKind::Terminal(terminal) => terminal.close_reason(),
            PeerKind::Unknown => CloseReason::NO_CLOSE,
        };
        self.record(reason);
        self.client.leave();
    }

    fn has_closed(&self) -> bool {
        match &self.kind {
            PeerKind::Unknown => self.end_of_input,
            PeerKind::Framed(framed) => matches!(framed.session.state(), State::Closing | State::Closed),
            PeerKind::Terminal(terminal) => self.end_of_input || terminal.is_closing(),
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
            PeerKind::Unknown | PeerKind::Terminal(_) => {
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

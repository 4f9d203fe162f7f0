//! An endpoint: everything about one connection but its stream and its task.
//!
//! The first byte decides what the peer is (R4.22, R9.17). Bytes and the time go in, bytes to write come out.

use std::time::{Duration, SystemTime};

use bookend::{Code, START, State};

use crate::counters::Standing;
use crate::feed::Count;
use crate::framed::Framed;
use crate::hub::{Hub, LOBBY, Peer};
use crate::rendition::{LineEncoding, Rendered};
use crate::report::{Ending, Report};
use crate::seat::Seat;
use crate::terminal::Terminal;

/// Bytes for the peer alone that may wait to be written while more is read from it.
const MAX_UNWRITTEN: usize = 64 << 10;
/// What the greeting adds where nobody is let in without a token: the one line that goes before frames has to tell it.
const WANTS_TOKEN: &str = "; a token is needed: /token SECRET";

pub(crate) struct Endpoint {
    seat: Seat,
    wire: Wire,
    /// The time since the connection was accepted.
    now: Duration,
    /// Bytes of `seat.out` that have been written.
    written: usize,
    source: Source,
    /// Since when nothing of what is to be written could be.
    stalled: Option<Duration>,
    /// When a closing connection is given up.
    until: Option<Duration>,
    /// The order to close, once everything that was told has been written.
    leaving: Option<Code>,
    /// Bytes that were read and discarded after the end.
    discarded: usize,
    /// The stream's end has been read.
    ended: bool,
    /// Something was left of what was read.
    paused: bool,
}

/// What the peer turns out to be.
enum Wire {
    /// Its first byte has not come.
    Unknown,
    Framed(Box<Framed>),
    Terminal(Box<Terminal>),
}

/// Where what is being written comes from.
#[derive(Clone, Copy)]
enum Source {
    Own,
    Room,
}

impl Endpoint {
    /// A connection that has just been accepted; it begins with a line for people (R9.16).
    pub(crate) fn new(hub: &Hub, peer: Peer) -> Endpoint {
        let mut seat = Seat::new(hub, peer);
        let wants_token = !seat.may_enter(LOBBY);
        seat.write(greeting(if wants_token { WANTS_TOKEN } else { "" }));
        Endpoint {
            seat,
            wire: Wire::Unknown,
            now: Duration::ZERO,
            written: 0,
            source: Source::Own,
            stalled: None,
            until: None,
            leaving: None,
            discarded: 0,
            ended: false,
            paused: false,
        }
    }

    pub(crate) fn seat(&mut self) -> &mut Seat {
        &mut self.seat
    }

    // ---- reading

    /// So many bytes have come.
    pub(crate) fn heard(&mut self, count: usize) {
        self.seat.tally.bytes_received += count as u64;
        self.seat.tally.heard = u32::try_from(self.now.as_secs()).unwrap_or(u32::MAX);
        self.seat.hub().counters().received(count);
    }

    /// Uses what was read and not used before; returns how many bytes.
    pub(crate) fn read(&mut self, input: &[u8]) -> usize {
        if let Wire::Terminal(terminal) = &mut self.wire
            && terminal.is_moving()
        {
            terminal.move_on(&mut self.seat);
            self.paused = false;
        }
        let Some(&first) = input.first() else { return 0 };
        if let Wire::Unknown = self.wire {
            self.wire = if first == START[0] {
                Wire::Framed(Box::new(Framed::new(self.seat.hub())))
            } else {
                Wire::Terminal(Box::new(Terminal::new()))
            };
        }
        let mut rest = input;
        match &mut self.wire {
            Wire::Framed(framed) => framed.receive(&mut rest, &mut self.seat, self.now),
            Wire::Terminal(terminal) if terminal.is_closing() => {
                self.discarded = self.discarded.saturating_add(rest.len());
                rest = &[];
            }
            Wire::Terminal(terminal) if terminal.is_silent() && first == START[0] => {
                let mut framed = Box::new(Framed::new(self.seat.hub()));
                framed.on_time(rest, self.now); // its HELLO comes too late
                self.wire = Wire::Framed(framed);
                rest = &[];
            }
            Wire::Terminal(terminal) => {
                rest = terminal.receive(rest, self.written + MAX_UNWRITTEN, &mut self.seat, self.now);
                self.paused = !rest.is_empty() || terminal.is_moving();
            }
            Wire::Unknown => {}
        }
        let now = self.now;
        if let Some(denial) = self.seat.denial() {
            denial.due.get_or_insert(now.saturating_add(denial.delay));
        }
        self.settle();
        input.len() - rest.len()
    }

    /// The stream has ended, with `unused` of what was read.
    pub(crate) fn end_of_stream(&mut self, unused: &[u8]) {
        self.ended = true;
        match &mut self.wire {
            Wire::Framed(framed) => framed.end_of_stream(unused, self.now),
            Wire::Terminal(_) | Wire::Unknown => {}
        }
        self.settle();
    }

    /// Is the peer to be read from now?
    pub(crate) fn may_read(&self) -> bool {
        let may_go_on = !self.paused && !self.seat.is_denied() && self.unwritten() <= MAX_UNWRITTEN;
        !self.ended && (self.until.is_some() || may_go_on)
    }

    /// Was something left of what was read, or is the room to be left, and is what had to be written before written?
    pub(crate) fn may_go_on(&mut self) -> bool {
        let moving = matches!(&self.wire, Wire::Terminal(terminal) if terminal.is_moving());
        let told = !moving || self.seat.feed().is_none_or(|feed| !feed.is_behind());
        self.paused && told && !self.seat.is_denied() && self.unwritten() <= MAX_UNWRITTEN
    }

    fn unwritten(&self) -> usize {
        let of_session = match &self.wire {
            Wire::Framed(framed) => framed.session.output_length(),
            Wire::Terminal(_) | Wire::Unknown => 0,
        };
        self.seat.out.len() - self.written + of_session
    }

    // ---- time and orders

    pub(crate) fn set_time(&mut self, now: Duration) {
        self.now = now;
    }

    /// When [`on_time`](Endpoint::on_time) is to be called next.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let config = self.seat.hub().config();
        let of_wire = match &self.wire {
            Wire::Framed(framed) => framed.session.deadline(),
            Wire::Terminal(_) | Wire::Unknown if self.until.is_some() => None,
            Wire::Terminal(terminal) => terminal.deadline(&self.seat),
            Wire::Unknown => Some(config.limits.hello_timeout),
        };
        let denial = self.seat.denial_due().filter(|_| self.until.is_none());
        let stall = self.stalled.map(|since| since.saturating_add(config.stall)).filter(|_| self.until.is_none());
        let token = self.seat.expires().filter(|_| self.until.is_none());
        [of_wire, denial, stall, token, self.until].into_iter().flatten().min()
    }

    /// Does what is due; `unused` is what was read and not used yet.
    pub(crate) fn on_time(&mut self, unused: &[u8]) {
        let hello_timeout = self.seat.hub().config().limits.hello_timeout;
        match &mut self.wire {
            Wire::Framed(framed) => framed.on_time(unused, self.now),
            Wire::Terminal(terminal) => terminal.on_time(self.now, &mut self.seat),
            // Whoever just reads types nothing: telnet sends its first byte with the first line.
            Wire::Unknown if self.now >= hello_timeout && self.until.is_none() => {
                let mut terminal = Box::new(Terminal::new());
                terminal.on_time(self.now, &mut self.seat);
                self.wire = Wire::Terminal(terminal);
            }
            Wire::Unknown => {}
        }
        if self.until.is_none()
            && self.seat.denial_due().is_some_and(|due| self.now >= due)
            && let Some(denial) = self.seat.denial().take()
        {
            self.close(Code::POLICY, denial.detail);
        }
        if self.until.is_none() && self.seat.is_expired(self.now) {
            self.close(Code::POLICY, "the token's time is over");
        }
        let stall = self.seat.hub().config().stall;
        if self.until.is_none() && self.stalled.is_some_and(|since| self.now >= since.saturating_add(stall)) {
            self.close(Code::SLOW_CONSUMER, "takes nothing of what it is sent");
        }
        self.settle();
    }

    /// Takes the order to close out of the mailbox, and does what an operator wants.
    pub(crate) fn take_orders(&mut self) {
        self.take_control();
        if self.seat.mailbox().is_full()
            && let Some(code) = self.seat.mailbox().take_close()
        {
            if code == Code::POLICY && self.until.is_none() {
                // What it may not be told any more is not waited for.
                self.close(code, "the token does not allow this any more");
                self.settle();
            } else {
                self.leaving = Some(code);
            }
        }
    }

    fn take_control(&mut self) {
        if !self.seat.mailbox().is_full() {
            return;
        }
        let Some(control) = self.seat.mailbox().take_control() else { return };
        if let Some(asked) = control.asked {
            let _who_asked_waits_no_more = asked.send(self.report());
            if let Wire::Framed(framed) = &mut self.wire {
                framed.measure(&mut self.seat, self.now);
            }
        }
        if control.look_again {
            self.seat.look_again(self.now);
        }
        if let Some(why) = control.kick
            && self.until.is_none()
        {
            self.close(Code::POLICY, &why);
            self.settle();
        }
    }

    /// How the connection is.
    fn report(&self) -> Report {
        let mut report = self.seat.report(self.now);
        report.unwritten += self.unwritten();
        if let Wire::Framed(framed) = &self.wire {
            report.software = framed.software().map(Into::into);
        }
        report
    }

    /// Remembers why the connection ends, while it is known whose it was.
    fn conclude(&mut self, ending: Ending) {
        if self.seat.registration().standing() != Standing::Closing {
            let report = self.report();
            self.seat.registration().ends(ending, report);
        }
    }

    /// The stream is broken.
    pub(crate) fn broke(&mut self) {
        self.conclude(Ending::IO);
    }

    /// Closes if that was ordered and nothing is left to be written: what was accepted before is delivered.
    fn follow_orders(&mut self) {
        if let Some(code) = self.leaving
            && self.until.is_none()
            && self.seat.out.is_empty()
            && self.seat.has_been_told()
            && self.seat.mailbox().seal()
        {
            self.close(code, "the hub is shutting down");
            self.settle();
            self.take_session_output();
        }
    }

    fn close(&mut self, code: Code, detail: &str) {
        match &mut self.wire {
            Wire::Framed(framed) => framed.session.close(code, detail, self.now),
            Wire::Terminal(terminal) => terminal.close_with(code, detail, &mut self.seat),
            Wire::Unknown => {
                let mut terminal = Box::new(Terminal::new());
                terminal.close_with(code, detail, &mut self.seat);
                self.wire = Wire::Terminal(terminal);
            }
        }
    }

    /// Leaves the room once the connection is closing. What was begun is written to its end, and what is to be told at
    /// last behind it.
    fn settle(&mut self) {
        if self.until.is_some() || !self.is_closing() {
            return;
        }
        self.until = Some(self.now.saturating_add(self.seat.hub().config().limits.close_timeout));
        self.paused = false;
        if let Some(feed) = self.seat.feed()
            && !feed.is_at_boundary()
        {
            let mut rest = feed.rest_of_unit().to_vec();
            rest.extend_from_slice(&self.seat.out[self.written..]);
            self.seat.out = rest;
            self.written = 0;
        }
        let ending = match &self.wire {
            Wire::Framed(framed) => framed.end(&self.seat),
            Wire::Terminal(terminal) => terminal.ending(),
            Wire::Unknown => Ending::NO_CLOSE,
        };
        self.conclude(ending);
        self.seat.leave();
    }

    fn is_closing(&self) -> bool {
        match &self.wire {
            Wire::Unknown => self.ended,
            Wire::Framed(framed) => matches!(framed.session.state(), State::Closing | State::Closed),
            Wire::Terminal(terminal) => self.ended || terminal.is_closing(),
        }
    }

    fn is_closed(&self) -> bool {
        match &self.wire {
            Wire::Framed(framed) => framed.session.state() == State::Closed,
            Wire::Unknown | Wire::Terminal(_) => self.ended || self.discarded >= self.seat.hub().config().limits.drain,
        }
    }

    // ---- writing

    /// What is to be written next, gathered in `buffer` where it is in many pieces: what is for this peer alone goes
    /// before what the room tells, but behind a frame or line that has been begun (R7.13, R7.14).
    pub(crate) fn next_write<'a>(&'a mut self, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        if self.written == self.seat.out.len() {
            self.refill();
        }
        if self.written < self.seat.out.len() {
            match self.seat.feed() {
                Some(feed) if !feed.is_at_boundary() => {
                    self.source = Source::Room;
                    // borrowed again, as the compiler does not see that the other arm lets go
                    return self.seat.feed().map_or(&[], |feed| feed.rest_of_unit());
                }
                _ => {
                    self.source = Source::Own;
                    return &self.seat.out[self.written..];
                }
            }
        }
        self.source = Source::Room;
        self.seat.next_told(buffer)
    }

    fn refill(&mut self) {
        self.written = 0;
        self.seat.out.clear();
        self.take_session_output();
        if self.until.is_none() && self.seat.mailbox().is_full() {
            self.seat.take_mail();
        }
        self.follow_orders();
    }

    fn take_session_output(&mut self) {
        if let Wire::Framed(framed) = &mut self.wire
            && framed.session.has_output()
        {
            framed.session.take_output(&mut self.seat.out);
        }
    }

    /// `count` bytes have been written.
    pub(crate) fn wrote(&mut self, count: usize) {
        self.unblocked();
        let told = match self.source {
            Source::Own => {
                self.written += count;
                Count::default()
            }
            Source::Room => self.seat.feed().map(|feed| feed.wrote(count)).unwrap_or_default(),
        };
        self.seat.count_sent(count, told);
        if let Wire::Framed(framed) = &mut self.wire {
            framed.session.wrote(self.now);
        }
    }

    /// Everything that was to be written has gone.
    pub(crate) fn unblocked(&mut self) {
        self.stalled = None;
    }

    /// The stream takes nothing now.
    pub(crate) fn blocked(&mut self) {
        self.stalled.get_or_insert(self.now);
        if let Some(feed) = self.seat.feed() {
            feed.give_back();
        }
    }

    /// Nothing is to be written: memory for that is given back, as most peers just listen most of the time.
    pub(crate) fn rest(&mut self) {
        if self.written == self.seat.out.len() && self.seat.out.capacity() > 0 {
            self.seat.out = Vec::new();
            self.written = 0;
        }
    }

    /// Is the sending direction to be closed?
    pub(crate) fn is_done_writing(&self) -> bool {
        let session_has_output = matches!(&self.wire, Wire::Framed(framed) if framed.session.has_output());
        self.until.is_some() && self.written == self.seat.out.len() && !session_has_output
    }

    /// Has the end begun, and been logged?
    pub(crate) fn is_ending(&self) -> bool {
        self.until.is_some()
    }

    /// Is the connection to be dropped? `shut` says that everything was written, and the direction closed.
    pub(crate) fn is_over(&self, shut: bool) -> bool {
        self.until.is_some_and(|until| self.now >= until || (self.is_closed() && shut))
    }
}

/// The line that every connection begins with.
pub(crate) fn greeting(remark: &str) -> Rendered {
    let mut line = Rendered::default();
    let date = httpdate::fmt_http_date(SystemTime::now());
    line.line(LineEncoding::Ascii, &format!("Bookend hub, {date}{remark}"));
    line
}

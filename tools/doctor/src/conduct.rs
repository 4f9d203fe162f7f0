//! Judges all frames that the peer sends, in every check, by the rules for a sender.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bookend::diagnosis::{Diagnosis, Evidence, diagnose};
use bookend::{Encoding, Encodings, Fault, Frame, Hello, MAX_HELLO, Message, Text, kind, session};

use super::codes::{code_of, name_in, names_of};
use super::frame::named;
use super::report::{Finding, Row, Stage};
use super::side::Side;

/// A rule for a sender.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Framing,
    Bodies,
    Kinds,
    Encodings,
    Text,
    Marks,
    Reasons,
    ReasonLengths,
    AfterClose,
    Floods,
}

impl Rule {
    const ALL: [Rule; 10] = [
        Rule::Framing,
        Rule::Bodies,
        Rule::Kinds,
        Rule::Encodings,
        Rule::Text,
        Rule::Marks,
        Rule::Reasons,
        Rule::ReasonLengths,
        Rule::AfterClose,
        Rule::Floods,
    ];

    /// The name of its row, its tags, and its fix.
    const fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Rule::Framing => (
                "sent-frames",
                "R2.1 R2.3 R2.5 R2.9 R7.14",
                "send each frame whole, as F5 F8, kind, encoding, length, body, F8 F5",
            ),
            Rule::Bodies => (
                "sent-bodies",
                "R3.1 R3.2 R9.4",
                "write the body as the table of SPEC 3 shows, in an encoding that it permits",
            ),
            Rule::Kinds => (
                "sent-kinds",
                "R3.7 R4.4 R9.1 R9.2 R10.2",
                "send only kinds of SPEC 3, and kinds of the hub profile only if both HELLOs offer it",
            ),
            Rule::Encodings => ("sent-encodings", "R5.10", "convert text to an encoding that the peer's HELLO accepts"),
            Rule::Text => ("sent-text", "R5.1 R5.2 R5.3", "encode text as the encoding byte says"),
            Rule::Marks => ("sent-marks", "R5.5", "leave the byte order mark out (utf-8, not utf-8-sig)"),
            Rule::Reasons => (
                "reasons",
                "R6.1 R6.2 R7.4",
                "begin a reason with the fault's name in SPEC 6, optionally followed by `: ` and a detail",
            ),
            Rule::ReasonLengths => ("reason-lengths", "R6.5", "truncate a reason to 200 bytes"),
            Rule::Floods => (
                "sent-floods",
                "R8.7",
                "send at most 10 PINGs in 10 s without another frame, and 1,000 empty frames a second",
            ),
            Rule::AfterClose => {
                ("nothing-after-close", "R7.5", "send nothing after CLOSE, and shut down the sending direction")
            }
        }
    }
}

/// What was observed in all checks so far.
#[derive(Default)]
pub(super) struct Conduct {
    frames: Cell<u64>,
    reasons: Cell<u64>,
    breaches: RefCell<Vec<Breach>>,
    /// The first bytes that this side sent during each check.
    sent: RefCell<HashMap<&'static str, Vec<u8>>>,
}

/// The first breach of a rule.
struct Breach {
    rule: Rule,
    /// The number of later breaches of the same rule.
    others: usize,
    during: &'static str,
    seen: String,
    diagnosis: Option<Diagnosis>,
}

/// Observes one connection.
pub(super) struct Watch<'a> {
    conduct: &'a Conduct,
    /// The name of the check.
    during: &'static str,
    /// This side's HELLO, once a valid one was sent.
    own: Option<Hello>,
    /// The peer's HELLO offers the hub profile.
    peer_hub: bool,
    /// The peer has sent HELLO.
    greeted: bool,
    /// The peer has sent CLOSE.
    closed: bool,
    /// This side has sent CLOSE, so the peer's CLOSE answers it.
    close_sent: bool,
    /// The peer's side.
    side: Side,
    /// When the peer sent its last PINGs without another frame, and its last empty frames.
    pings: VecDeque<Instant>,
    empty: VecDeque<Instant>,
}

/// The number of sent bytes that are kept for each check.
const KEPT: usize = 256;

impl Conduct {
    /// The first bytes that were sent during a check.
    pub(super) fn sent_during(&self, check: &str) -> Vec<u8> {
        self.sent.borrow().get(check).cloned().unwrap_or_default()
    }

    /// A row for each rule.
    pub(super) fn rows(&self) -> Vec<Row> {
        Rule::ALL.map(|rule| self.row(rule)).into()
    }

    fn row(&self, rule: Rule) -> Row {
        let (check, spec, fix) = rule.row();
        let breaches = self.breaches.borrow();
        let finding = match breaches.iter().find(|breach| breach.rule == rule) {
            Some(Breach { others, during, seen, diagnosis, .. }) => {
                let others = if *others > 0 { format!(" (and {others} more)") } else { String::new() };
                let finding = Finding::fails(format!("during {during}{others}: {seen}"));
                diagnosis.iter().fold(finding, Finding::diagnosed)
            }
            None => {
                let (count, what) = match rule {
                    Rule::Reasons | Rule::ReasonLengths => (self.reasons.get(), "CLOSEs and ERRORs"),
                    _ => (self.frames.get(), "frames"),
                };
                if count == 0 {
                    Finding::skipped("nothing to judge arrived")
                } else {
                    Finding::ok(format!("{count} {what}"))
                }
            }
        };
        Row::new(Stage::Conduct, check, spec, fix, finding)
    }
}

impl<'a> Watch<'a> {
    pub(super) fn new(conduct: &'a Conduct, during: &'static str, side: Side) -> Watch<'a> {
        Watch {
            conduct,
            during,
            own: None,
            peer_hub: false,
            greeted: false,
            closed: false,
            close_sent: false,
            side,
            pings: VecDeque::new(),
            empty: VecDeque::new(),
        }
    }

    /// This side sends bytes.
    pub(super) fn sends(&self, bytes: &[u8]) {
        let mut sent = self.conduct.sent.borrow_mut();
        let kept = sent.entry(self.during).or_default();
        kept.extend(bytes.iter().take(KEPT - kept.len().min(KEPT)));
    }

    /// This side has sent HELLO.
    pub(super) fn sent_hello(&mut self, hello: &Hello) {
        self.own = Some(hello.clone());
    }

    /// This side has sent CLOSE.
    pub(super) fn sent_close(&mut self) {
        self.close_sent = true;
    }

    /// The longest body that the peer may send now, in bytes.
    pub(super) fn max_body(&self) -> u32 {
        self.own.as_ref().filter(|_| self.greeted).map_or(MAX_HELLO, Hello::max_body)
    }

    /// The peer's bytes are not a frame.
    pub(super) fn bad_frame(&self, error: Fault, offset: u64, before: &[u8], bytes: &[u8]) {
        let diagnosis = diagnose(&Evidence::stream(error, offset, bytes).after(before));
        self.note(Rule::Framing, error.to_string(), Some(diagnosis));
    }

    /// Judges a frame of the peer.
    pub(super) fn judge(&mut self, frame: Frame<'_>) {
        self.conduct.frames.set(self.conduct.frames.get() + 1);
        let name = named(frame.kind());
        if self.closed {
            self.note(Rule::AfterClose, format!("{name} arrived after CLOSE"), None);
        }
        self.closed |= frame.kind() == kind::CLOSE;
        if frame.kind() == kind::HELLO && !self.greeted {
            self.greeted = true;
            self.peer_hub = frame.body().get(23).is_some_and(|bits| bits & 1 != 0);
            return; // judged in the stage `hello`
        }
        self.judge_rate(frame);
        self.judge_kind(frame);
        self.judge_encoding(frame, &name);
        match Message::parse(frame) {
            Ok(Some(Message::Close { code, reason })) => self.judge_reason(frame, code.0, &reason),
            Ok(Some(Message::Error(refusal))) => self.judge_reason(frame, refusal.code.0, &refusal.reason),
            Err(error @ Fault::Malformed { .. }) => self.note(Rule::Bodies, format!("{name}: {error}"), None),
            Ok(_) | Err(_) => {}
        }
        if let Some(payload) = payload_of(frame) {
            self.judge_text(frame.encoding(), payload, &name);
        }
    }

    /// R8.3 and R8.4, whose numbers a sender keeps.
    fn judge_rate(&mut self, frame: Frame<'_>) {
        let now = Instant::now();
        match frame.kind() {
            kind::PING => self.pings.push_back(now),
            kind::PONG => {}
            _ => self.pings.clear(),
        }
        if frame.body().is_empty() {
            self.empty.push_back(now);
        }
        if exceeds(&mut self.pings, 10, now, Duration::from_secs(10)) {
            self.note(Rule::Floods, format!("{} PINGs in 10 s and nothing else", self.pings.len()), None);
        }
        if exceeds(&mut self.empty, 1000, now, Duration::from_secs(1)) {
            self.note(Rule::Floods, format!("{} frames of length 0 in a second", self.empty.len()), None);
        }
    }

    fn judge_kind(&self, frame: Frame<'_>) {
        let in_force = self.peer_hub && self.own.as_ref().is_some_and(Hello::hub);
        let why = match frame.kind() {
            kind::HELLO => "a second HELLO arrived",
            kind::POST if self.side == Side::Server => "the server sent a POST, which only clients send",
            kind if kind::is_hub(kind) && kind != kind::POST && self.side == Side::Client => {
                "the client sent a kind that only servers send"
            }
            kind if kind::is_hub(kind) && !in_force => "a kind of the hub profile arrived, which is not in force",
            kind if kind::name(kind).is_some() || (kind::PRIVATE_FIRST..=kind::PRIVATE_LAST).contains(&kind) => return,
            _ => "an unlisted kind arrived",
        };
        self.note(Rule::Kinds, format!("{why} (kind {:02x})", frame.kind()), None);
    }

    fn judge_encoding(&self, frame: Frame<'_>, name: &str) {
        // Before HELLO the encoding is US-ASCII or UTF-8 (R6.5).
        let accepted = self.own.as_ref().map_or(Encodings::CORE, Hello::accepted);
        if !accepted.contains(frame.encoding()) {
            self.note(
                Rule::Encodings,
                format!("{name} arrived in {}, which this side does not accept", frame.encoding()),
                None,
            );
        }
    }

    fn judge_text(&self, encoding: Encoding, payload: &[u8], name: &str) {
        match Text::decode(encoding, payload) {
            _ if encoding == Encoding::Binary => {}
            Ok(text) if text.had_bom() => {
                self.note(Rule::Marks, format!("{name} begins with a byte order mark"), None);
            }
            Ok(_) => {}
            Err(error) => {
                let diagnosis = diagnose(&Evidence::text(encoding, payload));
                self.note(Rule::Text, format!("{name}: {error}"), Some(diagnosis));
            }
        }
    }

    /// A CLOSE may omit its reason if it answers a CLOSE or reports no fault (R7.7).
    fn judge_reason(&self, frame: Frame<'_>, code: u16, reason: &Text<'_>) {
        self.conduct.reasons.set(self.conduct.reasons.get() + 1);
        let Some(raw) = payload_of(frame).filter(|raw| Text::decode(frame.encoding(), raw).is_ok()) else {
            return; // judged as `sent-text`
        };
        let length = raw.len();
        if length > session::MAX_REASON {
            self.note(Rule::ReasonLengths, format!("{code} with a reason of {length} bytes"), None);
        }
        let reason = reason.to_str();
        let (names, name) = (names_of(code), name_in(&reason));
        let is_normal = frame.kind() == kind::CLOSE && matches!(code, 1000 | 1001);
        if names.is_empty() || names.contains(&name) || reason.is_empty() && (is_normal || self.close_sent) {
            return;
        }
        let what = if frame.kind() == kind::CLOSE { "CLOSE" } else { "ERROR" };
        let seen = match code_of(name) {
            _ if reason.is_empty() => format!("{what} {code} without a reason; expected {}", names.join(" or ")),
            Some(other) => format!("{what} {code} with the name {name}, whose code is {other}"),
            None => format!("{what} {code}: \"{reason}\" does not begin with {}", names.join(" or ")),
        };
        self.note(Rule::Reasons, seen, None);
    }

    fn note(&self, rule: Rule, seen: String, diagnosis: Option<Diagnosis>) {
        let mut breaches = self.conduct.breaches.borrow_mut();
        match breaches.iter_mut().find(|breach| breach.rule == rule) {
            Some(first) => first.others += 1,
            None => breaches.push(Breach { rule, others: 0, during: self.during, seen, diagnosis }),
        }
    }
}

/// True if more than `most` of these times, the latest of which is `now`, lie within `period`. Keeps no others.
fn exceeds(times: &mut VecDeque<Instant>, most: usize, now: Instant, period: Duration) -> bool {
    while times.len() > most + 1 || times.front().is_some_and(|sent| now - *sent >= period) {
        times.pop_front();
    }
    times.len() > most
}

/// The payload after the fixed part of the body; `None` if the kind has none.
fn payload_of(frame: Frame<'_>) -> Option<&[u8]> {
    let fixed = match frame.kind() {
        kind::MESSAGE => 0,
        kind::CLOSE => 2,
        kind::REQUEST | kind::REPLY | kind::POST => 4,
        kind::PRESENCE => 5,
        kind::ERROR => 10,
        kind::WELCOME => 12,
        kind::DELIVERY => 25 + usize::from(*frame.body().get(24)?),
        _ => return None,
    };
    frame.body().get(fixed..)
}

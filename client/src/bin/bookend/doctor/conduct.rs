//! What the peer itself sends, in all checks together, judged by the rules for a sender.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use bookend::diagnosis::{Diagnosis, Evidence, diagnose};
use bookend::{Encoding, Encodings, Fault, Frame, Hello, MAX_HELLO, Message, Text, kind, session};

use super::codes::{code_of, name_in, names_of};
use super::report::{Finding, Row, Stage};
use super::subject::Side;
use super::wire::named;

/// A rule for a sender: the name of its row, its tags, its fix.
struct Rule {
    check: &'static str,
    spec: &'static str,
    fix: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Framing,
    Bodies,
    Kinds,
    Encodings,
    Text,
    Marks,
    Reasons,
    ReasonLengths,
    AfterClose,
}

impl About {
    const ALL: [About; 9] = [
        About::Framing,
        About::Bodies,
        About::Kinds,
        About::Encodings,
        About::Text,
        About::Marks,
        About::Reasons,
        About::ReasonLengths,
        About::AfterClose,
    ];

    const fn rule(self) -> Rule {
        let (check, spec, fix) = match self {
            About::Framing => (
                "sent-frames",
                "R2.1 R2.5 R2.9",
                "send F5 F8 kind encoding length body F8 F5, whole, one after the other",
            ),
            About::Bodies => (
                "sent-bodies",
                "R3.1 R3.2 R9.4",
                "lay the body out as the table of SPEC 3 does, with an encoding that it allows",
            ),
            About::Kinds => (
                "sent-kinds",
                "R3.7 R4.4 R9.1 R9.2",
                "send only kinds of SPEC 3, and those of the hub profile only where both HELLOs offer it",
            ),
            About::Encodings => {
                ("sent-encodings", "R5.10", "convert text to an encoding that the other side's HELLO accepts")
            }
            About::Text => ("sent-text", "R5.1 R5.2 R5.3", "encode text as the encoding byte says"),
            About::Marks => ("sent-marks", "R5.5", "leave the byte order mark out (utf-8, not utf-8-sig)"),
            About::Reasons => (
                "reasons",
                "R6.1 R6.2 R7.4",
                "begin a reason with the name that SPEC 6 gives the fault, perhaps with `: ` and a detail behind it",
            ),
            About::ReasonLengths => ("reason-lengths", "R6.5", "cut a reason to 200 bytes"),
            About::AfterClose => {
                ("nothing-after-close", "R7.5", "send nothing behind CLOSE, and close the sending direction")
            }
        };
        Rule { check, spec, fix }
    }
}

/// What has been noticed.
#[derive(Default)]
pub(super) struct Conduct {
    frames: Cell<u64>,
    reasons: Cell<u64>,
    breaches: RefCell<Vec<Breach>>,
    /// What this side has sent during each check, as far as it is worth keeping.
    sent: RefCell<HashMap<&'static str, Vec<u8>>>,
}

/// The first breach of a rule.
struct Breach {
    about: About,
    /// How many came behind it.
    others: usize,
    during: &'static str,
    seen: String,
    diagnosis: Option<Diagnosis>,
}

/// The eyes on one connection.
pub(super) struct Watch<'a> {
    conduct: &'a Conduct,
    /// The check that it belongs to.
    during: &'static str,
    /// What this side has said of itself, if it was legal and has been sent.
    own: Option<Hello>,
    /// The peer's HELLO offers the hub profile.
    peer_hub: bool,
    greeted: bool,
    /// The peer has sent CLOSE.
    closed: bool,
    /// This side has, so that the peer's answers it.
    close_sent: bool,
    /// What the peer is.
    side: Side,
}

/// Bytes that are kept of what is sent during one check.
const KEPT: usize = 256;

impl Conduct {
    /// The first bytes that were sent during a check.
    pub(super) fn sent_during(&self, check: &str) -> Vec<u8> {
        self.sent.borrow().get(check).cloned().unwrap_or_default()
    }

    /// A row for each rule.
    pub(super) fn rows(&self) -> Vec<Row> {
        About::ALL.map(|about| self.row(about)).into()
    }

    fn row(&self, about: About) -> Row {
        let Rule { check, spec, fix } = about.rule();
        let breaches = self.breaches.borrow();
        let finding = match breaches.iter().find(|breach| breach.about == about) {
            Some(Breach { others, during, seen, diagnosis, .. }) => {
                let others = if *others > 0 { format!(" (and {others} times more)") } else { String::new() };
                let finding = Finding::fails(format!("during {during}{others}: {seen}"));
                diagnosis.iter().fold(finding, Finding::diagnosed)
            }
            None => {
                let (count, what) = match about {
                    About::Reasons | About::ReasonLengths => (self.reasons.get(), "CLOSEs and ERRORs"),
                    _ => (self.frames.get(), "frames"),
                };
                if count == 0 { Finding::skipped("nothing was seen") } else { Finding::ok(format!("{count} {what}")) }
            }
        };
        Row::new(Stage::Conduct, check, spec, fix, finding)
    }
}

impl<'a> Watch<'a> {
    pub(super) fn new(conduct: &'a Conduct, during: &'static str, side: Side) -> Watch<'a> {
        Watch { conduct, during, own: None, peer_hub: false, greeted: false, closed: false, close_sent: false, side }
    }

    /// This side sends bytes.
    pub(super) fn sends(&self, bytes: &[u8]) {
        let mut sent = self.conduct.sent.borrow_mut();
        let kept = sent.entry(self.during).or_default();
        kept.extend(bytes.iter().take(KEPT - kept.len().min(KEPT)));
    }

    /// This side has said HELLO.
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

    /// The peer's bytes are no frame.
    pub(super) fn unsound(&self, error: Fault, offset: u64, bytes: &[u8]) {
        let diagnosis = diagnose(&Evidence::stream(error, offset, bytes));
        self.note(About::Framing, error.to_string(), Some(diagnosis));
    }

    /// Judges a frame of the peer.
    pub(super) fn judge(&mut self, frame: Frame<'_>) {
        self.conduct.frames.set(self.conduct.frames.get() + 1);
        let name = named(frame.kind());
        if self.closed {
            self.note(About::AfterClose, format!("{name} came behind CLOSE"), None);
        }
        self.closed |= frame.kind() == kind::CLOSE;
        if frame.kind() == kind::HELLO && !self.greeted {
            self.greeted = true;
            self.peer_hub = frame.body().get(23).is_some_and(|bits| bits & 1 != 0);
            return; // it has a stage of its own
        }
        self.judge_kind(frame);
        self.judge_encoding(frame, &name);
        match Message::parse(frame) {
            Ok(Some(Message::Close { code, reason })) => self.judge_reason(frame, code.0, &reason),
            Ok(Some(Message::Error(refusal))) => self.judge_reason(frame, refusal.code.0, &refusal.reason),
            Err(error @ Fault::Malformed { .. }) => self.note(About::Bodies, format!("{name}: {error}"), None),
            Ok(_) | Err(_) => {}
        }
        if let Some(payload) = payload_of(frame) {
            self.judge_text(frame.encoding(), payload, &name);
        }
    }

    fn judge_kind(&self, frame: Frame<'_>) {
        let in_force = self.peer_hub && self.own.as_ref().is_some_and(Hello::hub);
        let why = match frame.kind() {
            kind::HELLO => "a second HELLO came",
            kind::POST if self.side == Side::Server => "a POST came, which only clients send",
            kind if kind::is_hub(kind) && kind != kind::POST && self.side == Side::Client => {
                "a kind came that only servers send"
            }
            kind if kind::is_hub(kind) && !in_force => "a kind of the hub profile came, which is not in force",
            kind if kind::name(kind).is_some() || (kind::PRIVATE_FIRST..=kind::PRIVATE_LAST).contains(&kind) => return,
            _ => "an unlisted kind came",
        };
        self.note(About::Kinds, format!("{why} (kind {:02x})", frame.kind()), None);
    }

    fn judge_encoding(&self, frame: Frame<'_>, name: &str) {
        // Before HELLO it is US-ASCII or UTF-8 (R6.5).
        let accepted = self.own.as_ref().map_or(Encodings::CORE, Hello::accepted);
        if !accepted.contains(frame.encoding()) {
            self.note(About::Encodings, format!("{name} came in {}, which was not accepted", frame.encoding()), None);
        }
    }

    fn judge_text(&self, encoding: Encoding, payload: &[u8], name: &str) {
        match Text::decode(encoding, payload) {
            _ if encoding == Encoding::Binary => {}
            Ok(text) if text.had_bom() => {
                self.note(About::Marks, format!("{name} begins with a byte order mark"), None);
            }
            Ok(_) => {}
            Err(error) => {
                let diagnosis = diagnose(&Evidence::text(encoding, payload));
                self.note(About::Text, format!("{name}: {error}"), Some(diagnosis));
            }
        }
    }

    /// An answer to CLOSE, and one in peace, may do without reason (R7.7).
    fn judge_reason(&self, frame: Frame<'_>, code: u16, reason: &Text<'_>) {
        self.conduct.reasons.set(self.conduct.reasons.get() + 1);
        let Some(raw) = payload_of(frame).filter(|raw| Text::decode(frame.encoding(), raw).is_ok()) else {
            return; // `sent-text` has it
        };
        let length = raw.len();
        if length > session::MAX_REASON {
            self.note(About::ReasonLengths, format!("{code} with a reason of {length} bytes"), None);
        }
        let reason = reason.to_str();
        let (names, name) = (names_of(code), name_in(&reason));
        let in_peace = frame.kind() == kind::CLOSE && matches!(code, 1000 | 1001);
        if names.is_empty() || names.contains(&name) || reason.is_empty() && (in_peace || self.close_sent) {
            return;
        }
        let what = if frame.kind() == kind::CLOSE { "CLOSE" } else { "ERROR" };
        let seen = match code_of(name) {
            _ if reason.is_empty() => format!("{what} {code} without reason: {} is due", names.join(" or ")),
            Some(other) => format!("{what} {code} with the name {name}, whose code is {other}"),
            None => format!("{what} {code}: {reason:?} does not begin with {}", names.join(" or ")),
        };
        self.note(About::Reasons, seen, None);
    }

    fn note(&self, about: About, seen: String, diagnosis: Option<Diagnosis>) {
        let mut breaches = self.conduct.breaches.borrow_mut();
        match breaches.iter_mut().find(|breach| breach.about == about) {
            Some(first) => first.others += 1,
            None => breaches.push(Breach { about, others: 0, during: self.during, seen, diagnosis }),
        }
    }
}

/// The text or bytes behind the fixed part, `None` where there is none.
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

//! Finds the mistake that produced the other side's bytes, and how to fix it.
//!
//! A fault names the wrong byte; a diagnosis names the mistake that produces such bytes. Each [`Hypothesis`] has passed
//! a test: for example, a little-endian length is named when END is where that length puts it. Nothing here is on the
//! path of sound frames.
//!
//! ```
//! use bookend::diagnosis::{self, Evidence};
//! use bookend::Decoder;
//!
//! let wire = b"\xF5\xF8\x02\x02\x02\0\0\0hi\xF8\xF5";
//! let fault = Decoder::new(1024).decode(&mut &wire[..]).expect_err("the length is little-endian");
//! let diagnosis = diagnosis::diagnose(&Evidence::stream(fault, 0, wire));
//! assert_eq!(diagnosis.first().expect("it is known").name(), "length-little-endian");
//! ```
//!
//! `docs/troubleshooting.md` in the repository has an entry for each mistake: an example in hex, the cause, the fix.
//!
//! # Layout
//!
//! `mistakes` has the names and their fixes; `walk` follows frames under a supposed mistake; `greeting` finds out where the
//! first frame of a server should begin. One file has each family:
//!
//! - `length` and `fit`: the length field, by how it was written, and by what it says beside the bytes that are there;
//! - `frame`: START, END, kind and encoding; `wrapped`: what stands around frames that are sound;
//! - `opening` and `channel`: what happens to all bytes; `event` and `partial`: what happens once;
//! - `foreign`: other protocols; `echo`: this side's own bytes;
//! - `text` and `number`: what a sound frame holds.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use crate::code::MAX_REASON;
use crate::fault::Fault;
use crate::frame::{HEADER_LENGTH, START};
use crate::hello::{MAGIC, MAX_PREAMBLE};
use crate::kind;

mod channel;
mod echo;
mod event;
mod evidence;
mod fit;
mod foreign;
mod frame;
mod greeting;
mod length;
mod mistakes;
mod number;
mod opening;
mod partial;
mod text;
mod walk;
mod wrapped;

pub use evidence::Evidence;
use evidence::{Stream, Subject};
pub use mistakes::{MISTAKES, Mistake};

/// How many bytes of a frame or a payload are examined.
pub const WINDOW: usize = 64 << 10;
/// The most hypotheses that a diagnosis lists.
const MAX_HYPOTHESES: usize = 5;

/// How sure a hypothesis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// It fits the bytes, but so might chance or another mistake.
    Possible,
    /// It fits well, but is not proven, or another mistake fits too.
    Likely,
    /// It has passed its test, and no other mistake has.
    Certain,
}

impl Confidence {
    /// What stands before a fix.
    fn condition(self) -> &'static str {
        if self == Confidence::Possible { "if so, " } else { "" }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Confidence::Possible => "possible",
            Confidence::Likely => "likely",
            Confidence::Certain => "certain",
        })
    }
}

/// A mistake that would produce such bytes, and the evidence for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hypothesis {
    mistake: &'static Mistake,
    confidence: Confidence,
    offset: u64,
    seen: String,
    /// Decides among equally likely hypotheses.
    weight: usize,
}

impl Hypothesis {
    fn new(mistake: &'static Mistake, confidence: Confidence, offset: u64, seen: String) -> Hypothesis {
        Hypothesis { mistake, confidence, offset, seen, weight: 1 }
    }

    fn weighing(mut self, weight: usize) -> Hypothesis {
        self.weight = weight;
        self
    }

    fn rank(&self) -> core::cmp::Reverse<(Confidence, usize)> {
        core::cmp::Reverse((self.confidence, self.weight))
    }

    fn at_most(mut self, confidence: Confidence) -> Hypothesis {
        self.confidence = self.confidence.min(confidence);
        self
    }

    /// The stable name, in kebab-case.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.mistake.name
    }

    /// How sure it is.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// Where the mistake shows, in bytes from the first START of the stream, or from the start of the payload for text.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What was seen, in a few words of printable ASCII.
    #[must_use]
    pub fn seen(&self) -> &str {
        &self.seen
    }

    /// What was expected in its place.
    #[must_use]
    pub fn expected(&self) -> &'static str {
        self.mistake.expected
    }

    /// How to fix it, in one line.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        self.mistake.fix
    }
}

impl fmt::Display for Hypothesis {
    /// One line of printable ASCII. The fix of a mistake that is only possible is a condition, not an order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, confidence, seen, fix) = (self.name(), self.confidence, &self.seen, self.fix());
        write!(f, "{name} ({confidence}): {seen}; {}{fix}", confidence.condition())
    }
}

/// The likely mistakes, the likeliest first; none if none is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    fault: Option<Fault>,
    hypotheses: Vec<Hypothesis>,
}

impl Diagnosis {
    /// The likeliest hypothesis.
    #[must_use]
    pub fn first(&self) -> Option<&Hypothesis> {
        self.hypotheses.first()
    }

    /// All hypotheses, the likeliest first.
    #[must_use]
    pub fn hypotheses(&self) -> &[Hypothesis] {
        &self.hypotheses
    }
}

impl fmt::Display for Diagnosis {
    /// One line of printable ASCII of at most [`MAX_REASON`] bytes, fit for a CLOSE or an ERROR (R6.2, R6.5): the
    /// fault's name, the first hypothesis, and the names of the others that are as likely. If the line is too long,
    /// what was seen is cut short. A hypothesis that is only possible follows the whole fault, and its fix is a condition.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Bounded { out: f, left: MAX_REASON };
        let Some(first) = self.first() else {
            return match self.fault {
                Some(fault) => write!(line, "{fault}"),
                None => line.write_str("nothing is wrong"),
            };
        };
        let unsure = first.confidence == Confidence::Possible;
        match self.fault {
            Some(fault) if unsure => write!(line, "{fault}; possibly ")?,
            Some(fault) => write!(line, "{}: ", fault.name())?,
            None => {}
        }
        line.write_str(first.name())?;
        for other in self.hypotheses[1..].iter().filter(|other| other.confidence == first.confidence) {
            write!(line, " or {}", other.name())?;
        }
        if unsure && self.fault.is_some() {
            let several = self.hypotheses.get(1).is_some_and(|other| other.confidence == first.confidence);
            let condition = if several { "if the first, " } else { first.confidence.condition() };
            return write!(line, ": {condition}{}", first.fix());
        }
        write!(line, " ({})", first.confidence)?;
        if first.offset > 0 {
            write!(line, " at byte {}", first.offset)?;
        }
        let (condition, fix) = (first.confidence.condition(), first.fix());
        let room = line.left.saturating_sub(": ; ".len() + condition.len() + fix.len());
        match first.seen.get(..room.saturating_sub(CUT.len())) {
            _ if first.seen.len() <= room => write!(line, ": {}; {condition}{fix}", first.seen),
            Some(seen) if room > 2 * CUT.len() => write!(line, ": {seen}{CUT}; {condition}{fix}"),
            _ => write!(line, ": {condition}{fix}"),
        }
    }
}

/// Marks a text that was cut off.
const CUT: &str = "...";

/// Writes printable ASCII until it is full, and drops the rest.
struct Bounded<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    left: usize,
}

impl fmt::Write for Bounded<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars().take(self.left) {
            self.out.write_char(if matches!(character, ' '..='~') { character } else { '?' })?;
            self.left -= 1;
        }
        Ok(())
    }
}

/// Ranks the mistakes that fit. Takes time in proportion to the evidence, at most [`WINDOW`] bytes.
#[must_use]
pub fn diagnose(evidence: &Evidence<'_>) -> Diagnosis {
    let hypotheses = match evidence.subject {
        Subject::Greeting(stream) => greeting::judge(&stream),
        Subject::Stream(stream) => ranked(judge_stream(&stream)),
        Subject::Payload { encoding, payload } => {
            let mut hypotheses = Vec::new();
            text::judge(encoding, payload, &mut hypotheses);
            ranked(hypotheses)
        }
        Subject::Payloads { encoding, payloads } => text::judge_together(encoding, payloads).into_iter().collect(),
        Subject::Message(message) => number::judge(&message).into_iter().collect(),
        Subject::Hello(hello) => number::judge_hello(hello).into_iter().collect(),
    };
    Diagnosis { fault: evidence.fault, hypotheses }
}

/// The mistakes that fit the bytes of a stream; one alone if it is certain at once.
fn judge_stream(stream: &Stream<'_>) -> Vec<Hypothesis> {
    let mut hypotheses = Vec::new();
    if stream.fault == Fault::TwoClients {
        hypotheses.extend(echo::whole(stream));
    }
    if !stream.fault.concerns_framing() {
        return hypotheses;
    }
    if stream.stalled() && matches!(walk::correct(stream.bytes), walk::Step::Whole { .. }) {
        return hypotheses; // nothing is missing
    }
    if let Some(alone) = echo::by_terminal(stream).or_else(|| foreign::in_front(stream)) {
        return alloc::vec![alone];
    }
    let known = frame::judge(stream).or_else(|| wrapped::judge(stream)).or_else(|| fit::by_content(stream));
    if let Some(known) = known {
        let alone = known.confidence == Confidence::Certain;
        hypotheses.push(known);
        if alone {
            return hypotheses;
        }
    }
    opening::judge(stream, &mut hypotheses);
    foreign::judge(stream, &mut hypotheses);
    length::judge(stream, &mut hypotheses);
    channel::judge(stream, &mut hypotheses);
    if !hypotheses.iter().any(|known| known.confidence > Confidence::Possible) {
        hypotheses.extend(fit::by_numbers(stream));
    }
    // Of a canary that lost or gained one byte, an accident is as good an explanation as a channel.
    let settled = |known: &Hypothesis| known.confidence == Confidence::Certain && !known.name().starts_with("channel-");
    if !hypotheses.iter().any(settled) {
        event::judge(stream, &mut hypotheses);
        hypotheses.extend(partial::judge(stream));
    }
    hypotheses
}

/// Each mistake once, the likeliest first; nothing is certain while another hypothesis is likely.
fn ranked(mut hypotheses: Vec<Hypothesis>) -> Vec<Hypothesis> {
    hypotheses.sort_by_key(Hypothesis::rank);
    let mut once: Vec<Hypothesis> = Vec::new();
    for hypothesis in hypotheses {
        if !once.iter().any(|known| known.name() == hypothesis.name()) {
            once.push(hypothesis);
        }
    }
    if once.get(1).is_some_and(|second| second.confidence >= Confidence::Likely) {
        for hypothesis in &mut once {
            hypothesis.confidence = hypothesis.confidence.min(Confidence::Likely);
        }
        once.sort_by_key(Hypothesis::rank);
    }
    once.truncate(MAX_HYPOTHESES);
    once
}

/// Up to 16 bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for (at, byte) in bytes.iter().take(16).enumerate() {
        let gap = if at == 0 { "" } else { " " };
        write!(shown, "{gap}{byte:02x}").expect("a String takes everything");
    }
    shown
}

/// Up to 32 bytes in quotes, as ASCII with escapes.
fn quoted(bytes: &[u8]) -> String {
    let mut shown = String::from("\"");
    for byte in bytes.iter().take(32) {
        shown.extend(core::ascii::escape_default(*byte).map(char::from));
    }
    shown.push('"');
    shown
}

/// Where the first HELLO begins, if it does so within the first [`MAX_PREAMBLE`] bytes: START, HELLO's kind and encoding,
/// and its magic after the length. Nobody types that, so the peer is framed, whatever precedes it.
///
/// ```
/// use bookend::diagnosis::hello_at;
///
/// assert_eq!(hello_at(b"PROXY UNKNOWN\r\n\xF5\xF8\x01\0\0\0\0\x18BKND"), Some(15));
/// assert_eq!(hello_at(b"hello"), None);
/// ```
#[must_use]
pub fn hello_at(bytes: &[u8]) -> Option<usize> {
    const LENGTH: usize = HEADER_LENGTH + MAGIC.len();
    let searched = &bytes[..bytes.len().min(MAX_PREAMBLE + LENGTH)];
    searched
        .windows(LENGTH)
        .position(|window| window.starts_with(&START) && window[2..4] == [kind::HELLO, 0] && window.ends_with(&MAGIC))
}

/// Where `wanted` first occurs in `bytes`.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

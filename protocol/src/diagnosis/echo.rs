//! This side's own HELLO, sent back: by a service that echoes, or by a terminal, which changes it.

use alloc::format;
use alloc::vec::Vec;

use super::mistakes as m;
use super::{Confidence, Hypothesis, Stream, find, quoted};

/// How many bytes are searched: what a client skips before the first frame, and a HELLO whose bytes are shown by two.
const SEARCHED: usize = 4096;
/// How many bytes in a row must be those of HELLO.
const ENOUGH: usize = 6;
/// START and HELLO's kind, as a terminal shows control characters.
const SHOWN: &[u8] = b"\xF5\xF8^A";

/// The HELLO of a client that is this side's own. Another client with the same settings sends the same one.
pub(super) fn whole(stream: &Stream<'_>) -> Option<Hypothesis> {
    (!stream.sent.is_empty() && stream.bytes.starts_with(stream.sent)).then(|| {
        let seen = "this side's own HELLO came back".into();
        Hypothesis::new(&m::SELF_CONNECTED, Confidence::Likely, stream.offset, seen)
    })
}

/// This side's own HELLO, or its end, as a terminal in echo mode sends it back. Signal characters in HELLO make the
/// terminal discard what it has not sent back yet, so the beginning may be missing.
pub(super) fn by_terminal(stream: &Stream<'_>) -> Option<Hypothesis> {
    if stream.offset != 0 {
        return None;
    }
    let bytes = &stream.bytes[..stream.bytes.len().min(SEARCHED)];
    let hypothesis = |confidence, at: usize| {
        let seen = format!("HELLO came back as {}", quoted(&bytes[at..]));
        Some(Hypothesis::new(&m::TERMINAL_ECHO, confidence, at as u64, seen))
    };
    if let Some(at) = find(bytes, SHOWN) {
        let encoding = bytes[at..].get(SHOWN.len()..SHOWN.len() + 2);
        return hypothesis(if encoding == Some(b"^@") { Confidence::Certain } else { Confidence::Likely }, at);
    }
    let (sent, received) = (essence(stream.sent), essence(bytes));
    if sent.len() < ENOUGH {
        return None;
    }
    let is_sent = |run: &[Byte]| sent.windows(ENOUGH).any(|window| window.iter().eq(run.iter()));
    let caret = |run: &&[Byte]| run.iter().filter(|byte| byte.is_shown).count() >= 2 && is_sent(run);
    if let Some(run) = received.windows(ENOUGH).find(caret) {
        return hypothesis(Confidence::Certain, run[0].at);
    }
    // Without ^X, the bytes may be those of a server's HELLO that something else has changed, but for their end: only a
    // client's HELLO has the option `client` there.
    let end = &sent[sent.len().saturating_sub(ENOUGH + 2)..];
    let changed = !stream.bytes.starts_with(stream.sent);
    let run = received.windows(end.len()).find(|run| changed && run.iter().eq(end.iter()))?;
    hypothesis(Confidence::Likely, run[0].at)
}

/// A byte that a terminal sends back, whatever its settings are; without the eighth bit.
#[derive(Debug)]
struct Byte {
    value: u8,
    at: usize,
    /// It is a control character and is shown as ^ and a letter.
    is_shown: bool,
}

impl PartialEq for Byte {
    fn eq(&self, other: &Byte) -> bool {
        self.value == other.value
    }
}

/// All but line breaks, which a terminal converts, flow control, which it takes out, and DEL and FF, which it may erase.
fn essence(bytes: &[u8]) -> Vec<Byte> {
    let (mut rest, mut all) = (bytes, Vec::new());
    while let [first, after @ ..] = rest {
        let at = bytes.len() - rest.len();
        let (value, is_shown);
        (value, is_shown, rest) = match after {
            [letter @ b'@'..=b'_', after @ ..] if *first == b'^' => (letter ^ 0x40, true, after),
            [b'?', after @ ..] if *first == b'^' => (0x7F, true, after),
            _ => (first & 0x7F, false, after),
        };
        if !matches!(value, b'\r' | b'\n' | 0x11 | 0x13 | 0x7F) {
            all.push(Byte { value, at, is_shown });
        }
    }
    all
}

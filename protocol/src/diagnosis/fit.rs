//! Lengths by fitting: what each length field says, beside the bytes that are there, tells how the field was computed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use byteorder::{BigEndian, ByteOrder, LittleEndian};

use super::foreign;
use super::mistakes::{self as m, Mistake};
use super::walk::{Step, correct, declared, fixed_part, is_header};
use super::{Confidence, Hypothesis, Stream};
use crate::frame::{END, HEADER_LENGTH, OVERHEAD, START};

/// A frame from its START to an END that another START, or the end of the bytes, follows.
struct Pair<'a> {
    frame: &'a [u8],
    declared: u64,
    actual: u64,
}

/// More frames prove no more.
const MAX_PAIRS: usize = 64;

/// How the length was computed, of one frame: a number that must be the same for all of them.
type Relation = fn(&Pair<'_>) -> Option<i64>;

/// How much a relation proves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    /// One frame makes it likely, two make it certain.
    Telling,
    /// One frame shows it by chance, two make it certain.
    Weak,
    /// With bodies of one size any number fits; three frames of several sizes make it certain.
    Varied,
}

struct Rule {
    mistake: &'static Mistake,
    strength: Strength,
    relation: Relation,
    words: fn(i64) -> String,
}

use Strength::{Telling, Varied, Weak};

#[rustfmt::skip]
const RULES: [Rule; 12] = [
    rule(&m::LENGTH_BEFORE_ENCODING, Telling, compressed, |_| "the body is compressed, and the length is another one".into()),
    rule(&m::LENGTH_BEFORE_ENCODING, Telling, base64, |_| "the length is that of what is inside the base64".into()),
    rule(&m::LENGTH_BEFORE_ENCODING, Weak, escaped, |_| "the length is that of the text before it was escaped".into()),
    rule(&m::LENGTH_TWICE, Telling, twice, |width| format!("the length again, in {width} bytes that it does not count")),
    rule(&m::LENGTH_TWICE, Weak, twice_in_a_byte, |_| "the length again, in a byte that it does not count".into()),
    rule(&m::LENGTH_CONSTANT, Varied, constant, |length| format!("the length is {length} in each")),
    rule(&m::LENGTH_DECIMAL, Varied, decimal, |_| "the length in decimal, with each digit as four bits".into()),
    rule(&m::LENGTH_MULTIPLIED, Varied, multiple, |factor| format!("the length is {factor} times the bytes of the body")),
    rule(&m::LENGTH_MULTIPLIED, Varied, |pair| units(pair, 2), in_units),
    rule(&m::LENGTH_MULTIPLIED, Varied, |pair| units(pair, 4), in_units),
    rule(&m::LENGTH_MULTIPLIED, Varied, |pair| units(pair, 8), in_units),
    rule(&m::LENGTH_OFFSET, Varied, offset, |more| match more {
        0.. => format!("the length is {more} more than the bytes of the body"),
        _ => format!("the length is {} less than the bytes of the body", -more),
    }),
];

const fn rule(mistake: &'static Mistake, strength: Strength, relation: Relation, words: fn(i64) -> String) -> Rule {
    Rule { mistake, strength, relation, words }
}

/// What the bodies themselves tell: compressed, escaped, or with a length in front. It says more than any number.
pub(super) fn by_content(stream: &Stream<'_>) -> Option<Hypothesis> {
    let found = judge(stream, |strength| strength != Varied).into_iter().next()?.weighing(CONTENT);
    (found.confidence > Confidence::Possible).then_some(found)
}

/// More than any number of frames.
const CONTENT: usize = 10_000;

/// What the numbers tell where nothing else explains them: each relation that fits, as small bodies fit several.
pub(super) fn by_numbers(stream: &Stream<'_>) -> Vec<Hypothesis> {
    judge(stream, |_| true)
}

fn judge(stream: &Stream<'_>, strong: fn(Strength) -> bool) -> Vec<Hypothesis> {
    let pairs = pairs(stream.bytes);
    let wrong: Vec<&Pair<'_>> = pairs.iter().filter(|pair| pair.declared != pair.actual).collect();
    let varied = wrong.iter().any(|pair| pair.actual != wrong[0].actual);
    let Some(&first) = wrong.first() else { return Vec::new() };
    let earlier = sound_pairs(stream.before);
    let like_first = |pair: &&Pair<'_>| pair.frame[2..4] == first.frame[2..4] && pair.declared == pair.actual;
    let rules = RULES.iter().filter(|rule| strong(rule.strength) && (varied || rule.strength != Varied));
    let fitting = rules.filter_map(|rule| {
        let value = (rule.relation)(first)?;
        let fits = |pair: &Pair<'_>| (rule.relation)(pair) == Some(value);
        if !wrong.iter().all(|pair| fits(pair)) {
            return None;
        }
        let spared = pairs.iter().chain(&earlier).filter(like_first).any(|pair| !fits(pair));
        let confidence = match (rule.strength, wrong.len()) {
            _ if spared => Confidence::Possible,
            (Weak, 1) => Confidence::Possible,
            (Telling, 1) | (Varied, 2) => Confidence::Likely,
            _ => Confidence::Certain,
        };
        let examples: Vec<String> =
            wrong.iter().take(3).map(|pair| format!("{} for {}", pair.declared, pair.actual)).collect();
        let seen = format!("{}: {}", (rule.words)(value), examples.join(", "));
        Some(Hypothesis::new(rule.mistake, confidence, stream.offset + 4, seen).weighing(10 * wrong.len()))
    });
    fitting.collect()
}

/// The frames of `bytes`, whatever their length fields say.
fn pairs(bytes: &[u8]) -> Vec<Pair<'_>> {
    let (mut pairs, mut rest) = (Vec::new(), bytes);
    while pairs.len() < MAX_PAIRS
        && let Some(length) = declared(rest).filter(|_| is_header(rest))
        && let Some(total) = whole(rest)
    {
        let frame = &rest[..total];
        pairs.push(Pair { frame, declared: length, actual: (total - OVERHEAD) as u64 });
        rest = &rest[total..];
    }
    pairs
}

/// The sound frames that `bytes` begins with.
fn sound_pairs(bytes: &[u8]) -> Vec<Pair<'_>> {
    let mut pairs = pairs(bytes);
    pairs.retain(|pair| pair.declared == pair.actual);
    pairs
}

/// The size of the frame at the front: as its length says, or else up to an END that a START or nothing follows. Whole
/// frames inside the body are passed over.
fn whole(bytes: &[u8]) -> Option<usize> {
    if let Step::Whole { total, .. } = correct(bytes) {
        return Some(total);
    }
    let mut at = HEADER_LENGTH;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|&byte| byte == START[0] || byte == END[0])?;
        let rest = &bytes[at..];
        if rest.starts_with(&END) {
            let next = &rest[END.len()..];
            if next.is_empty() || next.len() >= 4 && is_header(&next[..next.len().min(HEADER_LENGTH)]) {
                return Some(at + END.len());
            }
        }
        at += match correct(rest) {
            Step::Whole { total, .. } => total,
            _ => 1,
        };
    }
}

impl Pair<'_> {
    fn body(&self) -> &[u8] {
        &self.frame[HEADER_LENGTH..self.frame.len() - END.len()]
    }

    /// The body without its fixed part, which comes from elsewhere.
    fn payload(&self) -> &[u8] {
        self.body().get(fixed_part(self.frame)..).unwrap_or_default()
    }

    /// What the length says of the payload.
    fn declared_payload(&self) -> Option<u64> {
        self.declared.checked_sub(fixed_part(self.frame) as u64)
    }
}

fn constant(pair: &Pair<'_>) -> Option<i64> {
    i64::try_from(pair.declared).ok()
}

fn offset(pair: &Pair<'_>) -> Option<i64> {
    let more = i64::try_from(pair.declared).ok()? - i64::try_from(pair.actual).ok()?;
    (-256..=256).contains(&more).then_some(more)
}

/// The largest factor: of bits, and of the widest units.
const MAX_FACTOR: u64 = 8;

fn multiple(pair: &Pair<'_>) -> Option<i64> {
    let factor = pair.declared.checked_div(pair.actual).filter(|factor| (2..=MAX_FACTOR).contains(factor))?;
    (factor * pair.actual == pair.declared).then_some(factor.cast_signed())
}

/// The length in units of so many bytes, the last of which may be a part of one.
fn units(pair: &Pair<'_>, size: u64) -> Option<i64> {
    [pair.actual / size, pair.actual.div_ceil(size)].contains(&pair.declared).then_some(size.cast_signed())
}

fn in_units(size: i64) -> String {
    format!("the length counts units of {size} bytes")
}

/// The digits of the length in hexadecimal are those of the size in decimal.
fn decimal(pair: &Pair<'_>) -> Option<i64> {
    (pair.actual > 9 && format!("{:x}", pair.declared) == format!("{}", pair.actual)).then_some(0)
}

/// The length, in two or four bytes, before a payload of that length.
fn twice(pair: &Pair<'_>) -> Option<i64> {
    [4, 2].into_iter().find(|&width| again(pair, width))
}

fn twice_in_a_byte(pair: &Pair<'_>) -> Option<i64> {
    again(pair, 1).then_some(1)
}

fn again(pair: &Pair<'_>, width: i64) -> bool {
    let (Some(length), Ok(width)) = (pair.declared_payload(), usize::try_from(width)) else { return false };
    let Some((field, rest)) = pair.payload().split_at_checked(width) else { return false };
    let numbers = [BigEndian::read_uint(field, width), LittleEndian::read_uint(field, width)];
    rest.len() as u64 == length && numbers.contains(&length)
}

fn compressed(pair: &Pair<'_>) -> Option<i64> {
    foreign::is_compressed(pair.payload()).then_some(0)
}

fn base64(pair: &Pair<'_>) -> Option<i64> {
    let payload = pair.payload();
    let digits = payload.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte)).count();
    let padding = payload.len() - digits;
    let padded = padding <= 2 && payload[digits..].iter().all(|&byte| byte == b'=');
    let inside = (digits * 3 / 4) as u64;
    let whole = padding == 0 || payload.len().is_multiple_of(4);
    (padded && whole && digits > 1 && pair.declared_payload() == Some(inside)).then_some(0)
}

/// Escapes of JSON count as the character that they stand for.
fn escaped(pair: &Pair<'_>) -> Option<i64> {
    let (mut rest, mut length, mut escapes) = (pair.payload(), 0_u64, 0_usize);
    while let [first, after @ ..] = rest {
        let skipped = match (first, after) {
            (b'\\', [b'u', _, _, _, _, ..]) => 5,
            (b'\\', [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..]) => 1,
            _ => 0,
        };
        escapes += usize::from(skipped > 0);
        length += 1;
        rest = &after[skipped..];
    }
    let quotes = pair.payload().starts_with(b"\"") && pair.payload().ends_with(b"\"");
    let declared = pair.declared_payload()?;
    (escapes > 0 && declared == length || quotes && declared + 2 == length).then_some(0)
}

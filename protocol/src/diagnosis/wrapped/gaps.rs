//! Looks for a rule in the bytes between frames.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use byteorder::{BigEndian, ByteOrder, LittleEndian};

use super::super::mistakes::{self as m, Mistake};
use super::super::{Stream, find, hex};
use super::{Fit, Found, frames, is_hello};
use crate::frame::START;

/// What stands between two frames, or at an end of the stream.
#[derive(Clone, Copy)]
struct Gap<'a> {
    bytes: &'a [u8],
    /// The size of the frame before it; `None` at the start of the stream.
    before: Option<usize>,
    /// The size of the frame after it; `None` at the end of the bytes.
    after: Option<usize>,
}

struct Gaps<'a> {
    /// Those before a frame.
    gaps: Vec<Gap<'a>>,
    /// What follows the last frame.
    tail: Gap<'a>,
    /// The first frame is a HELLO.
    hello: bool,
}

impl<'a> Gaps<'a> {
    /// `None` without a whole frame after a gap, or if frames of the same stream had nothing around them.
    fn of(stream: &Stream<'a>) -> Option<Gaps<'a>> {
        let bytes = stream.bytes;
        let earlier: Vec<Found> = frames(stream.before).collect();
        let spared = earlier.len() > 1; // HELLO alone may be written by other lines of the program
        let (mut gaps, mut end, mut hello) = (Vec::new(), 0, false);
        let mut before = if stream.offset == 0 { None } else { earlier.last().map(|frame| frame.total).or(Some(0)) };
        for Found { at, total } in frames(bytes) {
            hello |= gaps.is_empty() && stream.offset == 0 && is_hello(&bytes[at..]);
            gaps.push(Gap { bytes: &bytes[end..at], before, after: Some(total) });
            (end, before) = (at + total, Some(total));
        }
        let tail = Gap { bytes: &bytes[end..], before, after: None };
        (!spared && gaps.first().is_some_and(|gap| !gap.bytes.is_empty())).then_some(Gaps { gaps, tail, hello })
    }

    /// All gaps that follow a frame, the last one too if it is whole: nothing begins a frame in it.
    fn trailing(&self, stream: &Stream<'_>) -> Vec<Gap<'a>> {
        let tail =
            Some(self.tail).filter(|tail| !tail.bytes.is_empty() && !stream.cut && find(tail.bytes, &START).is_none());
        self.gaps.iter().copied().chain(tail).filter(|gap| gap.before.is_some()).collect()
    }
}

pub(super) fn judge(stream: &Stream<'_>) -> Option<Fit> {
    if let Some(fit) = marked(stream) {
        return Some(fit);
    }
    let Some(gaps) = Gaps::of(stream) else { return alone(stream) };
    numbered(&gaps)
        .or_else(|| constant(&gaps, stream))
        .or_else(|| padded(&gaps, stream))
        .or_else(|| trailer(&gaps, stream))
}

const BYTE_ORDER_MARKS: [(&[u8], &str); 3] =
    [(b"\xEF\xBB\xBF", "UTF-8"), (b"\xFF\xFE", "UTF-16LE"), (b"\xFE\xFF", "UTF-16BE")];

/// A byte order mark before the first START.
fn marked(stream: &Stream<'_>) -> Option<Fit> {
    let (mark, name) = BYTE_ORDER_MARKS.into_iter().find(|(mark, _)| stream.bytes.starts_with(mark))?;
    let rest = &stream.bytes[mark.len()..];
    (rest.starts_with(&START) && (stream.offset > 0 || is_hello(rest))).then(|| Fit {
        mistake: &m::WRAPPED_BOM,
        frames: 1,
        proven: true,
        seen: format!("{}, the byte order mark of {name}, before START", hex(mark)),
    })
}

/// What has arrived after a frame is NULs and no more.
fn alone(stream: &Stream<'_>) -> Option<Fit> {
    let bytes = stream.bytes;
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    if stream.offset == 0 || zeros == 0 || bytes[zeros..].iter().zip(START).any(|(byte, start)| *byte != start) {
        return None;
    }
    let (mistake, seen) = match zeros {
        1 => (&m::WRAPPED_NUL, "a NUL after END".into()),
        _ => (&m::WRAPPED_PADDING, format!("{zeros} NULs after END")),
    };
    // One may as well be a stray byte, or the first byte of a length.
    Some(Fit { mistake, frames: usize::from(zeros > 16), proven: false, seen })
}

type Read = fn(&[u8], usize) -> u64;

/// A number at a fixed place before each frame that is its size, or differs from it by the same everywhere.
fn numbered(gaps: &Gaps<'_>) -> Option<Fit> {
    let size = |gap: &Gap<'_>| gap.after.unwrap_or(0) as i64;
    let shortest = gaps.gaps.iter().map(|gap| gap.bytes.len()).min()?;
    let varied = gaps.gaps.iter().any(|gap| gap.after != gaps.gaps[0].after);
    for (width, order, read) in [8, 4, 3, 2, 1].into_iter().flat_map(|width| {
        [(width, " big-endian", BigEndian::read_uint as Read), (width, " little-endian", LittleEndian::read_uint)]
    }) {
        for after in 0..=shortest.saturating_sub(width).min(MAX_TAG) {
            let value = |gap: &Gap<'_>| {
                let end = gap.bytes.len() - after;
                let value = i64::try_from(read(&gap.bytes[end.checked_sub(width)?..end], width)).ok()?;
                Some(value - size(gap))
            };
            let Some(more) = value(&gaps.gaps[0]) else { continue };
            // A number that is about the size of one frame is no evidence; the more so if it is a small one.
            let usual = [0, width as i64, (width + after) as i64].contains(&more);
            let enough = match width {
                _ if gaps.gaps.len() == 1 && width < 4 => after == 0 && usual && width > 1,
                1 => varied && (usual || gaps.gaps.len() > 2),
                _ => usual || varied,
            };
            if shortest < width
                || !enough
                || more.unsigned_abs() > 64
                || !gaps.gaps.iter().all(|gap| value(gap) == Some(more))
            {
                continue;
            }
            let frames = gaps.gaps.len();
            let order = if width == 1 { "" } else { order };
            let place = if after == 0 { String::new() } else { format!(" and {after} more bytes") };
            let difference = match more {
                0 => String::new(),
                more if more > 0 => format!(" + {more}"),
                more => format!(" - {}", -more),
            };
            let seen = format!(
                "each frame is preceded by its own size{difference}, u{}{order}{place} ({}), {frames} of {frames}",
                8 * width,
                hex(gaps.gaps[0].bytes),
            );
            let proven = gaps.hello || frames > 1;
            return Some(Fit { mistake: &m::WRAPPED_LENGTH_PREFIX, frames, proven, seen });
        }
    }
    None
}

/// The most bytes between a length and START.
const MAX_TAG: usize = 16;

/// The same bytes before each frame, or after it.
fn constant(gaps: &Gaps<'_>, stream: &Stream<'_>) -> Option<Fit> {
    let first = gaps.gaps[0];
    let second = gaps.gaps.get(1).map(|gap| gap.bytes);
    // The frame before the first gap may have nothing around it. NULs that grow are padding.
    let grows =
        |gap: &[u8]| gap != first.bytes && gap.ends_with(first.bytes) && first.bytes.iter().any(|&byte| byte > 0);
    let opens = first.before.is_none() || second.is_some_and(grows);
    let opening = if opens { first.bytes } else { &[] };
    let mut closings = gaps.trailing(stream);
    closings.retain(|gap| !opens || gap.bytes.as_ptr() != first.bytes.as_ptr());
    let closing = match (second.filter(|_| opens), closings.first()) {
        (Some(between), _) => between.strip_suffix(opening)?,
        (None, Some(gap)) => gap.bytes,
        (None, None) => &[],
    };
    let between = [closing, opening].concat();
    let fits = |gap: &Gap<'_>| gap.bytes == between || gap.after.is_none() && gap.bytes == closing;
    let mistake = named(opening, closing)?;
    // What follows the only frame may be the beginning of anything.
    let is_known = second.is_some() || !opens || mistake != &m::WRAPPED_CONSTANT;
    if between.is_empty() || between.len() > MAX_CONSTANT || !is_known || !closings.iter().all(fits) {
        return None;
    }
    let (before, after) = (hex(opening), hex(closing));
    let (frames, times) = (gaps.gaps.len(), closings.len() + usize::from(opens));
    let seen = match (opening.is_empty(), closing.is_empty()) {
        (true, _) => format!("{after} after each frame, {times} times"),
        (_, true) => format!("{before} before each frame, {times} times"),
        _ => format!("{before} before and {after} after each frame, {frames} of {frames}"),
    };
    // Once is no rule.
    (times > 1).then_some(Fit { mistake, frames, proven: times > 2 || gaps.hello, seen })
}

const MAX_CONSTANT: usize = 64;

/// The mistake that puts these bytes before and after frames; `None` for what has a name of its own elsewhere.
fn named(opening: &[u8], closing: &[u8]) -> Option<&'static Mistake> {
    Some(match (opening, closing) {
        (b"", b"\n" | b"\r\n" | b"\r" | b"\n\0") => return None,
        // Lines of a log.
        (b"", text)
            if text.len() > 3 && text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t')) =>
        {
            return None;
        }
        (b"", b"\0") => &m::WRAPPED_NUL,
        (b"" | b"\xC0", b"\xC0") => &m::WRAPPED_SLIP,
        (b"\x0B", b"\x1C\r" | b"\x1C") => &m::WRAPPED_MLLP,
        (b"" | b"\x02" | b"\x01", b"\x03" | b"\x04" | b"\x03\r" | b"\x03\r\n" | b"\x03\n") | (b"\x02", [3, ..]) => {
            &m::WRAPPED_STX_ETX
        }
        (_, closing) if opening.is_empty() && closing.len() > 1 && closing.iter().all(|&byte| byte == 0) => {
            &m::WRAPPED_PADDING
        }
        (opening, b"") if BYTE_ORDER_MARKS.iter().any(|(mark, _)| opening == *mark) => &m::WRAPPED_BOM,
        _ => &m::WRAPPED_CONSTANT,
    })
}

/// NULs or stale bytes up to a fixed size, or to a multiple of one.
fn padded(gaps: &Gaps<'_>, stream: &Stream<'_>) -> Option<Fit> {
    let trailing = gaps.trailing(stream);
    let filled = |gap: &Gap<'_>| gap.before.unwrap_or(0) + gap.bytes.len();
    let first = trailing.first().copied().filter(|gap| gap.before != Some(0) && gaps.gaps[0].before.is_some())?;
    let size = filled(&first);
    let zeros = trailing.iter().all(|gap| gap.bytes.iter().all(|&byte| byte == 0));
    let whole: Vec<Gap<'_>> = trailing.iter().copied().filter(|gap| gap.after.is_some()).collect();
    // The last one may be cut off.
    let equal = !whole.is_empty()
        && whole.iter().all(|gap| filled(gap) == size)
        && trailing.iter().all(|gap| filled(gap) <= size);
    let varied = |gaps: &[Gap<'_>]| gaps.iter().any(|gap| gap.bytes.len() != first.bytes.len());
    let times = trailing.len();
    let fit = |frames, proven, seen| Some(Fit { mistake: &m::WRAPPED_PADDING, frames, proven, seen });
    let what = if zeros { "NULs" } else { "other bytes" };
    if equal && (varied(if zeros { &trailing } else { &whole }) || zeros && first.bytes.len() > 3) {
        let seen = format!("{what} fill each frame up to {size} bytes, {times} of {times}");
        return fit(times, varied(&trailing) && times > if zeros { 1 } else { 2 }, seen);
    }
    let filled_up = trailing.iter().filter(|gap| !gap.bytes.is_empty()).count();
    let step = [64, 32, 16, 8, 4]
        .into_iter()
        .find(|step| trailing.iter().all(|gap| filled(gap).is_multiple_of(*step) && gap.bytes.len() < *step));
    match step.filter(|_| zeros && filled_up > 1) {
        Some(step) => {
            fit(times, times > 2, format!("NULs fill each frame up to a multiple of {step} bytes, {times} of {times}"))
        }
        None if zeros && first.bytes.len() > 3 => fit(1, false, format!("{} NULs after END", first.bytes.len())),
        None => None,
    }
}

/// As many other bytes after each frame, perhaps with the same bytes before each.
fn trailer(gaps: &Gaps<'_>, stream: &Stream<'_>) -> Option<Fit> {
    let opening = gaps.gaps.first().filter(|gap| gap.before.is_none()).map_or(&[][..], |gap| gap.bytes);
    let trailing = gaps.trailing(stream);
    let closing = trailing.iter().map(|gap| match gap.after {
        Some(_) => gap.bytes.strip_suffix(opening),
        None => Some(gap.bytes.strip_suffix(opening).unwrap_or(gap.bytes)),
    });
    let closing: Vec<&[u8]> = closing.collect::<Option<_>>()?;
    let length = closing.first()?.len();
    let times = closing.len();
    if length == 0
        || length > MAX_TRAILER
        || times < 2
        || closing.iter().any(|bytes| bytes.len() != length)
        || closing.iter().all(|bytes| *bytes == closing[0])
    {
        return None;
    }
    let shown = hex(closing[0]);
    let marked = opening == [STX] && closing.iter().all(|bytes| bytes[0] == ETX);
    let mistake = if marked { &m::WRAPPED_STX_ETX } else { &m::WRAPPED_TRAILER };
    let before = if opening.is_empty() { String::new() } else { format!("{} before each START, and ", hex(opening)) };
    let bytes = if length == 1 { "a byte that differs" } else { &*format!("{length} bytes that differ") };
    let seen = format!("{before}{bytes} after each END (a checksum?): {shown}, {times} of {times}");
    Some(Fit { mistake, frames: times, proven: times > 2, seen })
}

const STX: u8 = 2;
const ETX: u8 = 3;
const MAX_TRAILER: usize = 64;

//! Finds the next well-formed frame after a fault or a hole.
//!
//! A live session must not do this (R7.15), because a payload may contain whole frames. A frame is certain only if the
//! frames after it lead to a START or to the end of the stream, and not into a payload. A doubtful frame is accepted only
//! if no certain one follows soon.

use bookend::diagnosis::WINDOW;
use bookend::{END, Encoding, HEADER_LENGTH, OVERHEAD, START, kind};

/// The longest frame that can be found, in bytes. A candidate is held until its END has arrived.
pub(super) const LONGEST: usize = (1 << 20) + OVERHEAD;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// A frame begins at index `at`, after `frames` others that were passed over.
    Found { at: usize, frames: u64 },
    /// More bytes are needed to decide. The bytes before this index are not needed any more.
    Undecided(usize),
}

/// Finds the first frame in `bytes` with a body of at most `limit` bytes. If `ended`, the stream ends after `bytes`.
pub(super) fn find(bytes: &[u8], limit: u32, ended: bool) -> Search {
    let (mut doubtful, mut frames) = (None, 0);
    let mut at = 0;
    while let Some(start) = next_start(bytes, at) {
        if let Some(first) = doubtful
            && start - first > WINDOW
        {
            return Search::Found { at: first, frames: 0 };
        }
        at = start + 1;
        match judge(&bytes[start..], limit, ended) {
            Candidate::Certain => return Search::Found { at: start, frames },
            Candidate::Doubtful(run) => {
                doubtful = doubtful.or(Some(start));
                frames += run.frames;
                at = start + run.length;
            }
            Candidate::Undecided => return Search::Undecided(doubtful.unwrap_or(start)),
            Candidate::None => {}
        }
    }
    match doubtful {
        Some(first) if ended || bytes.len() - first > WINDOW => Search::Found { at: first, frames: 0 },
        Some(first) => Search::Undecided(first),
        None => Search::Undecided(without_half_start(bytes, ended)),
    }
}

/// Finds the first frame in `bytes` whose END is in its place, whatever follows it. For frames within another format, and
/// only there: such a frame may be part of a payload.
pub(super) fn first(bytes: &[u8], limit: u32, ended: bool) -> Search {
    let mut at = 0;
    while let Some(start) = next_start(bytes, at) {
        match whole(&bytes[start..], limit) {
            Measure::Frame(_) => return Search::Found { at: start, frames: 0 },
            Measure::Short if !ended => return Search::Undecided(start),
            Measure::Short | Measure::Wrong => at = start + 1,
        }
    }
    Search::Undecided(without_half_start(bytes, ended))
}

/// The length of `bytes` without a first byte of START at their end, whose second one may follow.
fn without_half_start(bytes: &[u8], ended: bool) -> usize {
    bytes.len() - usize::from(!ended && bytes.ends_with(&START[..1]))
}

fn next_start(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == START[0])?;
        if *bytes.get(at + 1)? == START[1] {
            return Some(at);
        }
        at += 1;
    }
}

enum Candidate {
    Certain,
    /// One or more frames, followed by something that is not a frame.
    Doubtful(Run),
    Undecided,
    None,
}

/// Frames that follow one another.
struct Run {
    /// In bytes.
    length: usize,
    frames: u64,
}

/// Judges the candidate that begins with this START.
fn judge(bytes: &[u8], limit: u32, ended: bool) -> Candidate {
    let first = match whole(bytes, limit) {
        Measure::Frame(total) => total,
        Measure::Short => return if ended { Candidate::None } else { Candidate::Undecided },
        Measure::Wrong => return Candidate::None,
    };
    let mut run = Run { length: first, frames: 1 };
    while run.length - first < WINDOW {
        let rest = &bytes[run.length..];
        let undecided = if ended { Candidate::Certain } else { Candidate::Undecided };
        if rest.len() < START.len() && START.starts_with(rest) {
            return undecided;
        }
        if !rest.starts_with(&START) {
            return Candidate::Doubtful(run);
        }
        match measure(rest, limit) {
            Measure::Frame(total) if run.length + total - first > WINDOW => break,
            Measure::Frame(total) => match has_end(rest, total) {
                Some(true) => run = Run { length: run.length + total, frames: run.frames + 1 },
                Some(false) => break,
                None => return undecided,
            },
            Measure::Short => return undecided,
            Measure::Wrong => break,
        }
    }
    Candidate::Certain
}

/// Measures the frame that begins with this START, and checks its END.
fn whole(bytes: &[u8], limit: u32) -> Measure {
    match measure(bytes, limit) {
        Measure::Frame(total) => match has_end(bytes, total) {
            Some(true) => Measure::Frame(total),
            Some(false) => Measure::Wrong,
            None => Measure::Short,
        },
        other => other,
    }
}

/// True if a frame of `total` bytes has END in its place; `None` if that has not arrived.
fn has_end(bytes: &[u8], total: usize) -> Option<bool> {
    bytes.get(total - END.len()..total).map(|end| end == END)
}

enum Measure {
    /// The length of the whole frame, in bytes.
    Frame(usize),
    Short,
    /// Not a plausible header.
    Wrong,
}

/// Measures the frame that begins with this START.
fn measure(bytes: &[u8], limit: u32) -> Measure {
    let known = |kind| kind::name(kind).is_some() || kind >= kind::IGNORABLE;
    match *bytes {
        [_, _, kind, ..] if !known(kind) => Measure::Wrong,
        [_, _, _, encoding, ..] if Encoding::from_byte(encoding).is_none() => Measure::Wrong,
        [_, _, _, _, a, b, c, d, ..] => match u32::from_be_bytes([a, b, c, d]) {
            length if length <= limit && length as usize <= LONGEST - OVERHEAD => {
                Measure::Frame(length as usize + HEADER_LENGTH + END.len())
            }
            _ => Measure::Wrong,
        },
        _ => Measure::Short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = b"\xF5\xF8\x02\x02\0\0\0\x02hi\xF8\xF5";

    fn found(bytes: &[u8]) -> Option<usize> {
        match find(bytes, 1 << 20, true) {
            Search::Found { at, .. } => Some(at),
            Search::Undecided(_) => None,
        }
    }

    /// The decision must not depend on how the bytes are split (R2.15).
    fn in_pieces(bytes: &[u8]) -> Option<usize> {
        for cut in 0..bytes.len() {
            if let Search::Found { at, .. } = find(&bytes[..cut], 1 << 20, false) {
                return Some(at);
            }
        }
        found(bytes)
    }

    #[test]
    fn frame_is_found_after_other_bytes() {
        for before in
            [&b""[..], b"\xF5", b"\xF5\xF8", b"\xF5\xF8\x02\x02\x02\0\0\0hi\xF8\xF5", b"text", b"\xF5\xF8\x09"]
        {
            let bytes = [before, FRAME, FRAME].concat();
            assert_eq!(found(&bytes), Some(before.len()), "{before:02x?}");
            assert_eq!(in_pieces(&bytes), Some(before.len()), "{before:02x?}");
        }
        assert_eq!(found(b"nothing here \xF5\xF8\x02\x02\0\0\0\x09hi\xF8\xF5"), None);
    }

    #[test]
    fn frame_inside_a_payload_is_not_found() {
        let payload = [b"quoted: ", FRAME, b" and so on"].concat();
        for inside in [payload, FRAME.to_vec(), [FRAME, FRAME].concat()] {
            let faulty = [b"\xF5\xF8\x02\0\xFF\0\0\0", &*inside, b"\xF8\xF5"].concat();
            let bytes = [&*faulty, FRAME, FRAME].concat();
            assert_eq!(found(&bytes), Some(faulty.len()));
            assert_eq!(in_pieces(&bytes), Some(faulty.len()));
        }
    }

    #[test]
    fn frames_that_are_passed_over_are_counted() {
        let faulty = [b"\xF5\xF8\x02\0\xFF\0\0\0", FRAME, FRAME, b"-", FRAME, b"\xF8\xF5"].concat();
        let bytes = [&*faulty, FRAME, FRAME].concat();
        assert_eq!(find(&bytes, 1 << 20, true), Search::Found { at: faulty.len(), frames: 3 });
    }

    #[test]
    fn first_frame_is_found_whatever_follows_it() {
        let bytes = [b"\0\0\0\x0C", FRAME, b"\0\0\0\x0C", FRAME, FRAME].concat();
        assert_eq!(first(&bytes, 1 << 20, false), Search::Found { at: 4, frames: 0 });
        assert_eq!(first(&bytes[..15], 1 << 20, false), Search::Undecided(4));
        assert_eq!(first(&bytes[..15], 1 << 20, true), Search::Undecided(15));
        assert_eq!(first(b"text\xF5", 1 << 20, false), Search::Undecided(4));
        let cut = [&FRAME[..9], FRAME].concat();
        assert_eq!(first(&cut, 1 << 20, false), Search::Found { at: 9, frames: 0 });
    }

    #[test]
    fn frame_followed_by_rubbish_is_found_if_no_better_one_follows() {
        let bytes = [b"rubbish", FRAME, b"rubbish"].concat();
        assert_eq!(found(&bytes), Some(7));
        let much = [b"rubbish", FRAME, &[b'x'; WINDOW]].concat();
        assert_eq!(find(&much, 1 << 20, false), Search::Found { at: 7, frames: 0 });
    }

    #[test]
    fn frame_followed_by_a_faulty_frame_is_found() {
        let bytes = [b"rubbish", FRAME, b"\xF5\xF8\x02\x02\xFF\0\0\0hi\xF8\xF5", FRAME].concat();
        assert_eq!(found(&bytes), Some(7));
    }

    #[test]
    fn bytes_that_cannot_begin_a_frame_are_not_kept() {
        assert_eq!(find(b"text", 1 << 20, false), Search::Undecided(4));
        assert_eq!(find(b"text\xF5", 1 << 20, false), Search::Undecided(4));
        assert_eq!(find(b"text\xF5\xF8\x02", 1 << 20, false), Search::Undecided(4));
    }
}

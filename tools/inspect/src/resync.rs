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
    /// A frame begins at this index.
    Found(usize),
    /// More bytes are needed to decide. The bytes before this index are not needed any more.
    Undecided(usize),
}

/// Finds the first frame in `bytes` with a body of at most `limit` bytes. If `ended`, the stream ends after `bytes`.
pub(super) fn find(bytes: &[u8], limit: u32, ended: bool) -> Search {
    let mut doubtful = None;
    let mut at = 0;
    while let Some(start) = next_start(bytes, at) {
        if let Some(first) = doubtful
            && start - first > WINDOW
        {
            return Search::Found(first);
        }
        at = start + 1;
        match judge(&bytes[start..], limit, ended) {
            Candidate::Certain => return Search::Found(start),
            Candidate::Doubtful { frames } => {
                doubtful = doubtful.or(Some(start));
                at = start + frames;
            }
            Candidate::Undecided => return Search::Undecided(doubtful.unwrap_or(start)),
            Candidate::None => {}
        }
    }
    match doubtful {
        Some(first) if ended || bytes.len() - first > WINDOW => Search::Found(first),
        Some(first) => Search::Undecided(first),
        None => Search::Undecided(bytes.len() - usize::from(!ended && bytes.ends_with(&START[..1]))),
    }
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
    /// One or more frames, `frames` bytes together, followed by something that is not a frame.
    Doubtful {
        frames: usize,
    },
    Undecided,
    None,
}

/// Judges the candidate that begins with this START.
fn judge(bytes: &[u8], limit: u32, ended: bool) -> Candidate {
    let undecided = if ended { Candidate::None } else { Candidate::Undecided };
    let first = match measure(bytes, limit) {
        Measure::Frame(total) => total,
        Measure::Short => return undecided,
        Measure::Wrong => return Candidate::None,
    };
    match bytes.get(first - END.len()..first) {
        Some(end) if end == END => {}
        Some(_) => return Candidate::None,
        None => return undecided,
    }
    let mut at = first;
    while at - first < WINDOW {
        let rest = &bytes[at..];
        let undecided = if ended { Candidate::Certain } else { Candidate::Undecided };
        if rest.len() < START.len() && START.starts_with(rest) {
            return undecided;
        }
        if !rest.starts_with(&START) {
            return Candidate::Doubtful { frames: at };
        }
        match measure(rest, limit) {
            Measure::Frame(total) if at + total - first > WINDOW => break,
            Measure::Frame(total) => match rest.get(total - END.len()..total) {
                Some(end) if end == END => at += total,
                Some(_) => break,
                None => return undecided,
            },
            Measure::Short => return undecided,
            Measure::Wrong => break,
        }
    }
    Candidate::Certain
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
            Search::Found(at) => Some(at),
            Search::Undecided(_) => None,
        }
    }

    /// The decision must not depend on how the bytes are split (R2.15).
    fn in_pieces(bytes: &[u8]) -> Option<usize> {
        for cut in 0..bytes.len() {
            if let Search::Found(at) = find(&bytes[..cut], 1 << 20, false) {
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
    fn frame_followed_by_rubbish_is_found_if_no_better_one_follows() {
        let bytes = [b"rubbish", FRAME, b"rubbish"].concat();
        assert_eq!(found(&bytes), Some(7));
        let much = [b"rubbish", FRAME, &[b'x'; WINDOW]].concat();
        assert_eq!(find(&much, 1 << 20, false), Search::Found(7));
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

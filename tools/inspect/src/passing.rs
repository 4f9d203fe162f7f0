//! A frame whose body is passed over because it is too long to hold, or partly missing from the capture.

use bookend::diagnosis::WINDOW;
use bookend::{END, Encoding, HEADER_LENGTH};

/// The progress of such a frame.
#[derive(Debug)]
pub(super) struct Passing {
    /// The beginning of the frame: one byte more than a diagnosis examines, to show that more follows.
    head: Vec<u8>,
    /// The head does not grow any more: it has its full length, or a hole cut it off.
    full: bool,
    /// The length of the whole frame, in bytes.
    total: u64,
    position: u64,
    missing: u64,
    /// The number of END bytes seen.
    end_seen: usize,
    wrong: Option<(u64, u8)>,
}

impl Passing {
    /// A frame of `total` bytes that begins with `begun`, which has at least a legal header.
    pub(super) fn new(begun: &[u8], total: u64) -> Passing {
        let mut passing =
            Passing { head: Vec::new(), full: false, total, position: 0, missing: 0, end_seen: 0, wrong: None };
        passing.take(begun);
        passing
    }

    /// Takes the bytes that belong to the frame, up to a wrong END byte. Returns their number.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let room = usize::try_from(self.left()).map_or(bytes.len(), |left| left.min(bytes.len()));
        let end = self.total - END.len() as u64;
        let before_end = usize::try_from(end.saturating_sub(self.position)).map_or(room, |before| before.min(room));
        let mut used = before_end;
        for &byte in &bytes[before_end..room] {
            let at = self.position + used as u64;
            if byte != END[usize::from(at > end)] {
                self.wrong = Some((at, byte));
                break;
            }
            self.end_seen += 1;
            used += 1;
        }
        if !self.full {
            let room = (WINDOW + 1 - self.head.len()).min(used);
            self.head.extend_from_slice(&bytes[..room]);
            self.full = self.head.len() > WINDOW;
        }
        self.position += used as u64;
        used
    }

    /// Passes over `length` missing bytes, at most those that are [`left`](Passing::left).
    pub(super) fn lose(&mut self, length: u64) {
        self.full = true;
        self.position += length;
        self.missing += length;
    }

    /// The number of bytes that have not arrived.
    pub(super) fn left(&self) -> u64 {
        self.total - self.position
    }

    /// The number of bytes that arrived or are missing.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The number of bytes that are missing.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// The position in the frame of a wrong END byte, and that byte.
    pub(super) fn wrong_end(&self) -> Option<(u64, u8)> {
        self.wrong
    }

    /// True if both END bytes were seen.
    pub(super) fn ended(&self) -> bool {
        self.end_seen == END.len()
    }

    /// The beginning of the frame.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(super) fn kind(&self) -> u8 {
        self.head[2]
    }

    pub(super) fn encoding(&self) -> Encoding {
        Encoding::from_byte(self.head[3]).expect("the decoder has checked the header")
    }

    /// The length of the body, in bytes.
    pub(super) fn length(&self) -> u32 {
        self.head[4..HEADER_LENGTH].try_into().map_or(0, u32::from_be_bytes)
    }

    /// The beginning of the body.
    pub(super) fn body(&self) -> &[u8] {
        let end = self.head.len().min(HEADER_LENGTH + self.length() as usize);
        &self.head[HEADER_LENGTH..end]
    }
}

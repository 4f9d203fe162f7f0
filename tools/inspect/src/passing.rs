//! A frame whose body is passed over: too long to be held, or partly not in the capture.

use bookend::diagnosis::WINDOW;
use bookend::{END, Encoding, HEADER_LENGTH};

/// How far such a frame has come.
#[derive(Debug)]
pub(super) struct Passing {
    /// Its beginning, one byte more than a diagnosis looks at, so that it sees that there is more.
    head: Vec<u8>,
    /// The head is as long as it will be: full, or cut off by a hole.
    full: bool,
    /// Bytes of the whole frame.
    total: u64,
    position: u64,
    missing: u64,
    /// How many bytes of END were seen.
    end_seen: usize,
    wrong: Option<(u64, u8)>,
}

impl Passing {
    /// A frame of `total` bytes, of which `begun` are there: its header, which is sound, at least.
    pub(super) fn new(begun: &[u8], total: u64) -> Passing {
        let mut passing =
            Passing { head: Vec::new(), full: false, total, position: 0, missing: 0, end_seen: 0, wrong: None };
        passing.take(begun);
        passing
    }

    /// Uses the bytes that belong to the frame, none from a wrong byte of END on; how many those are.
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

    /// Passes over `length` bytes that are not there, which are at most those that are [`left`](Passing::left).
    pub(super) fn lose(&mut self, length: u64) {
        self.full = true;
        self.position += length;
        self.missing += length;
    }

    /// Bytes that are still to come.
    pub(super) fn left(&self) -> u64 {
        self.total - self.position
    }

    /// Bytes that have come, or been lost.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Bytes that were lost.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// Where END is wrong, in bytes from the frame's first, and the byte that is there.
    pub(super) fn wrong_end(&self) -> Option<(u64, u8)> {
        self.wrong
    }

    /// Was all of END there?
    pub(super) fn ended(&self) -> bool {
        self.end_seen == END.len()
    }

    /// The frame's beginning.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(super) fn kind(&self) -> u8 {
        self.head[2]
    }

    pub(super) fn encoding(&self) -> Encoding {
        Encoding::from_byte(self.head[3]).expect("the decoder has judged the header")
    }

    /// Bytes of body.
    pub(super) fn length(&self) -> u32 {
        self.head[4..HEADER_LENGTH].try_into().map_or(0, u32::from_be_bytes)
    }

    /// The beginning of the body.
    pub(super) fn body(&self) -> &[u8] {
        let end = self.head.len().min(HEADER_LENGTH + self.length() as usize);
        &self.head[HEADER_LENGTH..end]
    }
}

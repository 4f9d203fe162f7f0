//! What the sound frames of one stream show of a sender's mistake, counted, and reported once for each mistake.

use bookend::diagnosis::{Confidence, Diagnosis, Evidence, diagnose};
use bookend::{Encoding, Hello, Message};

use super::event::{Pattern, Remark, Verdict};

/// Counts what sound frames show.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    texts: u64,
    binaries: u64,
    /// Frames with a number in their fixed part.
    numbers: u64,
    seen: Vec<Seen>,
    first_bytes: FirstBytes,
}

/// A mistake that was seen.
#[derive(Debug)]
struct Seen {
    mistake: &'static str,
    /// The frames that show it.
    count: u64,
    what: What,
    /// The first of them.
    number: u64,
    offset: u64,
    diagnosis: Diagnosis,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Texts,
    Binaries,
    Numbers,
}

/// Where a frame is in its stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) number: u64,
    pub(super) offset: u64,
}

impl Remarks {
    /// A text that is legal in its encoding, with its byte order mark. Returns a diagnosis that is more than possible,
    /// which is not counted.
    pub(super) fn text(&mut self, place: Place, encoding: Encoding, payload: &[u8]) -> Option<Diagnosis> {
        self.texts += 1;
        self.first_bytes.look(place, encoding, payload);
        self.judge(place, What::Texts, &Evidence::text(encoding, payload))
    }

    /// A payload that is not text.
    pub(super) fn binary(&mut self, place: Place, payload: &[u8]) {
        self.binaries += 1;
        self.judge(place, What::Binaries, &Evidence::text(Encoding::Binary, payload));
    }

    /// The fixed part of a frame.
    pub(super) fn numbers(&mut self, place: Place, message: Message<'_>) {
        if !matches!(message, Message::Message(_) | Message::Post { to: 0, .. } | Message::Ping(_) | Message::Pong(_)) {
            self.numbers += 1;
            self.judge(place, What::Numbers, &Evidence::numbers(message));
        }
    }

    pub(super) fn hello(&mut self, place: Place, hello: &Hello) {
        let found = self.seen.len();
        self.judge(place, What::Numbers, &Evidence::hello(hello));
        self.numbers += u64::from(self.seen.len() > found);
    }

    fn judge(&mut self, place: Place, what: What, evidence: &Evidence<'_>) -> Option<Diagnosis> {
        let diagnosis = diagnose(evidence);
        if diagnosis.first()?.confidence() > Confidence::Possible {
            return Some(diagnosis);
        }
        for hypothesis in diagnosis.hypotheses() {
            let same = |seen: &&mut Seen| seen.mistake == hypothesis.name() && seen.what == what;
            match self.seen.iter_mut().find(same) {
                Some(seen) => seen.count += 1,
                None => self.seen.push(Seen {
                    mistake: hypothesis.name(),
                    count: 1,
                    what,
                    number: place.number,
                    offset: place.offset,
                    diagnosis: diagnosis.clone(),
                }),
            }
        }
        None
    }

    /// The stream has ended: a remark for each mistake.
    pub(super) fn end(&mut self) -> Vec<Remark> {
        self.count_first_bytes();
        let Remarks { texts, binaries, numbers, seen, .. } = std::mem::take(self);
        let remarks = seen.into_iter().filter_map(|seen| {
            let (of, what) = match seen.what {
                What::Texts => (texts, "text"),
                What::Binaries => (binaries, "binary payload"),
                What::Numbers => (numbers, "number"),
            };
            // A number by itself may have any value.
            let enough = seen.what != What::Numbers || 2 * seen.count >= of;
            let Seen { mistake, count, number, offset, diagnosis, .. } = seen;
            let verdict = Verdict::Pattern(Pattern { mistake, count, of, what });
            enough.then_some(Remark { number, offset, verdict, diagnosis: Some(diagnosis) })
        });
        remarks.collect()
    }

    /// A length of one byte before each text is a printable character in some of them.
    fn count_first_bytes(&mut self) {
        let FirstBytes { failed, place: Some(place), encoding, examples } = &self.first_bytes else { return };
        if *failed || self.texts < 2 {
            return;
        }
        let own_length = |seen: &&mut Seen| seen.mistake == OWN_LENGTH && seen.what == What::Texts;
        if let Some(seen) = self.seen.iter_mut().find(own_length) {
            seen.count = self.texts;
            return;
        }
        let payloads: Vec<&[u8]> = examples.iter().map(Vec::as_slice).collect();
        let (place, evidence) = (*place, Evidence::texts(*encoding, &payloads));
        let diagnosis = diagnose(&evidence);
        if let Some(first) = diagnosis.first() {
            let (mistake, count) = (first.name(), self.texts);
            let Place { number, offset } = place;
            self.seen.push(Seen { mistake, count, what: What::Texts, number, offset, diagnosis });
        }
    }
}

const OWN_LENGTH: &str = "text-own-length";

/// Whether the first byte of each text so far is the length of the rest.
#[derive(Debug)]
struct FirstBytes {
    failed: bool,
    place: Option<Place>,
    encoding: Encoding,
    /// Up to three texts of different lengths.
    examples: Vec<Vec<u8>>,
}

impl Default for FirstBytes {
    fn default() -> FirstBytes {
        FirstBytes { failed: false, place: None, encoding: Encoding::Utf8, examples: Vec::new() }
    }
}

impl FirstBytes {
    fn look(&mut self, place: Place, encoding: Encoding, payload: &[u8]) {
        if self.failed {
            return;
        }
        let counts = payload.split_first().is_some_and(|(first, rest)| usize::from(*first) == rest.len());
        self.failed = !counts || (self.place.is_some() && self.encoding != encoding);
        self.place.get_or_insert(place);
        self.encoding = encoding;
        let is_new = self.examples.iter().all(|example| example.len() != payload.len());
        if !self.failed && is_new && self.examples.len() < 3 {
            self.examples.push(payload.to_vec());
        }
    }
}

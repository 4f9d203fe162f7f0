//! A page: the answer to a query of a member, made of the blocks of its room (R9.44 to R9.47).
//!
//! A page is built from its end: the latest block is added first, until the page is full or nothing is left.

mod lines;
mod time;

use std::ops::{Range, RangeInclusive};

use bookend::OVERHEAD;

use crate::block::{Block, Said};
use crate::rendition::{LineEncoding, MessageInfo, Rendered, Rendition, StoredPayload, TextPreference};

/// The bytes of the id in the body of a REPLY.
const ID: usize = 4;
/// The bytes of a GAP.
const GAP: usize = OVERHEAD + 8;
/// The bytes of a page for other frames than a message: the GAP at its start, and one on either side of the message.
const RESERVE: usize = 3 * GAP;
/// A page that is longer has one message.
const ENOUGH: usize = 256 << 10;

/// The form of a page, and how long it may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// The payload of a REPLY, for a member that accepts bodies of that many bytes.
    Frames { preference: TextPreference, max_body: usize },
    /// Lines for a terminal at that time, in milliseconds since 1970.
    Lines { encoding: LineEncoding, now: u64 },
}

/// Which messages a page has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Those whose number is less, but no more than that of the room's next message.
    pub(crate) before: u64,
    /// The latest, no more than that.
    pub(crate) count: usize,
    /// So many were asked for: lines say if there are more than the page has.
    pub(crate) asked: usize,
    /// Is it the answer to a search, and does not say what is missing between its messages?
    pub(crate) is_search: bool,
}

#[derive(Debug)]
pub(crate) struct Page {
    form: Form,
    wanted: Wanted,
    /// The first number of the room. Messages with lesser ones are from before it began anew.
    first_seq: u64,
    /// All numbers from here on are accounted for, by messages, gaps, or `gap`.
    accounted: u64,
    /// How many of them, directly from here on, are not there and no gap says so.
    gap: u64,
    /// The time of the message with the first of them; the greatest one if there is none.
    time: u64,
    /// The room began anew there.
    jumps: bool,
    /// The latest first.
    units: Vec<Unit>,
    /// The messages, in the order of `units`.
    rendered: Rendered,
    messages: usize,
    /// The bytes of the page so far.
    length: usize,
    is_full: bool,
}

#[derive(Debug)]
enum Unit {
    /// The message is there in `rendered`.
    Message(Range<usize>),
    /// That many messages are not there.
    Gap(u64),
    /// The room began anew.
    Jump,
    /// No earlier message is wanted, and that many are not kept any more.
    Start(u64),
}

impl Form {
    fn rendition(self) -> Rendition {
        match self {
            Form::Frames { preference, .. } => Rendition::Deliveries(preference),
            Form::Lines { encoding, .. } => Rendition::Lines(encoding),
        }
    }

    /// The longest payload of a REPLY.
    fn most(self) -> usize {
        match self {
            Form::Frames { max_body, .. } => max_body.saturating_sub(ID),
            Form::Lines { .. } => usize::MAX,
        }
    }

    /// The longest DELIVERY: a longer message is replaced by a gap, however empty the page is.
    fn longest(self) -> usize {
        self.most().saturating_sub(RESERVE)
    }
}

impl Page {
    /// An empty page of a room with that first number.
    pub(crate) fn new(wanted: Wanted, first_seq: u64, form: Form) -> Page {
        Page {
            form,
            wanted,
            first_seq,
            accounted: wanted.before,
            gap: 0,
            time: u64::MAX,
            jumps: false,
            units: Vec::new(),
            rendered: Rendered::default(),
            messages: 0,
            length: RESERVE - GAP, // what is after a message is known when it is added
            is_full: false,
        }
    }

    /// An earlier message would be in the answer to another query, so nothing more is needed.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Has it no message?
    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Messages that are still wanted.
    pub(crate) fn missing(&self) -> usize {
        self.wanted.count - self.messages
    }

    /// Adds the messages of a block that is before all others, as far as they are wanted.
    pub(crate) fn add(&mut self, block: &Block, mut matches: impl FnMut(u64, StoredPayload<'_>) -> bool) {
        let Some(Said { from, name, time, payloads }) = block.said() else { return };
        for (at, payload) in payloads.iter().enumerate().rev() {
            let seq = block.first_seq() + at as u64;
            if self.is_full {
                return;
            }
            if seq >= self.accounted || !matches(seq, payload) {
                continue;
            }
            self.pass_hole(seq + 1, time);
            (self.accounted, self.time) = (seq, time);
            self.push(MessageInfo { from, to: 0, seq, time, name }, payload);
        }
    }

    /// No message has a number from there on that is not accounted for; the one before is of that time. Numbers that were
    /// skipped when the room began anew are not missing: nobody knows whether a message had one of them.
    fn pass_hole(&mut self, from: u64, time: u64) {
        let end = self.accounted;
        let first = match () {
            () if (from + 1..=end).contains(&self.first_seq) => self.first_seq,
            () if from < end && is_of_clock(end, time..=self.time) => end,
            () => from,
        };
        self.jumps |= first > from;
        self.gap += end - first;
    }

    fn push(&mut self, info: MessageInfo<'_>, payload: StoredPayload<'_>) {
        let rendition = self.form.rendition();
        if rendition.body_length(info.name, payload).0 > self.form.longest() {
            self.gap += 1;
            return;
        }
        let (start, escapes) = (self.rendered.bytes.len(), self.rendered.escapes);
        if let Form::Lines { now, .. } = self.form {
            lines::push_time(info.time, now, &mut self.rendered);
        }
        rendition.message(info, payload, &mut self.rendered);
        let end = self.rendered.bytes.len();
        let is_too_long = end - start > self.form.longest();
        let gap = if self.gap > 0 && !self.wanted.is_search { GAP } else { 0 };
        let length = self.length + gap + end - start;
        let most = if self.is_empty() { self.form.most() } else { self.form.most().min(ENOUGH) };
        self.is_full = !is_too_long && (self.missing() == 0 || length > most);
        if is_too_long || self.is_full {
            self.rendered.bytes.truncate(start);
            self.rendered.escapes = escapes;
            self.gap += u64::from(is_too_long);
            return;
        }
        self.push_gap();
        self.units.push(Unit::Message(start..end));
        self.messages += 1;
        self.length = length;
    }

    fn push_gap(&mut self) {
        let (gap, jumps) = (std::mem::take(&mut self.gap), std::mem::take(&mut self.jumps));
        if self.wanted.is_search {
            return;
        }
        if gap > 0 {
            self.units.push(Unit::Gap(gap));
        }
        if jumps {
            self.units.push(Unit::Jump);
        }
    }

    /// Every block has been added: says so at the start of the page, unless it is full.
    pub(crate) fn end(&mut self) {
        if !self.is_full {
            let lost = std::mem::take(&mut self.gap) + self.accounted.saturating_sub(self.first_seq);
            self.units.push(Unit::Start(if self.wanted.is_search { 0 } else { lost }));
        }
    }

    /// The frames or lines, oldest first.
    pub(crate) fn render(&self) -> Rendered {
        let mut out = Rendered { escapes: self.rendered.escapes, ..Rendered::default() };
        out.bytes.reserve(self.length);
        if let Form::Lines { encoding, .. } = self.form
            && self.is_full
            && self.messages < self.wanted.asked
        {
            out.line(encoding, &lines::limited(self.messages));
        }
        for unit in self.units.iter().rev() {
            match (self.form, unit) {
                (_, Unit::Message(range)) => out.bytes.extend_from_slice(&self.rendered.bytes[range.clone()]),
                (Form::Frames { .. }, Unit::Gap(missed) | Unit::Start(missed)) => {
                    self.form.rendition().gap(*missed, &mut out);
                }
                (Form::Frames { .. }, Unit::Jump) => {} // the numbers say so
                (Form::Lines { encoding, .. }, Unit::Jump) => out.line(encoding, lines::JUMP),
                (Form::Lines { encoding, .. }, Unit::Gap(missed)) => out.line(encoding, &lines::gap(*missed)),
                (Form::Lines { encoding, .. }, Unit::Start(lost)) => out.line(encoding, &self.start_line(*lost)),
            }
        }
        out
    }

    fn start_line(&self, lost: u64) -> String {
        match self.wanted.is_search {
            true => lines::search_start(self.is_empty()).to_owned(),
            false => lines::start(lost, self.is_empty()),
        }
    }
}

/// Did a room begin anew with that number at one of these times, in milliseconds? Only its last beginning is known, but all
/// are numbers of the clock (R9.32): others are far behind it, after the first message.
fn is_of_clock(seq: u64, times: RangeInclusive<u64>) -> bool {
    seq.is_multiple_of(1 << 10) && times.contains(&(seq >> 10))
}

#[cfg(test)]
mod tests;

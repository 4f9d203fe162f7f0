//! A block: the messages of one sender that one read brought, or one change of presence. It is stored once for all
//! members.

mod cache;

use std::sync::Arc;

use bookend::{Encoding, Payload};

use crate::rendition::{Change, MessageInfo, Rendered, Rendition, StoredPayload, longest_body};
use cache::Cache;

/// A byte order mark in UTF-8.
const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What happened in a room.
#[derive(Debug)]
pub(crate) enum Event {
    /// A member sent messages to everyone.
    Messages { from: u32, name: Arc<str>, time: u64, payloads: Payloads },
    /// A member joined, left or has another name; the room then has `count` members.
    Change { member: u32, change: Change, name: Arc<str>, count: usize },
    /// The room is a crowd of `count` members.
    Crowd { room: Arc<str>, count: usize },
    /// The room is no longer a crowd: these are its members.
    Members(Vec<(u32, Arc<str>)>),
}

/// Payloads in one buffer, in the order in which they were sent.
#[derive(Debug, Default)]
pub(crate) struct Payloads {
    bytes: Vec<u8>,
    ends: Vec<(Encoding, usize)>,
    /// The bytes of the longest payload.
    longest: usize,
}

/// One event, and its renderings. Each is made when a member first needs it.
#[derive(Debug)]
pub(crate) struct Block {
    event: Event,
    /// The number of its first message, or of the next one in the room if it has none.
    first_seq: u64,
    renderings: Cache<Rendered>,
    /// The lengths of the bodies of its messages.
    lengths: Cache<Box<[u32]>>,
}

/// Which messages a member receives: those with these numbers, in bodies of at most that many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection {
    pub(crate) rendition: Rendition,
    pub(crate) after: u64,
    /// Only messages whose number is less.
    pub(crate) before: u64,
    pub(crate) max_body: usize,
}

/// What a member said: the content of a block of messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) from: u32,
    pub(crate) name: &'a Arc<str>,
    /// In milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) time: u64,
    pub(crate) payloads: &'a Payloads,
}

/// A part of a block that was rendered for one member.
#[derive(Debug, Default)]
pub(crate) struct RenderedPart {
    pub(crate) rendered: Rendered,
    pub(crate) messages: u64,
    /// Messages that are too long for the member, and that a gap replaces.
    pub(crate) missed: u64,
}

/// What it took to find out how long messages are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// Bytes that were rendered.
    pub(crate) work: usize,
    /// Bytes that the block now has in addition.
    pub(crate) added: usize,
}

impl Event {
    /// Is it about presence, and not a message?
    pub(crate) fn is_presence(&self) -> bool {
        !matches!(self, Event::Messages { .. })
    }
}

impl Block {
    pub(crate) fn new(event: Event, first_seq: u64) -> Block {
        Block { event, first_seq, renderings: Cache::new(), lengths: Cache::new() }
    }

    /// The number of its first message, or of the next one in the room if it has none.
    pub(crate) fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// What was said, if it is not about presence.
    pub(crate) fn said(&self) -> Option<Said<'_>> {
        let Event::Messages { from, name, time, payloads } = &self.event else { return None };
        Some(Said { from: *from, name, time: *time, payloads })
    }

    /// How many messages it contains.
    pub(crate) fn messages(&self) -> u64 {
        match &self.event {
            Event::Messages { payloads, .. } => payloads.count(),
            Event::Change { .. } | Event::Crowd { .. } | Event::Members(_) => 0,
        }
    }

    /// Is it about presence, and not a message?
    pub(crate) fn is_presence(&self) -> bool {
        self.event.is_presence()
    }

    /// Bytes in memory, without renderings.
    pub(crate) fn footprint(&self) -> usize {
        let event = match &self.event {
            Event::Messages { payloads, .. } => {
                payloads.bytes.capacity() + payloads.ends.capacity() * size_of::<(Encoding, usize)>()
            }
            Event::Change { .. } | Event::Crowd { .. } => 0,
            Event::Members(members) => members.capacity() * size_of::<(u32, Arc<str>)>(),
        };
        size_of::<Block>() + event
    }

    /// The rendering in this rendition, if it has been made.
    pub(crate) fn rendered(&self, rendition: Rendition) -> Option<&Rendered> {
        self.renderings.find(rendition)
    }

    /// Renders the block in this rendition unless that has been done. Returns the bytes and escapes that this added.
    pub(crate) fn prepare(&self, rendition: Rendition) -> Option<(usize, usize)> {
        let (rendered, is_new) = self.renderings.find_or_make(rendition, || self.render(rendition));
        is_new.then(|| (Cache::<Rendered>::ENTRY + rendered.bytes.capacity(), rendered.escapes))
    }

    /// Renders the block in this rendition.
    pub(crate) fn render(&self, rendition: Rendition) -> Rendered {
        let mut out = Rendered::default();
        match &self.event {
            Event::Messages { name, payloads, .. } => {
                out.bytes.reserve(payloads.bytes.len() + payloads.ends.len() * (48 + name.len()));
                for (seq, payload) in (self.first_seq..).zip(payloads.iter()) {
                    self.message(seq, payload, rendition, &mut out);
                }
            }
            Event::Change { member, change, name, count } => rendition.change(*member, change, name, *count, &mut out),
            Event::Crowd { room, count } => rendition.crowd(*count, room, &mut out),
            Event::Members(members) => rendition.members(members, &mut out),
        }
        out.bytes.shrink_to_fit();
        out
    }

    fn message(&self, seq: u64, payload: StoredPayload<'_>, rendition: Rendition, out: &mut Rendered) {
        if let Event::Messages { from, name, time, .. } = &self.event {
            rendition.message(MessageInfo { from: *from, to: 0, seq, time: *time, name }, payload, out);
        }
    }

    // ---- members that do not receive everything

    /// Is a message too long for a member whose longest body is `max_body` bytes? It is rendered only if that is not
    /// known otherwise, and once for all members with this rendition.
    pub(crate) fn has_too_long(&self, rendition: Rendition, max_body: usize, measured: &mut Measured) -> bool {
        let Event::Messages { payloads, .. } = &self.event else { return false };
        longest_body(payloads.longest) > max_body
            && payloads.iter().enumerate().any(|message| self.is_too_long(message, rendition, max_body, measured))
    }

    /// Renders the messages of a selection, and a gap in place of those that are too long (R9.14).
    pub(crate) fn render_part(&self, selection: Selection, measured: &mut Measured) -> RenderedPart {
        let Selection { rendition, after, before, max_body } = selection;
        let mut part = RenderedPart::default();
        let Event::Messages { payloads, .. } = &self.event else { return part };
        let mut gap = 0;
        for (at, payload) in payloads.iter().enumerate() {
            let seq = self.first_seq + at as u64;
            if seq <= after || seq >= before {
                continue;
            }
            if self.is_too_long((at, payload), rendition, max_body, measured) {
                gap += 1;
                continue;
            }
            part.add_gap(&mut gap, rendition);
            self.message(seq, payload, rendition, &mut part.rendered);
            part.messages += 1;
        }
        part.add_gap(&mut gap, rendition);
        part
    }

    fn is_too_long(
        &self,
        (at, payload): (usize, StoredPayload<'_>),
        rendition: Rendition,
        max_body: usize,
        measured: &mut Measured,
    ) -> bool {
        let Event::Messages { name, .. } = &self.event else { return false };
        let (least, most) = rendition.body_length(name, payload);
        least > max_body || (most > max_body && self.lengths(rendition, measured)[at] as usize > max_body)
    }

    /// The lengths of the bodies of all messages. They are rendered one by one and only measured: most are not sent.
    fn lengths(&self, rendition: Rendition, measured: &mut Measured) -> &[u32] {
        let work = std::cell::Cell::new(0);
        let measure = || {
            let Event::Messages { payloads, .. } = &self.event else { return Box::default() };
            let length = |(seq, payload)| {
                let mut out = Rendered::default();
                self.message(seq, payload, rendition, &mut out);
                work.set(work.get() + out.bytes.len());
                u32::try_from(out.longest).unwrap_or(u32::MAX)
            };
            (self.first_seq..).zip(payloads.iter()).map(length).collect()
        };
        let (lengths, is_new) = self.lengths.find_or_make(rendition, measure);
        if is_new {
            measured.work += work.get();
            measured.added += Cache::<Box<[u32]>>::ENTRY + size_of_val::<[u32]>(lengths);
        }
        lengths
    }
}

impl RenderedPart {
    /// Adds a gap, unless it is empty.
    fn add_gap(&mut self, missed: &mut u64, rendition: Rendition) {
        if *missed > 0 {
            rendition.gap(*missed, &mut self.rendered);
            self.missed += std::mem::take(missed);
        }
    }
}

impl Payloads {
    /// Appends a payload.
    pub(crate) fn push(&mut self, payload: Payload<'_>) {
        let (mut encoding, start) = (payload.encoding(), self.bytes.len());
        match payload {
            Payload::Text(text) if text.had_bom() || text.as_bytes().starts_with(UTF_8_MARK) => {
                // Leading marks are removed (R5.5). If that leaves U+FFFE first, the text is stored in UTF-8 (R5.15).
                let text = text.to_str();
                if bookend::text::encode(encoding, &text, &mut self.bytes).is_err() {
                    encoding = Encoding::Utf8;
                    self.bytes.extend_from_slice(text.trim_start_matches('\u{FEFF}').as_bytes());
                }
            }
            payload => self.bytes.extend_from_slice(payload.as_bytes()),
        }
        self.ends.push((encoding, self.bytes.len()));
        self.longest = self.longest.max(self.bytes.len() - start);
    }

    /// Appends a payload that was stored before.
    #[cfg_attr(not(feature = "history"), expect(dead_code, reason = "only a store needs it"))]
    pub(crate) fn push_stored(&mut self, payload: StoredPayload<'_>) {
        self.bytes.extend_from_slice(payload.bytes);
        self.ends.push((payload.encoding, self.bytes.len()));
        self.longest = self.longest.max(payload.bytes.len());
    }

    pub(crate) fn count(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = StoredPayload<'_>> + ExactSizeIterator {
        self.ends.iter().enumerate().map(|(at, &(encoding, end))| {
            let start = if at == 0 { 0 } else { self.ends[at - 1].1 };
            StoredPayload { encoding, bytes: &self.bytes[start..end] }
        })
    }
}

//! A block: the messages of one sender that one read brought, or one change of presence. It is stored once for all
//! members.

use std::sync::{Arc, OnceLock};

use bookend::{Encoding, Payload};

use crate::rendition::{Change, MessageInfo, Rendered, Rendition, StoredPayload};

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
}

/// One event, and its renderings. Each is made when a member first needs it.
#[derive(Debug)]
pub(crate) struct Block {
    event: Event,
    /// The number of its first message, or of the next one in the room if it has none.
    first_seq: u64,
    renderings: OnceLock<Box<CachedRendering>>,
}

/// A rendering, and the next one: few renditions are in use, and most blocks are not rendered in the others.
#[derive(Debug)]
struct CachedRendering {
    index: u8,
    rendered: Rendered,
    next: OnceLock<Box<CachedRendering>>,
}

impl Event {
    /// Is it about presence, and not a message?
    pub(crate) fn is_presence(&self) -> bool {
        !matches!(self, Event::Messages { .. })
    }
}

impl Block {
    pub(crate) fn new(event: Event, first_seq: u64) -> Block {
        Block { event, first_seq, renderings: OnceLock::new() }
    }

    /// The number of its first message, or of the next one in the room if it has none.
    pub(crate) fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// How many messages it contains.
    pub(crate) fn messages(&self) -> u64 {
        match &self.event {
            Event::Messages { payloads, .. } => payloads.count(),
            Event::Change { .. } | Event::Crowd { .. } | Event::Members(_) => 0,
        }
    }

    /// How many messages it contains after number `after`.
    pub(crate) fn messages_after(&self, after: u64) -> u64 {
        (self.first_seq + self.messages()).saturating_sub(self.first_seq.max(after + 1))
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
        let mut next = &self.renderings;
        while let Some(rendering) = next.get() {
            if rendering.index == rendition.index() {
                return Some(&rendering.rendered);
            }
            next = &rendering.next;
        }
        None
    }

    /// Renders the block in this rendition unless that has been done. Returns the bytes and escapes that this added.
    pub(crate) fn prepare(&self, rendition: Rendition) -> Option<(usize, usize)> {
        let index = rendition.index();
        let mut next = &self.renderings;
        loop {
            let mut added = None;
            let rendering = next.get_or_init(|| {
                let rendered = self.render(rendition, 0);
                added = Some((size_of::<CachedRendering>() + rendered.bytes.capacity(), rendered.escapes));
                Box::new(CachedRendering { index, rendered, next: OnceLock::new() })
            });
            if rendering.index == index {
                return added;
            }
            next = &rendering.next;
        }
    }

    /// Renders the block in this rendition, without the messages up to number `after`.
    pub(crate) fn render(&self, rendition: Rendition, after: u64) -> Rendered {
        let mut out = Rendered::default();
        match &self.event {
            Event::Messages { from, name, time, payloads } => {
                out.bytes.reserve(payloads.bytes.len() + payloads.ends.len() * (48 + name.len()));
                for (seq, payload) in (self.first_seq..).zip(payloads.iter()) {
                    if seq > after {
                        rendition.message(
                            MessageInfo { from: *from, to: 0, seq, time: *time, name },
                            payload,
                            &mut out,
                        );
                    }
                }
            }
            Event::Change { member, change, name, count } => rendition.change(*member, change, name, *count, &mut out),
            Event::Crowd { room, count } => rendition.crowd(*count, room, &mut out),
            Event::Members(members) => rendition.members(members, &mut out),
        }
        out.bytes.shrink_to_fit();
        out
    }
}

impl Payloads {
    /// Appends a payload.
    pub(crate) fn push(&mut self, payload: Payload<'_>) {
        let mut encoding = payload.encoding();
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
    }

    pub(crate) fn count(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = StoredPayload<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |&(encoding, end)| {
            let bytes = &self.bytes[start..end];
            start = end;
            StoredPayload { encoding, bytes }
        })
    }
}

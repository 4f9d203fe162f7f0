//! A block: what one read of one sender brought, or one change of who is here. It is kept once for all members.

use std::sync::{Arc, OnceLock};

use bookend::{Encoding, Payload, text};

use crate::rendition::{Change, Head, Rendered, Rendition, Spoken};

/// A byte order mark in UTF-8.
const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What a block tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// Messages of one member to everyone.
    Messages { from: u32, name: Arc<str>, time: u64, payloads: Payloads },
    /// Somebody came, went, or has another name; so many are here then.
    Change { member: u32, change: Change, name: Arc<str>, here: usize },
    /// So many are in the room of that name, and who comes and goes is not told.
    Crowd { room: Arc<str>, here: usize },
    /// The room is no crowd any more: these are here.
    Roll(Vec<(u32, Arc<str>)>),
}

/// Payloads in one piece, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Payloads {
    bytes: Vec<u8>,
    ends: Vec<(Encoding, usize)>,
}

/// What was told at one time. Each form of it is rendered when a member first needs it.
#[derive(Debug)]
pub(crate) struct Block {
    told: Told,
    /// The number of its first message, or of the next one in the room if it has none.
    first_seq: u64,
    renditions: OnceLock<Box<Form>>,
}

/// A block in one form, and then in the others that are in use: there are few, and most blocks are never rendered in
/// the rest.
#[derive(Debug)]
struct Form {
    index: u8,
    rendered: Rendered,
    next: OnceLock<Box<Form>>,
}

impl Told {
    /// Does it tell who is here, and no message?
    pub(crate) fn is_change(&self) -> bool {
        !matches!(self, Told::Messages { .. })
    }
}

impl Block {
    pub(crate) fn new(told: Told, first_seq: u64) -> Block {
        Block { told, first_seq, renditions: OnceLock::new() }
    }

    /// The number of its first message, or of the next one in the room if it has none.
    pub(crate) fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// How many messages it has.
    pub(crate) fn messages(&self) -> u64 {
        match &self.told {
            Told::Messages { payloads, .. } => payloads.count(),
            Told::Change { .. } | Told::Crowd { .. } | Told::Roll(_) => 0,
        }
    }

    /// How many messages it has behind number `after`.
    pub(crate) fn messages_behind(&self, after: u64) -> u64 {
        (self.first_seq + self.messages()).saturating_sub(self.first_seq.max(after + 1))
    }

    /// Does it tell who is here, and no message?
    pub(crate) fn is_change(&self) -> bool {
        self.told.is_change()
    }

    /// Bytes in memory, without renditions.
    pub(crate) fn footprint(&self) -> usize {
        let told = match &self.told {
            Told::Messages { payloads, .. } => {
                payloads.bytes.capacity() + payloads.ends.capacity() * size_of::<(Encoding, usize)>()
            }
            Told::Change { .. } | Told::Crowd { .. } => 0,
            Told::Roll(here) => here.capacity() * size_of::<(u32, Arc<str>)>(),
        };
        size_of::<Block>() + told
    }

    /// The block in this form, if it has been rendered.
    pub(crate) fn rendered(&self, rendition: Rendition) -> Option<&Rendered> {
        let mut forms = &self.renditions;
        while let Some(form) = forms.get() {
            if form.index == rendition.index() {
                return Some(&form.rendered);
            }
            forms = &form.next;
        }
        None
    }

    /// Renders the block in this form unless that has been done. Returns how many bytes and escapes that added.
    pub(crate) fn prepare(&self, rendition: Rendition) -> Option<(usize, usize)> {
        let index = rendition.index();
        let mut forms = &self.renditions;
        loop {
            let mut added = None;
            let form = forms.get_or_init(|| {
                let rendered = self.render(rendition, 0);
                added = Some((size_of::<Form>() + rendered.bytes.capacity(), rendered.escapes));
                Box::new(Form { index, rendered, next: OnceLock::new() })
            });
            if form.index == index {
                return added;
            }
            forms = &form.next;
        }
    }

    /// Renders the block in this form, without the messages up to number `after`.
    pub(crate) fn render(&self, rendition: Rendition, after: u64) -> Rendered {
        let mut out = Rendered::default();
        match &self.told {
            Told::Messages { from, name, time, payloads } => {
                out.bytes.reserve(payloads.bytes.len() + payloads.ends.len() * (48 + name.len()));
                for (seq, spoken) in (self.first_seq..).zip(payloads.iter()) {
                    if seq > after {
                        rendition.message(Head { from: *from, to: 0, seq, time: *time, name }, spoken, &mut out);
                    }
                }
            }
            Told::Change { member, change, name, here } => rendition.change(*member, change, name, *here, &mut out),
            Told::Crowd { room, here } => rendition.crowd(*here, room, &mut out),
            Told::Roll(here) => rendition.roll(here, &mut out),
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
                // Marks in front are left out (R5.5). What is U+FFFE then goes in UTF-8 (R5.15).
                let words = text.to_str();
                if text::encode(encoding, &words, &mut self.bytes).is_err() {
                    encoding = Encoding::Utf8;
                    self.bytes.extend_from_slice(words.trim_start_matches('\u{FEFF}').as_bytes());
                }
            }
            payload => self.bytes.extend_from_slice(payload.as_bytes()),
        }
        self.ends.push((encoding, self.bytes.len()));
    }

    pub(crate) fn count(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Spoken<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |&(encoding, end)| {
            let bytes = &self.bytes[start..end];
            start = end;
            Spoken { encoding, bytes }
        })
    }
}

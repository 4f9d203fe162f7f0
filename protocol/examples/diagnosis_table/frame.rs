//! Writers that get START, END, kind or encoding wrong.

use crate::corpus::{self, Chance, Draft};
use crate::wrapped::several;
use crate::{Damage, Mistake, mistake};

pub(crate) const MISTAKES: &[Mistake] = &[
    mistake("START and END in host order", &["frame-host-order"], |c| {
        written(c, |draft| Parts { start: [0xF8, 0xF5].into(), end: [0xF5, 0xF8].into(), ..Parts::of(draft) })
    }),
    mistake("START in host order", &["frame-host-order"], |c| {
        written(c, |draft| Parts { start: [0xF8, 0xF5].into(), ..Parts::of(draft) })
    }),
    mistake("END in host order", &["frame-host-order"], |c| {
        written(c, |draft| Parts { end: [0xF5, 0xF8].into(), ..Parts::of(draft) })
    }),
    mistake("START, END and length in host order", &["frame-host-order", "length-little-endian"], |c| {
        written(c, |draft| {
            let mut parts = Parts::of(draft);
            parts.length.reverse();
            Parts { start: [0xF8, 0xF5].into(), end: [0xF5, 0xF8].into(), ..parts }
        })
    }),
    mistake("kind and encoding exchanged", &["frame-fields-exchanged"], |c| {
        written(c, |draft| {
            let mut parts = Parts::of(draft);
            parts.fields.reverse();
            parts
        })
    }),
    mistake("kind and encoding as digits", &["frame-ascii-digits"], |c| {
        let drafts: Vec<Draft> = several(c)?.into_iter().filter(|draft| draft.kind < 10).collect();
        let hello = c.once_in(2);
        write_all(&drafts, hello, |draft| {
            let parts = Parts::of(draft);
            Parts { fields: parts.fields.iter().map(|field| b'0' + field).collect(), ..parts }
        })
    }),
    mistake("START missing", &["frame-start-missing"], |c| {
        written(c, |draft| Parts { start: Vec::new(), ..Parts::of(draft) })
    }),
    mistake("END missing", &["frame-end-missing"], |c| {
        let (drafts, hello) = (several(c)?, c.once_in(2));
        write_all(&drafts, hello, |draft| Parts { end: Vec::new(), ..Parts::of(draft) })
    }),
];

struct Parts {
    start: Vec<u8>,
    /// Kind and encoding.
    fields: Vec<u8>,
    length: Vec<u8>,
    body: Vec<u8>,
    end: Vec<u8>,
}

impl Parts {
    fn of(draft: &Draft) -> Parts {
        let wire = draft.wire();
        Parts {
            start: wire[..2].to_vec(),
            fields: wire[2..4].to_vec(),
            length: wire[4..8].to_vec(),
            body: wire[8..wire.len() - 2].to_vec(),
            end: wire[wire.len() - 2..].to_vec(),
        }
    }
}

/// All frames in another way; HELLO is right where it is a constant, in half of the streams.
fn written(chance: &mut Chance, write: fn(&Draft) -> Parts) -> Option<Damage> {
    let (drafts, constant_hello) = (corpus::stream(chance), chance.once_in(2));
    write_all(&drafts, constant_hello, write)
}

fn write_all(drafts: &[Draft], constant_hello: bool, write: impl Fn(&Draft) -> Parts) -> Option<Damage> {
    let (mut wire, mut ends) = (Vec::new(), Vec::new());
    for (at, draft) in drafts.iter().enumerate() {
        let parts = if at == 0 && constant_hello { Parts::of(draft) } else { write(draft) };
        wire.extend([parts.start, parts.fields, parts.length, parts.body, parts.end].concat());
        ends.push(wire.len());
    }
    Some(Damage::Stream { wire, ends })
}

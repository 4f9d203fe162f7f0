//! Lengths that only several frames together explain.

use bookend::{Encoding, kind};

use crate::corpus::{Chance, Draft};
use crate::formats::{base64, number};
use crate::wrapped::several;
use crate::{Damage, Mistake, mistake};

pub(crate) const MISTAKES: &[Mistake] = &[
    mistake("length of three bytes", &["length-three-bytes"], |c| {
        let drafts = several(c)?;
        write(&drafts, |at, draft| {
            let body = draft.body();
            Some((if at == 0 { field(body.len())? } else { number(body.len(), 3, false) }, body))
        })
    }),
    mistake("length is the size of a pointer", &["length-constant"], |c| {
        let size = [4, 8][c.below(2)];
        every(c, move |_, _| field(size))
    }),
    mistake("length is the size of a buffer", &["length-constant"], |c| {
        let size = [64, 128, 256, 512, 1000, 1024, 2048, 4096, 65_536][c.below(9)];
        every(c, move |_, n| if n < size { field(size) } else { None })
    }),
    mistake("length counts bits", &["length-multiplied"], |c| every(c, |_, n| field(8 * n))),
    mistake("length is twice the bytes", &["length-multiplied"], |c| every(c, |_, n| field(2 * n))),
    mistake("length is four times the bytes", &["length-multiplied"], |c| every(c, |_, n| field(4 * n))),
    mistake("length counts 16-bit words", &["length-multiplied"], |c| every(c, |_, n| field(n.div_ceil(2)))),
    mistake("length counts 32-bit words", &["length-multiplied"], |c| every(c, |_, n| field(n.div_ceil(4)))),
    mistake("length is too large by a constant", &["length-offset"], |c| {
        let extra = [3, 5, 6, 7, 9, 11, 12, 14, 16, 18, 20, 24, 32][c.below(13)];
        every(c, move |_, n| field(n + extra))
    }),
    mistake("length is too small by a constant", &["length-offset", "length-omits-fixed-part"], |c| {
        let less = [1, 2, 3, 4, 6, 8][c.below(6)];
        every(c, move |_, n| field(n.checked_sub(less)?))
    }),
    mistake("decimal digits as hexadecimal", &["length-decimal"], |c| {
        every(c, |_, n| field(usize::from_str_radix(&n.to_string(), 16).ok()?))
    }),
    mistake("length before compression", &["length-before-encoding"], |c| {
        let head: &[u8] = [&b"\x78\x9C"[..], b"\x1F\x8B\x08\0\0\0\0\0\0\x03", b"\x28\xB5\x2F\xFD"][c.below(3)];
        let drafts = several(c)?;
        let compressed: Vec<Vec<u8>> = drafts
            .iter()
            .map(|draft| {
                // What is short grows, what is long shrinks.
                let length = 8 + draft.payload.len() * (3 + c.below(5)) / 10;
                [head, &c.bytes(length)].concat()
            })
            .collect();
        encoded(&drafts, |at, _| compressed[at].clone())
    }),
    mistake("length before base64", &["length-before-encoding"], |c| {
        encoded(&several(c)?, |_, draft| base64(&draft.payload))
    }),
    mistake("length before escaping as JSON", &["length-before-encoding"], |c| {
        let drafts: Vec<Draft> =
            several(c)?.into_iter().filter(|draft| draft.kind == kind::HELLO || is_utf_8(draft)).collect();
        let escaped = |draft: &Draft| serde_json::to_vec(draft.text.as_deref().unwrap_or_default()).expect("a string");
        encoded(&drafts, |_, draft| escaped(draft))
    }),
    mistake("a second length, not counted", &["length-twice"], |c| {
        let (width, little) = ([2, 4, 4][c.below(3)], c.once_in(2));
        let drafts = several(c)?;
        encoded(&drafts, |_, draft| [number(draft.payload.len(), width, little), draft.payload.clone()].concat())
    }),
];

fn is_utf_8(draft: &Draft) -> bool {
    draft.text.is_some() && matches!(draft.encoding, Encoding::Ascii | Encoding::Utf8)
}

fn field(length: usize) -> Option<Vec<u8>> {
    u32::try_from(length).ok().map(|length| length.to_be_bytes().to_vec())
}

/// Several frames with another length field, HELLO being right. Two of them must be wrong and differ in size: with one,
/// any number fits.
fn every(chance: &mut Chance, length: impl Fn(&Draft, usize) -> Option<Vec<u8>>) -> Option<Damage> {
    let drafts = several(chance)?;
    let wrong = drafts[1..].iter().filter_map(|draft| {
        let size = draft.body().len();
        (length(draft, size)? != field(size)?).then_some(size)
    });
    let sizes: Vec<usize> = wrong.collect();
    sizes.iter().any(|size| *size != sizes[0]).then_some(())?;
    write(&drafts, |at, draft| {
        let body = draft.body();
        let field = if at == 0 { field(body.len()) } else { length(draft, body.len()) };
        Some((field?, body))
    })
}

/// Several frames whose payload is changed after the length was taken; HELLO is right, and so is what has no payload.
fn encoded(drafts: &[Draft], change: impl Fn(usize, &Draft) -> Vec<u8>) -> Option<Damage> {
    (drafts.len() > 2).then_some(())?;
    write(drafts, |at, draft| {
        let is_changed = at > 0 && !draft.payload.is_empty();
        let payload = if is_changed { change(at, draft) } else { draft.payload.clone() };
        Some((field(draft.body().len())?, [&draft.fixed[..], &payload].concat()))
    })
}

fn write(drafts: &[Draft], parts: impl Fn(usize, &Draft) -> Option<(Vec<u8>, Vec<u8>)>) -> Option<Damage> {
    let (mut wire, mut ends) = (Vec::new(), Vec::new());
    for (at, draft) in drafts.iter().enumerate() {
        let (field, body) = parts(at, draft)?;
        wire.extend([0xF5, 0xF8, draft.kind, draft.encoding as u8]);
        wire.extend([&field[..], &body, &[0xF8, 0xF5]].concat());
        ends.push(wire.len());
    }
    Some(Damage::Stream { wire, ends })
}

//! Writers that get the length wrong.

use crate::corpus::{self, Chance, Draft};
use crate::{Damage, Mistake, mistake};

pub(crate) const MISTAKES: &[Mistake] = &[
    mistake("length little-endian", &["length-little-endian"], |c| every(c, |_, n| n.to_le_bytes().to_vec())),
    mistake("length in swapped halves", &["length-16-bit-swapped"], |c| {
        every(c, |_, n| n.rotate_left(16).to_be_bytes().to_vec())
    }),
    mistake("length swapped within halves", &["length-16-bit-swapped"], |c| {
        every(c, |_, n| n.rotate_left(16).to_le_bytes().to_vec())
    }),
    // In text without supplementary characters a UTF-16 unit is a character: which of them was counted does not show.
    mistake("length counts characters", &["length-counts-characters"], |c| {
        let count = |draft: &Draft, n| counted(draft, n, |text| text.chars().count());
        every_such(c, |draft| draft.text.as_ref().is_none_or(|text| has_supplementary(text)), count)
    }),
    mistake("length counts UTF-16 units", &["length-counts-utf-16-units"], |c| {
        let count = |draft: &Draft, n| counted(draft, n, |text| text.encode_utf16().count());
        every_such(c, |draft| draft.text.as_ref().is_none_or(|text| has_supplementary(text)), count)
    }),
    mistake("the same, where both agree", &["length-counts-characters", "length-counts-utf-16-units"], |c| {
        let count = |draft: &Draft, n| counted(draft, n, |text| text.chars().count());
        every_such(c, |draft| draft.text.as_ref().is_none_or(|text| !has_supplementary(text)), count)
    }),
    mistake("length includes the header", &["length-includes-header"], |c| {
        every(c, |_, n| (n + 8).to_be_bytes().to_vec())
    }),
    mistake("length includes itself", &["length-includes-itself"], |c| every(c, |_, n| (n + 4).to_be_bytes().to_vec())),
    mistake("length includes END", &["length-includes-end"], |c| every(c, |_, n| (n + 2).to_be_bytes().to_vec())),
    mistake("length includes the frame", &["length-includes-frame"], |c| {
        every(c, |_, n| (n + 10).to_be_bytes().to_vec())
    }),
    mistake("length counts a NUL not sent", &["length-counts-terminator"], |c| {
        every(c, |draft, n| (n + u32::from(draft.text.is_some())).to_be_bytes().to_vec())
    }),
    mistake("NUL sent but not counted", &["length-omits-terminator"], |c| terminated(c, b"\0")),
    mistake("line break sent but not counted", &["length-omits-terminator"], |c| {
        let end = if c.once_in(2) { &b"\n"[..] } else { b"\r\n" };
        terminated(c, end)
    }),
    mistake("length omits the fixed part", &["length-omits-fixed-part"], |c| {
        every(c, |draft, _| u32::try_from(draft.payload.len()).expect("short").to_be_bytes().to_vec())
    }),
    mistake("length in four decimal digits", &["length-ascii-digits"], |c| {
        every(c, |_, n| if n < 10_000 { format!("{n:04}").into_bytes() } else { n.to_be_bytes().to_vec() })
    }),
    mistake("length in digits and a line break", &["length-ascii-digits"], |c| {
        every(c, |_, n| format!("{n}\r\n").into_bytes())
    }),
    mistake("length in eight hex digits", &["length-ascii-digits"], |c| {
        every(c, |_, n| format!("{n:08x}").into_bytes())
    }),
    mistake("length of two bytes", &["length-two-bytes"], |c| every(c, |_, n| n.to_be_bytes()[2..].to_vec())),
    mistake("length of eight bytes", &["length-eight-bytes"], |c| every(c, |_, n| u64::from(n).to_be_bytes().to_vec())),
    mistake("length of eight bytes, little-endian", &["length-eight-bytes"], |c| {
        every(c, |_, n| u64::from(n).to_le_bytes().to_vec())
    }),
    mistake("length as a varint", &["length-varint"], |c| every(c, |_, n| varint(n))),
];

/// All frames with another length field; HELLO is right where it is a constant, in half of the streams.
fn every(chance: &mut Chance, field: fn(&Draft, u32) -> Vec<u8>) -> Option<Damage> {
    write(chance, field, |body| body)
}

/// The same for streams all of whose frames are such.
fn every_such(chance: &mut Chance, such: fn(&Draft) -> bool, field: fn(&Draft, u32) -> Vec<u8>) -> Option<Damage> {
    let drafts: Vec<Draft> = corpus::stream(chance).into_iter().filter(such).collect();
    write_all(drafts, chance.once_in(2), field, |_, body| body)
}

fn has_supplementary(text: &str) -> bool {
    text.chars().any(|character| character > '\u{FFFF}')
}

fn terminated(chance: &mut Chance, end: &'static [u8]) -> Option<Damage> {
    write_with(
        chance,
        |_, n| n.to_be_bytes().to_vec(),
        |draft, mut body| {
            if draft.text.is_some() {
                body.extend(end);
            }
            body
        },
    )
}

fn write(chance: &mut Chance, field: fn(&Draft, u32) -> Vec<u8>, body: fn(Vec<u8>) -> Vec<u8>) -> Option<Damage> {
    write_with(chance, field, |_, bytes| body(bytes))
}

fn write_with(
    chance: &mut Chance,
    field: impl Fn(&Draft, u32) -> Vec<u8>,
    change: impl Fn(&Draft, Vec<u8>) -> Vec<u8>,
) -> Option<Damage> {
    write_all(corpus::stream(chance), chance.once_in(2), field, change)
}

fn write_all(
    drafts: Vec<Draft>,
    constant_hello: bool,
    field: impl Fn(&Draft, u32) -> Vec<u8>,
    change: impl Fn(&Draft, Vec<u8>) -> Vec<u8>,
) -> Option<Damage> {
    let (mut wire, mut sound, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (at, draft) in drafts.into_iter().enumerate() {
        draft.write(&mut sound);
        if at == 0 && constant_hello {
            draft.write(&mut wire);
        } else {
            let body = draft.body();
            wire.extend([0xF5, 0xF8, draft.kind, draft.encoding as u8]);
            // A field of two bytes carries no more.
            let length = u32::try_from(body.len()).ok().filter(|&length| length < 1 << 16)?;
            wire.extend(field(&draft, length));
            wire.extend(change(&draft, body));
            wire.extend([0xF8, 0xF5]);
        }
        ends.push(wire.len());
    }
    (wire != sound).then_some(Damage::Stream { wire, ends })
}

fn counted(draft: &Draft, length: u32, count: fn(&str) -> usize) -> Vec<u8> {
    let length =
        draft.text.as_ref().map_or(length, |text| u32::try_from(draft.fixed.len() + count(text)).expect("short"));
    length.to_be_bytes().to_vec()
}

fn varint(mut number: u32) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
    out
}

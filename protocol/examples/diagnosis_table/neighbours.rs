//! Wrong neighbours: streams that only look like another mistake.

use bookend::kind;

use crate::corpus::{self, Chance, Draft};
use crate::formats::{docker, number, websocket};
use crate::wrapped::{each, several};
use crate::{Damage, Mistake, mistake, neighbour};

pub(crate) const MISTAKES: &[Mistake] = &[
    // As good as a checksum.
    neighbour("4 random bytes before each frame", &["wrapped-trailer"], |c| {
        each(&several(c)?, c, |c, frame| [&c.bytes(4), frame].concat())
    }),
    neighbour("8 random bytes before each frame", &["wrapped-trailer"], |c| {
        each(&several(c)?, c, |c, frame| [&c.bytes(8), frame].concat())
    }),
    neighbour("random gaps of random sizes", &[], |c| {
        each(&several(c)?, c, |c, frame| {
            let length = 2 + c.below(40);
            [&c.bytes(length), frame].concat()
        })
    }),
    neighbour("one random gap of 4 bytes", &[], |c| once(c, |c| c.bytes(4))),
    neighbour("one NUL between two frames", &["wrapped-nul", "channel-byte-added"], |c| once(c, |_| vec![0])),
    neighbour("one log line between two frames", &["channel-text-between-frames"], |c| {
        once(c, |_| b"2: warning, two frames\n".to_vec())
    }),
    neighbour("u32 sizes that do not fit", &["wrapped-trailer"], |c| {
        each(&several(c)?, c, |c, frame| [&number(frame.len() + 9 + c.below(90), 4, false), frame].concat())
    }),
    neighbour("one END missing", &["frame-end-missing", "channel-send-cut"], |c| {
        let drafts = several(c)?;
        let (at, mut number) = (1 + c.below(drafts.len() - 2), 0);
        each(&drafts, c, |_, frame| {
            number += 1;
            if number == at + 1 { frame[..frame.len() - 2].to_vec() } else { frame.to_vec() }
        })
    }),
    mistake("one byte lost, START in the body", &["channel-byte-lost"], |c| {
        let inner = corpus::text_draft(kind::MESSAGE, Vec::new(), corpus::text_of(c, 60), bookend::Encoding::Utf8);
        let body = [c.bytes(5), inner.wire(), c.bytes(7)].concat();
        let lost = c.below(5);
        bodies(c, body, move |wire| _ = wire.remove(8 + lost))
    }),
    mistake("little-endian lengths, frames in a body", &["length-little-endian"], |c| {
        let inner = corpus::text_draft(kind::MESSAGE, Vec::new(), corpus::text_of(c, 60), bookend::Encoding::Utf8);
        let body = [inner.wire(), inner.wire()].concat();
        bodies(c, body, |wire| wire[4..8].reverse())
    }),
    mistake("little-endian lengths, bodies of one size", &["length-little-endian"], |c| {
        let size = c.size().clamp(2, 3000);
        equal(c, size, |n| n.to_le_bytes())
    }),
    mistake("lengths with the header, bodies of one size", &["length-includes-header"], |c| {
        let size = c.size().clamp(2, 3000);
        equal(c, size, |n| (n + 8).to_be_bytes())
    }),
    neighbour("one byte lost, own length in the body", &["channel-byte-lost"], |c| {
        let text = corpus::text_of(c, 60);
        let body = [number(text.len(), 4, false), text.into_bytes()].concat();
        let lost = 4 + c.below(body.len() - 4);
        bodies(c, body, move |wire| _ = wire.remove(8 + lost))
    }),
    neighbour("one byte lost, wrapped streams in the body", &["channel-byte-lost"], |c| {
        let inner = corpus::text_draft(kind::MESSAGE, Vec::new(), corpus::text_of(c, 60), bookend::Encoding::Utf8);
        let wrapped = match c.below(3) {
            0 => docker(1, &inner.wire()),
            1 => websocket(0x82, &inner.wire(), None),
            _ => [number(inner.wire().len(), 4, false), inner.wire()].concat(),
        };
        let body = wrapped.repeat(1 + c.below(4));
        let lost = c.below(body.len());
        bodies(c, body, move |wire| _ = wire.remove(8 + lost))
    }),
    mistake("text with a netstring", &["foreign-text"], |c| {
        let text = corpus::text_in(c, corpus::ENGLISH, 60);
        let word = corpus::text_in(c, corpus::ENGLISH, 12);
        sent(format!("{text} {}:{word}, {text}\r\n", word.len()))
    }),
    mistake("text that begins with a number", &["foreign-text"], |c| {
        let (hour, minute) = (c.below(24), c.below(60));
        sent(format!("{hour}:{minute:02} {}\r\n", corpus::text_in(c, corpus::ENGLISH, 60)))
    }),
    mistake("text with a byte order mark", &["foreign-text"], |c| {
        sent(format!("\u{FEFF}{}\r\n", corpus::text_of(c, 60)))
    }),
    neighbour("WebSocket frames of text", &["foreign-websocket"], |c| {
        let texts: Vec<Vec<u8>> = (0..3).map(|_| websocket(0x81, corpus::text_of(c, 60).as_bytes(), None)).collect();
        sent(texts.concat())
    }),
    neighbour("docker attach, lines of text", &[], |c| {
        let lines: Vec<Vec<u8>> = (0..4).map(|_| docker(1, corpus::text_of(c, 60).as_bytes())).collect();
        sent(lines.concat())
    }),
    neighbour("random bytes", &[], |c| {
        let length = 40 + c.below(4000);
        sent(c.bytes(length))
    }),
    neighbour("SLIP of something else", &[], |c| {
        let packets: Vec<Vec<u8>> = (0..4).map(|_| [b"\xC0\x45\0\0", &c.bytes(40)[..], b"\xC0"].concat()).collect();
        sent(packets.concat())
    }),
    neighbour("objects of Java without frames", &[], |c| {
        let texts: Vec<Vec<u8>> = (0..3)
            .map(|_| {
                let text = corpus::text_in(c, corpus::ENGLISH, 40);
                [b"\x74", &number(text.len(), 2, false)[..], text.as_bytes()].concat()
            })
            .collect();
        sent([b"\xAC\xED\0\x05", &texts.concat()[..]].concat())
    }),
];

/// Something between two frames, once.
fn once(chance: &mut Chance, gap: fn(&mut Chance) -> Vec<u8>) -> Option<Damage> {
    let drafts = several(chance)?;
    let (at, mut number) = (chance.below(drafts.len() - 1), 0);
    each(&drafts, chance, |chance, frame| {
        number += 1;
        if number == at + 1 { [frame, &gap(chance)].concat() } else { frame.to_vec() }
    })
}

/// HELLO, frames of binary, one of which has this body and is changed, and others of the same kind.
fn bodies(chance: &mut Chance, body: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Option<Damage> {
    let draft = |payload| Draft {
        kind: kind::MESSAGE,
        encoding: bookend::Encoding::Binary,
        fixed: Vec::new(),
        payload,
        text: None,
    };
    let mut drafts = vec![corpus::stream(chance).swap_remove(0)];
    for _ in 0..1 + chance.below(3) {
        let length = 1 + chance.below(100);
        drafts.push(draft(chance.bytes(length)));
    }
    let mut wires: Vec<Vec<u8>> = drafts.iter().map(Draft::wire).collect();
    let mut faulty = draft(body).wire();
    change(&mut faulty);
    let at = 1 + chance.below(wires.len() - 1);
    wires.insert(at, faulty);
    let ends = wires.iter().scan(0, |end, wire| {
        *end += wire.len();
        Some(*end)
    });
    Some(Damage::Stream { ends: ends.collect(), wire: wires.concat() })
}

/// HELLO, and frames of text whose bodies have `size` bytes.
fn equal(chance: &mut Chance, size: usize, field: fn(u32) -> [u8; 4]) -> Option<Damage> {
    let mut drafts = vec![corpus::stream(chance).swap_remove(0)];
    for _ in 0..3 + chance.below(5) {
        let text = corpus::text_in(chance, corpus::ENGLISH, size);
        drafts.push(corpus::text_draft(kind::MESSAGE, Vec::new(), text, bookend::Encoding::Utf8));
    }
    let length = u32::try_from(size).ok()?;
    let mut is_hello = true;
    each(&drafts, chance, |_, frame| match std::mem::take(&mut is_hello) {
        true => frame.to_vec(),
        false => [&frame[..4], &field(length), &frame[8..]].concat(),
    })
}

fn sent(wire: impl Into<Vec<u8>>) -> Option<Damage> {
    let wire = wire.into();
    Some(Damage::Stream { ends: vec![wire.len()], wire })
}

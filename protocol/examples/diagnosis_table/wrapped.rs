//! Frames within another format: something stands before each, or around it.

use crate::corpus::{self, Chance, Draft};
use crate::formats::{block_data, cobs, docker, number, slip, varint, websocket};
use crate::{Damage, Mistake, mistake};

pub(crate) const MISTAKES: &[Mistake] = &[
    mistake("u32 size before each frame", &["wrapped-length-prefix"], |c| prefixed(c, 4, false)),
    mistake("u32 size before each frame, its own too", &["wrapped-length-prefix"], |c| prefixed(c, 4, true)),
    mistake("u24 size before each frame", &["wrapped-length-prefix"], |c| prefixed(c, 3, false)),
    mistake("u16 size before each frame", &["wrapped-length-prefix"], |c| prefixed(c, 2, false)),
    mistake("u64 size before each frame", &["wrapped-length-prefix"], |c| prefixed(c, 8, false)),
    mistake("u8 size before each frame", &["wrapped-length-prefix"], |c| prefixed(c, 1, false)),
    mistake("varint size before each frame", &["wrapped-length-prefix"], |c| {
        each(&corpus::stream(c), c, |_, frame| [varint(frame.len()), frame.to_vec()].concat())
    }),
    mistake("u32 size before each frame but HELLO", &["wrapped-length-prefix"], |c| {
        let (drafts, little) = (several(c)?, c.once_in(2));
        let mut first = true;
        each(&drafts, c, |_, frame| match std::mem::take(&mut first) {
            true => frame.to_vec(),
            false => [number(frame.len(), 4, little), frame.to_vec()].concat(),
        })
    }),
    mistake("docker attach, stdout", &["wrapped-docker"], |c| each(&corpus::stream(c), c, |_, frame| docker(1, frame))),
    mistake("docker attach, stdout and stderr", &["wrapped-docker"], |c| {
        each(&corpus::stream(c), c, |c, frame| match c.once_in(3) {
            true => [docker(1, frame), docker(2, b"level=info msg=\"sent a message\"\n")].concat(),
            false => docker(1, frame),
        })
    }),
    mistake("docker attach, pieces", &["wrapped-docker"], |c| pieces(c, |_, piece| docker(1, piece))),
    mistake("WebSocket frames of a server", &["wrapped-websocket"], |c| {
        each(&corpus::stream(c), c, |c, frame| match c.once_in(8) {
            true => [websocket(0x82, frame, None), vec![0x89, 0]].concat(),
            false => websocket(0x82, frame, None),
        })
    }),
    mistake("WebSocket frames of a client", &["wrapped-websocket"], |c| {
        each(&corpus::stream(c), c, |c, frame| websocket(0x82, frame, Some(c.bytes(4))))
    }),
    mistake("WebSocket frames, fragmented", &["wrapped-websocket"], |c| {
        each(&corpus::stream(c), c, |c, frame| {
            let (start, rest) = frame.split_at(1 + c.below(frame.len() - 1));
            [websocket(0x02, start, None), websocket(0x80, rest, None)].concat()
        })
    }),
    mistake("chunks of HTTP", &["wrapped-chunked"], |c| {
        let end = c.once_in(2);
        let ended = each(&corpus::stream(c), c, chunk)?;
        Some(if end { ended.with(b"0\r\n\r\n") } else { ended })
    }),
    mistake("chunks of HTTP, pieces", &["wrapped-chunked"], |c| pieces(c, chunk)),
    mistake("SLIP", &["wrapped-slip"], |c| {
        let leading = !c.once_in(4);
        each(&corpus::stream(c), c, |_, frame| {
            [if leading { &b"\xC0"[..] } else { b"" }, &slip(frame), b"\xC0"].concat()
        })
    }),
    mistake("COBS", &["wrapped-cobs"], |c| each(&corpus::stream(c), c, |_, frame| cobs(frame))),
    mistake("STX and ETX", &["wrapped-stx-etx"], |c| {
        let check = c.once_in(3);
        each(&corpus::stream(c), c, |_, frame| {
            let sum = if check { vec![frame.iter().fold(3, |sum, byte| sum ^ byte)] } else { Vec::new() };
            [b"\x02", frame, b"\x03", &sum].concat()
        })
    }),
    mistake("MLLP", &["wrapped-mllp"], |c| {
        each(&corpus::stream(c), c, |_, frame| [b"\x0B", frame, b"\x1C\r"].concat())
    }),
    mistake("netstrings", &["wrapped-netstring"], |c| {
        each(&corpus::stream(c), c, |_, frame| [format!("{}:", frame.len()).as_bytes(), frame, b","].concat())
    }),
    mistake("ObjectOutputStream.write", &["wrapped-java-objects"], |c| {
        Some(each(&corpus::stream(c), c, |_, frame| block_data(frame))?.after(b"\xAC\xED\0\x05"))
    }),
    mistake("ObjectOutputStream.writeObject", &["wrapped-java-objects"], |c| {
        const CLASS: &[u8] = b"\x75\x72\0\x02[B\xAC\xF3\x17\xF8\x06\x08\x54\xE0\x02\0\0\x78\x70";
        let mut class = CLASS;
        let made = each(&corpus::stream(c), c, |_, frame| {
            let head = std::mem::replace(&mut class, b"\x75\x71\0\x7E\0\0");
            [head, &number(frame.len(), 4, false), frame].concat()
        });
        Some(made?.after(b"\xAC\xED\0\x05"))
    }),
];

/// Each frame of these as `wrap` makes it.
pub(crate) fn each(
    drafts: &[Draft],
    chance: &mut Chance,
    mut wrap: impl FnMut(&mut Chance, &[u8]) -> Vec<u8>,
) -> Option<Damage> {
    let (mut wire, mut ends) = (Vec::new(), Vec::new());
    for draft in drafts {
        wire.extend(wrap(chance, &draft.wire()));
        ends.push(wire.len());
    }
    Some(Damage::Stream { wire, ends })
}

/// HELLO and at least two other frames.
pub(crate) fn several(chance: &mut Chance) -> Option<Vec<Draft>> {
    Some(corpus::stream(chance)).filter(|drafts| drafts.len() > 2)
}

/// The stream in pieces that hold a part of a frame, or several, each as `wrap` makes it. HELLO has its own piece.
fn pieces(chance: &mut Chance, wrap: fn(&mut Chance, &[u8]) -> Vec<u8>) -> Option<Damage> {
    let drafts = corpus::stream(chance);
    let hello = drafts[0].wire();
    let stream: Vec<u8> = drafts[1..].iter().flat_map(Draft::wire).collect();
    let mut wire = wrap(chance, &hello);
    let mut ends = vec![wire.len()];
    let size = [16, 100, 1000, 16_384][chance.below(4)];
    let mut rest = &stream[..];
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + chance.below(2 * size)).min(rest.len()));
        wire.extend(wrap(chance, piece));
        ends.push(wire.len());
        rest = after;
    }
    Some(Damage::Stream { wire, ends })
}

fn prefixed(chance: &mut Chance, width: usize, itself: bool) -> Option<Damage> {
    let little = chance.once_in(2);
    let drafts = corpus::stream(chance);
    let extra = if itself { width } else { 0 };
    let longest = drafts.iter().map(|draft| draft.wire().len() + extra).max()?;
    if width < 3 && longest >> (8 * width) > 0 {
        return None;
    }
    each(&drafts, chance, |_, frame| [number(frame.len() + extra, width, little), frame.to_vec()].concat())
}

fn chunk(chance: &mut Chance, bytes: &[u8]) -> Vec<u8> {
    let size = bytes.len();
    let head = match chance.below(8) {
        0..4 => format!("{size:x}\r\n"),
        4..6 => format!("{size:X}\r\n"),
        6 => format!("{size:08x}\r\n"),
        _ => format!("{size:x};id=7\r\n"),
    };
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

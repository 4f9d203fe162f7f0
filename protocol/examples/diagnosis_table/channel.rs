//! Channels that change bytes, and writers that get in each other's way.

use bookend::Encoding;

use crate::corpus::{self, Chance, Draft};
use crate::formats::base64;
use crate::{Damage, Mistake, mistake};

pub(crate) const MISTAKES: &[Mistake] = &[
    mistake("LF becomes CRLF", &["channel-lf-to-crlf"], |c| {
        through(c, |b| map(b, |b| if b == b'\n' { b"\r\n".to_vec() } else { vec![b] }))
    }),
    mistake("bare LF becomes CRLF", &["channel-lf-to-crlf"], |c| {
        through(c, |b| replace(&replace(b, b"\r\n", b"\n"), b"\n", b"\r\n"))
    }),
    mistake("LF becomes CRLF, in payloads", &["channel-lf-to-crlf"], |c| payloads(c, |b| replace(b, b"\n", b"\r\n"))),
    mistake("CRLF becomes LF", &["channel-crlf-to-lf"], |c| through(c, |b| replace(b, b"\r\n", b"\n"))),
    mistake("CRLF becomes LF, in payloads", &["channel-crlf-to-lf"], |c| payloads(c, |b| replace(b, b"\r\n", b"\n"))),
    mistake("CR becomes LF", &["channel-cr-to-lf"], |c| through(c, |b| replace(b, b"\r", b"\n"))),
    mistake("CR becomes CRLF", &["channel-cr-to-crlf"], |c| through(c, |b| replace(b, b"\r", b"\r\n"))),
    mistake("CR becomes CR NUL", &["channel-cr-nul"], |c| through(c, |b| replace(b, b"\r", b"\r\0"))),
    mistake("LF dropped", &["channel-lf-dropped"], |c| through(c, |b| without(b, b"\n"))),
    mistake("IAC doubled", &["channel-iac-doubled"], |c| through(c, |b| replace(b, b"\xFF", b"\xFF\xFF"))),
    mistake("IAC swallowed", &["channel-iac-swallowed"], |c| through(c, |b| without(b, b"\xFF"))),
    mistake("XON and XOFF swallowed", &["channel-xon-swallowed"], |c| through(c, |b| without(b, b"\x11\x13"))),
    mistake("eighth bit stripped", &["channel-seven-bit"], |c| through(c, |b| b.iter().map(|b| b & 0x7F).collect())),
    mistake("Latin-1 to UTF-8", &["channel-latin-1-to-utf-8"], |c| {
        through(c, |b| b.iter().map(|&b| char::from(b)).collect::<String>().into_bytes())
    }),
    mistake("decoded with replacement", &["channel-replacement"], |c| {
        through(c, |b| String::from_utf8_lossy(b).into_owned().into_bytes())
    }),
    mistake("? for non-ASCII", &["channel-question-marks"], |c| {
        through(c, |b| b.iter().map(|&b| if b < 0x80 { b } else { b'?' }).collect())
    }),
    mistake("non-ASCII dropped", &["channel-non-ascii-dropped"], |c| {
        through(c, |b| b.iter().copied().filter(u8::is_ascii).collect())
    }),
    mistake("widened to UTF-16LE", &["channel-widened-to-utf-16"], |c| through(c, |b| map(b, |b| vec![b, 0]))),
    mistake("widened to UTF-16BE", &["channel-widened-to-utf-16"], |c| through(c, |b| map(b, |b| vec![0, b]))),
    mistake("widened to UTF-16LE with BOM", &["channel-widened-to-utf-16"], |c| {
        through(c, |b| [b"\xFF\xFE".to_vec(), map(b, |b| vec![b, 0])].concat())
    }),
    mistake("hex text", &["channel-hex"], |c| match c.below(3) {
        0 => through(c, |b| map(b, |b| format!("{b:02x}").into_bytes())),
        1 => through(c, |b| map(b, |b| format!("{b:02X}").into_bytes())),
        _ => through(c, |b| map(b, |b| format!("{b:02x} ").into_bytes())),
    }),
    mistake("base64 text", &["channel-base64"], |c| through(c, base64)),
    mistake("printed with backslashes", &["channel-escaped"], |c| {
        through(c, |b| format!("b'{}'", b.escape_ascii()).into_bytes())
    }),
    mistake("NUL dropped", &["channel-nul-dropped"], |c| through(c, |b| without(b, b"\0"))),
    mistake("^Z dropped", &["channel-ctrl-z-dropped"], |c| through(c, |b| without(b, b"\x1A"))),
    mistake("truncated at ^Z", &["channel-truncated-at-ctrl-z"], |c| {
        through(c, |b| b.iter().copied().take_while(|&b| b != 0x1A).collect())
    }),
    mistake("bytes swapped in 16-bit words", &["channel-bytes-swapped"], |c| {
        through(c, |b| b.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect())
    }),
    mistake("bytes swapped in 32-bit words", &["channel-bytes-swapped"], |c| {
        through(c, |b| b.chunks(4).flat_map(|word| word.iter().rev().copied()).collect())
    }),
    mistake("one byte lost", &["channel-byte-lost"], |c| once(c, false, |_, wire, at| _ = wire.remove(at))),
    mistake(
        "one byte lost, where more fits",
        &["channel-byte-lost", "length-counts-terminator", "channel-crlf-to-lf"],
        |c| once(c, true, |_, wire, at| _ = wire.remove(at)),
    ),
    mistake("one byte added", &["channel-byte-added"], |c| once(c, false, |c, wire, at| wire.insert(at, c.byte()))),
    mistake("a frame within a frame", &["channel-writers-interleaved"], |c| interleaved(c, false)),
    mistake("two frames in turns", &["channel-writers-interleaved"], |c| interleaved(c, true)),
    mistake("a partial send repeated from the front", &["channel-send-repeated"], |c| partial_send(c, true)),
    mistake("the rest of a partial send dropped", &["channel-send-cut"], |c| partial_send(c, false)),
    mistake("the whole stream compressed", &["channel-compressed"], compressed),
    mistake("line break after each frame", &["channel-newline-between-frames"], |c| {
        let end: &[u8] = if c.once_in(2) { b"\n" } else { b"\r\n" };
        between(c, |_| end.to_vec())
    }),
    mistake("log lines between frames", &["channel-text-between-frames"], |c| {
        between(c, |c| if c.once_in(2) { b"DEBUG: sent a message\n".to_vec() } else { Vec::new() })
    }),
];

/// The bytes of `length` that a partial send took, the header among them in most cases.
fn part(chance: &mut Chance, length: usize) -> usize {
    let least = if chance.once_in(8) { 2 } else { 8 };
    least + chance.below((length - 2 - least).max(1))
}

/// After a partial send of one frame, it is sent again from its front (`repeated`), or its rest never.
fn partial_send(chance: &mut Chance, repeated: bool) -> Option<Damage> {
    let (drafts, ..) = drafts(chance);
    let at = 1 + chance.below(drafts.len() - 1);
    if !repeated && at + 1 == drafts.len() {
        return None; // a stream that ends
    }
    let (mut wire, mut ends) = (Vec::new(), Vec::new());
    for (number, draft) in drafts.iter().enumerate() {
        let frame = draft.wire();
        if number == at {
            let sent = part(chance, frame.len());
            wire.extend(&frame[..sent]);
        }
        if number != at || repeated {
            wire.extend(frame);
        }
        ends.push(wire.len());
    }
    Some(Damage::Stream { wire, ends })
}

/// All of it compressed: what follows the head has no pattern.
fn compressed(chance: &mut Chance) -> Option<Damage> {
    let (_, sound, _) = drafts(chance);
    let head: &[u8] = match chance.below(4) {
        0 => b"\x78\x9C\xAD", // a block with codes of its own
        1 => b"\x28\xB5\x2F\xFD\x04",
        _ => b"\x1F\x8B\x08\0\0\0\0\0\0\x03",
    };
    let wire = [head, &chance.bytes(30 + sound.len() * 2 / 5)].concat();
    Some(Damage::Stream { ends: vec![wire.len()], wire })
}

fn drafts(chance: &mut Chance) -> (Vec<Draft>, Vec<u8>, Vec<usize>) {
    let drafts = corpus::stream(chance);
    let (mut wire, mut ends) = (Vec::new(), Vec::new());
    for draft in &drafts {
        draft.write(&mut wire);
        ends.push(wire.len());
    }
    (drafts, wire, ends)
}

/// The whole stream through a channel: HELLO shows it.
fn through(chance: &mut Chance, channel: impl Fn(&[u8]) -> Vec<u8>) -> Option<Damage> {
    let (_, sound, ends) = drafts(chance);
    let wire = channel(&sound);
    let hello = channel(&sound[..ends[0]]).len().min(wire.len());
    (wire != sound).then(|| Damage::Stream { ends: vec![hello, wire.len()], wire })
}

/// A text-mode writer after the one that counted.
fn payloads(chance: &mut Chance, channel: fn(&[u8]) -> Vec<u8>) -> Option<Damage> {
    let (drafts, sound, _) = drafts(chance);
    let (mut wire, mut ends) = (Vec::new(), Vec::new());
    for draft in &drafts {
        let changed = if draft.text.is_some() { channel(&draft.payload) } else { draft.payload.clone() };
        wire.extend([0xF5, 0xF8, draft.kind, draft.encoding as u8]);
        wire.extend(u32::try_from(draft.body().len()).expect("short").to_be_bytes());
        wire.extend([&draft.fixed[..], &changed, &[0xF8, 0xF5]].concat());
        ends.push(wire.len());
    }
    (wire != sound).then_some(Damage::Stream { wire, ends })
}

/// One byte, anywhere but in the last END, whose loss is a stream cut off. In text whose like does not come again a byte
/// that is missing looks like a NUL that was counted, and with one line break in it like a CR that is gone: `alone` are
/// those.
fn once(chance: &mut Chance, alone: bool, change: fn(&mut Chance, &mut Vec<u8>, usize)) -> Option<Damage> {
    let (drafts, mut wire, mut ends) = drafts(chance);
    // In a frame that is drawn first: else the longest one would always have it.
    let frame = chance.below(ends.len());
    let like = |other: &&Draft| other.kind == drafts[frame].kind && other.text.is_some();
    let one_line = drafts[frame].body().iter().filter(|&&byte| byte == b'\n').count() == 1;
    let no_other = drafts[frame].text.is_some() && drafts.iter().filter(like).count() == 1;
    // Where its like is out of sight, it is alone as well.
    if wire.len() > 60_000 || alone != (one_line || no_other) {
        return None;
    }
    let start = frame.checked_sub(1).map_or(0, |before| ends[before]);
    let at = start + chance.below(ends[frame] - start);
    if at + 2 >= wire.len() {
        return None;
    }
    let before = wire.len();
    change(chance, &mut wire, at);
    for end in &mut ends[frame..] {
        *end = *end + wire.len() - before;
    }
    Some(Damage::Stream { wire, ends })
}

/// Two threads write a frame each, and the second one begins before the first has finished.
fn interleaved(chance: &mut Chance, in_turns: bool) -> Option<Damage> {
    let (drafts, _, _) = drafts(chance);
    let [outer, inner] = [drafts.len().checked_sub(2).filter(|&at| at > 0)?, drafts.len() - 1].map(|at| {
        let mut wire = Vec::new();
        drafts[at].write(&mut wire);
        wire
    });
    if outer.len() + inner.len() > 60_000 {
        return None; // more than is looked at
    }
    let (mut wire, mut ends) = (Vec::new(), Vec::new());
    for draft in &drafts[..drafts.len() - 2] {
        draft.write(&mut wire);
        ends.push(wire.len());
    }
    let cut = 1 + chance.below(outer.len() - 1);
    // Writers are cut where a write ends: the header is one, in half of the cases.
    let cut = if in_turns || chance.once_in(2) { cut.clamp(8, outer.len() - 2) } else { cut };
    let inner_cut = if in_turns { 8 + chance.below(inner.len() - 9) } else { inner.len() };
    for part in [&outer[..cut], &inner[..inner_cut], &outer[cut..], &inner[inner_cut..]] {
        wire.extend(part);
    }
    ends.push(wire.len());
    if chance.once_in(2) {
        corpus::text_draft(bookend::kind::MESSAGE, Vec::new(), "after".into(), Encoding::Utf8).write(&mut wire);
        ends.push(wire.len());
    }
    Some(Damage::Stream { wire, ends })
}

fn between(chance: &mut Chance, mut stray: impl FnMut(&mut Chance) -> Vec<u8>) -> Option<Damage> {
    let (drafts, sound, _) = drafts(chance);
    let (mut wire, mut ends) = (Vec::new(), Vec::new());
    for (at, draft) in drafts.iter().enumerate() {
        if at > 0 {
            wire.extend(stray(chance));
        }
        draft.write(&mut wire);
        ends.push(wire.len());
    }
    (wire != sound).then_some(Damage::Stream { wire, ends })
}

fn map(bytes: &[u8], change: impl Fn(u8) -> Vec<u8>) -> Vec<u8> {
    bytes.iter().flat_map(|&byte| change(byte)).collect()
}

fn without(bytes: &[u8], dropped: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| !dropped.contains(byte)).collect()
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some(&first) = rest.first() {
        if let Some(tail) = rest.strip_prefix(from) {
            out.extend(to);
            rest = tail;
        } else {
            out.push(first);
            rest = &rest[1..];
        }
    }
    out
}

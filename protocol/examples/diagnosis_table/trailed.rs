//! Something after each frame, or before it, that is no format: padding, checksums, tags, a byte order mark.

use crate::corpus::{self, Chance, Draft};
use crate::formats::{crc16, crc32, number};
use crate::wrapped::{each, several};
use crate::{Damage, Mistake, mistake};

pub(crate) const MISTAKES: &[Mistake] = &[
    mistake("NULs to a fixed size", &["wrapped-padding"], |c| {
        let drafts = fitting(c)?;
        let size = size_over(c, &drafts);
        each(&drafts, c, |_, frame| [frame, &vec![0; size - frame.len()][..]].concat())
    }),
    mistake("stale bytes to a fixed size", &["wrapped-padding"], |c| {
        let drafts = fitting(c)?;
        let size = size_over(c, &drafts);
        let mut buffer = if c.once_in(2) { vec![0; size] } else { c.bytes(size) };
        each(&drafts, c, |_, frame| {
            buffer[..frame.len()].copy_from_slice(frame);
            buffer.clone()
        })
    }),
    mistake("sum of one byte after END", &["wrapped-trailer"], |c| {
        trailed(c, |frame| vec![frame.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte))])
    }),
    mistake("sum of two bytes after END", &["wrapped-trailer"], |c| {
        trailed(c, |frame| number(frame.iter().map(|&byte| usize::from(byte)).sum(), 2, frame[2] == 2))
    }),
    mistake("sum of four bytes after END", &["wrapped-trailer"], |c| {
        trailed(c, |frame| number(frame.iter().map(|&byte| usize::from(byte)).sum(), 4, false))
    }),
    mistake("CRC-16 after END", &["wrapped-trailer"], |c| trailed(c, |frame| crc16(frame).to_le_bytes().to_vec())),
    mistake("CRC-32 after END", &["wrapped-trailer"], |c| trailed(c, |frame| crc32(frame).to_be_bytes().to_vec())),
    mistake("a NUL after END", &["wrapped-nul"], |c| each(&corpus::stream(c), c, |_, frame| [frame, b"\0"].concat())),
    mistake("a constant tag before each frame", &["wrapped-constant"], |c| {
        let tag = tag(c);
        each(&several(c)?, c, |_, frame| [&tag, frame].concat())
    }),
    mistake("a constant tag after each frame", &["wrapped-constant"], |c| {
        let tag = tag(c);
        each(&several(c)?, c, |_, frame| [frame, &tag].concat())
    }),
    mistake("a byte order mark first", &["wrapped-byte-order-mark"], |c| {
        Some(each(&corpus::stream(c), c, |_, frame| frame.to_vec())?.after(b"\xEF\xBB\xBF"))
    }),
    mistake("a byte order mark before each frame", &["wrapped-byte-order-mark"], |c| {
        each(&corpus::stream(c), c, |_, frame| [b"\xEF\xBB\xBF", frame].concat())
    }),
];

/// Two to eight bytes that are no text and no mark of another format.
fn tag(chance: &mut Chance) -> Vec<u8> {
    match chance.below(3) {
        0 => vec![0xAA, 0x55],
        1 => vec![0xDE, 0xAD, 0xBE, 0xEF],
        _ => {
            let length = 1 + chance.below(7);
            [vec![0x80 | chance.byte()], chance.bytes(length)].concat()
        }
    }
}

/// At least three frames that fit in a buffer.
fn fitting(chance: &mut Chance) -> Option<Vec<Draft>> {
    let drafts = several(chance)?;
    drafts.iter().all(|draft| draft.wire().len() <= 8192).then_some(drafts)
}

fn size_over(chance: &mut Chance, drafts: &[Draft]) -> usize {
    let longest = drafts.iter().map(|draft| draft.wire().len()).max().unwrap_or(0);
    let sizes = [128, 200, 256, 512, 1000, 1024, 1500, 2048, 4096, 8192, 16_384];
    let fitting: Vec<usize> = sizes.into_iter().filter(|&size| size > longest).collect();
    fitting[chance.below(fitting.len().min(3))]
}

fn trailed(chance: &mut Chance, check: fn(&[u8]) -> Vec<u8>) -> Option<Damage> {
    each(&several(chance)?, chance, |_, frame| [frame, &check(frame)].concat())
}

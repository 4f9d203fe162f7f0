//! Decides by its first bytes whether a TCP stream of a capture is Bookend.

use bookend::session::MAX_PREAMBLE;
use bookend::{Encoding, HEADER_LENGTH, START, kind};

use super::reassembly::Piece;
use super::resync::{self, Search};
use super::side::Side;

/// The most bytes held of a stream that is not recognised yet.
const MAX_HELD: usize = 64 << 10;

/// The pieces of a stream that is not recognised yet.
#[derive(Debug, Default)]
pub(super) struct Held {
    pieces: Vec<(Side, HeldPiece)>,
    /// The memory that the pieces take, in bytes.
    size: usize,
}

#[derive(Debug)]
enum HeldPiece {
    Bytes(Vec<u8>),
    Hole(u64),
}

/// What a stream looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Bookend,
    Foreign,
    Undecided,
}

impl Held {
    pub(super) fn push(&mut self, sender: Side, piece: Piece<'_>) {
        self.size += size_of::<HeldPiece>();
        let held = match piece {
            Piece::Bytes(bytes) => {
                self.size += bytes.len();
                HeldPiece::Bytes(bytes.to_vec())
            }
            Piece::Hole(length) => HeldPiece::Hole(length),
        };
        self.pieces.push((sender, held));
    }

    /// The pieces, in the order in which they arrived.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (Side, Piece<'_>)> {
        self.pieces.iter().map(|(sender, held)| match held {
            HeldPiece::Bytes(bytes) => (*sender, Piece::Bytes(bytes)),
            HeldPiece::Hole(length) => (*sender, Piece::Hole(*length)),
        })
    }

    /// Decides for the stream. `client_whole`, `server_whole`: the first bytes of that side were captured.
    pub(super) fn look(&self, client_whole: bool, server_whole: bool) -> Look {
        match (self.look_at(Side::Client, client_whole), self.look_at(Side::Server, server_whole)) {
            (Look::Bookend, _) | (_, Look::Bookend) => Look::Bookend,
            (Look::Foreign, Look::Foreign) => Look::Foreign,
            _ if self.size > MAX_HELD => Look::Foreign,
            _ => Look::Undecided,
        }
    }

    fn look_at(&self, side: Side, whole: bool) -> Look {
        let room = if side == Side::Client { 1 } else { MAX_PREAMBLE + 1 };
        let mut bytes = Vec::new();
        for (_, held) in self.pieces.iter().filter(|(sender, _)| *sender == side) {
            match held {
                HeldPiece::Bytes(more) if !whole || bytes.len() < room + HEADER_LENGTH => bytes.extend_from_slice(more),
                _ => break,
            }
        }
        if !whole {
            let found = matches!(resync::find(&bytes, bookend::MAX_LENGTH, true), Search::Found(_));
            return if found { Look::Bookend } else { Look::Undecided };
        }
        match bytes.iter().take(room).position(|&byte| byte == START[0]) {
            None if bytes.len() < room => Look::Undecided,
            None => Look::Foreign,
            Some(start) => match bytes.get(start..start + 4) {
                None => Look::Undecided,
                Some([a, b, kind, encoding])
                    if [*a, *b] == START && kind::name(*kind).is_some() && Encoding::from_byte(*encoding).is_some() =>
                {
                    Look::Bookend
                }
                Some(_) => Look::Foreign,
            },
        }
    }
}

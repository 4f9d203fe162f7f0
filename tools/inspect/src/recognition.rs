//! Decides by its first bytes whether a TCP stream of a capture is Bookend.

use bookend::session::MAX_PREAMBLE;
use bookend::{CANARY, Encoding, HEADER_LENGTH, MAGIC, START, kind};

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
    /// A hole or a conflict.
    Other(Piece<'static>),
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
            Piece::Hole(length) => HeldPiece::Other(Piece::Hole(length)),
            Piece::Conflict { position, length, differing } => {
                HeldPiece::Other(Piece::Conflict { position, length, differing })
            }
        };
        self.pieces.push((sender, held));
    }

    /// The pieces, in the order in which they arrived.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (Side, Piece<'_>)> {
        self.pieces.iter().map(|(sender, held)| match held {
            HeldPiece::Bytes(bytes) => (*sender, Piece::Bytes(bytes)),
            HeldPiece::Other(piece) => (*sender, *piece),
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
        let (first, later) = self.bytes(side, whole);
        if !later.is_empty() {
            let found = matches!(resync::find(&later, bookend::MAX_LENGTH, true), Search::Found { .. });
            return if found { Look::Bookend } else { Look::Undecided };
        }
        let room = if side == Side::Client { 1 } else { MAX_PREAMBLE + 1 };
        let start = first.iter().take(room).position(|&byte| byte == START[0]);
        match start.and_then(|start| first.get(start..start + 4)) {
            Some([a, b, kind, encoding])
                if [*a, *b] == START && kind::name(*kind).is_some() && Encoding::from_byte(*encoding).is_some() =>
            {
                Look::Bookend
            }
            // Frames in another protocol: a prefix, for example.
            _ if has_hello(&first) => Look::Bookend,
            _ if first.len() < SEARCHED => Look::Undecided,
            _ => Look::Foreign,
        }
    }

    /// The first bytes of a side, as many as decide, and those that do not follow the first one without a hole.
    fn bytes(&self, side: Side, whole: bool) -> (Vec<u8>, Vec<u8>) {
        let (mut first, mut later, mut is_later) = (Vec::new(), Vec::new(), !whole);
        for (_, held) in self.pieces.iter().filter(|(sender, _)| *sender == side) {
            match held {
                HeldPiece::Bytes(bytes) if is_later => later.extend_from_slice(bytes),
                HeldPiece::Bytes(bytes) if first.len() < SEARCHED => first.extend_from_slice(bytes),
                HeldPiece::Other(Piece::Hole(_)) => is_later = true,
                _ => {}
            }
        }
        (first, later)
    }
}

/// The bytes in which the first HELLO begins.
const SEARCHED: usize = MAX_PREAMBLE + HEADER_LENGTH + MAGIC.len() + CANARY.len();

/// True if a HELLO begins in the first bytes, wherever. Nothing else has its magic and its canary.
fn has_hello(bytes: &[u8]) -> bool {
    let first = &bytes[..bytes.len().min(SEARCHED)];
    first.windows(HEADER_LENGTH + MAGIC.len() + CANARY.len()).any(|window| {
        let body = &window[HEADER_LENGTH..];
        window.starts_with(&START) && body.starts_with(&MAGIC) && body.ends_with(&CANARY)
    })
}

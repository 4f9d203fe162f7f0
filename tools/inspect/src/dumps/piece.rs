//! What a decoder of a dump yields.

use std::collections::VecDeque;

use super::lines::Line;
use crate::side::Side;

/// Bytes that a dump shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The sender, if the dump shows two sides.
    pub(crate) side: Option<Side>,
    pub(crate) bytes: Vec<u8>,
    /// The bytes begin a unit of the dump: a packet, an array, a literal or a line.
    pub(super) begins: bool,
}

/// The most bytes that a repetition in the text may stand for, and the most bytes that wait to be taken.
const MAX_REPEATED: u64 = 1 << 20;
const MAX_WAITING: usize = 8 << 20;

/// The pieces that are not taken yet.
#[derive(Debug, Default)]
pub(super) struct Out {
    pieces: VecDeque<Piece>,
    /// The number of bytes in them.
    waiting: usize,
    /// Only the decoder's verdict is wanted.
    discards: bool,
}

impl Out {
    /// Takes bytes, and drops them.
    pub(super) fn discarding() -> Out {
        Out { discards: true, ..Out::default() }
    }

    pub(super) fn push(&mut self, side: Option<Side>, begins: bool, bytes: &[u8]) {
        if self.discards {
            return;
        }
        self.waiting += bytes.len();
        match self.pieces.back_mut() {
            Some(last) if !begins && last.side == side => last.bytes.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => self.pieces.push_back(Piece { side, bytes: bytes.to_vec(), begins }),
        }
    }

    /// Repeats `bytes` until they are `length` bytes. `Err` if a short text stands for too much.
    pub(super) fn repeat(&mut self, side: Option<Side>, begins: bool, bytes: &[u8], length: u64) -> Result<(), String> {
        if length > MAX_REPEATED || bytes.is_empty() || self.waiting > MAX_WAITING {
            return Err("a repetition stands for too many bytes".into());
        }
        let length = usize::try_from(length).unwrap_or(0);
        if !self.discards {
            self.push(side, begins, &bytes.iter().copied().cycle().take(length).collect::<Vec<u8>>());
        }
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Option<Piece> {
        let piece = self.pieces.pop_front()?;
        self.waiting -= piece.bytes.len();
        Some(piece)
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter()
    }
}

/// Decodes one form of dump.
pub(super) trait Decoder {
    /// Takes the next line.
    fn line(&mut self, line: Line<'_>, out: &mut Out) -> Result<(), String>;

    /// The text ends.
    fn end(&mut self, out: &mut Out) -> Result<(), String>;
}

/// A form that fits a text, and a new decoder for it.
pub(super) struct Fit {
    /// The name of the form, as the report gives it.
    pub(super) form: String,
    pub(super) new: Box<dyn Fn() -> Box<dyn Decoder>>,
}

impl Fit {
    pub(super) fn new<D: Decoder + 'static>(form: impl Into<String>, new: impl Fn() -> D + 'static) -> Fit {
        Fit { form: form.into(), new: Box::new(move || Box::new(new())) }
    }
}

/// Whether a form fits: `Err` if the text is of this form, but cannot be read with certainty; the reason.
pub(super) type Fitting = Result<Option<Fit>, String>;

/// The beginning of a text, on which the forms are tried.
pub(super) struct Sample<'a> {
    /// Whole lines, or the beginning of the only line.
    pub(super) lines: Vec<Line<'a>>,
    /// The text ends after them.
    pub(super) complete: bool,
}

impl Sample<'_> {
    /// The lines that are whole.
    pub(super) fn whole(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|line| line.whole())
    }

    /// All that `fit` decodes of the sample.
    pub(super) fn trial(&self, fit: &Fit) -> Result<Out, String> {
        let (mut decoder, mut out) = ((fit.new)(), Out::default());
        for line in &self.lines {
            decoder.line(*line, &mut out)?;
            if out.waiting > MAX_WAITING {
                return Ok(out);
            }
        }
        if self.complete {
            decoder.end(&mut out)?;
        }
        Ok(out)
    }
}

//! Decodes dumps whose rows begin with an offset: those of xxd, hexdump, od, tcpdump, Wireshark, gdb and others.

use super::lines::Line;
use super::notation::{Notation, Shape};
use super::piece::{Decoder, Out};
use super::row::{self, Offset, Values};
use crate::side::Side;

/// The longest line that is a row, in bytes.
const MAX_LINE: usize = 8 << 10;

/// What the rows of a dump have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) notation: Notation,
    /// The base of the offsets.
    pub(super) radix: u32,
    pub(super) prefixed: bool,
    pub(super) colon: bool,
    /// The number of words before the offset.
    pub(super) word: usize,
    /// The column of the rows of the client, and that of the server's, if there are two sides.
    pub(super) columns: Option<(usize, usize)>,
}

/// Decodes rows.
pub(super) struct Rows {
    layout: Layout,
    client: Lane,
    server: Lane,
    /// The next row begins a unit, because other text precedes it.
    apart: bool,
    pub(super) evidence: Evidence,
}

/// How well a layout fits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    pub(super) rows: usize,
    /// Rows whose length agrees with the next offset.
    pub(super) lengths: usize,
    /// Rows whose characters agree with their values, and those whose characters do not.
    pub(super) agree: usize,
    pub(super) disagree: usize,
    /// Rows whose characters agree with no other order of the bytes.
    pub(super) decide: usize,
    /// Lines with an offset, but without values.
    pub(super) unread: usize,
}

impl Evidence {
    /// Do the characters beside the values show the order of their bytes?
    pub(super) fn is_decided(self) -> bool {
        self.decide > 0 && self.disagree == 0
    }
}

/// One side of a dump.
#[derive(Default)]
struct Lane {
    held: Option<Held>,
    repeats: bool,
    /// The length of a full row, in bytes.
    width: usize,
    /// A row was passed on.
    begun: bool,
}

/// A row whose length is not known until the next offset.
struct Held {
    offset: u64,
    values: Values,
    begins: bool,
}

impl Rows {
    pub(super) fn new(layout: Layout) -> Rows {
        let (client, server) = Default::default();
        Rows { layout, client, server, apart: true, evidence: Evidence::default() }
    }

    fn is_alike(&self, offset: &Offset<'_>) -> bool {
        let Layout { prefixed, colon, word, .. } = self.layout;
        offset.prefixed == prefixed && offset.colon == colon && offset.word == word
    }

    fn number(&self, offset: &Offset<'_>) -> Option<u64> {
        u64::from_str_radix(&offset.digits.replace('`', ""), self.layout.radix).ok()
    }

    fn row(&mut self, text: &str, out: &mut Out) -> Result<(), String> {
        if let Some(offset) = row::offsets(text).find(|offset| self.is_alike(offset)) {
            let values = row::values(offset.rest, self.layout.notation);
            let number = match self.number(&offset) {
                Some(number) => number,
                None if values.is_some() => return Err(format!("{} is no offset like the others", offset.digits)),
                None => return Ok(()),
            };
            self.evidence.unread += usize::from(values.is_none() && !offset.rest.trim().is_empty());
            let side = self.side(offset.column);
            let lane = self.lane(side);
            match values {
                Some(values) => {
                    let begins = std::mem::take(&mut self.apart);
                    self.evidence.rows += 1;
                    let taken = self.take(side, Held { offset: number, values, begins }, out);
                    return taken.map_err(|why| format!("{why} (the row at {})", offset.digits));
                }
                None if offset.rest.trim().is_empty() && lane.ends_at(number) => {
                    return self.flush(side, Some(number), out);
                }
                None if lane.follows(number) && !offset.rest.trim().is_empty() => {
                    return Err(format!("the row is not in {}: {}", self.layout.notation.name, shortened(text)));
                }
                None => {}
            }
        }
        self.apart |= !text.trim().is_empty();
        Ok(())
    }

    fn side(&self, column: usize) -> Option<Side> {
        let (client, server) = self.layout.columns?;
        let is_server = column.abs_diff(server) < column.abs_diff(client);
        Some(if is_server { Side::Server } else { Side::Client })
    }

    fn lane(&mut self, side: Option<Side>) -> &mut Lane {
        if side == Some(Side::Server) { &mut self.server } else { &mut self.client }
    }

    fn take(&mut self, side: Option<Side>, mut row: Held, out: &mut Out) -> Result<(), String> {
        let restarts = self.restarts(&row);
        row.begins |= restarts;
        let next = if restarts { None } else { Some(row.offset) };
        self.flush(side, next, out)?;
        self.evidence.agree += usize::from(row.values.by_text.is_some());
        self.evidence.disagree += usize::from(row.values.disagrees);
        self.evidence.decide += usize::from(row.values.decides);
        self.lane(side).held = Some(row);
        Ok(())
    }

    /// True if a row that follows other text begins another dump: at offset 0, or at the address of another object.
    fn restarts(&self, row: &Held) -> bool {
        let is_address = self.layout.prefixed && row.offset > u64::from(u16::MAX);
        row.offset == 0 || (row.begins && is_address)
    }

    /// Passes on the held row, whose end is the offset `next` if it is known.
    fn flush(&mut self, side: Option<Side>, next: Option<u64>, out: &mut Out) -> Result<(), String> {
        let notation = self.layout.notation;
        let lane = self.lane(side);
        let repeats = std::mem::take(&mut lane.repeats);
        let Some(mut held) = lane.held.take() else { return Ok(()) };
        let begins = !std::mem::replace(&mut lane.begun, true) || held.begins;
        let length = next.and_then(|next| next.checked_sub(held.offset)).filter(|&length| length > 0);
        let Some(length) = length else {
            // Another dump follows, or nothing.
            if next.is_some() {
                return Err("the offset is not greater than that of the row before".into());
            }
            let count = natural_length(&held.values, notation, lane.width)?;
            lane.width = 0;
            out.push(side, begins, &held.values.bytes[..count]);
            return Ok(());
        };
        let count = usize::try_from(length).unwrap_or(usize::MAX);
        if notation.shape == Shape::Characters && count <= lane.width {
            // Blanks at the end of the line are lost.
            held.values.bytes.resize(count.max(held.values.bytes.len()), b' ');
        }
        if let Some(bytes) = held.values.bytes.get(..count) {
            held.values.check_length(count, notation)?;
            lane.width = lane.width.max(count);
            out.push(side, begins, bytes);
            self.evidence.lengths += 1;
            return Ok(());
        }
        let width = held.values.by_text.unwrap_or(match lane.width {
            0 => held.values.bytes.len(),
            width => width.min(held.values.bytes.len()),
        });
        if !repeats {
            return Err(format!("the row has {width} bytes, but the next offset is {length} higher: rows are missing"));
        }
        out.repeat(side, begins, &held.values.bytes[..width], length)
    }
}

impl Lane {
    /// True if a row at this offset would continue the dump.
    fn follows(&self, offset: u64) -> bool {
        let held = self.held.as_ref();
        held.is_some_and(|held| !self.repeats && self.width > 0 && held.offset + self.width as u64 == offset)
    }

    /// True if the dump may end at this offset.
    fn ends_at(&self, offset: u64) -> bool {
        self.held.as_ref().is_some_and(|held| {
            let length = offset.checked_sub(held.offset);
            length.is_some_and(|length| length > 0 && (self.repeats || length <= held.values.bytes.len() as u64))
        })
    }
}

impl Values {
    /// Compares the length of the row with what the row shows.
    fn check_length(&self, count: usize, notation: Notation) -> Result<(), String> {
        match self.by_text {
            Some(shown) if shown == count => Ok(()),
            Some(_) => Err("the characters of the row and the next offset disagree about its length".into()),
            // hexdump -c fills the last row with blanks.
            None if notation.shape == Shape::Characters && self.bytes[count..].iter().all(|&byte| byte == b' ') => {
                Ok(())
            }
            None if self.before_gap == count || self.bytes.len() - count < notation.width.max(1) => Ok(()),
            None => Err("the row is longer than the next offset allows".into()),
        }
    }
}

/// The number of bytes of a row, if no offset follows.
fn natural_length(values: &Values, notation: Notation, width: usize) -> Result<usize, String> {
    let limit = if width == 0 { values.bytes.len() } else { width.min(values.bytes.len()) };
    if let Some(shown) = values.by_text {
        return Ok(shown);
    }
    if notation.shape == Shape::Characters && values.bytes.last() == Some(&b' ') {
        return Err("the last row may be padded: keep the last line of the dump, which is the length".into());
    }
    let is_padded = notation.is_words() && !matches!(notation.shape, Shape::Prefixed(_));
    if is_padded && values.bytes[..limit].last() == Some(&0) {
        return Err("the last word may be padded: keep the last line of the dump, which is the length".into());
    }
    if values.disagrees && values.before_gap > 0 { Ok(values.before_gap.min(limit)) } else { Ok(limit) }
}

/// The beginning of a line, for an error.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.trim().chars().take(40).collect();
    if short.len() < text.trim().len() {
        short.push('…');
    }
    short
}

impl Decoder for Rows {
    fn line(&mut self, line: Line<'_>, out: &mut Out) -> Result<(), String> {
        let Some(text) = line.whole().filter(|text| text.len() <= MAX_LINE) else {
            self.apart = true;
            return Ok(()); // no row is so long
        };
        if text.trim_matches(|c: char| c.is_whitespace() || c == '>') == "*" {
            let lane = if self.server.held.is_some() && self.client.held.is_none() { Some(Side::Server) } else { None };
            self.lane(lane).repeats = true;
            return Ok(());
        }
        self.row(text, out)
    }

    fn end(&mut self, out: &mut Out) -> Result<(), String> {
        let sides: &[Option<Side>] =
            if self.layout.columns.is_some() { &[Some(Side::Client), Some(Side::Server)] } else { &[None] };
        for &side in sides {
            self.flush(side, None, out)?;
        }
        Ok(())
    }
}

//! Draws on a terminal whose idea of the width of text may differ from this program's.
//!
//! Terminals disagree about the columns of combined characters: Devanagari and Thai vowels, flags, families, emoji with a
//! variation selector. If only the cells that changed are written, what the terminal put elsewhere remains. So a row that
//! has, or had, such a cluster is erased and written whole, and the cursor is positioned after each cluster.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::crossterm::cursor::MoveTo;
use ratatui::crossterm::queue;
use ratatui::crossterm::terminal::{Clear, ClearType as Erased};
use ratatui::layout::{Position, Rect, Size};

use super::wrap::columns;

/// A terminal that remembers what it shows.
pub(super) struct Painter<W: Write> {
    terminal: CrosstermBackend<W>,
    shown: Buffer,
    /// Where the cursor was set to.
    cursor: Position,
}

impl<W: Write> Painter<W> {
    pub(super) fn new(output: W) -> Painter<W> {
        Painter { terminal: CrosstermBackend::new(output), shown: Buffer::default(), cursor: Position::ORIGIN }
    }

    /// A cell is written. What was in the cells that a wide character covers is gone, although no change names them.
    fn remember(&mut self, x: u16, y: u16, cell: &Cell) {
        self.shown[(x, y)] = cell.clone();
        for covered in x + 1..(x + width(cell.symbol())).min(self.shown.area.width) {
            self.shown[(covered, y)].reset();
        }
    }

    /// Erases a row and writes all of it.
    fn repaint(&mut self, y: u16) -> io::Result<()> {
        queue!(self.terminal, MoveTo(0, y), Clear(Erased::UntilNewLine))?;
        let (mut x, mut start) = (0, 0);
        while x < self.shown.area.width {
            let symbol = self.shown[(x, y)].symbol();
            let is_plain = is_plain(symbol);
            x += width(symbol);
            if !is_plain || x >= self.shown.area.width {
                self.write(y, start, x)?;
                start = x;
            }
        }
        Ok(())
    }

    /// Writes the cells from `start` to `end` of a row, after positioning the cursor.
    fn write(&mut self, y: u16, start: u16, end: u16) -> io::Result<()> {
        let Painter { terminal, shown, .. } = self;
        let mut next = start;
        let cells = (start..end.min(shown.area.width)).filter_map(|x| {
            // The cell after a wide character is part of it.
            let cell = (x >= next).then(|| &shown[(x, y)])?;
            next = x + width(cell.symbol());
            Some((x, y, cell))
        });
        terminal.draw(cells)
    }

    fn forget(&mut self) {
        self.shown.reset();
    }
}

impl<W: Write> Backend for Painter<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let Size { width, height } = self.size()?;
        let area = Rect::new(0, 0, width, height);
        if self.shown.area != area {
            self.shown = Buffer::empty(area);
        }
        let changes: Vec<_> = content.filter(|(x, y, _)| area.contains(Position::new(*x, *y))).collect();
        for row in changes.chunk_by(|(_, above, _), (_, below, _)| above == below) {
            let Some(&(_, y, _)) = row.first() else { continue };
            let had_clusters = has_clusters(&self.shown, y);
            for &(x, y, cell) in row {
                self.remember(x, y, cell);
            }
            if had_clusters || has_clusters(&self.shown, y) {
                self.repaint(y)?;
            } else {
                self.terminal.draw(row.iter().copied())?;
            }
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.terminal.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.terminal.show_cursor()
    }

    /// Does not ask the terminal, whose answer may be late, and is input that the reader of the keyboard may take. Each
    /// drawing sets the cursor.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.cursor = position.into();
        self.terminal.set_cursor_position(self.cursor)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.forget();
        self.terminal.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.forget();
        self.terminal.clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.terminal.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.terminal)
    }
}

/// How many cells a symbol takes, at least one.
fn width(symbol: &str) -> u16 {
    u16::try_from(columns(symbol)).unwrap_or(1).max(1)
}

fn has_clusters(buffer: &Buffer, y: u16) -> bool {
    (0..buffer.area.width).any(|x| !is_plain(buffer[(x, y)].symbol()))
}

/// True for one character whose width every terminal knows: of the scripts whose letters stand alone, and of frames.
fn is_plain(symbol: &str) -> bool {
    let mut characters = symbol.chars();
    let (Some(character), None) = (characters.next(), characters.next()) else { return symbol.is_empty() };
    matches!(character,
        '\u{20}'..='\u{7E}' | '\u{A1}'..='\u{AC}' | '\u{AE}'..='\u{2FF}' // Latin
        | '\u{370}'..='\u{482}' | '\u{48A}'..='\u{52F}' // Greek, Cyrillic
        | '\u{2010}'..='\u{2027}' | '\u{2500}'..='\u{25FC}' // dashes, quotes, frames, circles
        | '\u{3001}'..='\u{3029}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FF}' // kana
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' // Han, Hangul
        | '\u{FF01}'..='\u{FF5E}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_is_not_asked_where_the_cursor_is() {
        let mut output = Vec::new();
        let mut painter = Painter::new(&mut output);
        painter.set_cursor_position(Position::new(3, 4)).unwrap();
        assert_eq!(painter.get_cursor_position().unwrap(), Position::new(3, 4));
        assert_eq!(output, b"\x1b[5;4H");
    }

    #[test]
    fn characters_that_combine_or_join_are_not_plain() {
        for plain in ["a", "é", "ж", "漢", "か", "한", "│", "─", "…", " ", ""] {
            assert!(is_plain(plain), "{plain}");
        }
        for cluster in
            ["e\u{301}", "न", "स्", "กำ", "வ", "ل", "🇩🇪", "🇩", "👨‍👩‍👧", "😀", "❤\u{fe0f}", "❤", "ﾞ", "\u{1112}", "\u{AD}"]
        {
            assert!(!is_plain(cluster), "{cluster}");
        }
    }
}

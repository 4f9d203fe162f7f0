//! The messages, as far as they fit. The last line that is shown stays where it is, whatever is added before or after it.

use bookend::escaped;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::lines::{Times, lines, rule};
use crate::window::log::{Log, Place, Top};
use crate::window::model::Window;

/// Draws the log, or what is found.
pub(super) fn draw(window: &mut Window, times: Times<'_>, frame: &mut Frame<'_>, area: Rect) {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    window.page = height;
    let mut search = window.search.take();
    let rows = match &mut search {
        Some(search) => {
            let dated = |time| window.date_and_time(time);
            let note = note(&search.list, "no older message contains it", width);
            View { log: &mut search.list, times: &dated, width, height, note }.rows()
        }
        None => {
            let note = note(&window.log, "nothing older is kept", width);
            View { log: &mut window.log, times, width, height, note }.rows()
        }
    };
    window.search = search;
    let empty = std::iter::repeat_n(Line::default(), height.saturating_sub(rows.len()));
    frame.render_widget(Paragraph::new(empty.chain(rows.into_iter().rev()).collect::<Vec<_>>()), area);
}

/// What is said before the first entry.
fn note(log: &Log, nothing: &str, width: usize) -> Option<Line<'static>> {
    let text = match &log.paging.top {
        _ if log.paging.is_loading() => "loading…".to_owned(),
        Top::Nothing(0) => nothing.to_owned(),
        Top::Nothing(1) => format!("{nothing} (1 message before it is gone)"),
        Top::Nothing(lost) => format!("{nothing} ({lost} messages before it are gone)"),
        Top::NotKept(why) if log.paging.has_scrolled_back() => escaped(why).to_string(),
        _ => return None,
    };
    Some(rule(&text, width, Style::new().add_modifier(Modifier::DIM)))
}

struct View<'a> {
    log: &'a mut Log,
    times: Times<'a>,
    width: usize,
    height: usize,
    /// The line before the first entry.
    note: Option<Line<'static>>,
}

impl View<'_> {
    /// The lines that are shown, the last one first. Moves the view as it was scrolled.
    fn rows(mut self) -> Vec<Line<'static>> {
        let scroll = self.log.take_scroll();
        let (Some(newest), true) = (self.log.end().checked_sub(1), self.height > 0) else {
            self.log.shown(None);
            self.log.paging.shown(self.height > 0, false);
            return self.note.take().into_iter().take(self.height).collect();
        };
        let newest = Place { entry: newest, hidden: 0 };
        let place = self.log.place().filter(|place| place.entry <= newest.entry).unwrap_or(newest);
        let place = Place { hidden: place.hidden.min(self.lines(place.entry).len().saturating_sub(1)), ..place };
        let mut place = match scroll {
            0.. => self.up(place, scroll.unsigned_abs()),
            _ => self.down(place, scroll.unsigned_abs()),
        };
        let (mut rows, mut is_near_start) = self.above(place);
        if rows.len() < self.height && place != newest {
            place = self.down(place, self.height - rows.len());
            (rows, is_near_start) = self.above(place);
        }
        let has_dropped = self.log.end() < self.log.len();
        let is_near_dropped = has_dropped && self.down(place, self.height) == newest;
        self.log.shown(Some(place).filter(|place| *place != newest || has_dropped));
        self.log.paging.shown(is_near_start, is_near_dropped);
        rows.truncate(self.height);
        rows
    }

    fn lines(&self, entry: usize) -> Vec<Line<'static>> {
        self.log.get(entry).map(|entry| lines(entry, self.times, self.width)).unwrap_or_default()
    }

    /// The place that many lines above this one, or the first line.
    fn up(&self, place: Place, lines: usize) -> Place {
        let Place { mut entry, mut hidden } = place;
        hidden = hidden.saturating_add(lines);
        loop {
            let count = self.lines(entry).len();
            if hidden < count {
                return Place { entry, hidden };
            }
            if entry == 0 {
                return Place { entry, hidden: count.saturating_sub(1) };
            }
            hidden -= count;
            entry -= 1;
        }
    }

    /// The place that many lines below this one, or the last line.
    fn down(&self, place: Place, mut lines: usize) -> Place {
        let Place { mut entry, mut hidden } = place;
        while lines > hidden {
            lines -= hidden;
            hidden = 0;
            if entry + 1 >= self.log.end() {
                break;
            }
            entry += 1;
            hidden = self.lines(entry).len();
        }
        Place { entry, hidden: hidden.saturating_sub(lines) }
    }

    /// The lines from this place up, the last one first, with as many that are not shown as are; true if the first entry
    /// is among them.
    fn above(&self, place: Place) -> (Vec<Line<'static>>, bool) {
        let mut rows: Vec<_> = self.lines(place.entry).into_iter().rev().skip(place.hidden).collect();
        let mut entry = place.entry;
        while rows.len() < 2 * self.height {
            let Some(before) = entry.checked_sub(1) else {
                rows.extend(self.note.clone());
                return (rows, true);
            };
            entry = before;
            rows.extend(self.lines(entry).into_iter().rev());
        }
        (rows, false)
    }
}

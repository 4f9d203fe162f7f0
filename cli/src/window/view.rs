//! Draws the window: the messages, the members, the state of the connection, and the input line.

mod lines;
mod messages;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

use bookend::{displayed, escaped};

use super::model::{Connection, Window};
use super::wrap::{columns, shortened, wrap};
pub(super) use lines::Times;
use lines::color_of;

/// The width from which the window shows the members, in columns.
const WIDE: u16 = 60;
/// The width of the list of members, in columns.
const MEMBERS: u16 = 18;
/// The most lines of the input.
const TYPED: usize = 6;

pub(super) fn draw(window: &mut Window, times: Times<'_>, frame: &mut Frame<'_>) {
    let area = frame.area();
    let room = usize::from(area.height.saturating_sub(2)).clamp(1, TYPED);
    let typed = typed(window, usize::from(area.width), room);
    let height = u16::try_from(typed.lines.len()).unwrap_or(1);
    let [area_of_messages, status, input] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(1), Constraint::Length(height)]).areas(area);
    let members = if area.width >= WIDE { MEMBERS } else { 0 };
    let [area_of_messages, members] =
        Layout::horizontal([Constraint::Min(0), Constraint::Length(members)]).areas(area_of_messages);
    messages::draw(window, times, frame, area_of_messages);
    draw_members(window, frame, members);
    let line = status_line(window, usize::from(status.width));
    frame.render_widget(Paragraph::new(line).style(Style::new().add_modifier(Modifier::REVERSED)), status);
    frame.render_widget(Paragraph::new(typed.lines.into_iter().map(Line::from).collect::<Vec<_>>()), input);
    let (column, row) = typed.cursor;
    frame.set_cursor_position(Position::new(
        input.x + column.min(input.width.saturating_sub(1)),
        input.y + row.min(input.height.saturating_sub(1)),
    ));
}

// ---- members

fn draw_members(window: &Window, frame: &mut Frame<'_>, area: Rect) {
    if area.width == 0 {
        return;
    }
    let width = usize::from(area.width).saturating_sub(2);
    let height = usize::from(area.height);
    let count = window.members.iter().count();
    let title = window.members.crowd().map_or_else(|| format!("{count} here"), |crowd| format!("{crowd} here"));
    let mut rows = vec![Line::from(Span::styled(title, Style::new().add_modifier(Modifier::DIM)))];
    for (_, name) in window.members.iter() {
        let name = displayed(name).to_string();
        rows.push(Line::from(Span::styled(shortened(&name, width), Style::new().fg(color_of(&name)))));
    }
    if rows.len() > height && height > 1 {
        let more = rows.len() - height + 1;
        rows.truncate(height - 1);
        rows.push(Line::from(format!("… {more} more")));
    }
    frame.render_widget(Paragraph::new(rows).block(Block::new().borders(Borders::LEFT)), area);
}

// ---- status

fn status_line(window: &Window, width: usize) -> String {
    let mut parts = vec![match &window.connection {
        Connection::Connecting(step) => format!("○ {step}"),
        Connection::Up => "● up".into(),
        Connection::Suspect => "◌ silent".into(),
        Connection::Waiting { why, retry_in } => {
            format!("○ reconnecting in {:.0} s: {why}", retry_in.as_secs_f64().ceil().max(1.0))
        }
        Connection::Closed(why) => format!("× closed: {why}"),
    }];
    let log = window.search.as_ref().map_or(&window.log, |search| &search.list);
    if let Some(search) = &window.search {
        parts.push(format!("with \"{}\" (Esc)", escaped(&search.text)));
    }
    match window.log.unseen() {
        0 if log.is_scrolled() => parts.push("scrolled back (End)".into()),
        0 => {}
        new if window.search.is_some() => parts.push(format!("{new} new (Esc)")),
        new if log.is_scrolled() => parts.push(format!("{new} new below (End)")),
        _ => {}
    }
    if let Some(failure) = log.paging.failure() {
        parts.push(format!("! history: {}", escaped(failure)));
    }
    if window.pending > 0 {
        parts.push(format!("{} pending", window.pending));
    }
    let port = window.port.map_or_else(String::new, |port| format!(" from :{port}"));
    parts.push(format!("{}{port}", window.hub));
    parts.push(window.encoding.name().into());
    if let Some(time) = window.round_trip {
        parts.push(format!("confirmed in {:.1} ms", time.as_secs_f64() * 1000.0));
    }
    shortened(&format!(" {}", parts.join("  ")), width)
}

// ---- input

struct Typed {
    lines: Vec<String>,
    /// Column and row.
    cursor: (u16, u16),
}

/// At most `room` lines around the cursor.
fn typed(window: &Window, width: usize, room: usize) -> Typed {
    let width = width.saturating_sub(3).max(1);
    let (before, after) = window.editor.parts();
    let shown = |text: &str| text.replace('\t', "    ");
    let rows =
        |text: &str| -> Vec<String> { text.split('\n').flat_map(|line| wrap(&shown(line), width, width)).collect() };
    let until = rows(before);
    let lines = rows(&format!("{before}{after}"));
    let row = until.len().max(1) - 1;
    let column = until.last().map_or(0, |line| columns(line));
    let first = (row + 1).saturating_sub(room);
    let lines = lines.into_iter().enumerate().skip(first).take(room);
    let lines: Vec<_> = lines.map(|(at, line)| format!("{}{line}", if at == 0 { "> " } else { "  " })).collect();
    let number = |value: usize| u16::try_from(value).unwrap_or(u16::MAX);
    Typed { lines, cursor: (number(column + 2), number(row - first)) }
}

#[cfg(test)]
mod tests;

//! The lines of an entry.

use bookend::escaped;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use crate::window::entry::{Change, Entry, Said, listed};
use crate::window::wrap::{columns, shortened, wrap};

/// The indentation of continued lines, in columns. It is wider than a time, so that a continued line cannot look like
/// the first line of a message.
const INDENT: usize = 8;

/// Formats a time in milliseconds since 1970.
pub(in crate::window) type Times<'a> = &'a dyn Fn(u64) -> String;

pub(super) fn lines(entry: &Entry, times: Times<'_>, width: usize) -> Vec<Line<'static>> {
    let dim = Style::new().add_modifier(Modifier::DIM);
    match entry {
        Entry::Said(said) => said_lines(said, times, width),
        Entry::Presence(changes) => plain(&folded(changes), dim, width),
        Entry::Notice(text) => plain(&format!("* {text}"), dim, width),
        Entry::Error(text) => plain(&format!("! {text}"), Style::new().fg(Color::Red), width),
        Entry::Missed(text) => vec![rule(text, width, Style::new().fg(Color::Red))],
        Entry::Day(day) => vec![rule(&day.strftime("%A, %-d %B %Y").to_string(), width, dim)],
        Entry::Away => vec![rule("new since you left", width, Style::new().fg(Color::Yellow))],
        Entry::Unread => vec![rule("new", width, Style::new().fg(Color::Yellow))],
    }
}

fn said_lines(said: &Said, times: Times<'_>, width: usize) -> Vec<Line<'static>> {
    let time = said.time.map_or("     ".into(), times);
    let private = if said.private { "(private) " } else { "" };
    let head = format!("{time} {private}");
    let name = shortened(&said.name, width.saturating_sub(columns(&head) + 4).max(4));
    let used = columns(&head) + columns(&name) + 2;
    let mut style = Style::new();
    if said.mention {
        style = style.fg(Color::Yellow).add_modifier(Modifier::BOLD);
    } else if said.own {
        style = style.add_modifier(Modifier::DIM);
    }
    let name_style = Style::new().fg(color_of(&said.name)).add_modifier(Modifier::BOLD);
    let mut rows = Vec::new();
    for (number, text) in said.text.split('\n').enumerate() {
        let text = escaped(&text.replace('\t', "    ")).to_string();
        let first = if number == 0 { width.saturating_sub(used) } else { width.saturating_sub(INDENT) };
        for (part, text) in wrap(&text, first, width.saturating_sub(INDENT)).into_iter().enumerate() {
            rows.push(if number == 0 && part == 0 {
                Line::from(vec![
                    Span::styled(head.clone(), Style::new().add_modifier(Modifier::DIM)),
                    Span::styled(name.clone(), name_style),
                    Span::raw(": "),
                    Span::styled(text, style),
                ])
            } else {
                Line::from(Span::styled(format!("{:INDENT$}{text}", ""), style))
            });
        }
    }
    rows
}

fn plain(text: &str, style: Style, width: usize) -> Vec<Line<'static>> {
    let indented = width.saturating_sub(INDENT);
    let rows = wrap(&escaped(text).to_string(), width, indented).into_iter().enumerate();
    rows.map(|(part, text)| if part == 0 { text } else { format!("{:INDENT$}{text}", "") })
        .map(|text| Line::from(Span::styled(text, style)))
        .collect()
}

pub(super) fn rule(text: &str, width: usize, style: Style) -> Line<'static> {
    let text = shortened(text, width.saturating_sub(6));
    let rest = width.saturating_sub(columns(&text) + 4);
    Line::from(Span::styled(format!("── {text} {}", "─".repeat(rest)), style))
}

/// Who joined and who left, with repeated names only once.
fn folded(changes: &[(String, Change)]) -> String {
    let names = |wanted: Change| {
        let mut names: Vec<_> =
            changes.iter().filter(|(_, change)| *change == wanted).map(|(name, _)| listed(name)).collect();
        names.dedup();
        names.join(", ")
    };
    match (names(Change::Joined), names(Change::Left)) {
        (joined, left) if left.is_empty() => format!("* {joined} joined"),
        (joined, left) if joined.is_empty() => format!("* {left} left"),
        (joined, left) => format!("* {joined} joined, {left} left"),
    }
}

/// The colour of a name. It is the same in every window.
pub(super) fn color_of(name: &str) -> Color {
    const COLORS: [Color; 6] =
        [Color::Cyan, Color::Green, Color::Magenta, Color::LightBlue, Color::LightRed, Color::LightGreen];
    // FNV-1a.
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    COLORS[usize::try_from(hash % 6).unwrap_or_default()]
}

//! Draws the window: the messages, the members, the state of the connection, and the input line.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

use bookend::{displayed, escaped};

use super::log::{Change, Entry, Said, listed};
use super::model::{Connection, Window};
use super::wrap::{columns, shortened, wrap};

/// The indentation of continued lines, in columns. It is wider than a time, so that a continued line cannot look like
/// the first line of a message.
const INDENT: usize = 8;
/// The width from which the window shows the members, in columns.
const WIDE: u16 = 60;
/// The width of the list of members, in columns.
const MEMBERS: u16 = 18;
/// The most lines of the input.
const TYPED: usize = 6;

/// Formats a time in milliseconds since 1970 in five columns.
pub(super) type Times<'a> = &'a dyn Fn(u64) -> String;

pub(super) fn draw(window: &mut Window, times: Times<'_>, frame: &mut Frame<'_>) {
    let area = frame.area();
    let room = usize::from(area.height.saturating_sub(2)).clamp(1, TYPED);
    let typed = typed(window, usize::from(area.width), room);
    let height = u16::try_from(typed.lines.len()).unwrap_or(1);
    let [messages, status, input] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(1), Constraint::Length(height)]).areas(area);
    let members = if area.width >= WIDE { MEMBERS } else { 0 };
    let [messages, members] = Layout::horizontal([Constraint::Min(0), Constraint::Length(members)]).areas(messages);
    draw_messages(window, times, frame, messages);
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

// ---- messages

fn draw_messages(window: &mut Window, times: Times<'_>, frame: &mut Frame<'_>, area: Rect) {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    window.page = height;
    let new = window.log.take_new();
    if window.scroll > 0 {
        // New messages do not move the lines that the user reads.
        let more = window.log.newest_first().take(new).map(|entry| lines(entry, times, width).len());
        window.scroll += more.sum::<usize>();
    }
    let shown = |entry: &&Entry| window.search.as_ref().is_none_or(|search| holds(entry, search));
    let mut rows: Vec<Line<'static>> = Vec::new();
    for entry in window.log.newest_first().filter(shown) {
        rows.extend(lines(entry, times, width).into_iter().rev());
        if rows.len() >= window.scroll + height {
            break;
        }
    }
    window.scroll = window.scroll.min(rows.len().saturating_sub(height));
    let rows: Vec<_> = rows.into_iter().skip(window.scroll).take(height).collect();
    let empty = height - rows.len();
    let rows = std::iter::repeat_n(Line::default(), empty).chain(rows.into_iter().rev());
    frame.render_widget(Paragraph::new(rows.collect::<Vec<_>>()), area);
}

fn holds(entry: &Entry, search: &str) -> bool {
    matches!(entry, Entry::Said(said)
        if said.text.to_lowercase().contains(search) || said.name.to_lowercase().contains(search))
}

fn lines(entry: &Entry, times: Times<'_>, width: usize) -> Vec<Line<'static>> {
    let dim = Style::new().add_modifier(Modifier::DIM);
    match entry {
        Entry::Said(said) => said_lines(said, times, width),
        Entry::Presence(changes) => plain(&folded(changes), dim, width),
        Entry::Notice(text) => plain(&format!("* {text}"), dim, width),
        Entry::Error(text) => plain(&format!("! {text}"), Style::new().fg(Color::Red), width),
        Entry::Missed(text) => vec![rule(text, width, Style::new().fg(Color::Red))],
        Entry::Day(day) => vec![rule(day, width, dim)],
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

fn rule(text: &str, width: usize, style: Style) -> Line<'static> {
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
fn color_of(name: &str) -> Color {
    const COLORS: [Color; 6] =
        [Color::Cyan, Color::Green, Color::Magenta, Color::LightBlue, Color::LightRed, Color::LightGreen];
    // FNV-1a.
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    COLORS[usize::try_from(hash % 6).unwrap_or_default()]
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
    if window.pending > 0 {
        parts.push(format!("{} pending", window.pending));
    }
    let port = window.port.map_or_else(String::new, |port| format!(" from :{port}"));
    parts.push(format!("{}{port}", window.hub));
    parts.push(window.encoding.name().into());
    if let Some(time) = window.round_trip {
        parts.push(format!("confirmed in {:.1} ms", time.as_secs_f64() * 1000.0));
    }
    if let Some(search) = &window.search {
        parts.push(format!("only \"{}\" (Esc)", escaped(search)));
    }
    if window.scroll > 0 {
        parts.push(format!("{} lines below (Esc)", window.scroll));
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
mod tests {
    use super::super::model::tests::window;
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn screen(window: &mut Window, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let times = |ms: u64| format!("12:{ms:02}");
        terminal.draw(|frame| draw(window, &times, frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let row = |y| {
            let mut row = String::new();
            let mut x = 0;
            while x < width {
                let symbol = buffer[(x, y)].symbol();
                row.push_str(symbol);
                x += u16::try_from(columns(symbol)).unwrap().max(1);
            }
            row.trim_end().to_owned()
        };
        (0..height).map(row).collect()
    }

    fn said(name: &str, text: &str) -> Entry {
        Entry::Said(Said {
            time: Some(7),
            name: name.into(),
            text: text.into(),
            own: false,
            private: false,
            mention: false,
        })
    }

    #[test]
    fn window_of_40_by_8() {
        let mut window = window();
        window.log.push(said("bob", "hello there"));
        window.log.push(Entry::Presence(vec![
            ("cid".into(), Change::Joined),
            ("dan".into(), Change::Joined),
            ("cid".into(), Change::Left),
        ]));
        window
            .log
            .push(said("bob", "this line is so long that it goes on in the next one\nbob: and this is no other line"));
        window.editor.insert("typed");
        assert_eq!(
            screen(&mut window, 40, 8),
            [
                "",
                "12:07 bob: hello there",
                "* cid, dan joined, cid left",
                "12:07 bob: this line is so long that it",
                "        goes on in the next one",
                "        bob: and this is no other line",
                " ○ connecting  127.0.0.1:3990  utf-8",
                "> typed",
            ]
        );
    }

    #[test]
    fn control_characters_are_escaped() {
        let mut window = window();
        window.log.push(said("b\u{202e}ob", "\x1b[2J漢字\u{2066}x"));
        let rows = screen(&mut window, 60, 4);
        assert!(rows.iter().any(|row| row.contains("\\u{1b}[2J漢字\\u{2066}x")), "{rows:?}");
        assert!(!rows.concat().contains('\x1b'));
    }

    #[test]
    fn members_are_shown_in_a_wide_window() {
        let mut window = window();
        assert!(screen(&mut window, 60, 5)[0].contains("0 here"));
        assert!(!screen(&mut window, 59, 5).concat().contains("here"));
    }

    #[test]
    fn cursor_is_visible_at_any_height() {
        let mut window = window();
        window.editor.insert("1\n2\n3\n4\n5\n6\n7\n8");
        assert_eq!(screen(&mut window, 20, 5)[2..], ["  6", "  7", "  8"]);
        assert_eq!(screen(&mut window, 20, 3)[2..], ["  8"]);
        assert_eq!(screen(&mut window, 20, 20)[14..], ["  3", "  4", "  5", "  6", "  7", "  8"]);
    }

    #[test]
    fn any_size_can_be_drawn() {
        let mut window = window();
        window.log.push(said("漢字漢字漢字", "漢字漢字漢字漢字漢字漢字 e\u{301}e\u{301} 👨‍👩‍👧"));
        window.log.push(Entry::Unread);
        window.log.push(Entry::Missed("12 messages were missed".into()));
        window.editor.insert("漢字\nx\ny\nz\n1\n2\n3");
        for width in 1..30 {
            for height in 1..9 {
                screen(&mut window, width, height);
            }
        }
    }

    #[test]
    fn new_messages_do_not_move_scrolled_lines() {
        let mut window = window();
        for number in 0..50 {
            window.log.push(said("bob", &number.to_string()));
        }
        screen(&mut window, 40, 8);
        window.scroll = 20;
        let before = screen(&mut window, 40, 8);
        window.log.push(said("bob", "new"));
        let after = screen(&mut window, 40, 8);
        assert_eq!(before[..6], after[..6]);
        window.scroll = 1_000_000;
        assert!(screen(&mut window, 40, 8)[0].contains("bob: 0"));
    }
}

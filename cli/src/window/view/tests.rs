//! What the window looks like.

use super::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::window::entry::{Change, Entry, Said};
use crate::window::model::tests::window;

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
        seq: None,
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
    window.log.scroll(20);
    let before = screen(&mut window, 40, 8);
    window.log.push(said("bob", "new"));
    let after = screen(&mut window, 40, 8);
    assert_eq!(before[..6], after[..6]);
    window.log.scroll(1_000_000);
    assert!(screen(&mut window, 40, 8)[0].contains("bob: 0"));
}

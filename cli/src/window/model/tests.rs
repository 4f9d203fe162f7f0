//! Keys and events change the window.

mod history;

use bookend::{MemberName, Payload, Text};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::window::page::mentions;

pub(crate) fn window() -> Window {
    Window::new("127.0.0.1:3990".into(), &Hello::new().with_name("ann").unwrap(), TimeZone::UTC)
}

fn press(window: &mut Window, keys: &str) -> Option<Effect> {
    let mut effect = None;
    for key in keys.chars() {
        let code = if key == '\n' { KeyCode::Enter } else { KeyCode::Char(key) };
        effect = window.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
    effect
}

fn last(window: &Window) -> String {
    format!("{:?}", window.log.newest_first().next())
}

#[test]
fn lines_are_sent_and_commands_are_not() {
    let mut window = window();
    assert_eq!(press(&mut window, "grüß\n"), Some(Effect::Send { to: None, text: "grüß".into() }));
    assert_eq!(press(&mut window, "//x\n"), Some(Effect::Send { to: None, text: "/x".into() }));
    assert_eq!(press(&mut window, "\n"), None);
    assert_eq!(press(&mut window, "/nonsense\n"), None);
    assert!(last(&window).contains("there is no such command"));
    press(&mut window, "/join den\n");
    assert!(last(&window).contains("--room"));
    press(&mut window, "/help\n");
    assert!(window.log.newest_first().any(|entry| format!("{entry:?}").contains("/to NAME TEXT: ")));
    for command in ["/to", "/msg"] {
        assert_eq!(press(&mut window, &format!("{command} bob hi\n")), None);
        assert!(last(&window).contains("no-such-member"));
    }
    assert_eq!(press(&mut window, "/to 0 secret\n"), None);
    assert!(last(&window).contains("0 is everyone"));
    assert_eq!(press(&mut window, "/quit\n"), Some(Effect::Quit));
    assert_eq!(window.pending, 2);
}

#[test]
fn a_name_with_blanks_is_addressed_in_quotes_and_completed_so() {
    let mut window = window();
    presence(&mut window, 2, PresenceEvent::Joined, "bob");
    presence(&mut window, 3, PresenceEvent::Joined, "bob secret");
    assert_eq!(press(&mut window, "/to bob secret word\n"), None);
    assert!(last(&window).contains("ambiguous-member"), "{}", last(&window));
    let secret = Some(Effect::Send { to: Some(3), text: "word".into() });
    assert_eq!(press(&mut window, "/to \"bob secret\" word\n"), secret);
    press(&mut window, "/to bob");
    window.key(KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE));
    assert_eq!(window.editor.text(), "/to \"bob secret\" ");
    window.key(KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE));
    assert_eq!(window.editor.text(), "/to bob ");
}

#[test]
fn names_are_shown_so_that_they_cannot_be_taken_for_others() {
    // [R9.31]
    let mut window = window();
    presence(&mut window, 2, PresenceEvent::Joined, "* the hub: closing");
    assert!(last(&window).contains(r"\\u{2a} the hub\\u{3a} closing"), "{}", last(&window));
    presence(&mut window, 2, PresenceEvent::Here, "ann, bob");
    press(&mut window, "/who\n");
    assert!(last(&window).contains(r"here: ann\\u{2c} bob"), "{}", last(&window));
}

#[test]
fn paste_of_several_lines_is_one_message() {
    let mut window = window();
    window.paste("one\r\ntwo\x1b[31m\u{202e}\n");
    assert_eq!(press(&mut window, "\n"), Some(Effect::Send { to: None, text: "one\ntwo[31m".into() }));
}

fn presence(window: &mut Window, member: u32, event: PresenceEvent, name: &str) {
    let name = MemberName::new(Text::utf8(name)).unwrap();
    window.message(&Message::Presence { member, event, name });
}

#[test]
fn rename_is_shown_as_a_rename_and_not_as_leaving_and_joining() {
    // [R9.33]
    let mut window = window();
    presence(&mut window, 2, PresenceEvent::Joined, "bob");
    presence(&mut window, 2, PresenceEvent::Left, "bob");
    presence(&mut window, 2, PresenceEvent::Joined, "rob");
    assert!(last(&window).contains("bob is now rob"), "{}", last(&window));
    presence(&mut window, 2, PresenceEvent::Left, "rob");
    presence(&mut window, 3, PresenceEvent::Joined, "rob"); // another member
    let rob = Entry::Presence(vec![("rob".into(), Change::Left), ("rob".into(), Change::Joined)]);
    assert_eq!(window.log.newest_first().next(), Some(&rob));
    let bob = Entry::Presence(vec![("bob".into(), Change::Joined)]);
    assert_eq!(window.log.newest_first().last(), Some(&bob));
    assert_eq!(window.log.newest_first().count(), 3);
}

#[test]
fn undelivered_message_is_shown() {
    let mut window = window();
    press(&mut window, "a\n");
    window.settled("a", Err("unconfirmed: x".into()));
    assert!(last(&window).contains("not delivered: a: unconfirmed"), "{}", last(&window));
    assert_eq!(window.pending, 0);
}

#[test]
fn ctrl_c_clears_the_line_before_it_quits() {
    let mut window = window();
    press(&mut window, "x");
    let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    assert_eq!(window.key(control('d')), None);
    assert_eq!(window.key(control('c')), None);
    assert_eq!(window.editor.text(), "");
    assert_eq!(window.key(control('c')), Some(Effect::Quit));
}

#[test]
fn mention_is_a_whole_word() {
    assert!(mentions("Ann: hi", "ann") && mentions("hi ann!", "ann") && mentions("böb", "BÖB"));
    assert!(!mentions("anna", "ann") && !mentions("can", "an"));
}

#[test]
fn a_day_is_named_when_it_begins_and_before_what_was_said_on_another() {
    let day = |number: u64| number * 86_400_000;
    let mut window = window();
    let named = |window: &Window| {
        let days = window.log.newest_first().filter_map(|entry| match entry {
            Entry::Day(day) => Some(day.to_string()),
            _ => None,
        });
        days.collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>()
    };
    assert!(!window.today(day(20_000) + 5), "the day on which the window opens is known");
    let said = |window: &mut Window, time: u64| {
        window.said(Said {
            time: Some(time),
            ..window.reader().said("bob".into(), Payload::Text(Text::utf8("x")), false)
        });
    };
    said(&mut window, day(20_000) + 6);
    assert!(!window.today(day(20_001) - 1));
    assert_eq!(named(&window), [""; 0]);
    assert!(window.today(day(20_001)));
    assert!(!window.today(day(20_001) + 1));
    said(&mut window, day(20_001) + 1);
    assert_eq!(named(&window), ["2024-10-05"]);
    said(&mut window, day(19_999)); // what was missed while there was no connection
    said(&mut window, day(20_001) + 2);
    let all = ["2024-10-05", "2024-10-03", "2024-10-05"];
    assert_eq!(named(&window), all);
    said(&mut window, u64::MAX); // no day of the calendar
    assert_eq!(named(&window), all);
}

//! Scrolling back through what a scripted hub has kept.

use std::sync::Arc;

use bookend::{Code, Delivery, Payload};
use bookend_client::{Client, Events, Options, SendError, Sender};
use bookend_testing::hub::{History, Hub, Hubs, memory};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;
use crate::window::view;

const WIDTH: u16 = 59;
/// The lines of messages.
const HEIGHT: u16 = 10;

/// A window, a client, and the hub that it has joined.
struct Scripted {
    runtime: Runtime,
    sender: Sender,
    events: Events,
    hubs: Hubs,
    /// Ends the session.
    end: Arc<Notify>,
    window: Window,
    /// How many questions were answered.
    asked: usize,
}

impl Scripted {
    fn new(history: History) -> Scripted {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (dialler, hubs) = memory();
        let hello = Hello::new().with_hub(true).with_name("ann").unwrap();
        let (sender, events) = runtime.block_on(async { Client::start(Options::new(dialler, hello)).split() });
        let mut scripted = Scripted { runtime, sender, events, hubs, end: Arc::default(), window: window(), asked: 0 };
        scripted.window.today(86_400_000 * 3);
        scripted.session(history);
        scripted
    }

    /// Serves the next session until the next one, and shows its events until the client is listed.
    fn session(&mut self, history: History) {
        let Scripted { runtime, events, hubs, window, end, .. } = self;
        let end = Arc::clone(end);
        runtime.block_on(async {
            let serve = async {
                let stream = hubs.recv().await.unwrap();
                tokio::spawn(async move {
                    let mut hub = Hub::with_history(stream, history).await;
                    tokio::select! {
                        _ = hub.rest() => return,
                        () = end.notified() => {}
                    }
                    hub.close(Code::GOING_AWAY, "").await;
                });
            };
            let shown = async {
                while window.is_listing || window.connection != Connection::Up {
                    window.event(&events.next().await.unwrap());
                }
            };
            tokio::join!(serve, shown);
        });
    }

    /// Loses the connection and gets another one.
    fn reconnects(&mut self, history: History) {
        let Scripted { runtime, events, window, end, .. } = self;
        end.notify_one();
        runtime.block_on(async {
            while window.connection == Connection::Up {
                window.event(&events.next().await.unwrap());
            }
        });
        self.session(history);
        let Scripted { runtime, events, window, sender, .. } = self;
        runtime.block_on(async {
            sender.ping(Duration::from_secs(30)).await.unwrap();
            while let Ok(Some(event)) = timeout(Duration::from_millis(1), events.next()).await {
                window.event(&event); // what was missed
            }
        });
    }

    /// What the window shows, before any answer of the hub.
    fn screen(&mut self) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(WIDTH, HEIGHT + 2)).unwrap();
        terminal.draw(|frame| view::draw(&mut self.window, &|_| "12:00".into(), frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y| (0..WIDTH).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..HEIGHT + 1).map(row).collect()
    }

    /// What the window shows once the hub has answered everything.
    fn settled(&mut self) -> Vec<String> {
        loop {
            let screen = self.screen();
            let Some(ask) = self.window.ask() else { return screen };
            let query =
                bookend_client::Query { before: ask.part.before, count: ask.part.count, text: ask.text.as_deref() };
            let page = self.runtime.block_on(self.sender.history(query, Duration::from_secs(30)));
            self.asked += 1;
            self.window.answered(&ask, page);
        }
    }

    fn presses(&mut self, key: KeyCode) -> Vec<String> {
        self.window.key(KeyEvent::new(key, KeyModifiers::NONE));
        self.settled()
    }

    fn scrolls(&mut self, lines: isize) -> Vec<String> {
        self.window.log.scroll(lines);
        self.settled()
    }

    fn hears(&mut self, seq: u64, text: &str) {
        let said = Delivery::new(7, 0, seq, seq * 1000, "bob", Payload::Text(Text::utf8(text))).unwrap();
        self.window.message(&Message::Delivery(said));
    }

    /// The numbers of the messages that the log holds.
    fn held(&self) -> Vec<u64> {
        self.window.log.entries().filter_map(Entry::seq).collect()
    }
}

/// The numbers of the messages that are shown.
fn numbers(screen: &[String]) -> Vec<u64> {
    screen.iter().filter_map(|row| row.split("message ").nth(1)?.parse().ok()).collect()
}

fn is_consecutive(numbers: &[u64]) -> bool {
    numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

#[test]
fn the_last_screenful_is_loaded_on_joining_and_what_follows_has_no_seam() {
    let mut scripted = Scripted::new(History::of(1..=300));
    let screen = scripted.settled();
    assert_eq!(scripted.asked, 1, "a page is more than two screens");
    assert_eq!(numbers(&screen), (293..=300).collect::<Vec<_>>(), "{screen:#?}");
    assert!(screen[8].contains("4 January 1970") && screen[9].starts_with("* hi"), "{screen:#?}");
    scripted.hears(301, "message 301");
    assert_eq!(numbers(&scripted.settled()).last(), Some(&301));
    assert_eq!(scripted.held(), (201..=301).collect::<Vec<_>>());
}

#[test]
fn scrolling_back_reaches_the_beginning_and_misses_nothing() {
    let mut scripted = Scripted::new(History::of(11..=500));
    let mut seen = numbers(&scripted.settled());
    loop {
        let before = scripted.screen();
        let screen = scripted.presses(KeyCode::PageUp);
        let shown = numbers(&screen);
        assert!(is_consecutive(&shown), "{screen:#?}");
        if screen == before {
            break;
        }
        assert!(shown.last() >= seen.first(), "pages overlap: {before:#?}\n{screen:#?}");
        let known = seen[0];
        seen.splice(0..0, shown.into_iter().filter(|number| *number < known));
        if seen[0] == 11 {
            assert!(screen[0].starts_with("── nothing older is kept (10 messages before it are"), "{screen:#?}");
            break;
        }
    }
    assert_eq!(seen, (11..=500).collect::<Vec<_>>());
    assert_eq!(scripted.asked, 5);
}

#[test]
fn a_page_before_the_first_line_moves_nothing_on_the_screen() {
    let mut scripted = Scripted::new(History { page: 20, ..History::of(1..=500) });
    scripted.settled();
    let mut last = 500;
    while last > 40 {
        scripted.window.log.scroll(7);
        let before = scripted.screen();
        let asks = scripted.asked;
        let after = scripted.settled();
        if scripted.asked > asks && !before[0].contains("──") {
            assert_eq!(before[..10], after[..10]);
        }
        let shown = numbers(&after);
        assert!(is_consecutive(&shown) && shown.len() > 7, "{after:#?}");
        last = shown[shown.len() - 1];
    }
}

#[test]
fn while_a_page_is_awaited_the_first_line_says_so() {
    let mut scripted = Scripted::new(History::of(1..=500));
    scripted.settled();
    scripted.window.log.scroll(1000);
    scripted.screen();
    assert!(scripted.window.ask().is_some());
    assert!(scripted.window.ask().is_none(), "one at a time");
    let screen = scripted.screen();
    assert!(screen[0].starts_with("── loading…"), "{screen:#?}");
    scripted.hears(501, "message 501");
    assert_eq!(scripted.screen()[..10], screen[..10]);
}

#[test]
fn messages_that_are_missing_in_between_are_counted() {
    let mut scripted = Scripted::new(History::of((1..=96).chain(100..=102)));
    let screen = scripted.settled();
    assert!(screen.iter().any(|row| row.starts_with("── 3 messages are missing here ─")), "{screen:#?}");
    assert!(numbers(&screen).ends_with(&[95, 96, 100, 101, 102]), "{screen:#?}");
}

#[test]
fn memory_is_bounded_and_what_was_dropped_is_loaded_again() {
    let total = 14_000;
    let mut scripted = Scripted::new(History { page: 150, ..History::of(1..=total) });
    scripted.settled();
    scripted.hears(total + 1, &format!("message {}", total + 1));
    let walk = |scripted: &mut Scripted, lines: isize, goal: u64| {
        for _ in 0..400 {
            let screen = scripted.scrolls(lines);
            let shown = numbers(&screen);
            assert!(is_consecutive(&shown) && shown.len() > 5, "{screen:#?}");
            assert!(scripted.window.log.len() < 6_000, "{}", scripted.window.log.len());
            if shown.contains(&goal) {
                return;
            }
        }
        panic!("{goal} is not reached: {:#?}", scripted.screen());
    };
    walk(&mut scripted, 60, 1);
    assert!(!scripted.held().contains(&(total - 500)), "what is far from the view is dropped");
    assert!(scripted.held().contains(&(total + 1)), "what has happened since is not");
    let asked = scripted.asked;
    walk(&mut scripted, -60, total + 1);
    assert!(scripted.asked > asked, "it is loaded again");
    walk(&mut scripted, 60, 1);
    let newest = scripted.presses(KeyCode::End);
    assert_eq!(numbers(&newest).last(), Some(&(total + 1)), "{newest:#?}");
    assert!(is_consecutive(&scripted.held()));
}

#[test]
fn messages_that_arrive_do_not_move_what_is_read_and_are_counted() {
    let mut scripted = Scripted::new(History::of(1..=300));
    scripted.settled();
    let before = scripted.presses(KeyCode::PageUp);
    assert!(before[10].contains("scrolled back (End)"), "{before:#?}");
    scripted.hears(301, "message 301");
    scripted.hears(302, "message 302");
    let after = scripted.settled();
    assert_eq!(before[..10], after[..10]);
    assert!(after[10].contains("2 new below (End)"), "{after:#?}");
    let newest = scripted.presses(KeyCode::End);
    assert_eq!(numbers(&newest).last(), Some(&302));
    assert!(!newest[10].contains("new below"), "{newest:#?}");
}

#[test]
fn days_are_named_in_loaded_pages_and_at_their_seams() {
    let mut history = History { page: 10, ..History::of(1..=60) };
    for (seq, time, _) in &mut history.messages {
        *time = *seq / 16 * 86_400_000; // sixteen messages a day, while a page has ten
    }
    let mut scripted = Scripted::new(history);
    scripted.settled();
    scripted.scrolls(1000);
    scripted.scrolls(1000);
    let mut day = None;
    let mut named = Vec::new();
    for entry in scripted.window.log.entries() {
        match entry {
            Entry::Day(date) => {
                assert!(named.last() < Some(date), "each day once, in order: {named:?} {date}");
                named.push(*date);
                day = Some(*date);
            }
            Entry::Said(said) => assert_eq!(times::day(said.time.unwrap(), &TimeZone::UTC), day),
            _ => {}
        }
    }
    assert_eq!(named.len(), 4, "{named:?}");
}

#[test]
fn a_hub_without_history_changes_nothing_but_a_note_at_the_top() {
    let mut scripted = Scripted::new(History::of(1..=5));
    scripted.screen();
    let ask = scripted.window.ask().unwrap();
    let refused = || Err(HistoryError::NotKept { reason: "policy: no \u{202e} requests".into() });
    scripted.window.answered(&ask, refused());
    let before = scripted.settled();
    assert!(!before[..10].concat().contains("──"), "{before:#?}");
    assert_eq!(scripted.asked, 0);
    let screen = scripted.presses(KeyCode::PageUp);
    assert!(
        screen.iter().any(|row| row.starts_with("── no-history: this hub keeps no history: policy")),
        "{screen:#?}"
    );
    assert!(!screen.concat().contains('\u{202e}'));
    scripted.presses(KeyCode::Esc);
    assert_eq!(scripted.settled(), before);

    // A search looks in the window then.
    scripted.hears(6, "tea at noon");
    scripted.hears(7, "message 7");
    press(&mut scripted.window, "/search NOON\n");
    scripted.screen();
    let ask = scripted.window.ask().unwrap();
    scripted.window.answered(&ask, refused());
    let screen = scripted.settled();
    assert!(screen[9].ends_with("bob: tea at noon") && !screen.concat().contains("message 7"), "{screen:#?}");
}

#[test]
fn an_error_is_one_line_and_scrolling_asks_again() {
    let mut scripted = Scripted::new(History::of(1..=300));
    scripted.screen();
    let ask = scripted.window.ask().unwrap();
    scripted.window.answered(&ask, Err(HistoryError::Request(SendError::TimedOut)));
    let screen = scripted.settled();
    assert_eq!(scripted.asked, 0, "not at once");
    assert!(screen[10].contains("! history: "), "{screen:#?}");
    let screen = scripted.presses(KeyCode::PageUp);
    assert!(scripted.asked > 0 && !screen[10].contains("! history"), "{screen:#?}");
    scripted.window.answered(&ask, Err(HistoryError::BadPage)); // to a question that is not asked any more
    assert_eq!(scripted.settled(), screen);
}

#[test]
fn a_search_lists_what_the_hub_finds_and_esc_returns() {
    let mut history = History::of(1..=400);
    for (seq, _, text) in &mut history.messages {
        if *seq % 2 == 0 {
            *text = format!("noon, message {seq}");
        }
    }
    let mut scripted = Scripted::new(history);
    scripted.settled();
    let before = scripted.presses(KeyCode::PageUp);
    press(&mut scripted.window, "/search Noon\n");
    let screen = scripted.settled();
    assert_eq!(numbers(&screen), (382..=400).step_by(2).collect::<Vec<_>>(), "{screen:#?}");
    assert!(screen[9].starts_with("1970-01-01 00:06 bob: noon, message 400"), "{screen:#?}");
    assert!(screen[10].contains("with \"Noon\" (Esc)"), "{screen:#?}");
    scripted.hears(401, "message 401");
    assert!(scripted.settled()[10].contains("1 new (Esc)"));
    let mut first = 0;
    for _ in 0..30 {
        let shown = numbers(&scripted.presses(KeyCode::PageUp));
        first = shown[0];
        assert!(shown.windows(2).all(|pair| pair[1] == pair[0] + 2), "{shown:?}");
    }
    assert_eq!(first, 2);
    assert!(scripted.screen()[0].contains("no older message contains it"));
    let screen = scripted.presses(KeyCode::Esc);
    assert_eq!(numbers(&screen).last(), Some(&401), "entering a command shows the newest: {before:#?}");
    press(&mut scripted.window, "/search nothing\n");
    let screen = scripted.settled();
    assert!(screen[9].contains("no older message contains it"), "{screen:#?}");
    press(&mut scripted.window, "/search\n");
    assert!(last(&scripted.window).contains("1 to 256 bytes"));
}

#[test]
fn what_was_said_while_there_was_no_connection_is_marked() {
    let mut scripted = Scripted::new(History::of(1..=3));
    scripted.settled();
    let is_marked = |window: &Window| {
        let mut entries = window.log.entries().skip_while(|entry| **entry != Entry::Away).skip(1);
        entries.next().and_then(Entry::seq)
    };
    for (last, marked) in [(5, Some(4)), (8, Some(6))] {
        scripted.reconnects(History::of(1..=last));
        assert_eq!(is_marked(&scripted.window), marked);
    }
    scripted.hears(9, "message 9");
    let marks = scripted.window.log.entries().filter(|entry| **entry == Entry::Away).count();
    assert_eq!((marks, is_marked(&scripted.window)), (1, Some(6)));
    assert!(is_consecutive(&scripted.held()), "{:?}", scripted.held());
}

#[test]
fn old_text_is_escaped_and_wide_text_fits() {
    let mut history = History::of(1..=3);
    history.messages[0].2 = "\x1b[2J \u{202e}שלום 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字".into();
    let mut scripted = Scripted::new(history);
    let screen = scripted.settled().concat();
    assert!(screen.contains("\\u{1b}[2J \\u{202e}שלום") && !screen.contains(['\x1b', '\u{202e}']), "{screen}");
}

//! What the window shows is what it would draw on an empty terminal, and the date is among it.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use bookend::{Delivery, Message, Payload, Text};
use bookend_testing::hub::Hub;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::{Server, Terminal, chat};

/// Text that terminals disagree about.
const CLUSTERS: [(&str, &str); 8] = [
    ("Devanagari", "नमस्ते दुनिया"),
    ("Thai", "สวัสดีชาวโลก กำลัง"),
    ("Tamil", "வணக்கம் கௌ"),
    ("Arabic", "السلام عليكم لا"),
    ("a family", "👨‍👩‍👧‍👦 x 👨‍👩‍👧‍👦"),
    ("flags", "🇩🇪🇫🇷🏳️‍🌈"),
    ("variation selectors", "❤\u{fe0f} ☎\u{fe0f} 1\u{fe0f}\u{20e3}"),
    ("marks", "Z\u{351}\u{36b}a\u{369}l\u{363}g\u{30a}\u{302}o"),
];

#[test]
fn text_of_uncertain_width_leaves_no_residue() {
    let server = Server::start("127.0.0.1:0");
    let Some(window) = chat("ann", &server.address.to_string(), 80, 24) else { return };
    let mut telnet = TcpStream::connect(server.address).unwrap();
    telnet.write_all(b"/name bob\r\n").unwrap();
    window.shows("│bob");
    for (number, (what, text)) in CLUSTERS.iter().enumerate() {
        // Each step ends with something plain, which shows that the step is done.
        window.types(&format!("{text} typed{number}"));
        window.shows(&format!(" typed{number}"));
        window.is_what_a_redraw_shows(what);
        window.presses("C-u");
        window.types(&format!("x{number}x"));
        window.shows(&format!("> x{number}x"));
        window.is_what_a_redraw_shows(what);
        window.presses("C-u");
        telnet.write_all(format!("{text} said{number}\r\n").as_bytes()).unwrap();
        window.shows(&format!(" said{number}"));
        window.is_what_a_redraw_shows(what);
    }
    for number in 0..25 {
        telnet.write_all(format!("short {number}\r\n").as_bytes()).unwrap();
    }
    window.shows("short 24");
    window.is_what_a_redraw_shows("after scrolling");
    let screen = window.screen();
    assert!(screen.contains("short 24") && !screen.contains("said"), "{screen}");
    window.presses("PageUp");
    window.shows("scrolled back");
    window.is_what_a_redraw_shows("scrolled back");
}

#[test]
fn window_names_the_day_when_it_changes() {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        let mut hub = Hub::welcome(listener.accept().await.unwrap().0, &[]).await;
        let noon =
            |day: &str| day.parse::<jiff::civil::Date>().unwrap().at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        let days = ["2026-02-28", "2026-02-28", "2026-03-01"];
        for (seq, day) in (1..).zip(days) {
            let time = u64::try_from(noon(day).timestamp().as_millisecond()).unwrap();
            let text = Payload::Text(Text::utf8(day));
            hub.say(&Message::Delivery(Delivery::new(7, 0, seq, time, "bob", text).unwrap())).await;
        }
        hub.rest().await
    });
    let program = format!("TZ=UTC {} chat {address} --name ann; sleep 90", env!("CARGO_BIN_EXE_bookend"));
    let Some(window) = Terminal::start(70, 12, &program) else { return };
    let screen = window.shows("bob: 2026-03-01");
    let lines: Vec<&str> = screen.lines().map(|line| line.split('│').next().unwrap().trim_end()).collect();
    let first = lines.iter().position(|line| line.starts_with("── Saturday, 28 February 2026 ──")).expect(&screen);
    assert_eq!(lines[first + 1..first + 3], ["12:00 bob: 2026-02-28"; 2], "{screen}");
    assert!(lines[first + 3].starts_with("── Sunday, 1 March 2026 ──"), "{screen}");
    assert_eq!(lines[first + 4], "12:00 bob: 2026-03-01", "{screen}");
}

impl Terminal {
    /// Ctrl-l draws everything again; that changes nothing.
    fn is_what_a_redraw_shows(&self, what: &str) {
        let before = self.settled();
        self.presses("C-l");
        let after = self.settled();
        assert_eq!(before, after, "{what}");
    }

    /// The screen, once it no longer changes.
    fn settled(&self) -> String {
        let mut last = self.screen();
        loop {
            thread::sleep(Duration::from_millis(60));
            let now = self.screen();
            if now == last {
                return now;
            }
            last = now;
        }
    }
}

//! The window scrolls back through what the hub has kept in memory.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use bookend_client::blocking::{Client, Sender};
use bookend_client::{Dialler, Hello, Options};

use super::{Server, Terminal, chat};

/// A member of the room.
pub(super) struct Speaker {
    sender: Sender,
    _client: Client,
}

impl Speaker {
    pub(super) fn new(address: SocketAddr) -> Speaker {
        let dialler = Dialler::new(address.to_string().parse().unwrap());
        let client =
            Client::connect(Options::new(dialler, Hello::new().with_hub(true).with_name("bob").unwrap())).unwrap();
        Speaker { sender: client.sender(), _client: client }
    }

    pub(super) fn says(&self, text: &str) {
        self.sender.send(text).unwrap().wait().unwrap();
    }
}

#[test]
fn the_window_scrolls_back_to_the_beginning_and_returns() {
    let server = Server::start("127.0.0.1:0");
    let bob = Speaker::new(server.address);
    for number in 1..=250 {
        bob.says(&format!("message {number} of many"));
    }
    let Some(window) = chat("ann", &server.address.to_string(), 80, 24) else { return };
    let screen = window.waits("a full screen", |screen| screen.contains("message 240 of"));
    assert!(screen.contains("message 250 of"), "what was said before is loaded on joining: {screen}");
    let before = window.waits("the beginning", |screen| {
        let is_shown = screen.starts_with("── nothing older is kept ") && screen.contains("message 1 of");
        if !is_shown {
            window.presses("PageUp"); // what is loaded already is scrolled through at once
        }
        is_shown
    });
    window.shows("scrolled back (End)");
    bob.says("while you were reading");
    let after = window.shows("1 new below (End)");
    assert_eq!(without_status(&before), without_status(&after));
    window.presses("End");
    window.shows("bob: while you were reading");

    window.enters("/search MESSAGE 12");
    let screen = window.shows("with \"MESSAGE 12\" (Esc)");
    assert!(!screen.contains("while you"), "{screen}");
    let screen = window.waits("all that is found", |screen| screen.contains("message 129 of"));
    assert!(screen.contains("no older message contains it") && screen.contains("bob: message 12 of"), "{screen}");
    window.presses("Escape");
    window.shows("bob: while you were reading");
    window.enters("/quit");
    window.shows("ended with 0");
}

/// The lines of messages.
fn without_status(screen: &str) -> Vec<&str> {
    screen.lines().filter(|line| !line.contains("● up")).collect()
}

/// Connections to a hub that can be cut.
pub(super) struct Wire {
    pub(super) address: SocketAddr,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    /// New connections are closed at once.
    is_paused: Arc<AtomicBool>,
}

impl Wire {
    pub(super) fn to(hub: SocketAddr) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let wire = Wire { address, streams: Arc::default(), is_paused: Arc::default() };
        let (streams, is_paused) = (Arc::clone(&wire.streams), Arc::clone(&wire.is_paused));
        thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                if is_paused.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(far) = TcpStream::connect(hub) else { break };
                streams.lock().unwrap().extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                let (mut near_in, mut far_out) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut near_in, &mut far_out));
                let (mut far_in, mut near_out) = (far, near);
                thread::spawn(move || io::copy(&mut far_in, &mut near_out));
            }
        });
        wire
    }

    /// Cuts all connections, and does so until [`resume`](Wire::resume).
    pub(super) fn pause(&self) {
        self.is_paused.store(true, Ordering::SeqCst);
        self.cut();
    }

    pub(super) fn resume(&self) {
        self.is_paused.store(false, Ordering::SeqCst);
    }

    fn cut(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both); // it may be gone
        }
    }
}

#[test]
fn what_was_said_while_the_connection_was_lost_is_marked() {
    let server = Server::start("127.0.0.1:0");
    let wire = Wire::to(server.address);
    let bob = Speaker::new(server.address);
    let Some(window) = chat("ann", &wire.address.to_string(), 80, 24) else { return };
    bob.says("before");
    window.shows("bob: before");
    // Until something is said in between: the window connects again at once.
    for round in 0.. {
        wire.cut();
        bob.says("in between");
        let screen = window.shows("reconnected");
        if screen.contains("── new since you left ─") {
            let (_, after) = screen.split_once("── new since you left ─").unwrap();
            assert!(after.contains("bob: in between"), "{screen}");
            break;
        }
        assert!(round < 20, "{screen}");
    }
}

#[test]
fn a_terminal_that_shows_only_lines_prints_the_last_messages_and_what_is_found() {
    let server = Server::start("127.0.0.1:0");
    let bob = Speaker::new(server.address);
    for number in 1..=5 {
        bob.says(&format!("message {number}"));
    }
    let program = format!("TERM=dumb {} chat {} --name ann; sleep 90", env!("CARGO_BIN_EXE_bookend"), server.address);
    let Some(terminal) = Terminal::start(80, 24, &program) else { return };
    terminal.shows("ann here");
    terminal.enters("/last 2");
    let screen = terminal.shows(" bob: message 5");
    assert!(screen.contains(" bob: message 4") && !screen.contains("message 3"), "{screen}");
    terminal.enters("/search E 2");
    let screen = terminal.shows(" bob: message 2");
    assert!(screen.contains("* no older message that is kept contains that"), "{screen}");
}

//! Line terminals, in one room with framed peers.

use std::net::SocketAddr;
use std::time::Duration;

use bookend::{Code, Encoding, PresenceEvent, kind};
use bookend_server::{Config, Hub};
use tokio::io::duplex;
use tokio::time::{Instant, sleep};

use crate::peer::{Peer, config, frame, hello, hub, post, post_to};
use crate::strangers::received;

#[tokio::test(start_paused = true)]
async fn a_connection_starts_with_one_line_that_names_the_hub_and_the_time() {
    // [R9.16] [R4.20]
    let hub = hub();
    let mut peer = Peer::connect(&hub);
    let line = peer.line().await;
    let date = line.strip_prefix("Bookend hub, ").unwrap();
    let words: Vec<_> = date.split([' ', ':']).collect();
    let [weekday, day, month, year, hour, minute, second, "GMT"] = words[..] else { panic!("{date}") };
    assert!(weekday.ends_with(',') && weekday.len() == 4 && month.len() == 3, "{date}");
    for (number, digits) in [(day, 2), (year, 4), (hour, 2), (minute, 2), (second, 2)] {
        assert!(number.len() == digits && number.parse::<u32>().is_ok(), "{date}");
    }
    assert!(line.is_ascii() && line.len() < 1022);
    peer.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_byte_decides_and_only_f5_begins_a_frame() {
    // [R4.22] [R9.17]
    let hub = hub();
    let mut framed = Peer::connect(&hub);
    framed.line().await;
    framed.send(b"\xF5").await;
    framed.send(b"\xF9").await;
    assert_eq!(framed.frame().await.close().0, Code::BAD_START);

    let mut person = Peer::connect(&hub);
    person.line().await;
    person.send(b"\n").await;
    assert!(person.line().await.starts_with("* you are guest-1 in lobby (1 here)."));
    person.send(b"\xF5\xF8\x01\x00\x00\x00\x00\x00\xF8\xF5\n").await;
    assert!(person.line().await.starts_with("! bad-text: "), "nothing is skipped to find a frame");
}

#[tokio::test(start_paused = true)]
async fn people_and_programs_share_a_room() {
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    let mut ann = Peer::connect(&hub);
    ann.greet(&hello("ann").with_preferred(Encoding::Utf16Le)).await;
    assert_eq!(ann.welcome().await.2, [(1, "guest-1".into()), (2, "ann".into())]);
    assert_eq!(person.line().await, "* ann joined (2 here)");
    person.send("grüß\r\n".as_bytes()).await;
    assert_eq!(person.line().await, "guest-1: grüß", "the sender receives it, too");
    let frame = ann.frame().await;
    assert_eq!((frame.seq_and_text(), frame.delivery().name()), ((1, "grüß".into()), "guest-1"));
    assert_eq!(frame.delivery().payload.as_bytes(), b"g\0r\0\xFC\0\xDF\0");
    ann.send(&post("hi")).await;
    ann.send(&post_to(0, Encoding::Binary, b"\0\x01\x02")).await;
    assert_eq!(person.line().await, "ann: hi");
    assert_eq!(person.line().await, "* ann sent 3 bytes");
    person.send(b"/quit\r\n").await;
    let left = loop {
        let frame = ann.frame().await;
        if frame.kind == bookend::kind::PRESENCE {
            break frame.presence();
        }
    };
    assert_eq!(left, (1, PresenceEvent::Left, "guest-1".into()));
    assert_eq!(person.line().await, "* bye");
    person.end().await;
}

#[tokio::test(start_paused = true)]
async fn lines_may_end_in_every_way_and_arrive_one_character_at_a_time() {
    // [R9.17]
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    for byte in "a\r\nb\nc\r\0d\r\r\n\u{e9}\r\n".bytes() {
        person.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    for text in ["a", "b", "c", "d", "é"] {
        assert_eq!(person.line().await, format!("guest-1: {text}"));
    }
    person.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn keys_that_correct_a_line_are_not_said_in_the_room() {
    // [R9.42]
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    for key in b"hellp\x08o\r\nhellp\xFF\xF7o\r\nwrong\xFF\xF8right\r\n" {
        person.send(&[*key]).await;
        tokio::task::yield_now().await;
    }
    for text in ["hello", "hello", "right"] {
        assert_eq!(person.line().await, format!("guest-1: {text}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_over_1024_bytes_is_told_once_and_not_delivered() {
    // [R9.17]
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    let longest = "x".repeat(1024);
    person.send(format!("{longest}x{longest}\r\n").as_bytes()).await;
    assert_eq!(person.line().await, "! too-long: a line has at most 1024 bytes");
    person.send(format!("{longest}\r\n").as_bytes()).await;
    assert_eq!(person.line().await, format!("guest-1: {longest}"));
    person.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn telnet_options_are_refused_and_removed_from_the_line() {
    // [R9.18]
    let hub = hub();
    let mut person = Peer::connect(&hub);
    person.line().await;
    person.send(b"\xFF\xFB\x18\xFF\xFD\x03\xFF\xFD\x03\xFF\xFA\x18\x00xterm\xFF\xF0").await;
    assert_eq!(person.bytes(6).await, b"\xFF\xFE\x18\xFF\xFC\x03");
    person.quiet().await; // each is refused once
    person.send(b"he\xFF\xF1llo\r\n").await;
    assert!(person.line().await.starts_with("* you are guest-1"));
    assert_eq!(person.line().await, "guest-1: hello");
    person.send(b"ab\xFF\xFFc\r\n").await;
    let received = person.line().await;
    assert!(received.starts_with("! bad-text: byte 2 of the payload is not utf-8"), "FF FF is one byte FF: {received}");
    person.send(b"\xFF\xFA").await;
    person.send(&[b'x'; 2000]).await;
    assert_eq!(person.line().await, "! too-long: a telnet subnegotiation does not end");
    person.end().await;
}

#[tokio::test(start_paused = true)]
async fn control_characters_and_forged_lines_never_reach_a_terminal() {
    // [R9.19]
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    person.line().await; // ann joined
    ann.send(&post("\u{1b}[2J\r\nbob: I owe you\t\u{7f}\u{85}\u{2028}\u{202E}x\u{2066}\u{200F}\u{61C}\0")).await;
    let shown = "ann: \\u{1b}[2J\\u{d}\\u{a}bob: I owe you\\u{9}\\u{7f}\\u{85}\\u{2028}\\u{202e}x\\u{2066}\\u{200f}\\u{61c}\\u{0}";
    assert_eq!(person.line().await, shown);
    person.quiet().await;
    ann.send(&post_to(1, Encoding::Utf8, b"a\nb")).await;
    assert_eq!(person.line().await, "ann (to you): a\\u{a}b");
}

#[tokio::test(start_paused = true)]
async fn a_browser_is_refused_however_its_request_line_arrives() {
    // [R9.20]
    let hub = hub();
    let too_long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(2000));
    let named = "! bad-start: foreign-http (certain): an HTTP request: ";
    let plain = "! bad-start: this is a Bookend hub, which does not speak HTTP";
    for (request, wait, step, received) in [
        ("GET / HTTP/1.1\r\nHost: hub\r\n\r\n", 0, usize::MAX, named),
        ("GET / HTTP/1.1\r\nHost: hub\r\n\r\n", 0, 1, named),
        ("POST / HTTP/1.1\r\n", 6, usize::MAX, named),
        ("GET /\r\n", 0, usize::MAX, plain),
        (&too_long[..], 0, usize::MAX, plain),
    ] {
        let mut browser = Peer::connect(&hub);
        browser.line().await;
        sleep(Duration::from_secs(wait)).await;
        if wait > 0 {
            assert!(browser.line().await.starts_with("* you are guest-"));
        }
        for part in request.as_bytes().chunks(step) {
            browser.send(part).await;
        }
        let line = browser.line().await;
        assert!(line.starts_with(received), "{request:?}: {line}");
        browser.end().await;
    }
    let mut person = Peer::connect(&hub);
    person.line().await;
    person.send(b"GET well soon!\r\nGET / HTTP/1.1\r\n").await;
    person.line().await;
    assert_eq!(person.line().await, "guest-2: GET well soon!");
    assert_eq!(person.line().await, "guest-2: GET / HTTP/1.1", "only the first line is examined");
}

#[tokio::test(start_paused = true)]
async fn other_protocols_and_channels_that_change_bytes_are_diagnosed() {
    // [R9.20] [R9.17]
    let hub = hub();
    for (bytes, received) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"[..], "foreign-tls (certain)"),
        (b"*1\r\n$7\r\nCOMMAND\r\n", "foreign-redis (certain)"),
        (b"\x75\x78\x01\0\0\0\0\x18BKND\r\n\x1A\n\x7F\x11\r\0", "channel-seven-bit (certain)"),
    ] {
        let mut peer = Peer::connect(&hub);
        peer.line().await;
        peer.send(bytes).await;
        let line = peer.line().await;
        assert!(line.starts_with(&format!("! bad-start: {received}")), "{line}");
        peer.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_terminal_joins_after_2_s_and_is_sent_what_was_said_since_it_connected() {
    for silence in [2, 4] {
        let hub = Hub::new(Config { terminal_silence: Duration::from_secs(silence), ..config() });
        let mut ann = Peer::join(&hub, hello("ann")).await;
        ann.send(&post("before")).await;
        ann.frame().await;
        let start = Instant::now();
        let mut person = Peer::connect(&hub);
        person.line().await;
        ann.send(&[post("meanwhile"), post("and more")].concat()).await;
        assert!(person.line().await.starts_with("* you are guest-2 in lobby (2 here)."));
        assert_eq!(start.elapsed().as_secs(), silence);
        for text in ["meanwhile", "and more"] {
            assert_eq!(person.line().await, format!("ann: {text}"));
            ann.frame().await;
        }
        assert_eq!(ann.frame().await.presence().2, "guest-2");
        ann.send(&post("hi")).await;
        assert_eq!(person.line().await, "ann: hi", "each message once");
        sleep(Duration::from_secs(3600)).await;
        person.send(b"still here\r\n").await;
        assert_eq!(person.line().await, "guest-2: still here");
    }
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_types_at_once_is_sent_what_was_said_since_it_connected() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut person = Peer::connect(&hub);
    person.line().await;
    ann.send(&post("hello")).await;
    ann.frame().await;
    sleep(Duration::from_secs(1)).await;
    person.send(b"hi\r\n").await;
    assert!(person.line().await.starts_with("* you are guest-2 in lobby"));
    for line in ["ann: hello", "guest-2: hi"] {
        assert_eq!(person.line().await, line);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_said_in_a_room_that_began_after_the_terminal_connected_is_sent_to_it() {
    for began_before in [false, true] {
        let hub = Hub::new(Config { first_seq: None, ..config() });
        let mut old =
            Peer::join(&hub, hello("old").with_room(if began_before { "lobby" } else { "attic" }).unwrap()).await;
        old.send(&post("long ago")).await;
        old.frame().await;
        let mut person = Peer::connect(&hub);
        person.line().await;
        old.send(&frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8")).await;
        old.end_of_session().await;
        std::thread::sleep(Duration::from_millis(2)); // rooms number their messages by the system's clock
        let mut ann = Peer::join(&hub, hello("ann")).await;
        ann.send(&post("news")).await;
        ann.frame().await;
        assert!(person.line().await.starts_with("* you are guest-"));
        assert_eq!(person.line().await, "ann: news");
        person.quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_terminal_no_longer_waits_at_the_door() {
    let hub = hub();
    let mut silent = Vec::new();
    for round in 1..=3 {
        for port in 0..10 {
            let (stream, other) = duplex(1 << 12);
            let address: SocketAddr = format!("192.0.2.1:{}", 1000 * round + port).parse().unwrap();
            tokio::spawn(hub.serve(other, address));
            silent.push(stream);
        }
        sleep(Duration::from_secs(2)).await;
    }
    for (number, stream) in silent.iter_mut().enumerate() {
        assert!(!received(stream).await.1, "connection {number} was refused");
    }
}

#[tokio::test(start_paused = true)]
async fn a_framed_peer_that_starts_late_is_accepted_and_the_guest_that_it_was_leaves() {
    // [R4.21] [R7.10]
    for wait in [3, 30, 3600] {
        let hub = hub();
        let mut ann = Peer::join(&hub, hello("ann")).await;
        let mut late = Peer::connect(&hub);
        late.line().await;
        sleep(Duration::from_secs(wait)).await;
        assert!(late.line().await.starts_with("* you are guest-2"));
        assert_eq!(ann.frame().await.presence(), (2, PresenceEvent::Joined, "guest-2".into()));
        let mut bytes = Vec::new();
        hello("late").encode(&mut bytes);
        late.send(&bytes[..1]).await;
        assert_eq!(ann.frame().await.presence(), (2, PresenceEvent::Left, "guest-2".into()));
        sleep(Duration::from_secs(4)).await;
        late.send(&bytes[1..]).await;
        assert_eq!(late.frame().await.kind, kind::HELLO);
        assert_eq!(late.welcome().await.2, [(1, "ann".into()), (3, "late".into())]);
        late.send(&post("hi")).await;
        assert_eq!(late.frame().await.seq_and_text().1, "hi");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_framed_peer_that_was_sent_too_much_or_is_too_slow_is_closed_with_a_reason() {
    // [R7.10]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bytes = Vec::new();
    hello("late").encode(&mut bytes);
    for long in [true, false] {
        let mut late = Peer::connect(&hub);
        late.line().await;
        assert!(late.line().await.starts_with("* you are guest-"));
        if long {
            ann.send(&post(&"x".repeat(1024))).await;
            late.line().await;
            late.send(&bytes).await;
        } else {
            late.send(&bytes[..20]).await;
        }
        let start = Instant::now();
        assert_eq!(late.frame().await.close().0, Code::HELLO_TIMEOUT);
        assert_eq!(start.elapsed().as_secs(), if long { 0 } else { 5 });
        late.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_that_was_closed_begins_no_session() {
    let hub = hub();
    let mut silent = Peer::connect(&hub);
    silent.line().await;
    let shutting = tokio::spawn({
        let hub = hub.clone();
        async move { hub.shut_down().await }
    });
    assert_eq!(silent.line().await, "! going-away: the hub is shutting down");
    let mut bytes = Vec::new();
    hello("late").encode(&mut bytes);
    silent.send(&bytes).await;
    silent.end().await;
    silent.shut().await;
    shutting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_last_line_without_an_end_counts() {
    // [R9.17]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for (input, said) in [
        (&b"hello"[..], &["hello"][..]),
        (b"one\r\ntwo", &["one", "two"]),
        (b"hello\xFF", &["hello"]),
        (b"hello\xFF\xFB", &["hello"]),
        (b"hello\xFF\xFA\x18", &["hello"]),
        (b"/me waves", &["* guest waves"]),
        ("grüß".as_bytes(), &["grüß"]),
        (b"hello\r", &["hello"]),
        (b"x\r\ngr\xFC\xDF", &["x"]),
        (b"\x03\0\0\x13\x0E\xE0", &[]),
        (b"\xFF\xFB", &[]),
        (b"GET / HTTP/1.1", &[]),
        (b"/quit", &[]),
        (b"", &[]),
    ] {
        let mut person = Peer::connect(&hub);
        person.send(input).await;
        person.shut().await;
        person.rest().await;
        let mut guest = String::new();
        let mut heard = Vec::new();
        ann.send(&post("that was all")).await;
        loop {
            let frame = ann.frame().await;
            match frame.kind {
                kind::PRESENCE => guest = frame.presence().2,
                _ if frame.seq_and_text().1 == "that was all" => break,
                _ => heard.push(frame.seq_and_text().1.replace(&guest, "guest")),
            }
        }
        assert_eq!(heard, said, "{}", input.escape_ascii());
    }
}

#[tokio::test(start_paused = true)]
async fn bad_text_is_answered_with_a_line_and_not_delivered() {
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    person.line().await; // ann joined
    person.send(b"gr\xFC\xDF\r\n").await;
    let received = person.line().await;
    let expected = "! bad-text: text-windows-1252 (likely) at byte 2: ";
    assert!(received.starts_with(expected), "{received}");
    ann.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn commands_do_what_help_describes() {
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    let mut ann = Peer::join(&hub, hello("ann marie")).await;
    person.line().await; // ann marie joined
    person.send(b"/help\r\n").await;
    for (usage, about) in bookend::command::HELP {
        assert_eq!(person.line().await, format!("* {usage}: {about}"));
    }
    let exchange: [(&str, &str); 16] = [
        ("/who", "* 2 here: guest-1, ann marie"),
        ("/name bob", "* guest-1 is now bob"),
        ("/name ann marie", "* bob is now ann marie-2"),
        ("/name bob", "* ann marie-2 is now bob"),
        ("/name a\tb", "! /name NAME: 1 to 64 bytes without control characters"),
        ("/name", "! /name NAME: 1 to 64 bytes without control characters"),
        ("/msg \"ann marie\" psst", "* to ann marie alone: psst"),
        ("/msg eve psst", "! no-such-member: no member has that name; /who lists the members"),
        ("/to \"Ann Marie\"", "! /to NAME TEXT: TEXT is missing"),
        ("/whoami", "* you are bob in lobby (2 here), from test"),
        ("/me", "! /me TEXT: TEXT is what you do"),
        ("/join", "! /join ROOM: 1 to 64 bytes without control characters"),
        ("/join lobby", "! /join ROOM: you are there"),
        ("/nope", "! there is no such command; /help lists all. To say a line that starts with /, type //"),
        ("//etc", "bob: /etc"),
        ("/encoding latin-1", "! /encoding ascii or /encoding utf-8"),
    ];
    for (typed, shown) in exchange {
        person.send(format!("{typed}\r\n").as_bytes()).await;
        assert_eq!(person.line().await, shown);
    }
    let mut names = Vec::new();
    let mut private = Vec::new();
    loop {
        let frame = ann.frame().await;
        if frame.kind == bookend::kind::PRESENCE {
            names.push(frame.presence());
            continue;
        }
        let text = frame.seq_and_text();
        if text.0 == 0 {
            private.push(text.1);
        } else {
            assert_eq!((text, frame.delivery().name()), ((1, "/etc".into()), "bob"));
            break;
        }
    }
    assert_eq!(private, ["psst"]);
    assert_eq!(names[..2], [(1, PresenceEvent::Left, "guest-1".into()), (1, PresenceEvent::Joined, "bob".into())]);
    assert_eq!(names.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn lines_after_join_are_sent_to_the_new_room() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob").with_room("attic").unwrap()).await;
    let mut person = Peer::terminal(&hub).await;
    person.send(b"/name tina\r\na\r\n/join attic\r\n/me waves\r\n/join attic\r\n/join cellar\r\nalone\r\n").await;
    for line in [
        "* guest-3 is now tina",
        "tina: a",
        "* you are tina in attic (2 here). Type a line to say it, /help for more, /quit to leave.",
        "! /join ROOM: you are there",
        "tina: * tina waves",
        "* you are tina in cellar (1 here). Type a line to say it, /help for more, /quit to leave.",
        "tina: alone",
    ] {
        assert_eq!(person.line().await, line);
    }
    for event in [PresenceEvent::Joined, PresenceEvent::Left, PresenceEvent::Joined] {
        assert_eq!(ann.frame().await.presence().1, event);
    }
    assert_eq!(ann.frame().await.seq_and_text(), (1, "a".into()));
    assert_eq!(ann.frame().await.presence().1, PresenceEvent::Left);
    assert_eq!(bob.frame().await.presence(), (4, PresenceEvent::Joined, "tina".into()));
    assert_eq!(bob.frame().await.seq_and_text(), (1, "* tina waves".into()));
    assert_eq!(bob.frame().await.presence(), (4, PresenceEvent::Left, "tina".into()));
}

#[tokio::test(start_paused = true)]
async fn events_of_the_old_room_are_written_before_the_move() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut person = Peer::connect_over(&hub, 120);
    person.line().await;
    person.send(b"\r\n").await;
    assert!(person.line().await.starts_with("* you are guest-2 in lobby"));
    let long = "x".repeat(900);
    ann.send(&[post(&long), post("and more")].concat()).await;
    person.bytes(8).await; // the rest waits in the hub
    person.send(b"/join attic\r\n").await;
    assert_eq!(person.line().await, long[..897]);
    assert_eq!(person.line().await, "ann: and more");
    assert!(person.line().await.starts_with("* you are guest-2 in attic (1 here)."));
}

#[tokio::test(start_paused = true)]
async fn a_new_name_applies_to_later_messages_and_frees_the_old_one() {
    // [R9.33]
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    let mut framed = Peer::join(&hub, hello("fay")).await;
    assert_eq!(person.line().await, "* fay joined (2 here)");
    person.send(b"a\r\n/name bob\r\nb\r\n").await;
    for line in ["guest-1: a", "* guest-1 is now bob", "bob: b"] {
        assert_eq!(person.line().await, line);
    }
    let mut other = Peer::terminal(&hub).await;
    other.send(b"/name guest-1\r\n").await;
    assert_eq!(other.line().await, "* guest-3 is now guest-1");
    assert_eq!(framed.frame().await.seq_and_text().1, "a");
    let received = [(1, PresenceEvent::Left, "guest-1"), (1, PresenceEvent::Joined, "bob")];
    for (member, event, name) in received {
        assert_eq!(framed.frame().await.presence(), (member, event, name.into()));
    }
    assert_eq!(framed.frame().await.seq_and_text().1, "b");
}

#[tokio::test(start_paused = true)]
async fn an_ascii_terminal_receives_only_ascii() {
    // [R5.13]
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    person.send(b"/encoding ascii\r\n").await;
    assert_eq!(person.line().await, "* lines are now sent in ascii");
    let mut ann = Peer::join(&hub, hello("änn")).await;
    assert_eq!(person.line().await, "* \\u{e4}nn joined (2 here)");
    ann.send(&post("grüß\u{1b}")).await;
    assert_eq!(person.line().await, "\\u{e4}nn: gr\\u{fc}\\u{df}\\u{1b}");
    ann.send(&post_to(1, Encoding::Utf8, "ü".as_bytes())).await;
    assert_eq!(person.line().await, "\\u{e4}nn (to you): \\u{fc}");
    person.send(b"/encoding utf-8\r\n").await;
    assert_eq!(person.line().await, "* lines are now sent in utf-8");
    person.send("ü\r\n".as_bytes()).await;
    assert_eq!(person.line().await, "guest-1: ü");
}

#[tokio::test(start_paused = true)]
async fn a_slow_terminal_is_notified_how_many_messages_it_missed() {
    let config = bookend_server::Config { log_bytes: 16 << 10, ..Default::default() };
    let hub = bookend_server::Hub::new(config);
    let mut person = Peer::connect_over(&hub, 256);
    person.line().await;
    person.send(b"\r\n").await;
    person.line().await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for number in 1..=300 {
        ann.send(&post(&format!("{number:0>100}"))).await;
        ann.frame().await;
    }
    assert_eq!(person.line().await, "* ann joined (2 here)");
    let (mut next, mut gaps) = (1, 0);
    while next <= 300 {
        let line = person.line().await;
        if let Some(missed) = line.strip_prefix("* you missed ") {
            next += missed.strip_suffix(" messages").unwrap().parse::<u64>().unwrap();
            gaps += 1;
        } else {
            assert_eq!(line, format!("ann: {next:0>100}"));
            next += 1;
        }
    }
    assert_eq!((next, gaps), (301, 1));
}

#[tokio::test(start_paused = true)]
async fn the_hub_stops_reading_from_a_terminal_that_does_not_read_answers() {
    const COMMANDS: usize = 20_000;
    let hub = Hub::new(Config { lines_per_second: 0, ..config() });
    let mut person = Peer::connect_over(&hub, 4096);
    person.line().await;
    let commands = "/help\r\n".repeat(COMMANDS);
    let sent = tokio::time::timeout(Duration::from_secs(1), person.send(commands.as_bytes())).await;
    assert!(sent.is_err(), "the hub accepted all of it");
    assert!(person.line().await.starts_with("* you are guest-1"));
    let mut lines = 0;
    while tokio::time::timeout(Duration::from_secs(1), person.line()).await.is_ok() {
        lines += 1;
    }
    assert!(lines > 6 * 64 && lines < 6 * COMMANDS && lines % 6 == 0, "complete answers: {lines}");
}

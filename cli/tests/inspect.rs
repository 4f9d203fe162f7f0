//! Runs `bookend inspect` on small inputs that are built here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "inspect/capture.rs"]
mod capture;
#[path = "inspect/dumps.rs"]
mod dumps;
#[path = "inspect/support.rs"]
mod support;
#[path = "inspect/texts.rs"]
mod texts;

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use bookend::Hello;
use capture::{FIN, LINKS, Link, RST, Segment, client, opening, pcap, pcapng, server};
use serde_json::Value;
use support::{close, events, hello, inspect, message, objects, segments, session};

const PORT: u16 = 3990;
const LITTLE_ENDIAN: &[u8] = b"\xF5\xF8\x02\x02\x08\0\0\0hi there\xF8\xF5";

const SESSION: [&str; 3] = ["client frame 0 HELLO", "client frame 1 MESSAGE", "client frame 2 CLOSE"];

#[test]
fn every_format_gives_the_same_frames() {
    let bytes = session();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let dump: String = bytes
        .chunks(16)
        .enumerate()
        .map(|(row, bytes)| {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let shown = bytes.iter().map(|&byte| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' });
            format!("{:08x}  {:<48} |{}|\n", 16 * row, digits.join(" "), shown.collect::<String>())
        })
        .collect();
    let base64 = data_encoding::BASE64.encode(&bytes);
    let plain = inspect(&[], &bytes);
    assert_eq!(plain.2, Some(0), "{plain:?}");
    let python = format!("b'{}'\n", bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>());
    for (format, form, input) in [
        ("hex", "hexadecimal digits", hex),
        ("hex", "hexdump -C", dump.clone()),
        ("dump", "hexdump -C", dump),
        ("dump", "string literal", python),
        ("base64", "base64", base64),
    ] {
        for options in [&[][..], &["--format", format]] {
            let (output, errors, code) = inspect(options, input.as_bytes());
            let (first, rest) = output.split_once('\n').unwrap();
            assert_eq!(first, format!("read as a dump, {form}"));
            assert_eq!((rest, &*errors, code), (&*plain.0, &*plain.1, plain.2), "{form}");
        }
        let (read, _) = objects(&[], input.as_bytes());
        assert_eq!(read[0], serde_json::json!({"event": "dump", "form": form}));
    }
    assert_eq!(
        plain.0.lines().nth(1).unwrap(),
        "    1        34  MESSAGE   utf-8          6  \"grüß\"",
        "the offset is that of SPEC 2"
    );
}

#[test]
fn file_and_standard_input_are_read_alike() {
    let path = std::env::temp_dir().join(format!("bookend-inspect-{}", std::process::id()));
    std::fs::write(&path, session()).unwrap();
    let read = inspect(&[path.to_str().unwrap()], b"");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read, inspect(&["-"], &session()));
    let (_, stderr, code) = inspect(&[path.to_str().unwrap()], b"");
    assert!(code == Some(2) && stderr.starts_with("bookend: "), "{stderr}");
}

#[test]
fn every_link_type_and_both_versions_of_ip_are_read() {
    let bytes = session();
    let stream = [opening(), segments(client, &bytes, 10)].concat();
    for link in LINKS {
        for v6 in [false, true] {
            assert_eq!(events(&[], &pcap(link, v6, PORT, &stream)), SESSION, "{link:?}, IPv6: {v6}");
        }
    }
    for big_endian in [false, true] {
        assert_eq!(events(&[], &pcapng(big_endian, PORT, &stream)), SESSION, "pcapng, big-endian: {big_endian}");
    }
}

#[test]
fn each_direction_is_reported_separately() {
    let greeting = b"Bookend hub\r\n";
    let (mine, its) = (session(), [&greeting[..], &session()].concat());
    let stream = [
        opening(),
        segments(server, &its[..13], 99),
        segments(client, &mine, 99),
        vec![server(14, &its[13..]).with(FIN), client(u32::try_from(mine.len() + 1).unwrap(), b"").with(FIN)],
    ]
    .concat();
    let found = events(&[], &pcap(Link::Ethernet, false, PORT, &stream));
    assert_eq!(found[..3], SESSION);
    assert_eq!(found[3], "server preamble Bookend hub\\r\\n");
    assert_eq!(found[4..], ["server frame 0 HELLO", "server frame 1 MESSAGE", "server frame 2 CLOSE"]);
}

#[test]
fn segments_that_come_twice_or_out_of_order_make_no_difference() {
    let bytes = session();
    let mut pieces = segments(client, &bytes, 7);
    pieces.reverse();
    let twice: Vec<Segment<'_>> = pieces.iter().flat_map(|segment| [*segment, *segment]).collect();
    let overlapping = vec![client(1, &bytes[..20]), client(11, &bytes[10..]), client(5, &bytes[4..30])];
    for stream in [pieces, twice, overlapping] {
        let stream = [opening(), stream].concat();
        assert_eq!(events(&[], &pcap(Link::Ethernet, false, PORT, &stream)), SESSION);
    }
}

#[test]
fn hole_is_reported_and_the_inspection_continues() {
    let bytes = session();
    let inside = [opening(), vec![client(1, &bytes[..43]), client(46, &bytes[45..])]].concat();
    let found = events(&[], &pcap(Link::Raw, false, PORT, &inside));
    assert_eq!(found, [SESSION[0], "client hole 2", SESSION[1], SESSION[2]]);
    let across = [opening(), vec![client(1, &bytes[..30]), client(40, &bytes[39..])]].concat();
    let found = events(&[], &pcap(Link::Raw, false, PORT, &across));
    assert_eq!(found, ["client hole 9", "client skipped 41", "client frame 0 CLOSE"]);
    let (objects, code) = objects(&[], &pcap(Link::Raw, false, PORT, &across));
    assert_eq!((&objects.last().unwrap()["missing"], code), (&Value::from(9), Some(0)));
}

#[test]
fn packets_that_were_cut_off_are_holes() {
    let mine = [hello(), message(&"long ".repeat(20)), message("short"), close()].concat();
    let stream =
        [opening(), vec![client(1, &mine[..34]), client(35, &mine[34..144]).cut(40), client(145, &mine[144..])]]
            .concat();
    let found = events(&[], &pcap(Link::Ethernet, false, PORT, &stream));
    assert_eq!(found[..3], [SESSION[0], "client hole 70", SESSION[1]]);
    assert_eq!(found.last().unwrap(), "client frame 3 CLOSE");
}

#[test]
fn bytes_missing_from_the_capture_are_not_faults() {
    let mut long_hello = Vec::new();
    Hello::new().with_name("ann").unwrap().with_software("a program").unwrap().encode(&mut long_hello);
    let (mine, its) = (message(&"gr\u{fc}\u{df} ".repeat(40)), [hello(), session()].concat());
    let mut stream = opening();
    let mut at = 1;
    for (bytes, length) in [(&long_hello, 35), (&mine, 12), (&mine, 31), (&mine, 32), (&mine, 33)] {
        stream.push(client(at, bytes).cut(length));
        at += u32::try_from(bytes.len()).unwrap();
    }
    // All that the server sent before its last frame is missing.
    stream.push(server(u32::try_from(its.len() - 11).unwrap(), &its[its.len() - 12..]));
    let input = pcap(Link::Ethernet, false, PORT, &stream);
    let (shown, code) = objects(&[], &input);
    assert_eq!(code, Some(0), "{shown:?}");
    assert_eq!(shown.last().unwrap()["frames"], 6);
    // Illegal text among the captured bytes is a fault.
    let latin_1 = [b"\xF5\xF8\x02\x02\0\0\0\x40gr\xFC\xDF", &[b' '; 60][..], b"\xF8\xF5"].concat();
    stream.truncate(2);
    stream.push(client(1, &latin_1).cut(40));
    let (shown, _) = objects(&[], &pcap(Link::Ethernet, false, PORT, &stream));
    assert!(shown.iter().any(|object| object["fault"] == "bad-text"), "{shown:?}");
}

#[test]
fn capture_may_begin_inside_a_stream_and_sequence_numbers_wrap_around() {
    let bytes = [message("before"), message("one"), message("two"), close()].concat();
    let begun = vec![client(u32::MAX - 20, &bytes[5..30]), client(4, &bytes[30..])];
    for options in [&[][..], &["--port", "3990"], &["--stream", "1"]] {
        let found = events(options, &pcap(Link::Ethernet, false, PORT, &begun));
        assert_eq!(found[0], "client skipped 11", "{found:?}");
        assert_eq!(found.last().unwrap(), "client frame 2 CLOSE");
    }
}

#[test]
fn fault_is_diagnosed_and_skipped_bytes_are_counted() {
    let mine = [&hello(), LITTLE_ENDIAN, LITTLE_ENDIAN, &close()].concat();
    let stream = [opening(), vec![client(1, &mine).with(FIN)]].concat();
    for input in [mine.clone(), pcap(Link::Ethernet, false, PORT, &stream)] {
        let (objects, code) = objects(&[], &input);
        assert_eq!(code, Some(1));
        let of = |event: &str| objects.iter().find(|object| object["event"] == event).unwrap();
        let fault = of("fault");
        assert_eq!((&fault["fault"], &fault["offset"], &fault["frame"]), (&"too-long".into(), &34.into(), &1.into()));
        let first = &fault["diagnoses"][0];
        assert_eq!((&first["name"], &first["confidence"]), (&"length-little-endian".into(), &"certain".into()));
        assert_eq!(first["fix"], "write the length most significant byte first (htonl)");
        assert_eq!((&of("skipped")["length"], &of("skipped")["found"]), (&36.into(), &true.into()));
        assert_eq!(of("summary")["faults"], 1);
        assert_eq!(objects.iter().filter(|object| object["event"] == "frame").count(), 2);
    }
    let whole = session();
    let sound = [opening(), segments(client, &whole, 99)].concat();
    let (plain, _, code) = inspect(&["--quiet"], &pcap(Link::Ethernet, false, PORT, &sound));
    assert_eq!((&*plain, code), ("3 frames, 0 faults in 1 TCP stream\n", Some(0)));
    let (plain, _, code) = inspect(&["--quiet"], &mine);
    assert_eq!(code, Some(1));
    assert!(plain.contains("fault too-long: a body of 134217728 bytes") && !plain.contains("HELLO "), "{plain}");
    assert!(plain.contains("certain   length-little-endian: ") && plain.contains("fix: write the length"), "{plain}");
    assert!(plain.contains("36 bytes skipped from byte 34 to the next whole frame"), "{plain}");
}

#[test]
fn hello_of_the_other_side_sets_the_limits() {
    let mut small = Vec::new();
    Hello::new().with_max_body(1024).with_accepted(bookend::Encodings::CORE).encode(&mut small);
    let long = message(&"x".repeat(1025));
    let wide = b"\xF5\xF8\x02\x03\0\0\0\x02\0a\xF8\xF5";
    let mine = [&hello(), &wide[..], &long].concat();
    let stream = [opening(), vec![client(1, &mine[..34]), server(1, &small), client(35, &mine[34..])]].concat();
    let found = events(&[], &pcap(Link::Ethernet, false, PORT, &stream));
    assert_eq!(found[3], "client refused 1 encoding-refused", "{found:?}");
    assert_eq!(found[4], "client fault 2 too-long", "{found:?}");
    let found = events(&["--max-body", "4096"], &pcap(Link::Ethernet, false, PORT, &stream));
    assert_eq!(found.last().unwrap(), "client frame 2 MESSAGE");
}

#[test]
fn http_on_the_port_is_a_fault_and_a_terminal_is_not() {
    let http = b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n";
    let answer = b"Bookend hub\r\n! policy: no HTTP\r\n";
    let stream = [opening(), vec![server(1, answer).with(FIN), client(1, http).with(FIN)]].concat();
    let input = pcap(Link::Ethernet, false, PORT, &stream);
    let (shown, _) = objects(&[], &input);
    let fault = shown.iter().find(|object| object["event"] == "fault").unwrap();
    assert_eq!((&fault["sender"], &fault["diagnoses"][0]["name"]), (&"client".into(), &"foreign-http".into()));
    assert!(events(&[], &input).iter().any(|found| found.starts_with("server line Bookend hub")));
    let stream = [opening(), vec![client(1, b"hello\r\n").with(FIN), server(1, answer).with(FIN)]].concat();
    let (shown, code) = objects(&[], &pcap(Link::Ethernet, false, PORT, &stream));
    assert_eq!((code, &shown[1]["event"], &shown[1]["text"]), (Some(0), &"line".into(), &"hello\r\n".into()));
}

#[test]
fn other_streams_are_counted_and_shown_on_request() {
    let http = [opening(), vec![client(1, b"GET / HTTP/1.1\r\n\r\n").with(RST)]].concat();
    let input = pcap(Link::Ethernet, false, 80, &http);
    let (left, code) = objects(&[], &input);
    assert_eq!((left.len(), &left[0]["left_out"], code), (1, &1.into(), Some(0)));
    assert!(inspect(&[], &input).0.contains("1 other TCP stream not shown: "));
    for options in [["--port", "80"], ["--stream", "1"]] {
        let (shown, code) = objects(&options, &input);
        assert_eq!((&shown[1]["fault"], code), (&"bad-start".into(), Some(1)));
    }
    // A stream that looks like Bookend is shown on any port.
    let bytes = session();
    let stream = [opening(), segments(client, &bytes, 3)].concat();
    assert_eq!(events(&[], &pcap(Link::Ethernet, false, 80, &stream)), SESSION);
    assert_eq!(events(&["--port", "81"], &pcap(Link::Ethernet, false, 80, &stream)), [""; 0]);
}

#[test]
fn colours_are_for_terminals_and_on_request() {
    let bytes = [&hello(), LITTLE_ENDIAN, &message("\u{1b}[31m red"), &close()].concat();
    let escapes = |options: &[&str]| inspect(options, &bytes).0.matches('\u{1b}').count();
    assert_eq!(escapes(&[]), 0);
    assert_eq!(escapes(&["--hex"]), 0);
    assert_eq!(escapes(&["--json", "--color", "always"]), 0);
    assert!(escapes(&["--color", "always"]) > 0 && escapes(&["--hex", "--color", "always"]) > 20);
    assert!(inspect(&[], &bytes).0.contains("\"\\u{1b}[31m red\""));
}

#[test]
fn bytes_are_shown_field_by_field_except_a_token() {
    let mut wire = Vec::new();
    Hello::new().with_token(b"sesame").unwrap().encode(&mut wire);
    let (shown, _, _) = inspect(&["--hex"], &[wire, message("hi"), close()].concat());
    for row in ["f5 f8", "START", "42 4b 4e 44", "canary", "MESSAGE", "|hi| utf-8", "1000 normal", "END"] {
        assert!(shown.contains(row), "{row}: {shown}");
    }
    assert!(!shown.contains("73 65 73") && shown.contains("token       (not shown)"), "{shown}");
}

#[test]
fn closed_standard_output_ends_it_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(["inspect", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let frames = [hello(), message("hi").repeat(10_000)].concat();
    let writing = thread::spawn(move || drop(stdin.write_all(&frames)));
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*errors), (Some(0), ""));
    writing.join().unwrap();
}

#[test]
fn damaged_capture_is_reported_up_to_the_damage() {
    let bytes = session();
    let stream = [opening(), segments(client, &bytes, 99)].concat();
    let whole = pcap(Link::Ethernet, false, PORT, &stream);
    let cut = [&whole[..], &[0; 9]].concat();
    assert_eq!(events(&[], &cut)[..3], SESSION);
    let (_, stderr, code) = inspect(&[], &cut);
    let at = whole.len();
    assert_eq!(code, Some(1));
    assert_eq!(stderr, format!("bookend: cannot read the capture beyond byte {at}: the file ends inside a packet\n"));
    let (damaged, _) = objects(&[], &cut);
    assert_eq!(damaged[damaged.len() - 2]["event"], "damaged");
    let (stdout, stderr, code) = inspect(&[], b"f5f8 zz");
    assert!(stderr.contains("looks like a dump") && stderr.contains("xxd"), "{stderr}");
    assert_eq!((code, &*stdout), (Some(1), "0 frames, 0 faults\n"), "it is not taken for the bytes of a peer");
    assert!(inspect(&["--format", "hex"], b"f5f8\nzz").1.contains("line 2"));
}

#[test]
fn damaged_input_never_causes_a_panic() {
    let bytes = [&session(), LITTLE_ENDIAN, &session()].concat();
    let stream = [opening(), segments(client, &bytes, 30), segments(server, &bytes, 50)].concat();
    let mut state = 1_u64;
    let mut next = || {
        // A small generator, so that each run tries the same.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    let captures = [
        pcap(Link::Ethernet, false, PORT, &stream),
        pcap(Link::Null, true, PORT, &stream),
        pcapng(true, PORT, &stream),
    ];
    for round in 0..40 {
        for whole in &captures {
            let mut damaged = whole.clone();
            for _ in 0..=next() % 8 {
                let at = 4 + usize::from(next()) * (damaged.len() - 4) / 256;
                damaged[at] = next();
            }
            if round % 4 == 0 {
                damaged.truncate(4 + usize::from(next()) * (damaged.len() - 4) / 256);
            }
            let (output, errors, code) = inspect(&["--json"], &damaged);
            assert!(matches!(code, Some(0 | 1)), "{code:?}: {errors}");
            assert!(!errors.contains("panicked"), "{errors}");
            for line in output.lines() {
                serde_json::from_str::<Value>(line).expect(line);
            }
        }
        let noise: Vec<u8> = (0..2000).map(|_| next()).collect();
        for form in ["auto", "raw", "dump", "hex", "base64", "pcap"] {
            let (_, errors, code) = inspect(&["--format", form], &noise);
            assert_eq!(code, Some(1), "{form}: {errors}");
        }
    }
}

#[test]
fn help_has_the_exit_codes_and_the_keys() {
    let (help, _, code) = inspect(&["--help"], b"");
    assert_eq!(code, Some(0));
    for key in ["1    a fault was found", "skipped ", "diagnoses", "left_out", "conflict ", "after-reset*"] {
        assert!(help.contains(key), "{key}");
    }
    assert_eq!(inspect(&["--color", "sometimes"], b"").2, Some(2));
}

#[test]
fn input_without_end_is_reported_at_the_timeout() {
    let begun = [&hello()[..], &hello()[..9]].concat();
    // The second input ends without a line end, between the two digits of a byte.
    let hex = "f5f80202000000026869f8f5f";
    for (input, events) in [(&*begun, &["frame", "unfinished"][..]), (hex.as_bytes(), &["dump", "frame", "remark"])] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bookend"))
            .args(["inspect", "--timeout", "1s", "--json", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input).unwrap();
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        let code = child.wait().unwrap().code();
        drop(stdin); // the input stays open until the program has ended
        let objects: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found: Vec<&str> = objects.iter().map(|object| object["event"].as_str().unwrap()).collect();
        assert_eq!((code, found), (Some(0), [events, &["summary"]].concat()), "{output}");
    }
}

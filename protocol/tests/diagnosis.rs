//! Each mistake is made once, by hand, and named; what only looks like it is not.

use bookend::diagnosis::{Confidence, Diagnosis, Evidence, MISTAKES, WINDOW, diagnose};
use bookend::session::MAX_REASON;
use bookend::{Decoder, Encoding, Fault, Frame, Hello, MAX_LENGTH, kind};

const HELLO: &[u8] = b"\xF5\xF8\x01\0\0\0\0\x18BKND\r\n\x1A\n\xFF\x11\r\0\x01\0\x1F\x02\0\x10\0\0\0\x1E\0\0\xF8\xF5";

/// The diagnosis of bytes whose first frame is faulty, at this offset of a stream.
fn diagnosed(offset: u64, wire: &[u8]) -> Diagnosis {
    let limit = if offset == 0 { 4096 } else { 1 << 20 };
    let fault = match Decoder::new(limit).decode(&mut &wire[..]) {
        Err(error) => error,
        Ok(None) => Fault::FrameTimeout { arrived: wire.len() as u64, expected: None },
        Ok(Some(frame)) => Hello::parse(frame.body()).expect_err("something is wrong"),
    };
    diagnose(&Evidence::stream(fault, offset, wire))
}

fn names(diagnosis: &Diagnosis) -> Vec<&'static str> {
    diagnosis.hypotheses().iter().map(|hypothesis| hypothesis.name()).collect()
}

/// What is more than possible.
fn stated(diagnosis: &Diagnosis) -> Vec<&'static str> {
    let stated = diagnosis.hypotheses().iter().filter(|hypothesis| hypothesis.confidence() > Confidence::Possible);
    stated.map(|hypothesis| hypothesis.name()).collect()
}

#[track_caller]
fn assert_first(diagnosis: &Diagnosis, name: &str) {
    assert_eq!(names(diagnosis).first(), Some(&name), "{diagnosis}");
}

fn frame(kind: u8, encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Frame::new(kind, encoding, body).expect("short").encode(&mut wire);
    wire
}

/// A MESSAGE in UTF-8 with this length field.
fn message(field: &[u8], body: &[u8]) -> Vec<u8> {
    [b"\xF5\xF8\x02\x02", field, body, b"\xF8\xF5"].concat()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("it is there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn wrong_form_of_the_length_field_is_named() {
    let body = b"five!";
    for (field, name) in [
        (&b"\x05\0\0\0"[..], "length-little-endian"),
        (b"\0\x05\0\0", "length-16-bit-swapped"),
        (b"\0\0\x05\0", "length-16-bit-swapped"),
        (b"0005", "length-ascii-digits"),
        (b"   5", "length-ascii-digits"),
        (b"5\n", "length-ascii-digits"),
        (b"5\0\0\0", "length-ascii-digits"),
        (b"00000005", "length-ascii-digits"),
        (b"\0\x05", "length-two-bytes"),
        (b"\x05\0", "length-two-bytes"),
        (b"\0\0\0\0\0\0\0\x05", "length-eight-bytes"),
        (b"\x05\0\0\0\0\0\0\0", "length-eight-bytes"),
        (b"\x05", "length-varint"),
        (b"\0\0\0\x07", "length-includes-end"),
        (b"\0\0\0\x09", "length-includes-itself"),
        (b"\0\0\0\x0D", "length-includes-header"),
        (b"\0\0\0\x0F", "length-includes-frame"),
    ] {
        let wire = [message(field, body), message(field, body)].concat();
        assert_first(&diagnosed(34, &wire), name);
        // Near miss: END is not where the mistake would have it.
        let torn = [message(field, b"five!??"), message(field, b"five!??")].concat();
        assert!(!stated(&diagnosed(34, &torn)).contains(&name), "{name}: {}", diagnosed(34, &torn));
    }
}

#[test]
fn reading_that_finds_end_excludes_readings_that_do_not() {
    // As little-endian it would be 4,352 bytes.
    let swapped = diagnosed(34, &message(b"\0\x11\0\0", b"seventeen letters"));
    assert_eq!(stated(&swapped), ["length-16-bit-swapped"]);
    assert_first(&diagnosed(34, b"\xF5\xF8\x02\x02\x11\x01\0\0the first of many"), "length-little-endian");
}

#[test]
fn peer_that_stops_within_a_frame_is_diagnosed() {
    // [R7.3] Two bytes of length and a short text claim more than arrives before the keepalive is over.
    let wire = message(b"\0\x02", b"hi");
    let silent = Fault::Idle { seconds: 60 };
    assert_first(&diagnose(&Evidence::stream(silent, 34, &wire)), "length-two-bytes");
    // Near miss: a sound frame that is not complete yet, and silence between frames.
    for sound in [&b""[..], b"\xF5\xF8", b"\xF5\xF8\x02\0\0\0\0\x10abc", &frame(kind::PING, Encoding::Binary, b"")] {
        assert!(names(&diagnose(&Evidence::stream(silent, 34, sound))).is_empty(), "{sound:02x?}");
    }
}

#[test]
fn one_byte_varint_may_be_a_byte_and_two_byte_varint_not() {
    let short = diagnosed(34, &message(b"\x05", b"five!"));
    assert!(names(&short).contains(&"length-one-byte"));
    assert!(short.hypotheses().iter().all(|hypothesis| hypothesis.confidence() < Confidence::Certain));
    let long = diagnosed(34, &message(b"\xC8\x01", &[b'a'; 200]));
    assert_eq!(stated(&long), ["length-varint"]);
    assert_eq!(long.first().map(|first| first.confidence()), Some(Confidence::Certain));
}

#[test]
fn length_that_counts_something_else_is_named() {
    let text = "grüße 😀!";
    let counted = |count: usize| message(&u32::try_from(count).expect("short").to_be_bytes(), text.as_bytes());
    assert_first(&diagnosed(34, &counted(text.chars().count())), "length-counts-characters");
    assert_first(&diagnosed(34, &counted(text.encode_utf16().count())), "length-counts-utf-16-units");
    // Without supplementary characters both fit, and both are named.
    let both = diagnosed(34, &message(b"\0\0\0\x05", "grüße".as_bytes()));
    assert_eq!(names(&both)[..2], ["length-counts-characters", "length-counts-utf-16-units"]);
    assert!(both.hypotheses().iter().all(|hypothesis| hypothesis.confidence() < Confidence::Certain));
    // Near miss: the right count of something else.
    assert!(!names(&diagnosed(34, &message(b"\0\0\0\x04", "grüße".as_bytes()))).contains(&"length-counts-characters"));

    let request = |length: u8| [b"\xF5\xF8\x03\x01\0\0\0", &[length][..], b"\0\0\0\x07time?\xF8\xF5"].concat();
    assert_first(&diagnosed(34, &request(5)), "length-omits-fixed-part");
    assert!(!names(&diagnosed(34, &request(6))).contains(&"length-omits-fixed-part"));
}

#[test]
fn terminator_is_named_when_it_is_repeated() {
    let twice = |frame: Vec<u8>| [frame.clone(), frame].concat();
    assert_eq!(names(&diagnosed(34, &twice(message(b"\0\0\0\x03", b"hi"))))[0], "length-counts-terminator");
    assert_eq!(names(&diagnosed(34, &twice(message(b"\0\0\0\x02", b"hi\0"))))[0], "length-omits-terminator");
    assert_eq!(names(&diagnosed(34, &twice(message(b"\0\0\0\x02", b"hi\r\n"))))[0], "length-omits-terminator");
    assert!(!names(&diagnosed(34, &twice(message(b"\0\0\0\x02", b"hi!")))).contains(&"length-omits-terminator"));
    // Once, it may as well be a byte that was lost: both are named, and neither for certain.
    let once = diagnosed(34, &message(b"\0\0\0\x03", b"hi"));
    assert!(names(&once).contains(&"length-counts-terminator") && names(&once).contains(&"channel-byte-lost"));
    assert!(once.hypotheses().iter().all(|hypothesis| hypothesis.confidence() < Confidence::Certain));
    // Sound text in front decides.
    let before = frame(kind::MESSAGE, Encoding::Utf8, b"fine");
    let wire = message(b"\0\0\0\x03", b"hi");
    let fault = Fault::BadEnd { offset: 50, found: 0xF5, length: 3 };
    let decided = diagnose(&Evidence::stream(fault, 48, &wire).after(&before));
    assert_first(&decided, "channel-byte-lost");
}

#[test]
fn channel_is_recognised_by_its_damage_to_hello() {
    let all =
        |bytes: &[u8], change: fn(u8) -> Vec<u8>| bytes.iter().flat_map(|&byte| change(byte)).collect::<Vec<u8>>();
    let lf = |byte| if byte == b'\n' { b"\r\n".to_vec() } else { vec![byte] };
    assert_first(&diagnosed(0, &all(HELLO, lf)), "channel-lf-to-crlf");
    for (from, to, name) in [
        (&b"\r\n"[..], &b"\n"[..], "channel-crlf-to-lf"),
        (b"\r\0", b"\r\n\0", "channel-cr-to-crlf"),
        (b"\r\0", b"\r\0\0", "channel-cr-nul"),
        (b"\r\n\x1A\n\xFF\x11\r", b"\n\n\x1A\n\xFF\x11\n", "channel-cr-to-lf"),
        (b"\n\x1A\n", b"\x1A", "channel-lf-dropped"),
        (b"\xFF", b"\xFF\xFF", "channel-iac-doubled"),
        (b"\xFF", b"", "channel-iac-swallowed"),
        (b"\x11", b"", "channel-xon-swallowed"),
        (b"\x1A", b"", "channel-ctrl-z-dropped"),
    ] {
        assert_first(&diagnosed(0, &replaced(HELLO, from, to)), name);
        // Near miss: the same bytes in a later frame's body do not concern the canary.
        let later = replaced(HELLO, from, to);
        assert!(!names(&diagnosed(34, &later[8..])).contains(&name), "{name}");
    }
    let latin = all(HELLO, |byte| char::from(byte).to_string().into_bytes());
    for (wire, name) in [
        (all(HELLO, |byte| vec![byte & 0x7F]), "channel-seven-bit"),
        (latin, "channel-latin-1-to-utf-8"),
        (String::from_utf8_lossy(HELLO).into_owned().into_bytes(), "channel-replacement"),
        (all(HELLO, |byte| vec![if byte < 0x80 { byte } else { b'?' }]), "channel-question-marks"),
        (all(HELLO, |byte| if byte < 0x80 { vec![byte] } else { vec![] }), "channel-non-ascii-dropped"),
        (all(HELLO, |byte| vec![byte, 0]), "channel-widened-to-utf-16"),
        (all(HELLO, |byte| vec![0, byte]), "channel-widened-to-utf-16"),
        (all(HELLO, |byte| format!("{byte:02X}").into_bytes()), "channel-hex"),
        (all(HELLO, |byte| format!("{byte:02x} ").into_bytes()), "channel-hex"),
        (b"9fgBAAAAABhCS05EDQoaCv8RDQABAB8CABAAAAAeAAD49Q==".to_vec(), "channel-base64"),
        (format!("b'{}'", HELLO.escape_ascii()).into_bytes(), "channel-escaped"),
        (all(HELLO, |byte| if byte == 0 { vec![] } else { vec![byte] }), "channel-nul-dropped"),
        (HELLO.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect(), "channel-bytes-swapped"),
        (HELLO.chunks(4).flat_map(|word| word.iter().rev().copied()).collect(), "channel-bytes-swapped"),
    ] {
        assert_first(&diagnosed(0, &wire), name);
    }
    for near in [&b"f5f80"[..], b"9fg=", b"F5F7 0100", b"\x75\x79\x01\0", b"??\x02"] {
        assert!(!names(&diagnosed(0, near)).iter().any(|name| name.starts_with("channel-")), "{}", diagnosed(0, near));
    }
}

#[test]
fn stream_cut_before_ctrl_z_is_named_and_one_cut_elsewhere_not() {
    assert_eq!(names(&diagnosed(0, &HELLO[..14])), ["channel-truncated-at-ctrl-z"]);
    for cut in (1..HELLO.len()).filter(|&cut| cut != 14) {
        assert!(names(&diagnosed(0, &HELLO[..cut])).is_empty(), "cut at {cut}: {}", diagnosed(0, &HELLO[..cut]));
    }
}

#[test]
fn unknown_damage_to_the_canary_does_not_blame_the_length() {
    for canary in [&b"\n\n\n\xFF\n\0"[..], b"\r\0\n\x1A\n\xFF\xFF\x11\r\0", b"\r\n\x1A\n"] {
        let wire = replaced(HELLO, b"\r\n\x1A\n\xFF\x11\r\0", canary);
        let fault = Fault::BadCanary { position: 0, found: b'\n' };
        assert_eq!(diagnose(&Evidence::stream(fault, 0, &wire)).to_string(), fault.to_string());
    }
    // Near miss: the canary is sound, the length is not.
    assert_first(&diagnosed(0, &replaced(HELLO, b"\0\0\0\x18", b"\0\0\0\x1A")), "length-includes-end");
    // One that is known stands alone, however many bytes it takes.
    let lf_dropped = replaced(HELLO, b"\n\x1A\n", b"\x1A");
    let fault = Fault::BadCanary { position: 1, found: 0x1A };
    assert_eq!(stated(&diagnose(&Evidence::stream(fault, 0, &lf_dropped))), ["channel-lf-dropped"]);
}

#[test]
fn whole_frame_has_neither_lost_nor_gained_a_byte() {
    let request = b"\xF5\xF8\x03\x02\0\0\0\x05\0\0\0\0?\xF8\xF5";
    let close = b"\xF5\xF8\x08\x02\0\0\0\x01\0\xF8\xF5";
    let malformed = |kind| Fault::Malformed { kind, why: "the id is not 0" };
    for (fault, offset, wire) in [
        (malformed(kind::REQUEST), 34, &request[..]),
        (malformed(kind::CLOSE), 34, close),
        (Fault::UnknownKind { kind: kind::POST }, 34, &frame(kind::POST, Encoding::Utf8, b"\0\0\0\0hi")),
        (Fault::HelloExpected { kind: kind::MESSAGE }, 0, &frame(kind::MESSAGE, Encoding::Utf8, b"hi")),
        (Fault::Version { major: 2 }, 0, &replaced(HELLO, b"\r\0\x01", b"\r\0\x02")),
        (Fault::BadHello { why: "the magic is BKND" }, 0, &replaced(HELLO, b"BKND", b"BKNE")),
    ] {
        assert_eq!(diagnose(&Evidence::stream(fault, offset, wire)).to_string(), fault.to_string());
    }
}

#[test]
fn line_breaks_changed_after_counting_are_named() {
    let wire = message(b"\0\0\0\x0C", b"one\r\ntwo\r\nthree".get(..).expect("whole"));
    let crlf = diagnosed(34, &replaced(&wire, b"\0\0\0\x0C", b"\0\0\0\x0D"));
    assert_first(&crlf, "channel-lf-to-crlf");
    assert_first(&diagnosed(34, &message(b"\0\0\0\x0F", b"one\ntwo\nthree")), "channel-crlf-to-lf");
    // Near miss: as many bytes too many, but no line breaks.
    assert!(!names(&diagnosed(34, &message(b"\0\0\0\x0D", b"one, two, three"))).contains(&"channel-lf-to-crlf"));
    let iac = [b"\xF5\xF8\x02\0\0\0\0\x04a\xFF\xFFb\xFF\xFF\xF8\xF5".to_vec(), HELLO.to_vec()].concat();
    assert_first(&diagnosed(34, &iac), "channel-iac-doubled");
}

#[test]
fn lost_or_added_byte_is_named_if_all_else_is_sound() {
    let binary = frame(kind::MESSAGE, Encoding::Binary, b"binary bytes");
    let wire = [&binary[..], &binary, &binary].concat();
    for at in (0..binary.len()).filter(|&at| at != 7) {
        let mut lost = wire.clone();
        lost.remove(at);
        // The frame that the decoder stumbles over: a first END byte that is gone takes F5 from the next START.
        let start = if at == binary.len() - 1 { binary.len() } else { 0 };
        assert!(
            names(&diagnosed(34, &lost[start..])).contains(&"channel-byte-lost"),
            "{at}: {}",
            diagnosed(34, &lost[start..])
        );
    }
    for at in 0..binary.len() {
        let mut added = wire.clone();
        added.insert(at, 0x42);
        assert!(names(&diagnosed(34, &added)).contains(&"channel-byte-added"), "{at}: {}", diagnosed(34, &added));
    }
    // Near miss: two bytes.
    let mut lost = wire.clone();
    lost.drain(10..12);
    assert!(!stated(&diagnosed(34, &lost)).contains(&"channel-byte-lost"));
}

#[test]
fn interleaved_writers_are_named_wherever_the_first_was_cut() {
    let outer = frame(kind::MESSAGE, Encoding::Utf8, b"the outer one is long");
    let inner = frame(kind::PING, Encoding::Binary, b"inner");
    for cut in 1..outer.len() - 1 {
        let wire = [&outer[..cut], &inner, &outer[cut..], &inner].concat();
        assert_first(&diagnosed(34, &wire), "channel-writers-interleaved");
    }
    let turns = [&outer[..12], &inner[..9], &outer[12..], &inner[9..], &inner].concat();
    assert!(names(&diagnosed(34, &turns)).contains(&"channel-writers-interleaved"));
    // Near miss: a body may hold a whole frame.
    let nested = frame(kind::MESSAGE, Encoding::Binary, &inner);
    let broken = [&nested[..nested.len() - 2], b"!!"].concat();
    assert!(!names(&diagnosed(34, &broken)).contains(&"channel-writers-interleaved"));
}

#[test]
fn bytes_between_frames_are_named() {
    let ping = frame(kind::PING, Encoding::Binary, b"1");
    let after = |stray: &[u8]| [stray, &ping, stray, &ping].concat();
    assert_first(&diagnosed(34, &after(b"\n")), "channel-newline-between-frames");
    assert_first(&diagnosed(34, &after(b"\r\n")), "channel-newline-between-frames");
    assert_first(&diagnosed(34, &after(b"DEBUG sent\n")), "channel-text-between-frames");
    assert!(!names(&diagnosed(34, &after(b"\x01\x02\x03\x04"))).contains(&"channel-text-between-frames"));
}

#[test]
fn foreign_peers_are_named_by_their_first_bytes() {
    let mut tls = b"\x16\x03\x01\0\x43\x01\0\0\x3F\x03\x03".to_vec();
    tls.extend([7; 32]);
    tls.extend(b"\0\0\x02\x13\x01\x01\0\0\x14\0\x17\0\0\0\x2B\0\x07\x06\x3A\x3A\x03\x04\x03\x03\0\x1C\0\x01\0");
    let cases: &[(&[u8], &str)] = &[
        (&tls, "foreign-tls"),
        (b"\x15\x03\x01\0\x02\x02\x46", "foreign-tls"),
        (b"PATCH /x HTTP/1.1\r\nHost: a\r\n\r\n", "foreign-http"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "foreign-http"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "foreign-http-2"),
        (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "foreign-websocket"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "foreign-ssh"),
        (b"220 mail.example.com ESMTP Postfix\r\n", "foreign-smtp-ftp"),
        (b"220 (vsFTPd 3.0.5)\r\n", "foreign-smtp-ftp"),
        (b"*1\r\n$4\r\nPING\r\n", "foreign-redis"),
        (b"-ERR unknown command\r\n", "foreign-redis"),
        (b"\x10\x0C\0\x04MQTT\x04\x02\0\x3C\0\0", "foreign-mqtt"),
        (b"AMQP\0\0\x09\x01", "foreign-amqp"),
        (b"\0\0\0\x08\x04\xD2\x16\x2F", "foreign-postgresql"),
        (b"\0\0\0\x11\0\x03\0\0user\0me\0\0", "foreign-postgresql"),
        (b"INFO {\"server_id\":\"N\"}\r\n", "foreign-nats"),
        (b"\x0BMSH|^~\\&|A\r\x1C\r", "foreign-mllp"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "foreign-proxy-protocol"),
        (b"\0\0\0\x02hi\0\0\0\x02yo", "foreign-length-prefix"),
        (b"\x02\0\0\0hi\x02\0\0\0yo", "foreign-length-prefix"),
        (b"5:hello,", "foreign-netstring"),
        (b"hello there\r\n", "foreign-text"),
        (b"\xFF\xFD\x03\xFF\xFB\x18", "foreign-text"),
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "foreign-smtp-ftp"),
        (b"+OK POP3 ready\r\n", "foreign-smtp-ftp"),
        (b"+OK\r\n", "foreign-redis"),
        (b"\x0F\0\0\0\x0A8.0.36\0\x08\0\0\0", "foreign-mysql"),
        (b"\x17\0\0\0\xFF\x10\x04Too many connections", "foreign-mysql"),
        (b"\x10\0\0\0\x01\0\0\0\0\0\0\0\xDD\x07\0\0", "foreign-mongodb"),
        (b"RFB 003.008\n", "foreign-vnc"),
        (b"\x03\0\0\x0B\x06\xE0\0\0\0\0\0", "foreign-rdp"),
        (b"\x05\x01\0", "foreign-socks"),
        (b"\x05\x02\0\x02\x01\x03ann\x03pwd", "foreign-socks"),
        (b"\x04\x01\x0F\x96\x7F\0\0\x01ann\0", "foreign-socks"),
        (b"\x04\x01\x0F\x96\0\0\0\x01\0hub.example\0", "foreign-socks"),
        (b"\x01\0\0\0\0\0\x20\0\x0A\0\x0A\0\x09\0\0", "foreign-amqp"),
        (b"\x1F\x8B\x08\0\0\0\0\0\0\x03\xFB", "channel-compressed"),
        (b"\x78\x9C\xFB\xFA\x83\x91", "channel-compressed"),
        (b"\x28\xB5\x2F\xFD\x20\x03", "channel-compressed"),
        (b"BZh91AY&SY\x12", "channel-compressed"),
        (b"\xFD7zXZ\0\0\x04", "channel-compressed"),
        (b"\x04\x22\x4D\x18\x64\x40", "channel-compressed"),
        (b"\0\0\0\x20{\"event\":", "foreign-length-prefix"),
        (b"\xFF\xFEh\0i\0", "foreign-utf-16-text"),
        (b"\xFE\xFF\0h\0i", "foreign-utf-16-text"),
    ];
    for (wire, name) in cases {
        assert_eq!(names(&diagnosed(0, wire)), [*name]);
        // Near miss: the same bytes within a stream are no greeting.
        let later = diagnosed(34, wire);
        assert!(!names(&later).iter().any(|name| name.starts_with("foreign-")), "{later}");
    }
    assert!(diagnosed(0, &tls).to_string().contains("TLS 1.3"), "{}", diagnosed(0, &tls));
}

#[test]
fn text_that_resembles_a_protocol_is_text_or_nothing() {
    for (wire, name) in [
        (&b"GET well soon\r\n"[..], "foreign-text"),
        (b"SSHH, quiet\r\n", "foreign-text"),
        (b"*shrug*\r\n", "foreign-text"),
        (b"12:30 is fine\r\n", "foreign-text"),
        (b"INFO about it\r\n", "foreign-text"),
        (b"x^2 + y^2\r\n", "foreign-text"),
        (b"BZh! what?\r\n", "foreign-text"),
        (b"RFB is a protocol\r\n", "foreign-text"),
        (b"* OKAY, good\r\n", "foreign-text"),
    ] {
        assert_first(&diagnosed(0, wire), name);
    }
    for wire in [
        &b"\x16\x04\x01\0\x43\x01"[..],
        b"\x10\x0C\0\x04MQTX\x04\x02",
        b"\xFF\xFE\0\xD8\0\0",
        b"\x0B\x01\x02",
        b"\x80\x81\x82\x83",
        // SOCKS with the same method twice, and with more than a greeting; no text after a length; a length of nothing.
        b"\x05\x02\0\0",
        b"\x05\x01\0\xA0\xA1",
        b"\x04\x01\x0F\x96\x7F\0\0\x01\x80\x81",
        b"\0\0\0\x20\x80\x81\x82\x83",
        b"\x1F\x8B\x08\xFF\0\0",
        b"\x10\0\0\0\x01\0\0\0\0\0\0\0\xDD\x17\0\0",
        b"\x0F\0\0\0\x0A\x80\0",
        // A bare length prefix is not what frames are in.
        b"\0\0\0\x08\xF5\xF8\x02\x02\0\0\0\0",
    ] {
        assert!(stated(&diagnosed(0, wire)).is_empty(), "{}", diagnosed(0, wire));
    }
}

fn text(encoding: Encoding, payload: &[u8]) -> Vec<&'static str> {
    names(&diagnose(&Evidence::text(encoding, payload)))
}

#[test]
fn text_in_another_encoding_is_named() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let shift_jis = b"\x82\xB7\x82\xD7\x82\xC4\x82\xCC\x90\x6C\x8A\xD4\x82\xCD";
    for (encoding, payload, name) in [
        (Encoding::Utf16Le, utf16("Hello, world"), "text-utf-16-wrong-order"),
        (Encoding::Utf16Le, utf16("Как дела, Иван?"), "text-utf-16-wrong-order"),
        (Encoding::Utf16Le, b"\xFE\xFF\0a".to_vec(), "text-utf-16-wrong-order"),
        (Encoding::Utf8, utf16("Hello, world"), "text-utf-16-called-utf-8"),
        (Encoding::Utf8, utf16("人人生而自由在尊严"), "text-utf-16-called-utf-8"),
        (Encoding::Utf16Be, b"the quick brown fox ".to_vec(), "text-utf-8-called-utf-16"),
        (Encoding::Utf16Be, "grüße".as_bytes().to_vec(), "text-utf-8-called-utf-16"),
        (Encoding::Ascii, "grüße".as_bytes().to_vec(), "text-utf-8-called-ascii"),
        (Encoding::Utf8, b"Gr\xFC\xDFe aus K\xF6ln, sch\xF6n".to_vec(), "text-windows-1252"),
        (Encoding::Utf8, shift_jis.to_vec(), "text-shift-jis"),
        (
            Encoding::Utf8,
            b"\xC2\xF1\xE5 \xEB\xFE\xE4\xE8 \xF0\xEE\xE6\xE4\xE0\xFE\xF2\xF1\xFF".to_vec(),
            "text-legacy-encoding",
        ),
        // GBK and EUC-KR, which are Hangul if they are taken for UTF-16.
        (Encoding::Utf8, b"\xC4\xE3\xBA\xC3\xCA\xC0\xBD\xE7".to_vec(), "text-legacy-encoding"),
        (Encoding::Utf8, b"\xBE\xC8\xB3\xE7\xC7\xCF\xBC\xBC\xBF\xE4".to_vec(), "text-legacy-encoding"),
        (Encoding::Utf8, b"a \xED\xA0\xBD\xED\xB8\x80".to_vec(), "text-cesu-8"),
        (Encoding::Utf8, b"a\xC0\x80b".to_vec(), "text-modified-utf-8"),
        (Encoding::Utf8, b"a \xED\xA0\xBD b".to_vec(), "text-lone-surrogate"),
        (Encoding::Utf8, "grüß".as_bytes()[..5].to_vec(), "text-cut-off"),
        (Encoding::Utf8, b"\xEF\xBB\xBFhi".to_vec(), "text-bom"),
        (Encoding::Utf16Le, b"\xFF\xFEh\0".to_vec(), "text-bom"),
        (Encoding::Utf8, "grÃ¼ÃŸe".as_bytes().to_vec(), "text-double-encoded"),
    ] {
        assert_eq!(text(encoding, &payload).first(), Some(&name), "{encoding} {}", payload.escape_ascii());
    }
    // Half of an emoji, in the order that is declared; a text in the other order has such halves by chance.
    let (mut lone, mut cut) = (utf16("bring cake \u{1F370} too"), utf16("bring cake \u{1F370}"));
    lone.drain(24..26);
    cut.truncate(24);
    assert_eq!(text(Encoding::Utf16Be, &lone), ["text-lone-surrogate"]);
    assert_eq!(text(Encoding::Utf16Be, &cut), ["text-cut-off"]);
    assert_eq!(text(Encoding::Utf16Le, &utf16("die Straße am Fluß")), ["text-utf-16-wrong-order"]);
    // CESU-8 without U+0000 is Java's as well: both are named.
    assert!(text(Encoding::Utf8, b"\xED\xA0\xBD\xED\xB8\x80").contains(&"text-modified-utf-8"));
}

#[test]
fn sound_text_of_any_script_is_left_alone() {
    for sound in [
        "",
        "a",
        "hi",
        "grüße",
        "Ångström",
        "naïve café — 5 €",
        "人人生而自由，在尊严和权利上一律平等。",
        "すべての人間は、生まれながら",
        "Все люди рождаются",
        "Όλοι οι άνθρωποι",
        "모든 인간은 태어날 때부터",
        "शान्ति",
        "😀🎉",
        "Ã",
        "NÃO",
        "\u{0}",
        "aaaaaaaaaaaa",
        "一一一一一一一一",
        "!!!!!!!!!!!!",
        "\u{FFFF}\u{10FFFF}",
    ] {
        for encoding in [Encoding::Utf8, Encoding::Utf16Be, Encoding::Utf16Le] {
            let mut payload = Vec::new();
            bookend::text::encode(encoding, sound, &mut payload).expect("Unicode carries it");
            assert!(text(encoding, &payload).is_empty(), "{sound} in {encoding}: {:?}", text(encoding, &payload));
        }
    }
    assert!(text(Encoding::Binary, b"\xFF\xFE\xFD").is_empty());
}

#[test]
fn sound_stream_gives_no_diagnosis() {
    let mut wire = HELLO.to_vec();
    let nested = frame(kind::MESSAGE, Encoding::Binary, HELLO);
    wire.extend([&nested[..], &frame(kind::MESSAGE, Encoding::Utf8, "grüße\r\n".as_bytes())].concat());
    let fault = Fault::Truncated { arrived: 0 };
    assert!(names(&diagnose(&Evidence::stream(fault, 0, &wire))).is_empty());
    assert_eq!(diagnose(&Evidence::stream(fault, 0, &wire)).to_string(), fault.to_string());
}

#[test]
fn diagnosis_line_is_ascii_and_fits_a_reason() {
    let hostile = [b"GET /".to_vec(), vec![b'\\'; 300], b"\x1B[2J HTTP/1.1\r\n".to_vec()].concat();
    for wire in [&hostile[..], b"\x1B]0;title\x07\r\n", b"GET /\xC3\xA9 HTTP/1.1\r\n", &[b'5'; 500], &[0xFF; 40]] {
        let line = diagnosed(0, wire).to_string();
        assert!(line.len() <= MAX_REASON && line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
        assert!(line.starts_with("bad-start: "), "{line}");
    }
}

/// Totality: any bytes give an answer, and only those within the window matter.
#[test]
fn whatever_comes_is_answered_and_only_the_window_is_looked_at() {
    let fault = Fault::BadEnd { offset: 8, found: 0, length: 0 };
    let patterns: [&[u8]; 6] =
        [b"\xF5\xF8", b"\xF5\xF8\x02\x02\0\0\0\0\xF8\xF5", b"\xF5\xF8\x02\x02\0\0\x40\0", b"\xFF", b"\r\n", b"9"];
    for pattern in patterns {
        let bytes: Vec<u8> = pattern.iter().copied().cycle().take(1 << 20).collect();
        for fault in [
            fault,
            Fault::FrameTimeout { arrived: 0, expected: None },
            Fault::TooLong { offset: 4, length: 9, max: MAX_LENGTH },
        ] {
            let all = diagnose(&Evidence::stream(fault, 0, &bytes).after(&bytes));
            assert_eq!(all, diagnose(&Evidence::stream(fault, 0, &bytes[..WINDOW]).after(&bytes)));
        }
        for encoding in Encoding::ALL {
            let _ = diagnose(&Evidence::text(encoding, &bytes));
        }
    }
    for at in 0..HELLO.len() {
        for byte in 0..=255 {
            let wire = [&HELLO[..at], &[byte], &HELLO[at..]].concat();
            assert!(diagnose(&Evidence::stream(fault, 0, &wire)).to_string().len() <= MAX_REASON);
        }
    }
}

#[test]
fn bad_text_after_the_window_is_bad_text_without_a_hypothesis() {
    for (encoding, good, bad) in [
        (Encoding::Utf8, &b"ab"[..], &b"\xFF"[..]),
        (Encoding::Utf8, b"\xC3\xBC", b"\xC3"),
        (Encoding::Utf8, b"ab", b"\xED\xA0\xBD"),
        (Encoding::Utf8, b"ab", b"\xE9"),
        (Encoding::Ascii, b"ab", b"\xC3\xBC"),
        (Encoding::Ascii, b"ab", b"\xE9"),
        (Encoding::Utf16Le, b"a\0b\0c\0", b"\0\xD8a\0a\0"),
        (Encoding::Utf16Be, b"\0a", b"\0"),
        (Encoding::Utf16Be, b"ab", b"\0"),
    ] {
        for extra in [0, 1, 2, 3, 5, 4000] {
            let payload = [&good.repeat(WINDOW / 2 + extra), bad].concat();
            let diagnosis = diagnose(&Evidence::text(encoding, &payload));
            assert!(diagnosis.to_string().starts_with("bad-text: "), "{diagnosis}");
            assert!(encoding == Encoding::Utf16Be || extra < 5 || names(&diagnosis).is_empty(), "{diagnosis}");
        }
    }
}

#[test]
fn every_mistake_has_a_fix_that_fits_a_reason() {
    assert!(MISTAKES.len() > 60);
    assert!(MISTAKES.iter().all(|mistake| mistake.name.len() + mistake.fix.len() < MAX_REASON - 40));
}

//! Sound frames with something around them, headers written otherwise, and lengths that follow another rule.

use bookend::diagnosis::{Confidence, Diagnosis, Evidence, diagnose};
use bookend::{Decoder, Encoding, Fault, Frame, Hello, kind};

fn hello() -> Vec<u8> {
    let mut wire = Vec::new();
    Hello::new().encode(&mut wire);
    wire
}

fn frame(kind: u8, encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Frame::new(kind, encoding, body).expect("short").encode(&mut wire);
    wire
}

fn message(text: &str) -> Vec<u8> {
    frame(kind::MESSAGE, Encoding::Utf8, text.as_bytes())
}

/// HELLO and three messages of different lengths.
fn session() -> Vec<Vec<u8>> {
    vec![hello(), message("two"), message("three words here"), message("a third message")]
}

/// Reads as a session does, to the first fault.
fn diagnosed(wire: &[u8]) -> Diagnosis {
    let mut decoder = Decoder::new(4096);
    let mut rest = wire;
    let (fault, rest) = loop {
        let from = rest;
        match decoder.decode(&mut rest) {
            Ok(Some(frame)) if frame.kind() == 0 => break (Fault::HelloExpected { kind: 0 }, from),
            Ok(Some(_)) => {}
            Ok(None) => break (Fault::Truncated { arrived: rest.len() as u64 }, from),
            Err(fault) => break (fault, from),
        }
    };
    let at = wire.len() - rest.len();
    diagnose(&Evidence::stream(fault, at as u64, &wire[at..]).after(&wire[..at]))
}

#[track_caller]
fn assert_certain(wire: &[u8], name: &str) {
    let diagnosis = diagnosed(wire);
    let first = diagnosis.first().unwrap_or_else(|| panic!("{name}: {diagnosis}"));
    assert_eq!((first.name(), first.confidence()), (name, Confidence::Certain), "{diagnosis}");
}

/// What is more than possible.
fn stated(diagnosis: &Diagnosis) -> Vec<&'static str> {
    let stated = diagnosis.hypotheses().iter().filter(|hypothesis| hypothesis.confidence() > Confidence::Possible);
    stated.map(|hypothesis| hypothesis.name()).collect()
}

/// A framing: what it makes of the bytes of each write.
type Framing = fn(&[u8]) -> Vec<u8>;

fn prefixed<const N: usize>(field: [u8; N], frame: &[u8]) -> Vec<u8> {
    [&field, frame].concat()
}

fn size(frame: &[u8]) -> u32 {
    u32::try_from(frame.len()).expect("short")
}

fn short(frame: &[u8]) -> u16 {
    u16::try_from(frame.len()).expect("short")
}

fn masked(frame: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xFA, 0x21, 0x3D];
    let head = [&[0x82, 0x80 | frame.len().to_be_bytes()[7]][..], &key].concat();
    let body = frame.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
    head.into_iter().chain(body).collect()
}

fn slip(frame: &[u8]) -> Vec<u8> {
    let escaped = frame.iter().flat_map(|byte| match byte {
        0xC0 => vec![0xDB, 0xDC],
        0xDB => vec![0xDB, 0xDD],
        byte => vec![*byte],
    });
    [0xC0].into_iter().chain(escaped).chain([0xC0]).collect()
}

fn cobs(frame: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for block in frame.split(|&byte| byte == 0) {
        assert!(block.len() < 254, "a test with short frames");
        encoded.push(block.len().to_be_bytes()[7] + 1);
        encoded.extend_from_slice(block);
    }
    encoded.push(0);
    encoded
}

const FRAMINGS: [(&str, Framing); 22] = [
    ("wrapped-length-prefix", |frame| prefixed(size(frame).to_be_bytes(), frame)),
    ("wrapped-length-prefix", |frame| prefixed(size(frame).to_le_bytes(), frame)),
    ("wrapped-length-prefix", |frame| prefixed((size(frame) + 4).to_be_bytes(), frame)),
    ("wrapped-length-prefix", |frame| prefixed((size(frame) + 4).to_le_bytes(), frame)),
    ("wrapped-length-prefix", |frame| prefixed(short(frame).to_be_bytes(), frame)),
    ("wrapped-length-prefix", |frame| prefixed(short(frame).to_le_bytes(), frame)),
    ("wrapped-length-prefix", |frame| prefixed(u64::from(size(frame)).to_be_bytes(), frame)),
    ("wrapped-length-prefix", |frame| prefixed([size(frame).to_le_bytes()[0]], frame)),
    // TPKT: version 3, reserved, the length of all.
    ("wrapped-length-prefix", |frame| [&[3, 0][..], &(short(frame) + 4).to_be_bytes(), frame].concat()),
    // A type before the length, and a flag after it.
    ("wrapped-length-prefix", |frame| [&[7][..], &size(frame).to_be_bytes(), &[9], frame].concat()),
    ("wrapped-docker", |frame| [&[1, 0, 0, 0][..], &size(frame).to_be_bytes(), frame].concat()),
    ("wrapped-websocket", |frame| prefixed([0x82, size(frame).to_le_bytes()[0]], frame)),
    ("wrapped-websocket", masked),
    ("wrapped-chunked", |frame| [format!("{:X};a=b\r\n", frame.len()).as_bytes(), frame, b"\r\n"].concat()),
    ("wrapped-netstring", |frame| [format!("{}:", frame.len()).as_bytes(), frame, b","].concat()),
    ("wrapped-length-prefix", |frame| [format!("{} ", frame.len()).as_bytes(), frame].concat()),
    ("wrapped-length-prefix", |frame| [format!("{:06}", frame.len()).as_bytes(), frame].concat()),
    ("wrapped-length-prefix", |frame| [format!("Content-Length: {}\r\n\r\n", frame.len()).as_bytes(), frame].concat()),
    ("wrapped-slip", slip),
    ("wrapped-cobs", cobs),
    ("wrapped-stx-etx", |frame| [b"\x02", frame, b"\x03"].concat()),
    ("wrapped-mllp", |frame| [b"\x0B", frame, b"\x1C\r"].concat()),
];

#[test]
fn frames_in_another_framing_are_named() {
    for (name, framing) in FRAMINGS {
        let wire: Vec<u8> = session().iter().flat_map(|frame| framing(frame)).collect();
        assert_certain(&wire, name);
        // A peer that waits after HELLO.
        let first = framing(&hello());
        let named = diagnosed(&first).first().map(|first| first.name());
        assert!(
            named == Some(name) || name.ends_with("etx") || name.ends_with("mllp") || named.is_none(),
            "{name}: {named:?}"
        );
        // HELLO alone went around it.
        let later: Vec<u8> = session()[1..].iter().flat_map(|frame| framing(frame)).collect();
        let wire = [hello(), later].concat();
        assert_eq!(diagnosed(&wire).first().map(|first| first.name()), Some(name), "{}", diagnosed(&wire));
    }
}

#[test]
fn pieces_of_frames_in_another_framing_are_named() {
    let whole = session().concat();
    for (name, framing) in &FRAMINGS[..4] {
        let wire: Vec<u8> = whole.chunks(50).flat_map(framing).collect();
        assert_certain(&wire, name);
    }
    for (name, framing) in &FRAMINGS[10..15] {
        let wire: Vec<u8> = whole.chunks(50).flat_map(framing).collect();
        assert_certain(&wire, name);
    }
}

#[test]
fn javas_object_stream_is_named() {
    let block = |frame: &[u8]| [&[0x77, size(frame).to_le_bytes()[0]][..], frame].concat();
    let blocks: Vec<u8> = session().iter().flat_map(|frame| block(frame)).collect();
    assert_certain(&[b"\xAC\xED\0\x05", &*blocks].concat(), "wrapped-java-objects");
    let first = b"\x75\x72\0\x02[B\xAC\xF3\x17\xF8\x06\x08\x54\xE0\x02\0\0\x78\x70";
    let array = |head: &[u8], frame: &[u8]| [head, &size(frame).to_be_bytes(), frame].concat();
    let wire =
        [&b"\xAC\xED\0\x05"[..], &array(first, &hello()), &array(b"\x75\x71\0\x7E\0\0", &message("two"))].concat();
    assert_certain(&wire, "wrapped-java-objects");
}

#[test]
fn what_follows_each_frame_is_named() {
    let after = |tail: fn(&[u8]) -> Vec<u8>| -> Vec<u8> {
        session().iter().flat_map(|frame| [frame.clone(), tail(frame)].concat()).collect()
    };
    assert_certain(&after(|_| vec![0]), "wrapped-nul");
    assert_certain(&after(|frame| vec![0; 256 - frame.len()]), "wrapped-padding");
    assert_certain(
        &after(|frame| (0..128 - frame.len()).map(|at| [0x41, at.to_le_bytes()[0]][at % 2]).collect()),
        "wrapped-padding",
    );
    assert_certain(&after(|frame| vec![0; frame.len().next_multiple_of(16) - frame.len()]), "wrapped-padding");
    let checksum: fn(&[u8]) -> Vec<u8> =
        |frame| frame.iter().fold(7_u32, |sum, byte| sum.wrapping_mul(31) ^ u32::from(*byte)).to_be_bytes().into();
    assert_certain(&after(checksum), "wrapped-trailer");
    assert_certain(&after(|_| b"\xAA\x55".to_vec()), "wrapped-constant");
    assert_certain(&[b"\xEF\xBB\xBF", &*session().concat()].concat(), "wrapped-byte-order-mark");
}

#[test]
fn headers_written_otherwise_are_named() {
    let changed =
        |change: fn(&[u8]) -> Vec<u8>| -> Vec<u8> { session().iter().flat_map(|frame| change(frame)).collect() };
    let host_order: fn(&[u8]) -> Vec<u8> = |frame| [b"\xF8\xF5", &frame[2..frame.len() - 2], b"\xF5\xF8"].concat();
    assert_certain(&changed(host_order), "frame-host-order");
    assert_certain(
        &changed(|frame| {
            let length = [frame[7], frame[6], frame[5], frame[4]];
            [b"\xF8\xF5", &frame[2..4], &length, &frame[8..frame.len() - 2], b"\xF5\xF8"].concat()
        }),
        "frame-host-order",
    );
    assert_certain(&changed(|frame| [&frame[..frame.len() - 2], b"\xF5\xF8"].concat()), "frame-host-order");
    assert_certain(
        &changed(|frame| [&frame[..2], &[frame[3], frame[2]], &frame[4..]].concat()),
        "frame-fields-exchanged",
    );
    assert_certain(
        &changed(|frame| [&frame[..2], &[frame[2] + b'0', frame[3] + b'0'], &frame[4..]].concat()),
        "frame-ascii-digits",
    );
    assert_certain(&changed(|frame| frame[2..].to_vec()), "frame-start-missing");
    assert_certain(&changed(|frame| frame[..frame.len() - 2].to_vec()), "frame-end-missing");
    // One frame, and the peer waits.
    assert_certain(&host_order(&hello()), "frame-host-order");
}

fn field(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("short").to_be_bytes()
}

/// HELLO, and messages with these length fields.
fn declared(texts: &[&str], length: fn(&str) -> usize) -> Vec<u8> {
    let messages = texts
        .iter()
        .flat_map(|text| [b"\xF5\xF8\x02\x02", &field(length(text)), text.as_bytes(), b"\xF8\xF5"].concat());
    hello().into_iter().chain(messages).collect()
}

const TEXTS: [&str; 3] = ["two", "three words here", "a third message, longer than the others"];

#[test]
fn lengths_are_named_by_what_they_say_of_each_frame() {
    assert_certain(&declared(&TEXTS, |_| 8), "length-constant");
    assert_certain(&declared(&TEXTS, |text| text.len() * 2), "length-multiplied");
    assert_certain(&declared(&TEXTS, |text| text.len() * 8), "length-multiplied");
    assert_certain(&declared(&TEXTS, |text| text.len() + 5), "length-offset");
    assert_certain(
        &declared(&["ten bytes.", "sixteen bytes...", "and twenty-one bytes."], |text| {
            usize::from_str_radix(&text.len().to_string(), 16).expect("digits")
        }),
        "length-decimal",
    );
    let escaped = ["say \\\"hi\\\"", "a\\nb\\nc", "\\u00e9t\\u00e9"];
    assert_certain(
        &declared(&escaped, |text| {
            text.len() - text.matches("\\\"").count() - text.matches("\\n").count() - 5 * text.matches("\\u").count()
        }),
        "length-before-encoding",
    );
    assert_certain(
        &declared(&["aGVsbG8=", "aGVsbG8gd29ybGQ="], |text| if text.len() == 8 { 5 } else { 11 }),
        "length-before-encoding",
    );
    let twice: Vec<u8> = TEXTS
        .iter()
        .flat_map(|text| {
            let length = field(text.len());
            [b"\xF5\xF8\x02\x02", &length[..], &length, text.as_bytes(), b"\xF8\xF5"].concat()
        })
        .collect();
    assert_certain(&[hello(), twice].concat(), "length-twice");
    let three: Vec<u8> = TEXTS
        .iter()
        .flat_map(|text| [b"\xF5\xF8\x02\x02", &field(text.len())[1..], text.as_bytes(), b"\xF8\xF5"].concat())
        .collect();
    assert_certain(&[hello(), three].concat(), "length-three-bytes");
}

#[test]
fn partial_sends_are_named() {
    let long = message(&"The quick brown fox jumps over the lazy dog. ".repeat(40));
    let repeated = [&hello(), &long[..700], &long[..], &message("next")].concat();
    assert_certain(&repeated, "channel-send-repeated");
    let cut = [&hello(), &long[..700], &message("next message here"), &message("another")].concat();
    assert_eq!(stated(&diagnosed(&cut)), ["channel-send-cut"]);
}

#[test]
fn what_only_looks_like_it_is_not_stated() {
    let around = |name: &str| name.starts_with("wrapped-");
    // Something stands between two frames once.
    for stray in [&b"\x9C\x31\x07\x5E"[..], b"\0\0\0\x44", b"\x42", b"7:"] {
        let wire = [&*hello(), &message("one"), stray, &message("two"), &message("three")].concat();
        let diagnosis = diagnosed(&wire);
        assert!(!stated(&diagnosis).iter().any(|name| around(name)), "{diagnosis}");
    }
    // A body that holds frames in another framing is a body.
    let inner = [&39_u32.to_be_bytes()[..], &message("inside")].concat();
    let wire = [hello(), frame(kind::MESSAGE, Encoding::Binary, &inner), message("two")].concat();
    let mut damaged = wire.clone();
    damaged.insert(hello().len() + 8, b'x');
    let diagnosis = diagnosed(&damaged);
    assert!(!stated(&diagnosis).iter().any(|name| around(name) || name.starts_with("length-")), "{diagnosis}");
    // The payload begins with its own length, and the length field is right.
    let own = [&[0, 0, 0, 5][..], b"hello"].concat();
    let wire =
        [hello(), frame(kind::MESSAGE, Encoding::Binary, &own), b"\xF5\xF8\x02\x02\x05\0\0\0hello\xF8\xF5".to_vec()]
            .concat();
    assert!(!stated(&diagnosed(&wire)).contains(&"length-twice"));
    // Bodies of one size fit any number.
    let one_size = declared(&["same", "size", "here"], |_| 11);
    assert!(!stated(&diagnosed(&one_size)).iter().any(|name| ["length-constant", "length-offset"].contains(name)));
}

#[test]
fn the_name_does_not_depend_on_where_the_bytes_are_cut() {
    for (name, framing) in FRAMINGS {
        let wire: Vec<u8> = session().iter().flat_map(|frame| framing(frame)).collect();
        for end in 1..wire.len() {
            let diagnosis = diagnosed(&wire[..end]);
            let wrong = diagnosis
                .hypotheses()
                .iter()
                .find(|other| other.confidence() == Confidence::Certain && other.name() != name);
            assert_eq!(wrong, None, "{name}, cut at {end} of {}: {diagnosis}", wire.len());
        }
    }
}

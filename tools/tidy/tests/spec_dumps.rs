//! The hex in SPEC.md means what the text beside it says, and the crate reads and writes it.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use bookend::history::{Page, Query};
use bookend::{
    Code, Decoder, Delivery, Encoding, Fault, Frame, Hello, Limits, MAX_LENGTH, MemberName, Message, Outcome, Payload,
    PresenceEvent, Probe, Refusal, Role, Session, State, Step, Text, kind,
};

#[test]
fn worked_frames_are_what_their_captions_say() {
    // [R2.1] [R2.3] [R2.5] [R2.9] [R6.2] [R9.44] [R9.47]
    let id = NonZeroU32::new(7).expect("is not 0");
    let utf8 = Text::utf8;
    let joined = PresenceEvent::Joined;
    let ann = MemberName::new(utf8("ann")).expect("is a name");
    let delivery = Delivery::new(5, 0, 1, 0, "ann", Payload::Text(utf8("hi"))).expect("is a name");
    let next_id = NonZeroU32::new(8).expect("is not 0");
    let last = Query::last(50).encode();
    let search = Query { before: 1024, count: 50, text: Some("noon") }.encode();
    let page = written(&Message::Gap { missed: 0 });
    let expected = [
        ("The MESSAGE `hi` in UTF-8, twelve bytes: `", Message::Message(Payload::Text(utf8("hi")))),
        ("REQUEST 7 \"time?\"", Message::Request { id, payload: Payload::Text(ascii(b"time?")) }),
        ("REPLY   7 \"noon\"", Message::Reply { id, payload: Payload::Text(ascii(b"noon")) }),
        ("ERROR   0, frame 3, 1007", refusal(3, ascii(b"bad-text"))),
        ("PING", Message::Ping(Probe::new(b"").expect("is short"))),
        ("CLOSE   1000 \"normal\"", Message::Close { code: Code::NORMAL, reason: ascii(b"normal") }),
        ("CANCEL  7", Message::Cancel { id }),
        ("WELCOME 5, next seq 1, \"hi\"", Message::Welcome { member: 5, next_seq: 1, greeting: utf8("hi") }),
        ("PRESENCE 5 joined \"ann\"", Message::Presence { member: 5, event: joined, name: ann }),
        ("POST to everyone \"hi\"", Message::Post { to: 0, payload: Payload::Text(utf8("hi")) }),
        ("DELIVERY 5 → all, seq 1, time 0, \"ann\" \"hi\"", Message::Delivery(delivery)),
        ("GAP 3", Message::Gap { missed: 3 }),
        ("the last 50", Message::Request { id, payload: Payload::Binary(&last) }),
        ("the last 50 before 1024 with \"noon\"", Message::Request { id: next_id, payload: Payload::Binary(&search) }),
        ("REPLY: nothing is kept", Message::Reply { id, payload: Payload::Binary(&page) }),
    ];
    assert_eq!(Page::parse(Payload::Binary(&page)).map(|page| page.lost_before()), Ok(Some(0)));

    let (hellos, messages): (Vec<_>, Vec<_>) =
        worked_frames().into_iter().partition(|(caption, _)| caption.contains("HELLO"));
    let captions: Vec<&str> = messages.iter().map(|(caption, _)| &**caption).collect();
    assert_eq!(captions, expected.map(|(caption, _)| caption), "every worked frame is known here");
    for ((caption, bytes), (_, message)) in messages.iter().zip(&expected) {
        assert_eq!(Message::parse(frame(bytes)), Ok(Some(*message)), "{caption}");
        assert_eq!(written(message), *bytes, "{caption}");
    }
    let [(_, hello)] = &hellos[..] else { panic!("{hellos:02x?}") };
    assert_eq!(Hello::parse(frame(hello).body()), Ok(Hello::new()));
    assert_eq!(written_hello(&Hello::new()), *hello);
}

#[test]
fn dumps_of_the_appendix_match_their_captions() {
    // [R4.5] [R4.6] [R5.6] [R9.4]
    let dumps = appendix();
    let ann = MemberName::new(utf16le(b"a\0n\0n\0")).expect("is a name");
    let delivery = Payload::Text(utf16le(b"g\0r\0\xFC\0\xDF\0"));
    let delivery = Delivery::new(5, 0, 1, 1_795_390_321_000, "ann", delivery).expect("is a name");
    let reason: Vec<u8> = b"bad-text: byte 2".iter().flat_map(|&byte| [byte, 0]).collect();
    let probe = Probe::new(b"1").expect("is short");
    let none = ascii(b"");
    let normal = ascii(b"normal");
    let expected = [
        ("S → C", Some(Message::Welcome { member: 5, next_seq: 1, greeting: utf16le(b"h\0i\0") })),
        ("S → C", Some(Message::Presence { member: 5, event: PresenceEvent::Here, name: ann })),
        ("C → S", Some(Message::Post { to: 0, payload: Payload::Text(Text::utf8("grüß")) })),
        ("S → C", Some(Message::Delivery(delivery))),
        ("C → S", None), // bad text, below
        ("S → C", Some(refusal(2, utf16le(&reason)))),
        ("C → S", Some(Message::Ping(probe))),
        ("S → C", Some(Message::Pong(probe))),
        ("C → S", Some(Message::Close { code: Code::NORMAL, reason: normal })),
        ("S → C", Some(Message::Close { code: Code::NORMAL, reason: none })),
    ];

    let [line, client, server, rest @ ..] = &dumps[..] else { panic!("{} dumps", dumps.len()) };
    assert_eq!(line.direction, "S → C");
    assert_eq!(line.bytes, b"Bookend hub, Sun 22 Nov 2026 23:32:01 UTC\r\n");
    for (dump, direction, hello) in [(client, "C → S", client_hello()), (server, "S → C", server_hello())] {
        assert_eq!(dump.direction, direction, "{}", dump.caption);
        assert_eq!(Hello::parse(frame(&dump.bytes).body()), Ok(hello.clone()), "{}", dump.caption);
        assert_eq!(written_hello(&hello), dump.bytes, "{}", dump.caption);
    }
    assert_eq!(rest.len(), expected.len());
    for (dump, (direction, message)) in rest.iter().zip(&expected) {
        assert_eq!(dump.direction, *direction, "{}", dump.caption);
        let parsed = Message::parse(frame(&dump.bytes));
        match message {
            Some(message) => {
                assert_eq!(parsed, Ok(Some(*message)), "{}", dump.caption);
                assert_eq!(written(message), dump.bytes, "{}", dump.caption);
            }
            None => assert_eq!(parsed, Err(Fault::BadText { encoding: Encoding::Utf8, offset: 2 }), "{}", dump.caption),
        }
    }
}

#[test]
fn client_accepts_the_dialogue_of_the_appendix() {
    // [R4.21] [R7.7]
    let mut client = Session::new(Role::Client, client_hello(), Limits::default(), Duration::ZERO);
    assert_eq!(output(&mut client), appendix()[1].bytes);
    let kinds = hear(&mut client, "S → C");
    assert_eq!(kinds, [kind::WELCOME, kind::PRESENCE, kind::DELIVERY, kind::ERROR, kind::PONG]);
    assert!(client.hub_profile());
    assert!(matches!(client.outcome(), Some(Outcome::PeerClosed { code: Code::NORMAL, .. })));
}

#[test]
fn server_answers_the_dialogue_of_the_appendix() {
    // [R3.9] [R3.17] [R5.8] [R7.7]
    let mut server = Session::new(Role::Server, server_hello(), Limits::default(), Duration::ZERO);
    let kinds = hear(&mut server, "C → S");
    assert_eq!(kinds, [kind::POST]);
    assert!(matches!(server.outcome(), Some(Outcome::PeerClosed { code: Code::NORMAL, .. })));

    let output = output(&mut server);
    let [hello, error, pong, close] = &frames(&output)[..] else { panic!("{output:02x?}") };
    assert_eq!(Hello::parse(hello.body()), Ok(server_hello()));
    let Ok(Some(Message::Error(refusal))) = Message::parse(*error) else { panic!("{error:?}") };
    assert_eq!((refusal.id, refusal.frame, refusal.code), (0, 2, Code::BAD_TEXT));
    assert_eq!(Message::parse(*pong), Ok(Some(Message::Pong(Probe::new(b"1").expect("is short")))));
    assert!(matches!(Message::parse(*close), Ok(Some(Message::Close { code: Code::NORMAL, .. }))));
}

fn client_hello() -> Hello {
    let hello = Hello::new().with_preferred(Encoding::Utf16Le).with_hub(true);
    let hello = hello.with_name("ann").expect("is a plain line");
    Session::new(Role::Client, hello, Limits::default(), Duration::ZERO).local().clone() // with the option client
}

fn server_hello() -> Hello {
    Hello::new().with_preferred(Encoding::Binary).with_hub(true)
}

fn ascii(bytes: &[u8]) -> Text<'_> {
    Text::decode(Encoding::Ascii, bytes).expect("is legal text")
}

fn utf16le(bytes: &[u8]) -> Text<'_> {
    Text::decode(Encoding::Utf16Le, bytes).expect("is legal text")
}

fn refusal(frame: u32, reason: Text<'_>) -> Message<'_> {
    Message::Error(Refusal { id: 0, frame, code: Code::BAD_TEXT, reason })
}

/// Receives all that the appendix sends in one direction, and returns the kinds of the messages, PONGs too.
fn hear(session: &mut Session, direction: &str) -> Vec<u8> {
    let stream: Vec<u8> =
        appendix().into_iter().filter(|dump| dump.direction == direction).flat_map(|dump| dump.bytes).collect();
    let mut rest = &stream[..];
    let mut kinds = Vec::new();
    loop {
        match session.receive(&mut rest, Duration::ZERO) {
            Step::Message(message) => kinds.push(message.kind()),
            Step::Pong(_) => kinds.push(kind::PONG),
            Step::More => break,
            _ => {}
        }
    }
    assert_eq!(session.state(), State::Closed);
    kinds
}

fn output(session: &mut Session) -> Vec<u8> {
    let mut output = Vec::new();
    session.take_output(&mut output);
    output
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    match frames(bytes)[..] {
        [frame] => frame,
        ref frames => panic!("{} frames in {bytes:02x?}", frames.len()),
    }
}

fn frames(mut bytes: &[u8]) -> Vec<Frame<'_>> {
    let mut decoder = Decoder::new(MAX_LENGTH);
    let mut frames = Vec::new();
    while let Some(frame) = decoder.decode(&mut bytes).expect("is sound") {
        frames.push(frame);
    }
    assert_eq!(bytes, b"", "whole frames");
    frames
}

fn written(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(MAX_LENGTH, &mut bytes).expect("is short");
    bytes
}

fn written_hello(hello: &Hello) -> Vec<u8> {
    let mut bytes = Vec::new();
    hello.encode(&mut bytes);
    bytes
}

// ---- SPEC.md

fn spec() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../SPEC.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hex is ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("{hex} is no hex"))).collect()
}

/// Every frame in one line of the text, with what precedes it.
fn worked_frames() -> Vec<(String, Vec<u8>)> {
    let spec = spec();
    let frames = spec.lines().filter_map(|line| {
        let (caption, hex) = line.split_at(line.find("f5f8")?);
        let end = hex.find(|character: char| !character.is_ascii_hexdigit() && character != ' ').unwrap_or(hex.len());
        Some((caption.trim_end().to_owned(), bytes(&hex[..end])))
    });
    frames.collect()
}

/// One dump of the appendix.
struct Dump {
    direction: String,
    caption: String,
    bytes: Vec<u8>,
}

/// The dumps of appendix A: a caption that begins with a direction, then lines of an offset, hex and what it shows.
fn appendix() -> Vec<Dump> {
    let spec = spec();
    let (_, appendix) = spec.split_once("## Appendix A").expect("there is an appendix A");
    let (appendix, _) = appendix.split_once("\n## ").expect("there is an appendix B");
    let (_, block) = appendix.split_once("```\n").expect("there is a block");
    let (block, _) = block.split_once("```").expect("the block ends");

    let mut dumps: Vec<Dump> = Vec::new();
    for line in block.lines() {
        if let Some((direction, caption)) = line.split_once("  ").filter(|(direction, _)| direction.contains('→')) {
            dumps.push(Dump { direction: direction.into(), caption: caption.trim().into(), bytes: Vec::new() });
            continue;
        }
        let dump = dumps.last_mut().expect("a caption comes first");
        let (offset, rest) = line.trim_start().split_once("  ").expect("an offset, then hex");
        assert_eq!(usize::from_str_radix(offset, 16), Ok(dump.bytes.len()), "{line}");
        let (hex, shown) = rest.split_at(rest.len().min(3 * 16 + 1));
        let hex = bytes(hex);
        let printable = |&byte: &u8| if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '.' };
        assert_eq!(hex.iter().map(printable).collect::<String>(), shown, "{line}");
        dump.bytes.extend(hex);
    }
    dumps
}

//! Inputs that aim at the edges: of lengths, of encodings, of frames inside frames, of streams that were damaged.

use bookend::{Encoding, Encodings, Frame, Hello, Role, kind, text};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A frame that owns its body.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    kind: u8,
    encoding: Encoding,
    body: Vec<u8>,
}

impl Owned {
    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame::new(self.kind, self.encoding, &self.body).expect("bodies for tests are short")
    }
}

/// Frames with whatever bodies, the traps for a reader that searches for START or END.
pub(crate) fn frames() -> impl Strategy<Value = Vec<Owned>> {
    vec(framed(body(), select(&Encoding::ALL[..])), 0..5)
}

/// A stream that was made of frames, then perhaps damaged.
pub(crate) fn stream() -> impl Strategy<Value = Vec<u8>> {
    (frames(), damage()).prop_map(|(frames, damage)| damage.of(written(&frames)))
}

/// Where to cut a stream.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![0..40_usize, 0..2000_usize], 0..6)
}

/// A body, empty, or of a length at an edge, or one that holds START, END and whole frames.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..12),
        Just(b"\xF5\xF8".to_vec()),
        Just(b"\xF8\xF5".to_vec()),
        Just(b"\xF5\xF8\x02\x02\0\0\0\x02hi\xF8\xF5".to_vec()),
    ];
    prop_oneof![
        4 => vec(piece, 0..4).prop_map(|pieces| pieces.concat()),
        1 => (select(&[1, 63, 64, 65, 255, 256, 1023, 1024, 1025][..]), any::<u8>())
            .prop_map(|(length, byte)| vec![byte; length]),
    ]
}

fn framed(
    body: impl Strategy<Value = Vec<u8>>,
    encoding: impl Strategy<Value = Encoding>,
) -> impl Strategy<Value = Owned> {
    let unknown = [0x00, 0x09, 0x0F, 0x15, 0x7F, 0x80, 0x82, 0xBF, 0xC0, 0xEF, 0xF0, 0xFF];
    let kind = prop_oneof![6 => select(KINDS), 1 => select(unknown.to_vec())];
    (kind, encoding, body).prop_map(|(kind, encoding, body)| Owned { kind, encoding, body })
}

const KINDS: &[u8] = &[
    kind::HELLO,
    kind::MESSAGE,
    kind::REQUEST,
    kind::REPLY,
    kind::ERROR,
    kind::PING,
    kind::PONG,
    kind::CLOSE,
    kind::WELCOME,
    kind::PRESENCE,
    kind::POST,
    kind::DELIVERY,
    kind::GAP,
    kind::CANCEL,
];

fn written(frames: &[Owned]) -> Vec<u8> {
    let mut stream = Vec::new();
    for frame in frames {
        frame.frame().encode(&mut stream);
    }
    stream
}

/// What happens to a stream on its way.
#[derive(Clone, Debug)]
enum Damage {
    None,
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    End(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = prop_oneof![any::<u8>(), select(&[0x00, 0x04, 0x05, 0x7F, 0x80, 0xF5, 0xF8, 0xFF][..])];
    prop_oneof![
        2 => Just(Damage::None),
        2 => (any::<Index>(), byte.clone()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        1 => (any::<Index>(), byte).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        1 => any::<Index>().prop_map(Damage::Remove),
        1 => any::<Index>().prop_map(Damage::End),
    ]
}

impl Damage {
    fn of(&self, mut stream: Vec<u8>) -> Vec<u8> {
        let length = stream.len();
        match self {
            _ if length == 0 => {}
            Damage::None => {}
            Damage::Set(at, byte) => stream[at.index(length)] = *byte,
            Damage::Insert(at, byte) => stream.insert(at.index(length), *byte),
            Damage::Remove(at) => drop(stream.remove(at.index(length))),
            Damage::End(at) => stream.truncate(at.index(length)),
        }
        stream
    }
}

/// Text of the characters at which encodings go wrong, some of it long enough to fill a block of the UTF-16 check.
pub(crate) fn string() -> impl Strategy<Value = String> {
    let named = ['\0', '\x7F', '\u{80}', '\u{7FF}', '\u{800}', '\u{D7FF}', '\u{E000}', '\u{FEFF}', '\u{FFFE}']
        .into_iter()
        .chain(['\u{FFFF}', '\u{10000}', '\u{10FFFF}', '\n', '\u{2028}', '\u{202E}', 'ü', '\u{F8F5}']);
    let character = prop_oneof![select(named.collect::<Vec<_>>()), any::<char>(), prop::char::range('a', 'z')];
    let lead = prop_oneof![6 => Just(0), 1 => 250..260_usize];
    (lead, vec(character, 0..12)).prop_map(|(lead, tail)| "a".repeat(lead) + &String::from_iter(tail))
}

/// Bytes under the name of an encoding: its own text, another's, text that was damaged, the famous wrong sequences.
pub(crate) fn text() -> impl Strategy<Value = (Encoding, Vec<u8>)> {
    let wrong: [&[u8]; 12] = [
        b"\xC0\x80",
        b"\xED\xA0\x80",
        b"\xED\xBF\xBF",
        b"\xF4\x90\x80\x80",
        b"\xF0\x9F\x98",
        b"\xEF\xBB",
        b"\xEF\xBB\xBF",
        b"\xFE\xFF",
        b"\xFF\xFE",
        b"\xD8\x00",
        b"\x00\xDC",
        b"\xDB\xFF\xDF\xFF",
    ];
    let piece = prop_oneof![select(wrong.map(<[u8]>::to_vec).to_vec()), vec(any::<u8>(), 0..4)];
    let mark = prop_oneof![6 => Just(""), 1 => Just("\u{FEFF}"), 1 => Just("\u{FFFE}"), 1 => Just("\u{FEFF}\u{FFFE}")];
    let texts = select(&bookend_laws::text::ENCODINGS[..]);
    let damaged = (texts.clone(), mark, string(), damage()).prop_map(|(encoding, mark, text, damage)| {
        (encoding, damage.of(in_encoding(encoding, &(mark.to_owned() + &text))))
    });
    let pieced = (texts, vec(piece, 0..5)).prop_map(|(encoding, pieces)| (encoding, pieces.concat()));
    prop_oneof![4 => damaged, 1 => pieced]
}

/// Text as its encoding writes it, with whatever mark stands in front.
fn in_encoding(encoding: Encoding, text: &str) -> Vec<u8> {
    match encoding {
        Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        encoding => text::escape_unmappable(encoding, text).0.as_bytes().to_vec(),
    }
}

/// A frame whose body is that of its kind, or nearly: numbers at their edges in front, then a payload.
pub(crate) fn message() -> impl Strategy<Value = Owned> {
    let number = select(&[0_u32, 1, 2, 7, 255, 1000, 1 << 31, u32::MAX][..]);
    let payload = prop_oneof![
        6 => text(),
        1 => Just((Encoding::Binary, Vec::new())),
        1 => body().prop_map(|body| (Encoding::Binary, body)),
    ];
    let encoding = prop_oneof![6 => Just(None), 1 => select(&Encoding::ALL[..]).prop_map(Some)];
    let close_enough = prop_oneof![6 => Just(0), 1 => Just(-1_isize), 1 => Just(1)];
    (select(KINDS), vec(number, 7), payload, encoding, string(), close_enough).prop_map(
        |(kind, numbers, (encoding, payload), other, name, more)| {
            let fixed = fixed_length(kind).saturating_add_signed(more);
            let mut body: Vec<u8> = numbers.iter().copied().flat_map(u32::to_be_bytes).take(fixed).collect();
            match kind {
                kind::PRESENCE if more == 0 => body[4] %= 4,
                kind::DELIVERY if more == 0 => {
                    body[24] = u8::try_from(name.len()).unwrap_or(65);
                    body.extend_from_slice(name.as_bytes());
                }
                _ => {}
            }
            if kind != kind::CANCEL {
                body.extend_from_slice(&payload);
            }
            let encoding = match kind {
                kind::HELLO | kind::PING | kind::PONG | kind::GAP | kind::CANCEL => Encoding::Binary,
                _ => encoding,
            };
            Owned { kind, encoding: other.unwrap_or(encoding), body }
        },
    )
}

fn fixed_length(kind: u8) -> usize {
    match kind {
        kind::REQUEST | kind::REPLY | kind::POST | kind::CANCEL => 4,
        kind::ERROR => 10,
        kind::CLOSE => 2,
        kind::WELCOME => 12,
        kind::PRESENCE => 5,
        kind::DELIVERY => 25,
        kind::GAP => 8,
        _ => 0,
    }
}

/// What a peer sends: frames with bodies of their kinds, then perhaps damaged.
pub(crate) fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let ping = Just(Owned { kind: kind::PING, encoding: Encoding::Binary, body: b"1".to_vec() });
    let other = framed(body(), Just(Encoding::Binary));
    let one = prop_oneof![8 => message(), 1 => ping, 1 => other].prop_map(|frame| vec![frame]);
    let frames = vec(prop_oneof![9 => one, 1 => cancelled()], 0..8);
    let damage = prop_oneof![3 => Just(Damage::None), 1 => damage()];
    (frames, damage).prop_map(|(frames, damage)| damage.of(written(&frames.concat())))
}

/// A REQUEST and its CANCEL, which is sent twice.
fn cancelled() -> impl Strategy<Value = Vec<Owned>> {
    select(&[1_u32, 7, u32::MAX][..]).prop_map(|id| {
        let frame = |kind| Owned { kind, encoding: Encoding::Binary, body: id.to_be_bytes().to_vec() };
        [kind::REQUEST, kind::CANCEL, kind::CANCEL].map(frame).to_vec()
    })
}

/// A HELLO, with every option or none, for the session's own side or the peer's.
pub(crate) fn hello() -> impl Strategy<Value = Hello> {
    let accepted = select(vec![Encodings::CORE, Encodings::ALL]);
    let max_body = select(&[1024, 4096, 1 << 20, 0x7FFF_FFFF][..]);
    let keepalive = select(&[0, 1, 30, u16::MAX][..]);
    (accepted, select(&Encoding::ALL[..]), max_body, keepalive, any::<bool>(), any::<bool>()).prop_map(
        |(accepted, preferred, max_body, keepalive, hub, options)| {
            let hello = Hello::new()
                .with_preferred(preferred)
                .with_accepted(accepted)
                .with_max_body(max_body)
                .with_keepalive(keepalive)
                .with_hub(hub);
            if !options {
                return hello;
            }
            let hello = hello.with_requests(max_body / 1024 - 1); // 0 for the smallest
            let named = hello.with_name("ann").and_then(|hello| hello.with_room("lobby"));
            let software = named.and_then(|hello| hello.with_software("laws/1"));
            software.and_then(|hello| hello.with_token(&[0xF5; 255])).expect("these are legal").with_resume(42)
        },
    )
}

/// The body of a HELLO, with options in any order, then perhaps damaged.
pub(crate) fn hello_body() -> impl Strategy<Value = Vec<u8>> {
    let option = (0..10_u8, vec(any::<u8>(), 0..10)).prop_map(|(option, value)| {
        let length = u8::try_from(value.len()).expect("nine at most");
        [vec![option, length], value].concat()
    });
    (hello(), vec(option, 0..3), damage())
        .prop_map(|(hello, options, damage)| damage.of([hello.body(), options.concat()].concat()))
}

/// One side of a connection.
pub(crate) fn role() -> impl Strategy<Value = Role> {
    select(&[Role::Client, Role::Server][..])
}

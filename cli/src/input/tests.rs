//! Input from memory.

use super::*;

/// Lines as a user types them.
pub(crate) fn typed(texts: &[&str]) -> Vec<Result<Entry, InputError>> {
    (1..)
        .zip(texts)
        .map(|(line, text)| Ok(Entry { position: Position::Line(line), body: Body::Text((*text).into()) }))
        .collect()
}

/// Lines of at most `limit` bytes.
fn read(input: &'static [u8], limit: usize) -> Vec<String> {
    collect(parts(input, MessageFormat::Lines, limit))
}

fn collect(mut messages: Messages) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(chunk) = messages.blocking_recv() {
        all.extend(chunk.into_iter().map(|entry| match entry {
            Ok(Entry { position, body: Body::Text(text) }) => format!("{} {text}", position.number()),
            Ok(Entry { body, .. }) => format!("{body:?}"),
            Err(error) => error.to_string(),
        }));
    }
    all
}

#[test]
fn lines_end_in_lf_or_crlf_and_the_last_line_end_is_optional() {
    assert_eq!(read(b"a\r\nb\n\nc\r\r\nd\re", 9), ["1 a", "2 b", "3 ", "4 c\r", "5 d\re"]);
    assert_eq!(read(b"a\n", 9), ["1 a"]);
    assert_eq!(read(b"", 9), [""; 0]);
}

#[test]
fn bad_line_is_reported_with_number_and_offset_and_the_rest_is_read() {
    assert_eq!(
        read(b"good\nba\xFFd\n\xC3\n\xEF\xBB\xBFa\xFF\nrest", 99),
        [
            "1 good",
            "line 2: bad-text: byte 2 is not utf-8",
            "line 3: bad-text: byte 0 is not utf-8",
            "line 4: bad-text: byte 4 is not utf-8",
            "5 rest"
        ]
    );
}

#[test]
fn byte_order_mark_of_a_line_is_removed() {
    assert_eq!(read(b"\xEF\xBB\xBFa\r\n", 9), ["1 a"]);
}

#[test]
fn long_line_is_reported_and_discarded() {
    assert_eq!(
        read(b"12345\n123456\n12345\r\n1\n", 5),
        ["1 12345", "line 2: too-long: more than 5 bytes", "3 12345", "4 1"]
    );
    assert_eq!(read(b"123456789\n1\n", 5), ["line 1: too-long: more than 5 bytes", "2 1"]);
    assert_eq!(read(b"12345\r", 5), ["line 1: too-long: more than 5 bytes"]);
    assert_eq!(read(b"123456", 5), ["line 1: too-long: more than 5 bytes"]);
    assert_eq!(read(b"1234567\n8", 5), ["line 1: too-long: more than 5 bytes", "2 8"]);
}

#[test]
fn read_error_is_reported_after_the_lines_before_it() {
    struct Failing(bool);
    impl Read for Failing {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            bytes[..2].copy_from_slice(b"a\n");
            Ok(2)
        }
    }
    let mut messages = super::messages(Failing(false), MessageFormat::Lines, 9);
    assert!(matches!(messages.blocking_recv().as_deref(), Some([Ok(_)])));
    assert!(matches!(messages.blocking_recv().as_deref(), Some([Err(InputError::Io(_))])));
    assert!(messages.blocking_recv().is_none());
}

#[test]
fn binary_input_is_one_message() {
    let bytes: Vec<u8> = (0..=255).collect();
    let mut messages = messages(io::Cursor::new(bytes.clone()), MessageFormat::Binary, 256);
    let chunk = messages.blocking_recv().unwrap();
    assert_eq!(chunk.first().unwrap().as_ref().unwrap().body, Body::Binary(bytes.clone()));
    let chunk = super::messages(io::Cursor::new(bytes), MessageFormat::Binary, 255).blocking_recv().unwrap();
    assert!(matches!(chunk.as_slice(), [Err(InputError::TooLong { position: Position::Whole, limit: 255 })]));
}

#[test]
fn text_may_be_the_whole_input_or_terminated_by_nul() {
    assert_eq!(collect(messages(&b"one\ntwo\n"[..], MessageFormat::Whole, 99)), ["1 one\ntwo\n"]);
    assert_eq!(collect(messages(&b""[..], MessageFormat::Whole, 99)), ["1 "]);
    assert_eq!(
        collect(messages(&b"a\r\n\0\0b\xFF\0c"[..], MessageFormat::Nul, 99)),
        ["1 a\r\n", "2 ", "message 3: bad-text: byte 1 is not utf-8", "4 c"]
    );
}

#[test]
fn hexadecimal_lines_are_bytes() {
    assert_eq!(
        collect(messages(&b"00 FF\r\n\nabc\nxy\n68"[..], MessageFormat::Hex, 99)),
        [
            "Binary([0, 255])",
            "Binary([])",
            "line 3: malformed: it has 3 digits; each byte needs two",
            "line 4: malformed: character 1, \"x\", is not a hexadecimal digit",
            "Binary([104])"
        ]
    );
}

#[test]
fn utf16_is_named_and_nothing_of_it_is_used() {
    let encode = |text: &str, units: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(units).collect::<Vec<u8>>();
    let text = "first line\r\nsecond line\r\ngr\u{fc}\u{df}e\r\n";
    for bytes in [
        encode(&format!("\u{feff}{text}"), u16::to_le_bytes),
        encode(&format!("\u{feff}{text}"), u16::to_be_bytes),
        encode(text, u16::to_le_bytes),
        encode(text, u16::to_be_bytes),
        encode("\u{feff}\u{6f22}\u{5b57}\n", u16::to_le_bytes),
    ] {
        for format in [MessageFormat::Lines, MessageFormat::Jsonl, MessageFormat::Whole] {
            let read = collect(messages(io::Cursor::new(bytes.clone()), format, 1000));
            assert!(read.len() == 1 && read[0].contains("it is utf-16, not utf-8"), "{format:?}: {read:?}");
        }
    }
    // Short names, each before U+0000, are no UTF-16; bytes are what they are.
    assert_eq!(collect(parts(&b"a\0b\0c\0"[..], MessageFormat::Nul, 9)), ["1 a", "2 b", "3 c"]);
    assert_eq!(collect(whole(&b"\xFF\xFEa\0"[..], MessageFormat::Binary, 9)).len(), 1);
    assert_eq!(read(b"plain\nlines\n", 9), ["1 plain", "2 lines"]);
    let russian = "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442} ".repeat(5000).into_bytes();
    for damaged in [&russian[..60_001], &[&russian[..1000], b"\xFF", &russian[1000..]].concat()] {
        assert!(!utf16::starts(damaged, MessageFormat::Lines));
    }
}

//! What precedes or replaces frames: a greeting, a line terminal's session, or a foreign protocol (SPEC 4, 9).

use bookend::diagnosis::{Confidence, Diagnosis, Evidence, diagnose, hello_at};
use bookend::session::MAX_PREAMBLE;
use bookend::{Fault, HEADER_LENGTH, MAGIC, MAX_HELLO, OVERHEAD, START, kind};

/// What a stream begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Undecided,
    /// Frames, after `greeting` bytes of text.
    Frames {
        greeting: usize,
    },
    Lines,
    /// Neither: the first byte is a fault.
    Foreign,
}

/// What is known about the sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// A server's greeting may come first (R4.20).
    pub(super) greets: bool,
    /// Lines may come in the place of frames (R9.17).
    pub(super) may_be_lines: bool,
    /// Lines come: the other side sends lines.
    pub(super) is_lines: bool,
    /// The stream has ended.
    pub(super) ended: bool,
}

/// Judges the first bytes of a stream.
pub(super) fn opening(bytes: &[u8], context: Context) -> Opening {
    let Some(&first) = bytes.first() else { return Opening::Undecided };
    if first == START[0] {
        return Opening::Frames { greeting: 0 };
    }
    if let Some(at) = hello_at(bytes) {
        match may_precede(bytes, at, context) {
            Some(true) => {}
            Some(false) => return Opening::Foreign,
            None => return Opening::Undecided,
        }
    }
    if context.is_lines && is_text(bytes) {
        return Opening::Lines;
    }
    let greeting = &bytes[..bytes.len().min(MAX_PREAMBLE + 1)];
    if !context.greets {
        // The client's first byte rules out frames (R4.22). Its first line tells a terminal from a foreign protocol.
        return match greeting.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            None if greeting.len() <= MAX_PREAMBLE && !context.ended => Opening::Undecided,
            end => lines_or_foreign(&greeting[..end.map_or(greeting.len(), |end| end + 1)], context),
        };
    }
    match greeting.iter().position(|&byte| byte == START[0]) {
        // HELLO's magic tells a greeting from what a client sends before its frames.
        Some(start) if bytes.len() < start + HEADER_LENGTH + MAGIC.len() && !context.ended => Opening::Undecided,
        Some(start)
            if is_greeting(&greeting[..start]) && bytes[start + 1..].first().is_none_or(|&byte| byte == START[1]) =>
        {
            Opening::Frames { greeting: start }
        }
        Some(_) => Opening::Foreign,
        None if greeting.len() <= MAX_PREAMBLE && !context.ended => Opening::Undecided,
        None => lines_or_foreign(greeting, context),
    }
}

/// Does a stream begin with these bytes, although its SYN was not captured? `None` until enough has arrived. Only HELLO's
/// magic shows that, in its place or changed by a mistake that is certain.
pub(super) fn begins(bytes: &[u8], ended: bool) -> Option<bool> {
    let head = &bytes[..bytes.len().min(MAX_PREAMBLE)];
    match head {
        [a, b, kind, ..] if [*a, *b] == START && *kind != kind::HELLO => return Some(false),
        _ if hello_at(head) == Some(0) => return Some(true),
        _ if bytes.len() < MAX_PREAMBLE && !ended => return None,
        _ => {}
    }
    let known = || diagnosis(head).first().is_some_and(|first| first.confidence() == Confidence::Certain);
    Some(head.windows(MAGIC.len()).any(|window| window == MAGIC) && known())
}

fn lines_or_foreign(bytes: &[u8], context: Context) -> Opening {
    if !context.may_be_lines || !is_text(bytes) {
        return Opening::Foreign;
    }
    match diagnosis(bytes).first() {
        Some(first) if first.name() != "foreign-text" => Opening::Foreign,
        _ => Opening::Lines,
    }
}

/// May what stands before `at` precede the HELLO there? `None` until enough has arrived. A server greets people with a
/// line of its choice, but that is no other protocol's header.
fn may_precede(bytes: &[u8], at: usize, context: Context) -> Option<bool> {
    let greeting = &bytes[..at];
    if greeting.is_empty() || !context.greets || !is_greeting(greeting) {
        return Some(greeting.is_empty());
    }
    // The verdict must not depend on how much has arrived: a line is judged alone, anything else with HELLO and what
    // follows it.
    let length = bytes[at + 4..at + HEADER_LENGTH].try_into().map_or(0, u32::from_be_bytes).min(MAX_HELLO);
    let end = if greeting.ends_with(b"\n") { at } else { at + OVERHEAD + length as usize + AFTER_HELLO };
    if bytes.len() < end && !context.ended {
        return None;
    }
    let diagnosis = diagnosis(&bytes[..end.min(bytes.len())]);
    let known = diagnosis.first().filter(|first| first.confidence() == Confidence::Certain);
    let size = greeting.iter().all(|byte| byte.is_ascii_hexdigit() || b"\r\n".contains(byte)); // of a chunk (HTTP)
    Some(!size && known.is_none_or(|first| first.name() == "foreign-smtp-ftp"))
}

/// How many bytes after HELLO show what stands around frames, such as the size before the next one.
const AFTER_HELLO: usize = 64;

fn diagnosis(bytes: &[u8]) -> Diagnosis {
    diagnose(&Evidence::stream(Fault::BadStart { offset: 0, found: bytes[0] }, 0, bytes))
}

/// The length of the line at the beginning of `bytes`, at most 1,024 bytes; `None` if the line is incomplete.
pub(super) fn line(bytes: &[u8], ended: bool) -> Option<usize> {
    let line = &bytes[..bytes.len().min(MAX_PREAMBLE)];
    match line.iter().position(|&byte| byte == b'\n') {
        Some(end) => Some(end + 1),
        None if line.len() == MAX_PREAMBLE || (ended && !line.is_empty()) => Some(line.len()),
        None => None,
    }
}

/// Text that is shown to people: other control characters are rather parts of numbers, or of another framing.
fn is_greeting(bytes: &[u8]) -> bool {
    is_text(bytes) && !bytes.iter().any(|&byte| byte < b' ' && !b"\r\n\t\x1B".contains(&byte))
}

/// True for what a person types or reads: UTF-8, which may be cut off at the end, and telnet commands.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = match (first, after) {
            (IAC, [0xFB..=0xFE, _, after @ ..] | [0xF0..=0xFA, after @ ..]) => after,
            (IAC, [] | [0xFB..=0xFE]) => return true,
            (0 | 8..=13 | 0x1B | b' '..=0x7F, _) => after,
            _ => {
                let length = utf8_length(rest);
                match rest.get(..length).map(std::str::from_utf8) {
                    Some(Ok(_)) => &rest[length..],
                    Some(Err(_)) => return false,
                    // A character is cut off at the end.
                    None => return std::str::from_utf8(rest).is_err_and(|error| error.error_len().is_none()),
                }
            }
        };
    }
    true
}

/// Telnet's IAC: a command follows.
const IAC: u8 = 0xFF;

/// The length of the character that the first byte begins, in bytes.
fn utf8_length(bytes: &[u8]) -> usize {
    match bytes[0] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Context = Context { greets: false, may_be_lines: true, is_lines: false, ended: false };
    const SERVER: Context = Context { greets: true, may_be_lines: true, is_lines: false, ended: false };
    const FILE: Context = Context { greets: true, may_be_lines: false, is_lines: false, ended: false };

    /// The beginning of a HELLO, up to its magic.
    const HELLO: &[u8] = b"\xF5\xF8\x01\0\0\0\0\x18BKND";

    fn ended(context: Context) -> Context {
        Context { ended: true, ..context }
    }

    #[test]
    fn greeting_is_at_most_1024_bytes_before_start() {
        let greeted = |length: usize| [&*vec![b'x'; length.saturating_sub(1)], &b"\n"[..length.min(1)], HELLO].concat();
        assert_eq!(opening(&greeted(1024), FILE), Opening::Frames { greeting: 1024 });
        assert_eq!(opening(&greeted(1025), FILE), Opening::Foreign);
        assert_eq!(opening(&vec![b'x'; 1024], FILE), Opening::Undecided);
        assert_eq!(opening(&vec![b'x'; 1024], ended(FILE)), Opening::Foreign);
        assert_eq!(opening(&greeted(0), CLIENT), Opening::Frames { greeting: 0 });
        let line = b"Bookend hub\r\n";
        assert_eq!(opening(&[line, HELLO].concat(), SERVER), Opening::Frames { greeting: 13 });
        assert_eq!(opening(&[line, &HELLO[..6]].concat(), SERVER), Opening::Undecided);
    }

    #[test]
    fn what_a_client_sends_before_its_hello_is_no_greeting() {
        let after = |prefix: &[u8]| [prefix, HELLO].concat();
        for prefix in [&b"PROXY UNKNOWN\r\n"[..], b"\xEF\xBB\xBF", b"\x05\x01\0", b"CONNECT hub:1 HTTP/1.1\r\n\r\n"] {
            for context in [FILE, SERVER, CLIENT] {
                assert_eq!(opening(&after(prefix), ended(context)), Opening::Foreign, "{}", prefix.escape_ascii());
            }
        }
        assert_eq!(opening(&after(b"starting\r\n"), CLIENT), Opening::Foreign);
        assert_eq!(opening(&after(b"18\r\n"), FILE), Opening::Foreign, "the size of a chunk");
        assert_eq!(opening(&after(b"39:"), FILE), Opening::Undecided, "what follows HELLO decides");
        assert_eq!(opening(&after(b"220 the hub of ann\r\n"), FILE), Opening::Frames { greeting: 20 });
    }

    #[test]
    fn clients_first_line_tells_a_terminal_from_a_foreign_protocol() {
        assert_eq!(opening(b"hello", CLIENT), Opening::Undecided);
        assert_eq!(opening(b"hello", ended(CLIENT)), Opening::Lines);
        assert_eq!(opening("grüß\r\nand more".as_bytes(), CLIENT), Opening::Lines);
        assert_eq!(opening(b"\xFF\xFD\x03\xFF\xFB\x18hello\r\n", CLIENT), Opening::Lines);
        assert_eq!(opening(b"GET / HTTP/1.1\r\nHost: x\r\n", CLIENT), Opening::Foreign);
        assert_eq!(opening(b"\x16\x03\x01\x02\0\x01\0\x01\xFC\x03\x03\r", CLIENT), Opening::Foreign);
    }

    #[test]
    fn magic_shows_that_a_stream_without_syn_begins_here() {
        let hello = [b"\xF5\xF8\x01\0\0\0\0\x18", &*bookend::Hello::new().body(), b"\xF8\xF5"].concat();
        assert_eq!(begins(&hello, false), Some(true));
        assert_eq!(begins(&[b"\0\0\0\x22", &*hello].concat(), false), None);
        assert_eq!(begins(&[b"\0\0\0\x22", &*hello].concat(), true), Some(true));
        assert_eq!(
            begins(&[b"\xF8\xF5", &hello[2..32], b"\xF5\xF8"].concat(), true),
            Some(true),
            "START in host order"
        );
        assert_eq!(begins(&[b"a body with ", &*hello, b" in it\xF8\xF5"].concat(), true), Some(false));
        assert_eq!(begins(b"\xF5\xF8\x02", false), Some(false), "a frame later in a stream");
    }

    #[test]
    fn server_whose_client_sends_lines_sends_lines() {
        let context = Context { is_lines: true, ..SERVER };
        assert_eq!(opening(b"Bookend hub\r\n", context), Opening::Lines);
        assert_eq!(opening(b"Bookend hub\r\n", SERVER), Opening::Undecided);
        assert_eq!(opening(b"Bookend hub\r\n", ended(SERVER)), Opening::Lines);
        assert_eq!(opening(b"HTTP/1.1 400 Bad Request\r\n\r\n", ended(SERVER)), Opening::Foreign);
    }

    #[test]
    fn changed_start_is_foreign_and_not_a_greeting() {
        for bytes in
            [&b"\0\0\0/\xF5\xF8\x13\x02"[..], b"\xF8\xF5\0\x01", b"\0\xF5\0\xF8\0\x01", b"\xC3\xB5\xC3\xB8\x01\0"]
        {
            assert_eq!(opening(bytes, ended(FILE)), Opening::Foreign, "{bytes:02x?}");
        }
    }

    #[test]
    fn lines_are_cut_at_1024_bytes() {
        assert_eq!(line(b"a\r\nb", false), Some(3));
        assert_eq!(line(b"a", false), None);
        assert_eq!(line(b"a", true), Some(1));
        assert_eq!(line(&[b'x'; 2000], false), Some(1024));
    }
}

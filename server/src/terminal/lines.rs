//! Splits the bytes of a terminal into lines, applies corrections, and removes telnet commands (R9.17, R9.18, R9.42).

use super::editing::{BACKSPACE, DELETE, erase_character};

/// The longest line, in bytes without its end (R9.17).
pub(crate) const MAX_LINE: usize = 1024;
/// The longest subnegotiation that is skipped, in bytes.
const MAX_SUBNEGOTIATION: usize = 1024;

/// The command with which a person sends a token.
const TOKEN: &[u8] = b"/token";
/// No-break space, zero-width space, word joiner and byte order mark, in UTF-8.
const INVISIBLE: [&[u8]; 4] = [b"\xC2\xA0", b"\xE2\x80\x8B", b"\xE2\x81\xA0", b"\xEF\xBB\xBF"];

const SE: u8 = 240;
/// Erase Character.
const EC: u8 = 247;
/// Erase Line.
const EL: u8 = 248;
const SB: u8 = 250;
const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;
/// Interpret As Command: the first byte of telnet commands.
const IAC: u8 = 255;

/// An event in the bytes of a terminal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LineEvent {
    /// A line, without its end.
    Line(Vec<u8>),
    /// The start of a line that is too long. The rest of it is skipped.
    TooLong(Vec<u8>),
    /// An answer that refuses a telnet option.
    Refusal([u8; 3]),
    /// A subnegotiation is too long.
    Endless,
}

/// Finds the lines in what a terminal sends, however it is cut.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    line: Vec<u8>,
    /// The rest of a line that is too long is skipped.
    skipping: bool,
    /// The last byte was a CR, which ended a line; an LF or a NUL after it belongs to it.
    after_cr: bool,
    telnet: Telnet,
    /// Options that the peer offered, and that were refused.
    refused_will: OptionSet,
    /// Options that the peer requested, and that were refused.
    refused_do: OptionSet,
}

/// A set of telnet options, one bit for each.
#[derive(Debug, Default)]
struct OptionSet([u64; 4]);

impl OptionSet {
    /// False if the option is in the set already.
    fn insert(&mut self, option: u8) -> bool {
        let (word, bit) = (&mut self.0[usize::from(option / 64)], 1 << (option % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

#[derive(Clone, Copy, Debug, Default)]
enum Telnet {
    #[default]
    Text,
    Command,
    Option(u8),
    Subnegotiation(usize),
    /// After an IAC in a subnegotiation.
    SubnegotiationCommand(usize),
}

impl Lines {
    /// Uses bytes of `input` up to the next event, and advances it past them; `None` when all are used.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Option<LineEvent> {
        while let [byte, rest @ ..] = *input {
            *input = rest;
            if let Some(event) = self.take(*byte) {
                return Some(event);
            }
        }
        None
    }

    /// The rest of a line that has no end, at the end of the stream. A telnet command that is incomplete is dropped.
    pub(crate) fn rest(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        (!line.is_empty()).then_some(line)
    }

    fn take(&mut self, byte: u8) -> Option<LineEvent> {
        let state = std::mem::take(&mut self.telnet);
        match (state, byte) {
            (Telnet::Text, IAC) => self.telnet = Telnet::Command,
            (Telnet::Text, byte) | (Telnet::Command, byte @ IAC) => return self.text(byte),
            (Telnet::Command, SB) => self.telnet = Telnet::Subnegotiation(0),
            (Telnet::Command, WILL | WONT | DO | DONT) => self.telnet = Telnet::Option(byte),
            (Telnet::Command, EC) => self.erase_character(),
            (Telnet::Command, EL) => self.erase_line(),
            (Telnet::Command, _) => {}
            (Telnet::Option(verb), option) => return self.refuse(verb, option),
            (Telnet::Subnegotiation(MAX_SUBNEGOTIATION..), _) => return Some(LineEvent::Endless),
            (Telnet::Subnegotiation(length), IAC) => self.telnet = Telnet::SubnegotiationCommand(length + 1),
            (Telnet::SubnegotiationCommand(_), SE) => {}
            (Telnet::Subnegotiation(length) | Telnet::SubnegotiationCommand(length), _) => {
                self.telnet = Telnet::Subnegotiation(length + 1);
            }
        }
        None
    }

    /// Refuses an option once, so that no loop arises. WONT and DONT need no answer.
    fn refuse(&mut self, verb: u8, option: u8) -> Option<LineEvent> {
        let (refused, answer) = match verb {
            WILL => (&mut self.refused_will, DONT),
            DO => (&mut self.refused_do, WONT),
            _ => return None,
        };
        refused.insert(option).then_some(LineEvent::Refusal([IAC, answer, option]))
    }

    fn text(&mut self, byte: u8) -> Option<LineEvent> {
        let after_cr = std::mem::take(&mut self.after_cr);
        match byte {
            b'\n' | b'\0' if after_cr => None,
            b'\r' => {
                self.after_cr = true;
                self.end()
            }
            b'\n' => self.end(),
            _ if self.skipping => None,
            BACKSPACE | DELETE => {
                self.erase_character();
                None
            }
            _ if self.line.len() == MAX_LINE => {
                self.skipping = true;
                Some(LineEvent::TooLong(std::mem::take(&mut self.line)))
            }
            byte => {
                self.line.push(byte);
                None
            }
        }
    }

    fn erase_character(&mut self) {
        self.after_cr = false;
        erase_character(&mut self.line);
    }

    /// Erases what was typed of this line, also if it is too long.
    fn erase_line(&mut self) {
        (self.after_cr, self.skipping) = (false, false);
        self.line.clear();
    }

    fn end(&mut self) -> Option<LineEvent> {
        let line = std::mem::take(&mut self.line);
        (!std::mem::take(&mut self.skipping)).then_some(LineEvent::Line(line))
    }
}

/// The token in a line `/token SECRET`. It is recognised in any case and after whatever a terminal or a paste may put in
/// front of it: otherwise a secret would be said in the room.
pub(super) fn token(line: &[u8]) -> Option<&[u8]> {
    let mut line = line;
    while let [first, rest @ ..] = line
        && (first.is_ascii_whitespace() || first.is_ascii_control())
    {
        line = rest;
    }
    for mark in INVISIBLE {
        if let Some(rest) = line.strip_prefix(mark) {
            return token(rest);
        }
    }
    let (word, rest) = line.split_at_checked(TOKEN.len())?;
    let ends = rest.first().is_none_or(|&byte| byte.is_ascii_whitespace() || byte.is_ascii_control());
    (ends && word.eq_ignore_ascii_case(TOKEN)).then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(input: &[u8]) -> Vec<LineEvent> {
        let mut lines = Lines::default();
        let mut whole = Vec::new();
        let mut rest = input;
        while let Some(event) = lines.next(&mut rest) {
            whole.push(event);
        }
        let mut lines = Lines::default();
        let mut single = Vec::new();
        for byte in input {
            single.extend(lines.next(&mut std::slice::from_ref(byte)));
        }
        assert_eq!(whole, single, "the same however it was cut");
        whole
    }

    fn line(text: &str) -> LineEvent {
        LineEvent::Line(text.into())
    }

    #[test]
    fn a_line_ends_with_cr_lf_or_lf_or_cr_nul_or_cr() {
        // [R9.17]
        assert_eq!(events(b"a\r\nb\nc\r\0d\re\n\nf"), ["a", "b", "c", "d", "e", ""].map(line));
        assert_eq!(events(b"\r\r\n\n"), ["", "", ""].map(line));
        assert_eq!(events(b"a\0b\n"), [line("a\0b")], "a NUL elsewhere is text");
    }

    #[test]
    fn a_line_of_1024_bytes_is_accepted_and_a_longer_one_is_reported_once_and_skipped() {
        // [R9.17]
        let long = "x".repeat(MAX_LINE);
        assert_eq!(events(format!("{long}\r\n").as_bytes()), [line(&long)]);
        let too_long = LineEvent::TooLong(long.clone().into());
        assert_eq!(events(format!("{long}{long}{long}\r\nshort\n").as_bytes()), [too_long, line("short")]);
    }

    #[test]
    fn the_rest_is_what_follows_the_last_end_without_an_incomplete_telnet_command() {
        let rest = |input: &[u8]| {
            let (mut lines, mut input) = (Lines::default(), input);
            while lines.next(&mut input).is_some() {}
            lines.rest()
        };
        assert_eq!(rest(b"a\r\nb"), Some(b"b".to_vec()));
        for input in [&b"b\xFF"[..], b"b\xFF\xFD", b"b\xFF\xFA\x18\0xterm", b"b\xFF\xF1", b"\xFF\xF1b\xFF\xFAx\xFF"] {
            assert_eq!(rest(input), Some(b"b".to_vec()), "{}", input.escape_ascii());
        }
        let too_long = vec![b'x'; MAX_LINE + 2];
        for input in [&b""[..], b"a\n", b"a\r", b"\xFF\xFA", &too_long] {
            assert_eq!(rest(input), None, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn telnet_options_are_refused_once_and_removed_and_ff_ff_is_a_byte() {
        // [R9.18]
        let events =
            events(b"a\xFF\xFB\x18b\xFF\xFD\x01\xFF\xFB\x18\xFF\xFC\x18\xFF\xFE\x01\xFF\xF1c\xFF\xFFd\r\xFF\xF1\n");
        let refusals = [LineEvent::Refusal([IAC, DONT, 0x18]), LineEvent::Refusal([IAC, WONT, 1])];
        assert_eq!(events[..2], refusals);
        assert_eq!(events[2..], [LineEvent::Line(b"abc\xFFd".to_vec())]);
    }

    #[test]
    fn a_line_is_corrected_before_its_end() {
        // [R9.42]
        for (keys, said) in [
            (&b"hellp\x08o\r\n"[..], "hello"),
            (b"hellp\x7Fo\r\n", "hello"),
            (b"hellp\xFF\xF7o\r\n", "hello"),
            (b"wrong\xFF\xF8right\r\n", "right"),
            (b"\x08\x7F\xFF\xF7\xFF\xF8x\n", "x"),
            ("漢ß\x7F\x7Fx\n".as_bytes(), "x"),
            (b"/tokem\x08n s\n", "/token s"),
        ] {
            assert_eq!(events(keys), [line(said)], "{}", keys.escape_ascii());
        }
        let mut endless = "x".repeat(MAX_LINE + 5).into_bytes();
        endless.extend_from_slice(b"\x08\xFF\xF8short\n");
        let too_long = LineEvent::TooLong("x".repeat(MAX_LINE).into());
        assert_eq!(events(&endless), [too_long, line("short")], "an erased line is not skipped any more");
        assert_eq!(events(b"a\r\x08\nb\n"), [line("a"), line(""), line("b")], "the LF does not belong to the CR");
    }

    #[test]
    fn a_token_is_recognised_in_any_case_and_behind_blanks_and_marks() {
        for line in
            ["/token s", " /token s", "\t/TOKEN\ts ", "\u{feff} \u{a0}/Token  s", "\u{1b}/token s", "\0/token s"]
        {
            assert_eq!(token(line.as_bytes()), Some(&b"s"[..]), "{line:?}");
        }
        assert_eq!(token(b"/token"), Some(&b""[..]));
        for line in ["//token s", "/tokens s", "token s", "say /token s", "", "/toke"] {
            assert_eq!(token(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn a_subnegotiation_is_skipped_and_an_endless_one_is_reported() {
        // [R9.18]
        assert_eq!(events(b"a\xFF\xFA\x18\0xterm\xFF\xFF\n\xFF\xF0b\n"), [line("ab")]);
        let mut endless = b"\xFF\xFA".to_vec();
        endless.resize(2 * MAX_SUBNEGOTIATION, b'x');
        assert_eq!(events(&endless)[0], LineEvent::Endless);
    }
}

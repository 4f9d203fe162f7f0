//! Lines from a terminal: line ends of every kind, telnet commands taken out (R9.17, R9.18).

/// The longest line, in bytes without its end (R9.17).
pub(crate) const MAX_LINE: usize = 1024;
/// The longest subnegotiation that is skipped, in bytes.
const MAX_SUBNEGOTIATION: usize = 1024;

const SE: u8 = 240;
const SB: u8 = 250;
const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;
/// Interpret As Command: what telnet commands begin with.
const IAC: u8 = 255;

/// What the bytes of a terminal amount to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A line, without its end.
    Line(Vec<u8>),
    /// A line is too long; this is how it begins. The rest of it will be skipped.
    TooLong(Vec<u8>),
    /// To be sent: a telnet option is refused.
    Refusal([u8; 3]),
    /// A subnegotiation that does not end.
    Endless,
}

/// Finds the lines in what a terminal sends, however it was cut.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    line: Vec<u8>,
    /// The line is too long, and skipped.
    skipping: bool,
    /// A CR ended the line before: an LF or a NUL right behind it belongs to it.
    after_cr: bool,
    telnet: Telnet,
    /// Options that were refused: whether the peer will, whether it wants the hub to do.
    refused: [[u64; 4]; 2],
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
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Option<Event> {
        while let [byte, rest @ ..] = *input {
            *input = rest;
            if let Some(event) = self.take(*byte) {
                return Some(event);
            }
        }
        None
    }

    fn take(&mut self, byte: u8) -> Option<Event> {
        let state = std::mem::take(&mut self.telnet);
        match (state, byte) {
            (Telnet::Text, IAC) => self.telnet = Telnet::Command,
            (Telnet::Text, byte) | (Telnet::Command, byte @ IAC) => return self.text(byte),
            (Telnet::Command, SB) => self.telnet = Telnet::Subnegotiation(0),
            (Telnet::Command, WILL | WONT | DO | DONT) => self.telnet = Telnet::Option(byte),
            (Telnet::Command, _) => {}
            (Telnet::Option(verb), option) => return self.refuse(verb, option),
            (Telnet::Subnegotiation(MAX_SUBNEGOTIATION..), _) => return Some(Event::Endless),
            (Telnet::Subnegotiation(length), IAC) => self.telnet = Telnet::SubnegotiationCommand(length + 1),
            (Telnet::SubnegotiationCommand(_), SE) => {}
            (Telnet::Subnegotiation(length) | Telnet::SubnegotiationCommand(length), _) => {
                self.telnet = Telnet::Subnegotiation(length + 1);
            }
        }
        None
    }

    /// Refuses an option the first time, so that no loop arises; that something is not done needs no answer.
    fn refuse(&mut self, verb: u8, option: u8) -> Option<Event> {
        let (refused, answer) = match verb {
            WILL => (&mut self.refused[0], DONT),
            DO => (&mut self.refused[1], WONT),
            _ => return None,
        };
        let (word, bit) = (usize::from(option / 64), 1 << (option % 64));
        if refused[word] & bit != 0 {
            return None;
        }
        refused[word] |= bit;
        Some(Event::Refusal([IAC, answer, option]))
    }

    fn text(&mut self, byte: u8) -> Option<Event> {
        let after_cr = std::mem::take(&mut self.after_cr);
        match byte {
            b'\n' | b'\0' if after_cr => None,
            b'\r' => {
                self.after_cr = true;
                self.end()
            }
            b'\n' => self.end(),
            _ if self.skipping => None,
            _ if self.line.len() == MAX_LINE => {
                self.skipping = true;
                Some(Event::TooLong(std::mem::take(&mut self.line)))
            }
            byte => {
                self.line.push(byte);
                None
            }
        }
    }

    fn end(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        (!std::mem::take(&mut self.skipping)).then_some(Event::Line(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(input: &[u8]) -> Vec<Event> {
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

    fn line(text: &str) -> Event {
        Event::Line(text.into())
    }

    #[test]
    fn a_line_ends_in_cr_lf_or_lf_or_cr_nul_or_cr() {
        // [R9.17]
        assert_eq!(events(b"a\r\nb\nc\r\0d\re\n\nf"), ["a", "b", "c", "d", "e", ""].map(line));
        assert_eq!(events(b"\r\r\n\n"), ["", "", ""].map(line));
        assert_eq!(events(b"a\0b\n"), [line("a\0b")], "a NUL elsewhere is text");
    }

    #[test]
    fn a_line_of_1024_bytes_is_one_and_a_longer_one_is_told_once_and_skipped() {
        // [R9.17]
        let long = "x".repeat(MAX_LINE);
        assert_eq!(events(format!("{long}\r\n").as_bytes()), [line(&long)]);
        let too_long = Event::TooLong(long.clone().into());
        assert_eq!(events(format!("{long}{long}{long}\r\nshort\n").as_bytes()), [too_long, line("short")]);
    }

    #[test]
    fn options_are_refused_once_and_removed_and_ff_ff_is_a_byte() {
        // [R9.18]
        let events =
            events(b"a\xFF\xFB\x18b\xFF\xFD\x01\xFF\xFB\x18\xFF\xFC\x18\xFF\xFE\x01\xFF\xF1c\xFF\xFFd\r\xFF\xF1\n");
        let refusals = [Event::Refusal([IAC, DONT, 0x18]), Event::Refusal([IAC, WONT, 1])];
        assert_eq!(events[..2], refusals);
        assert_eq!(events[2..], [Event::Line(b"abc\xFFd".to_vec())]);
    }

    #[test]
    fn a_subnegotiation_is_skipped_and_one_without_end_is_told() {
        // [R9.18]
        assert_eq!(events(b"a\xFF\xFA\x18\0xterm\xFF\xFF\n\xFF\xF0b\n"), [line("ab")]);
        let mut endless = b"\xFF\xFA".to_vec();
        endless.resize(2 * MAX_SUBNEGOTIATION, b'x');
        assert_eq!(events(&endless)[0], Event::Endless);
    }
}

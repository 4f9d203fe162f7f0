//! What some channels do to bytes. A diagnosis has the same names: `channel-lf-to-crlf` and so on.

use std::str::FromStr;

/// A channel that changes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// LF becomes CR LF.
    LfToCrlf,
    /// CR LF becomes LF.
    CrlfToLf,
    /// CR becomes CR LF.
    CrToCrlf,
    /// CR becomes LF.
    CrToLf,
    /// CR becomes CR NUL.
    CrNul,
    /// LF is dropped.
    LfDropped,
    /// Ctrl-Z is dropped.
    CtrlZDropped,
    /// The byte FF, telnet's IAC, is doubled.
    IacDoubled,
    /// XON and XOFF are dropped.
    XonSwallowed,
    /// NUL is dropped.
    NulDropped,
    /// The highest bit of each byte is cleared.
    SevenBit,
    /// Each byte is converted from Latin-1 to UTF-8.
    Latin1ToUtf8,
}

impl Channel {
    /// Every channel with its name. The name of the mistake in a diagnosis has the prefix `channel-`.
    pub const ALL: [(&'static str, Channel); 12] = [
        ("lf-to-crlf", Channel::LfToCrlf),
        ("crlf-to-lf", Channel::CrlfToLf),
        ("cr-to-crlf", Channel::CrToCrlf),
        ("cr-to-lf", Channel::CrToLf),
        ("cr-nul", Channel::CrNul),
        ("lf-dropped", Channel::LfDropped),
        ("ctrl-z-dropped", Channel::CtrlZDropped),
        ("iac-doubled", Channel::IacDoubled),
        ("xon-swallowed", Channel::XonSwallowed),
        ("nul-dropped", Channel::NulDropped),
        ("seven-bit", Channel::SevenBit),
        ("latin-1-to-utf-8", Channel::Latin1ToUtf8),
    ];
}

impl FromStr for Channel {
    type Err = String;

    fn from_str(name: &str) -> Result<Channel, String> {
        let found = Channel::ALL.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, channel)| channel).ok_or_else(|| format!("unknown channel {name:?}"))
    }
}

/// The state of a channel in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    channel: Channel,
    /// A CR is held that may be the beginning of CR LF.
    held: bool,
}

impl Filter {
    pub(super) fn new(channel: Channel) -> Filter {
        Filter { channel, held: false }
    }

    /// Changes these bytes. A CR at their end may be held until more bytes arrive.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            self.byte(byte, &mut out);
        }
        out
    }

    /// The held byte, at the end of the stream.
    pub(super) fn end(&mut self) -> Vec<u8> {
        if std::mem::take(&mut self.held) { vec![b'\r'] } else { Vec::new() }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.channel, byte) {
            (Channel::LfToCrlf, b'\n') | (Channel::CrToCrlf, b'\r') => out.extend(b"\r\n"),
            (Channel::CrlfToLf, _) => {
                if std::mem::take(&mut self.held) && byte != b'\n' {
                    out.push(b'\r');
                }
                if byte == b'\r' {
                    self.held = true;
                } else {
                    out.push(byte);
                }
            }
            (Channel::CrToLf, b'\r') => out.push(b'\n'),
            (Channel::CrNul, b'\r') => out.extend(b"\r\0"),
            (Channel::IacDoubled, 0xff) => out.extend([0xff, 0xff]),
            (Channel::LfDropped, b'\n')
            | (Channel::CtrlZDropped, 0x1a)
            | (Channel::XonSwallowed, 0x11 | 0x13)
            | (Channel::NulDropped, 0) => {}
            (Channel::SevenBit, _) => out.push(byte & 0x7f),
            (Channel::Latin1ToUtf8, 0x80..) => {
                out.extend(char::from(byte).encode_utf8(&mut [0; 2]).as_bytes());
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend::diagnosis::MISTAKES;
    use bookend::{Hello, Limits, Role, Session};
    use std::time::Duration;

    fn passed(channel: Channel, pieces: &[&[u8]]) -> Vec<u8> {
        let mut filter = Filter::new(channel);
        let mut out: Vec<u8> = pieces.iter().flat_map(|piece| filter.pass(piece)).collect();
        out.extend(filter.end());
        out
    }

    #[test]
    fn each_channel_is_diagnosed_by_its_name() {
        for (name, channel) in Channel::ALL {
            assert_eq!(name.parse(), Ok(channel));
            let name = format!("channel-{name}");
            assert!(MISTAKES.iter().any(|mistake| mistake.name == name), "{name}");

            let mut client = Session::new(Role::Client, Hello::new(), Limits::default(), Duration::ZERO);
            let mut hello = Vec::new();
            client.take_output(&mut hello);
            let changed = passed(channel, &[&hello]);
            let mut server = Session::new(Role::Server, Hello::new(), Limits::default(), Duration::ZERO);
            let mut input = &changed[..];
            server.receive(&mut input, Duration::ZERO);
            server.explain(&[], &changed);
            let named = server.diagnosis().and_then(|diagnosis| Some(diagnosis.first()?.name()));
            assert_eq!(named, Some(&*name), "{changed:02x?}");
        }
    }

    #[test]
    fn line_end_may_be_split() {
        assert_eq!(passed(Channel::CrlfToLf, &[b"a\r", b"\nb\r\r", b"\n\rc", b"\r"]), b"a\nb\r\n\rc\r");
    }
}

//! Renditions: the forms in which members receive the events of a room (R9.11, R9.12, R9.19).

mod length;

use std::borrow::Cow;
use std::sync::Arc;

use bookend::{
    Delivery, Encoding, Encodings, Frame, MAX_LENGTH, MAX_LINE, Payload, PresenceEvent, Text, displayed, escaped, kind,
    text,
};

pub(crate) use length::longest_body;

/// The number of the hub itself as a sender; it sends text only.
pub(crate) const HUB: u32 = 0;
/// Follows the name of the sender of a private message.
const PRIVATE: &str = " (to you)";

/// The form in which a member receives the events of a room.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rendition {
    /// DELIVERY, PRESENCE and GAP, for peers with the hub profile.
    Deliveries(TextPreference),
    /// MESSAGE, for peers without it.
    Messages(TextPreference),
    /// Lines for a terminal, in UTF-8 or US-ASCII.
    Lines(LineEncoding),
}

/// The encodings in the HELLO of a framed peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextPreference {
    pub(crate) preferred: Encoding,
    pub(crate) accepted: Encodings,
}

/// The encoding of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineEncoding {
    Utf8,
    Ascii,
}

/// Sender, receiver, number and time of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageInfo<'a> {
    pub(crate) from: u32,
    /// 0 for everyone.
    pub(crate) to: u32,
    pub(crate) seq: u64,
    /// In milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) time: u64,
    pub(crate) name: &'a str,
}

/// A payload as it was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredPayload<'a> {
    pub(crate) encoding: Encoding,
    /// Legal in that encoding, and without a byte order mark.
    pub(crate) bytes: &'a [u8],
}

/// A change of presence.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Joined,
    Left,
    /// The member had this name before.
    Renamed(Arc<str>),
}

/// Whole frames or lines.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) bytes: Vec<u8>,
    /// The longest body of a frame, in bytes.
    pub(crate) longest: usize,
    /// How many characters were escaped, because the encoding cannot represent them.
    pub(crate) escapes: usize,
}

impl Rendition {
    /// Its number among all renditions.
    pub(crate) fn index(self) -> u8 {
        match self {
            Rendition::Deliveries(preference) => preference.index(),
            Rendition::Messages(preference) => 8 + preference.index(),
            Rendition::Lines(LineEncoding::Utf8) => 16,
            Rendition::Lines(LineEncoding::Ascii) => 17,
        }
    }

    /// All member kinds.
    pub(crate) const MEMBER_KINDS: [&'static str; 3] = ["hub", "plain", "terminal"];

    /// The kind of the member: a peer with the hub profile, one without it, or a line terminal.
    pub(crate) fn member_kind(self) -> &'static str {
        match self {
            Rendition::Deliveries(_) => "hub",
            Rendition::Messages(_) => "plain",
            Rendition::Lines(_) => "terminal",
        }
    }

    /// The encoding of its text; `as-sent` if text is not converted.
    pub(crate) fn encoding_name(self) -> &'static str {
        match self {
            Rendition::Lines(LineEncoding::Utf8) => Encoding::Utf8.name(),
            Rendition::Lines(LineEncoding::Ascii) => Encoding::Ascii.name(),
            Rendition::Deliveries(preference) | Rendition::Messages(preference) => match preference.preferred {
                Encoding::Binary => "as-sent",
                preferred => preferred.name(),
            },
        }
    }

    /// Does it show who joins and leaves?
    pub(crate) fn shows_presence(self) -> bool {
        !matches!(self, Rendition::Messages(_))
    }

    /// Does a new member receive a list of the members?
    pub(crate) fn lists_members(self) -> bool {
        matches!(self, Rendition::Deliveries(_))
    }

    /// The end of the frame or line that contains or starts at `offset`.
    pub(crate) fn unit_end(self, bytes: &[u8], offset: usize) -> usize {
        let mut end = 0;
        while end <= offset && end < bytes.len() {
            end += self.unit_length(&bytes[end..]);
        }
        end
    }

    fn unit_length(self, bytes: &[u8]) -> usize {
        match self {
            Rendition::Lines(_) => bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1),
            Rendition::Deliveries(_) | Rendition::Messages(_) => {
                Frame::split_first(bytes).map_or(bytes.len(), |(frame, _)| frame.wire_length())
            }
        }
    }

    /// Is `offset` the start of a frame or a line, or the end?
    pub(crate) fn is_boundary(self, bytes: &[u8], offset: usize) -> bool {
        offset == 0 || offset == bytes.len() || self.unit_end(bytes, offset - 1) == offset
    }

    /// Appends a message.
    pub(crate) fn message(self, info: MessageInfo<'_>, payload: StoredPayload<'_>, out: &mut Rendered) {
        match self {
            Rendition::Deliveries(preference) => {
                let (encoding, bytes) = out.payload(payload, preference.encoding(payload.encoding));
                let fixed = info.delivery(&bytes).fixed_part();
                out.frame(kind::DELIVERY, encoding, [&fixed, info.name.as_bytes(), &bytes]);
            }
            Rendition::Messages(_) if payload.encoding == Encoding::Binary => {
                out.frame(kind::MESSAGE, Encoding::Binary, [payload.bytes]);
            }
            Rendition::Messages(preference) => {
                let text = match info.from {
                    HUB => format!("* {}", payload.to_str()),
                    _ => format!("{}: {}", displayed(info.name), payload.to_str()),
                };
                let encoding = match preference.encoding(payload.encoding) {
                    // The name may need UTF-8 although the text does not.
                    Encoding::Ascii if preference.preferred == Encoding::Binary && !text.is_ascii() => Encoding::Utf8,
                    encoding => encoding,
                };
                let bytes = out.convert(&text, encoding);
                out.frame(kind::MESSAGE, encoding, [&bytes]);
            }
            Rendition::Lines(encoding) if info.from == HUB => {
                out.line(encoding, &format!("* {}", escaped(&payload.to_str())));
            }
            Rendition::Lines(encoding) => {
                let private = if info.to == 0 { "" } else { PRIVATE };
                let name = displayed(info.name);
                if payload.encoding == Encoding::Binary {
                    out.line(encoding, &format!("* {name} sent {} bytes{private}", payload.bytes.len()));
                } else {
                    out.line(encoding, &format!("{name}{private}: {}", escaped(&payload.to_str())));
                }
            }
        }
    }

    /// Appends a change of presence, after which the room has `count` members.
    pub(crate) fn change(self, member: u32, change: &Change, name: &str, count: usize, out: &mut Rendered) {
        match (self, change) {
            (Rendition::Messages(_), _) => {}
            (Rendition::Deliveries(_), Change::Joined) => self.presence(member, PresenceEvent::Joined, name, out),
            (Rendition::Deliveries(_), Change::Left) => self.presence(member, PresenceEvent::Left, name, out),
            (Rendition::Deliveries(_), Change::Renamed(before)) => {
                self.presence(member, PresenceEvent::Left, before, out);
                self.presence(member, PresenceEvent::Joined, name, out);
            }
            (Rendition::Lines(encoding), Change::Joined) => {
                out.line(encoding, &format!("* {} joined ({count} here)", displayed(name)));
            }
            (Rendition::Lines(encoding), Change::Left) => {
                out.line(encoding, &format!("* {} left ({count} here)", displayed(name)));
            }
            (Rendition::Lines(encoding), Change::Renamed(before)) => {
                out.line(encoding, &format!("* {} is now {}", displayed(before), displayed(name)));
            }
        }
    }

    /// Appends that the room is a crowd of `count` members (R9.25).
    pub(crate) fn crowd(self, count: usize, room: &str, out: &mut Rendered) {
        match self {
            Rendition::Messages(_) => {}
            Rendition::Deliveries(_) => {
                self.presence(u32::try_from(count).unwrap_or(u32::MAX), PresenceEvent::Crowd, room, out);
            }
            Rendition::Lines(encoding) => {
                out.line(
                    encoding,
                    &format!("* {count} here, too many to announce who joins and leaves; /who shows some"),
                );
            }
        }
    }

    /// Appends the members of a room that is no longer a crowd (R9.27).
    pub(crate) fn members(self, members: &[(u32, Arc<str>)], out: &mut Rendered) {
        if let Rendition::Lines(encoding) = self {
            out.line(encoding, &format!("* {} here; from now on joins and leaves are shown", members.len()));
        }
        for (id, name) in members {
            self.presence(*id, PresenceEvent::Here, name, out);
        }
    }

    /// Appends PRESENCE, for peers with the hub profile.
    pub(crate) fn presence(self, member: u32, event: PresenceEvent, name: &str, out: &mut Rendered) {
        let Rendition::Deliveries(preference) = self else { return };
        let preferred = preference.encoding(Encoding::Utf8);
        // A name has at most 64 bytes, even when it is escaped (R9.4).
        let fits = text::escape_unmappable(preferred, name).0.len() <= MAX_LINE;
        let encoding = if fits { preferred } else { Encoding::Utf8 };
        let name = out.convert(name, encoding);
        out.frame(kind::PRESENCE, encoding, [&member.to_be_bytes(), &[event as u8], &name]);
    }

    /// Appends WELCOME, for peers with the hub profile.
    pub(crate) fn welcome(self, member: u32, next_seq: u64, greeting: &str, out: &mut Rendered) {
        let Rendition::Deliveries(preference) = self else { return };
        let encoding = preference.encoding(Encoding::Utf8);
        let greeting = out.convert(greeting, encoding);
        out.frame(kind::WELCOME, encoding, [&member.to_be_bytes(), &next_seq.to_be_bytes(), &greeting]);
    }

    /// Appends that the member missed this number of messages to everyone.
    pub(crate) fn gap(self, missed: u64, out: &mut Rendered) {
        let plural = if missed == 1 { "" } else { "s" };
        let text = format!("* you missed {missed} message{plural}");
        match self {
            Rendition::Deliveries(_) => out.frame(kind::GAP, Encoding::Binary, [&missed.to_be_bytes()]),
            Rendition::Messages(preference) => {
                let encoding = preference.encoding(Encoding::Utf8);
                let payload = out.convert(&text, encoding);
                out.frame(kind::MESSAGE, encoding, [&payload]);
            }
            Rendition::Lines(encoding) => out.line(encoding, &text),
        }
    }
}

impl TextPreference {
    fn index(self) -> u8 {
        match self.preferred {
            Encoding::Ascii => 0,
            Encoding::Utf8 => 1,
            Encoding::Utf16Be => 2,
            Encoding::Utf16Le => 3,
            Encoding::Binary => {
                let accepts = |encoding| u8::from(self.accepted.contains(encoding));
                4 + accepts(Encoding::Utf16Be) + 2 * accepts(Encoding::Utf16Le)
            }
        }
    }

    /// The encoding in which a payload that was sent in `sent` is delivered (R9.12).
    fn encoding(self, sent: Encoding) -> Encoding {
        match self.preferred {
            _ if sent == Encoding::Binary => Encoding::Binary,
            Encoding::Binary if self.accepted.contains(sent) => sent,
            Encoding::Binary => Encoding::Utf8,
            preferred => preferred,
        }
    }
}

impl<'a> MessageInfo<'a> {
    /// The DELIVERY that carries the message, whose payload is `bytes` in some encoding.
    fn delivery(&self, bytes: &'a [u8]) -> Delivery<'a> {
        Delivery::new(self.from, self.to, self.seq, self.time, self.name, Payload::Binary(bytes))
            .expect("the name of a member is a plain line, and that of the hub is empty")
    }
}

impl<'a> StoredPayload<'a> {
    pub(crate) fn to_str(self) -> Cow<'a, str> {
        match self.encoding {
            Encoding::Utf16Be | Encoding::Utf16Le => {
                Text::decode(self.encoding, self.bytes).expect("the session has checked it").to_str()
            }
            _ => str::from_utf8(self.bytes).map(Cow::Borrowed).expect("the session has checked it"),
        }
    }
}

impl Rendered {
    /// Appends a frame whose body is `parts`, one after the other.
    fn frame<const N: usize>(&mut self, kind: u8, encoding: Encoding, parts: [&[u8]; N]) {
        self.longest = self.longest.max(parts.iter().map(|part| part.len()).sum());
        Frame::encode_parts(kind, encoding, parts, MAX_LENGTH, &mut self.bytes)
            .expect("Config::hello limits bodies so that they stay short when escaped");
    }

    /// Appends a line; `text` has no control characters.
    pub(crate) fn line(&mut self, encoding: LineEncoding, text: &str) {
        match encoding {
            LineEncoding::Utf8 => self.bytes.extend_from_slice(text.as_bytes()),
            LineEncoding::Ascii => {
                let (text, escapes) = text::escape_unmappable(Encoding::Ascii, text);
                self.escapes += escapes;
                self.bytes.extend_from_slice(text.as_bytes());
            }
        }
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// The payload in `encoding`, or in an encoding in which the same bytes are legal.
    fn payload<'a>(&mut self, payload: StoredPayload<'a>, encoding: Encoding) -> (Encoding, Cow<'a, [u8]>) {
        match (payload.encoding, encoding) {
            (sent, wanted) if sent == wanted => (wanted, Cow::Borrowed(payload.bytes)),
            (Encoding::Ascii, Encoding::Utf8) => (Encoding::Utf8, Cow::Borrowed(payload.bytes)),
            (_, wanted) => (wanted, Cow::Owned(self.convert(&payload.to_str(), wanted))),
        }
    }

    fn convert(&mut self, text: &str, encoding: Encoding) -> Vec<u8> {
        let (text, escapes) = text::escape_unmappable(encoding, text);
        self.escapes += escapes;
        let mut bytes = Vec::with_capacity(text.len());
        text::encode(encoding, &text, &mut bytes).expect("characters that it cannot represent have been escaped");
        bytes
    }
}

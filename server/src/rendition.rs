//! Renditions: the forms in which members get what a room has to tell (R9.11, R9.12, R9.19).

use std::borrow::Cow;
use std::fmt::Write;

use bookend::{
    Delivery, END, Encoding, Encodings, HEADER_LENGTH, MAX_LINE, PresenceEvent, START, Text, escaped, kind, text,
};

/// Behind a speaker's name: this is for the reader alone.
const ASIDE: &str = " (to you)";
/// The member that the hub itself is, when it says something; it says text only.
pub(crate) const HUB: u32 = 0;

/// The form in which a member gets what the room has to tell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rendition {
    /// DELIVERY, PRESENCE and GAP, for peers with the hub profile.
    Deliveries(Wanted),
    /// MESSAGE, for peers without it.
    Messages(Wanted),
    /// Lines for a terminal, in UTF-8 or US-ASCII.
    Lines(LineEncoding),
}

/// What a framed peer's HELLO says of text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) preferred: Encoding,
    pub(crate) accepted: Encodings,
}

/// What a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineEncoding {
    Utf8,
    Ascii,
}

/// Whose message it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
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
pub(crate) struct Spoken<'a> {
    pub(crate) encoding: Encoding,
    /// Legal in that encoding, and nothing in front that could be taken for a byte order mark.
    pub(crate) bytes: &'a [u8],
}

/// Who came, went, or has another name.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Joined,
    Left,
    /// From this name.
    Renamed(std::sync::Arc<str>),
}

/// What has been rendered: whole frames or lines.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) bytes: Vec<u8>,
    /// The longest body among the frames, in bytes.
    pub(crate) longest: usize,
    /// Characters that the encoding could not carry.
    pub(crate) escapes: usize,
}

impl Rendition {
    /// Its number among all of them.
    pub(crate) fn index(self) -> u8 {
        match self {
            Rendition::Deliveries(wanted) => wanted.index(),
            Rendition::Messages(wanted) => 8 + wanted.index(),
            Rendition::Lines(LineEncoding::Utf8) => 16,
            Rendition::Lines(LineEncoding::Ascii) => 17,
        }
    }

    /// All that a member can be.
    pub(crate) const MEMBER_KINDS: [&'static str; 3] = ["hub", "plain", "terminal"];

    /// What the member is: a peer with the hub profile, one without it, or a line terminal.
    pub(crate) fn member_kind(self) -> &'static str {
        match self {
            Rendition::Deliveries(_) => "hub",
            Rendition::Messages(_) => "plain",
            Rendition::Lines(_) => "terminal",
        }
    }

    /// The encoding of the text in it, `as-sent` if it is not converted.
    pub(crate) fn encoding_name(self) -> &'static str {
        match self {
            Rendition::Lines(LineEncoding::Utf8) => Encoding::Utf8.name(),
            Rendition::Lines(LineEncoding::Ascii) => Encoding::Ascii.name(),
            Rendition::Deliveries(wanted) | Rendition::Messages(wanted) => match wanted.preferred {
                Encoding::Binary => "as-sent",
                preferred => preferred.name(),
            },
        }
    }

    /// Are members told who joins and leaves?
    pub(crate) fn tells_presence(self) -> bool {
        !matches!(self, Rendition::Messages(_))
    }

    /// Does a new member get a list of who is here?
    pub(crate) fn lists_members(self) -> bool {
        matches!(self, Rendition::Deliveries(_))
    }

    /// Where the frame or line that `offset` is in, or at the start of, ends.
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
            Rendition::Deliveries(_) | Rendition::Messages(_) => HEADER_LENGTH + body_length(bytes) + END.len(),
        }
    }

    /// Is `offset` the start of a frame or a line, or the end?
    pub(crate) fn is_boundary(self, bytes: &[u8], offset: usize) -> bool {
        offset == 0 || offset == bytes.len() || self.unit_end(bytes, offset - 1) == offset
    }

    /// Appends a message.
    pub(crate) fn message(self, head: Head<'_>, spoken: Spoken<'_>, out: &mut Rendered) {
        match self {
            Rendition::Deliveries(wanted) => {
                let (encoding, payload) = out.carry(spoken, wanted.encoding(spoken.encoding));
                let fixed = delivery(&head);
                out.frame(kind::DELIVERY, encoding, &[&fixed, head.name.as_bytes(), &payload]);
            }
            Rendition::Messages(_) if spoken.encoding == Encoding::Binary => {
                out.frame(kind::MESSAGE, Encoding::Binary, &[spoken.bytes]);
            }
            Rendition::Messages(wanted) => {
                let said = match head.from {
                    HUB => format!("* {}", spoken.to_str()),
                    _ => format!("{}: {}", shown(head.name), spoken.to_str()),
                };
                let encoding = match wanted.encoding(spoken.encoding) {
                    // as it was sent, but for the name
                    Encoding::Ascii if wanted.preferred == Encoding::Binary && !said.is_ascii() => Encoding::Utf8,
                    encoding => encoding,
                };
                let payload = out.convert(&said, encoding);
                out.frame(kind::MESSAGE, encoding, &[&payload]);
            }
            Rendition::Lines(encoding) if head.from == HUB => {
                out.line(encoding, &format!("* {}", escaped(&spoken.to_str())));
            }
            Rendition::Lines(encoding) => {
                let aside = if head.to == 0 { "" } else { ASIDE };
                let name = shown(head.name);
                if spoken.encoding == Encoding::Binary {
                    out.line(encoding, &format!("* {name} sent {} bytes{aside}", spoken.bytes.len()));
                } else {
                    out.line(encoding, &format!("{name}{aside}: {}", escaped(&spoken.to_str())));
                }
            }
        }
    }

    /// Appends who came, went, or has another name; `here` is how many are in the room then.
    pub(crate) fn change(self, member: u32, change: &Change, name: &str, here: usize, out: &mut Rendered) {
        match (self, change) {
            (Rendition::Messages(_), _) => {}
            (Rendition::Deliveries(_), Change::Joined) => self.presence(member, PresenceEvent::Joined, name, out),
            (Rendition::Deliveries(_), Change::Left) => self.presence(member, PresenceEvent::Left, name, out),
            (Rendition::Deliveries(_), Change::Renamed(before)) => {
                self.presence(member, PresenceEvent::Left, before, out);
                self.presence(member, PresenceEvent::Joined, name, out);
            }
            (Rendition::Lines(encoding), Change::Joined) => {
                out.line(encoding, &format!("* {} joined ({here} here)", shown(name)));
            }
            (Rendition::Lines(encoding), Change::Left) => {
                out.line(encoding, &format!("* {} left ({here} here)", shown(name)));
            }
            (Rendition::Lines(encoding), Change::Renamed(before)) => {
                out.line(encoding, &format!("* {} is now {}", shown(before), shown(name)));
            }
        }
    }

    /// Appends that so many are in the room of that name, and that who comes and goes is not told (R9.25).
    pub(crate) fn crowd(self, here: usize, room: &str, out: &mut Rendered) {
        match self {
            Rendition::Messages(_) => {}
            Rendition::Deliveries(_) => {
                self.presence(u32::try_from(here).unwrap_or(u32::MAX), PresenceEvent::Crowd, room, out);
            }
            Rendition::Lines(encoding) => {
                out.line(encoding, &format!("* {here} here, too many to tell who comes and goes; /who shows some"));
            }
        }
    }

    /// Appends who is here now that the room is no crowd any more (R9.27).
    pub(crate) fn roll(self, here: &[(u32, std::sync::Arc<str>)], out: &mut Rendered) {
        if let Rendition::Lines(encoding) = self {
            out.line(encoding, &format!("* {} here; from now on who comes and goes is told", here.len()));
        }
        for (id, name) in here {
            self.presence(*id, PresenceEvent::Here, name, out);
        }
    }

    /// Appends a PRESENCE, for peers with the hub profile.
    pub(crate) fn presence(self, member: u32, event: PresenceEvent, name: &str, out: &mut Rendered) {
        let Rendition::Deliveries(wanted) = self else { return };
        let preferred = wanted.encoding(Encoding::Utf8);
        // A name has 64 bytes at most even when it is escaped (R9.4).
        let fits = text::escape_unmappable(preferred, name).0.len() <= MAX_LINE;
        let encoding = if fits { preferred } else { Encoding::Utf8 };
        let name = out.convert(name, encoding);
        out.frame(kind::PRESENCE, encoding, &[&member.to_be_bytes(), &[event as u8], &name]);
    }

    /// Appends WELCOME, for peers with the hub profile.
    pub(crate) fn welcome(self, member: u32, next_seq: u64, greeting: &str, out: &mut Rendered) {
        let Rendition::Deliveries(wanted) = self else { return };
        let encoding = wanted.encoding(Encoding::Utf8);
        let greeting = out.convert(greeting, encoding);
        out.frame(kind::WELCOME, encoding, &[&member.to_be_bytes(), &next_seq.to_be_bytes(), &greeting]);
    }

    /// Appends that so many messages to everyone were missed.
    pub(crate) fn gap(self, missed: u64, out: &mut Rendered) {
        let mut words = String::new();
        let plural = if missed == 1 { "" } else { "s" };
        let _infallible = write!(words, "* you missed {missed} message{plural}");
        match self {
            Rendition::Deliveries(_) => out.frame(kind::GAP, Encoding::Binary, &[&missed.to_be_bytes()]),
            Rendition::Messages(wanted) => {
                let encoding = wanted.encoding(Encoding::Utf8);
                let payload = out.convert(&words, encoding);
                out.frame(kind::MESSAGE, encoding, &[&payload]);
            }
            Rendition::Lines(encoding) => out.line(encoding, &words),
        }
    }

    /// The same bytes without the frames whose body is longer than `max_body` bytes, and a gap in their place (R9.14);
    /// and how many those are.
    pub(crate) fn within(self, max_body: usize, all: &Rendered) -> (Vec<u8>, u64) {
        let mut kept = Rendered::default();
        let (mut missed, mut all_missed, mut rest) = (0, 0, &all.bytes[..]);
        while !rest.is_empty() {
            let (unit, behind) = rest.split_at(self.unit_length(rest));
            if body_length(unit) > max_body {
                missed += 1;
                all_missed += 1;
            } else {
                if missed > 0 {
                    self.gap(missed, &mut kept);
                    missed = 0;
                }
                kept.bytes.extend_from_slice(unit);
            }
            rest = behind;
        }
        if missed > 0 {
            self.gap(missed, &mut kept);
        }
        (kept.bytes, all_missed)
    }
}

impl Wanted {
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

    /// The encoding that a payload which was sent in `sent` goes out in (R9.12).
    fn encoding(self, sent: Encoding) -> Encoding {
        match self.preferred {
            _ if sent == Encoding::Binary => Encoding::Binary,
            Encoding::Binary if self.accepted.contains(sent) => sent,
            Encoding::Binary => Encoding::Utf8,
            preferred => preferred,
        }
    }
}

impl<'a> Spoken<'a> {
    fn to_str(self) -> Cow<'a, str> {
        match self.encoding {
            Encoding::Utf16Be | Encoding::Utf16Le => {
                Text::decode(self.encoding, self.bytes).expect("it was checked when it came").to_str()
            }
            _ => str::from_utf8(self.bytes).map(Cow::Borrowed).expect("it was checked when it came"),
        }
    }
}

impl Rendered {
    fn frame(&mut self, kind: u8, encoding: Encoding, body: &[&[u8]]) {
        let length = body.iter().map(|part| part.len()).sum::<usize>();
        self.longest = self.longest.max(length);
        self.bytes.reserve(HEADER_LENGTH + length + END.len());
        self.bytes.extend_from_slice(&START);
        self.bytes.extend_from_slice(&[kind, encoding as u8]);
        let field = u32::try_from(length).expect("a hub accepts bodies that stay short when escaped");
        self.bytes.extend_from_slice(&field.to_be_bytes());
        for part in body {
            self.bytes.extend_from_slice(part);
        }
        self.bytes.extend_from_slice(&END);
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

    fn carry<'a>(&mut self, spoken: Spoken<'a>, encoding: Encoding) -> (Encoding, Cow<'a, [u8]>) {
        match (spoken.encoding, encoding) {
            (sent, wanted) if sent == wanted => (wanted, Cow::Borrowed(spoken.bytes)),
            (Encoding::Ascii, Encoding::Utf8) => (Encoding::Utf8, Cow::Borrowed(spoken.bytes)),
            (_, wanted) => (wanted, Cow::Owned(self.convert(&spoken.to_str(), wanted))),
        }
    }

    fn convert(&mut self, text: &str, encoding: Encoding) -> Vec<u8> {
        let (text, escapes) = text::escape_unmappable(encoding, text);
        self.escapes += escapes;
        let mut bytes = Vec::with_capacity(text.len());
        text::encode(encoding, &text, &mut bytes).expect("what it cannot carry has been escaped");
        bytes
    }
}

/// A name as line terminals show it, and peers without the hub profile: what would make a line look like another speaker's, or like the hub's own, is
/// escaped. A name with a blank behind a colon, or one that ends in a colon or ` (to you)`, would forge `name: text`;
/// one that begins with `*` or `!` what the hub tells.
pub(crate) fn shown(name: &str) -> Cow<'_, str> {
    let escape = |at: usize, character: char| {
        let behind = &name[at + character.len_utf8()..];
        match character {
            ':' => behind.is_empty() || behind.starts_with(char::is_whitespace),
            '*' | '!' => at == 0,
            '(' => &name[at..] == ASIDE.trim_start(),
            _ => false,
        }
    };
    if !name.char_indices().any(|(at, character)| escape(at, character)) {
        return Cow::Borrowed(name);
    }
    let mut out = String::new();
    for (at, character) in name.char_indices() {
        match escape(at, character) {
            true => write!(out, "\\u{{{:x}}}", u32::from(character)).expect("a String takes everything"),
            false => out.push(character),
        }
    }
    Cow::Owned(out)
}

/// The fixed part of a DELIVERY in front of the name.
fn delivery(head: &Head<'_>) -> [u8; Delivery::FIXED_LENGTH] {
    let mut fixed = [0; Delivery::FIXED_LENGTH];
    fixed[..4].copy_from_slice(&head.from.to_be_bytes());
    fixed[4..8].copy_from_slice(&head.to.to_be_bytes());
    fixed[8..16].copy_from_slice(&head.seq.to_be_bytes());
    fixed[16..24].copy_from_slice(&head.time.to_be_bytes());
    fixed[24] = u8::try_from(head.name.len()).expect("a name has 64 bytes at most");
    fixed
}

/// The length of the body of the frame that `bytes` begins with.
fn body_length(bytes: &[u8]) -> usize {
    bytes[4..].first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize)
}

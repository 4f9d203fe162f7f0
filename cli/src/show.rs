//! Prints a message: as a line for people, as a JSON object, or as bytes.
//!
//! Control characters, bidirectional controls and line breaks are always escaped, so that text from a peer cannot look
//! like a line of another member (SPEC 8). Names are shown as a hub shows them to a terminal (R9.31).

mod kept;

use std::fmt;
use std::io::{self, Write};

use bookend::{Delivery, Message, Payload, PresenceEvent, displayed, escaped, is_disturbing};
use bookend_client::{ConnectError, Missed};

pub(crate) use kept::Here;

/// The most bytes of a binary payload in a line for people.
const QUOTED: usize = 32;

/// The format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    /// A line for people.
    Plain,
    /// The same lines, of messages only.
    Messages,
    /// A JSON object per line.
    Json,
    /// Only the bytes of the payload.
    Raw,
}

impl OutputFormat {
    /// True if the output also has events: who joins and leaves, and what was missed.
    pub(crate) fn has_events(self) -> bool {
        matches!(self, OutputFormat::Plain | OutputFormat::Json)
    }

    /// Appends `message` to `lines`; `own` is this client's number in the room.
    pub(crate) fn print(self, message: &Message<'_>, own: u32, lines: &mut Vec<u8>) {
        match (self, message) {
            (OutputFormat::Messages, message) if !carries_content(message) => {}
            (OutputFormat::Plain | OutputFormat::Messages, message) => {
                plain(message, own, lines).expect("writing to memory succeeds")
            }
            (OutputFormat::Json, message) => json(message, lines).expect("writing to memory succeeds"),
            (OutputFormat::Raw, Message::Delivery(delivery)) => lines.extend_from_slice(delivery.payload.as_bytes()),
            (OutputFormat::Raw, Message::Message(payload)) => lines.extend_from_slice(payload.as_bytes()),
            (OutputFormat::Raw, _) => {}
        }
    }

    /// Appends that messages did not arrive, or may not have: in JSON always an object of the event `gap`.
    ///
    /// - a GAP of the hub, which may also be for a message that is too long for this client, with the first and the last
    ///   number: `{"event":"gap","missed":3,"first":5,"last":7}`
    /// - numbers that are missing without a GAP, in what a hub has kept because the room began anew: `{"event":"gap","missed":3,"first":5,"last":7,"cause":"skipped"}`
    /// - frames that were refused because their text is invalid: `{"event":"gap","missed":3,"cause":"bad-text"}`
    /// - any number, because the hub does not know the last message that arrived before a reconnect:
    ///   `{"event":"gap","missed":null,"after":4,"cause":"not-resumed"}`. What follows that number and precedes `next_seq`
    ///   of the last `welcome` may be missing. Without `after` the peer is not a hub, and stores nothing.
    pub(crate) fn print_missed(self, missed: Missed, lines: &mut Vec<u8>) {
        match (self, missed) {
            (OutputFormat::Plain, Missed::Gap { count, .. }) => self.print(&Message::Gap { missed: count }, 0, lines),
            (OutputFormat::Plain, _) => writeln!(lines, "* {missed}").expect("writing to memory succeeds"),
            (OutputFormat::Json, _) => json_missed(missed, lines).expect("writing to memory succeeds"),
            (OutputFormat::Messages | OutputFormat::Raw, _) => {}
        }
    }

    /// Appends that the session is lost. Private messages do not arrive until the next WELCOME. In JSON it is
    /// `{"event":"down","cause":"idle","detail":"…"}`, where the cause is a name of SPEC 6 or of this client.
    pub(crate) fn print_down(self, error: &ConnectError, lines: &mut Vec<u8>) {
        let detail = error.to_string();
        match self {
            OutputFormat::Plain => writeln!(lines, "* disconnected: {}", escaped(&detail)),
            OutputFormat::Json => {
                let cause = error.name();
                writeln!(lines, r#"{{"event":"down","cause":"{cause}","detail":{}}}"#, Quoted(&detail))
            }
            OutputFormat::Messages | OutputFormat::Raw => Ok(()),
        }
        .expect("writing to memory succeeds");
    }
}

fn json_missed(missed: Missed, out: &mut impl Write) -> io::Result<()> {
    write!(out, r#"{{"event":"gap","missed":"#)?;
    let cause = match missed {
        Missed::Gap { first, count } | Missed::Skipped { first, count } => {
            let last = first.saturating_add(count).saturating_sub(1);
            write!(out, r#"{count},"first":{first},"last":{last}"#)?;
            if matches!(missed, Missed::Skipped { .. }) { Some("skipped") } else { None }
        }
        Missed::Illegal(count) => {
            write!(out, "{count}")?;
            Some("bad-text")
        }
        Missed::Unknown { after: Some(after) } => {
            write!(out, r#"null,"after":{after}"#)?;
            Some("not-resumed")
        }
        _ => {
            write!(out, "null")?;
            Some("not-resumed")
        }
    };
    match cause {
        Some(cause) => writeln!(out, r#","cause":"{cause}"}}"#),
        None => writeln!(out, "}}"),
    }
}

/// True for a message with content, as opposed to an event.
pub(crate) fn carries_content(message: &Message<'_>) -> bool {
    matches!(message, Message::Delivery(_) | Message::Message(_))
}

/// Writes a line for people, or nothing if there is nothing to show; `own` is the reader's number in the room.
fn plain(message: &Message<'_>, own: u32, out: &mut impl Write) -> io::Result<()> {
    match message {
        Message::Delivery(Delivery { from: 0, payload, .. }) => writeln!(out, "* {}", Shown(payload)),
        Message::Delivery(delivery) => {
            let name = displayed(delivery.name());
            match delivery.to {
                0 => write!(out, "{name}: ")?,
                to if to == own => write!(out, "{name} (to you): ")?,
                to => write!(out, "{name} (to {to}): ")?,
            }
            writeln!(out, "{}", Shown(&delivery.payload))
        }
        Message::Message(payload) => writeln!(out, "{}", Shown(payload)),
        Message::Presence { event: PresenceEvent::Crowd, member, name } => {
            let room = name.text().to_str();
            writeln!(out, "* {member} in {}, too many to announce who joins and leaves", displayed(&room))
        }
        Message::Presence { event, name, .. } => {
            writeln!(out, "* {} {}", displayed(&name.text().to_str()), event_name(*event))
        }
        Message::Gap { missed } => writeln!(out, "* {missed} messages missed"),
        _ => Ok(()),
    }
}

/// Writes a JSON object and a line feed, or nothing if there is nothing to show. The object for each message:
///
/// - DELIVERY `{"from":5,"name":"ann","to":0,"seq":1,"time":1795390321000,"encoding":2,"text":"hi"}`; if the
///   encoding is 0, `"hex":"6869"` instead of `"text"`
/// - MESSAGE `{"event":"message","encoding":2,"text":"ann: hi"}`
/// - PRESENCE `{"event":"joined","member":5,"name":"ann"}`, or `"here"`, or `"left"`;
///   `{"event":"crowd","member":300,"name":"lobby"}` for about 300 members, who are not listed
/// - WELCOME `{"event":"welcome","member":5,"next_seq":1,"greeting":"hi"}`
/// - GAP `{"event":"gap","missed":3}`
/// - ERROR `{"event":"error","frame":3,"code":1007,"reason":"bad-text"}`
pub(crate) fn json(message: &Message<'_>, out: &mut impl Write) -> io::Result<()> {
    match message {
        Message::Delivery(delivery) => {
            let Delivery { from, to, seq, time, .. } = delivery;
            let name = Quoted(delivery.name());
            write!(out, r#"{{"from":{from},"name":{name},"to":{to},"seq":{seq},"time":{time}"#)?;
            json_payload(&delivery.payload, out)
        }
        Message::Message(payload) => {
            write!(out, r#"{{"event":"message""#)?;
            json_payload(payload, out)
        }
        Message::Presence { member, event, name } => {
            let (event, name) = (event_name(*event), name.text().to_str());
            writeln!(out, r#"{{"event":"{event}","member":{member},"name":{}}}"#, Quoted(&name))
        }
        Message::Welcome { member, next_seq, greeting } => {
            let greeting = greeting.to_str();
            let greeting = Quoted(&greeting);
            writeln!(out, r#"{{"event":"welcome","member":{member},"next_seq":{next_seq},"greeting":{greeting}}}"#)
        }
        Message::Gap { missed } => writeln!(out, r#"{{"event":"gap","missed":{missed}}}"#),
        Message::Error(refusal) => {
            let (frame, code, reason) = (refusal.frame, refusal.code.0, refusal.reason.to_str());
            writeln!(out, r#"{{"event":"error","frame":{frame},"code":{code},"reason":{}}}"#, Quoted(&reason))
        }
        _ => Ok(()),
    }
}

fn json_payload(payload: &Payload<'_>, out: &mut impl Write) -> io::Result<()> {
    match payload {
        Payload::Text(text) => {
            writeln!(out, r#","encoding":{},"text":{}}}"#, text.encoding() as u8, Quoted(&text.to_str()))
        }
        Payload::Binary(bytes) => writeln!(out, r#","encoding":0,"hex":"{}"}}"#, Hex(bytes, "")),
    }
}

fn event_name(event: PresenceEvent) -> &'static str {
    match event {
        PresenceEvent::Here => "here",
        PresenceEvent::Joined => "joined",
        PresenceEvent::Left => "left",
        PresenceEvent::Crowd => "crowd",
    }
}

/// A payload in a line for people.
struct Shown<'a>(&'a Payload<'a>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Payload::Text(text) => write!(f, "{}", escaped(&text.to_str())),
            Payload::Binary(bytes) => {
                let more = if bytes.len() > QUOTED { " …" } else { "" };
                let quoted = Hex(&bytes[..bytes.len().min(QUOTED)], " ");
                write!(f, "[binary {} bytes: {quoted}{more}]", bytes.len())
            }
        }
    }
}

/// Two digits per byte, with a separator between bytes.
struct Hex<'a>(&'a [u8], &'static str);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { self.1 };
            write!(f, "{between}{byte:02x}")?;
        }
        Ok(())
    }
}

/// A JSON string. Characters that disturb a terminal are also escaped, although JSON allows some of them.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        let mut rest = self.0;
        let special = |character| matches!(character, '"' | '\\') || is_disturbing(character);
        while let Some((at, character)) = rest.char_indices().find(|&(_, character)| special(character)) {
            f.write_str(&rest[..at])?;
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                // No disturbing character is above U+FFFF.
                character => write!(f, "\\u{:04x}", u32::from(character))?,
            }
            rest = &rest[at + character.len_utf8()..];
        }
        f.write_str(rest)?;
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend::{Code, Encoding, MemberName, Refusal, Text};

    fn shown(message: &Message<'_>) -> (String, String) {
        let (mut line, mut object) = (Vec::new(), Vec::new());
        plain(message, 5, &mut line).unwrap();
        json(message, &mut object).unwrap();
        (String::from_utf8(line).unwrap(), String::from_utf8(object).unwrap())
    }

    fn delivery<'a>(from: u32, to: u32, name: &'a str, payload: Payload<'a>) -> Message<'a> {
        Message::Delivery(Delivery::new(from, to, 1, 1_795_390_321_000, name, payload).unwrap())
    }

    fn text(text: &str) -> Payload<'_> {
        Payload::Text(Text::utf8(text))
    }

    #[test]
    fn delivery_is_shown_with_its_sender() {
        let (line, object) = shown(&delivery(7, 0, "bob", text("grüß")));
        assert_eq!(line, "bob: grüß\n");
        assert_eq!(
            object,
            "{\"from\":7,\"name\":\"bob\",\"to\":0,\"seq\":1,\"time\":1795390321000,\"encoding\":2,\"text\":\"grüß\"}\n"
        );
        assert_eq!(shown(&delivery(7, 5, "bob", text("psst"))).0, "bob (to you): psst\n");
        assert_eq!(shown(&delivery(7, 6, "bob", text("psst"))).0, "bob (to 6): psst\n");
        assert_eq!(shown(&delivery(0, 0, "", text("closing soon"))).0, "* closing soon\n");
    }

    #[test]
    fn utf16_is_shown_as_utf8_with_its_own_encoding_number() {
        let wire = Payload::decode(Encoding::Utf16Le, b"h\0i\0").unwrap();
        let (line, object) = shown(&delivery(7, 0, "bob", wire));
        assert_eq!(line, "bob: hi\n");
        assert!(object.ends_with("\"encoding\":4,\"text\":\"hi\"}\n"), "{object}");
    }

    #[test]
    fn binary_is_hexadecimal_and_shortened_only_for_people() {
        let (line, object) = shown(&delivery(7, 0, "bob", Payload::Binary(b"hello")));
        assert_eq!(line, "bob: [binary 5 bytes: 68 65 6c 6c 6f]\n");
        assert!(object.ends_with(",\"encoding\":0,\"hex\":\"68656c6c6f\"}\n"), "{object}");
        let (line, object) = shown(&delivery(7, 0, "bob", Payload::Binary(&[0; 33])));
        assert_eq!(line, format!("bob: [binary 33 bytes: {} …]\n", ["00"; 32].join(" ")));
        assert!(object.contains(&"00".repeat(33)), "{object}");
    }

    #[test]
    fn text_from_a_peer_never_breaks_its_line() {
        let nasty: String = (0..0x2100).filter_map(char::from_u32).filter(|&c| is_disturbing(c)).collect();
        for message in [
            delivery(7, 0, "bob", text(&nasty)),
            Message::Message(text(&nasty)),
            Message::Error(Refusal { id: 0, frame: 1, code: Code::POLICY, reason: Text::utf8(&nasty) }),
            Message::Welcome { member: 1, next_seq: 1, greeting: Text::utf8(&nasty) },
        ] {
            let (line, object) = shown(&message);
            for shown in [line, object] {
                let inside = shown.strip_suffix('\n').unwrap_or(&shown);
                assert!(!inside.chars().any(is_disturbing), "{inside:?}");
            }
        }
        assert_eq!(shown(&Message::Message(text("a\nbob: b"))).0, "a\\u{a}bob: b\n");
    }

    #[test]
    fn a_name_never_looks_like_a_line_of_the_hub_or_of_another_member() {
        // [R9.31]
        for (name, displayed) in [
            ("* the hub: maintenance", "\\u{2a} the hub\\u{3a} maintenance"),
            ("ann: I resign", "ann\\u{3a} I resign"),
            ("! policy", "\\u{21} policy"),
            ("ann (to you)", "ann \\u{28}to you)"),
            ("ann\u{200b}", "ann\\u{200b}"),
            ("ann    left", "ann \\u{20}\\u{20}\\u{20}left"),
        ] {
            let member = MemberName::new(Text::utf8(name)).unwrap();
            let presence = |event| Message::Presence { member: 7, event, name: member };
            assert_eq!(shown(&delivery(7, 0, name, text("x"))).0, format!("{displayed}: x\n"));
            assert_eq!(shown(&presence(PresenceEvent::Joined)).0, format!("* {displayed} joined\n"));
            assert!(shown(&presence(PresenceEvent::Crowd)).0.starts_with(&format!("* 7 in {displayed}, ")));
            assert_eq!(
                shown(&presence(PresenceEvent::Left)).1,
                format!("{{\"event\":\"left\",\"member\":7,\"name\":\"{name}\"}}\n")
            );
        }
    }

    #[test]
    fn json_strings_are_escaped() {
        let (_, object) = shown(&Message::Message(text("\" \\ \n \r \t \u{8} \u{c} \0 \u{7f} \u{2028} 😀")));
        assert_eq!(
            object,
            "{\"event\":\"message\",\"encoding\":2,\"text\":\"\\\" \\\\ \\n \\r \\t \\b \\f \\u0000 \\u007f \\u2028 😀\"}\n"
        );
    }

    #[test]
    fn events_are_lines() {
        let name = MemberName::new(Text::utf8("ann")).unwrap();
        let presence = |event| Message::Presence { member: 5, event, name };
        assert_eq!(shown(&presence(PresenceEvent::Here)).0, "* ann here\n");
        assert_eq!(shown(&presence(PresenceEvent::Left)).0, "* ann left\n");
        assert_eq!(shown(&presence(PresenceEvent::Joined)).1, "{\"event\":\"joined\",\"member\":5,\"name\":\"ann\"}\n");
        let (line, object) = shown(&Message::Gap { missed: 12 });
        assert_eq!((&*line, &*object), ("* 12 messages missed\n", "{\"event\":\"gap\",\"missed\":12}\n"));
        let welcome = Message::Welcome { member: 5, next_seq: 1, greeting: Text::utf8("hi") };
        assert_eq!(
            shown(&welcome),
            (String::new(), "{\"event\":\"welcome\",\"member\":5,\"next_seq\":1,\"greeting\":\"hi\"}\n".into())
        );
    }
}

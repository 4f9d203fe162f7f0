//! A message that owns its bytes.

use std::fmt;

use bookend::{Encoding, Frame, Message, Payload, PresenceEvent};

/// A [`Message`] that owns its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Incoming {
    kind: u8,
    encoding: Encoding,
    /// The body as it was received, with the byte order mark that parsing removes: what follows the mark may look like
    /// another one, and belongs to the text (SPEC 11).
    body: Box<[u8]>,
}

impl Incoming {
    /// `None` for a message that this version does not know.
    pub(crate) fn new(message: &Message<'_>) -> Option<Incoming> {
        let (fixed, payload) = parts(message)?;
        let mark: &[u8] = match payload {
            Payload::Text(text) if text.had_bom() => match text.encoding() {
                Encoding::Utf16Be => b"\xFE\xFF",
                Encoding::Utf16Le => b"\xFF\xFE",
                _ => b"\xEF\xBB\xBF",
            },
            _ => b"",
        };
        let body = [&fixed, mark, payload.as_bytes()].concat().into();
        let incoming = Incoming { kind: message.kind(), encoding: payload.encoding(), body };
        incoming.read().is_some().then_some(incoming)
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        self.read().expect("`new` has parsed it")
    }

    /// Bytes of the body.
    pub(crate) fn length(&self) -> usize {
        self.body.len()
    }

    fn read(&self) -> Option<Message<'_>> {
        let frame = Frame::new(self.kind, self.encoding, &self.body).ok()?;
        Message::parse(frame).ok().flatten()
    }
}

/// The fixed part and the payload of a message.
fn parts<'a>(message: &Message<'a>) -> Option<(Vec<u8>, Payload<'a>)> {
    let id = |id: u32| id.to_be_bytes().to_vec();
    Some(match *message {
        Message::Message(payload) => (Vec::new(), payload),
        Message::Request { id: number, payload } | Message::Reply { id: number, payload } => {
            (id(number.get()), payload)
        }
        Message::Error(refusal) => {
            let code = refusal.code.0.to_be_bytes();
            let fixed = [&id(refusal.id)[..], &refusal.frame.to_be_bytes(), &code].concat();
            (fixed, Payload::Text(refusal.reason))
        }
        Message::Presence { member, event, name } => {
            let event = match event {
                PresenceEvent::Here => 0,
                PresenceEvent::Joined => 1,
                PresenceEvent::Left => 2,
                PresenceEvent::Crowd => 3,
            };
            ([&id(member)[..], &[event]].concat(), Payload::Text(name.text()))
        }
        Message::Welcome { member, next_seq, greeting } => {
            ([&id(member)[..], &next_seq.to_be_bytes()].concat(), Payload::Text(greeting))
        }
        Message::Delivery(delivery) => {
            ([&delivery.fixed_part()[..], delivery.name().as_bytes()].concat(), delivery.payload)
        }
        _ => return None,
    })
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a frame, keeps the message, and compares.
    fn kept(kind: u8, encoding: Encoding, body: &[u8]) {
        let message = Message::parse(Frame::new(kind, encoding, body).unwrap()).unwrap().unwrap();
        let incoming = Incoming::new(&message).unwrap();
        assert_eq!(incoming.message(), message, "{kind:02x} {encoding:?} {body:x?}");
    }

    #[test]
    fn every_text_is_kept_unchanged() {
        for (encoding, text) in [
            (Encoding::Binary, &b"\xEF\xBB\xBF\xFF"[..]),
            (Encoding::Ascii, b"hi"),
            (Encoding::Utf8, b""),
            (Encoding::Utf8, b"\xEF\xBB\xBFhi"),
            (Encoding::Utf8, b"\xEF\xBB\xBF\xEF\xBB\xBF\xEF\xBB\xBFhi"),
            (Encoding::Utf8, b"\xEF\xBF\xBE"),
            (Encoding::Utf16Be, b"\xFE\xFF\xFF\xFE\0h"),
            (Encoding::Utf16Le, b"\xFF\xFE\xFE\xFF"),
            (Encoding::Utf16Le, b"\xFF\xFE\xFF\xFEh\0"),
        ] {
            kept(bookend::kind::MESSAGE, encoding, text);
            let fixed = [&[0; 24][..], &[3], b"bob"].concat();
            kept(bookend::kind::DELIVERY, encoding, &[&fixed[..], text].concat());
            kept(bookend::kind::REPLY, encoding, &[&[0, 0, 0, 1], text].concat());
        }
        kept(bookend::kind::ERROR, Encoding::Utf8, &[&[1; 10][..], b"policy: no"].concat());
        kept(bookend::kind::WELCOME, Encoding::Utf16Be, &[&[1; 12][..], b"\0h"].concat());
        for event in 0..=3 {
            kept(bookend::kind::PRESENCE, Encoding::Utf8, &[&[0, 0, 0, 7, event][..], "b\u{f6}b".as_bytes()].concat());
        }
    }
}

//! The fields of a body, by the kind of the frame (SPEC 3, 4 and 9).

use std::ops::Range;

use bookend::kind;

/// A field of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// The place of the field in the body.
    pub(super) at: Range<usize>,
    pub(super) value: Value,
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    /// A code of SPEC 6.
    Code(u16),
    /// The event of a PRESENCE.
    Event(u8),
    /// UTF-8, whatever the encoding of the frame.
    Line,
    /// An option without a value.
    Flag,
    /// Bytes without further meaning.
    Bytes,
    /// A token, which is not shown.
    Secret,
    Payload,
}

/// The fields of a body of this kind, as far as `body` has them. The payload, if there is one, is last.
pub(super) fn fields(kind: u8, body: &[u8]) -> Vec<Field> {
    let mut reader = Reader { body, at: 0, fields: Vec::with_capacity(8) };
    let _ = reader.read(kind); // a short body lacks the last fields
    if kind != kind::HELLO && reader.at < body.len() {
        let value = if matches!(kind, kind::GAP | kind::CANCEL) { Value::Bytes } else { Value::Payload };
        reader.fields.push(Field { name: "payload", at: reader.at..body.len(), value });
    }
    reader.fields
}

/// The payload of a body of this kind.
pub(super) fn payload(kind: u8, body: &[u8]) -> &[u8] {
    let fields = fields(kind, body);
    let at = fields
        .iter()
        .find(|field| field.value == Value::Payload)
        .map_or(body.len()..body.len(), |field| field.at.clone());
    &body[at]
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    fields: Vec<Field>,
}

impl Reader<'_> {
    fn read(&mut self, kind: u8) -> Option<()> {
        match kind {
            kind::HELLO => self.hello(),
            kind::REQUEST | kind::REPLY | kind::CANCEL => self.number("id", 4),
            kind::ERROR => {
                self.number("id", 4)?;
                self.number("frame", 4)?;
                self.code()
            }
            kind::CLOSE => self.code(),
            kind::WELCOME => {
                self.number("member", 4)?;
                self.number("next_seq", 8)
            }
            kind::PRESENCE => {
                self.number("member", 4)?;
                self.push("event", 1, |bytes| Value::Event(bytes[0]))
            }
            kind::POST => self.number("to", 4),
            kind::DELIVERY => {
                self.number("from", 4)?;
                self.number("to", 4)?;
                self.number("seq", 8)?;
                self.number("time", 8)?;
                let length = usize::from(*self.body.get(self.at)?);
                self.number("name_length", 1)?;
                self.push("name", length, |_| Value::Line)
            }
            kind::GAP => self.number("missed", 8),
            _ => Some(()),
        }
    }

    fn hello(&mut self) -> Option<()> {
        self.push("magic", 4, |_| Value::Bytes)?;
        self.push("canary", 8, |_| Value::Bytes)?;
        for (name, length) in [("major", 1), ("minor", 1), ("accepted", 1), ("preferred", 1)] {
            self.number(name, length)?;
        }
        self.number("max_body", 4)?;
        self.number("keepalive", 2)?;
        self.number("features", 2)?;
        while self.at < self.body.len() {
            let option = self.body[self.at];
            let length = usize::from(*self.body.get(self.at + 1)?);
            self.push("option", 2, |_| Value::Bytes)?;
            match option {
                1 => self.push("name", length, |_| Value::Line)?,
                2 => self.push("room", length, |_| Value::Line)?,
                3 => self.push("token", length, |_| Value::Secret)?,
                4 => self.number("resume", length)?,
                5 => self.push("software", length, |_| Value::Line)?,
                7 => self.push("client", length, |_| Value::Flag)?,
                8 => self.number("requests", length)?,
                _ => self.push("unknown", length, |_| Value::Bytes)?,
            }
        }
        Some(())
    }

    fn number(&mut self, name: &'static str, length: usize) -> Option<()> {
        self.push(name, length, |bytes| {
            Value::Number(bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
        })
    }

    fn code(&mut self) -> Option<()> {
        self.push("code", 2, |bytes| Value::Code(u16::from_be_bytes([bytes[0], bytes[1]])))
    }

    fn push(&mut self, name: &'static str, length: usize, value: impl FnOnce(&[u8]) -> Value) -> Option<()> {
        let at = self.at..self.at.checked_add(length)?;
        let value = value(self.body.get(at.clone())?);
        self.at = at.end;
        self.fields.push(Field { name, at, value });
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend::Hello;

    #[test]
    fn fields_of_a_legal_body_cover_all_of_it() {
        let hello = Hello::new().with_name("ann").unwrap().with_resume(7).with_token(b"secret").unwrap();
        let hello = [&*hello.with_requests(9).body(), b"\x07\0"].concat();
        let delivery = [&[0; 24][..], b"\x03ann", b"hi"].concat();
        for (kind, body) in [
            (kind::HELLO, &*hello),
            (kind::MESSAGE, b"hi"),
            (kind::REQUEST, b"\0\0\0\x01hi"),
            (kind::ERROR, b"\0\0\0\0\0\0\0\x03\x03\xEFbad-text"),
            (kind::CLOSE, b"\x03\xE8"),
            (kind::WELCOME, &[0; 14]),
            (kind::PRESENCE, b"\0\0\0\x05\x01ann"),
            (kind::DELIVERY, &delivery),
            (kind::GAP, &[0; 8]),
            (kind::CANCEL, b"\0\0\0\x01"),
            (0xC0, b"anything"),
        ] {
            let mut at = 0;
            for field in fields(kind, body) {
                assert_eq!(field.at.start, at, "{kind:02x} {field:?}");
                at = field.at.end;
            }
            assert_eq!(at, body.len(), "{kind:02x}");
        }
        assert_eq!(payload(kind::DELIVERY, &delivery), b"hi");
    }

    #[test]
    fn short_body_has_its_first_fields() {
        for kind in 0..=255 {
            for length in 0..40 {
                let fields = fields(kind, &[0xFF; 40][..length]);
                assert!(fields.iter().all(|field| field.at.end <= length), "{kind} {fields:?}");
            }
        }
    }
}

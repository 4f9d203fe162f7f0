//! How long the body of a message may be in a rendition, without rendering it.

use bookend::{Delivery, Encoding};

use super::{Rendition, StoredPayload};

/// The most bytes of `name: ` in a MESSAGE: a name has at most 64 bytes, of which each may be escaped, in UTF-16.
const MAX_PREFIX: usize = 1024;
/// A text may begin with a character that only its first place makes special.
const FIRST: usize = 16;

impl Rendition {
    /// The least and the most bytes that the body of a message has. Both are exact if its payload is not converted and
    /// the member has the hub profile. Lines have no bodies.
    pub(crate) fn body_length(self, name: &str, payload: StoredPayload<'_>) -> (usize, usize) {
        match self {
            Rendition::Deliveries(preference) => {
                let fixed = Delivery::FIXED_LENGTH + name.len();
                let (least, most) = converted(payload, preference.encoding(payload.encoding));
                (fixed + least, fixed + most)
            }
            Rendition::Messages(_) if payload.encoding == Encoding::Binary => {
                (payload.bytes.len(), payload.bytes.len())
            }
            Rendition::Messages(preference) => {
                let (least, most) = converted(payload, preference.encoding(payload.encoding));
                (least, most + MAX_PREFIX)
            }
            Rendition::Lines(_) => (0, 0),
        }
    }
}

/// The same for a payload: two bytes of UTF-16 may become one, and `\u{ffff}` at most, which is eight.
fn converted(payload: StoredPayload<'_>, encoding: Encoding) -> (usize, usize) {
    let length = payload.bytes.len();
    match (payload.encoding, encoding) {
        (sent, wanted) if sent == wanted => (length, length),
        (Encoding::Ascii, Encoding::Utf8) => (length, length),
        _ => ((length / 2).saturating_sub(FIRST), 4 * length + FIRST),
    }
}

/// The most bytes that a body with a payload of that length has, in any rendition.
pub(crate) fn longest_body(payload: usize) -> usize {
    4 * payload + FIRST + MAX_PREFIX
}

#[cfg(test)]
mod tests {
    use bookend::{Encodings, Payload};

    use super::super::{MessageInfo, Rendered, TextPreference};
    use super::*;
    use crate::block::Payloads;

    fn all_with_bodies() -> Vec<Rendition> {
        let mut all = Vec::new();
        for preferred in Encoding::ALL {
            for accepted in [Encodings::CORE, Encodings::ALL] {
                let preference = TextPreference { preferred, accepted };
                all.extend([Rendition::Deliveries(preference), Rendition::Messages(preference)]);
            }
        }
        all
    }

    /// Payloads in each encoding: empty, short and long, of characters of each length, and with a mark at the start.
    fn payloads() -> Payloads {
        let mut payloads = Payloads::default();
        let texts =
            ["", "a", "\u{7f}", "\u{80}", "\u{7ff}", "\u{800}", "\u{fffd}", "\u{10000}", "\u{10ffff}", "aä\u{1F600}"];
        for text in texts.into_iter().chain(["\u{feff}", "\u{fffe}", "\u{feff}\u{fffe}"]) {
            for text in [text.to_owned(), text.repeat(1000)] {
                for encoding in [Encoding::Ascii, Encoding::Utf8, Encoding::Utf16Be, Encoding::Utf16Le] {
                    let mut bytes = Vec::new();
                    if bookend::text::encode(encoding, &text, &mut bytes).is_ok() {
                        payloads.push(Payload::decode(encoding, &bytes).unwrap());
                    }
                }
                payloads.push(Payload::Binary(text.as_bytes()));
            }
        }
        payloads
    }

    #[test]
    fn bodies_are_as_long_as_predicted() {
        let payloads = payloads();
        let names = ["", "ann", &"ä".repeat(32), &": ".repeat(32), "*:"];
        for rendition in all_with_bodies() {
            for (number, payload) in payloads.iter().enumerate() {
                for name in names {
                    let info = MessageInfo { from: u32::from(!name.is_empty()), to: 0, seq: 7, time: 0, name };
                    let mut out = Rendered::default();
                    rendition.message(info, payload, &mut out);
                    let (least, most) = rendition.body_length(name, payload);
                    let context = (rendition, number, name, payload.encoding);
                    assert!((least..=most).contains(&out.longest), "{context:?}: {} in {least}..={most}", out.longest);
                    assert!(out.longest <= longest_body(payload.bytes.len()), "{context:?}: {}", out.longest);
                }
            }
        }
    }
}

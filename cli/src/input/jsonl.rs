//! A message from a line of JSON.

use bookend::Encoding;
use serde::Deserialize;
use serde_json::error::Category;

use super::{Body, hex};

/// The fields that are read. `listen --json` prints more, such as the sender.
#[derive(Deserialize)]
struct Object {
    /// `message` or absent in an object that holds a message.
    event: Option<String>,
    /// The number of the encoding.
    encoding: Option<u8>,
    text: Option<String>,
    hex: Option<String>,
}

/// The message, or `None` for an event that is not a message, such as a member that joined.
pub(super) fn body(line: &str) -> Result<Option<Body>, String> {
    let Object { event, encoding, text, hex } = serde_json::from_str(line).map_err(|error| wrong(line, &error))?;
    if event.is_some_and(|event| event != "message") {
        return Ok(None);
    }
    let encoding = match encoding {
        None => None,
        Some(byte) => Some(Encoding::from_byte(byte).ok_or_else(|| format!("{byte} is not an encoding; use 0 to 4"))?),
    };
    match (text, hex, encoding) {
        (Some(text), None, None) => Ok(Some(Body::Text(text))),
        (Some(text), None, Some(encoding)) if encoding != Encoding::Binary => Ok(Some(Body::TextIn(encoding, text))),
        (None, Some(hex), None | Some(Encoding::Binary)) => {
            hex::bytes(hex.as_bytes()).map(|bytes| Some(Body::Binary(bytes))).map_err(|why| format!("\"hex\": {why}"))
        }
        _ => Err("needs either \"text\" with encoding 1 to 4, or \"hex\" with encoding 0".into()),
    }
}

/// What is wrong with the line, in terms of the line.
fn wrong(line: &str, error: &serde_json::Error) -> String {
    if line.trim().is_empty() {
        return "the line is empty; each line is one JSON object".into();
    }
    let at = line.char_indices().take_while(|(at, _)| at + 1 < error.column()).count() + 1;
    match (error.classify(), serde_json::from_str::<serde_json::Value>(line)) {
        (_, Ok(value)) if !value.is_object() => "it is not a JSON object, such as {\"text\":\"hello\"}".into(),
        (Category::Data, Ok(value)) => {
            let text = |name: &str| value.get(name).is_some_and(|value| !value.is_string() && !value.is_null());
            match ["event", "text", "hex"].into_iter().find(|name| text(name)) {
                Some(name) => format!("\"{name}\" is not a string"),
                None => "\"encoding\" is not a number from 0 to 4".into(),
            }
        }
        (Category::Eof, _) => "the JSON object is cut off".into(),
        _ => format!("it is not JSON, from character {at} on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend::{Delivery, MemberName, Message, Payload, PresenceEvent, Text};

    use crate::show;

    fn listened(message: &Message<'_>) -> String {
        let mut line = Vec::new();
        show::json(message, &mut line).unwrap();
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn output_of_listen_json_is_read_back() {
        for (encoding, bytes) in [
            (Encoding::Binary, &b"\xFF\0\n"[..]),
            (Encoding::Ascii, b"a\"\\\x1b\n"),
            (Encoding::Utf8, "grüß 😀 \u{202e}\u{2028}\u{0}".as_bytes()),
            (Encoding::Utf16Be, b"\xD8\x3D\xDE\x00\0h"),
            (Encoding::Utf16Le, b""),
        ] {
            let payload = Payload::decode(encoding, bytes).unwrap();
            let delivery = Delivery::new(7, 5, 1, 0, "bob", payload).unwrap();
            for message in [Message::Delivery(delivery), Message::Message(payload)] {
                let wanted = match payload {
                    Payload::Text(text) => Body::TextIn(encoding, text.to_str().into_owned()),
                    Payload::Binary(bytes) => Body::Binary(bytes.to_vec()),
                };
                assert_eq!(body(&listened(&message)), Ok(Some(wanted)), "{encoding:?}");
            }
        }
        let name = MemberName::new(Text::utf8("bob")).unwrap();
        for message in [
            Message::Presence { member: 7, event: PresenceEvent::Here, name },
            Message::Gap { missed: 3 },
            Message::Welcome { member: 7, next_seq: 1, greeting: Text::utf8("hi") },
        ] {
            assert_eq!(body(&listened(&message)), Ok(None), "not a message");
        }
    }

    #[test]
    fn errors_speak_of_the_line() {
        for (line, why) in [
            (" ", "the line is empty; each line is one JSON object"),
            ("hello", "it is not JSON, from character 1 on"),
            ("{\"text\":\"grüß\",x}", "it is not JSON, from character 16 on"),
            ("{\"text\":\"hi", "the JSON object is cut off"),
            ("[1]", "it is not a JSON object, such as {\"text\":\"hello\"}"),
            ("{\"text\":5}", "\"text\" is not a string"),
            ("{\"text\":\"x\",\"encoding\":\"utf-8\"}", "\"encoding\" is not a number from 0 to 4"),
            ("{\"hex\":\"0x\"}", "\"hex\": character 2, \"x\", is not a hexadecimal digit"),
            ("{\"hex\":\"123\"}", "\"hex\": it has 3 digits; each byte needs two"),
        ] {
            assert_eq!(body(line), Err(why.into()), "{line}");
        }
    }

    #[test]
    fn malformed_objects_are_rejected() {
        assert_eq!(body(r#"{"text":"hi"}"#), Ok(Some(Body::Text("hi".into()))));
        for line in [
            "",
            "hi",
            "[]",
            "{}",
            r#"{"text":"hi","hex":"00"}"#,
            r#"{"text":"hi","encoding":0}"#,
            r#"{"hex":"00","encoding":2}"#,
            r#"{"hex":"0"}"#,
            r#"{"text":"hi","encoding":5}"#,
            r#"{"text":"\ud800"}"#,
            r#"{"text":5}"#,
        ] {
            assert!(body(line).is_err(), "{line}");
        }
    }
}

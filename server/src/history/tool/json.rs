//! A message as one line of JSON.

use std::fmt::{self, Write};

use bookend::{Encoding, Text, is_disturbing};

use super::KeptMessage;
use crate::hex::hex;

impl KeptMessage {
    /// One line, as `bookend listen --json` prints a message, without the line feed: the room is not in it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let KeptMessage { from, seq, time, encoding, payload, .. } = self;
        let (name, number) = (Quoted(&self.name), *encoding as u8);
        let mut line =
            format!(r#"{{"from":{from},"name":{name},"to":0,"seq":{seq},"time":{time},"encoding":{number},"#);
        let written = match (*encoding != Encoding::Binary).then(|| Text::decode(*encoding, payload)) {
            Some(Ok(text)) => write!(line, r#""text":{}}}"#, Quoted(&text.to_str())),
            _ => write!(line, r#""hex":"{}"}}"#, hex(payload)),
        };
        written.expect("writing to a String succeeds");
        line
    }
}

/// A JSON string without characters that disturb a terminal.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                // No disturbing character is above U+FFFF.
                character if is_disturbing(character) => write!(f, "\\u{:04x}", u32::from(character))?,
                character => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}

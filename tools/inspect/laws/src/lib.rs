//! The laws of dumps: bytes that are written in any form come back as the same bytes, or as a refusal; and no text causes
//! a panic.

mod forms;

use std::io::ErrorKind;

use bookend_inspect::{Event, Format, Input, Options, inspect_events};

pub use forms::{FORMS, Form};

/// What an inspection finds: its events, with the bodies of frames, and why it ended early.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    events: Vec<String>,
    damage: Option<String>,
}

fn inspected(input: Vec<u8>, format: Format) -> Result<Found, String> {
    let mut events = Vec::new();
    let options = Options { format, ..Options::default() };
    let outcome = inspect_events(Input::new(std::io::Cursor::new(input)), &options, |origin, event| {
        match event {
            Event::Dump { .. } | Event::Damaged(_) => {}
            Event::Frame(frame) => events.push(format!("{origin:?} {frame:?} {:02x?}", frame.body)),
            event => events.push(format!("{origin:?} {event:?}")),
        }
        Ok(())
    });
    match outcome {
        Ok(outcome) => Ok(Found { events, damage: outcome.damage }),
        // It begins like a file of another program, which is named.
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(Found { events, damage: Some(error.to_string()) }),
        Err(error) => Err(error.to_string()),
    }
}

/// Frames whose kinds, encodings and bodies come from `seed`.
pub fn frames(seed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for body in seed.chunks(23) {
        bytes.extend_from_slice(&[0xF5, 0xF8, 2, body[0] % 5, 0, 0, 0]);
        bytes.push(u8::try_from(body.len()).unwrap_or(0));
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(&[0xF8, 0xF5]);
    }
    bytes
}

/// A stream in any form has the same events as the stream itself. Only a form that is not `certain` may be refused.
///
/// # Errors
/// The form, and what it was read as.
pub fn round_trip(stream: &[u8], form: &Form) -> Result<(), String> {
    let text = (form.write)(stream);
    let wanted = inspected(stream.to_vec(), Format::Raw)?;
    let found = inspected(text.clone().into_bytes(), Format::Auto)?;
    let is_refused = found.damage.is_some() && found.events.is_empty();
    if found == wanted || (is_refused && !form.certain) {
        return Ok(());
    }
    Err(format!("{}: {:?} instead of {:?}\n{}", form.name, found, wanted, &text[..text.len().min(2000)]))
}

/// Bytes in any format are read to their end, or refused.
///
/// # Errors
/// The error that ended the inspection.
pub fn is_read(bytes: &[u8]) -> Result<(), String> {
    for format in [Format::Auto, Format::Dump, Format::Hex, Format::Base64] {
        inspected(bytes.to_vec(), format)?;
    }
    Ok(())
}

//! The laws of bodies, messages and HELLO (SPEC 3, 4 and 9), and of the texts of their faults.

use bookend::{Decoder, Frame, Hello, MAX_LENGTH, Message, Misuse, Payload, kind};

use crate::reason::sendable;
use crate::{Verdict, history, text};

/// The laws of one frame's body, taken as a message, as a query or its answer, and as a HELLO.
///
/// # Errors
/// The law that is broken.
pub fn every(frame: Frame<'_>) -> Verdict {
    canonical(frame)?;
    // The payload of a REQUEST or a REPLY follows its id.
    history::every(frame.body().get(4..).unwrap_or_default())?;
    hello(frame.body())
}

/// Law 3, for messages. A message, written again, is the frame that it was read from, without a byte order mark and
/// without a reason that is not text; that frame means the same, and encodes to itself.
///
/// # Errors
/// How the law is broken.
pub fn canonical(frame: Frame<'_>) -> Verdict {
    let message = match Message::parse(frame) {
        Ok(Some(message)) => message,
        Ok(None) => {
            demand!(frame.kind() >= kind::IGNORABLE, "canonical: kind {:02x} was ignored", frame.kind());
            return Ok(());
        }
        Err(error) => return sendable(error.name(), error),
    };
    let mut wire = Vec::new();
    if let Err(error) = message.encode(MAX_LENGTH, &mut wire) {
        let first = text_of(&message).and_then(|text| text.trim_start_matches(text::MARK).chars().next());
        let unmappable = matches!(error, Misuse::UnmappableText { .. });
        demand!(unmappable && first == Some('\u{FFFE}'), "canonical: {message:?} cannot be written: {error:?}");
        return Ok(());
    }
    let again = frame_of(&wire)?;
    let (kind, encoding, body) = (again.kind(), again.encoding(), again.body());
    demand!(kind == frame.kind() && encoding == frame.encoding(), "canonical: {frame:?} became {again:?}");
    let dropped = frame.body().len().saturating_sub(body.len());
    let at = frame.body().iter().zip(body).take_while(|(one, other)| one == other).count();
    let mark = text::mark(encoding).map_or(0, <[u8]>::len);
    let unmarked = dropped.is_multiple_of(mark) && frame.body().get(at + dropped..) == Some(&body[at..]);
    let reason = matches!(kind, kind::ERROR | kind::CLOSE) && frame.body().starts_with(body);
    demand!(unmarked || reason, "canonical: {frame:?} became {again:?}");
    match Message::parse(again) {
        Ok(Some(same)) => {
            let mut twice = Vec::new();
            let written = same.encode(MAX_LENGTH, &mut twice);
            demand!(written.is_ok() && twice == wire, "canonical: {again:?} is written as {twice:02x?}");
            demand!(dropped > 0 || same == message, "canonical: {message:?} became {same:?}");
            let unmarked = text_of(&message).map(|text| text.trim_start_matches(text::MARK).to_owned());
            demand!(text_of(&same) == unmarked, "canonical: {message:?} became {same:?}");
            Ok(())
        }
        other => Err(format!("canonical: {message:?} was written as {again:?}, which is {other:?}")),
    }
}

/// Law 3, for HELLO. An accepted HELLO is written as one that means the same and encodes to itself.
///
/// # Errors
/// How the law is broken.
pub fn hello(body: &[u8]) -> Verdict {
    match Hello::parse(body) {
        Ok(hello) => {
            let written = hello.body();
            let again = Hello::parse(&written);
            demand!(again.as_ref() == Ok(&hello), "canonical: {hello:?} became {again:?}");
            demand!(written.len() <= body.len(), "canonical: {body:02x?} grew to {written:02x?}");
            Ok(())
        }
        Err(error) => sendable(error.name(), error),
    }
}

/// The one frame of `wire`.
fn frame_of(wire: &[u8]) -> Result<Frame<'_>, String> {
    let mut rest = wire;
    match Decoder::new(MAX_LENGTH).decode(&mut rest) {
        Ok(Some(frame)) if rest.is_empty() => Ok(frame),
        other => Err(format!("canonical: {wire:02x?} is {other:?}")),
    }
}

/// The part of a message that is text.
fn text_of(message: &Message<'_>) -> Option<String> {
    let payload = match *message {
        Message::Message(payload)
        | Message::Request { payload, .. }
        | Message::Reply { payload, .. }
        | Message::Post { payload, .. } => payload,
        Message::Delivery(delivery) => delivery.payload,
        Message::Error(refusal) => Payload::Text(refusal.reason),
        Message::Close { reason, .. } => Payload::Text(reason),
        Message::Welcome { greeting, .. } => Payload::Text(greeting),
        Message::Presence { name, .. } => Payload::Text(name.text()),
        _ => return None,
    };
    payload.text().map(Into::into)
}

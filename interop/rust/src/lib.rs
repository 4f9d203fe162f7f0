//! The adapter of the `bookend` crate: answers one request, as `interop/README.md` describes.
//!
//! The runner of all languages starts the program; the tests of `bookend` call [`answer`].

mod agreement;
mod session;
mod show;

use bookend::{Decoder, Encoding, Fault, Frame, Hello, MAX_LENGTH, Message, Text, text};
use show::{bytes, fault, hex, number};

pub use agreement::agree;

/// The answer to one request line, without its line ending; `cannot: …` if the request is malformed.
#[must_use]
pub fn answer(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    answer_words(&words).unwrap_or_else(|why| format!("cannot: {why}"))
}

/// The answer, or what is wrong with the request itself.
fn answer_words(words: &[&str]) -> Result<String, String> {
    match *words {
        ["frame", limit, cut, input] => Ok(frames(number(limit)?, cut, &bytes(input)?)),
        ["encode", kind, encoding, body] => {
            let body = bytes(body)?;
            let frame = Frame::new(show::kind(kind)?, show::encoding(encoding)?, &body).map_err(|e| e.to_string())?;
            let mut out = Vec::new();
            frame.encode(&mut out);
            Ok(format!("ok {}", hex(&out)))
        }
        ["text", encoding, input] => Ok(match Text::decode(show::encoding(encoding)?, &bytes(input)?) {
            Ok(text) => {
                let bom = if text.had_bom() { "bom" } else { "nobom" };
                format!("ok {} {bom}", hex(text.to_str().as_bytes()))
            }
            Err(error) => fault(error),
        }),
        ["encode-text", encoding, input] => {
            let input = String::from_utf8(bytes(input)?).map_err(|error| error.to_string())?;
            let mut out = Vec::new();
            Ok(match text::encode(show::encoding(encoding)?, &input, &mut out) {
                Ok(()) => format!("ok {}", hex(&out)),
                Err(misuse) => show::misuse(misuse),
            })
        }
        ["hello", body] => Ok(match Hello::parse(&bytes(body)?) {
            Ok(hello) => format!("ok {}", show::hello(&hello)),
            Err(error) => fault(error),
        }),
        ["message", kind, encoding, body] => message(show::kind(kind)?, show::encoding(encoding)?, &bytes(body)?),
        ["query", payload] => Ok(show::query(&bytes(payload)?)),
        ["page", payload] => Ok(show::page(&bytes(payload)?)),
        ["session", role, cut, hello, ref steps @ ..] => session::run(role, cut, &bytes(hello)?, steps),
        _ => Err("no such request".into()),
    }
}

fn frames(limit: u32, cut: &str, input: &[u8]) -> String {
    let mut decoder = Decoder::new(limit);
    let mut words = Vec::new();
    let mut used = 0;
    for end in show::cuts(cut, input.len()) {
        let mut rest = &input[used..end];
        let ending = loop {
            match decoder.decode(&mut rest) {
                Ok(Some(frame)) => words.push(show::frame(frame)),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        used = end - rest.len();
        if let Some(error) = ending {
            words.push(fault(error));
            return words.join(" ");
        }
    }
    words.push(if used == input.len() { "end" } else { "more" }.into());
    words.join(" ")
}

fn message(kind: u8, encoding: Encoding, body: &[u8]) -> Result<String, String> {
    let frame = Frame::new(kind, encoding, body).map_err(|error| error.to_string())?;
    Ok(match Message::parse(frame) {
        Ok(Some(message)) => {
            let mut wire = Vec::new();
            // What may be received is not always what may be sent (R5.5, R5.15).
            let wire = match message.encode(MAX_LENGTH, &mut wire) {
                Ok(()) => hex(&wire[8..wire.len() - 2]),
                Err(misuse) => show::misuse(misuse),
            };
            format!("ok {} wire={wire}", show::message(&message))
        }
        Ok(None) => "ignored".into(),
        Err(error @ Fault::BadText { .. }) => fault(error),
        Err(error) => format!("fault:{}", error.name()),
    })
}

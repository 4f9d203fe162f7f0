//! What people type into a chat and what they see: its standard input and output, which the wire does not show.

use bookend::{Encoding, Message, Payload, kind};
use tokio::time::Instant;

use super::{Check, CheckResult, Test, When, custom};
use crate::frame::{Frame, frame, message};
use crate::raw_peer::RawPeer;
use crate::report::Finding;
use crate::side::Side;
use crate::target::Target;

const fn check(name: &'static str, spec: &'static str, fix: &'static str, test: Test) -> Check {
    Check::new(name, spec, fix, test).only_for(Side::Client).when(When::Chat)
}

pub(super) static CHECKS: &[Check] = &[
    check(
        "chat-typed",
        "",
        "read lines from standard input while the connection is open, and send each as a message",
        custom!(typed),
    ),
    check(
        "chat-typed-text",
        "R5.2 R5.13",
        "read standard input as UTF-8, and not in the encoding of the system or the locale",
        custom!(typed_text),
    ),
    check(
        "chat-typed-lines",
        "R5.2",
        "collect input up to the line feed: a read may hold two lines, or a part of a character",
        custom!(typed_lines),
    ),
    check(
        "chat-printed",
        "",
        "print a message when it arrives: flush standard output after each line, also in a pipe",
        custom!(printed),
    ),
    check(
        "chat-printed-text",
        "R5.2 R5.3",
        "decode the payload by its encoding byte, and write UTF-8 to standard output",
        custom!(printed_text),
    ),
    check(
        "chat-printed-safe",
        "",
        "show control characters, bidirectional controls and line breaks of a payload as visible text",
        custom!(printed_safely),
    ),
];

/// Characters of two, three and four bytes of UTF-8, from four scripts.
const TEXT: &str = "grüß 漢字 שלום 😀";

/// A connection to a chat that has joined a room, if it speaks the hub profile.
async fn joined<'a>(target: &'a Target, name: &'static str) -> Result<RawPeer<'a>, Finding> {
    let hub = target.info().hub;
    let mut peer = target.greet(name, &target.hello().with_hub(hub)).await?;
    if hub {
        peer.send(&frame(kind::WELCOME, Encoding::Utf8, b"\0\0\0\x05\0\0\0\0\0\0\0\x01welcome")).await;
        peer.send(&frame(kind::PRESENCE, Encoding::Utf8, b"\0\0\0\x07\0ann")).await;
        peer.send(&frame(kind::PRESENCE, Encoding::Utf8, b"\0\0\0\x05\0me")).await;
    }
    peer.barrier().await.map_err(|missing| missing.finding("PONG"))?;
    Ok(peer)
}

/// Writes to the standard input of the chat.
async fn write(peer: &mut RawPeer<'_>, text: &[u8]) -> Result<(), Finding> {
    let written = match peer.process() {
        Some(process) => process.write(text).await,
        None => return Err(Finding::skipped("the client was not started here")),
    };
    written.map_err(|error| Finding::fails(format!("its standard input cannot be written: {error}")))
}

/// The text of the next message of the chat to everyone.
async fn said(peer: &mut RawPeer<'_>, line: &str) -> Result<String, Finding> {
    let said = peer.wait(spoken).await;
    said.map_err(|missing| missing.finding(&format!("a message for the line {line:?} on its standard input")))
}

/// What a MESSAGE or a POST to everyone says; bad text with U+FFFD.
fn spoken(frame: &Frame) -> Option<String> {
    let payload = match frame.message() {
        Some(Message::Message(payload) | Message::Post { to: 0, payload }) => payload,
        Some(_) => return None,
        None if matches!(frame.kind, kind::MESSAGE | kind::POST) => Payload::Binary(&frame.body),
        None => return None,
    };
    Some(match payload {
        Payload::Text(text) => text.to_str().into_owned(),
        Payload::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    })
}

/// Judges what arrived for a line.
fn judge_said(line: &str, said: &str) -> Result<(), Finding> {
    if said == line {
        return Ok(());
    }
    let seen = format!("for the line {line:?} on its standard input, {said:?} was sent");
    Err(match mistake(line, said) {
        Some(mistake) => Finding::fails(seen).named(format!("{mistake}, on standard input")),
        None => Finding::fails(seen),
    })
}

/// How `found` became of `text`, if that is known.
fn mistake(text: &str, found: &str) -> Option<&'static str> {
    let latin: String = text.bytes().map(char::from).collect();
    if found.contains(&latin) {
        Some("UTF-8 was taken for Latin-1")
    } else if found.contains('\u{FFFD}') {
        Some("text was decoded in another encoding, with replacement")
    } else if found.contains('?') && text.chars().filter(char::is_ascii).all(|c| found.contains(c)) {
        Some("text was converted to an encoding that cannot carry it, with ? in its place")
    } else if found.trim_end_matches(['\r', '\n']) == text {
        Some("the end of the line was sent, too")
    } else {
        None
    }
}

async fn typed(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = joined(target, name).await?;
    write(&mut peer, b"hello\n").await?;
    judge_said("hello", &said(&mut peer, "hello").await?)?;
    peer.leave().await;
    Ok(Finding::ok("a line of standard input arrived as a message"))
}

async fn typed_text(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = joined(target, name).await?;
    write(&mut peer, format!("{TEXT}\n").as_bytes()).await?;
    judge_said(TEXT, &said(&mut peer, TEXT).await?)?;
    peer.leave().await;
    Ok(Finding::ok(format!("{TEXT:?} arrived")))
}

async fn typed_lines(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = joined(target, name).await?;
    write(&mut peer, "one\ntwo\ngr\u{FC}".as_bytes().split_last().expect("is not empty").1).await?;
    for line in ["one", "two"] {
        judge_said(line, &said(&mut peer, line).await?)?;
    }
    write(&mut peer, b"\xBC\n").await?; // the second byte of U+00FC
    judge_said("gr\u{FC}", &said(&mut peer, "gr\u{FC}").await?)?;
    peer.leave().await;
    Ok(Finding::ok("two lines in one write and one in two writes arrived"))
}

/// Sends the room's message of that number to the chat, and returns what it has printed once that contains `wanted`.
async fn shown(
    peer: &mut RawPeer<'_>,
    target: &Target,
    seq: u8,
    (encoding, text): (Encoding, &str),
    wanted: &str,
) -> Result<String, Finding> {
    let mut payload = Vec::new();
    bookend::text::encode(encoding, text, &mut payload).expect("the encoding can represent it");
    let wire = if target.info().hub {
        const FROM_7: &[u8] = b"\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0";
        frame(kind::DELIVERY, encoding, &[FROM_7, &[seq], b"\0\0\0\0\0\0\0\0\x03ann", &payload].concat())
    } else {
        message(encoding, &payload)
    };
    peer.send(&wire).await;
    let deadline = Instant::now() + target.timeout();
    let Some(process) = peer.process() else { return Err(Finding::skipped("the client was not started here")) };
    Ok(String::from_utf8_lossy(process.printed(wanted.as_bytes(), deadline).await).into_owned())
}

/// The finding if the chat has not printed `text`.
fn judge_shown(text: &str, printed: &str) -> Result<(), Finding> {
    if printed.contains(text) {
        return Ok(());
    }
    let end: String = printed.chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
    let seen = format!("{text:?} was not printed; its output ends with {end:?}");
    Err(match mistake(text, printed) {
        Some(mistake) => Finding::fails(seen).named(format!("{mistake}, on standard output")),
        None if printed.is_empty() => Finding::fails(seen).named("nothing was printed while the connection was open"),
        None => Finding::fails(seen),
    })
}

async fn printed(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = joined(target, name).await?;
    let text = "printed at once";
    judge_shown(text, &shown(&mut peer, target, 1, (Encoding::Utf8, text), text).await?)?;
    peer.leave().await;
    Ok(Finding::ok("a message was printed while the connection was open"))
}

async fn printed_text(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = joined(target, name).await?;
    let mut encodings = Vec::new();
    for (number, encoding) in (1_u8..).zip([Encoding::Utf8, Encoding::Utf16Be, Encoding::Utf16Le]) {
        if target.info().accepted.contains(encoding) {
            let text = format!("{number} in {encoding}: {TEXT}");
            let printed = shown(&mut peer, target, number, (encoding, &text), &text).await?;
            judge_shown(&text, &printed)?;
            encodings.push(encoding.to_string());
        }
    }
    peer.leave().await;
    Ok(Finding::ok(format!("{TEXT:?} was printed in UTF-8 after it had arrived in {}", encodings.join(", "))))
}

/// What a payload must not bring to a terminal, and its name.
const HARMFUL: [(char, &str); 4] =
    [('\u{1B}', "ESC"), ('\u{7}', "BEL"), ('\u{9B}', "CSI (U+009B)"), ('\u{202E}', "U+202E")];

async fn printed_safely(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = joined(target, name).await?;
    let text = "a\u{1B}[2J\u{7}\u{9B}b\u{202E}c\nmallory: forged\rd end-of-text";
    let printed = shown(&mut peer, target, 1, (Encoding::Utf8, text), "end-of-text").await?;
    judge_shown("end-of-text", &printed)?;
    // The chat's own colours are not the payload's.
    let ours = printed.split("a\u{1B}[2J").count() > 1;
    if let Some((_, found)) = HARMFUL.iter().find(|(c, _)| if *c == '\u{1B}' { ours } else { printed.contains(*c) }) {
        return Err(Finding::fails(format!("{found} of a payload was printed as it is")));
    }
    if printed.split(['\n', '\r']).any(|line| line.starts_with("mallory: forged")) {
        return Err(Finding::fails("a line break of a payload began a line that looks like another speaker's"));
    }
    peer.leave().await;
    Ok(Finding::ok("control characters and line breaks of a payload are shown as text"))
}

//! Judges the answer of an adapter to one request.

use bookend::diagnosis::{Evidence, diagnose};
use bookend::{Decoder, Encoding, Fault, MAX_LENGTH};
use bookend_vectors::{Request, without_frames};
use data_encoding::HEXLOWER;

use super::case::Found;
use super::{mistake, sent};

/// What is wrong with the answer; `None` if it is the one that SPEC.md requires, and so is every frame in it.
pub(super) fn judge(request: &Request, answer: String) -> Option<Found> {
    if !request.passes(&answer) {
        let plain = if request.is_session() { without_frames(&answer) } else { answer.clone() };
        let named = || mistake::name(&request.request, &request.expected, &plain);
        let diagnosis = diagnosed(request, &answer).or_else(named);
        let breaks = diagnosis.as_deref().and_then(sent::requirement_in);
        return Some(Found { breaks, ..found(request, answer, diagnosis) });
    }
    if !request.is_session() {
        return None;
    }
    let sent::Wrong { word, why } = sent::judge(&request.request, &answer).err()?;
    let breaks = sent::requirement_in(&why);
    let seen = answer.split(' ').nth(word).unwrap_or_default().to_owned();
    let expected = request.expected.split_whitespace().nth(word).unwrap_or("…");
    Some(Found { diagnosis: Some(why), breaks, ..pointed_at(request, word, expected, seen) })
}

/// What was asked, expected and seen; of a session only the word of the first step that is wrong, with its number.
pub(super) fn found(request: &Request, seen: String, diagnosis: Option<String>) -> Found {
    let expected: Vec<&str> = request.expected.split_whitespace().collect();
    let plain = without_frames(&seen);
    let first_wrong = expected.iter().zip(plain.split(' ')).position(|(expected, seen)| *expected != seen);
    let found = match first_wrong.filter(|_| request.is_session()) {
        Some(word) => {
            let seen = seen.split(' ').nth(word).unwrap_or_default().to_owned();
            pointed_at(request, word, expected[word], seen)
        }
        None => {
            let open = if request.is_open() { " …" } else { "" };
            let expected = Some(format!("{}{open}", expected.join(" ")));
            Found {
                how: Some(request.how.clone()),
                sent: Some(request.request.clone()),
                expected,
                seen,
                ..Found::default()
            }
        }
    };
    Found { diagnosis, ..found }
}

/// One word of the answer to a session: 0 is the start, 1 the first step.
fn pointed_at(request: &Request, word: usize, expected: &str, seen: String) -> Found {
    let how = format!("{}, {}", request.how, step(request, word));
    Found {
        how: Some(how),
        sent: Some(request.request.clone()),
        expected: Some(expected.into()),
        seen,
        ..Found::default()
    }
}

/// The longest part of a step that is shown, in characters.
const SHOWN: usize = 100;

/// The step that a word of the answer belongs to, with its number.
fn step(request: &Request, word: usize) -> String {
    let steps: Vec<&str> = request.request.split(' ').skip(4).collect();
    match word.checked_sub(1).and_then(|index| steps.get(index)) {
        None => "at the start".into(),
        Some(step) => {
            let shown: String = step.chars().take(SHOWN).collect();
            let cut = if shown.len() < step.len() { "…" } else { "" };
            format!("step {word} of {}, {shown}{cut}", steps.len())
        }
    }
}

/// The mistake in the bytes of an answer, if the answer has any.
fn diagnosed(request: &Request, answer: &str) -> Option<String> {
    let words: Vec<&str> = request.request.split(' ').collect();
    let written = HEXLOWER.decode(answer.strip_prefix("ok ")?.as_bytes()).ok()?;
    let diagnosis = match words[..] {
        ["encode", ..] => {
            let error = match Decoder::new(MAX_LENGTH).decode(&mut &*written) {
                Ok(Some(_)) => return None,
                Ok(None) => Fault::Truncated { arrived: written.len() as u64 },
                Err(error) => error,
            };
            diagnose(&Evidence::stream(error, 0, &written))
        }
        ["encode-text", _, text] if request.expected.starts_with("fault:unmappable-text") => {
            return Some(
                match text {
                    text if text.starts_with("efbfbe") => {
                        "its receiver takes U+FFFE at the start for the byte order mark of the other order (R5.15)"
                    }
                    _ => "the encoding cannot carry this text, and replacing a part of it loses text (R5.13)",
                }
                .into(),
            );
        }
        ["encode-text", encoding, _] => {
            diagnose(&Evidence::text(Encoding::from_byte(encoding.parse().ok()?)?, &written))
        }
        _ => return None,
    };
    diagnosis.first().map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first request of a vector that begins with `start`.
    fn request(id: &str, start: &str) -> Request {
        let vector = bookend_vectors::all().into_iter().find(|vector| vector.id == id).unwrap();
        vector.requests.into_iter().find(|request| request.request.starts_with(start)).unwrap()
    }

    #[test]
    fn little_endian_length_is_named() {
        // [R2.5]
        let request = request("F001", "encode ");
        let diagnosis = diagnosed(&request, "ok f5f80202020000006869f8f5").unwrap();
        assert!(diagnosis.starts_with("length-little-endian"), "{diagnosis}");
        assert_eq!(diagnosed(&request, "ok f5f80202000000026869f8f5"), None);
        assert_eq!(diagnosed(&request, "ok what"), None);
    }

    #[test]
    fn text_that_cannot_be_sent_is_not_called_swapped() {
        // [R5.15] [R5.13]
        let diagnosis = diagnosed(&request("T104", "encode-text"), "ok fffe0061").unwrap();
        assert!(diagnosis.contains("R5.15") && !diagnosis.contains("swap"), "{diagnosis}");
        assert!(diagnosed(&request("T103", "encode-text"), "ok 61623f").unwrap().contains("R5.13"));
    }

    #[test]
    fn the_first_wrong_step_of_a_session_is_shown_with_its_number() {
        let request = request("S290", "session ");
        let seen = request.expected.replacen("sent got:03:0000000561", "sent close:1002:duplicate-request", 1);
        let found = judge(&request, seen).unwrap();
        assert_eq!(found.how.unwrap(), "whole, step 4 of 5, recv:f5f80302000000050000000561f8f5");
        assert_eq!(
            (found.expected.as_deref(), &*found.seen),
            (Some("got:03:0000000561"), "close:1002:duplicate-request")
        );
        let found = judge(&request, request.expected.clone()).unwrap();
        assert!(found.how.unwrap().starts_with("whole, step 1 of 5, recv:"));
        assert!(found.diagnosis.unwrap().starts_with("hello: the bytes are missing"));
    }
}

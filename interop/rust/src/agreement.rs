//! Whether two adapters say the same.

use bookend::{Decoder, MAX_HELLO};

use crate::session::sent;
use crate::show::bytes;

/// Whether two answers to a request say the same. The detail and the encoding of a reason may differ, and how an adapter
/// words the refusal of a malformed request.
#[must_use]
pub fn agree(one: &str, other: &str) -> bool {
    let are_refusals = one.starts_with("cannot:") && other.starts_with("cannot:");
    are_refusals || comparable(one) == comparable(other)
}

/// The answer without each ERROR and CLOSE that is what its item says.
fn comparable(answer: &str) -> String {
    let items = answer.split_inclusive([' ', ',']).map(|item| {
        let (item, end) = item.split_at(item.trim_end_matches([' ', ',']).len());
        match item.split_once('=') {
            Some((says, frame)) if is_reason(says) && says_the_same(says, frame) => format!("{says}={end}"),
            _ => format!("{item}{end}"),
        }
    });
    items.collect()
}

fn is_reason(says: &str) -> bool {
    says.starts_with("error:") || says.starts_with("close:")
}

/// Whether a frame, in hex, is the ERROR or CLOSE of an item: the same numbers and the same name.
fn says_the_same(item: &str, frame: &str) -> bool {
    let Ok(frame) = bytes(frame) else { return false };
    let mut rest = &frame[..];
    let decoded = Decoder::new(MAX_HELLO).decode(&mut rest);
    matches!(decoded, Ok(Some(decoded)) if sent(decoded) == item) && rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(code: u16, reason: &str) -> String {
        let mut wire = Vec::new();
        let body = [&code.to_be_bytes(), reason.as_bytes()].concat();
        bookend::Frame::new(bookend::kind::CLOSE, bookend::Encoding::Utf8, &body).unwrap().encode(&mut wire);
        format!("- close:4000:bad-start={},end", crate::show::hex(&wire))
    }

    #[test]
    fn details_of_a_reason_may_differ() {
        assert!(agree(&close(4000, "bad-start: 51 instead of f5"), &close(4000, "bad-start: a frame begins with f5")));
        assert!(agree("cannot: no such request", "cannot: unknown"));
    }

    #[test]
    fn everything_else_is_compared() {
        let told = close(4000, "bad-start: 51");
        for other in [
            close(4001, "bad-start: 51"),
            close(4000, "bad-end: 51"),
            told.replace("end", "eof"),
            told.replace("- close", "ping close"),
            told.replace("f8f5,", "f8f500,"),
            told.replace("close:4000", "close:4001"),
            "cannot: no such request".into(),
            told.replace("f8f5,", ","),
        ] {
            assert!(!agree(&told, &other), "{other}");
            assert!(!agree(&other, &told), "{other}");
        }
        assert!(!agree("- pong:01=f5", "- pong:01=f6"));
    }
}

//! Numbers of sound frames that make sense only in the other byte order. A receiver has no rule against them.

use alloc::format;

use super::mistakes as m;
use super::{Confidence, Hypothesis};
use crate::code::Code;
use crate::hello::Hello;
use crate::message::Message;

/// A number as it was read, and in the other order.
type Swapped = (&'static str, u64, u64);

pub(super) fn judge(message: &Message<'_>) -> Option<Hypothesis> {
    named(match message {
        Message::Request { id, .. } | Message::Cancel { id } => word("id", id.get()),
        Message::Close { code, .. } => known_code(*code),
        Message::Error(refusal) => known_code(refusal.code).or_else(|| word("frame", refusal.frame)),
        Message::Welcome { member, next_seq, .. } => word("member", *member).or_else(|| long("next_seq", *next_seq)),
        Message::Presence { member, .. } => word("member", *member),
        Message::Post { to, .. } => word("to", *to),
        Message::Delivery(delivery) => {
            word("from", delivery.from).or_else(|| word("to", delivery.to)).or_else(|| long("seq", delivery.seq))
        }
        Message::Gap { missed } => long("missed", *missed),
        _ => None,
    }?)
}

/// Both the longest body and the keepalive: each of them alone may be meant.
pub(super) fn judge_hello(hello: &Hello) -> Option<Hypothesis> {
    let (body, keepalive) = (hello.max_body(), hello.keepalive());
    let long_body = body < 1 << 16 && (1 << 16..1 << 31).contains(&body.swap_bytes());
    let short_keepalive = keepalive >= 1 << 10 && keepalive.swap_bytes() < 1 << 8;
    let pair = ("keepalive", u64::from(keepalive), u64::from(keepalive.swap_bytes()));
    named((long_body && short_keepalive).then_some(pair)?)
}

fn named((name, read, swapped): Swapped) -> Option<Hypothesis> {
    let seen = format!("{name}={read} is {swapped} in the other byte order");
    Some(Hypothesis::new(&m::NUMBER_LITTLE_ENDIAN, Confidence::Possible, 0, seen))
}

/// Small numbers are common; large ones whose lower half is zero are not.
fn word(name: &'static str, number: u32) -> Option<Swapped> {
    let swapped = number.swap_bytes();
    (number >= 1 << 24 && swapped < 1 << 16).then_some((name, number.into(), swapped.into()))
}

fn long(name: &'static str, number: u64) -> Option<Swapped> {
    let swapped = number.swap_bytes();
    (number >= 1 << 56 && swapped < 1 << 32).then_some((name, number, swapped))
}

/// An unknown code that is a known one in the other order.
fn known_code(code: Code) -> Option<Swapped> {
    let swapped = Code(code.0.swap_bytes());
    let is_swapped = code.name().is_none() && swapped.name().is_some();
    is_swapped.then_some(("code", code.0.into(), swapped.0.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Payload;

    fn seen(message: &Message<'_>) -> Option<alloc::string::String> {
        judge(message).map(|hypothesis| hypothesis.seen().into())
    }

    #[test]
    fn number_is_swapped_only_if_it_is_large_and_its_lower_half_is_zero() {
        let post = |to| Message::Post { to, payload: Payload::Binary(b"") };
        assert_eq!(seen(&post(5 << 24)).as_deref(), Some("to=83886080 is 5 in the other byte order"));
        assert_eq!(seen(&post(300_u32.swap_bytes())).as_deref(), Some("to=738263040 is 300 in the other byte order"));
        for sound in [0, 5, 300, 1 << 16, (5 << 24) + 1, u32::MAX] {
            assert_eq!(seen(&post(sound)), None, "{sound}");
        }
        assert_eq!(seen(&Message::Gap { missed: 7 << 56 }).as_deref().map(|seen| seen.contains(" is 7 ")), Some(true));
    }

    #[test]
    fn code_is_swapped_only_if_the_other_order_is_known_and_this_one_is_not() {
        let reason = crate::Text::decode(crate::Encoding::Utf8, b"").expect("it is legal");
        let close = |code| Message::Close { code: Code(code), reason };
        assert_eq!(seen(&close(59395)).as_deref(), Some("code=59395 is 1000 in the other byte order"));
        for sound in [1000, 3500, 4999, 0xFFFF] {
            assert_eq!(seen(&close(sound)), None, "{sound}");
        }
    }

    #[test]
    fn hello_is_swapped_only_if_both_of_its_numbers_are() {
        let hello = |body: u32, keepalive: u16| Hello::new().with_max_body(body).with_keepalive(keepalive);
        let (body, keepalive) = (1_u32 << 20, 30_u16);
        assert!(judge_hello(&hello(body.swap_bytes(), keepalive.swap_bytes())).is_some());
        assert!(judge_hello(&hello(body, keepalive)).is_none());
        assert!(judge_hello(&hello(4096, keepalive)).is_none());
        assert!(judge_hello(&hello(body, 3600)).is_none());
    }
}

//! What may fix a refusal of the hub. The code says what to do (R6.3); the reason only chooses the advice to a person.

use bookend::{Code, ConnectionError};

/// The advice for a CLOSE with which a hub refuses a client, if there is any for its code.
pub(super) fn fix(error: &ConnectionError) -> Option<&'static str> {
    let ConnectionError::Closed { code, reason } = error else { return None };
    let advice = match *code {
        Code::TRY_LATER => BUSY,
        Code::POLICY => REFUSED,
        _ => return None,
    };
    advice.iter().find(|(part, _)| reason.contains(part)).map(|(_, fix)| *fix)
}

/// A part of the reason, and the advice; the last one fits every reason.
type Advice = &'static [(&'static str, &'static str)];

const BUSY: Advice = &[
    (
        "in a short time",
        "too many connections came from this address in a short time: wait 10 seconds before each attempt",
    ),
    (
        "from this address",
        "this address has as many connections as the hub permits: close one, or ask its operator for more",
    ),
    ("with this token", "this token is in use as often as the hub permits: close one of its connections"),
    ("as many connections", "the hub is full: try again later, as --wait TIME does"),
    ("", "the hub is busy; the reason says why: try again later, as --wait TIME does"),
];

const REFUSED: Advice = &[
    ("token is needed", "the hub requires a token: --token-file FILE or BOOKEND_TOKEN"),
    (
        "too many wrong ones",
        "the token is wrong, and so were others from this address; the right one is accepted at once: --token-file FILE or BOOKEND_TOKEN",
    ),
    (
        "token is not valid",
        "the hub does not know this token: is it the one that its operator gave you? --token-file FILE or BOOKEND_TOKEN",
    ),
    ("token has expired", "ask the hub's operator for a new token"),
    ("no right to this room", "the token is not for this room: name one that it is for with --room, or none"),
    ("", "the hub refuses this client; the reason says why"),
];

//! The kind byte's values (SPEC 3).

/// Opens a session.
pub const HELLO: u8 = 0x01;
/// An application's payload.
pub const MESSAGE: u8 = 0x02;
/// A payload that needs an answer.
pub const REQUEST: u8 = 0x03;
/// The answer to a REQUEST.
pub const REPLY: u8 = 0x04;
/// A frame was refused; the connection lives.
pub const ERROR: u8 = 0x05;
/// Asks for a PONG.
pub const PING: u8 = 0x06;
/// Answers a PING.
pub const PONG: u8 = 0x07;
/// Ends a session.
pub const CLOSE: u8 = 0x08;
/// Hub profile: welcomes a member.
pub const WELCOME: u8 = 0x10;
/// Hub profile: a member who is here, joined or left.
pub const PRESENCE: u8 = 0x11;
/// Hub profile: a payload for one member or everyone.
pub const POST: u8 = 0x12;
/// Hub profile: a POST as the hub passes it on.
pub const DELIVERY: u8 = 0x13;
/// Hub profile: how many messages were missed.
pub const GAP: u8 = 0x14;

/// Asks not to answer a REQUEST.
pub const CANCEL: u8 = 0x81;

/// Unknown kinds from here on are ignored (R3.6).
pub const IGNORABLE: u8 = 0x80;
/// The first kind that is private to applications (R3.7).
pub const PRIVATE_FIRST: u8 = 0xC0;
/// The last kind that is private to applications (R3.7).
pub const PRIVATE_LAST: u8 = 0xEF;

/// Does the kind belong to the hub profile (SPEC 9)?
#[must_use]
pub const fn is_hub(kind: u8) -> bool {
    matches!(kind, WELCOME..=GAP)
}

/// A kind that is private to applications: C0 to EF (R3.7).
///
/// ```
/// use bookend::PrivateKind;
///
/// const POSITION: PrivateKind = PrivateKind::new(0xC0).unwrap();
/// assert_eq!(POSITION.get(), 0xC0);
/// assert_eq!(PrivateKind::new(0xF0), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrivateKind(u8);

impl PrivateKind {
    /// The kind of that byte; `None` unless it is one of C0 to EF.
    #[must_use]
    pub const fn new(kind: u8) -> Option<PrivateKind> {
        if matches!(kind, PRIVATE_FIRST..=PRIVATE_LAST) { Some(PrivateKind(kind)) } else { None }
    }

    /// The byte.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// Bytes of a body of this kind before its payload (SPEC 3); in a DELIVERY, before the sender's name.
pub(crate) const fn fixed_length(kind: u8) -> usize {
    match kind {
        REQUEST | REPLY | POST | CANCEL => 4,
        ERROR => 10,
        CLOSE => 2,
        WELCOME => 12,
        PRESENCE => 5,
        DELIVERY => 25,
        GAP => 8,
        _ => 0,
    }
}

/// The name that SPEC 3 gives the kind.
#[must_use]
pub const fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        HELLO => "HELLO",
        MESSAGE => "MESSAGE",
        REQUEST => "REQUEST",
        REPLY => "REPLY",
        ERROR => "ERROR",
        PING => "PING",
        PONG => "PONG",
        CLOSE => "CLOSE",
        WELCOME => "WELCOME",
        PRESENCE => "PRESENCE",
        POST => "POST",
        DELIVERY => "DELIVERY",
        GAP => "GAP",
        CANCEL => "CANCEL",
        _ => return None,
    })
}

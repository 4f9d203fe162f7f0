//! The numbers of CLOSE and ERROR (SPEC 6).

use core::fmt;

/// The longest reason, in bytes (R6.5).
pub const MAX_REASON: usize = 200;

/// The number in a CLOSE or an ERROR (SPEC 6). Unknown ones are legal (R6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Code(pub u16);

macro_rules! codes {
    ($($constant:ident = $number:literal $name:literal, $doc:literal;)*) => {
        impl Code {
            $(#[doc = $doc] pub const $constant: Code = Code($number);)*

            /// The first name that SPEC 6 gives the code, `None` for a code it does not know.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    NORMAL = 1000 "normal", "Done.";
    GOING_AWAY = 1001 "going-away", "Shutting down.";
    PROTOCOL_ERROR = 1002 "protocol-error", "The peer broke a rule.";
    UNKNOWN_KIND = 1003 "unknown-kind", "A kind below 80 that is not known.";
    BAD_TEXT = 1007 "bad-text", "Text that is not legal in its encoding, or an encoding that is not accepted.";
    POLICY = 1008 "policy", "Refused by a rule of this server.";
    TOO_LONG = 1009 "too-long", "Over the limit.";
    INTERNAL = 1011 "internal", "A mistake on this side.";
    TRY_LATER = 1013 "try-later", "Full or busy.";
    BAD_START = 4000 "bad-start", "A frame does not begin with F5 F8.";
    BAD_END = 4001 "bad-end", "A body is not followed by F8 F5.";
    VERSION = 4003 "version", "Another major version.";
    HELLO_TIMEOUT = 4004 "hello-timeout", "No HELLO in time.";
    IDLE = 4005 "idle", "Silent for twice the keepalive it promised, or when its name was asked for.";
    SLOW_CONSUMER = 4006 "slow-consumer", "Does not read what it is sent.";
    RATE = 4007 "rate", "Too often.";
    FRAME_TIMEOUT = 4008 "frame-timeout", "A frame began and did not arrive in time.";
    RESUME_REFUSED = 4009 "resume-refused", "What was asked to be resumed is not there.";
    NO_SUCH_MEMBER = 4010 "no-such-member", "The member is not in the room.";
    UNMAPPABLE_TEXT = 4011 "unmappable-text", "The receiver's encoding cannot carry the text.";
    CANCELLED = 4012 "cancelled", "The sender of the REQUEST cancelled it.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

//! The HELLOs that this side sends: each names a room of its own, and carries the token if there is one.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use bookend::{Encoding, Encodings, Hello};

use super::tokens::Tokens;

/// This side's name.
const NAME: &str = "doctor";
const SOFTWARE: &str = concat!("bookend doctor ", env!("CARGO_PKG_VERSION"));

/// How this side presents itself: in rooms that nobody else uses, and with a token if the server requires one.
pub(super) struct Identity {
    prefix: String,
    count: Cell<u32>,
    tokens: Tokens,
}

impl Identity {
    pub(super) fn new(tokens: Tokens) -> Identity {
        // The keys of a hash map are random enough for the name of a room.
        let number = RandomState::new().build_hasher().finish();
        Identity { prefix: format!("{NAME}-{:08x}", number >> 32), count: Cell::new(0), tokens }
    }

    pub(super) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// A HELLO that every peer accepts, for a new room.
    pub(super) fn hello(&self) -> Hello {
        self.count.set(self.count.get() + 1);
        let hello = Hello::new()
            .with_accepted(Encodings::CORE)
            .with_preferred(Encoding::Utf8)
            .with_keepalive(0)
            .with_name(NAME)
            .and_then(|hello| hello.with_room(&format!("{}-{}", self.prefix, self.count.get())))
            .and_then(|hello| hello.with_software(SOFTWARE))
            .expect("they are plain lines");
        match &self.tokens.own {
            Some(token) => token.shown_in(hello),
            None => hello,
        }
    }
}

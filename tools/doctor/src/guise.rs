//! The HELLOs of this side: each for a room of its own, and with the token if there is one.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use bookend::{Encoding, Encodings, Hello};
use bookend_client::Token;

/// The name that this side goes by.
const NAME: &str = "doctor";
const SOFTWARE: &str = concat!("bookend doctor ", env!("CARGO_PKG_VERSION"));

/// As whom this side comes: into rooms that nobody else is in, and with a token if one is needed.
pub(super) struct Guise {
    prefix: String,
    count: Cell<u32>,
    token: Option<Token>,
}

impl Guise {
    pub(super) fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    pub(super) fn new(token: Option<Token>) -> Guise {
        // Keys of a hash map are as random as a name has to be.
        let number = RandomState::new().build_hasher().finish();
        Guise { prefix: format!("{NAME}-{:08x}", number >> 32), count: Cell::new(0), token }
    }

    /// What this side says of itself: as little as everyone accepts, and in a room of its own.
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
        match &self.token {
            Some(token) => token.shown_in(hello),
            None => hello,
        }
    }
}

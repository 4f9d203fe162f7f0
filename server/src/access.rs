//! Access control: tokens, and the rights of peers without a token.

mod file;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;

use crate::canonical::folded;
use crate::hex::hex;

pub use file::TokensFault;

/// The room of a peer that names none.
pub(crate) const LOBBY: &str = "lobby";
/// Bytes of a SHA-256.
const DIGEST: usize = 32;

/// A right of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Right {
    /// Receive the messages of a room.
    Read = 1,
    /// Send messages to a room.
    Write = 2,
    /// Control the hub through its admin service. Only a token for all rooms can have it.
    Admin = 4,
}

/// A set of rights.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights(u8);

/// The tokens, and the rights of peers without a token. Clones share the tokens.
///
/// ```
/// use bookend_server::{Access, Right, Rights, make_token};
///
/// let (token, entry) = make_token("ann", &["ops".into()], Rights::READ_WRITE, None).unwrap();
/// let access = Access::from_toml(&entry).unwrap();
/// let grant = access.check(token.as_bytes()).unwrap();
/// assert!(grant.may(Right::Write, "ops") && !grant.may(Right::Read, "lab"));
/// assert!(!access.without_token(false).enter());
/// ```
#[derive(Clone, Debug)]
pub struct Access {
    tokens: Arc<[Arc<Token>]>,
    anonymous: Rights,
    certified: Rights,
}

/// A token as the hub stores it.
struct Token {
    name: Box<str>,
    /// A token is random, not chosen by a person, so a plain hash suffices.
    digest: [u8; DIGEST],
    /// `None` for all rooms.
    rooms: Option<Box<[RoomName]>>,
    rights: Rights,
    expires: Option<SystemTime>,
}

/// A room in the list of a token.
struct RoomName {
    shown: Box<str>,
    /// What all spellings of it share.
    folded: Box<str>,
}

/// Who a peer has proved to be.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    Token(Grant),
    /// The fingerprint of a client certificate.
    Certificate(Box<str>),
}

impl PartialEq for Identity {
    fn eq(&self, other: &Identity) -> bool {
        match (self, other) {
            (Identity::Token(token), Identity::Token(other)) => token.0.digest == other.0.digest,
            (Identity::Certificate(print), Identity::Certificate(other)) => print == other,
            _ => false,
        }
    }
}

/// What a token allows. The hub grants it to a peer that presents the token.
#[derive(Clone, Debug)]
pub struct Grant(Arc<Token>);

impl Rights {
    /// No rights.
    pub const NONE: Rights = Rights(0);
    /// To read.
    pub const READ: Rights = Rights(Right::Read as u8);
    /// To read and to write.
    pub const READ_WRITE: Rights = Rights(Right::Read as u8 | Right::Write as u8);

    /// Do these rights contain `right`?
    #[must_use]
    pub fn contain(self, right: Right) -> bool {
        self.0 & right as u8 != 0
    }

    /// These rights and `right`.
    #[must_use]
    pub fn with(self, right: Right) -> Rights {
        Rights(self.0 | right as u8)
    }

    /// Do these rights admit to a room?
    #[must_use]
    pub fn enter(self) -> bool {
        self.contain(Right::Read) || self.contain(Right::Write)
    }
}

impl Access {
    /// No tokens: every peer may read and write in every room.
    #[must_use]
    pub fn open() -> Access {
        Access { tokens: Arc::default(), anonymous: Rights::READ_WRITE, certified: Rights::READ_WRITE }
    }

    /// The tokens of a token file. Peers without a token have no rights.
    ///
    /// # Errors
    /// All faults of the file.
    pub fn from_toml(text: &str) -> Result<Access, Vec<TokensFault>> {
        let tokens = file::read(text)?.into_iter().map(Arc::new).collect();
        Ok(Access { tokens, anonymous: Rights::NONE, ..Access::open() })
    }

    /// Sets the rights of a peer without a token.
    #[must_use]
    pub fn with_anonymous(self, anonymous: Rights) -> Access {
        Access { anonymous, ..self }
    }

    /// Sets the rights of a peer without a token that has presented a trusted client certificate.
    #[must_use]
    pub fn with_certified(self, certified: Rights) -> Access {
        Access { certified, ..self }
    }

    /// The grant of a token, unless it is unknown or has expired. It is compared with every known token, in constant time.
    #[must_use]
    pub fn check(&self, token: &[u8]) -> Option<Grant> {
        let presented = digest(&SHA256, token);
        let mut found = None;
        for token in &*self.tokens {
            if bool::from(token.digest.ct_eq(presented.as_ref())) {
                found = Some(token);
            }
        }
        found.filter(|token| token.is_valid()).map(|token| Grant(token.clone()))
    }

    /// The number of tokens.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.tokens.len()
    }

    /// The names of the tokens that have expired, and when.
    pub fn expired(&self) -> impl Iterator<Item = (&str, SystemTime)> {
        let dated = self.tokens.iter().filter(|token| !token.is_valid());
        dated.filter_map(|token| Some((&*token.name, token.expires?)))
    }

    /// Is there a token of that name?
    #[must_use]
    pub fn has_token(&self, name: &str) -> bool {
        self.tokens.iter().any(|token| *token.name == *name)
    }

    /// Does any token have the right to control the hub?
    #[must_use]
    pub fn has_operators(&self) -> bool {
        self.tokens.iter().any(|token| token.rights.contain(Right::Admin))
    }

    /// The rights of a peer without a token.
    #[must_use]
    pub fn without_token(&self, certified: bool) -> Rights {
        if certified { self.certified } else { self.anonymous }
    }

    /// How long an earlier grant remains valid; `None` if it does not expire, zero if its token is gone.
    pub(crate) fn time_left(&self, grant: &Grant) -> Option<Duration> {
        match self.tokens.iter().find(|token| token.digest == grant.0.digest) {
            Some(token) => token.expires.map(|expires| expires.duration_since(SystemTime::now()).unwrap_or_default()),
            None => Some(Duration::ZERO),
        }
    }

    /// Does the token of an earlier grant still allow the same in that room?
    pub(crate) fn keeps(&self, grant: &Grant, room: &str) -> bool {
        let found = self.tokens.iter().find(|token| token.digest == grant.0.digest);
        found.is_some_and(|found| found.is_valid() && found.rights_in(room) == grant.rights_in(room))
    }
}

impl Token {
    fn is_valid(&self) -> bool {
        self.expires.is_none_or(|expires| SystemTime::now() < expires)
    }

    fn rights_in(&self, room: &str) -> Rights {
        if self.lists(room) { self.rights } else { Rights::NONE }
    }

    /// Is it for that room? Rooms are compared as [`Rooms`](crate::rooms::Rooms) finds them, so that the right is for the
    /// room that is entered, and a name that only looks alike gives none (R9.35).
    fn lists(&self, room: &str) -> bool {
        let Some(rooms) = &self.rooms else { return true };
        let room = folded(room);
        rooms.iter().any(|listed| listed.folded == room)
    }
}

impl Default for Access {
    fn default() -> Access {
        Access::open()
    }
}

impl Grant {
    /// The name of the token.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Does it include `right` in the room?
    #[must_use]
    pub fn may(&self, right: Right, room: &str) -> bool {
        self.rights_in(room).contain(right)
    }

    /// Does it include `right` in every room?
    #[must_use]
    pub fn may_everywhere(&self, right: Right) -> bool {
        self.0.rooms.is_none() && self.0.rights.contain(right)
    }

    /// Its rights in the room.
    #[must_use]
    pub fn rights_in(&self, room: &str) -> Rights {
        self.0.rights_in(room)
    }

    /// The room of a peer that names none: the lobby, or else the first room of the token.
    pub(crate) fn default_room(&self) -> &str {
        match &self.0.rooms {
            Some(rooms) if !self.0.lists(LOBBY) => rooms.first().map_or(LOBBY, |room| &room.shown),
            _ => LOBBY,
        }
    }
}

/// Makes a token of 128 random bits in hexadecimal. Returns the token and its entry for the token file.
///
/// # Errors
/// What is wrong with the name, a room, the rights or the expiry, or that the system has no random numbers.
pub fn make_token(
    name: &str,
    rooms: &[String],
    rights: Rights,
    expires: Option<&str>,
) -> Result<(String, String), String> {
    let mut random = [0; 16];
    SystemRandom::new().fill(&mut random).map_err(|_| "the system has no random numbers".to_owned())?;
    let token = hex(&random);
    let entry = file::entry(name, &hex(digest(&SHA256, token.as_bytes()).as_ref()), rooms, rights, expires);
    match file::read(&entry) {
        Ok(_) => Ok((token, entry)),
        Err(faults) => Err(faults.iter().map(TokensFault::text).collect::<Vec<_>>().join("; ")),
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries([Right::Read, Right::Write, Right::Admin].iter().filter(|&&right| self.contain(right)))
            .finish()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).field("rights", &self.rights).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SHA-256 of `sesame`.
    const SESAME: &str = "d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272";

    fn access(more: &str) -> Access {
        Access::from_toml(&format!("[[token]]\nname = 'ann'\nsha256 = '{SESAME}'\n{more}\n")).unwrap()
    }

    #[test]
    fn a_token_allows_what_its_entry_lists_and_unknown_tokens_nothing() {
        let access = access("rooms = ['ops', 'lab']\nrights = ['read']");
        for wrong in ["", "sesam", "sesame\n", "Sesame", SESAME] {
            assert!(access.check(wrong.as_bytes()).is_none(), "{wrong}");
        }
        let grant = access.check(b"sesame").unwrap();
        assert_eq!((grant.name(), grant.default_room()), ("ann", "ops"));
        assert!(grant.may(Right::Read, "lab") && !grant.may(Right::Write, "ops") && !access.has_operators());
        assert!(!grant.may(Right::Read, "lobby") && !grant.may_everywhere(Right::Read));
        assert_eq!(access.without_token(false), Rights::NONE);
        assert_eq!(Access::open().without_token(false), Rights::READ_WRITE);
    }

    #[test]
    fn the_admin_right_needs_a_token_for_all_rooms() {
        let access = access("rooms = '*'\nrights = 'admin'");
        let grant = access.check(b"sesame").unwrap();
        assert!(access.has_operators() && grant.may_everywhere(Right::Admin) && !grant.may(Right::Read, "lobby"));
        let fault = make_token("ann", &["ops".into()], Rights::NONE.with(Right::Admin), None).unwrap_err();
        assert_eq!(fault, "the right admin controls the whole hub: rooms must be \"*\"");
    }

    #[test]
    fn the_default_room_of_a_token_for_all_rooms_is_the_lobby() {
        let grant = access("rooms = '*'\nrights = 'write'").check(b"sesame").unwrap();
        assert!(grant.may_everywhere(Right::Write) && grant.may(Right::Write, "anywhere"));
        assert_eq!(grant.default_room(), "lobby");
        assert_eq!(
            access("rooms = ['ops', 'lobby']\nrights = 'write'").check(b"sesame").unwrap().default_room(),
            "lobby"
        );
    }

    #[test]
    fn a_token_expires_at_the_date_of_its_entry() {
        let until = |when: &str| access(&format!("rooms = '*'\nrights = 'read'\nexpires = {when}")).check(b"sesame");
        let old = access("rooms = '*'\nrights = 'read'\nexpires = 2020-01-01");
        assert_eq!(old.expired().map(|(name, _)| name).collect::<Vec<_>>(), ["ann"]);
        assert_eq!(access("rooms = '*'\nrights = 'read'\nexpires = 2999-12-31").expired().count(), 0);
        assert!(until("2020-01-01").is_none() && until("2020-01-01T12:00:00Z").is_none());
        assert!(until("2999-12-31").is_some() && until("'2999-12-31T00:00:00Z'").is_some());
    }

    #[test]
    fn a_new_token_is_found_under_its_name_and_differs_from_others() {
        let rooms = ["lobby".to_owned(), "a \"b\"\\".to_owned()];
        let rights = Rights::READ_WRITE;
        let (token, entry) = make_token("ann's", &rooms, rights, Some("2999-12-31")).unwrap();
        let (other, _) = make_token("ann's", &rooms, rights, None).unwrap();
        assert!(token.len() == 32 && token != other && !entry.contains(&token));
        let access = Access::from_toml(&entry).unwrap_or_else(|faults| panic!("{faults:?} in {entry}"));
        let grant = access.check(token.as_bytes()).unwrap();
        assert_eq!((grant.name(), grant.rights_in(&rooms[1])), ("ann's", rights));
        assert!(access.check(other.as_bytes()).is_none());
        let everywhere = make_token("bob", &["*".into()], Rights::READ, None).unwrap();
        assert!(
            Access::from_toml(&everywhere.1)
                .unwrap()
                .check(everywhere.0.as_bytes())
                .unwrap()
                .may_everywhere(Right::Read)
        );
    }

    #[test]
    fn a_grant_is_kept_while_its_token_allows_the_same_in_the_room() {
        let before = access("rooms = ['ops', 'lab']\nrights = ['read']");
        let grant = before.check(b"sesame").unwrap();
        assert!(before.keeps(&grant, "ops"));
        assert!(access("rooms = '*'\nrights = ['read']").keeps(&grant, "ops"), "more rooms take nothing away");
        assert!(!access("rooms = ['ops']\nrights = ['read']").keeps(&grant, "lab"));
        assert!(
            !access("rooms = '*'\nrights = ['read', 'write']").keeps(&grant, "ops"),
            "more rights need a new connection"
        );
        assert!(!access("rooms = '*'\nrights = ['read']\nexpires = 2020-01-01").keeps(&grant, "ops"));
        assert!(!Access::open().keeps(&grant, "ops"));
    }
}

//! Who is in the room.

use std::collections::BTreeMap;

use bookend::addressee::{self, Unaddressed};
use bookend::{Message, PresenceEvent};

/// Members that are remembered; further ones are ignored.
const MAX_MEMBERS: usize = 1 << 16;

/// The members of a room, as PRESENCE lists them; in a crowd, those that have spoken.
///
/// ```
/// use bookend::{MemberName, Message, PresenceEvent, Text};
/// use bookend_client::Members;
///
/// let mut members = Members::new(5);
/// let name = MemberName::new(Text::utf8("ann lee")).unwrap();
/// members.observe(&Message::Presence { member: 7, event: PresenceEvent::Joined, name });
/// assert_eq!(members.addressee("\"ann lee\" hello"), Ok((7, "hello")));
/// ```
#[derive(Clone, Debug)]
pub struct Members {
    own: u32,
    here: BTreeMap<u32, Box<str>>,
    /// How many there are, if they are too many to be listed.
    crowd: Option<u32>,
}

impl Members {
    /// An empty room; `own` is this client's number.
    #[must_use]
    pub fn new(own: u32) -> Members {
        Members { own, here: BTreeMap::new(), crowd: None }
    }

    /// Notes a PRESENCE and, in a crowd, the sender of a DELIVERY.
    pub fn observe(&mut self, message: &Message<'_>) {
        match *message {
            Message::Presence { member, event: PresenceEvent::Crowd, .. } => {
                let before = self.crowd.replace(member);
                if before.is_none() {
                    self.here.retain(|&known, _| known == self.own);
                }
            }
            Message::Presence { member, event: PresenceEvent::Left, .. } => {
                self.here.remove(&member);
            }
            Message::Presence { member, name, .. } => {
                if member != self.own && self.crowd.take().is_some() {
                    // Every member is listed again (R9.27).
                    self.here.retain(|&known, _| known == self.own);
                }
                self.insert(member, &name.text().to_str());
            }
            Message::Delivery(delivery) if self.crowd.is_some() && delivery.from != 0 => {
                self.insert(delivery.from, delivery.name());
            }
            _ => {}
        }
    }

    fn insert(&mut self, member: u32, name: &str) {
        if self.here.len() < MAX_MEMBERS || self.here.contains_key(&member) {
            self.here.insert(member, name.into());
        }
    }

    /// Roughly how many members there are, if they are too many for the hub to list each (R9.25).
    #[must_use]
    pub fn crowd(&self) -> Option<u32> {
        self.crowd
    }

    /// This client's own number.
    #[must_use]
    pub fn own(&self) -> u32 {
        self.own
    }

    /// Whether the hub has listed this client itself, as it lists every member (R9.5).
    #[must_use]
    pub fn own_is_known(&self) -> bool {
        self.here.contains_key(&self.own)
    }

    /// Numbers and names, in the order of the numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        self.here.iter().map(|(&member, name)| (member, &**name))
    }

    /// The member of that name: exactly, or else without regard to case.
    ///
    /// # Errors
    /// [`Unaddressed::NoSuchMember`], or [`Unaddressed::Ambiguous`] if several members fit.
    pub fn find(&self, name: &str) -> Result<u32, Unaddressed> {
        match self.only(|other| other == name) {
            Err(Unaddressed::NoSuchMember) => self.only(|other| lower(other).eq(lower(name))),
            found => found,
        }
    }

    fn only(&self, is_meant: impl Fn(&str) -> bool) -> Result<u32, Unaddressed> {
        let mut meant = self.iter().filter(|(_, name)| is_meant(name));
        match (meant.next(), meant.next()) {
            (None, _) => Err(Unaddressed::NoSuchMember),
            (Some((member, _)), None) => Ok(member),
            _ => Err(Unaddressed::Ambiguous),
        }
    }

    /// Splits `words` into a member and the text after one blank: `NAME TEXT`, `"NAME WITH BLANKS" TEXT` or `#7 TEXT`, as
    /// [`addressee::split`] does. A message is never sent to a member that may not be the one that is meant.
    ///
    /// # Errors
    /// [`Unaddressed`], if it is not certain who is meant.
    pub fn addressee<'a>(&self, words: &'a str) -> Result<(u32, &'a str), Unaddressed> {
        addressee::split(words, |name| self.find(name))
    }

    /// The member that a person means by a name, `#7` or `7`.
    ///
    /// # Errors
    /// [`Unaddressed`], if it is not certain who is meant.
    pub fn member(&self, name: &str) -> Result<u32, Unaddressed> {
        addressee::whole(name, |name| self.find(name))
    }
}

fn lower(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend::{MemberName, Text};

    fn presence(member: u32, event: PresenceEvent, name: &str) -> Message<'_> {
        Message::Presence { member, event, name: MemberName::new(Text::utf8(name)).unwrap() }
    }

    fn room() -> Members {
        let mut members = Members::new(5);
        for (member, name) in [(5, "ann"), (7, "ann lee"), (8, "9"), (9, "böb")] {
            members.observe(&presence(member, PresenceEvent::Here, name));
        }
        members
    }

    #[test]
    fn a_name_is_found_exactly_or_else_without_regard_to_case() {
        let mut members = room();
        assert_eq!(members.addressee("ANN hello"), Ok((5, "hello")));
        assert_eq!((members.find("BÖB"), members.find("Ann Lee")), (Ok(9), Ok(7)));
        assert_eq!(members.find("аnn"), Err(Unaddressed::NoSuchMember), "a Cyrillic letter that looks alike");
        members.observe(&presence(10, PresenceEvent::Here, "Ann"));
        assert_eq!((members.find("ann"), members.find("Ann")), (Ok(5), Ok(10)));
        assert_eq!(members.find("ANN"), Err(Unaddressed::Ambiguous));
        members.observe(&presence(11, PresenceEvent::Here, "ann"));
        assert_eq!(members.find("ann"), Err(Unaddressed::Ambiguous), "a hub that gives a name twice");
    }

    #[test]
    fn a_name_that_contains_blanks_is_in_quotes() {
        assert_eq!(room().addressee("ann lee hello"), Err(Unaddressed::Ambiguous));
        assert_eq!(room().addressee("ann leeway"), Ok((5, "leeway")));
        assert_eq!(room().addressee("\"ann lee\" hello"), Ok((7, "hello")));
        assert_eq!(room().addressee("böb"), Ok((9, "")));
        assert_eq!(room().addressee("böb  two blanks"), Ok((9, " two blanks")));
        assert_eq!((room().member("ann lee"), room().member("ann")), (Ok(7), Ok(5)));
    }

    #[test]
    fn a_number_that_is_the_name_of_another_member_is_taken_for_the_name() {
        assert_eq!(room().addressee("9 hello"), Ok((8, "hello")));
        assert_eq!(room().addressee("#9 hello"), Ok((9, "hello")));
        assert_eq!(room().addressee("\"9\" hello"), Ok((8, "hello")));
        assert_eq!(room().addressee("77 hello"), Ok((77, "hello")), "in a crowd it need not be known");
        assert_eq!(room().addressee("4294967296 hello"), Err(Unaddressed::NoSuchMember));
    }

    #[test]
    fn half_a_name_finds_no_member() {
        assert_eq!(room().addressee("an hello"), Err(Unaddressed::NoSuchMember));
        assert_eq!(room().addressee(""), Err(Unaddressed::NoSuchMember));
    }

    #[test]
    fn member_that_left_is_not_found() {
        let mut members = room();
        members.observe(&presence(9, PresenceEvent::Left, "böb"));
        assert_eq!(members.addressee("böb hello"), Err(Unaddressed::NoSuchMember));
        assert_eq!(members.iter().count(), 3);
    }

    #[test]
    fn in_a_crowd_only_speakers_are_known_and_after_it_every_member() {
        // [R9.25] [R9.26] [R9.27]
        let mut members = room();
        let names = |members: &Members| members.iter().map(|(member, _)| member).collect::<Vec<_>>();
        members.observe(&presence(300, PresenceEvent::Crowd, "lobby"));
        assert_eq!((names(&members), members.crowd()), (vec![5], Some(300)));
        let payload = bookend::Payload::Binary(b"hi");
        let delivery = bookend::Delivery::new(77, 0, 1, 0, "bob", payload).unwrap();
        members.observe(&Message::Delivery(delivery));
        members.observe(&presence(340, PresenceEvent::Crowd, "lobby"));
        assert_eq!((members.addressee("bob hi"), members.crowd()), (Ok((77, "hi")), Some(340)));
        members.observe(&presence(5, PresenceEvent::Here, "ann"));
        assert_eq!(members.crowd(), Some(340), "the client itself is listed in a crowd too");
        for (member, name) in [(5, "ann"), (9, "carl")] {
            members.observe(&presence(member, PresenceEvent::Here, name));
        }
        assert_eq!((names(&members), members.crowd()), (vec![5, 9], None));
    }

    #[test]
    fn hub_cannot_fill_the_memory_with_members() {
        let mut members = Members::new(1);
        for member in 0..=u32::try_from(MAX_MEMBERS).unwrap() {
            members.observe(&presence(member, PresenceEvent::Joined, "a"));
        }
        assert_eq!(members.iter().count(), MAX_MEMBERS);
    }
}

//! The members of the room, shared by the future that receives and the one that posts.

use std::cell::RefCell;
use std::time::Duration;

use bookend::addressee::Unaddressed;
use bookend::{MemberName, Message, PresenceEvent, Text};
use bookend_client::Members;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long to wait for the list of members.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Room {
    members: RefCell<Members>,
    /// Notified when the list of members is complete: this client is its last entry.
    complete: Notify,
}

impl Room {
    /// `own` is this client's number, or 0 without a room.
    pub(crate) fn new(own: u32) -> Room {
        Room { members: RefCell::new(Members::new(own)), complete: Notify::new() }
    }

    /// Starts a session in which `own` is this client's number, with no members yet.
    pub(crate) fn begin(&self, own: u32) {
        *self.members.borrow_mut() = Members::new(own);
    }

    pub(crate) fn observe(&self, message: &Message<'_>) {
        let mut members = self.members.borrow_mut();
        members.observe(message);
        if members.own_is_known() {
            self.complete.notify_one();
        }
    }

    fn is_complete(&self) -> bool {
        let members = self.members.borrow();
        members.own() == 0 || members.own_is_known()
    }

    /// [`Members::addressee`], once the list of members is complete. Before that, another member that fits may be
    /// missing, and the message would go to the wrong one.
    pub(crate) async fn addressee<'a>(&self, words: &'a str) -> Result<(u32, &'a str), Unaddressed> {
        self.until_complete().await;
        self.members.borrow().addressee(words)
    }

    /// [`Members::member`], once the list of members is complete.
    pub(crate) async fn member(&self, name: &str) -> Result<u32, Unaddressed> {
        self.until_complete().await;
        self.members.borrow().member(name)
    }

    async fn until_complete(&self) {
        if !self.is_complete() {
            let _ = timeout(LIST_TIMEOUT, self.complete.notified()).await; // then use the members known so far
        }
    }

    /// Calls `report` with a PRESENCE here for each member.
    pub(crate) fn who(&self, mut report: impl FnMut(&Message<'_>)) {
        for (member, name) in self.members.borrow().iter() {
            let name = MemberName::new(Text::utf8(name)).expect("it came in a PRESENCE");
            report(&Message::Presence { member, event: PresenceEvent::Here, name });
        }
    }
}

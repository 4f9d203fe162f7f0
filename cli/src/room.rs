//! Who is in the room, shared by the future that hears of it and the one that wants to know.

use std::cell::RefCell;
use std::time::Duration;

use bookend::{MemberName, Message, PresenceEvent, Text};
use bookend_client::Members;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long a name may be waited for.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Room {
    members: RefCell<Members>,
    /// The hub has told of this client itself, and with that of everyone.
    complete: Notify,
}

impl Room {
    /// `own` is this client's number, 0 where there is no room and nobody to wait for.
    pub(crate) fn new(own: u32) -> Room {
        Room { members: RefCell::new(Members::new(own)), complete: Notify::new() }
    }

    /// Forgets everyone: a session begins in which `own` is this client's number.
    pub(crate) fn begin(&self, own: u32) {
        *self.members.borrow_mut() = Members::new(own);
    }

    pub(crate) fn hear(&self, message: &Message<'_>) {
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

    /// As [`Members::addressee`], once the hub has told who is there: before that the longest name that fits may be
    /// missing, and somebody else would get what is not for them.
    pub(crate) async fn addressee<'a>(&self, words: &'a str) -> Option<(u32, &'a str)> {
        if !self.is_complete() {
            // A hub that does not tell in time has told of everyone that it tells of.
            let _in_time = timeout(PATIENCE, self.complete.notified()).await;
        }
        self.members.borrow().addressee(words)
    }

    /// Hands everyone who is there to `tell`, as the hub tells of them to who joins.
    pub(crate) fn who(&self, mut tell: impl FnMut(&Message<'_>)) {
        for (member, name) in self.members.borrow().iter() {
            let name = MemberName::new(Text::utf8(name)).expect("it came in a PRESENCE");
            tell(&Message::Presence { member, event: PresenceEvent::Here, name });
        }
    }
}

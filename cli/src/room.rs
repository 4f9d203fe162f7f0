//! The members of the room, shared by the future that receives and the one that posts.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bookend::addressee::Unaddressed;
use bookend::command::{Command, UNKNOWN};
use bookend::{MemberName, Message, PresenceEvent, Text};
use bookend_client::Members;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long to wait for the list of members.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);

/// The refusal of a command that a chat does not have: unknown ones, and what only a new session can do.
pub(crate) fn refusal(command: Command<'_>) -> &'static str {
    match command {
        Command::Name(_) => "/name NAME: not in a session that has begun: start `bookend chat` with --name NAME",
        Command::Join(_) => "/join ROOM: not in a session that has begun: start `bookend chat` with --room ROOM",
        Command::Encoding(_) => "/encoding: not in a session that has begun: start `bookend chat` with --encoding NAME",
        _ => UNKNOWN,
    }
}

pub(crate) struct Room {
    members: RefCell<Members>,
    /// Notified when the list of members is complete: this client is its last entry.
    complete: Notify,
    /// How many messages of this client to everyone were delivered to it.
    came_back: Cell<u64>,
}

impl Room {
    /// `own` is this client's number, or 0 without a room.
    pub(crate) fn new(own: u32) -> Room {
        Room { members: RefCell::new(Members::new(own)), complete: Notify::new(), came_back: Cell::new(0) }
    }

    /// Starts a session in which `own` is this client's number, with no members yet.
    pub(crate) fn begin(&self, own: u32) {
        *self.members.borrow_mut() = Members::new(own);
    }

    pub(crate) fn observe(&self, message: &Message<'_>) {
        let mut members = self.members.borrow_mut();
        if let Message::Delivery(delivery) = message
            && (delivery.from, delivery.to) == (members.own(), 0)
        {
            self.came_back.set(self.came_back.get().saturating_add(1));
        }
        members.observe(message);
        if members.own_is_known() {
            self.complete.notify_one();
        }
    }

    /// Messages were missed: how many of this client's own come back is not known.
    pub(crate) fn missed(&self) {
        self.came_back.set(u64::MAX);
    }

    /// True if this client is a member of a room.
    pub(crate) fn has_own(&self) -> bool {
        self.members.borrow().own() != 0
    }

    /// How many messages of this client to everyone were delivered to it, or more than any number.
    pub(crate) fn came_back(&self) -> u64 {
        self.came_back.get()
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

    /// The name of this client; `None` if it is not known.
    pub(crate) fn own_name(&self) -> Option<String> {
        let members = self.members.borrow();
        members.iter().find(|(member, _)| *member == members.own()).map(|(_, name)| name.to_owned())
    }

    /// Calls `report` with a PRESENCE here for each member, or for this client alone.
    pub(crate) fn who(&self, is_own: bool, mut report: impl FnMut(&Message<'_>)) {
        let members = self.members.borrow();
        for (member, name) in members.iter().filter(|(member, _)| !is_own || *member == members.own()) {
            let name = MemberName::new(Text::utf8(name)).expect("it came in a PRESENCE");
            report(&Message::Presence { member, event: PresenceEvent::Here, name });
        }
    }
}

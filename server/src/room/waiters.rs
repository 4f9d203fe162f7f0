//! The members that wait for a room to have something for them.
//!
//! A member without the hub profile waits for messages only, so that joins and leaves do not wake it.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use crate::rendition::Rendition;

/// What a member waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Messages,
    /// Messages and presence.
    Everything,
}

/// One value for each interest.
#[derive(Debug, Default)]
struct ByInterest<T> {
    messages: T,
    everything: T,
}

/// The waiting members, in one list for each interest.
#[derive(Debug, Default)]
pub(super) struct Waiters(ByInterest<Vec<(u32, Waker)>>);

/// The wake-up generation of each list, starting at 1. It is written while the lists are locked, and read without a
/// lock to find out whether an entry is still there.
#[derive(Debug)]
pub(super) struct Generations(ByInterest<AtomicU64>);

/// Wakers that were taken out of the lists. Wake them after the lock has been released.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Woken(ByInterest<Vec<(u32, Waker)>>);

impl Interest {
    /// The interest of a member with that rendition.
    pub(crate) fn of(rendition: Rendition) -> Interest {
        if rendition.shows_presence() { Interest::Everything } else { Interest::Messages }
    }
}

impl<T> ByInterest<T> {
    fn of(&self, interest: Interest) -> &T {
        match interest {
            Interest::Messages => &self.messages,
            Interest::Everything => &self.everything,
        }
    }

    fn of_mut(&mut self, interest: Interest) -> &mut T {
        match interest {
            Interest::Messages => &mut self.messages,
            Interest::Everything => &mut self.everything,
        }
    }
}

impl Waiters {
    /// Adds a member. Returns the generation of its entry.
    pub(super) fn add(
        &mut self,
        id: u32,
        interest: Interest,
        waker: &Waker,
        generations: &Generations,
    ) -> Option<NonZeroU64> {
        self.0.of_mut(interest).push((id, waker.clone()));
        NonZeroU64::new(generations.0.of(interest).load(Ordering::Relaxed))
    }

    /// Removes a member that waits for messages. Members that wait for everything need no removal: the notification
    /// that a member left empties their list.
    pub(super) fn remove(&mut self, id: u32) {
        self.0.messages.retain(|(waiter, _)| *waiter != id);
    }

    /// Takes out the members that are interested in the event.
    pub(super) fn take(&mut self, is_presence: bool, generations: &Generations) -> Woken {
        let mut woken = Woken::default();
        for interest in [Interest::Messages, Interest::Everything] {
            let list = self.0.of_mut(interest);
            if (is_presence && interest == Interest::Messages) || list.is_empty() {
                continue;
            }
            let empty = Vec::with_capacity(list.len());
            *woken.0.of_mut(interest) = std::mem::replace(list, empty);
            generations.0.of(interest).fetch_add(1, Ordering::Release);
        }
        woken
    }
}

impl Generations {
    pub(super) fn new() -> Generations {
        Generations(ByInterest { messages: AtomicU64::new(1), everything: AtomicU64::new(1) })
    }

    /// Is the entry of that generation still in its list?
    pub(super) fn is_current(&self, interest: Interest, generation: NonZeroU64) -> bool {
        self.0.of(interest).load(Ordering::Acquire) == generation.get()
    }
}

impl Woken {
    pub(super) fn wake(self) {
        for (_, waker) in self.0.messages.into_iter().chain(self.0.everything) {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use bookend::{Encodings, Payload};

    use super::*;
    use crate::block::{Event, Payloads};
    use crate::mailbox::Mailbox;
    use crate::memory::Memory;
    use crate::rendition::{LineEncoding, TextPreference};
    use crate::room::{Member, Numbers, Room, RoomOptions};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn member(rendition: Rendition) -> Member {
        let mailbox = Arc::new(Mailbox::new("test".into()));
        Member { name: "ann".into(), wanted: None, identity: None, rendition, max_body: 1024, reads: true, mailbox }
    }

    #[test]
    fn a_waiting_member_is_woken_once_and_only_for_events_that_it_receives() {
        let options = RoomOptions {
            log_bytes: 1 << 20,
            crowd: 256,
            numbers: Numbers::From(1),
            owner: crate::source::Source::Unknown,
            counters: Arc::default(),
            memory: Arc::new(Memory::new(1 << 20)),
        };
        let room = Arc::new(Room::new("room", options));
        let preference = TextPreference { preferred: bookend::Encoding::Utf8, accepted: Encodings::CORE };
        let plain = room.join(1, member(Rendition::Messages(preference)), None).cursor;
        let head = room.join(2, member(Rendition::Lines(LineEncoding::Utf8)), None).cursor;
        let (messages, everything) = (Interest::Messages, Interest::Everything);
        assert_eq!(room.wait(1, messages, plain, Waker::noop()), None, "the second member has joined");
        let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let listed = room.wait(1, messages, head, &first.clone().into()).expect("nothing new");
        room.wait(2, everything, head, &second.clone().into()).expect("nothing new");
        let woken = || (first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed));

        room.join(3, member(Rendition::Lines(LineEncoding::Utf8)), None);
        assert_eq!(woken(), (0, 1));
        assert!(room.is_listed(messages, listed));
        for _ in 0..2 {
            let mut payloads = Payloads::default();
            payloads.push(Payload::Binary(b"x"));
            room.publish(Event::Messages { from: 3, name: "ann-3".into(), time: 0, payloads });
            assert_eq!(woken(), (1, 1), "a member that does not wait is not woken");
        }
        assert!(!room.is_listed(messages, listed));
    }
}

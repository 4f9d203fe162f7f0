//! What the members of a room are told while the hub delivers messages that it cannot keep: when that begins, and when it
//! ends, each at most once a minute. This is pure: what happens and the time go in, notices come out.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::store::RoomId;

/// How often the members of a room are told the same.
const INTERVAL: Duration = Duration::from_secs(60);

/// What the members of a room are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// What is said now is not kept, because of that.
    NotKept(&'static str),
    /// It is kept again. So many messages that were delivered before will never be.
    KeptAgain { missing: u64 },
}

/// Tells the members of a room, if it has any. Nothing is held while it does.
pub(crate) trait Announce: Send + Sync {
    fn announce(&self, room: &str, notice: Notice);
}

/// The notices of all rooms that are due, now or later.
#[derive(Debug, Default)]
pub(super) struct Notices {
    rooms: HashMap<RoomId, OfRoom>,
}

#[derive(Debug, Default)]
struct OfRoom {
    /// Messages are delivered that are not written.
    is_unkept: bool,
    /// Its members were told so.
    is_told: bool,
    /// Messages that will never be written. Its members were not told yet.
    missing: u64,
    /// When its members were last told either.
    not_kept: Option<Instant>,
    kept_again: Option<Instant>,
}

impl Notices {
    /// A message of the room is delivered and not written.
    pub(super) fn note_unkept(&mut self, room: RoomId) {
        self.rooms.entry(room).or_default().is_unkept = true;
    }

    /// So many messages of the room will never be written.
    pub(super) fn note_missing(&mut self, room: RoomId, messages: u64) {
        self.rooms.entry(room).or_default().missing += messages;
    }

    /// Messages are written again.
    pub(super) fn note_healed(&mut self) {
        self.rooms.values_mut().for_each(|room| room.is_unkept = false);
    }

    /// Is there something to tell, now or later?
    pub(super) fn is_pending(&self) -> bool {
        !self.rooms.is_empty()
    }

    /// The notices that are due now. `reason` is why nothing can be written.
    pub(super) fn due(&mut self, reason: &'static str, now: Instant) -> Vec<(RoomId, Notice)> {
        let mut due = Vec::new();
        self.rooms.retain(|&id, room| {
            due.extend(room.due(reason, now).map(|notice| (id, notice)));
            room.is_unkept || room.is_told || room.missing > 0 || room.was_told(now)
        });
        due
    }
}

impl OfRoom {
    fn due(&mut self, reason: &'static str, now: Instant) -> Option<Notice> {
        if self.is_unkept && !self.is_told && !is_recent(self.not_kept, now) {
            (self.is_told, self.not_kept) = (true, Some(now));
            return Some(Notice::NotKept(reason));
        }
        let is_over = !self.is_unkept && (self.is_told || self.missing > 0);
        (is_over && !is_recent(self.kept_again, now)).then(|| {
            (self.is_told, self.kept_again) = (false, Some(now));
            Notice::KeptAgain { missing: std::mem::take(&mut self.missing) }
        })
    }

    /// Were its members told something that is not to be repeated yet?
    fn was_told(&self, now: Instant) -> bool {
        is_recent(self.not_kept, now) || is_recent(self.kept_again, now)
    }
}

fn is_recent(told: Option<Instant>, now: Instant) -> bool {
    told.is_some_and(|told| now.saturating_duration_since(told) < INTERVAL)
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::NotKept(reason) => {
                write!(f, "this room is not kept now: {}", reason.replacen("its ", "the ", 1))
            }
            Notice::KeptAgain { missing: 0 } => write!(f, "this room is kept again; no message is missing"),
            Notice::KeptAgain { missing: 1 } => write!(f, "this room is kept again; 1 message is not kept"),
            Notice::KeptAgain { missing } => write!(f, "this room is kept again; {missing} messages are not kept"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId(1);
    const DISK_FULL: &str = "its disk is full";

    /// [R9.51]
    #[test]
    fn a_room_is_told_when_it_begins_and_when_it_ends() {
        let (mut notices, now) = (Notices::default(), Instant::now());
        assert!(notices.due(DISK_FULL, now).is_empty() && !notices.is_pending());
        notices.note_unkept(ROOM);
        let begin = Notice::NotKept(DISK_FULL);
        assert_eq!(notices.due(DISK_FULL, now), [(ROOM, begin)]);
        assert_eq!(begin.to_string(), "this room is not kept now: the disk is full");
        notices.note_unkept(ROOM);
        notices.note_missing(ROOM, 3);
        notices.note_missing(ROOM, 4);
        assert!(notices.due(DISK_FULL, now + 2 * INTERVAL).is_empty(), "once");
        notices.note_healed();
        let end = now + 2 * INTERVAL;
        assert_eq!(notices.due(DISK_FULL, end), [(ROOM, Notice::KeptAgain { missing: 7 })]);
        assert!(notices.is_pending() && notices.due(DISK_FULL, end + INTERVAL).is_empty() && !notices.is_pending());
    }

    #[test]
    fn a_disk_that_is_full_now_and_then_is_told_once_a_minute_and_no_message_is_left_out() {
        let (mut notices, begin) = (Notices::default(), Instant::now());
        let (mut told, mut missing) = (Vec::new(), 0);
        for second in 0..150 {
            match second % 10 {
                0..5 => notices.note_unkept(ROOM),
                5 => notices.note_missing(ROOM, 2),
                _ => notices.note_healed(),
            }
            let due = notices.due(DISK_FULL, begin + Duration::from_secs(second));
            told.extend(due.into_iter().map(|(_, notice)| (second, notice)));
        }
        for (_, notice) in &told {
            if let Notice::KeptAgain { missing: now } = notice {
                missing += now;
            }
        }
        let seconds: Vec<u64> = told.iter().map(|(second, _)| *second).collect();
        assert_eq!((seconds, missing), (vec![0, 6, 60, 66, 120, 126], 2 * 13));
    }
}

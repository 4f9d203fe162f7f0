//! What an operator asks of the hub.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use bookend::{Payload, Text, escaped};

use super::Hub;
use crate::block::{Event, Payloads};
use crate::clock::wall_clock;
use crate::lock::lock;
use crate::mailbox::Mailbox;
use crate::metrics::{self, Snapshot};
use crate::process::Process;
use crate::registry::ConnectionList;
use crate::rendition::HUB;
use crate::rooms::Census;
use crate::store::StoreCensus;

/// All rooms.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "admin", derive(serde::Serialize))]
pub struct RoomList {
    /// By name.
    pub rooms: Vec<RoomReport>,
}

/// One room.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "admin", derive(serde::Serialize))]
pub struct RoomReport {
    /// Its name.
    pub room: Box<str>,
    /// How many members it has; 0 if it is kept after everybody has left.
    pub members: usize,
    /// Messages to everyone since the room was created.
    pub messages: u64,
    /// Bytes in its log, with all renderings.
    pub log_bytes: usize,
    /// Is it a crowd, which is not notified of each member that joins or leaves (R9.25)?
    pub crowd: bool,
    /// What is kept of it in a file, if it is.
    pub history: Option<KeptReport>,
}

/// What is kept of a room in a file.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "admin", derive(serde::Serialize))]
pub struct KeptReport {
    /// How many messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The time of the oldest one, in milliseconds since 1970-01-01T00:00:00Z; 0 if none is kept.
    pub since: u64,
}

/// The connection that [`Hub::kick`] closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// By its number.
    Connection(u64),
    /// By the number of its member.
    Member(u32),
}

impl Hub {
    /// Counts a reload of the settings, accepted or refused, for the metrics.
    pub fn count_reload(&self, accepted: bool) {
        let counters = self.counters();
        let counter = if accepted { &counters.reloads } else { &counters.reloads_refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Reports to the metrics how many lines the log of the program has lost since its start.
    pub fn set_log_lost(&self, lines: u64) {
        self.counters().log_lost.store(lines, Ordering::Relaxed);
    }

    /// Reports to the metrics when the certificate in use expires. `None` if none is in use.
    pub fn set_certificate_end(&self, end: Option<SystemTime>) {
        *lock(&self.counters().certificate_end) = end;
    }

    /// All metrics in the text format of Prometheus.
    ///
    /// ```
    /// # use bookend_server::{Config, Hub};
    /// assert!(Hub::new(Config::default()).metrics().contains("\nbookend_rooms 0\n"));
    /// ```
    #[must_use]
    pub fn metrics(&self) -> String {
        let (counters, census) = (self.counters(), self.census());
        let connections_limit = self.current().config.connections;
        metrics::render(&Snapshot {
            connections_limit,
            bans: self.ban_count(),
            counters,
            census,
            history: self.history_numbers(),
            process: Process::read(self.started()),
        })
    }

    /// How many characters have been escaped as `\u{hex}`, because an encoding in use cannot represent them.
    #[must_use]
    pub fn escaped_characters(&self) -> u64 {
        self.counters().escapes.load(Ordering::Relaxed)
    }

    /// Has it begun to shut down?
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shared.registry.is_closing()
    }

    /// Every connection as it is now, and those that ended last. Takes up to a second; a connection that does not answer
    /// in that time is only counted.
    pub async fn connections(&self) -> ConnectionList {
        self.shared.registry.list().await
    }

    /// How many connections there are.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.shared.registry.count()
    }

    /// All rooms, by name. Those without members are kept for a while after everybody has left.
    #[must_use]
    pub fn rooms(&self) -> RoomList {
        let report = |room: &Arc<crate::room::Room>| {
            let census = room.census();
            RoomReport {
                room: room.name().into(),
                members: census.members,
                messages: census.messages,
                log_bytes: census.log_bytes,
                crowd: census.is_crowd,
                history: room.store().map(|(store, id)| {
                    let StoreCensus { messages, bytes, since } = store.census(id);
                    KeptReport { messages, bytes, since }
                }),
            }
        };
        let mut rooms: Vec<_> = self.shared.rooms.all().iter().map(report).collect();
        rooms.sort_unstable_by(|a, b| a.room.cmp(&b.room));
        RoomList { rooms }
    }

    /// Closes a connection at once, with `reason` for its peer, and does not wait for that. Returns the label of the peer, or `None` if there is no
    /// such connection.
    pub fn kick(&self, target: Target, reason: &str) -> Option<Arc<str>> {
        let mailbox = self.mailbox(target)?;
        mailbox.kick(escaped(reason).to_string());
        Some(mailbox.peer().label().into())
    }

    pub(super) fn mailbox(&self, target: Target) -> Option<Arc<Mailbox>> {
        match target {
            Target::Connection(number) => self.shared.registry.mailbox(number),
            Target::Member(member) => self.shared.rooms.member(member).map(|member| member.mailbox),
        }
    }

    /// Sends a message from the hub itself to everyone in a room, or in all rooms. Returns the number of rooms.
    pub fn announce(&self, room: Option<&str>, text: &str) -> usize {
        let rooms: Vec<_> = match room {
            Some(name) => self.shared.rooms.find(name).into_iter().collect(),
            None => self.shared.rooms.all().into_iter().filter(|room| room.count() > 0).collect(),
        };
        for room in &rooms {
            let mut payloads = Payloads::default();
            payloads.push(Payload::Text(Text::utf8(text)));
            room.publish(Event::Messages { from: HUB, name: "".into(), time: wall_clock(), payloads });
        }
        rooms.len()
    }

    #[cfg(not(feature = "history"))]
    #[expect(clippy::unused_self, reason = "it is used with the feature")]
    fn history_numbers(&self) -> Option<metrics::HistoryNumbers> {
        None
    }

    pub(crate) fn started(&self) -> SystemTime {
        self.shared.started
    }

    pub(crate) fn census(&self) -> Census {
        self.shared.rooms.census()
    }
}

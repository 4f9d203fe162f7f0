//! What an operator asks of a hub and tells it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bookend::{Payload, Text};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout;

use super::{Hub, lock, wall_clock};
use crate::block::{Payloads, Told};
use crate::metrics::{self, Source};
use crate::process::Process;
use crate::rendition::HUB;
use crate::report::{Closed, Report};

/// Every connection that runs at all answers within this.
const PATIENCE: Duration = Duration::from_secs(1);

/// All connections.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "admin", derive(serde::Serialize))]
pub struct ConnectionList {
    /// Those that answered, by number.
    pub connections: Vec<Report>,
    /// Connections that did not answer within a second.
    pub unanswered: usize,
    /// The connections that ended last, the latest one last.
    pub closed: Vec<Closed>,
}

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
    /// How many members it has.
    pub members: usize,
    /// Messages to everyone since the room began.
    pub messages: u64,
    /// Bytes in its log.
    pub log_bytes: usize,
    /// Has it more members than `Config::crowd`?
    pub crowd: bool,
}

/// All rooms in numbers.
#[derive(Debug, Default)]
pub(crate) struct Census {
    pub(crate) rooms: usize,
    /// Members by kind.
    pub(crate) kinds: BTreeMap<&'static str, usize>,
    pub(crate) log_bytes: usize,
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
    /// Counts that the settings were read again, and taken or refused, for the metrics.
    pub fn count_reload(&self, taken: bool) {
        let counters = self.counters();
        let counter = if taken { &counters.reloads } else { &counters.reloads_refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// All metrics in the text format of Prometheus.
    #[must_use]
    pub fn metrics(&self) -> String {
        metrics::render(&Source { hub: self, census: self.census(), process: Process::read(self.began()) })
    }

    /// Has it begun to shut down?
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        lock(&self.shared.connections).closing.is_some()
    }

    pub(crate) fn began(&self) -> SystemTime {
        self.shared.began
    }

    /// How each connection is, as it says itself, and which have ended.
    pub async fn connections(&self) -> ConnectionList {
        // A connection answers one at a time.
        let _inquiry = self.shared.inquiry.lock().await;
        let (asked, mut answers) = unbounded_channel();
        let mut silent: HashSet<u64> = {
            let connections = lock(&self.shared.connections);
            connections
                .by_number
                .iter()
                .map(|(&number, mailbox)| {
                    mailbox.ask(asked.clone());
                    number
                })
                .collect()
        };
        drop(asked);
        let mut reports = Vec::with_capacity(silent.len());
        // It ends when each has answered, or has gone and taken the question with it.
        let _in_time = timeout(PATIENCE, async {
            while let Some(report) = answers.recv().await {
                silent.remove(&report.connection);
                reports.push(report);
            }
        })
        .await;
        reports.sort_unstable_by_key(|report| report.connection);
        let connections = lock(&self.shared.connections);
        let unanswered = silent.iter().filter(|number| connections.by_number.contains_key(number)).count();
        drop(connections);
        let closed = lock(&self.shared.recent).iter().cloned().collect();
        ConnectionList { connections: reports, unanswered, closed }
    }

    /// All rooms, by name.
    #[must_use]
    pub fn rooms(&self) -> RoomList {
        let rooms: Vec<_> = lock(&self.shared.rooms).by_name.values().cloned().collect();
        let mut reports: Vec<_> = rooms
            .iter()
            .map(|room| {
                let census = room.census();
                RoomReport {
                    room: room.name().into(),
                    members: census.members,
                    messages: census.messages,
                    log_bytes: census.log_bytes,
                    crowd: census.is_crowd,
                }
            })
            .collect();
        reports.sort_unstable_by(|a, b| a.room.cmp(&b.room));
        RoomList { rooms: reports }
    }

    /// All rooms in numbers.
    pub(crate) fn census(&self) -> Census {
        let rooms: Vec<_> = lock(&self.shared.rooms).by_name.values().cloned().collect();
        let mut all = Census { rooms: rooms.len(), ..Census::default() };
        for room in rooms {
            let census = room.census();
            all.log_bytes += census.log_bytes;
            for (kind, count) in census.kinds {
                *all.kinds.entry(kind).or_default() += count;
            }
        }
        all
    }

    /// How many connections there are.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        lock(&self.shared.connections).by_number.len()
    }

    /// Closes a connection at once, for a reason in words. Its label, if it is there.
    pub fn kick(&self, target: Target, why: &str) -> Option<Arc<str>> {
        let mailbox = match target {
            Target::Connection(number) => lock(&self.shared.connections).by_number.get(&number)?.clone(),
            Target::Member(member) => {
                lock(&self.shared.rooms).by_name.values().find_map(|room| room.member(member))?.mailbox
            }
        };
        let connections = lock(&self.shared.connections);
        let known = connections.by_number.values().find(|known| Arc::ptr_eq(known, &mailbox))?;
        let label = known.peer().label.clone();
        drop(connections);
        mailbox.kick(why.into());
        Some(label)
    }

    /// Says something to everyone in a room, or in all rooms, as the hub itself. In how many rooms?
    pub fn announce(&self, room: Option<&str>, text: &str) -> usize {
        let rooms: Vec<_> = match room {
            Some(name) => lock(&self.shared.rooms).by_name.get(name).cloned().into_iter().collect(),
            None => lock(&self.shared.rooms).by_name.values().cloned().collect(),
        };
        for room in &rooms {
            let mut payloads = Payloads::default();
            payloads.push(Payload::Text(Text::utf8(text)));
            room.tell(Told::Messages { from: HUB, name: "".into(), time: wall_clock(), payloads });
        }
        rooms.len()
    }
}

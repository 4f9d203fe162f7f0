//! The registry: every connection that the hub has, how to reach it, and which ones ended last.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookend::Code;
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout;

use crate::access::{Access, Grant};
use crate::clock::wall_clock;
use crate::counters::{ConnectionState, Counters, Transport};
use crate::lock::lock;
use crate::mailbox::Mailbox;
use crate::peer::Peer;
use crate::report::{CloseReason, ClosedReport, ConnectionReport};

/// How many ended connections are remembered.
const RECENT: usize = 256;
/// Every connection that still runs reports within this time.
const REPORT_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct Registry {
    connections: Mutex<Connections>,
    /// Notified when the last connection is removed.
    empty: Notify,
    /// The connections that ended last.
    recent: Mutex<VecDeque<ClosedReport>>,
    /// Held while reports are collected: a connection answers one request at a time.
    collecting: tokio::sync::Mutex<()>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Connections {
    by_number: HashMap<u64, Arc<Mailbox>>,
    /// The token, and the room that it admits to, of each connection that is a member by a token.
    tokens: HashMap<u64, TokenUse>,
    last: u64,
    closing: Option<Code>,
    /// How connections have ended since the hub began to shut down.
    summary: ShutdownSummary,
}

struct TokenUse {
    grant: Grant,
    room: Box<str>,
}

/// How the connections ended when the hub shut down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownSummary {
    /// Connections to which everything was written, including CLOSE or the last line.
    pub closed: usize,
    /// Connections that were still open at the deadline, or that ended in another way.
    pub given_up: usize,
}

/// All connections.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "admin", derive(serde::Serialize))]
pub struct ConnectionList {
    /// The connections that answered, by number.
    pub connections: Vec<ConnectionReport>,
    /// How many connections did not answer within a second.
    pub unanswered: usize,
    /// The connections that ended last, the latest one last.
    pub closed: Vec<ClosedReport>,
}

/// The entry of one connection. It is removed when this is dropped.
pub(crate) struct Registration {
    registry: Arc<Registry>,
    id: u64,
    mailbox: Arc<Mailbox>,
    /// Everything was written, including CLOSE or the last line.
    written: bool,
    state: ConnectionState,
}

impl Registry {
    pub(crate) fn new(counters: Arc<Counters>) -> Registry {
        Registry {
            connections: Mutex::default(),
            empty: Notify::new(),
            recent: Mutex::default(),
            collecting: tokio::sync::Mutex::default(),
            counters,
        }
    }

    /// Adds a connection.
    pub(crate) fn register(self: &Arc<Self>, peer: Peer) -> Registration {
        let mut connections = lock(&self.connections);
        connections.last += 1;
        let (id, transport) = (connections.last, peer.transport());
        let mailbox = Arc::new(Mailbox::new(peer));
        if let Some(code) = connections.closing {
            mailbox.close(code);
        }
        connections.by_number.insert(id, mailbox.clone());
        self.counters.changed(transport, None, Some(ConnectionState::Waiting));
        Registration { registry: self.clone(), id, mailbox, written: false, state: ConnectionState::Waiting }
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.connections).by_number.len()
    }

    pub(crate) fn mailbox(&self, connection: u64) -> Option<Arc<Mailbox>> {
        lock(&self.connections).by_number.get(&connection).cloned()
    }

    /// Closes the members whose token no longer allows the same in their room. The others check again when theirs expires.
    pub(crate) fn recheck_tokens(&self, access: &Access) {
        let connections = lock(&self.connections);
        for (number, TokenUse { grant, room }) in &connections.tokens {
            let Some(mailbox) = connections.by_number.get(number) else { continue };
            if access.keeps(grant, room) {
                mailbox.recheck_token();
            } else {
                tracing::info!(peer = mailbox.peer().label(), token = grant.name(), room = &**room, "token-revoked");
                mailbox.close(Code::POLICY);
            }
        }
    }

    /// The mailboxes of the connections whose peer and token, if it is a member by a token, match.
    pub(crate) fn mailboxes_of(&self, matches: impl Fn(&Peer, Option<&str>) -> bool) -> Vec<Arc<Mailbox>> {
        let connections = lock(&self.connections);
        let token = |number: &u64| connections.tokens.get(number).map(|token| token.grant.name());
        let found = connections.by_number.iter().filter(|(number, mailbox)| matches(mailbox.peer(), token(number)));
        found.map(|(_, mailbox)| mailbox.clone()).collect()
    }

    /// The number of members without a token.
    pub(crate) fn members_without_token(&self) -> usize {
        let of = |&transport: &Transport| self.counters.connections(transport, ConnectionState::Member);
        let members: u64 = Transport::ALL.iter().map(of).sum();
        usize::try_from(members).unwrap_or(usize::MAX).saturating_sub(lock(&self.connections).tokens.len())
    }

    /// The name of the token by which the connection with this mailbox is a member.
    pub(crate) fn token_of(&self, mailbox: &Arc<Mailbox>) -> Option<Box<str>> {
        let connections = lock(&self.connections);
        let (number, _) = connections.by_number.iter().find(|(_, other)| Arc::ptr_eq(other, mailbox))?;
        connections.tokens.get(number).map(|token| token.grant.name().into())
    }

    // ---- shutting down

    pub(crate) fn is_closing(&self) -> bool {
        lock(&self.connections).closing.is_some()
    }

    /// From now on new connections are closed at once. Returns those that are open.
    pub(crate) fn start_closing(&self, code: Code) -> Vec<Arc<Mailbox>> {
        let mut connections = lock(&self.connections);
        connections.closing = Some(code);
        connections.by_number.values().cloned().collect()
    }

    /// Waits until no connection is left.
    pub(crate) async fn until_empty(&self) {
        loop {
            let empty = self.empty.notified();
            if self.count() == 0 {
                return;
            }
            empty.await;
        }
    }

    /// Requests the connections that are still open to close, and counts how all have ended.
    pub(crate) fn give_up(&self, code: Code) -> ShutdownSummary {
        let connections = lock(&self.connections);
        for mailbox in connections.by_number.values() {
            mailbox.close(code);
            tracing::warn!(peer = mailbox.peer().label(), "give-up");
        }
        let ShutdownSummary { closed, given_up } = connections.summary;
        ShutdownSummary { closed, given_up: given_up + connections.by_number.len() }
    }

    // ---- reports

    /// Asks every connection for a report, and adds the connections that ended.
    pub(crate) async fn list(&self) -> ConnectionList {
        let _guard = self.collecting.lock().await;
        let (sender, mut reports) = unbounded_channel();
        let mut silent: HashSet<u64> = HashSet::new();
        for (&number, mailbox) in &lock(&self.connections).by_number {
            mailbox.request_report(sender.clone());
            silent.insert(number);
        }
        drop(sender);
        let mut connections = Vec::with_capacity(silent.len());
        // The channel ends when each connection has answered, or has ended and dropped its sender.
        let collect = async {
            while let Some(report) = reports.recv().await {
                silent.remove(&report.connection);
                connections.push(report);
            }
        };
        let _ = timeout(REPORT_TIMEOUT, collect).await; // those that are late are counted below
        connections.sort_unstable_by_key(|report| report.connection);
        let unanswered = silent.iter().filter(|&&number| self.mailbox(number).is_some()).count();
        ConnectionList { connections, unanswered, closed: lock(&self.recent).iter().cloned().collect() }
    }
}

impl Registration {
    /// The number of the connection.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    pub(crate) fn state(&self) -> ConnectionState {
        self.state
    }

    pub(crate) fn set_state(&mut self, state: ConnectionState) {
        let transport = self.mailbox.peer().transport();
        self.registry.counters.changed(transport, Some(self.state), Some(state));
        self.state = state;
    }

    /// Everything was written, including CLOSE or the last line.
    pub(crate) fn set_written(&mut self) {
        self.written = true;
    }

    /// Records the token that admits the connection to a room, so that a reload can revoke it.
    pub(crate) fn record_token(&self, grant: &Grant, room: &str) {
        let token = TokenUse { grant: grant.clone(), room: room.into() };
        lock(&self.registry.connections).tokens.insert(self.id, token);
    }

    /// Records once how the connection ended.
    pub(crate) fn close(&mut self, reason: CloseReason, report: ConnectionReport) {
        if self.state == ConnectionState::Closing {
            return;
        }
        let counters = &self.registry.counters;
        counters.closed(reason.by, reason.name);
        if reason.is_fault {
            counters.faults.count(reason.name);
        }
        let closed = ClosedReport { report, by: reason.by.name(), reason: reason.name, at: wall_clock() };
        let mut recent = lock(&self.registry.recent);
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(closed);
        drop(recent);
        self.set_state(ConnectionState::Closing);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let registry = &self.registry;
        registry.counters.changed(self.mailbox.peer().transport(), Some(self.state), None);
        let mut connections = lock(&registry.connections);
        connections.by_number.remove(&self.id);
        connections.tokens.remove(&self.id);
        if connections.closing.is_some() {
            let ShutdownSummary { closed, given_up } = &mut connections.summary;
            *if self.written { closed } else { given_up } += 1;
        }
        if connections.by_number.is_empty() {
            registry.empty.notify_waiters();
        }
    }
}

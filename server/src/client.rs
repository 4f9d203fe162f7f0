//! A client: one peer as the rooms see it, framed or a terminal. It authenticates, joins, sends, receives and leaves.

mod asking;
mod credentials;
mod keeping;
mod membership;

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use bookend::{Code, Payload};

use crate::admission::{Entry, Rejection};
use crate::block::Payloads;
use crate::clock::wall_clock;
use crate::config::Config;
use crate::counters::ConnectionState;
use crate::feed::{Delivered, Feed};
use crate::hub::Hub;
use crate::mailbox::{Mailbox, Proof};
use crate::output::Output;
use crate::peer::Peer;
use crate::queries::Queries;
use crate::registry::Registration;
use crate::rendition::{Rendered, Rendition};
use crate::report::{CloseReason, ConnectionCounts, ConnectionReport};
use crate::room::Room;
use crate::rooms::TooManyRooms;
use crate::store::Position;
use credentials::{Credentials, Denial};
use membership::Membership;

pub(crate) use membership::JoinRequest;

pub(crate) struct Client {
    hub: Hub,
    registration: Registration,
    /// Boxed, because it is used rarely.
    entry: Box<Entry>,
    pub(crate) credentials: Credentials,
    member: Option<Membership>,
    /// What the member has sent to everyone since the last flush.
    pending: Option<Box<Payloads>>,
    /// What it asks of the history, if it does.
    queries: Option<Box<Queries>>,
    /// What is for this peer alone.
    pub(crate) output: Output,
    pub(crate) counts: ConnectionCounts,
}

impl Client {
    pub(crate) fn new(hub: &Hub, peer: Peer, entry: Entry) -> Client {
        Client {
            hub: hub.clone(),
            registration: hub.register(peer),
            entry: Box::new(entry),
            credentials: Credentials::default(),
            member: None,
            pending: None,
            queries: None,
            output: Output::default(),
            counts: ConnectionCounts::default(),
        }
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(crate) fn peer(&self) -> &Peer {
        self.mailbox().peer()
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        self.registration.mailbox()
    }

    // ---- admission

    /// The peer has sent something.
    pub(crate) fn set_active(&mut self) {
        self.entry.set_active();
    }

    /// The peer has identified itself, and no longer counts as waiting.
    pub(crate) fn set_identified(&mut self) {
        self.entry.set_identified();
    }

    /// Why the connection must end, if a newer one took its place while it waits.
    pub(crate) fn poll_loss(&mut self, cx: &mut Context<'_>) -> Option<Rejection> {
        if self.entry.poll_loss(cx).is_pending() {
            return None;
        }
        self.hub.count_rejection(&Rejection::GaveWay);
        Some(Rejection::GaveWay)
    }

    /// Everything was written to the peer, including CLOSE or the last line.
    pub(crate) fn set_written(&mut self) {
        self.registration.set_written();
    }

    /// Records once how the connection ended.
    pub(crate) fn close(&mut self, reason: CloseReason, report: ConnectionReport) {
        self.registration.close(reason, report);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.registration.state() == ConnectionState::Closing
    }

    // ---- authorization

    /// Accepts a token, or denies the client after a delay, in which it no longer takes the place of others that wait.
    pub(crate) fn authenticate(&mut self, token: &[u8], now: Duration) -> bool {
        let accepted = self.credentials.authenticate(token, now, &self.hub, self.registration.mailbox().peer());
        if !accepted {
            self.set_identified();
        }
        accepted
    }

    /// Has the token expired?
    pub(crate) fn is_expired(&mut self, now: Duration) -> bool {
        let expired = self.credentials.is_expired(now, || self.hub.access());
        if expired && let Some(grant) = self.credentials.grant() {
            tracing::info!(peer = self.peer().label(), token = grant.name(), "token-expired");
        }
        expired
    }

    /// May it join that room?
    pub(crate) fn may_enter(&self, room: &str) -> bool {
        let admits = |grant| self.hub.admits(&self.registration, grant, room);
        self.credentials.rights_in(room, &self.hub, self.peer()).enter() && self.credentials.grant().is_none_or(admits)
    }

    /// Records the room that it is in, so that a reload can revoke its token there.
    pub(crate) fn record_room(&self) {
        if let Some(room) = self.room() {
            self.may_enter(room.name());
        }
    }

    /// Denies it a room, without a delay.
    pub(crate) fn deny(&mut self, room: &str) {
        tracing::info!(peer = self.peer().label(), room, "room-refused");
        let has_token = self.credentials.grant().is_some();
        let reason = if has_token { "no right to this room" } else { "a token is needed" };
        self.credentials.deny(Denial::at_once(Code::POLICY, reason));
    }

    pub(crate) fn may_read(&self) -> bool {
        self.member.as_ref().is_some_and(Membership::may_read)
    }

    pub(crate) fn may_write(&self) -> bool {
        self.member.as_ref().is_some_and(Membership::may_write)
    }

    // ---- membership

    pub(crate) fn member(&self) -> Option<&Membership> {
        self.member.as_ref()
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.member.as_ref().map(Membership::name)
    }

    pub(crate) fn room(&self) -> Option<&Room> {
        self.member.as_ref().map(|member| &**member.room())
    }

    /// Joins a room, leaves the one that it was in, and writes WELCOME, the list of members and the resumed messages.
    /// False if the request to resume was refused. If there are too many rooms, nothing changes.
    pub(crate) fn join(&mut self, request: &JoinRequest<'_>) -> Result<bool, TooManyRooms> {
        let rights = self.credentials.rights_in(request.room, &self.hub, self.peer());
        let identity = self.credentials.identity(self.peer());
        let mailbox = self.registration.mailbox();
        let joined = Membership::join(request, (rights, identity), &self.hub, mailbox);
        let (member, out, resumed) = joined.inspect_err(|TooManyRooms| {
            let (peer, detail) = (self.peer().label(), "too many rooms");
            tracing::info!(peer, fault = "try-later", detail, "refuse");
        })?;
        self.leave();
        self.registration.set_state(ConnectionState::Member);
        self.write(out);
        self.member = Some(member);
        self.leave_if_banned();
        Ok(resumed)
    }

    /// The number of the last message in a room, 0 if it is not in memory.
    pub(crate) fn last_seq(&self, room: &str) -> u64 {
        self.hub.room(room).map_or(0, |room| room.last_seq())
    }

    /// The number after which a room is resumed to receive what was said there since [`last_seq`](Client::last_seq) was
    /// `seq`. If it has begun in memory in the meantime, that is what was said since then.
    pub(crate) fn resume_since(&self, room: &str, seq: u64) -> Option<u64> {
        self.hub.room(room).map(|room| if seq > 0 && room.has_had(seq) { seq } else { room.began() - 1 })
    }

    /// Leaves the room and waits for HELLO.
    pub(crate) fn start_over(&mut self) {
        self.leave();
        self.registration.set_state(ConnectionState::Waiting);
    }

    /// Denies a peer that asks for a banned name.
    pub(crate) fn has_banned_name(&mut self, name: &str) -> bool {
        let Some(notice) = self.ban_of_name(name) else { return false };
        self.credentials.deny(Denial::at_once(Code::POLICY, notice));
        true
    }

    /// Closes if a ban began while it took its name: either this finds the ban, or the ban finds the member.
    fn leave_if_banned(&self) {
        let by_name = self.name().and_then(|name| self.ban_of_name(name));
        let by_token = || self.credentials.grant().and_then(|grant| self.hub.ban_of_token(self.peer(), grant));
        if let Some(notice) = by_name.or_else(by_token) {
            self.mailbox().kick(notice);
        }
    }

    /// Leaves the room, if it is in one.
    pub(crate) fn leave(&mut self) {
        self.flush();
        self.queries = None;
        if let Some(member) = self.member.take() {
            let (room, id) = (member.room(), member.id());
            self.hub.leave(room, id);
            tracing::info!(peer = self.peer().label(), room = room.name(), member = id, name = member.name(), "leave");
        }
    }

    /// Why it may not take that name, if that is banned.
    pub(crate) fn ban_of_name(&self, name: &str) -> Option<String> {
        self.hub.ban_of_name(self.peer(), name)
    }

    /// Takes another name, or one like it.
    pub(crate) fn rename(&mut self, wanted: &str) {
        self.flush();
        if let Some(out) = self.member.as_mut().and_then(|member| member.rename(wanted)) {
            self.write(out);
        }
        self.leave_if_banned();
    }

    /// Takes the name that it asked for when it was taken, if it is free now (R9.39).
    pub(crate) fn reclaim_name(&mut self) {
        self.flush();
        let is_allowed = |name: &str| self.hub.ban_of_name(self.registration.mailbox().peer(), name).is_none();
        if let Some(out) = self.member.as_mut().and_then(|member| member.reclaim(is_allowed)) {
            self.write(out);
        }
        self.leave_if_banned();
    }

    /// Renders from now on in this rendition.
    pub(crate) fn set_rendition(&mut self, rendition: Rendition) {
        if let Some(member) = &mut self.member {
            member.set_rendition(rendition);
        }
    }

    // ---- sending to others

    /// Sends a message to everyone, with the next flush.
    pub(crate) fn post(&mut self, payload: Payload<'_>) {
        self.pending.get_or_insert_default().push(payload);
    }

    /// Publishes the messages that wait for a flush. Returns their position if a store keeps them.
    pub(crate) fn flush(&mut self) -> Option<Position> {
        let (payloads, member) = (self.pending.take()?, self.member.as_ref()?);
        let count = payloads.count();
        self.counts.messages += count;
        self.hub.counters().accepted_messages(count);
        let position = member.publish(*payloads);
        self.hub.relieve();
        position
    }

    /// Sends a private message. Returns what proves that the receiver was there after it, if that can be proved.
    pub(crate) fn post_to(&mut self, to: u32, payload: Payload<'_>) -> Result<Option<Arc<Proof>>, (Code, String)> {
        let absent = || (Code::NO_SUCH_MEMBER, format!("no member {to} in the room"));
        let member = self.member.as_ref().ok_or_else(absent)?;
        let Config { private_frames, answer, .. } = *self.hub.config();
        let sender = Some(self.registration.mailbox()).filter(|_| !answer.is_zero());
        let proof = member.send_private(to, payload, private_frames, sender)?;
        self.counts.messages += 1;
        self.hub.counters().accepted_messages(1);
        Ok(proof)
    }

    // ---- writing to the peer

    /// Writes something for this peer alone.
    pub(crate) fn write(&mut self, rendered: Rendered) {
        self.hub.counters().count_escapes(rendered.escapes);
        self.output.push(rendered.bytes);
    }

    /// Writes the private messages in the mailbox.
    pub(crate) fn take_mail(&mut self) {
        let count = self.registration.mailbox().take(self.output.buffer()) as u64;
        self.counts.deliveries += count;
        self.hub.counters().sent(0, count);
    }

    /// The feed, if it is a member that may read.
    pub(crate) fn feed(&mut self) -> Option<&mut Feed> {
        self.member.as_mut()?.feed()
    }

    /// The next events of the room, gathered in `buffer` if they are in many pieces.
    pub(crate) fn next_events<'a>(&'a mut self, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        if self.holds_events() {
            return &[];
        }
        self.feed().map_or(&[], |feed| feed.next(buffer))
    }

    /// Has every event of the room been written?
    pub(crate) fn is_up_to_date(&mut self) -> bool {
        self.feed().is_none_or(|feed| !feed.has_more() && !feed.is_behind())
    }

    /// Has `waker` woken when there is an event to write. False if there is one already.
    pub(crate) fn wait(&mut self, waker: &Waker) -> bool {
        self.holds_events() || self.feed().is_none_or(|feed| feed.wait(waker))
    }

    // ---- counters and reports

    /// Counts a frame or a line of the peer that was refused.
    pub(crate) fn count_error(&self, code: Code) {
        if let Some(name) = code.name() {
            self.hub.counters().errors.count(name);
        }
    }

    /// Counts bytes that were written, and what the peer received with them.
    pub(crate) fn count_sent(&mut self, bytes: usize, delivered: Delivered) {
        self.counts.bytes_sent += bytes as u64;
        self.counts.deliveries += delivered.messages;
        let counters = self.hub.counters();
        counters.sent(bytes, delivered.messages);
        self.hub.relieve(); // what is sent may have been rendered
        if delivered.missed > 0 {
            counters.missed(delivered.missed);
        }
    }

    /// A report, `age` after the connection was accepted.
    pub(crate) fn report(&self, age: Duration) -> ConnectionReport {
        let ConnectionCounts { bytes_received, bytes_sent, messages, deliveries, last_read, round_trip } = self.counts;
        let member = self.member.as_ref();
        let feed = member.map(Membership::raw_feed);
        let rendition = feed.map(Feed::rendition);
        let age_in_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        ConnectionReport {
            connection: self.registration.id(),
            peer: self.peer().label().into(),
            door: self.peer().transport().name(),
            state: self.registration.state().name(),
            kind: rendition.map(Rendition::member_kind),
            room: member.map(|member| member.room().name().into()),
            member: member.map(Membership::id),
            name: member.map(|member| member.name().into()),
            encoding: rendition.map(Rendition::encoding_name),
            software: None,
            rtt: (round_trip > 0).then(|| f64::from(round_trip) / 1000.0),
            behind: feed.map_or(0, Feed::behind),
            unwritten: self.mailbox().length(),
            bytes_received,
            bytes_sent,
            messages,
            deliveries,
            missed: feed.map_or(0, Feed::missed),
            since: wall_clock().saturating_sub(age_in_ms),
            idle: age.as_secs().saturating_sub(last_read.into()),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.leave();
    }
}

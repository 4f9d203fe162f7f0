//! A client: one peer as the rooms see it, framed or a terminal. It authenticates, joins, sends, receives and leaves.

mod credentials;
mod membership;

use std::task::Waker;
use std::time::Duration;

use bookend::{Code, Payload};

use crate::admission::{Permit, Rejection};
use crate::block::Payloads;
use crate::clock::wall_clock;
use crate::counters::ConnectionState;
use crate::feed::{Delivered, Feed};
use crate::hub::Hub;
use crate::mailbox::Mailbox;
use crate::output::Output;
use crate::peer::Peer;
use crate::registry::Registration;
use crate::rendition::{Rendered, Rendition};
use crate::report::{CloseReason, ConnectionCounts, ConnectionReport};
use crate::room::Room;
use crate::rooms::TooManyRooms;
use credentials::Credentials;
use membership::Membership;

pub(crate) use membership::JoinRequest;

pub(crate) struct Client {
    hub: Hub,
    registration: Registration,
    /// Held until the peer has identified itself.
    permit: Option<Permit>,
    pub(crate) credentials: Credentials,
    member: Option<Membership>,
    /// What the member has sent to everyone since the last flush.
    pending: Option<Box<Payloads>>,
    /// What is for this peer alone.
    pub(crate) output: Output,
    pub(crate) counts: ConnectionCounts,
}

impl Client {
    pub(crate) fn new(hub: &Hub, peer: Peer) -> Client {
        Client {
            hub: hub.clone(),
            registration: hub.register(peer),
            permit: None,
            credentials: Credentials::default(),
            member: None,
            pending: None,
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

    /// Sets a permit from before the TLS handshake.
    pub(crate) fn set_permit(&mut self, permit: Option<Permit>) {
        self.permit = permit;
    }

    /// Gets a permit, unless it has one.
    pub(crate) fn admit(&mut self) -> Result<(), Rejection> {
        if self.permit.is_none() {
            self.permit = Some(self.hub.admit(self.peer())?);
        }
        Ok(())
    }

    /// The peer has identified itself, and no longer counts as waiting.
    pub(crate) fn set_identified(&mut self) {
        self.permit = None;
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

    /// Accepts a token, or denies the client after a delay.
    pub(crate) fn authenticate(&mut self, token: &[u8], now: Duration) -> bool {
        self.credentials.authenticate(token, now, &self.hub, self.registration.mailbox().peer())
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

    /// Denies it a room, without a delay.
    pub(crate) fn deny(&mut self, room: &str) {
        tracing::info!(peer = self.peer().label(), room, "room-refused");
        let has_token = self.credentials.grant().is_some();
        let reason = if has_token { "no right to this room" } else { "a token is needed" };
        self.credentials.deny(reason, Duration::ZERO);
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
        let joined = Membership::join(request, rights, &self.hub, self.registration.mailbox());
        let (member, out, resumed) = joined.inspect_err(|TooManyRooms| {
            let (peer, detail) = (self.peer().label(), "too many rooms");
            tracing::info!(peer, fault = "try-later", detail, "refuse");
        })?;
        self.leave();
        self.registration.set_state(ConnectionState::Member);
        self.write(out);
        self.member = Some(member);
        Ok(resumed)
    }

    /// Leaves the room, if it is in one.
    pub(crate) fn leave(&mut self) {
        self.flush();
        if let Some(member) = self.member.take() {
            let (room, id) = (member.room(), member.id());
            self.hub.leave(room, id);
            tracing::info!(peer = self.peer().label(), room = room.name(), member = id, name = member.name(), "leave");
        }
    }

    /// Takes another name, or one like it.
    pub(crate) fn rename(&mut self, wanted: &str) {
        self.flush();
        if let Some(out) = self.member.as_mut().and_then(|member| member.rename(wanted)) {
            self.write(out);
        }
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

    /// Publishes the messages that wait for a flush.
    pub(crate) fn flush(&mut self) {
        if let Some(payloads) = self.pending.take()
            && let Some(member) = &self.member
        {
            let count = payloads.count();
            self.counts.messages += count;
            self.hub.counters().accepted_messages(count);
            member.publish(*payloads);
            self.hub.relieve();
        }
    }

    /// Sends a private message.
    pub(crate) fn post_to(&mut self, to: u32, payload: Payload<'_>) -> Result<(), (Code, String)> {
        let absent = || (Code::NO_SUCH_MEMBER, format!("no member {to} in the room"));
        let member = self.member.as_ref().ok_or_else(absent)?;
        member.send_private(to, payload, self.hub.config().private_frames)?;
        self.counts.messages += 1;
        self.hub.counters().accepted_messages(1);
        Ok(())
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
        self.feed().map_or(&[], |feed| feed.next(buffer))
    }

    /// Has every event of the room been written?
    pub(crate) fn is_up_to_date(&mut self) -> bool {
        self.feed().is_none_or(|feed| !feed.has_more() && !feed.is_behind())
    }

    /// Has `waker` woken when there is an event to write. False if there is one already.
    pub(crate) fn wait(&mut self, waker: &Waker) -> bool {
        self.feed().is_none_or(|feed| feed.wait(waker))
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

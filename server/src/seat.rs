//! A seat: what framed peers and terminals do alike: join, say, be told, leave.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bookend::{Code, Delivery, Payload, PresenceEvent};

use crate::access::{Grant, Right, Rights};
use crate::admission::{Shut, Ticket};
use crate::block::{Payloads, Told};
use crate::counters::Standing;
use crate::feed::{Count, Feed};
use crate::hub::{Hub, LOBBY, Peer, Registration, wall_clock};
use crate::mailbox::Mailbox;
use crate::rendition::{Change, Head, Rendered, Rendition};
use crate::report::{Report, Tally};
use crate::room::{Member, Room};

pub(crate) struct Seat {
    registration: Registration,
    ticket: Option<Ticket>,
    /// What its token allows, if it has given one.
    grant: Option<Box<Granted>>,
    denial: Option<Box<Denial>>,
    member: Option<Membership>,
    /// What the member has said to everyone since the last flush.
    said: Option<Box<Payloads>>,
    /// Whole frames or lines for this peer alone.
    pub(crate) out: Vec<u8>,
    pub(crate) tally: Tally,
}

/// Why somebody is not let into a room, and when that is told.
pub(crate) struct Denial {
    pub(crate) detail: &'static str,
    /// How long the answer is kept back.
    pub(crate) delay: Duration,
    /// Since the connection began.
    pub(crate) due: Option<Duration>,
}

struct Granted {
    grant: Grant,
    /// When that is to be looked at again, as its time may be over. Since the connection began.
    expires: Option<Duration>,
}

struct Membership {
    rights: Rights,
    name: Arc<str>,
    feed: Feed,
}

impl Membership {
    fn room(&self) -> &Arc<Room> {
        self.feed.room()
    }

    fn id(&self) -> u32 {
        self.feed.id()
    }
}

/// How somebody wants to be a member.
pub(crate) struct Wish<'a> {
    pub(crate) room: &'a str,
    pub(crate) name: Option<&'a str>,
    /// What stands before the number in a name that the hub makes.
    pub(crate) kind: &'a str,
    pub(crate) rendition: Rendition,
    pub(crate) max_body: u32,
    pub(crate) resume: Option<u64>,
}

impl Seat {
    pub(crate) fn new(hub: &Hub, peer: Peer) -> Seat {
        Seat {
            registration: hub.register(peer),
            ticket: None,
            grant: None,
            denial: None,
            member: None,
            said: None,
            out: Vec::new(),
            tally: Tally::default(),
        }
    }

    pub(crate) fn hub(&self) -> &Hub {
        self.registration.hub()
    }

    pub(crate) fn peer(&self) -> &Peer {
        self.mailbox().peer()
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.registration.mailbox
    }

    /// Has a place at the door from before.
    pub(crate) fn set_ticket(&mut self, ticket: Option<Ticket>) {
        self.ticket = ticket;
    }

    /// Takes a place at the door, if there is one.
    pub(crate) fn enter(&mut self) -> Result<(), Shut> {
        if self.ticket.is_none() {
            self.ticket = Some(self.hub().admit(self.peer())?);
        }
        Ok(())
    }

    /// Everything has been written to the peer, the end too.
    pub(crate) fn closed(&mut self) {
        self.registration.closed = true;
    }

    /// The peer has said who it is, and counts at the door no more.
    pub(crate) fn let_in(&mut self) {
        self.ticket = None;
    }

    // ---- who may do what

    /// Takes a token, or denies what was asked, after a while. Where there are no tokens, none is right or wrong.
    pub(crate) fn authenticate(&mut self, token: &[u8], now: Duration) -> bool {
        let (access, peer) = (self.hub().access(), self.peer().label());
        match access.check(token) {
            None if access.tokens() == 0 => true,
            Some(grant) => {
                tracing::info!(peer, token = grant.name(), "token-accepted");
                let expires = access.time_left(&grant).map(|left| next_look(now, left));
                self.grant = Some(Box::new(Granted { grant, expires }));
                true
            }
            None => {
                tracing::info!(peer, "token-refused");
                self.hub().count_wrong_token(self.peer());
                let delay = self.hub().config().token_delay;
                self.denial = Some(Box::new(Denial { detail: "the token is not valid", delay, due: None }));
                false
            }
        }
    }

    /// When its token's time may be over.
    pub(crate) fn expires(&self) -> Option<Duration> {
        self.grant.as_ref()?.expires
    }

    /// A reload may have changed when its token's time is over.
    pub(crate) fn look_again(&mut self, now: Duration) {
        if let Some(granted) = &mut self.grant {
            granted.expires = Some(now);
        }
    }

    /// Is its token's time over? A reload may have given it more since.
    pub(crate) fn is_expired(&mut self, now: Duration) -> bool {
        if self.expires().is_none_or(|expires| now < expires) {
            return false;
        }
        let (access, peer) = (self.hub().access(), self.registration.mailbox.peer().label());
        let Some(Granted { grant, expires }) = self.grant.as_deref_mut() else { return false };
        let left = access.time_left(grant);
        *expires = left.map(|left| next_look(now, left));
        let is_over = left.is_some_and(|left| left.is_zero());
        if is_over {
            tracing::info!(peer, token = grant.name(), "token-expired");
        }
        is_over
    }

    /// What it may do in a room.
    fn rights_in(&self, room: &str) -> Rights {
        match &self.grant {
            Some(granted) => granted.grant.rights_in(room),
            None => self.hub().config().access.without_token(self.peer().is_certified()),
        }
    }

    /// May it be in that room?
    pub(crate) fn may_enter(&self, room: &str) -> bool {
        self.rights_in(room).enter()
            && self.grant.as_ref().is_none_or(|granted| self.hub().pass(&self.registration, &granted.grant, room))
    }

    /// Its room if it names none.
    pub(crate) fn home(&self) -> Arc<str> {
        self.grant.as_ref().map_or(LOBBY, |granted| granted.grant.home()).into()
    }

    /// Denies it a room, at once.
    pub(crate) fn deny(&mut self, room: &str) {
        tracing::info!(peer = self.peer().label(), room, "room-refused");
        let detail = if self.grant.is_some() { "no right to this room" } else { "a token is needed" };
        self.denial = Some(Box::new(Denial { detail, delay: Duration::ZERO, due: None }));
    }

    /// What has been denied and is still to be told.
    pub(crate) fn denial(&mut self) -> &mut Option<Box<Denial>> {
        &mut self.denial
    }

    /// When that is due.
    pub(crate) fn denial_due(&self) -> Option<Duration> {
        self.denial.as_ref()?.due
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.denial.is_some()
    }

    /// May it be told what is said in its room?
    pub(crate) fn may_read(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.rights.contain(Right::Read))
    }

    /// May it say something in its room?
    pub(crate) fn may_write(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.rights.contain(Right::Write))
    }

    /// Becomes a member: WELCOME, who is here, and what is to be resumed is ready to be written. False if there is
    /// nothing to resume. Who may not read is told what stands in front of what is said.
    pub(crate) fn join(&mut self, wish: &Wish<'_>) -> bool {
        let Wish { rendition, max_body, .. } = *wish;
        let rights = self.rights_in(wish.room);
        let reads = rights.contain(Right::Read);
        let resume = wish.resume.filter(|_| reads);
        let name = wish.name.and_then(without_mark);
        let make = |id| Member {
            name: name.map_or_else(|| format!("{}-{id}", wish.kind).into(), Into::into),
            rendition,
            max_body,
            reads,
            mailbox: self.registration.mailbox.clone(),
        };
        let (room, id, joined) = self.hub().join(wish.room, make, resume);
        self.registration.stands(Standing::Member);
        tracing::info!(peer = self.peer().label(), room = room.name(), member = id, name = &*joined.name, "join");

        let mut out = Rendered::default();
        rendition.welcome(id, joined.next_seq, &format!("welcome to {}", room.name()), &mut out);
        if let Some(here) = joined.here.crowd {
            rendition.crowd(here, room.name(), &mut out);
        }
        for (member, name) in &joined.here.members {
            rendition.presence(*member, PresenceEvent::Here, name, &mut out);
        }
        let mut feed = Feed::new(room.clone(), id, rendition, max_body, joined.cursor);
        if let (Some(after), Some(Some((start, missed)))) = (resume, joined.resumed) {
            if missed.messages > 0 {
                rendition.gap(missed.messages, &mut out);
                feed.count_missed(missed.messages);
                self.hub().counters().missed(missed.messages);
            }
            feed.replay(after, start);
        }
        self.write(out);
        self.member = Some(Membership { rights, name: joined.name, feed });
        !matches!(joined.resumed, Some(None)) && resume == wish.resume
    }

    /// Leaves the room, if it is in one.
    pub(crate) fn leave(&mut self) {
        self.flush();
        if let Some(member) = self.member.take() {
            let (room, id) = (member.room(), member.id());
            self.hub().leave(room, id);
            tracing::info!(peer = self.peer().label(), room = room.name(), member = id, name = &*member.name, "leave");
        }
    }

    // ---- to others

    /// Bytes of body of the DELIVERY that would tell everyone this, as it came.
    pub(crate) fn delivery_length(&self, payload: Payload<'_>) -> usize {
        let name = self.member.as_ref().map_or(0, |member| member.name.len());
        Delivery::FIXED_LENGTH + name + payload.as_bytes().len()
    }

    /// Says something to everyone, with the next flush.
    pub(crate) fn say(&mut self, payload: Payload<'_>) {
        self.said.get_or_insert_default().push(payload);
    }

    /// Tells the room what was said.
    pub(crate) fn flush(&mut self) {
        if let Some(payloads) = self.said.take()
            && let Some(member) = &self.member
        {
            let count = payloads.count();
            self.tally.messages += count;
            self.hub().counters().said(count);
            let (from, name) = (member.id(), member.name.clone());
            member.room().tell(Told::Messages { from, name, time: wall_clock(), payloads: *payloads });
        }
    }

    /// Says something to one member.
    pub(crate) fn say_to(&mut self, to: u32, payload: Payload<'_>) -> Result<(), (Code, String)> {
        let absent = || (Code::NO_SUCH_MEMBER, format!("no member {to} in the room"));
        let member = self.member.as_ref().ok_or_else(absent)?;
        let receiver = member.room().member(to).ok_or_else(absent)?;
        if !receiver.reads {
            return Err((Code::POLICY, "the member has no right to read".into()));
        }
        let mut payloads = Payloads::default();
        payloads.push(payload);
        let mut out = Rendered::default();
        for spoken in payloads.iter() {
            let head = Head { from: member.id(), to, seq: 0, time: wall_clock(), name: &member.name };
            receiver.rendition.message(head, spoken, &mut out);
        }
        self.hub().count_escapes(out.escapes);
        if out.longest > receiver.max_body as usize {
            return Err((Code::TOO_LONG, format!("the member accepts bodies of {} bytes", receiver.max_body)));
        }
        if receiver.mailbox.put(&out.bytes, self.hub().config().private_frames) {
            self.tally.messages += 1;
            self.hub().counters().said(1);
            Ok(())
        } else {
            Err((Code::TRY_LATER, "too many messages wait for the member, or it is leaving".into()))
        }
    }

    // ---- to this peer

    /// Writes to this peer alone.
    pub(crate) fn write(&mut self, rendered: Rendered) {
        self.hub().count_escapes(rendered.escapes);
        if self.out.is_empty() {
            self.out = rendered.bytes;
        } else {
            self.out.extend_from_slice(&rendered.bytes);
        }
    }

    /// Writes what others have put in the mailbox.
    pub(crate) fn take_mail(&mut self) {
        let count = self.registration.mailbox.take(&mut self.out) as u64;
        self.tally.deliveries += count;
        self.hub().counters().sent(0, count);
    }

    // ---- what an operator can ask

    /// A frame or a line of the peer was refused.
    pub(crate) fn count_error(&self, code: Code) {
        if let Some(name) = code.name() {
            self.hub().counters().errors.count(name);
        }
    }

    /// So many bytes were written, and what was told with them.
    pub(crate) fn count_sent(&mut self, bytes: usize, told: Count) {
        self.tally.bytes_sent += bytes as u64;
        self.tally.deliveries += told.messages;
        let counters = self.hub().counters();
        counters.sent(bytes, told.messages);
        if told.missed > 0 {
            counters.missed(told.missed);
        }
    }

    pub(crate) fn registration(&mut self) -> &mut Registration {
        &mut self.registration
    }

    /// How the connection is, as far as this knows, `age` after it was accepted.
    pub(crate) fn report(&self, age: Duration) -> Report {
        let Tally { bytes_received, bytes_sent, messages, deliveries, heard, round_trip } = self.tally;
        let member = self.member.as_ref();
        let rendition = member.map(|member| member.feed.rendition());
        let age_in_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Report {
            connection: self.registration.id(),
            peer: self.peer().label().into(),
            door: self.peer().door().name(),
            state: self.registration.standing().name(),
            kind: rendition.map(Rendition::member_kind),
            room: member.map(|member| member.room().name().into()),
            member: member.map(Membership::id),
            name: member.map(|member| (*member.name).into()),
            encoding: rendition.map(Rendition::encoding_name),
            software: None,
            rtt: (round_trip > 0).then(|| f64::from(round_trip) / 1000.0),
            behind: member.map_or(0, |member| member.feed.behind()),
            unwritten: self.registration.mailbox.length(),
            bytes_received,
            bytes_sent,
            messages,
            deliveries,
            missed: member.map_or(0, |member| member.feed.missed()),
            since: wall_clock().saturating_sub(age_in_ms),
            idle: age.as_secs().saturating_sub(heard.into()),
        }
    }

    // ---- what a member can ask

    pub(crate) fn name(&self) -> Option<&str> {
        self.member.as_ref().map(|member| &*member.name)
    }

    pub(crate) fn room(&self) -> Option<&Room> {
        self.member.as_ref().map(|member| &**member.room())
    }

    /// Takes another name, or one like it.
    pub(crate) fn rename(&mut self, wanted: &str) {
        self.flush();
        if let Some(member) = &mut self.member
            && let Some(wanted) = without_mark(wanted)
            && let Some((name, told)) = member.room().rename(member.id(), wanted)
        {
            let before = std::mem::replace(&mut member.name, name.clone());
            if !told {
                let mut out = Rendered::default();
                member.feed.rendition().change(member.id(), &Change::Renamed(before), &name, 0, &mut out);
                self.write(out);
            }
        }
    }

    /// From now on everything comes in this form.
    pub(crate) fn set_rendition(&mut self, rendition: Rendition) {
        if let Some(member) = &mut self.member {
            member.room().set_rendition(member.id(), rendition);
            member.feed.set_rendition(rendition);
        }
    }

    // ---- the feed

    /// Who may not read has none.
    pub(crate) fn feed(&mut self) -> Option<&mut Feed> {
        let reads = self.may_read();
        self.member.as_mut().filter(|_| reads).map(|member| &mut member.feed)
    }

    /// What the room told and is to be written next, gathered in `buffer` where it is in many pieces.
    pub(crate) fn next_told<'a>(&'a mut self, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        match &mut self.member {
            Some(member) if member.rights.contain(Right::Read) => member.feed.next(buffer, self.registration.hub()),
            _ => &[],
        }
    }

    /// Has everything been written that the room told?
    pub(crate) fn has_been_told(&mut self) -> bool {
        let reads = self.may_read();
        self.member.as_mut().is_none_or(|member| !reads || !member.feed.has_more(self.registration.hub()))
    }

    /// Sees to it that `waker` is woken when the room tells something. False if there is something now.
    pub(crate) fn sleep(&mut self, waker: &Waker) -> bool {
        self.feed().is_none_or(|feed| feed.sleep(waker))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

/// When to look at a token again whose time is over in `left`, by a clock that somebody may set.
fn next_look(now: Duration, left: Duration) -> Duration {
    const AT_THE_LATEST: Duration = Duration::from_secs(3600);
    now.saturating_add(left.min(AT_THE_LATEST))
}

/// A name without byte order marks in front: they would be lost on the way, and a name of nothing else with them.
fn without_mark(name: &str) -> Option<&str> {
    Some(name.trim_start_matches('\u{FEFF}')).filter(|name| !name.is_empty())
}

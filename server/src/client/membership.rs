//! Membership: a client in a room.

use std::sync::Arc;

use bookend::{Code, Delivery, Payload, PresenceEvent};

use crate::access::{Identity, Right, Rights};
use crate::block::{Event, Payloads};
use crate::canonical::shown;
use crate::clock::wall_clock;
use crate::feed::Feed;
use crate::hub::Hub;
use crate::mailbox::{Mailbox, Proof};
use crate::rendition::{Change, MessageInfo, Rendered, Rendition};
use crate::room::{Member, Resumed, Room};
use crate::rooms::TooManyRooms;
use crate::store::Position;

pub(crate) struct Membership {
    rights: Rights,
    name: Arc<str>,
    feed: Feed,
}

/// How a client joins a room.
pub(crate) struct JoinRequest<'a> {
    /// In its shown form.
    pub(crate) room: &'a str,
    pub(crate) name: Option<&'a str>,
    /// The first part of the name that a member without a name gets; its number follows.
    pub(crate) name_prefix: &'a str,
    pub(crate) rendition: Rendition,
    pub(crate) max_body: u32,
    pub(crate) resume: Option<u64>,
}

impl Membership {
    /// Joins a room. Returns the membership, WELCOME and the list of members, and whether the request to resume was
    /// granted. Fails if there are too many rooms.
    pub(super) fn join(
        request: &JoinRequest<'_>,
        (rights, identity): (Rights, Option<Identity>),
        hub: &Hub,
        mailbox: &Arc<Mailbox>,
    ) -> Result<(Membership, Rendered, bool), TooManyRooms> {
        let JoinRequest { rendition, max_body, .. } = *request;
        let reads = rights.contain(Right::Read);
        let resume = request.resume.filter(|_| reads);
        let name = request.name.and_then(shown);
        let make = |id| Member {
            name: match &name {
                Some(name) => name.as_ref().into(),
                None => format!("{}-{id}", request.name_prefix).into(),
            },
            wanted: name.as_deref().map(Into::into),
            identity,
            rendition,
            max_body,
            reads,
            mailbox: mailbox.clone(),
        };
        let owner = mailbox.peer().source();
        let (room, id, joined) = hub.join(request.room, owner, make, resume)?;
        let peer = mailbox.peer().label();
        tracing::info!(peer, room = room.name(), member = id, name = &*joined.name, "join");

        let mut out = Rendered::default();
        rendition.welcome(id, joined.next_seq, &format!("welcome to {}", room.name()), &mut out);
        if let Some(count) = joined.present.crowd {
            rendition.crowd(count, room.name(), &mut out);
        }
        for (member, name) in &joined.present.members {
            rendition.presence(*member, PresenceEvent::Here, name, &mut out);
        }
        let (start, missed) = match joined.resumed {
            Resumed::From(start, missed) => (start, missed.messages),
            Resumed::NotRequested | Resumed::Refused => (joined.cursor, 0),
        };
        let mut feed = Feed::new(room, id, (rendition, max_body), (start, joined.joined));
        if missed > 0 {
            rendition.gap(missed, &mut out);
            feed.count_missed(missed);
            hub.counters().missed(missed);
        }
        let granted = joined.resumed != Resumed::Refused && resume == request.resume;
        Ok((Membership { rights, name: joined.name, feed }, out, granted))
    }

    pub(crate) fn room(&self) -> &Arc<Room> {
        self.feed.room()
    }

    /// The number of the member.
    pub(crate) fn id(&self) -> u32 {
        self.feed.id()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn may_read(&self) -> bool {
        self.rights.contain(Right::Read)
    }

    pub(crate) fn may_write(&self) -> bool {
        self.rights.contain(Right::Write)
    }

    /// The feed, even if the member may not read.
    pub(super) fn raw_feed(&self) -> &Feed {
        &self.feed
    }

    /// The feed of a member that may read.
    pub(super) fn feed(&mut self) -> Option<&mut Feed> {
        if self.may_read() { Some(&mut self.feed) } else { None }
    }

    /// Takes another name, or one like it. Returns what to write to the member itself, if the room does not notify it.
    pub(super) fn rename(&mut self, wanted: &str) -> Option<Rendered> {
        let renamed = self.room().rename(self.id(), &shown(wanted)?)?;
        self.set_name(renamed)
    }

    /// Takes the name that it asked for when it was taken, if it is free now and `allows` does. Returns the same.
    pub(super) fn reclaim(&mut self, allows: impl FnOnce(&str) -> bool) -> Option<Rendered> {
        let renamed = self.room().reclaim(self.id(), allows)?;
        self.set_name(renamed)
    }

    fn set_name(&mut self, (name, notified): (Arc<str>, bool)) -> Option<Rendered> {
        let before = std::mem::replace(&mut self.name, name);
        if notified {
            return None;
        }
        let mut out = Rendered::default();
        self.feed.rendition().change(self.id(), &Change::Renamed(before), &self.name, 0, &mut out);
        Some(out)
    }

    /// Renders from now on in this rendition.
    pub(super) fn set_rendition(&mut self, rendition: Rendition) {
        self.room().set_rendition(self.id(), rendition);
        self.feed.set_rendition(rendition);
    }

    // ---- sending

    /// The length of the body of the DELIVERY that carries the payload unconverted.
    pub(crate) fn delivery_length(&self, payload: Payload<'_>) -> usize {
        Delivery::FIXED_LENGTH + self.name.len() + payload.as_bytes().len()
    }

    /// Publishes messages to the room. Returns their position if a store keeps them.
    pub(super) fn publish(&self, payloads: Payloads) -> Option<Position> {
        let event = Event::Messages { from: self.id(), name: self.name.clone(), time: wall_clock(), payloads };
        self.room().publish(event)
    }

    /// Sends a private message. Returns what proves to `sender` that the receiver was there after it, if that can be
    /// proved: a terminal answers nothing by itself.
    pub(super) fn send_private(
        &self,
        to: u32,
        payload: Payload<'_>,
        limit: usize,
        sender: Option<&Arc<Mailbox>>,
    ) -> Result<Option<Arc<Proof>>, (Code, String)> {
        let receiver =
            self.room().member(to).ok_or_else(|| (Code::NO_SUCH_MEMBER, format!("no member {to} in the room")))?;
        if !receiver.reads {
            return Err((Code::POLICY, "the member has no right to read".into()));
        }
        let mut payloads = Payloads::default();
        payloads.push(payload);
        let mut out = Rendered::default();
        for payload in payloads.iter() {
            let info = MessageInfo { from: self.id(), to, seq: 0, time: wall_clock(), name: &self.name };
            receiver.rendition.message(info, payload, &mut out);
        }
        self.room().counters().count_escapes(out.escapes);
        if out.longest > receiver.max_body as usize {
            return Err((Code::TOO_LONG, format!("the member accepts bodies of {} bytes", receiver.max_body)));
        }
        let is_provable = to != self.id() && !matches!(receiver.rendition, Rendition::Lines(_));
        let proof = sender.filter(|_| is_provable).map(Proof::new);
        match receiver.mailbox.put(&out.bytes, limit, proof.clone()) {
            true => Ok(proof),
            false => Err((Code::TRY_LATER, "too many messages wait for the member, or it is leaving".into())),
        }
    }
}

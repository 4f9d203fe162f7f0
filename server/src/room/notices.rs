//! Notices of the hub to the members of a room, which are not messages of the room.

use bookend::Encoding;

use super::{Member, Room};
use crate::clock::wall_clock;
use crate::rendition::{HUB, MessageInfo, Rendered, StoredPayload};

/// How many messages may wait for a member that reads slowly: then it is not notified.
const WAITING: usize = 64;

impl Room {
    /// Tells each member that may read, as a message from the hub to this member: it has no number in the room, and is not
    /// kept.
    pub(crate) fn notify(&self, text: &str) {
        let payload = StoredPayload { encoding: Encoding::Utf8, bytes: text.as_bytes() };
        let members: Vec<(u32, Member)> = {
            let state = self.lock();
            let readers = state.members.iter().filter(|(_, member)| member.reads);
            readers.map(|(&id, member)| (id, member.clone())).collect()
        };
        let time = wall_clock();
        for (to, member) in members {
            let mut out = Rendered::default();
            member.rendition.message(MessageInfo { from: HUB, to, seq: 0, time, name: "" }, payload, &mut out);
            if out.longest <= member.max_body as usize {
                member.mailbox.put(&out.bytes, WAITING, None);
            }
        }
    }
}

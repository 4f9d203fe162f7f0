//! Who is present in a room.

use std::sync::Arc;

use super::State;

/// Who is present, as a member is notified.
#[derive(Debug, Default)]
pub(crate) struct Present {
    /// The number of members, if the room is a crowd.
    pub(crate) crowd: Option<usize>,
    /// Numbers and names; in a crowd only the member's own.
    pub(crate) members: Vec<(u32, Arc<str>)>,
}

impl State {
    pub(super) fn members(&self) -> Vec<(u32, Arc<str>)> {
        self.members.iter().map(|(&id, member)| (id, member.name.clone())).collect()
    }

    pub(super) fn present(&self) -> Present {
        let members = if self.crowd.is_none() { self.members() } else { Vec::new() };
        Present { crowd: self.crowd_size(), members }
    }

    /// The number of members, if the room is a crowd.
    pub(super) fn crowd_size(&self) -> Option<usize> {
        self.crowd.as_ref().map(|_| self.members.len())
    }
}

//! Names that members asked for while others had them, and who gets such a name when it is free (R9.39).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{Member, Room, State};
use crate::access::Identity;
use crate::canonical::key;
use crate::mailbox::Mailbox;

/// The members that wait for each name. Their numbers grow, so that the lowest one has waited longest.
#[derive(Debug, Default)]
pub(super) struct Wanted(HashMap<Box<str>, BTreeSet<u32>>);

impl Wanted {
    pub(super) fn add(&mut self, name: &str, member: u32) {
        self.0.entry(key(name)).or_default().insert(member);
    }

    pub(super) fn remove(&mut self, name: &str, member: u32) {
        let key = key(name);
        if let Some(members) = self.0.get_mut(&key) {
            members.remove(&member);
            if members.is_empty() {
                self.0.remove(&key);
            }
        }
    }

    /// The members that wait for a name, the one that has waited longest first.
    pub(super) fn of(&self, name: &str) -> impl Iterator<Item = u32> {
        self.0.get(&key(name)).into_iter().flatten().copied()
    }
}

impl Room {
    /// Gives a member the name that it asked for when it was taken, if it is free now and `allows` does
    /// (R9.39).
    pub(crate) fn reclaim(self: &Arc<Self>, id: u32, allows: impl FnOnce(&str) -> bool) -> Option<(Arc<str>, bool)> {
        let state = self.lock();
        let wanted = state.members.get(&id)?.wanted.clone()?;
        if state.names.is_taken(&wanted) || !allows(&wanted) {
            return None;
        }
        let before = state.members.get(&id)?.name.clone();
        drop(state);
        self.rename(id, &wanted).filter(|(name, _)| *name != before)
    }
}

impl State {
    /// Lists a member that did not get the name that it asked for. If the one that has the name has the same identity, it
    /// must show that it still answers (R9.40).
    pub(super) fn note_wanted(&mut self, id: u32, member: &mut Member) {
        member.wanted = member.wanted.take().filter(|wanted| *wanted != member.name);
        let Some(wanted) = &member.wanted else { return };
        self.wanted.add(wanted, id);
        let holder = self.names.holder(wanted).and_then(|holder| self.members.get(&holder));
        if let Some(holder) = holder
            && member.identity.is_some()
            && holder.identity == member.identity
        {
            holder.mailbox.challenge();
        }
    }

    /// The mailbox of the member that gets a name, if it is free: one of the same identity as the last holder, or else
    /// the one that has waited longest.
    pub(super) fn next_for(&self, name: &str, identity: Option<&Identity>) -> Option<Arc<Mailbox>> {
        if self.wanted.0.is_empty() || self.names.is_taken(name) {
            return None;
        }
        let waiting = || self.wanted.of(name).filter_map(|id| self.members.get(&id));
        let heir = identity.and_then(|_| waiting().find(|member| member.identity.as_ref() == identity));
        heir.or_else(|| waiting().next()).map(|member| member.mailbox.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_that_has_waited_longest_is_next_and_nothing_is_kept_of_the_others() {
        let mut wanted = Wanted::default();
        wanted.add("ann", 7);
        wanted.add("Ann", 3);
        wanted.add("bob", 1);
        assert_eq!((wanted.of("ANN").collect::<Vec<_>>(), wanted.of("carl").next()), (vec![3, 7], None));
        wanted.remove("ann", 3);
        assert_eq!(wanted.of("ann").next(), Some(7));
        wanted.remove("ann", 7);
        wanted.remove("ann", 7);
        wanted.remove("bob", 1);
        assert!(wanted.0.is_empty());
    }
}

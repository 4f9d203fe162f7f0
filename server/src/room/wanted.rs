//! Names that members asked for while others had them, and who gets such a name when it is free (R9.40).

use std::collections::{BTreeSet, HashMap};

use crate::name::key;

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

    /// The member that gets a name that is free now.
    pub(super) fn next(&self, name: &str) -> Option<u32> {
        self.0.get(&key(name))?.first().copied()
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
        assert_eq!((wanted.next("ANN"), wanted.next("carl")), (Some(3), None));
        wanted.remove("ann", 3);
        assert_eq!(wanted.next("ann"), Some(7));
        wanted.remove("ann", 7);
        wanted.remove("ann", 7);
        wanted.remove("bob", 1);
        assert!(wanted.0.is_empty());
    }
}

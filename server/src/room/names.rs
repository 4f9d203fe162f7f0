//! Names in a room: no two members have the same one, nor two that look alike (R9.15, R9.36).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bookend::MAX_LINE;

use crate::canonical::{Keys, keys};

/// The names of the hub itself, which no member gets (R9.37).
const RESERVED: [&str; 4] = ["hub", "the hub", "*", "!"];

/// The keys of `RESERVED`.
static RESERVED_KEYS: LazyLock<Vec<Keys>> = LazyLock::new(|| RESERVED.map(keys).into());

#[derive(Debug, Default)]
pub(super) struct Names {
    /// The member of each key.
    members: HashMap<Arc<str>, u32>,
    /// The keys of each member.
    keys: HashMap<u32, Keys>,
}

impl Names {
    /// Gives a member `wanted`, or the same with the first suffix that is free, in place of the name that it had. `wanted`
    /// is in its shown form.
    pub(super) fn assign(&mut self, wanted: &str, id: u32) -> Arc<str> {
        let (name, keys) = self.free(wanted, id);
        self.remove(id);
        self.members.extend(keys.iter().map(|key| (key.clone(), id)));
        self.keys.insert(id, keys);
        name
    }

    /// Frees the name of a member.
    pub(super) fn remove(&mut self, id: u32) {
        for key in self.keys.remove(&id).iter().flat_map(Keys::iter) {
            self.members.remove(key);
        }
    }

    /// Does a member have the name, or one that looks like it? The hub has some itself.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        let keys = keys(name);
        is_reserved(&keys) || keys.iter().any(|key| self.members.contains_key(key))
    }

    /// The member that has the name, or one that looks like it.
    pub(super) fn holder(&self, name: &str) -> Option<u32> {
        keys(name).iter().find_map(|key| self.find(key))
    }

    /// The member whose name has this key.
    pub(super) fn find(&self, key: &str) -> Option<u32> {
        self.members.get(key).copied()
    }

    fn free(&self, wanted: &str, id: u32) -> (Arc<str>, Keys) {
        let keys_of_wanted = keys(wanted);
        if self.is_free(&keys_of_wanted, id) {
            return (wanted.into(), keys_of_wanted);
        }
        let mut cut = (wanted, keys_of_wanted);
        // Many members with one name are not searched: after -9 the suffix is the member's own number.
        for number in (2..10).chain(u64::from(id).max(10)..) {
            let suffix = format!("-{number}");
            let kept = shortened(wanted, MAX_LINE - suffix.len());
            if kept != cut.0 {
                cut = (kept, keys(kept));
            }
            let keys = cut.1.suffixed(&suffix);
            if self.is_free(&keys, id) {
                return (format!("{kept}{suffix}").into(), keys);
            }
        }
        unreachable!("there are more numbers than members")
    }

    fn is_free(&self, keys: &Keys, id: u32) -> bool {
        keys.iter().all(|key| self.members.get(key).is_none_or(|&holder| holder == id)) && !is_reserved(keys)
    }
}

fn is_reserved(keys: &Keys) -> bool {
    RESERVED_KEYS.iter().flat_map(Keys::iter).any(|reserved| keys.iter().any(|key| key == reserved))
}

/// The beginning of a name, of at most so many bytes.
fn shortened(name: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(name.len())).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Names of which many look alike.
    const WANTED: [&str; 14] =
        ["ann", "Ann", "аnn", "ann-2", "Ian", "ian", "lan", "1an", "hub", "*", "rn", "m", "BOB", "ВОВ"];

    #[test]
    fn no_two_members_ever_share_a_key_and_every_key_is_freed() {
        // [R9.36]
        let (mut names, mut members) = (Names::default(), BTreeMap::<u32, Arc<str>>::new());
        let mut state = 7_u64;
        for _ in 0..3000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = u32::try_from(state >> 33).unwrap();
            let (id, wanted) = (number % 12 + 1, WANTED[(number as usize / 12) % WANTED.len()]);
            let before = members.remove(&id);
            match (before, number % 5) {
                (Some(_), 0) => names.remove(id),
                _ => _ = members.insert(id, names.assign(wanted, id)),
            }
            let mut holders = BTreeMap::new();
            for (id, name) in &members {
                for key in keys(name).iter() {
                    assert_eq!(holders.insert(key.clone(), *id), None, "{members:?}");
                    assert!(!is_reserved(&keys(name)), "{name}");
                }
            }
            assert_eq!(names.members, holders.into_iter().collect());
        }
    }
}

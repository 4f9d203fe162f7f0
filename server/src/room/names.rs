//! Names in a room: no two members have the same one, nor two that look alike (R9.15, R9.36).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bookend::MAX_LINE;

use crate::canonical::{Keys, keys};

/// The names of the hub itself, which no member gets (R9.37).
const RESERVED: [&str; 4] = ["hub", "the hub", "*", "!"];

/// The keys of `RESERVED`.
static RESERVED_KEYS: LazyLock<Vec<Keys>> = LazyLock::new(|| RESERVED.map(keys).into());

/// The member of each key.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Box<str>, u32>);

impl Names {
    /// Gives a member `wanted`, or the same with the first suffix that is free. `wanted` is in its shown form.
    pub(super) fn assign(&mut self, wanted: &str, id: u32) -> Arc<str> {
        let (name, keys) = self.free(wanted, id);
        for key in keys.iter() {
            self.0.insert(key.into(), id);
        }
        name
    }

    /// Frees the name of a member, except what its name `kept` shares with it.
    pub(super) fn remove(&mut self, name: &str, kept: Option<&str>) {
        let kept = kept.map(keys);
        for key in keys(name).iter() {
            if !kept.as_ref().is_some_and(|kept| kept.iter().any(|other| other == key)) {
                self.0.remove(key);
            }
        }
    }

    /// Does a member have the name, or one that looks like it? The hub has some itself.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        let keys = keys(name);
        is_reserved(&keys) || keys.iter().any(|key| self.0.contains_key(key))
    }

    /// The member that has the name, or one that looks like it.
    pub(super) fn holder(&self, name: &str) -> Option<u32> {
        keys(name).iter().find_map(|key| self.find(key))
    }

    /// The member whose name has this key.
    pub(super) fn find(&self, key: &str) -> Option<u32> {
        self.0.get(key).copied()
    }

    fn free(&self, wanted: &str, id: u32) -> (Arc<str>, Keys) {
        let free = |name: &str| {
            let keys = keys(name);
            let is_free = |key: &str| self.0.get(key).is_none_or(|&holder| holder == id);
            (keys.iter().all(is_free) && !is_reserved(&keys)).then_some((name.into(), keys))
        };
        // Many members with one name are not searched: after -9 the suffix is the member's own number.
        free(wanted).unwrap_or_else(|| {
            (2..10)
                .chain(u64::from(id).max(10)..)
                .find_map(|number| free(&suffixed(wanted, number)))
                .expect("there are more numbers than members")
        })
    }
}

fn is_reserved(keys: &Keys) -> bool {
    RESERVED_KEYS.iter().any(|reserved| reserved.iter().any(|reserved| keys.iter().any(|key| key == reserved)))
}

/// `name-number`, of at most 64 bytes.
fn suffixed(name: &str, number: u64) -> String {
    let suffix = format!("-{number}");
    let space = MAX_LINE - suffix.len();
    let end = (0..=space.min(name.len())).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    format!("{}{suffix}", &name[..end])
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
                (Some(before), 0) => names.remove(&before, None),
                (before, _) => {
                    let name = names.assign(wanted, id);
                    if let Some(before) = before.filter(|before| *before != name) {
                        names.remove(&before, Some(&name));
                    }
                    members.insert(id, name);
                }
            }
            let mut holders = BTreeMap::new();
            for (id, name) in &members {
                for key in keys(name).iter() {
                    assert_eq!(holders.insert(key.to_owned(), *id), None, "{members:?}");
                    assert!(!is_reserved(&keys(name)), "{name}");
                }
            }
            assert_eq!(names.0, holders.into_iter().map(|(key, id)| (key.into(), id)).collect());
        }
    }
}

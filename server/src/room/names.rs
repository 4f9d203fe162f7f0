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

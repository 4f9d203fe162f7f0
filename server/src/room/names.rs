//! Names in a room: no two members have the same one (R9.15).

use std::collections::HashMap;
use std::sync::Arc;

use bookend::MAX_LINE;

/// The member of each name.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Arc<str>, u32>);

impl Names {
    /// Gives a member `wanted`, or the same with the first suffix that is free.
    pub(super) fn assign(&mut self, wanted: &str, id: u32) -> Arc<str> {
        let name = self.free(wanted, id);
        self.0.insert(name.clone(), id);
        name
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.0.get(name).copied()
    }

    fn free(&self, wanted: &str, id: u32) -> Arc<str> {
        let is_free = |name: &str| self.0.get(name).is_none_or(|&holder| holder == id);
        if is_free(wanted) {
            return wanted.into();
        }
        // Many members with one name are not searched: after -9 the suffix is the member's own number.
        (2..10)
            .chain(u64::from(id).max(10)..)
            .map(|number| suffixed(wanted, number))
            .find(|name| is_free(name))
            .expect("there are more numbers than members")
            .into()
    }
}

/// `name-number`, of at most 64 bytes.
fn suffixed(name: &str, number: u64) -> String {
    let suffix = format!("-{number}");
    let space = MAX_LINE - suffix.len();
    let end = (0..=space.min(name.len())).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    format!("{}{suffix}", &name[..end])
}

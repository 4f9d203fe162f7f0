//! Counts in all and by key, with limits.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use crate::lock::lock;

#[derive(Debug)]
pub(crate) struct Quota<K>(Arc<Mutex<Counts<K>>>);

#[derive(Debug)]
struct Counts<K> {
    total: usize,
    by_key: HashMap<K, usize>,
}

/// One that is counted, until this is dropped.
#[derive(Debug)]
pub(crate) struct Share<K: Clone + Eq + Hash> {
    key: K,
    counts: Arc<Mutex<Counts<K>>>,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    InAll,
    ForKey,
}

impl<K: Clone + Eq + Hash> Quota<K> {
    /// Counts one more, unless there are `max` in all or `max_each` of the key.
    pub(crate) fn take(&self, key: K, max: usize, max_each: usize) -> Result<Share<K>, Full> {
        let mut counts = lock(&self.0);
        if counts.by_key.get(&key).is_some_and(|&count| count >= max_each) {
            return Err(Full::ForKey);
        }
        if counts.total >= max {
            return Err(Full::InAll);
        }
        counts.total += 1;
        *counts.by_key.entry(key.clone()).or_default() += 1;
        Ok(Share { key, counts: self.0.clone() })
    }
}

impl<K> Default for Quota<K> {
    fn default() -> Quota<K> {
        Quota(Arc::new(Mutex::new(Counts { total: 0, by_key: HashMap::new() })))
    }
}

impl<K: Clone + Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.total -= 1;
        if let Some(count) = counts.by_key.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.by_key.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_limited_in_all_and_by_key_until_shares_are_dropped() {
        let quota = Quota::default();
        let first = quota.take("a", 3, 2).unwrap();
        let _second = quota.take("a", 3, 2).unwrap();
        assert_eq!(quota.take("a", 3, 2).unwrap_err(), Full::ForKey);
        let _third = quota.take("b", 3, 2).unwrap();
        assert_eq!(quota.take("b", 3, 2).unwrap_err(), Full::InAll);
        drop(first);
        assert_eq!(lock(&quota.0).by_key, HashMap::from([("a", 1), ("b", 1)]));
        quota.take("a", 3, 2).unwrap();
        assert_eq!(lock(&quota.0).total, 2);
    }
}

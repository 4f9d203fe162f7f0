//! A cache of values by rendition. Few renditions are in use, so it is a list; reading it takes no lock.

use std::sync::OnceLock;

use crate::rendition::Rendition;

#[derive(Debug)]
pub(super) struct Cache<T>(OnceLock<Box<Entry<T>>>);

#[derive(Debug)]
struct Entry<T> {
    index: u8,
    value: T,
    next: Cache<T>,
}

impl<T> Cache<T> {
    pub(super) const fn new() -> Cache<T> {
        Cache(OnceLock::new())
    }

    /// Bytes of an entry, without what its value owns.
    pub(super) const ENTRY: usize = size_of::<Entry<T>>();

    /// The value for this rendition, if there is one.
    pub(super) fn find(&self, rendition: Rendition) -> Option<&T> {
        let mut next = &self.0;
        while let Some(entry) = next.get() {
            if entry.index == rendition.index() {
                return Some(&entry.value);
            }
            next = &entry.next.0;
        }
        None
    }

    /// The value for this rendition, which is made if there is none, and whether it was.
    pub(super) fn find_or_make(&self, rendition: Rendition, make: impl Fn() -> T) -> (&T, bool) {
        let index = rendition.index();
        let mut next = &self.0;
        loop {
            let mut made = false;
            let entry = next.get_or_init(|| {
                made = true;
                Box::new(Entry { index, value: make(), next: Cache::new() })
            });
            if entry.index == index {
                return (&entry.value, made);
            }
            next = &entry.next.0;
        }
    }
}

//! Long renderings that were made for members that resume, when the log has no space for them. Members that resume at
//! the same time share them, so that their number adds neither work nor memory.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use crate::rendition::Rendition;

#[derive(Debug)]
pub(super) struct LongRenderings {
    /// The latest one used is last.
    entries: VecDeque<Entry>,
    /// Bytes of the renderings that are kept.
    bytes: usize,
    limit: usize,
}

#[derive(Debug)]
struct Entry {
    block: u64,
    index: u8,
    /// It is found as long as a member writes it.
    rendering: Weak<Vec<u8>>,
    /// The same, as long as it is kept.
    kept: Option<Arc<Vec<u8>>>,
}

impl LongRenderings {
    /// Of a room whose log has that limit, in bytes: a quarter of it, but always the latest rendering.
    pub(super) fn new(log_bytes: usize) -> LongRenderings {
        LongRenderings { entries: VecDeque::new(), bytes: 0, limit: log_bytes / 4 }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn find(&mut self, block: u64, rendition: Rendition) -> Option<Arc<Vec<u8>>> {
        let is_wanted = |entry: &Entry| entry.block == block && entry.index == rendition.index();
        let entry = self.entries.remove(self.entries.iter().position(is_wanted)?)?;
        let found = entry.rendering.upgrade();
        if found.is_some() {
            self.entries.push_back(entry);
        }
        found
    }

    pub(super) fn keep(&mut self, block: u64, rendition: Rendition, bytes: &Arc<Vec<u8>>) {
        self.bytes += bytes.capacity();
        let (rendering, kept) = (Arc::downgrade(bytes), Some(bytes.clone()));
        self.entries.push_back(Entry { block, index: rendition.index(), rendering, kept });
        let last = self.entries.len() - 1;
        for entry in self.entries.range_mut(..last) {
            if self.bytes <= self.limit {
                break;
            }
            self.bytes -= entry.kept.take().map_or(0, |kept| kept.capacity());
        }
        self.entries.retain(|entry| entry.rendering.strong_count() > 0);
    }

    /// Keeps none. Returns how many bytes that frees, at once or when they have been written.
    pub(super) fn clear(&mut self) -> usize {
        self.entries.iter_mut().for_each(|entry| entry.kept = None);
        self.entries.retain(|entry| entry.rendering.strong_count() > 0);
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rendition::LineEncoding;

    const UTF_8: Rendition = Rendition::Lines(LineEncoding::Utf8);
    const ASCII: Rendition = Rendition::Lines(LineEncoding::Ascii);

    #[test]
    fn the_latest_renderings_are_kept_and_others_are_found_while_they_are_written() {
        let mut long = LongRenderings::new(4 * 100);
        let first = Arc::new(vec![1; 60]);
        long.keep(1, UTF_8, &first);
        assert!(long.find(1, ASCII).is_none() && long.find(2, UTF_8).is_none());
        long.keep(2, UTF_8, &Arc::new(vec![2; 60]));
        assert_eq!(long.bytes(), 60, "the first is no longer kept");
        assert!(Arc::ptr_eq(&long.find(1, UTF_8).unwrap(), &first), "but it is found while a member has it");
        drop(first);
        assert!(long.find(1, UTF_8).is_none());
        long.keep(3, ASCII, &Arc::new(vec![3; 500]));
        assert_eq!(long.bytes(), 500, "the latest is kept even if it is longer than the limit");
        assert!(long.find(2, UTF_8).is_none());
        assert_eq!((long.clear(), long.bytes()), (500, 0));
        assert!(long.find(3, ASCII).is_none());
    }
}

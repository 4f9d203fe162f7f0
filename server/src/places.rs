//! A limited number of places. When all are taken, a newcomer takes the place of another connection.
//!
//! The place that is given up is one of the source with the most places: its oldest idle one, or its oldest one if none is
//! idle. A source that takes many places therefore takes them from itself. All operations take logarithmic time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::lock::lock;
use crate::source::Source;

#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    sources: HashMap<Source, Queue>,
    /// The sources by their number of places; among equals, the one with the oldest place is last.
    ranking: BTreeSet<Rank>,
    count: usize,
    last: u64,
}

/// The places of one source, the one that is given up first at the beginning, and how their holders are notified.
type Queue = BTreeMap<Key, oneshot::Sender<()>>;
/// Is the holder active? And the number of the place.
type Key = (bool, u64);
type Rank = (usize, Reverse<Key>, Source);

/// One place. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    source: Source,
    number: u64,
    table: Arc<Mutex<Table>>,
}

/// Ready when the place has been given to a newcomer. It must not be polled again afterwards.
#[derive(Debug)]
pub(crate) struct Loss(oneshot::Receiver<()>);

impl Places {
    /// Takes a place, which is idle. If the source has `max_each` places, or all sources have `max`, another one is given
    /// up for it. Both numbers are at least 1.
    pub(crate) fn take(&self, source: Source, max: usize, max_each: usize) -> (Place, Loss) {
        let mut table = lock(&self.0);
        while table.sources.get(&source).is_some_and(|queue| queue.len() >= max_each.max(1)) {
            table.give_up(source);
        }
        while table.count >= max.max(1)
            && let Some(&(_, _, largest)) = table.ranking.last()
        {
            table.give_up(largest);
        }
        table.last += 1;
        let number = table.last;
        let (sender, receiver) = oneshot::channel();
        table.change(source, |queue| queue.insert((false, number), sender));
        (Place { source, number, table: self.0.clone() }, Loss(receiver))
    }
}

impl Table {
    /// Gives up the first place of a source.
    fn give_up(&mut self, source: Source) {
        if let Some((_, holder)) = self.change(source, BTreeMap::pop_first) {
            let _ = holder.send(()); // the holder may have ended
        }
    }

    fn change<T>(&mut self, source: Source, change: impl FnOnce(&mut Queue) -> T) -> T {
        let queue = self.sources.entry(source).or_default();
        if let Some(rank) = rank(source, queue) {
            self.ranking.remove(&rank);
        }
        let before = queue.len();
        let result = change(queue);
        self.count = self.count - before + queue.len();
        match rank(source, queue) {
            Some(rank) => drop(self.ranking.insert(rank)),
            None => drop(self.sources.remove(&source)),
        }
        result
    }
}

fn rank(source: Source, queue: &Queue) -> Option<Rank> {
    let (&first, _) = queue.first_key_value()?;
    Some((queue.len(), Reverse(first), source))
}

impl Place {
    /// An active place is given up after all idle places of the source.
    pub(crate) fn set_active(&self, active: bool) {
        lock(&self.table).change(self.source, |queue| {
            if let Some(holder) = queue.remove(&(!active, self.number)) {
                queue.insert((active, self.number), holder);
            }
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.table).change(self.source, |queue| {
            for active in [false, true] {
                queue.remove(&(active, self.number));
            }
        });
    }
}

impl Loss {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }

    /// The output of a future, or `None` if the place is lost before.
    #[cfg(any(feature = "admin", feature = "tls"))]
    pub(crate) async fn before<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => self.poll(cx).map(|()| None),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places of which four may be taken, two by one source.
    struct Taken(Places, Vec<(&'static str, Place, Loss)>);

    impl Taken {
        fn take(&mut self, name: &'static str, address: &str) {
            let (place, loss) = self.0.take(Source::of(address.parse().unwrap()), 4, 2);
            self.1.push((name, place, loss));
        }

        /// The holders that have lost their places since the last call.
        fn lost(&mut self) -> Vec<&'static str> {
            let mut names = Vec::new();
            self.1.retain_mut(|(name, _, loss)| {
                let is_lost = loss.0.try_recv().is_ok();
                if is_lost {
                    names.push(*name);
                }
                !is_lost
            });
            names
        }
    }

    #[test]
    fn a_source_takes_places_from_itself_and_then_from_the_largest() {
        let mut taken = Taken(Places::default(), Vec::new());
        for (name, address) in [("a1", "192.0.2.1"), ("a2", "::ffff:192.0.2.1")] {
            taken.take(name, address);
        }
        taken.take("a3", "192.0.2.1");
        assert_eq!(taken.lost(), ["a1"], "its source has two");
        taken.take("b1", "192.0.2.2");
        taken.take("c1", "2001:db8::1");
        assert!(taken.lost().is_empty());
        taken.take("d1", "192.0.2.4");
        assert_eq!(taken.lost(), ["a2"], "the largest source");
        taken.take("e1", "192.0.2.5");
        assert_eq!(taken.lost(), ["a3"], "among equals, the oldest");
        taken.1.clear();
        for name in ["f1", "f2"] {
            taken.take(name, "192.0.2.6");
        }
        assert!(taken.lost().is_empty(), "dropped places are free");
        let table = lock(&taken.0.0);
        assert_eq!((table.count, table.sources.len(), table.ranking.len()), (2, 1, 1));
    }

    #[test]
    fn an_active_place_is_given_up_after_the_idle_ones() {
        let mut taken = Taken(Places::default(), Vec::new());
        taken.take("old", "192.0.2.1");
        taken.take("new", "192.0.2.1");
        taken.1[0].1.set_active(true);
        taken.take("third", "192.0.2.1");
        assert_eq!(taken.lost(), ["new"]);
        taken.1[1].1.set_active(true);
        taken.take("fourth", "192.0.2.1");
        assert_eq!(taken.lost(), ["old"], "all are active");
        taken.1[0].1.set_active(false);
        taken.take("fifth", "192.0.2.1");
        assert_eq!(taken.lost(), ["third"]);
    }
}

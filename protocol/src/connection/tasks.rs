//! Futures that run at the same time in one task.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Polls those of its futures that have been woken.
pub(super) struct Tasks<F> {
    slots: Vec<Option<F>>,
    free: Vec<usize>,
    ready: Arc<Ready>,
}

#[derive(Default)]
struct Ready {
    state: Mutex<Woken>,
}

#[derive(Default)]
struct Woken {
    /// The slots of futures to poll.
    slots: Vec<usize>,
    /// The task in which they run.
    task: Option<Waker>,
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Woken> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Slot {
    number: usize,
    ready: Arc<Ready>,
}

impl Wake for Slot {
    fn wake(self: Arc<Slot>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Slot>) {
        let mut woken = self.ready.lock();
        woken.slots.push(self.number);
        let task = woken.task.take();
        drop(woken);
        task.into_iter().for_each(Waker::wake);
    }
}

impl<F: Future<Output = ()> + Unpin> Tasks<F> {
    pub(super) fn new() -> Tasks<F> {
        Tasks { slots: Vec::new(), free: Vec::new(), ready: Arc::default() }
    }

    /// Adds a future, which the next [`poll`](Tasks::poll) polls.
    pub(super) fn push(&mut self, future: F) {
        let number = self.free.pop().unwrap_or(self.slots.len());
        if number == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[number] = Some(future);
        self.ready.lock().slots.push(number);
    }

    /// Polls each future that has been woken, once. True if one has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let mut woken = self.ready.lock();
        woken.task = Some(cx.waker().clone());
        let mut numbers = std::mem::take(&mut woken.slots);
        drop(woken);
        numbers.sort_unstable();
        numbers.dedup();
        let mut has_ended = false;
        for number in numbers {
            let Some(future) = &mut self.slots[number] else { continue };
            let waker = Waker::from(Arc::new(Slot { number, ready: Arc::clone(&self.ready) }));
            if let Poll::Ready(()) = Pin::new(future).poll(&mut Context::from_waker(&waker)) {
                self.slots[number] = None;
                self.free.push(number);
                has_ended = true;
            }
        }
        has_ended
    }
}

impl<F> Tasks<F> {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

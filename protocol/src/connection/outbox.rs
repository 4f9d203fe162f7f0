//! What other tasks send, and what they wait for: shared by a connection, its handles and the guards of requests.

#[cfg(feature = "tower")]
mod ready;
mod requests;
mod taken;

use core::num::NonZeroU32;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError, oneshot};

use crate::code::Code;
use crate::counters::Counters;
use crate::endpoint::QUEUE;
use crate::error::ConnectionError;
use crate::frame::HEADER_LENGTH;
use crate::misuse::Misuse;
use crate::payload::Content;
use crate::session::{Session, Terms};
use crate::shown::Bytes;
#[cfg(feature = "tower")]
pub(super) use ready::Ready;
use requests::Asked;
pub(super) use requests::{Answer, Waiter};
pub(super) use taken::Taken;

/// What one permit of room is worth, in bytes.
const UNIT: usize = 256;
/// Longer content is encoded before the queue is locked, in bytes.
const LONG: usize = 16 << 10;

/// The queue of frames and commands. A frame is encoded by the task that sends it: the peer's terms do not change, so a
/// mistake is known at once. What needs the session is a command, which is carried out in order with the frames.
///
/// What waits here has taken permits of `room`, which are given back when it has left the connection, or nearly so. The
/// queue therefore holds 64 KiB and one message, and callers are served in their order.
pub(super) struct Outbox {
    /// Set once the session is open.
    terms: OnceLock<Terms>,
    room: Semaphore,
    /// How many more requests the peer permits.
    slots: Semaphore,
    /// Never has a permit, and is closed at the end.
    over: Semaphore,
    /// How many handles there are.
    handles: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    /// Whole frames.
    bytes: Vec<u8>,
    /// How many of them no command governs.
    frames: u64,
    /// Each with the length of `bytes` and `frames` before it.
    commands: VecDeque<(usize, u64, Command)>,
    /// The permits of `room` that this has taken.
    permits: usize,
    /// This side's unanswered requests.
    requests: HashMap<NonZeroU32, Waiter>,
    next_id: NonZeroU32,
    /// The peer's unanswered requests.
    asked: HashMap<NonZeroU32, Asked>,
    /// Wakes the task that polls the connection; there while the queue is empty.
    driver: Option<Waker>,
    /// The queue was empty the last time too.
    rests: bool,
    /// New requests of the peer are refused.
    draining: bool,
    /// A CLOSE is queued.
    closing: bool,
    /// As the connection has counted while there were handles.
    counters: Counters,
    /// Why the session ended.
    end: Option<ConnectionError>,
}

pub(super) enum Command {
    /// The next frame is the REQUEST of this id.
    Ask(NonZeroU32),
    /// The next `length` bytes answer the request of this id, which came in the frame of that number.
    Reply {
        id: NonZeroU32,
        frame: u32,
        length: usize,
    },
    Refuse {
        id: NonZeroU32,
        frame: u32,
        code: Code,
        detail: String,
    },
    Cancel(NonZeroU32),
    Barrier(oneshot::Sender<Result<(), ConnectionError>>),
    /// CLOSE with this code once no request is unanswered, or after this time.
    ShutDown(Duration, Code),
    Close(Code, String),
}

impl Outbox {
    pub(super) fn new() -> Outbox {
        Outbox {
            terms: OnceLock::new(),
            room: Semaphore::new(QUEUE / UNIT),
            slots: Semaphore::new(0),
            over: Semaphore::new(0),
            handles: AtomicUsize::new(0),
            state: Mutex::new(State {
                bytes: Vec::new(),
                frames: 0,
                commands: VecDeque::new(),
                permits: 0,
                requests: HashMap::new(),
                next_id: NonZeroU32::MIN,
                asked: HashMap::new(),
                driver: None,
                rests: false,
                draining: false,
                closing: false,
                counters: Counters::default(),
                end: None,
            }),
        }
    }

    /// The session is open.
    pub(super) fn open(&self, session: &Session) {
        if let Ok(terms) = session.terms()
            && self.terms.set(terms).is_ok()
        {
            self.slots.add_permits(terms.requests.min(Semaphore::MAX_PERMITS));
        }
    }

    /// No call holds the lock while it waits or runs code of the application, so a panic leaves a sound state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn terms(&self) -> Result<&Terms, Misuse> {
        self.terms.get().ok_or(Misuse::NotOpen)
    }

    /// Changes the queue and wakes the connection, unless nothing can be sent any more.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> Result<T, Misuse>) -> Result<T, ConnectionError> {
        let mut state = self.lock();
        if let Some(end) = &state.end {
            return Err(end.clone());
        }
        if state.closing {
            return Err(Misuse::NotOpen.into());
        }
        let changed = change(&mut state)?;
        wake(state);
        Ok(changed)
    }

    // ---- room

    /// Waits for room to send so many bytes.
    pub(super) async fn room(&self, length: usize) -> Result<SemaphorePermit<'_>, ConnectionError> {
        self.room.acquire_many(cost(length)).await.map_err(|_| self.why())
    }

    /// Room to send so many bytes, if there is some.
    pub(super) fn try_room(&self, length: usize) -> Result<SemaphorePermit<'_>, ConnectionError> {
        self.room.try_acquire_many(cost(length)).map_err(|error| match error {
            TryAcquireError::NoPermits => ConnectionError::Full,
            TryAcquireError::Closed => self.why(),
        })
    }

    /// What had taken so much room has left.
    pub(super) fn give_back(&self, permits: usize) {
        self.room.add_permits(permits);
    }

    // ---- sending

    /// Queues a frame without an id. A permit that is smaller than the content takes as much more
    /// as is free.
    pub(super) fn frame(
        &self,
        kind: u8,
        fixed: &[u8],
        content: Content<'_>,
        room: SemaphorePermit<'_>,
    ) -> Result<(), ConnectionError> {
        let terms = self.terms()?;
        let encoded = encode_long(terms, kind, fixed, content)?;
        let missing = (cost(content.length()) as usize).saturating_sub(room.num_permits());
        self.change(|state| {
            state.append(terms, kind, fixed, content, encoded)?;
            state.frames += 1;
            state.permits += room.num_permits() + self.room.forget_permits(missing);
            room.forget();
            Ok(())
        })
    }

    pub(super) fn barrier(
        &self,
        done: oneshot::Sender<Result<(), ConnectionError>>,
        room: SemaphorePermit<'_>,
    ) -> Result<(), ConnectionError> {
        self.change(|state| {
            state.command(Command::Barrier(done));
            state.permits += room.num_permits();
            room.forget();
            Ok(())
        })
    }

    /// From now on new requests of the peer are refused; CLOSE follows once none is unanswered, or after `grace`.
    pub(super) fn shut_down(&self, grace: Duration) -> Result<(), ConnectionError> {
        self.change(|state| {
            state.draining = true;
            state.command(Command::ShutDown(grace, Code::GOING_AWAY));
            Ok(())
        })
    }

    /// A handle has been made.
    pub(super) fn enter(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// A handle has been dropped.
    pub(super) fn leave(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            wake(self.lock());
        }
    }

    pub(super) fn has_handles(&self) -> bool {
        self.handles.load(Ordering::Acquire) > 0
    }

    /// Tells the handles what has been counted.
    pub(super) fn count(&self, counters: Counters) {
        self.lock().counters = counters;
    }

    pub(super) fn counters(&self) -> Counters {
        self.lock().counters
    }

    /// Closes in good order once there are no handles.
    pub(super) fn close_if_alone(&self) {
        let mut state = self.lock();
        if !self.has_handles() && !state.draining && !state.closing {
            state.draining = true;
            state.command(Command::ShutDown(Duration::MAX, Code::NORMAL));
        }
    }

    /// Queues a CLOSE; nothing can be sent after it.
    pub(super) fn close(&self, code: Code, detail: &str) -> Result<(), ConnectionError> {
        self.change(|state| {
            state.command(Command::Close(code, detail.into()));
            state.closing = true;
            Ok(())
        })
    }

    // ---- the end

    /// Why nothing can be sent.
    pub(super) fn why(&self) -> ConnectionError {
        self.lock().end.clone().unwrap_or(ConnectionError::Misuse(Misuse::NotOpen))
    }

    /// Why the session ended, once it has ended.
    pub(super) fn ended(&self) -> Option<ConnectionError> {
        self.lock().end.clone()
    }

    /// Waits for the end.
    pub(super) async fn closed(&self) -> ConnectionError {
        let _ = self.over.acquire().await; // it is closed, never granted
        self.why()
    }

    /// The session is over: all that wait are told why. Only the first call counts.
    pub(super) fn end(&self, why: ConnectionError) {
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        state.end = Some(why.clone());
        state.bytes = Vec::new();
        let commands = std::mem::take(&mut state.commands);
        let requests = std::mem::take(&mut state.requests);
        let asked = std::mem::take(&mut state.asked);
        drop(state);
        for semaphore in [&self.room, &self.slots, &self.over] {
            semaphore.close();
        }
        requests.into_values().for_each(|waiter| waiter.fail(&why));
        asked.into_values().for_each(Asked::wake);
        drop(commands); // a barrier whose sender is gone asks why
    }
}

impl State {
    /// Appends a frame, which may be encoded already, except for its id. On an error nothing is changed.
    fn append(
        &mut self,
        terms: &Terms,
        kind: u8,
        fixed: &[u8],
        content: Content<'_>,
        encoded: Option<Vec<u8>>,
    ) -> Result<usize, Misuse> {
        let start = self.bytes.len();
        match encoded {
            Some(mut frame) => {
                frame[HEADER_LENGTH..HEADER_LENGTH + fixed.len()].copy_from_slice(fixed);
                if start == 0 {
                    self.bytes = frame;
                } else {
                    self.bytes.extend_from_slice(&frame);
                }
            }
            None => terms.write(kind, fixed, content, &mut self.bytes)?,
        }
        Ok(start)
    }

    fn command(&mut self, command: Command) {
        self.command_at(self.bytes.len(), command);
    }

    fn command_at(&mut self, at: usize, command: Command) {
        self.commands.push_back((at, self.frames, command));
    }
}

/// Wakes the task that polls the connection, if it waits.
fn wake(mut state: MutexGuard<'_, State>) {
    let driver = state.driver.take();
    drop(state);
    if let Some(driver) = driver {
        driver.wake();
    }
}

/// Long content is encoded here, while others may use the queue.
fn encode_long(terms: &Terms, kind: u8, fixed: &[u8], content: Content<'_>) -> Result<Option<Vec<u8>>, Misuse> {
    if content.length() < LONG {
        return Ok(None);
    }
    let mut frame = Vec::new();
    terms.write(kind, fixed, content, &mut frame)?;
    Ok(Some(frame))
}

/// How many permits content of so many bytes needs: all of them at most.
fn cost(length: usize) -> u32 {
    u32::try_from((length / UNIT).clamp(1, QUEUE / UNIT)).expect("256 at most")
}

impl fmt::Debug for Outbox {
    /// Lengths, no bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Outbox")
            .field("queued", &Bytes(state.bytes.len()))
            .field("requests", &state.requests.len())
            .field("asked", &state.asked.len())
            .field("end", &state.end)
            .finish_non_exhaustive()
    }
}

//! The threads that read, each with a connection of its own.
//!
//! Rooms take turns, and so do the requests of a room: a search is read a slice at a time, and waits for its next turn
//! after each. Each turn is one short transaction, so that no checkpoint waits for readers.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::damage::Damage;
use super::search::{SLICE, Search};
use super::{page, schema};
use crate::lock::lock;
use crate::store::{RoomId, StoreQuery, StoreRead};

/// Fewer requests are not looked through for cancelled ones.
const FEW: usize = 64;

/// The threads that read.
#[derive(Debug)]
pub(super) struct Readers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// While it exists, no reader has the file open.
#[derive(Debug)]
pub(super) struct Paused<'r> {
    readers: &'r Readers,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    damage: Arc<Damage>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The requests of each room that has any.
    requests: HashMap<RoomId, VecDeque<Request>>,
    /// The rooms that have requests, in the order of their turns.
    turns: VecDeque<RoomId>,
    /// All requests, and how many were left when those that nobody waits for were removed last.
    count: usize,
    left: usize,
    /// Connections that are open.
    open: usize,
    pauses: usize,
    is_closed: bool,
}

#[derive(Debug)]
struct Request {
    work: Work,
    answer: oneshot::Sender<StoreRead>,
}

#[derive(Debug)]
enum Work {
    From { from: u64, bytes: usize },
    Before { before: u64, count: usize, bytes: usize },
    Search(Box<Search>),
}

/// What a thread does next.
enum Task {
    Read(RoomId, Request),
    /// Close the connection.
    Pause,
    Close,
}

impl Readers {
    /// Starts them. The file is opened when something is read.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub(super) fn start(path: &Path, threads: usize, damage: Arc<Damage>) -> io::Result<Readers> {
        let shared = Shared { path: path.into(), damage, state: Mutex::default(), changed: Condvar::new() };
        let mut readers = Readers { shared: Arc::new(shared), threads: Vec::new() };
        for _ in 0..threads {
            let shared = Arc::clone(&readers.shared);
            let thread = Builder::new().name("bookend-read".into()).spawn(move || shared.run())?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Reads. The receiver fails if the file cannot be read, or the readers are closed.
    pub(super) fn read(&self, room: RoomId, query: StoreQuery) -> oneshot::Receiver<StoreRead> {
        let (answer, receiver) = oneshot::channel();
        lock(&self.shared.state).add(room, Request { work: Work::new(query), answer });
        self.shared.changed.notify_all();
        receiver
    }

    /// Closes their connections, and opens none until the result is dropped. Requests wait.
    pub(super) fn pause(&self) -> Paused<'_> {
        let mut state = lock(&self.shared.state);
        state.pauses += 1;
        self.shared.changed.notify_all();
        while state.open > 0 {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Paused { readers: self }
    }
}

impl Drop for Readers {
    /// Ends what is being read after its turn, and forgets the rest.
    fn drop(&mut self) {
        {
            let mut state = lock(&self.shared.state);
            state.is_closed = true;
            state.requests.clear();
            state.turns.clear();
            state.count = 0;
        }
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        lock(&self.readers.shared.state).pauses -= 1;
        self.readers.shared.changed.notify_all();
    }
}

impl State {
    fn add(&mut self, room: RoomId, request: Request) {
        if self.is_closed {
            return;
        }
        if self.count >= FEW.max(2 * self.left) {
            self.forget_cancelled();
        }
        self.count += 1;
        let requests = self.requests.entry(room).or_default();
        if requests.is_empty() {
            self.turns.push_back(room);
        }
        requests.push_back(request);
    }

    fn take(&mut self) -> Option<(RoomId, Request)> {
        let room = self.turns.pop_front()?;
        let requests = self.requests.get_mut(&room)?;
        let request = requests.pop_front()?;
        self.count -= 1;
        if requests.is_empty() {
            self.requests.remove(&room);
        } else {
            self.turns.push_back(room);
        }
        Some((room, request))
    }

    /// Removes the requests that nobody waits for: members may ask and cancel again and again while a disk is stuck.
    fn forget_cancelled(&mut self) {
        self.requests.retain(|_, requests| {
            requests.retain(|request| !request.answer.is_closed());
            !requests.is_empty()
        });
        self.turns.retain(|room| self.requests.contains_key(room));
        self.count = self.requests.values().map(VecDeque::len).sum();
        self.left = self.count;
    }
}

impl Shared {
    /// What a thread does.
    fn run(&self) {
        let mut connection = None;
        loop {
            match self.next(connection.is_some()) {
                Task::Read(room, request) => self.turn(&mut connection, room, request),
                Task::Pause | Task::Close if connection.is_some() => {
                    connection = None;
                    lock(&self.state).open -= 1;
                    self.changed.notify_all();
                }
                Task::Pause => {}
                Task::Close => return,
            }
        }
    }

    /// Waits until there is something to do. A connection counts as open as soon as it may be opened.
    fn next(&self, is_open: bool) -> Task {
        let mut state = lock(&self.state);
        loop {
            if state.is_closed {
                return Task::Close;
            }
            if state.pauses > 0 {
                if is_open {
                    return Task::Pause;
                }
            } else if let Some((room, request)) = state.take() {
                state.open += usize::from(!is_open);
                return Task::Read(room, request);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Reads once for a request, unless nobody waits for the answer.
    fn turn(&self, connection: &mut Option<Connection>, room: RoomId, mut request: Request) {
        let read = match connection.take() {
            Some(open) => Ok(open),
            None => schema::connect_to_read(&self.path),
        }
        .and_then(|mut open| {
            let read = if request.answer.is_closed() { None } else { self.read(&mut open, room, &mut request.work)? };
            *connection = Some(open);
            Ok(read)
        });
        match read {
            Ok(Some(read)) => drop(request.answer.send(read)),
            Ok(None) if request.answer.is_closed() => {}
            Ok(None) => lock(&self.state).add(room, request),
            Err(error) => tracing::error!(detail = %error, "history-unreadable"),
        }
        if connection.is_none() {
            lock(&self.state).open -= 1;
            self.changed.notify_all();
        }
    }

    /// One transaction. `None` if a search has not ended.
    fn read(&self, connection: &mut Connection, room: RoomId, work: &mut Work) -> rusqlite::Result<Option<StoreRead>> {
        let transaction = connection.transaction()?;
        match work {
            Work::From { from, bytes } => page::from(&transaction, &self.damage, room, (*from, *bytes)).map(Some),
            Work::Before { before, count, bytes } => {
                page::before(&transaction, &self.damage, room, (*before, *count, *bytes)).map(Some)
            }
            Work::Search(search) => search.slice(&transaction, &self.damage, room, SLICE),
        }
    }
}

impl Work {
    fn new(query: StoreQuery) -> Work {
        match query {
            StoreQuery::From { from, bytes } => Work::From { from, bytes },
            StoreQuery::Before { before, count, bytes } => Work::Before { before, count, bytes },
            StoreQuery::Search { before, count, bytes, text } => {
                Work::Search(Box::new(Search::new(before, count, bytes, text)))
            }
        }
    }
}

#[cfg(test)]
mod tests;

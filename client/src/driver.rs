//! The task behind a client: one session after the other, until the end.

mod closing;
mod confirmations;
mod seen;
mod serve;
mod suspicion;

use std::collections::VecDeque;
use std::time::Duration;

use bookend::Hello;
use tokio::select;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::command::{Command, Outgoing};
use crate::dial::{Dial, Dialled};
use crate::error::{ConnectError, SendError};
use crate::event::{End, Event, Outlet, Up};
use crate::joined::Joined;
use crate::options::Options;
use crate::retry::{Backoff, may_pass};
use crate::state::{State, Status};
use crate::step::Step;
use crate::wire::{Wire, Written};
use closing::Closing;
use seen::Seen;
use serve::Served;

pub(crate) struct Driver {
    dialler: Box<dyn Dial>,
    hello: Hello,
    backoff: Option<Backoff>,
    patience: Option<Duration>,
    is_patient: bool,
    resends: bool,
    commands: mpsc::Receiver<Command>,
    /// Nobody can send commands any more.
    commands_over: bool,
    /// What was taken from `commands` and is to be sent before the others.
    queue: VecDeque<Outgoing>,
    outlet: Outlet,
    /// What could not be told to who sent it.
    untold: Vec<SendError>,
    closing: Closing,
    status: watch::Sender<Status>,
    seen: Seen,
}

/// A session that has just been opened.
struct Opened {
    joined: Joined<Wire>,
    written: Written,
    heard: watch::Receiver<Instant>,
    up: Up,
}

impl Driver {
    pub(crate) fn new(
        options: Options,
        commands: mpsc::Receiver<Command>,
        outlet: Outlet,
        wish: watch::Receiver<bool>,
        status: watch::Sender<Status>,
    ) -> Driver {
        let Options { dialler, hello, backoff, patience, is_patient, resends } = options;
        let seen = Seen::new(hello.resume());
        Driver {
            dialler,
            hello,
            backoff,
            patience,
            is_patient,
            resends,
            commands,
            commands_over: false,
            queue: VecDeque::new(),
            outlet,
            untold: Vec::new(),
            closing: Closing::new(wish),
            status,
            seen,
        }
    }

    pub(crate) async fn run(mut self) {
        let end = self.live().await;
        self.commands.close();
        for left in std::mem::take(&mut self.queue) {
            let result = Err(left.given_up());
            self.settle(left.done, result);
        }
        while let Some(command) = self.commands.recv().await {
            match command {
                Command::Send(outgoing) => self.settle(outgoing.done, Err(SendError::NotSent)),
                Command::Request { done, .. } => {
                    let _ = done.send(Err(SendError::NotSent));
                }
                Command::Ping { done } => {
                    let _ = done.send(Err(SendError::NotSent));
                }
            }
        }
        self.tell_untold().await;
        self.set_state(State::Closed);
        self.outlet.tell_last(end);
    }

    /// One session after the other.
    async fn live(&mut self) -> End {
        let mut failed = 0;
        loop {
            self.set_state(State::Connecting);
            let opened = select! {
                opened = open(&mut *self.dialler, self.hello.clone(), self.patience, &self.outlet) => opened,
                () = self.closing.wanted() => return End::Here,
            };
            let error = match opened {
                Err(error) => error,
                Ok(opened) => {
                    let (remote, since) = (opened.up.remote, Instant::now());
                    match self.serve(opened).await {
                        Served::Done(end) => return end,
                        Served::Failed(error) => {
                            if self.backoff.is_some_and(|backoff| since.elapsed() >= backoff.longest) {
                                failed = 0;
                            }
                            ConnectError::Join { place: self.dialler.place().clone(), peer: remote, error }
                        }
                    }
                }
            };
            let is_worth_it = may_pass(&error) && (self.is_patient || self.status.borrow().session > 0);
            let pause = self
                .backoff
                .filter(|_| is_worth_it && !self.closing.has_begun())
                .and_then(|backoff| backoff.pause(failed));
            let Some(pause) = pause else { return End::Failed(error) };
            failed += 1;
            if let Some(last) = self.seen.last() {
                self.hello = self.hello.clone().with_resume(last);
            }
            self.set_state(State::Connecting);
            self.tell_untold().await;
            self.tell(Event::Down { error, retry_in: pause }).await;
            select! {
                () = sleep(pause) => {}
                () = self.closing.wanted() => return End::Here,
            }
        }
    }

    /// Tells who sent it what became of it, or everyone if that is gone.
    fn settle(&mut self, done: oneshot::Sender<Result<(), SendError>>, result: Result<(), SendError>) {
        if let Err(Err(error)) = done.send(result) {
            self.untold.push(error);
        }
    }

    async fn tell_untold(&mut self) {
        for error in std::mem::take(&mut self.untold) {
            self.tell(Event::Failed(error)).await;
        }
    }

    /// Waits for room. A client that is to close waits for nobody, and tells if there is room.
    async fn tell(&mut self, event: Event) {
        if !self.closing.has_begun() {
            select! {
                biased;
                () = self.outlet.room(&event) => return self.outlet.tell(event),
                () = self.closing.wanted() => {}
            }
        }
        match event {
            Event::Failed(_) => self.outlet.tell(event), // no more of these than there were commands
            _ => self.outlet.tell_if_room(event),
        }
    }

    fn set_state(&self, state: State) {
        self.status.send_modify(|status| {
            status.state = state;
            if !matches!(state, State::Up | State::Suspect) {
                (status.local, status.remote) = (None, None);
            }
        });
    }
}

/// From nothing to a session, telling of the steps, if it does not take longer than it may.
async fn open(
    dialler: &mut dyn Dial,
    hello: Hello,
    patience: Option<Duration>,
    outlet: &Outlet,
) -> Result<Opened, ConnectError> {
    let start = Instant::now();
    let place = dialler.place().clone();
    let mut last = Step::Resolving(place.to_string());
    let mut tell = |step: Step| {
        last = step.clone();
        outlet.tell_if_room(Event::Progress { step, after: start.elapsed() });
    };
    let opening = open_by(dialler, hello, &mut tell);
    let Some(patience) = patience else { return opening.await };
    let opened = timeout(patience, opening).await;
    opened.unwrap_or_else(|_| Err(ConnectError::Late { place, step: Box::new(last), patience }))
}

async fn open_by(
    dialler: &mut dyn Dial,
    hello: Hello,
    mut tell: &mut (dyn FnMut(Step) + Send),
) -> Result<Opened, ConnectError> {
    let Dialled { stream, local, remote } = dialler.dial(&mut tell).await?;
    tell(Step::Hello);
    let (wire, written, heard) = Wire::new(stream);
    let joined = Joined::join(wire, hello).await.map_err(|error| ConnectError::Join {
        place: dialler.place().clone(),
        peer: remote,
        error,
    })?;
    tell(Step::Joined);
    let up = Up { session: 0, welcome: joined.welcome().cloned(), peer: joined.peer().clone(), local, remote };
    Ok(Opened { joined, written, heard, up })
}

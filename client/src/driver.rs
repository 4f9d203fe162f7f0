//! The task of a client: one session after another, until the end.

mod answers;
mod closing;
mod confirmations;
mod heard;
mod sequence;
mod serve;
mod suspicion;

use std::collections::VecDeque;
use std::time::Duration;

use bookend::Hello;
use tokio::select;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{self, Instant, sleep};

use crate::command::{Command, Outgoing};
use crate::dial::{Dial, Dialled};
use crate::error::{ConnectError, SendError};
use crate::event::{End, Event, Outlet, Up};
use crate::joined::Joined;
use crate::options::Options;
use crate::retry::{Backoff, may_pass};
use crate::status::{Snapshot, Status};
use crate::step::ConnectStep;
use closing::Closing;
use heard::Heard;
use sequence::Sequence;
use serve::Served;

pub(crate) struct Driver {
    dialler: Box<dyn Dial>,
    hello: Hello,
    backoff: Option<Backoff>,
    timeout: Option<Duration>,
    retries_initial: bool,
    resends: bool,
    commands: mpsc::Receiver<Command>,
    /// No more commands can be sent.
    commands_over: bool,
    /// Messages that were taken from `commands` and go before the others.
    queue: VecDeque<Outgoing>,
    outlet: Outlet,
    /// Failures whose receipts were dropped.
    unreported: Vec<SendError>,
    closing: Closing,
    snapshot: watch::Sender<Snapshot>,
    sequence: Sequence,
}

/// A session that has just been opened.
struct Opened {
    joined: Joined<Heard>,
    heard: watch::Receiver<Instant>,
    up: Up,
}

impl Driver {
    pub(crate) fn new(
        options: Options,
        commands: mpsc::Receiver<Command>,
        outlet: Outlet,
        wish: watch::Receiver<bool>,
        snapshot: watch::Sender<Snapshot>,
    ) -> Driver {
        let Options { dialler, hello, backoff, timeout, retries_initial, resends } = options;
        let sequence = Sequence::new(hello.resume());
        Driver {
            dialler,
            hello,
            backoff,
            timeout,
            retries_initial,
            resends,
            commands,
            commands_over: false,
            queue: VecDeque::new(),
            outlet,
            unreported: Vec::new(),
            closing: Closing::new(wish),
            snapshot,
            sequence,
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
                    let _ = done.send(Err(SendError::NotSent)); // the caller may be gone
                }
                Command::Ping { done } => {
                    let _ = done.send(Err(SendError::NotSent)); // the caller may be gone
                }
            }
        }
        self.report_unreported().await;
        self.set_status(Status::Closed);
        self.outlet.report_last(end);
    }

    /// Opens and serves one session after another.
    async fn live(&mut self) -> End {
        let mut failed = 0;
        loop {
            self.set_status(Status::Connecting);
            let opened = select! {
                opened = open(&mut *self.dialler, self.hello.clone(), self.timeout, &self.outlet) => opened,
                () = self.closing.wanted() => return End::Closed,
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
                            ConnectError::Join { target: self.dialler.target().clone(), peer: remote, error }
                        }
                    }
                }
            };
            let is_worth_a_retry = may_pass(&error) && (self.retries_initial || self.snapshot.borrow().session > 0);
            let pause = self
                .backoff
                .filter(|_| is_worth_a_retry && !self.closing.has_begun())
                .and_then(|backoff| backoff.pause(failed));
            let Some(pause) = pause else { return End::Failed(error) };
            failed += 1;
            if let Some(last) = self.sequence.last() {
                self.hello = self.hello.clone().with_resume(last);
            }
            self.set_status(Status::Connecting);
            self.report_unreported().await;
            self.report(Event::Down { error, retry_in: pause }).await;
            select! {
                () = sleep(pause) => {}
                () = self.closing.wanted() => return End::Closed,
            }
        }
    }

    /// Resolves a receipt; reports a failure as an event if the receipt was dropped.
    fn settle(&mut self, done: oneshot::Sender<Result<(), SendError>>, result: Result<(), SendError>) {
        if let Err(Err(error)) = done.send(result) {
            self.unreported.push(error);
        }
    }

    async fn report_unreported(&mut self) {
        for error in std::mem::take(&mut self.unreported) {
            self.report(Event::Failed(error)).await;
        }
    }

    /// Reports an event once there is room. A client that closes does not wait; it drops the event if there is no room.
    async fn report(&mut self, event: Event) {
        if !self.closing.has_begun() {
            select! {
                biased;
                () = self.outlet.reserve(&event) => return self.outlet.report(event),
                () = self.closing.wanted() => {}
            }
        }
        match event {
            Event::Failed(_) => self.outlet.report(event), // there are no more of these than commands
            _ => self.outlet.report_if_room(event),
        }
    }

    fn set_status(&self, status: Status) {
        self.snapshot.send_modify(|snapshot| {
            snapshot.status = status;
            if !matches!(status, Status::Up | Status::Suspect) {
                (snapshot.local, snapshot.remote) = (None, None);
            }
        });
    }
}

/// Opens a session within `timeout`, and reports the steps.
async fn open(
    dialler: &mut dyn Dial,
    hello: Hello,
    timeout: Option<Duration>,
    outlet: &Outlet,
) -> Result<Opened, ConnectError> {
    let start = Instant::now();
    let target = dialler.target().clone();
    let mut last = ConnectStep::Resolving(target.to_string());
    let mut report = |step: ConnectStep| {
        last = step.clone();
        outlet.report_if_room(Event::Progress { step, after: start.elapsed() });
    };
    let opening = open_by(dialler, hello, &mut report);
    let Some(timeout) = timeout else { return opening.await };
    let opened = time::timeout(timeout, opening).await;
    opened.unwrap_or_else(|_| Err(ConnectError::TimedOut { target, step: Box::new(last), timeout }))
}

async fn open_by(
    dialler: &mut dyn Dial,
    hello: Hello,
    mut report: &mut (dyn FnMut(ConnectStep) + Send),
) -> Result<Opened, ConnectError> {
    let Dialled { stream, local, remote } = dialler.dial(&mut report).await?;
    report(ConnectStep::Hello);
    let (stream, heard) = Heard::new(stream);
    let joined = Joined::join(stream, hello).await.map_err(|error| ConnectError::Join {
        target: dialler.target().clone(),
        peer: remote,
        error,
    })?;
    report(ConnectStep::Joined);
    let up = Up { session: 0, welcome: joined.welcome().cloned(), peer: joined.peer().clone(), local, remote };
    Ok(Opened { joined, heard, up })
}

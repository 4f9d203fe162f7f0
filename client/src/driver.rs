//! The task of a client: one session after another, until the end.

mod answers;
mod closing;
mod confirmations;
mod heard;
mod open;
mod sequence;
mod serve;
mod suspicion;
mod woken;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bookend::Hello;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::command::{Command, Outgoing};
use crate::dial::Dial;
use crate::error::{ConnectError, SendError};
use crate::event::{End, Event, Outlet};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::race::{First, race};
use crate::retry::{Backoff, WAITING, may_pass, may_pass_later};
use crate::status::{Snapshot, Status};
use closing::Closing;
use sequence::Sequence;
use serve::Served;

pub(crate) struct Driver {
    dialler: Box<dyn Dial>,
    hello: Hello,
    backoff: Option<Backoff>,
    timeout: Option<Duration>,
    retries_initial: bool,
    wait: Option<Duration>,
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
    metrics: Arc<dyn Metrics>,
    /// When the client started, or lost the last session.
    down_since: Instant,
}

impl Driver {
    pub(crate) fn new(
        options: Options,
        commands: mpsc::Receiver<Command>,
        outlet: Outlet,
        wish: watch::Receiver<bool>,
        snapshot: watch::Sender<Snapshot>,
    ) -> Driver {
        let Options { dialler, hello, backoff, timeout, retries_initial, wait, resends, metrics } = options;
        let sequence = Sequence::new(hello.resume());
        Driver {
            dialler,
            hello,
            backoff,
            timeout,
            retries_initial,
            wait,
            resends,
            commands,
            commands_over: false,
            queue: VecDeque::new(),
            outlet,
            unreported: Vec::new(),
            closing: Closing::new(wish),
            snapshot,
            sequence,
            metrics,
            down_since: Instant::now(),
        }
    }

    pub(crate) async fn run(mut self) {
        let end = self.live().await;
        self.commands.close();
        for left in std::mem::take(&mut self.queue) {
            let result = Err(left.given_up());
            self.settle(left, result);
        }
        while let Some(command) = self.commands.recv().await {
            match command {
                Command::Send(outgoing) => self.settle(outgoing, Err(SendError::NotSent)),
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
            let Some(opened) = self.open().await else { return End::Closed };
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
                            self.down_since = Instant::now();
                            self.metrics.failed(error.name());
                            ConnectError::Join { target: self.dialler.target().clone(), peer: remote, error }
                        }
                    }
                }
            };
            let Some(pause) = self.pause(&error, failed) else { return End::Failed(error) };
            failed += 1;
            if let Some(last) = self.sequence.last() {
                self.hello = self.hello.clone().with_resume(last);
            }
            self.set_status(Status::Connecting);
            self.report_unreported().await;
            self.report(Event::Down { error, retry_in: pause }).await;
            if race(sleep(pause), self.closing.wanted()).await == First::Other(()) {
                return End::Closed;
            }
        }
    }

    /// How long to wait before the next attempt, after `failed` earlier failures; `None` if there is none.
    fn pause(&self, error: &ConnectError, failed: u32) -> Option<Duration> {
        if self.closing.has_begun() {
            return None;
        }
        if self.snapshot.borrow().session > 0 {
            return self.backoff.filter(|_| may_pass_later(error))?.pause(failed);
        }
        // Before the first session, `down_since` is when the client started.
        let remaining = self.wait.map(|wait| wait.saturating_sub(self.down_since.elapsed()));
        match remaining.filter(|remaining| may_pass(error) && !remaining.is_zero()) {
            Some(remaining) => WAITING.pause(0).map(|pause| pause.min(remaining)),
            None => self.backoff.filter(|_| self.retries_initial && may_pass(error))?.pause(failed),
        }
    }

    /// Resolves a receipt; reports a failure as an event if the receipt was dropped.
    fn settle(&mut self, outgoing: Outgoing, result: Result<(), SendError>) {
        if !outgoing.hold.take() {
            return;
        }
        self.metrics.message_settled(result.as_ref().err().map(SendError::name));
        if let Err(Err(error)) = outgoing.done.send(result) {
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
        if let Event::Message(message) = &event {
            self.metrics.message_received(message.length());
        }
        if !self.closing.has_begun() {
            let room = race(self.outlet.reserve(&event), self.closing.wanted()).await;
            if room == First::One(()) {
                return self.outlet.report(event);
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

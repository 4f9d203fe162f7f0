//! One session, from its WELCOME to its end.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Message, Misuse, Outcome};

use super::Driver;
use super::answers::Answers;
use super::closing::CloseStep;
use super::confirmations::{Confirmations, Settled};
use super::heard::Heard;
use super::open::Opened;
use super::suspicion::Suspicion;
use super::woken::{Wakers, Woken};
use crate::command::{Command, Outgoing};
use crate::error::{JoinError, SendError};
use crate::event::{End, Event, Incoming, Missed};
use crate::status::Status;

/// How a session ended.
pub(super) enum Served {
    /// The client ends.
    Done(End),
    /// By a fault.
    Failed(JoinError),
}

/// What the driver does next about something that arrived.
enum Reaction {
    Nothing,
    Report(Event),
    /// Reports what was missed before the event, too.
    ReportMissed(Missed, Event),
    /// Answers a REQUEST with this id.
    Refuse(NonZeroU32),
    /// The peer has acted on the frames before this ordinal.
    Settle(u64),
    /// Fails the message whose frame has this number. Reports the event if there is none.
    Fail(u32, SendError, Option<Event>),
}

/// A session, and what is known of it so far.
struct Session {
    connection: Connection<Heard>,
    /// The number that the hub's WELCOME announced.
    next_seq: Option<u64>,
    confirmations: Confirmations,
    suspicion: Suspicion,
    answers: Answers,
    /// Frames refused for their text that were reported.
    illegal: u64,
}

impl Driver {
    /// Carries messages both ways until the session ends.
    pub(super) async fn serve(&mut self, opened: Opened) -> Served {
        let mut session = self.begin(opened).await;
        let mut after_command = false;
        let ended = loop {
            for error in std::mem::take(&mut self.unreported) {
                self.report_in(&mut session.connection, Event::Failed(error)).await;
            }
            self.report_illegal(&mut session).await;
            self.resume_queue(&mut session);
            if self.is_done(&session) {
                break session.connection.close(Code::NORMAL, "").await;
            }
            self.report_heard(&mut session).await;
            let may_take = self.may_take(&session) && self.queue.is_empty() && !self.commands_over;
            let commands = may_take.then_some(&mut self.commands);
            let (answers, suspicion) = (&mut session.answers, &mut session.suspicion);
            let wakers = Wakers { closing: &mut self.closing, commands, answers, suspicion, after_command };
            let woken = wakers.wait(&mut session.connection).await;
            after_command = matches!(woken, Woken::Command(_));
            let reaction = match woken {
                Woken::Close(CloseStep::Begin) => {
                    self.commands.close();
                    continue;
                }
                Woken::Close(CloseStep::GiveUp) => break session.connection.close(Code::NORMAL, "").await,
                Woken::Command(command) => {
                    self.obey_all(command, &mut session);
                    continue;
                }
                Woken::Abandoned(requests) => {
                    requests.into_iter().for_each(|id| session.connection.cancel(id));
                    continue;
                }
                Woken::Suspect(is_suspect) => {
                    if is_suspect {
                        self.set_status(Status::Suspect);
                        self.report_in(&mut session.connection, Event::Suspect).await;
                    }
                    continue;
                }
                Woken::Event(Ok(Some(event))) => self.react(&event, session.next_seq, &mut session.answers),
                Woken::Event(Ok(None)) => break Ok(()),
                Woken::Event(Err(error)) => break Err(error),
            };
            self.report_heard(&mut session).await;
            // The frames that were refused arrived before this one.
            self.report_illegal(&mut session).await;
            if let Err(error) = self.act(reaction, &mut session).await {
                break Err(error);
            }
            // While an event waits for room, nothing is judged.
            session.suspicion.listen_again();
        };
        self.end(session, ended).await
    }

    /// Reports the session, and prepares to serve it.
    async fn begin(&mut self, opened: Opened) -> Session {
        let Opened { joined, heard, mut up } = opened;
        let (mut connection, welcome) = joined.into_parts();
        let next_seq = welcome.as_ref().map(|welcome| welcome.next_seq);
        match next_seq {
            Some(next) => self.sequence.welcome(next),
            None if self.snapshot.borrow().session > 0 => {
                self.report_in(&mut connection, Event::Missed(Missed::Unknown { after: None })).await;
            }
            None => {}
        }
        self.snapshot.send_modify(|snapshot| {
            snapshot.session += 1;
            (snapshot.status, snapshot.local, snapshot.remote) = (Status::Up, up.local, up.remote);
        });
        up.session = self.snapshot.borrow().session;
        self.metrics.connected(up.session, self.down_since.elapsed());
        self.report_in(&mut connection, Event::Up(Box::new(up))).await;
        let keepalive = Duration::from_secs(connection.peer().keepalive().into());
        Session {
            next_seq,
            confirmations: Confirmations::default(),
            suspicion: Suspicion::new(heard, keepalive),
            answers: Answers::default(),
            illegal: 0,
            connection,
        }
    }

    /// Decides what becomes of the messages under way, and how the session ended.
    async fn end(&mut self, mut session: Session, ended: Result<(), ConnectionError>) -> Served {
        self.report_illegal(&mut session).await;
        // A confirmation may have arrived while the connection closed.
        while let Some(Ok(Some(event))) = at_once(session.connection.event()) {
            if let bookend::Event::Barrier(ordinal) = event {
                self.settle_all(session.confirmations.reached(ordinal));
            }
        }
        self.land(session.confirmations, session.connection.written());
        match ended {
            Err(error) => Served::Failed(JoinError::Session(error.into())),
            Ok(()) if matches!(session.connection.outcome(), Some(Outcome::Closed(_))) => Served::Done(End::Closed),
            Ok(()) => Served::Done(End::PeerClosed),
        }
    }

    /// Gives the session the messages of the last one, and asks for a confirmation.
    fn resume_queue(&mut self, session: &mut Session) {
        while self.may_take(session)
            && let Some(outgoing) = self.queue.pop_front()
        {
            self.take(outgoing, session);
        }
        if session.confirmations.need_barrier()
            && let Ok(ordinal) = session.connection.queue_barrier()
        {
            session.confirmations.expect(ordinal);
        }
    }

    /// Whether the client should close and nothing waits any more.
    fn is_done(&self, session: &Session) -> bool {
        self.closing.has_begun()
            && self.commands_over
            && self.queue.is_empty()
            && session.confirmations.is_empty()
            && session.answers.is_empty()
    }

    async fn act(&mut self, reaction: Reaction, session: &mut Session) -> Result<(), ConnectionError> {
        match reaction {
            Reaction::Nothing => {}
            Reaction::Report(event) => self.report_in(&mut session.connection, event).await,
            Reaction::ReportMissed(missed, event) => {
                self.report_in(&mut session.connection, Event::Missed(missed)).await;
                self.report_in(&mut session.connection, event).await;
            }
            // A REQUEST must be answered (R3.12), and the program offers no answers.
            Reaction::Refuse(id) => {
                let why = "this client answers no requests";
                match session.connection.refuse(Some(id), Code::POLICY, why).await {
                    // Its CANCEL may have arrived with it, and has been answered.
                    Ok(()) | Err(ConnectionError::Misuse(Misuse::NoSuchRequest { .. })) => {}
                    Err(error) => return Err(error),
                }
            }
            Reaction::Settle(ordinal) => {
                session.answers.reached(ordinal);
                self.settle_all(session.confirmations.reached(ordinal));
            }
            Reaction::Fail(frame, error, event) => {
                let ordinal = session.connection.ordinal(frame);
                let is_ours = ordinal.is_some_and(|ordinal| session.confirmations.refuse(ordinal, error));
                if !is_ours && let Some(event) = event {
                    self.report_in(&mut session.connection, event).await;
                }
            }
        }
        Ok(())
    }

    fn settle_all(&mut self, settled: Vec<Settled>) {
        for (outgoing, result) in settled {
            self.settle(outgoing, result);
        }
    }

    /// Obeys a command, and those that wait after it. `None` is the last one.
    fn obey_all(&mut self, command: Option<Command>, session: &mut Session) {
        let Some(command) = command else {
            self.commands_over = true;
            return;
        };
        self.obey(command, session);
        while self.may_take(session)
            && let Ok(command) = self.commands.try_recv()
        {
            self.obey(command, session);
        }
    }

    /// Whether the session accepts more messages.
    fn may_take(&self, session: &Session) -> bool {
        let connection = &session.connection;
        connection.session().state() == bookend::State::Open
            && !connection.is_full()
            && !session.confirmations.is_full()
    }

    fn obey(&mut self, command: Command, session: &mut Session) {
        match command {
            Command::Send(outgoing) => self.take(outgoing, session),
            // The caller has stopped waiting. A caller whose `done` is dropped fails as unconfirmed.
            Command::Request { done, .. } if done.is_closed() => {}
            Command::Request { content, done } => match session.connection.queue_request(content.as_content()) {
                Ok(id) => {
                    self.metrics.message_sent(content.as_content().length());
                    session.answers.expect_reply(id, done);
                }
                Err(Misuse::NotOpen) => drop(done),
                Err(misuse) => {
                    let _ = done.send(Err(SendError::Invalid(misuse))); // the caller may be gone
                }
            },
            Command::Ping { done } if done.is_closed() => {}
            Command::Ping { done } => match session.connection.queue_barrier() {
                Ok(ordinal) => session.answers.expect_pong(ordinal, done),
                Err(_) => drop(done),
            },
        }
    }

    /// Queues a message in the session.
    fn take(&mut self, outgoing: Outgoing, session: &mut Session) {
        if !outgoing.hold.take() {
            return; // it was withdrawn
        }
        let number = self.snapshot.borrow().session;
        let length = outgoing.content.as_content().length();
        let connection = &mut session.connection;
        let queued = match outgoing.to {
            Some((_, known_in)) if known_in != number => {
                let result = Err(outgoing.given_up());
                return self.settle(outgoing, result);
            }
            Some((member, _)) => connection.queue_post(member, outgoing.content.as_content()),
            None if connection.session().hub_profile() => connection.queue_post(0, outgoing.content.as_content()),
            None => connection.queue(outgoing.content.as_content()),
        };
        match queued {
            Ok(ordinal) => {
                self.metrics.message_sent(length);
                session.confirmations.push(ordinal, outgoing);
            }
            // The session is over: the connection reports why.
            Err(Misuse::NotOpen) => {
                outgoing.release();
                self.queue.push_front(outgoing);
            }
            Err(misuse) => self.settle(outgoing, Err(SendError::Invalid(misuse))),
        }
    }

    /// Notes what arrived, and decides what to do about it.
    fn react(&mut self, event: &bookend::Event<'_>, next_seq: Option<u64>, answers: &mut Answers) -> Reaction {
        let message = match event {
            bookend::Event::Message(message) => message,
            bookend::Event::Barrier(ordinal) => return Reaction::Settle(*ordinal),
            bookend::Event::Unreadable { id, .. } => {
                answers.unreadable(*id);
                return Reaction::Nothing;
            }
            _ => return Reaction::Nothing, // an event that this version does not know
        };
        if answers.answer(message) {
            return Reaction::Nothing;
        }
        let event = Incoming::new(message).map(Event::Message);
        match (message, next_seq) {
            (Message::Request { id, .. }, _) => return Reaction::Refuse(*id),
            (Message::Gap { missed }, _) => {
                return Reaction::Report(Event::Missed(self.sequence.gap(*missed)));
            }
            (Message::Error(refusal), Some(next)) if refusal.id == 0 && refusal.code == Code::RESUME_REFUSED => {
                return Reaction::Report(Event::Missed(self.sequence.restart(next)));
            }
            (Message::Error(refusal), _) if refusal.id == 0 => {
                let reason = refusal.reason.to_str().into_owned();
                return Reaction::Fail(refusal.frame, SendError::Refused { code: refusal.code, reason }, event);
            }
            _ => {}
        }
        let missed = match (message, next_seq) {
            (Message::Delivery(delivery), Some(_)) if delivery.to == 0 => self.sequence.delivery(delivery.seq),
            _ => None,
        };
        match (event, missed) {
            (Some(event), Some(missed)) => Reaction::ReportMissed(missed, event),
            (Some(event), None) => Reaction::Report(event),
            (None, _) => Reaction::Nothing, // a message that this version does not know
        }
    }

    /// Reports that a suspect peer was heard again.
    async fn report_heard(&mut self, session: &mut Session) {
        if session.suspicion.is_refuted() {
            self.set_status(Status::Up);
            self.report_in(&mut session.connection, Event::Heard).await;
        }
    }

    /// Reports the frames that were refused since the last time.
    async fn report_illegal(&mut self, session: &mut Session) {
        let refused = session.connection.refused();
        let count = refused - std::mem::replace(&mut session.illegal, refused);
        if count > 0 {
            self.report_in(&mut session.connection, Event::Missed(Missed::Illegal(count))).await;
        }
    }

    /// After the session: messages under way have failed, or go first in the next session.
    fn land(&mut self, confirmations: Confirmations, written: u64) {
        let (written, unwritten) = confirmations.end(written);
        let mut again = VecDeque::new();
        for (mut outgoing, refused) in written {
            outgoing.is_written = true;
            match refused {
                Some(error) => self.settle(outgoing, Err(error)),
                None if self.resends => again.push_back(outgoing),
                None => self.settle(outgoing, Err(SendError::Unconfirmed)),
            }
        }
        for outgoing in &unwritten {
            outgoing.release();
        }
        again.extend(unwritten);
        again.append(&mut self.queue);
        self.queue = again;
    }
}

/// The output of a future that need not wait.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

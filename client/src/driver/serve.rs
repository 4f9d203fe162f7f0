//! One session, from its WELCOME to its end.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Message, Misuse, Outcome};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::select;
use tokio::time::Instant;

use super::closing::CloseStep;
use super::confirmations::{Confirmations, Settled};
use super::suspicion::Suspicion;
use super::{Driver, Opened};
use crate::command::{Command, Outgoing};
use crate::error::{JoinError, SendError};
use crate::event::{End, Event, Incoming, Missed};
use crate::status::Status;
use crate::wire::Wire;

/// How a session ended.
pub(super) enum Served {
    /// The client ends.
    Done(End),
    /// By a fault.
    Failed(JoinError),
}

type Requests = FuturesUnordered<BoxFuture<'static, ()>>;

/// What a message requires.
enum Came {
    Event(Event),
    /// An event, and what was missed before it.
    After(Missed, Event),
    Request(NonZeroU32),
    Nothing,
}

/// A session, and what is known of it so far.
struct Session {
    connection: Connection<Wire>,
    /// The number that the hub's WELCOME announced.
    next_seq: Option<u64>,
    confirmations: Confirmations,
    suspicion: Suspicion,
    requests: Requests,
    /// Frames refused for their text that were reported.
    illegal: u64,
}

impl Driver {
    /// Carries messages both ways until the session ends.
    pub(super) async fn serve(&mut self, opened: Opened) -> Served {
        let mut session = self.begin(opened).await;
        let ended = loop {
            self.report_unreported().await;
            self.report_illegal(&mut session).await;
            self.resume_queue(&mut session);
            if self.is_done(&session) {
                break session.connection.close(Code::NORMAL, "").await;
            }
            self.report_heard(&mut session).await;
            let may_take = self.may_take(&session) && self.queue.is_empty() && !self.commands_over;
            let came = select! {
                step = self.closing.next() => match step {
                    CloseStep::Begin => {
                        self.commands.close();
                        continue;
                    }
                    CloseStep::GiveUp => break session.connection.close(Code::NORMAL, "").await,
                },
                settled = session.confirmations.settled() => {
                    self.settle_all(settled);
                    continue;
                }
                command = self.commands.recv(), if may_take => {
                    self.obey_all(command, &mut session);
                    continue;
                }
                Some(()) = session.requests.next(), if !session.requests.is_empty() => continue,
                is_suspect = session.suspicion.rises() => {
                    if is_suspect {
                        self.set_status(Status::Suspect);
                        self.report(Event::Suspect).await;
                    }
                    continue;
                }
                next = session.connection.next() => match next {
                    Ok(Some(message)) => self.hear(&message, session.next_seq, &mut session.confirmations),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            self.report_heard(&mut session).await;
            // The frames that were refused arrived before this message.
            self.report_illegal(&mut session).await;
            if let Err(error) = self.act(came, &mut session.connection).await {
                break Err(error);
            }
            // While an event waits for room, nothing is read.
            session.suspicion.listen_again();
        };
        self.end(session, ended).await
    }

    /// Reports the session, and prepares to serve it.
    async fn begin(&mut self, opened: Opened) -> Session {
        let Opened { joined, written, heard, mut up } = opened;
        let (connection, welcome) = joined.into_parts();
        let next_seq = welcome.as_ref().map(|welcome| welcome.next_seq);
        match next_seq {
            Some(next) => self.sequence.welcome(next),
            None if self.snapshot.borrow().session > 0 => self.report(Event::Missed(Missed::Unknown)).await,
            None => {}
        }
        self.snapshot.send_modify(|snapshot| {
            snapshot.session += 1;
            (snapshot.status, snapshot.local, snapshot.remote) = (Status::Up, up.local, up.remote);
        });
        up.session = self.snapshot.borrow().session;
        self.report(Event::Up(Box::new(up))).await;
        let keepalive = Duration::from_secs(connection.peer().keepalive().into());
        Session {
            next_seq,
            confirmations: Confirmations::new(connection.handle(), written),
            suspicion: Suspicion::new(heard, keepalive),
            requests: Requests::new(),
            illegal: 0,
            connection,
        }
    }

    /// Settles what can be settled, and decides how the session ended.
    async fn end(&mut self, mut session: Session, ended: Result<(), ConnectionError>) -> Served {
        self.report_illegal(&mut session).await;
        let settled = session.confirmations.settled_already();
        self.settle_all(settled);
        self.land(session.confirmations);
        match ended {
            Err(error) => Served::Failed(JoinError::Session(error)),
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
        session.confirmations.ask();
    }

    /// Whether the client is to close, and nothing waits any more.
    fn is_done(&self, session: &Session) -> bool {
        self.closing.has_begun()
            && self.commands_over
            && self.queue.is_empty()
            && session.confirmations.is_empty()
            && session.requests.is_empty()
    }

    /// Acts on a message.
    async fn act(&mut self, came: Came, connection: &mut Connection<Wire>) -> Result<(), ConnectionError> {
        match came {
            Came::Event(event) => self.report(event).await,
            Came::After(missed, event) => {
                self.report(Event::Missed(missed)).await;
                self.report(event).await;
            }
            // A REQUEST must be answered (R3.12), and the program offers no answers.
            Came::Request(id) => {
                connection.refuse(Some(id), Code::POLICY, "this client answers no requests").await?;
            }
            Came::Nothing => {}
        }
        Ok(())
    }

    fn settle_all(&mut self, settled: Vec<Settled>) {
        for (outgoing, result) in settled {
            self.settle(outgoing.done, result);
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
            // The sender has given up waiting.
            Command::Request { done, .. } if done.is_closed() => {}
            Command::Request { content, timeout, mut done } => {
                let handle = session.connection.handle();
                let request = async move {
                    let answered = select! {
                        answered = handle.request(content.content(), timeout) => answered,
                        () = done.closed() => return,
                    };
                    let _ = done.send(answered.map_err(|error| match error {
                        ConnectionError::Refused { code, reason } => SendError::Refused { code, reason },
                        ConnectionError::Timeout => SendError::TimedOut,
                        ConnectionError::Misuse(misuse) if misuse != Misuse::NotOpen => SendError::Invalid(misuse),
                        _ => SendError::Unconfirmed,
                    }));
                };
                session.requests.push(request.boxed());
            }
            Command::Ping { mut done } => {
                let handle = session.connection.handle();
                let ping = async move {
                    let begun = Instant::now();
                    let answered = select! {
                        answered = handle.barrier() => answered,
                        () = done.closed() => return,
                    };
                    let _ = done.send(answered.map(|()| begun.elapsed()).map_err(|_| SendError::Unconfirmed));
                };
                session.requests.push(ping.boxed());
            }
        }
    }

    /// Queues a message in the session.
    fn take(&mut self, outgoing: Outgoing, session: &mut Session) {
        let number = self.snapshot.borrow().session;
        let connection = &mut session.connection;
        let queued = match outgoing.to {
            Some((_, known_in)) if known_in != number => {
                let result = Err(outgoing.given_up());
                return self.settle(outgoing.done, result);
            }
            Some((member, _)) => connection.queue_post(member, outgoing.content.content()),
            None if connection.session().hub_profile() => connection.queue_post(0, outgoing.content.content()),
            None => connection.queue(outgoing.content.content()),
        };
        match queued {
            Ok(_) => session.confirmations.push(outgoing),
            // The session is over: the connection reports why.
            Err(Misuse::NotOpen) => self.queue.push_front(outgoing),
            Err(misuse) => self.settle(outgoing.done, Err(SendError::Invalid(misuse))),
        }
    }

    /// Notes a message, and decides what it requires.
    fn hear(&mut self, message: &Message<'_>, next_seq: Option<u64>, confirmations: &mut Confirmations) -> Came {
        match (message, next_seq) {
            (Message::Request { id, .. }, _) => return Came::Request(*id),
            (Message::Gap { missed }, _) => {
                self.sequence.gap(*missed);
                return Came::Event(Event::Missed(Missed::Gap(*missed)));
            }
            (Message::Error(refusal), Some(next)) if refusal.id == 0 && refusal.code == Code::RESUME_REFUSED => {
                self.sequence.restart(next);
                return Came::Event(Event::Missed(Missed::Unknown));
            }
            (Message::Error(refusal), _) if refusal.id == 0 && confirmations.refuse(refusal) => return Came::Nothing,
            _ => {}
        }
        let missed = match (message, next_seq) {
            (Message::Delivery(delivery), Some(_)) if delivery.to == 0 => self.sequence.delivery(delivery.seq),
            _ => None,
        };
        match (Incoming::new(message).map(Event::Message), missed) {
            (Some(event), Some(missed)) => Came::After(missed, event),
            (Some(event), None) => Came::Event(event),
            (None, _) => Came::Nothing, // a message that this version does not know
        }
    }

    /// Reports that a suspect peer was heard again.
    async fn report_heard(&mut self, session: &mut Session) {
        if session.suspicion.is_refuted() {
            self.set_status(Status::Up);
            self.report(Event::Heard).await;
        }
    }

    /// Reports the frames that were refused since the last time.
    async fn report_illegal(&mut self, session: &mut Session) {
        let refused = session.connection.refused();
        let count = refused - std::mem::replace(&mut session.illegal, refused);
        if count > 0 {
            self.report(Event::Missed(Missed::Illegal(count))).await;
        }
    }

    /// After the session: messages under way have failed, or go first in the next session.
    fn land(&mut self, confirmations: Confirmations) {
        let (written, unwritten) = confirmations.end();
        let mut again = VecDeque::new();
        for (mut outgoing, refused) in written {
            outgoing.is_written = true;
            match refused {
                Some(error) => self.settle(outgoing.done, Err(error)),
                None if self.resends => again.push_back(outgoing),
                None => self.settle(outgoing.done, Err(SendError::Unconfirmed)),
            }
        }
        again.extend(unwritten);
        again.append(&mut self.queue);
        self.queue = again;
    }
}

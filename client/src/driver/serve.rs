//! One session, from its WELCOME to its end.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Error, Message, Outcome};
use futures_util::future::{BoxFuture, OptionFuture};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::flight::Flight;
use super::{CLOSE_PATIENCE, Driver, Opened, wished};
use crate::command::{Command, Outgoing};
use crate::error::{JoinError, SendError};
use crate::event::{End, Event, Incoming, Missed};
use crate::state::State;
use crate::wire::Wire;

/// How a session ended.
pub(super) enum Served {
    /// For good.
    Done(End),
    /// By a fault.
    Failed(JoinError),
}

type Requests = FuturesUnordered<BoxFuture<'static, ()>>;

/// What is to be done about a message that came.
enum Came {
    Event(Event),
    /// A message of which others before it did not come.
    Behind(Missed, Event),
    Question(NonZeroU32),
    Nothing,
}

impl Driver {
    /// Opens the doors both ways, until the session ends.
    pub(super) async fn serve(&mut self, opened: Opened) -> Served {
        let Opened { joined, written, mut heard, mut up } = opened;
        let (mut connection, welcome) = joined.into_parts();
        let next_seq = welcome.as_ref().map(|welcome| welcome.next_seq);
        match next_seq {
            Some(next) => self.seen.welcome(next),
            None if self.status.borrow().session > 0 => self.tell(Event::Missed(Missed::Unknown)).await,
            None => {}
        }
        self.status.send_modify(|status| {
            status.session += 1;
            (status.state, status.local, status.remote) = (State::Up, up.local, up.remote);
        });
        up.session = self.status.borrow().session;
        self.tell(Event::Up(Box::new(up))).await;

        let handle = connection.handle();
        let mut flight = Flight::new(written);
        let mut requests = Requests::new();
        let mut barrier: OptionFuture<BoxFuture<'static, Result<(), ConnectionError>>> = None.into();
        let mut has_barrier = false;
        let mut covered = 0;
        let mut is_lost = false;
        let mut illegal = 0;
        let mut patience = None;
        // Silence is counted from here on, at least.
        let mut listening = Instant::now();
        let promised = Duration::from_secs(connection.peer().keepalive().into());
        let mut is_suspect = false;
        let ended = loop {
            self.tell_untold().await;
            self.tell_illegal(connection.refused(), &mut illegal).await;
            while self.may_take(&connection, &flight)
                && let Some(outgoing) = self.queue.pop_front()
            {
                self.take(outgoing, &mut connection, &mut flight);
            }
            if !has_barrier && !is_lost && flight.len() > 0 {
                let handle = handle.clone();
                covered = flight.len();
                barrier = Some(async move { handle.barrier().await }.boxed()).into();
                has_barrier = true;
            }
            if self.is_closing
                && self.commands_over
                && self.queue.is_empty()
                && flight.len() == 0
                && requests.is_empty()
            {
                break connection.close(Code::NORMAL, "").await;
            }
            self.tell_heard(&heard, &mut is_suspect).await;
            let silent = (*heard.borrow_and_update()).max(listening);
            let suspicious = silent + promised + promised / 4;
            let may_take = self.may_take(&connection, &flight) && self.queue.is_empty() && !self.commands_over;
            let came = select! {
                () = wished(&mut self.wish), if !self.is_closing => {
                    self.is_closing = true;
                    self.commands.close();
                    patience = Some(Instant::now() + CLOSE_PATIENCE);
                    continue;
                }
                () = sleep_until(patience.unwrap_or(suspicious)), if patience.is_some() => {
                    break connection.close(Code::NORMAL, "").await;
                }
                Some(reached) = &mut barrier, if has_barrier => {
                    (barrier, has_barrier) = (None.into(), false);
                    is_lost = reached.is_err(); // the session is over, and will tell why
                    if !is_lost {
                        for (outgoing, result) in flight.confirmed(covered) {
                            self.settle(outgoing.done, result);
                        }
                    }
                    continue;
                }
                command = self.commands.recv(), if may_take => {
                    match command {
                        None => self.commands_over = true,
                        Some(command) => {
                            self.obey(command, &mut connection, &mut flight, &requests);
                            while self.may_take(&connection, &flight)
                                && let Ok(command) = self.commands.try_recv()
                            {
                                self.obey(command, &mut connection, &mut flight, &requests);
                            }
                        }
                    }
                    continue;
                }
                Some(()) = requests.next(), if !requests.is_empty() => continue,
                _ = heard.changed(), if is_suspect => {
                    heard.mark_changed();
                    continue;
                }
                () = sleep_until(suspicious), if !is_suspect && !promised.is_zero() => {
                    if heard.has_changed().unwrap_or(false) {
                        continue;
                    }
                    is_suspect = true;
                    self.set_state(State::Suspect);
                    self.tell(Event::Suspect).await;
                    continue;
                }
                next = connection.next() => match next {
                    Ok(Some(message)) => self.hear(&message, next_seq, &mut flight),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            self.tell_heard(&heard, &mut is_suspect).await;
            // What was refused came before the message that was not.
            self.tell_illegal(connection.refused(), &mut illegal).await;
            match came {
                Came::Event(event) => self.tell(event).await,
                Came::Behind(missed, event) => {
                    self.tell(Event::Missed(missed)).await;
                    self.tell(event).await;
                }
                Came::Question(id) => {
                    // A REQUEST must be answered (R3.12), and there is nobody to ask.
                    let refused = connection.refuse(Some(id), Code::POLICY, "this client answers no requests").await;
                    if let Err(error) = refused {
                        break Err(error);
                    }
                }
                Came::Nothing => {}
            }
            // While events wait for room nothing is heard, however much is said.
            listening = Instant::now();
        };
        self.tell_illegal(connection.refused(), &mut illegal).await;
        // The confirmation may have come right before the end.
        if has_barrier && let Some(Some(Ok(()))) = barrier.now_or_never() {
            for (outgoing, result) in flight.confirmed(covered) {
                self.settle(outgoing.done, result);
            }
        }
        self.land(flight);
        match ended {
            Err(error) => Served::Failed(JoinError::Session(error)),
            Ok(()) if matches!(connection.outcome(), Some(Outcome::Closed(_))) => Served::Done(End::Here),
            Ok(()) => Served::Done(End::There),
        }
    }

    /// May messages be given to the session?
    fn may_take(&self, connection: &Connection<Wire>, flight: &Flight) -> bool {
        connection.session().state() == bookend::State::Open && !connection.is_full() && !flight.is_full()
    }

    fn obey(&mut self, command: Command, connection: &mut Connection<Wire>, flight: &mut Flight, requests: &Requests) {
        match command {
            Command::Send(outgoing) => self.take(outgoing, connection, flight),
            // Who has given up waiting is not to be answered.
            Command::Request { done, .. } if done.is_closed() => {}
            Command::Request { content, patience, mut done } => {
                let handle = connection.handle();
                let request = async move {
                    let answered = select! {
                        answered = handle.request(content.content(), patience) => answered,
                        () = done.closed() => return,
                    };
                    let _gone = done.send(answered.map_err(|error| match error {
                        ConnectionError::Refused { code, reason } => SendError::Refused { code, reason },
                        ConnectionError::Timeout => SendError::TimedOut,
                        ConnectionError::Protocol { error, diagnosis: None } if is_of_the_message(error) => {
                            SendError::Invalid(error)
                        }
                        _ => SendError::Unconfirmed,
                    }));
                };
                requests.push(request.boxed());
            }
            Command::Ping { mut done } => {
                let handle = connection.handle();
                let ping = async move {
                    let begun = Instant::now();
                    let answered = select! {
                        answered = handle.barrier() => answered,
                        () = done.closed() => return,
                    };
                    let _gone = done.send(answered.map(|()| begun.elapsed()).map_err(|_| SendError::Unconfirmed));
                };
                requests.push(ping.boxed());
            }
        }
    }

    /// Gives a message to the session, to be written by its next turn.
    fn take(&mut self, outgoing: Outgoing, connection: &mut Connection<Wire>, flight: &mut Flight) {
        let session = self.status.borrow().session;
        let queued = match outgoing.to {
            Some((_, known_in)) if known_in != session => {
                let result = Err(outgoing.given_up());
                return self.settle(outgoing.done, result);
            }
            Some((member, _)) => connection.queue_post(member, outgoing.content.content()),
            None if connection.session().hub_profile() => connection.queue_post(0, outgoing.content.content()),
            None => connection.queue(outgoing.content.content()),
        };
        match queued {
            Ok(()) => flight.push(outgoing),
            // The session is over, and will tell why.
            Err(Error::NotOpen) => self.queue.push_front(outgoing),
            Err(error) => self.settle(outgoing.done, Err(SendError::Invalid(error))),
        }
    }

    /// What is to be told of a message that came.
    fn hear(&mut self, message: &Message<'_>, next_seq: Option<u64>, flight: &mut Flight) -> Came {
        match (message, next_seq) {
            (Message::Request { id, .. }, _) => return Came::Question(*id),
            (Message::Gap { missed }, _) => {
                self.seen.gap(*missed);
                return Came::Event(Event::Missed(Missed::Gap(*missed)));
            }
            (Message::Error(refusal), Some(next)) if refusal.id == 0 && refusal.code == Code::RESUME_REFUSED => {
                self.seen.restart(next);
                return Came::Event(Event::Missed(Missed::Unknown));
            }
            (Message::Error(refusal), _) if refusal.id == 0 && flight.refuse(refusal) => return Came::Nothing,
            _ => {}
        }
        let missed = match (message, next_seq) {
            (Message::Delivery(delivery), Some(_)) if delivery.to == 0 => self.seen.delivery(delivery.seq),
            _ => None,
        };
        match (Incoming::new(message).map(Event::Message), missed) {
            (Some(event), Some(missed)) => Came::Behind(missed, event),
            (Some(event), None) => Came::Event(event),
            (None, _) => Came::Nothing, // no message that this version knows
        }
    }

    /// Whoever was suspect is not any more once something has come.
    async fn tell_heard(&mut self, heard: &watch::Receiver<Instant>, is_suspect: &mut bool) {
        if *is_suspect && heard.has_changed().unwrap_or(false) {
            *is_suspect = false;
            self.set_state(State::Up);
            self.tell(Event::Heard).await;
        }
    }

    async fn tell_illegal(&mut self, refused: u64, told: &mut u64) {
        let count = refused - *told;
        *told = refused;
        if count > 0 {
            self.tell(Event::Missed(Missed::Illegal(count))).await;
        }
    }

    /// The session is over: what was under way is given up, or goes first in the next one.
    fn land(&mut self, flight: Flight) {
        let (written, unwritten) = flight.end();
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

/// Is the message wrong, and not the session over?
fn is_of_the_message(error: Error) -> bool {
    matches!(
        error,
        Error::TooLong { .. } | Error::UnmappableText { .. } | Error::EncodingRefused { .. } | Error::TooManyRequests
    )
}

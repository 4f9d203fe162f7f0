//! One connection: an endpoint that owns a stream. One task reads, writes, waits and is woken.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bookend::{Code, Hello, Limits, Role, Session};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::admission::{Shut, Ticket};
use crate::endpoint::{Endpoint, greeting};
use crate::hub::{Hub, Peer};
use crate::scratch;

/// A frame of which more bytes than this have come is completed in a buffer of its own.
const SHORT: usize = 32 << 10;

/// Serves one connection, until it is over; it may have its place at the door already. The future is small, as there
/// are as many as connections.
pub(crate) fn serve<S, P>(hub: &Hub, stream: S, peer: P, ticket: Option<Ticket>) -> impl Future<Output = ()> + use<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Into<Peer>,
{
    // Made here and not in the future: what is moved within a future is in it twice.
    let mut connection = Connection::new(hub, stream, peer.into());
    connection.endpoint.seat().set_ticket(ticket);
    async move { connection.run().await }
}

/// Says why nobody is let in, as far as that can be done at once.
async fn refuse<S: AsyncWrite + Unpin>(stream: &mut S, shut: Shut) {
    let refusal = refusal(shut.reason());
    poll_fn(|cx| {
        let _best_effort = Pin::new(&mut *stream).poll_write(cx, &refusal);
        Poll::Ready(())
    })
    .await;
    let _best_effort = stream.shutdown().await;
}

/// A line for a person, and CLOSE for a framed peer.
fn refusal(reason: &str) -> Vec<u8> {
    let mut out = greeting(&format!(": {reason}, try later")).bytes;
    let mut session = Session::new(Role::Server, Hello::new(), Limits::default(), Duration::ZERO);
    session.close(Code::TRY_LATER, reason, Duration::ZERO);
    session.take_output(&mut out);
    out
}

struct Connection<S> {
    endpoint: Endpoint,
    stream: S,
    start: Instant,
    /// The beginning of a frame that is not whole.
    held: Vec<u8>,
    /// Who is woken by the mailbox and the room.
    waker: Option<Waker>,
    /// What the peer has sent with its first packets has been looked for.
    begun: bool,
    unflushed: bool,
    shut: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn new(hub: &Hub, stream: S, peer: Peer) -> Connection<S> {
        Connection {
            endpoint: Endpoint::new(hub, peer),
            stream,
            start: Instant::now(),
            held: Vec::new(),
            waker: None,
            begun: false,
            unflushed: false,
            shut: false,
        }
    }

    async fn run(&mut self) {
        let seat = self.endpoint.seat();
        if let Err(shut) = seat.enter() {
            tracing::info!(peer = seat.peer().label(), fault = "try-later", detail = shut.reason(), "refuse");
            seat.hub().counters().refused.count("try-later");
            seat.closed();
            return Box::pin(refuse(&mut self.stream, shut)).await;
        }
        tracing::info!(peer = seat.peer().label(), "connect");
        seat.hub().counters().accepted(seat.peer().door());
        let mut timer = pin!(sleep_until(self.start));
        let result = poll_fn(|cx| self.poll(cx, timer.as_mut())).await;
        if self.shut {
            self.endpoint.seat().closed();
        }
        let ending = self.endpoint.is_ending();
        if result.is_err() {
            self.endpoint.broke();
        }
        let peer = self.endpoint.seat().peer().label();
        match result {
            Ok(()) => tracing::debug!(peer, "disconnect"),
            // Whoever has been told to go need not listen to the end.
            Err(error) if ending => tracing::debug!(peer, detail = %error, "disconnect"),
            Err(error) => tracing::info!(peer, fault = "io", detail = %error, "fault"),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<io::Result<()>> {
        self.register(cx.waker());
        let mut budget = scratch::SIZE;
        if timer.is_elapsed() {
            let _what_is_due_is_done = self.poll_timer(cx, timer.as_mut());
        }
        // Whoever speaks at once gets the greeting and the answer in one write.
        if !std::mem::replace(&mut self.begun, true)
            && let Poll::Ready(count) = self.poll_read(cx)
            && count? == 0
        {
            self.endpoint.end_of_stream(&self.held);
        }
        loop {
            self.endpoint.set_time(self.start.elapsed());
            self.endpoint.take_orders();
            let written = self.poll_write(cx)?;
            if self.endpoint.is_over(self.shut) {
                return Poll::Ready(Ok(()));
            }
            if self.endpoint.may_go_on() {
                self.use_held();
                continue;
            }
            if self.endpoint.may_read() {
                match self.poll_read(cx) {
                    Poll::Ready(Ok(0)) => {
                        self.endpoint.end_of_stream(&self.held);
                        continue;
                    }
                    Poll::Ready(Ok(count)) => {
                        budget = budget.saturating_sub(count);
                        if budget > 0 {
                            continue;
                        }
                        // Those who are told what was read have their turn before more is read.
                        let _now_or_later = self.poll_write(cx)?;
                        // Who never ceases to speak is not to outlive its limits: this is all that sets the timer then.
                        let _what_is_due_is_done = self.poll_timer(cx, timer.as_mut());
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
            }
            if self.poll_timer(cx, timer.as_mut()).is_ready() {
                continue;
            }
            // Who waits for the stream need not be woken when the room tells something.
            if written.is_pending() || self.endpoint.seat().sleep(cx.waker()) {
                self.endpoint.rest();
                return Poll::Pending;
            }
        }
    }

    /// Sees to it that the mailbox and the room wake this task.
    fn register(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.endpoint.seat().mailbox().register(waker);
            if let Some(feed) = self.endpoint.seat().feed() {
                feed.relist();
            }
            self.waker = Some(waker.clone());
        }
    }

    /// Does what is due. Ready if there was anything.
    fn poll_timer(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<()> {
        while let Some(deadline) = self.endpoint.deadline().and_then(|deadline| self.start.checked_add(deadline)) {
            // A timer that fires too early costs less than one that is set anew for each read.
            if deadline < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= deadline {
                self.endpoint.set_time(self.start.elapsed());
                self.endpoint.on_time(&self.held);
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Writes everything there is. Ready once all of it has been taken, and the direction closed if it is to be.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        loop {
            let taken = scratch::writing(|buffer| {
                let bytes = self.endpoint.next_write(buffer);
                if bytes.is_empty() {
                    Poll::Ready(Ok(None))
                } else {
                    Pin::new(&mut self.stream).poll_write(cx, bytes).map_ok(Some)
                }
            });
            match taken {
                Poll::Ready(Ok(Some(0))) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(Some(count))) => {
                    self.unflushed = true;
                    self.endpoint.wrote(count);
                }
                Poll::Ready(Ok(None)) => break,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.endpoint.blocked();
                    return Ok(Poll::Pending);
                }
            }
        }
        if self.unflushed {
            let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) else {
                self.endpoint.blocked();
                return Ok(Poll::Pending);
            };
            flushed?;
            self.unflushed = false;
            self.endpoint.unblocked();
        }
        if !self.shut && self.endpoint.is_done_writing() {
            let Poll::Ready(shut) = Pin::new(&mut self.stream).poll_shutdown(cx) else { return Ok(Poll::Pending) };
            shut?;
            self.shut = true;
        }
        Ok(Poll::Ready(()))
    }

    /// Reads once and gives the endpoint what has come; 0 at the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let kept = if self.held.len() <= SHORT { self.held.len() } else { 0 };
        scratch::reading(kept + scratch::SIZE, |buffer| {
            let mut space = ReadBuf::new(&mut buffer[kept..]);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space)) {
                // TLS without its own end. Bookend knows by itself what is whole.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(0)),
                read => read?,
            }
            let count = space.filled().len();
            if count == 0 {
                return Poll::Ready(Ok(0));
            }
            self.endpoint.set_time(self.start.elapsed());
            self.endpoint.heard(count);
            if kept == self.held.len() {
                buffer[..kept].copy_from_slice(&self.held);
                let input = &buffer[..kept + count];
                let used = self.endpoint.read(input);
                self.held.clear();
                self.held.extend_from_slice(&input[used..]);
            } else {
                self.held.extend_from_slice(&buffer[..count]);
                self.use_held();
            }
            if self.held.is_empty() {
                self.held = Vec::new();
            }
            Poll::Ready(Ok(count))
        })
    }

    /// Gives the endpoint what it has not used yet.
    fn use_held(&mut self) {
        let used = self.endpoint.read(&self.held);
        self.held.drain(..used);
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;
    use crate::framed::Framed;
    use crate::mailbox::Mailbox;

    #[test]
    fn what_each_idle_connection_keeps_is_small() {
        let sizes = [size_of::<Connection<()>>(), size_of::<Framed>(), size_of::<Mailbox>()];
        assert!(sizes[0] <= 416 && sizes[1] <= 424 && sizes[2] <= 80, "{sizes:?}");
    }
}

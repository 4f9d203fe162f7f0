//! One connection: one task that owns a stream, reads, writes, waits and is woken.

mod core;

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bookend::Code;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use self::core::{ConnectionCore, greeting};
use crate::admission::{Entry, Rejection};
use crate::fault::close_frame;
use crate::hub::Hub;
use crate::peer::Peer;
use crate::scratch;

/// An incomplete frame with more bytes than this is completed in a buffer of its own.
const SHORT: usize = 32 << 10;
/// How much is read at a time from a peer that is near the limit of what it may send.
const LITTLE: usize = 4 << 10;
/// The timeout for writing why a connection is rejected.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves one admitted connection until it has ended. The future is small, because there is one for each connection.
pub(crate) fn serve<S>(hub: &Hub, stream: S, peer: Peer, entry: Entry) -> impl Future<Output = ()> + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Created outside the future: what is moved inside a future takes its space twice.
    let mut connection = Connection::new(hub, stream, peer, entry);
    async move { connection.run().await }
}

/// Writes why the connection is rejected.
async fn reject<S: AsyncWrite + Unpin>(stream: &mut S, rejection: &Rejection) {
    let answer = rejection_answer(rejection);
    let answering = async {
        stream.write_all(&answer).await?;
        stream.shutdown().await
    };
    let _ = timeout(REJECTION_TIMEOUT, answering).await; // best effort
}

/// A line for a person, and CLOSE for a framed peer.
pub(crate) fn rejection_answer(rejection: &Rejection) -> Vec<u8> {
    let (code, reason) = (rejection.code(), rejection.reason());
    let advice = if code == Code::TRY_LATER { ", try later" } else { "" };
    let mut out = greeting(&format!(": {reason}{advice}")).bytes;
    out.extend(close_frame(code, &reason));
    out
}

impl Hub {
    /// Serves one connection until it has ended. Spawn the future, or poll it; dropping it disconnects the peer without
    /// a CLOSE. The connection is admitted or rejected by this call, and counted until the future is dropped. The label or
    /// the address of the peer is for the log; limits per address apply to a [`SocketAddr`](std::net::SocketAddr) only. Set
    /// `TCP_NOTSENT_LOWAT` on a TCP stream that you accept yourself, as [`Listener`](crate::Listener) does: otherwise Linux
    /// reports late that a slow reader accepts bytes, and the hub closes it.
    pub fn serve<S, P>(&self, stream: S, peer: P) -> impl Future<Output = ()> + use<S, P>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        P: Into<Peer>,
    {
        let (hub, peer) = (self.with_current_config(), peer.into());
        let mut admitted = match hub.admit(&peer) {
            Ok(entry) => Ok(Connection::new(&hub, stream, peer, entry)),
            Err(rejection) => Err((stream, rejection)),
        };
        async move {
            match &mut admitted {
                Ok(connection) => connection.run().await,
                Err((stream, rejection)) => Box::pin(reject(stream, rejection)).await,
            }
        }
    }
}

struct Connection<S> {
    core: ConnectionCore,
    stream: S,
    start: Instant,
    /// The start of an incomplete frame.
    held: Vec<u8>,
    /// What the mailbox and the room wake.
    waker: Option<Waker>,
    /// The first read has been tried.
    started: bool,
    unflushed: bool,
    /// The sending direction is closed.
    shut: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn new(hub: &Hub, stream: S, peer: Peer, entry: Entry) -> Connection<S> {
        Connection {
            core: ConnectionCore::new(hub, peer, entry),
            stream,
            start: Instant::now(),
            held: Vec::new(),
            waker: None,
            started: false,
            unflushed: false,
            shut: false,
        }
    }

    async fn run(&mut self) {
        let client = self.core.client();
        client.hub().counters().accepted(client.peer().transport());
        let mut timer = pin!(sleep_until(self.start));
        let result = poll_fn(|cx| self.poll(cx, timer.as_mut())).await;
        if self.shut {
            self.core.client().set_written();
        }
        self.core.ended(result);
    }

    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<io::Result<()>> {
        self.register(cx.waker());
        let (mut budget, mut work) = (scratch::SIZE, scratch::MAX_WORK);
        if timer.is_elapsed() {
            let _ = self.poll_timer(cx, timer.as_mut()); // ready or not, the loop goes through everything
        }
        // A peer that sends at once gets the greeting and the answer in one write.
        if !std::mem::replace(&mut self.started, true)
            && let Poll::Ready(count) = self.poll_read(cx)
            && count? == 0
        {
            self.core.end_of_stream(&self.held);
        }
        loop {
            self.core.set_time(self.start.elapsed());
            self.core.take_requests();
            let written = self.poll_write(cx, &mut work)?;
            if self.core.is_finished(self.shut) {
                return Poll::Ready(Ok(()));
            }
            if self.core.wants_unused_input() {
                self.use_held();
                continue;
            }
            if self.core.wants_read() {
                match self.poll_read(cx) {
                    Poll::Ready(Ok(0)) => {
                        self.core.end_of_stream(&self.held);
                        continue;
                    }
                    Poll::Ready(Ok(count)) => {
                        budget = budget.saturating_sub(count);
                        if budget > 0 {
                            continue;
                        }
                        // Other members get their turn before more is read.
                        self.core.answer(cx, &mut work);
                        let _ = self.poll_write(cx, &mut work)?; // the rest is written at the next poll
                        // Timeouts also hold for a peer that never stops sending: nothing else sets its timer.
                        let _ = self.poll_timer(cx, timer.as_mut());
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
            }
            // After reading: a peer that has just identified itself keeps its place.
            if self.core.poll_loss(cx) || self.poll_timer(cx, timer.as_mut()).is_ready() {
                continue;
            }
            if !self.core.wait_for_store(cx.waker()) || self.core.answer(cx, &mut work) {
                continue;
            }
            // A connection that waits for its stream need not be woken by the room.
            if written.is_pending() || self.core.client().wait(cx.waker()) {
                self.core.release();
                return Poll::Pending;
            }
        }
    }

    /// Has the mailbox and the room wake this task.
    fn register(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.core.client().mailbox().register(waker);
            self.core.forget_waker();
            self.waker = Some(waker.clone());
        }
    }

    /// Does what is due. Ready if something was.
    fn poll_timer(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<()> {
        while let Some(deadline) = self.core.deadline().and_then(|deadline| self.start.checked_add(deadline)) {
            // A timer that fires too early costs less than one that is reset for each read.
            if deadline < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= deadline {
                self.core.set_time(self.start.elapsed());
                self.core.on_time(&self.held);
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Writes everything. Ready when the stream has accepted it, and the sending direction is closed if it should be.
    /// After that much work, in bytes that are written or rendered, other connections go on first.
    fn poll_write(&mut self, cx: &mut Context<'_>, work: &mut usize) -> io::Result<Poll<()>> {
        loop {
            if *work == 0 {
                cx.waker().wake_by_ref();
                return Ok(Poll::Pending);
            }
            let accepted = scratch::writing(|buffer| {
                let bytes = self.core.next_write(buffer);
                if bytes.is_empty() {
                    Poll::Ready(Ok(None))
                } else {
                    Pin::new(&mut self.stream).poll_write(cx, bytes).map_ok(Some)
                }
            });
            match accepted {
                Poll::Ready(Ok(Some(0))) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(Some(count))) => {
                    self.unflushed = true;
                    self.core.wrote(count);
                    *work = work.saturating_sub(count + self.core.take_work());
                }
                Poll::Ready(Ok(None)) => match self.core.take_work() {
                    // What was skipped may have been all that one call skips.
                    skipped if skipped > 0 && self.core.is_behind() => *work = work.saturating_sub(skipped),
                    _ => break,
                },
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.core.set_blocked();
                    return Ok(Poll::Pending);
                }
            }
        }
        if self.unflushed {
            let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) else {
                self.core.set_blocked();
                return Ok(Poll::Pending);
            };
            flushed?;
            self.unflushed = false;
        }
        self.core.set_caught_up();
        if !self.shut && self.core.is_done_writing() {
            let Poll::Ready(shut) = Pin::new(&mut self.stream).poll_shutdown(cx) else { return Ok(Poll::Pending) };
            shut?;
            self.shut = true;
        }
        Ok(Poll::Ready(()))
    }

    /// Reads once and passes the bytes on. Returns how many, and 0 at the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let kept = if self.held.len() <= SHORT { self.held.len() } else { 0 };
        let size = if self.core.reads_little() { LITTLE } else { scratch::SIZE };
        scratch::reading(kept + scratch::SIZE, |buffer| {
            let mut space = ReadBuf::new(&mut buffer[kept..kept + size]);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space)) {
                // TLS without close_notify. Bookend detects truncation itself.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(0)),
                read => read?,
            }
            let count = space.filled().len();
            if count == 0 {
                return Poll::Ready(Ok(0));
            }
            self.core.set_time(self.start.elapsed());
            self.core.count_read(count);
            if kept == self.held.len() {
                buffer[..kept].copy_from_slice(&self.held);
                let input = &buffer[..kept + count];
                let used = self.core.receive(input);
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

    /// Passes on what has not been used yet.
    fn use_held(&mut self) {
        let used = self.core.receive(&self.held);
        self.held.drain(..used);
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;
    use crate::framed::Framed;
    use crate::mailbox::Mailbox;

    #[test]
    fn an_idle_connection_is_small() {
        let sizes = [size_of::<Connection<()>>(), size_of::<Framed>(), size_of::<Mailbox>()];
        assert!(sizes[0] <= 464 && sizes[1] <= 432 && sizes[2] <= 80, "{sizes:?}");
    }
}

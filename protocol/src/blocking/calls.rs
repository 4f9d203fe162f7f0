//! What the application sends, and the answers that it waits for.

use std::io::{Read, Write};
use std::num::NonZeroU32;
use std::time::Duration;

use super::answers::Answers;
use super::{Connection, Timed};
use crate::code::Code;
use crate::error::{ConnectionError, Reply};
use crate::kind::PrivateKind;
use crate::misuse::Misuse;
use crate::payload::Content;
use crate::session::State;

impl<S: Read + Write + Timed> Connection<S> {
    /// Sends a MESSAGE; the stream has taken it when this returns.
    ///
    /// # Errors
    /// [`Misuse::TooLong`], [`Misuse::UnmappableText`], [`Misuse::EncodingRefused`], [`Misuse::NotOpen`]: nothing was
    /// sent and the session lives. Otherwise the reason why the session ended.
    pub fn send<'c>(&mut self, content: impl Into<Content<'c>>) -> Result<(), ConnectionError> {
        self.open_or_why()?;
        self.queue(content)?;
        self.flush()
    }

    /// Queues a MESSAGE, which the next [`flush`](Connection::flush), [`next`](Connection::next) or other call writes: the
    /// fastest way to send many. Nothing limits the queue, so flush after some tens of KiB.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # use bookend::{Code, ConnectionError, Hello, blocking::Connection};
    /// # let (near, far) = UnixStream::pair()?;
    /// # let peer = std::thread::spawn(move || -> Result<u32, ConnectionError> {
    /// #     let mut peer = Connection::accept(far, Hello::new())?;
    /// #     let mut received = 0;
    /// #     while peer.next()?.is_some() { received += 1 }
    /// #     Ok(received)
    /// # });
    /// let mut connection = Connection::connect(near, Hello::new())?;
    /// for reading in 0..100_u32 {
    ///     connection.queue(&reading.to_be_bytes())?;
    /// }
    /// connection.flush()?;
    /// connection.close(Code::NORMAL, "")?;
    /// # assert_eq!(peer.join().unwrap()?, 100);
    /// # Ok::<(), ConnectionError>(())
    /// ```
    ///
    /// # Errors
    /// [`Misuse::TooLong`], [`Misuse::UnmappableText`], [`Misuse::EncodingRefused`], [`Misuse::NotOpen`]: nothing was
    /// queued.
    pub fn queue<'c>(&mut self, content: impl Into<Content<'c>>) -> Result<(), Misuse> {
        self.endpoint.queue(|session, out| session.message(content.into(), out))
    }

    /// Answers a request.
    ///
    /// # Errors
    /// As [`send`](Connection::send), and [`Misuse::NoSuchRequest`].
    pub fn reply<'c>(&mut self, id: NonZeroU32, content: impl Into<Content<'c>>) -> Result<(), ConnectionError> {
        self.open_or_why()?;
        self.endpoint.queue(|session, out| session.reply(id, content.into(), out))?;
        self.flush()
    }

    /// Sends a POST to the member `to` of a hub's room, or to everyone if that is 0.
    ///
    /// # Errors
    /// As [`send`](Connection::send), and [`Misuse::UnknownKind`] if the peer is not a hub.
    pub fn post<'c>(&mut self, to: u32, content: impl Into<Content<'c>>) -> Result<(), ConnectionError> {
        self.open_or_why()?;
        self.endpoint.queue(|session, out| session.post(to, content.into(), out))?;
        self.flush()
    }

    /// Sends a message of a private kind. A peer whose application has not agreed on it ignores it (R3.28).
    ///
    /// # Errors
    /// As [`send`](Connection::send).
    pub fn send_private<'c>(
        &mut self,
        kind: PrivateKind,
        content: impl Into<Content<'c>>,
    ) -> Result<(), ConnectionError> {
        self.open_or_why()?;
        self.endpoint.queue(|session, out| session.private(kind, content.into(), out))?;
        self.flush()
    }

    /// From now on, messages of private kinds are received, as with
    /// [`agree_on_private_kinds`](crate::Session::agree_on_private_kinds).
    pub fn agree_on_private_kinds(&mut self) {
        self.endpoint.session.agree_on_private_kinds();
    }

    /// Answers a request, or the message that was received last, with an ERROR; the connection lives (R3.19).
    ///
    /// # Errors
    /// [`Misuse::NoSuchRequest`]; otherwise the reason why the session ended.
    pub fn refuse(&mut self, id: Option<NonZeroU32>, code: Code, detail: &str) -> Result<(), ConnectionError> {
        self.open_or_why()?;
        self.endpoint.refuse(id, code, detail)?;
        self.flush()
    }

    /// Sends a REQUEST and waits for its answer. Other messages that arrive meanwhile are kept for
    /// [`next`](Connection::next), up to 1 MiB of them. `timeout` includes the time to write
    /// the request. After it, a CANCEL frees the request's place at the peer.
    ///
    /// # Errors
    /// As [`send`](Connection::send), [`ConnectionError::Timeout`], [`ConnectionError::Backlog`], and
    /// [`ConnectionError::Refused`] if the answer is an ERROR.
    pub fn request<'c>(
        &mut self,
        content: impl Into<Content<'c>>,
        timeout: Duration,
    ) -> Result<Reply, ConnectionError> {
        self.open_or_why()?;
        let id = self.endpoint.queue(|session, out| session.request(content.into(), out))?;
        self.answers.wanted = Some(id);
        let mut waited = self.wait_until(|answers| answers.answer.is_some(), timeout);
        match &mut waited {
            Ok(()) => {}
            Err(ConnectionError::Backlog { request }) => {
                // The answer becomes a message, after those that are kept.
                *request = self.answers.wanted.take();
            }
            Err(_) => {
                self.answers.wanted = None;
                if self.endpoint.cancel(id) {
                    self.answers.cancelled.insert(id);
                }
            }
        }
        waited?;
        self.answers.answer.take().unwrap_or_else(|| Err(self.why()))
    }

    /// Why the session ended, unless it is open.
    fn open_or_why(&self) -> Result<(), ConnectionError> {
        if self.endpoint.session.state() == State::Open { Ok(()) } else { Err(self.why()) }
    }

    /// Why nothing can be sent any more.
    pub(super) fn why(&self) -> ConnectionError {
        self.finish().err().unwrap_or_else(|| ConnectionError::of_closed(&self.endpoint.session))
    }

    /// Waits until the answer has arrived, and keeps the other messages.
    pub(super) fn wait_until(
        &mut self,
        holds: impl Fn(&Answers) -> bool,
        timeout: Duration,
    ) -> Result<(), ConnectionError> {
        let until = self.clock.now().saturating_add(timeout);
        while !holds(&self.answers) {
            if let Some(front) = self.endpoint.advance_in_buffer(&mut self.answers) {
                self.endpoint.keep(front);
                if self.endpoint.is_backlog_full() && !holds(&self.answers) {
                    return Err(ConnectionError::Backlog { request: None });
                }
            } else if !holds(&self.answers) {
                let remaining = until.saturating_sub(self.clock.now());
                if remaining.is_zero() {
                    return Err(ConnectionError::Timeout);
                }
                if !self.turn(remaining)? {
                    return Err(self.why());
                }
            }
        }
        Ok(())
    }

    /// Waits until the peer has acted on everything that was sent before (R3.10). Other messages that arrive meanwhile
    /// are kept for [`next`](Connection::next), and the peer's own barriers wait until those have been taken: if both sides
    /// wait in this call, each with a message of the other that it has not taken, both calls time out.
    ///
    /// # Errors
    /// [`ConnectionError::Timeout`], [`ConnectionError::Backlog`]; otherwise the reason why the session ended.
    pub fn barrier(&mut self, timeout: Duration) -> Result<(), ConnectionError> {
        self.open_or_why()?;
        let ordinal = self.endpoint.barrier()?;
        self.wait_until(|answers| answers.reached >= Some(ordinal), timeout)
    }
}

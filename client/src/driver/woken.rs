//! What the driver of a session waits for.

use std::future::poll_fn;
use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::task::Poll;

use bookend::{Connection, ConnectionError};
use tokio::sync::mpsc;

use super::answers::Answers;
use super::closing::{CloseStep, Closing};
use super::heard::Heard;
use super::suspicion::Suspicion;
use crate::command::Command;

/// What wakes the driver of a session.
pub(super) enum Woken<'s> {
    Close(CloseStep),
    Command(Option<Command>),
    /// The callers of these requests have stopped waiting.
    Abandoned(Vec<NonZeroU32>),
    /// The peer has become suspect, or was heard again.
    Suspect(bool),
    Event(Result<Option<bookend::Event<'s>>, ConnectionError>),
}

/// What may wake it, besides the events of the connection.
pub(super) struct Wakers<'a> {
    pub(super) closing: &'a mut Closing,
    /// None while nothing can be sent.
    pub(super) commands: Option<&'a mut mpsc::Receiver<Command>>,
    pub(super) answers: &'a mut Answers,
    pub(super) suspicion: &'a mut Suspicion,
    /// The last to wake it was a command. Then an event goes first, so that neither keeps the other waiting.
    pub(super) after_command: bool,
}

impl Wakers<'_> {
    /// Waits for the first of all these.
    pub(super) async fn wait(self, connection: &mut Connection<Heard>) -> Woken<'_> {
        let Wakers { closing, mut commands, answers, suspicion, after_command } = self;
        let (mut close, mut abandoned) = (pin!(closing.next()), pin!(answers.abandoned()));
        let mut rises = pin!(suspicion.rises());
        let mut event = connection.event();
        poll_fn(|cx| {
            if let Poll::Ready(step) = close.as_mut().poll(cx) {
                return Poll::Ready(Woken::Close(step));
            }
            if after_command && let Poll::Ready(event) = Pin::new(&mut event).poll(cx) {
                return Poll::Ready(Woken::Event(event));
            }
            if let Some(commands) = &mut commands
                && let Poll::Ready(command) = commands.poll_recv(cx)
            {
                return Poll::Ready(Woken::Command(command));
            }
            if let Poll::Ready(requests) = abandoned.as_mut().poll(cx) {
                return Poll::Ready(Woken::Abandoned(requests));
            }
            if let Poll::Ready(is_suspect) = rises.as_mut().poll(cx) {
                return Poll::Ready(Woken::Suspect(is_suspect));
            }
            Pin::new(&mut event).poll(cx).map(Woken::Event)
        })
        .await
    }
}

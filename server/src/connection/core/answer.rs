//! Answers to queries of the peer (R9.44).

use std::task::{Context, Poll};

use super::{ConnectionCore, MAX_UNWRITTEN, PeerKind};
use crate::queries::{Answer, Asker, Progress};

impl ConnectionCore {
    /// Answers queries, until too much is unwritten, the store has to read, or the work is used up. True if there is
    /// something to write, or to read from the peer.
    pub(in crate::connection) fn answer(&mut self, cx: &mut Context<'_>, work: &mut usize) -> bool {
        let mut has_answered = false;
        while *work > 0
            && self.client.is_asking()
            && !self.is_ending()
            && self.unwritten() <= MAX_UNWRITTEN
            && let Poll::Ready(progress) = self.client.poll_queries(cx)
        {
            match progress {
                Progress::Work(bytes) => *work = work.saturating_sub(bytes),
                Progress::Answer(answer) => {
                    self.send(answer);
                    has_answered = true;
                }
            }
        }
        if *work == 0 && self.client.is_asking() {
            cx.waker().wake_by_ref();
        }
        self.close_if_ended(); // a terminal that has ended its stream may have waited for this
        has_answered
    }

    fn send(&mut self, Answer { asker, page }: Answer) {
        match (&mut self.kind, asker) {
            (PeerKind::Framed(framed), Asker::Request(id)) => framed.answer(id, page, &mut self.client),
            (PeerKind::Terminal(terminal), _) => terminal.answer(page, &mut self.client),
            // A peer that was taken for a terminal asks no more.
            (PeerKind::Framed(_) | PeerKind::Unknown { .. }, _) => {}
        }
    }
}

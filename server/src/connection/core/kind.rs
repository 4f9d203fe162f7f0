//! Which kind of peer it is: its first byte decides, and silence (R4.22, R9.17).

use bookend::session::MAX_PREAMBLE;
use bookend::{Code, START};

use super::ConnectionCore;
use crate::framed::Framed;
use crate::terminal::Terminal;

pub(super) enum PeerKind {
    /// Nothing has been read.
    Unknown {
        /// The number of the last message in the default room when it connected.
        last_seq: u64,
    },
    Framed(Box<Framed>),
    Terminal(Box<Terminal>),
}

impl ConnectionCore {
    /// The first byte decides. It also does for a peer that was taken for a terminal because it sent nothing.
    pub(super) fn decide_kind(&mut self, first: u8) {
        self.log_connect();
        match &self.kind {
            PeerKind::Unknown { .. } if first == START[0] => {
                self.kind = PeerKind::Framed(Box::new(Framed::new(self.client.hub(), self.now)));
            }
            PeerKind::Unknown { last_seq } => self.kind = PeerKind::Terminal(Box::new(Terminal::new(*last_seq))),
            PeerKind::Terminal(terminal) if terminal.may_become_framed() && first == START[0] => self.become_framed(),
            PeerKind::Terminal(_) | PeerKind::Framed(_) => {}
        }
    }

    /// Starts a session with a peer that was taken for a terminal. It skips what it was sent, if that is short (R4.21).
    fn become_framed(&mut self) {
        self.finish_unit();
        self.client.take_mail();
        let sent = self.client.counts.bytes_sent + self.client.output.unwritten().len() as u64;
        let mut framed = Box::new(Framed::new(self.client.hub(), self.now));
        if sent > MAX_PREAMBLE as u64 {
            framed.close(
                Code::HELLO_TIMEOUT,
                "HELLO is too late: after its silence this connection was taken for a line terminal",
                self.now,
            );
        }
        self.client.start_over();
        self.kind = PeerKind::Framed(framed);
    }
}

//! The PONGs that a session owes, and those that it holds back (R3.9, R3.10).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Session;
use crate::message::{MAX_PING, Message, Probe};

/// Which PONGs are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Nothing,
    /// Those of PINGs in the frame of that number or a later one.
    From(u32),
    #[cfg(feature = "std")]
    Everything,
}

/// The PONGs that wait to be sent: at most two. If the newest PING is held back, an older one is not forgotten: otherwise a
/// peer that sends PINGs fast would never be answered.
pub(super) struct Pongs {
    oldest: Option<Pong>,
    newest: Pong,
}

struct Pong {
    /// The number of the frame of its PING.
    frame: u32,
    bytes: [u8; MAX_PING],
    length: usize,
}

impl Session {
    /// Holds back the PONGs of the PINGs from the frame of that number on, modulo 2^32, until another call: what arrived in
    /// that frame has not been acted on yet, for example because it is not on stable storage (R3.10). The frame must be
    /// less than 2^31 frames old. `None` holds back none.
    ///
    /// While PONGs are held back, the first one and the last one are kept (R3.9). CLOSE discards them.
    ///
    /// ```
    /// use bookend::{Hello, Limits, Message, Misuse, Probe, Role, Session, Step};
    /// use std::time::Duration;
    ///
    /// let start = |role| Session::new(role, Hello::new(), Limits::default(), Duration::ZERO);
    /// let (mut client, mut server) = (start(Role::Client), start(Role::Server));
    /// let mut wire = Vec::new();
    /// client.take_output(&mut wire);
    /// server.receive(&mut &*wire, Duration::ZERO);
    /// wire.clear();
    /// server.take_output(&mut wire);
    /// client.receive(&mut &*wire, Duration::ZERO);
    ///
    /// wire.clear();
    /// client.message("remember this".into(), &mut wire)?;
    /// client.encode(&Message::Ping(Probe::new(b"").unwrap()), &mut wire)?;
    ///
    /// let mut input = &*wire;
    /// assert!(matches!(server.receive(&mut input, Duration::ZERO), Step::Message(_)));
    /// server.hold_pongs_from(Some(server.frame_number())); // it is being written to a disk
    /// assert_eq!(server.receive(&mut input, Duration::ZERO), Step::Handled);
    /// assert!(server.holds_pong() && !server.has_output());
    ///
    /// server.hold_pongs_from(None); // it has been written
    /// assert!(server.has_output());
    /// # Ok::<(), Misuse>(())
    /// ```
    pub fn hold_pongs_from(&mut self, frame: Option<u32>) {
        self.held = frame.map_or(Held::Nothing, Held::From);
    }

    /// Does a PONG wait that is held back?
    #[must_use]
    pub fn holds_pong(&self) -> bool {
        self.pongs.as_ref().is_some_and(|pongs| self.held.holds(pongs.newest.frame))
    }

    /// Holds all PONGs back while something received before a PING has not been acted on.
    #[cfg(feature = "std")]
    pub(crate) fn hold_pong(&mut self, held: bool) {
        self.held = if held { Held::Everything } else { Held::Nothing };
    }

    /// The frame that was received last is a PING.
    pub(super) fn owe_pong(&mut self, probe: Probe<'_>) {
        let mut bytes = [0; MAX_PING];
        bytes[..probe.as_bytes().len()].copy_from_slice(probe.as_bytes());
        let pong = Pong { frame: self.frame_number(), bytes, length: probe.as_bytes().len() };
        match &mut self.pongs {
            None => self.pongs = Some(Box::new(Pongs { oldest: None, newest: pong })),
            Some(pongs) => {
                let is_held = self.held.holds(pong.frame);
                let before = core::mem::replace(&mut pongs.newest, pong);
                if !is_held {
                    pongs.oldest = None;
                } else if !self.held.holds(before.frame) {
                    pongs.oldest = Some(before);
                } else {
                    pongs.oldest.get_or_insert(before);
                }
            }
        }
    }

    /// Does a PONG wait that is not held back?
    pub(super) fn owes_free_pong(&self) -> bool {
        self.pongs.as_ref().is_some_and(|pongs| !self.held.holds(pongs.first().frame))
    }

    /// Moves the last PONG that is not held back to `out`: it also answers the PINGs before its own (R3.9).
    pub(super) fn take_pong(&mut self, out: &mut Vec<u8>) {
        let held = self.held;
        let newest = self.pongs.take_if(|pongs| !held.holds(pongs.newest.frame)).map(|pongs| pongs.newest);
        let oldest = || self.pongs.as_mut()?.oldest.take_if(|pong| !held.holds(pong.frame));
        if let Some(pong) = newest.or_else(oldest) {
            Message::Pong(pong.probe()).encode(u32::MAX, out).expect("64 bytes are below any limit");
        }
    }
}

impl Held {
    /// Is the PONG of a PING in the frame of that number held back?
    fn holds(self, frame: u32) -> bool {
        match self {
            Held::Nothing => false,
            Held::From(first) => frame.wrapping_sub(first) < 1 << 31,
            #[cfg(feature = "std")]
            Held::Everything => true,
        }
    }
}

impl Pongs {
    fn first(&self) -> &Pong {
        self.oldest.as_ref().unwrap_or(&self.newest)
    }
}

impl Pong {
    fn probe(&self) -> Probe<'_> {
        Probe::new(&self.bytes[..self.length]).expect("it was one")
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::hello::Hello;
    use crate::session::{Limits, Role, Step};

    /// An open session of a server, whose next frame has that number.
    fn open(next_frame: u32) -> Session {
        let client = Session::new(Role::Client, Hello::new(), Limits::default(), Duration::ZERO);
        let mut server = Session::new(Role::Server, Hello::new(), Limits::default(), Duration::ZERO);
        assert_eq!(server.receive(&mut &*client.output, Duration::ZERO), Step::Opened);
        server.next_frame = next_frame;
        server.output.clear();
        server
    }

    fn ping(session: &mut Session, byte: u8) {
        let mut wire = Vec::new();
        Message::Ping(Probe::new(&[byte]).unwrap()).encode(u32::MAX, &mut wire).unwrap();
        assert_eq!(session.receive(&mut &*wire, Duration::ZERO), Step::Handled);
    }

    /// The bytes of the PONGs that may be sent now.
    fn sent(session: &mut Session) -> Vec<u8> {
        let mut out = Vec::new();
        while session.has_output() {
            session.take_output(&mut out);
        }
        out.chunks(11).map(|frame| frame[8]).collect()
    }

    #[test]
    fn the_first_and_the_last_pong_are_held_and_each_is_sent_when_it_may() {
        // [R3.9] [R3.10] also when the numbers of frames begin again
        for next in [1, u32::MAX, u32::MAX - 1, u32::MAX - 2, u32::MAX - 3] {
            let mut session = open(next);
            ping(&mut session, 0);
            session.hold_pongs_from(Some(next.wrapping_add(1)));
            for byte in 1..=3 {
                ping(&mut session, byte);
            }
            assert_eq!(sent(&mut session), [0], "it was before what is not done");
            assert!(session.holds_pong());
            ping(&mut session, 4);
            session.hold_pongs_from(Some(next.wrapping_add(4)));
            assert_eq!(sent(&mut session), [3], "the first one that was held after the last one that was sent");
            ping(&mut session, 5);
            session.hold_pongs_from(Some(next.wrapping_add(5)));
            assert_eq!(sent(&mut session), [4]);
            session.hold_pongs_from(None);
            assert_eq!(sent(&mut session), [5]);
            assert!(!session.holds_pong() && session.pongs.is_none());
        }
    }

    #[test]
    fn only_the_last_of_several_pongs_is_sent() {
        // [R3.9]
        let mut session = open(1);
        session.hold_pongs_from(Some(0));
        for byte in 0..5 {
            ping(&mut session, byte);
        }
        assert_eq!(sent(&mut session), []);
        session.hold_pongs_from(None);
        assert_eq!(sent(&mut session), [4]);
    }

    #[test]
    fn a_pong_that_is_held_is_not_sent_before_close() {
        // [R3.10] nothing may follow CLOSE
        let mut session = open(1);
        session.hold_pongs_from(Some(0));
        ping(&mut session, 7);
        session.close(crate::Code::NORMAL, "", Duration::ZERO);
        let mut out = Vec::new();
        session.take_output(&mut out);
        assert_eq!(out[2], crate::kind::CLOSE);
        session.hold_pongs_from(None);
        assert!(!session.has_output(), "nothing follows CLOSE");
    }
}

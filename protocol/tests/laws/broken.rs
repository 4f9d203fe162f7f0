//! Each law can be broken: it must fail for an implementation that breaks it.

use std::time::Duration;

use bookend::{Decoder, Encoding, Fault, Frame, Hello, Message, Outcome, Role, Session, State, Step};
use bookend_laws::Verdict;
use bookend_laws::frame::{self, Reader};
use bookend_laws::session::{self, Party};
use bookend_laws::text::{self, Decoded};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use crate::generators::{self, conversation, cuts, hello, stream};
use crate::holds;

/// Some input of the generator breaks the law, and the verdict names that law.
fn breaks<T: std::fmt::Debug>(law: &str, input: impl Strategy<Value = T>, verdict: impl Fn(&T) -> Verdict) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha); // or a law would fail to be broken now and then
    match TestRunner::new_with_rng(config, seed).run(&input, |input| holds(verdict(&input))) {
        Err(TestError::Fail(reason, _)) => assert!(reason.message().starts_with(law), "{law}, but {reason}"),
        other => panic!("{law} is not broken: {other:?}"),
    }
}

/// A decoder with a flaw.
struct Wrong<const FLAW: u8> {
    decoder: Decoder,
    limit: u32,
}

const OTHER_KIND: u8 = 0;
const FORGETS_OFFSET: u8 = 1;
const USES_NOTHING: u8 = 2;
const RESERVES_WHAT_IS_CLAIMED: u8 = 3;
const GOES_ON: u8 = 4;
const ONE_TOO_MANY: u8 = 5;

impl<const FLAW: u8> Reader for Wrong<FLAW> {
    fn new(limit: u32) -> Self {
        let limit = if FLAW == ONE_TOO_MANY { limit + 1 } else { limit };
        Wrong { decoder: Decoder::new(limit), limit }
    }

    fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Fault> {
        let before = *input;
        let step = self.decoder.decode(input);
        match (FLAW, step) {
            (OTHER_KIND, Ok(Some(frame))) => {
                Ok(Some(Frame::new(frame.kind() ^ 1, frame.encoding(), frame.body()).expect("as long as before")))
            }
            (FORGETS_OFFSET, Ok(None)) | (GOES_ON, Err(_)) => {
                self.decoder = Decoder::new(self.limit);
                step
            }
            (USES_NOTHING, Ok(Some(_))) => {
                *input = before;
                step
            }
            (RESERVES_WHAT_IS_CLAIMED, Ok(None)) => {
                let claimed = self.decoder.expected().and_then(|length| usize::try_from(length).ok());
                std::hint::black_box(Vec::<u8>::with_capacity(claimed.unwrap_or(0).min(1 << 20)));
                step
            }
            _ => step,
        }
    }
}

#[test]
fn round_trip_is_broken_by_another_kind_and_by_a_limit_that_is_one_too_many() {
    fn trip<R: Reader>(frames: &[generators::Owned]) -> Verdict {
        frame::round_trip::<R>(&frames.iter().map(generators::Owned::frame).collect::<Vec<_>>())
    }
    breaks("round trip", generators::frames(), |frames| trip::<Wrong<OTHER_KIND>>(frames));
    breaks("round trip", generators::frames(), |frames| trip::<Wrong<ONE_TOO_MANY>>(frames));
}

#[test]
fn rechunking_is_broken_by_an_offset_that_is_forgotten_between_reads() {
    breaks("re-chunking", (stream(), cuts()), |(stream, cuts)| {
        frame::rechunking::<Wrong<FORGETS_OFFSET>>(1024, stream, cuts)
    });
}

#[test]
fn canonical_is_broken_by_another_kind() {
    breaks("canonical", stream(), |stream| frame::canonical::<Wrong<OTHER_KIND>>(1024, stream));
}

#[test]
fn total_is_broken_by_a_frame_that_uses_nothing() {
    breaks("total", stream(), |stream| frame::rechunking::<Wrong<USES_NOTHING>>(1024, stream, &[]));
}

#[test]
fn bounded_is_broken_by_reserving_what_is_claimed() {
    breaks("bounded", (stream(), cuts()), |(stream, cuts)| {
        frame::bounded::<Wrong<RESERVES_WHAT_IS_CLAIMED>>(1024, stream, cuts)
    });
}

#[test]
fn sticky_is_broken_by_continuing_after_a_fault() {
    breaks("sticky", (stream(), stream()), |(stream, further)| frame::sticky::<Wrong<GOES_ON>>(1024, stream, further));
}

type Mistake<'a> = &'a dyn Fn(Encoding, &[u8]) -> Decoded;

#[test]
fn text_is_broken_by_each_usual_mistake() {
    let lossy = |encoding, bytes: &[u8]| match text::decode(encoding, bytes) {
        Err(_) if encoding == Encoding::Utf8 => Ok((String::from_utf8_lossy(bytes).into_owned(), false)),
        decoded => decoded,
    };
    let late = |encoding, bytes: &[u8]| match text::decode(encoding, bytes) {
        Err(Fault::BadText { encoding, offset }) => Err(Fault::BadText { encoding, offset: offset + 1 }),
        decoded => decoded,
    };
    let early = |encoding, bytes: &[u8]| match text::decode(encoding, bytes) {
        Err(Fault::BadText { encoding, .. }) => Err(Fault::BadText { encoding, offset: 0 }),
        decoded => decoded,
    };
    let swapped = |encoding, bytes: &[u8]| match encoding {
        Encoding::Utf16Be => text::decode(Encoding::Utf16Le, bytes),
        Encoding::Utf16Le => text::decode(Encoding::Utf16Be, bytes),
        encoding => text::decode(encoding, bytes),
    };
    let keeps_marks = |encoding, bytes: &[u8]| {
        text::decode(encoding, bytes)
            .map(|(text, bom)| if bom { (format!("\u{FEFF}{text}"), false) } else { (text, bom) })
    };
    let mistakes: [Mistake<'_>; 5] = [&lossy, &late, &early, &swapped, &keeps_marks];
    for mistake in mistakes {
        breaks("text", generators::text(), |(encoding, bytes)| text::received(mistake, *encoding, bytes));
    }
    breaks("text", generators::string(), |text| text::sent(swapped, Encoding::Utf16Le, text));
}

/// A session with a flaw.
struct WrongSession<const FLAW: u8> {
    session: Session,
    /// What it sends besides.
    extra: Vec<u8>,
}

const DROPS_WHAT_IS_PARTIAL: u8 = 0;
const SLEEPS: u8 = 1;
const QUEUES_EVERY_PONG: u8 = 2;
const SENDS_AFTER_CLOSE: u8 = 3;
const ANSWERS_ERRORS: u8 = 4;

impl<const FLAW: u8> Party for WrongSession<FLAW> {
    fn new(role: Role, local: Hello) -> Self {
        WrongSession { session: Party::new(role, local), extra: Vec::new() }
    }

    fn receive<'a>(&mut self, input: &mut &'a [u8], now: Duration) -> Step<'a> {
        let unused = *input;
        let step = self.session.receive(input, now);
        match (FLAW, step) {
            (DROPS_WHAT_IS_PARTIAL, Step::More) => *input = &[],
            (QUEUES_EVERY_PONG, Step::Handled) if self.session.has_output() => {
                self.extra.extend_from_slice(&[b"\xF5\xF8\x07\0\0\0\0\x40", &[0; 64][..], b"\xF8\xF5"].concat());
            }
            (SENDS_AFTER_CLOSE, Step::More) if self.session.state() == State::Closing && !unused.is_empty() => {
                self.extra.extend_from_slice(b"\xF5\xF8\x06\0\0\0\0\0\xF8\xF5");
            }
            (ANSWERS_ERRORS, Step::Message(Message::Error(_))) => {
                self.extra.extend_from_slice(b"\xF5\xF8\x05\x02\0\0\0\x0A\0\0\0\0\0\0\0\x01\x03\xEF\xF8\xF5");
            }
            _ => {}
        }
        step
    }

    fn take_output(&mut self, out: &mut Vec<u8>) {
        self.session.take_output(out);
        out.append(&mut self.extra);
    }

    fn tick(&mut self, now: Duration) {
        if FLAW != SLEEPS {
            self.session.tick(now);
        }
    }

    fn deadline(&self) -> Option<Duration> {
        self.session.deadline()
    }

    fn state(&self) -> State {
        self.session.state()
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.session.outcome()
    }
}

/// What a peer sends once the session is open.
fn opened() -> impl Strategy<Value = Vec<u8>> {
    conversation().prop_map(|frames| {
        let mut stream = Vec::new();
        Hello::new().with_hub(true).encode(&mut stream);
        [stream, frames].concat()
    })
}

#[test]
fn rechunking_is_broken_by_dropping_what_is_partial() {
    breaks("re-chunking", opened(), |stream| {
        session::rechunking::<WrongSession<DROPS_WHAT_IS_PARTIAL>>(Role::Server, &Hello::new(), stream, &[])
    });
}

#[test]
fn total_is_broken_by_a_deadline_that_passes() {
    breaks("total", opened(), |stream| session::punctual::<WrongSession<SLEEPS>>(Role::Server, &Hello::new(), stream));
}

#[test]
fn bounded_is_broken_by_queueing_every_pong() {
    let stream = [opening(), b"\xF5\xF8\x06\0\0\0\0\0\xF8\xF5".repeat(10)].concat();
    let verdict = session::bounded::<WrongSession<QUEUES_EVERY_PONG>>(Role::Server, &Hello::new(), &stream, &[]);
    assert!(verdict.is_err_and(|reason| reason.starts_with("bounded")));
}

fn opening() -> Vec<u8> {
    let mut stream = Vec::new();
    Hello::new().encode(&mut stream);
    stream
}

#[test]
fn sticky_is_broken_by_sending_after_close() {
    breaks("sticky", (opened(), opened()), |(stream, further)| {
        session::sticky::<WrongSession<SENDS_AFTER_CLOSE>>(Role::Server, &Hello::new(), stream, further)
    });
}

#[test]
fn quiet_is_broken_by_answering_an_error() {
    breaks("quiet", opened(), |stream| {
        session::rechunking::<WrongSession<ANSWERS_ERRORS>>(Role::Server, &Hello::new(), stream, &[])
    });
    breaks("quiet", (hello(), conversation(), conversation()), |(hello, to_client, to_server)| {
        session::rest::<WrongSession<ANSWERS_ERRORS>>(hello, hello, to_client, to_server)
    });
}

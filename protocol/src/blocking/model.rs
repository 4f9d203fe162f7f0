//! Every call of the blocking connection ends within its documented bound, whatever the stream and the peer do: a model
//! whose time passes only while something waits.

mod stream;

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use super::clock::Clock;
use super::{Connection, Timed};
use crate::code::Code;
use crate::error::ConnectionError;
use crate::fault::Fault;
use crate::hello::Hello;
use crate::session::{Limits, Role};
pub(super) use stream::Time;
use stream::{CLOSES_AFTER, KEEPALIVE, MANNERS, Manner, PEERS, PIPE, Peer, SECOND, Stream};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Send(u32),
    Request,
    Barrier,
    Refuse,
    Close,
    Next,
    NextWithin(u64),
}

const CALLS: [Call; 8] = [
    Call::Send(10),
    Call::Send(200_000),
    Call::Request,
    Call::Barrier,
    Call::Refuse,
    Call::Close,
    Call::Next,
    Call::NextWithin(20),
];

struct Case {
    connection: Connection<Stream>,
    time: Time,
    idle: Rc<Cell<u64>>,
}

fn open(role: Role, peer: Peer, manner: Manner) -> Case {
    let stream = Stream::new(peer, manner);
    let (time, idle) = (stream.time.clone(), Rc::clone(&stream.idle));
    let mut clock = Clock::new();
    clock.model = Some(time.clone());
    let hello = Hello::new().with_keepalive(KEEPALIVE);
    let mut connection = Connection::open_at(clock, stream, role, hello, Limits::default()).expect("opens");
    connection.stream.is_open = true;
    Case { connection, time, idle }
}

fn call(connection: &mut Connection<Stream>, call: Call) -> Result<(), ConnectionError> {
    match call {
        Call::Send(size) => connection.send(&vec![7; usize::try_from(size).expect("fits")][..]),
        Call::Request => connection.request("?", 3 * SECOND).map(drop),
        Call::Barrier => connection.barrier(3 * SECOND),
        Call::Refuse => connection.refuse(None, Code::POLICY, "no"),
        Call::Close => connection.close(Code::NORMAL, ""),
        Call::Next => connection.next().map(drop),
        Call::NextWithin(millis) => connection.next_within(Duration::from_millis(millis)).map(drop),
    }
}

/// The bound that the documentation of each call gives.
fn bound(call: Call) -> Duration {
    let limits = Limits::default();
    let end = 3 * limits.close_timeout;
    let flush = |size: u32| limits.write_timeout + SECOND * size / limits.body_rate;
    let asynchronous = match call {
        Call::Send(size) => flush(size + 100) + end,
        Call::Refuse => flush(300) + end,
        Call::Request | Call::Barrier => 3 * SECOND,
        Call::Close => end,
        Call::Next => limits.write_timeout.max(2 * SECOND * u32::from(KEEPALIVE)) + end,
        Call::NextWithin(millis) => Duration::from_millis(millis),
    };
    asynchronous + SECOND
}

#[test]
fn every_call_ends_whatever_the_stream_and_the_peer_do() {
    for manner in MANNERS {
        for peer in PEERS {
            for tested in CALLS {
                for role in [Role::Client, Role::Server] {
                    let Case { mut connection, time, idle } = open(role, peer, manner);
                    let case = format!("{manner:?}, {role:?}, peer {peer:?}, {tested:?}");
                    for (tested, which) in [(tested, "first"), (tested, "second"), (Call::Close, "close")] {
                        let (since, idle_before) = (time.now(), idle.get());
                        let ended = call(&mut connection, tested);
                        let took = time.now() - since;
                        assert!(took <= bound(tested), "{case}, {which}: {took:.1?}; {ended:?}");
                        let asked = idle.get() - idle_before;
                        let most = 30 + 300 * u64::try_from(took.as_millis()).expect("fits") / 1000;
                        assert!(asked <= most, "{case}, {which}: asked {asked} times in {took:.1?}");
                        if matches!(peer, Peer::Freezes | Peer::StopsInAFrame | Peer::IsDeaf) {
                            assert!(took <= 17 * SECOND, "{case}, {which}: {took:.1?} for a peer that takes nothing");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn peer_that_takes_nothing_ends_a_send_by_name() {
    for manner in MANNERS {
        if manner == Manner::IsOnlyInterrupted {
            continue; // nobody is heard
        }
        for (peer, name) in [(Peer::Freezes, "idle"), (Peer::IsDeaf, "slow-consumer")] {
            let mut case = open(Role::Client, peer, manner);
            match call(&mut case.connection, Call::Send(200_000)) {
                Err(ConnectionError::Fault { fault, .. }) => assert_eq!(fault.name(), name, "{manner:?}"),
                other => panic!("{manner:?}, {peer:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn peer_that_reads_slowly_receives_everything() {
    for manner in [Manner::Waits, Manner::ReturnsAtOnce, Manner::WritesReturnAtOnce, Manner::IsInterrupted] {
        let mut case = open(Role::Client, Peer::Reads, manner);
        call(&mut case.connection, Call::Send(200_000)).expect("the peer lives and reads");
        assert!(case.time.now() > 95 * SECOND, "{manner:?}");
        assert!(case.connection.stream.outbound <= PIPE);
    }
}

#[test]
fn program_that_calls_within_the_keepalive_keeps_it_and_later_does_not() {
    // [R7.1] The periods in the documentation of the module.
    for (pause, is_kept) in [(SECOND, true), (SECOND * 5 / 2, true), (7 * SECOND, false)] {
        let Case { mut connection, time, .. } = open(Role::Client, Peer::IsDeaf, Manner::Waits);
        let (mut written, mut at, mut longest) = (0, time.now(), Duration::ZERO);
        for _ in 0..60 {
            time.pass(pause);
            loop {
                match connection.next_within(Duration::ZERO) {
                    Ok(Some(_)) => {}
                    Err(ConnectionError::Timeout) => break,
                    other => panic!("{pause:?}: {other:?}"),
                }
            }
            if connection.stream.outbound > written {
                longest = longest.max(time.now() - at);
                (written, at) = (connection.stream.outbound, time.now());
            }
        }
        let promised = 2 * SECOND * u32::from(KEEPALIVE);
        assert_eq!(longest < promised, is_kept, "{pause:?}: {longest:?} of silence");
    }
}

#[test]
fn program_that_only_sends_learns_of_a_close_and_of_silence() {
    let idle_after = 2 * SECOND * u32::from(KEEPALIVE);
    for manner in MANNERS {
        if manner == Manner::IsOnlyInterrupted {
            continue; // nothing arrives
        }
        for (peer, due) in [(Peer::Closes, CLOSES_AFTER), (Peer::IsMute, idle_after)] {
            let Case { mut connection, time, .. } = open(Role::Client, peer, manner);
            let (last, ended) = loop {
                time.pass(SECOND / 10);
                let now = time.now();
                if let Err(error) = connection.send("reading") {
                    break (now, error);
                }
                assert!(now < 2 * due, "{manner:?}, {peer:?}: the sends go on");
            };
            assert!(last >= due && last <= due + SECOND * 3 / 2, "{manner:?}, {peer:?}: after {last:?}");
            match ended {
                ConnectionError::Closed { code: Code::GOING_AWAY, .. } if peer == Peer::Closes => {}
                ConnectionError::Fault { fault: Fault::Idle { .. }, .. } if peer == Peer::IsMute => {}
                other => panic!("{manner:?}, {peer:?}: {other:?}"),
            }
            let again = connection.send("reading").unwrap_err();
            assert!(!matches!(again, ConnectionError::Misuse(_)), "{manner:?}, {peer:?}: it still says why: {again:?}");
        }
    }
}

#[test]
fn program_that_only_sends_waits_little_and_loses_no_message() {
    let Case { mut connection, time, .. } = open(Role::Client, Peer::Reads, Manner::Waits);
    let since = time.now();
    for _ in 0..100 {
        time.pass(SECOND / 10);
        connection.send("x").expect("the peer lives");
    }
    let waited = time.now() - since - 10 * SECOND;
    assert!(waited < SECOND / 2, "{waited:?} of 10 s");
    let mut kept = 0;
    while connection.next_within(Duration::ZERO).is_ok_and(|message| message.is_some()) {
        kept += 1;
    }
    assert!(kept >= 10, "{kept} messages, one each second");
}

#[test]
fn next_within_returns_what_has_arrived_and_loses_nothing() {
    for manner in MANNERS {
        if manner == Manner::IsOnlyInterrupted {
            continue; // nothing arrives
        }
        let Case { mut connection, time, .. } = open(Role::Client, Peer::IsDeaf, manner);
        let mut received = 0;
        while received < 5 {
            match connection.next_within(Duration::from_millis(100)) {
                Ok(Some(_)) => received += 1,
                Err(ConnectionError::Timeout) => {}
                other => panic!("{manner:?}: {other:?}"),
            }
        }
        assert!(time.now() < 5 * SECOND, "{manner:?}: {:?}", time.now());
        let since = time.now();
        let waited = connection.next_within(Duration::from_millis(20)).map(drop);
        assert!(matches!(waited, Err(ConnectionError::Timeout)), "{manner:?}: {waited:?}");
        let took = time.now() - since;
        assert!(took <= Duration::from_millis(60), "{manner:?}: {took:?}");
    }
}

#[test]
fn stream_that_cannot_set_timeouts_is_refused() {
    struct Stubborn;
    impl Timed for Stubborn {
        fn set_timeouts(&mut self, _timeout: Duration) -> io::Result<()> {
            Err(ErrorKind::Unsupported.into())
        }
    }
    impl Read for Stubborn {
        fn read(&mut self, _space: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }
    impl Write for Stubborn {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let refused = Connection::connect(Stubborn, Hello::new()).map(drop);
    assert!(matches!(refused, Err(ConnectionError::Io(error)) if error.kind() == ErrorKind::Unsupported));
}

#[test]
fn idle_peer_is_named_though_the_stream_never_waits() {
    let Case { mut connection, time, .. } = open(Role::Client, Peer::IsMute, Manner::ReturnsAtOnce);
    let ended = connection.next().map(drop);
    let is_idle = matches!(&ended, Err(ConnectionError::Fault { fault: Fault::Idle { seconds: 6 }, .. }));
    assert!(is_idle && time.now() < 9 * SECOND, "{ended:?} after {:?}", time.now());
}

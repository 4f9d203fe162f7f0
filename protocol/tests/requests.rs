//! Many requests, cancelled ones, and what remains of them.

use std::num::NonZeroU32;
use std::time::Duration;

use bookend::{Code, Content, Fault, Hello, Limits, Message, Misuse, Payload, Role, Session, State, Step};
use bookend_laws::memory::{Counting, allocated};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: Duration = Duration::ZERO;
const MANY: u32 = 20_000;

/// An open client and an open server.
fn pair(client: Hello, server: Hello) -> [Session; 2] {
    let mut client = Session::new(Role::Client, client, Limits::default(), NOW);
    let mut server = Session::new(Role::Server, server, Limits::default(), NOW);
    let mut wire = Vec::new();
    client.take_output(&mut wire);
    assert_eq!(server.receive(&mut &wire[..], NOW), Step::Opened);
    wire.clear();
    server.take_output(&mut wire);
    assert_eq!(client.receive(&mut &wire[..], NOW), Step::Opened);
    [client, server]
}

/// What one side reports of these bytes.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Request(u32),
    Reply(u32),
    Error(u32, Code),
    Cancel(u32),
    Refused(u32, Fault),
}

fn hear(session: &mut Session, mut wire: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    loop {
        match session.receive(&mut wire, NOW) {
            Step::Message(Message::Request { id, .. }) => seen.push(Seen::Request(id.get())),
            Step::Message(Message::Reply { id, .. }) => seen.push(Seen::Reply(id.get())),
            Step::Message(Message::Cancel { id }) => seen.push(Seen::Cancel(id.get())),
            Step::Message(Message::Error(refusal)) => seen.push(Seen::Error(refusal.id, refusal.code)),
            Step::Refused { id, fault, .. } => seen.push(Seen::Refused(id, fault)),
            Step::More => break,
            Step::Handled => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((wire.len(), session.state()), (0, State::Open));
    seen
}

fn output(session: &mut Session) -> Vec<u8> {
    let mut out = Vec::new();
    session.take_output(&mut out);
    out
}

fn asked(session: &mut Session) -> (NonZeroU32, Vec<u8>) {
    let mut wire = Vec::new();
    (session.request(Content::from("?"), &mut wire).expect("there is room"), wire)
}

#[test]
fn twenty_thousand_requests_in_each_direction_are_answered_in_any_order() {
    // [R3.13] [R3.16]
    let hello = || Hello::new().with_requests(MANY);
    let mut sides = pair(hello(), hello());
    let mut ids = [Vec::new(), Vec::new()];
    for (side, ids) in sides.iter_mut().zip(&mut ids) {
        for _ in 0..MANY {
            ids.push(asked(side).0);
        }
        assert_eq!(side.request("?".into(), &mut Vec::new()), Err(Misuse::TooManyRequests));
    }
    for (from, to) in [(0, 1), (1, 0)] {
        for &id in &ids[from] {
            let mut wire = Vec::new();
            Message::Request { id, payload: Payload::Binary(b"?") }.encode(1024, &mut wire).expect("is short");
            assert_eq!(hear(&mut sides[to], &wire), [Seen::Request(id.get())]);
        }
        // The last third in reverse, the first third, then every second one of the rest.
        let (front, back) = ids[from].split_at(ids[from].len() / 3 * 2);
        let (front, middle) = front.split_at(front.len() / 2);
        let every_second = |odd| middle.iter().skip(odd).step_by(2);
        for &id in back.iter().rev().chain(front).chain(every_second(0)).chain(every_second(1)) {
            let mut wire = Vec::new();
            sides[to].reply(id, "!".into(), &mut wire).expect("it waits");
            assert_eq!(hear(&mut sides[from], &wire), [Seen::Reply(id.get())]);
        }
    }
}

#[test]
fn cancel_frees_the_slot_on_both_sides() {
    // [R3.16] [R3.22] [R3.23]
    let [mut client, mut server] = pair(Hello::new(), Hello::new().with_requests(1));
    for _ in 0..200 {
        let (id, mut wire) = asked(&mut client);
        client.cancel(id, &mut wire).expect("it is unanswered");
        assert_eq!(hear(&mut server, &wire), [Seen::Request(id.get()), Seen::Cancel(id.get())]);
        assert_eq!(server.reply(id, "late".into(), &mut Vec::new()), Err(Misuse::NoSuchRequest { id: id.get() }));
        assert_eq!(client.request("?".into(), &mut Vec::new()), Err(Misuse::TooManyRequests), "no answer has arrived");
        assert_eq!(hear(&mut client, &output(&mut server)), [Seen::Error(id.get(), Code::CANCELLED)]);
        assert_eq!(client.cancel(id, &mut Vec::new()), Err(Misuse::NoSuchRequest { id: id.get() }));
    }
}

#[test]
fn each_direction_has_the_limit_of_its_receiver() {
    // [R3.16]
    let [mut client, mut server] = pair(Hello::new().with_requests(0), Hello::new().with_requests(2));
    assert_eq!(server.request("?".into(), &mut Vec::new()), Err(Misuse::TooManyRequests));
    asked(&mut client);
    asked(&mut client);
    assert_eq!(client.request("?".into(), &mut Vec::new()), Err(Misuse::TooManyRequests));
    // A peer that does not keep to it.
    let request = |id: u32| {
        let mut wire = Vec::new();
        let id = NonZeroU32::new(id).expect("is not 0");
        Message::Request { id, payload: Payload::Binary(b"?") }.encode(1024, &mut wire).expect("is short");
        wire
    };
    assert_eq!(hear(&mut client, &request(5)), [Seen::Refused(5, Fault::TooManyRequests)]);
    let three = [request(5), request(6), request(7)].concat();
    assert_eq!(
        hear(&mut server, &three),
        [Seen::Request(5), Seen::Request(6), Seen::Refused(7, Fault::TooManyRequests)]
    );
}

/// What a round of requests in both directions asks of the allocator, once all of them have been answered.
fn round(sides: &mut [Session; 2], count: usize) -> usize {
    let [client, server] = sides;
    let work = || {
        let mut ids = Vec::new();
        for _ in 0..count {
            let (id, wire) = asked(client);
            hear(server, &wire);
            ids.push(id);
        }
        for id in ids {
            let mut wire = Vec::new();
            client.cancel(id, &mut wire).expect("it is unanswered");
            hear(server, &wire);
            hear(client, &output(server));
        }
    };
    allocated(work).expect("the allocator counts").0
}

#[test]
fn answered_and_cancelled_requests_leave_nothing_behind() {
    // Were anything kept, later rounds would need other amounts than the first: longer vectors, or deeper trees.
    let mut sides = pair(Hello::new().with_requests(MANY), Hello::new().with_requests(MANY));
    round(&mut sides, 1);
    let (one, hundred) = (round(&mut sides, 1), round(&mut sides, 100));
    round(&mut sides, 5_000);
    for _ in 0..1_000 {
        assert_eq!(round(&mut sides, 1), one);
    }
    assert_eq!(round(&mut sides, 100), hundred);
}

#[test]
fn client_says_that_it_is_one_and_a_server_does_not() {
    // [R4.23]
    let [client, server] = pair(Hello::new(), Hello::new());
    assert_eq!((client.local().client(), server.local().client()), (true, false));
    assert_eq!((server.peer().map(Hello::client), client.peer().map(Hello::client)), (Some(true), Some(false)));
    // A server that was given the HELLO of a client.
    let server = Session::new(Role::Server, client.local().clone(), Limits::default(), NOW);
    assert!(!server.local().client());
}

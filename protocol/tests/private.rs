//! Private kinds, and an ERROR that the application sends (R3.28, R7.18, R7.19).
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bookend::{
    Code, Connection, Encoding, Hello, Limits, Message, Misuse, OwnedMessage, Payload, PrivateKind, Refusal, Role,
    Session, Step, Text, blocking,
};
use tokio::io::duplex;

const POSITION: PrivateKind = PrivateKind::new(0xC0).unwrap();

#[test]
fn a_private_kind_is_c0_to_ef() {
    // [R3.7]
    let kinds: Vec<u8> = (0..=u8::MAX).filter(|&kind| PrivateKind::new(kind).is_some()).collect();
    assert_eq!(kinds, (0xC0..=0xEF).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_handle_and_an_owned_message_carry_private_kinds() {
    // [R3.28]
    let (near, far) = duplex(1 << 16);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    far.agree_on_private_kinds();
    near.handle().send_private(POSITION, "grüß").await.unwrap();
    near.flush().await.unwrap();
    let (mut receiver, _handle, driver) = far.split();
    let driving = tokio::spawn(driver);
    let message = receiver.next().await.unwrap().unwrap();
    assert!(matches!(message, OwnedMessage::Other(_)));
    let Message::Private { kind: POSITION, payload: Payload::Text(text) } = message.as_message() else { panic!() };
    assert_eq!((text.encoding(), &*text.to_str()), (Encoding::Utf8, "grüß"));
    driving.abort();
}

#[test]
fn a_blocking_connection_takes_private_kinds_once_they_are_agreed_on() {
    // [R3.6] [R3.28]
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sender = thread::spawn(move || {
        let mut sender = blocking::Connection::accept(listener.accept().unwrap().0, Hello::new()).unwrap();
        sender.send_private(POSITION, b"ignored").unwrap();
        sender.send("now").unwrap();
        sender.next().unwrap();
        sender.send_private(POSITION, b"taken").unwrap();
        while sender.next().unwrap().is_some() {}
    });
    let mut receiver = blocking::Connection::connect(TcpStream::connect(address).unwrap(), Hello::new()).unwrap();
    assert!(matches!(receiver.next().unwrap(), Some(Message::Message(_))));
    receiver.agree_on_private_kinds();
    receiver.send("agreed").unwrap();
    let Some(Message::Private { kind: POSITION, payload }) = receiver.next().unwrap() else { panic!() };
    assert_eq!(payload.as_bytes(), b"taken");
    receiver.close(Code::NORMAL, "").unwrap();
    sender.join().unwrap();
}

/// A server whose client has sent a REQUEST with id 5 as its second frame.
fn asked() -> Session {
    let mut server = Session::new(Role::Server, Hello::new(), Limits::default(), Duration::ZERO);
    let mut wire = Vec::new();
    Hello::new().encode(&mut wire);
    wire.extend(b"\xF5\xF8\x02\x02\0\0\0\x01a\xF8\xF5\xF5\xF8\x03\x02\0\0\0\x04\0\0\0\x05\xF8\xF5");
    let mut input = &*wire;
    while server.receive(&mut input, Duration::ZERO) != Step::More {}
    server
}

#[test]
fn an_error_of_the_application_answers_its_request_with_the_number_of_its_frame() {
    // [R7.18] [R7.19]
    let mut server = asked();
    let reason = Text::decode(Encoding::Utf8, b"policy: no").unwrap();
    let refusal = Refusal { id: 5, frame: 99, code: Code::POLICY, reason };
    let mut out = Vec::new();
    let other = Message::Error(Refusal { id: 6, ..refusal });
    assert_eq!(server.encode(&other, &mut out), Err(Misuse::NoSuchRequest { id: 6 }));
    let long = "a".repeat(201);
    let reason = Text::decode(Encoding::Ascii, long.as_bytes()).unwrap();
    let long = Message::Error(Refusal { reason, ..refusal });
    assert_eq!(server.encode(&long, &mut out), Err(Misuse::TooLong { length: 201, max: 200 }));
    assert!(out.is_empty());
    server.encode(&Message::Error(refusal), &mut out).unwrap();
    assert_eq!(out, b"\xF5\xF8\x05\x02\0\0\0\x14\0\0\0\x05\0\0\0\x02\x03\xF0policy: no\xF8\xF5");
    assert_eq!(server.encode(&Message::Error(refusal), &mut out), Err(Misuse::NoSuchRequest { id: 5 }));
}

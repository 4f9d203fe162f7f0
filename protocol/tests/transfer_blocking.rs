//! Transfers over blocking connections.
#![cfg(all(feature = "std", feature = "transfer"))]

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bookend::transfer::{self, Bounds, Cause, Held, Offer, Offered, Progress, Receiver, SendOptions, TransferError};
use bookend::{Code, Hello, blocking};

/// Bytes that no chunk border repeats.
fn whole() -> Vec<u8> {
    (0..300_000_usize).map(|at| u8::try_from(at * at / 7 % 251).expect("is below 251")).collect()
}

fn offer(length: usize) -> Offer<'static> {
    Offer { transfer: NonZeroU32::MIN, length: Some(length as u64), name: "whole" }
}

/// Receives one transfer after the bytes that are kept, and returns all of it once the session is over.
fn receiver(kept: Vec<u8>) -> (SocketAddr, JoinHandle<Result<Vec<u8>, TransferError>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut connection = blocking::accept_tcp(stream, Hello::new()).expect("opens");
        let mut held = Held::nothing();
        held.add(&kept);
        let open = |_: &Offered| Ok((kept.clone(), held.clone()));
        let mut transfers = Receiver::new(Bounds::default());
        let received = transfer::blocking::receive_into(&mut connection, &mut transfers, open, |_| ());
        while connection.next().expect("is sound").is_some() {}
        Ok(received?.expect("ends before the session").sink)
    });
    (address, serving)
}

#[test]
fn a_transfer_resumes_and_arrives() {
    // [R12.6]
    let bytes = whole();
    for kept in [0, 123_456, 300_000] {
        let (address, serving) = receiver(bytes[..kept].to_vec());
        let mut connection = blocking::connect_tcp(address, Hello::new()).expect("opens");
        let options = SendOptions::new(connection.peer());
        let mut seen = Vec::new();
        let progress = |at: Progress| seen.push(at.done);
        let sent = transfer::blocking::send_from(&mut connection, &*bytes, offer(bytes.len()), options, progress);
        assert_eq!(sent.expect("arrives"), 300_000);
        assert_eq!((seen.first(), seen.last()), (Some(&(kept as u64)), Some(&300_000)));
        connection.close(Code::NORMAL, "").expect("closes");
        assert!(serving.join().expect("ends").expect("is right") == bytes);
    }
}

#[test]
fn messages_carry_a_transfer_without_answers() {
    // [R12.9]
    let bytes = whole();
    let (address, serving) = receiver(Vec::new());
    let mut connection = blocking::connect_tcp(address, Hello::new()).expect("opens");
    let options = SendOptions::new(connection.peer()).one_way();
    transfer::blocking::send_from(&mut connection, &*bytes, offer(bytes.len()), options, |_| ()).expect("is sent");
    connection.barrier(Duration::from_secs(120)).expect("is taken");
    connection.close(Code::NORMAL, "").expect("closes");
    assert!(serving.join().expect("ends").expect("is right") == bytes);
}

#[test]
fn a_source_that_is_shorter_than_offered_ends_the_transfer_on_both_sides() {
    // [R12.11]
    let bytes = whole();
    let (address, serving) = receiver(Vec::new());
    let mut connection = blocking::connect_tcp(address, Hello::new()).expect("opens");
    let options = SendOptions::new(connection.peer());
    let sent = transfer::blocking::send_from(&mut connection, &bytes[1..], offer(bytes.len()), options, |_| ());
    assert!(matches!(sent, Err(TransferError::Fault(Cause::WrongLength))), "{sent:?}");
    connection.close(Code::NORMAL, "").expect("the connection lives");
    let received = serving.join().expect("ends");
    assert!(matches!(received, Err(TransferError::Ended { cause: Cause::WrongLength, .. })), "{received:?}");
}

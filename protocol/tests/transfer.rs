//! Transfers over connections: whole, resumed, refused, failing, mixed with other messages.
#![cfg(all(feature = "tokio", feature = "transfer"))]

use std::io;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bookend::transfer::{
    self, Bounds, CHUNK_HEADER, Cause, Held, Offer, Offered, Outgoing, Received, Receiver, SendOptions, Taken,
    TransferError,
};
use bookend::{Code, Connection, ConnectionError, Handle, Hello, Message, Payload};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;

type Pair = (Handle, SendOptions, JoinHandle<()>, Connection<DuplexStream>);

/// A sender whose connection is driven, and the receiver's connection.
async fn pair() -> Pair {
    let (near, far) = tokio::io::duplex(1 << 14);
    let (sender, receiver) =
        tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    let (mut sender, receiver) = (sender.expect("opens"), receiver.expect("opens"));
    let options = SendOptions::new(sender.peer()).with_chunk(1000);
    let handle = sender.handle();
    let driver = tokio::spawn(async move { while sender.next().await.expect("is sound").is_some() {} });
    (handle, options, driver, receiver)
}

/// Bytes that no chunk border repeats.
fn whole(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * at / 7 % 251).expect("is below 251")).collect()
}

fn offer(number: u32, whole: &[u8]) -> Offer<'static> {
    let transfer = NonZeroU32::new(number).expect("is not 0");
    Offer { transfer, length: Some(whole.len() as u64), name: "whole" }
}

fn held(bytes: &[u8]) -> Held {
    let mut held = Held::nothing();
    held.add(bytes);
    held
}

/// Receives one transfer into memory, after the bytes that are kept.
async fn receive(
    connection: &mut Connection<DuplexStream>,
    kept: &[u8],
) -> Result<Option<Received<Vec<u8>>>, TransferError> {
    let mut receiver = Receiver::new(Bounds::default());
    let open = async |offered: &Offered| {
        assert_eq!(offered.name, "whole");
        Ok((kept.to_vec(), held(kept)))
    };
    transfer::receive_into(connection, &mut receiver, open, |_| ()).await
}

#[tokio::test]
async fn a_transfer_arrives_whole_and_its_progress_rises_to_its_length() {
    // [R12.3] [R12.5] [R12.7]
    for length in [0, 1, 999, 1000, 1001, 100_000] {
        let (handle, options, _driver, mut receiver) = pair().await;
        let bytes = whole(length);
        let mut seen = Vec::new();
        let sending = transfer::send_from(&handle, &*bytes, offer(1, &bytes), options, |at| seen.push(at));
        let (sent, received) = tokio::join!(sending, receive(&mut receiver, b""));
        assert_eq!(sent.expect("arrives"), length as u64);
        assert!(received.expect("is right").expect("ends before the session").sink == bytes, "{length}");
        assert!(seen.is_sorted_by_key(|progress| progress.done), "{seen:?}");
        let last = seen.last().expect("the offer was answered");
        assert_eq!((last.done, last.percent()), (length as u64, Some(100)));
    }
}

#[tokio::test]
async fn a_transfer_resumes_after_what_the_receiver_holds() {
    // [R12.6] [R12.4]
    let bytes = whole(10_000);
    for kept in [1, 4321, 9_999, 10_000] {
        let (handle, options, _driver, mut receiver) = pair().await;
        let mut seen = Vec::new();
        let sending = transfer::send_from(&handle, &*bytes, offer(1, &bytes), options, |at| seen.push(at.done));
        let (sent, received) = tokio::join!(sending, receive(&mut receiver, &bytes[..kept]));
        assert_eq!(sent.expect("arrives"), 10_000);
        assert_eq!(seen[0], kept as u64);
        assert!(received.expect("is right").expect("ends before the session").sink == bytes, "{kept}");
    }
}

#[tokio::test]
async fn a_source_that_changed_since_is_never_delivered_and_arrives_when_nothing_is_held() {
    // [R12.12] [R12.13] [R12.19]
    let (handle, options, _driver, mut receiver) = pair().await;
    let bytes = whole(5000);
    let sending = transfer::send_from(&handle, &*bytes, offer(1, &bytes), options, |_| ());
    let (sent, received) = tokio::join!(sending, receive(&mut receiver, b"another beginning"));
    let Err(TransferError::Ended { cause: Cause::WrongDigest, reason }) = sent else { panic!("{sent:?}") };
    assert_eq!(reason, "wrong-digest");
    assert!(matches!(received, Err(TransferError::Fault(Cause::WrongDigest))), "{received:?}");

    let sending = transfer::send_from(&handle, &*bytes, offer(1, &bytes), options, |_| ());
    let (sent, received) = tokio::join!(sending, receive(&mut receiver, b""));
    sent.expect("arrives");
    assert!(received.expect("is right").expect("ends before the session").sink == bytes);
}

#[tokio::test]
async fn messages_carry_a_transfer_without_answers() {
    // [R12.9]
    let (handle, options, _driver, mut receiver) = pair().await;
    let bytes = whole(100_000);
    let length = Offer { length: None, ..offer(1, &bytes) };
    let sending = transfer::send_from(&handle, &*bytes, length, options.one_way(), |_| ());
    let (sent, received) = tokio::join!(sending, receive(&mut receiver, b""));
    assert_eq!(sent.expect("is sent"), 100_000);
    assert!(received.expect("is right").expect("ends before the session").sink == bytes);
}

#[tokio::test]
async fn a_refused_offer_leaves_the_connection_open() {
    // [R12.19]
    let (handle, options, driver, mut receiver) = pair().await;
    let serving = tokio::spawn(async move {
        let mut transfers = Receiver::<Vec<u8>>::new(Bounds::default().with_max_length(10));
        let refuse = async |_: &Offered| Err(Cause::Refused);
        let too_large = transfer::receive_into(&mut receiver, &mut transfers, refuse, |_| ()).await;
        assert!(matches!(too_large, Err(TransferError::Fault(Cause::TooLarge))), "{too_large:?}");
        let ended = transfer::receive_into(&mut receiver, &mut transfers, refuse, |_| ()).await;
        assert!(matches!(ended, Ok(None)), "{ended:?}");
        assert_eq!(transfers.open(), 0);
    });
    for (length, wanted) in [(11, Cause::TooLarge), (10, Cause::Refused)] {
        let bytes = whole(length);
        let sent = transfer::send_from(&handle, &*bytes, offer(1, &bytes), options, |_| ()).await;
        let Err(TransferError::Ended { cause, .. }) = sent else { panic!("{sent:?}") };
        assert_eq!(cause, wanted);
    }
    handle.close(Code::NORMAL, "").await;
    driver.await.expect("ends");
    serving.await.expect("ends");
}

/// Reads or writes some bytes, then fails.
#[derive(Debug)]
struct Failing(usize);

impl AsyncRead for Failing {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = self.0.min(buffer.remaining());
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::PermissionDenied.into()));
        }
        buffer.put_slice(&vec![0; count]);
        self.0 -= count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Failing {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let count = self.0.min(buffer.len());
        self.0 -= count;
        Poll::Ready(if count == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(count) })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_failing_source_is_reported_to_the_receiver() {
    let (handle, options, _driver, mut receiver) = pair().await;
    let sending = transfer::send_from(&handle, Failing(2500), offer(1, &whole(5000)), options, |_| ());
    let (sent, received) = tokio::join!(sending, receive(&mut receiver, b""));
    assert!(matches!(sent, Err(TransferError::Io(_))), "{sent:?}");
    let Err(TransferError::Ended { cause: Cause::Failed, reason }) = received else { panic!("{received:?}") };
    assert_eq!(reason, "failed: permission denied");
}

#[tokio::test]
async fn a_source_that_is_shorter_than_offered_is_reported_to_the_receiver() {
    // [R12.11]
    let (handle, options, _driver, mut receiver) = pair().await;
    let bytes = whole(4999);
    let sending = transfer::send_from(&handle, &*bytes, offer(1, &whole(5000)), options, |_| ());
    let (sent, received) = tokio::join!(sending, receive(&mut receiver, b""));
    assert!(matches!(sent, Err(TransferError::Fault(Cause::WrongLength))), "{sent:?}");
    assert!(matches!(received, Err(TransferError::Ended { cause: Cause::WrongLength, .. })), "{received:?}");
}

#[tokio::test]
async fn a_failing_destination_is_reported_to_the_sender() {
    let (handle, options, _driver, mut receiver) = pair().await;
    let bytes = whole(5000);
    let sending = transfer::send_from(&handle, &*bytes, offer(1, &bytes), options.with_window(1), |_| ());
    let mut transfers = Receiver::new(Bounds::default());
    let open = async |_: &Offered| Ok((Failing(2500), Held::nothing()));
    let (sent, received) = tokio::join!(sending, transfer::receive_into(&mut receiver, &mut transfers, open, |_| ()));
    assert!(matches!(received, Err(TransferError::Fault(Cause::Failed))), "{received:?}");
    let Err(TransferError::Ended { cause: Cause::Failed, reason }) = sent else { panic!("{sent:?}") };
    assert!(reason.starts_with("failed: "), "{reason}");
    assert_eq!(transfers.open(), 0);
}

#[tokio::test]
async fn a_peer_without_transfers_is_sent_the_offer_and_nothing_more() {
    let (handle, options, driver, mut connection) = pair().await;
    let serving = tokio::spawn(async move {
        let mut messages = 0;
        while let Some(message) = connection.next().await.expect("is sound") {
            messages += 1;
            let Message::Request { id, .. } = message else { panic!("{message:?}") };
            connection.refuse(Some(id), Code::POLICY, "no such request").await.expect("is sound");
        }
        messages
    });
    let sent = transfer::send_from(&handle, &b"hello"[..], offer(1, b"hello"), options, |_| ()).await;
    assert!(matches!(sent, Err(TransferError::Connection(ConnectionError::Refused { .. }))), "{sent:?}");
    handle.close(Code::NORMAL, "").await;
    driver.await.expect("ends");
    assert_eq!(serving.await.expect("ends"), 1);
}

/// Takes nothing, and never fails.
#[derive(Debug)]
struct Stuck;

impl AsyncWrite for Stuck {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn bytes_whose_writing_was_cancelled_are_never_part_of_a_complete_transfer() {
    // [R12.12]
    let (mut outgoing, first) = Outgoing::new(offer(1, b"hello")).expect("is a name");
    let mut receiver = Receiver::new(Bounds::default());
    let Taken::Offered(offered) = receiver.take(Payload::Binary(&first)).await else { panic!("an offer") };
    receiver.accept(offered.transfer, Stuck, Held::nothing()).expect("nothing is held");
    let mut buffer = [&[0; CHUNK_HEADER][..], b"hello"].concat();
    let data = outgoing.data(&mut buffer).expect("is as long as offered").expect("is not held").to_vec();
    tokio::select! {
        biased;
        taken = receiver.take(Payload::Binary(&data)) => panic!("{taken:?}"),
        () = std::future::ready(()) => {}
    }
    let end = outgoing.end().expect("is as long as offered");
    let taken = receiver.take(Payload::Binary(&end)).await;
    assert!(matches!(taken, Taken::Failed { cause: Cause::NoSuchTransfer, sink: None, .. }), "{taken:?}");
    assert_eq!(receiver.open(), 0);
}

#[tokio::test]
async fn transfers_and_other_messages_share_a_connection() {
    // [R12.20]
    let (handle, options, driver, mut connection) = pair().await;
    let serving = tokio::spawn(async move {
        let mut receiver = Receiver::new(Bounds::default());
        let (mut files, mut words) = (Vec::new(), 0);
        while let Some(message) = connection.next().await.expect("is sound") {
            let Message::Request { id, payload } = message else { continue };
            let answer = match receiver.take(payload).await {
                Taken::Other => {
                    words += 1;
                    b"own".to_vec()
                }
                Taken::Offered(offered) => {
                    receiver.accept(offered.transfer, Vec::new(), Held::nothing()).expect("nothing is held")
                }
                Taken::Progress { answer, .. } => answer,
                Taken::Done { received, answer } => {
                    files.push((received.transfer.get(), received.sink));
                    answer
                }
                other => panic!("{other:?}"),
            };
            connection.reply(id, &*answer).await.expect("is sound");
        }
        files.sort();
        (files, words)
    });
    let (one, two) = (whole(20_000), whole(7_777));
    let talk = async {
        for _ in 0..10 {
            handle.request("no chunk", Duration::from_secs(5)).await?;
        }
        Ok::<_, bookend::ConnectionError>(())
    };
    let (first, second, talked) = tokio::join!(
        transfer::send_from(&handle, &*one, offer(1, &one), options, |_| ()),
        transfer::send_from(&handle, &*two, offer(2, &two), options, |_| ()),
        talk,
    );
    assert_eq!((first.expect("arrives"), second.expect("arrives")), (20_000, 7_777));
    talked.expect("is answered");
    handle.close(Code::NORMAL, "").await;
    driver.await.expect("ends");
    assert!(serving.await.expect("ends") == (vec![(1, one), (2, two)], 10));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_does_not_answer_is_sent_no_more_than_the_window() {
    // [R12.7] [R12.8]
    let (handle, options, _driver, mut connection) = pair().await;
    let bytes = whole(50_000);
    let sending = tokio::spawn(async move {
        transfer::send_from(&handle, &*bytes, offer(1, &bytes), options.with_window(3), |_| ()).await
    });
    let mut receiver = Receiver::new(Bounds::default());
    let mut unanswered = 0;
    while let Ok(next) = tokio::time::timeout(Duration::from_secs(5), connection.next()).await {
        let Some(Message::Request { id, payload }) = next.expect("is sound") else { panic!("a REQUEST") };
        match receiver.take(payload).await {
            Taken::Offered(offered) => {
                assert!(
                    tokio::time::timeout(Duration::from_secs(5), connection.next()).await.is_err(),
                    "DATA too early"
                );
                let answer = receiver.accept(offered.transfer, Vec::new(), Held::nothing()).expect("nothing is held");
                connection.reply(id, &*answer).await.expect("is sound");
            }
            Taken::Progress { .. } => unanswered += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(unanswered, 3);
    sending.abort();
}

#[test]
fn debug_shows_lengths_and_no_bytes() {
    let chunk = b"BKTR\x02\0\0\0\x01\0\0\0\0\0\0\0\0secret";
    let decoded = transfer::Chunk::decode(chunk).expect("is one").expect("is one");
    assert!(format!("{decoded:?}").contains("6 bytes"), "{decoded:?}");
    assert!(!format!("{:?}", held(b"secret")).contains("secret"));
}

#[test]
fn causes_are_those_of_the_specification() {
    // [R12.22]
    let table = bookend_vectors::spec::SPEC.split("## 12 Transfer profile").nth(1).expect("there is a section 12");
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let code: u16 = cells.next()?.parse().ok()?;
        Some((code, cells.next()?.trim_matches('`')))
    });
    let listed: Vec<(u16, &str)> =
        rows.filter(|(_, name)| name.chars().all(|c| c.is_lowercase() || c == '-')).collect();
    let known: Vec<(u16, &str)> = Cause::ALL.into_iter().map(|cause| (cause.code(), cause.name())).collect();
    assert_eq!(listed, known);
    assert!(known.iter().all(|(code, _)| Cause::of(*code).code() == *code));
    assert_eq!(Cause::of(999), Cause::Other(999));
}

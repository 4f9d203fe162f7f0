//! Joining a hub, and the errors when that fails.

use std::time::Duration;

use bookend::{Code, Hello, PresenceEvent};
use bookend_client::{ConnectError, Dialler, JoinError, Joined, Message, Stage, Target};
use bookend_testing::hub::{Hub, OWN, presence};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpListener;

fn member() -> Hello {
    Hello::new().with_hub(true).with_name("ann").expect("it is a plain line")
}

async fn join(far: impl Future<Output = ()>, near: DuplexStream) -> Result<Joined<DuplexStream>, JoinError> {
    tokio::join!(Joined::join(near, member()), far).0
}

#[tokio::test(start_paused = true)]
async fn joined_client_has_the_welcome() {
    let (near, far) = duplex(1 << 16);
    let (client, _hub) = tokio::join!(Joined::join(near, member()), Hub::welcome(far, &[]));
    let client = client.unwrap();
    let welcome = client.welcome().unwrap();
    assert_eq!((welcome.member, welcome.next_seq, &*welcome.greeting), (OWN, 1, "hi"));
}

#[tokio::test(start_paused = true)]
async fn server_without_the_hub_profile_needs_no_welcome() {
    let (near, far) = duplex(1 << 16);
    let (client, _hub) = tokio::join!(Joined::join(near, member()), Hub::greet(far, Hello::new()));
    assert_eq!(client.unwrap().welcome(), None);
}

#[tokio::test(start_paused = true)]
async fn hub_that_never_sends_welcome_times_out() {
    let (near, far) = duplex(1 << 16);
    let far = async {
        let mut hub = Hub::greet(far, Hello::new().with_hub(true)).await;
        assert_eq!(hub.rest().await.1, Some(Code::PROTOCOL_ERROR));
    };
    let error = join(far, near).await.unwrap_err();
    assert!(matches!(error, JoinError::NoWelcome { found: None }), "{error}");
    assert_eq!((error.stage(), error.name()), (Stage::Session, "no-welcome"));
}

#[tokio::test(start_paused = true)]
async fn peer_that_sends_another_message_before_welcome_is_not_a_hub() {
    let (near, far) = duplex(1 << 16);
    let far = async {
        let mut hub = Hub::greet(far, Hello::new().with_hub(true)).await;
        hub.say(&presence(1, PresenceEvent::Here, "bob")).await;
        hub.rest().await;
    };
    let error = join(far, near).await.unwrap_err();
    assert_eq!(error.to_string(), "session: no-welcome: a hub sends WELCOME first, but kind 11 arrived");
}

#[tokio::test(start_paused = true)]
async fn refusal_quotes_the_hub() {
    let (near, far) = duplex(1 << 16);
    let far = async {
        let mut hub = Hub::greet(far, Hello::new().with_hub(true)).await;
        hub.close(Code::TRY_LATER, "256 members").await;
    };
    let error = join(far, near).await.unwrap_err();
    assert_eq!((error.stage(), error.name()), (Stage::Session, "try-later"));
    assert!(error.to_string().contains("256 members"), "{error}");
    assert!(error.fix().contains("busy"), "{}", error.fix());
}

#[tokio::test(start_paused = true)]
async fn close_instead_of_hello_fails_in_stage_hello() {
    let (near, mut far) = duplex(1 << 16);
    let far = async move {
        far.write_all(b"\xF5\xF8\x08\x01\0\0\0\x08\x03\xF5try-la\xF8\xF5").await.unwrap();
        while far.read_buf(&mut Vec::new()).await.unwrap() > 0 {}
    };
    let error = join(far, near).await.unwrap_err();
    assert_eq!((error.stage(), error.name()), (Stage::Hello, "try-later"));
}

#[tokio::test(start_paused = true)]
async fn peer_that_speaks_another_protocol_is_identified() {
    for (words, detail, fix) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "no-close: foreign-http (certain): an HTTP answer: ",
            "this is HTTP: ",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no-close: foreign-ssh (certain): \"SSH-2.0-OpenSSH_9.2\"", "this is SSH: "),
        (&[b'x'; 2000], "bad-start: foreign-text (likely): the text \"xxx", "send frames, not plain text"),
        (b"", "no-close: the stream ended without a CLOSE", "the peer does not seem to speak Bookend"),
        (b"\xF5\xF9", "bad-start: a frame begins with f5 f8", "the peer does not seem to speak Bookend"),
    ] {
        let (near, mut far) = duplex(1 << 16);
        let far = async move {
            far.write_all(words).await.unwrap();
            far.shutdown().await.unwrap();
            while far.read_buf(&mut Vec::new()).await.unwrap() > 0 {}
        };
        let error = join(far, near).await.unwrap_err();
        assert_eq!(error.stage(), Stage::Hello, "{error}");
        assert!(error.to_string().starts_with(&format!("HELLO: {detail}")), "{error}");
        assert!(error.fix().starts_with(fix), "{error}: {}", error.fix());
    }
}

#[tokio::test(start_paused = true)]
async fn silent_peer_times_out() {
    let (near, mut far) = duplex(1 << 16);
    let far = async move { while far.read_buf(&mut Vec::new()).await.unwrap() > 0 {} };
    let error = join(far, near).await.unwrap_err();
    assert_eq!((error.stage(), error.name()), (Stage::Hello, "hello-timeout"));
}

#[tokio::test]
async fn refused_connection_names_stage_address_fault_and_fix() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target: Target = listener.local_addr().unwrap().to_string().parse().unwrap();
    drop(listener);
    let error = Joined::dial(&mut Dialler::new(target.clone()), member()).await.unwrap_err();
    assert_eq!((error.stage(), error.name()), (Stage::Tcp, "connection-refused"));
    assert!(error.to_string().starts_with(&format!("{target}: TCP: connection-refused: ")), "{error}");
    let asked_by_name: Target = format!("localhost:{}", target.address().unwrap().port()).parse().unwrap();
    let error = Joined::dial(&mut Dialler::new(asked_by_name), member()).await.unwrap_err();
    assert!(error.to_string().contains(&format!("{target}: ")), "the address that was tried is shown: {error}");
    assert_eq!(error.fix(), "is the hub running? bookend-server starts one; --wait TIME waits for it");
}

#[tokio::test]
async fn impossible_host_name_fails_in_stage_resolve() {
    // A label of 64 bytes is refused without asking any server.
    let target: Target = "a".repeat(64).parse().unwrap();
    let error = Joined::dial(&mut Dialler::new(target.clone()), member()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Resolve { .. }), "{error}");
    assert_eq!((error.stage(), error.name()), (Stage::Resolve, "unknown-host"));
}

#[tokio::test]
async fn client_connects_by_host_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The name may have another address, which refuses.
    let target: Target = format!("localhost:{}", listener.local_addr().unwrap().port()).parse().unwrap();
    let hub = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut hub = Hub::welcome(stream, &[]).await;
        hub.deliver(7, 0, "bob", bookend_testing::hub::text("hello")).await;
        hub.rest().await
    };
    let member = async {
        let mut client = Joined::dial(&mut Dialler::new(target.clone()), member()).await.unwrap();
        client.connection().post(0, "hi").await.unwrap();
        loop {
            if let Message::Delivery(delivery) = client.connection().next().await.unwrap().unwrap() {
                assert_eq!(delivery.name(), "bob");
                break;
            }
        }
        client.connection().close(Code::NORMAL, "").await.unwrap();
    };
    let both = tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(hub, member) });
    let ((posted, code), ()) = both.await.expect("the two do not wait for each other");
    assert_eq!((posted, code), (vec![bookend_testing::hub::Posted::text("hi")], Some(Code::NORMAL)));
}

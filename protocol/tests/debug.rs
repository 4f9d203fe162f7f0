//! `Debug` and `Display` show no token, and no long bytes of a peer.
#![cfg(feature = "tokio")]

use std::fmt::{Debug, Display};
use std::time::Duration;

use bookend::diagnosis::Evidence;
use bookend::{
    Codec, Connection, ConnectionError, Content, Encoding, Fault, Frame, Hello, Limits, Message, OwnedContent, Payload,
    ReadBuffer, Reply, Role, Session, Text, kind,
};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_util::codec::Decoder;

const TOKEN: &[u8] = b"hunter2-s3cret!";
const SECOND: Duration = Duration::from_secs(1);

fn client_hello() -> Hello {
    Hello::new().with_name("ann").expect("is a line").with_token(TOKEN).expect("is a token")
}

/// The token as text, as decimal bytes, as hex, and as one byte a line.
fn forms() -> [String; 5] {
    let join = |separator: &str, show: fn(u8) -> String| {
        TOKEN.iter().map(|&byte| show(byte)).collect::<Vec<_>>().join(separator)
    };
    [
        String::from_utf8(TOKEN[..7].to_vec()).expect("is text"),
        join(", ", |byte| byte.to_string()),
        join("", |byte| format!("{byte:02x}")),
        join(" ", |byte| format!("{byte:02x}")),
        join(",", |byte| byte.to_string()),
    ]
}

#[track_caller]
fn assert_hidden(shown: &str) {
    let flat: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for form in forms() {
        assert!(!flat.to_lowercase().contains(&form.to_lowercase()), "{form} in {flat}");
    }
    assert!(shown.len() < 4096, "{} bytes: {}", shown.len(), &shown[..200]);
}

#[track_caller]
fn assert_debug_hidden(value: &impl Debug) {
    assert_hidden(&format!("{value:?}"));
    assert_hidden(&format!("{value:#?}"));
}

#[track_caller]
fn assert_all_hidden(value: &(impl Debug + Display)) {
    assert_debug_hidden(value);
    assert_hidden(&value.to_string());
}

#[tokio::test(start_paused = true)]
async fn connection_shows_no_token_and_no_bytes() {
    let (near, far) = duplex(1 << 20);
    let (near, far) = tokio::join!(Connection::connect(near, client_hello()), Connection::accept(far, Hello::new()));
    let (mut near, mut far) = (near.expect("opens"), far.expect("opens"));
    assert_eq!(far.peer().token(), Some(TOKEN));
    for connection in [&near, &far] {
        assert_debug_hidden(connection);
        assert_debug_hidden(&connection.handle());
        assert_debug_hidden(connection.session());
        assert_debug_hidden(connection.peer());
    }
    assert_debug_hidden(near.session().local());
    assert!(format!("{:?}", far.peer()).contains("ann"), "the rest of a HELLO is shown");

    // Bytes on their way: queued, written, read and kept.
    near.queue(&[TOKEN, &[0; 100_000]].concat()[..]).unwrap();
    assert_debug_hidden(&near);
    near.flush().await.unwrap();
    let _ = far.request("?", Duration::from_millis(1)).await.unwrap_err(); // keeps the message
    assert_debug_hidden(&far);
    near.queue(&[TOKEN, &[0; 100_000]].concat()[..]).unwrap();
    near.flush().await.unwrap();
    assert_debug_hidden(&far.next());
    assert_debug_hidden(&far.event());
    let message = far.next().await.unwrap().unwrap();
    assert_debug_hidden(&message);
    assert_debug_hidden(&far.batch().await.unwrap());
    let (_, _) = tokio::join!(near.close(bookend::Code::NORMAL, ""), far.next());
    assert_debug_hidden(&near);
    assert_debug_hidden(&far);
}

#[tokio::test(start_paused = true)]
async fn blocking_connection_shows_no_token() {
    #[derive(Debug)]
    struct Script(std::io::Cursor<Vec<u8>>);
    impl std::io::Read for Script {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            std::io::Read::read(&mut self.0, out)
        }
    }
    impl std::io::Write for Script {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut wire = Vec::new();
    client_hello().encode(&mut wire);
    let stream = Script(std::io::Cursor::new(wire));
    let connection =
        bookend::blocking::Connection::accept(bookend::blocking::TimeoutsSet(stream), client_hello()).expect("opens");
    assert_debug_hidden(&connection);
}

#[tokio::test(start_paused = true)]
async fn errors_of_a_damaged_hello_show_no_token() {
    let mut wire = Vec::new();
    client_hello().encode(&mut wire);
    let length = wire.len();
    for at in 0..length {
        for change in [b'\n', 0, 0xFF] {
            let mut damaged = wire.clone();
            damaged[at] = change;
            let (mut raw, far) = duplex(1 << 16);
            raw.write_all(&damaged).await.unwrap();
            raw.shutdown().await.unwrap();
            match Connection::accept(far, Hello::new()).await {
                Ok(connection) => assert_debug_hidden(&connection),
                Err(error) => assert_all_hidden(&error),
            }
            let mut answer = Vec::new();
            raw.read_to_end(&mut answer).await.unwrap();
            assert_hidden(&String::from_utf8_lossy(&answer));
        }
    }
}

#[test]
fn session_shows_no_token_in_any_state() {
    let mut client = Session::new(Role::Client, client_hello(), Limits::default(), Duration::ZERO);
    let mut server = Session::new(Role::Server, Hello::new(), Limits::default(), Duration::ZERO);
    assert_debug_hidden(&client);
    let mut wire = Vec::new();
    client.take_output(&mut wire);
    let mut rest = &wire[..];
    assert_debug_hidden(&server.receive(&mut rest, Duration::ZERO));
    assert_debug_hidden(&server);
    let close = [&1000u16.to_be_bytes()[..], &TOKEN.repeat(50_000)].concat();
    let mut wire = Vec::new();
    Frame::new(kind::CLOSE, Encoding::Utf8, &close).unwrap().encode(&mut wire);
    let _ = server.receive(&mut &wire[..], SECOND);
    let shown = format!("{server:?}");
    assert_hidden(&shown);
    let outcome = server.outcome().expect("has ended");
    assert!(format!("{outcome:?}").len() < 1000, "a long reason is cut");
}

#[test]
fn frames_and_buffers_show_lengths() {
    let mut wire = Vec::new();
    client_hello().encode(&mut wire);
    let (frame, _) = Frame::split_first(&wire).unwrap();
    assert_debug_hidden(&frame);
    let mut buffer = ReadBuffer::new();
    buffer.space()[..wire.len()].copy_from_slice(&wire);
    buffer.add(wire.len());
    assert_debug_hidden(&buffer);
    let frame = Codec::new(1 << 20).decode(&mut BytesMut::from(&wire[..])).unwrap().expect("is whole");
    assert_debug_hidden(&frame);
    assert_debug_hidden(&Evidence::stream(Fault::BadStart { offset: 0, found: 1 }, 0, &wire));
    assert_debug_hidden(&Evidence::text(Encoding::Utf8, &wire));

    let long = [TOKEN, &[7; 100_000]].concat();
    assert_debug_hidden(&Payload::Binary(&long));
    assert_debug_hidden(&Message::Message(Payload::Binary(&long)));
    assert_debug_hidden(&Content::from(&long[..]));
    assert_debug_hidden(&OwnedContent::from(Content::from(&long[..])));
    assert_debug_hidden(&Reply::Binary(long));
    let text = "a long text, ".repeat(10_000);
    assert_debug_hidden(&Text::decode(Encoding::Utf8, text.as_bytes()).unwrap());
    assert_debug_hidden(&Content::Text(&text));
    assert_debug_hidden(&OwnedContent::from(Content::TextIn(Encoding::Utf16Be, &text)));
    assert_debug_hidden(&Reply::Text(text.clone()));
    for code in [bookend::Code::POLICY, bookend::Code::NORMAL] {
        assert_all_hidden(&ConnectionError::Closed { code, reason: text.clone() });
        assert_all_hidden(&ConnectionError::Refused { code, reason: format!("policy: {text}") });
    }
    let short = Text::decode(Encoding::Utf16Be, b"\0h\0i").unwrap();
    assert!(format!("{short:?}").contains("\"hi\""), "a short text is shown: {short:?}");
}

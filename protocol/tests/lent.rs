//! Memory that connections lend each other: the bytes of one peer reach no other.
#![cfg(feature = "tokio")]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bookend::{Connection, ConnectionError, Hello, Message};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::time::timeout;

const SECRET: &[u8] = b"of another peer";

fn has_secret(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET)
}

/// A stream that notices the secret in the memory that it is given to read into.
struct Spy {
    stream: DuplexStream,
    has_seen: Arc<AtomicBool>,
}

impl AsyncRead for Spy {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if has_secret(space.initialized()) {
            self.has_seen.store(true, Ordering::Relaxed);
        }
        Pin::new(&mut self.stream).poll_read(cx, space)
    }
}

impl AsyncWrite for Spy {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn lent_memory_shows_the_bytes_of_one_peer_to_no_other() {
    let (near, far) = duplex(1 << 16);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    near.send(&SECRET.repeat(1000)).await.unwrap();
    assert!(far.next().await.unwrap().is_some());
    assert!(timeout(Duration::from_secs(1), far.next()).await.is_err(), "it waits, and lends its memory");

    let (mut raw, stream) = duplex(1 << 16);
    let has_seen = Arc::new(AtomicBool::new(false));
    let mut wire = Vec::new();
    Hello::new().encode(&mut wire);
    wire.extend(b"\xF5\xF8\x02\x02\0\0\0\x02hi\xF8\xF5"); // a message
    wire.extend(b"\xF5\xF8\x02\x02\0\0\0\x02hi, but too long"); // a fault, which is diagnosed from the bytes around it
    raw.write_all(&wire).await.unwrap();
    let mut other = Connection::accept(Spy { stream, has_seen: Arc::clone(&has_seen) }, Hello::new()).await.unwrap();
    let Some(Message::Message(payload)) = other.next().await.unwrap() else { panic!("a MESSAGE") };
    assert_eq!(payload.as_bytes(), b"hi");
    let received = tokio::spawn(async move {
        let mut received = Vec::new();
        raw.read_to_end(&mut received).await.map(|_| received)
    });
    let error = other.next().await.map(drop).unwrap_err();
    assert!(matches!(error, ConnectionError::Fault { .. }), "{error:?}");
    drop(other);
    let received = received.await.unwrap().unwrap();
    assert!(received.len() > 20 && !has_secret(&received));
    assert!(!has_secret(format!("{error} {error:?}").as_bytes()));
    // Otherwise this test shows nothing.
    assert!(has_seen.load(Ordering::Relaxed), "the memory was lent with its old bytes");
}

//! Peers that misbehave once the session is open.

use bookend::{Connection, Encoding, Frame, Hello, Limits, Role, kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::sleep;

use super::{Duplex, KEEPALIVE, SECOND};

/// What a peer does once the session is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It closes the stream.
    Vanishes,
    /// It neither reads nor writes.
    Freezes,
    /// It reads, and writes nothing.
    IsMute,
    /// It writes, and reads nothing.
    IsDeaf,
    /// It writes, and reads 100 bytes a second.
    Trickles,
    /// It sends half a frame, and then nothing.
    StopsInAFrame,
}

pub(crate) const PEERS: [Peer; 6] =
    [Peer::Vanishes, Peer::Freezes, Peer::IsMute, Peer::IsDeaf, Peer::Trickles, Peer::StopsInAFrame];

pub(crate) fn message() -> Vec<u8> {
    let mut wire = Vec::new();
    Frame::new(kind::MESSAGE, Encoding::Utf8, b"hi").expect("short").encode(&mut wire);
    wire
}

pub(crate) async fn act(mut raw: DuplexStream, peer: Peer) {
    let day = sleep(100_000 * SECOND);
    match peer {
        Peer::Vanishes => drop(raw),
        Peer::Freezes => {
            day.await;
            drop(raw);
        }
        Peer::IsMute => while raw.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {},
        Peer::IsDeaf => {
            while raw.write_all(&message()).await.is_ok() {
                sleep(SECOND).await;
            }
        }
        Peer::Trickles => {
            while raw.write_all(&message()).await.is_ok() && raw.read(&mut [0; 100]).await.is_ok_and(|count| count > 0)
            {
                sleep(SECOND).await;
            }
        }
        Peer::StopsInAFrame => {
            let _ = raw.write_all(&message()[..9]).await;
            day.await;
            drop(raw);
        }
    }
}

/// A connection in this role, and the bytes of its peer, whose HELLO has been sent and is not read on.
pub(crate) async fn open(role: Role, pipe: usize) -> (DuplexStream, Duplex) {
    let (mut raw, near) = duplex(pipe);
    let mut hello = Vec::new();
    Hello::new().with_keepalive(KEEPALIVE).encode(&mut hello);
    raw.write_all(&hello).await.expect("writes");
    let connection = Connection::open(near, role, Hello::new(), Limits::default()).await.expect("opens");
    (raw, connection)
}

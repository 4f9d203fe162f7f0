//! What the tests share: a hub, and peers that are connected to it by streams in memory.

use std::time::Duration;

use bookend::{Code, Decoder, Delivery, Encoding, Frame, Hello, Message, PresenceEvent, kind};
use bookend_server::{Config, Hub};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

/// The capacity of a stream in memory, in bytes.
const STREAM: usize = 1 << 20;
/// Longer than anything in transit takes. The clock is paused, so it costs no time.
const QUIET: Duration = Duration::from_secs(1);

/// One end of a connection to a hub.
pub(crate) struct Peer {
    stream: DuplexStream,
    read: Vec<u8>,
}

/// A frame that has been read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReceivedFrame {
    pub(crate) kind: u8,
    pub(crate) encoding: Encoding,
    pub(crate) body: Vec<u8>,
}

impl ReceivedFrame {
    pub(crate) fn message(&self) -> Message<'_> {
        let frame = Frame::new(self.kind, self.encoding, &self.body).unwrap();
        Message::parse(frame).unwrap().unwrap()
    }

    pub(crate) fn delivery(&self) -> Delivery<'_> {
        match self.message() {
            Message::Delivery(delivery) => delivery,
            other => panic!("a DELIVERY was expected, not {other:?}"),
        }
    }

    /// Sequence number and text of a DELIVERY.
    pub(crate) fn seq_and_text(&self) -> (u64, String) {
        let delivery = self.delivery();
        (delivery.seq, delivery.payload.text().unwrap().into_owned())
    }

    pub(crate) fn missed(&self) -> u64 {
        match self.message() {
            Message::Gap { missed } => missed,
            other => panic!("a GAP was expected, not {other:?}"),
        }
    }

    pub(crate) fn presence(&self) -> (u32, PresenceEvent, String) {
        match self.message() {
            Message::Presence { member, event, name } => (member, event, name.text().to_string()),
            other => panic!("a PRESENCE was expected, not {other:?}"),
        }
    }

    /// Id, frame and code of an ERROR.
    pub(crate) fn error(&self) -> (u32, u32, Code) {
        match self.message() {
            Message::Error(refusal) => (refusal.id, refusal.frame, refusal.code),
            other => panic!("an ERROR was expected, not {other:?}"),
        }
    }

    /// Code and reason of a CLOSE.
    pub(crate) fn close(&self) -> (Code, String) {
        match self.message() {
            Message::Close { code, reason } => (code, reason.to_string()),
            other => panic!("a CLOSE was expected, not {other:?}"),
        }
    }
}

/// The default, except that messages are numbered from 1.
pub(crate) fn config() -> Config {
    Config { first_seq: Some(1), ..Config::default() }
}

pub(crate) fn hub() -> Hub {
    Hub::new(config())
}

/// The HELLO of a member: the hub profile, no keepalive, UTF-8.
pub(crate) fn hello(name: &str) -> Hello {
    Hello::new().with_hub(true).with_keepalive(0).with_name(name).unwrap()
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Frame::new(kind, encoding, body).unwrap().encode(&mut out);
    out
}

/// The bytes of a POST to everyone in UTF-8.
pub(crate) fn post(text: &str) -> Vec<u8> {
    post_to(0, Encoding::Utf8, text.as_bytes())
}

pub(crate) fn post_to(to: u32, encoding: Encoding, payload: &[u8]) -> Vec<u8> {
    frame(kind::POST, encoding, &[&to.to_be_bytes(), payload].concat())
}

impl Peer {
    /// A connection from which nothing has been read.
    pub(crate) fn connect(hub: &Hub) -> Peer {
        Peer::connect_over(hub, STREAM)
    }

    /// The same over a stream that holds `bytes` in each direction.
    pub(crate) fn connect_over(hub: &Hub, bytes: usize) -> Peer {
        let (stream, other) = duplex(bytes);
        tokio::spawn(hub.serve(other, "test"));
        Peer { stream, read: Vec::new() }
    }

    /// The same from an address, such as `192.0.2.7:1`.
    pub(crate) fn connect_from(hub: &Hub, address: &str) -> Peer {
        let (stream, other) = duplex(STREAM);
        let address: std::net::SocketAddr = address.parse().unwrap();
        tokio::spawn(hub.serve(other, address));
        Peer { stream, read: Vec::new() }
    }

    /// Sends CLOSE, and reads up to the end of the stream.
    pub(crate) async fn leave(mut self) {
        self.send(&frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8")).await;
        while self.frame().await.kind != kind::CLOSE {}
        self.end().await;
    }

    /// A member with the hub profile that has read everything up to the list of members.
    pub(crate) async fn join(hub: &Hub, hello: Hello) -> Peer {
        let mut peer = Peer::connect(hub);
        peer.greet(&hello).await;
        peer.welcome().await;
        peer
    }

    /// A telnet user in the lobby that has read everything up to the line with instructions.
    pub(crate) async fn terminal(hub: &Hub) -> Peer {
        let mut peer = Peer::connect(hub);
        assert!(peer.line().await.starts_with("Bookend hub, "));
        peer.send(b"\r\n").await;
        assert!(peer.line().await.starts_with("* you are guest-"));
        peer
    }

    /// Sends HELLO and reads up to the hub's.
    pub(crate) async fn greet(&mut self, hello: &Hello) {
        assert!(self.line().await.starts_with("Bookend hub, "));
        let mut bytes = Vec::new();
        hello.encode(&mut bytes);
        self.send(&bytes).await;
        assert_eq!(self.frame().await.kind, kind::HELLO);
    }

    /// Reads WELCOME and the list of members, the member itself last.
    pub(crate) async fn welcome(&mut self) -> (u32, u64, Vec<(u32, String)>) {
        let frame = self.frame().await;
        let Message::Welcome { member: own, next_seq, .. } = frame.message() else {
            panic!("WELCOME was expected, not {frame:?}")
        };
        let mut here = Vec::new();
        while here.last().is_none_or(|(member, _)| *member != own) {
            let (member, event, name) = self.frame().await.presence();
            assert_eq!(event, PresenceEvent::Here);
            here.push((member, name));
        }
        (own, next_seq, here)
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The same, if the hub still reads.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Ends the sending direction.
    pub(crate) async fn shut(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next frame. PING is skipped and not answered.
    pub(crate) async fn frame(&mut self) -> ReceivedFrame {
        loop {
            let frame = self.any_frame().await;
            if frame.kind != kind::PING {
                return frame;
            }
        }
    }

    /// The next frame.
    pub(crate) async fn any_frame(&mut self) -> ReceivedFrame {
        loop {
            let mut rest = &self.read[..];
            if let Some(frame) = Decoder::new(u32::MAX).decode(&mut rest).unwrap() {
                let found = ReceivedFrame { kind: frame.kind(), encoding: frame.encoding(), body: frame.body().into() };
                let used = self.read.len() - rest.len();
                self.read.drain(..used);
                return found;
            }
            assert!(self.more().await, "the stream ended, but a frame was expected after {:?}", self.read);
        }
    }

    /// The next line, which ends in CR LF.
    pub(crate) async fn line(&mut self) -> String {
        loop {
            if let Some(at) = self.read.windows(2).position(|end| end == b"\r\n") {
                let line = String::from_utf8(self.read[..at].into()).unwrap();
                self.read.drain(..at + 2);
                return line;
            }
            assert!(self.more().await, "the stream ended, but a line was expected after {:?}", self.read);
        }
    }

    /// Exactly `count` bytes.
    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more().await, "the stream ended, but {count} bytes were expected");
        }
        self.read.drain(..count).collect()
    }

    /// Reads at most `count` bytes from the stream, and returns how many; 0 at the end.
    pub(crate) async fn piece(&mut self, count: usize) -> usize {
        self.read.clear();
        self.stream.read(&mut vec![0; count]).await.unwrap()
    }

    /// Asserts that nothing arrives for a while.
    pub(crate) async fn quiet(&mut self) {
        let more = timeout(QUIET, self.more()).await;
        assert!(
            more.is_err() && self.read.is_empty(),
            "nothing was expected, but {:?} arrived",
            self.read.escape_ascii()
        );
    }

    /// Asserts that the stream has ended and everything was read.
    pub(crate) async fn end(&mut self) {
        while self.more().await {}
        assert!(self.read.is_empty(), "the end was expected, but {:?} arrived", self.read.escape_ascii());
    }

    /// Reads the answer to CLOSE and the end of the stream.
    pub(crate) async fn end_of_session(&mut self) {
        assert_eq!(self.frame().await.kind, kind::CLOSE);
        self.end().await;
    }

    /// Everything up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Reads once; false at the end of the stream.
    async fn more(&mut self) -> bool {
        let read = timeout(Duration::from_secs(600), self.stream.read_buf(&mut self.read)).await;
        read.expect("something was expected, but nothing arrived in ten minutes").unwrap() > 0
    }
}

//! What members see while their room is not kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bookend::{Decoder, Encoding, Frame, Hello, Message, kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::super::*;
use super::kit::*;
use crate::{Config, Hub};

struct Peer {
    stream: DuplexStream,
    read: Vec<u8>,
}

impl Peer {
    /// A terminal.
    async fn terminal(hub: &Hub) -> Peer {
        let (stream, other) = duplex(1 << 16);
        tokio::spawn(hub.serve(other, "test"));
        let mut peer = Peer { stream, read: Vec::new() };
        peer.send(b"\r\n").await;
        peer.line("* you are guest-").await;
        peer
    }

    /// A framed peer, with the hub profile or without it, that is in the room.
    async fn framed(hub: &Hub, has_profile: bool) -> Peer {
        let (stream, other) = duplex(1 << 16);
        tokio::spawn(hub.serve(other, "test"));
        let mut peer = Peer { stream, read: Vec::new() };
        peer.line("Bookend hub").await;
        let mut hello = Vec::new();
        Hello::new().with_hub(has_profile).with_keepalive(0).with_name("ann").unwrap().encode(&mut hello);
        peer.send(&hello).await;
        peer.frame(|frame| (frame.kind() == kind::HELLO).then_some(())).await;
        peer
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn more(&mut self) {
        let read = timeout(TIMEOUT, self.stream.read_buf(&mut self.read)).await.expect("something arrives").unwrap();
        assert!(read > 0, "the stream ended");
    }

    /// Reads up to a line that begins with a text.
    async fn line(&mut self, begin: &str) -> String {
        loop {
            while let Some(at) = self.read.windows(2).position(|end| end == b"\r\n") {
                let line: Vec<u8> = self.read.drain(..at + 2).collect();
                let line = String::from_utf8(line[..at].into()).unwrap();
                if line.starts_with(begin) {
                    return line;
                }
            }
            self.more().await;
        }
    }

    /// Reads up to a frame that is wanted.
    async fn frame<T>(&mut self, wanted: impl Fn(Frame<'_>) -> Option<T>) -> T {
        loop {
            let mut rest = &self.read[..];
            let Some(frame) = Decoder::new(u32::MAX).decode(&mut rest).unwrap() else {
                self.more().await;
                continue;
            };
            let found = wanted(frame);
            let used = self.read.len() - rest.len();
            self.read.drain(..used);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// The next DELIVERY: from, to, seq and text.
    async fn delivery(&mut self) -> (u32, u32, u64, String) {
        let wanted = |frame: Frame<'_>| match Message::parse(frame).unwrap()? {
            Message::Delivery(found) => {
                Some((found.from, found.to, found.seq, found.payload.text().unwrap().into_owned()))
            }
            Message::Gap { missed } => panic!("GAP {missed}"),
            _ => None,
        };
        self.frame(wanted).await
    }

    async fn message(&mut self) -> String {
        let wanted = |frame: Frame<'_>| match Message::parse(frame).unwrap()? {
            Message::Message(payload) => Some(payload.text().unwrap().into_owned()),
            _ => None,
        };
        self.frame(wanted).await
    }

    async fn post(&mut self, text: &str) {
        let mut out = Vec::new();
        Frame::new(kind::POST, Encoding::Utf8, &[&[0; 4], text.as_bytes()].concat()).unwrap().encode(&mut out);
        self.send(&out).await;
    }
}

const BEGIN: &str = "this room is not kept now: the disk is full";
const END: &str = "this room is kept again; no message is missing";

/// [R9.51] It is sent to each member, without a number of the room, and is not kept.
#[tokio::test]
async fn members_are_told_that_their_room_is_not_kept_and_that_it_is_again() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history =
        History::open_on(HistoryConfig { full: WhenFull::Live, ..config(&dir.file()) }, disk.clone()).unwrap();
    let hub = Hub::with_history(Config::default(), history.clone());
    let (mut terminal, mut ann) = (Peer::terminal(&hub).await, Peer::framed(&hub, true).await);
    let mut plain = Peer::framed(&hub, false).await;
    ann.post("one").await;
    let (from, _, first, _) = ann.delivery().await;
    disk.is_full.store(true, Ordering::SeqCst);
    ann.post("two").await;
    let mut both = [ann.delivery().await, ann.delivery().await]; // in any order
    both.sort();
    assert_eq!(both, [(0, from, 0, BEGIN.into()), (from, 0, first + 1, "two".into())]);
    assert_eq!(terminal.line("* this").await, format!("* {BEGIN}"));
    disk.is_full.store(false, Ordering::SeqCst);
    assert_eq!(ann.delivery().await, (0, from, 0, END.into()));
    assert_eq!(terminal.line("* this").await, format!("* {END}"));
    ann.post("three").await;
    assert_eq!(ann.delivery().await, (from, 0, first + 2, "three".into()));
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(plain.message().await);
    }
    seen[1..3].sort();
    assert_eq!(seen, ["ann: one", &format!("* {BEGIN}"), "ann: two", &format!("* {END}"), "ann: three"]);
    let id = TestRoom::open(&history, "lobby").opened.id;
    let kept: Vec<_> = tokio::task::spawn_blocking(move || messages(&history, id, 0)).await.unwrap();
    assert_eq!(kept.into_iter().map(|(_, text)| text).collect::<Vec<_>>(), ["one", "two", "three"]);
    hub.shut_down().await;
}

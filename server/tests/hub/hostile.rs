//! Hostile bytes.

use std::time::Duration;

use bookend::{Encoding, Message, kind};
use bookend_server::{Config, Hub};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

use crate::peer::{Peer, config, frame, hello, hub, post, post_to};

/// A few pseudorandom numbers, the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// What members send: valid frames.
fn sound(chance: &mut Chance) -> Vec<u8> {
    if chance.below(3) == 0 {
        return "hi\r\n/name bob\r\n/msg ann x\r\n/encoding ascii\r\n\u{1b}\u{202E}ü\r\n/who\r\n//x\n".into();
    }
    let mut bytes = Vec::new();
    let preferred = Encoding::ALL[chance.below(5)];
    let name = ["ann", "\u{FEFF}", "ä", "-2"][chance.below(4)];
    hello(name).with_hub(chance.below(4) > 0).with_preferred(preferred).with_resume(1).encode(&mut bytes);
    bytes.extend(post("hi"));
    bytes.extend(post_to(1, Encoding::Utf16Be, b"\xFE\xFF\xFF\xFE\xD8\x00\xDC\x00"));
    bytes.extend(post_to(0, Encoding::Utf16Le, b"\xFF\xFE\xFF\xFE\x00\xD8\x00\xDC"));
    bytes.extend(post_to(0, Encoding::Binary, &[0xFF; 300]));
    bytes.extend(frame(kind::REQUEST, Encoding::Utf8, b"\0\0\0\x01?"));
    bytes.extend(frame(kind::MESSAGE, Encoding::Ascii, &[]));
    bytes.extend(frame(kind::PING, Encoding::Binary, b"?"));
    bytes
}

#[tokio::test(start_paused = true)]
async fn hostile_bytes_harm_neither_the_hub_nor_other_members() {
    // A private message keeps its sender waiting, and a sender that waits receives all that it resumes: keep little.
    let hub = Hub::new(Config { log_bytes: 64 << 10, ..config() });
    let mut ann = Peer::join(&hub, hello("witness").with_max_body(1024)).await;
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for round in 0..2000 {
        let mut bytes = sound(&mut chance);
        for _ in 0..chance.below(4) {
            let (at, with) = (chance.below(bytes.len()), chance.below(256));
            match chance.below(4) {
                0 => bytes[at] = u8::try_from(with).unwrap(),
                1 => bytes.insert(at, u8::try_from(with).unwrap()),
                2 => bytes.truncate(at + 1),
                _ => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = !*byte),
            }
        }
        let (mut stream, other) = duplex(1 + chance.below(4096));
        let served = tokio::spawn(hub.serve(other, "hostile"));
        let (mut reading, mut writing) = tokio::io::split(&mut stream);
        let write = async {
            for piece in bytes.chunks(1 + chance.below(100)) {
                if writing.write_all(piece).await.is_err() {
                    break;
                }
            }
            let _ = writing.shutdown().await; // it may be closed already
        };
        let mut received = Vec::new();
        let (_, read) = tokio::join!(write, reading.read_to_end(&mut received));
        read.unwrap();
        served.await.unwrap_or_else(|error| panic!("round {round}: {error}, after {}", bytes.escape_ascii()));
    }
    // Everything that the witness received is legal and in the order of its numbers.
    ann.send(&post("the end")).await;
    let mut next = 1;
    loop {
        let frame = ann.frame().await;
        match frame.message() {
            Message::Gap { missed } => next += missed,
            Message::Delivery(delivery) if delivery.seq > 0 => {
                assert_eq!(delivery.seq, next);
                next += 1;
                if delivery.payload.as_bytes() == b"the end" {
                    break;
                }
            }
            _ => {}
        }
    }
    assert!(next > 1000, "enough frames were valid: {next}");
}

#[tokio::test(start_paused = true)]
async fn the_hub_stops_reading_from_a_peer_that_does_not_read_errors() {
    const FRAMES: usize = 50_000;
    let hub = hub();
    let mut ann = Peer::connect_over(&hub, 4096);
    ann.greet(&hello("ann")).await;
    ann.welcome().await;
    let bad = post_to(0, Encoding::Ascii, b"\xFF").repeat(FRAMES);
    let sent = timeout(Duration::from_secs(1), ann.send(&bad)).await;
    assert!(sent.is_err(), "the hub accepted all of it");
    let mut errors = 0;
    while timeout(Duration::from_secs(1), ann.frame()).await.is_ok() {
        errors += 1;
    }
    assert!((1000..FRAMES).contains(&errors), "{errors}");
}

//! The law of the hub, for any script of what its peers do. Generators and the fuzzer feed it.
//!
//! **Whatever some peers send, and however it is cut, peers that follow the protocol receive every message of every
//! sender in order, or an exact GAP. Nothing panics, and the hub shuts down when all have disconnected.**

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookend::{Decoder, Encoding, Frame, Hello, Message, Payload, PresenceEvent, kind};
use bookend_server::{Access, Config, Hub, Rights};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

/// How many members follow the protocol.
const SOUND: usize = 2;
/// How many peers need not.
const WILD: usize = 4;
/// The timeout for everything; the clock is paused.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Checks one script, in which each pair of bytes selects a peer and an action.
///
/// # Errors
/// How the law is broken.
pub fn holds(script: &[u8]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(|error| error.to_string())?.block_on(play(script))
}

async fn play(script: &[u8]) -> Result<(), String> {
    let mut script = Script(script);
    let kind = script.next();
    let (small, access) = (kind % 2 == 0, access(kind / 2));
    let config = Config { crowd: 4, log_bytes: if small { 2 << 10 } else { 1 << 20 }, access, ..Config::default() };
    let hub = Hub::new(config);
    let mut sound = Vec::new();
    for number in 0..SOUND {
        sound.push(Sound::join(&hub, number).await);
    }
    let mut wild: [Option<Wild>; WILD] = Default::default();
    while !script.0.is_empty() {
        let (who, what) = (script.next(), script.next());
        match what % 8 {
            0 => sound[usize::from(who) % SOUND].send(1 + usize::from(who) / 8, usize::MAX).await,
            1 => sound[usize::from(who) % SOUND].send(1, 1 + usize::from(what) / 8).await,
            2 if who % 2 == 1 => sound[usize::from(who / 2) % SOUND].pause(true),
            2 => {
                // A member that does not read for that long may be closed.
                sound.iter().for_each(|sound| sound.pause(false));
                sleep(Duration::from_millis(u64::from(who) * u64::from(what))).await;
            }
            3 => wild[usize::from(who) % WILD] = None,
            4 => Wild::at(&mut wild, who, &hub).read(usize::from(what) * 64).await,
            5 => Wild::at(&mut wild, who, &hub).write(&opening(what / 8)).await,
            6 => {
                let bytes = script.take(usize::from(what / 8));
                Wild::at(&mut wild, who, &hub)
                    .write(&frame(who % 0x20, Encoding::ALL[usize::from(who) % 5], &bytes))
                    .await;
            }
            _ => {
                let bytes = script.take(1 + usize::from(what / 8));
                Wild::at(&mut wild, who, &hub).write(&bytes).await;
            }
        }
    }
    drop(wild);
    sound.iter().for_each(|sound| sound.pause(false));
    for sound in &mut sound {
        sound.send(1, usize::MAX).await;
    }
    let sent: Vec<u64> = sound.iter().map(|sound| sound.sent).collect();
    for sound in sound {
        sound.check(&sent).await?;
    }
    timeout(TIMEOUT, hub.shut_down()).await.map_err(|_| "the hub does not shut down".to_owned())?;
    Ok(())
}

/// The access rules: everything is allowed, or what a token allows.
fn access(number: u8) -> Access {
    let anonymous = match number % 4 {
        0 => return Access::open(),
        1 => Rights::NONE,
        2 => Rights::READ,
        _ => Rights::READ_WRITE,
    };
    Access::from_toml(TOKENS).expect("the file is valid").with_anonymous(anonymous)
}

/// `sound`, `ears` and `mouth`.
const TOKENS: &str = "
[[token]]
name = 'sound'
sha256 = 'dd29442deca69f52c50006b831cb216edf78a7da33748f0a80ff19f2ebe57ecd'
rooms = '*'
rights = ['read', 'write']
[[token]]
name = 'ears'
sha256 = '97e1f3fc7beaed63fc4ae087b78f13a31b2c0c925747f7713ed067b1e7d289a1'
rooms = '*'
rights = 'read'
[[token]]
name = 'mouth'
sha256 = '4cf35cf87435b1ba3c6d96ce33914cceb116138913ece44e6501ba0f0388f19b'
rooms = 'lobby'
rights = 'write'
";

/// The rest of the script; zeroes follow its end.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn next(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }
}

/// The first bytes of a peer.
fn opening(number: u8) -> Vec<u8> {
    let hello =
        Hello::new().with_hub(number & 1 > 0).with_keepalive(u16::from(number & 2)).with_resume(u64::from(number));
    let hello = match number & 4 {
        0 => hello,
        _ => hello.with_max_body(1024).with_preferred(Encoding::Utf16Le),
    };
    let mut out = Vec::new();
    hello.encode(&mut out);
    match number {
        0..8 => out,
        8 => b"\r\n".to_vec(),
        9 => b"/name x\r\n/who\r\n/msg sound-0 hi\r\n".to_vec(),
        10 => b"/encoding ascii\r\n\xC3\xBC\r\n".to_vec(),
        11 => b"\xFF\xFB\x18GET / HTTP/1.1\r\n".to_vec(),
        12 => out[..out.len() / 2].to_vec(),
        13 => b"/token ears\r\nhi\r\n/join ops\r\n".to_vec(),
        14 => b"/token mouth\r\nhi\r\n/join ops\r\n".to_vec(),
        15 => b"/token nonsense\r\nhi\r\n".to_vec(),
        16..20 => {
            let token: &[u8] = [&b"ears"[..], b"mouth", b"sound", b"nonsense"][usize::from(number - 16)];
            let mut out = Vec::new();
            hello.with_token(token).expect("short").encode(&mut out);
            [out, frame(kind::POST, Encoding::Utf8, b"\0\0\0\0hi")].concat()
        }
        _ => [out, frame(kind::POST, Encoding::Utf8, b"\0\0\0\x01psst")].concat(),
    }
}

fn frame(kind: u8, encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Frame::new(kind, encoding, body).expect("short").encode(&mut out);
    out
}

/// A member that follows the protocol, and reads except for short pauses.
struct Sound {
    number: usize,
    writing: WriteHalf<DuplexStream>,
    received: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
    paused: Arc<AtomicBool>,
    /// Messages that it has sent to everyone.
    sent: u64,
}

impl Sound {
    async fn join(hub: &Hub, number: usize) -> Sound {
        let (stream, other) = duplex(512);
        tokio::spawn(hub.serve(other, "sound"));
        let (reading, mut writing) = split(stream);
        let received = Arc::new(Mutex::new(Vec::new()));
        let paused = Arc::new(AtomicBool::new(false));
        let reader = tokio::spawn(read_all(reading, received.clone(), paused.clone()));
        let name = format!("sound-{number}");
        let hello = Hello::new().with_hub(true).with_keepalive(0).with_name(&name).expect("a plain line");
        let hello = hello.with_token(b"sound").expect("short");
        let mut out = Vec::new();
        hello.encode(&mut out);
        writing.write_all(&out).await.expect("the hub reads");
        // The next member joins after this one, so that its messages reach both.
        while !received.lock().expect("no reader panics").windows(name.len()).any(|window| window == name.as_bytes()) {
            yield_now().await;
        }
        Sound { number, writing, received, reader, paused, sent: 0 }
    }

    /// Pauses or resumes reading.
    fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// Sends `count` messages, each with its number, in pieces of at most `max` bytes.
    async fn send(&mut self, count: usize, max: usize) {
        let mut out = Vec::new();
        for _ in 0..count {
            self.sent += 1;
            out.extend(frame(kind::MESSAGE, Encoding::Ascii, self.sent.to_string().as_bytes()));
        }
        for piece in out.chunks(max.min(out.len())) {
            self.writing.write_all(piece).await.expect("the hub reads");
            yield_now().await;
        }
    }

    /// Waits until it has received all that was sent, in order, and closes.
    async fn check(mut self, sent: &[u64]) -> Result<(), String> {
        let number = self.number;
        let complete = async {
            while !Received::of(&self.received.lock().expect("no reader panics"))?.is_all(sent) {
                sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        };
        timeout(TIMEOUT, complete).await.unwrap_or_else(|_| {
            let received = Received::of(&self.received.lock().expect("no reader panics"));
            Err(format!("sound-{number} received {received:?}, but {sent:?} was sent"))
        })?;
        self.writing
            .write_all(&frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8"))
            .await
            .map_err(|error| error.to_string())?;
        self.writing.shutdown().await.map_err(|error| error.to_string())?;
        timeout(TIMEOUT, self.reader)
            .await
            .map_err(|_| "the hub does not close".to_owned())?
            .map_err(|error| error.to_string())
    }
}

async fn read_all(mut reading: ReadHalf<DuplexStream>, received: Arc<Mutex<Vec<u8>>>, paused: Arc<AtomicBool>) {
    let mut space = [0; 4096];
    while let Ok(count @ 1..) = reading.read(&mut space).await {
        received.lock().expect("no reader panics").extend_from_slice(&space[..count]);
        while paused.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// What a sound member has received.
#[derive(Debug, Default)]
struct Received {
    /// The number of the next message to everyone.
    next: Option<u64>,
    /// The last message of each sound member.
    last: [u64; SOUND],
    missed: u64,
}

impl Received {
    /// Checks the order of the complete frames.
    fn of(bytes: &[u8]) -> Result<Received, String> {
        let start = bytes.iter().position(|&byte| byte == 0xF5).unwrap_or(bytes.len());
        let (mut rest, mut decoder, mut received) = (&bytes[start..], Decoder::new(1 << 20), Received::default());
        while let Some(frame) = decoder.decode(&mut rest).map_err(|fault| format!("the hub's {fault}"))? {
            if frame.kind() == kind::HELLO {
                continue;
            }
            match Message::parse(frame).map_err(|fault| format!("the hub's {fault}"))? {
                Some(Message::Welcome { next_seq, .. }) => received.next = Some(next_seq),
                Some(Message::Gap { missed }) => {
                    received.missed += missed;
                    received.next = received.next.map(|next| next + missed);
                }
                Some(Message::Delivery(delivery)) if delivery.to == 0 => {
                    received.delivery(delivery.seq, delivery.name(), delivery.payload)?
                }
                Some(Message::Presence { event: PresenceEvent::Crowd, member: 0, .. }) => {
                    return Err("a crowd without members".into());
                }
                Some(Message::Close { code, reason }) if code.0 != 1000 => {
                    return Err(format!("the hub closed: {code}, {}", reason.to_str()));
                }
                Some(Message::Error(refusal)) => return Err(format!("the hub refused: {}", refusal.reason.to_str())),
                _ => {}
            }
        }
        Ok(received)
    }

    fn delivery(&mut self, seq: u64, name: &str, payload: Payload<'_>) -> Result<(), String> {
        if self.next != Some(seq) {
            return Err(format!("message {seq} arrived instead of {:?}", self.next));
        }
        self.next = Some(seq + 1);
        let text = payload.text();
        let number = text.as_deref().and_then(|text| text.parse::<u64>().ok());
        let sender = (0..SOUND).find(|number| name == format!("sound-{number}"));
        if let (Some(sender), Some(number)) = (sender, number) {
            let in_order = number == self.last[sender] + 1 || self.missed > 0 && number > self.last[sender];
            if !in_order {
                return Err(format!("{number} of {name} arrived after {}", self.last[sender]));
            }
            self.last[sender] = number;
        }
        Ok(())
    }

    fn is_all(&self, sent: &[u64]) -> bool {
        self.last == sent
    }
}

/// A peer that may do anything.
struct Wild(DuplexStream);

impl Wild {
    /// The peer of that number, which connects if necessary.
    fn at<'a>(all: &'a mut [Option<Wild>; WILD], who: u8, hub: &Hub) -> &'a mut Wild {
        all[usize::from(who) % WILD].get_or_insert_with(|| {
            let (stream, other) = duplex(1 + 32 * usize::from(who));
            tokio::spawn(hub.serve(other, "wild"));
            Wild(stream)
        })
    }

    /// Writes as much as the stream accepts at once.
    async fn write(&mut self, bytes: &[u8]) {
        let _ = timeout(Duration::from_millis(1), self.0.write_all(bytes)).await; // accepted or not
    }

    /// Reads at most `max` bytes and one.
    async fn read(&mut self, max: usize) {
        let mut space = vec![0; max + 1];
        let _ = timeout(Duration::from_millis(1), self.0.read(&mut space)).await; // there may be nothing
    }
}

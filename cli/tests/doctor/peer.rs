//! A server that makes one mistake and is correct otherwise: a `Session` whose bytes are changed before they are sent.

use std::net::SocketAddr;
use std::time::Duration;

use bookend::{Code, Decoder, Encodings, Frame, Hello, Limits, MAX_LENGTH, Message, Role, START, Session, State, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// What is wrong with a server.
#[derive(Clone, Copy)]
pub(crate) struct Mistake {
    /// What is sent when a connection is accepted.
    pub(crate) line: &'static [u8],
    /// Changes its HELLO.
    pub(crate) hello: fn(Hello) -> Hello,
    /// Changes a frame that it sends.
    pub(crate) send: fn(Frame<'_>) -> Vec<u8>,
    /// True for frames that it ignores.
    pub(crate) ignores: fn(Frame<'_>) -> bool,
    /// Changes the bytes that it sends.
    pub(crate) channel: fn(Vec<u8>) -> Vec<u8>,
    /// Changes the bytes that it has read.
    pub(crate) read: fn(Vec<u8>) -> Vec<u8>,
    pub(crate) limits: fn() -> Limits,
    pub(crate) after_close: AfterClose,
    /// True if it serves one connection at a time.
    pub(crate) serial: bool,
}

/// What a server does with its socket after it has sent CLOSE.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterClose {
    Correctly,
    /// It drops the socket.
    Drops,
    /// It does not shut down its sending direction.
    StaysOpen,
}

pub(crate) const NONE: Mistake = Mistake {
    line: b"",
    hello: |hello| hello,
    send: whole,
    ignores: |_| false,
    channel: |bytes| bytes,
    read: |bytes| bytes,
    limits,
    after_close: AfterClose::Correctly,
    serial: false,
};

/// The timeouts of SPEC 7, which a client on a loaded machine can still keep.
pub(crate) fn limits() -> Limits {
    Limits::new()
}

/// The frame, unchanged.
pub(crate) fn whole(frame: Frame<'_>) -> Vec<u8> {
    let mut wire = Vec::new();
    frame.encode(&mut wire);
    wire
}

/// The same frame with another body.
pub(crate) fn with_body(frame: Frame<'_>, body: &[u8]) -> Vec<u8> {
    whole(Frame::new(frame.kind(), frame.encoding(), body).expect("it is short"))
}

/// Serves until the handle is aborted.
pub(crate) async fn serve(mistake: Mistake) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let address = listener.local_addr().expect("it listens");
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let served = tokio::spawn(Peer::new(stream, mistake).run());
            if mistake.serial {
                served.await.expect("it does not panic");
            }
        }
    });
    (address, serving)
}

/// A relay to a server, which changes the frames that the server sends. It runs until the handle is aborted.
pub(crate) async fn relay(server: SocketAddr, send: fn(Frame<'_>) -> Vec<u8>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let address = listener.local_addr().expect("it listens");
    let serving = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(server).await.expect("it listens");
            tokio::spawn(pass_on(client, server, send));
        }
    });
    (address, serving)
}

/// Passes both directions on until each has ended or failed.
async fn pass_on(client: TcpStream, server: TcpStream, send: fn(Frame<'_>) -> Vec<u8>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await; // the other side may be gone
        let _ = to_server.shutdown().await; // the other side may be gone
    };
    let back = async {
        let (mut read, mut decoder, mut is_line) = (Vec::new(), Decoder::new(MAX_LENGTH), true);
        while from_server.read_buf(&mut read).await.unwrap_or(0) > 0 {
            let mut wire = Vec::new();
            if is_line {
                let end = read.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1);
                wire.extend(read.drain(..end));
                is_line = end == 0;
            }
            if !is_line && read.first().is_some_and(|&byte| byte != START[0]) {
                wire.append(&mut read); // lines for a terminal
            }
            let mut rest = &*read;
            while let Ok(Some(frame)) = decoder.decode(&mut rest) {
                wire.extend(send(frame));
            }
            let used = read.len() - rest.len();
            read.drain(..used);
            if to_client.write_all(&wire).await.is_err() {
                break;
            }
        }
        let _ = to_client.shutdown().await; // the other side may be gone
    };
    tokio::join!(there, back);
}

struct Peer {
    stream: TcpStream,
    session: Session,
    mistake: Mistake,
    start: Instant,
    read: Vec<u8>,
    shut: bool,
}

impl Peer {
    fn new(stream: TcpStream, mistake: Mistake) -> Peer {
        // It does not accept UTF-16, so that the checks of a refused encoding run.
        let hello = (mistake.hello)(Hello::new().with_accepted(Encodings::CORE));
        let session = Session::new(Role::Server, hello, (mistake.limits)(), Duration::ZERO);
        Peer { stream, session, mistake, start: Instant::now(), read: Vec::new(), shut: false }
    }

    /// Serves until the stream ends or fails.
    async fn run(mut self) {
        let _ = self.stream.write_all(self.mistake.line).await; // the other side may be gone
        while self.session.state() != State::Closed || self.mistake.after_close == AfterClose::StaysOpen {
            if self.turn().await.is_err() {
                return;
            }
        }
    }

    async fn turn(&mut self) -> std::io::Result<()> {
        let deadline = self.session.deadline().map_or(Duration::from_secs(60), |deadline| deadline);
        let mut fresh = Vec::with_capacity(64 << 10);
        let count = tokio::select! {
            count = self.stream.read_buf(&mut fresh) => count?,
            () = sleep_until(self.start + deadline) => {
                self.session.tick(self.start.elapsed());
                return self.write().await;
            }
        };
        self.read.extend((self.mistake.read)(fresh));
        self.receive();
        if count == 0 {
            self.session.end_of_stream(self.read.len(), self.start.elapsed());
            self.write().await?;
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.write().await
    }

    fn receive(&mut self) {
        while let Some(length) = self.ignored_length() {
            self.read.drain(..length);
        }
        let mut rest = &*self.read;
        loop {
            let before = rest.len();
            match self.session.receive(&mut rest, self.start.elapsed()) {
                Step::Message(Message::Request { id, .. }) => {
                    self.session.refuse_request(id, Code::POLICY, "not here").expect("it has just been asked");
                }
                Step::More => break,
                _ => {}
            }
            // The next frame may be one to ignore.
            if rest.len() < before {
                let used = self.read.len() - rest.len();
                self.read.drain(..used);
                return self.receive();
            }
        }
        let used = self.read.len() - rest.len();
        self.read.drain(..used);
    }

    /// The length of the next frame, if the server ignores it.
    fn ignored_length(&self) -> Option<usize> {
        let frame = Decoder::new(MAX_LENGTH).decode(&mut &*self.read).ok()??;
        (self.mistake.ignores)(frame).then(|| frame.wire_length())
    }

    async fn write(&mut self) -> std::io::Result<()> {
        let mut out = Vec::new();
        self.session.take_output(&mut out);
        let (mut rest, mut wire) = (&*out, Vec::new());
        let mut decoder = Decoder::new(MAX_LENGTH);
        while let Ok(Some(frame)) = decoder.decode(&mut rest) {
            wire.extend((self.mistake.send)(frame));
        }
        self.stream.write_all(&(self.mistake.channel)(wire)).await?;
        self.session.wrote(self.start.elapsed());
        let is_closing = matches!(self.session.state(), State::Closing | State::Closed);
        match self.mistake.after_close {
            AfterClose::Drops if is_closing => Err(std::io::ErrorKind::ConnectionAborted.into()),
            AfterClose::Correctly | AfterClose::Drops if is_closing && !self.shut => {
                self.shut = true;
                self.stream.shutdown().await
            }
            _ => Ok(()),
        }
    }
}

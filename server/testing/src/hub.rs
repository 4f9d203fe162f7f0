//! A scripted hub: a test controls it step by step.

use std::num::NonZeroU32;

use bookend::{
    Code, Delivery, Encoding, Hello, Limits, MemberName, Message, Payload, PresenceEvent, Role, Session, State, Step,
    Text,
};
use bookend_client::{ConnectError, Dial, Dialled, Stream, Target};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::Instant;

pub use crate::history::History;

/// A message that a client posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The addressee, 0 for everyone.
    pub to: u32,
    /// The encoding of the payload.
    pub encoding: Encoding,
    /// The bytes of the payload.
    pub bytes: Vec<u8>,
}

/// The number of the client in the room.
pub const OWN: u32 = 5;

/// One connection of a client, seen from the hub.
pub struct Hub<S> {
    stream: S,
    session: Session,
    start: Instant,
    read: Vec<u8>,
    /// The number of the frame that arrived last, from HELLO = 0.
    pub frame: u32,
    /// Every POST is refused with this code, if it is set.
    pub refuses: Option<Code>,
    /// Every REQUEST is answered from this, if it is set; otherwise the test answers it.
    pub history: Option<History>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Hub<S> {
    /// Exchanges HELLOs.
    pub async fn greet(stream: S, hello: Hello) -> Hub<S> {
        let session = Session::new(Role::Server, hello, Limits::default(), std::time::Duration::ZERO);
        let mut hub =
            Hub { stream, session, start: Instant::now(), read: Vec::new(), frame: 0, refuses: None, history: None };
        while hub.session.peer().is_none() {
            let posted = hub.turn().await;
            assert_eq!(posted, Vec::new(), "nothing is posted before the HELLO");
            assert!(!hub.is_closed(), "{:?}", hub.session.outcome());
        }
        hub.write(&[]).await;
        hub
    }

    /// Exchanges HELLOs, sends WELCOME, and a PRESENCE for each of `others`, then for the client itself.
    pub async fn welcome(stream: S, others: &[(u32, &str)]) -> Hub<S> {
        Hub::welcome_at(stream, 1, others).await
    }

    /// The same in a room whose next message has the number `next_seq`.
    pub async fn welcome_at(stream: S, next_seq: u64, others: &[(u32, &str)]) -> Hub<S> {
        let mut hub = Hub::greet(stream, Hello::new().with_hub(true)).await;
        hub.say(&Message::Welcome { member: OWN, next_seq, greeting: Text::utf8("hi") }).await;
        let name = hub.peer().name().unwrap_or("guest").to_owned();
        for &(member, name) in others.iter().chain(&[(OWN, &*name)]) {
            hub.say(&presence(member, PresenceEvent::Here, name)).await;
        }
        hub
    }

    /// The same in the room of `history`, from which a resume and every REQUEST are answered.
    pub async fn with_history(stream: S, history: History) -> Hub<S> {
        let mut hub = Hub::welcome_at(stream, history.next_seq, &[]).await;
        if let Some(after) = hub.peer().resume() {
            hub.write(&history.replay(after)).await;
        }
        hub.history = Some(history);
        hub
    }

    /// The client's HELLO.
    pub fn peer(&self) -> &Hello {
        self.session.peer().expect("HELLOs were exchanged")
    }

    /// True after the session has ended.
    pub fn is_closed(&self) -> bool {
        self.session.state() == State::Closed
    }

    /// Sends a message.
    pub async fn say(&mut self, message: &Message<'_>) {
        let mut out = Vec::new();
        self.session.encode(message, &mut out).expect("the message is legal");
        self.write(&out).await;
    }

    /// Delivers a payload of the member `from` to everyone, or to the client alone.
    pub async fn deliver(&mut self, from: u32, to: u32, name: &str, payload: Payload<'_>) {
        let delivery = Delivery::new(from, to, 1, 0, name, payload).expect("the name is a plain line");
        self.say(&Message::Delivery(delivery)).await;
    }

    /// Refuses the frame that arrived last.
    pub async fn refuse(&mut self, code: Code, detail: &str) {
        self.session.refuse_frame(self.frame, code, detail);
        self.write(&[]).await;
    }

    /// Refuses a REQUEST.
    pub async fn refuse_request(&mut self, id: NonZeroU32, code: Code, detail: &str) {
        self.session.refuse_request(id, code, detail).expect("it is to be answered");
        self.write(&[]).await;
    }

    /// Any bytes.
    pub async fn write(&mut self, bytes: &[u8]) {
        let mut out = Vec::new();
        self.session.take_output(&mut out);
        out.extend_from_slice(bytes);
        let _ = self.stream.write_all(&out).await; // the client may be gone
    }

    /// Appends what one read brings, and answers nothing.
    pub async fn read_raw(&mut self, bytes: &mut Vec<u8>) {
        assert_ne!(self.stream.read_buf(bytes).await.unwrap_or(0), 0, "there is more to come");
    }

    /// Ends the stream without a CLOSE, and answers nothing that still arrives.
    pub async fn vanish(mut self) {
        let _ = self.stream.shutdown().await;
        while self.stream.read_buf(&mut self.read).await.unwrap_or(0) > 0 {}
    }

    /// What one read brought. The next call answers its PINGs.
    pub async fn turn(&mut self) -> Vec<Posted> {
        self.write(&[]).await;
        let count = self.stream.read_buf(&mut self.read).await.unwrap_or(0);
        let now = self.start.elapsed();
        let (mut posted, mut asked) = (Vec::new(), Vec::new());
        let mut rest = &*self.read;
        loop {
            let post = match self.session.receive(&mut rest, now) {
                Step::Message(Message::Post { to, payload }) => Some(Posted::of(to, payload)),
                Step::Message(Message::Message(payload)) => Some(Posted::of(0, payload)),
                Step::Message(Message::Request { id, payload }) => {
                    asked.extend(self.history.as_mut().map(|history| (id, history.answer(payload))));
                    None
                }
                Step::More => break,
                _ => None,
            };
            self.frame = self.session.frame_number();
            if let (Some(_), Some(code)) = (&post, self.refuses) {
                self.session.refuse_frame(self.frame, code, "");
            }
            posted.extend(post);
        }
        let unused = rest.len();
        self.read.drain(..self.read.len() - unused);
        for (id, page) in asked {
            match page {
                Some(page) => self.say(&Message::Reply { id, payload: Payload::Binary(&page) }).await,
                None => self.refuse_request(id, Code::POLICY, "not a query").await,
            }
        }
        if count == 0 {
            self.session.end_of_stream(unused, now);
        }
        if self.is_closed() {
            self.write(&[]).await;
            let _ = self.stream.shutdown().await;
        }
        posted
    }

    /// The next POST; one read must not bring more than one.
    pub async fn next(&mut self) -> Posted {
        loop {
            let mut posted = self.turn().await;
            assert!(!self.is_closed(), "closed: {:?}", self.session.outcome());
            assert!(posted.len() <= 1, "more than one at a time: {posted:?}");
            if let Some(posted) = posted.pop() {
                return posted;
            }
        }
    }

    /// Every POST until the client closes, and the code of its CLOSE.
    pub async fn rest(&mut self) -> (Vec<Posted>, Option<Code>) {
        let mut all = Vec::new();
        while !self.is_closed() {
            all.extend(self.turn().await);
        }
        let code = match self.session.outcome() {
            Some(bookend::Outcome::PeerClosed { code, .. }) => Some(*code),
            _ => None,
        };
        (all, code)
    }

    /// Sends CLOSE and waits for the end.
    pub async fn close(&mut self, code: Code, detail: &str) {
        self.session.close(code, detail, self.start.elapsed());
        self.write(&[]).await;
        let _ = self.stream.shutdown().await;
        while !self.is_closed() {
            self.turn().await;
        }
    }
}

impl Posted {
    fn of(to: u32, payload: Payload<'_>) -> Posted {
        Posted { to, encoding: payload.encoding(), bytes: payload.as_bytes().to_vec() }
    }

    /// A text to everyone.
    pub fn text(text: &str) -> Posted {
        Posted { to: 0, encoding: Encoding::Utf8, bytes: text.as_bytes().to_vec() }
    }

    /// The same to another addressee.
    pub fn to(self, to: u32) -> Posted {
        Posted { to, ..self }
    }
}

/// A PRESENCE.
pub fn presence(member: u32, event: PresenceEvent, name: &str) -> Message<'_> {
    Message::Presence { member, event, name: MemberName::new(Text::utf8(name)).expect("it is a plain line") }
}

/// A payload of UTF-8.
pub fn text(text: &str) -> Payload<'_> {
    Payload::Text(Text::utf8(text))
}

/// Dials by handing one end of a stream to the client and the other to the test; refuses once the test has dropped [`Hubs`].
pub struct Memory {
    target: Target,
    far: mpsc::UnboundedSender<DuplexStream>,
}

impl Dial for Memory {
    fn dial<'a>(
        &'a mut self,
        report: &'a mut (dyn FnMut(bookend_client::ConnectStep) + Send),
    ) -> BoxFuture<'a, Result<Dialled, ConnectError>> {
        report(bookend_client::ConnectStep::Opening("memory".into()));
        let (near, far) = duplex(1 << 16);
        let target = self.target.clone();
        let reached = self.far.send(far).map(|()| Dialled::new(Stream::new(near)));
        let refused = |_| ConnectError::Unix {
            target,
            error: std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into(),
        };
        Box::pin(std::future::ready(reached.map_err(refused)))
    }

    fn target(&self) -> &Target {
        &self.target
    }
}

/// The hub's end of each connection that [`Memory`] makes.
pub type Hubs = mpsc::UnboundedReceiver<DuplexStream>;

/// A dialler in memory, and the hub's ends of its connections.
pub fn memory() -> (Memory, Hubs) {
    let (far, hubs) = mpsc::unbounded_channel();
    (Memory { target: "unix:/memory".parse().expect("it is a path"), far }, hubs)
}

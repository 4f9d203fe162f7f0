//! Requests with ids over one connection, on both sides.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval, timeout};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::wire::Frame;

const KEEPALIVE: Duration = Duration::from_secs(30);
const IN_FLIGHT: usize = 64;

type Answer = oneshot::Sender<Result<Bytes, CallError>>;

pub(crate) enum CallError {
    Refused(String),
    Late,
    Gone,
}

enum Command {
    Call(Bytes, Answer),
    Close(oneshot::Sender<()>),
}

/// Sends requests over a connection that a task owns.
#[derive(Clone)]
pub(crate) struct Caller {
    commands: mpsc::Sender<Command>,
}

impl Caller {
    pub(crate) fn new<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Caller {
        let (commands, receiver) = mpsc::channel(IN_FLIGHT);
        tokio::spawn(drive(Framed::new(stream, LengthDelimitedCodec::new()), receiver));
        Caller { commands }
    }

    pub(crate) async fn call(&self, body: Bytes, limit: Duration) -> Result<Bytes, CallError> {
        let called = async {
            let (answer, receiver) = oneshot::channel();
            self.commands.send(Command::Call(body, answer)).await.map_err(|_| CallError::Gone)?;
            receiver.await.unwrap_or(Err(CallError::Gone))
        };
        timeout(limit, called).await.unwrap_or(Err(CallError::Late))
    }

    pub(crate) async fn close(self) {
        let (closed, receiver) = oneshot::channel();
        if self.commands.send(Command::Close(closed)).await.is_ok() {
            let _ = receiver.await; // the connection may be gone
        }
    }
}

async fn drive<S: AsyncRead + AsyncWrite + Unpin>(
    mut framed: Framed<S, LengthDelimitedCodec>,
    mut commands: mpsc::Receiver<Command>,
) -> io::Result<()> {
    let mut waiting: HashMap<u32, Answer> = HashMap::new();
    let mut next: u32 = 0;
    let mut heard = Instant::now();
    let mut pings = interval(KEEPALIVE);
    loop {
        tokio::select! {
            frame = framed.next() => {
                let Some(frame) = frame.transpose()? else { return Ok(()) };
                heard = Instant::now();
                match Frame::decode(frame)? {
                    Frame::Reply { id, body } => {
                        if let Some(answer) = waiting.remove(&id) {
                            let _ = answer.send(Ok(body)); // the caller may be gone
                        }
                    }
                    Frame::Failure { id, reason } => {
                        if let Some(answer) = waiting.remove(&id) {
                            let _ = answer.send(Err(CallError::Refused(reason))); // the caller may be gone
                        }
                    }
                    Frame::Ping => framed.send(Frame::Pong.encode()).await?,
                    Frame::Close => return SinkExt::<Bytes>::close(&mut framed).await,
                    _ => {}
                }
            }
            command = commands.recv(), if waiting.len() < IN_FLIGHT => match command {
                Some(Command::Call(body, answer)) => {
                    next = next.wrapping_add(1);
                    waiting.insert(next, answer);
                    framed.feed(Frame::Request { id: next, body }.encode()).await?;
                    SinkExt::<Bytes>::flush(&mut framed).await?;
                }
                Some(Command::Close(closed)) => {
                    framed.send(Frame::Close.encode()).await?;
                    while let Some(Ok(_)) = framed.next().await {}
                    let _ = closed.send(()); // the caller may be gone
                    return Ok(());
                }
                None => return SinkExt::<Bytes>::close(&mut framed).await,
            },
            _ = pings.tick() => {
                if heard.elapsed() > 2 * KEEPALIVE {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                let late: Vec<u32> = waiting.iter().filter(|(_, answer)| answer.is_closed()).map(|(id, _)| *id).collect();
                for id in late {
                    waiting.remove(&id);
                    framed.feed(Frame::Cancel { id }.encode()).await?;
                }
                framed.send(Frame::Ping.encode()).await?;
            }
        }
    }
}

/// Answers requests, several at a time.
pub(crate) async fn serve<S, Answering>(stream: S, answer: impl Fn(Bytes) -> Answering) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    Answering: Future<Output = Result<Bytes, String>>,
{
    let mut framed = Framed::new(stream, LengthDelimitedCodec::new());
    let mut running = FuturesUnordered::new();
    let mut heard = Instant::now();
    let mut pings = interval(KEEPALIVE);
    loop {
        tokio::select! {
            frame = framed.next(), if running.len() < IN_FLIGHT => {
                let Some(frame) = frame.transpose()? else { return Ok(()) };
                heard = Instant::now();
                match Frame::decode(frame)? {
                    Frame::Request { id, body } => running.push(answer(body).map(move |answer| (id, answer))),
                    Frame::Ping => framed.send(Frame::Pong.encode()).await?,
                    Frame::Close => {
                        framed.send(Frame::Close.encode()).await?;
                        return SinkExt::<Bytes>::close(&mut framed).await;
                    }
                    _ => {}
                }
            }
            Some((id, answer)) = running.next() => {
                framed.feed(match answer {
                    Ok(body) => Frame::Reply { id, body },
                    Err(reason) => Frame::Failure { id, reason },
                }.encode()).await?;
                SinkExt::<Bytes>::flush(&mut framed).await?;
            }
            _ = pings.tick() => {
                if heard.elapsed() > 2 * KEEPALIVE {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                framed.send(Frame::Ping.encode()).await?;
            }
        }
    }
}

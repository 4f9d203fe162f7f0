//! Sends a transfer from an `AsyncRead` through a [`Handle`].

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::chunk::{CHUNK_HEADER, Offer};
use super::error::TransferError;
use super::options::SendOptions;
use super::outgoing::Outgoing;
use super::progress::Progress;
use crate::connection::Handle;
use crate::error::{ConnectionError, Reply};

/// Sends everything that `source` gives as one transfer, and returns its length once the receiver has verified it. If
/// the receiver holds the beginning already, that is read and digested, but not sent.
///
/// Another task polls the connection that `handle` belongs to. `progress` is called after the answer to the offer, which
/// shows where the transfer resumes, and after each chunk. Memory: [`SendOptions::with_window`] chunks.
///
/// A call that is cancelled leaves the transfer open on the other side, until the session ends or an
/// [`Outgoing::abort`] of that number is sent.
///
/// # Errors
/// [`TransferError::Ended`] if the receiver refuses the transfer or finds a fault, for example
/// [`Cause::WrongDigest`](super::Cause::WrongDigest) if the source changed since the transfer was begun; the others of [`TransferError`].
///
/// ```
/// # use bookend::{Connection, Hello, Message, transfer::{self, *}};
/// # use core::num::NonZeroU32;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (near, far) = tokio::io::duplex(1 << 16);
/// # let peer = tokio::spawn(async move {
/// #     let mut peer = Connection::accept(far, Hello::new()).await.unwrap();
/// #     let mut receiver = Receiver::new(Bounds::default());
/// #     let open = async |_: &Offered| Ok((Vec::new(), Held::nothing()));
/// #     let received = transfer::receive_into(&mut peer, &mut receiver, open, |_| ()).await.unwrap().unwrap();
/// #     while peer.next().await.unwrap().is_some() {}
/// #     received.sink
/// # });
/// let mut connection = Connection::connect(near, Hello::new()).await?;
/// let options = SendOptions::new(connection.peer());
/// let handle = connection.handle();
/// let driver = tokio::spawn(async move { while connection.next().await?.is_some() {} Ok::<_, bookend::ConnectionError>(()) });
///
/// let source = &b"any AsyncRead: a file, a pipe, a response"[..];
/// let offer = Offer { transfer: NonZeroU32::MIN, length: Some(source.len() as u64), name: "words.txt" };
/// let length = transfer::send_from(&handle, source, offer, options, |progress| println!("{progress:?}")).await?;
/// assert_eq!(length, 41);
/// # handle.close(bookend::Code::NORMAL, "").await; driver.await??;
/// # assert_eq!(peer.await?.len(), 41); Ok(()) }
/// ```
pub async fn send_from(
    handle: &Handle,
    source: impl AsyncRead + Unpin,
    offer: Offer<'_>,
    options: SendOptions,
    progress: impl FnMut(Progress),
) -> Result<u64, TransferError> {
    let (mut outgoing, first) = Outgoing::new(offer)?;
    let sent = if options.one_way {
        one_way(handle, source, &mut outgoing, &first, options, progress).await
    } else {
        answered(handle, source, &mut outgoing, &first, options, progress).await
    };
    if let Err(error) = &sent
        && let Some((cause, detail)) = error.to_report(&outgoing)
    {
        handle.send(&*outgoing.abort(cause, &detail)).await?;
    }
    sent
}

async fn one_way(
    handle: &Handle,
    mut source: impl AsyncRead + Unpin,
    outgoing: &mut Outgoing,
    offer: &[u8],
    options: SendOptions,
    mut progress: impl FnMut(Progress),
) -> Result<u64, TransferError> {
    handle.send(offer).await?;
    let mut buffer = vec![0; CHUNK_HEADER + options.chunk()];
    loop {
        let count = fill(&mut source, &mut buffer[CHUNK_HEADER..]).await.map_err(TransferError::Io)?;
        if count == 0 {
            break;
        }
        if let Some(chunk) = outgoing.data(&mut buffer[..CHUNK_HEADER + count])? {
            handle.send(chunk).await?;
            progress(Progress { done: outgoing.given(), ..outgoing.progress() });
        }
    }
    handle.send(&*outgoing.end()?).await?;
    Ok(outgoing.given())
}

async fn answered(
    handle: &Handle,
    mut source: impl AsyncRead + Unpin,
    outgoing: &mut Outgoing,
    offer: &[u8],
    options: SendOptions,
    mut progress: impl FnMut(Progress),
) -> Result<u64, TransferError> {
    let answer = handle.request(offer, options.timeout).await?;
    outgoing.take_want(&answer)?;
    progress(outgoing.progress());

    let mut window = Window::default();
    loop {
        let mut buffer = vec![0; CHUNK_HEADER + options.chunk()];
        let count = fill(&mut source, &mut buffer[CHUNK_HEADER..]).await.map_err(TransferError::Io)?;
        if count == 0 {
            break;
        }
        buffer.truncate(CHUNK_HEADER + count);
        let Some(chunk) = outgoing.data(&mut buffer)? else { continue };
        let begin = chunk.len();
        window.begin(async move {
            let chunk = &buffer[buffer.len() - begin..];
            handle.request(chunk, options.timeout).await
        });
        window.start().await;
        while window.unanswered() >= options.window {
            outgoing.take_want(&window.next().await?)?;
            progress(outgoing.progress());
        }
    }
    while window.unanswered() > 0 {
        outgoing.take_want(&window.next().await?)?;
        progress(outgoing.progress());
    }
    let answer = handle.request(&*outgoing.end()?, options.timeout).await?;
    outgoing.take_done(&answer)?;
    Ok(outgoing.given())
}

/// REQUESTs in the order in which they were begun.
#[derive(Default)]
struct Window<'h> {
    requests: VecDeque<Request<'h>>,
}

enum Request<'h> {
    Waits(Pin<Box<dyn Future<Output = Result<Reply, ConnectionError>> + Send + 'h>>),
    Answered(Result<Reply, ConnectionError>),
}

impl<'h> Window<'h> {
    fn begin(&mut self, request: impl Future<Output = Result<Reply, ConnectionError>> + Send + 'h) {
        self.requests.push_back(Request::Waits(Box::pin(request)));
    }

    fn unanswered(&self) -> usize {
        self.requests.len()
    }

    /// Polls each once: that sends it.
    async fn start(&mut self) {
        poll_fn(|cx| {
            self.poll(cx);
            Poll::Ready(())
        })
        .await;
    }

    /// The answer to the oldest.
    async fn next(&mut self) -> Result<Reply, ConnectionError> {
        poll_fn(|cx| {
            self.poll(cx);
            match self.requests.front() {
                Some(Request::Waits(_)) => Poll::Pending,
                Some(Request::Answered(_)) | None => Poll::Ready(()),
            }
        })
        .await;
        match self.requests.pop_front() {
            Some(Request::Answered(answer)) => answer,
            _ => Err(ConnectionError::Timeout),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        for request in &mut self.requests {
            if let Request::Waits(future) = request
                && let Poll::Ready(answer) = future.as_mut().poll(cx)
            {
                *request = Request::Answered(answer);
            }
        }
    }
}

/// Reads until the buffer is full or the source ends.
async fn fill(source: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match source.read(&mut buffer[count..]).await? {
            0 => break,
            more => count += more,
        }
    }
    Ok(count)
}

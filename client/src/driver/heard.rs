//! A stream that notes when bytes last arrived, and counts them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::dial::Stream;
use crate::metrics::Metrics;

pub(super) struct Heard {
    stream: Stream,
    at: watch::Sender<Instant>,
    metrics: Arc<dyn Metrics>,
}

impl Heard {
    pub(super) fn new(stream: Stream, metrics: Arc<dyn Metrics>) -> (Heard, watch::Receiver<Instant>) {
        let (at, heard) = watch::channel(Instant::now());
        (Heard { stream, at, metrics }, heard)
    }
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = space.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, space))?;
        let count = space.filled().len() - before;
        if count > 0 {
            self.metrics.bytes_read(count);
            self.at.send_replace(Instant::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        if let Ok(count) = written {
            self.metrics.bytes_written(count);
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

//! Sending while another future receives.

use bookend::{Code, ConnectionError, Content, Error, Handle};
use bookend_client::Joined;
use tokio::io::{AsyncRead, AsyncWrite};

/// Posts to a room, or sends messages where there is none.
pub(crate) struct Poster {
    handle: Handle,
    hub: bool,
}

/// Why a message was not sent.
pub(crate) enum PostError {
    /// It cannot be; the session lives.
    Refused(Error),
    /// The session is over; whoever receives learns why.
    Over,
}

impl Poster {
    pub(crate) fn of<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Joined<S>) -> Poster {
        let hub = client.welcome().is_some();
        Poster { handle: client.connection().handle(), hub }
    }

    /// Posts to the member `to`, or to everyone if that is 0.
    pub(crate) async fn post(&self, to: u32, content: Content<'_>) -> Result<(), PostError> {
        let posted =
            if to != 0 || self.hub { self.handle.post(to, content).await } else { self.handle.send(content).await };
        posted.map_err(|error| match error {
            ConnectionError::Protocol { error, .. } if error != Error::NotOpen => PostError::Refused(error),
            _ => PostError::Over,
        })
    }

    /// Waits until the peer has acted on everything that was posted. False if the session ended before.
    pub(crate) async fn barrier(&self) -> bool {
        self.handle.barrier().await.is_ok()
    }

    /// Closes behind everything that was posted.
    pub(crate) async fn close(&self) {
        self.handle.close(Code::NORMAL, "").await;
    }
}

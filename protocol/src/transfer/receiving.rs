//! Receives one transfer over a connection that carries nothing else.

use tokio::io::{AsyncRead, AsyncWrite};

use super::cause::Cause;
use super::error::TransferError;
use super::held::Held;
use super::progress::Progress;
use super::receiver::{Offered, Received, Receiver, Taken, payload_of};
use crate::code::Code;
use crate::connection::Connection;

/// Receives until one transfer is complete, and returns it; `None` once the session was closed in good order.
///
/// `open` is called for each offer, and returns the destination and what that [`Held`] already, or why the transfer is
/// refused. `progress` is called after each chunk.
///
/// Other messages are discarded, and other REQUESTs refused with `policy`. A program that mixes transfers with messages
/// of its own uses a [`Receiver`]. After an error of a transfer the next one can be received with the same `receiver`;
/// a call that is cancelled may leave a chunk unanswered, and ends its transfer if it was writing one: cancel it only
/// together with the connection.
///
/// The example of [`send_from`](super::send_from) is its counterpart.
///
/// # Errors
/// [`TransferError::Ended`] if the sender gave up, [`TransferError::Fault`] with the fault of a chunk, and
/// [`TransferError::Connection`]. The destination of the transfer has been dropped.
pub async fn receive_into<S, W>(
    connection: &mut Connection<S>,
    receiver: &mut Receiver<W>,
    mut open: impl AsyncFnMut(&Offered) -> Result<(W, Held), Cause>,
    mut progress: impl FnMut(Progress),
) -> Result<Option<Received<W>>, TransferError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    W: AsyncWrite + Unpin,
{
    while let Some(message) = connection.next().await? {
        let Some((request, payload)) = payload_of(&message) else { continue };
        let (answer, may_be_message, ended) = match receiver.take(payload).await {
            Taken::Other => {
                if let Some(id) = request {
                    connection.refuse(Some(id), Code::POLICY, "only transfers are received here").await?;
                }
                continue;
            }
            Taken::Offered(offered) => {
                let opened = open(&offered).await;
                let accepted = opened.and_then(|(sink, held)| receiver.accept(offered.transfer, sink, held));
                (accepted.unwrap_or_else(|cause| receiver.refuse(offered.transfer, cause, "")), false, None)
            }
            Taken::Progress { progress: at, answer, .. } => {
                progress(at);
                (answer, false, None)
            }
            Taken::Done { received, answer } => (answer, false, Some(Ok(Some(received)))),
            Taken::Failed { cause, reason, is_fault, answer, .. } => {
                (answer, is_fault, Some(Err(TransferError::of(cause, reason, is_fault))))
            }
        };
        match request {
            Some(id) => connection.reply(id, &*answer).await?,
            None if may_be_message => connection.send(&*answer).await?,
            None => {}
        }
        if let Some(ended) = ended {
            return ended;
        }
    }
    Ok(None)
}

//! Sends and receives a transfer over a blocking connection.

use std::io::{self, Read, Write};

use super::cause::Cause;
use super::chunk::{CHUNK_HEADER, Offer};
use super::error::TransferError;
use super::held::Held;
use super::options::SendOptions;
use super::outgoing::Outgoing;
use super::progress::Progress;
use super::receiver::{Offered, Received, Receiver, Taken, payload_of};
use crate::blocking::{Connection, Timed};
use crate::code::Code;

/// Sends everything that `source` gives as one transfer, and returns its length once the receiver has verified it. If
/// the receiver holds the beginning already, that is read and digested, but not sent.
///
/// One chunk is in memory, and one REQUEST unanswered. Messages that arrive meanwhile are kept for
/// [`Connection::next`], up to 1 MiB of them.
///
/// ```no_run
/// use bookend::transfer::{self, Offer, SendOptions};
/// use bookend::{Hello, blocking};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut connection = blocking::connect_tcp("127.0.0.1:4000", Hello::new())?;
/// let options = SendOptions::new(connection.peer());
/// let file = std::fs::File::open("holiday.mp4")?;
/// let length = Some(file.metadata()?.len());
/// let offer = Offer { transfer: std::num::NonZeroU32::MIN, length, name: "holiday.mp4" };
/// transfer::blocking::send_from(&mut connection, file, offer, options, |progress| println!("{progress:?}"))?;
/// connection.close(bookend::Code::NORMAL, "")?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As the asynchronous one.
pub fn send_from<S: Read + Write + Timed>(
    connection: &mut Connection<S>,
    source: impl Read,
    offer: Offer<'_>,
    options: SendOptions,
    progress: impl FnMut(Progress),
) -> Result<u64, TransferError> {
    let (mut outgoing, first) = Outgoing::new(offer)?;
    let sent = send_all(connection, source, &mut outgoing, &first, options, progress);
    if let Err(error) = &sent
        && let Some((cause, detail)) = error.to_report(&outgoing)
    {
        connection.send(&*outgoing.abort(cause, &detail))?;
    }
    sent
}

/// Receives until one transfer is complete, and returns it; `None` once the session was closed in good order.
///
/// `open` is called for each offer, and returns the destination and what that [`Held`] already, or why the transfer is
/// refused. `progress` is called after each chunk. Other messages are discarded, and other REQUESTs refused with
/// `policy`; a program that mixes transfers with messages of its own uses a [`Receiver`].
///
/// # Errors
/// As the asynchronous one.
pub fn receive_into<S: Read + Write + Timed, W: Write>(
    connection: &mut Connection<S>,
    receiver: &mut Receiver<W>,
    mut open: impl FnMut(&Offered) -> Result<(W, Held), Cause>,
    mut progress: impl FnMut(Progress),
) -> Result<Option<Received<W>>, TransferError> {
    while let Some(message) = connection.next()? {
        let Some((request, payload)) = payload_of(&message) else { continue };
        let (answer, may_be_message, ended) = match receiver.take_blocking(payload) {
            Taken::Other => {
                if let Some(id) = request {
                    connection.refuse(Some(id), Code::POLICY, "only transfers are received here")?;
                }
                continue;
            }
            Taken::Offered(offered) => {
                let accepted = open(&offered).and_then(|(sink, held)| receiver.accept(offered.transfer, sink, held));
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
            Some(id) => connection.reply(id, &*answer)?,
            None if may_be_message => connection.send(&*answer)?,
            None => {}
        }
        if let Some(ended) = ended {
            return ended;
        }
    }
    Ok(None)
}

fn send_all<S: Read + Write + Timed>(
    connection: &mut Connection<S>,
    mut source: impl Read,
    outgoing: &mut Outgoing,
    offer: &[u8],
    options: SendOptions,
    mut progress: impl FnMut(Progress),
) -> Result<u64, TransferError> {
    if options.one_way {
        connection.send(offer)?;
    } else {
        outgoing.take_want(&connection.request(offer, options.timeout)?)?;
    }
    progress(outgoing.progress());
    let mut buffer = vec![0; CHUNK_HEADER + options.chunk()];
    loop {
        let count = fill(&mut source, &mut buffer[CHUNK_HEADER..]).map_err(TransferError::Io)?;
        if count == 0 {
            break;
        }
        let Some(chunk) = outgoing.data(&mut buffer[..CHUNK_HEADER + count])? else { continue };
        if options.one_way {
            connection.send(chunk)?;
            progress(Progress { done: outgoing.given(), ..outgoing.progress() });
        } else {
            outgoing.take_want(&connection.request(chunk, options.timeout)?)?;
            progress(outgoing.progress());
        }
    }
    let end = outgoing.end()?;
    if options.one_way {
        connection.send(&*end)?;
    } else {
        outgoing.take_done(&connection.request(&*end, options.timeout)?)?;
    }
    Ok(outgoing.given())
}

/// Reads until the buffer is full or the source ends.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match source.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

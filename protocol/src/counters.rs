//! What a connection has sent and received.

/// What a connection has sent and received since it was made. The numbers only grow.
///
/// Frames are those of every kind, HELLO, PING and CLOSE included.
///
/// ```
/// # use bookend::{Connection, ConnectionError, Hello};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
/// # let (near, far) = tokio::io::duplex(1 << 16);
/// # let (near, _far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
/// # let mut connection = near?;
/// let before = connection.counters();
/// connection.send("hello").await?;
/// let after = connection.counters();
/// assert_eq!(after.frames_sent - before.frames_sent, 1);
/// assert_eq!(after.bytes_sent - before.bytes_sent, 15); // ten of them are the frame's
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Counters {
    /// Frames that the stream has taken whole.
    pub frames_sent: u64,
    /// Frames of the peer that have arrived whole and have been judged.
    pub frames_received: u64,
    /// Bytes that the stream has taken.
    pub bytes_sent: u64,
    /// Bytes that have been read from the stream.
    pub bytes_received: u64,
    /// Frames of the peer that were refused: bad text, an encoding that this side does not accept, or one request too
    /// many.
    pub refused: u64,
    /// ERRORs of the peer.
    pub errors_received: u64,
    /// REQUESTs of this side, from the moment in which the connection takes them from the application.
    pub requests_sent: u64,
    /// REQUESTs of the peer, without those that were refused.
    pub requests_received: u64,
    /// Answers of this side, a REPLY or an ERROR each. Those in [`requests_received`](Counters::requests_received) that
    /// exceed this number are unanswered.
    pub answers_sent: u64,
    /// Answers of the peer. Those in [`requests_sent`](Counters::requests_sent) that exceed this number are unanswered.
    pub answers_received: u64,
    /// CANCELs of this side. The ERROR that follows one is an answer.
    pub cancels_sent: u64,
    /// CANCELs of the peer that came in time.
    pub cancels_received: u64,
}

//! Publishes until it is time to stop, and receives until everyone has everything.

use std::ops::Range;
use std::time::Duration;

use super::{Driver, LOOK, nanoseconds};
use crate::payload::Stamp;
use crate::peer::Peer;
use crate::plan::Until;

/// The size of a publisher's write, in bytes.
const CHUNK: usize = 64 << 10;
/// The driver waits for a message that is due sooner without sleeping, because sleep is not exact enough.
const AWAKE: Duration = Duration::from_millis(2);

impl<P: Peer> Driver<'_, P> {
    /// Publishes until it is time to stop, and receives until everyone has everything.
    pub(super) fn publish(&mut self, until: Until) -> Result<(), String> {
        if matches!(until, Until::Messages(0)) {
            return Ok(());
        }
        let begin = self.now();
        for connection in &mut self.connections {
            connection.stream.socket().set_nodelay(true).map_err(|error| error.to_string())?;
        }
        let mut payload = vec![0; self.plan.size];
        let before: u64 = self.published.iter().sum();
        let mut sent = before;
        loop {
            let now = self.now();
            let elapsed = now - begin;
            let goal = match until {
                Until::Messages(count) => before.saturating_add(count),
                Until::Elapsed(limit) if elapsed >= limit => sent,
                Until::Elapsed(_) => u64::MAX,
            };
            let past_all = self.judge.past_all().min(sent);
            if sent >= goal && past_all == sent {
                return Ok(());
            }
            let (due, next) = self.due(elapsed, before);
            let allowed = goal.min(past_all + self.plan.window());
            while sent < allowed.min(due) {
                let Some(publisher) = self.idle_publisher(sent) else { break };
                sent = self.publish_chunk(publisher, sent..allowed.min(due), begin, before, &mut payload)?;
            }
            let wait = match next {
                _ if sent >= allowed || sent < due => LOOK,
                Some(next) if next > elapsed + AWAKE => (next - elapsed - AWAKE).min(LOOK),
                _ => Duration::ZERO,
            };
            self.turn(wait)?;
            if past_all < sent {
                self.check_timeout()?;
            } else {
                self.last_input = self.last_input.max(now);
            }
        }
    }

    /// The number of messages that are due by now, and when the next one is due. `before` messages precede the first.
    fn due(&self, elapsed: Duration, before: u64) -> (u64, Option<Duration>) {
        let Some(rate) = self.plan.rate else { return (u64::MAX, None) };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "neither negative nor beyond u64")]
        let due = (elapsed.as_secs_f64() * rate) as u64 + 1;
        (before + due, Some(due_at(due, rate)))
    }

    /// A publisher with little unwritten output, beginning with the one whose turn it is.
    fn idle_publisher(&self, sent: u64) -> Option<usize> {
        let count = self.plan.publishers;
        let first = self.published.iter().position(|&own| own * (count as u64) <= sent).unwrap_or_default();
        (first..first + count).map(|publisher| publisher % count).find(|&publisher| self.unwritten(publisher) < CHUNK)
    }

    fn unwritten(&self, publisher: usize) -> usize {
        self.connections[self.connection_of(publisher)].unwritten()
    }

    fn connection_of(&self, publisher: usize) -> usize {
        if P::MEMBERS_PUBLISH { publisher } else { self.plan.members + publisher }
    }

    /// Publishes messages of these numbers, as many as fit into one write, and returns the next number. Number `first` was
    /// due at `begin`.
    fn publish_chunk(
        &mut self,
        publisher: usize,
        numbers: Range<u64>,
        begin: Duration,
        first: u64,
        payload: &mut [u8],
    ) -> Result<u64, String> {
        let Range { start: mut sent, end } = numbers;
        let index = self.connection_of(publisher);
        let now = self.now();
        let number = u16::try_from(publisher).expect("a plan has at most 65535 publishers");
        while sent < end && self.connections[index].unwritten() < CHUNK {
            let time = self.plan.rate.map_or(now, |rate| begin + due_at(sent - first, rate));
            Stamp { publisher: number, seq: self.published[publisher], time: nanoseconds(time) }.write(payload);
            self.connections[index].publish(payload)?;
            self.published[publisher] += 1;
            sent += 1;
        }
        self.connections[index].write()?;
        Ok(sent)
    }
}

/// The time at which message `number` is due.
fn due_at(number: u64, rate: f64) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "2^53 messages are a long time")]
    Duration::from_secs_f64(number as f64 / rate)
}

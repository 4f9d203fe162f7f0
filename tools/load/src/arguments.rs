//! The options of a load, as arguments of a command line.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use bookend::Line;
use clap::Args;

use super::payload::MIN_SIZE;
use super::plan::{Plan, Until};

/// The default of `--messages`.
const MESSAGES: u64 = 100_000;

/// The options of a load. Flatten them into the arguments of a program.
#[derive(Debug, Args)]
pub struct LoadArguments {
    /// Number of members that receive
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    members: u32,
    /// Number of members that also publish
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    publishers: u16,
    /// Number of members that join and then read nothing
    #[arg(long, value_name = "N", default_value = "0")]
    stalled: u32,
    /// Size of each payload, at least 24 bytes
    #[arg(long, value_name = "BYTES", default_value = "64", value_parser = size)]
    size: usize,
    /// Number of messages to publish, by all publishers together; 0 only measures connecting
    #[arg(long, value_name = "N", default_value_t = MESSAGES, conflicts_with = "duration")]
    messages: u64,
    /// Number of messages to publish first, which are verified but not measured
    #[arg(long, value_name = "N", default_value = "0")]
    warm_up: u64,
    /// Publish for this long instead
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    duration: Option<Duration>,
    /// Messages per second, by all publishers together; 0 publishes as fast as possible. With a rate, latency counts from
    /// when each message was due
    #[arg(long, value_name = "N", default_value = "0", value_parser = rate)]
    rate: f64,
    /// Limit of the messages that some member has not received yet [default: 256 KiB of payload]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    in_flight: Option<u64>,
    /// Room to join [default: a new room with a random name]
    #[arg(long, value_parser = room)]
    room: Option<String>,
    /// Process of the server on this machine: report its CPU time and memory
    #[arg(long)]
    pid: Option<u32>,
    /// Give up missing deliveries when nothing arrives for this long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = seconds)]
    timeout: Duration,
    /// Report how long each stage took
    #[arg(long, short)]
    pub verbose: bool,
    /// Also print a histogram of the latency, which the JSON always has
    #[arg(long)]
    pub histogram: bool,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

impl LoadArguments {
    /// The plan that the options describe, without a token and TLS.
    ///
    /// # Errors
    /// The options contradict each other: a message that names the option.
    pub fn plan(&self) -> Result<Plan, &'static str> {
        let readers = self.members.checked_sub(self.stalled).ok_or("--stalled: must not exceed --members")?;
        if readers < u32::from(self.publishers) {
            return Err("--publishers: must not exceed --members minus --stalled");
        }
        Ok(Plan {
            members: self.members as usize,
            stalled: self.stalled as usize,
            publishers: usize::from(self.publishers),
            size: self.size,
            warm_up: self.warm_up,
            until: self.duration.map_or(Until::Messages(self.messages), Until::Elapsed),
            rate: (self.rate > 0.0).then_some(self.rate),
            in_flight: self.in_flight,
            room: self
                .room
                .clone()
                .unwrap_or_else(|| format!("bench-{:016x}", RandomState::new().build_hasher().finish())),
            token: None,
            pid: self.pid,
            timeout: self.timeout,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }
}

fn size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| (MIN_SIZE..=1 << 30).contains(size));
    size.ok_or_else(|| format!("expected {MIN_SIZE} to 1073741824 bytes"))
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let number = text.strip_suffix('s').unwrap_or(text);
    let seconds = number.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or("expected 0.1 to 86400 seconds")
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate| *rate == 0.0 || (0.001..=1e9).contains(rate));
    rate.ok_or("expected 0, or 0.001 to 1000000000 messages per second")
}

fn room(text: &str) -> Result<String, &'static str> {
    let room = Line::new(text).map(|line| line.as_str().into());
    room.ok_or("expected 1 to 64 bytes without control characters, line separators and bidirectional controls")
}

//! The options of `bookend bench`, and of the comparison with other servers.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use bookend::Line;
use clap::Args;

use super::{MIN_SIZE, Plan, Until};

const EXIT_CODES: &str = "\
Exit codes:
  0    every delivery came, once, in order, as it was sent
  1    some did not
  2    a wrong option or argument
  3    not all members could join
  130  interrupted";

/// Messages unless it is said otherwise.
const MESSAGES: u64 = 100_000;

/// Put load on a hub, verify every delivery, and measure
///
/// Members join one room, and some of them publish. All of it is one thread: on another core than the hub's it is no
/// burden to it, and over a network it shows what one machine can see.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct LoadArguments {
    /// Members that receive
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    members: u32,
    /// Members that publish as well
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    publishers: u16,
    /// Members that read nothing once they have joined
    #[arg(long, value_name = "N", default_value = "0")]
    stalled: u32,
    /// Bytes of each payload, 24 at least
    #[arg(long, value_name = "BYTES", default_value = "64", value_parser = size)]
    size: usize,
    /// Messages to publish, by all publishers together; 0 connects everyone and measures that
    #[arg(long, value_name = "N", default_value_t = MESSAGES, conflicts_with = "duration")]
    messages: u64,
    /// Messages before these, which are verified and not measured: a server begins with empty memory
    #[arg(long, value_name = "N", default_value = "0")]
    warm_up: u64,
    /// Publish for so long
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    duration: Option<Duration>,
    /// Messages in a second, by all publishers together; 0 for as many as can be. Latency then counts from when each
    /// was to be sent
    #[arg(long, value_name = "N", default_value = "0", value_parser = rate)]
    rate: f64,
    /// Messages that not every member has yet, at most; by default 256 KiB of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    in_flight: Option<u64>,
    /// The room; by default one that nobody else is in
    #[arg(long, value_parser = room)]
    room: Option<String>,
    /// The hub's process on this machine: tell what it costs
    #[arg(long)]
    pid: Option<u32>,
    /// How long nothing may come before what is missing is given up
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = seconds)]
    timeout: Duration,
    /// Tell how long each stage took
    #[arg(long, short)]
    pub verbose: bool,
    /// Print how many deliveries took how long, too; it is in the JSON anyway
    #[arg(long)]
    pub histogram: bool,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

impl LoadArguments {
    /// What they say, or why that cannot be.
    pub fn plan(&self) -> Result<Plan, &'static str> {
        let readers = self.members.checked_sub(self.stalled).ok_or("--stalled: there are not so many members")?;
        if readers < u32::from(self.publishers) {
            return Err("--publishers: there are not so many members that read");
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
        })
    }
}

fn size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| (MIN_SIZE..=1 << 30).contains(size));
    size.ok_or_else(|| format!("it is {MIN_SIZE} bytes to 1 GiB"))
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let number = text.strip_suffix('s').unwrap_or(text);
    let seconds = number.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or("it is 0.1 to 86400 seconds")
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate| *rate == 0.0 || (0.001..=1e9).contains(rate));
    rate.ok_or("it is 0, or 0.001 to 1000000000 a second")
}

fn room(text: &str) -> Result<String, &'static str> {
    let room = Line::new(text).map(|line| line.as_str().into());
    room.ok_or("1 to 64 bytes without control characters, line separators and bidirectional controls")
}

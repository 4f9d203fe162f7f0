//! What was found, for people and for programs.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::judge::Counts;
use super::plan::Plan;

/// The longest bar of a histogram, in columns.
const BAR: u64 = 50;

/// The outcome of a run. Its JSON has the same keys always.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    members: usize,
    stalled: usize,
    publishers: usize,
    size: usize,
    /// Messages that went before the measurement.
    warm_up: u64,
    /// Messages sent.
    published: u64,
    /// Sound deliveries, each counted once.
    deliveries: u64,
    lost: u64,
    doubled: u64,
    reordered: u64,
    damaged: u64,
    /// What the server said that it has left out; it is among what is lost.
    missed: u64,
    /// Why the run ended too early.
    problem: Option<String>,
    connect_seconds: f64,
    seconds: f64,
    deliveries_per_second: f64,
    megabytes_per_second: f64,
    latency_microseconds: Latency,
    histogram: Vec<Bucket>,
    server: Server,
    #[serde(skip)]
    passed: bool,
}

/// How long a message took from when it was to be sent to when it had been read.
#[derive(Debug, Serialize)]
struct Latency {
    p50: f64,
    p90: f64,
    p99: f64,
    #[serde(rename = "p99.9")]
    p999: f64,
    max: f64,
}

/// Deliveries that took less than this, and no less than the limit before.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Bucket {
    below_microseconds: f64,
    deliveries: u64,
}

/// What the server's process says, where it was asked and the system tells.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Server {
    cpu_seconds: Option<f64>,
    cpu_seconds_per_million: Option<f64>,
    memory_kib_before: Option<u64>,
    memory_kib_joined: Option<u64>,
    memory_kib_per_member: Option<f64>,
    memory_kib_after: Option<u64>,
    memory_kib_peak: Option<u64>,
}

/// What was measured of the server's process: seconds and KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    pub(super) cpu: Option<f64>,
    pub(super) memory_before: Option<u64>,
    pub(super) memory_joined: Option<u64>,
    pub(super) memory_after: Option<u64>,
    pub(super) memory_peak: Option<u64>,
}

#[expect(clippy::cast_precision_loss, reason = "they are for people, and have a few digits")]
impl Report {
    #[expect(clippy::too_many_arguments, reason = "each is one measurement, and this is where they meet")]
    pub(super) fn new(
        plan: &Plan,
        connecting: Duration,
        published: u64,
        seconds: f64,
        counts: &Counts,
        latency: &Histogram<u64>,
        cost: Cost,
        problem: Option<String>,
    ) -> Report {
        let &Counts { delivered, lost, doubled, reordered, damaged, missed } = counts;
        let per_second = if seconds > 0.0 { delivered as f64 / seconds } else { 0.0 };
        let at = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
        let million = delivered as f64 / 1e6;
        let grown = cost.memory_joined.zip(cost.memory_before);
        Report {
            members: plan.members,
            stalled: plan.stalled,
            publishers: plan.publishers,
            size: plan.size,
            warm_up: plan.warm_up,
            published,
            deliveries: delivered,
            lost,
            doubled,
            reordered,
            damaged,
            missed,
            passed: counts.is_complete() && problem.is_none(),
            problem,
            connect_seconds: connecting.as_secs_f64(),
            seconds,
            deliveries_per_second: per_second,
            megabytes_per_second: per_second * plan.size as f64 / 1e6,
            latency_microseconds: Latency {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
                max: latency.max() as f64 / 1e3,
            },
            histogram: buckets(latency),
            server: Server {
                cpu_seconds: cost.cpu,
                cpu_seconds_per_million: cost.cpu.map(|cpu| cpu / million).filter(|_| delivered > 0),
                memory_kib_before: cost.memory_before,
                memory_kib_joined: cost.memory_joined,
                memory_kib_per_member: grown
                    .map(|(after, before)| after.saturating_sub(before) as f64 / plan.members as f64),
                memory_kib_after: cost.memory_after,
                memory_kib_peak: cost.memory_peak,
            },
        }
    }

    /// Did every delivery come as it should?
    pub fn passed(&self) -> bool {
        self.passed
    }

    /// How many deliveries took how long, a line for each power of two.
    pub fn histogram(&self) -> String {
        let most = self.histogram.iter().map(|bucket| bucket.deliveries).max().unwrap_or_default();
        let mut lines = String::from("latency         deliveries\n");
        for &Bucket { below_microseconds, deliveries } in &self.histogram {
            let bar = "#".repeat(usize::try_from(deliveries * BAR / most.max(1)).unwrap_or_default());
            lines += format!("< {below_microseconds:>9.0} us {deliveries:>11} {bar}").trim_end();
            lines.push('\n');
        }
        lines
    }

    /// Why the run ended too early, if it did.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

/// From the first bucket that has anything to the last one.
fn buckets(latency: &Histogram<u64>) -> Vec<Bucket> {
    let log = latency.iter_log(1000, 2.0).map(|step| Bucket {
        #[expect(clippy::cast_precision_loss, reason = "it is a power of two times 1000")]
        below_microseconds: (step.value_iterated_to() + 1) as f64 / 1e3,
        deliveries: step.count_since_last_iteration(),
    });
    log.skip_while(|bucket| bucket.deliveries == 0).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "connected   {} members in {:.3} s", self.members, self.connect_seconds)?;
        let published = self.published;
        writeln!(f, "published   {published} messages of {} bytes in {:.3} s", self.size, self.seconds)?;
        let (rate, megabytes) = (self.deliveries_per_second, self.megabytes_per_second);
        writeln!(f, "delivered   {}: {rate:.0} a second, {megabytes:.1} MB/s", self.deliveries)?;
        let Report { lost, doubled, reordered, damaged, missed, .. } = self;
        writeln!(f, "verified    {lost} lost, {doubled} doubled, {reordered} reordered, {damaged} damaged")?;
        if *missed > 0 {
            writeln!(f, "            the hub told of {missed} of those lost")?;
        }
        let Latency { p50, p90, p99, p999, max } = self.latency_microseconds;
        writeln!(
            f,
            "latency     p50 {p50:.0} us, p90 {p90:.0} us, p99 {p99:.0} us, p99.9 {p999:.0} us, max {max:.0} us"
        )?;
        let server = &self.server;
        if let Some((cpu, each)) = server.cpu_seconds.zip(server.cpu_seconds_per_million) {
            writeln!(f, "server      {cpu:.3} s of CPU, {each:.4} s for a million deliveries")?;
        }
        if let Some((after, peak)) = server.memory_kib_after.zip(server.memory_kib_peak) {
            let each = server.memory_kib_per_member.unwrap_or_default();
            writeln!(f, "memory      {after} KiB, {peak} KiB at most; {each:.2} KiB for each that joined")?;
        }
        Ok(())
    }
}

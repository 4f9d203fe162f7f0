//! The report of a run, as text and as JSON.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::judge::Counts;
use super::plan::Plan;

/// The longest bar of a histogram, in columns.
const BAR: u64 = 50;

/// The report of a run. `Display` writes lines of text; the JSON form always has the same keys.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Report {
    /// The number of members.
    pub members: usize,
    /// The number of members that read nothing.
    pub stalled: usize,
    /// The number of publishers.
    pub publishers: usize,
    /// The size of each payload, in bytes.
    pub size: usize,
    /// Messages sent before the measurement.
    pub warm_up: u64,
    /// Messages sent.
    pub published: u64,
    /// Correct deliveries, each counted once.
    pub deliveries: u64,
    /// Deliveries that never arrived.
    pub lost: u64,
    /// Deliveries that arrived again.
    pub doubled: u64,
    /// Deliveries that arrived after a later message of the same publisher.
    pub reordered: u64,
    /// Deliveries that differ from what was published; they also count as lost.
    pub damaged: u64,
    /// Messages that the server reported as left out; they also count as lost.
    pub missed: u64,
    /// Why the run ended early, if it did.
    pub problem: Option<String>,
    /// How long it took until all members had joined.
    pub connect_seconds: f64,
    /// The time from the first message to the last delivery.
    pub seconds: f64,
    /// The rate of deliveries.
    pub deliveries_per_second: f64,
    /// The rate of delivered payload, in units of 1,000,000 bytes.
    pub megabytes_per_second: f64,
    /// The latency of the deliveries.
    pub latency_microseconds: Latency,
    /// The distribution of the latency.
    pub histogram: Vec<Bucket>,
    /// The cost of the server's process.
    pub server: ServerCost,
    #[serde(skip)]
    passed: bool,
}

/// The time from when a message was due until it was read, in microseconds: percentiles and maximum.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    #[serde(rename = "p99.9")]
    pub p999: f64,
    /// The maximum.
    pub max: f64,
}

/// The number of deliveries with a latency below a limit, and not below the limit of the previous bucket.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Bucket {
    /// The limit: a power of two.
    pub below_microseconds: f64,
    /// The number of deliveries.
    pub deliveries: u64,
}

/// The cost of the server's process. A value is `None` unless the plan has a process ID and the system reports it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct ServerCost {
    /// CPU time from the first message to the last delivery.
    pub cpu_seconds: Option<f64>,
    /// The same per million deliveries.
    pub cpu_seconds_per_million: Option<f64>,
    /// Resident memory before the first connection.
    pub memory_kib_before: Option<u64>,
    /// Resident memory when all members had joined.
    pub memory_kib_joined: Option<u64>,
    /// The difference of the two, per member.
    pub memory_kib_per_member: Option<f64>,
    /// Resident memory after the last delivery.
    pub memory_kib_after: Option<u64>,
    /// The peak of resident memory.
    pub memory_kib_peak: Option<u64>,
}

/// The measurements of the server's process, in seconds and KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    pub(super) cpu: Option<f64>,
    pub(super) memory_before: Option<u64>,
    pub(super) memory_joined: Option<u64>,
    pub(super) memory_after: Option<u64>,
    pub(super) memory_peak: Option<u64>,
}

#[expect(clippy::cast_precision_loss, reason = "a report shows a few digits")]
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
            server: ServerCost {
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

    /// True if the run was completed, and every delivery arrived exactly once, in order, and as published.
    pub fn passed(&self) -> bool {
        self.passed
    }

    /// The histogram of the latency as a table, with a row for each power of two.
    pub fn histogram_table(&self) -> String {
        let most = self.histogram.iter().map(|bucket| bucket.deliveries).max().unwrap_or_default();
        let mut lines = String::from("latency         deliveries\n");
        for &Bucket { below_microseconds, deliveries } in &self.histogram {
            let bar = "#".repeat(usize::try_from(deliveries * BAR / most.max(1)).unwrap_or_default());
            lines += format!("< {below_microseconds:>9.0} us {deliveries:>11} {bar}").trim_end();
            lines.push('\n');
        }
        lines
    }
}

/// The buckets from the first that is not empty to the last.
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
        writeln!(f, "delivered   {}: {rate:.0} per second, {megabytes:.1} MB/s", self.deliveries)?;
        let Report { lost, doubled, reordered, damaged, missed, .. } = self;
        writeln!(f, "verified    {lost} lost, {doubled} doubled, {reordered} reordered, {damaged} damaged")?;
        if *missed > 0 {
            writeln!(f, "            the hub reported {missed} of the lost ones")?;
        }
        let Latency { p50, p90, p99, p999, max } = self.latency_microseconds;
        writeln!(
            f,
            "latency     p50 {p50:.0} us, p90 {p90:.0} us, p99 {p99:.0} us, p99.9 {p999:.0} us, max {max:.0} us"
        )?;
        let server = &self.server;
        if let Some((cpu, each)) = server.cpu_seconds.zip(server.cpu_seconds_per_million) {
            writeln!(f, "server      {cpu:.3} s of CPU, {each:.4} s per million deliveries")?;
        }
        if let Some((after, peak)) = server.memory_kib_after.zip(server.memory_kib_peak) {
            let each = server.memory_kib_per_member.unwrap_or_default();
            writeln!(f, "memory      {after} KiB, peak {peak} KiB; {each:.2} KiB per member")?;
        }
        Ok(())
    }
}

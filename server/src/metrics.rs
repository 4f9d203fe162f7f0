//! The metrics, in the text format of Prometheus.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use crate::counters::{ConnectionState, Counters, Transport, get};
use crate::lock::lock;
use crate::process::Process;
use crate::rendition::Rendition;
use crate::rooms::Census;

/// What the metrics are read from.
pub(crate) struct Snapshot<'a> {
    pub(crate) connections_limit: usize,
    pub(crate) counters: &'a Counters,
    pub(crate) census: Census,
    pub(crate) bans: usize,
    /// `None` if rooms are not kept in a file.
    pub(crate) history: Option<HistoryNumbers>,
    pub(crate) process: Process,
}

/// The state of the file that keeps rooms.
#[derive(Debug)]
pub(crate) struct HistoryNumbers {
    pub(crate) bytes: u64,
    pub(crate) wal_bytes: u64,
    pub(crate) messages: u64,
    /// The age of the oldest message.
    pub(crate) oldest: Duration,
    pub(crate) written_lag: u64,
    pub(crate) synced_lag: u64,
    pub(crate) sync_time: Duration,
    pub(crate) damaged_rows: u64,
    pub(crate) is_failing: bool,
}

/// One metric.
struct Metric {
    name: &'static str,
    kind: Kind,
    /// The names of its labels.
    labels: &'static [&'static str],
    /// One sentence.
    about: &'static str,
    /// The samples; none if this system does not have the number.
    read: fn(&Snapshot<'_>) -> Vec<Sample>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

/// The values of the labels, in their order, and the value.
struct Sample(Vec<&'static str>, Number);

enum Number {
    Whole(u64),
    Real(f64),
}

/// All metrics as text.
pub(crate) fn render(source: &Snapshot<'_>) -> String {
    let mut out = String::new();
    for Metric { name, kind, labels, about, read } in METRICS {
        let samples = read(source);
        if samples.is_empty() {
            continue;
        }
        let _ = writeln!(out, "# HELP {name} {about}\n# TYPE {name} {}", kind.name());
        for Sample(values, number) in samples {
            // The values of labels are names, which need no escaping.
            let pairs: Vec<_> =
                labels.iter().zip(values).map(|(label, value)| format!("{label}=\"{value}\"")).collect();
            let braced = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
            let _ = match number {
                Number::Whole(number) => writeln!(out, "{name}{braced} {number}"),
                Number::Real(number) => writeln!(out, "{name}{braced} {number}"),
            };
        }
    }
    out
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        }
    }
}

fn one(number: u64) -> Vec<Sample> {
    vec![Sample(Vec::new(), Number::Whole(number))]
}

fn of_history(source: &Snapshot<'_>, number: fn(&HistoryNumbers) -> Number) -> Vec<Sample> {
    source.history.iter().map(|history| Sample(Vec::new(), number(history))).collect()
}

fn maybe(number: Option<u64>) -> Vec<Sample> {
    number.map(one).unwrap_or_default()
}

fn each(named: impl IntoIterator<Item = (&'static str, u64)>) -> Vec<Sample> {
    named.into_iter().map(|(name, number)| Sample(vec![name], Number::Whole(number))).collect()
}

/// Days until a time, which are negative after it.
fn days_until(end: SystemTime) -> f64 {
    let days = |time: Duration| time.as_secs_f64() / (24.0 * 3600.0);
    match end.duration_since(SystemTime::now()) {
        Ok(left) => days(left),
        Err(past) => -days(past.duration()),
    }
}

use Kind::{Counter, Gauge};

/// All metrics. Labels have few values, and never text from a peer.
#[rustfmt::skip]
const METRICS: &[Metric] = &[
    Metric { name: "bookend_build_info", kind: Gauge, labels: &["version"],
        about: "The version of the program; it is always 1.",
        read: |_| vec![Sample(vec![env!("CARGO_PKG_VERSION")], Number::Whole(1))] },
    Metric { name: "bookend_connections", kind: Gauge, labels: &["door", "state"],
        about: "Open connections, by transport (tcp, unix or other) and state (waiting, member or closing).",
        read: |s| Transport::ALL.into_iter().flat_map(|transport| ConnectionState::ALL.map(|state| {
            Sample(vec![transport.name(), state.name()], Number::Whole(s.counters.connections(transport, state)))
        })).collect() },
    Metric { name: "bookend_connections_limit", kind: Gauge, labels: &[],
        about: "The most open connections: door.connections, or what the limit of open files allows if that is less.",
        read: |s| one(s.connections_limit as u64) },
    Metric { name: "bookend_connections_accepted_total", kind: Counter, labels: &["door"],
        about: "Connections that were accepted, and not refused at once.",
        read: |s| each(Transport::ALL.map(|transport| (transport.name(), s.counters.accepted_by(transport)))) },
    Metric { name: "bookend_connections_silent_total", kind: Counter, labels: &["door"],
        about: "Connections whose peer left without having sent a byte, as the checks of load balancers do.",
        read: |s| each(Transport::ALL.map(|transport| (transport.name(), s.counters.silent_by(transport)))) },
    Metric { name: "bookend_connections_refused_total", kind: Counter, labels: &["reason"],
        about: "Connections that were refused, by reason; docs/operating.md lists the reasons.",
        read: |s| each(s.counters.refused.all()) },
    Metric { name: "bookend_tls_failures_total", kind: Counter, labels: &["cause"],
        about: "TLS handshakes that failed, by cause: the events named tls-failed in the log.",
        read: |s| each(s.counters.handshakes_failed.all()) },
    Metric { name: "bookend_bans", kind: Gauge, labels: &[],
        about: "Bans in force.",
        read: |s| one(s.bans as u64) },
    Metric { name: "bookend_connections_closed_total", kind: Counter, labels: &["by", "reason"],
        about: "Connections that ended, by side (hub or peer) and reason: a name of SPEC.md, section 6, or io.",
        read: |s| s.counters.closed_by().into_iter().map(|((by, reason), count)| {
            Sample(vec![by.name(), reason], Number::Whole(count))
        }).collect() },
    Metric { name: "bookend_members", kind: Gauge, labels: &["kind"],
        about: "Members of rooms, by kind: with the hub profile (hub), without it (plain), or a line terminal (terminal).",
        read: |s| each(Rendition::MEMBER_KINDS.into_iter().map(|kind| {
            (kind, s.census.kinds.get(kind).copied().unwrap_or_default() as u64)
        })) },
    Metric { name: "bookend_rooms", kind: Gauge, labels: &[],
        about: "Rooms that have members.",
        read: |s| one(s.census.rooms as u64) },
    Metric { name: "bookend_rooms_lingering", kind: Gauge, labels: &[],
        about: "Rooms that everybody has left, and that are kept for room.linger.",
        read: |s| one(s.census.lingering as u64) },
    Metric { name: "bookend_rooms_refused_total", kind: Counter, labels: &[],
        about: "Joins that were refused because there were room.rooms rooms.",
        read: |s| one(get(&s.counters.rooms_refused)) },
    Metric { name: "bookend_log_bytes", kind: Gauge, labels: &[],
        about: "Bytes in the logs of all rooms, which room.memory limits.",
        read: |s| one(s.census.log_bytes as u64) },
    Metric { name: "bookend_log_removed_bytes_total", kind: Counter, labels: &[],
        about: "Bytes that were removed from logs because of room.memory.",
        read: |s| one(get(&s.counters.log_bytes_removed)) },
    Metric { name: "bookend_history_bytes", kind: Gauge, labels: &[],
        about: "The size of the file of history.path.",
        read: |s| of_history(s, |history| Number::Whole(history.bytes)) },
    Metric { name: "bookend_history_wal_bytes", kind: Gauge, labels: &[],
        about: "The size of the file beside it whose name ends in -wal.",
        read: |s| of_history(s, |history| Number::Whole(history.wal_bytes)) },
    Metric { name: "bookend_history_messages", kind: Gauge, labels: &[],
        about: "Messages that are kept there, of all rooms.",
        read: |s| of_history(s, |history| Number::Whole(history.messages)) },
    Metric { name: "bookend_history_oldest_seconds", kind: Gauge, labels: &[],
        about: "The age of the oldest of them; 0 if there is none.",
        read: |s| of_history(s, |history| Number::Real(history.oldest.as_secs_f64())) },
    Metric { name: "bookend_history_written_lag", kind: Gauge, labels: &[],
        about: "Blocks of messages that wait to be written, and then to be delivered.",
        read: |s| of_history(s, |history| Number::Whole(history.written_lag)) },
    Metric { name: "bookend_history_synced_lag", kind: Gauge, labels: &[],
        about: "Blocks of messages that are not on stable storage, and not confirmed.",
        read: |s| of_history(s, |history| Number::Whole(history.synced_lag)) },
    Metric { name: "bookend_history_sync_seconds", kind: Gauge, labels: &[],
        about: "How long the last flush to stable storage took.",
        read: |s| of_history(s, |history| Number::Real(history.sync_time.as_secs_f64())) },
    Metric { name: "bookend_history_damaged_rows_total", kind: Counter, labels: &[],
        about: "Rows that were found to be damaged since the hub started: the events named history-damaged in the log.",
        read: |s| of_history(s, |history| Number::Whole(history.damaged_rows)) },
    Metric { name: "bookend_history_failing", kind: Gauge, labels: &[],
        about: "Whether messages cannot be written now (1), because the disk is full or fails.",
        read: |s| of_history(s, |history| Number::Whole(history.is_failing.into())) },
    Metric { name: "bookend_messages_total", kind: Counter, labels: &[],
        about: "Messages that members sent, to everyone or to one member.",
        read: |s| one(s.counters.traffic().messages) },
    Metric { name: "bookend_deliveries_total", kind: Counter, labels: &[],
        about: "Messages that were written, counted once for each receiver.",
        read: |s| one(s.counters.traffic().deliveries) },
    Metric { name: "bookend_received_bytes_total", kind: Counter, labels: &[],
        about: "Bytes that were read from peers.",
        read: |s| one(s.counters.traffic().bytes_received) },
    Metric { name: "bookend_sent_bytes_total", kind: Counter, labels: &[],
        about: "Bytes that were written to peers.",
        read: |s| one(s.counters.traffic().bytes_sent) },
    Metric { name: "bookend_gaps_total", kind: Counter, labels: &[],
        about: "GAPs that were sent to members.",
        read: |s| one(get(&s.counters.gaps)) },
    Metric { name: "bookend_missed_messages_total", kind: Counter, labels: &[],
        about: "Messages that a GAP reported as missed.",
        read: |s| one(get(&s.counters.missed)) },
    Metric { name: "bookend_errors_total", kind: Counter, labels: &["name"],
        about: "Frames and lines that were refused, by the name of the ERROR.",
        read: |s| each(s.counters.errors.all()) },
    Metric { name: "bookend_faults_total", kind: Counter, labels: &["name"],
        about: "Connections that ended with a fault: the events named fault in the log.",
        read: |s| each(s.counters.faults.all()) },
    Metric { name: "bookend_diagnoses_total", kind: Counter, labels: &["name"],
        about: "Diagnoses of these faults, by their names in docs/troubleshooting.md.",
        read: |s| each(s.counters.diagnoses.all()) },
    Metric { name: "bookend_escaped_characters_total", kind: Counter, labels: &[],
        about: "Characters that were escaped as \\\\u{hex}, because an encoding in use cannot represent them.",
        read: |s| one(get(&s.counters.escapes)) },
    Metric { name: "bookend_throttled_total", kind: Counter, labels: &["limit"],
        about: "How often the hub stopped reading from a peer for a while, by what it sent too fast: messages, lines or bytes.",
        read: |s| each(s.counters.throttled.all()) },
    Metric { name: "bookend_reloads_total", kind: Counter, labels: &["result"],
        about: "Reloads of the settings, by result (ok or refused).",
        read: |s| each([("ok", get(&s.counters.reloads)), ("refused", get(&s.counters.reloads_refused))]) },
    Metric { name: "bookend_certificate_days_left", kind: Gauge, labels: &[],
        about: "Days until the first certificate of the chain in use expires; negative after that.",
        read: |s| lock(&s.counters.certificate_end)
            .map(|end| Sample(Vec::new(), Number::Real(days_until(end)))).into_iter().collect() },
    Metric { name: "bookend_log_lost_total", kind: Counter, labels: &[],
        about: "Lines that the log of the program has lost, because standard error did not accept them.",
        read: |s| one(get(&s.counters.log_lost)) },
    Metric { name: "process_open_fds", kind: Gauge, labels: &[],
        about: "Open file descriptors (Linux).",
        read: |s| maybe(s.process.open_fds) },
    Metric { name: "process_max_fds", kind: Gauge, labels: &[],
        about: "The limit of open file descriptors (Linux).",
        read: |s| maybe(s.process.max_fds) },
    Metric { name: "process_resident_memory_bytes", kind: Gauge, labels: &[],
        about: "Resident memory, in bytes (Linux).",
        read: |s| maybe(s.process.resident_bytes) },
    Metric { name: "process_start_time_seconds", kind: Gauge, labels: &[],
        about: "When the hub started, in seconds since 1970-01-01T00:00:00Z.",
        read: |s| vec![Sample(Vec::new(), Number::Real(s.process.start))] },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Side;

    fn text(counters: &Counters) -> String {
        let process = Process::read(std::time::SystemTime::now());
        render(&Snapshot { connections_limit: 7, counters, census: Census::default(), bans: 0, history: None, process })
    }

    /// The table of docs/operating.md.
    fn table() -> String {
        let mut out = "| metric | type | labels | what it is |\n|---|---|---|---|\n".to_owned();
        for Metric { name, kind, labels, about, .. } in METRICS {
            let about = about.replace(r"\\", r"\");
            writeln!(out, "| `{name}` | {} | {} | {about} |", kind.name(), labels.join(", ")).unwrap();
        }
        out
    }

    #[test]
    fn the_manual_lists_every_metric() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/operating.md");
        let manual = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
        let table = table();
        assert!(manual.contains(&table), "docs/operating.md must contain this table:\n{table}");
    }

    #[test]
    fn names_follow_the_rules_of_prometheus_and_are_unique() {
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
        for metric in METRICS {
            assert!(metric.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Counter, "{}", metric.name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
    }

    #[test]
    fn counters_are_shown_with_their_labels() {
        let counters = Counters::default();
        counters.closed(Side::Hub, "idle");
        counters.closed(Side::Hub, "idle");
        counters.sent(7, 3);
        counters.errors.count("bad-text");
        let text = text(&counters);
        for line in [
            "# TYPE bookend_connections_closed_total counter\nbookend_connections_closed_total{by=\"hub\",reason=\"idle\"} 2\n",
            "\nbookend_connections{door=\"tcp\",state=\"waiting\"} 0\n",
            "\nbookend_deliveries_total 3\n",
            "\nbookend_sent_bytes_total 7\n",
            "\nbookend_errors_total{name=\"bad-text\"} 1\n",
            "\nbookend_reloads_total{result=\"refused\"} 0\n",
            concat!("\nbookend_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n"),
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains("bookend_faults_total"), "no fault was counted");
        assert_eq!(text.contains("process_open_fds "), cfg!(target_os = "linux"));
    }
}

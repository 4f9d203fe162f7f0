//! Where to begin and to end among the messages of a room, on the command line.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// A message, or a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The number of a message.
    Number(u64),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Time(u64),
}

/// The first message that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// The first one that is kept.
    All,
    /// The one after that number, or the first one of that time.
    Moment(Moment),
}

/// Parses `--since`.
pub(crate) fn since(text: &str) -> Result<Since, String> {
    match text {
        "all" => Ok(Since::All),
        _ => moment_at(text, now()).map(Since::Moment).ok_or_else(|| format!("{USE}, or all")),
    }
}

/// Parses `--until`.
pub(crate) fn until(text: &str) -> Result<Moment, String> {
    moment_at(text, now()).ok_or_else(|| USE.to_owned())
}

const USE: &str =
    "use the number of a message, a time such as 2026-11-30T07:00:00Z, or a time span with a unit such as 2h";

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn moment_at(text: &str, now: Duration) -> Option<Moment> {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    if let Ok(number) = text.parse() {
        return Some(Moment::Number(number));
    }
    if let Ok(span) = humantime::parse_duration(text) {
        return Some(Moment::Time(millis(now.saturating_sub(span))));
    }
    let time: Timestamp = text.parse().ok()?;
    Some(Moment::Time(u64::try_from(time.as_millisecond()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moment_is_a_number_a_time_or_a_span() {
        let now = Duration::from_secs(10_000);
        for (text, moment) in [
            ("0", Some(Moment::Number(0))),
            ("1842360000000", Some(Moment::Number(1_842_360_000_000))),
            ("2h", Some(Moment::Time(2_800_000))),
            ("1m 30s", Some(Moment::Time(9_910_000))),
            ("100y", Some(Moment::Time(0))),
            ("1970-01-01T00:00:01.5Z", Some(Moment::Time(1_500))),
            ("1970-01-01T01:00:00+01:00", Some(Moment::Time(0))),
            ("1969-12-31T23:00:00Z", Some(Moment::Time(0))),
            ("yesterday", None),
            ("-1", None),
            ("1970-01-01", None),
            ("", None),
        ] {
            assert_eq!(moment_at(text, now), moment, "{text}");
        }
        assert_eq!(since("all"), Ok(Since::All));
        assert!(since("some").unwrap_err().ends_with(", or all") && until("all").is_err());
    }
}

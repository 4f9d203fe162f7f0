//! Durations on the command line.

use std::time::Duration;

/// Parses a duration from `least` to `most`, such as `1.5s` or `200ms`. A number without a unit is in seconds.
pub(crate) fn timespan(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let time = seconds.or_else(|| humantime::parse_duration(text).ok());
    time.filter(|time| (least..=most).contains(time)).ok_or_else(|| {
        format!("use a time from {} to {}", humantime::format_duration(least), humantime::format_duration(most))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_without_unit_is_in_seconds() {
        let parsed = |text| timespan(text, Duration::from_millis(100), Duration::from_secs(60));
        for (text, ms) in [("1", 1000), ("0.5", 500), ("1s", 1000), ("250ms", 250), ("1m", 60_000), ("1s 5ms", 1005)] {
            assert_eq!(parsed(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "0", "61", "99ms", "-1", "soon", "NaN", "inf", "1e300", "2m"] {
            assert_eq!(parsed(text).unwrap_err(), "use a time from 100ms to 1m", "{text}");
        }
    }
}

//! Times on the command line.

use std::time::Duration;

/// A time of at least `least` and at most `most`, as `1.5s` or `200ms`; a number alone is seconds.
pub(crate) fn timespan(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let time = seconds.or_else(|| humantime::parse_duration(text).ok());
    time.filter(|time| (least..=most).contains(time)).ok_or_else(|| {
        format!("a time from {} to {}", humantime::format_duration(least), humantime::format_duration(most))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_alone_is_seconds() {
        let parsed = |text| timespan(text, Duration::from_millis(100), Duration::from_secs(60));
        for (text, ms) in [("1", 1000), ("0.5", 500), ("1s", 1000), ("250ms", 250), ("1m", 60_000), ("1s 5ms", 1005)] {
            assert_eq!(parsed(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "0", "61", "99ms", "-1", "soon", "NaN", "inf", "1e300", "2m"] {
            assert_eq!(parsed(text).unwrap_err(), "a time from 100ms to 1m", "{text}");
        }
    }
}

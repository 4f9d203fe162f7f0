//! Times of the hub, in the time zone of this machine.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A time of the day in five columns, from milliseconds since 1970.
pub(crate) fn hours_and_minutes(ms: u64, zone: &TimeZone) -> String {
    timestamp(ms).map_or("--:--".into(), |time| time.to_zoned(zone.clone()).strftime("%H:%M").to_string())
}

/// The day of a time in milliseconds since 1970, if it is one of the calendar.
pub(crate) fn day(ms: u64, zone: &TimeZone) -> Option<Date> {
    timestamp(ms).map(|time| time.to_zoned(zone.clone()).date())
}

fn timestamp(ms: u64) -> Option<Timestamp> {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

/// The date, unless it is `today`, and the time of the day, from milliseconds since 1970.
pub(crate) fn date_and_time(ms: u64, today: Option<Date>, zone: &TimeZone) -> String {
    let time = hours_and_minutes(ms, zone);
    match day(ms, zone).filter(|day| Some(*day) != today) {
        Some(day) => format!("{day} {time}"),
        None => time,
    }
}

/// The day that it is now.
pub(crate) fn today(zone: &TimeZone) -> Date {
    Timestamp::now().to_zoned(zone.clone()).date()
}

//! The time of a message in a line for a terminal, in UTC.

use std::fmt;

const MS_PER_MINUTE: u64 = 60_000;
const MINUTES_PER_DAY: u64 = 24 * 60;

/// A time in milliseconds since 1970, which is shown to the minute, and with its date unless that is today.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeOfDay {
    pub(crate) time: u64,
    pub(crate) now: u64,
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minutes, now) = (self.time / MS_PER_MINUTE, self.now / MS_PER_MINUTE);
        let (day, minute) = (minutes / MINUTES_PER_DAY, minutes % MINUTES_PER_DAY);
        if day != now / MINUTES_PER_DAY {
            let (year, month, day) = date(day);
            write!(f, "{year:04}-{month:02}-{day:02} ")?;
        }
        write!(f, "{:02}:{:02}", minute / 60, minute % 60)
    }
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar: eras of 400 years, whose years begin in
/// March, so that a leap day is the last one.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since the first of March of year 0
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (year, day) = (400 * era + year, day - (153 * month + 2) / 5 + 1);
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = MINUTES_PER_DAY * MS_PER_MINUTE;

    #[test]
    fn the_date_is_shown_unless_it_is_today() {
        let noon = 20_000 * DAY + DAY / 2 + 5 * MS_PER_MINUTE;
        for (now, shown) in [(noon, "12:05"), (noon + DAY / 2, "2024-10-04 12:05"), (noon - DAY, "2024-10-04 12:05")] {
            assert_eq!(TimeOfDay { time: noon, now }.to_string(), shown);
        }
        assert_eq!(TimeOfDay { time: 0, now: DAY }.to_string(), "1970-01-01 00:00");
    }

    #[test]
    fn dates_are_those_of_http() {
        for day in (0..200_000).step_by(31) {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(day * DAY);
            let http = httpdate::fmt_http_date(time); // Sun, 06 Nov 1994 08:49:37 GMT
            let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
            let (year, month, day) = date(day);
            let month = usize::try_from(3 * (month - 1)).unwrap();
            assert_eq!(http[5..16], format!("{day:02} {} {year:04}", &months[month..month + 3]));
        }
        assert_eq!(date(u64::MAX / DAY).0, 584_556_019, "and it does not overflow");
    }
}

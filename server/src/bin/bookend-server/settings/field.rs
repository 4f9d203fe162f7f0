//! A field of the settings: how its value is written, and which values are allowed.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use bookend_server::{WhenFull, toml_string};
use ipnet::IpNet;

use super::Allowance;
use crate::address::ListenAddress;
use crate::logging::{Filter, Format};

/// A value as it was written in any source: `"5s"`, `10` and `true` are `One`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    One(String),
    Many(Vec<String>),
}

/// One field of the settings.
pub(super) enum Field<'a> {
    Places(&'a mut Vec<ListenAddress>),
    ListenAddress(&'a mut Option<ListenAddress>),
    Names(&'a mut Vec<String>),
    Networks(&'a mut Vec<IpNet>),
    /// Names of rooms, or `*`.
    Rooms(&'a mut Vec<String>),
    Flag(&'a mut bool),
    Path(&'a mut Option<PathBuf>),
    /// The flag is whether `auto` is allowed.
    Allowance(&'a mut Allowance, bool),
    Mode(&'a mut u32),
    Filter(&'a mut Filter),
    Format(&'a mut Format),
    WhenFull(&'a mut WhenFull),
    Time(&'a mut Duration, RangeInclusive<Duration>),
    /// `None` is `off`.
    TimeOrOff(&'a mut Option<Duration>, RangeInclusive<Duration>),
    Seconds(&'a mut u16, RangeInclusive<u16>),
    Bytes(&'a mut dyn Number, RangeInclusive<u64>),
    Count(&'a mut dyn Number, RangeInclusive<u64>),
    /// `None` is `auto`.
    CountOrAuto(&'a mut Option<usize>, RangeInclusive<usize>),
}

/// An integer of any width.
pub(super) trait Number {
    fn get(&self) -> u64;
    /// False if it does not fit.
    fn set(&mut self, number: u64) -> bool;
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn get(&self) -> u64 {
                u64::try_from(*self).unwrap_or(u64::MAX)
            }

            fn set(&mut self, number: u64) -> bool {
                <$type>::try_from(number).map(|number| *self = number).is_ok()
            }
        }
    )*};
}

number!(u32, u64, usize);

const AUTO: &str = "auto";
const OFF: &str = "off";

const ALLOWANCES: [(&str, Allowance); 4] =
    [("auto", Allowance::Auto), ("none", Allowance::None), ("read", Allowance::Read), ("write", Allowance::Write)];

const WHEN_FULL: [(&str, WhenFull); 2] = [("refuse", WhenFull::Refuse), ("live", WhenFull::Live)];

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Field<'_> {
    /// Parses and stores a value.
    pub(super) fn write(self, value: &Value) -> Result<(), String> {
        let allowed = self.allowed();
        let text = match (&self, value) {
            (Field::Places(_), Value::Many(list)) => return self.write_places(list),
            (Field::Places(_), Value::One(text)) => {
                let list: Vec<_> = text.split(',').map(|place| place.trim().to_owned()).collect();
                return self.write_places(&list);
            }
            (Field::Names(_), Value::Many(list)) => return self.write_names(list),
            (Field::Networks(_), Value::Many(list)) => return self.write_networks(list),
            (Field::Rooms(_), Value::Many(list)) => return self.write_rooms(list),
            (_, Value::Many(_)) => return Err(format!("a list is not {allowed}")),
            (_, Value::One(text)) => text.trim(),
        };
        let wrong = || format!("{text:?} is not {allowed}");
        match self {
            Field::Places(_) => unreachable!("addresses are stored above"),
            Field::ListenAddress(place) => *place = if text.is_empty() { None } else { Some(text.parse()?) },
            Field::Names(_) => return self.write_names(&words(text)),
            Field::Networks(_) => return self.write_networks(&words(text)),
            Field::Rooms(_) => return self.write_rooms(&words(text)),
            Field::Flag(flag) => *flag = text.parse().map_err(|_| wrong())?,
            Field::Path(path) => *path = Some(text).filter(|text| !text.is_empty()).map(PathBuf::from),
            Field::Allowance(allowance, auto) => {
                let found =
                    ALLOWANCES.iter().find(|(name, found)| *name == text && (auto || *found != Allowance::Auto));
                *allowance = found.ok_or_else(wrong)?.1;
            }
            Field::Mode(mode) => *mode = octal(text).ok_or_else(wrong)?,
            Field::Filter(filter) => *filter = text.parse().map_err(|why| format!("{}: {why}", wrong()))?,
            Field::Format(format) => *format = text.parse().map_err(|()| wrong())?,
            Field::WhenFull(when_full) => {
                *when_full = WHEN_FULL.iter().find(|(name, _)| *name == text).ok_or_else(wrong)?.1;
            }
            Field::Time(time, range) => *time = time_in(text, &range).ok_or_else(wrong)?,
            Field::TimeOrOff(time, _) if text == OFF => *time = None,
            Field::TimeOrOff(time, range) => *time = Some(time_in(text, &range).ok_or_else(wrong)?),
            Field::Seconds(seconds, range) => {
                let time = humantime::parse_duration(text).ok().filter(|time| time.subsec_nanos() == 0);
                let whole = time.and_then(|time| u16::try_from(time.as_secs()).ok());
                *seconds = whole.filter(|whole| range.contains(whole)).ok_or_else(wrong)?;
            }
            Field::Bytes(number, range) => {
                let bytes = bytes(text).filter(|bytes| range.contains(bytes)).ok_or_else(wrong)?;
                number.set(bytes).then_some(()).ok_or_else(|| too_large(text))?;
            }
            Field::Count(number, range) => {
                let count = text.parse().ok().filter(|count| range.contains(count)).ok_or_else(wrong)?;
                number.set(count).then_some(()).ok_or_else(|| too_large(text))?;
            }
            Field::CountOrAuto(count, _) if text == AUTO => *count = None,
            Field::CountOrAuto(count, range) => {
                *count = Some(text.parse().ok().filter(|count| range.contains(count)).ok_or_else(wrong)?);
            }
        }
        Ok(())
    }

    fn write_places(self, list: &[String]) -> Result<(), String> {
        let Field::Places(places) = self else { unreachable!("the caller has checked the field") };
        let mut new: Vec<ListenAddress> = Vec::new();
        for text in list {
            let place = text.parse()?;
            if new.contains(&place) {
                return Err(format!("{place} appears twice"));
            }
            new.push(place);
        }
        if new.is_empty() {
            return Err("at least one address is needed".into());
        }
        *places = new;
        Ok(())
    }

    fn write_names(self, list: &[String]) -> Result<(), String> {
        let Field::Names(names) = self else { unreachable!("the caller has checked the field") };
        let is_name = |name: &&String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        match list.iter().find(|name| name.is_empty() || !is_name(name)) {
            Some(wrong) => Err(format!("{wrong:?} is not a host name")),
            None => {
                *names = list.to_vec();
                Ok(())
            }
        }
    }

    fn write_networks(self, list: &[String]) -> Result<(), String> {
        let Field::Networks(networks) = self else { unreachable!("the caller has checked the field") };
        let wrong = |text: &String| format!("{text:?} is not an address or a network such as \"10.0.0.0/8\"");
        *networks = list.iter().map(|text| network(text).ok_or_else(|| wrong(text))).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn write_rooms(self, list: &[String]) -> Result<(), String> {
        let Field::Rooms(rooms) = self else { unreachable!("the caller has checked the field") };
        if list.iter().any(|room| room.strip_prefix('!').unwrap_or(room).is_empty()) {
            return Err("a room has a name".into());
        }
        if !list.is_empty() && list.iter().all(|room| room.starts_with('!')) {
            return Err(r#"there are only rooms that are not kept: add "*" for all others"#.into());
        }
        *rooms = list.to_vec();
        Ok(())
    }

    /// The value, as [`write`](Field::write) accepts it.
    pub(super) fn value(&self) -> Value {
        Value::One(match self {
            Field::Places(places) => return Value::Many(places.iter().map(ListenAddress::to_string).collect()),
            Field::Names(names) | Field::Rooms(names) => return Value::Many(names.to_vec()),
            Field::Networks(networks) => return Value::Many(networks.iter().map(IpNet::to_string).collect()),
            Field::ListenAddress(place) => place.as_ref().map_or_else(String::new, ListenAddress::to_string),
            Field::Flag(flag) => flag.to_string(),
            Field::Path(path) => path.as_ref().map_or_else(String::new, |path| path.display().to_string()),
            Field::Allowance(allowance, _) => {
                let name = ALLOWANCES.iter().find(|(_, known)| *known == **allowance).map(|(name, _)| *name);
                name.expect("every allowance has a name").into()
            }
            Field::Mode(mode) => format!("{mode:04o}"),
            Field::Filter(filter) => filter.to_string(),
            Field::Format(format) => format.to_string(),
            Field::WhenFull(when_full) => {
                let name = WHEN_FULL.iter().find(|(_, known)| *known == **when_full).map(|(name, _)| *name);
                name.expect("each has a name").into()
            }
            Field::Time(time, _) => show_time(**time),
            Field::TimeOrOff(time, _) => time.map_or_else(|| OFF.into(), show_time),
            Field::Seconds(seconds, _) => show_time(Duration::from_secs((**seconds).into())),
            Field::Bytes(number, _) => show_bytes(number.get()),
            Field::Count(number, _) => number.get().to_string(),
            Field::CountOrAuto(count, _) => count.map_or_else(|| AUTO.into(), |count| count.to_string()),
        })
    }

    /// The value in TOML.
    pub(super) fn toml(&self) -> String {
        match (self, self.value()) {
            (Field::Flag(_) | Field::Count(..) | Field::CountOrAuto(Some(_), _), Value::One(text)) => text,
            (_, Value::One(text)) => toml_string(&text),
            (_, Value::Many(list)) => {
                let list: Vec<_> = list.iter().map(|text| toml_string(text)).collect();
                format!("[{}]", list.join(", "))
            }
        }
    }

    /// Which values are allowed.
    pub(super) fn allowed(&self) -> String {
        match self {
            Field::Places(_) => r#""HOST:PORT", "tls://HOST:PORT" or "unix:PATH", one or more"#.into(),
            Field::ListenAddress(_) => r#""HOST:PORT" or "unix:PATH", or "" for none"#.into(),
            Field::Names(_) => "names, or none".into(),
            Field::Networks(_) => "addresses and networks, or none".into(),
            Field::Rooms(_) => r#"names of rooms, or "*" for all"#.into(),
            Field::Flag(_) => "true or false".into(),
            Field::Path(_) => r#"a path, or "" for none"#.into(),
            Field::Allowance(_, true) => "auto, none, read or write".into(),
            Field::Allowance(_, false) => "none, read or write".into(),
            Field::Mode(_) => r#"an octal number from "0000" to "0777""#.into(),
            Field::Filter(_) => "off, error, warn, info, debug or trace".into(),
            Field::Format(_) => "pretty or json".into(),
            Field::WhenFull(_) => "refuse or live".into(),
            Field::Time(_, range) => allowed_times(range),
            Field::TimeOrOff(_, range) => format!("{}, or off", allowed_times(range)),
            Field::Seconds(_, range) => {
                let show = |seconds: &u16| show_time(Duration::from_secs((*seconds).into()));
                format!("a time in whole seconds from {} to {}", show(range.start()), show(range.end()))
            }
            Field::Bytes(_, range) => {
                format!("a size from {} to {}", show_bytes(*range.start()), show_bytes(*range.end()))
            }
            Field::Count(_, range) => format!("a number from {} to {}", range.start(), range.end()),
            Field::CountOrAuto(_, range) => format!("auto, or a number from {} to {}", range.start(), range.end()),
        }
    }
}

/// Words between commas.
fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A network, or one address. The bits after the prefix are cleared.
fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.ok().map(|network| network.trunc())
}

fn too_large(text: &str) -> String {
    format!("{text} is too large for this machine")
}

/// `1MiB`, `64 KiB`, `1MB`, or a number of bytes. K alone is refused because it is ambiguous.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (text[..digits].parse::<u64>().ok()?, text[digits..].trim_start());
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit || (unit.is_empty() && *name == "B"))?;
    number.checked_mul(*factor)
}

/// In the largest binary unit that gives a whole number.
fn show_bytes(bytes: u64) -> String {
    match UNITS[..3].iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => format!("{bytes}B"),
    }
}

fn time_in(text: &str, range: &RangeInclusive<Duration>) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|time| range.contains(time))
}

fn allowed_times(range: &RangeInclusive<Duration>) -> String {
    format!("a time from {} to {}", show_time(*range.start()), show_time(*range.end()))
}

fn show_time(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

fn octal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o777)
}

#[cfg(test)]
mod tests;

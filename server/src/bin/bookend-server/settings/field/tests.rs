//! Values of each kind of field.

use super::*;

fn size(text: &str) -> Result<u64, String> {
    let mut number = 0_usize;
    Field::Bytes(&mut number, 1..=1 << 30).write(&Value::One(text.into()))?;
    Ok(number.get())
}

#[test]
fn a_size_has_a_unit_or_is_in_bytes() {
    for (text, bytes) in [("1", 1), ("7B", 7), ("1 KiB", 1 << 10), ("3MiB", 3 << 20), ("1MB", 1_000_000)] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
    for text in ["", "0", "1K", "1M", "-1", "1.5MiB", "1 mib", "MiB", "2GiB", "99999999999999999999", "9999999999GiB"] {
        assert_eq!(size(text), Err(format!("{text:?} is not a size from 1B to 1GiB")));
    }
}

#[test]
fn sizes_and_times_are_written_as_they_can_be_read() {
    for bytes in [1, 1023, 1 << 10, 1_000_000, 3 << 20, (1 << 30) + 1, 1 << 34] {
        assert_eq!(super::bytes(&show_bytes(bytes)), Some(bytes));
    }
    for milliseconds in [0, 1, 500, 1_000, 61_001, 3_600_000] {
        let time = Duration::from_millis(milliseconds);
        assert_eq!(humantime::parse_duration(&show_time(time)), Ok(time));
    }
}

#[test]
fn a_time_without_a_unit_is_refused_with_the_allowed_range() {
    let mut time = Duration::ZERO;
    let seconds = Duration::from_secs;
    for text in ["5", "5 lightyears", "1h", "0s", "five"] {
        let why = Field::Time(&mut time, seconds(1)..=seconds(60)).write(&Value::One(text.into())).unwrap_err();
        assert_eq!(why, format!("{text:?} is not a time from 1s to 1m"));
    }
    let mut keepalive = 0;
    assert!(Field::Seconds(&mut keepalive, 0..=100).write(&Value::One("1500ms".into())).is_err());
    Field::Seconds(&mut keepalive, 0..=100).write(&Value::One("1m 30s".into())).unwrap();
    assert_eq!(keepalive, 90);
}

#[test]
fn a_network_is_an_address_or_has_a_prefix() {
    let mut networks = Vec::new();
    Field::Networks(&mut networks).write(&Value::One("10.1.2.3/8, 127.0.0.1,fd00::/8".into())).unwrap();
    let written = ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"].map(str::to_owned);
    assert_eq!(Field::Networks(&mut networks).value(), Value::Many(written.into()));
    for text in ["10.0.0.0/33", "10.0.0", "localhost", "::/129"] {
        let why = Field::Networks(&mut networks).write(&Value::Many(vec![text.into()])).unwrap_err();
        assert_eq!(why, format!("{text:?} is not an address or a network such as \"10.0.0.0/8\""));
    }
    Field::Networks(&mut networks).write(&Value::One(String::new())).unwrap();
    assert!(networks.is_empty());
}

#[test]
fn a_time_may_be_off_and_a_count_auto_where_the_setting_has_that() {
    let seconds = Duration::from_secs;
    let (mut sync, mut recent) = (Some(seconds(1)), Some(1));
    for (text, time) in [("off", None), ("0", Some(seconds(0))), ("1m", Some(seconds(60)))] {
        Field::TimeOrOff(&mut sync, seconds(0)..=seconds(60)).write(&Value::One(text.into())).unwrap();
        assert_eq!(sync, time);
    }
    let why = Field::TimeOrOff(&mut sync, seconds(0)..=seconds(60)).write(&Value::One("2m".into())).unwrap_err();
    assert_eq!(why, "\"2m\" is not a time from 0s to 1m, or off");
    for (text, count, toml) in [("auto", None, "\"auto\""), ("0", Some(0), "0"), ("7", Some(7), "7")] {
        Field::CountOrAuto(&mut recent, 0..=9).write(&Value::One(text.into())).unwrap();
        assert_eq!(recent, count);
        assert_eq!(Field::CountOrAuto(&mut recent, 0..=9).toml(), toml);
    }
    let why = Field::CountOrAuto(&mut recent, 0..=9).write(&Value::One("10".into())).unwrap_err();
    assert_eq!(why, "\"10\" is not auto, or a number from 0 to 9");
}

#[test]
fn rooms_are_names_of_any_kind() {
    let mut rooms = Vec::new();
    Field::Rooms(&mut rooms).write(&Value::Many(vec!["a, b".into(), "café".into()])).unwrap();
    assert_eq!(rooms, ["a, b", "café"]);
    Field::Rooms(&mut rooms).write(&Value::One("ops, lobby".into())).unwrap();
    assert_eq!(rooms, ["ops", "lobby"]);
    for nameless in ["", "!"] {
        let written = Field::Rooms(&mut rooms).write(&Value::Many(vec!["*".into(), nameless.into()]));
        assert_eq!(written, Err("a room has a name".to_owned()));
    }
    let only = Field::Rooms(&mut rooms).write(&Value::One("!doctor-*".into()));
    assert!(only.unwrap_err().starts_with("there are only rooms that are not kept"));
    Field::Rooms(&mut rooms).write(&Value::One("!doctor-*, *".into())).unwrap();
    assert_eq!(rooms, ["!doctor-*", "*"]);
}

#[test]
fn a_mode_is_octal_with_or_without_prefix() {
    let mut mode = 0;
    for text in ["0660", "660", "0o660"] {
        Field::Mode(&mut mode).write(&Value::One(text.into())).unwrap();
        assert_eq!(std::mem::take(&mut mode), 0o660);
    }
    assert!(Field::Mode(&mut mode).write(&Value::One("0680".into())).is_err());
    assert!(Field::Mode(&mut mode).write(&Value::One("1777".into())).is_err());
}

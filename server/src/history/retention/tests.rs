//! Tests of what is kept, against a list of rows.

use std::collections::BTreeMap;
use std::time::Duration;

use bookend::Encoding;
use proptest::prelude::*;

use super::*;
use crate::history::{sample, schema};

/// A row of a list: messages, time and bytes.
type Kept = (u64, u64, u64);

fn limits(bytes: u64, age: u64, messages: u64, total: u64) -> HistoryConfig {
    let age = Duration::from_millis(age);
    HistoryConfig { bytes, age, messages, total, ..HistoryConfig::new("unused") }
}

fn rows_of(connection: &Connection) -> BTreeMap<u64, Vec<Kept>> {
    let sql = "SELECT room, count, time, length(data) FROM block ORDER BY room, first";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?)))).unwrap();
    let mut kept: BTreeMap<u64, Vec<Kept>> = BTreeMap::new();
    rows.map(Result::unwrap).for_each(|(room, row)| kept.entry(room).or_default().push(row));
    kept
}

fn census(rows: &[Kept]) -> StoreCensus {
    let since = rows.first().map_or(0, |row| row.1);
    StoreCensus { messages: rows.iter().map(|row| row.0).sum(), bytes: rows.iter().map(|row| row.2).sum(), since }
}

/// Trims until nothing is left to remove, and returns what is said to be kept.
fn trim_all(connection: &Connection, limits: &HistoryConfig, now: u64) -> BTreeMap<u64, StoreCensus> {
    let mut rooms: BTreeMap<u64, StoreCensus> =
        rows_of(connection).iter().map(|(room, rows)| (*room, census(rows))).collect();
    for _ in 0..1000 {
        let list: Vec<_> = rooms.iter().map(|(room, kept)| (RoomId(*room), *kept)).collect();
        let list: Vec<_> = list.into_iter().filter(|(_, kept)| kept.messages > 0).collect();
        let trimmed = trim(connection, limits, &list, now).unwrap();
        if trimmed.is_empty() {
            return rooms;
        }
        for Trimmed { room, messages, bytes, since } in trimmed {
            let kept = rooms.get_mut(&room.0).unwrap();
            *kept = StoreCensus { messages: kept.messages - messages, bytes: kept.bytes - bytes, since };
        }
    }
    panic!("it does not end");
}

/// The same on a list, one row at a time.
fn trim_list(rooms: &mut BTreeMap<u64, Vec<Kept>>, limits: &HistoryConfig, now: u64) {
    for rows in rooms.values_mut() {
        while rows
            .first()
            .is_some_and(|row| is_too_old(limits, row.1, now) || (rows.len() > 1 && is_too_much(limits, &census(rows))))
        {
            rows.remove(0);
        }
    }
    let total = |rooms: &BTreeMap<u64, Vec<Kept>>| rooms.values().flatten().map(|row| row.2).sum::<u64>();
    while limits.total > 0 && total(rooms) > limits.total {
        let oldest = rooms.iter().filter(|(_, rows)| !rows.is_empty()).min_by_key(|(_, rows)| rows[0].1);
        let room = *oldest.unwrap().0;
        rooms.get_mut(&room).unwrap().remove(0);
    }
    rooms.retain(|_, rows| !rows.is_empty());
}

proptest! {
    #[test]
    fn what_is_left_is_what_a_list_has(
        plans in sample::plans(),
        bytes in prop_oneof![Just(0u64), 1u64..600], age in prop_oneof![Just(0u64), 1u64..20],
        messages in prop_oneof![Just(0u64), 1u64..20], total in prop_oneof![Just(0u64), 1u64..1500],
    ) {
        let connection = Connection::open_in_memory().unwrap();
        schema::create(&connection).unwrap();
        sample::build(&connection, &plans);
        let (limits, now) = (limits(bytes, age, messages, total), 1020);
        let mut expected = rows_of(&connection);
        trim_list(&mut expected, &limits, now);
        let said = trim_all(&connection, &limits, now);
        let left = rows_of(&connection);
        prop_assert_eq!(&left, &expected);
        for (room, kept) in said {
            prop_assert_eq!(kept, census(left.get(&room).map_or(&[][..], Vec::as_slice)), "room {}", room);
        }
    }
}

#[test]
fn a_transaction_is_small_and_the_newest_row_stays() {
    let connection = Connection::open_in_memory().unwrap();
    schema::create(&connection).unwrap();
    sample::fill(&connection, 1, 1000, 4);
    let rooms = [(RoomId(1), census(&rows_of(&connection)[&1]))];
    let trimmed = trim(&connection, &limits(0, 0, 1, 0), &rooms, 0).unwrap();
    assert_eq!(trimmed, [Trimmed { room: RoomId(1), messages: 4 * ROWS as u64, bytes: trimmed[0].bytes, since: 64 }]);
    assert_eq!(trim_all(&connection, &limits(0, 0, 1, 0), 0)[&1].messages, 4);
}

#[test]
fn sums_are_right_when_a_room_is_empty_whatever_they_were() {
    let connection = Connection::open_in_memory().unwrap();
    schema::create(&connection).unwrap();
    let speech = ("ann".to_owned(), vec![(Encoding::Utf8, b"x".to_vec())]);
    sample::add_row(&connection, 1, 1, 5, &[speech]);
    let rooms = [(RoomId(1), StoreCensus { messages: 100, bytes: 1000, since: 5 })];
    let trimmed = trim(&connection, &limits(0, 1, 0, 0), &rooms, 10).unwrap();
    assert_eq!(trimmed, [Trimmed { room: RoomId(1), messages: 100, bytes: 1000, since: 0 }]);
}

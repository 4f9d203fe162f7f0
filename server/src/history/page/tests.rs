//! Tests of pages, against a list.

use proptest::prelude::*;

use super::*;
use crate::history::sample::{self, Told};
use crate::history::schema;

/// The messages of a room that a test accepts.
fn of(told: &[Told], room: u64, is_wanted: impl Fn(u64) -> bool) -> Vec<Told> {
    told.iter().filter(|told| told.room == room && is_wanted(told.seq)).cloned().collect()
}

fn footprint(blocks: &[Arc<Block>]) -> usize {
    blocks.iter().map(|block| block.footprint()).sum()
}

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    schema::create(&connection).unwrap();
    connection
}

proptest! {
    #[test]
    fn what_is_read_from_a_number_on_is_what_a_list_has(
        plans in sample::plans(), room in 1u64..4, number in 0u64..200, bytes in 0usize..3000,
    ) {
        let (connection, damage) = (database(), Damage::default());
        let told = sample::build(&connection, &plans);
        let read = from(&connection, &damage, RoomId(room), (number, bytes)).unwrap();
        let expected = of(&told, room, |seq| seq >= number);
        let seen = of(&sample::told(room, &read), room, |seq| seq >= number);
        prop_assert_eq!(&seen[..], &expected[..seen.len()]);
        prop_assert_eq!(seen.is_empty(), expected.is_empty());
        prop_assert_eq!(read.is_end, seen.len() == expected.len());
        let last = read.blocks.len().saturating_sub(1);
        prop_assert!(last == 0 || footprint(&read.blocks[..last]) < bytes);
        prop_assert!(read.is_end || footprint(&read.blocks) >= bytes);
    }

    #[test]
    fn what_is_read_before_a_number_is_what_a_list_has(
        plans in sample::plans(), room in 1u64..4,
        number in prop_oneof![0u64..200, Just(u64::MAX)], count in 1usize..20, bytes in 0usize..3000,
    ) {
        let (connection, damage) = (database(), Damage::default());
        let told = sample::build(&connection, &plans);
        let read = before(&connection, &damage, RoomId(room), (number, count, bytes)).unwrap();
        let expected = of(&told, room, |seq| seq < number);
        let seen = of(&sample::told(room, &read), room, |seq| seq < number);
        prop_assert_eq!(&seen[..], &expected[expected.len() - seen.len()..]);
        prop_assert_eq!(seen.is_empty(), expected.is_empty());
        prop_assert_eq!(read.is_end, seen.len() == expected.len());
        prop_assert!(read.blocks.len() <= 1 || footprint(&read.blocks) <= bytes);
        let of_first = read.blocks.first().map_or(0, |block| of(&seen, room, |seq| seq < block.first_seq() + block.messages()).len());
        prop_assert!(seen.len() - of_first < count, "the first block was not needed");
    }

    #[test]
    fn damaged_rows_are_counted_once(plans in sample::plans(), room in 1u64..4) {
        let (connection, damage) = (database(), Damage::default());
        sample::build(&connection, &plans);
        for _ in 0..2 {
            from(&connection, &damage, RoomId(room), (0, usize::MAX)).unwrap();
            before(&connection, &damage, RoomId(room), (u64::MAX, usize::MAX, usize::MAX)).unwrap();
        }
        let damaged = plans.iter().filter(|plan| plan.0 == room && plan.3).count();
        prop_assert_eq!(damage.count(), damaged);
    }
}

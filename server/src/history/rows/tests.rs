//! Tests of finding rows: by the index, and past unreadable pages.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};

use super::*;
use crate::history::sample::{self, Folder};
use crate::history::{page, schema};

/// Rows in a file, one message in each.
const ROWS: u64 = 6000;

/// Overwrites consecutive leaves in the middle of a table or an index. Returns the file, and how many entries they had.
fn damaged(folder: &Folder, tree: &str, leaves: usize) -> (Connection, u64) {
    let connection = sample::create(&folder.file());
    sample::fill(&connection, 1, ROWS, 1);
    sample::add_room(&connection, 1, "lobby", ROWS + 1);
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let pages: Vec<(u64, u64)> = {
        let sql = "SELECT pageno, ncell FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path";
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([tree], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    drop(connection);
    let middle = (pages.len() - leaves) / 2;
    let mut file = OpenOptions::new().write(true).open(folder.file()).unwrap();
    for (page, _) in &pages[middle..middle + leaves] {
        file.seek(SeekFrom::Start((page - 1) * schema::PAGE)).unwrap();
        file.write_all(&vec![0xA5; usize::try_from(schema::PAGE).unwrap()]).unwrap();
    }
    drop(file);
    let entries = pages[middle..middle + leaves].iter().map(|(_, cells)| cells).sum();
    (schema::connect_to_read(&folder.file()).unwrap(), entries)
}

/// The first numbers of the rows that can be read, as found in an order.
fn found(connection: &Connection, damage: &Damage, order: Order) -> Vec<u64> {
    let bound = if order == Order::Up { 0 } else { END };
    let mut rows = Rows::new(connection, damage, RoomId(1), order, bound);
    let mut found = Vec::new();
    while let Some(first) = rows.next(|_, row| Some(row.first)).unwrap() {
        found.push(first);
    }
    found
}

#[test]
fn unreadable_pages_of_the_table_cost_exactly_their_rows() {
    for leaves in [1, 7] {
        let folder = Folder::new();
        let (connection, lost) = damaged(&folder, "block", leaves);
        let damage = Damage::default();
        let up = found(&connection, &damage, Order::Up);
        assert_eq!(up.len() as u64, ROWS - lost);
        assert_eq!((up.first(), up.last()), (Some(&1), Some(&ROWS)));
        let mut down = found(&connection, &damage, Order::Down);
        down.reverse();
        assert_eq!(down, up);
        assert_eq!(damage.count() as u64, lost, "each is counted once");
    }
}

#[test]
fn unreadable_pages_of_the_index_cost_their_entries_and_one_beside_each() {
    for leaves in [1, 4] {
        let folder = Folder::new();
        let (connection, lost) = damaged(&folder, "block_by_number", leaves);
        let damage = Damage::default();
        for order in [Order::Up, Order::Down] {
            let found = found(&connection, &damage, order);
            let missing = ROWS - found.len() as u64;
            assert!((lost..=lost + leaves as u64 + 1).contains(&missing), "{order:?}: {missing}, not {lost}");
            assert!(found.contains(&1) && found.contains(&ROWS));
        }
        assert!(damage.count() > 0);
    }
}

#[test]
fn a_page_is_read_past_unreadable_pages() {
    let folder = Folder::new();
    let (connection, _) = damaged(&folder, "block", 5);
    let damage = Damage::default();
    let read = page::before(&connection, &damage, RoomId(1), (u64::MAX, usize::MAX, usize::MAX)).unwrap();
    assert_eq!((read.blocks[0].first_seq(), read.is_end), (1, true));
    let middle = ROWS / 2;
    let read = page::from(&connection, &damage, RoomId(1), (middle, 1)).unwrap();
    assert!(read.blocks[0].first_seq() > middle);
}

#[test]
fn an_index_that_cannot_be_read_at_all_ends_the_search() {
    let folder = Folder::new();
    let connection = sample::create(&folder.file());
    sample::fill(&connection, 1, ROWS, 1);
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'block_by_number'";
    let root: u64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    drop(connection);
    let mut file = OpenOptions::new().write(true).open(folder.file()).unwrap();
    file.seek(SeekFrom::Start((root - 1) * schema::PAGE)).unwrap();
    file.write_all(&vec![0xA5; usize::try_from(schema::PAGE).unwrap()]).unwrap();
    drop(file);
    let connection = schema::connect_to_read(&folder.file()).unwrap();
    let damage = Damage::default();
    assert!(found(&connection, &damage, Order::Up).is_empty());
    assert_eq!(damage.count(), 1);
}

#[test]
fn entries_of_the_index_that_are_out_of_order_are_passed_over() {
    let connection = Connection::open_in_memory().unwrap();
    let damage = Damage::default();
    for (firsts, kept) in [
        (&[5, 9, 7, 12][..], &[5, 7, 12][..]), // 9 was 6, or 7 was 10
        (&[5, 1 << 40, 7, 12], &[5, 7, 12]),
        (&[5, 9, 2, 12], &[5, 9, 12]),
        (&[5, 9, 12, 3], &[5, 9, 12]),
    ] {
        for order in [Order::Up, Order::Down] {
            let mirrored = |first: u64| if order == Order::Up { first } else { (1 << 41) - first };
            let mut rows = Rows::new(&connection, &damage, RoomId(1), order, 0);
            let found = firsts.iter().map(|&first| Place { rowid: 1, first: mirrored(first) }).collect();
            let next = rows.take(found).unwrap();
            let taken: Vec<u64> = rows.batch.iter().map(|place| mirrored(place.first)).collect();
            assert_eq!(taken, kept, "{firsts:?} {order:?}");
            assert_eq!(next, mirrored(12) + u64::from(order == Order::Up));
        }
    }
}

#[test]
fn rows_are_found_by_the_index_alone() {
    let connection = Connection::open_in_memory().unwrap();
    schema::create(&connection).unwrap();
    for sql in [UP, DOWN] {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> =
            statement.query_map([1, 100_000, 128], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert_eq!(plan.len(), 1, "{plan:?}");
        assert!(plan[0].starts_with("SEARCH block USING COVERING INDEX block_by_number (room=? AND first"), "{plan:?}");
    }
}

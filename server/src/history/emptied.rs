//! Rooms of which nothing is kept any more. Their rows have their numbers, so that members can resume.

use rusqlite::Connection;

use super::ends::Ends;
use super::kept::Rooms;
use super::rows::is_damage;
use super::schema::RoomRow;
use crate::store::RoomId;

/// How many of these rooms are remembered. Anybody may make rooms, so there must be a limit; a room that is quiet for longer
/// than `history.age` is common, so it must be high.
pub(super) const MOST: usize = 10_000;

/// Deletes the rooms of which nothing is kept, except the `most` with the greatest numbers, and returns their numbers in the
/// store. A room that begins later has a greater number than every room in the file ([`Rooms::add`]), and so than each that is
/// forgotten.
///
/// # Errors
/// Those of SQLite that no damage explains: a damaged file keeps its rooms.
pub(super) fn forget(
    connection: &Connection,
    rooms: &Rooms,
    ends: &Ends,
    most: usize,
) -> rusqlite::Result<Vec<RoomId>> {
    let is_empty = |room: &RoomRow| room.messages == 0 && !ends.contains_key(&room.id);
    let empty = rooms.stored().map(|room| &room.row).filter(|room| is_empty(room));
    let mut empty: Vec<_> = empty.map(|room| (room.next, room.id)).collect();
    let Some(at) = empty.len().checked_sub(most + 1) else { return Ok(Vec::new()) };
    empty.select_nth_unstable(at);
    let mut statement = connection.prepare("DELETE FROM room WHERE id = ?")?;
    let mut forgotten = Vec::with_capacity(at + 1);
    for &(_, id) in &empty[..=at] {
        match statement.execute([id]) {
            Err(error) if is_damage(&error) => {}
            deleted => forgotten.extend((deleted? > 0).then_some(RoomId(id))),
        }
    }
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ends::End;
    use crate::history::sample::{self, Folder};
    use crate::history::{History, HistoryConfig, schema};
    use crate::store::Store;

    fn room(id: u64, next: u64, messages: u64) -> RoomRow {
        let name: Box<str> = format!("room {id}").into();
        RoomRow { id, key: name.clone(), name, begin: 1, next, ceiling: next, messages, bytes: 0 }
    }

    #[test]
    fn rooms_with_the_lowest_numbers_are_forgotten_and_none_that_has_messages() {
        let connection = Connection::open_in_memory().unwrap();
        schema::create(&connection).unwrap();
        let all = [(1, 50, 0), (2, 10, 3), (3, 20, 0), (4, 40, 0), (5, 30, 0), (6, 20, 0), (7, 5, 0)];
        let mut rooms = Rooms::new(1, 0);
        for room in all.map(|(id, next, messages)| room(id, next, messages)) {
            room.store(&connection).unwrap();
            rooms.add(room, 0);
        }
        let ends = Ends::from([(7, End::default())]); // a row that is damaged
        let mut left = |most| {
            let forgotten = forget(&connection, &rooms, &ends, most).unwrap();
            rooms.forget(&forgotten);
            let (rows, _) = RoomRow::load_all(&connection).unwrap();
            let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
            assert!(ids.iter().all(|&id| rooms.get(RoomId(id)).is_some()) && rooms.count() == ids.len());
            ids
        };
        assert_eq!(left(5), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(left(4).len(), 6, "one of those with number 20 is forgotten");
        assert_eq!(left(2), [1, 2, 4, 7]);
    }

    // [R9.32] [R9.50]
    #[test]
    fn a_room_that_was_forgotten_begins_with_a_number_that_no_room_has_had() {
        let folder = Folder::new();
        let connection = sample::create(&folder.file());
        let transaction = connection.unchecked_transaction().unwrap();
        (1..=MOST as u64 + 1).for_each(|id| sample::add_room(&transaction, id, &format!("room {id}"), 1000 + id));
        transaction.commit().unwrap();
        sample::close(connection, &folder.file());
        let open = || History::open(HistoryConfig::new(folder.file())).unwrap();
        let history = open();
        assert_eq!(history.status().rooms, MOST);
        let remembered = history.open("room 2", 1).unwrap();
        assert_eq!((remembered.first_seq, remembered.next_seq), (1, 1002), "members can resume");
        let greatest = 1001 + MOST as u64;
        let begun = history.open("room 1", 1).unwrap();
        assert_eq!((begun.first_seq, begun.next_seq), (greatest, greatest), "although the clock says 1");
        drop(history);
        assert_eq!(open().open("room 1", 1).unwrap().first_seq, greatest, "the clock still says 1");
    }
}

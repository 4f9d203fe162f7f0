//! Tests of the offline commands.

use std::fs;

use super::*;
use crate::history::sample::{self, Folder, Speech};

const SECRET: &str = "correct horse battery staple";

fn speech(name: &str, texts: &[&str]) -> Speech {
    (name.into(), texts.iter().map(|text| (Encoding::Utf8, text.as_bytes().to_vec())).collect())
}

/// A closed file: ann and bob in the lobby, numbers 1 to 4 and 8 to 12; ann alone in the den.
fn file(folder: &Folder) -> HistoryFile {
    let path = folder.file();
    let connection = sample::create(&path);
    sample::add_room(&connection, 1, "Lobby", 15);
    sample::add_room(&connection, 2, "den", 2);
    sample::add_row(&connection, 1, 1, 1000, &[speech("bob", &["one", "two"]), speech("ann", &[SECRET, "x"])]);
    let long = format!("{SECRET} {}", "long ".repeat(20_000));
    let row = [speech("bob", &["five"]), speech("ann", &[&long, SECRET]), speech("bob", &["\u{202e}\"\\\n", "last"])];
    sample::add_row(&connection, 1, 8, 2000, &row);
    sample::add_row(&connection, 2, 1, 3000, &[speech("ann", &[SECRET])]);
    sample::close(connection, &path);
    HistoryFile::open(&path).unwrap()
}

fn numbers(file: &HistoryFile, room: Option<&str>) -> Vec<(String, u64)> {
    let messages = file.messages(room).unwrap().map(Result::unwrap);
    messages.map(|message| (message.room.to_string(), message.seq)).collect()
}

fn contains_secret(folder: &Folder) -> bool {
    let files = fs::read_dir(folder.file().parent().unwrap()).unwrap();
    files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .any(|bytes| bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()))
}

#[test]
fn rooms_are_listed_with_their_holes() {
    let folder = Folder::new();
    let rooms = file(&folder).rooms().unwrap();
    let seen: Vec<_> =
        rooms.iter().map(|room| (&*room.name, room.messages, room.first, room.next, room.since)).collect();
    assert_eq!(seen, [("Lobby", 9, 1, 15, 1000), ("den", 1, 1, 2, 3000)]);
    assert_eq!((rooms[0].holes, rooms[0].missing), (2, 5));
    assert_eq!((rooms[1].holes, rooms[1].missing), (0, 0));
}

#[test]
fn messages_are_dumped_as_listen_prints_them() {
    let folder = Folder::new();
    let file = file(&folder);
    let lines: Vec<_> = file.messages(Some("LOBBY")).unwrap().map(|message| message.unwrap().to_json()).collect();
    assert_eq!(lines[0], r#"{"from":100,"name":"bob","to":0,"seq":1,"time":1000,"encoding":2,"text":"one"}"#);
    assert!(lines[7].ends_with(r#""text":"\u202e\"\\\n"}"#), "{}", lines[7]);
    assert_eq!(numbers(&file, None).len(), 10);
    assert!(matches!(file.messages(Some("cellar")), Err(HistoryError::NoRoom(_))));
    let binary = KeptMessage { encoding: Encoding::Binary, ..file.messages(None).unwrap().next().unwrap().unwrap() };
    assert!(binary.to_json().ends_with(r#""encoding":0,"hex":"6f6e65"}"#));
}

#[test]
fn a_good_file_is_good_and_a_damaged_row_is_found() {
    let folder = Folder::new();
    let file = file(&folder);
    let report = file.check().unwrap();
    assert!(report.is_good(), "{report:?}");
    assert_eq!((report.rooms, report.rows, report.messages), (2, 3, 10));
    sample::damage(&file.connection, 1, 8);
    let report = file.check().unwrap();
    assert_eq!((report.damaged, report.messages), (1, 5));
    assert_eq!(report.faults, ["room 1, message 8: its checksum is wrong"]);
}

#[test]
fn sums_that_are_wrong_are_found() {
    let folder = Folder::new();
    let file = file(&folder);
    let room = RoomRow::load_all(&file.connection).unwrap().0.remove(0);
    RoomRow { messages: 3, ..room }.store(&file.connection).unwrap();
    assert_eq!(file.check().unwrap().faults.len(), 1);
}

#[test]
fn a_deleted_member_leaves_no_trace() {
    let folder = Folder::new();
    let mut file = file(&folder);
    assert!(contains_secret(&folder));
    let deleted = file.delete_member("ann", None).unwrap();
    assert_eq!((deleted.rooms, deleted.messages, deleted.unreadable), (2, 5, 0));
    assert!(!contains_secret(&folder), "in the open file");
    let lobby: Vec<_> = [1, 2, 8, 11, 12].map(|seq| ("Lobby".to_owned(), seq)).into();
    assert_eq!(numbers(&file, None), lobby);
    assert!(file.check().unwrap().is_good());
    drop(file);
    assert!(!contains_secret(&folder), "in the closed file");
    let rooms = HistoryFile::open(&folder.file()).unwrap().rooms().unwrap();
    assert_eq!((rooms[0].messages, rooms[0].next, rooms[1].messages, rooms[1].next), (5, 15, 0, 2));
}

#[test]
fn a_member_is_deleted_in_one_room_only_and_a_name_is_exact() {
    let folder = Folder::new();
    let mut file = file(&folder);
    assert_eq!(file.delete_member("Ann", None).unwrap(), Deleted::default());
    assert_eq!(file.delete_member("ann", Some("den")).unwrap().messages, 1);
    assert_eq!(numbers(&file, None).len(), 9);
}

#[test]
fn what_was_trimmed_before_leaves_no_trace_either() {
    let folder = Folder::new();
    let mut file = file(&folder);
    file.connection.execute("DELETE FROM block WHERE room = 1", []).unwrap();
    file.delete_member("ann", None).unwrap();
    assert!(!contains_secret(&folder));
}

#[test]
fn a_dropped_room_is_gone_with_its_damaged_rows_and_keeps_its_numbers() {
    let folder = Folder::new();
    let mut file = file(&folder);
    sample::damage(&file.connection, 1, 8);
    assert_eq!(file.drop_room("lobby").unwrap(), Deleted { rooms: 1, messages: 4, unreadable: 0 });
    let rooms = file.rooms().unwrap();
    assert_eq!((rooms[0].messages, rooms[0].bytes, rooms[0].first, rooms[0].next), (0, 0, 15, 15));
    assert_eq!(numbers(&file, None), [("den".to_owned(), 1)]);
    assert!(file.check().unwrap().is_good());
}

#[test]
fn a_restored_file_has_new_numbers_and_old_messages() {
    let folder = Folder::new();
    let mut file = file(&folder);
    let before = wall_clock() << 10;
    assert_eq!(file.restored().unwrap(), 2);
    let rooms = file.rooms().unwrap();
    assert!(rooms.iter().all(|room| room.next >= before), "{rooms:?}");
    assert_eq!((rooms[0].messages, rooms[0].holes, rooms[0].missing), (9, 1, 3), "what was skipped is no hole");
}

#[test]
fn a_file_in_use_is_refused_and_a_missing_one_is_not_made() {
    let folder = Folder::new();
    assert!(matches!(HistoryFile::open(&folder.file()), Err(HistoryError::Missing(_))));
    assert!(!folder.file().exists());
    let open = file(&folder);
    let Err(error) = HistoryFile::open(&folder.file()) else { panic!("it was opened twice") };
    assert_eq!(error.name(), "history-locked");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    drop(open);
    HistoryFile::open(&folder.file()).unwrap();
}

#[test]
fn a_file_that_is_no_history_is_left_alone() {
    let folder = Folder::new();
    fs::write(folder.file(), "not a database, ".repeat(1000)).unwrap();
    assert_eq!(HistoryFile::open(&folder.file()).unwrap_err().name(), "history-failed");
    assert!(fs::read_to_string(folder.file()).unwrap().starts_with("not a database"));
}

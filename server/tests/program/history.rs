//! The history: its file, its settings, its commands, and what survives.

use std::fs::{self, File};
use std::io::Write;

#[cfg(unix)]
use bookend::history::{Entry, Page, Query};
#[cfg(unix)]
use bookend::{Code, Connection, Hello, Message, Payload, Reply};
#[cfg(unix)]
use bookend_testing::HANG_TIMEOUT;
#[cfg(unix)]
use tokio::time::timeout;

#[cfg(unix)]
use crate::admin::unix;
#[cfg(unix)]
use crate::running::Running;
use crate::running::{Directory, output, program};

/// Status and complaints of `--check-config` with that file as the history.
fn checked(path: &str) -> (Option<i32>, String) {
    let set = format!("history.path={path}");
    let (code, printed, complaint) = output(&mut program(&["--check-config", "--set", &set]));
    assert_eq!(printed, if code == Some(0) { "ok\n" } else { "" });
    (code, complaint)
}

/// The header of a database of this version, which is in network byte order.
fn header(version: u8) -> String {
    let version_at_60 = "\0".repeat(47) + &char::from(version).to_string();
    format!("SQLite format 3\0{version_at_60}{}", "\0".repeat(4032))
}

#[test]
fn the_check_of_the_settings_says_whether_a_hub_could_use_the_file() {
    let directory = Directory::new();
    let path = directory.path("history.db");
    let complaint = |text: &str| format!("bookend-server: --set: history.path: {text}\n");
    let warning = |text: &str| format!("bookend-server: warning: --set: history.path: {text}\n");
    assert_eq!(checked(&path), (Some(0), String::new()), "there is no file yet");
    assert_eq!(fs::read_dir(directory.path("")).unwrap().count(), 0, "nothing is left behind");

    let nowhere = directory.path("none/history.db");
    let (code, why) = checked(&nowhere);
    assert!(code == Some(2) && why.starts_with(complaint(&directory.path("none: ")).trim_end()), "{why}");
    let (code, why) = checked(&directory.path(""));
    assert!(code == Some(2) && why.contains("history.path: "), "a directory is not a file: {why}");

    let file = |content: &str| directory.file("history.db", content);
    file(&header(1));
    assert_eq!(checked(&path), (Some(0), String::new()));
    file(&header(2));
    let newer = format!("{path} has version 2: a later bookend-server has written it");
    assert_eq!(checked(&path), (Some(2), complaint(&newer)));
    file("Dear diary,");
    let foreign = format!("{path} is not a database: at the start it will be renamed, and a new one made");
    assert_eq!(checked(&path), (Some(0), warning(&foreign)));
    assert_eq!(fs::read(&path).unwrap(), b"Dear diary,", "nothing is changed");

    file(&header(1));
    let mut lock = File::create(directory.path("history.db-lock")).unwrap();
    lock.try_lock().unwrap();
    writeln!(lock, "4242").unwrap();
    let used = format!("{path} is in use by process 4242: another hub cannot use it");
    assert_eq!(checked(&path), (Some(0), warning(&used)), "it may be the hub of these settings");
    drop(lock);
    assert_eq!(checked(&path), (Some(0), String::new()));
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_is_a_warning_and_one_that_they_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let path = directory.path("history.db");
    fs::write(&path, header(1)).unwrap();
    for (mode, code, why) in [(0o600, 0, ""), (0o640, 0, ""), (0o644, 0, "may read it"), (0o666, 2, "may write it")] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let (ended, complaint) = checked(&path);
        assert!(ended == Some(code) && complaint.contains(why), "{mode:o} {complaint}");
        assert_eq!(complaint.is_empty(), why.is_empty(), "{mode:o} {complaint}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_in_memory_is_a_warning() {
    let path = format!("/dev/shm/bookend-{}.db", std::process::id());
    let (code, complaint) = checked(&path);
    assert_eq!(code, Some(0));
    assert!(complaint.contains("/dev/shm: it is in memory (tmpfs): nothing there survives"), "{complaint}");
}

#[test]
fn without_a_file_the_commands_say_what_is_missing() {
    let directory = Directory::new();
    let path = directory.path("history.db");
    let run = |arguments: &[&str]| {
        let (code, printed, complaint) = output(&mut program(arguments));
        assert_eq!(printed, "");
        (code, complaint)
    };
    let missing = (Some(1), format!("bookend-server: {path} does not exist\n"));
    for command in
        [&["check"][..], &["list"], &["dump"], &["drop", "lobby"], &["delete", "--member", "a"], &["restored"]]
    {
        let with_path: Vec<_> = ["history"].iter().chain(command).copied().chain(["--path", &path]).collect();
        assert_eq!(run(&with_path), missing, "{command:?}");
    }
    let unset = "bookend-server: history.path is not set: name the file with --path\n";
    assert_eq!(output(&mut program(&["history", "list"])), (Some(2), String::new(), unset.into()));
    let set = format!("history.path={path}");
    assert_eq!(output(&mut program(&["--set", &set, "history", "list"])).2, missing.1);
    let wrong = output(&mut program(&["--set", "history.bytes=x", "history", "list"]));
    assert!(wrong.0 == Some(2) && wrong.2.contains("history.bytes: \"x\" is not a size"), "{}", wrong.2);
    assert_eq!(output(&mut program(&["history", "delete"])).0, Some(2));
    assert_eq!(fs::read_dir(directory.path("")).unwrap().count(), 0, "nothing is left behind");
}

/// Starts a hub with that file, and without waiting for listeners if `places` is 0.
#[cfg(unix)]
fn hub(path: &str, places: usize) -> Running {
    let set = format!("history.path={path}");
    Running::start(&mut program(&["--listen", "127.0.0.1:0", "--set", &set]), places)
}

/// Status and complaint of a hub that cannot start with that file.
#[cfg(unix)]
fn refused(path: &str) -> (Option<i32>, String) {
    let set = format!("history.path={path}");
    let (code, printed, complaint) =
        output(&mut program(&["--listen", "127.0.0.1:0", "--log", "error", "--set", &set]));
    assert_eq!(printed, "");
    (code, complaint)
}

#[cfg(unix)]
#[test]
fn a_hub_makes_a_file_that_only_its_user_may_read_and_closes_it_at_the_end() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let path = directory.path("history.db");
    let mut running = hub(&path, 1);
    for suffix in ["", "-lock", "-wal", "-shm"] {
        let mode = fs::metadata(format!("{path}{suffix}")).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{suffix}");
    }
    running.signal("TERM");
    assert!(running.end().success());
    assert!(running.seen.contains("INFO history-closed"), "{}", running.seen);
    let mut again = hub(&path, 1);
    let opened = again.wait_for("INFO history-opened");
    assert!(opened.contains("doubt=\"nothing\""), "{opened}");
}

#[cfg(unix)]
#[test]
fn a_second_hub_does_not_start_until_the_first_one_has_ended() {
    let directory = Directory::new();
    let path = directory.path("history.db");
    let mut first = hub(&path, 1);
    let used = format!("{path} is in use by process {}: stop the hub first", first.pid());
    assert_eq!(refused(&path), (Some(1), format!("bookend-server: --set: history.path: {used}\n")));
    let (code, warning) = checked(&path);
    assert!(code == Some(0) && warning.contains(&format!("is in use by process {}", first.pid())), "{warning}");
    first.signal("KILL");
    first.end();
    hub(&path, 1);
}

#[cfg(unix)]
#[test]
fn a_hub_does_not_start_with_a_newer_file_or_without_a_directory() {
    let directory = Directory::new();
    let path = directory.path("history.db");
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 2; CREATE TABLE later(a)").unwrap();
    drop(newer);
    let before = fs::read(&path).unwrap();
    let complaint =
        format!("bookend-server: --set: history.path: {path} has version 2: a later bookend-server has written it\n");
    assert_eq!(refused(&path), (Some(1), complaint.clone()));
    assert_eq!(checked(&path), (Some(2), complaint));
    assert!(fs::read(&path).unwrap() == before, "nothing is changed");
    let (code, why) = refused(&directory.path("none/history.db"));
    assert!(code == Some(1) && why.contains("none/history.db"), "{why}");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_no_database_is_set_aside_and_the_hub_starts() {
    let directory = Directory::new();
    let path = directory.file("history.db", &"Dear diary, ".repeat(1000));
    let mut running = hub(&path, 1);
    running.wait_for("ERROR history-aside");
    assert!(fs::read(format!("{path}.aside-1")).unwrap().starts_with(b"Dear diary, "));
    assert!(fs::read(&path).unwrap().starts_with(b"SQLite format 3\0"));
}

#[cfg(unix)]
#[test]
fn a_reload_changes_the_limits_at_once_and_the_path_after_a_restart() {
    let directory = Directory::new();
    let (path, socket) = (directory.path("history.db"), directory.path("admin"));
    let text = |path: &str, bytes: &str| {
        format!(
            "listen = '127.0.0.1:0'\n[admin]\nlisten = 'unix:{socket}'\n[history]\npath = '{path}'\nbytes = '{bytes}'\n"
        )
    };
    let file = directory.file("hub.toml", &text(&path, "1MiB"));
    let mut running = Running::start(&mut program(&["--config", &file]), 2);
    let status: serde_json::Value = serde_json::from_str(&unix(&socket, "GET /status", "").1).unwrap();
    assert_eq!(status["history"]["path"], path);
    assert!(status["history"]["failing"].is_null() && status["history"]["bytes"].as_u64() > Some(0), "{status}");
    let metrics = unix(&socket, "GET /metrics", "").1;
    for line in ["\nbookend_history_failing 0\n", "\nbookend_history_messages 0\n", "\nbookend_history_wal_bytes "] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    directory.file("hub.toml", &text(&directory.path("other.db"), "2MiB"));
    running.signal("HUP");
    let changed = running.wait_for("INFO setting");
    assert!(changed.contains("name=\"history.bytes\" before=\"\\\"1MiB\\\"\""), "{changed}");
    running.wait_for("INFO reload changed=1");
    assert!(running.seen.contains("WARN setting-needs-restart name=\"history.path\""), "{}", running.seen);
    assert!(!fs::exists(directory.path("other.db")).unwrap());
}

/// A member of the lobby that has seen everything after that number.
#[cfg(unix)]
async fn join(running: &Running, after: Option<u64>) -> Connection<tokio::net::TcpStream> {
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", running.port())).await.unwrap();
    let hello = Hello::new().with_hub(true).with_name("ann").unwrap();
    let hello = after.map_or(hello.clone(), |after| hello.with_resume(after));
    Connection::connect(stream, hello).await.unwrap()
}

/// The next messages, with their numbers.
#[cfg(unix)]
async fn receive(member: &mut Connection<tokio::net::TcpStream>, count: usize) -> Vec<(u64, String)> {
    let mut received = Vec::new();
    while received.len() < count {
        match timeout(HANG_TIMEOUT, member.next()).await.unwrap().unwrap().unwrap() {
            Message::Delivery(delivery) => {
                received.push((delivery.seq, delivery.payload.text().unwrap().into_owned()));
            }
            Message::Gap { missed } => panic!("{missed} are missing"),
            Message::Error(refusal) => panic!("{refusal:?}"),
            _ => {}
        }
    }
    received
}

/// What a person at a terminal is shown of messages, after it has typed these lines and left: `time` is in place of the time
/// of a message that was said before.
#[cfg(unix)]
async fn telnet(running: &Running, typed: &str) -> Vec<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", running.port())).await.unwrap();
    stream.write_all(format!("/name tel\r\n{typed}/quit\r\n").as_bytes()).await.unwrap();
    let mut shown = String::new();
    timeout(HANG_TIMEOUT, stream.read_to_string(&mut shown)).await.unwrap().unwrap();
    let said = shown.lines().filter(|line| line.contains("ann: ") || line.contains("is kept"));
    said.map(|line| match line.split_once(" ann: ") {
        Some((time, text)) if time.starts_with("* ") => format!("time ann: {text}"),
        _ => line.into(),
    })
    .collect()
}

#[cfg(unix)]
#[tokio::test]
async fn a_person_at_a_terminal_reads_on_after_the_hub_was_killed_or_stopped() {
    for signal in ["KILL", "TERM"] {
        let directory = Directory::new();
        let path = directory.path("history.db");
        let mut first = hub(&path, 1);
        let mut ann = join(&first, None).await;
        for text in ["one", "two"] {
            ann.post(0, text).await.unwrap();
        }
        receive(&mut ann, 2).await;
        assert_eq!(telnet(&first, "").await, ["time ann: one", "time ann: two"]);
        first.signal(signal);
        assert_eq!(first.end().success(), signal == "TERM");
        drop(ann);

        let second = hub(&path, 1);
        let mut ann = join(&second, None).await;
        ann.post(0, "three").await.unwrap();
        receive(&mut ann, 1).await;
        let shown = telnet(&second, "/last 2\r\n/search TW\r\n").await;
        let joined = ["time ann: one", "time ann: two", "time ann: three"].map(str::to_owned);
        assert_eq!(shown[..3], joined, "{signal}: as room.recent says");
        let asked =
            ["time ann: two", "time ann: three", "* no older message that is kept contains that", "time ann: two"];
        assert_eq!(shown[3..], asked, "{signal}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_was_delivered_survives_kill_and_the_commands_show_and_delete_it() {
    const COUNT: usize = 50;
    let directory = Directory::new();
    let path = directory.path("history.db");
    let mut first = hub(&path, 1);
    let mut ann = join(&first, None).await;
    for number in 0..COUNT {
        ann.post(0, &*format!("message {number}")).await.unwrap();
    }
    let before = receive(&mut ann, COUNT).await;
    ann.barrier(HANG_TIMEOUT).await.unwrap();
    first.signal("KILL");
    first.end();
    drop(ann);

    let mut second = hub(&path, 1);
    let mut ann = join(&second, Some(before[9].0)).await;
    assert_eq!(receive(&mut ann, COUNT - 10).await, before[10..], "she continues where she stopped");
    ann.post(0, "after").await.unwrap();
    let after = receive(&mut ann, 1).await;
    assert_eq!(after, [(before[COUNT - 1].0 + 1, "after".to_owned())], "numbers continue");
    drop(ann);
    second.signal("TERM");
    assert!(second.end().success());

    let run = |command: &[&str]| {
        let arguments: Vec<_> = ["history"].iter().chain(command).copied().chain(["--path", &path]).collect();
        let (code, printed, complaint) = output(&mut program(&arguments));
        assert_eq!((code, &*complaint), (Some(0), ""), "{command:?}");
        printed
    };
    assert!(run(&["check"]).starts_with("51 messages in 1 room"), "{}", run(&["check"]));
    let list = run(&["list"]);
    assert!(list.lines().nth(1).unwrap().starts_with("lobby                          51"), "{list}");
    let objects = run(&["dump", "lobby", "--json"]);
    let last: serde_json::Value = serde_json::from_str(objects.lines().last().unwrap()).unwrap();
    assert_eq!((&last["room"], &last["name"], &last["text"]), (&"lobby".into(), &"ann".into(), &"after".into()));
    assert_eq!(last["seq"], after[0].0);
    assert!(run(&["dump"]).ends_with(" lobby ann: after\n"));
    assert_eq!(run(&["restored"]), "1 room will begin with new numbers\n");
    assert_eq!(run(&["delete", "--member", "ann"]), "deleted 51 messages in 1 room\n");
    assert_eq!(run(&["dump"]), "");
    assert_eq!((run(&["list"]).lines().count(), run(&["list", "--json"])), (1, String::new()), "nothing is kept");
    assert!(run(&["list", "--all"]).lines().nth(1).unwrap().starts_with("lobby                           0"));
    let emptied: serde_json::Value = serde_json::from_str(&run(&["list", "--all", "--json"])).unwrap();
    assert_eq!((&emptied["name"], &emptied["messages"]), (&"lobby".into(), &0.into()), "its numbers are");
    assert_eq!(run(&["drop", "lobby"]), "deleted 0 messages in 0 rooms\n");

    let third = hub(&path, 1);
    let mut ann = join(&third, None).await;
    ann.post(0, "anew").await.unwrap();
    let anew = receive(&mut ann, 1).await;
    assert!(anew[0].0 > after[0].0 + 1, "a restored file has new numbers: {anew:?} after {after:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_restored_file_begins_anew_and_a_page_does_not_count_the_numbers_in_between() {
    // [R9.13] [R9.46] [R9.50]
    let directory = Directory::new();
    let path = directory.path("history.db");
    let mut first = hub(&path, 1);
    let mut ann = join(&first, None).await;
    for text in ["one", "two"] {
        ann.post(0, text).await.unwrap();
    }
    let before = receive(&mut ann, 2).await;
    drop(ann);
    first.signal("TERM");
    assert!(first.end().success());
    let restored = output(&mut program(&["history", "restored", "--path", &path]));
    assert_eq!(restored.0, Some(0));

    let second = hub(&path, 1);
    let mut ann = join(&second, Some(before[0].0)).await;
    let refusal = loop {
        if let Message::Error(refusal) = timeout(HANG_TIMEOUT, ann.next()).await.unwrap().unwrap().unwrap() {
            break refusal.code;
        }
    };
    assert_eq!(refusal, Code::RESUME_REFUSED);
    ann.post(0, "three").await.unwrap();
    let after = receive(&mut ann, 1).await;
    let Reply::Binary(bytes) = ann.request(&*Query::last(9).encode(), HANG_TIMEOUT).await.unwrap() else { panic!() };
    let page = Page::parse(Payload::Binary(&bytes)).unwrap();
    let numbers = page.entries().map(|entry| match entry {
        Entry::Message(delivery) => delivery.seq,
        Entry::Gap(missed) => panic!("GAP {missed}"),
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [before[0].0, before[1].0, after[0].0]);
    assert_eq!(page.lost_before(), Some(0));
}

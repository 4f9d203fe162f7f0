//! Bans in the program: their file, reloads and restarts.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use crate::admin::unix;
use crate::running::{Directory, Running, output, program};

/// The first line that the hub sends to a new connection.
fn greeting(running: &Running) -> String {
    let mut line = String::new();
    BufReader::new(TcpStream::connect(("127.0.0.1", running.port())).unwrap()).read_line(&mut line).unwrap();
    line
}

#[test]
fn bans_outlive_a_reload_and_a_kill() {
    let directory = Directory::new();
    let (path, bans) = (directory.path("admin.sock"), directory.path("bans.json"));
    let settings = format!("listen = '127.0.0.1:0'\n[admin]\nlisten = 'unix:{path}'\n[access]\nbans = '{bans}'\n");
    let file = directory.file("hub.toml", &settings);
    let mut running = Running::start(&mut program(&["--config", &file]), 2);
    assert!(!greeting(&running).contains("banned"));
    let (status, banned) = unix(&path, "POST /ban", r#"{"address":"127.0.0.1","for":"1h","reason":"no flooding"}"#);
    assert!(status == 200 && banned.contains("\"kept\":true"), "{banned}");
    assert_eq!(unix(&path, "POST /ban", r#"{"name":"eve"}"#).0, 200);
    assert!(greeting(&running).ends_with(": banned: no flooding\r\n"));
    assert_eq!(std::fs::metadata(&bans).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(unix(&path, "POST /reload", "").0, 200);
    assert!(greeting(&running).ends_with(": banned: no flooding\r\n"));
    running.signal("KILL");
    running.end();

    let mut running = Running::start(&mut program(&["--config", &file]), 2);
    assert!(greeting(&running).ends_with(": banned: no flooding\r\n"));
    assert_eq!(unix(&path, "GET /bans", "").1.matches("\"ban\":").count(), 2);
    assert_eq!(unix(&path, "POST /unban", r#"{"ban":1}"#).0, 200);
    assert!(!greeting(&running).contains("banned"));
    let kept = std::fs::read_to_string(&bans).unwrap();
    assert!(kept.contains("\"eve\"") && !kept.contains("127.0.0.1"), "{kept}");
    assert_eq!(unix(&path, "POST /drain", "").0, 200);
    assert!(running.end().success());
}

#[test]
fn without_a_file_bans_end_with_the_process_and_the_answer_says_so() {
    let directory = Directory::new();
    let path = directory.path("admin.sock");
    let setting = format!("admin.listen=unix:{path}");
    for _ in 0..2 {
        let mut running = Running::start(&mut program(&["--listen", "127.0.0.1:0", "--set", &setting]), 2);
        assert!(!greeting(&running).contains("banned"));
        let banned = unix(&path, "POST /ban", r#"{"address":"127.0.0.1"}"#);
        assert!(banned.0 == 200 && banned.1.contains("\"kept\":false"), "{}", banned.1);
        assert!(unix(&path, "GET /bans", "").1.contains("\"kept\":false"));
        running.wait_for("INFO ban ");
        assert_eq!(unix(&path, "POST /drain", "").0, 200);
        assert!(running.end().success());
    }
}

#[test]
fn a_wrong_file_of_bans_is_refused() {
    let directory = Directory::new();
    let ban = r#""ban":1,"since":0,"until":9999999999999"#;
    for (text, why) in [
        ("", "EOF"),
        ("[]", "invalid length 0"),
        (&format!(r#"{{"bans":[{{{ban},"reason":"x"}}]}}"#), "exactly one of network, name and token"),
        (&format!(r#"{{"bans":[{{{ban},"reason":"x","network":"1.2.3.4/8"}}]}}"#), "bits after its prefix"),
        (&format!(r#"{{"bans":[{{{ban},"reason":"a\u001bb","name":"eve"}}]}}"#), "control characters"),
    ] {
        let setting = format!("access.bans={}", directory.file("bans.json", text));
        for start in [&["--check-config"][..], &["--listen", "127.0.0.1:0"]] {
            let (code, _, complaint) = output(program(start).args(["--set", &setting]));
            assert!(code == Some(2) && complaint.contains(why), "{text}: {complaint}");
        }
    }
    let setting = format!("access.bans={}", directory.path("no-such-folder/bans.json"));
    let (code, _, complaint) = output(program(&["--listen", "127.0.0.1:0"]).args(["--set", &setting]));
    assert!(code == Some(1) && complaint.contains("access.bans: "), "{code:?} {complaint}");
}

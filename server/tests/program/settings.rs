//! Settings: their sources, and how they are checked.

use crate::running::{Directory, Running, output, program};

#[test]
fn check_config_accepts_valid_settings_and_starts_nothing() {
    let directory = Directory::new();
    let ready = directory.path("ready");
    let file = directory.file("hub.toml", &format!("listen = '127.0.0.1:0'\nready_file = '{ready}'\n"));
    assert_eq!(output(&mut program(&["--config", &file, "--check-config"])), (Some(0), "ok\n".into(), String::new()));
    assert!(!crate::running::exists(&ready));
    let mistaken = output(program(&["--config", &file, "--check-config"]).env("BOOKEND_LIMITS_PING", "3"));
    let complaints =
        "bookend-server: BOOKEND_LIMITS_PING is not a setting and is ignored; did you mean BOOKEND_LIMITS_PINGS?\n";
    assert_eq!(mistaken, (Some(0), "ok\n".into(), complaints.into()));
}

#[test]
fn all_wrong_settings_are_reported_with_their_positions() {
    let directory = Directory::new();
    let file = directory.file("hub.toml", "listen = '127.0.0.1:0'\n[limits]\nmax_boddy = 1\nstall = 10\n");
    for flag in ["--check-config", "--print-config", "--public"] {
        let (code, printed, complaint) =
            output(program(&["--config", &file, flag]).env("BOOKEND_LIMITS_PINGS", "many"));
        assert_eq!((code, &*printed), (Some(2), ""), "{flag}");
        let complaints = [
            format!("{file}:3:1: there is no setting limits.max_boddy; did you mean limits.max_body?"),
            format!("{file}:4:9: limits.stall: \"10\" is not a time from 100ms to 1h"),
            "BOOKEND_LIMITS_PINGS: limits.pings: \"many\" is not a number from 1 to 1000000".into(),
        ];
        assert_eq!(complaint, complaints.map(|fault| format!("bookend-server: {fault}\n")).concat());
    }
}

#[test]
fn the_printed_settings_can_be_used_as_the_file() {
    let directory = Directory::new();
    let plain = output(&mut program(&["--print-config"]));
    assert_eq!((plain.0, &*plain.2), (Some(0), ""));
    let file = directory.file("hub.toml", &plain.1);
    let again = output(&mut program(&["--config", &file, "--print-config"])).1;
    let without_origins = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with("# Set by")).map(str::to_owned).collect()
    };
    assert_eq!(without_origins(&again), without_origins(&plain.1));

    let changed = output(
        program(&["--config", &file, "--set", "room.log=1MiB", "--print-config"]).env("BOOKEND_LIMITS_PINGS", "3"),
    );
    assert!(changed.1.contains("# Set by BOOKEND_LIMITS_PINGS.\npings = 3\n"), "{}", changed.1);
    assert!(changed.1.contains("# Set by --set.\nlog = \"1MiB\"\n"), "{}", changed.1);
}

#[test]
fn the_environment_may_name_the_file_and_the_log_may_be_json() {
    let directory = Directory::new();
    let ready = directory.path("ready");
    let file = directory.file(
        "hub.toml",
        &format!("listen = ['127.0.0.1:0', 'localhost:0']\nready_file = '{ready}'\n[log]\nformat = 'json'\n"),
    );
    let mut command = program(&[]);
    command.env("BOOKEND_CONFIG", &file).env("BOOKEND_LISTENN", "x");
    let mut running = Running::start(&mut command, 2);
    let places = std::fs::read_to_string(&ready).unwrap();
    assert_eq!(places.lines().next(), Some(&*format!("127.0.0.1:{}", running.port())), "it is written before");
    let mistaken = running.wait_for("environment-ignored");
    assert!(mistaken.contains(r#""detail":"did you mean BOOKEND_LISTEN?""#), "{mistaken}");
    let line = running.wait_for("listen");
    let address = format!(r#""message":"listen","address":"127.0.0.1:{}""#, running.port());
    assert!(line.starts_with('{') && line.ends_with('}') && line.contains(&address), "{line}");
}

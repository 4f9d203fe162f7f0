//! Settings: their sources, and how they are checked.

use bookend_testing::Authority;

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

/// The answer and the complaints of `--check-config`, without the name of the program.
fn checked(arguments: &[&str]) -> (String, Vec<String>) {
    let (code, printed, complaints) = output(program(arguments).arg("--check-config"));
    assert_eq!(code, Some(0), "{complaints}");
    (printed, complaints.lines().map(|line| line.trim_start_matches("bookend-server: ").to_owned()).collect())
}

#[test]
fn settings_that_are_probably_a_mistake_are_warned_of() {
    let directory = Directory::new();
    let (old, valid) = ("expires = 2020-01-01\n", "");
    let tokens = |name: &str, expires: &str| {
        let entry =
            format!("[[token]]\nname = '{name}'\nsha256 = '{}'\nrooms = '*'\nrights = 'read'\n", "0".repeat(64));
        format!("access.tokens={}", directory.file(name, &(entry + expires)))
    };
    let (ann, bob) = (tokens("ann", old), tokens("bob", valid));
    let nobody = "nobody can join: peers need a token, and there is no valid one";
    let expired = "warning: --set: access.tokens: the token ann has expired (2020-01-01T00:00:00Z)".to_owned();
    for (settings, warnings) in [
        (&["access.anonymous=none"][..], vec![format!("warning: --set: access.anonymous: {nobody}")]),
        (&["access.anonymous=read"], vec![]),
        (&[&*ann], vec![expired.clone(), format!("warning: --set: access.tokens: {nobody}")]),
        (&[&*ann, "access.anonymous=read"], vec![expired]),
        (&[&*bob, "access.anonymous=none"], vec![]),
    ] {
        let arguments: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        assert_eq!(checked(&arguments), ("ok\n".into(), warnings), "{settings:?}");
    }
    let authority = Authority::new();
    let [certificate, key] = [("certificate", "cert.pem"), ("key", "key.pem")]
        .map(|(name, file)| format!("tls.{name}={}", authority.path(file)));
    let unused =
        "warning: --set: tls.certificate: no address in listen begins with tls://, so it is not used".to_owned();
    let tls = ["--set", &certificate, "--set", &key];
    // There are other warnings, of the key and the chain.
    assert!(checked(&tls).1.contains(&unused));
    assert!(!checked(&[&tls[..], &["--listen", "tls://127.0.0.1:0"]].concat()).1.contains(&unused));
}

#[cfg(unix)]
#[test]
fn an_emptied_settings_file_is_not_taken_for_the_defaults() {
    let directory = Directory::new();
    let file = directory.file("hub.toml", "listen = '127.0.0.1:0'\n");
    let mut running = Running::start(&mut program(&["--config", &file]), 1);
    directory.file("hub.toml", " \n");
    assert_eq!(
        checked(&["--config", &file]).1,
        [format!("warning: {file}: the file is empty: the defaults are in force")]
    );
    running.signal("HUP");
    let refused = running.wait_for("reload-refused");
    assert!(refused.contains(&format!("{file}: the file is empty, and was not before")), "{refused}");
    directory.file("hub.toml", "# nothing but the defaults\nlisten = '127.0.0.1:0'\n");
    running.signal("HUP");
    running.wait_for("INFO reload changed=0");
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

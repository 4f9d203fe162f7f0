//! The start: addresses that are not there yet or taken, files of earlier hubs, permissions.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::running::{Directory, Running, exists, output, program};

/// The hub in a network namespace of its own. `before` is run there first; a line of its standard input may be `read`.
fn in_namespace(before: &str, arguments: &[&str]) -> Option<Command> {
    let mut probe = Command::new("unshare");
    probe.args(["--user", "--map-root-user", "--net", "ip", "link", "set", "lo", "up"]).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        eprintln!("NOT TESTED: this system permits no namespaces, or there is no ip");
        return None;
    }
    let hub = env!("CARGO_BIN_EXE_bookend-server");
    let script = format!("ip link set lo up; exec 4<&0; {before} exec '{hub}' \"$@\" </dev/null 4<&-");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "sh", "-c", &script, "hub"]).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(command)
}

#[test]
fn an_address_that_the_machine_does_not_have_yet_is_waited_for() {
    let before = "(read go <&4; ip addr add 192.0.2.77/32 dev lo) &";
    let Some(mut command) = in_namespace(before, &["--public", "--listen", "192.0.2.77:3990"]) else { return };
    let (reader, writer) = std::io::pipe().unwrap();
    let mut running = Running::start(command.stdin(reader), 0);
    running.wait_for("WARN listen-waits detail=\"192.0.2.77:3990: ");
    std::io::Write::write_all(&mut &writer, b"go\n").unwrap();
    running.wait_for("INFO listen address=\"192.0.2.77:3990\"");
}

#[test]
fn the_admin_service_waits_for_its_address_too() {
    let directory = Directory::new();
    let token = format!("admin.token_file={}", directory.file("token", "a-token-of-some-length\n"));
    let settings = ["admin.listen=192.0.2.77:3991", "admin.public=true", &token];
    let mut arguments = vec!["--listen", "127.0.0.1:0"];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    let before = "(read go <&4; ip addr add 192.0.2.77/32 dev lo) &";
    let Some(mut command) = in_namespace(before, &arguments) else { return };
    let (reader, writer) = std::io::pipe().unwrap();
    let mut running = Running::start(command.stdin(reader), 0);
    running.wait_for("WARN listen-waits detail=\"admin.listen: 192.0.2.77:3991: ");
    std::io::Write::write_all(&mut &writer, b"go\n").unwrap();
    running.wait_for("INFO admin-listen address=\"192.0.2.77:3991\"");
}

#[test]
fn the_command_that_joins_has_the_zone_of_an_address() {
    let before = "ip addr add fe80::7/64 dev lo nodad;";
    let Some(mut command) = in_namespace(before, &["--public", "--listen", "[fe80::7%lo]:3990"]) else { return };
    let running = Running::start(&mut command, 1);
    let zone = "fe80::7%1"; // lo is the first interface of a namespace
    assert!(running.printed[0].contains(&format!(" - join: telnet {zone} 3990 ")), "{:?}", running.printed);
    assert!(running.printed[0].ends_with(&format!(" chat [{zone}]:3990")), "{:?}", running.printed);
}

#[test]
fn the_command_that_joins_is_the_installed_one_outside_a_checkout() {
    let directory = Directory::new();
    let installed = directory.path("bookend-server");
    fs::copy(env!("CARGO_BIN_EXE_bookend-server"), &installed).unwrap();
    let mut command = Command::new(&installed);
    command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = Running::start(&mut command, 1);
    assert!(running.printed[0].contains("   or: bookend chat 127.0.0.1:"), "{:?}", running.printed);
}

#[test]
fn both_families_share_a_port_in_any_order() {
    for addresses in [["0.0.0.0:3990", "[::]:3990"], ["[::]:3990", "0.0.0.0:3990"], ["127.0.0.1:3990", "[::]:3990"]] {
        let arguments = ["--public", "--listen", addresses[0], "--listen", addresses[1]];
        let Some(mut command) = in_namespace("", &arguments) else { return };
        let running = Running::start(&mut command, 2);
        for (printed, address) in running.printed.iter().zip(addresses) {
            assert!(printed.starts_with(&format!("listening on {address} ")), "{printed}");
        }
    }
}

#[test]
fn an_address_that_is_taken_by_the_other_family_is_explained() {
    let taken = TcpListener::bind("[::]:0").unwrap();
    let address = format!("0.0.0.0:{}", taken.local_addr().unwrap().port());
    let (code, _, complaint) = output(&mut program(&["--public", "--listen", &address]));
    assert!(code == Some(1) && complaint.contains("on [::], which includes IPv4"), "{complaint}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("[::]:{}", taken.local_addr().unwrap().port());
    let (code, _, complaint) = output(&mut program(&["--public", "--listen", &address]));
    assert!(code == Some(1) && complaint.contains("on an IPv4 address, and [::] includes IPv4"), "{complaint}");
}

#[test]
fn a_ready_file_of_an_earlier_hub_is_removed_even_if_the_start_fails() {
    let directory = Directory::new();
    let ready = directory.file("ready", "127.0.0.1:1\n");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_eq!(output(&mut program(&["--listen", &address, "--ready-file", &ready])).0, Some(1));
    assert!(!exists(&ready));
}

#[test]
fn no_file_is_written_through_symbolic_links() {
    let directory = Directory::new();
    let (ready, victim) = (directory.path("ready"), directory.file("victim", "precious"));
    symlink(&victim, &ready).unwrap();
    symlink(&victim, directory.path("ready.new")).unwrap();
    let bans = directory.path("bans");
    symlink(&victim, directory.path("bans.new")).unwrap();
    let setting = format!("access.bans={bans}");
    let arguments = ["--listen", "127.0.0.1:0", "--ready-file", &ready, "--set", &setting];
    let running = Running::start(&mut program(&arguments), 1);
    assert!(fs::read_to_string(&bans).unwrap().contains("bans"));
    assert_eq!(fs::metadata(&bans).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&ready).unwrap(), format!("127.0.0.1:{}\n", running.port()));
    assert!(!fs::symlink_metadata(&ready).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn files_with_secrets_that_others_can_write_are_refused_and_readable_ones_are_reported() {
    let directory = Directory::new();
    let tokens = directory.file("tokens.toml", &output(&mut program(&["token", "ann"])).1);
    let admin = directory.file("admin", "a-token-of-some-length\n");
    for (name, path) in [("access.tokens", &tokens), ("admin.token_file", &admin)] {
        let set = format!("{name}={path}");
        for (mode, code, words) in [
            (0o600, 0, ""),
            (0o640, 0, ""),
            (0o660, 0, "may write it"),
            (0o644, 0, "may read it"),
            (0o646, 2, "may write it"),
        ] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            let check = output(&mut program(&["--check-config", "--set", &set]));
            assert!(check.0 == Some(code) && check.2.contains(words), "{mode:o}: {check:?}");
            assert_eq!(check.2.is_empty(), words.is_empty(), "{mode:o}: {check:?}");
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
        let mut running = Running::start(&mut program(&["--listen", "127.0.0.1:0", "--set", &set]), 1);
        running.wait_for(&format!("WARN file-exposed detail=\"--set: {name}: {path}: "));
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn a_unix_socket_is_at_no_time_wider_than_its_mode() {
    let directory = Directory::new();
    let path = directory.path("hub.sock");
    let (ended, address) = (AtomicBool::new(false), format!("unix:{path}"));
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut modes = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let mode = fs::metadata(&path).map(|metadata| metadata.permissions().mode() & 0o777);
                modes.extend(mode.ok().filter(|mode| !modes.contains(mode)));
            }
            modes
        });
        for _ in 0..5 {
            let mut command = Command::new("sh");
            let script = format!("umask 0; exec '{}' \"$@\"", env!("CARGO_BIN_EXE_bookend-server"));
            command.args(["-c", &script, "hub", "--listen", &address, "--set", "unix.mode=0600"]);
            // It is killed, and leaves its socket to the next one.
            Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()), 1);
        }
        ended.store(true, Ordering::Relaxed);
        assert_eq!(watch.join().unwrap(), [0o600]);
    });
    let files: Vec<_> = fs::read_dir(directory.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["hub.sock"], "the private directories are gone");
}

#[test]
fn a_unix_socket_may_have_the_longest_path_that_can_be_connected_to() {
    let directory = Directory::new();
    let folder = directory.path("");
    let path = format!("{folder}{}", "x".repeat(107 - folder.len()));
    let running = Running::start(&mut program(&["--listen", &format!("unix:{path}")]), 1);
    std::os::unix::net::UnixStream::connect(&path).unwrap();
    drop(running);
    let (code, _, complaint) = output(&mut program(&["--listen", &format!("unix:{path}x")]));
    assert!(code == Some(1) && complaint.contains("path must be shorter"), "{complaint}");
}

#[test]
fn help_that_cannot_be_printed_is_a_failure() {
    for argument in ["--help", "--version", "--print-config"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(program(&[argument]).stdout(full).status().unwrap().code(), Some(1), "{argument}");
    }
}

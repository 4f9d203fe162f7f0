//! Notifications to systemd.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use bookend_testing::{Authority, HANG_TIMEOUT};

use crate::running::{Directory, Running, exists, output, program};

#[test]
fn systemd_is_notified_of_readiness_reloads_watchdog_and_stop() {
    let directory = Directory::new();
    let path = directory.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
    let next = || {
        let mut buffer = [0; 256];
        let count = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..count].into()).unwrap()
    };
    // The next frame, except PINGs.
    let received = || std::iter::repeat_with(next).find(|text| text != "WATCHDOG=1\n").unwrap();
    let file = directory.file("hub.toml", "listen = '127.0.0.1:0'\n");
    let mut command = program(&["--config", &file]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "20000");
    let mut running = Running::start(&mut command, 1);
    assert_eq!(received(), "READY=1\n");
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1\n");
    }
    running.signal("HUP");
    let reloading = received();
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().trim_end();
    assert!(since.parse::<u64>().is_ok(), "{reloading}");
    assert_eq!(received(), "READY=1\n");
    running.signal("TERM");
    assert_eq!(received(), "STOPPING=1\n");
    assert!(running.end().success());
}

#[test]
fn an_abstract_socket_is_notified_and_a_missing_one_is_logged() {
    let name = format!("bookend-notify-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = program(&["--listen", "127.0.0.1:0"]);
    let _running = Running::start(command.env("NOTIFY_SOCKET", format!("@{name}")), 1);
    let mut buffer = [0; 256];
    let count = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"READY=1\n");

    let mut running = Running::start(command.env("NOTIFY_SOCKET", "@nobody-has-this-name"), 1);
    running.wait_for("WARN notify-failed");
}

/// The program, to which this socket is handed over as systemd does it.
fn activated(socket: impl Into<OwnedFd>, names: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!(
        "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={names}; exec '{}' \"$@\" 3<&0 </dev/null",
        env!("CARGO_BIN_EXE_bookend-server")
    );
    command.args(["-c", &script, "hub"]).args(arguments).stdin(Stdio::from(socket.into()));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The first line for somebody who has connected before the hub started.
fn greeting(mut stream: impl std::io::Read + Write) -> String {
    stream.write_all(b"hi\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn a_socket_that_is_handed_over_is_served_and_outlives_the_hub() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    for arguments in [vec![], vec!["--listen".to_owned(), address.to_string()]] {
        let early = TcpStream::connect(address).unwrap();
        early.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut running = Running::start(&mut activated(socket.try_clone().unwrap(), "", &arguments), 1);
        assert!(running.printed[0].starts_with(&format!("listening on {address} ")), "{:?}", running.printed);
        assert!(greeting(early).starts_with("Bookend hub, "));
        running.signal("TERM");
        assert!(running.end().success());
    }
    // Others are listened on besides.
    let running = Running::start(&mut activated(socket, "", &["--listen", "localhost:0"]), 2);
    assert!(running.printed[1].starts_with(&format!("listening on {address} ")), "{:?}", running.printed);
}

#[test]
fn a_unix_socket_that_is_handed_over_is_served_and_not_removed() {
    let directory = Directory::new();
    let path = directory.path("hub.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let early = UnixStream::connect(&path).unwrap();
    let mut running = Running::start(&mut activated(socket, "", &[]), 1);
    assert!(greeting(early).starts_with("Bookend hub, "));
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    running.signal("HUP");
    running.wait_for("INFO reload changed=0");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "the permissions are those of systemd");
    assert!(greeting(UnixStream::connect(&path).unwrap()).starts_with("Bookend hub, "), "it is still served");
    running.signal("TERM");
    assert!(running.end().success());
    assert!(exists(&path), "it belongs to systemd");
}

#[test]
fn a_socket_that_is_handed_over_obeys_the_rules_of_addresses() {
    let public = TcpListener::bind("0.0.0.0:0").unwrap();
    let (code, _, complaint) = output(&mut activated(public, "", &[]));
    assert!(code == Some(2) && complaint.contains("other machines can reach 0.0.0.0:"), "{complaint}");

    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, _, complaint) = output(&mut activated(socket.try_clone().unwrap(), "tls-hub", &[]));
    assert!(code == Some(2) && complaint.contains("needs tls.certificate and tls.key"), "{complaint}");
    let authority = Authority::new();
    let certificate = format!("tls.certificate={}", authority.path("cert.pem"));
    let key = format!("tls.key={}", authority.path("key.pem"));
    let running = Running::start(&mut activated(socket, "tls-hub", &["--set", &certificate, "--set", &key]), 1);
    assert!(running.printed[0].starts_with("listening on tls://127.0.0.1:"), "{:?}", running.printed);

    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (code, _, complaint) = output(&mut activated(datagrams, "", &[]));
    assert!(code == Some(2) && complaint.contains("LISTEN_FDS: descriptor 3 is not"), "{complaint}");
}

#[test]
fn the_units_are_valid() {
    let directory = Directory::new();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/");
    let unit = std::fs::read_to_string(format!("{root}bookend-server.service")).unwrap();
    let unit = unit.replace("/usr/local/bin/bookend-server", env!("CARGO_BIN_EXE_bookend-server"));
    let service = directory.file("bookend-server.service", &unit);
    let socket = std::fs::read_to_string(format!("{root}bookend-server.socket")).unwrap();
    let socket = directory.file("bookend-server.socket", &socket);
    match Command::new("systemd-analyze").args(["verify", &service, &socket]).output() {
        Err(_) => eprintln!("NOT TESTED: there is no systemd-analyze here"),
        Ok(verified) => {
            let complaint = String::from_utf8_lossy(&verified.stderr);
            assert!(verified.status.success() && !complaint.contains("bookend-server"), "{complaint}");
        }
    }
}

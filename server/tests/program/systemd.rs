//! Notifications to systemd.

use std::os::unix::net::UnixDatagram;

use bookend_testing::HANG_TIMEOUT;

use crate::running::{Directory, Running, program};

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

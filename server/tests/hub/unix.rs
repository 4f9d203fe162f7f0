//! Unix sockets.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use bookend::Connection;
use bookend_server::UnixListener;
use tokio::net::UnixStream;

use crate::peer::{hello, hub};

/// A path for one test, removed at its end.
struct Path(PathBuf);

impl Path {
    fn new(test: &str) -> Path {
        Path(std::env::temp_dir().join(format!("bookend-{test}-{}", std::process::id())))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // it may be gone already
    }
}

#[tokio::test]
async fn the_socket_file_has_its_mode_admits_members_and_is_removed() {
    let path = Path::new("mode");
    let listener = UnixListener::bind(&path.0, 0o600).await.unwrap();
    assert_eq!(fs::metadata(&path.0).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(listener.path(), path.0);
    let hub = hub();
    let running = tokio::spawn(listener.run(hub.clone()));
    let stream = UnixStream::connect(&path.0).await.unwrap();
    let mut client = Connection::connect(stream, hello("ann")).await.unwrap();
    client.post(0, "hi").await.unwrap();
    while !matches!(client.next().await.unwrap(), Some(bookend::Message::Delivery(_))) {}
    let metrics = hub.metrics();
    assert!(metrics.contains("\nbookend_connections{door=\"unix\",state=\"member\"} 1\n"), "{metrics}");
    running.abort();
    let _ = running.await; // it was aborted
    assert!(!path.0.exists());
}

#[tokio::test]
async fn a_socket_is_replaced_only_if_no_program_answers_on_it() {
    let path = Path::new("stale");
    let first = UnixListener::bind(&path.0, 0o600).await.unwrap();
    let refusal = UnixListener::bind(&path.0, 0o600).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::AddrInUse);

    // What a killed process leaves:
    let left_behind = path.0.with_extension("kept");
    fs::rename(&path.0, &left_behind).unwrap();
    drop(first);
    fs::rename(&left_behind, &path.0).unwrap();
    let second = UnixListener::bind(&path.0, 0o600).await.unwrap();

    // Somebody else's file at the same place stays:
    fs::remove_file(&path.0).unwrap();
    fs::write(&path.0, "mine").unwrap();
    drop(second);
    let refusal = UnixListener::bind(&path.0, 0o600).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path.0).unwrap(), b"mine");
}

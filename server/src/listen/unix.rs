//! Unix sockets: programs on the same machine connect, if the permissions of the file allow it.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use socket2::SockRef;
use tokio::net::UnixStream;

use super::{back_off, reject};
use crate::connection;
use crate::hub::Hub;
use crate::peer::Peer;

/// The size of the buffer to a peer, in bytes. Linux doubles it, and reports only when three quarters of it have been
/// taken that it accepts more: with its default, a peer that reads 16 kB/s seems to accept nothing for eleven seconds.
const SEND_BUFFER: usize = 32 << 10;

/// A listener on a Unix socket. Its file is removed when this is dropped.
#[derive(Debug)]
pub struct UnixListener {
    pub(super) listener: tokio::net::UnixListener,
    pub(super) path: PathBuf,
    /// Device and inode of the file that was created: another file at the same path belongs to somebody else.
    file: (u64, u64),
}

impl UnixListener {
    /// Listens on a path. Users that may write to the file according to `mode` may connect. An existing socket is replaced
    /// if no program answers on it.
    ///
    /// # Errors
    /// [`ErrorKind::AddrInUse`] if a program answers, [`ErrorKind::AlreadyExists`] if the file is not a socket, or the
    /// error of the system.
    pub async fn bind(path: &Path, mode: u32) -> io::Result<UnixListener> {
        remove_stale(path).await?;
        let listener = tokio::net::UnixListener::bind(path)?;
        let metadata = fs::symlink_metadata(path)?;
        let listener = UnixListener { listener, path: path.into(), file: (metadata.dev(), metadata.ino()) };
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        Ok(listener)
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves every connection, forever.
    pub async fn run(self, hub: Hub) {
        let mut last = 0_u64;
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    last += 1;
                    let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER); // it works without, too
                    let (label, user) = identify(last, &stream);
                    let (hub, peer) = (hub.with_current_config(), Peer::unix(&label, user));
                    match hub.admit(&peer) {
                        Ok(entry) => drop(tokio::spawn(connection::serve(&hub, stream, peer, entry))),
                        Err(rejection) => reject(&SockRef::from(&stream), rejection),
                    }
                }
                Err(error) => back_off(self.path.display(), error).await,
            }
        }
    }
}

impl Drop for UnixListener {
    fn drop(&mut self) {
        let is_ours = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == self.file;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            let _ = fs::remove_file(&self.path); // it may be gone already
        }
    }
}

/// Removes a socket whose process no longer runs.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "it exists and is not a socket"));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another program listens there")),
    }
}

/// The number of the connection with the user and process that the system reports for its peer, and that user.
fn identify(number: u64, stream: &UnixStream) -> (String, Option<u32>) {
    let Ok(peer) = stream.peer_cred() else { return (format!("unix:{number}"), None) };
    let user = peer.uid();
    let label = match peer.pid() {
        Some(pid) => format!("unix:{number}(uid={user},pid={pid})"),
        None => format!("unix:{number}(uid={user})"),
    };
    (label, Some(user))
}

//! A Unix socket as a door: programs on the same machine, let in by the permissions of a file.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;

use super::back_off;
use crate::hub::Hub;
use crate::peer::Peer;

/// A Unix socket that the hub listens on. Its file is removed when this is dropped.
#[derive(Debug)]
pub struct UnixListener {
    pub(super) listener: tokio::net::UnixListener,
    pub(super) path: PathBuf,
    /// Device and number of the file that was made: another one at the same path is somebody else's.
    file: (u64, u64),
}

impl UnixListener {
    /// Listens on a path. Whoever may write to the file, as `mode` says, may connect. A socket that is there already
    /// is replaced if nobody answers on it.
    ///
    /// # Errors
    /// [`ErrorKind::AddrInUse`] if somebody answers there, [`ErrorKind::AlreadyExists`] if it is not a socket, or why
    /// the system refuses it.
    pub async fn bind(path: &Path, mode: u32) -> io::Result<UnixListener> {
        remove_stale(path).await?;
        let listener = tokio::net::UnixListener::bind(path)?;
        let metadata = fs::symlink_metadata(path)?;
        let listener = UnixListener { listener, path: path.into(), file: (metadata.dev(), metadata.ino()) };
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        Ok(listener)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves every connection that comes, for ever.
    pub async fn run(self, hub: Hub) {
        let mut last = 0_u64;
        loop {
            match self.listener.accept().await {
                Ok((stream, _unnamed)) => {
                    last += 1;
                    let peer = Peer::unix(&label(last, &stream));
                    tokio::spawn(hub.serve(stream, peer));
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
            let _gone_meanwhile = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket that its process has left behind.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "it exists and is no socket"));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_somebody) => Err(io::Error::new(ErrorKind::AddrInUse, "somebody listens there")),
    }
}

/// The number of the connection, and who the system says is at its other end.
fn label(number: u64, stream: &UnixStream) -> String {
    match stream.peer_cred() {
        Ok(peer) => match peer.pid() {
            Some(pid) => format!("unix:{number}(uid={},pid={pid})", peer.uid()),
            None => format!("unix:{number}(uid={})", peer.uid()),
        },
        Err(_) => format!("unix:{number}"),
    }
}

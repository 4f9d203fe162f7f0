//! Unix sockets: programs on the same machine connect, if the permissions of the file allow it.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
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
/// How many names for a private directory are tried: a crash may leave one.
const ATTEMPTS: u32 = 16;

/// A listener on a Unix socket. Its file is removed when this is dropped.
#[derive(Debug)]
pub struct UnixListener {
    pub(super) listener: tokio::net::UnixListener,
    pub(super) path: PathBuf,
    /// Device and inode of the file that was created: another file at the same path belongs to somebody else. `None` if the
    /// socket was handed over, and is not ours to remove.
    file: Option<(u64, u64)>,
}

/// A directory in which only this user can reach a socket until it has its permissions. It is removed when this is dropped.
struct PrivateDirectory(PathBuf);

impl UnixListener {
    /// Listens on a path. Users that may write to the file according to `mode` may connect. An existing socket is replaced
    /// if no program answers on it. No other user reaches the socket at any time: it is bound in a private directory beside
    /// the path, and moved to the path when it has its permissions.
    ///
    /// # Errors
    /// [`ErrorKind::AddrInUse`] if a program answers, [`ErrorKind::AlreadyExists`] if the file is not a socket, or the
    /// error of the system.
    pub async fn bind(path: &Path, mode: u32) -> io::Result<UnixListener> {
        std::os::unix::net::SocketAddr::from_pathname(path)?; // is it short enough for those who connect?
        check_unused(path).await?;
        let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
        let private = PrivateDirectory::beside(path)?;
        let bound = private.0.join(name);
        let listener = bind_in(&private.0, &bound)?;
        fs::set_permissions(&bound, Permissions::from_mode(mode))?;
        let metadata = fs::symlink_metadata(&bound)?;
        let renamed = fs::rename(&bound, path);
        if renamed.is_err() {
            let _ = fs::remove_file(&bound); // the directory must be empty to be removed
        }
        renamed?;
        Ok(UnixListener { listener, path: path.into(), file: Some((metadata.dev(), metadata.ino())) })
    }

    /// A socket that already listens, for instance one that systemd hands over. Its file is never removed.
    ///
    /// # Errors
    /// The error of the system.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        listener.set_nonblocking(true)?;
        let path = listener.local_addr()?.as_pathname().unwrap_or(Path::new("")).into();
        Ok(UnixListener { listener: tokio::net::UnixListener::from_std(listener)?, path, file: None })
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
        let is_ours = |metadata: fs::Metadata| Some((metadata.dev(), metadata.ino())) == self.file;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            let _ = fs::remove_file(&self.path); // it may be gone already
        }
    }
}

/// Binds a path in a directory, even if the path is a little too long because of the directory.
fn bind_in(directory: &Path, path: &Path) -> io::Result<tokio::net::UnixListener> {
    match tokio::net::UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::InvalidInput && cfg!(target_os = "linux") => {
            let directory = fs::File::open(directory)?;
            let short = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
            tokio::net::UnixListener::bind(short.join(path.file_name().unwrap_or_default()))
        }
        bound => bound,
    }
}

impl PrivateDirectory {
    fn beside(path: &Path) -> io::Result<PrivateDirectory> {
        let parent = path.parent().unwrap_or(Path::new(""));
        let mut last = Err(ErrorKind::AlreadyExists.into());
        for number in 0..ATTEMPTS {
            // Short, because the path of a socket has about a hundred bytes at most.
            let directory = parent.join(format!(".{:x}-{number}", std::process::id()));
            last = fs::DirBuilder::new().mode(0o700).create(&directory).map(|()| PrivateDirectory(directory));
            if !matches!(&last, Err(error) if error.kind() == ErrorKind::AlreadyExists) {
                break;
            }
        }
        last
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0); // best effort
    }
}

/// Checks that nothing is at the path, or a socket whose process no longer runs.
async fn check_unused(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "it exists and is not a socket"));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
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

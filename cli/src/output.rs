//! Standard output: whether there is one, and whether its reader has gone.

#[cfg(unix)]
use std::os::unix::fs::MetadataExt;

/// True if the program was started without a standard output (`>&-`). The standard library then opens `/dev/null` for
/// reading and writing in its place, which a shell never does. Programs that start daemons do, for all three streams;
/// those want no output.
#[cfg(unix)]
pub(crate) fn is_closed() -> bool {
    let Ok(null) = std::fs::metadata("/dev/null") else { return false };
    let is_placeholder = |fd: std::os::fd::BorrowedFd<'_>| {
        let is_null = rustix::fs::fstat(fd).is_ok_and(|stat| stat.st_rdev == null.rdev() && stat.st_ino == null.ino());
        is_null && rustix::fs::fcntl_getfl(fd).is_ok_and(|flags| flags.contains(rustix::fs::OFlags::RDWR))
    };
    is_placeholder(rustix::stdio::stdout())
        && !is_placeholder(rustix::stdio::stdin())
        && !is_placeholder(rustix::stdio::stderr())
}

#[cfg(not(unix))]
pub(crate) fn is_closed() -> bool {
    false
}

/// Waits until nobody can read standard output any more: the other end of a pipe, socket or terminal is closed. Starts a
/// thread that waits as long as the program runs.
#[cfg(unix)]
pub(crate) async fn reader_gone() {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;

    let (sender, gone) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let output = rustix::stdio::stdout();
        // No event is requested: only errors and hang-ups end the wait. A file has neither.
        let mut watched = [PollFd::new(&output, PollFlags::empty())];
        while poll(&mut watched, None) == Err(Errno::INTR) {}
        let _ = sender.send(()); // the command may have ended
    });
    let _ = gone.await; // the thread does not panic
}

#[cfg(not(unix))]
pub(crate) async fn reader_gone() {
    std::future::pending().await
}

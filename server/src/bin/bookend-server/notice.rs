//! Short texts for people on standard output and standard error. A reader that does not read delays the program by a
//! second at most.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

/// How long writing may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Writes a text.
///
/// # Errors
/// The error of the system, or [`ErrorKind::TimedOut`]: the text may still be written later.
pub(crate) fn write(mut output: impl Write + Send + 'static, text: String) -> io::Result<()> {
    let (result, written) = sync_channel(1);
    thread::spawn(move || {
        let _ = result.send(output.write_all(text.as_bytes()).and_then(|()| output.flush())); // or it waits no longer
    });
    written.recv_timeout(TIMEOUT).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// Prints errors or warnings to standard error, one in each line.
pub(crate) fn complain(reasons: &[impl fmt::Display]) {
    if !reasons.is_empty() {
        let text = reasons.iter().map(|reason| format!("bookend-server: {reason}\n")).collect();
        let _ = write(io::stderr(), text); // standard error may be closed
    }
}

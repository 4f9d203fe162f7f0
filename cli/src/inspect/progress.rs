//! A progress bar for large inputs, on standard error.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Smaller files need no progress bar, in bytes.
const LARGE: u64 = 16 << 20;

/// Shows the progress of reading on a terminal. `length` is the length of a file, or `None` for a stream.
pub(super) fn show(progress: &ProgressBar, length: Option<u64>) {
    // The frames of a live stream on a terminal show the progress themselves.
    if length.map_or(io::stdout().is_terminal(), |length| length < LARGE) || !io::stderr().is_terminal() {
        return;
    }
    progress.set_draw_target(ProgressDrawTarget::stderr());
    match length {
        Some(length) => {
            progress.set_length(length);
            progress.set_style(style("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left"));
        }
        None => progress.set_style(style("{bytes} read, {bytes_per_sec}")),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid")
}

//! A progress bar for large inputs, on standard error.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Files below this are read before anybody wonders, in bytes.
const LARGE: u64 = 16 << 20;

/// Shows how far reading is, on a terminal; `length` is that of a file, `None` for what may never end.
pub(super) fn show(progress: &ProgressBar, length: Option<u64>) {
    // The frames of a live stream on a terminal show that by themselves.
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
    ProgressStyle::with_template(template).expect("the template is right")
}

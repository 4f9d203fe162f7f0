//! Answers one request a line, as `interop/README.md` describes.

use std::io::{self, BufRead, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        writeln!(out, "{}", bookend_adapter::answer(&line?))?;
        out.flush()?;
    }
    Ok(())
}

//! `Debug` output for bytes and texts: the number of bytes, or the beginning of a text. Bytes of a peer may be many, or
//! may be a password.

use core::fmt;

/// The longest text that is shown whole, in bytes.
const EXCERPT: usize = 256;

/// Shows a number of bytes in place of the bytes.
pub(crate) struct Bytes(pub(crate) usize);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

/// Shows a text, or the beginning of a long one.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = beginning(self.0);
        write!(f, "{shown:?}")?;
        if shown.len() < self.0.len() { write!(f, "… ({} bytes)", self.0.len()) } else { Ok(()) }
    }
}

/// The part of `text` that is shown.
pub(crate) fn beginning(text: &str) -> &str {
    let end = (0..=text.len().min(EXCERPT)).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

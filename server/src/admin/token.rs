//! The token of the admin service.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use subtle::ConstantTimeEq;

/// A shorter token can be guessed.
const MIN: usize = 16;
const MAX: usize = 256;

/// A token for the admin service. It is never shown.
#[derive(Clone)]
pub struct AdminToken(Arc<[u8]>);

impl AdminToken {
    /// Reads the first line of a file, without surrounding blanks: 16 to 256 visible ASCII characters.
    ///
    /// # Errors
    /// The error of the system, or [`io::ErrorKind::InvalidData`].
    pub fn from_file(path: &Path) -> io::Result<AdminToken> {
        let text = fs::read(path)?;
        let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
        AdminToken::new(line.trim_ascii()).ok_or_else(|| {
            let reason = format!("a token is a line of {MIN} to {MAX} visible ASCII characters");
            io::Error::new(io::ErrorKind::InvalidData, reason)
        })
    }

    /// A token of these bytes; `None` unless they are 16 to 256 visible ASCII characters.
    #[must_use]
    pub fn new(secret: &[u8]) -> Option<AdminToken> {
        let fits = (MIN..=MAX).contains(&secret.len()) && secret.iter().all(u8::is_ascii_graphic);
        fits.then(|| AdminToken(secret.into()))
    }

    /// Compares in constant time.
    pub(super) fn is(&self, secret: &[u8]) -> bool {
        self.0.ct_eq(secret).into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_fits_into_a_header_and_is_not_shown() {
        let token = AdminToken::new(b"0123456789abcdef").unwrap();
        assert!(token.is(b"0123456789abcdef"));
        for other in [&b"0123456789abcdeF"[..], b"0123456789abcde", b"0123456789abcdef0", b""] {
            assert!(!token.is(other));
        }
        assert_eq!(format!("{token:?}"), "AdminToken(…)");
        for wrong in [&b"0123456789abcde"[..], b"0123456789 abcdef", b"0123456789abcde\xff", &[b'x'; 257]] {
            assert!(AdminToken::new(wrong).is_none(), "{wrong:?}");
        }
    }
}

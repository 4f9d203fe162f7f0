//! The secret that lets somebody control the hub.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use subtle::ConstantTimeEq;

/// What is shorter can be guessed.
const LEAST: usize = 16;
const MOST: usize = 256;

/// A token for the admin listener; it is never shown.
#[derive(Clone)]
pub struct AdminToken(Arc<[u8]>);

impl AdminToken {
    /// The first line of a file, without blanks around it: 16 to 256 visible ASCII characters.
    ///
    /// # Errors
    /// Why the file cannot be read, or [`io::ErrorKind::InvalidData`].
    pub fn read(path: &Path) -> io::Result<AdminToken> {
        let text = fs::read(path)?;
        let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
        AdminToken::new(line.trim_ascii()).ok_or_else(|| {
            let why = format!("a token is a line of {LEAST} to {MOST} visible ASCII characters");
            io::Error::new(io::ErrorKind::InvalidData, why)
        })
    }

    /// These bytes; `None` unless they are 16 to 256 visible ASCII characters.
    #[must_use]
    pub fn new(secret: &[u8]) -> Option<AdminToken> {
        let fits = (LEAST..=MOST).contains(&secret.len()) && secret.iter().all(u8::is_ascii_graphic);
        fits.then(|| AdminToken(secret.into()))
    }

    /// Is it this one? That takes as long wherever they differ.
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
    fn a_token_is_long_enough_and_can_be_in_a_header_and_is_not_shown() {
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

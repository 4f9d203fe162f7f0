//! Bytes that one side has, as their number and their digest.

use core::fmt;

use sha2::{Digest, Sha256};

use super::chunk::DIGEST_LENGTH;

/// What a side has of a whole, from its beginning: how many bytes, and their SHA-256. The bytes themselves are elsewhere.
///
/// A receiver that resumes digests what it kept:
///
/// ```
/// use bookend::transfer::Held;
///
/// let mut held = Held::nothing();
/// held.add(b"the bytes of the file that a broken transfer left behind");
/// assert_eq!(held.length(), 56);
/// ```
#[derive(Clone, Default)]
pub struct Held {
    length: u64,
    digest: Sha256,
}

impl Held {
    /// No bytes.
    #[must_use]
    pub fn nothing() -> Held {
        Held::default()
    }

    /// Adds the bytes that follow.
    pub fn add(&mut self, bytes: &[u8]) {
        self.length = self.length.saturating_add(bytes.len() as u64);
        self.digest.update(bytes);
    }

    /// How many bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Their SHA-256.
    #[must_use]
    pub fn digest(&self) -> [u8; DIGEST_LENGTH] {
        self.digest.clone().finalize().into()
    }

    /// Reads `source`, for example a file that holds the beginning of the whole, to its end.
    ///
    /// # Errors
    /// The source's.
    #[cfg(feature = "std")]
    pub fn read(mut source: impl std::io::Read) -> std::io::Result<Held> {
        let mut held = Held::nothing();
        let mut buffer = alloc::vec![0; 1 << 16];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return Ok(held),
                Ok(count) => held.add(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads `source` as [`read`](Held::read) does.
    ///
    /// # Errors
    /// The source's.
    #[cfg(feature = "tokio")]
    pub async fn read_async(mut source: impl tokio::io::AsyncRead + Unpin) -> std::io::Result<Held> {
        use tokio::io::AsyncReadExt;

        let mut held = Held::nothing();
        let mut buffer = alloc::vec![0; 1 << 16];
        loop {
            match source.read(&mut buffer).await? {
                0 => return Ok(held),
                count => held.add(&buffer[..count]),
            }
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("length", &self.length).finish_non_exhaustive()
    }
}

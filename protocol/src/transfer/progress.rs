//! How far a transfer has got.

/// How far a transfer has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many bytes the receiver has, in so far as this side knows.
    pub done: u64,
    /// The length of the whole in bytes, if it is known.
    pub length: Option<u64>,
}

impl Progress {
    /// 0 to 100, if the length is known.
    #[must_use]
    pub fn percent(&self) -> Option<u8> {
        let length = self.length?;
        if length == 0 {
            return Some(100);
        }
        let percent = u128::from(self.done.min(length)) * 100 / u128::from(length);
        u8::try_from(percent).ok()
    }
}

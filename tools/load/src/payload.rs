//! The payload of a message: its publisher, sequence number and time, and a pattern made of these that reveals any damage.

/// The size of the shortest payload in bytes, which has eight bytes of the pattern.
pub const MIN_SIZE: usize = 24;

/// The bits of the first word that hold the sequence number.
const SEQUENCE_BITS: u32 = 48;
/// Odd and dense, so that all bits of a word's neighbours differ.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The header of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) publisher: u16,
    /// The sequence number of the publisher, from 0 to 2^48 - 1.
    pub(super) seq: u64,
    /// When the message was due, in nanoseconds of the driver's clock.
    pub(super) time: u64,
}

impl Stamp {
    /// Fills `payload`, of [`MIN_SIZE`] bytes or more.
    pub(super) fn write(self, payload: &mut [u8]) {
        let words = [u64::from(self.publisher) << SEQUENCE_BITS | self.seq, self.time];
        let (head, pattern) = payload.split_at_mut(16);
        head[..8].copy_from_slice(&words[0].to_le_bytes());
        head[8..].copy_from_slice(&words[1].to_le_bytes());
        let mut word = seed(words);
        for bytes in pattern.chunks_mut(8) {
            bytes.copy_from_slice(&word.to_le_bytes()[..bytes.len()]);
            word = word.wrapping_add(STEP);
        }
    }

    /// Reads a payload; `None` if any byte differs from what was written.
    pub(super) fn read(payload: &[u8]) -> Option<Stamp> {
        let (head, pattern) = payload.split_at_checked(16)?;
        let words = [word(&head[..8]), word(&head[8..])];
        let mut wanted = seed(words);
        let mut difference = 0;
        let chunks = pattern.chunks_exact(8);
        let rest = chunks.remainder();
        for chunk in chunks {
            difference |= word(chunk) ^ wanted;
            wanted = wanted.wrapping_add(STEP);
        }
        let is_intact = difference == 0 && rest.iter().zip(wanted.to_le_bytes()).all(|(&byte, wanted)| byte == wanted);
        let publisher = u16::try_from(words[0] >> SEQUENCE_BITS).ok()?;
        is_intact.then_some(Stamp { publisher, seq: words[0] & ((1 << SEQUENCE_BITS) - 1), time: words[1] })
    }
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

/// The first word of the pattern. Each bit of both words changes at least the high half, and the fold changes the rest.
#[inline]
fn seed(words: [u64; 2]) -> u64 {
    let mixed = words[0].wrapping_mul(STEP) ^ words[1].rotate_left(32).wrapping_mul(STEP | 2);
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_with_any_bit_changed_is_refused() {
        for size in [MIN_SIZE, 25, 31, 64, 100] {
            let stamp = Stamp { publisher: 3, seq: 70_000, time: 1_234_567_890 };
            let mut payload = vec![0; size];
            stamp.write(&mut payload);
            assert_eq!(Stamp::read(&payload), Some(stamp));
            for bit in 0..size * 8 {
                payload[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Stamp::read(&payload), None, "bit {bit} of {size} bytes");
                payload[bit / 8] ^= 1 << (bit % 8);
            }
        }
        assert_eq!(Stamp::read(b"short"), None);
    }
}

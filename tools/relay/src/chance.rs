//! Random choices that a seed determines. They are the same in every version of the program, so that a reported run can be
//! repeated. Crates for random numbers do not promise that.

use std::ops::RangeInclusive;

/// SplitMix64.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// Independent choices for one part.
    pub(super) fn part(&self, number: u64) -> Chance {
        let mut part = Chance(self.0 ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        Chance(part.next())
    }

    /// A number within a range.
    pub(super) fn within(&mut self, range: &RangeInclusive<u64>) -> u64 {
        let (least, most) = (*range.start(), *range.end());
        match (most - least).checked_add(1) {
            // The bias is at most the size of the range times 2^-64.
            Some(count) => least + self.next() % count,
            None => self.next(),
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_the_same_in_every_version() {
        let mut chance = Chance::new(0);
        let first: Vec<_> = (0..3).map(|_| chance.next()).collect();
        assert_eq!(first, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
        assert_ne!(Chance::new(1).part(0).next(), Chance::new(1).part(1).next());
        assert!((0..100).all(|_| (3..=5).contains(&chance.within(&(3..=5)))));
        assert_eq!(chance.within(&(9..=9)), 9);
    }
}

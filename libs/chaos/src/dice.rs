//! Chance that a seed reproduces: the same seed and the same salt throw the same numbers, whatever else happens and
//! whichever version of any library is built in. Not here: what is decided by it.

use std::time::Duration;

/// A source of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of one decision: its salts tell it from all others of the seed.
    pub fn new(seed: u64, salts: &[&dyn Salt]) -> Self {
        let mut dice = Self(seed);
        for salt in salts {
            dice.0 ^= salt.hash();
            dice.0 = dice.next();
        }
        dice
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most.max(least) - least + 1)
    }

    /// An index below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count.max(1) as u64).unwrap_or_default()
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    /// A fraction from `least` to `most`.
    pub fn fraction(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A pause of so many milliseconds.
    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }

    /// One of these, each as often as its weight says.
    pub fn weighted<T: Copy>(&mut self, choices: &[(u64, T)]) -> Option<T> {
        let all: u64 = choices.iter().map(|(weight, _)| weight).sum();
        let mut left = self.next() % all.max(1);
        choices.iter().find_map(|(weight, choice)| {
            if left < *weight {
                return Some(*choice);
            }
            left -= weight;
            None
        })
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}

/// What tells decisions apart.
pub trait Salt {
    /// A number that differs for what differs.
    fn hash(&self) -> u64;
}

impl Salt for u64 {
    fn hash(&self) -> u64 {
        *self
    }
}

impl Salt for str {
    fn hash(&self) -> u64 {
        // FNV-1a
        self.bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }
}

impl Salt for &str {
    fn hash(&self) -> u64 {
        (**self).hash()
    }
}

impl Salt for String {
    fn hash(&self) -> u64 {
        self.as_str().hash()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_reproduces_and_a_salt_tells_apart() {
        let throws = |seed, salt: &str| {
            let mut dice = Dice::new(seed, &[&salt, &7_u64]);
            (0..50).map(|_| dice.next()).collect::<Vec<_>>()
        };
        assert_eq!(throws(1, "a"), throws(1, "a"));
        assert_ne!(throws(1, "a"), throws(2, "a"));
        assert_ne!(throws(1, "a"), throws(1, "b"));
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_its_ends() {
        let mut dice = Dice::new(3, &[]);
        let thrown: std::collections::BTreeSet<_> = (0..500).map(|_| dice.between(4, 6)).collect();
        assert_eq!(thrown.into_iter().collect::<Vec<_>>(), [4, 5, 6]);
        assert!((0..500).map(|_| dice.fraction(0.5, 3.0)).all(|part| (0.5..3.0).contains(&part)));
        let weighted: std::collections::BTreeSet<_> =
            (0..500).filter_map(|_| dice.weighted(&[(1, 'a'), (0, 'b'), (9, 'c')])).collect();
        assert_eq!(weighted.into_iter().collect::<String>(), "ac");
    }
}

//! US dollars as whole pico-dollars (1e-12 $), so that every price per token is an integer and sums are exact.
//! Not here: what things cost (`price`).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, iter::Sum};

const PICOS_PER_DOLLAR: f64 = 1e12;

/// An amount in pico-dollars. Arithmetic saturates at the ends of `i64` (± 9.2 million dollars), so a sum can
/// never wrap into a smaller one. In JSON a number of dollars, exact to 1e-12 below 4,000 dollars (beyond, neighbouring doubles are further apart).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);

    /// So many pico-dollars.
    pub const fn from_picos(picos: i64) -> Self {
        Self(picos)
    }

    /// The amount in pico-dollars.
    pub const fn picos(self) -> i64 {
        self.0
    }

    /// Dollars rounded to the nearest pico-dollar; `None` for what is not finite or too large.
    pub fn from_usd(usd: f64) -> Option<Self> {
        let picos = (usd * PICOS_PER_DOLLAR).round();
        // i64::MAX is not exact as f64; stay strictly below.
        (picos.is_finite() && picos.abs() < 9.2e18).then_some(Self(picos as i64))
    }

    /// The amount in dollars, for people and JSON.
    pub fn usd(self) -> f64 {
        self.0 as f64 / PICOS_PER_DOLLAR
    }

    /// The sum, at most the largest amount.
    #[must_use]
    pub fn plus(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }

    /// The difference.
    #[must_use]
    pub fn minus(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0))
    }

    /// This much for each of `count` units.
    #[must_use]
    pub fn times(self, count: u64) -> Money {
        Money(self.0.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX)))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(iter: I) -> Money {
        iter.fold(Money::ZERO, Money::plus)
    }
}

impl fmt::Display for Money {
    /// `$0.000123`: as many decimals as the amount needs, never scientific.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let picos = self.0.unsigned_abs();
        let decimals = format!("{:012}", picos % 1_000_000_000_000);
        let trimmed = decimals.trim_end_matches('0');
        let shown = if trimmed.len() < 2 { &decimals[..2] } else { trimmed };
        write!(f, "{sign}${}.{shown}", picos / 1_000_000_000_000)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.usd())
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let usd = f64::deserialize(deserializer)?;
        Money::from_usd(usd).ok_or_else(|| serde::de::Error::custom("an amount of dollars out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pico_amount_survives_json() {
        for picos in [
            0,
            1,
            15,
            123_456_789,
            999_999_999_999,
            1_000_000_000_001,
            123_456_789_012_345,
            3_999_999_999_999_999,
        ] {
            let text = serde_json::to_string(&Money::from_picos(picos)).unwrap();
            assert_eq!(serde_json::from_str::<Money>(&text).unwrap().picos(), picos, "{text}");
        }
    }

    #[test]
    fn display_is_never_scientific() {
        assert_eq!(Money::from_picos(1).to_string(), "$0.000000000001");
        assert_eq!(Money::from_picos(500_000_000_000).to_string(), "$0.50");
        assert_eq!(Money::from_picos(-2_000_000_000_000).to_string(), "-$2.00");
    }

    #[test]
    fn sums_saturate_instead_of_wrapping() {
        let most = Money::from_picos(i64::MAX);
        assert_eq!(most.plus(Money::from_picos(1)), most);
        assert_eq!(Money::from_picos(2).times(u64::MAX), most);
    }
}

//! Money: unsigned 128-bit base units, 18 decimals. Arithmetic that could lose a unit does not exist here.

use alloc::string::String;
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use core::iter::Sum;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Decimal places of one CIRO.
pub const DECIMALS: usize = 18;

/// An amount of CIRO in base units (10⁻¹⁸ CIRO).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Amount(pub u128);

/// Why a textual amount was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an amount such as 1.5 with at most 18 decimals, got {got:?}")]
pub struct AmountParseError {
    /// The refused text.
    pub got: String,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One CIRO.
    pub const ONE: Self = Self(1_000_000_000_000_000_000);

    /// `n` whole CIRO: at most 1.8 × 10³⁷ units, which fit.
    #[must_use]
    pub const fn ciro(n: u64) -> Self {
        Self(wide(n).saturating_mul(Self::ONE.0))
    }

    /// Sum, or `None` on overflow.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Difference, or `None` if it would be negative.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// `self × numerator / denominator`, rounded down, or `None` on overflow or a zero denominator.
    /// The caller owns the remainder: money that is split must be split by subtraction, not by rounding twice.
    #[must_use]
    pub const fn mul_div(self, numerator: u64, denominator: u64) -> Option<Self> {
        let (numerator, denominator) = (wide(numerator), wide(denominator));
        // Split so that the product of a full-range amount does not overflow needlessly.
        let (Some(quotient), Some(remainder)) = (self.0.checked_div(denominator), self.0.checked_rem(denominator))
        else {
            return None;
        };
        // Two factors below 2⁶⁴.
        let Some(low) = remainder.saturating_mul(numerator).checked_div(denominator) else { return None };
        let Some(high) = quotient.checked_mul(numerator) else { return None };
        match high.checked_add(low) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }
}

#[expect(clippy::as_conversions, reason = "u128::from is not const; this widens")]
const fn wide(n: u64) -> u128 {
    n as u128
}

impl Sum for Amount {
    /// Saturates: no total of a capped supply comes near the end, so one that does equals no total that is asked for.
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        Self(iter.fold(0, |sum, amount| sum.saturating_add(amount.0)))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0.div_euclid(Self::ONE.0), self.0.rem_euclid(Self::ONE.0));
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = alloc::format!("{fraction:018}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} CIRO")
    }
}

impl FromStr for Amount {
    type Err = AmountParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_decimal(text).ok_or_else(|| AmountParseError { got: text.into() })
    }
}

fn parse_decimal(text: &str) -> Option<Amount> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || fraction.len() > DECIMALS {
        return None;
    }
    let whole: u128 = whole.parse().ok()?;
    let fraction: u128 = alloc::format!("{fraction:0<18}").parse().ok()?;
    whole.checked_mul(Amount::ONE.0)?.checked_add(fraction).map(Amount)
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn text_round_trips_at_the_edges() {
        for text in ["0", "1", "1.5", "0.000000000000000001", "1000000000.25"] {
            assert_eq!(text.parse::<Amount>().map(|a| a.to_string()), Ok(text.to_string()));
        }
    }

    #[test]
    fn text_with_too_many_decimals_or_signs_is_refused() {
        for text in ["", ".", "-1", "1.0000000000000000001", "1e3", " 1"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    #[test]
    fn mul_div_rounds_down_and_survives_large_amounts() {
        assert_eq!(Amount(10).mul_div(1, 3), Some(Amount(3)));
        assert_eq!(Amount(u128::MAX).mul_div(1, 1), Some(Amount(u128::MAX)));
        assert_eq!(Amount(1).mul_div(1, 0), None);
        assert_eq!(Amount(u128::MAX).mul_div(u64::MAX, u64::MAX), Some(Amount(u128::MAX)));
        assert_eq!(Amount(u128::MAX).mul_div(2, 1), None);
    }

    #[test]
    fn a_sum_that_no_supply_reaches_saturates() {
        assert_eq!([Amount(u128::MAX), Amount::ONE].into_iter().sum::<Amount>(), Amount(u128::MAX));
        assert_eq!([Amount(2), Amount(3)].into_iter().sum::<Amount>(), Amount(5));
        assert_eq!(Amount::ciro(u64::MAX).to_string(), u64::MAX.to_string());
    }
}

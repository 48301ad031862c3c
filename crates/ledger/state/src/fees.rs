//! The protocol fee: how much goes on top of a price, and where it goes in which phase (FEATURES C1 and C2). The fee
//! of a transaction is divided in the same way.
//!
//! A transaction pays `base + bytes × byte fee + units × unit fee` before it is executed. It gets nothing back when it
//! is refused. What a block holds costs every validator its bytes and its checks, whatever becomes of it.
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

use crate::params::Params;
use ciro_types::{Amount, Assurance, BasisPoints, Height};
use serde::{Deserialize, Serialize};

/// Basis points of the whole.
const WHOLE: u64 = 10_000;

/// A phase of the network's life, by month since genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Months 1–12.
    First,
    /// Months 13–36.
    Second,
    /// Months 37–60.
    Third,
    /// Month 61 and later.
    Fourth,
}

/// Shares of a fee in percent. Together 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// Destroyed.
    pub burn: u64,
    /// Locked for later buy-backs.
    pub reserve: u64,
    /// For the DAO to spend.
    pub treasury: u64,
    /// Compensates clients.
    pub insurance: u64,
}

/// A fee, divided. The parts sum to the fee exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeSplit {
    /// Destroyed.
    pub burn: Amount,
    /// Locked for later buy-backs.
    pub reserve: Amount,
    /// For the DAO to spend.
    pub treasury: Amount,
    /// Compensates clients; bears the rounding of the others.
    pub insurance: Amount,
}

impl Phase {
    /// The phase of the block at `height`. The first month is blocks 0 to `blocks_per_month − 1`; months of no blocks, which
    /// [`crate::Params::check`] refuses, are all over at once.
    #[must_use]
    pub const fn at(height: Height, blocks_per_month: u64) -> Self {
        match height.0.checked_div(blocks_per_month) {
            Some(0..12) => Self::First,
            Some(12..36) => Self::Second,
            Some(36..60) => Self::Third,
            Some(60..) | None => Self::Fourth,
        }
    }

    /// The row of the phase table.
    #[must_use]
    pub const fn shares(self) -> Shares {
        let (burn, reserve, treasury, insurance) = match self {
            Self::First => (30, 40, 20, 10),
            Self::Second => (50, 20, 20, 10),
            Self::Third => (70, 0, 20, 10),
            Self::Fourth => (80, 0, 10, 10),
        };
        Shares { burn, reserve, treasury, insurance }
    }

    /// Divides `fee`. The last bucket is what the others leave, so no unit is lost or made.
    #[must_use]
    pub fn split(self, fee: Amount) -> FeeSplit {
        let shares = self.shares();
        let [burn, reserve, treasury] = [shares.burn, shares.reserve, shares.treasury].map(|share| percent(fee, share));
        // Three shares of at most 90 % do not exceed the fee.
        let insurance = Amount([burn, reserve, treasury].iter().fold(fee.0, |rest, part| rest.saturating_sub(part.0)));
        FeeSplit { burn, reserve, treasury, insurance }
    }
}

fn percent(amount: Amount, share: u64) -> Amount {
    part(amount, share, 100)
}

/// The part `rate` of `amount`, rounded down. The whole, if `rate` is above 10,000, which no caller's constant or checked
/// parameter is.
#[must_use]
pub fn portion(amount: Amount, rate: BasisPoints) -> Amount {
    part(amount, rate.0.into(), WHOLE)
}

/// `share` of `whole` parts, rounded down; at most all of them, so nothing overflows.
fn part(amount: Amount, share: u64, whole: u64) -> Amount {
    amount.mul_div(share.min(whole), whole).unwrap_or(amount)
}

/// `price` and the fee on top of it, or none on overflow.
#[must_use]
pub fn with_fee(price: Amount, fee: BasisPoints) -> Option<Amount> {
    price.checked_add(portion(price, fee))
}

/// What a transaction of `bytes` that takes `units` of verification pays. More than there can be where that overflows.
#[must_use]
pub fn tx_fee(params: &Params, bytes: usize, units: u64) -> Amount {
    let part = |rate: Amount, count: u64| rate.0.saturating_mul(count.into());
    let (by_bytes, by_units) =
        (part(params.tx_byte_fee, u64::try_from(bytes).unwrap_or(u64::MAX)), part(params.tx_unit_fee, units));
    Amount(params.tx_fee.0.saturating_add(by_bytes).saturating_add(by_units))
}

/// How many workers a job at this rung pays.
#[must_use]
pub const fn paid_workers(assurance: Assurance) -> u64 {
    match assurance {
        Assurance::A0 | Assurance::A4 => 1,
        Assurance::A2 => 2,
    }
}

/// The most that each paid worker may ask for when the client pays `max_price` in total.
#[must_use]
pub fn price_ceiling(max_price: Amount, fee: BasisPoints, assurance: Assurance) -> Amount {
    let floor = max_price.mul_div(WHOLE, WHOLE.saturating_add(fee.0.into())).unwrap_or(Amount::ZERO);
    // The fee is rounded down, so one more unit may still fit; never two.
    let total = match floor.checked_add(Amount(1)) {
        Some(more) if with_fee(more, fee).is_some_and(|cost| cost <= max_price) => more,
        _ => floor,
    };
    total.mul_div(1, paid_workers(assurance)).unwrap_or(Amount::ZERO)
}

/// The least `max_price` that pays each worker `price` at this rung, or none on overflow.
#[must_use]
pub fn cost(price: Amount, fee: BasisPoints, assurance: Assurance) -> Option<Amount> {
    price.mul_div(paid_workers(assurance), 1).and_then(|total| with_fee(total, fee))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test stops where a sum overflows")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PHASES: [Phase; 4] = [Phase::First, Phase::Second, Phase::Third, Phase::Fourth];
    const FEE: BasisPoints = BasisPoints(1_000);

    #[test]
    fn every_row_of_the_table_sums_to_one_hundred() {
        for phase in PHASES {
            let Shares { burn, reserve, treasury, insurance } = phase.shares();
            assert_eq!(burn + reserve + treasury + insurance, 100, "{phase:?}");
        }
    }

    #[test]
    fn phases_turn_exactly_at_their_month() {
        let month = 100;
        let turns =
            [(12, Phase::First, Phase::Second), (36, Phase::Second, Phase::Third), (60, Phase::Third, Phase::Fourth)];
        for (months, before, after) in turns {
            assert_eq!(Phase::at(Height(months * month - 1), month), before);
            assert_eq!(Phase::at(Height(months * month), month), after);
        }
        assert_eq!(Phase::at(Height(0), month), Phase::First);
        assert_eq!(Phase::at(Height(u64::MAX), 1), Phase::Fourth);
    }

    #[test]
    fn units_that_do_not_divide_go_to_the_last_bucket() {
        let split = Phase::First.split(Amount(9));
        assert_eq!(split, FeeSplit { burn: Amount(2), reserve: Amount(3), treasury: Amount(1), insurance: Amount(3) });
        assert_eq!(Phase::Third.split(Amount(1)).insurance, Amount(1));
    }

    #[test]
    fn ten_percent_comes_on_top_of_the_price() {
        assert_eq!(with_fee(Amount::ciro(100), FEE), Some(Amount::ciro(110)));
        assert_eq!(price_ceiling(Amount::ciro(110), FEE, Assurance::A4), Amount::ciro(100));
        assert_eq!(price_ceiling(Amount::ciro(110), FEE, Assurance::A2), Amount::ciro(50));
        assert_eq!(cost(Amount::ciro(50), FEE, Assurance::A2), Some(Amount::ciro(110)));
    }

    proptest! {
        #[test]
        fn a_split_conserves_every_unit(fee in 0..u128::MAX, phase in 0usize..4) {
            let FeeSplit { burn, reserve, treasury, insurance } = PHASES[phase].split(Amount(fee));
            prop_assert_eq!(burn.0 + reserve.0 + treasury.0 + insurance.0, fee);
        }

        #[test]
        fn the_ceiling_is_the_highest_price_that_fits(max in 0..10_000_000u128, bps in 0..=1_000u16) {
            for assurance in Assurance::ALL {
                let ceiling = price_ceiling(Amount(max), BasisPoints(bps), assurance);
                let fits = |price| cost(price, BasisPoints(bps), assurance).is_some_and(|cost| cost.0 <= max);
                prop_assert!(fits(ceiling));
                prop_assert!(!fits(Amount(ceiling.0 + 1)));
            }
        }

        #[test]
        fn two_prices_below_the_ceiling_fit_together(max in 0..10_000_000u128, a in any::<u128>(), b in any::<u128>()) {
            let ceiling = price_ceiling(Amount(max), FEE, Assurance::A2).0;
            let pair = Amount(a % (ceiling + 1) + b % (ceiling + 1));
            prop_assert!(with_fee(pair, FEE).is_some_and(|cost| cost.0 <= max));
        }
    }
}

//! How a value becomes narrow.

/// A calibrated magnitude may be exceeded by this factor before a value saturates, at least: scales are powers of two.
pub(super) const MARGIN: f64 = 1.25;

/// A value that keeps this many bits is precise enough not to be saturated at a higher price.
const ENOUGH: f64 = 10.0;
/// Interval arithmetic may allow this many bits more than samples show before a value is saturated at any price.
const LOOSEST: f64 = 4.0;

/// Where saturation sets in, for values that need `limit`: few different ends, so that tables are shared.
pub(super) fn end(limit: f64) -> i32 {
    1 << ((limit.max(2.0).log2() - 1e-9).ceil().min(19.0) as u32 | 1)
}

/// How a value becomes narrow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    /// The scale of the result, at least.
    pub(super) scale: f64,
    pub(super) how: How,
}

/// What holds a narrow value in its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Interval arithmetic does.
    Free,
    /// A table that saturates.
    Table,
    /// Two comparisons, where a table would be too coarse.
    Clamp,
}

/// The smallest power of two that is not below x.
pub(super) fn power_of_two(x: f64) -> f64 {
    x.max(f64::MIN_POSITIVE).log2().ceil().exp2()
}

/// Chooses for a value that samples show up to `size` and interval arithmetic up to `reach`, for readers with room for
/// `bits`, with tables of `table_bits`.
///
/// Unsaturated, a value and the weights that it meets share the bits that `reach` costs beyond `size`. A table saturates at
/// the price of a column, if its domain covers `reach` at a fine enough scale. A value that has to be `tight` is saturated in
/// any case.
pub(super) fn choose(size: f64, reach: f64, (bits, tight): (u32, bool), table_bits: u32) -> Choice {
    let size = power_of_two(size * MARGIN);
    let reach = reach.max(f64::MIN_POSITIVE);
    let excess = (reach / size).log2().max(0.0);
    let fine = size / f64::from(bits).exp2();
    let free = Choice { scale: power_of_two(reach / (f64::from(bits) + excess / 2.0).floor().exp2()), how: How::Free };
    if excess < 1.0 {
        return Choice { scale: power_of_two(reach / f64::from(bits).exp2()), how: How::Free };
    }
    let table = by_table(fine, reach, table_bits);
    let clamp = Choice { scale: fine, how: How::Clamp };
    let precision = |choice: &Choice| (size / choice.scale).log2();
    let enough = (f64::from(bits) - 1.0).min(ENOUGH);
    let free_enough = precision(&free) >= enough && excess <= LOOSEST && !tight;
    match () {
        () if free_enough => free,
        () if precision(&table) >= enough => table,
        () => clamp,
    }
}

fn by_table(fine: f64, reach: f64, table_bits: u32) -> Choice {
    Choice { scale: fine.max(power_of_two(reach / f64::from(table_bits - 1).exp2())), how: How::Table }
}

/// As [`choose`], for a value that costs a column more than its narrowing anyway: a table is as cheap as any other, if it is
/// precise.
pub(super) fn choose_function(size: f64, reach: f64, bits: u32, table_bits: u32) -> Choice {
    let span = power_of_two(size * MARGIN);
    let table = by_table(span / f64::from(bits).exp2(), reach.max(f64::MIN_POSITIVE), table_bits);
    if (span / table.scale).log2() >= (f64::from(bits) - 1.0).min(ENOUGH) {
        return table;
    }
    choose(size, reach, (bits, false), table_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_intervals_bound_well_are_not_saturated() {
        let choice = choose(0.7, 1.2, (11, false), 16);
        assert_eq!(choice.how, How::Free);
        assert!((choice.scale - 2f64.powi(-10)).abs() < 1e-12);
    }

    #[test]
    fn values_that_intervals_bound_badly_are_saturated_by_the_cheapest_precise_means() {
        assert_eq!(choose(0.7, 30.0, (11, false), 16).how, How::Table);
        assert_eq!(choose(0.7, 3000.0, (11, false), 12).how, How::Clamp);
    }
}

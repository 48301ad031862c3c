//! Values of many columns at the suffixes of one point.

use crate::kernel::eq::eq_table;
use crate::kernel::sums::dot_base;
use crate::kernel::table::Table;
use ciro_sumcheck::suffix;
use ciro_transcript::{E, F};
use p3_field::PrimeCharacteristicRing;
use std::cell::OnceCell;

/// Tables of eq at the suffixes of a point, each made when it is first needed.
pub struct Suffixes<'a> {
    point: &'a [E],
    tables: Vec<OnceCell<Table>>,
}

impl<'a> Suffixes<'a> {
    /// The suffixes of `point`.
    #[must_use]
    pub fn new(point: &'a [E]) -> Self {
        Self { point, tables: (0..=point.len()).map(|_| OnceCell::new()).collect() }
    }

    /// eq at the last `vars` coordinates. All of them, if there are fewer.
    pub fn table(&self, vars: usize) -> &Table {
        let vars = vars.min(self.point.len());
        self.tables[vars].get_or_init(|| eq_table(suffix(self.point, vars), E::ONE))
    }

    /// The value at the last `vars` coordinates of a column of 2^`vars` cells.
    pub fn evaluate(&self, column: &[F], vars: usize) -> E {
        dot_base(column, self.table(vars))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::tests::{cells, elements};

    #[test]
    fn values_equal_the_verifiers_for_every_length() {
        let point = elements(13);
        let suffixes = Suffixes::new(&point);
        for log in 0..=13 {
            let column = cells(1 << log);
            assert_eq!(
                suffixes.evaluate(&column, log),
                ciro_sumcheck::evaluate_base(&column, suffix(&point, log)),
                "{log}"
            );
        }
    }
}

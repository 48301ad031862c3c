//! The cuts of [`crate::Op::Rank`]: their order, and the place of a number among them.
//!
//! Trees that compare doubles compare ranks: a split at a cut is one at the cut's row. So a double is compared once in all its 64 bits,
//! and each step of each tree stays as narrow as that of a float32.

use crate::count::size;
use crate::program::ConstId;
use alloc::vec::Vec;

/// The cut that ends each feature's rows: above every image.
pub const LAST_CUT: u64 = u64::MAX;

/// Why cuts do not give each number one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// Part of a cut that is not 16 bits.
    #[error("row {row}: {got} is not a 16-bit number")]
    Limb {
        /// The row.
        row: usize,
        /// The part.
        got: i32,
    },
    /// Rows that do not begin with 0, end with 2⁶⁴ − 1, and ascend between, feature by feature.
    #[error("row {row} does not follow the row before it, or ends a feature before 2⁶⁴ − 1")]
    Order {
        /// The row.
        row: usize,
    },
    /// More or fewer features than the input has.
    #[error("expected cuts of {expected} features, got {got}")]
    Features {
        /// Elements of the input.
        expected: u32,
        /// Features of the rows.
        got: i64,
    },
    /// A number between no two cuts (only in a model that was not checked).
    #[error("feature {feature}: the number lies between no two cuts")]
    Place {
        /// Element of the input, of all samples.
        feature: usize,
    },
}

/// The rows, borrowed from the weights.
#[derive(Clone, Copy, Debug)]
pub struct Cuts<'a> {
    feature: &'a [i32],
    /// The lowest 16 bits first.
    limbs: [&'a [i32]; 4],
}

impl<'a> Cuts<'a> {
    /// The rows in `weights`; `None` if a constant is missing.
    #[must_use]
    pub fn new(feature: ConstId, cut: [ConstId; 4], weights: &'a [Vec<i32>]) -> Option<Self> {
        let table = |id: ConstId| weights.get(size(id.0)).map(Vec::as_slice);
        let [a, b, c, d] = cut.map(table);
        Some(Self { feature: table(feature)?, limbs: [a?, b?, c?, d?] })
    }

    /// Feature and cut of a row; limbs of any size count as what they are.
    fn at(&self, row: usize) -> Option<(i64, i128)> {
        let mut cut = 0i128;
        for limbs in self.limbs.iter().rev() {
            // Four limbs of 32 bits stay below 2⁸⁰.
            cut = cut.wrapping_shl(16).wrapping_add((*limbs.get(row)?).into());
        }
        Some((i64::from(*self.feature.get(row)?), cut))
    }

    /// The row r of feature `feature` with `cut[r] ≤ image < cut[r + 1]`, if there is one. Cost: logarithmic in the rows.
    #[must_use]
    pub fn row(&self, feature: usize, image: u64) -> Option<usize> {
        let (feature, image) = (i64::try_from(feature).ok()?, i128::from(image));
        let (mut low, mut high) = (0, self.feature.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.at(middle)? <= (feature, image) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        let row = low.checked_sub(1)?;
        let (below, above) = (self.at(row)?, self.at(low)?);
        // Rows in no order may lead anywhere.
        let is_between = below.0 == feature && above.0 == feature && below.1 <= image && image < above.1;
        is_between.then_some(row)
    }

    /// Checks that each of `features` features has a place for every image, and one only. Cost: linear in the rows.
    ///
    /// # Errors
    /// [`CutError`] at the first defect.
    pub fn check(&self, features: u32) -> Result<(), CutError> {
        let mut before: Option<(i64, i128)> = None;
        for row in 0..self.feature.len() {
            let limbs = self.limbs.iter().filter_map(|limbs| limbs.get(row));
            if let Some(&got) = limbs.into_iter().find(|limb| !(0..=0xffff).contains(*limb)) {
                return Err(CutError::Limb { row, got });
            }
            let (feature, cut) = self.at(row).ok_or(CutError::Order { row })?;
            let follows = match before {
                None => feature == 0 && cut == 0,
                Some((own, last)) if last == i128::from(LAST_CUT) => feature == own.saturating_add(1) && cut == 0,
                Some((own, last)) => feature == own && last < cut,
            };
            if !follows {
                return Err(CutError::Order { row });
            }
            before = Some((feature, cut));
        }
        let ended = before.filter(|before| before.1 == i128::from(LAST_CUT));
        let got = ended.map_or(0, |(feature, _)| feature.saturating_add(1));
        if got == i64::from(features) { Ok(()) } else { Err(CutError::Features { expected: features, got }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    const IDS: [ConstId; 4] = [ConstId(1), ConstId(2), ConstId(3), ConstId(4)];

    fn weights(rows: &[(i32, u64)]) -> Vec<Vec<i32>> {
        let limb = |i: u32| rows.iter().map(|row| (row.1 >> (16 * i) & 0xffff) as i32).collect();
        let mut weights = vec![rows.iter().map(|row| row.0).collect()];
        weights.extend((0..4).map(limb));
        weights
    }

    fn checked(rows: &[(i32, u64)], features: u32) -> Result<(), CutError> {
        Cuts::new(ConstId(0), IDS, &weights(rows)).map_or(Ok(()), |cuts| cuts.check(features))
    }

    const ROWS: [(i32, u64); 5] = [(0, 0), (0, 1 << 40), (0, LAST_CUT), (1, 0), (1, LAST_CUT)];

    #[test]
    fn a_number_lies_between_the_cuts_of_its_feature() {
        let weights = weights(&ROWS);
        let cuts = Cuts::new(ConstId(0), IDS, &weights).unwrap();
        assert_eq!(cuts.check(2), Ok(()));
        let row = |feature, image| cuts.row(feature, image);
        assert_eq!([row(0, 0), row(0, (1 << 40) - 1), row(0, 1 << 40), row(0, LAST_CUT - 1)], [0, 0, 1, 1].map(Some));
        assert_eq!([row(1, 0), row(1, LAST_CUT - 1)], [Some(3); 2]);
        assert_eq!([row(0, LAST_CUT), row(2, 5)], [None; 2]);
    }

    #[test]
    fn rows_that_leave_a_gap_or_an_overlap_are_refused() {
        assert_eq!(checked(&ROWS, 3), Err(CutError::Features { expected: 3, got: 2 }));
        assert_eq!(checked(&ROWS[..4], 2), Err(CutError::Features { expected: 2, got: 0 }));
        assert_eq!(checked(&ROWS[1..], 2), Err(CutError::Order { row: 0 }));
        let changed = |row: usize, to| {
            let mut rows = ROWS;
            rows[row] = to;
            checked(&rows, 2)
        };
        for (row, to) in
            [(1, (0, 0)), (1, (1, 1 << 40)), (2, (0, LAST_CUT - 1)), (3, (1, 1)), (3, (2, 0)), (4, (2, LAST_CUT))]
        {
            let refused = changed(row, to);
            assert!(matches!(refused, Err(CutError::Order { .. })), "{row} {refused:?}");
        }
        let mut wide = weights(&ROWS);
        wide[1][1] = 1 << 16;
        let wide = Cuts::new(ConstId(0), IDS, &wide).unwrap().check(2);
        assert_eq!(wide, Err(CutError::Limb { row: 1, got: 1 << 16 }));
    }
}

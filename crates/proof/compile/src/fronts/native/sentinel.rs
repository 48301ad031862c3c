//! Signs of a number that stands for a missing value.
//!
//! XGBoost's estimators may be told that some number is a missing value (`missing=-999`). Their files do not say so, and the number would
//! go where its size sends it. Trees that met missing values in training send them to both sides. A number of such a feature is a
//! likely one under three conditions:
//!
//! - samples hold no NaN,
//! - it is the smallest or the largest number of its column, and there many times,
//! - no split tells it from its neighbour.

use crate::graph::forest::{Ensemble, TreeNode};
use crate::terms::native::{NativeError, XGBOOST};
use crate::terms::samples::Samples;
use std::collections::BTreeMap;

/// Numbers that people write for nothing; one column of them is enough.
const USUAL: [f32; 12] = [-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, -1e6, 99.0, 999.0, 9999.0, 99999.0, 1e6];
/// A number that is missing is there in at least one of so many samples.
const RARE: usize = 100;

/// The smallest and the largest threshold of each feature whose splits send missing values to both sides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thresholds(BTreeMap<usize, (f32, f32)>);

impl Thresholds {
    pub(super) fn of(forest: &Ensemble) -> Self {
        let mut found: BTreeMap<usize, (f32, f32, [bool; 2])> = BTreeMap::new();
        for node in &forest.nodes {
            if let TreeNode::Split { feature, threshold, missing_yes, .. } = node {
                // XGBoost's thresholds are float32.
                let threshold = *threshold as f32;
                let (low, high, sides) = found.entry(*feature).or_insert((threshold, threshold, [false; 2]));
                (*low, *high) = (low.min(threshold), high.max(threshold));
                sides[usize::from(*missing_yes)] = true;
            }
        }
        let both = found.into_iter().filter(|(_, (_, _, sides))| *sides == [true; 2]);
        Self(both.map(|(feature, (low, high, _))| (feature, (low, high))).collect())
    }

    /// Refuses samples that seem to have a number for missing values.
    ///
    /// # Errors
    /// [`NativeError::Unsupported`] naming the number, and what says whether it is one.
    pub(crate) fn check(&self, samples: &Samples) -> Result<(), NativeError> {
        let rows = || samples.inputs.iter().filter_map(|input| input.0.first());
        let column =
            |feature: usize| rows().filter_map(move |row| row.bits.get(feature)).map(|&bits| f32::from_bits(bits));
        if rows().any(|row| row.bits.iter().any(|&bits| f32::from_bits(bits).is_nan())) {
            return Ok(());
        }
        let mut suspects: BTreeMap<u32, usize> = BTreeMap::new();
        for (&feature, &(low, high)) in &self.0 {
            let mut numbers: Vec<f32> = column(feature).collect();
            numbers.sort_by(f32::total_cmp);
            let found = suspect(&numbers, |next| low > next);
            numbers.reverse();
            let found = found.or_else(|| suspect(&numbers, |next| high <= next));
            found.into_iter().for_each(|number| *suspects.entry(number.to_bits()).or_default() += 1);
        }
        let likely = suspects.into_iter().map(|(bits, columns)| (f32::from_bits(bits), columns));
        match likely.filter(|(number, columns)| *columns > 1 || USUAL.contains(number)).max_by_key(|(_, columns)| *columns) {
            None => Ok(()),
            Some((number, columns)) => Err(XGBOOST.unsupported(
                format!(
                    "samples hold {number} in {columns} columns where no split tells it from other numbers, and no NaN: it may \
                     stand for a missing value, which the file does not say"
                ),
                format!(
                    "--missing={number} if it does, --missing=nan if it is a number (in Python missing={number} or \
                     missing=float(\"nan\"))"
                ),
            )),
        }
    }
}

/// The first of sorted numbers, if it is there often and `inseparable` from the next one.
fn suspect(numbers: &[f32], inseparable: impl Fn(f32) -> bool) -> Option<f32> {
    let first = *numbers.first()?;
    let same = numbers.iter().take_while(|number| number.to_bits() == first.to_bits()).count();
    let next = *numbers.get(same)?;
    (same > 1 && same * RARE >= numbers.len() && inseparable(next)).then_some(first)
}

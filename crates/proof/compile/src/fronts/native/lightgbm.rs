//! What LightGBM's two formats share.
//!
//! A split sends x left if x ≤ threshold, both float64. Numbers of magnitude 10⁻³⁵ (as float32) or less count as zero. The node's missing type
//! says where a missing value goes. `None` takes it for zero, and `NaN` sends it the default way. `Zero` sends it the default way, and
//! every zero with it.

use super::booster::{FileNode, Link, Membership, Memberships};
use crate::graph::forest::{Ensemble, Mode};
use crate::terms::native::{LIGHTGBM, NativeError};

const OBJECTIVES: &str = "these work: regression, regression_l1, huber, fair, quantile, mape, poisson, gamma, tweedie, \
    binary, cross_entropy, multiclass, multiclassova, lambdarank, rank_xendcg";

/// The largest magnitude that counts as zero.
const ZERO: f64 = 1e-35f32 as f64;

/// What becomes of the sums under an objective such as `binary sigmoid:1`. A file without one has been trained with a function of the
/// user's, and predicts sums.
pub(super) fn link(objective: Option<&str>) -> Result<Link, NativeError> {
    let mut words = objective.unwrap_or("custom").split_whitespace();
    let name = words.next().unwrap_or("custom");
    let parameters: Vec<&str> = words.collect();
    if parameters.contains(&"sqrt") {
        return Ok(Link::SignedSquare);
    }
    let steepness = parameters.iter().find_map(|p| p.strip_prefix("sigmoid:"));
    let steepness: f32 = steepness
        .map_or(Ok(1.0), str::parse)
        .map_err(|_| LIGHTGBM.malformed("objective", "a number after sigmoid:", steepness.unwrap_or_default()))?;
    if !(steepness.is_finite() && steepness > 0.0) {
        return Err(LIGHTGBM.malformed("objective", "a positive number after sigmoid:", steepness.to_string()));
    }
    match name {
        "regression" | "regression_l2" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank"
        | "rank_xendcg" | "custom" | "none" => Ok(Link::Identity),
        "poisson" | "gamma" | "tweedie" => Ok(Link::Exponential),
        "cross_entropy" => Ok(Link::Logistic),
        "binary" => Ok(Link::Binary { steepness }),
        "multiclass" => Ok(Link::Softmax),
        "multiclassova" => Ok(Link::OneVersusAll { steepness }),
        other => Err(LIGHTGBM.unsupported(format!("objective {other:?}"), OBJECTIVES)),
    }
}

/// A forest without trees, for models of `classes` sums, averaged over `iterations` if they are.
pub(super) fn forest(classes: usize) -> Ensemble {
    Ensemble { roots: vec![], nodes: vec![], classes, divisor: 1.0, base: vec![0.0; classes], takes_missing: true }
}

/// What the whole forest has to satisfy once it is read.
pub(super) fn finish(forest: &mut Ensemble, link: Link, average: bool) -> Result<(), NativeError> {
    let (trees, classes) = (forest.roots.len(), forest.classes);
    if trees == 0 {
        return Err(LIGHTGBM.unsupported("a booster without trees", "train it for one round at least"));
    }
    if !trees.is_multiple_of(classes) {
        return Err(LIGHTGBM.malformed("file", format!("a multiple of {classes} trees"), trees.to_string()));
    }
    if matches!(link, Link::Binary { .. }) && classes != 1 {
        return Err(LIGHTGBM.malformed("objective", "one class to score", classes.to_string()));
    }
    if average {
        forest.divisor = (trees / classes) as f32;
    }
    Ok(())
}

/// What a node does with missing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// They count as zero.
    None,
    /// They go the default way, and so do all zeros.
    Zero,
    /// They go the default way.
    Nan,
}

/// A split as the file has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileSplit {
    pub(super) feature: usize,
    pub(super) threshold: f64,
    pub(super) missing: Missing,
    pub(super) default_left: bool,
    pub(super) left: usize,
    pub(super) right: usize,
}

impl FileSplit {
    pub(super) fn node(self, memberships: &mut Memberships) -> Result<FileNode, NativeError> {
        let Self { feature, missing, default_left, left, right, .. } = self;
        if self.threshold.is_nan() {
            return Err(LIGHTGBM.malformed("threshold", "a number", "NaN"));
        }
        let threshold = beside_zeros(self.threshold);
        let zero_left = 0.0 <= threshold;
        if missing == Missing::Zero && zero_left != default_left {
            let membership = Membership::between(feature, right_of(threshold), !default_left);
            return Ok(FileNode::Member { number: memberships.number(membership), member: right, other: left });
        }
        let missing_yes = if missing == Missing::None { zero_left } else { default_left };
        Ok(FileNode::Split { feature, mode: Mode::Leq, threshold, yes: left, no: right, missing_yes })
    }
}

/// Where numbers begin and cease to go right, if those that count as zero go against the threshold.
fn right_of(threshold: f64) -> Vec<f64> {
    let mut bounds = vec![threshold.next_up(), -ZERO, ZERO.next_up()];
    bounds.sort_by(f64::total_cmp);
    // Next to zero two of the stretches are one.
    match bounds.windows(2).position(|pair| pair[0].to_bits() == pair[1].to_bits()) {
        Some(same) => bounds.drain(same..same + 2).for_each(drop),
        None => bounds.retain(|bound| bound.is_finite()),
    }
    bounds
}

/// The t such that x ≤ t decides for every float64 x as LightGBM decides with `threshold`.
pub(super) fn beside_zeros(threshold: f64) -> f64 {
    match threshold {
        _ if !(-ZERO..ZERO).contains(&threshold) => threshold,
        // Of the numbers that count as zero, all go one way.
        _ if threshold >= 0.0 => ZERO,
        _ => (-ZERO).next_down(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As LightGBM has it: zeros first, then doubles.
    fn goes_left(x: f64, threshold: f64) -> bool {
        let x = if x.abs() <= ZERO { 0.0 } else { x };
        x <= threshold
    }

    #[test]
    fn thresholds_at_the_edges_decide_as_lightgbm_does() {
        let thresholds = [0.0, -0.0, ZERO, -ZERO, 1e-40, -1e-40, 1e300, -1e300, 1e-30, 0.1, 16_777_217.0, f64::MAX];
        let xs = [0.0, -0.0, ZERO, -ZERO, 1e-45, -1e-45, 0.1, 16_777_216.0, 16_777_218.0, f64::MAX, f64::INFINITY];
        for threshold in thresholds {
            let cut = beside_zeros(threshold);
            for x in xs.into_iter().flat_map(|x: f64| [x.next_down(), x, x.next_up(), -x]).filter(|x| !x.is_nan()) {
                assert_eq!(x <= cut, goes_left(x, threshold), "{x:e} and {threshold:e} as {cut:e}");
            }
        }
    }

    #[test]
    fn zeros_may_go_against_a_threshold() {
        for threshold in [0.0, ZERO, 1.5, f64::MAX, -ZERO, -2.5, -1e300] {
            let cut = beside_zeros(threshold);
            let bounds = right_of(cut);
            assert!(bounds.is_sorted_by(|a, b| a < b), "{bounds:?}");
            let near = [cut, ZERO, -ZERO, 0.0, 2.0, -3.0, f64::MAX];
            for x in near.into_iter().flat_map(|x: f64| [x.next_down(), x, x.next_up()]).filter(|x| x.is_finite()) {
                let goes_right = if x.abs() <= ZERO { cut >= 0.0 } else { x > cut };
                let is_member = bounds.iter().filter(|&&bound| bound <= x).count() % 2 == 1;
                assert_eq!(is_member, goes_right, "{x:e} beside {cut:e}: {bounds:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn thresholds_decide_as_lightgbm_does(threshold in any::<f64>(), x in any::<f64>(), near in -2i64..=2) {
            prop_assume!(!threshold.is_nan() && !x.is_nan());
            let cut = beside_zeros(threshold);
            let tie = f64::from_bits(cut.to_bits().wrapping_add_signed(near));
            for x in [x, if tie.is_nan() { x } else { tie }] {
                prop_assert_eq!(x <= cut, goes_left(x, threshold), "{:e} and {:e}", x, threshold);
            }
        }
    }
}

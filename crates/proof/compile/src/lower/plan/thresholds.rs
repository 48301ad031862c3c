//! Thresholds that decide exactly as the arithmetic of floats does.
//!
//! A split compares some function of a feature with a threshold. That function (a chain of sums and products
//! with constants, of float32 or float64) is monotone, rounding included. So the feature's images up to some point decide one way and all
//! others the other way. That point is found by bisection, with the runtime's own arithmetic.

use crate::graph::doubles::Wide;
use crate::graph::elem::Elem;
use crate::graph::forest::Mode;
use crate::graph::plan::sources::{Steps, result};
use ciro_graph::Interval;
use ciro_graph::forest::NUMBER_ORIGIN;
use ciro_graph::ingest::{
    ORDERED_DOUBLE_MAX, ORDERED_DOUBLE_MIN, ORDERED_MAX, ORDERED_MIN, unordered, unordered_double,
};

/// What the images of a feature stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Images {
    /// All float32 that are not NaN.
    Ordered,
    /// All float64 that are not NaN.
    Doubles,
    /// Integers of an interval, which are numbers times 2^exponent.
    Numbers { exponent: i32, interval: Interval },
}

impl Images {
    fn ends(self) -> (u64, u64) {
        match self {
            Self::Ordered => (u64::from(ORDERED_MIN), u64::from(ORDERED_MAX)),
            Self::Doubles => (ORDERED_DOUBLE_MIN, ORDERED_DOUBLE_MAX),
            Self::Numbers { interval, .. } => {
                let image = |x: i64| (x + NUMBER_ORIGIN).clamp(0, 2 * NUMBER_ORIGIN) as u64;
                (image(interval.lo), image(interval.hi))
            }
        }
    }

    fn number(self, image: u64) -> f64 {
        match self {
            Self::Ordered => f64::from(f32::from_bits(unordered(image as u32))),
            Self::Doubles => f64::from_bits(unordered_double(image)),
            Self::Numbers { exponent, .. } => {
                f64::from(((image as i64 - NUMBER_ORIGIN) as f64 * (-f64::from(exponent)).exp2()) as f32)
            }
        }
    }
}

/// A split on images: left if `image < threshold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) threshold: u64,
    /// Whether images below the threshold go to the yes-child.
    pub(crate) yes_below: bool,
}

impl Cut {
    /// This cut, unless all numbers go one way and a missing value the other. Then it is the cut that tells these apart. `code` is the
    /// image of a missing value, below those of all numbers.
    pub(crate) fn or_missing(self, images: Images, code: u64, missing_yes: bool) -> Self {
        let apart = self.threshold > images.ends().1 && missing_yes != self.yes_below;
        if apart { Self { threshold: code + 1, yes_below: missing_yes } } else { self }
    }
}

/// The cut that decides as `mode.holds(steps(x), threshold)` does, for every x that has an image. Its threshold is above the first
/// image: of ordered images that of −∞, and so above zero.
pub(crate) fn cut(steps: &Steps<'_>, images: Images, mode: Mode, threshold: f64) -> Cut {
    if let (true, Images::Numbers { exponent, interval }) = (steps.is_empty(), images) {
        return cut_of_numbers((exponent, interval), mode, threshold);
    }
    let holds = |image: u64| mode.holds(result(steps, images.number(image)), threshold);
    let (first, last) = images.ends();
    let yes_below = holds(first);
    let (mut below, mut above) = (first, last + 1);
    while below + 1 < above {
        let middle = below + (above - below) / 2;
        if holds(middle) == yes_below {
            below = middle;
        } else {
            above = middle;
        }
    }
    Cut { threshold: above, yes_below }
}

/// The cut between numbers as integers. What rounds to the threshold counts as equal to it, so that ties are decided as floats decide
/// them. What rounds to zero counts as zero, though: it is what most numbers are that lie so near.
fn cut_of_numbers((exponent, interval): (i32, Interval), mode: Mode, threshold: f64) -> Cut {
    let rounded = (threshold * f64::from(exponent).exp2() + 0.5).floor();
    let (first, last) = Images::Numbers { exponent, interval }.ends();
    let yes_below = matches!(mode, Mode::Leq | Mode::Lt);
    let is_beside_zero = rounded == 0.0 && threshold != 0.0;
    let above_ties = if is_beside_zero { threshold > 0.0 } else { matches!(mode, Mode::Leq | Mode::Gt) };
    // Beyond these, all numbers lie on one side.
    let nearby = rounded.clamp(interval.lo as f64 - 1.0, interval.hi as f64 + 1.0) as i64;
    let image = nearby + i64::from(above_ties) + NUMBER_ORIGIN;
    if image <= first as i64 {
        return Cut { threshold: last + 1, yes_below: !yes_below };
    }
    Cut { threshold: (image as u64).min(last + 1), yes_below }
}

/// Where a missing value comes out of the steps, if it does not stay missing.
pub(crate) fn imputed(steps: &Steps<'_>) -> Option<f64> {
    Some(result(steps, f64::NAN)).filter(|x| !x.is_nan())
}

/// Whether the steps are monotone: finite constants, and no factor of zero.
pub(crate) fn is_monotone(steps: &Steps<'_>) -> bool {
    steps.iter().all(|&(step, i)| {
        let constants = match step {
            Elem::Add(c) | Elem::Sub(c) | Elem::SubFrom(c) => [c[i].into(), 1.0],
            Elem::Mul(c) | Elem::Div(c) => [0.0, c[i].into()],
            Elem::Scale { offset, scale } => [offset[i].into(), f64::from(scale[i])],
            Elem::Impute(c) => [c[i].into(), 1.0],
            Elem::Wide(Wide::Add(c) | Wide::Sub(c) | Wide::SubFrom(c)) => [c[i], 1.0],
            Elem::Wide(Wide::Mul(c) | Wide::Div(c)) => [0.0, c[i]],
        };
        constants.iter().all(|c| c.is_finite()) && constants[1] != 0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_graph::ingest::ordered;
    use proptest::prelude::*;

    const MODES: [Mode; 4] = [Mode::Leq, Mode::Lt, Mode::Gte, Mode::Gt];

    fn decides(cut: Cut, x: f32) -> bool {
        (u64::from(ordered(x.to_bits())) < cut.threshold) == cut.yes_below
    }

    #[test]
    fn doubles_that_float32_does_not_tell_apart_decide_each_for_itself() {
        let ends = [0.0, -0.0, 5e-324, 1.7e9 + 0.25, 9_007_199_254_740_991.0, f64::MAX, f64::INFINITY, -1e-310];
        for (mode, threshold) in MODES.into_iter().flat_map(|mode| ends.map(|threshold| (mode, threshold))) {
            let cut = cut(&vec![], Images::Doubles, mode, threshold);
            for x in ends.into_iter().flat_map(|x: f64| [x.next_down(), x, x.next_up()]) {
                let left = ciro_graph::ingest::ordered_double(x.to_bits()) < cut.threshold;
                assert_eq!(left == cut.yes_below, mode.holds(x, threshold), "{x:e} {mode:?} {threshold:e}");
            }
        }
    }

    #[test]
    fn zero_is_told_from_a_threshold_that_rounds_to_it() {
        let images = Images::Numbers { exponent: 4, interval: Interval { lo: -100, hi: 100 } };
        for (mode, threshold) in MODES.into_iter().flat_map(|mode| [1e-7, -1e-7, 0.0].map(|t| (mode, t))) {
            let cut = cut(&vec![], images, mode, threshold);
            let zero = NUMBER_ORIGIN as u64;
            assert_eq!((zero < cut.threshold) == cut.yes_below, mode.holds(0.0, threshold), "{mode:?} {threshold:e}");
        }
    }

    #[test]
    fn ties_zeros_denormals_and_infinities_decide_as_floats_do() {
        let xs =
            [0.0, -0.0, f32::from_bits(1), -f32::from_bits(1), 1.5, -1.5, f32::INFINITY, f32::NEG_INFINITY, f32::MAX];
        for mode in MODES {
            for threshold in xs.map(f64::from) {
                let cut = cut(&vec![], Images::Ordered, mode, threshold);
                for x in xs {
                    assert_eq!(decides(cut, x), mode.holds(f64::from(x), threshold), "{x} {mode:?} {threshold}");
                }
            }
        }
    }

    fn any_step() -> impl Strategy<Value = Elem> {
        let number = (-1e6f32..1e6).prop_filter("not zero", |c| *c != 0.0);
        (0..6, number.clone(), number).prop_map(|(kind, a, b)| match kind {
            0 => Elem::Add(vec![a]),
            1 => Elem::Sub(vec![a]),
            2 => Elem::SubFrom(vec![a]),
            3 => Elem::Mul(vec![a]),
            4 => Elem::Div(vec![a]),
            _ => Elem::Scale { offset: vec![a], scale: vec![b / 1e6] },
        })
    }

    proptest! {
        #[test]
        fn scaled_features_decide_exactly(
            steps in prop::collection::vec(any_step(), 0..4),
            mode in prop::sample::select(MODES.to_vec()),
            threshold in -1e3f64..1e3,
            x in any::<f32>(),
            near in -3i64..4,
        ) {
            let steps: Steps<'_> = steps.iter().map(|step| (step, 0)).collect();
            prop_assert!(is_monotone(&steps));
            let cut = cut(&steps, Images::Ordered, mode, threshold);
            prop_assert!(cut.threshold > u64::from(ORDERED_MIN));
            let truth = |x: f32| mode.holds(result(&steps, f64::from(x)), threshold);
            if !x.is_nan() {
                prop_assert_eq!(decides(cut, x), truth(x));
            }
            // Around the cut itself, where an approximate threshold would err.
            let image = (cut.threshold as i64 + near).clamp(i64::from(ORDERED_MIN), i64::from(ORDERED_MAX));
            let x = f32::from_bits(unordered(image as u32));
            prop_assert_eq!(decides(cut, x), truth(x));
        }
    }
}

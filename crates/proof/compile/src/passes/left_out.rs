//! Leaving samples out, part by part: how a model does on samples that did not calibrate it.
//!
//! The samples are split into [`PARTS`]. For each, the model is made once from the other parts, and runs on this one.
//! What is refused then is an estimate of what the finished model refuses of inputs like the samples. It errs to the
//! high side, as a trial has seen fewer.

/// Fewest samples of which some are left out.
const ENOUGH: usize = 16;
/// Parts that are left out in turn.
pub(crate) const PARTS: usize = 4;
/// A program of more weights is tried with one part only: each trial is a program of its own.
const MANY_WEIGHTS: usize = 1 << 20;
/// How unlikely a rate has to be for what was seen, before it is called too high.
const UNLIKELY: f64 = 0.05;

/// The part that sample `i` of `samples` is in. `None` where there are too few samples to leave any out.
pub(crate) const fn part(i: usize, samples: usize) -> Option<usize> {
    if samples < ENOUGH { None } else { Some((i + 1) % PARTS) }
}

/// How many parts are left out in turn, for so many samples and a program of so many weights.
pub(crate) const fn trials(samples: usize, weights: usize) -> usize {
    match (samples < ENOUGH, weights > MANY_WEIGHTS) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => PARTS,
    }
}

/// The highest rate of refusals, from 0 to 1, under which `refused` of `tried` or fewer are not unlikely. It is the bound of Clopper and
/// Pearson at 95 %.
pub(crate) fn rate_at_most(refused: usize, tried: usize) -> f64 {
    if refused >= tried {
        return 1.0;
    }
    let halved = |(lo, hi): (f64, f64), _: u32| {
        let middle = (lo + hi) / 2.0;
        if at_most(refused, tried, middle) > UNLIKELY { (middle, hi) } else { (lo, middle) }
    };
    (0..40).fold((0.0, 1.0), halved).1
}

/// The probability of `refused` or fewer of `tried` at a rate strictly between 0 and 1.
fn at_most(refused: usize, tried: usize, rate: f64) -> f64 {
    let mut term = (tried as f64 * (1.0 - rate).ln()).exp();
    let mut sum = term;
    for k in 0..refused {
        term *= (tried - k) as f64 / (k + 1) as f64 * rate / (1.0 - rate);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_in_one_part_and_each_part_has_some() {
        let mut sizes = [0; PARTS];
        (0..18).filter_map(|i| part(i, 18)).for_each(|part| sizes[part] += 1);
        assert_eq!(sizes, [4, 5, 5, 4]);
        assert_eq!((0..15).filter_map(|i| part(i, 15)).count(), 0);
        assert_eq!((trials(15, 1), trials(16, 1), trials(16, MANY_WEIGHTS + 1)), (0, PARTS, 1));
    }

    #[test]
    fn the_bound_is_that_of_the_tables() {
        // One-sided bounds at 95 % of Clopper and Pearson.
        for (refused, tried, bound) in [(0, 64, 0.0457), (1, 64, 0.0720), (5, 100, 0.1023), (64, 64, 1.0)] {
            let got = rate_at_most(refused, tried);
            assert!((got - bound).abs() < 2e-3, "{refused} of {tried}: {got}");
        }
    }
}

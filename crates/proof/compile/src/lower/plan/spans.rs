//! How large an input's elements may be: as much as samples show and a margin, and more where the weights make it cheap.
//!
//! Elements with scales of their own cost the sum that reads them no more than their weight times their span. So a feature may be as
//! large as it likes whose weight is small, and one that samples hardly show takes what the others leave.

use super::map::Map;

/// Without calibration samples, inputs are taken from [−32, 32): standardised features stay well inside. Inputs that the
/// model standardises itself are taken from where that range comes from.
pub(super) const DEFAULT_SPAN: f64 = 32.0;
/// A feature may later be this many times larger than in the calibration samples, before rounding up to a power of two.
const MARGIN: f64 = 4.0;
/// A feature whose largest sample is so many times its root mean square has a long tail. Of 64 normal numbers the largest is 2.5 times,
/// of exponential ones 3.3 times.
const LONG_TAIL: f64 = 4.0;
/// How many times larger beyond that a feature with a long tail may be, where it has a scale of its own.
const TAIL: f64 = 4.0;
/// A feature that is zero in this part of the samples tells little of its range.
const SPARSE: f64 = 0.25;
/// So many times what samples show of such a feature is taken in any case, as far as others are so large.
const SPARSE_MARGIN: f64 = 16.0;
/// How many times larger a feature of the same kind may be. Amounts are not of the same kind as counts.
const ALIKE: f64 = 1024.0;
/// So many times the sum of all others may grow by what sparse features take beyond that.
const ROOM_FOR_SPARSE: f64 = 4.0;

/// How large an element may be: powers of two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    /// It has to be taken.
    own: f64,
    /// It is taken if that costs the others little; no less than `own`.
    most: f64,
    /// It is taken where nothing tells what that costs.
    alone: f64,
    /// Whether it may become larger still.
    free: bool,
    /// Whether `most` is more because some samples are far larger than the others.
    has_tail: bool,
}

impl Span {
    /// What somebody declares.
    pub(super) fn given(span: f64) -> Self {
        Self { free: false, ..Self::free(span) }
    }

    /// What is guessed.
    pub(super) fn free(span: f64) -> Self {
        let own = power_of_two(span);
        Self { own, most: own, alone: own, free: true, has_tail: false }
    }

    /// This one, without what a long tail may add: where it is squared, each bit of the range costs two.
    pub(super) fn plain(self) -> Self {
        if self.has_tail { Self { most: self.own, alone: self.own, ..self } } else { self }
    }

    /// This one, and large enough for a number.
    pub(super) fn reaching(self, number: f64) -> Self {
        let number = power_of_two(number.abs());
        Self { own: self.own.max(number), most: self.most.max(number), alone: self.alone.max(number), ..self }
    }
}

/// The smallest power of two that is not below `magnitude`, from 2⁻³⁰ to 2⁶⁰.
fn power_of_two(magnitude: f64) -> f64 {
    magnitude.log2().ceil().clamp(-30.0, 60.0).exp2()
}

/// What samples show of each element.
pub(super) fn seen<'a>(len: usize, samples: impl Iterator<Item = &'a Vec<f32>> + Clone) -> Vec<Span> {
    let count = samples.clone().count();
    let mut largest = vec![0.0f64; len];
    let mut zeros = vec![0usize; len];
    let mut squares = vec![0.0f64; len];
    for (i, &v) in samples.flat_map(|sample| sample.iter().enumerate()) {
        if v.is_finite() {
            largest[i] = largest[i].max(f64::from(v).abs());
            squares[i] += f64::from(v).powi(2);
        }
        zeros[i] += usize::from(v == 0.0);
    }
    let overall = largest.iter().copied().fold(0.0, f64::max);
    let small = quarter(&largest);
    let has_tail = |largest: f64, squares: f64| largest.powi(2) * count as f64 > LONG_TAIL.powi(2) * squares;
    let span = |((largest, zeros), squares): ((f64, usize), f64)| match (largest == 0.0, is_sparse(zeros, count)) {
        (true, _) if overall == 0.0 => Span::free(DEFAULT_SPAN),
        // Nothing is known of it but what the others are.
        (true, _) => Span { own: power_of_two(0.0), ..Span::free(MARGIN * overall) },
        (false, true) => {
            let most = power_of_two(MARGIN * overall.min(ALIKE * largest));
            let own = power_of_two(SPARSE_MARGIN * largest).min(most);
            Span { own, most, alone: own.max(power_of_two(MARGIN * small)).min(most), free: true, has_tail: false }
        }
        (false, false) if has_tail(largest, squares) => {
            let most = power_of_two(TAIL * MARGIN * largest);
            Span { most, alone: most, has_tail: true, ..Span::free(MARGIN * largest) }
        }
        (false, false) => Span::free(MARGIN * largest),
    };
    largest.into_iter().zip(zeros).zip(squares).map(span).collect()
}

/// What a quarter of the features that are not zero everywhere stays below; zero if there is none.
fn quarter(largest: &[f64]) -> f64 {
    let mut sorted: Vec<f64> = largest.iter().copied().filter(|&size| size > 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 4).copied().unwrap_or(0.0)
}

/// Whether a feature that is zero in so many samples tells little of its range.
fn is_sparse(zeros: usize, count: usize) -> bool {
    zeros as f64 >= SPARSE * count as f64
}

/// One span for all elements: what has to be taken of the largest.
pub(super) fn together(spans: &[Span]) -> f64 {
    spans.iter().map(|span| span.own).fold(0.0, f64::max)
}

/// A span for each element of what `map` reads; without one, what they may take where nothing tells what that costs.
pub(super) fn apart(spans: &[Span], map: Option<&Map>) -> Vec<f64> {
    let Some(map) = map else { return spans.iter().map(|span| span.alone).collect() };
    let costs = Costs::of(map, spans.len());
    let least: Vec<f64> = spans.iter().map(|span| span.own).collect();
    let room = ROOM_FOR_SPARSE * costs.largest_sum(&least);
    let halved = |times: i32| -> Vec<f64> {
        let part = (-f64::from(times)).exp2();
        spans.iter().map(|span| span.own.max(span.most * part)).collect()
    };
    // Halved often enough, nothing is left beyond the least.
    let taken = (0..=90).map(halved).find(|spans| costs.largest_sum(spans) <= room).unwrap_or(least);
    costs.evened(taken, spans)
}

/// What each element costs the sums that read it.
struct Costs<'a> {
    map: &'a Map,
    /// The largest weight of each element.
    heaviest: Vec<f64>,
}

impl<'a> Costs<'a> {
    fn of(map: &'a Map, len: usize) -> Self {
        let mut heaviest = vec![0.0f64; len];
        map.terms().for_each(|(_, k, w)| heaviest[k] = heaviest[k].max(w.abs()));
        Self { map, heaviest }
    }

    fn largest_sum(&self, spans: &[f64]) -> f64 {
        let mut sums = vec![0.0; self.map.parts().1.len()];
        self.map.terms().for_each(|(j, k, w)| sums[j] += w.abs() * spans[k]);
        sums.into_iter().fold(0.0, f64::max)
    }

    /// Each span no smaller than an even share of the largest sum, which then at most doubles.
    fn evened(&self, taken: Vec<f64>, spans: &[Span]) -> Vec<f64> {
        let share = self.largest_sum(&taken) / taken.len().max(1) as f64;
        let wider = |k: usize, span: f64| {
            let most = (share / self.heaviest[k]).log2().floor().clamp(-30.0, 60.0).exp2();
            if spans[k].free && most.is_finite() { span.max(most) } else { span }
        };
        taken.into_iter().enumerate().map(|(k, span)| wider(k, span)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(weights: &[f64]) -> Map {
        Map::Dense { n: 1, w: weights.to_vec(), b: vec![0.0] }
    }

    #[test]
    fn spans_leave_a_margin_and_sparse_features_more() {
        let samples = [vec![1.0, 0.0, 100.0], vec![-1.1, 0.0, 90.0], vec![0.5, 0.25, 110.0], vec![0.4, 0.0, 80.0]];
        let seen = seen(3, samples.iter());
        assert_eq!(seen.iter().map(|span| span.own).collect::<Vec<_>>(), [8.0, 4.0, 512.0]);
        assert!((together(&seen) - 512.0).abs() < 1e-9);
        assert_eq!(super::seen(1, [vec![0.0]].iter()), [Span::free(DEFAULT_SPAN)]);
    }

    #[test]
    fn pixels_that_samples_do_not_show_may_be_as_bright_as_the_others() {
        let samples = [vec![16.0, 0.0, 12.0, 0.0], vec![15.0, 0.0, 16.0, 1.0]];
        let spans = apart(&seen(4, samples.iter()), Some(&dense(&[1.0, 0.7, -1.0, 0.5])));
        assert!(spans.iter().all(|&span| span >= 64.0), "{spans:?}");
    }

    #[test]
    fn a_count_that_is_mostly_zero_does_not_take_the_span_of_cents() {
        let samples = [vec![0.0, 1e10], vec![3.0, 2e9], vec![0.0, 5e9], vec![0.0, 4e9]];
        // Of standardised weights: both columns count the same.
        let spans = apart(&seen(2, samples.iter()), Some(&dense(&[0.5, 1e-10])));
        assert!((64.0..=256.0).contains(&spans[0]) && spans[1] >= 2f64.powi(36), "{spans:?}");
    }

    #[test]
    fn a_flag_beside_amounts_leaves_squares_their_bits() {
        let of = |i: usize| vec![if i.is_multiple_of(4) { 1.0 } else { 0.0 }, 18.0 + i as f32, 1e6 * i as f32, 0.5];
        let samples: Vec<Vec<f32>> = (0..64).map(of).collect();
        assert!((apart(&seen(4, samples.iter()), None)[0] - 16.0).abs() < 1e-9);
        let alike = [vec![0.0, 200.0, 255.0, 90.0, 201.0], vec![3.0, 255.0, 250.0, 255.0, 17.0]];
        assert!(apart(&seen(5, alike.iter()), None)[0] >= 255.0, "pixels are as bright as others");
    }

    #[test]
    fn a_feature_with_a_long_tail_may_be_larger_still_where_it_has_a_scale_of_its_own() {
        let of = |i: usize| vec![if i == 5 { 40.0 } else { 1.0 }, i as f32];
        let samples: Vec<Vec<f32>> = (0..64).map(of).collect();
        let seen = seen(2, samples.iter());
        assert_eq!((seen[0].own, seen[0].most), (256.0, 1024.0));
        assert_eq!(seen[1], Span::free(256.0), "evenly spread");
        assert!((together(&seen) - 256.0).abs() < 1e-9);
        assert!((apart(&seen, Some(&dense(&[1.0, 1.0])))[0] - 1024.0).abs() < 1e-9);
    }

    #[test]
    fn a_weight_that_is_small_leaves_room_and_a_declared_span_is_kept() {
        let spans = [Span::free(8.0), Span::free(8.0), Span::given(8.0)];
        let apart = apart(&spans, Some(&dense(&[1.0, 1e-6, 1e-6])));
        assert!((apart[0] - 8.0).abs() < 1e-9);
        assert!(apart[1] > 1e6 && (apart[2] - 8.0).abs() < 1e-9, "{apart:?}");
        // A sum of at most twice as much.
        assert!(apart[1] * 1e-6 <= 8.0);
    }
}

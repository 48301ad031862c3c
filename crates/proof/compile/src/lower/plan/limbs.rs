//! How an affine map becomes integers without losing precision to the 2³⁰ that a sum may reach.
//!
//! A real weight w becomes `q₀/2^s₀ + q₁/2^s₁ + …`: as many limbs as the precision needs, each as fine as its sum allows. One
//! limb of a 20-bit input leaves only some five bits for thirty weights; two or three limbs give what float32 gives.

use super::map::Map;
use crate::lower::builder::{MAX_SHIFT, ROOM};

/// Most limbs of a weight.
const MAX_LIMBS: usize = 3;
/// Bits of a weight limb, sign excluded.
const LIMB_MAGNITUDE: f64 = 32_767.0;
/// An error below this part of a sum's range is good enough: about what float32 arithmetic leaves.
const TOLERANCE: f64 = 1.0 / (1 << 24) as f64;
/// Widths that an operand may take, bits of magnitude.
const WIDTHS: std::ops::RangeInclusive<u32> = 8..=24;
/// Finest scale of a result.
const MAX_SCALE: i32 = 40;

/// How many bits the operand and how many limbs the weights take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Precision {
    pub(crate) operand_bits: u32,
    pub(crate) limbs: usize,
}

/// The magnitudes of an operand's elements.
#[derive(Clone, Debug)]
pub(crate) struct Magnitudes {
    /// What they never exceed.
    pub(crate) span: Vec<f64>,
    /// Their usual size (root mean square).
    pub(crate) typical: Vec<f64>,
}

impl Magnitudes {
    /// Where no samples tell, a usual element is an eighth of the largest.
    pub(crate) fn new(span: Vec<f64>, typical: Option<&[f64]>) -> Self {
        let typical = typical.map_or_else(|| span.iter().map(|s| s / 8.0).collect(), <[f64]>::to_vec);
        Self { span, typical }
    }
}

/// The cheapest precision whose predicted error is within tolerance; else the most precise one.
pub(crate) fn choose(map: &Map, x: &Magnitudes) -> Precision {
    let ranges = Ranges::of(map, x);
    let mut best = Precision { operand_bits: 16, limbs: 1 };
    for limbs in 1..=MAX_LIMBS {
        for operand_bits in WIDTHS {
            let candidate = Precision { operand_bits, limbs };
            if ranges.error(candidate) < ranges.error(best) {
                best = candidate;
            }
        }
        if ranges.error(best) <= ranges.largest_sum * TOLERANCE {
            break;
        }
    }
    best
}

/// The root mean square error that a precision is predicted to have.
pub(crate) fn predicted(map: &Map, x: &Magnitudes, precision: Precision) -> f64 {
    Ranges::of(map, x).error(precision)
}

/// What the prediction depends on.
struct Ranges {
    /// Largest |sum|.
    largest_sum: f64,
    /// Largest root of a sum of squared terms.
    norm: f64,
    /// Terms of one sum.
    terms: f64,
    /// Root of the sum over one sum's terms of (usual / largest operand)².
    fill: f64,
}

impl Ranges {
    fn of(map: &Map, x: &Magnitudes) -> Self {
        let offsets = map.parts().1;
        let mut sums: Vec<f64> = offsets.iter().map(|b| b.abs()).collect();
        let mut squares = vec![0.0; offsets.len()];
        for (j, k, w) in map.terms() {
            sums[j] += (w * x.span[k]).abs();
            squares[j] += (w * x.span[k]).powi(2);
        }
        let largest = |values: Vec<f64>| values.into_iter().fold(f64::MIN_POSITIVE, f64::max);
        let terms = map.fan_in() as f64;
        let filled: f64 = x.typical.iter().zip(&x.span).map(|(usual, span)| (usual / span).powi(2)).sum();
        // An average over the elements, for maps that read them one by one; samples may miss what makes some large.
        let fill = (filled / x.span.len() as f64 * terms).sqrt().max(terms.sqrt() / 256.0);
        Self { largest_sum: largest(sums), norm: largest(squares).sqrt(), terms, fill }
    }

    /// Predicted root mean square error, up to a common factor. It comes from rounding of the operand, of the last weight limb (for
    /// operands of their usual size), and of the sums.
    fn error(&self, precision: Precision) -> f64 {
        let bits = f64::from(precision.operand_bits);
        let scale = (ROOM as f64 / self.largest_sum).log2().floor();
        let bits_per_limb = (31.0 - bits - self.terms.log2()).floor();
        if bits_per_limb < 2.0 && precision.limbs > 1 {
            return f64::INFINITY;
        }
        let limbs = precision.limbs as f64;
        let operand = self.norm * (-bits).exp2();
        let weight = self.fill * (bits - scale - (limbs - 1.0) * bits_per_limb).exp2();
        let sum = (-scale).exp2() * limbs.sqrt();
        (operand * operand + weight * weight + sum * sum).sqrt()
    }
}

/// Integer weights at a scale: the part `q / 2^scale` of each weight, per integer unit of the operand.
#[derive(Clone, Debug)]
pub(crate) struct Limb {
    pub(crate) scale: i32,
    pub(crate) q: Vec<i32>,
}

/// A map in integers: the sum of its limbs, plus the bias at the first limb's scale.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    pub(crate) limbs: Vec<Limb>,
    pub(crate) bias: Vec<i32>,
    /// Whether the limbs hold the weights without any error.
    pub(crate) exact: bool,
}

/// Splits a map of integers up to `magnitude` (weights per integer unit of the operand). `None` if a number is not finite
/// or beyond 2³⁰ at any scale worth having.
pub(crate) fn split(map: &Map, magnitude: f64, limbs: usize) -> Option<Split> {
    let (w, b) = map.parts();
    if w.iter().chain(b).any(|v| !v.is_finite()) {
        return None;
    }
    // What later limbs may add to the first one's sum: half a unit per term.
    let later = map.fan_in() as f64 * magnitude / 2.0 + 4.0;
    let max = ROOM as f64;
    let (limbs, room) = if limbs > 1 && later < max / 2.0 { (limbs, max - later) } else { (1, max) };
    let first = finest(map, w, Some(b), magnitude, room, MAX_SCALE)?;
    let mut rest = residue(w, &first);
    let bias: Vec<i32> = b.iter().map(|b| rounded(*b, first.scale) as i32).collect();
    let is_zero = |rest: &[f64]| rest.iter().all(|&r| r == 0.0);
    let mut split = Split { limbs: vec![first], bias, exact: is_zero(&rest) };
    if split.exact {
        cancel_twos(&mut split, b);
    }
    while split.limbs.len() < limbs && !split.exact {
        let before = split.limbs[0].scale;
        match finest(map, &rest, None, magnitude, max, before + MAX_SHIFT as i32) {
            Some(limb) if limb.scale > before => {
                rest = residue(&rest, &limb);
                split.limbs.push(limb);
                split.exact = is_zero(&rest);
            }
            _ => break,
        }
    }
    Some(split)
}

/// The weights at the finest scale at which no sum exceeds `room`.
fn finest(map: &Map, w: &[f64], bias: Option<&[f64]>, magnitude: f64, room: f64, max_scale: i32) -> Option<Limb> {
    (-60..=max_scale).rev().find_map(|scale| {
        let q: Vec<f64> = w.iter().map(|w| rounded(*w, scale)).collect();
        let mut sums: Vec<f64> = match bias {
            Some(bias) => bias.iter().map(|b| rounded(*b, scale).abs()).collect(),
            None => vec![0.0; map.parts().1.len()],
        };
        for ((j, _, _), q) in map.terms().zip(&q) {
            sums[j] += q.abs() * magnitude;
        }
        let fits = q.iter().all(|q| q.abs() <= LIMB_MAGNITUDE) && sums.iter().all(|&sum| sum <= room);
        fits.then(|| Limb { scale, q: q.into_iter().map(|q| q as i32).collect() })
    })
}

fn rounded(value: f64, scale: i32) -> f64 {
    (value * f64::from(scale).exp2()).round()
}

fn residue(w: &[f64], limb: &Limb) -> Vec<f64> {
    let unit = (-f64::from(limb.scale)).exp2();
    w.iter().zip(&limb.q).map(|(w, &q)| w - f64::from(q) * unit).collect()
}

/// Weights that are exact lose nothing at a coarser scale while all are even; so do offsets that are exact as well.
fn cancel_twos(split: &mut Split, offsets: &[f64]) {
    let limb = &mut split.limbs[0];
    let unit = (-f64::from(limb.scale)).exp2();
    let exact = offsets.iter().zip(&split.bias).all(|(&b, &q)| b - f64::from(q) * unit == 0.0);
    let all = || limb.q.iter().chain(&split.bias);
    if !exact || all().all(|&q| q == 0) {
        return;
    }
    let twos = all().filter(|&&q| q != 0).map(|q| q.trailing_zeros()).min().unwrap_or(0);
    limb.scale -= twos as i32;
    limb.q.iter_mut().chain(&mut split.bias).for_each(|q| *q >>= twos);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(weights: &[f64], bias: f64) -> Map {
        Map::Dense { n: 1, w: weights.to_vec(), b: vec![bias] }
    }

    fn sum(split: &Split, x: &[f64]) -> f64 {
        let unit = |scale: i32| (-f64::from(scale)).exp2();
        let bias = f64::from(split.bias[0]) * unit(split.limbs[0].scale);
        let limb = |l: &Limb| x.iter().zip(&l.q).map(|(x, &q)| x * f64::from(q)).sum::<f64>() * unit(l.scale);
        bias + split.limbs.iter().map(limb).sum::<f64>()
    }

    #[test]
    fn three_limbs_hold_weights_as_float32_does() {
        let weights: Vec<f64> = (0..30).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let map = dense(&weights, 0.3);
        let magnitude = f64::from(1 << 19);
        let exact: f64 = weights.iter().map(|w| w * magnitude).sum::<f64>() + 0.3;
        let error = |limbs| (sum(&split(&map, magnitude, limbs).unwrap(), &[magnitude; 30]) - exact).abs();
        assert!(error(3) < error(2) / 30.0 && error(2) < error(1) / 30.0, "{} {} {}", error(1), error(2), error(3));
        assert!(error(3) / magnitude < 30.0 / f64::from(1 << 20));
    }

    #[test]
    fn no_sum_of_a_limb_leaves_its_room() {
        for magnitude in [1.0, 100.0, 1e6, 3e8] {
            let split = split(&dense(&[0.9, -3.7, 12.0], 5.0), magnitude, 3).unwrap();
            for limb in &split.limbs {
                let sum: f64 = limb.q.iter().map(|&q| f64::from(q).abs() * magnitude).sum();
                assert!(sum <= ROOM as f64);
            }
        }
    }

    #[test]
    fn weights_that_are_exact_take_one_small_limb() {
        let split = split(&Map::Dense { n: 2, w: vec![-0.25, 0.25], b: vec![1.0, 0.0] }, 1e6, 3).unwrap();
        assert_eq!(split.limbs.len(), 1);
        assert_eq!((split.limbs[0].scale, &split.limbs[0].q[..], &split.bias[..]), (2, &[-1, 1][..], &[4, 0][..]));
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        assert!(split(&dense(&[f64::NAN], 0.0), 1.0, 1).is_none());
        assert!(split(&dense(&[1.0], f64::INFINITY), 1.0, 1).is_none());
    }

    #[test]
    fn wide_sums_take_few_operand_bits_and_small_ones_many() {
        let chosen = |k: usize, w: f64| choose(&dense(&vec![w; k], 0.0), &Magnitudes::new(vec![8.0; k], None));
        let (wide, small) = (chosen(4096, 0.05), chosen(4, 0.5));
        assert!(wide.operand_bits < small.operand_bits, "{wide:?} {small:?}");
    }
}

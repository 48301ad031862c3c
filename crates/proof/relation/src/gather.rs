//! Columns picked from other columns: the windows of a convolution, slices, padding, concatenation, changes of layout.
//!
//! The cell of a gathered column at y is the cell of another column at x(y), or zero. x(y) goes axis by axis. So the
//! matrix S with gathered = S·of is a product of small ones, and its extension is cheap. A claim on the gathered
//! column at r becomes a sumcheck, Σ_x S(r, x)·of(x), and both sides compute S themselves.

use crate::rows::wide;
use alloc::vec;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_sumcheck::{EqSplit, eq, eq_bits, eq_ops};
use ciro_transcript::cost::{Cost, E_MUL, wide as long};
use ciro_transcript::field::E_BYTES;
use ciro_transcript::{E, meter};
use p3_field::PrimeCharacteristicRing;

use crate::column::ColId;

/// A dimension within an index space: consecutive variables and how many positions are real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Span {
    /// First variable.
    pub start: usize,
    /// How many variables.
    pub bits: usize,
    /// Real positions.
    pub len: usize,
}

impl Span {
    /// Its coordinates of a point.
    pub fn of<'a>(&self, point: &'a [E]) -> &'a [E] {
        point.get(self.start..self.start.saturating_add(self.bits)).unwrap_or(&[])
    }
}

/// A gathered column.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Gather {
    /// Read. Not a product, not gathered itself.
    pub of: ColId,
    /// What its variables are, first to last.
    pub parts: Vec<Part>,
}

/// Consecutive variables of the column that is read.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub enum Part {
    /// They are variables of the gathered column.
    Pass(Span),
    /// They are the position that an axis picks.
    Pick(Axis),
}

impl Part {
    /// How many entries it is, of those that a relation may hold.
    #[must_use]
    pub fn entries(&self) -> usize {
        match self {
            Self::Pass(_) => 1,
            Self::Pick(axis) => axis.index.len().saturating_add(1),
        }
    }
}

/// One picked dimension.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Axis {
    /// Variables of the dimension that is read.
    pub bits: usize,
    /// The dimensions of the gathered column that decide the position.
    pub by: Vec<Span>,
    /// The position for each combination of theirs, row-major over real positions; `None` for zero.
    pub index: Vec<Option<usize>>,
}

impl Axis {
    /// eq of r and each combination of positions that decide.
    fn combined(&self, r: &[E]) -> Vec<E> {
        let mut combined = vec![self.singles(r)];
        for span in self.by.iter().filter(|span| span.len != 1) {
            let own = EqSplit::new(span.of(r));
            let own: Vec<E> = (0..span.len).map(|i| own.at(i)).collect();
            meter::field(long(combined.len().saturating_mul(own.len())).saturating_mul(E_MUL));
            combined = combined.iter().flat_map(|&c| own.iter().map(move |&w| c * w)).collect();
        }
        combined
    }

    /// eq of r and the only position of dimensions that have but one.
    fn singles(&self, r: &[E]) -> E {
        let singles = self.by.iter().filter(|span| span.len == 1);
        singles.fold(E::ONE, |acc, span| acc * eq_bits(0, span.of(r)))
    }

    /// S(r, ·) of this axis, for the gathered column's point r: 2^bits values.
    #[must_use]
    pub fn weights(&self, r: &[E]) -> Vec<E> {
        let combined = self.combined(r);
        let mut weights = vec![E::ZERO; 1usize.checked_shl(u32::try_from(self.bits).unwrap_or(u32::MAX)).unwrap_or(0)];
        for (&w, index) in combined.iter().zip(&self.index) {
            if let Some(weight) = index.and_then(|i| weights.get_mut(i)) {
                *weight += w;
            }
        }
        weights
    }

    /// S(r, σ) of this axis: as [`Axis::weights`] evaluated at σ, at the cost of the cells that it reads.
    fn weight(&self, r: &[E], sigma: &[E]) -> E {
        let log_run = self.log_run();
        let low = wide(log_run);
        match self.by.as_slice() {
            [span] => {
                // Whole runs are read in order, so that their last variables are the same on both sides.
                let (r, sigma) = (split_last(span.of(r), low), split_last(sigma, low));
                let (picking, picked) = (EqSplit::new(r.0), EqSplit::new(sigma.0));
                let step = 1usize.checked_shl(log_run).unwrap_or(usize::MAX);
                let read = |index: &Option<usize>| Some(picked.at((*index)?.checked_shr(log_run)?));
                let terms = self.index.iter().step_by(step).enumerate();
                terms.filter_map(|(i, index)| Some(picking.at(i) * read(index)?)).sum::<E>() * eq(r.1, sigma.1)
            }
            _ => {
                let picked = EqSplit::new(sigma);
                let terms = self.combined(r).into_iter().zip(&self.index);
                terms.filter_map(|(c, index)| Some(c * picked.at((*index)?))).sum()
            }
        }
    }

    /// What [`Axis::weight`] takes: three products for each position, the tables, and the search for runs.
    fn cost(&self) -> Cost {
        let each = long(self.index.len()).saturating_mul(4 * E_MUL);
        let bits = |bits: usize| EqSplit::ops(bits).saturating_add(eq_ops(bits)).saturating_add(E_MUL);
        let tables = self.by.iter().map(|span| bits(span.bits)).fold(bits(self.bits), u64::saturating_add);
        let combined = long(self.index.len().saturating_mul(2 * E_BYTES));
        Cost::field(each.saturating_add(tables)).and(Cost::memory(combined.saturating_add(tables)))
    }

    /// log₂ of the longest runs, aligned on both sides, that are read in order or not at all, where one dimension decides.
    fn log_run(&self) -> u32 {
        let [span] = self.by.as_slice() else { return 0 };
        let most = u32::try_from(span.bits.min(self.bits)).unwrap_or(0);
        let longer = |log: &u32| self.is_in_runs_of_twice(*log);
        (0..most).take_while(longer).last().map_or(0, |log| log.saturating_add(1))
    }

    /// Whether positions that are in runs of 2^`log` are in runs twice as long.
    fn is_in_runs_of_twice(&self, log: u32) -> bool {
        let half = 1usize.checked_shl(log).unwrap_or(usize::MAX);
        let starts: Vec<Option<usize>> = self.index.iter().step_by(half).copied().collect();
        starts.chunks(2).all(|pair| match *pair {
            [Some(a), Some(b)] => a.checked_rem(half.saturating_mul(2)) == Some(0) && a.checked_add(half) == Some(b),
            [None, None] | [None] => true,
            _ => false,
        })
    }
}

/// All but the last `n` coordinates, and these.
fn split_last(point: &[E], n: usize) -> (&[E], &[E]) {
    point.split_at(point.len().saturating_sub(n))
}

impl Gather {
    /// Variables that its sumcheck runs over.
    #[must_use]
    pub fn vars(&self) -> usize {
        self.axes().map(|axis| axis.bits).sum()
    }

    /// The picked dimensions.
    pub fn axes(&self) -> impl Iterator<Item = &Axis> {
        self.parts.iter().filter_map(|part| match part {
            Part::Pick(axis) => Some(axis),
            Part::Pass(_) => None,
        })
    }

    /// S(r, σ).
    pub fn weight(&self, r: &[E], sigma: &[E]) -> E {
        let mut rest = sigma;
        let mut product = E::ONE;
        for axis in self.axes() {
            let (own, after) = rest.split_at(axis.bits.min(rest.len()));
            product *= axis.weight(r, own);
            rest = after;
        }
        product
    }

    /// What [`Gather::weight`] takes, and [`Gather::point`].
    #[must_use]
    pub fn cost(&self) -> Cost {
        let parts = Cost::field(long(self.parts.len()).saturating_mul(2 * E_MUL));
        self.axes().fold(parts, |sum, axis| sum.and(axis.cost()))
    }

    /// Where the column that is read is evaluated: passed variables from r, picked ones from σ.
    #[must_use]
    pub fn point(&self, r: &[E], sigma: &[E]) -> Vec<E> {
        let mut rest = sigma;
        let mut point = Vec::new();
        for part in &self.parts {
            match part {
                Part::Pass(span) => point.extend_from_slice(span.of(r)),
                Part::Pick(axis) => {
                    let (own, after) = rest.split_at(axis.bits.min(rest.len()));
                    point.extend_from_slice(own);
                    rest = after;
                }
            }
        }
        point
    }

    /// The number of the cell that is read for a cell of the gathered column of `log_len` variables; `None` for zero.
    #[must_use]
    pub fn cell(&self, index: usize, log_len: u32) -> Option<usize> {
        let coordinate = |span: &Span| {
            let after = wide(log_len).saturating_sub(span.start).saturating_sub(span.bits);
            let mask = u32::try_from(span.bits)
                .ok()
                .and_then(|bits| 1usize.checked_shl(bits))
                .map_or(usize::MAX, |end| end.saturating_sub(1));
            (index >> after) & mask
        };
        let mut cell = 0usize;
        for part in &self.parts {
            let (bits, position) = match part {
                Part::Pass(span) => (span.bits, coordinate(span)),
                Part::Pick(axis) => {
                    let mut combination = 0usize;
                    for span in &axis.by {
                        let at = coordinate(span);
                        if at >= span.len {
                            return None;
                        }
                        combination = combination.saturating_mul(span.len).saturating_add(at);
                    }
                    (axis.bits, (*axis.index.get(combination)?)?)
                }
            };
            cell = (cell << bits) | position;
        }
        Some(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_sumcheck::evaluate;

    /// Windows of three taps, one apart, over five elements with one zero before and after, in each of two channels.
    fn windows() -> Gather {
        let (tap, window) = (Span { start: 1, bits: 2, len: 3 }, Span { start: 3, bits: 3, len: 5 });
        let index =
            (0..3usize).flat_map(|t| (0..5usize).map(move |w| (w + t).checked_sub(1).filter(|&i| i < 5))).collect();
        let axis = Axis { bits: 3, by: vec![tap, window], index };
        let channel = Span { start: 0, bits: 1, len: 2 };
        Gather { of: ColId(0), parts: vec![Part::Pass(channel), Part::Pick(axis)] }
    }

    #[test]
    fn a_claim_on_the_gathered_column_is_a_sum_over_the_other() {
        let mut sponge = ciro_transcript::Sponge::new("test");
        let of: Vec<E> = (0..16).map(|i| E::from_u32(i * i + 7)).collect();
        let gather = windows();
        let gathered: Vec<E> = (0..64).map(|y| gather.cell(y, 6).map_or(E::ZERO, |x| of[x])).collect();
        let r: Vec<E> = (0..6).map(|_| sponge.challenge("r")).collect();
        let weights = gather.axes().next().map(|axis| axis.weights(&r)).unwrap_or_default();
        let sum = (0..8).fold(E::ZERO, |acc, x| acc + weights[x] * evaluate(&[of[x], of[8 + x]], &r[..1]));
        assert_eq!(sum, evaluate(&gathered, &r));

        let sigma: Vec<E> = (0..3).map(|_| sponge.challenge("s")).collect();
        assert_eq!(gather.weight(&r, &sigma), evaluate(&weights, &sigma));
        assert_eq!(gather.point(&r, &sigma), [&r[..1], &sigma[..]].concat());
    }

    #[test]
    fn runs_that_are_read_in_order_weigh_as_one_by_one() {
        let mut sponge = ciro_transcript::Sponge::new("test");
        let r: Vec<E> = (0..4).map(|_| sponge.challenge("r")).collect();
        let sigma: Vec<E> = (0..5).map(|_| sponge.challenge("s")).collect();
        let some = |range: core::ops::Range<usize>| range.map(Some);
        let zeros = |n: usize| core::iter::repeat_n(None, n);
        let cases: [(u32, Vec<Option<usize>>); 8] = [
            (4, some(16..32).collect()),
            (2, some(12..24).collect()),
            (2, some(8..12).chain(some(0..8)).collect()),
            (2, some(4..8).chain(zeros(4)).chain(some(20..24)).collect()),
            (1, some(6..16).collect()),
            (1, some(4..8).chain(zeros(2)).chain(some(8..12)).collect()),
            (0, some(1..13).collect()),
            (0, some(0..8).rev().collect()),
        ];
        for (log_run, index) in cases {
            let span = Span { start: 0, bits: 4, len: index.len() };
            let axis = Axis { bits: 5, by: vec![span], index };
            assert_eq!(axis.log_run(), log_run, "{:?}", axis.index);
            assert_eq!(axis.weight(&r, &sigma), evaluate(&axis.weights(&r), &sigma), "{:?}", axis.index);
        }
    }
}

//! Columns picked from other columns: the windows of a convolution, slices, padding, concatenation, changes of layout.
//!
//! The cell of a gathered column at y is the cell of another column at x(y), or zero. x(y) goes axis by axis, so that the
//! matrix S with gathered = S·of is a product of small ones and its extension is cheap: a claim on the gathered column at r
//! becomes Σ_x S(r, x)·of(x), a sumcheck, and both sides compute S themselves.

use crate::rows::wide;
use alloc::vec;
use alloc::vec::Vec;
use ciro_sumcheck::eq_table;
use ciro_transcript::E;
use p3_field::PrimeCharacteristicRing;

use crate::relation::ColId;

/// A dimension within an index space: consecutive variables and how many positions are real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug)]
pub struct Gather {
    /// Read. Not a product, not gathered itself.
    pub of: ColId,
    /// What its variables are, first to last.
    pub parts: Vec<Part>,
}

/// Consecutive variables of the column that is read.
#[derive(Clone, Debug)]
pub enum Part {
    /// They are variables of the gathered column.
    Pass(Span),
    /// They are the position that an axis picks.
    Pick(Axis),
}

/// One picked dimension.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Variables of the dimension that is read.
    pub bits: usize,
    /// The dimensions of the gathered column that decide the position.
    pub by: Vec<Span>,
    /// The position for each combination of theirs, row-major over real positions; `None` for zero.
    pub index: Vec<Option<usize>>,
}

impl Axis {
    /// S(r, ·) of this axis, for the gathered column's point r: 2^bits values.
    #[must_use]
    pub fn weights(&self, r: &[E]) -> Vec<E> {
        let mut combined = vec![E::ONE];
        for span in &self.by {
            let own = eq_table(span.of(r), E::ONE);
            let own = own.get(..span.len).unwrap_or(&own);
            combined = combined.iter().flat_map(|&c| own.iter().map(move |&w| c * w)).collect();
        }
        let mut weights = vec![E::ZERO; 1usize.checked_shl(u32::try_from(self.bits).unwrap_or(u32::MAX)).unwrap_or(0)];
        for (&w, index) in combined.iter().zip(&self.index) {
            if let Some(weight) = index.and_then(|i| weights.get_mut(i)) {
                *weight += w;
            }
        }
        weights
    }
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
            let sum = axis.weights(r).iter().zip(eq_table(own, E::ONE)).fold(E::ZERO, |acc, (&w, e)| acc + w * e);
            product *= sum;
            rest = after;
        }
        product
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
            let mask = (1usize << span.bits) - 1;
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
                        combination = combination * span.len + at;
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
}

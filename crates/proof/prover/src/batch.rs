//! The reduction of all claims to one point. See `ciro_verifier::batch` for the protocol.
//!
//! Most claims share the end of their points: columns are read at suffixes of a few points. Claims whose last
//! `LOW_VARS` coordinates agree are a family. While the last variables are bound, a family's part of Σ f·w is the
//! inner product of eq(last coordinates) with one row. That row is all rows that its claims are about, combined by
//! their weights. So each cell is read once for each claim on it, in the base field, and then once to bind the last
//! variables. The rounds over rows see one element per row.

use crate::kernel::cells::Cells;
use crate::kernel::eq::eq_table;
use crate::kernel::matrix::{dot_rows, fold_parts};
use crate::rounds::{Inner, Quadratics, bind_inner};
use ciro_pcs::Params;
use ciro_relation::{Knowledge, Poly, Relation, Space};
use ciro_sumcheck::{Work, eq_bits, suffix};
use ciro_transcript::{E, Transcript, Writer};
use ciro_verifier::batch::{LOW_VARS, Reduced, in_order, round_work, vars_max};
use ciro_verifier::layout::{Evaluation, Evaluations};
use p3_field::PrimeCharacteristicRing;
use rayon::prelude::*;

/// Rows that one task weighs.
const SHARED_ROWS: usize = 1 << 11;

/// Proves the batch phase for the cells of the relation's polynomials, in order; returns what it comes down to.
pub fn prove(
    transcript: &mut Writer,
    relation: &Relation,
    params: &Params,
    cells: &[Cells<'_>],
    claims: Evaluations,
) -> Reduced {
    reduce(transcript, &relation.spaces, params, cells, &claims.into_committed().unwrap_or_default())
}

/// As [`prove`], for claims on some polynomials, whose cells are given in order.
pub fn reduce(
    transcript: &mut Writer,
    spaces: &[Space],
    params: &Params,
    cells: &[Cells<'_>],
    claims: &[Evaluation],
) -> Reduced {
    let eta = transcript.challenge("eta");
    let sides: Vec<Side<'_>> =
        spaces.iter().zip(cells).map(|(space, &cells)| Side::new(claims, eta, space.poly, cells, space.used)).collect();
    let (point, values) = sumcheck(transcript, &sides, round_work(vars_max(spaces), params));
    let values = spaces.iter().zip(values);
    let values: Vec<E> = values.filter(|(space, _)| space.known != Knowledge::Cells).map(|(_, value)| value).collect();
    transcript.write_exts("opened values", &values);
    Reduced { point, values }
}

/// The rounds of Σ f·w over all sides; returns their point and each f there.
fn sumcheck(transcript: &mut Writer, sides: &[Side<'_>], work: Work) -> (Vec<E>, Vec<E>) {
    let rounds = sides.iter().map(Side::vars).max().unwrap_or(0);
    let low = LOW_VARS.min(rounds);
    let mut within: Vec<Inner> = sides.iter().flat_map(|side| side.within_rows(low)).collect();
    let claim = within.iter().fold(E::ZERO, |acc, family| acc + family.total());
    let mut messages = Quadratics::new("batch rounds", work, claim);
    bind_inner(transcript, &mut messages, low, &mut within);
    let last = messages.point().to_vec();
    let mut families = within.as_slice();
    let mut over = Vec::with_capacity(sides.len());
    for side in sides {
        let (own, rest) = families.split_at(side.families.len());
        families = rest;
        over.push(side.over_rows(&last, own, rounds - low));
    }
    bind_inner(transcript, &mut messages, rounds - low, &mut over);
    (in_order(messages.point().to_vec()), over.iter().map(Inner::a).collect())
}

/// Claims that weigh the cells within their rows alike.
struct Family<'a> {
    like: Like<'a>,
    /// By cell of a row.
    low: Vec<E>,
    parts: Vec<Part<'a>>,
}

/// Rows that a claim is about.
struct Part<'a> {
    /// The first.
    first: usize,
    /// They weigh eq of these coordinates, times `weight`.
    high: &'a [E],
    weight: E,
    /// What each weighs, once all claims are there.
    weights: Vec<E>,
}

impl<'a> Part<'a> {
    fn new(first: usize, high: &'a [E], weight: E) -> Self {
        Self { first, high, weight, weights: Vec::new() }
    }
}

/// What the claims of a family have in common.
#[derive(PartialEq)]
enum Like<'a> {
    /// The last coordinates.
    Point(&'a [E]),
    /// The row, of which each is about a part.
    Row(usize),
}

/// A committed polynomial, cut into rows of 2^`LOW_VARS` cells, and the claims on it.
struct Side<'a> {
    cells: Cells<'a>,
    /// Cells are zero from here on.
    used: usize,
    families: Vec<Family<'a>>,
}

impl<'a> Side<'a> {
    fn new(claims: &'a [Evaluation], eta: E, poly: Poly, cells: Cells<'a>, used: usize) -> Self {
        let mut side = Self { cells, used, families: Vec::new() };
        for (claim, weight) in claims.iter().zip(eta.powers()).filter(|(claim, _)| claim.window.poly == poly) {
            side.add(claim, weight);
        }
        let parts = side.families.par_iter_mut().flat_map(|family| family.parts.par_iter_mut());
        parts.for_each(|part| part.weights = eq_table(part.high, part.weight).to_vec());
        side
    }

    fn vars(&self) -> usize {
        self.cells.len().ilog2() as usize
    }

    /// Variables within a row.
    fn low_vars(&self) -> usize {
        LOW_VARS.min(self.vars())
    }

    fn add(&mut self, claim: &'a Evaluation, weight: E) {
        let (choice, point) = claim.point.split_at(claim.window.high as usize);
        for (i, &block) in claim.window.blocks.iter().enumerate() {
            let first = claim.window.offset + (i << point.len());
            self.add_block(first, point, weight * eq_bits(block, choice));
        }
    }

    /// The claim on one block, whose first cell is given.
    fn add_block(&mut self, first: usize, point: &'a [E], weight: E) {
        let low = self.low_vars();
        let row = first >> low;
        if point.len() < low {
            let family = self.family(Like::Row(row));
            family.parts = vec![Part::new(row, &[], E::ONE)];
            let eq = eq_table(point, weight).to_vec();
            family.low[first % (1 << low)..].iter_mut().zip(eq).for_each(|(l, w)| *l += w);
        } else {
            let (high, last) = point.split_at(point.len() - low);
            self.family(Like::Point(last)).parts.push(Part::new(row, high, weight));
        }
    }

    fn family(&mut self, like: Like<'a>) -> &mut Family<'a> {
        let known = self.families.iter().position(|family| family.like == like);
        let at = known.unwrap_or_else(|| {
            let low = match like {
                Like::Point(point) => eq_table(point, E::ONE).to_vec(),
                Like::Row(_) => E::zero_vec(1 << self.low_vars()),
            };
            self.families.push(Family { like, low, parts: Vec::new() });
            self.families.len() - 1
        });
        &mut self.families[at]
    }

    /// Cells up to the last whole row with one that is used.
    fn used_rows(&self) -> Cells<'a> {
        let low = self.low_vars();
        self.cells.slice(0..self.used.div_ceil(1 << low) << low)
    }

    /// Σ over the cells of a row, by family, its rows combined into one, in a sumcheck of `rounds` rounds.
    fn within_rows(&self, rounds: usize) -> Vec<Inner> {
        let summand =
            |family: &Family<'_>| Inner::new(self.combined(&family.parts), family.low.clone(), rounds, E::ONE);
        self.families.par_iter().map(summand).collect()
    }

    /// Σ weight·row.
    fn combined(&self, parts: &[Part<'_>]) -> Vec<E> {
        let low = self.low_vars();
        let rows = |part: &Part<'_>| self.cells.slice(part.first << low..(part.first + part.weights.len()) << low);
        let parts: Vec<(Cells<'_>, &[E])> = parts.iter().map(|part| (rows(part), part.weights.as_slice())).collect();
        fold_parts(&parts, 1 << low)
    }

    /// Σ over rows, their last variables bound to those of `last`; `families` say what each family weighs there.
    fn over_rows(&self, last: &[E], families: &[Inner], rounds: usize) -> Inner {
        let low = self.low_vars();
        let rows = self.cells.len() >> low;
        let mut values = dot_rows(self.used_rows(), &eq_table(suffix(last, low), E::ONE));
        values.resize(rows, E::ZERO);
        let mut weights = E::zero_vec(rows);
        for (family, bound) in self.families.iter().zip(families) {
            let weight = bound.weight();
            for part in &family.parts {
                let rows = weights[part.first..].par_iter_mut().with_min_len(SHARED_ROWS).zip(&part.weights);
                rows.for_each(|(w, &p)| *w += weight * p);
            }
        }
        Inner::new(values, weights, rounds, E::ONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::tests::{cells, elements};
    use crate::rounds::fold;
    use ciro_relation::Window;
    use ciro_transcript::F;

    /// Some challenges follow work, before and after the last variables are bound.
    const WORK: Work = Work { label: "work", bits: 2, rounds: 6..10 };

    /// The cells with the last `low` variables leading.
    fn turned(cells: &[E], low: usize) -> Vec<E> {
        (0..1usize << low).flat_map(|i| cells.iter().skip(i).step_by(1 << low).copied()).collect()
    }

    /// Σ f·w over tables of 2^`rounds` cells, w summed claim by claim.
    fn plainly(transcript: &mut Writer, claims: &[Evaluation], sides: [(Poly, &[F]); 2], eta: E) -> (Vec<E>, Vec<E>) {
        let rounds = sides.map(|(_, cells)| cells.len().ilog2()).into_iter().max().unwrap_or(0) as usize;
        let low = LOW_VARS.min(rounds);
        let mut tables = sides.map(|(poly, cells)| {
            let mut w = E::zero_vec(cells.len());
            for (claim, power) in claims.iter().zip(eta.powers()).filter(|(c, _)| c.window.poly == poly) {
                let eq = ciro_sumcheck::eq_table(&claim.point, power);
                let block = eq.len() >> claim.window.high;
                let stored = claim.window.blocks.iter().flat_map(|&b| &eq[b * block..][..block]);
                stored.zip(&mut w[claim.window.offset..]).for_each(|(&t, w)| *w += t);
            }
            // f is tied to zero on the variables that it lacks, and w does not depend on them.
            let w = w.repeat((1 << rounds) / cells.len());
            let mut f: Vec<E> = cells.iter().map(|&x| E::from(x)).collect();
            f.resize(1 << rounds, E::ZERO);
            [turned(&f, low), turned(&w, low)]
        });
        let claim = tables.iter().flat_map(|[f, w]| f.iter().zip(w)).map(|(&f, &w)| f * w).sum();
        let mut messages = Quadratics::new("batch rounds", WORK, claim);
        for _ in 0..rounds {
            let at = |t: &[E], x: E, j: usize| t[j] + x * (t[t.len() / 2 + j] - t[j]);
            let sum = |x: E| {
                tables.iter().flat_map(|[f, w]| (0..f.len() / 2).map(move |j| at(f, x, j) * at(w, x, j))).sum::<E>()
            };
            let r = messages.send(transcript, [sum(E::ZERO), sum(E::TWO)]);
            tables.iter_mut().flatten().for_each(|t| fold(t, r));
        }
        let bound = messages.point();
        let point = [&bound[low..], &bound[..low]].concat();
        let values = sides.map(|(_, f)| ciro_sumcheck::evaluate_base(f, suffix(&point, f.len().ilog2() as usize)));
        (point, values.to_vec())
    }

    /// Claims on windows of one block, true or not: both sides must send the same.
    fn whole(windows: &[(Poly, usize, &[E])]) -> Vec<Evaluation> {
        let claim = |&(poly, offset, point): &(Poly, usize, &[E])| Evaluation {
            window: Window { poly, offset, high: 0, blocks: vec![0] },
            point: point.to_vec(),
            value: E::ZERO,
        };
        windows.iter().map(claim).collect()
    }

    /// Runs both on the claims and compares every message.
    fn check(vars: [u32; 2], used: [usize; 2], claims: &[Evaluation]) {
        let eta = elements(1)[0];
        let [mut model, mut witness] = vars.map(|vars| cells(1 << vars));
        model[used[0]..].fill(F::ZERO);
        witness[used[1]..].fill(F::ZERO);
        let sides = [
            Side::new(claims, eta, Poly::Model, Cells::from(&model), used[0]),
            Side::new(claims, eta, Poly::Witness, Cells::from(&witness), used[1]),
        ];
        let (mut fast, mut slow) = (Writer::new("test"), Writer::new("test"));
        let got = sumcheck(&mut fast, &sides, WORK);
        let expected = plainly(&mut slow, claims, [(Poly::Model, &model), (Poly::Witness, &witness)], eta);
        assert_eq!(got, expected);
        assert_eq!(fast.finish().0, slow.finish().0);
    }

    #[test]
    fn messages_equal_those_over_whole_tables() {
        use Poly::{Model, Witness};
        let z = elements(30);
        let end = |vars: usize| &z[11 - vars..11];
        let columns =
            [(Witness, 1024, end(9)), (Witness, 1344, end(6)), (Witness, 17, end(0)), (Witness, 1408, end(6))];
        let of_model = [(Model, 256, end(8)), (Model, 128, end(7)), (Model, 0, end(3))];
        let elsewhere = [(Witness, 512, &z[12..21]), (Witness, 1344, &z[21..27]), (Witness, 0, &z[12..22])];
        let all = [(Witness, 0, end(11)), (Model, 0, end(9))];
        check([9, 11], [500, 2000], &whole(&[&columns[..], &of_model, &elsewhere].concat()));
        check([9, 11], [300, 1500], &whole(&[&all[..], &columns, &elsewhere].concat()));
        check([9, 11], [512, 2048], &whole(&all));
        check([11, 9], [2048, 512], &whole(&[(Model, 1024, &z[3..13]), (Witness, 256, end(8))]));
        // Polynomials shorter than a block.
        check([4, 11], [16, 2000], &whole(&[&columns[..], &[(Model, 0, end(4)), (Model, 8, end(2))]].concat()));
        check([4, 6], [9, 60], &whole(&[(Model, 0, end(4)), (Witness, 32, end(5)), (Witness, 0, &z[12..18])]));
        check([0, 1], [1, 2], &whole(&[(Model, 0, end(0)), (Witness, 0, end(1)), (Witness, 1, end(0))]));
        check([3, 5], [8, 32], &whole(&[]));
        // Blocks longer and shorter than a row, some not stored.
        let cut = |offset, high, blocks: &[usize], point: &[E]| Evaluation {
            window: Window { poly: Model, offset, high, blocks: blocks.to_vec() },
            point: point.to_vec(),
            value: E::ZERO,
        };
        let claims = [cut(0, 2, &[0, 2, 3], &z[..12]), cut(3072, 3, &[1, 6], &z[3..10]), cut(3072, 2, &[2], &z[7..16])];
        check([12, 11], [3300, 2000], &[&claims[..], &whole(&columns[..2])].concat());
    }
}

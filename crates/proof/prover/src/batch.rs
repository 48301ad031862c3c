//! The reduction of all claims to one point. See `ciro_verifier::batch` for the protocol.
//!
//! Most claims share the end of their points: columns are read at suffixes of a few points. Claims whose last `LOW_VARS`
//! coordinates agree are a family. In Σ f·w its part is Σ over blocks of weight·⟨block, eq(last coordinates)⟩ while leading
//! variables are bound, so that all rounds but the last `LOW_VARS` run over one value per block, and no table of w is made.

use crate::kernel::eq::eq_table;
use crate::kernel::matrix::{combine_columns, dot_rows};
use crate::kernel::table::Table;
use crate::rounds::{Inner, inner_sumcheck};
use ciro_relation::{Knowledge, Poly, Relation};
use ciro_sumcheck::suffix;
use ciro_transcript::{E, F, Transcript, Writer};
use ciro_verifier::layout::{Evaluation, Evaluations};
use p3_field::PrimeCharacteristicRing;

/// log₂ of a block's cells. Longer blocks have fewer values; shorter ones have more claims per family.
const LOW_VARS: usize = 8;

/// Proves the batch phase for the cells of the relation's polynomials, in order; returns the point ρ.
pub fn prove(transcript: &mut Writer, relation: &Relation, cells: &[&[F]], claims: Evaluations) -> Vec<E> {
    let claims = claims.into_committed().unwrap_or_default();
    let eta = transcript.challenge("eta");
    let spaces = relation.spaces.iter().zip(cells);
    let sides: Vec<Side<'_>> =
        spaces.map(|(space, cells)| Side::new(&claims, eta, space.poly, cells, space.used)).collect();
    let (rho, values) = sumcheck(transcript, &sides);
    let values = relation.spaces.iter().zip(values);
    let sent: Vec<E> = values.filter(|(space, _)| space.known != Knowledge::Cells).map(|(_, value)| value).collect();
    transcript.write_exts("opened values", &sent);
    rho
}

/// The rounds of Σ f·w over all sides; returns their point and each f there.
fn sumcheck(transcript: &mut Writer, sides: &[Side<'_>]) -> (Vec<E>, Vec<E>) {
    let rounds = sides.iter().map(Side::vars).max().unwrap_or(0);
    let low = LOW_VARS.min(rounds);
    let mut blocks: Vec<Inner> = sides.iter().flat_map(|side| side.summands(rounds - low)).collect();
    let mut point = inner_sumcheck(transcript, "batch rounds", rounds - low, &mut blocks);
    let mut rest = blocks.as_slice();
    let mut cells: Vec<Inner> = Vec::with_capacity(sides.len());
    for side in sides {
        let (own, others) = rest.split_at(side.families.len());
        cells.push(side.within_blocks(&point, own, low));
        rest = others;
    }
    point.extend(inner_sumcheck(transcript, "batch rounds", low, &mut cells));
    (point, cells.iter().map(Inner::a).collect())
}

/// Claims that weigh the cells within their blocks alike.
struct Family<'a> {
    like: Like<'a>,
    /// By cell of a block.
    low: Vec<E>,
    /// By block.
    high: Vec<E>,
}

/// What the claims of a family have in common.
#[derive(PartialEq)]
enum Like<'a> {
    /// The last coordinates.
    Point(&'a [E]),
    /// The block, of which each is about a part.
    Block(usize),
}

/// A committed polynomial and the claims on it.
struct Side<'a> {
    cells: &'a [F],
    /// Cells are zero from here on.
    used: usize,
    families: Vec<Family<'a>>,
}

impl<'a> Side<'a> {
    fn new(claims: &'a [Evaluation], eta: E, poly: Poly, cells: &'a [F], used: usize) -> Self {
        let mut side = Self { cells, used, families: Vec::new() };
        for (claim, weight) in claims.iter().zip(eta.powers()).filter(|(claim, _)| claim.poly == poly) {
            side.add(claim, weight);
        }
        side
    }

    fn vars(&self) -> usize {
        self.cells.len().ilog2() as usize
    }

    /// Variables within a block.
    fn low_vars(&self) -> usize {
        LOW_VARS.min(self.vars())
    }

    fn add(&mut self, claim: &'a Evaluation, weight: E) {
        let low = self.low_vars();
        let block = claim.offset >> low;
        if claim.point.len() < low {
            let family = self.family(Like::Block(block));
            family.high[block] = E::ONE;
            add_at(&mut family.low, claim.offset % (1 << low), &claim.point, weight);
        } else {
            let (high, last) = claim.point.split_at(claim.point.len() - low);
            add_at(&mut self.family(Like::Point(last)).high, block, high, weight);
        }
    }

    fn family(&mut self, like: Like<'a>) -> &mut Family<'a> {
        let known = self.families.iter().position(|family| family.like == like);
        let at = known.unwrap_or_else(|| {
            let low = match like {
                Like::Point(point) => eq_table(point, E::ONE).to_vec(),
                Like::Block(_) => E::zero_vec(1 << self.low_vars()),
            };
            let high = E::zero_vec(self.cells.len() >> self.low_vars());
            self.families.push(Family { like, low, high });
            self.families.len() - 1
        });
        &mut self.families[at]
    }

    /// Cells up to the last whole block with one that is used.
    fn used_blocks(&self) -> &[F] {
        let low = self.low_vars();
        &self.cells[..self.used.div_ceil(1 << low) << low]
    }

    /// Σ over blocks, by family, in a sumcheck of `rounds` rounds.
    fn summands(&self, rounds: usize) -> impl Iterator<Item = Inner> {
        self.families.iter().map(move |family| {
            let mut values = dot_rows(self.used_blocks(), &Table::new(family.low.clone()));
            values.resize(family.high.len(), E::ZERO);
            Inner::new(values, family.high.clone(), rounds, E::ONE)
        })
    }

    /// Σ over the cells of a block, all blocks combined into one by the leading variables' point.
    fn within_blocks(&self, point: &[E], blocks: &[Inner], rounds: usize) -> Inner {
        let low = self.low_vars();
        let eq = eq_table(suffix(point, self.vars() - low), E::ONE).to_vec();
        let combined = combine_columns(&[(self.used_blocks(), &eq)], low);
        let mut weights = E::zero_vec(1 << low);
        for (family, summand) in self.families.iter().zip(blocks) {
            let weight = summand.weight();
            weights.iter_mut().zip(&family.low).for_each(|(w, &t)| *w += weight * t);
        }
        Inner::new(combined.to_vec(), weights, rounds, E::ONE)
    }
}

/// table += weight·eq(point, ·) from `start` on.
fn add_at(table: &mut [E], start: usize, point: &[E], weight: E) {
    let eq = eq_table(point, weight).to_vec();
    table[start..].iter_mut().zip(eq).for_each(|(t, w)| *t += w);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::tests::{cells, elements};
    use crate::rounds::{fold, send_quadratic};

    /// Σ f·w over tables of 2^`rounds` cells, w summed claim by claim.
    fn plainly(transcript: &mut Writer, claims: &[Evaluation], sides: [(Poly, &[F]); 2], eta: E) -> (Vec<E>, Vec<E>) {
        let rounds = sides.map(|(_, cells)| cells.len().ilog2()).into_iter().max().unwrap_or(0);
        let mut tables = sides.map(|(poly, cells)| {
            let mut w = E::zero_vec(cells.len());
            for (claim, power) in claims.iter().zip(eta.powers()).filter(|(c, _)| c.poly == poly) {
                let eq = ciro_sumcheck::eq_table(&claim.point, power);
                eq.iter().zip(&mut w[claim.offset..]).for_each(|(&t, w)| *w += t);
            }
            // f is tied to zero on the variables that it lacks, and w does not depend on them.
            let w = w.repeat((1 << rounds) / cells.len());
            let mut f: Vec<E> = cells.iter().map(|&x| E::from(x)).collect();
            f.resize(1 << rounds, E::ZERO);
            [f, w]
        });
        let mut claim = tables.iter().flat_map(|[f, w]| f.iter().zip(w)).map(|(&f, &w)| f * w).sum();
        let mut point = Vec::new();
        for _ in 0..rounds {
            let at = |t: &[E], x: E, j: usize| t[j] + x * (t[t.len() / 2 + j] - t[j]);
            let sum = |x: E| {
                tables.iter().flat_map(|[f, w]| (0..f.len() / 2).map(move |j| at(f, x, j) * at(w, x, j))).sum::<E>()
            };
            let r = send_quadratic(transcript, "batch rounds", &mut claim, sum(E::ZERO), sum(E::TWO));
            tables.iter_mut().flatten().for_each(|t| fold(t, r));
            point.push(r);
        }
        let values = sides.map(|(_, f)| ciro_sumcheck::evaluate_base(f, suffix(&point, f.len().ilog2() as usize)));
        (point, values.to_vec())
    }

    /// Runs both on claims (polynomial, offset, point) and compares every message.
    fn check(vars: [u32; 2], used: [usize; 2], windows: &[(Poly, usize, &[E])]) {
        let eta = elements(1)[0];
        let [mut model, mut witness] = vars.map(|vars| cells(1 << vars));
        model[used[0]..].fill(F::ZERO);
        witness[used[1]..].fill(F::ZERO);
        let claim = |&(poly, offset, point): &(Poly, usize, &[E])| {
            let table = if poly == Poly::Model { &model } else { &witness };
            let value = ciro_sumcheck::evaluate_base(&table[offset..][..1 << point.len()], point);
            Evaluation { poly, offset, point: point.to_vec(), value }
        };
        let claims: Vec<Evaluation> = windows.iter().map(claim).collect();
        let sides = [
            Side::new(&claims, eta, Poly::Model, &model, used[0]),
            Side::new(&claims, eta, Poly::Witness, &witness, used[1]),
        ];
        let (mut fast, mut slow) = (Writer::new("test"), Writer::new("test"));
        let got = sumcheck(&mut fast, &sides);
        let expected = plainly(&mut slow, &claims, [(Poly::Model, &model), (Poly::Witness, &witness)], eta);
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
        let whole = [(Witness, 0, end(11)), (Model, 0, end(9))];
        check([9, 11], [500, 2000], &[&columns[..], &of_model, &elsewhere].concat());
        check([9, 11], [300, 1500], &[&whole[..], &columns, &elsewhere].concat());
        check([9, 11], [512, 2048], &whole);
        check([11, 9], [2048, 512], &[(Model, 1024, &z[3..13]), (Witness, 256, end(8))]);
        // Polynomials shorter than a block.
        check([4, 11], [16, 2000], &[&columns[..], &[(Model, 0, end(4)), (Model, 8, end(2))]].concat());
        check([4, 6], [9, 60], &[(Model, 0, end(4)), (Witness, 32, end(5)), (Witness, 0, &z[12..18])]);
        check([0, 1], [1, 2], &[(Model, 0, end(0)), (Witness, 0, end(1)), (Witness, 1, end(0))]);
        check([3, 5], [8, 32], &[]);
    }
}

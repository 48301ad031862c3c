//! Codewords and their commitments.
//!
//! A long codeword is twice as large as the polynomial and more, and few of its rows are ever opened. So it is hashed as it is encoded,
//! a few columns at a time. Only its first columns are kept; what is opened of the others is computed anew.

use crate::kernel::blake::BLOCK_WORDS;
use crate::kernel::cells::Cells;
use crate::kernel::code::{Code, word};
use crate::kernel::merkle::{Columns, Leaves, Tree};
use crate::kernel::points::Points;
use crate::kernel::salt::Salts;
use ciro_pcs::Round;
use ciro_transcript::field::E_DEGREE;
use ciro_transcript::{Digest, E, F, Writer};
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};
use rayon::prelude::*;
use std::ops::Range;

/// A codeword by columns of base elements, and the tree over its rows.
struct Oracle {
    columns: Columns,
    commitment: Commitment,
}

/// The tree over the rows of a codeword.
struct Commitment {
    salts: Option<Salts>,
    tree: Tree,
}

/// The seed of oracles without salts.
pub const UNSALTED: Digest = [0; 32];

/// Cells of a codeword that one task encodes at least.
const CELLS_MIN: usize = 1 << 15;

impl Oracle {
    /// Encodes `count` columns of 2^vars base elements; `message` writes one of them. Salts come from `seed` if the round has any.
    fn new(count: usize, round: &Round, seed: &Digest, message: impl Fn(usize, &mut [F]) + Sync) -> Self {
        let code = Code::new(round.vars, round.log_inv_rate);
        let columns = encoded(&code, 0..count, round, message);
        let salts = round.is_salted.then(|| Salts::new(seed, 1 << round.log_leaves()));
        let tree = Tree::new(&columns, salts.as_ref());
        Self { columns, commitment: Commitment { salts, tree } }
    }

    fn row(&self, position: u32) -> Vec<F> {
        self.columns.row(position as usize).map(|x| F::from_u32(word(x))).collect()
    }
}

/// The codewords of some columns.
fn encoded(code: &Code, range: Range<usize>, round: &Round, message: impl Fn(usize, &mut [F]) + Sync) -> Columns {
    let mut columns = Columns::stale(range.len(), 1 << round.log_leaves());
    let min = CELLS_MIN.div_ceil(1 << round.log_leaves());
    columns.each_mut().enumerate().with_min_len(min).for_each_init(
        || F::zero_vec(1 << round.vars),
        |scratch, (i, column)| {
            message(range.start + i, scratch);
            code.encode(scratch, column);
        },
    );
    columns
}

impl Commitment {
    /// Sends what proves the rows at `positions`.
    fn write_paths(&self, transcript: &mut Writer, positions: &[u32]) {
        if let Some(salts) = &self.salts {
            let salts: Vec<Digest> = positions.iter().map(|&p| salts.of(p as usize)).collect();
            transcript.write_opened_digests("salts", &salts);
        }
        self.tree.write_siblings(transcript, positions);
    }
}

/// A committed base-field polynomial: its codeword, rows of one value per used column, and the tree over them.
pub struct BaseOracle {
    round: Round,
    /// The first columns, some at a time.
    kept: Vec<Columns>,
    commitment: Commitment,
}

/// Bytes of a codeword that are kept at most.
const KEPT_MAX: usize = 3 << 28;

/// Columns that are encoded before they are hashed: a few for each thread.
const HASHED_COLUMNS: usize = 2 * BLOCK_WORDS;

impl BaseOracle {
    /// Commits to 2^(fold + vars) cells. `seed` is where salts come from, if the round has any.
    #[must_use]
    pub fn new<'a>(cells: impl Into<Cells<'a>>, round: &Round, seed: &Digest) -> Self {
        let bytes = (4 * round.columns) << round.log_leaves();
        if bytes <= KEPT_MAX || round.is_salted {
            Self::kept(cells, round, seed)
        } else {
            Self::partly_kept(cells, round, KEPT_MAX)
        }
    }

    /// As [`BaseOracle::new`], and keeps the codeword whatever its size.
    #[must_use]
    pub fn kept<'a>(cells: impl Into<Cells<'a>>, round: &Round, seed: &Digest) -> Self {
        let cells = cells.into();
        let Oracle { columns, commitment } =
            Oracle::new(round.columns, round, seed, |c, out| column(cells, round, c).write(out));
        Self { round: *round, kept: vec![columns], commitment }
    }

    /// As [`BaseOracle::new`] without salts, and keeps `bytes` of the codeword at most. A column has 2⁷ cells or more.
    #[must_use]
    pub fn partly_kept<'a>(cells: impl Into<Cells<'a>>, round: &Round, bytes: usize) -> Self {
        let cells = cells.into();
        let code = Code::new(round.vars, round.log_inv_rate);
        let mut leaves = Leaves::new(1 << round.log_leaves(), round.columns);
        let mut kept = Vec::new();
        for first in (0..round.columns).step_by(HASHED_COLUMNS) {
            let range = first..round.columns.min(first + HASHED_COLUMNS);
            let is_kept = (4 * range.end) << round.log_leaves() <= bytes;
            let columns = encoded(&code, range, round, |c, out| column(cells, round, c).write(out));
            leaves.absorb(&columns);
            if is_kept {
                kept.push(columns);
            }
        }
        let commitment = Commitment { salts: None, tree: leaves.tree() };
        Self { round: *round, kept, commitment }
    }

    /// The commitment.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.commitment.tree.root()
    }

    /// Sends the rows at `positions` (ascending, distinct) with their proof, and returns them. `cells` are those committed to.
    pub fn open(&self, transcript: &mut Writer, cells: Cells<'_>, positions: &[u32]) -> Vec<Vec<F>> {
        let rows = self.rows(cells, positions);
        transcript.write_opened_bases("rows", &rows.concat());
        self.commitment.write_paths(transcript, positions);
        rows
    }

    /// The rows at some positions of the codeword of `cells`.
    fn rows(&self, cells: Cells<'_>, positions: &[u32]) -> Vec<Vec<F>> {
        let round = &self.round;
        let kept: usize = self.kept.iter().map(Columns::count).sum();
        let mut computed: Vec<Vec<F>> = Vec::new();
        if kept < round.columns {
            let points = Points::new(round.vars, round.log_inv_rate, positions);
            let values = |c: usize| points.evaluate(column(cells, round, c));
            computed = (kept..round.columns).into_par_iter().map(values).collect();
        }
        let row = |(i, &position): (usize, &u32)| {
            let kept = self.kept.iter().flat_map(|columns| columns.row(position as usize));
            kept.map(|x| F::from_u32(word(x))).chain(computed.iter().map(|column| column[i])).collect()
        };
        positions.iter().enumerate().map(row).collect()
    }
}

/// The message of a column.
fn column<'a>(cells: Cells<'a>, round: &Round, number: usize) -> Cells<'a> {
    cells.slice(number << round.vars..(number + 1) << round.vars)
}

/// A committed extension-field polynomial. An element is five columns of base elements.
pub struct ExtOracle(Oracle);

impl ExtOracle {
    /// Commits to a table of 2^(fold + vars) values.
    #[must_use]
    pub fn new(table: &[E], round: &Round) -> Self {
        let len = 1usize << round.vars;
        let message = |c: usize, out: &mut [F]| {
            let column = &table[c / E_DEGREE * len..][..len];
            for (out, x) in out.iter_mut().zip(column) {
                let coefficients: &[F] = x.as_basis_coefficients_slice();
                *out = coefficients[c % E_DEGREE];
            }
        };
        Self(Oracle::new(E_DEGREE << round.fold, round, &UNSALTED, message))
    }

    /// The commitment.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.0.commitment.tree.root()
    }

    /// Sends the rows at `positions` (ascending, distinct) with their proof, and returns them.
    pub fn open(&self, transcript: &mut Writer, positions: &[u32]) -> Vec<Vec<E>> {
        let rows: Vec<Vec<E>> = positions.iter().map(|&p| E::reconstitute_from_base(self.0.row(p))).collect();
        transcript.write_opened_exts("rows", &rows.concat());
        self.0.commitment.write_paths(transcript, positions);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::tests::cells;
    use ciro_pcs::soundness::SLACKS;

    /// Whole blocks of columns are kept, and the last one if all fit.
    fn kept_columns(room: usize, columns: usize) -> usize {
        if room >= columns { columns } else { room / HASHED_COLUMNS * HASHED_COLUMNS }
    }

    #[test]
    fn a_codeword_that_is_not_kept_opens_like_one_that_is() {
        for (fold, vars, columns, rate) in [(2, 7, 4, 1), (6, 8, 37, 1), (7, 9, 100, 2), (1, 14, 2, 1)] {
            let column = 4usize << (vars + rate);
            let round =
                Round { fold, vars, log_inv_rate: rate, slack: SLACKS[0], queries: 9, columns, is_salted: false };
            let cells = cells(1 << (fold + vars));
            let positions: Vec<u32> = (0..9).map(|i| (i * (1 << (vars + rate))) / 9 + i % 3).collect();
            let opened = |oracle: BaseOracle| {
                let mut transcript = Writer::new("test");
                let rows = oracle.open(&mut transcript, Cells::from(&cells), &positions);
                (oracle.root(), rows, transcript.finish().0)
            };
            let expected = opened(BaseOracle::kept(&cells, &round, &UNSALTED));
            for kept in [0, 40, 64, columns] {
                let oracle = BaseOracle::partly_kept(&cells, &round, kept * column);
                assert_eq!(oracle.kept.iter().map(Columns::count).sum::<usize>(), kept_columns(kept, columns));
                assert_eq!(opened(oracle), expected, "{fold} {vars} {columns} {rate} {kept}");
            }
        }
    }
}

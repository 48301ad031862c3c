//! Codewords and their commitments.

use crate::kernel::code::{Code, word};
use crate::kernel::merkle::{Columns, Tree};
use crate::kernel::salt::Salts;
use ciro_pcs::Round;
use ciro_transcript::field::E_DEGREE;
use ciro_transcript::{Digest, E, F, Writer};
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};
use rayon::prelude::*;

/// A codeword by columns of base elements, and the tree over its rows.
struct Oracle {
    columns: Columns,
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
        let mut columns = Columns::stale(count, 1 << round.log_leaves());
        let min = CELLS_MIN.div_ceil(1 << round.log_leaves());
        columns.each_mut().enumerate().with_min_len(min).for_each_init(
            || F::zero_vec(1 << round.vars),
            |scratch, (c, column)| {
                message(c, scratch);
                code.encode(scratch, column);
            },
        );
        let salts = round.is_salted.then(|| Salts::new(seed, 1 << round.log_leaves()));
        let tree = Tree::new(&columns, salts.as_ref());
        Self { columns, salts, tree }
    }

    /// Sends what proves the rows at `positions`.
    fn write_paths(&self, transcript: &mut Writer, positions: &[u32]) {
        if let Some(salts) = &self.salts {
            let salts: Vec<Digest> = positions.iter().map(|&p| salts.of(p as usize)).collect();
            transcript.write_opened_digests("salts", &salts);
        }
        self.tree.write_siblings(transcript, positions);
    }

    fn row(&self, position: u32) -> Vec<F> {
        self.columns.row(position as usize).map(|x| F::from_u32(word(x))).collect()
    }
}

/// A committed base-field polynomial: its codeword, rows of one value per used column, and the tree over them.
pub struct BaseOracle(Oracle);

impl BaseOracle {
    /// Commits to a table of 2^(fold + vars) values. `seed` is where salts come from, if the round has any.
    #[must_use]
    pub fn new(table: &[F], round: &Round, seed: &Digest) -> Self {
        let len = 1usize << round.vars;
        let message = |c: usize, out: &mut [F]| out.copy_from_slice(&table[c * len..(c + 1) * len]);
        Self(Oracle::new(round.columns, round, seed, message))
    }

    /// The commitment.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.0.tree.root()
    }

    /// Sends the rows at `positions` (ascending, distinct) with their proof, and returns them.
    pub fn open(&self, transcript: &mut Writer, positions: &[u32]) -> Vec<Vec<F>> {
        let rows: Vec<Vec<F>> = positions.iter().map(|&p| self.0.row(p)).collect();
        transcript.write_opened_bases("rows", &rows.concat());
        self.0.write_paths(transcript, positions);
        rows
    }
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
        self.0.tree.root()
    }

    /// Sends the rows at `positions` (ascending, distinct) with their proof, and returns them.
    pub fn open(&self, transcript: &mut Writer, positions: &[u32]) -> Vec<Vec<E>> {
        let rows: Vec<Vec<E>> = positions.iter().map(|&p| E::reconstitute_from_base(self.0.row(p))).collect();
        transcript.write_opened_exts("rows", &rows.concat());
        self.0.write_paths(transcript, positions);
        rows
    }
}

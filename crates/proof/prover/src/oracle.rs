//! Codewords and Merkle trees.

use ciro_pcs::merkle::{base_leaf_bytes, ext_leaf_bytes, sibling_positions};
use ciro_pcs::{Round, leaf_digest, node_digest};
use ciro_transcript::{Digest, E, F, Writer};
use p3_dft::{Radix2DitParallel, TwoAdicSubgroupDft};
use p3_field::PrimeCharacteristicRing;
use p3_matrix::Matrix;
use p3_matrix::dense::RowMajorMatrix;

/// A Merkle tree: level 0 holds the leaves' digests.
struct Tree {
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    fn new(leaves: Vec<Digest>) -> Self {
        let mut levels = vec![leaves];
        while let Some(last) = levels.last().filter(|l| l.len() > 1) {
            let up = last.chunks_exact(2).map(|pair| node_digest(&pair[0], &pair[1])).collect();
            levels.push(up);
        }
        Self { levels }
    }

    fn root(&self) -> Digest {
        self.levels[self.levels.len() - 1][0]
    }

    fn write_siblings(&self, transcript: &mut Writer, positions: &[u32]) {
        let depth = (self.levels.len() - 1) as u32;
        let siblings: Vec<Digest> = sibling_positions(positions, depth)
            .into_iter()
            .map(|(level, i)| self.levels[level as usize][i as usize])
            .collect();
        transcript.write_siblings("paths", &siblings);
    }
}

/// A committed base-field polynomial: its codeword, rows of 2^fold values, and the tree over them.
pub struct BaseOracle {
    rows: Vec<F>,
    width: usize,
    tree: Tree,
}

/// Row y of the result holds the values (c, y) of all columns c, padded with zero rows to the code's length.
fn interleave<T: PrimeCharacteristicRing + Copy + Send + Sync>(table: &[T], round: &Round) -> RowMajorMatrix<T> {
    let (width, height) = (1usize << round.fold, 1usize << round.vars);
    let mut rows = T::zero_vec(width << round.log_leaves());
    for (c, column) in table.chunks_exact(height).enumerate() {
        for (y, &value) in column.iter().enumerate() {
            rows[y * width + c] = value;
        }
    }
    RowMajorMatrix::new(rows, width)
}

impl BaseOracle {
    /// Commits to a table of 2^(fold + vars) values.
    #[must_use]
    pub fn new(table: &[F], round: &Round) -> Self {
        let width = 1usize << round.fold;
        let code = Radix2DitParallel::<F>::default().dft_batch(interleave(table, round));
        let rows = code.to_row_major_matrix().values;
        let tree = Tree::new(rows.chunks_exact(width).map(|row| leaf_digest(&base_leaf_bytes(row))).collect());
        Self { rows, width, tree }
    }

    /// The commitment.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// Sends the rows at `positions` (ascending, distinct) with their proof, and returns them.
    pub fn open(&self, transcript: &mut Writer, positions: &[u32]) -> Vec<&[F]> {
        let rows: Vec<&[F]> =
            positions.iter().map(|&p| &self.rows[p as usize * self.width..(p as usize + 1) * self.width]).collect();
        transcript.write_opened_bases("rows", &rows.concat());
        self.tree.write_siblings(transcript, positions);
        rows
    }
}

/// A committed extension-field polynomial.
pub struct ExtOracle {
    rows: Vec<E>,
    width: usize,
    tree: Tree,
}

impl ExtOracle {
    /// Commits to a table of 2^(fold + vars) values.
    #[must_use]
    pub fn new(table: &[E], round: &Round) -> Self {
        let width = 1usize << round.fold;
        let code = Radix2DitParallel::<F>::default().dft_algebra_batch(interleave(table, round));
        let rows = code.values;
        let tree = Tree::new(rows.chunks_exact(width).map(|row| leaf_digest(&ext_leaf_bytes(row))).collect());
        Self { rows, width, tree }
    }

    /// The commitment.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// Sends the rows at `positions` (ascending, distinct) with their proof, and returns them.
    pub fn open(&self, transcript: &mut Writer, positions: &[u32]) -> Vec<&[E]> {
        let rows: Vec<&[E]> =
            positions.iter().map(|&p| &self.rows[p as usize * self.width..(p as usize + 1) * self.width]).collect();
        transcript.write_opened_exts("rows", &rows.concat());
        self.tree.write_siblings(transcript, positions);
        rows
    }
}

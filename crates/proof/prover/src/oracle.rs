//! Codewords and Merkle trees.

use blake2s_simd::Params;
use blake2s_simd::many::{HashManyJob, hash_many};
use ciro_pcs::Round;
use ciro_pcs::merkle::{base_leaf_bytes, ext_leaf_bytes, sibling_positions};
use ciro_transcript::field::E_BYTES;
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
    /// The tree over `leaves`, each of `leaf_bytes` canonical bytes, one after the other.
    fn new(leaves: &[u8], leaf_bytes: usize) -> Self {
        let mut levels = vec![digests(leaves, leaf_bytes)];
        while let Some(last) = levels.last().filter(|l| l.len() > 1) {
            levels.push(digests(last.as_flattened(), 64));
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

/// Blake2s-256 of each piece of `len` bytes, as many at once as the processor takes. Equals [`ciro_pcs::leaf_digest`] and
/// [`ciro_pcs::node_digest`] piece by piece.
fn digests(bytes: &[u8], len: usize) -> Vec<Digest> {
    let params = Params::new();
    let mut jobs: Vec<HashManyJob<'_>> =
        bytes.chunks_exact(len).map(|piece| HashManyJob::new(&params, piece)).collect();
    hash_many(jobs.iter_mut());
    jobs.iter().map(|job| *job.to_hash().as_array()).collect()
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
        let tree = Tree::new(&base_leaf_bytes(&rows), width * 4);
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
        let tree = Tree::new(&ext_leaf_bytes(&rows), width * E_BYTES);
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

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_pcs::{leaf_digest, node_digest};

    #[test]
    fn many_digests_equal_the_verifiers_one_by_one() {
        let bytes: Vec<u8> = (0..=255u8).cycle().take(64 * 37).collect();
        let one_by_one: Vec<Digest> = bytes.chunks_exact(64).map(leaf_digest).collect();
        assert_eq!(digests(&bytes, 64), one_by_one);
        let pairs: Vec<Digest> = one_by_one.chunks_exact(2).map(|p| node_digest(&p[0], &p[1])).collect();
        assert_eq!(digests(one_by_one[..36].as_flattened(), 64), pairs);
    }
}

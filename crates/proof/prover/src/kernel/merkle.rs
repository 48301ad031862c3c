//! Trees over the rows of a codeword that is kept by columns: eight rows are eight lanes, and nothing is copied.

use crate::kernel::arena::Buffer;
use crate::kernel::blake::{BLOCK_WORDS, LANES, State, compress, lane, parents, start};
use crate::kernel::code::word;
use crate::kernel::salt::Salts;
use ciro_pcs::SALT_BYTES;
use ciro_pcs::merkle::sibling_positions;
use ciro_transcript::{Digest, F, Writer};
use rayon::prelude::*;
use std::ops::Range;
use wide::u32x8;

/// Columns of one length, each a multiple of [`LANES`], at equal distances.
pub struct Columns {
    values: Buffer<F>,
    len: usize,
    stride: usize,
}

/// Columns whose distance is a power of two would all fall into the same cache sets.
const PADDING: usize = 16;

impl Columns {
    /// `count` columns of `len` stale values.
    #[must_use]
    pub fn stale(count: usize, len: usize) -> Self {
        let stride = len + PADDING;
        Self { values: Buffer::stale(count * stride), len, stride }
    }

    /// Each column, mutable.
    pub fn each_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [F]> {
        let len = self.len;
        self.values.par_chunks_exact_mut(self.stride).map(move |column| &mut column[..len])
    }

    /// A row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = F> {
        self.values[row..].iter().step_by(self.stride).copied()
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len() / self.stride
    }
}

/// A Merkle tree: level 0 holds the leaves' digests.
pub struct Tree {
    depth: u32,
    levels: Vec<Buffer<State>>,
}

/// Leaf groups that share a walk over the columns: long enough for the prefetcher, short enough for the nearest cache.
const WALK: usize = 16;

/// Walks that one task makes at least: waking a thread costs as much as some hundred hashes.
const WALKS_MIN: usize = 8;

/// Node groups that one task hashes.
const TASK: usize = WALK * WALKS_MIN;

impl Tree {
    /// The tree over the rows of `columns`, read by [`word`], each followed by its salt if there are salts.
    #[must_use]
    pub fn new(columns: &Columns, salts: Option<&Salts>) -> Self {
        let mut leaves = Leaves::new(columns.len, columns.count() + salts.map_or(0, |_| SALT_BYTES / 4));
        leaves.absorb_all(columns, salts);
        leaves.tree()
    }

    fn over(leaves: Buffer<State>, depth: u32) -> Self {
        let mut levels = vec![leaves];
        for level in 0..depth as usize {
            let below = &levels[level];
            let mut nodes = Buffer::stale((below.len() / 2).max(1));
            nodes.par_chunks_mut(TASK).zip(below.par_chunks(2 * TASK)).for_each(|(nodes, below)| {
                for (node, pair) in nodes.iter_mut().zip(below.chunks(2)) {
                    *node = parents(&pair[0], &pair[pair.len() - 1]);
                }
            });
            levels.push(nodes);
        }
        Self { depth, levels }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.digest(self.depth, 0)
    }

    fn digest(&self, level: u32, index: usize) -> Digest {
        lane(&self.levels[level as usize][index / LANES], index % LANES)
    }

    /// Sends the siblings that prove the leaves at `positions` (ascending, distinct).
    pub fn write_siblings(&self, transcript: &mut Writer, positions: &[u32]) {
        let siblings: Vec<Digest> = sibling_positions(positions, self.depth)
            .into_iter()
            .map(|(level, i)| self.digest(level, i as usize))
            .collect();
        transcript.write_opened_digests("paths", &siblings);
    }
}

/// The leaves of a tree while their rows come, some columns at a time.
pub struct Leaves {
    states: Buffer<State>,
    /// Words of a row.
    words: usize,
    /// Of which there were so many.
    done: usize,
}

impl Leaves {
    /// The leaves of `len` rows of `words` words, none of which has come.
    #[must_use]
    pub fn new(len: usize, words: usize) -> Self {
        Self { states: Buffer::stale(len / LANES), words, done: 0 }
    }

    /// Absorbs the next columns: a multiple of [`BLOCK_WORDS`] or the last ones.
    pub fn absorb(&mut self, columns: &Columns) {
        self.absorb_all(columns, None);
    }

    fn absorb_all(&mut self, columns: &Columns, salts: Option<&Salts>) {
        let (done, words) = (self.done, self.words);
        let walks = self.states.par_chunks_mut(WALK).enumerate().with_min_len(WALKS_MIN);
        walks.for_each(|(i, states)| {
            if done == 0 {
                states.fill(start());
            }
            hash_rows(columns, salts, i * WALK * LANES, states, done..words);
        });
        self.done += columns.count();
    }

    /// The tree, once all columns have come.
    #[must_use]
    pub fn tree(self) -> Tree {
        let depth = (self.states.len() * LANES).ilog2();
        Tree::over(self.states, depth)
    }
}

/// Absorbs columns, and salts behind them, into the states of the rows from `first` on, eight to a state. They are the next words of
/// rows of which the words of `left` are left.
fn hash_rows(columns: &Columns, salts: Option<&Salts>, first: usize, states: &mut [State], left: Range<usize>) {
    let count = columns.count();
    let words = count + salts.map_or(0, |_| SALT_BYTES / 4);
    for from in (0..words).step_by(BLOCK_WORDS) {
        let to = words.min(from + BLOCK_WORDS);
        let bytes = 4 * (left.start + to) as u32;
        for (i, state) in states.iter_mut().enumerate() {
            let row = first + i * LANES;
            let mut block = [u32x8::ZERO; BLOCK_WORDS];
            let (cells, salt) = block.split_at_mut(count.clamp(from, to) - from);
            for (word, column) in cells.iter_mut().zip(from..) {
                *word = load(&columns.values[column * columns.stride + row..]);
            }
            if let Some(salts) = salts {
                salt.iter_mut().zip(&salts.words(row)[from.max(count) - count..]).for_each(|(word, &s)| *word = s);
            }
            compress(state, &block, bytes, left.start + to == left.end);
        }
    }
}

#[inline(always)]
fn load(values: &[F]) -> u32x8 {
    u32x8::new(std::array::from_fn(|l| word(values[l])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::code::Code;
    use ciro_pcs::merkle::base_leaf_bytes;
    use ciro_pcs::{leaf_digest, node_digest};
    use p3_field::PrimeCharacteristicRing;

    #[test]
    fn a_tree_equals_the_verifiers_hashes_node_by_node() {
        for (count, vars, rate) in [(1, 2, 2), (4, 5, 4), (9, 3, 2), (16, 3, 2), (80, 4, 7), (17, 6, 2)] {
            let code = Code::new(vars, rate);
            let mut columns = Columns::stale(count, 1 << (vars + rate));
            columns.each_mut().enumerate().for_each(|(c, column)| {
                let message: Vec<F> = (0..1u32 << vars).map(|i| F::from_u32(i + 100 * c as u32)).collect();
                code.encode(&message, column);
            });
            let salts = Salts::new(&[3; 32], columns.len);
            for salts in [None, Some(&salts)] {
                let leaf = |j: usize| {
                    let row: Vec<F> = columns.row(j).map(|x| F::from_u32(word(x))).collect();
                    let salt = salts.map_or(Vec::new(), |salts| salts.of(j).to_vec());
                    leaf_digest(&[base_leaf_bytes(&row), salt].concat())
                };
                let mut level: Vec<Digest> = (0..columns.len).map(leaf).collect();
                let tree = Tree::new(&columns, salts);
                for number in 0..=tree.depth {
                    let fast: Vec<Digest> = (0..level.len()).map(|i| tree.digest(number, i)).collect();
                    assert_eq!(fast, level, "{count} {vars} {rate}, level {number}");
                    level = level.chunks_exact(2).map(|p| node_digest(&p[0], &p[1])).collect();
                }
            }
        }
    }

    #[test]
    fn a_tree_whose_columns_come_in_parts_is_the_same() {
        let code = Code::new(5, 2);
        for (count, parts) in [(40, vec![0..16, 16..40]), (32, vec![0..16, 16..32]), (80, vec![0..32, 32..64, 64..80])]
        {
            let encoded = |range: Range<usize>| {
                let mut columns = Columns::stale(range.len(), 1 << 7);
                columns.each_mut().zip(range).for_each(|(column, c)| {
                    code.encode(&[F::from_usize(c + 5); 1 << 5], column);
                    column[c] = F::from_usize(c);
                });
                columns
            };
            let mut leaves = Leaves::new(1 << 7, count);
            parts.into_iter().for_each(|part| leaves.absorb(&encoded(part)));
            assert_eq!(leaves.tree().root(), Tree::new(&encoded(0..count), None).root(), "{count}");
        }
    }
}

//! Tensors cut into blocks, so that dimensions which are no power of two waste little of a committed polynomial.
//!
//! A tensor's variables are the bits of its coordinates, each dimension padded to a power of two. For 384 × 1536 weights that is
//! 512 × 2048 cells, nearly half of them padding. Here the leading bits of such dimensions come first and choose a block; blocks
//! without a real cell are not stored. The polynomial is the same but for the order of its variables: what is not stored is zero.

use crate::rows::{log_ceil, wide};
use alloc::vec;
use alloc::vec::Vec;
use borsh::io::{Error, ErrorKind, Read, Result};
use borsh::{BorshDeserialize, BorshSerialize};

/// Most blocks of one constant: the verifier sums over them for each claim.
const BLOCKS_MAX: usize = 160;

/// Most blocks of a column of the witness: there are many such columns, each with several claims.
const FEW_MAX: usize = 8;

/// Most dimensions of a tensor, those of its batch and its groups included: more than any gadget makes.
const DIMS_MAX: usize = 32;

/// Smallest block, log₂ of its cells: shorter ones cost more to walk than they save.
const LOG_BLOCK_MIN: u32 = 8;

/// A cut is worth it if it saves one cell in 2⁵.
const LOG_WORTH: u32 = 5;

/// One dimension: `len` positions of `bits` bits, the first `high` of which belong to the block's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
struct Cut {
    len: usize,
    bits: u32,
    high: u32,
}

impl Cut {
    /// Bits within a block.
    fn low(self) -> u32 {
        self.bits.saturating_sub(self.high)
    }

    /// How many values of the high bits have real positions.
    fn blocks(self) -> usize {
        self.len.div_ceil(1usize.checked_shl(self.low()).unwrap_or(usize::MAX))
    }

    fn finer(self) -> Option<Self> {
        (self.high < self.bits).then(|| Self { high: self.high.saturating_add(1), ..self })
    }
}

/// A cut of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize)]
pub struct Blocks {
    dims: Vec<Cut>,
}

impl BorshDeserialize for Blocks {
    /// Refuses what is no cut, and one into more blocks than are summed over.
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let blocks = Self { dims: Vec::deserialize_reader(reader)? };
        let is_cut = |cut: &Cut| cut.len > 0 && cut.bits == log_ceil(cut.len) && cut.high <= cut.bits;
        let is_tensor = blocks.dims.len() <= DIMS_MAX;
        if is_tensor && blocks.dims.iter().all(is_cut) && blocks.count() <= BLOCKS_MAX {
            return Ok(blocks);
        }
        Err(Error::new(ErrorKind::InvalidData, "blocks that are no cut"))
    }
}

impl Blocks {
    /// The cut of a tensor of this shape that is taken: dimension by dimension, whichever cut saves most, while it is worth it.
    #[must_use]
    pub fn new(dims: &[usize]) -> Self {
        Self::at_most(BLOCKS_MAX, dims)
    }

    /// As [`Blocks::new`], with no more than eight blocks.
    #[must_use]
    pub fn few(dims: &[usize]) -> Self {
        Self::at_most(FEW_MAX, dims)
    }

    fn at_most(max: usize, dims: &[usize]) -> Self {
        let cut = |&len: &usize| Cut { len, bits: log_ceil(len), high: 0 };
        let mut best = Self { dims: dims.iter().map(cut).collect() };
        while let Some(finer) = best.finer(max) {
            best = finer;
        }
        best
    }

    /// The cut with some dimension cut finer that saves most, if that is worth it. Several bits at once, since the first may save nothing.
    fn finer(&self, max: usize) -> Option<Self> {
        let mut best: Option<Self> = None;
        for i in 0..self.dims.len() {
            let mut next = self.clone();
            while let Some(cut) = next.dims.get(i).copied().and_then(Cut::finer) {
                if let Some(dim) = next.dims.get_mut(i) {
                    *dim = cut;
                }
                let fits = next.count() <= max && next.log_block() >= LOG_BLOCK_MIN;
                let least = best.as_ref().map_or_else(|| self.worth(), Self::cells);
                if fits && next.cells() < least {
                    best = Some(next.clone());
                }
            }
        }
        best
    }

    /// A cut must need fewer cells than this.
    fn worth(&self) -> usize {
        self.cells().saturating_sub(self.cells() >> LOG_WORTH)
    }

    /// log₂ of the cells of a block.
    #[must_use]
    pub fn log_block(&self) -> u32 {
        self.dims.iter().fold(0, |sum, cut| sum.saturating_add(cut.low()))
    }

    /// Variables that choose the block; they lead.
    #[must_use]
    pub fn high(&self) -> u32 {
        self.dims.iter().fold(0, |sum, cut| sum.saturating_add(cut.high))
    }

    /// How many blocks are stored.
    #[must_use]
    pub fn count(&self) -> usize {
        self.dims.iter().fold(1, |count: usize, cut| count.saturating_mul(cut.blocks()))
    }

    /// Cells that are stored.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.count().saturating_mul(1usize.checked_shl(self.log_block()).unwrap_or(usize::MAX))
    }

    /// The leading variables of each stored block as a number, in the order in which blocks are stored.
    #[must_use]
    pub fn addresses(&self) -> Vec<usize> {
        let mut addresses = vec![0usize];
        for cut in &self.dims {
            let under = |&a: &usize| (0..cut.blocks()).map(move |j| a.checked_shl(cut.high).unwrap_or(0) | j);
            addresses = addresses.iter().flat_map(under).collect();
        }
        addresses
    }

    /// Whether variables are stored in the tensor's own order.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        self.order().into_iter().enumerate().all(|(at, var)| at == var)
    }

    /// For each variable in the order of storage, which of the tensor's it is.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let (mut high, mut low) = (Vec::new(), Vec::new());
        let mut start = 0usize;
        for cut in &self.dims {
            let split = start.saturating_add(wide(cut.high));
            let end = start.saturating_add(wide(cut.bits));
            high.extend(start..split);
            low.extend(split..end);
            start = end;
        }
        high.extend(low);
        high
    }

    /// How many numbers [`Blocks::places`] gives: rows of the tensor as a matrix, and its columns.
    #[must_use]
    pub fn place_counts(&self) -> [usize; 2] {
        let (last, outer) = self.dims.split_last().map_or((1, &[][..]), |(last, outer)| (last.len, outer));
        [outer.iter().fold(1, |count: usize, cut| count.saturating_mul(cut.len)), last]
    }

    /// Elements of the last dimension that are neighbours at least, but for the last of them.
    #[must_use]
    pub fn run(&self) -> usize {
        self.dims.last().map_or(1, |cut| 1usize.checked_shl(cut.low()).unwrap_or(usize::MAX))
    }

    /// Where each element lies. The tensor is taken as a matrix whose columns are its last dimension. Its element (i, j) lies at the i-th
    /// of the first numbers plus the j-th of the second.
    #[must_use]
    pub fn places(&self) -> [Vec<usize>; 2] {
        let mut places = vec![0usize];
        let mut rows = Vec::new();
        let (mut block, mut cell) = (self.cells(), 1usize.checked_shl(self.log_block()).unwrap_or(0));
        for (i, cut) in self.dims.iter().enumerate() {
            if i.saturating_add(1) == self.dims.len() {
                rows = core::mem::replace(&mut places, vec![0]);
            }
            // Strides of the high part (a mixed number of blocks) and of the low bits.
            block = block.checked_div(cut.blocks()).unwrap_or(0);
            cell = cell.checked_shr(cut.low()).unwrap_or(0);
            let low_len = 1usize.checked_shl(cut.low()).unwrap_or(usize::MAX);
            let at = move |j: usize| {
                let (high, low) = (j.checked_div(low_len).unwrap_or(0), j.checked_rem(low_len).unwrap_or(0));
                high.saturating_mul(block).saturating_add(low.saturating_mul(cell))
            };
            places = places.iter().flat_map(|&p| (0..cut.len).map(move |j| p.saturating_add(at(j)))).collect();
        }
        [rows, places]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_of_two_is_one_block() {
        for dims in [&[512, 1024][..], &[1], &[10], &[12, 10], &[8, 3]] {
            let blocks = Blocks::new(dims);
            assert_eq!((blocks.count(), blocks.high()), (1, 0), "{dims:?}");
        }
    }

    #[test]
    fn bytes_are_blocks_only_of_so_many_dimensions_and_of_none_that_is_no_cut() {
        let read = |dims: Vec<Cut>| borsh::from_slice::<Blocks>(&borsh::to_vec(&dims).expect("bytes"));
        let whole = Cut { len: 3, bits: 2, high: 0 };
        assert!(read(vec![whole; DIMS_MAX]).is_ok());
        for dims in [vec![whole; DIMS_MAX + 1], vec![Cut { bits: 1, ..whole }], vec![Cut { high: 3, ..whole }]] {
            assert!(read(dims).is_err());
        }
        let fine = |len: usize| Cut { len, bits: log_ceil(len), high: log_ceil(len) };
        assert!(read(vec![fine(BLOCKS_MAX)]).is_ok());
        assert!(read(vec![fine(BLOCKS_MAX + 1)]).is_err());
    }

    #[test]
    fn weights_of_known_networks_waste_little() {
        for (dims, count) in [
            (&[384, 1536][..], 9),
            (&[768, 2304], 27),
            (&[64, 64, 3, 3], 9),
            (&[30522, 384], 45),
            (&[50257, 768], 75),
            (&[400, 120], 25),
        ] {
            let blocks = Blocks::new(dims);
            let real: usize = dims.iter().product();
            assert_eq!(blocks.count(), count, "{dims:?}");
            assert!(blocks.cells() - real <= real / 8, "{dims:?}: {} {real}", blocks.cells());
        }
    }

    #[test]
    fn places_are_the_elements_in_the_order_of_storage() {
        for dims in [&[400usize, 120][..], &[64, 64, 3, 3], &[3, 700], &[1000], &[16, 16]] {
            let blocks = Blocks::new(dims);
            let (order, addresses, places) = (blocks.order(), blocks.addresses(), blocks.places());
            let vars = order.len();
            let places: Vec<usize> = places[0].iter().flat_map(|i| places[1].iter().map(move |j| i + j)).collect();
            assert_eq!(places.len(), dims.iter().product::<usize>());
            // Each element's variables, read in the order of storage, are its block's address and its cell.
            let mut coordinates = vec![0usize; dims.len()];
            for &place in &places {
                let mut bits = Vec::new();
                for (&x, &d) in coordinates.iter().zip(dims) {
                    bits.extend((0..log_ceil(d)).rev().map(|i| (x >> i) & 1));
                }
                let stored = order.iter().fold(0usize, |n, &v| (n << 1) | bits[v]);
                assert_eq!(bits.len(), vars);
                let (block, cell) = (place >> blocks.log_block(), place % (1 << blocks.log_block()));
                assert_eq!(stored, (addresses[block] << blocks.log_block()) | cell, "{dims:?} {coordinates:?}");
                for i in (0..dims.len()).rev() {
                    coordinates[i] += 1;
                    if coordinates[i] < dims[i] {
                        break;
                    }
                    coordinates[i] = 0;
                }
            }
        }
    }
}

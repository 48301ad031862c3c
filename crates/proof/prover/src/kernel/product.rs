//! Inference in lanes and threads, most of which are products of matrices of integers.
//!
//! Factors of 16 bits are multiplied in pairs, two products to a lane of 32 bits. Before sums there could leave 32
//! bits, they are added to sums of 64. So results are exact whatever the factors are. Matrices with larger factors, and
//! small ones, take the plain way.

use bytemuck::cast;
use ciro_execution::{Dims, Engine, Plain};
use rayon::prelude::*;
use wide::{i16x16, i32x8};

/// Computes in lanes and threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lanes;

/// Rows of the left matrix that are multiplied at a time. With two packs of columns, their sums stay in registers.
const ROWS: usize = 4;

/// Columns of one pack of sums.
const PACK: usize = 8;

/// Columns of a panel, which one task puts in order and multiplies. With a few thousand rows it stays in the second cache.
const PANEL: usize = 64;

/// Multiplications from which on waking a thread pays.
const SMALL: usize = 1 << 17;

/// Pairs of products that a lane can sum at least, or sums of 64 bits are as fast.
const PAIRS_MIN: usize = 4;

impl Engine for Lanes {
    fn products(&self, left: &[i32], right: &[i32], dims: Dims) -> Vec<i64> {
        let Dims { m, k, n } = dims;
        if m < ROWS || left.len().saturating_mul(n) < SMALL {
            return Plain.products(left, right, dims);
        }
        let pairs: Vec<(&[i32], &[i32])> = left.chunks_exact(m * k).zip(right.chunks_exact(k * n)).collect();
        match pairs.as_slice() {
            [(left, right)] => product(left, right, dims),
            _ => pairs.into_par_iter().flat_map_iter(|(left, right)| product(left, right, dims)).collect(),
        }
    }

    fn fill(&self, out: &mut [i64], f: &(dyn Fn(usize, &mut [i64]) + Sync)) {
        if out.len() <= TASK {
            return f(0, out);
        }
        out.par_chunks_mut(TASK).enumerate().for_each(|(i, out)| f(i * TASK, out));
    }
}

/// Elements that one task fills.
const TASK: usize = 1 << 14;

/// The product of two matrices.
fn product(left: &[i32], right: &[i32], dims: Dims) -> Vec<i64> {
    let Dims { m, k, n } = dims;
    let Some(tiles) = Tiles::new(left, k) else { return Plain.products(left, right, dims) };
    let columns = |first: usize| {
        let columns = first..n.min(first + PANEL);
        Panel::new(right, n, columns.clone()).and_then(|panel| panel.times(&tiles, m)).unwrap_or_else(|| {
            let part: Vec<i32> = right.chunks_exact(n).flat_map(|row| &row[columns.clone()]).copied().collect();
            Plain.products(left, &part, Dims { m, k, n: columns.len() })
        })
    };
    let panels: Vec<Vec<i64>> = (0..n.div_ceil(PANEL)).into_par_iter().map(|i| columns(i * PANEL)).collect();
    let mut result = vec![0; m * n];
    result.par_chunks_exact_mut(n).with_min_len(SMALL.div_ceil(n)).enumerate().for_each(|(i, row)| {
        for (out, panel) in row.chunks_mut(PANEL).zip(&panels) {
            out.copy_from_slice(&panel[i * out.len()..][..out.len()]);
        }
    });
    result
}

/// Two factors of 16 bits side by side.
fn pair(low: i32, high: i32) -> i32 {
    (low & 0xffff) | (high << 16)
}

/// The largest magnitude of some factors.
fn largest(factors: &[i32]) -> u32 {
    factors.iter().fold(0, |largest, v| v.unsigned_abs().max(largest))
}

fn are_short(largest: u32) -> bool {
    largest <= i16::MAX.unsigned_abs().into()
}

/// The left matrix: of every [`ROWS`] rows, zeros if there are fewer, one pair of factors after the other.
struct Tiles {
    /// Pairs of a row.
    pairs: usize,
    tiles: Vec<[i32; ROWS]>,
    largest: u32,
}

impl Tiles {
    /// Nothing if a factor has more than 16 bits.
    fn new(left: &[i32], k: usize) -> Option<Self> {
        let largest = largest(left);
        let of_rows = |rows: &[i32]| {
            let mut tile = vec![[0; ROWS]; k.div_ceil(2)];
            for (i, row) in rows.chunks_exact(k).enumerate() {
                let (pairs, rest) = row.as_chunks::<2>();
                tile.iter_mut().zip(pairs).for_each(|(tile, [low, high])| tile[i] = pair(*low, *high));
                tile[pairs.len()..].iter_mut().zip(rest).for_each(|(tile, &low)| tile[i] = pair(low, 0));
            }
            tile
        };
        are_short(largest).then(|| {
            let tiles =
                left.par_chunks(ROWS * k).with_min_len(SMALL.div_ceil(ROWS * k)).flat_map_iter(of_rows).collect();
            Self { pairs: k.div_ceil(2), tiles, largest }
        })
    }
}

/// Some columns of the right matrix: of every two rows, zeros if there is one, the packs of their pairs of factors.
struct Panel {
    /// Packs of a pair of rows; even.
    width: usize,
    packs: Vec<[i32; PACK]>,
    columns: usize,
    largest: u32,
}

impl Panel {
    /// Nothing if a factor has more than 16 bits.
    fn new(right: &[i32], n: usize, columns: std::ops::Range<usize>) -> Option<Self> {
        let width = columns.len().div_ceil(2 * PACK) * 2;
        let mut packs = Vec::with_capacity(right.len() / n / 2 * width + width);
        let mut largest_yet = 0;
        for rows in right.chunks(2 * n) {
            let (low, high) = rows.split_at(n);
            let (low, high) = (&low[columns.clone()], high.get(columns.clone()).unwrap_or(&[]));
            largest_yet = largest(low).max(largest(high)).max(largest_yet);
            let mut pairs = [0; PANEL];
            pairs.iter_mut().zip(low).for_each(|(pair, low)| *pair = low & 0xffff);
            pairs.iter_mut().zip(high).for_each(|(pair, high)| *pair |= high << 16);
            packs.extend_from_slice(&pairs.as_chunks().0[..width]);
        }
        are_short(largest_yet).then_some(Self { width, packs, columns: columns.len(), largest: largest_yet })
    }

    /// The products of all rows with these columns; nothing if lanes would have to be emptied all the time.
    fn times(&self, left: &Tiles, rows: usize) -> Option<Vec<i64>> {
        let product = u64::from(self.largest) * u64::from(left.largest);
        let most = usize::try_from(i32::MAX.unsigned_abs() / 2).ok()?.checked_div(usize::try_from(product).ok()?);
        let most = most.unwrap_or(usize::MAX);
        if most < PAIRS_MIN {
            return None;
        }
        let mut result = vec![0; rows * self.columns];
        let tiles = left.tiles.chunks_exact(left.pairs);
        for (tile, out) in tiles.zip(result.chunks_mut(ROWS * self.columns)) {
            for first in (0..self.width).step_by(2) {
                let sums = self.sums(tile, first, most);
                for (sums, row) in sums.iter().zip(out.chunks_exact_mut(self.columns)) {
                    let from = self.columns.min(first * PACK);
                    row[from..].iter_mut().zip(sums.as_flattened()).for_each(|(out, &sum)| *out = sum);
                }
            }
        }
        Some(result)
    }

    /// The products of a tile with two packs of columns, at most `most` pairs summed in a lane.
    fn sums(&self, tile: &[[i32; ROWS]], first: usize, most: usize) -> [[[i64; PACK]; 2]; ROWS] {
        let mut sums = [[[0; PACK]; 2]; ROWS];
        let step = most.min(tile.len());
        for (tile, packs) in tile.chunks(step).zip(self.packs.chunks(step * self.width)) {
            let mut lanes = [[i32x8::ZERO; 2]; ROWS];
            for (left, packs) in tile.iter().zip(packs.chunks_exact(self.width)) {
                let right: [i16x16; 2] = [cast(packs[first]), cast(packs[first + 1])];
                for (lanes, &left) in lanes.iter_mut().zip(left) {
                    let left: i16x16 = cast(i32x8::splat(left));
                    lanes.iter_mut().zip(&right).for_each(|(lanes, right)| *lanes += right.dot(left));
                }
            }
            for (sum, lane) in sums
                .as_flattened_mut()
                .as_flattened_mut()
                .iter_mut()
                .zip(lanes.as_flattened().iter().flat_map(|lanes| lanes.to_array()))
            {
                *sum += i64::from(lane);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The products by their definition.
    fn by_definition(left: &[i32], right: &[i32], Dims { m, k, n }: Dims) -> Vec<i64> {
        let sum = |pair: usize, i: usize, j: usize| {
            let term = |x: usize| i64::from(left[(pair * m + i) * k + x]) * i64::from(right[(pair * k + x) * n + j]);
            (0..k).map(term).sum()
        };
        let rows = (0..left.len() / (m * k)).flat_map(|pair| (0..m).map(move |i| (pair, i)));
        rows.flat_map(|(pair, i)| (0..n).map(move |j| (pair, i, j))).map(|(pair, i, j)| sum(pair, i, j)).collect()
    }

    /// Pseudorandom integers from −`bound` to `bound`, some of them at the ends.
    fn noise(count: usize, bound: i32, seed: &mut u64) -> Vec<i32> {
        let next = || {
            *seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let drawn = (*seed >> 33) as i32;
            match drawn % 8 {
                0 => bound,
                1 => -bound,
                _ => drawn % (bound / 2 + 1) - bound / 4,
            }
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn products_are_what_they_are_defined_to_be() {
        let mut seed = 1;
        let bounds =
            [(1, 1), (1 << 11, 1 << 12), (32767, 32767), (32768, 5), (5, 32768), (1 << 24, 1 << 24), (1, 1 << 30)];
        let shapes =
            [(1, 64, 12, 200), (1, 37, 301, 65), (2, 5, 600, 130), (3, 64, 33, 64), (1, 4, 4099, 9), (1, 3, 700, 90)];
        for (pairs, m, k, n) in shapes {
            for (of_left, of_right) in bounds {
                let left = noise(pairs * m * k, of_left, &mut seed);
                let right = noise(pairs * k * n, of_right, &mut seed);
                let dims = Dims { m, k, n };
                let expected = by_definition(&left, &right, dims);
                assert!(Lanes.products(&left, &right, dims) == expected, "{pairs} × {dims:?}, {of_left}·{of_right}");
            }
        }
    }

    #[test]
    fn every_element_is_filled_from_its_number() {
        for len in [0, 1, TASK, TASK + 1, 3 * TASK + 5] {
            let mut out = vec![-1; len];
            Lanes.fill(&mut out, &|start, out| out.iter_mut().zip(start..).for_each(|(out, i)| *out = i as i64));
            assert!(out.into_iter().eq(0..len as i64));
        }
    }

    /// All products of one sign: lanes fill up as fast as they can.
    #[test]
    fn no_lane_overflows() {
        for (x, y) in [(32767, 32767), (-32767, 32767), (1 << 14, 1 << 14), (8191, -32767), (32767, 4095)] {
            let dims = Dims { m: 9, k: 4001, n: 70 };
            let (left, right) = (vec![x; dims.m * dims.k], vec![y; dims.k * dims.n]);
            let expected = 4001 * i64::from(x) * i64::from(y);
            assert!(Lanes.products(&left, &right, dims).iter().all(|&sum| sum == expected), "{x}·{y}");
        }
    }

    /// A factor of more than 16 bits in one panel, which the others do not have.
    #[test]
    fn one_large_factor_is_enough() {
        let dims = Dims { m: 8, k: 100, n: 300 };
        let mut seed = 7;
        let (left, right) = (noise(dims.m * dims.k, 3000, &mut seed), noise(dims.k * dims.n, 3000, &mut seed));
        for large in [1 << 16, 1 << 15, -(1 << 15), i32::MAX, i32::MIN] {
            let mut changed = right.clone();
            changed[5 * dims.n + 70] = large;
            assert!(Lanes.products(&left, &changed, dims) == by_definition(&left, &changed, dims), "{large}");
            let mut changed = left.clone();
            changed[3 * dims.k + 7] = large;
            assert!(Lanes.products(&changed, &right, dims) == by_definition(&changed, &right, dims), "{large}");
        }
    }
}

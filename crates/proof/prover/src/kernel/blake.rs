//! Blake2s-256 (RFC 7693) of eight messages of one length.

use wide::u32x8;

/// Messages hashed at once.
pub const LANES: usize = 8;

/// Words of one block.
pub const BLOCK_WORDS: usize = 16;

const BLOCK_BYTES: u32 = 64;

/// Word w of lane l of a chaining value, or of eight digests.
pub type State = [u32x8; 8];

const IV: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Digest of 32 bytes, no key, fan-out and depth one.
const PARAMETERS: u32 = 0x0101_0020;

const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// The chaining value before the first block.
#[must_use]
pub fn start() -> State {
    let mut h = IV.map(u32x8::splat);
    h[0] ^= u32x8::splat(PARAMETERS);
    h
}

#[inline(always)]
fn rotate<const RIGHT: u32, const LEFT: u32>(x: u32x8) -> u32x8 {
    (x >> RIGHT) | (x << LEFT)
}

#[inline(always)]
fn mix(v: &mut [u32x8; 16], [a, b, c, d]: [usize; 4], x: u32x8, y: u32x8) {
    v[a] = v[a] + v[b] + x;
    v[d] = rotate::<16, 16>(v[d] ^ v[a]);
    v[c] += v[d];
    v[b] = rotate::<12, 20>(v[b] ^ v[c]);
    v[a] = v[a] + v[b] + y;
    v[d] = rotate::<8, 24>(v[d] ^ v[a]);
    v[c] += v[d];
    v[b] = rotate::<7, 25>(v[b] ^ v[c]);
}

/// A type parameter, so that every index is known when the round is compiled and the state stays in registers.
#[inline(always)]
fn round<const R: usize>(v: &mut [u32x8; 16], m: &[u32x8; BLOCK_WORDS]) {
    let s = const { SIGMA[R] };
    mix(v, [0, 4, 8, 12], m[s[0]], m[s[1]]);
    mix(v, [1, 5, 9, 13], m[s[2]], m[s[3]]);
    mix(v, [2, 6, 10, 14], m[s[4]], m[s[5]]);
    mix(v, [3, 7, 11, 15], m[s[6]], m[s[7]]);
    mix(v, [0, 5, 10, 15], m[s[8]], m[s[9]]);
    mix(v, [1, 6, 11, 12], m[s[10]], m[s[11]]);
    mix(v, [2, 7, 8, 13], m[s[12]], m[s[13]]);
    mix(v, [3, 4, 9, 14], m[s[14]], m[s[15]]);
}

/// Absorbs one block, word by word, of messages that are `bytes` long with it.
#[inline(never)]
pub fn compress(h: &mut State, m: &[u32x8; BLOCK_WORDS], bytes: u32, last: bool) {
    let mut v = [u32x8::ZERO; 16];
    v[..8].copy_from_slice(h);
    v[8..].copy_from_slice(&IV.map(u32x8::splat));
    v[12] ^= u32x8::splat(bytes);
    if last {
        v[14] ^= u32x8::MAX;
    }
    round::<0>(&mut v, m);
    round::<1>(&mut v, m);
    round::<2>(&mut v, m);
    round::<3>(&mut v, m);
    round::<4>(&mut v, m);
    round::<5>(&mut v, m);
    round::<6>(&mut v, m);
    round::<7>(&mut v, m);
    round::<8>(&mut v, m);
    round::<9>(&mut v, m);
    for i in 0..8 {
        h[i] = h[i] ^ v[i] ^ v[8 + i];
    }
}

/// Digests of pairs of digests: lane l of the result has children 2l and 2l + 1 of the sixteen in `low` and `high`.
#[must_use]
pub fn parents(low: &State, high: &State) -> State {
    let mut m = [u32x8::ZERO; BLOCK_WORDS];
    for w in 0..8 {
        let (a, b) = (low[w].to_array(), high[w].to_array());
        m[w] = u32x8::new([a[0], a[2], a[4], a[6], b[0], b[2], b[4], b[6]]);
        m[8 + w] = u32x8::new([a[1], a[3], a[5], a[7], b[1], b[3], b[5], b[7]]);
    }
    let mut h = start();
    compress(&mut h, &m, BLOCK_BYTES, true);
    h
}

/// The digest in a lane.
#[must_use]
pub fn lane(state: &State, lane: usize) -> [u8; 32] {
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_array()[lane].to_le_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_pcs::{leaf_digest, node_digest};

    /// Eight messages of `words` words, hashed at once and one by one.
    fn both(words: usize) -> (Vec<[u8; 32]>, Vec<[u8; 32]>) {
        let word = |l: usize, i: usize| ((l * 1000 + i) as u32).wrapping_mul(0x9e37_79b9);
        let mut h = start();
        for block in 0..words.div_ceil(BLOCK_WORDS) {
            let from = block * BLOCK_WORDS;
            let len = (words - from).min(BLOCK_WORDS);
            let mut m = [u32x8::ZERO; BLOCK_WORDS];
            for (i, m) in m[..len].iter_mut().enumerate() {
                *m = u32x8::new(core::array::from_fn(|l| word(l, from + i)));
            }
            compress(&mut h, &m, 4 * (from + len) as u32, from + len == words);
        }
        let one = |l: usize| leaf_digest(&(0..words).flat_map(|i| word(l, i).to_le_bytes()).collect::<Vec<u8>>());
        ((0..LANES).map(|l| lane(&h, l)).collect(), (0..LANES).map(one).collect())
    }

    #[test]
    fn eight_at_once_equal_one_by_one() {
        for words in [1, 4, 15, 16, 17, 32, 80, 256] {
            let (fast, slow) = both(words);
            assert_eq!(fast, slow, "{words}");
        }
    }

    #[test]
    fn parents_equal_the_verifiers_nodes() {
        let state = |seed: u32| -> State {
            core::array::from_fn(|w| u32x8::new(core::array::from_fn(|l| seed + (8 * w + l) as u32)))
        };
        let (low, high) = (state(1), state(1 << 20));
        let digests: Vec<[u8; 32]> = [&low, &high].into_iter().flat_map(|s| (0..LANES).map(|l| lane(s, l))).collect();
        let up = parents(&low, &high);
        for (l, pair) in digests.chunks_exact(2).enumerate() {
            assert_eq!(lane(&up, l), node_digest(&pair[0], &pair[1]));
        }
    }
}

//! A Merkle tree of fixed depth over leaves of fixed size. Both are known to the verifier before it reads, so leaves and nodes
//! need no tags to be told apart.

use alloc::vec::Vec;
use blake2::{Blake2s256, Digest as _};
use ciro_transcript::cost::wide;
use ciro_transcript::field::{ext_to_bytes, push_base};
use ciro_transcript::{Digest, E, F, ReadError, Reader, meter};

/// Digest of a leaf's canonical bytes.
#[must_use]
pub fn leaf_digest(bytes: &[u8]) -> Digest {
    meter::hash(wide(bytes.len()));
    Blake2s256::digest(bytes).into()
}

/// Digest of an inner node.
#[must_use]
pub fn node_digest(left: &Digest, right: &Digest) -> Digest {
    meter::hash(64);
    let mut hash = Blake2s256::new();
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// Canonical bytes of a leaf of base elements.
#[must_use]
pub fn base_leaf_bytes(row: &[F]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(row.len().saturating_mul(4));
    for &x in row {
        push_base(x, &mut bytes);
    }
    bytes
}

/// Canonical bytes of a leaf of extension elements.
#[must_use]
pub fn ext_leaf_bytes(row: &[E]) -> Vec<u8> {
    row.iter().flat_map(|&x| ext_to_bytes(x)).collect()
}

/// The siblings that a pruned multi-proof of `indices` (sorted, distinct) in a tree of `depth` levels must bring. Each is (level, index),
/// and level 0 is the leaves. They are in the order in which they travel: level by level, left to right.
#[must_use]
pub fn sibling_positions(indices: &[u32], depth: u32) -> Vec<(u32, u32)> {
    let mut missing = Vec::new();
    let mut known: Vec<u32> = indices.to_vec();
    for level in 0..depth {
        for &i in &known {
            if known.binary_search(&(i ^ 1)).is_err() {
                missing.push((level, i ^ 1));
            }
        }
        known = parents(&known);
    }
    missing
}

fn parents(known: &[u32]) -> Vec<u32> {
    let mut up: Vec<u32> = known.iter().map(|i| i >> 1).collect();
    up.dedup();
    up
}

/// The root implied by `leaves` (digests at sorted, distinct indices) and the siblings read from the proof.
///
/// # Errors
/// If the proof ends.
pub fn read_root(
    transcript: &mut Reader<'_>,
    label: &'static str,
    leaves: Vec<(u32, Digest)>,
    depth: u32,
) -> Result<Option<Digest>, ReadError> {
    let indices: Vec<u32> = leaves.iter().map(|(i, _)| *i).collect();
    let count = sibling_positions(&indices, depth).len();
    let siblings = transcript.read_opened_digests(label, count)?;
    let mut siblings = siblings.iter();
    let mut level = leaves;
    for _ in 0..depth {
        let mut up = Vec::with_capacity(level.len());
        let mut nodes = level.iter().peekable();
        while let Some((i, digest)) = nodes.next() {
            let sibling = match nodes.next_if(|(j, _)| *j == i ^ 1) {
                Some((_, right)) => Some(right),
                None => siblings.next(),
            };
            let Some(sibling) = sibling else { return Ok(None) };
            let parent = if i & 1 == 0 { node_digest(digest, sibling) } else { node_digest(sibling, digest) };
            up.push((i >> 1, parent));
        }
        level = up;
    }
    Ok(level.first().map(|(_, root)| *root))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: &str = "siblings";

    fn leaf(i: u32) -> Digest {
        leaf_digest(&i.to_le_bytes())
    }

    /// All nodes of a tree of 2^depth leaves, level by level.
    fn tree(depth: u32) -> Vec<Vec<Digest>> {
        let mut levels: Vec<Vec<Digest>> = Vec::from([(0..1 << depth).map(leaf).collect()]);
        for level in 0..depth as usize {
            levels.push(levels[level].chunks(2).map(|pair| node_digest(&pair[0], &pair[1])).collect());
        }
        levels
    }

    #[test]
    fn a_proof_brings_what_cannot_be_computed_in_the_order_of_reading() {
        assert_eq!(sibling_positions(&[1, 2, 5], 3), [(0, 0), (0, 3), (0, 4), (1, 3)]);
        assert_eq!(sibling_positions(&[6, 7], 3), [(1, 2), (2, 0)]);
        assert_eq!(sibling_positions(&[0, 1, 2, 3], 2), []);
    }

    #[test]
    fn any_leaves_and_their_siblings_imply_the_root() {
        let levels = tree(3);
        for chosen in 1u32..1 << 8 {
            let indices: Vec<u32> = (0..8).filter(|i| chosen >> i & 1 == 1).collect();
            let siblings: Vec<Digest> =
                sibling_positions(&indices, 3).into_iter().map(|(l, i)| levels[l as usize][i as usize]).collect();
            let leaves = |wrong: Option<u32>| -> Vec<(u32, Digest)> {
                indices.iter().map(|&i| (i, leaf(if wrong == Some(i) { 99 } else { i }))).collect()
            };
            let root = |leaves, bytes: &[u8]| read_root(&mut Reader::new("test", bytes), LABEL, leaves, 3);
            assert_eq!(root(leaves(None), siblings.as_flattened()), Ok(Some(levels[3][0])), "{indices:?}");
            for &i in &indices {
                assert_ne!(
                    root(leaves(Some(i)), siblings.as_flattened()),
                    Ok(Some(levels[3][0])),
                    "{indices:?}, leaf {i}"
                );
            }
            for at in 0..siblings.len() {
                let mut wrong = siblings.clone();
                wrong[at][7] ^= 1;
                assert_ne!(
                    root(leaves(None), wrong.as_flattened()),
                    Ok(Some(levels[3][0])),
                    "{indices:?}, sibling {at}"
                );
            }
            if let Some(short) = siblings.as_flattened().len().checked_sub(1) {
                let missing = root(leaves(None), &siblings.as_flattened()[..short]);
                assert!(matches!(missing, Err(ReadError::Truncated { label: LABEL, .. })), "{missing:?}");
            }
        }
    }
}

//! A binary Merkle tree over a list of digests, and the path that shows one of them.
//!
//! Leaves, inner nodes and the root are hashed under different domains. A node without a sibling moves up unchanged,
//! and the root also binds the number of leaves. So no two lists share a root and no node passes for a leaf.
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::hash_encoded;
use ciro_types::Hash32;
use serde::{Deserialize, Serialize};

const LEAF_DOMAIN: &str = "ciro/receipts/leaf/v1";
const NODE_DOMAIN: &str = "ciro/receipts/node/v1";
const ROOT_DOMAIN: &str = "ciro/receipts/root/v1";

/// Shows that a digest is the `index`-th of `leaves` under a root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct MerklePath {
    /// Position of the digest, from zero.
    pub index: u32,
    /// Length of the list.
    pub leaves: u32,
    /// Siblings from the leaf up; levels where the node has none are left out.
    pub siblings: Vec<Hash32>,
}

/// Why a path does not show a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The index is not in the list.
    #[error("leaf index: expected below {expected}, got {got}")]
    IndexOutOfRange {
        /// The claimed length.
        expected: u32,
        /// The claimed index.
        got: u32,
    },
    /// The path is not as long as index and length require.
    #[error("Merkle path: expected {expected} siblings, got {got}")]
    WrongLength {
        /// What index and length require.
        expected: usize,
        /// What is there.
        got: usize,
    },
    /// The path leads elsewhere.
    #[error("Merkle root: expected {expected}, got {got}")]
    WrongRoot {
        /// The root it should show.
        expected: Hash32,
        /// Where it leads.
        got: Hash32,
    },
}

/// The root over `digests`, in order, fewer than 2³². The empty list has a root of its own. Cost: about two hashes per digest.
#[must_use]
pub fn merkle_root(digests: &[Hash32]) -> Hash32 {
    let mut level: Vec<Hash32> = digests.iter().map(leaf).collect();
    while level.len() > 1 {
        level = level_above(&level);
    }
    root(count(digests), level.first().copied().unwrap_or(Hash32::ZERO))
}

impl MerklePath {
    /// The path of `digests[index]`, or none if there is no such digest. They are fewer than 2³².
    #[must_use]
    pub fn new(digests: &[Hash32], index: usize) -> Option<Self> {
        if index >= digests.len() {
            return None;
        }
        let mut level: Vec<Hash32> = digests.iter().map(leaf).collect();
        let (mut position, mut siblings) = (index, Vec::new());
        while level.len() > 1 {
            siblings.extend(level.get(position ^ 1));
            level = level_above(&level);
            position /= 2;
        }
        Some(Self { index: u32::try_from(index).ok()?, leaves: count(digests), siblings })
    }

    /// Checks that `digest` is at this place under `root`.
    ///
    /// # Errors
    /// [`PathError`] if the path is malformed or leads to another root.
    pub fn verify(&self, digest: &Hash32, expected: Hash32) -> Result<(), PathError> {
        let got = self.lead(digest)?;
        if got == expected { Ok(()) } else { Err(PathError::WrongRoot { expected, got }) }
    }

    /// The root this path leads to from `digest`.
    fn lead(&self, digest: &Hash32) -> Result<Hash32, PathError> {
        let sides = sides(self.index, self.leaves)?;
        if sides.len() != self.siblings.len() {
            return Err(PathError::WrongLength { expected: sides.len(), got: self.siblings.len() });
        }
        let top = sides.iter().zip(&self.siblings).fold(leaf(digest), |below, (side, sibling)| match side {
            Side::Left => node(&below, sibling),
            Side::Right => node(sibling, &below),
        });
        Ok(root(self.leaves, top))
    }
}

/// On which side of its sibling a node is.
enum Side {
    Left,
    Right,
}

/// The sides of the node above leaf `index`, level by level, where it has a sibling.
fn sides(index: u32, leaves: u32) -> Result<Vec<Side>, PathError> {
    if index >= leaves {
        return Err(PathError::IndexOutOfRange { expected: leaves, got: index });
    }
    let (mut position, mut width, mut sides) = (index, leaves, Vec::new());
    while width > 1 {
        if position % 2 == 1 {
            sides.push(Side::Right);
        } else if position.saturating_add(1) < width {
            sides.push(Side::Left);
        }
        (position, width) = (position / 2, width.div_ceil(2));
    }
    Ok(sides)
}

fn level_above(level: &[Hash32]) -> Vec<Hash32> {
    let above = |pair: &[Hash32]| match pair {
        [left, right] => node(left, right),
        // The last one of an odd number, which has no sibling.
        [single, ..] => *single,
        [] => Hash32::ZERO,
    };
    level.chunks(2).map(above).collect()
}

fn leaf(digest: &Hash32) -> Hash32 {
    hash_encoded(LEAF_DOMAIN, digest)
}

fn node(left: &Hash32, right: &Hash32) -> Hash32 {
    hash_encoded(NODE_DOMAIN, &(left, right))
}

fn root(leaves: u32, top: Hash32) -> Hash32 {
    hash_encoded(ROOT_DOMAIN, &(leaves, top))
}

fn count(digests: &[Hash32]) -> u32 {
    // Four billion digests are 128 GiB: more than a block settles.
    u32::try_from(digests.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn digests(n: u8) -> Vec<Hash32> {
        (0..n).map(|i| Hash32([i; 32])).collect()
    }

    #[test]
    fn every_digest_of_every_small_list_is_shown_and_no_other() {
        for n in 1..=17 {
            let list = digests(n);
            let root = merkle_root(&list);
            for (i, digest) in list.iter().enumerate() {
                let path = MerklePath::new(&list, i).expect("in range");
                assert_eq!(path.verify(digest, root), Ok(()), "{i} of {n}");
                assert!(path.verify(&Hash32([99; 32]), root).is_err(), "{i} of {n}");
            }
            assert_eq!(MerklePath::new(&list, n.into()), None);
        }
    }

    #[test]
    fn a_path_is_bound_to_its_index_and_length() {
        let list = digests(5);
        let root = merkle_root(&list);
        for (i, digest) in list.iter().enumerate() {
            let path = MerklePath::new(&list, i).expect("in range");
            for (index, leaves) in (0..9).flat_map(|index| (0..9).map(move |leaves| (index, leaves))) {
                let moved = MerklePath { index, leaves, ..path.clone() };
                assert_eq!(moved.verify(digest, root).is_ok(), moved == path, "{moved:?}");
            }
        }
    }

    #[test]
    fn truncated_extended_and_flipped_paths_are_refused() {
        let list = digests(7);
        let root = merkle_root(&list);
        let path = MerklePath::new(&list, 3).expect("in range");
        let changed = |change: fn(&mut Vec<Hash32>)| {
            let mut path = path.clone();
            change(&mut path.siblings);
            path.verify(&list[3], root)
        };
        assert_eq!(changed(|s| s.truncate(2)), Err(PathError::WrongLength { expected: 3, got: 2 }));
        assert_eq!(changed(|s| s.push(Hash32::ZERO)), Err(PathError::WrongLength { expected: 3, got: 4 }));
        assert!(matches!(changed(|s| s[1].0[0] ^= 1), Err(PathError::WrongRoot { .. })));
        assert!(matches!(changed(|s| s.swap(0, 1)), Err(PathError::WrongRoot { .. })));
    }

    #[test]
    fn lists_of_different_lengths_never_share_a_root() {
        let roots: BTreeSet<_> = (0..40).map(|n| merkle_root(&vec![Hash32::ZERO; n])).collect();
        assert_eq!(roots.len(), 40);
    }

    #[test]
    fn an_inner_node_does_not_pass_for_a_leaf() {
        let list = digests(4);
        let root = merkle_root(&list);
        let inner = node(&leaf(&list[0]), &leaf(&list[1]));
        let sibling = node(&leaf(&list[2]), &leaf(&list[3]));
        for leaves in [2, 4] {
            let forged = MerklePath { index: 0, leaves, siblings: vec![sibling] };
            assert!(forged.verify(&inner, root).is_err());
        }
    }
}

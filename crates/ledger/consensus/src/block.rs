//! What is agreed on: an ordered batch of opaque transactions under a header.
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

use borsh::io::{Error, ErrorKind, Read, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::{Hasher, hash_encoded};
use ciro_types::{AccountId, BlockId, ChainId, Hash32, Height, StateRoot};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const HEADER_DOMAIN: &str = "ciro/block/header/v1";
const TXS_DOMAIN: &str = "ciro/block/txs/v1";

/// What a commit certificate certifies. The header of height `h` carries the *results* of height `h − 1`, because a block is executed
/// after it is decided. So the first certificate over the results of `h` is that of `h + 1`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BlockHeader {
    /// The network.
    pub chain: ChainId,
    /// Position; the first decided block has height 1.
    pub height: Height,
    /// Who built the block. A later round may propose it again, under another validator's signature.
    pub proposer: AccountId,
    /// The block before, or zero at height 1.
    pub parent: BlockId,
    /// Digest of the validator set that decides this height.
    pub validators: Hash32,
    /// Digest of the validator set that decides the next height.
    pub next_validators: Hash32,
    /// Digest of the transactions, see [`txs_root`].
    pub txs_root: Hash32,
    /// Root of the authenticated state after the parent.
    pub state_root: StateRoot,
    /// Root over the settlement records that the parent produced.
    pub receipts_root: Hash32,
}

impl BlockHeader {
    /// The block's name: the hash of this header.
    #[must_use]
    pub fn id(&self) -> BlockId {
        BlockId(hash_encoded(HEADER_DOMAIN, self).0)
    }
}

/// A header and the transactions it commits to. Transactions are opaque bytes here.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// The header.
    pub header: BlockHeader,
    /// Canonical transaction encodings, in execution order.
    pub txs: Vec<Vec<u8>>,
}

/// Digest of an ordered list of transactions: count, then each length and content.
#[must_use]
pub fn txs_root<T: AsRef<[u8]>>(txs: &[T]) -> Hash32 {
    let mut hasher = Hasher::new(TXS_DOMAIN);
    hasher.update(&length(txs));
    for tx in txs {
        hasher.update(&length(tx.as_ref())).update(tx.as_ref());
    }
    hasher.finish()
}

/// A length as it is hashed. Those of slices fit in 64 bits.
fn length<T>(slice: &[T]) -> [u8; 8] {
    u64::try_from(slice.len()).unwrap_or(u64::MAX).to_le_bytes()
}

/// Why a block was refused before anyone looked at its transactions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block body does not match its header: expected transactions root {expected}, got {got}")]
pub struct BodyMismatch {
    /// The root in the header.
    pub expected: Hash32,
    /// The root of the transactions that came with it.
    pub got: Hash32,
}

/// A block whose body is known to match its header, with its name. Cloning shares the content.
#[derive(Clone)]
pub struct SealedBlock(Arc<Sealed>);

struct Sealed {
    id: BlockId,
    block: Block,
}

impl SealedBlock {
    /// Checks the body against the header and names the block.
    ///
    /// # Errors
    /// [`BodyMismatch`] if the header commits to other transactions.
    pub fn seal(block: Block) -> Result<Self, BodyMismatch> {
        let got = txs_root(&block.txs);
        if got != block.header.txs_root {
            return Err(BodyMismatch { expected: block.header.txs_root, got });
        }
        Ok(Self(Arc::new(Sealed { id: block.header.id(), block })))
    }

    /// The block's name.
    #[must_use]
    pub fn id(&self) -> BlockId {
        self.0.id
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &BlockHeader {
        &self.0.block.header
    }

    /// The height, from the header.
    #[must_use]
    pub fn height(&self) -> Height {
        self.0.block.header.height
    }

    /// The transactions, in order.
    #[must_use]
    pub fn txs(&self) -> &[Vec<u8>] {
        &self.0.block.txs
    }

    /// Header and body.
    #[must_use]
    pub fn block(&self) -> &Block {
        &self.0.block
    }
}

impl PartialEq for SealedBlock {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for SealedBlock {}

impl PartialOrd for SealedBlock {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SealedBlock {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id().cmp(&other.id())
    }
}

impl std::fmt::Debug for SealedBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({} #{}, {} txs)", self.id().short(), self.height(), self.txs().len())
    }
}

impl BorshSerialize for SealedBlock {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<(), Error> {
        self.0.block.serialize(writer)
    }
}

impl BorshDeserialize for SealedBlock {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self, Error> {
        let block = Block::deserialize_reader(reader)?;
        Self::seal(block).map_err(|e| Error::new(ErrorKind::InvalidData, e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(txs: Vec<Vec<u8>>) -> Block {
        let header = BlockHeader {
            chain: ChainId([1; 32]),
            height: Height(3),
            proposer: AccountId([2; 32]),
            parent: BlockId([3; 32]),
            validators: Hash32([4; 32]),
            next_validators: Hash32([5; 32]),
            txs_root: txs_root(&txs),
            state_root: StateRoot([6; 32]),
            receipts_root: Hash32([7; 32]),
        };
        Block { header, txs }
    }

    #[test]
    fn moving_bytes_between_transactions_changes_the_root() {
        assert_ne!(txs_root(&[b"ab".to_vec(), b"c".to_vec()]), txs_root(&[b"a".to_vec(), b"bc".to_vec()]));
        assert_ne!(txs_root::<Vec<u8>>(&[]), txs_root(&[Vec::new()]));
    }

    #[test]
    fn a_body_that_the_header_does_not_commit_to_is_refused_at_decoding() {
        let mut forged = block(vec![b"pay alice".to_vec()]);
        assert!(ciro_types::decode::<SealedBlock>(&ciro_types::encode(&forged), 1 << 20).is_ok());
        forged.txs[0] = b"pay mallory".to_vec();
        assert!(ciro_types::decode::<SealedBlock>(&ciro_types::encode(&forged), 1 << 20).is_err());
    }

    #[test]
    fn every_header_field_is_part_of_the_name() {
        type Change = fn(&mut BlockHeader);
        let changes: [Change; 9] = [
            |h| h.chain = ChainId([9; 32]),
            |h| h.height = Height(9),
            |h| h.proposer = AccountId([9; 32]),
            |h| h.parent = BlockId([9; 32]),
            |h| h.validators = Hash32([9; 32]),
            |h| h.next_validators = Hash32([9; 32]),
            |h| h.txs_root = Hash32([9; 32]),
            |h| h.state_root = StateRoot([9; 32]),
            |h| h.receipts_root = Hash32([9; 32]),
        ];
        let original = block(Vec::new()).header;
        for change in changes {
            let mut changed = original.clone();
            change(&mut changed);
            assert_ne!(changed.id(), original.id(), "{changed:?}");
        }
    }
}

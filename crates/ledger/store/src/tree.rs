//! The authenticated state: a Jellyfish Merkle tree over two tables, one version per block.
//!
//! Only the two latest versions are kept: the header of the next block certifies the latest, and proofs against the last
//! certified root are still wanted while the next block is being decided. Each write removes what the write before made
//! stale, in the same transaction, so the tables stay proportional to the state and not to its history.

use crate::error::{StoreError, database};
use crate::proof::{StateProof, TreeHasher, key_hash};
use crate::store::KeyValue;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_state::Write;
use ciro_types::{StateRoot, encode};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{JellyfishMerkleTree, KeyHash, OwnedValue};
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

/// Encoded node key → encoded node.
const NODES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("tree_nodes");
/// Key hash, then version big-endian → encoded [`Row`]. The newest version up to a height is the row at that height.
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("tree_rows");
/// Version → encoded [`Stale`]: what that version made stale.
const STALE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("tree_stale");

/// A key with its value, or with none where the key was deleted.
#[derive(BorshSerialize, BorshDeserialize)]
struct Row {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

/// Table keys that no version from some height on needs.
#[derive(Default, BorshSerialize, BorshDeserialize)]
struct Stale {
    nodes: Vec<Vec<u8>>,
    rows: Vec<Vec<u8>>,
}

type Bytes = &'static [u8];

/// The tables as the tree reads them.
struct Tables<N, R> {
    nodes: N,
    rows: R,
}

impl<N, R> TreeReader for Tables<N, R>
where
    N: ReadableTable<Bytes, Bytes>,
    R: ReadableTable<Bytes, Bytes>,
{
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let Some(bytes) = self.nodes.get(encode(key).as_slice())? else { return Ok(None) };
        Ok(Some(Node::try_from_slice(bytes.value())?))
    }

    fn get_value_option(&self, version: u64, key: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        let Some((_, bytes)) = newest(&self.rows, key, version)? else { return Ok(None) };
        Ok(Row::try_from_slice(&bytes)?.value)
    }

    /// Only tree restoration asks, and state is not restored that way.
    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

/// The newest row of `key` up to `version`, with its table key.
fn newest<R: ReadableTable<Bytes, Bytes>>(
    rows: &R,
    key: KeyHash,
    version: u64,
) -> Result<Option<KeyValue>, redb::StorageError> {
    let (first, last) = (row_key(key, 0), row_key(key, version));
    let found = rows.range(first.as_slice()..=last.as_slice())?.next_back().transpose()?;
    Ok(found.map(|(key, row)| (key.value().to_vec(), row.value().to_vec())))
}

fn row_key(key: KeyHash, version: u64) -> Vec<u8> {
    [key.0.as_slice(), &version.to_be_bytes()].concat()
}

/// Creates what a reader expects to exist.
pub(crate) fn create_tables(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.open_table(NODES).map_err(database)?;
    txn.open_table(ROWS).map_err(database)?;
    txn.open_table(STALE).map_err(database)?;
    Ok(())
}

/// Writes `writes` as version `version` and returns the new root. Versions are consecutive from zero.
pub(crate) fn write(txn: &WriteTransaction, version: u64, writes: &[Write]) -> Result<StateRoot, StoreError> {
    let mut tables =
        Tables { nodes: txn.open_table(NODES).map_err(database)?, rows: txn.open_table(ROWS).map_err(database)? };
    let (root, batch) = update(&tables, version, writes)?;
    let mut stale = Stale::default();
    for write in writes {
        tables.put_row(version, write, &mut stale)?;
    }
    tables.put_nodes(&batch, &mut stale)?;
    let mut log = txn.open_table(STALE).map_err(database)?;
    tables.prune(&mut log, version)?;
    log.insert(version, encode(&stale).as_slice()).map_err(database)?;
    Ok(root)
}

fn update(
    tables: &impl TreeReader,
    version: u64,
    writes: &[Write],
) -> Result<(StateRoot, TreeUpdateBatch), StoreError> {
    let tree: JellyfishMerkleTree<'_, _, TreeHasher> = JellyfishMerkleTree::new(tables);
    let changes = writes.iter().map(|write| (key_hash(&write.key), write.value.clone()));
    let (root, batch) = tree.put_value_set(changes, version).map_err(|e| report(&e))?;
    Ok((StateRoot(root.0), batch))
}

impl Tables<Table<'_, Bytes, Bytes>, Table<'_, Bytes, Bytes>> {
    fn put_row(&mut self, version: u64, write: &Write, stale: &mut Stale) -> Result<(), StoreError> {
        let key = key_hash(&write.key);
        let before = newest(&self.rows, key, version).map_err(database)?;
        stale.rows.extend(before.map(|(key, _)| key));
        let row_key = row_key(key, version);
        let row = Row { key: write.key.clone(), value: write.value.clone() };
        self.rows.insert(row_key.as_slice(), encode(&row).as_slice()).map_err(database)?;
        // A deletion is only news while the row before it is kept.
        if write.value.is_none() {
            stale.rows.push(row_key);
        }
        Ok(())
    }

    fn put_nodes(&mut self, batch: &TreeUpdateBatch, stale: &mut Stale) -> Result<(), StoreError> {
        for (key, node) in batch.node_batch.nodes() {
            self.nodes.insert(encode(key).as_slice(), encode(node).as_slice()).map_err(database)?;
        }
        stale.nodes.extend(batch.stale_node_index_batch.iter().map(|index| encode(&index.node_key)));
        Ok(())
    }

    /// Removes what the version before `version` made stale: the version before that one is no longer kept.
    fn prune(&mut self, log: &mut Table<'_, u64, Bytes>, version: u64) -> Result<(), StoreError> {
        let Some(before) = version.checked_sub(1) else { return Ok(()) };
        let Some(bytes) = log.remove(before).map_err(database)?.map(|row| row.value().to_vec()) else { return Ok(()) };
        let stale: Stale = crate::store::row("list of stale nodes", &bytes)?;
        for key in &stale.nodes {
            self.nodes.remove(key.as_slice()).map_err(database)?;
        }
        for key in &stale.rows {
            self.rows.remove(key.as_slice()).map_err(database)?;
        }
        Ok(())
    }
}

/// The row of `key` at a kept `version`, or its absence, with the proof.
pub(crate) fn prove(
    txn: &ReadTransaction,
    version: u64,
    key: &[u8],
) -> Result<(Option<Vec<u8>>, StateProof), StoreError> {
    let tables =
        Tables { nodes: txn.open_table(NODES).map_err(database)?, rows: txn.open_table(ROWS).map_err(database)? };
    let tree: JellyfishMerkleTree<'_, _, TreeHasher> = JellyfishMerkleTree::new(&tables);
    let (value, proof) = tree.get_with_proof(key_hash(key), version).map_err(|e| report(&e))?;
    Ok((value, StateProof(proof)))
}

/// The root of a kept `version`.
pub(crate) fn root(txn: &ReadTransaction, version: u64) -> Result<StateRoot, StoreError> {
    let tables =
        Tables { nodes: txn.open_table(NODES).map_err(database)?, rows: txn.open_table(ROWS).map_err(database)? };
    let tree: JellyfishMerkleTree<'_, _, TreeHasher> = JellyfishMerkleTree::new(&tables);
    Ok(StateRoot(tree.get_root_hash(version).map_err(|e| report(&e))?.0))
}

/// Every row of the newest version, in order of key hash.
pub(crate) fn rows(txn: &ReadTransaction) -> Result<Vec<KeyValue>, StoreError> {
    let table = txn.open_table(ROWS).map_err(database)?;
    // Versions of one key are adjacent and ascending, so the last one met is the newest.
    let mut newest: Vec<Row> = Vec::new();
    for entry in table.iter().map_err(database)? {
        let (_, bytes) = entry.map_err(database)?;
        let row: Row = crate::store::row("state row", bytes.value())?;
        if newest.last().is_some_and(|last| last.key == row.key) {
            newest.pop();
        }
        newest.push(row);
    }
    Ok(newest.into_iter().filter_map(|row| Some((row.key, row.value?))).collect())
}

/// How many table rows the tree occupies: nodes, rows.
pub(crate) fn size(txn: &ReadTransaction) -> Result<(u64, u64), StoreError> {
    use redb::ReadableTableMetadata;
    let nodes = txn.open_table(NODES).map_err(database)?.len().map_err(database)?;
    Ok((nodes, txn.open_table(ROWS).map_err(database)?.len().map_err(database)?))
}

/// The tree library's errors are text; nothing here can be acted on but by stopping.
fn report(error: &anyhow::Error) -> StoreError {
    StoreError::Tree { reason: format!("{error:#}") }
}

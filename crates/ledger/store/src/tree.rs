//! The authenticated state: a Jellyfish Merkle tree over two tables, one version per block.
//!
//! Only the two latest versions are kept. The header of the next block certifies the latest. Proofs against the last
//! certified root are still wanted while the next block is being decided. Each write removes what the write before
//! made stale, in the same transaction. So the tables stay proportional to the state and not to its history.

use crate::disk::Reading;
use crate::error::{StoreError, database};
use crate::proof::{StateProof, TreeHasher, key_hash};
use crate::tables::{Bytes, KeyValue, ROOTS, RowKey as _, STALE, hex};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_state::{Key, Write};
use ciro_types::{Height, StateRoot, encode};
use jmt::storage::{LeafNode, NibblePath, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{JellyfishMerkleTree, KeyHash, OwnedValue, ValueHash};
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata as _, Table, TableDefinition, WriteTransaction};

/// Encoded node key → encoded node.
const NODES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("tree_nodes");
/// Key hash, then version big-endian → encoded [`Row`]. The newest version up to a height is the row at that height.
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("tree_rows");

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

/// The row of `key` as the last version has it.
pub(crate) fn last(txn: &WriteTransaction, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let rows = txn.open_table(ROWS).map_err(database)?;
    let found = newest(&rows, key_hash(key), u64::MAX).map_err(database)?;
    Ok(found.map(|(key, bytes)| decode_row(&key, &bytes)).transpose()?.and_then(|row| row.value))
}

fn root_key(version: u64) -> NodeKey {
    NodeKey::new(version, std::iter::empty().collect())
}

fn row_key(key: KeyHash, version: u64) -> Vec<u8> {
    [&key.0[..], &version.to_be_bytes()].concat()
}

/// Readers may open a table only if it exists.
pub(crate) fn create_tables(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.open_table(NODES).map_err(database)?;
    txn.open_table(ROWS).map_err(database)?;
    Ok(())
}

/// Writes the next version and returns its root. Versions are written in order, from 0.
pub(crate) fn write(txn: &WriteTransaction, version: u64, writes: &[Write]) -> Result<StateRoot, StoreError> {
    let mut tables =
        Tables { nodes: txn.open_table(NODES).map_err(database)?, rows: txn.open_table(ROWS).map_err(database)? };
    let (root, batch) = update(&tables, version, writes)?;
    let mut stale = Stale::default();
    for write in writes {
        tables.put_row(version, write, &mut stale)?;
    }
    tables.put_nodes(&batch, &mut stale)?;
    let mut log = STALE.edit(txn)?;
    tables.prune(&mut log, version)?;
    STALE.put(&mut log, &Height(version), &stale)?;
    put_root(txn, version, root)?;
    Ok(root)
}

/// Writes all rows as version `version`, without those before it, and returns its root. The store has no rows yet.
pub(crate) fn found(txn: &WriteTransaction, version: u64, rows: Vec<KeyValue>) -> Result<StateRoot, StoreError> {
    if let Some(before) = version.checked_sub(1) {
        // The tree goes on from the version before, which is empty here.
        let mut nodes = txn.open_table(NODES).map_err(database)?;
        nodes.insert(encode(&root_key(before)).as_slice(), encode(&Node::Null).as_slice()).map_err(database)?;
    }
    let writes: Vec<_> = rows.into_iter().map(|(key, value)| Write { key, value: Some(value) }).collect();
    write(txn, version, &writes)
}

/// Roots of the two latest versions are kept, like the versions themselves.
pub(crate) fn put_root(txn: &WriteTransaction, version: u64, root: StateRoot) -> Result<(), StoreError> {
    let mut roots = ROOTS.edit(txn)?;
    ROOTS.put(&mut roots, &Height(version), &root.0)?;
    version.checked_sub(2).map_or(Ok(()), |old| ROOTS.remove(&mut roots, &Height(old)))
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
    fn prune(&mut self, log: &mut Table<'_, Bytes, Bytes>, version: u64) -> Result<(), StoreError> {
        let Some(before) = version.checked_sub(1).map(Height) else { return Ok(()) };
        let Some(stale) = STALE.get::<Stale>(log, &before)? else { return Ok(()) };
        STALE.remove(log, &before)?;
        for key in &stale.nodes {
            self.nodes.remove(key.as_slice()).map_err(database)?;
        }
        for key in &stale.rows {
            self.rows.remove(key.as_slice()).map_err(database)?;
        }
        Ok(())
    }
}

fn tables(
    txn: &ReadTransaction,
) -> Result<Tables<impl ReadableTable<Bytes, Bytes> + use<>, impl ReadableTable<Bytes, Bytes> + use<>>, StoreError> {
    Ok(Tables { nodes: txn.open_table(NODES).map_err(database)?, rows: txn.open_table(ROWS).map_err(database)? })
}

/// The row of `key` at a kept `height`, or its absence, with a proof that holds.
pub(crate) fn prove(
    reading: &Reading<'_>,
    height: Height,
    key: &[u8],
) -> Result<(Option<Vec<u8>>, StateProof), StoreError> {
    let tables = tables(reading)?;
    if !is_kept(reading, height)? {
        // A store that took a peer's place begins at one height.
        let newest = height.next();
        return Err(StoreError::NotKept { oldest: newest, newest, got: height });
    }
    let tree: JellyfishMerkleTree<'_, _, TreeHasher> = JellyfishMerkleTree::new(&tables);
    let (value, proof) = tree.get_with_proof(key_hash(key), height.0).map_err(|e| report(&e))?;
    let proof = StateProof(proof);
    let refused = |error: crate::StateProofError| StoreError::Tree { reason: error.reason };
    proof.verify(root(reading, height)?, key, value.as_deref()).map_err(refused)?;
    Ok((value, proof))
}

/// Whether the tree of `height` is here. A store that took a peer's place has an empty one for the height before.
pub(crate) fn is_kept(reading: &Reading<'_>, height: Height) -> Result<bool, StoreError> {
    let root = tables(reading)?.get_node_option(&root_key(height.0)).map_err(|e| report(&e))?;
    Ok(root.is_some_and(|root| root != Node::Null))
}

/// The root of a kept `height`.
pub(crate) fn root(reading: &Reading<'_>, height: Height) -> Result<StateRoot, StoreError> {
    let root = ROOTS.get(&ROOTS.of(reading)?, &height)?;
    root.map(StateRoot).ok_or_else(|| ROOTS.damaged(&height.bytes(), "a row", "none"))
}

/// Every row at a kept `height`, in order of key hash.
pub(crate) fn rows(reading: &Reading<'_>, height: Height) -> Result<Vec<KeyValue>, StoreError> {
    // Versions of one key are adjacent and ascending, so the last one met is the newest.
    let mut newest: Vec<Row> = Vec::new();
    for entry in tables(reading)?.rows.iter().map_err(database)? {
        let (key, bytes) = entry.map_err(database)?;
        if version_of(key.value())? > height.0 {
            continue;
        }
        let row = decode_row(key.value(), bytes.value())?;
        if newest.last().is_some_and(|last| last.key == row.key) {
            newest.pop();
        }
        newest.push(row);
    }
    Ok(newest.into_iter().filter_map(|row| Some((row.key, row.value?))).collect())
}

fn version_of(key: &[u8]) -> Result<u64, StoreError> {
    let version = key.split_first_chunk::<32>().and_then(|(_, version)| version.try_into().ok());
    version
        .map(u64::from_be_bytes)
        .ok_or_else(|| damaged("tree_rows", hex(key), "a key hash and a version", "other bytes"))
}

fn decode_row(key: &[u8], bytes: &[u8]) -> Result<Row, StoreError> {
    Row::try_from_slice(bytes).map_err(|e| damaged("tree_rows", hex(key), "a row", &e.to_string()))
}

/// How many table rows the tree occupies: nodes, rows.
pub(crate) fn size(reading: &Reading<'_>) -> Result<(u64, u64), StoreError> {
    let nodes = reading.open_table(NODES).map_err(database)?.len().map_err(database)?;
    Ok((nodes, reading.open_table(ROWS).map_err(database)?.len().map_err(database)?))
}

/// Walks the tree at `height` from its root and looks at every node and row. Each has the hash that the node above it commits to, and no
/// row stands outside. Cost: two hashes and two reads per row.
pub(crate) fn check(reading: &Reading<'_>, height: Height) -> Result<(), StoreError> {
    let root = root(reading, height)?;
    let walk = Walk { tables: tables(reading)?, version: height.0 };
    let leaves = walk.node(&root_key(height.0), root.0)?;
    let found = rows(reading, height)?.len();
    if found == leaves {
        Ok(())
    } else {
        Err(damaged("tree_rows", "all".into(), &leaves.to_string(), &found.to_string()))
    }
}

struct Walk<N, R> {
    tables: Tables<N, R>,
    version: u64,
}

impl<N, R> Walk<N, R>
where
    N: ReadableTable<Bytes, Bytes>,
    R: ReadableTable<Bytes, Bytes>,
{
    /// Looks at everything below `key` and returns the number of rows there. No deeper than a key hash has nibbles.
    fn node(&self, key: &NodeKey, expected: [u8; 32]) -> Result<usize, StoreError> {
        let name = || format!("{}:{:?}", key.version(), key.nibble_path());
        let read = self.tables.get_node_option(key);
        let node = read.map_err(|e| damaged("tree_nodes", name(), &hex(&expected), &e.to_string()))?;
        let Some(node) = node else { return Err(damaged("tree_nodes", name(), &hex(&expected), "no node")) };
        let got = hash_of(&node);
        if got != expected {
            return Err(damaged("tree_nodes", name(), &hex(&expected), &hex(&got)));
        }
        match node {
            Node::Null => Ok(0),
            Node::Leaf(leaf) => self.row(leaf.key_hash(), expected).map(|()| 1),
            Node::Internal(node) => node.children_sorted().try_fold(0, |count, (nibble, child)| {
                let path: NibblePath = key.nibble_path().nibbles().chain(std::iter::once(nibble)).collect();
                Ok(count + self.node(&NodeKey::new(child.version, path), child.hash)?)
            }),
        }
    }

    /// Whether the row of a leaf is the one that the leaf's hash commits to.
    fn row(&self, key: KeyHash, expected: [u8; 32]) -> Result<(), StoreError> {
        let Some((table_key, bytes)) = newest(&self.tables.rows, key, self.version).map_err(database)? else {
            return Err(damaged("tree_rows", hex(&key.0), &hex(&expected), "no row"));
        };
        let row = decode_row(&table_key, &bytes)?;
        let got = match &row.value {
            Some(value) if key_hash(&row.key) == key => hash_of(&leaf(key, value)),
            Some(_) | None => [0; 32],
        };
        if got == expected { Ok(()) } else { Err(damaged("tree_rows", words(&row.key), &hex(&expected), &hex(&got))) }
    }
}

fn leaf(key: KeyHash, value: &[u8]) -> Node {
    Node::Leaf(LeafNode::new(key, ValueHash::with::<TreeHasher>(value)))
}

/// What the node above commits to. A store has rows, so an empty tree is none of ours.
fn hash_of(node: &Node) -> [u8; 32] {
    match node {
        Node::Null => [0; 32],
        Node::Internal(node) => node.hash::<TreeHasher>(),
        Node::Leaf(leaf) => leaf.hash::<TreeHasher>(),
    }
}

/// A key of the state, for people.
fn words(key: &[u8]) -> String {
    Key::decode(key).map_or_else(|_| hex(key), |key| format!("{key:?}"))
}

fn damaged(table: &'static str, key: String, expected: &str, got: &str) -> StoreError {
    StoreError::Damaged { table, key, expected: expected.into(), got: got.into() }
}

/// The tree library's errors are text; nothing here can be acted on but by stopping.
fn report(error: &anyhow::Error) -> StoreError {
    // What the disk said is wanted by those who wait for room.
    match error.downcast_ref::<redb::StorageError>() {
        Some(redb::StorageError::Io(source)) if crate::error::is_full(source) => {
            StoreError::NoRoom(std::io::Error::from(source.kind()))
        }
        Some(_) | None => StoreError::Tree { reason: format!("{error:#}") },
    }
}

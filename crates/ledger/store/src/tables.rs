//! The tables, and the seal on each of their rows.
//!
//! A database file may be read back with other bytes than were written, and its library does not look. So every row outside
//! the authenticated tree begins with a checksum over table, key and value, and is looked at whenever it is read. The
//! seal is against accidents. Against an owner who forges rows stand the header chain and the certificates.

use crate::error::{StoreError, database};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::Hasher;
use ciro_types::{Hash32, Height, decode, encode};
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

/// A row of the state: encoded key, encoded value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

const SEAL_DOMAIN: &str = "ciro/store/row/v1";
/// Bytes of a seal. Accidents are not clever: one in 2⁶⁴ goes unnoticed.
const SEAL_BYTES: usize = 8;

/// Keys and values of every table are bytes; numbers in keys are big-endian, so that their order is the order of bytes.
pub(crate) type Bytes = &'static [u8];

/// A table of sealed rows, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sealed(pub(crate) &'static str);

/// Name → number: the format, the last height, the oldest height with whole blocks, how many handovers there are.
pub(crate) const META: Sealed = Sealed("meta");
/// Height → encoded block, as long as it is retained.
pub(crate) const BLOCKS: Sealed = Sealed("blocks");
/// Height → encoded commit certificate, as long as it is retained.
pub(crate) const CERTIFICATES: Sealed = Sealed("certificates");
/// Height → what became of its transactions, as long as it is retained.
pub(crate) const OUTCOMES: Sealed = Sealed("outcomes");
/// Height and index → encoded event, as long as it is retained.
pub(crate) const EVENTS: Sealed = Sealed("events");
/// Height → encoded list of settlement records, for good; no row where there are none.
pub(crate) const RECORDS: Sealed = Sealed("records");
/// Height → encoded certified header, for good, of each pruned block that carries the receipts root of some records.
pub(crate) const HEADERS: Sealed = Sealed("headers");
/// Height → the certified header that hands over to another validator set, with that set, for good.
pub(crate) const HANDOVERS: Sealed = Sealed("handovers");
/// Transaction id → height of the last block that held it, as long as it is retained.
pub(crate) const TX_HEIGHTS: Sealed = Sealed("tx_heights");
/// Job id → height at which it settled, for good.
pub(crate) const JOB_HEIGHTS: Sealed = Sealed("job_heights");
/// Height → root of the state after it, for the two latest heights.
pub(crate) const ROOTS: Sealed = Sealed("roots");
/// Height → what that height made stale in the tree, until the next height.
pub(crate) const STALE: Sealed = Sealed("tree_stale");

/// Model id → the height that removed its row, and the row: receipts of the blocks before are put together from it.
pub(crate) const REMOVED_MODELS: Sealed = Sealed("removed_models");
/// Height and number → id of a model that this block removed, as long as the block is retained.
pub(crate) const REMOVALS: Sealed = Sealed("removals");

/// Every sealed table.
pub(crate) const ALL: [Sealed; 14] = [
    META,
    BLOCKS,
    CERTIFICATES,
    OUTCOMES,
    EVENTS,
    RECORDS,
    HEADERS,
    HANDOVERS,
    TX_HEIGHTS,
    JOB_HEIGHTS,
    ROOTS,
    STALE,
    REMOVED_MODELS,
    REMOVALS,
];

/// The name of a row.
pub(crate) trait RowKey {
    /// The key's bytes.
    fn bytes(&self) -> Vec<u8>;
}

impl RowKey for Height {
    fn bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }
}

/// An event: its block, and its place in it.
impl RowKey for (Height, u32) {
    fn bytes(&self) -> Vec<u8> {
        [&self.0.0.to_be_bytes()[..], &self.1.to_be_bytes()].concat()
    }
}

impl RowKey for &str {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl RowKey for Hash32 {
    fn bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// A key as it stands in a table.
impl RowKey for &[u8] {
    fn bytes(&self) -> Vec<u8> {
        self.to_vec()
    }
}

impl Sealed {
    pub(crate) fn definition(self) -> TableDefinition<'static, Bytes, Bytes> {
        TableDefinition::new(self.0)
    }

    /// The table for reading.
    pub(crate) fn of(self, txn: &ReadTransaction) -> Result<impl ReadableTable<Bytes, Bytes> + use<>, StoreError> {
        txn.open_table(self.definition()).map_err(database)
    }

    /// The table for writing.
    pub(crate) fn edit(self, txn: &WriteTransaction) -> Result<Table<'_, Bytes, Bytes>, StoreError> {
        txn.open_table(self.definition()).map_err(database)
    }

    /// Seals and writes one row.
    pub(crate) fn put(
        self,
        table: &mut Table<'_, Bytes, Bytes>,
        key: &impl RowKey,
        value: &impl BorshSerialize,
    ) -> Result<(), StoreError> {
        let (key, value) = (key.bytes(), encode(value));
        let row = [&self.seal(&key, &value)[..], &value].concat();
        table.insert(key.as_slice(), row.as_slice()).map_err(database)?;
        Ok(())
    }

    /// Reads one row.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not what was written.
    pub(crate) fn get<T: BorshDeserialize>(
        self,
        table: &impl ReadableTable<Bytes, Bytes>,
        key: &impl RowKey,
    ) -> Result<Option<T>, StoreError> {
        let key = key.bytes();
        let found = table.get(key.as_slice()).map_err(database)?;
        found.map(|row| self.open(&key, row.value())).transpose()
    }

    /// Removes one row.
    pub(crate) fn remove(self, table: &mut Table<'_, Bytes, Bytes>, key: &impl RowKey) -> Result<(), StoreError> {
        table.remove(key.bytes().as_slice()).map_err(database)?;
        Ok(())
    }

    /// The value of a row as it stands in the table.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not what was written.
    pub(crate) fn open<T: BorshDeserialize>(self, key: &[u8], row: &[u8]) -> Result<T, StoreError> {
        let value = self.unseal(key, row)?;
        decode(value, value.len()).map_err(|source| StoreError::Row { what: self.0, source })
    }

    pub(crate) fn unseal<'a>(self, key: &[u8], row: &'a [u8]) -> Result<&'a [u8], StoreError> {
        let Some((expected, value)) = row.split_first_chunk::<SEAL_BYTES>() else {
            return Err(self.damaged(key, "a seal", "a row without one"));
        };
        let got = self.seal(key, value);
        if got == *expected { Ok(value) } else { Err(self.damaged(key, &hex(expected), &hex(&got))) }
    }

    /// An error about one row of this table.
    pub(crate) fn damaged(self, key: &[u8], expected: &str, got: &str) -> StoreError {
        StoreError::Damaged { table: self.0, key: hex(key), expected: expected.into(), got: got.into() }
    }

    fn seal(self, key: &[u8], value: &[u8]) -> [u8; SEAL_BYTES] {
        let mut hasher = Hasher::new(SEAL_DOMAIN);
        for part in [self.0.as_bytes(), key] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher.update(value);
        let digest = hasher.finish();
        let mut seal = [0; SEAL_BYTES];
        seal.copy_from_slice(&digest.0[..SEAL_BYTES]);
        seal
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! A short chain whose blocks certify one another, with rows, events and settlements to lose.

use ciro_consensus::{
    Block, BlockHeader, CertifiedHeader, CommitCertificate, DecidedBlock, SealedBlock, SetChange, Validator,
    ValidatorSet, txs_root,
};
use ciro_state::{BlockEffects, Event, Payment, SettlementRecord, Write, merkle_root};
use ciro_store::{Store, StoreError};
use ciro_types::{AccountId, Amount, Assurance, BlockId, ChainId, Hash32, Height, JobId, ModelId, TxId};
use std::collections::BTreeMap;

pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// SplitMix64: enough for a test, and the same everywhere.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

pub(crate) fn genesis() -> Rows {
    (0..50u8).map(|n| (vec![2, n], vec![n; 20])).collect()
}

pub(crate) fn tx_id(height: u64) -> TxId {
    let mut id = [7; 32];
    id[..8].copy_from_slice(&height.to_be_bytes());
    TxId(id)
}

pub(crate) fn job_id(height: u64) -> JobId {
    JobId(tx_id(height).0)
}

/// The job that every block settles but each third, as a network pauses.
pub(crate) fn records(height: u64) -> Vec<SettlementRecord> {
    let record = SettlementRecord {
        chain: ChainId([1; 32]),
        job: job_id(height),
        client: AccountId([4; 32]),
        model: ModelId([5; 32]),
        input: Hash32([6; 32]),
        output: Hash32([7; 32]),
        assurance: Assurance::A4,
        payments: vec![Payment { worker: AccountId([8; 32]), price: Amount(3) }],
        fee: Amount(1),
        refund: Amount(2),
        height: Height(height),
    };
    if height.is_multiple_of(3) { Vec::new() } else { vec![record] }
}

/// Blocks after which another set decides.
pub(crate) const REIGN: u64 = 5;

/// The validators that decide `height`.
pub(crate) fn validators(height: u64) -> ValidatorSet {
    let power = 1 + height.saturating_sub(1) / REIGN % 7;
    ValidatorSet::new(vec![Validator { account: AccountId([2; 32]), power }]).expect("a validator set")
}

/// Those to whom the header of `height` hands over, if they are others.
pub(crate) fn successors(height: Height) -> Option<ValidatorSet> {
    let next = validators(height.0 + 1);
    (next != validators(height.0)).then_some(next)
}

/// A store with what it must hold.
pub(crate) struct Chain {
    pub(crate) store: Store,
    pub(crate) rows: Rows,
    pub(crate) decided: Vec<DecidedBlock>,
    /// Bytes of the one transaction of each block: a proof, say.
    pub(crate) body_bytes: usize,
}

impl Chain {
    pub(crate) fn new(store: Store) -> Self {
        store.write_genesis(genesis().into_iter().collect()).expect("empty");
        Self { store, rows: genesis(), decided: Vec::new(), body_bytes: 100 }
    }

    /// The next block, and what it does: rewrites some rows, adds one and deletes one.
    pub(crate) fn next(&self) -> (DecidedBlock, BlockEffects) {
        let height = self.decided.len() as u64 + 1;
        let txs = vec![[&height.to_be_bytes()[..], &vec![height as u8; self.body_bytes]].concat()];
        let digests: Vec<_> = records(height - 1).iter().map(SettlementRecord::digest).collect();
        let header = BlockHeader {
            chain: ChainId([1; 32]),
            height: Height(height),
            proposer: AccountId([2; 32]),
            parent: self.decided.last().map_or(BlockId::ZERO, |decided| decided.block.id()),
            validators: validators(height).digest(),
            next_validators: validators(height + 1).digest(),
            txs_root: txs_root(&txs),
            state_root: self.store.root().expect("readable"),
            receipts_root: if height == 1 { Hash32::ZERO } else { merkle_root(&digests) },
        };
        let block = SealedBlock::seal(Block { header, txs }).expect("built to match");
        let certificate =
            CommitCertificate { height: Height(height), round: 0, block: block.id(), signatures: Vec::new() };
        (DecidedBlock { block, certificate }, effects(height))
    }

    /// Writes the next block.
    pub(crate) fn grow(&mut self) -> Result<(), StoreError> {
        let (decided, effects) = self.next();
        self.commit(&decided, &effects)?;
        apply(&mut self.rows, &effects);
        self.decided.push(decided);
        Ok(())
    }

    /// Has the store write a block.
    pub(crate) fn commit(&self, decided: &DecidedBlock, effects: &BlockEffects) -> Result<(), StoreError> {
        let height = decided.block.height();
        let next = successors(height);
        self.store.commit(decided, &[tx_id(height.0)], effects, next.as_ref()).map(drop)
    }

    pub(crate) fn run(&mut self, blocks: u64) {
        (0..blocks).for_each(|_| self.grow().expect("in order"));
    }

    pub(crate) fn newest(&self) -> Height {
        Height(self.decided.len() as u64)
    }
}

fn effects(height: u64) -> BlockEffects {
    let byte = height as u8;
    let mut writes: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
        (0..10u8).map(|n| (vec![2, n * 5], Some(vec![byte, n]))).collect();
    writes.insert(vec![3, byte], Some(vec![byte; 9]));
    writes.insert(vec![3, byte.wrapping_sub(4)], None);
    let records = records(height);
    let settled = |record: &SettlementRecord| Event::JobSettled { record: record.clone(), tx: tx_id(height) };
    BlockEffects {
        height: Height(height),
        outcomes: vec![Ok(ciro_state::Outcome::Transferred)],
        events: records.iter().map(settled).collect(),
        receipts_root: merkle_root(&records.iter().map(SettlementRecord::digest).collect::<Vec<_>>()),
        records,
        writes: writes.into_iter().map(|(key, value)| Write { key, value }).collect(),
    }
}

fn apply(rows: &mut Rows, effects: &BlockEffects) {
    for write in &effects.writes {
        match &write.value {
            Some(value) => drop(rows.insert(write.key.clone(), value.clone())),
            None => drop(rows.remove(&write.key)),
        }
    }
}

pub(crate) fn stored(store: &Store) -> Rows {
    store.rows().expect("readable").into_iter().collect()
}

/// Trusts every header: nobody signs these chains.
pub(crate) fn anybody(_: &[SetChange], _: &CertifiedHeader) -> Result<(), String> {
    Ok(())
}

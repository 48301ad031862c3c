//! What one validator does with a transaction: taking it in, and putting it through a block on a real disk.

use ciro_consensus::{CommitCertificate, DecidedBlock, SealedBlock};
use ciro_crypto::Keypair;
use ciro_state::{
    Action, Genesis, GenesisAccount, GenesisValidator, ModelCost, Params, ProofCheck, ProofClaim, ProofRejection,
    SignedTx, TokenAction, TxBody,
};
use ciro_types::{Amount, ModelRoots, Nonce, encode};
use ciro_validator::ledger::Ledger;
use ciro_validator::{Config, DiskFile, Disks, Effect, Input, Limits, Store, Timeouts, Validator, VerifiedTxs};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::sync::Arc;

/// Transfers carry no proof.
struct NoProofs;

impl ProofCheck for NoProofs {
    fn check(&self, _: &ProofClaim<'_>) -> Result<(), ProofRejection> {
        Err(ProofRejection { reason: "no proofs here".into() })
    }

    fn cost(&self, _: &[u8], _: &ModelRoots) -> Result<ModelCost, ProofRejection> {
        Err(ProofRejection { reason: "no models here".into() })
    }
}

const SENDERS: usize = 200;

fn key(n: usize) -> Keypair {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(n as u64).to_le_bytes());
    Keypair::from_seed(seed)
}

fn genesis() -> Genesis {
    let account = |n| GenesisAccount { account: key(n).account(), balance: Amount::ciro(1_000_000) };
    Genesis {
        network: "bench".into(),
        params: Params::with_block_ms(1_000),
        scheduler: key(SENDERS).account(),
        validators: vec![GenesisValidator { account: key(SENDERS + 1).account(), stake: Amount::ciro(1_000) }],
        accounts: (0..SENDERS).map(account).collect(),
    }
}

/// `count` transfers, the senders taking turns, starting at nonce `from` each.
fn transfers(count: usize, from: u64) -> Vec<Vec<u8>> {
    let chain = genesis().chain_id();
    let keys: Vec<_> = (0..SENDERS).map(key).collect();
    let transfer = |n: usize| {
        let (sender, to) = (&keys[n % SENDERS], keys[(n * 7 + 1) % SENDERS].account());
        let nonce = Nonce(from + (n / SENDERS) as u64);
        let action = Action::Token(TokenAction::Transfer { to, amount: Amount(1) });
        encode(&SignedTx::sign(TxBody { chain, sender: sender.account(), nonce, action }, sender))
    };
    (0..count).map(transfer).collect()
}

fn open_ledger(directory: &std::path::Path) -> Ledger {
    let store = Arc::new(Store::open(&directory.join("store.redb")).expect("a new file"));
    let verified = Arc::new(VerifiedTxs::default());
    Ledger::open(&genesis(), store, Arc::new(NoProofs), verified).expect("opens")
}

fn decided(block: SealedBlock) -> DecidedBlock {
    let certificate = CommitCertificate { height: block.height(), round: 0, block: block.id(), signatures: Vec::new() };
    DecidedBlock { block, certificate }
}

/// Decode, verify signatures, execute, authenticate and store a block that this validator sees for the first time.
fn block(c: &mut Criterion) {
    for txs in [100, 2_000] {
        let mut group = c.benchmark_group("engine");
        group.throughput(Throughput::Elements(txs as u64)).sample_size(10);
        group.bench_function(format!("ledger::block/txs={txs}"), |b| {
            b.iter_batched(
                || {
                    let directory = tempfile::tempdir().expect("a temporary directory");
                    let ledger = open_ledger(directory.path());
                    let block = ledger.build(key(SENDERS + 1).account(), transfers(txs, 0));
                    (directory, ledger, block)
                },
                |(directory, mut ledger, block)| {
                    ledger.check(&block).expect("valid");
                    ledger.commit(&decided(block)).expect("executable");
                    (directory, ledger)
                },
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

/// The whole pipeline of one validator that decides alone: submission, pool, agreement, log, execution, store.
fn alone(c: &mut Criterion) {
    const TXS: usize = 4_000;
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(TXS as u64)).sample_size(10);
    group.bench_function(format!("validator::submit_to_commit/txs={TXS}"), |b| {
        b.iter_batched(
            || {
                let directory = tempfile::tempdir().expect("a temporary directory");
                let validator = open_validator(directory.path());
                (directory, validator, transfers(TXS, 0))
            },
            |(directory, mut validator, txs)| {
                let mut done = 0;
                for batch in txs.chunks(1_000) {
                    let effects = validator.step(1, Input::Submit(batch.to_vec())).expect("keeps going");
                    done += committed(&effects);
                }
                assert_eq!(done, TXS);
                (directory, validator)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn open_validator(directory: &std::path::Path) -> Validator<DiskFile> {
    let file = |name| DiskFile::open(&directory.join(name)).expect("a new file");
    let store = Arc::new(Store::open(&directory.join("store.redb")).expect("a new file"));
    let config = Config {
        genesis: genesis(),
        key: key(SENDERS + 1),
        timeouts: Timeouts { pace_ms: 0, ..Timeouts::default() },
        limits: Limits::default(),
        proofs: Arc::new(NoProofs),
        verified: Arc::new(VerifiedTxs::default()),
    };
    let disks = Disks { wal: file("wal"), guard: file("guard"), store };
    Validator::open(config, disks, 0).expect("starts").0
}

fn committed(effects: &[Effect]) -> usize {
    let blocks = effects.iter().filter_map(|e| if let Effect::Committed(block) = e { Some(block) } else { None });
    blocks.map(|block| block.txs.iter().filter(|tx| tx.result.is_ok()).count()).sum()
}

criterion_group!(benches, block, alone);
criterion_main!(benches);

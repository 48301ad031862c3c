//! Transfers through one validator that decides alone: signature, pool, agreement, log, execution, store on a real disk.

use crate::error::CliError;
use crate::ui::Ui;
use ciro_crypto::Keypair;
use ciro_receipt::ProofVerifier;
use ciro_state::{Action, Genesis, GenesisAccount, GenesisValidator, Params, SignedTx, TokenAction, TxBody};
use ciro_types::{Amount, Nonce, chain, encode};
use ciro_validator::{Config, DiskFile, Disks, Effect, Input, Limits, Store, Timeouts, Validator, VerifiedTxs};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const SENDERS: usize = 200;
const TXS: usize = 20_000;
const BATCH: usize = 1_000;

/// What was measured.
#[derive(Serialize)]
pub(super) struct Row {
    validators: usize,
    txs: usize,
    pub(super) txs_per_second: f64,
}

pub(super) fn measure(ui: &Ui) -> Result<Row, CliError> {
    ui.note(&format!("… {TXS} transfers"));
    let directory = tempfile::tempdir().map_err(CliError::failed)?;
    let mut validator = open(directory.path())?;
    let txs = transfers();
    let started = Instant::now();
    let mut committed = 0;
    for batch in txs.chunks(BATCH) {
        let effects = validator.step(1, Input::Submit(batch.to_vec())).map_err(|e| CliError::failed(chain(&e)))?;
        committed += count(&effects);
    }
    let seconds = started.elapsed().as_secs_f64();
    if committed != TXS {
        return Err(CliError::failed(format!("expected {TXS} committed transfers, got {committed}")));
    }
    Ok(Row { validators: 1, txs: TXS, txs_per_second: TXS as f64 / seconds })
}

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

/// Transfers of one unit, the senders taking turns.
fn transfers() -> Vec<Vec<u8>> {
    let chain = genesis().chain_id();
    let keys: Vec<_> = (0..SENDERS).map(key).collect();
    let transfer = |n: usize| {
        let (sender, to) = (&keys[n % SENDERS], keys[(n * 7 + 1) % SENDERS].account());
        let action = Action::Token(TokenAction::Transfer { to, amount: Amount(1) });
        let body = TxBody { chain, sender: sender.account(), nonce: Nonce((n / SENDERS) as u64), action };
        encode(&SignedTx::sign(body, sender))
    };
    (0..TXS).map(transfer).collect()
}

fn open(directory: &Path) -> Result<Validator<DiskFile>, CliError> {
    let file = |name| DiskFile::open(&directory.join(name)).map_err(|e| CliError::failed(chain(&e)));
    let store = Store::open(&directory.join("store.redb")).map_err(|e| CliError::failed(chain(&e)))?;
    let config = Config {
        genesis: genesis(),
        key: key(SENDERS + 1),
        // What a block takes, not how often one may come.
        timeouts: Timeouts { pace_ms: 0, ..Timeouts::default() },
        limits: Limits::default(),
        proofs: Arc::new(ProofVerifier::default()),
        verified: Arc::new(VerifiedTxs::default()),
    };
    let disks = Disks { wal: file("wal")?, guard: file("guard")?, store: Arc::new(store) };
    Ok(Validator::open(config, disks, 0).map_err(|e| CliError::failed(chain(&e)))?.0)
}

fn count(effects: &[Effect]) -> usize {
    let blocks = effects.iter().filter_map(|e| if let Effect::Committed(block) = e { Some(block) } else { None });
    blocks.map(|block| block.txs.iter().filter(|tx| tx.result.is_ok()).count()).sum()
}

//! The hot loops of the ledger: the stateless phase of one transfer, and the ordered phase of a block of transfers.
//! One validator on one core executes `1 / (check + block / txs)` transfers per second.

use ciro_crypto::Keypair;
use ciro_state::{
    Action, BlockContext, Checked, EvidenceCheck, EvidenceRejection, Facts, Genesis, GenesisAccount, GenesisValidator,
    ModelCost, Offence, Params, ProofCheck, ProofClaim, ProofRejection, SignedTx, State, TokenAction, TxBody,
    apply_block, check_stateless,
};
use ciro_types::{AccountId, Amount, ChainId, Hash32, ModelRoots, Nonce};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

/// Accounts that exist; a block touches two random-looking ones per transfer.
const ACCOUNTS: u64 = 10_000;
const TXS: u64 = 1_000;

/// Transfers carry neither proofs nor evidence.
struct Nothing;

impl ProofCheck for Nothing {
    fn check(&self, _: &ProofClaim<'_>) -> Result<(), ProofRejection> {
        Err(ProofRejection { reason: "no proofs here".into() })
    }

    fn cost(&self, _: &[u8], _: &ModelRoots) -> Result<ModelCost, ProofRejection> {
        Err(ProofRejection { reason: "no models here".into() })
    }
}

impl EvidenceCheck for Nothing {
    fn check(&self, _: ChainId, _: &[u8]) -> Result<Offence, EvidenceRejection> {
        Err(EvidenceRejection { reason: "no evidence here".into() })
    }
}

fn key(number: u64) -> Keypair {
    let mut seed = [1; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    Keypair::from_seed(seed)
}

fn state() -> (State, Vec<AccountId>) {
    let ids: Vec<_> = (0..ACCOUNTS).map(|number| key(number).account()).collect();
    let genesis = Genesis {
        network: "bench".into(),
        params: Params::with_block_ms(1_000),
        scheduler: ids[0],
        validators: vec![GenesisValidator { account: ids[0], stake: Amount::ONE }],
        accounts: ids.iter().map(|id| GenesisAccount { account: *id, balance: Amount::ciro(100) }).collect(),
    };
    (State::genesis(&genesis).expect("a sound genesis"), ids)
}

fn transfer(state: &State, ids: &[AccountId], number: u64) -> SignedTx {
    let to = ids[(number * 7_919 % ACCOUNTS) as usize];
    let action = Action::Token(TokenAction::Transfer { to, amount: Amount::ONE });
    let body = TxBody { chain: state.chain(), sender: ids[number as usize], nonce: Nonce(0), action };
    SignedTx::sign(body, &key(number))
}

fn stateless(criterion: &mut Criterion) {
    let (state, ids) = state();
    let tx = transfer(&state, &ids, 1);
    let mut group = criterion.benchmark_group("check");
    group.throughput(Throughput::Elements(1));
    group.bench_function("transfer/txs=1", |bench| {
        bench.iter(|| check_stateless(black_box(&tx), &state, &Nothing, &Nothing));
    });
    group.finish();
}

fn ordered(criterion: &mut Criterion) {
    let (state, ids) = state();
    let check = |number| check_stateless(&transfer(&state, &ids, number), &state, &Nothing, &Nothing).expect("sound");
    let txs: Vec<Checked> = (0..TXS).map(check).collect();
    let context = BlockContext { height: state.height().next(), proposer: ids[0], entropy: Hash32::ZERO };
    let mut group = criterion.benchmark_group("block");
    group.throughput(Throughput::Elements(TXS));
    group.bench_function("transfers/txs=1000", |bench| {
        bench.iter_batched_ref(
            || state.clone(),
            |state| apply_block(state, &context, black_box(&txs)),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, stateless, ordered);
criterion_main!(benches);

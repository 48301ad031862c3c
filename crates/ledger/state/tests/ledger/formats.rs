//! What is signed, stored or sent keeps its bytes. A change here is a new version of the network, not a refactoring.

use crate::support::{INPUT, OUTPUT, PROGRAM, ROOTS, Who, toy_evidence, variants};
use ciro_crypto::hash;
use ciro_state::{
    Action, Authority, DeclineReason, Event, FailReason, JobAction, Key, ModelAction, Offence, Params, Payment,
    RefundReason, Reputation, SettlementRecord, SignedLease, SignedTx, SlashDestination, SlashReason, TokenAction,
    TxBody, ValidatorAction, WorkerAction, input_hash, job_id, model_id, output_hash,
};
use ciro_types::{
    AccountId, Amount, Assurance, CapabilityFlags, ChainId, Hash32, Height, JobId, JobSpec, JobType, Lease, LeaseToken,
    MemoryMib, ModelId, Nonce, Offer, Requirements, TxId, codec::BorshSerialize, encode,
};
use std::collections::BTreeSet;

const CHAIN: ChainId = ChainId([1; 32]);
const JOB: JobId = JobId([2; 32]);
const ALICE: AccountId = AccountId([3; 32]);
const WORKER: AccountId = AccountId([4; 32]);
const MODEL: ModelId = ModelId([5; 32]);
const DIGEST: Hash32 = Hash32([6; 32]);
const TX: TxId = TxId([7; 32]);
const TOKEN: LeaseToken = LeaseToken(8);
const AT: Height = Height(9);

fn fingerprint<T: BorshSerialize>(values: &[T]) -> String {
    hash("test/format", &encode(values)).short()
}

fn spec() -> JobSpec {
    JobSpec {
        chain: CHAIN,
        client: ALICE,
        nonce: Nonce(1),
        job_type: JobType::AIInference,
        model: MODEL,
        input: input_hash(INPUT),
        assurance: Assurance::A2,
        max_price: Amount::ciro(5),
        deadline: AT,
        requirements: Requirements { memory: MemoryMib(64), flags: CapabilityFlags::INT8, min_reputation: 400 },
    }
}

fn offer() -> Offer {
    Offer {
        worker: WORKER,
        sequence: 3,
        flags: CapabilityFlags::FP16,
        memory: MemoryMib(128),
        price: Amount::ONE,
        slots: 2,
        expires: AT,
        label: "eu-1".into(),
    }
}

fn lease() -> SignedLease {
    let lease = Lease { job: JOB, worker: WORKER, token: TOKEN, price: Amount::ONE, expires: AT };
    SignedLease::sign(lease, &Who::Scheduler.key(), CHAIN)
}

fn actions() -> Vec<Action> {
    let bytes = |text: &[u8]| text.to_vec();
    vec![
        Action::Token(TokenAction::Transfer { to: ALICE, amount: Amount::ONE }),
        Action::Model(ModelAction::Register { program: bytes(PROGRAM), roots: ROOTS }),
        Action::Worker(WorkerAction::Register { stake: Amount::ONE }),
        Action::Worker(WorkerAction::AddStake { amount: Amount::ONE }),
        Action::Worker(WorkerAction::RequestUnstake { amount: Amount::ONE }),
        Action::Worker(WorkerAction::WithdrawStake),
        Action::Worker(WorkerAction::PublishOffer { offer: offer() }),
        Action::Job(JobAction::Submit { spec: spec() }),
        Action::Job(JobAction::Cancel { job: JOB }),
        Action::Job(JobAction::Settle {
            authority: Authority::Lease(lease()),
            input: bytes(INPUT),
            output: bytes(OUTPUT),
            proof: bytes(b"proof"),
        }),
        Action::Job(JobAction::Commit { authority: Authority::Open { job: JOB }, commitment: DIGEST }),
        Action::Job(JobAction::Reveal { job: JOB, input: bytes(INPUT), output: bytes(OUTPUT), salt: DIGEST }),
        Action::Job(JobAction::Abandon { lease: lease(), reason: DeclineReason::TooSlow }),
        Action::Job(JobAction::Fail { lease: lease(), reason: FailReason::ModelInvalid }),
        Action::Job(JobAction::ReportTimeout { lease: lease() }),
        Action::Validator(ValidatorAction::ReportEquivocation {
            evidence: toy_evidence(&Offence { validator: WORKER, height: AT, round: 1 }),
        }),
        Action::Model(ModelAction::Remove { model: MODEL }),
    ]
}

fn record() -> SettlementRecord {
    SettlementRecord {
        chain: CHAIN,
        job: JOB,
        client: ALICE,
        model: MODEL,
        input: input_hash(INPUT),
        output: output_hash(OUTPUT),
        assurance: Assurance::A4,
        payments: vec![Payment { worker: WORKER, price: Amount::ciro(10) }],
        fee: Amount::ONE,
        refund: Amount::ciro(2),
        height: AT,
    }
}

fn events() -> Vec<Event> {
    let (job, worker, token, amount) = (JOB, WORKER, TOKEN, Amount::ONE);
    vec![
        Event::Transfer { from: ALICE, to: WORKER, amount },
        Event::ModelRegistered { model: MODEL, by: ALICE, deposit: amount },
        Event::WorkerRegistered { worker, stake: amount },
        Event::StakeAdded { worker, amount },
        Event::UnstakeRequested { worker, amount, release: AT },
        Event::StakeReleased { worker, amount },
        Event::StakeWithdrawn { worker, amount },
        Event::OfferPublished { offer: offer() },
        Event::OfferWithdrawn { worker, sequence: 3 },
        Event::JobOpened { job, spec: spec(), open_from: AT, work: 7 },
        Event::JobCancelRequested { job, at: AT },
        Event::JobCancelOverruled { job },
        Event::LeaseObserved { job, worker, token },
        Event::LeaseAbandoned { job, worker, token, reason: DeclineReason::Busy },
        Event::JobFailureReported { job, worker, token, reason: FailReason::InputInvalid },
        Event::LeaseTimedOut { job, worker, token },
        Event::JobCommitted { job, worker, commitment: DIGEST, reveal_by: Some(AT) },
        Event::JobRevealed { job, worker, output: DIGEST, tx: TX },
        Event::JobReopened { job, wanted: 1, excluded: vec![worker], fence: token, open_from: AT },
        Event::JobSettled { record: record(), tx: TX },
        Event::JobRefunded { job, client: ALICE, amount, reason: RefundReason::Failed(FailReason::NoMajority) },
        Event::Slashed {
            account: worker,
            reason: SlashReason::Malicious,
            amount,
            destination: SlashDestination::Insurance,
            job: Some(job),
        },
        Event::ReputationChanged { worker, reputation: Reputation(450) },
        Event::FeePaid { account: ALICE, amount },
        Event::DepositReturned { model: MODEL, owner: ALICE, amount },
    ]
}

fn signed_txs() -> Vec<SignedTx> {
    let sender = Who::Alice.id();
    let body = |action| TxBody { chain: CHAIN, sender, nonce: Nonce(1), action };
    actions().into_iter().map(|action| SignedTx::sign(body(action), &Who::Alice.key())).collect()
}

#[test]
fn every_variant_is_in_the_samples() {
    let components = [
        variants::<TokenAction>(),
        variants::<ModelAction>(),
        variants::<WorkerAction>(),
        variants::<JobAction>(),
        variants::<ValidatorAction>(),
    ];
    assert_eq!(components.len(), usize::from(variants::<Action>()));
    let tags: BTreeSet<(u8, u8)> = actions().iter().map(encode).map(|bytes| (bytes[0], bytes[1])).collect();
    let all = (0..).zip(components).flat_map(|(component, count)| (0..count).map(move |action| (component, action)));
    assert!(tags.iter().copied().eq(all), "{tags:?}");
    let events: Vec<u8> = events().iter().map(|event| encode(event)[0]).collect();
    assert!(events.iter().copied().eq(0..variants::<Event>()), "{events:?}");
}

#[test]
fn signed_transactions_keep_their_bytes() {
    assert_eq!(fingerprint(&signed_txs()), "ab6adeab");
    assert_eq!(signed_txs()[0].id().short(), "1a2df81f");
}

#[test]
fn events_keep_their_bytes() {
    assert_eq!(fingerprint(&events()), "37cd0f35");
}

#[test]
fn settlement_records_keep_their_bytes_and_digest() {
    assert_eq!(fingerprint(&[record()]), "599d13ac");
    assert_eq!(record().digest().short(), "b1d16e3b");
}

#[test]
fn names_keep_their_values() {
    assert_eq!(job_id(&spec()).short(), "3f0da853");
    assert_eq!(model_id(PROGRAM, &ROOTS).short(), "920bcb30");
    assert_eq!(input_hash(INPUT).short(), "7f774274");
    assert_eq!(output_hash(OUTPUT).short(), "aff4f615");
    assert_eq!(crate::support::genesis(Params::with_block_ms(1_000)).chain_id().short(), "14ca3092");
}

#[test]
fn the_first_stored_rows_keep_their_bytes() {
    let state = ciro_state::State::genesis(&crate::support::genesis(crate::support::params())).expect("sound");
    assert_eq!(fingerprint(&state.snapshot()), "e25869c1");
    assert_eq!(Key::Job(JOB).encode()[0], 7);
}

#[test]
fn signed_transactions_round_trip_and_torn_ones_are_refused() {
    for tx in signed_txs() {
        let bytes = encode(&tx);
        assert_eq!(SignedTx::decode(&bytes, bytes.len()).as_ref(), Ok(&tx));
        assert_eq!(tx.verify_signature(), Ok(()));
        for end in 0..bytes.len() {
            assert!(SignedTx::decode(&bytes[..end], bytes.len()).is_err());
        }
        assert!(SignedTx::decode(&[&bytes[..], &[0]].concat(), 1 << 20).is_err());
    }
}

#[test]
fn no_flipped_bit_of_a_signed_transaction_goes_unnoticed() {
    for tx in signed_txs() {
        let bytes = encode(&tx);
        for position in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[position] ^= 1 << (position % 8);
            let accepted = SignedTx::decode(&flipped, flipped.len()).is_ok_and(|tx| tx.verify_signature().is_ok());
            assert!(!accepted, "byte {position} of {tx:?}");
        }
    }
}

#[test]
fn foreign_bytes_never_panic_the_decoder() {
    let mut seed = DIGEST;
    for length in 0..512 {
        seed = hash("test/noise", seed.as_bytes());
        let noise: Vec<u8> = seed.as_bytes().iter().cycle().take(length).copied().collect();
        assert!(SignedTx::decode(&noise, 512).is_err());
    }
}

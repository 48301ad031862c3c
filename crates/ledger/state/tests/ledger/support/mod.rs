//! A small network to test against, with named accounts. Its toy proof system binds everything that a real one must.
//! Each block holds one transaction unless a test asks for more.

use ciro_crypto::{Keypair, hash_encoded};
use ciro_state::fees::Phase;
use ciro_state::{
    Action, Authority, BlockContext, BlockEffects, BlockError, Checked, Event, EvidenceCheck, EvidenceRejection, Facts,
    Genesis, GenesisAccount, GenesisValidator, InclusionError, Job, JobAction, JobStatus, ModelAction, ModelCost,
    Offence, Outcome, Params, ProofCheck, ProofClaim, ProofCost, ProofRejection, RefundReason, SettlementRecord,
    SignedLease, SignedTx, State, TxBody, TxError, Worker, WorkerAction, apply_block, check_stateless, commitment,
    input_hash, job_id, model_id, output_hash, screen,
};
use ciro_types::{
    AccountId, Amount, Assurance, CapabilityFlags, ChainId, DecodeError, Hash32, Height, JobId, JobSpec, JobType,
    Lease, LeaseToken, MemoryMib, ModelId, ModelRoots, Nonce, Offer, Requirements, codec::BorshDeserialize, decode,
    encode,
};
use std::collections::BTreeMap;

pub(crate) const PROGRAM: &[u8] = b"program";
pub(crate) const WEIGHTS: Hash32 = Hash32([7; 32]);
pub(crate) const ROOTS: ModelRoots = ModelRoots { key: Hash32([6; 32]), weights: WEIGHTS };
/// What verifying a toy proof costs.
pub(crate) const UNITS: u64 = 3_000;
/// What the weights of every toy model take.
pub(crate) const WEIGHT_BYTES: u64 = 1_000_000;
pub(crate) const INPUT: &[u8] = b"input";
pub(crate) const OUTPUT: &[u8] = b"output";
pub(crate) const FUNDS: Amount = Amount::ciro(10_000);
pub(crate) const STAKE: Amount = Amount::ciro(1_000);
pub(crate) const PRICE: Amount = Amount::ciro(10);
/// Pays two workers [`PRICE`] and the fee, and leaves something to refund.
pub(crate) const MAX_PRICE: Amount = Amount::ciro(25);

/// Everyone who takes part. The discriminant seeds the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Who {
    Alice = 1,
    Bob,
    W1,
    W2,
    W3,
    W4,
    Scheduler,
    Validator,
    Stranger,
    /// Has money and registers the model that every job runs.
    Maker,
}

pub(crate) const WORKERS: [Who; 4] = [Who::W1, Who::W2, Who::W3, Who::W4];

impl Who {
    pub(crate) fn key(self) -> Keypair {
        Keypair::from_seed([self as u8; 32])
    }

    pub(crate) fn id(self) -> AccountId {
        self.key().account()
    }
}

/// A proof is the hash of all that it must be bound to. A program that begins with `!` is malformed, and one that begins with
/// `+` costs a unit and a byte more than allowed.
pub(crate) struct ToyProofs;

pub(crate) fn toy_proof(claim: &ProofClaim<'_>) -> Vec<u8> {
    let context = (claim.context.chain, claim.context.job, claim.context.worker);
    let parts = (claim.program, claim.roots, claim.input, claim.output, context);
    hash_encoded("test/proof", &parts).0.to_vec()
}

impl ProofCheck for ToyProofs {
    fn check(&self, claim: &ProofClaim<'_>) -> Result<(), ProofRejection> {
        if claim.proof == toy_proof(claim) { Ok(()) } else { Err(ProofRejection { reason: "toy proof".into() }) }
    }

    fn cost(&self, program: &[u8], _: &ModelRoots) -> Result<ModelCost, ProofRejection> {
        let Params { max_proof_units, max_proof_memory, .. } = params();
        let of = |proof| Ok(ModelCost { proof, weight_bytes: WEIGHT_BYTES });
        match program.first() {
            Some(b'!') => Err(ProofRejection { reason: "toy program".into() }),
            Some(b'+') => of(ProofCost { units: max_proof_units + 1, memory: max_proof_memory + 1 }),
            _ => of(ProofCost { units: UNITS, memory: 0 }),
        }
    }
}

/// Evidence is the encoded offence; anything else convicts nobody.
pub(crate) struct ToyEvidence;

pub(crate) fn toy_evidence(offence: &Offence) -> Vec<u8> {
    encode(&(offence.validator, offence.height, offence.round))
}

impl EvidenceCheck for ToyEvidence {
    fn check(&self, _: ChainId, evidence: &[u8]) -> Result<Offence, EvidenceRejection> {
        decode(evidence, 64)
            .map(|(validator, height, round)| Offence { validator, height, round })
            .map_err(|error| EvidenceRejection { reason: error.to_string() })
    }
}

/// Small windows, so that tests reach every boundary.
pub(crate) fn params() -> Params {
    Params {
        unstake_delay: 100,
        max_job_blocks: 60,
        max_lease_blocks: 10,
        max_offer_blocks: 50,
        open_window: 8,
        reveal_window: 5,
        retention_blocks: 20,
        min_lease_blocks: 2,
        blocks_per_month: 10,
        max_program_bytes: 100,
        max_input_bytes: 100,
        max_output_bytes: 100,
        max_proof_bytes: 100,
        max_evidence_bytes: 100,
        max_label_bytes: 10,
        ..Params::with_block_ms(1_000)
    }
}

pub(crate) fn genesis(params: Params) -> Genesis {
    let funded = [Who::Alice, Who::Bob, Who::W1, Who::W2, Who::W3, Who::W4, Who::Maker];
    Genesis {
        network: "test".into(),
        params,
        scheduler: Who::Scheduler.id(),
        validators: vec![GenesisValidator { account: Who::Validator.id(), stake: STAKE }],
        accounts: funded.map(|who| GenesisAccount { account: who.id(), balance: FUNDS }).to_vec(),
    }
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) last: Option<BlockEffects>,
    pub(crate) next_token: u64,
    pub(crate) next_order: u64,
    /// Fees that each account has paid.
    pub(crate) fees: BTreeMap<AccountId, Amount>,
    /// What of them went to the insurance fund, and what was burned.
    pub(crate) fees_insured: Amount,
    pub(crate) fees_burned: Amount,
}

impl World {
    /// Accounts and a model, no workers.
    pub(crate) fn empty() -> Self {
        Self::with_params(params())
    }

    pub(crate) fn with_params(params: Params) -> Self {
        let state = State::genesis(&genesis(params)).expect("a sound genesis");
        let mut world = Self {
            state,
            last: None,
            next_token: 1,
            next_order: 1,
            fees: BTreeMap::new(),
            fees_insured: Amount::ZERO,
            fees_burned: Amount::ZERO,
        };
        let register = Action::Model(ModelAction::Register { program: PROGRAM.to_vec(), roots: ROOTS });
        world.ok(Who::Maker, register);
        world
    }

    /// All four workers staked, with an offer at [`PRICE`].
    pub(crate) fn new() -> Self {
        let mut world = Self::empty();
        for who in WORKERS {
            world.ok(who, Action::Worker(WorkerAction::Register { stake: STAKE }));
            world.ok(who, Action::Worker(WorkerAction::PublishOffer { offer: world.offer(who, 1) }));
        }
        world
    }

    pub(crate) fn height(&self) -> Height {
        self.state.height()
    }

    pub(crate) fn sign(&self, who: Who, nonce_offset: u64, action: Action) -> SignedTx {
        let nonce = Nonce(self.state.account(&who.id()).nonce.0 + nonce_offset);
        SignedTx::sign(TxBody { chain: self.state.chain(), sender: who.id(), nonce, action }, &who.key())
    }

    pub(crate) fn check(&self, tx: &SignedTx) -> Result<Checked, TxError> {
        check_stateless(tx, &self.state, &ToyProofs, &ToyEvidence)
    }

    /// One block with these transactions; every invariant holds afterwards.
    pub(crate) fn block(&mut self, txs: &[SignedTx]) -> &BlockEffects {
        let checked: Vec<_> = txs.iter().map(|tx| self.screen(tx)).collect();
        let context = self.context();
        let effects = apply_block(&mut self.state, &context, &checked).expect("the next block");
        self.state.audit().expect("every invariant holds");
        for event in &effects.events {
            if let Event::FeePaid { account, amount } = event {
                let paid = self.fees.entry(*account).or_default();
                *paid = Amount(paid.0 + amount.0);
                let split = Phase::at(effects.height, self.state.params().blocks_per_month).split(*amount);
                self.fees_insured = Amount(self.fees_insured.0 + split.insurance.0);
                self.fees_burned = Amount(self.fees_burned.0 + split.burn.0);
            }
        }
        self.last.insert(effects)
    }

    fn screen(&self, tx: &SignedTx) -> Checked {
        screen(tx, &self.state, &ToyProofs, &ToyEvidence).expect("signed, and within its sizes")
    }

    /// The next block's, with a hash that follows from its height.
    pub(crate) fn context(&self) -> BlockContext {
        let height = self.height().next();
        BlockContext { height, proposer: Who::Validator.id(), entropy: hash_encoded("test/entropy", &height) }
    }

    /// Why no block may hold these transactions. Nothing changes.
    #[track_caller]
    pub(crate) fn not_includable(&mut self, txs: &[SignedTx]) -> InclusionError {
        let checked: Vec<_> = txs.iter().map(|tx| self.screen(tx)).collect();
        let (context, before) = (self.context(), self.state.snapshot());
        let refused = apply_block(&mut self.state, &context, &checked).expect_err("refused");
        assert_eq!(self.state.snapshot(), before);
        match refused {
            BlockError::Inclusion(error) => error,
            other => panic!("{other}"),
        }
    }

    /// One block with one transaction. One that no block may hold is refused as a pool would.
    pub(crate) fn send(&mut self, who: Who, action: Action) -> Result<Outcome, TxError> {
        let tx = self.sign(who, 0, action);
        screen(&tx, &self.state, &ToyProofs, &ToyEvidence)?;
        self.block(&[tx]).outcomes[0].clone()
    }

    #[track_caller]
    pub(crate) fn ok(&mut self, who: Who, action: Action) -> Outcome {
        self.send(who, action).expect("accepted")
    }

    #[track_caller]
    pub(crate) fn err(&mut self, who: Who, action: Action) -> TxError {
        self.send(who, action).expect_err("refused")
    }

    /// Empty blocks until the next block has this height.
    pub(crate) fn run_to_before(&mut self, next: Height) {
        assert!(self.height() < next, "height {next} has passed");
        while self.height().next() < next {
            self.block(&[]);
        }
    }

    pub(crate) fn events(&self) -> &[Event] {
        self.last.as_ref().map_or(&[], |effects| &effects.events)
    }

    /// What the account would hold if transactions cost nothing, so that tests speak of what they are about.
    pub(crate) fn balance(&self, who: Who) -> Amount {
        let paid = self.fees.get(&who.id()).copied().unwrap_or_default();
        Amount(self.purse(who).0 + paid.0)
    }

    /// What the insurance fund would hold then.
    pub(crate) fn insurance(&self) -> Amount {
        Amount(self.state.totals().pools.insurance.0 - self.fees_insured.0)
    }

    /// What would have been burned then.
    pub(crate) fn burned(&self) -> Amount {
        Amount(self.state.totals().pools.burned.0 - self.fees_burned.0)
    }

    /// What the account holds.
    pub(crate) fn purse(&self, who: Who) -> Amount {
        self.state.account(&who.id()).balance
    }

    pub(crate) fn worker(&self, who: Who) -> &Worker {
        self.state.worker(&who.id()).expect("a registered worker")
    }

    pub(crate) fn job(&self, id: JobId) -> &Job {
        Facts::job(&self.state, &id).expect("a known job")
    }

    pub(crate) fn status(&self, id: JobId) -> JobStatus {
        self.job(id).status
    }

    pub(crate) fn refund_reason(&self, id: JobId) -> Option<RefundReason> {
        match self.status(id) {
            JobStatus::Refunded { reason, .. } => Some(reason),
            _ => None,
        }
    }

    pub(crate) fn offer(&self, who: Who, sequence: u64) -> Offer {
        Offer {
            worker: who.id(),
            sequence,
            flags: CapabilityFlags::INT8,
            memory: MemoryMib(1_024),
            price: PRICE,
            slots: 1,
            expires: self.height().plus(50),
            label: "test".into(),
        }
    }

    /// An order of Alice's that expires 40 blocks from the next one.
    pub(crate) fn spec(&mut self, assurance: Assurance) -> JobSpec {
        self.next_order += 1;
        JobSpec {
            chain: self.state.chain(),
            client: Who::Alice.id(),
            nonce: Nonce(self.next_order),
            job_type: JobType::AIInference,
            model: model_id(PROGRAM, &ROOTS),
            input: input_hash(INPUT),
            assurance,
            max_price: MAX_PRICE,
            deadline: self.height().plus(41),
            requirements: Requirements::default(),
        }
    }

    pub(crate) fn submit(&mut self, assurance: Assurance) -> JobId {
        let spec = self.spec(assurance);
        self.submit_spec(spec)
    }

    pub(crate) fn submit_spec(&mut self, spec: JobSpec) -> JobId {
        let id = job_id(&spec);
        assert_eq!(self.ok(Who::Alice, Action::Job(JobAction::Submit { spec })), Outcome::JobSubmitted { job: id });
        id
    }

    /// A lease with a fresh token that runs as long as a lease may.
    pub(crate) fn lease(&mut self, job: JobId, who: Who) -> SignedLease {
        let expires = self.height().plus(1 + self.state.params().max_lease_blocks);
        self.lease_until(job, who, expires)
    }

    pub(crate) fn lease_until(&mut self, job: JobId, who: Who, expires: Height) -> SignedLease {
        let token = LeaseToken(self.next_token);
        self.next_token += 1;
        self.grant(Lease { job, worker: who.id(), token, price: PRICE, expires })
    }

    pub(crate) fn grant(&self, lease: Lease) -> SignedLease {
        SignedLease::sign(lease, &Who::Scheduler.key(), self.state.chain())
    }

    pub(crate) fn leased(&mut self, job: JobId, who: Who) -> Authority {
        Authority::Lease(self.lease(job, who))
    }

    /// A proof by `who` for `job` of the test model's `output`.
    pub(crate) fn proof(&self, job: JobId, who: Who, output: &[u8]) -> Vec<u8> {
        let context = ciro_state::ProofContext { chain: self.state.chain(), job, worker: who.id() };
        let claim = ProofClaim { program: PROGRAM, roots: ROOTS, input: INPUT, output, context, proof: &[] };
        toy_proof(&claim)
    }

    /// The honest answer to an A4 job.
    pub(crate) fn proven(&self, who: Who, authority: Authority) -> Action {
        let proof = self.proof(authority.job(), who, OUTPUT);
        Action::Job(JobAction::Settle { authority, input: INPUT.to_vec(), output: OUTPUT.to_vec(), proof })
    }

    /// An answer to an A0 job.
    pub(crate) fn signed_answer(authority: Authority) -> Action {
        Action::Job(JobAction::Settle { authority, input: INPUT.to_vec(), output: OUTPUT.to_vec(), proof: Vec::new() })
    }

    pub(crate) fn commitment_action(&self, who: Who, authority: Authority, output: &[u8]) -> Action {
        let commitment = commitment(authority.job(), who.id(), output_hash(output), salt(who));
        Action::Job(JobAction::Commit { authority, commitment })
    }

    /// Takes a seat with a fresh lease.
    #[track_caller]
    pub(crate) fn commit(&mut self, job: JobId, who: Who, output: &[u8]) {
        let authority = self.leased(job, who);
        let action = self.commitment_action(who, authority, output);
        self.ok(who, action);
    }

    #[track_caller]
    pub(crate) fn reveal(&mut self, job: JobId, who: Who, output: &[u8]) {
        self.ok(who, reveal_action(job, who, output));
    }

    /// The last settlement record.
    pub(crate) fn record(&self) -> &SettlementRecord {
        let records = &self.last.as_ref().expect("a block").records;
        records.last().expect("a settlement")
    }

    pub(crate) fn model() -> ModelId {
        model_id(PROGRAM, &ROOTS)
    }
}

pub(crate) fn salt(who: Who) -> Hash32 {
    Hash32([100 + who as u8; 32])
}

pub(crate) fn reveal_action(job: JobId, who: Who, output: &[u8]) -> Action {
    Action::Job(JobAction::Reveal { job, input: INPUT.to_vec(), output: output.to_vec(), salt: salt(who) })
}

/// How many variants an enum has on the wire.
pub(crate) fn variants<T: BorshDeserialize>() -> u8 {
    let is_known = |tag: &u8| match decode::<T>(&[*tag], 1) {
        Ok(_) => true,
        Err(DecodeError::Malformed { reason, .. }) => !reason.contains("variant"),
        Err(DecodeError::TooLong { .. }) => false,
    };
    (0..u8::MAX).find(|tag| !is_known(tag)).expect("fewer than 255 variants")
}

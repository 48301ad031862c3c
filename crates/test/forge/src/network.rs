//! A network of one person.

use crate::answer::Answer;
use ciro_consensus::certificate::{CommitCertificate, VoteSignature};
use ciro_consensus::{BlockHeader, CertifiedHeader, SetChange, Signed, Validator, ValidatorSet, Vote, VoteKind};
use ciro_crypto::Keypair;
use ciro_receipt::receipt::ProvenFor;
use ciro_receipt::{Evidence, Receipt, Settlement};
use ciro_state::receipt::{Payment, SettlementRecord};
use ciro_state::{
    Action, Authority, Genesis, GenesisValidator, JobAction, MerklePath, Params, SignedTx, TxBody, input_hash,
    merkle_root, output_hash,
};
use ciro_types::{AccountId, Amount, Assurance, BlockId, ChainId, Hash32, Height, JobId, Nonce, StateRoot};

/// The job of every receipt made here.
pub const JOB: JobId = JobId([3; 32]);

/// The key number `n` of the person.
#[must_use]
pub fn key(n: u8) -> Keypair {
    Keypair::from_seed([n; 32])
}

/// Whoever has this signs for every validator, worker and client. Fields are free to change before a receipt is made.
#[derive(Clone, Debug)]
pub struct Forger {
    /// The network.
    pub genesis: Genesis,
    /// Numbers of the validators' keys.
    pub validators: Vec<u8>,
    /// Those of them that lost their vote before the header.
    pub expelled: Vec<u8>,
    /// Height at which the record says that it was settled.
    pub settled: Height,
    /// Height of the header that carries it.
    pub header: Height,
    /// Round in which the header is said to have been decided.
    pub round: u32,
    /// What each worker is said to have been paid; fee and refund too.
    pub price: Amount,
}

impl Default for Forger {
    fn default() -> Self {
        Self::new(&[1])
    }
}

impl Forger {
    /// A network whose validators have these keys and equal stakes.
    #[must_use]
    pub fn new(validators: &[u8]) -> Self {
        let stake = Amount::ciro(10);
        let member = |&n: &u8| GenesisValidator { account: key(n).account(), stake };
        let genesis = Genesis {
            network: "mine".into(),
            params: Params::with_block_ms(1_000),
            scheduler: key(0).account(),
            validators: validators.iter().map(member).collect(),
            accounts: vec![],
        };
        let (settled, header) = (Height(5), Height(6));
        let (validators, expelled) = (validators.to_vec(), vec![]);
        Self { genesis, validators, expelled, settled, header, round: 0, price: Amount::ONE }
    }

    /// The network's id.
    #[must_use]
    pub fn chain(&self) -> ChainId {
        self.genesis.chain_id()
    }

    /// A0: one worker signs the answer.
    #[must_use]
    pub fn signed(&self, answer: Answer) -> Receipt {
        let worker = key(77);
        let action = Action::Job(JobAction::Settle {
            authority: Authority::Open { job: JOB },
            input: answer.input.clone(),
            output: answer.output.clone(),
            proof: vec![],
        });
        let body = TxBody { chain: self.chain(), sender: worker.account(), nonce: Nonce(u64::MAX), action };
        let tx = Box::new(SignedTx::sign(body, &worker));
        self.receipt(answer, Evidence::Signed { tx }, &[worker.account()])
    }

    /// A2: two accounts of the person answer alike.
    #[must_use]
    pub fn agreed(&self, answer: Answer) -> Receipt {
        self.receipt(answer, Evidence::Agreed, &[key(77).account(), key(78).account()])
    }

    /// A4: a proof, made for whatever it was made for, settled for its worker.
    #[must_use]
    pub fn proven(&self, answer: Answer, context: ProvenFor, proof: Vec<u8>) -> Receipt {
        self.receipt(answer, Evidence::Proven { context, proof }, &[context.worker])
    }

    fn receipt(&self, answer: Answer, evidence: Evidence, workers: &[AccountId]) -> Receipt {
        let settlement = Some(self.settle(self.record(&answer, evidence.assurance(), workers)));
        Receipt { settlement, ..answer.receipt(evidence) }
    }

    /// What the person's ledger says of a job.
    #[must_use]
    pub fn record(&self, answer: &Answer, assurance: Assurance, workers: &[AccountId]) -> SettlementRecord {
        SettlementRecord {
            chain: self.chain(),
            job: JOB,
            client: key(79).account(),
            model: answer.model(),
            input: input_hash(&answer.input),
            output: output_hash(&answer.output),
            assurance,
            payments: workers.iter().map(|&worker| Payment { worker, price: self.price }).collect(),
            fee: self.price,
            refund: self.price,
            height: self.settled,
        }
    }

    /// The settlement of a record, decided by all validators that have a vote.
    ///
    /// # Panics
    /// If the network has no possible validators.
    #[must_use]
    pub fn settle(&self, record: SettlementRecord) -> Settlement {
        let leaves = [record.digest()];
        let header = self.header(merkle_root(&leaves));
        let change = (!self.expelled.is_empty()).then(|| self.hand_over(Height(self.settled.0.saturating_sub(1))));
        Settlement {
            genesis: self.genesis.clone(),
            changes: change.into_iter().collect(),
            certified: self.certify(header),
            path: MerklePath::new(&leaves, 0).expect("a leaf"),
            record,
        }
    }

    /// The validators that have a vote at the header.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn set(&self) -> ValidatorSet {
        self.set_of(&self.voters())
    }

    fn set_of(&self, numbers: &[u8]) -> ValidatorSet {
        let accounts: Vec<_> = numbers.iter().map(|&n| key(n).account()).collect();
        let members = self.genesis.validators.iter().filter(|member| accounts.contains(&member.account));
        let members = members.filter_map(|member| Validator::of_stake(member.account, member.stake));
        ValidatorSet::new(members.collect()).expect("a validator set")
    }

    fn voters(&self) -> Vec<u8> {
        self.validators.iter().copied().filter(|n| !self.expelled.contains(n)).collect()
    }

    /// The header of `height`, with which all validators hand over to those that keep their vote.
    #[must_use]
    pub fn hand_over(&self, height: Height) -> SetChange {
        let header =
            BlockHeader { height, validators: self.set_of(&self.validators).digest(), ..self.header(Hash32::ZERO) };
        SetChange { last: self.certify_by(header, &self.validators), next: self.set() }
    }

    /// A header that carries a root of records.
    #[must_use]
    pub fn header(&self, receipts_root: Hash32) -> BlockHeader {
        let set = self.set();
        BlockHeader {
            chain: self.chain(),
            height: self.header,
            proposer: set.members()[0].account,
            parent: BlockId::ZERO,
            validators: set.digest(),
            next_validators: set.digest(),
            txs_root: Hash32::ZERO,
            state_root: StateRoot::ZERO,
            receipts_root,
        }
    }

    /// The decision of a header by all validators that have a vote.
    #[must_use]
    pub fn certify(&self, header: BlockHeader) -> CertifiedHeader {
        self.certify_by(header, &self.voters())
    }

    fn certify_by(&self, header: BlockHeader, signers: &[u8]) -> CertifiedHeader {
        let (height, round, block) = (header.height, self.round, header.id());
        let vote = |&n: &u8| {
            let (kind, validator) = (VoteKind::Precommit, key(n).account());
            let body = Vote { kind, height, round, block: Some(block), validator };
            VoteSignature { validator, signature: Signed::sign(body, self.chain(), &key(n)).signature }
        };
        let mut signatures: Vec<VoteSignature> = signers.iter().map(vote).collect();
        signatures.sort_unstable();
        CertifiedHeader { certificate: CommitCertificate { height, round, block, signatures }, header }
    }
}

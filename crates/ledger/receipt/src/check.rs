//! What a receipt shows, what it rests on, and why it is refused.

use crate::file::FormatError;
use crate::receipt::{Evidence, Receipt, Settlement};
use ciro_consensus::light::{LightError, follow, verify as verify_header};
use ciro_consensus::{Validator, ValidatorSet, ValidatorSetError};
use ciro_crypto::SignatureError;
use ciro_graph::{Disclosure, Program, RawInput, RawOutput, Visibility};
use ciro_state::{Action, PathError, SettlementRecord, SignedTx, input_hash, output_hash};
use ciro_types::{Assurance, ChainId, Hash32, ModelId};
use ciro_verifier::{Shown, Statement, VerifiedProof, VerifyError, VerifyingKey};

/// Why a receipt is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The file is no receipt.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// The statement or its proof is refused.
    #[error("proof: {0}")]
    Proof(#[from] VerifyError),
    /// The settlement is of another network than the one trusted.
    #[error("network: expected {expected}, got {got}")]
    Network {
        /// The trusted one.
        expected: ChainId,
        /// The receipt's.
        got: ChainId,
    },
    /// The settlement record speaks of something else than the receipt.
    #[error("settlement: {what}: expected {expected}, got {got}")]
    Mismatch {
        /// Of what.
        what: &'static str,
        /// In the receipt.
        expected: Hash32,
        /// In the record.
        got: Hash32,
    },
    /// The evidence is not the kind that the record says was paid for.
    #[error("settlement: expected evidence for assurance {expected:?}")]
    Assurance {
        /// In the record.
        expected: Assurance,
    },
    /// The worker that the evidence names was not paid.
    #[error("settlement: the worker of the evidence is not among those paid")]
    Worker,
    /// The record is not where the receipt says.
    #[error("settlement: {0}")]
    Path(PathError),
    /// The header does not carry the results of the record's block.
    #[error("settlement: expected the header of height {expected}, got {got}")]
    Height {
        /// One after the record's.
        expected: u64,
        /// The header's.
        got: u64,
    },
    /// The genesis names no possible validator set.
    #[error("settlement: {0}")]
    Validators(ValidatorSetError),
    /// The block was not decided by the network's validators.
    #[error("settlement: {0}")]
    Light(LightError),
    /// The worker's signature does not verify.
    #[error("signature: {0}")]
    Signature(SignatureError),
    /// The signed transaction is not the answer in this receipt.
    #[error("signature: the signed transaction is not this answer")]
    SignedElse,
    /// Nothing speaks for the output.
    #[error("the receipt has neither a proof nor a settlement")]
    Nothing,
}

/// One thing a valid receipt shows, or rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In a few words.
    pub what: &'static str,
    /// The particulars.
    pub detail: String,
}

/// What a valid receipt shows and what it rests on.
#[derive(Clone, Debug)]
pub struct Report {
    /// The model.
    pub model: ModelId,
    /// Its program.
    pub program: Program,
    /// The input as the user gave it, as far as it is shown.
    pub input: Shown<RawInput>,
    /// The output, as far as it is shown.
    pub output: Shown<RawOutput>,
    /// The rung that was checked here.
    pub assurance: Assurance,
    /// The ledger's record, if there is one.
    pub record: Option<SettlementRecord>,
    /// What was checked.
    pub shown: Vec<Finding>,
    /// What a reader must accept for the conclusion to hold.
    pub assumptions: Vec<Finding>,
}

/// Checks a receipt. With `trusted`, only that network's settlements are accepted; without, the report says that the network is an
/// assumption.
///
/// # Errors
/// [`ReceiptError`] naming the first check that failed.
pub fn check(receipt: &Receipt, trusted: Option<ChainId>) -> Result<Report, ReceiptError> {
    let Checking { key, statement, mut report } = begin(receipt, trusted)?;
    match &receipt.evidence {
        Evidence::Proven { proof, .. } => _ = check_proof(&key, &statement, proof, &mut report)?,
        Evidence::Signed { tx } => check_signed(receipt, tx, &mut report)?,
        Evidence::Agreed => check_agreed(receipt, &mut report)?,
    }
    Ok(report)
}

/// A receipt of which all but the evidence is checked.
pub(crate) struct Checking {
    pub(crate) key: VerifyingKey,
    pub(crate) statement: Statement,
    pub(crate) report: Report,
}

pub(crate) fn begin(receipt: &Receipt, trusted: Option<ChainId>) -> Result<Checking, ReceiptError> {
    let key = VerifyingKey::of(&receipt.program, &receipt.weights)?;
    let (assurance, context) = match &receipt.evidence {
        Evidence::Signed { .. } => (Assurance::A0, Default::default()),
        Evidence::Agreed => (Assurance::A2, Default::default()),
        Evidence::Proven { context, .. } => (Assurance::A4, (*context).into()),
    };
    let statement = Statement::decode(&key.program().visibility, &receipt.input, &receipt.output, context)?;
    key.instance(&statement)?;
    let mut report = Report {
        model: key.model(),
        program: key.program().clone(),
        input: statement.input.clone(),
        output: statement.output.clone(),
        assurance,
        record: receipt.settlement.as_ref().map(|s| s.record.clone()),
        shown: Vec::new(),
        assumptions: Vec::new(),
    };
    if let Some(settlement) = &receipt.settlement {
        check_settlement(receipt, settlement, &key, trusted, &mut report)?;
    }
    Ok(Checking { key, statement, report })
}

/// A4: the proof verifies.
pub(crate) fn check_proof<'a>(
    key: &'a VerifyingKey,
    statement: &'a Statement,
    proof: &'a [u8],
    report: &mut Report,
) -> Result<VerifiedProof<'a>, ReceiptError> {
    let verified = key.verify_proof(statement, proof)?;
    let bits = key.params().security.bits();
    report.shown.push(finding(
        "inference proven",
        format!(
            "{} is what model {} gives on {} ({bits}-bit proof, {} bytes)",
            told(["the output", "the committed output", "some output"], statement.output.disclosure()),
            key.model(),
            told(
                ["this input", "the committed integers", "some integers of the program's intervals"],
                statement.input.disclosure()
            ),
            proof.len()
        ),
    ));
    report.assumptions.push(finding(
        "hash",
        "Blake2s-256 is collision resistant and behaves as a random oracle (Merkle commitments and Fiat-Shamir)".into(),
    ));
    report.assumptions.push(finding(
        "soundness",
        format!(
            "at most one forgery in 2^{bits} attempts: Johnson-bound proximity of Reed-Solomon codes (proven), no conjecture on list decoding beyond it"
        ),
    ));
    if key.program().visibility.weights == Disclosure::Public {
        let detail = "the weights are in this receipt, and every interval of the program holds for them".into();
        report.shown.push(finding("weights shown", detail));
    }
    report.assumptions.push(finding(
        "model",
        "the model id is that of the model you mean: recompile the ONNX file and compare; the id covers structure, scales, tables and weights"
            .into(),
    ));
    report.assumptions.push(finding("privacy", privacy(&key.program().visibility)));
    Ok(verified)
}

/// How a sentence about an inference names a part of which this much is shown.
fn told([public, committed, private]: [&'static str; 3], disclosure: Disclosure) -> &'static str {
    match disclosure {
        Disclosure::Public => public,
        Disclosure::Committed => committed,
        Disclosure::Private => private,
    }
}

/// What is hidden, and how well.
fn privacy(visibility: &Visibility) -> String {
    let Visibility { input, output, weights } = visibility;
    let shown = format!("input {}, output {}, weights {}", input.name(), output.name(), weights.name());
    if visibility.hides_values() {
        let how = "hidden values are not stated, but they are no secret from who has the proof: it is not zero-knowledge, its \
                   messages are sums over them, and short values follow from these";
        return format!("{shown}; {how}");
    }
    format!("{shown}; integrity only, the proof is not zero-knowledge")
}

/// A0: the worker signed exactly this answer, and the record pays that worker.
fn check_signed(receipt: &Receipt, tx: &SignedTx, report: &mut Report) -> Result<(), ReceiptError> {
    tx.verify_signature().map_err(ReceiptError::Signature)?;
    let record = report.record.as_ref().ok_or(ReceiptError::Nothing)?;
    let Action::SettleJob { authority, input, output, .. } = &tx.body.action else {
        return Err(ReceiptError::SignedElse);
    };
    let same = *input == receipt.input && *output == receipt.output && authority.job() == record.job;
    if !same || tx.body.chain != record.chain {
        return Err(ReceiptError::SignedElse);
    }
    if !record.payments.iter().any(|p| p.worker == tx.body.sender) {
        return Err(ReceiptError::Worker);
    }
    report.shown.push(finding("answer signed", format!("worker {} signed this answer", tx.body.sender)));
    let risk = "nobody checked the answer (A0): a lie is attributable to the worker, not prevented".into();
    report.assumptions.push(finding("worker honesty", risk));
    Ok(())
}

/// A2: the record says that at least two workers were paid for this output.
fn check_agreed(receipt: &Receipt, report: &mut Report) -> Result<(), ReceiptError> {
    let record = report.record.as_ref().ok_or(ReceiptError::Nothing)?;
    if record.payments.len() < 2 || receipt.settlement.is_none() {
        return Err(ReceiptError::Assurance { expected: record.assurance });
    }
    let workers: Vec<String> = record.payments.iter().map(|p| p.worker.short()).collect();
    let detail =
        format!("workers {} gave this output, bit for bit, without seeing each other's", workers.join(" and "));
    report.shown.push(finding("answers agree", detail));
    let risk = "the two workers do not collude (A2): no proof of the inference was made".into();
    report.assumptions.push(finding("worker independence", risk));
    Ok(())
}

fn check_settlement(
    receipt: &Receipt,
    settlement: &Settlement,
    key: &VerifyingKey,
    trusted: Option<ChainId>,
    report: &mut Report,
) -> Result<(), ReceiptError> {
    let record = &settlement.record;
    let chain = settlement.genesis.chain_id();
    let expected = trusted.unwrap_or(chain);
    if chain != expected {
        return Err(ReceiptError::Network { expected, got: chain });
    }
    check_record(receipt, record, key, chain)?;
    check_decided(settlement, chain)?;
    let CertifiedLine { height, signers } = certified_line(settlement);
    report.shown.push(finding(
        "settled once",
        format!("job {} was paid at height {} and block {height} confirms it", record.job, record.height),
    ));
    report
        .shown
        .push(finding("decided", format!("{signers} validators with more than 2/3 of the stake signed that block")));
    if trusted.is_none() {
        let detail = format!("network {chain} is the one you mean: pin it with --network");
        report.assumptions.push(finding("network", detail));
    }
    let honest = "less than 1/3 of the network's stake is malicious (for payment and order, not for the proof)".into();
    report.assumptions.push(finding("stake", honest));
    Ok(())
}

/// The record speaks of this model, input, output and worker.
fn check_record(
    receipt: &Receipt,
    record: &SettlementRecord,
    key: &VerifyingKey,
    chain: ChainId,
) -> Result<(), ReceiptError> {
    let pairs = [
        ("chain", Hash32(chain.0), Hash32(record.chain.0)),
        ("model", Hash32(key.model().0), Hash32(record.model.0)),
        ("input", input_hash(&receipt.input), record.input),
        ("output", output_hash(&receipt.output), record.output),
    ];
    for (what, expected, got) in pairs {
        if expected != got {
            return Err(ReceiptError::Mismatch { what, expected, got });
        }
    }
    let fits = match (&receipt.evidence, record.assurance) {
        (Evidence::Signed { .. }, Assurance::A0) | (Evidence::Agreed, Assurance::A2) => true,
        (Evidence::Proven { context, .. }, Assurance::A4) => {
            let paid = record.payments.iter().any(|p| p.worker == context.worker);
            if !paid || context.job != record.job || context.chain != chain {
                return Err(ReceiptError::Worker);
            }
            true
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(ReceiptError::Assurance { expected: record.assurance }) }
}

/// The record is in a block that the network's validators decided.
fn check_decided(settlement: &Settlement, chain: ChainId) -> Result<(), ReceiptError> {
    let header = &settlement.certified.header;
    let expected = settlement.record.height.next().0;
    if header.height.0 != expected {
        return Err(ReceiptError::Height { expected, got: header.height.0 });
    }
    settlement.path.verify(&settlement.record.digest(), header.receipts_root).map_err(ReceiptError::Path)?;
    let members =
        settlement.genesis.validators.iter().filter_map(|v| Validator::of_stake(v.account, v.stake)).collect();
    let genesis_set = ValidatorSet::new(members).map_err(ReceiptError::Validators)?;
    let set = follow(chain, &genesis_set, &settlement.changes).map_err(ReceiptError::Light)?;
    verify_header(chain, &set, &settlement.certified).map_err(ReceiptError::Light)
}

struct CertifiedLine {
    height: u64,
    signers: usize,
}

fn certified_line(settlement: &Settlement) -> CertifiedLine {
    let certified = &settlement.certified;
    CertifiedLine { height: certified.header.height.0, signers: certified.certificate.signatures.len() }
}

fn finding(what: &'static str, detail: String) -> Finding {
    Finding { what, detail }
}

//! What a reader accepts, the order in which a receipt is judged, and why it is refused.
//!
//! What is cheap comes first, so that nobody pays for a receipt that is refused anyway:
//!
//! 1. the pins: the model id, which is a hash of the receipt's bytes, and the network; and how long the output is;
//! 2. the settlement: hashes, and the signatures of at most [`SIGNATURES_MAX`] votes;
//! 3. the signature or the record that A0 and A2 rest on;
//! 4. the program and its key, if they cost no more than the reader accepts, and whether input and output fit it;
//! 5. the proof.

use crate::answers::check_answer;
use crate::file::FormatError;
use crate::receipt::{Evidence, Receipt};
use crate::report::{Bound, Report};
use crate::sentences;
use crate::settlement::check_settlement;
use ciro_consensus::ValidatorSetError;
use ciro_consensus::light::LightError;
use ciro_crypto::SignatureError;
use ciro_relation::Limits;
use ciro_state::{GenesisError, PathError};
use ciro_types::{AccountId, Assurance, ChainId, Hash32, Height, ModelId};
use ciro_verifier::{Statement, VerifiedProof, VerifyError, VerifyingKey, model_id};

/// Most vote signatures that are checked for one settlement. One takes some 50 µs.
pub const SIGNATURES_MAX: usize = 4_096;

/// Most workers that a record may pay: two answer at A2, and a few more if answers differ.
pub const PAYMENTS_MAX: usize = 64;

/// Of the memory that a reader accepts, one part in so many may be bytes of output: shown as text, eight of them take some 160.
const SHOWN_SHARE: u64 = 64;

/// Why a receipt is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The file is no receipt.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// It is about another model than the one that was named.
    #[error("it is about another model: expected {expected}, got {got}")]
    Model {
        /// The one that was named.
        expected: ModelId,
        /// The receipt's.
        got: ModelId,
    },
    /// The statement or its proof is refused.
    #[error("proof: {0}")]
    Proof(#[from] VerifyError),
    /// It speaks of another network than the one that was named.
    #[error("network: expected {expected}, got {got}")]
    Network {
        /// The one that was named.
        expected: ChainId,
        /// The receipt's.
        got: ChainId,
    },
    /// A network was named, and nothing shows that it settled this.
    #[error("network: expected a settlement of {expected}, got none: nothing says that this was ever paid or ordered")]
    Unsettled {
        /// The one that was named.
        expected: ChainId,
    },
    /// The network's genesis is none.
    #[error("settlement: {0}")]
    Genesis(GenesisError),
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
    #[error("settlement: expected evidence for assurance {expected:?}, got {got:?}")]
    Assurance {
        /// In the record.
        expected: Assurance,
        /// What the evidence would be worth.
        got: Assurance,
    },
    /// Fewer workers were paid than answers are said to agree.
    #[error("settlement: expected at least {expected} workers paid, got {got}")]
    Workers {
        /// As many as answer at A2.
        expected: usize,
        /// Different ones in the record.
        got: usize,
    },
    /// More workers were paid than any job has.
    #[error("settlement: expected at most {expected} workers paid, got {got}")]
    Payments {
        /// [`PAYMENTS_MAX`].
        expected: usize,
        /// In the record.
        got: usize,
    },
    /// The worker that the evidence names was not paid.
    #[error("settlement: {got} is not among the workers that were paid")]
    Worker {
        /// In the evidence.
        got: AccountId,
    },
    /// The record is not where the receipt says.
    #[error("settlement: {0}")]
    Path(PathError),
    /// The header does not carry the results of the record's block.
    #[error("settlement: expected the header after height {settled}, got that of height {got}")]
    Height {
        /// The record's.
        settled: Height,
        /// The header's.
        got: Height,
    },
    /// More votes than are checked.
    #[error("settlement: expected at most {expected} votes, got {got}")]
    Votes {
        /// [`SIGNATURES_MAX`].
        expected: usize,
        /// In the certificate and in all handovers.
        got: usize,
    },
    /// The genesis names no possible validator set.
    #[error("settlement: {0}")]
    Validators(ValidatorSetError),
    /// The block was not decided by the network's validators.
    #[error("settlement: {0}")]
    Light(LightError),
    /// The output is longer than may be shown: each element takes some hundred bytes then.
    #[error("output: expected at most {expected} bytes, got {got}")]
    Output {
        /// A sixty-fourth of the memory that the reader accepts.
        expected: u64,
        /// Of the receipt.
        got: u64,
    },
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

/// What a reader accepts. The default is any model and any network, which the report then calls an assumption, for three seconds of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// This model only.
    pub model: Option<ModelId>,
    /// What this network has settled only.
    pub network: Option<ChainId>,
    /// Nothing that costs more to verify.
    pub limits: Limits,
}

/// Checks a receipt. With `network`, only what that network has settled is accepted. For a model as well, see [`Terms::check`].
///
/// # Errors
/// [`ReceiptError`] naming the first check that failed.
pub fn check(receipt: &Receipt, network: Option<ChainId>) -> Result<Report, ReceiptError> {
    Terms { network, ..Terms::default() }.check(receipt)
}

impl Terms {
    /// Checks a receipt, in the order that [`crate::check`](mod@crate::check) states.
    ///
    /// # Errors
    /// [`ReceiptError`] naming the first check that failed.
    pub fn check(&self, receipt: &Receipt) -> Result<Report, ReceiptError> {
        let Checking { key, statement, mut report } = self.begin(receipt)?;
        match &receipt.evidence {
            Evidence::Proven { proof, .. } => _ = check_proof(&key, &statement, proof, &mut report)?,
            Evidence::Signed { .. } | Evidence::Agreed => {}
        }
        Ok(report)
    }

    /// All but the proof.
    pub(crate) fn begin(&self, receipt: &Receipt) -> Result<Checking, ReceiptError> {
        let model = model_id(&receipt.program, receipt.weights.root());
        self.check_model(model)?;
        self.check_network(receipt)?;
        self.check_output(receipt)?;
        let (mut shown, mut assumptions) = (Vec::new(), Vec::new());
        if let Some(settlement) = &receipt.settlement {
            check_settlement(receipt, settlement, model)?;
            shown.extend(sentences::settled(settlement));
            assumptions.extend(sentences::settlement_rests_on(settlement, self.network));
        }
        let bound = check_answer(receipt)?;
        if let Some((answer, risk)) = bound.as_ref().and_then(|bound| sentences::answer(&receipt.evidence, bound)) {
            shown.push(answer);
            assumptions.extend(risk);
        }
        let (key, statement) = fit(receipt, &self.limits)?;
        let report = Report {
            model,
            program: key.program().clone(),
            input: statement.input.clone(),
            output: statement.output.clone(),
            assurance: receipt.evidence.assurance(),
            network: self.network,
            bound,
            record: receipt.settlement.as_ref().map(|settlement| settlement.record.clone()),
            shown,
            assumptions,
        };
        Ok(Checking { key, statement, report })
    }

    fn check_model(&self, got: ModelId) -> Result<(), ReceiptError> {
        match self.model {
            Some(expected) if expected != got => Err(ReceiptError::Model { expected, got }),
            _ => Ok(()),
        }
    }

    fn check_output(&self, receipt: &Receipt) -> Result<(), ReceiptError> {
        let got = u64::try_from(receipt.output.len()).unwrap_or(u64::MAX);
        let expected = self.limits.peak_bytes / SHOWN_SHARE;
        if got > expected { Err(ReceiptError::Output { expected, got }) } else { Ok(()) }
    }

    /// A proof that was made for a network is not yet one that the network has seen: only a settlement is.
    fn check_network(&self, receipt: &Receipt) -> Result<(), ReceiptError> {
        let Some(expected) = self.network else { return Ok(()) };
        let settled = receipt.settlement.as_ref().map(|settlement| settlement.genesis.chain_id());
        let made_for = match &receipt.evidence {
            Evidence::Proven { context, .. } => Bound::of(context).map(|bound| bound.network),
            Evidence::Signed { .. } | Evidence::Agreed => None,
        };
        match settled.into_iter().chain(made_for).find(|got| *got != expected) {
            Some(got) => Err(ReceiptError::Network { expected, got }),
            None if settled.is_none() => Err(ReceiptError::Unsettled { expected }),
            None => Ok(()),
        }
    }
}

/// A receipt of which all but the proof is checked.
pub(crate) struct Checking {
    pub(crate) key: VerifyingKey,
    pub(crate) statement: Statement,
    pub(crate) report: Report,
}

/// The program's key, if it costs no more than `limits`, and the statement, which fits it.
fn fit(receipt: &Receipt, limits: &Limits) -> Result<(VerifyingKey, Statement), ReceiptError> {
    let key = VerifyingKey::of_within(&receipt.program, &receipt.weights, limits)?;
    let context = match &receipt.evidence {
        Evidence::Proven { context, .. } => (*context).into(),
        Evidence::Signed { .. } | Evidence::Agreed => Default::default(),
    };
    let statement = Statement::decode(&key.program().visibility, &receipt.input, &receipt.output, context)?;
    key.instance(&statement)?;
    Ok((key, statement))
}

/// A4: the proof verifies.
pub(crate) fn check_proof<'a>(
    key: &'a VerifyingKey,
    statement: &'a Statement,
    proof: &'a [u8],
    report: &mut Report,
) -> Result<VerifiedProof<'a>, ReceiptError> {
    let verified = key.verify_proof(statement, proof)?;
    report.shown.extend(sentences::proven(key, statement, proof.len()));
    report.assumptions.extend(sentences::proof_rests_on(key));
    Ok(verified)
}

//! What a reader accepts, the order in which a receipt is judged, and why it is refused.
//!
//! What is cheap comes first, so that nobody pays for a receipt that is refused anyway:
//!
//! 1. the pins: the model id, which is a hash of the receipt's bytes, and the network; and how long the output is;
//! 2. the settlement, if its bytes and votes cost no more than the reader accepts: hashes, and the signatures of at most [`SIGNATURES_MAX`](crate::error::SIGNATURES_MAX) votes;
//! 3. the signature or the record that A0 and A2 rest on;
//! 4. the program and its key, if they cost no more than the reader accepts, and whether input and output fit it;
//! 5. the proof.

use crate::answers::check_answer;
use crate::error::ReceiptError;
use crate::receipt::{Evidence, Receipt};
use crate::report::{Bound, Report};
use crate::sentences;
use crate::settlement::{check_settlement, cost};
use ciro_auditor::{AuditedModel, Statement, VerifiedProof};
use ciro_relation::Limits;
use ciro_types::{Assurance, ChainId, ModelId};

/// Of the memory that a reader accepts, one part in so many may be bytes of output. Shown as text, eight of them take some 160.
const SHOWN_SHARE: u64 = 64;

/// What a reader accepts. The default is any model and any network, which the report then calls an assumption, for three seconds of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// This model only.
    pub model: Option<ModelId>,
    /// What this network has settled only.
    pub network: Option<ChainId>,
    /// Only what a proof shows: neither a signature nor answers that agree.
    pub proven: bool,
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
        let model = receipt.model();
        self.check_model(model)?;
        self.check_proven(receipt.evidence.assurance())?;
        self.check_network(receipt)?;
        self.check_output(receipt)?;
        let left = self.left_after(receipt)?;
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
        let (key, statement) = fit(receipt, &left)?;
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

    /// What the reader accepts for the proof: the settlement is paid for from the same purse.
    fn left_after(&self, receipt: &Receipt) -> Result<Limits, ReceiptError> {
        let (units, bytes) = receipt.settlement.as_ref().map_or((0, 0), cost);
        let left = |what, expected: u64, got| {
            expected.checked_sub(got).ok_or(ReceiptError::Settlement { what, expected, got })
        };
        Ok(Limits {
            units: left("units of work", self.limits.units, units)?,
            peak_bytes: left("bytes of memory", self.limits.peak_bytes, bytes)?,
        })
    }

    fn check_proven(&self, got: Assurance) -> Result<(), ReceiptError> {
        match got {
            Assurance::A0 | Assurance::A2 if self.proven => Err(ReceiptError::Unproven { got }),
            Assurance::A0 | Assurance::A2 | Assurance::A4 => Ok(()),
        }
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
    pub(crate) key: AuditedModel,
    pub(crate) statement: Statement,
    pub(crate) report: Report,
}

/// The program's key, if it costs no more than `limits`, and the statement, which fits it.
fn fit(receipt: &Receipt, limits: &Limits) -> Result<(AuditedModel, Statement), ReceiptError> {
    let key = AuditedModel::of_within(&receipt.program, &receipt.weights, limits)?;
    key.check_digest(receipt.key)?;
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
    key: &'a AuditedModel,
    statement: &'a Statement,
    proof: &'a [u8],
    report: &mut Report,
) -> Result<VerifiedProof<'a>, ReceiptError> {
    let verified = key.verify_proof(statement, proof)?;
    report.shown.extend(sentences::proven(key, statement, proof.len()));
    report.assumptions.extend(sentences::proof_rests_on(key));
    Ok(verified)
}

//! The sentences of a report. None holds a word that a stranger chose.

use crate::receipt::{Evidence, Settlement};
use crate::report::{Bound, Finding};
use ciro_auditor::{AuditedModel, Statement};
use ciro_consensus::SetChange;
use ciro_graph::{Disclosure, Visibility};
use ciro_types::{AccountId, ChainId};

/// Workers that a sentence names.
const NAMED: usize = 3;

fn finding(what: &'static str, detail: impl Into<String>) -> Finding {
    Finding { what, detail: detail.into() }
}

/// What a settlement shows.
pub(crate) fn settled(settlement: &Settlement) -> Vec<Finding> {
    let (record, certified) = (&settlement.record, &settlement.certified);
    let (height, signers) = (certified.header.height, certified.certificate.signatures.len());
    let paid = finding(
        "settled once",
        format!("job {} was paid at height {} and block {height} confirms it", record.job, record.height),
    );
    let decided = format!("{signers} validators with more than 2/3 of the voting power signed that block");
    let handed_over = settlement.changes.iter().map(|change| finding("handed over", handover(change)));
    [paid].into_iter().chain(handed_over).chain([finding("decided", decided)]).collect()
}

/// Who votes after a handover.
fn handover(change: &SetChange) -> String {
    let (height, left) = (change.last.header.height, change.next.members().len());
    format!("{} validators vote from height {} on: those before them certified that", left, height.next())
}

/// What a settlement rests on.
pub(crate) fn settlement_rests_on(settlement: &Settlement, pinned: Option<ChainId>) -> Vec<Finding> {
    let chain = settlement.record.chain;
    let network = finding("network", format!("network {chain} is the one you mean: pin it, or compare it"));
    let voting = "less than 1/3 of the voting power is malicious, in the genesis and in each set of validators since: that is stake as the \
                  genesis has it. Payment and order rest on this, a proof does not";
    let unpinned = pinned.is_none().then_some(network);
    unpinned.into_iter().chain([finding("stake", voting)]).collect()
}

/// What an answer without a proof shows, and what it rests on. None at A4.
pub(crate) fn answer(evidence: &Evidence, bound: &Bound) -> Option<(Finding, [Finding; 2])> {
    let workers = names(&bound.workers);
    let (shown, risk) = match evidence {
        Evidence::Proven { .. } => return None,
        Evidence::Signed { .. } => (
            finding("answer signed", format!("worker {workers} signed this answer")),
            finding(
                "worker honesty",
                "nobody checked the answer (A0): a lie is attributable to the worker, not prevented",
            ),
        ),
        Evidence::Agreed => (
            finding(
                "answers agree",
                format!("workers {workers} committed to this output, bit for bit, before either was shown"),
            ),
            finding(
                "worker independence",
                "the workers do not collude and are not one owner's accounts (A2): no proof of the inference was made",
            ),
        ),
    };
    Some((shown, [risk, model()]))
}

/// Workers by name; the first few, and how many more.
pub(crate) fn names(workers: &[AccountId]) -> String {
    let named = workers.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    match workers.len().saturating_sub(NAMED) {
        0 => named,
        left => format!("{named} and {left} more"),
    }
}

/// A4, what it shows.
pub(crate) fn proven(key: &AuditedModel, statement: &Statement, proof_bytes: usize) -> Vec<Finding> {
    let detail = format!(
        "{} is what model {} gives on {} ({}-bit proof, {proof_bytes} bytes)",
        told(["the output", "the committed output", "some output"], statement.output.disclosure()),
        key.model(),
        told(
            ["this input", "the committed integers", "some integers of the program's intervals"],
            statement.input.disclosure()
        ),
        key.params().security.bits(),
    );
    let weights = "the weights are in this receipt, and every interval of the program holds for them";
    let weights = (key.program().visibility.weights == Disclosure::Public).then(|| finding("weights shown", weights));
    [finding("inference proven", detail)].into_iter().chain(weights).collect()
}

/// A4, what it rests on.
pub(crate) fn proof_rests_on(key: &AuditedModel) -> [Finding; 4] {
    let bits = key.params().security.bits();
    [
        finding(
            "hash",
            "Blake2s-256 is collision resistant and behaves as a random oracle (Merkle commitments and Fiat-Shamir)",
        ),
        finding(
            "soundness",
            format!(
                "at most one forgery in 2^{bits} attempts: Johnson-bound proximity of Reed-Solomon codes (proven), no conjecture on \
                 list decoding beyond it"
            ),
        ),
        model(),
        finding("privacy", privacy(&key.program().visibility)),
    ]
}

/// What every rung rests on: an id says nothing by itself.
pub(crate) fn model() -> Finding {
    let detail = "the model id is that of the model you mean: recompile the ONNX file and compare; the id covers structure, scales, \
                  tables and weights";
    finding("model", detail)
}

/// What the opening of a sample shows.
pub(crate) fn opened(index: u32, batch: u32, opening_bytes: usize) -> Finding {
    let detail = format!(
        "this input and output are number {index} of the {batch} behind the batch's commitments ({opening_bytes} bytes)"
    );
    finding("sample opened", detail)
}

/// What the receipt of a sample tells of the others.
pub(crate) fn other_samples() -> Finding {
    let detail = "are not stated here, but are no secret from who has this file: proof and opening hold many sums over all samples, \
                  unmasked, from which those of a small batch can be computed, and with which guesses of a large one can be checked";
    finding("other samples", detail)
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

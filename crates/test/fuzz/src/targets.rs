//! What is fuzzed.

use crate::seeds;
use crate::whole::models as whole_models;
pub use crate::whole::whole;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_auditor::statement::{STATEMENT_BYTES_MAX, encode_shown};
use ciro_auditor::{AuditedModel, Claim, Limits, ProofContext, Sample, Shown, Statement, VerifiedProof, verify};
use ciro_compile::samples::{Port, parse};
use ciro_compile::{Options, compile_model};
use ciro_consensus::message::MAX_MESSAGE_BYTES;
use ciro_forge::{Answer, Forger};
use ciro_graph::{Disclosure, Input, Program, RawInput, RawOutput, RawTensor, check_model};
use ciro_receipt::{Evidence, Receipt, SampleReceipt, Terms};
use ciro_relation::column::VARS_MAX;
use ciro_state::SignedTx;
use ciro_types::{Escaped, Hash32, Lines, decode, encode};
use ciro_validator::wire::Wire;
use ciro_verifier::{Key, VerifyingKey};
use std::sync::LazyLock;

/// One function over foreign bytes, and what to start from.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of its binary in `fuzz/fuzz_targets`.
    pub name: &'static str,
    /// Takes any bytes.
    ///
    /// # Panics
    /// If the product breaks a promise.
    pub run: fn(&[u8]),
    /// Well-formed inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 14] = [
    Target { name: "program", run: program, seeds: seeds::programs },
    Target { name: "program_cost", run: program_cost, seeds: seeds::programs },
    Target { name: "whole", run: whole, seeds: whole_models },
    Target { name: "key", run: key, seeds: seeds::keys },
    Target { name: "statement", run: statement, seeds: seeds::statements },
    Target { name: "proof", run: proof, seeds: seeds::proofs },
    Target { name: "claim", run: claim, seeds: seeds::claims },
    Target { name: "receipt", run: receipt, seeds: seeds::receipts },
    Target { name: "verify_file", run: verify_file, seeds: seeds::files },
    Target { name: "opened_sample", run: opened_sample, seeds: seeds::opened_samples },
    Target { name: "sample_receipt", run: sample_receipt, seeds: seeds::sample_receipts },
    Target { name: "model_file", run: model_file, seeds: seeds::model_files },
    Target { name: "samples", run: samples, seeds: seeds::samples },
    Target { name: "wire", run: wire, seeds: seeds::messages },
];

/// A program by a stranger becomes a key whose polynomials are bounded, or a typed error.
///
/// # Panics
/// If they are not.
pub fn program(bytes: &[u8]) {
    if let Ok(key) = AuditedModel::new(bytes, Hash32::ZERO) {
        let relation = key.relation();
        assert!(relation.vars_max() <= VARS_MAX);
        let budget = key.budget();
        assert!(budget.total_bits >= key.params().security.bits(), "{budget:?}");
    }
}

/// A program by a stranger, built and verified as a ledger does: no step takes more than its key says. What is done is counted with the
/// feature `meter` only.
///
/// # Panics
/// If one takes more.
pub fn program_cost(bytes: &[u8]) {
    let Ok(key) = AuditedModel::new_within(bytes, Hash32::ZERO, &Limits::LEDGER) else { return };
    let statement = zeros(key.program());
    let proof = vec![0; *key.proof_bytes().end()];
    #[cfg(feature = "meter")]
    let _ = ciro_transcript::meter::take();
    assert!(key.verify(&statement, &proof).is_err(), "a proof of zeros was accepted");
    #[cfg(feature = "meter")]
    {
        let (done, said) = (ciro_transcript::meter::take(), key.cost());
        assert!(done.field_ops <= said.field_ops && done.hash_bytes <= said.hash_bytes, "{done:?} of {said:?}");
    }
}

/// A statement about zeros, as far as a program shows any.
fn zeros(program: &Program) -> Statement {
    let len = |shape: &[u32]| shape.iter().map(|&d| d as usize).product::<usize>();
    let tensor = |input: &Input| {
        let shape = program.batch_shape(&input.shape);
        RawTensor { bits: vec![0; len(&shape) * input.words()], shape }
    };
    let samples = program.batch as usize;
    let output = RawOutput(program.outputs.iter().map(|output| vec![0; len(&output.shape) * samples]).collect());
    Statement {
        input: shown(program.visibility.input, RawInput(program.inputs.iter().map(tensor).collect())),
        output: shown(program.visibility.output, output),
        context: ProofContext::default(),
    }
}

fn shown<T>(disclosure: Disclosure, public: T) -> Shown<T> {
    match disclosure {
        Disclosure::Public => Shown::Public(public),
        Disclosure::Committed => Shown::Committed(Hash32::ZERO),
        Disclosure::Private => Shown::Private,
    }
}

/// What the frozen proofs are about, with keys.
struct Known {
    key: AuditedModel,
    statement: Statement,
    proof: Vec<u8>,
    sample: Option<Vec<u8>>,
}

/// The keys that `statement` and `proof` choose from by their first byte.
static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let known = |vector: seeds::Vector| {
        let key = AuditedModel::of(&vector.program, &vector.weights).ok()?;
        let visibility = &key.program().visibility;
        let statement = Statement::decode(visibility, &vector.input, &vector.output, vector.context).ok()?;
        Some(Known { key, statement, proof: vector.proof, sample: vector.sample })
    };
    seeds::vectors().into_iter().filter_map(known).collect()
});

fn known(bytes: &[u8]) -> Option<(&'static Known, &[u8])> {
    let (&choice, rest) = bytes.split_first()?;
    Some((KNOWN.get(usize::from(choice) % KNOWN.len().max(1))?, rest))
}

/// A key by a stranger, who also says which known statement it is for. It has one encoding, and neither a proof of zeros nor the frozen
/// one takes more than it says. What is done is counted with the feature `meter` only.
///
/// # Panics
/// If one takes more, or a second encoding is read.
pub fn key(bytes: &[u8]) {
    let Some((known, rest)) = known(bytes) else { return };
    let Ok(key) = Key::decode(rest, &Limits::LEDGER) else { return };
    assert!(key.encode() == rest, "a second encoding was read");
    let Ok(key) = VerifyingKey::new(key, &Limits::LEDGER) else { return };
    let assertion = known.key.claimed(&known.statement);
    for proof in [&vec![0; *key.proof_bytes().end()], &known.proof] {
        #[cfg(feature = "meter")]
        let _ = ciro_transcript::meter::take();
        // Refused or not: only its digest says whose key it is.
        let _ = key.verify(&assertion, proof);
        #[cfg(feature = "meter")]
        {
            let (done, said) = (ciro_transcript::meter::take(), key.cost());
            assert!(done.field_ops <= said.field_ops && done.hash_bytes <= said.hash_bytes, "{done:?} of {said:?}");
        }
    }
}

/// Input and output by a stranger, for a known program: what is read is canonical, and fits or is refused.
///
/// # Panics
/// If another encoding of the same statement is read.
pub fn statement(bytes: &[u8]) {
    let Some((known, rest)) = known(bytes) else { return };
    let Ok((input, output)) = decode::<(Vec<u8>, Vec<u8>)>(rest, STATEMENT_BYTES_MAX) else { return };
    let visibility = &known.key.program().visibility;
    if let Ok(statement) = Statement::decode(visibility, &input, &output, ProofContext::default()) {
        assert!(statement.encode() == (input, output), "a second encoding was read");
        if let Ok(instance) = known.key.instance(&statement) {
            assert_eq!(
                Some(&instance.outputs),
                statement.output.public().map(|output| &output.0).or(Some(&Vec::new()))
            );
        }
    }
}

/// A proof by a stranger for a known statement: accepted is the one that is frozen, as nobody finds another.
///
/// # Panics
/// If another is accepted.
pub fn proof(bytes: &[u8]) {
    let Some((known, proof)) = known(bytes) else { return };
    let accepted = known.key.verify(&known.statement, proof).is_ok();
    assert_eq!(accepted, proof == known.proof, "a proof was judged wrongly");
}

/// The frozen proof of a batch whose samples open, verified, and the frozen sample.
static BATCH: LazyLock<Option<(VerifiedProof<'static>, &'static [u8])>> = LazyLock::new(|| {
    let Known { key, statement, proof, sample } = KNOWN.iter().find(|known| known.sample.is_some())?;
    Some((key.verify_proof(statement, proof).ok()?, sample.as_deref()?))
});

/// A sample of a known batch and its opening, by a stranger: accepted is the one that is frozen.
///
/// # Panics
/// If another is accepted, or a second encoding is read.
pub fn opened_sample(bytes: &[u8]) {
    let Some((batch, frozen)) = &*BATCH else { panic!("no frozen proof is of a batch whose samples open") };
    let Ok((encoded, opening)) = decode::<(Vec<u8>, Vec<u8>)>(bytes, STATEMENT_BYTES_MAX) else { return };
    let Ok(sample) = Sample::decode(&encoded) else { return };
    assert!(encode(&sample) == encoded, "a second encoding was read");
    let accepted = batch.verify_sample(&sample, &opening).is_ok();
    assert_eq!(accepted, bytes == *frozen, "an opening was judged wrongly");
}

/// The file of a sample's receipt, and its content by itself, as in [`receipt`].
///
/// # Panics
/// If what was read is not written as it was.
pub fn sample_receipt(bytes: &[u8]) {
    if let Ok(receipt) = SampleReceipt::from_bytes(bytes) {
        assert!(SampleReceipt::is_one(bytes) && receipt.to_bytes() == bytes, "a second encoding was read");
    }
    if let Ok(receipt) = decode::<SampleReceipt>(bytes, ciro_receipt::receipt::RECEIPT_BYTES_MAX) {
        assert!(SampleReceipt::from_bytes(&receipt.to_bytes()).as_ref() == Ok(&receipt), "it is not read again");
        // Refused or not: it returns.
        let _ = ciro_receipt::check_sample(&receipt, None);
    }
}

/// A claim as it travels, and its proof.
#[derive(BorshSerialize, BorshDeserialize)]
pub(crate) struct Claimed {
    pub(crate) vector: seeds::Subject,
    pub(crate) proof: Vec<u8>,
}

/// Everything by a stranger. What is accepted is accepted by way of a key, too.
///
/// # Panics
/// If the two ways differ.
pub fn claim(bytes: &[u8]) {
    let Ok(Claimed { vector, proof }) = decode::<Claimed>(bytes, usize::MAX) else { return };
    let seeds::Subject { program, weights, input, output, context } = vector;
    let claim = Claim { program: &program, weights: &weights, input: &input, output: &output, context };
    if let Ok(verified) = verify(&claim, &proof) {
        assert!(encode_shown(&verified.output) == output, "another output was verified");
    }
}

/// A receipt file. The checksum would stop nearly all damage, so the content is tried by itself as well.
///
/// # Panics
/// If what was read is not written as it was.
pub fn receipt(bytes: &[u8]) {
    if let Ok(receipt) = Receipt::from_bytes(bytes) {
        assert!(receipt.to_bytes() == bytes, "a second encoding was read");
    }
    if let Ok(receipt) = decode::<Receipt>(bytes, ciro_receipt::receipt::RECEIPT_BYTES_MAX) {
        assert!(Receipt::from_bytes(&receipt.to_bytes()).as_ref() == Ok(&receipt), "it is not read again");
        // Refused or not: it returns.
        let _ = ciro_receipt::check(&receipt, None);
    }
}

/// The file of a receipt as `ciro verify` takes it, from its bytes to what is printed. The first byte says what the rest is. It may be a
/// whole file. It may be the content of one, or of one of a sample, whose checksum is then made to fit. Or it is an answer, which a
/// network of one person signs and agrees on.
///
/// # Panics
/// If a receipt is said to be proven that is not, or a proof is accepted that is not frozen. Also if what is printed is not printable.
pub fn verify_file(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else { return };
    match kind % seeds::FILES {
        0 => judge(rest),
        1 => judge(&seeds::sealed(seeds::RECEIPT, rest)),
        2 => judge(&seeds::sealed(seeds::SAMPLE, rest)),
        _ => {
            let Ok(answer) = decode::<Answer>(rest, STATEMENT_BYTES_MAX) else { return };
            let forger = Forger::default();
            judge(&forger.signed(answer.clone()).to_bytes());
            judge(&forger.agreed(answer).to_bytes());
        }
    }
}

fn judge(file: &[u8]) {
    let judged = match Terms::default().judge(file) {
        Ok(judged) => judged,
        Err(e) => return drop(Escaped(&e.to_string()).to_string()),
    };
    let text = judged.text().unwrap_or_else(|e| panic!("what was checked is not shown: {e}"));
    assert!(Lines(&text).to_string() == text, "what is printed is not printable");
    let verdict = text.lines().next().unwrap_or_default();
    assert!(verdict.ends_with(&judged.report.model.to_string()), "{verdict}");
    let frozen = match &judged.receipt.evidence {
        Evidence::Proven { proof, .. } => KNOWN.iter().any(|known| known.proof == *proof),
        Evidence::Signed { .. } | Evidence::Agreed => false,
    };
    assert_eq!(verdict.starts_with("valid, proven (A4"), frozen, "{verdict}");
}

/// An ONNX, XGBoost or LightGBM file: what compiles is well formed.
///
/// # Panics
/// If it is not.
pub fn model_file(bytes: &[u8]) {
    if let Ok(compiled) = compile_model(bytes, &Options::default()) {
        assert_eq!(check_model(&compiled.model), Ok(()));
    }
}

/// A file of samples, of the format that its first byte chooses.
///
/// # Panics
/// If a sample does not have the shape that was asked for.
pub fn samples(bytes: &[u8]) {
    let Some((&choice, file)) = bytes.split_first() else { return };
    let format = seeds::FORMATS[usize::from(choice) % seeds::FORMATS.len()];
    let ports = [Port { name: "input".into(), shape: vec![1, 10], double: false, columns: vec![] }];
    if let Ok(samples) = parse(format, file, &ports) {
        assert!(samples.inputs.iter().all(|input| input.0.len() == 1 && input.0[0].bits.len() == 10));
    }
}

/// What validators send one another, and the transactions in it.
///
/// # Panics
/// If what was read is not written as it was.
pub fn wire(bytes: &[u8]) {
    let Ok(wire) = Wire::from_bytes(bytes) else { return };
    assert!(wire.to_bytes() == bytes, "a second encoding was read");
    let Wire::Txs(txs) = wire else { return };
    for bytes in txs {
        if let Ok(tx) = SignedTx::decode(&bytes, MAX_MESSAGE_BYTES) {
            assert!(encode(&tx) == bytes, "a second encoding was read");
            // Refused or not: it returns.
            let _ = tx.verify_signature();
        }
    }
}

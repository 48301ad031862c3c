//! Bytes to start from.

use crate::targets::Claimed;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_auditor::{AuditedModel, ProofContext, Weights};
use ciro_crypto::Keypair;
use ciro_forge::{Answer, Forger, Frozen};
use ciro_receipt::{Evidence, Receipt, SampleReceipt};
use ciro_state::{Action, ModelAction, SignedTx, TokenAction, TxBody, WorkerAction};
use ciro_types::{AccountId, Amount, ChainId, ModelRoots, Nonce, encode};
use ciro_validator::wire::Wire;
use std::path::{Path, PathBuf};

/// Formats of samples, in the order in which the target `samples` counts them.
pub const FORMATS: [&str; 4] = ["npz", "json", "csv", "npy"];

/// The first file of a frozen proof (`vectors/proofs/README.md`).
#[derive(Clone, BorshSerialize, BorshDeserialize)]
pub struct Subject {
    /// Canonical bytes of the program.
    pub program: Vec<u8>,
    /// Its weights.
    pub weights: Weights,
    /// Canonical bytes of the input.
    pub input: Vec<u8>,
    /// Canonical bytes of the output.
    pub output: Vec<u8>,
    /// What the proof was made for.
    pub context: ProofContext,
}

/// A frozen proof.
#[derive(Clone)]
pub struct Vector {
    /// What it is about.
    pub subject: Subject,
    /// The proof.
    pub proof: Vec<u8>,
    /// One sample of a batch whose samples open, and its opening. Both are in canonical bytes, and so are the two together.
    pub sample: Option<Vec<u8>>,
}

impl std::ops::Deref for Vector {
    type Target = Subject;

    fn deref(&self) -> &Subject {
        &self.subject
    }
}

fn vector_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../vectors")
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proof/compile/tests/fixtures")
}

/// A file of the repository: if it is not there, this checkout is not whole.
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The frozen proofs, by name.
///
/// # Panics
/// If the files are not there.
#[must_use]
pub fn vectors() -> Vec<Vector> {
    let entries = std::fs::read_dir(vector_folder().join("proofs")).unwrap_or_else(|e| panic!("vectors/proofs: {e}"));
    let mut proofs: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    proofs.retain(|path| path.extension().is_some_and(|extension| extension == "proof"));
    proofs.sort();
    let vector = |path: PathBuf| {
        let subject = borsh::from_slice(&read(&path.with_extension("subject"))).unwrap_or_else(|e| panic!("{e}"));
        Vector { subject, proof: read(&path), sample: std::fs::read(path.with_extension("sample")).ok() }
    };
    proofs.into_iter().map(vector).collect()
}

/// Programs.
#[must_use]
pub fn programs() -> Vec<Vec<u8>> {
    vectors().into_iter().map(|vector| vector.subject.program).collect()
}

/// The byte that chooses the program or statement, before what is about it.
fn chosen(what: impl Fn(&Vector) -> Vec<u8>) -> Vec<Vec<u8>> {
    (0u8..).zip(vectors()).map(|(choice, vector)| [&[choice], what(&vector).as_slice()].concat()).collect()
}

/// Keys, after the byte that chooses what they are for.
#[must_use]
pub fn keys() -> Vec<Vec<u8>> {
    let key =
        |vector: &Vector| AuditedModel::of(&vector.program, &vector.weights).map(|model| model.key().key().encode());
    chosen(|vector| key(vector).unwrap_or_default())
}

/// Inputs and outputs for the program that the first byte chooses.
#[must_use]
pub fn statements() -> Vec<Vec<u8>> {
    chosen(|vector| encode(&(&vector.input, &vector.output)))
}

/// Proofs of the statement that the first byte chooses.
#[must_use]
pub fn proofs() -> Vec<Vec<u8>> {
    chosen(|vector| vector.proof.clone())
}

/// Claims with their proofs.
#[must_use]
pub fn claims() -> Vec<Vec<u8>> {
    let claimed = |vector: Vector| encode(&Claimed { vector: vector.subject, proof: vector.proof });
    vectors().into_iter().map(claimed).collect()
}

/// Key and weights of a frozen model.
fn roots(subject: &Subject) -> ModelRoots {
    AuditedModel::of(&subject.program, &subject.weights).map(|model| model.roots()).unwrap_or_default()
}

fn receipt(Vector { subject, proof, .. }: Vector) -> Receipt {
    Receipt {
        evidence: Evidence::Proven { context: subject.context.into(), proof },
        key: roots(&subject).key,
        program: subject.program,
        weights: subject.weights,
        input: subject.input,
        output: subject.output,
        settlement: None,
    }
}

/// Receipt files and their contents.
#[must_use]
pub fn receipts() -> Vec<Vec<u8>> {
    vectors().into_iter().map(receipt).flat_map(|receipt| [receipt.to_bytes(), encode(&receipt)]).collect()
}

/// Samples of a batch and their openings.
#[must_use]
pub fn opened_samples() -> Vec<Vec<u8>> {
    vectors().into_iter().filter_map(|vector| vector.sample).collect()
}

/// Files of receipts of samples, and their contents.
#[must_use]
pub fn sample_receipts() -> Vec<Vec<u8>> {
    let of = |vector: Vector| {
        let (sample, opening) = borsh::from_slice(vector.sample.as_ref()?).ok()?;
        Some(SampleReceipt { batch: receipt(vector), sample, opening })
    };
    vectors().into_iter().filter_map(of).flat_map(|receipt| [receipt.to_bytes(), encode(&receipt)]).collect()
}

/// How many kinds of file the target `verify_file` is handed. A first byte says which kind it is.
pub const FILES: u8 = 4;

/// How the file of a receipt begins, and the domain of its checksum.
pub const RECEIPT: (&[u8], &str) = (b"CIRO-RECEIPT\x03", "ciro/receipt/checksum/v1");

/// The same of a sample's.
pub const SAMPLE: (&[u8], &str) = (b"CIRO-SAMPLE\x01", "ciro/sample-receipt/checksum/v1");

/// A file around a content, with the checksum that it needs.
#[must_use]
pub fn sealed((magic, domain): (&[u8], &str), content: &[u8]) -> Vec<u8> {
    let body = [magic, content].concat();
    let checksum = ciro_crypto::hash(domain, &body);
    [body.as_slice(), checksum.as_bytes()].concat()
}

/// Files of receipts, their contents, and answers to be signed.
#[must_use]
pub fn files() -> Vec<Vec<u8>> {
    let answer = |vector: &Vector| {
        let Subject { program, weights, input, output, .. } = vector.subject.clone();
        encode(&Answer { program, weights, input, output })
    };
    let of = |vector: Vector| {
        let (answer, receipt) = (answer(&vector), receipt(vector));
        [(0, receipt.to_bytes()), (1, encode(&receipt)), (3, answer)]
    };
    let samples = sample_receipts().into_iter().flat_map(|receipt| [(0, receipt.clone()), (2, receipt)]);
    let forger = Forger::default();
    let tree = Frozen::named("B_dtree_bc_ml").answer;
    let settled = [forger.signed(tree.clone()), forger.agreed(tree)].map(|receipt| (1, encode(&receipt)));
    let files = vectors().into_iter().flat_map(of).chain(samples).chain(settled);
    files.map(|(kind, file)| [&[kind], file.as_slice()].concat()).collect()
}

/// Small model files of every format.
#[must_use]
pub fn model_files() -> Vec<Vec<u8>> {
    let bundled = ["A_logreg_bc", "A_logreg_bc_ml", "B_dtree_bc", "B_dtree_bc_ml"];
    let fixed = ["scaled_mlp_wine", "normalized_logreg_iris", "imputed_boosting_missing_bc"];
    let native = ["xgb_softmax.json", "xgb_forest.ubj", "lgb_ova.txt", "lgb_multiclass.json"];
    let bundled = bundled.map(|name| vector_folder().join(format!("models/{name}.onnx")));
    let fixed = fixed.map(|name| fixtures().join(format!("{name}.onnx")));
    let native = native.map(|name| fixtures().join("native").join(name));
    bundled.into_iter().chain(fixed).chain(native).map(|path| read(&path)).collect()
}

/// Samples, after the byte that says their format.
#[must_use]
pub fn samples() -> Vec<Vec<u8>> {
    let stored = |name: &str| read(&vector_folder().join("models").join(name));
    let files = [
        stored("A2_linreg_diabetes.npz"),
        stored("A2_linreg_diabetes.input.json"),
        b"a,b,c,d,e,f,g,h,i,j\n1,2,3,4,5,6,7,8,9,10\n".to_vec(),
        b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }          \n\0\0\0\0"
            .to_vec(),
    ];
    (0u8..).zip(files).map(|(format, file)| [&[format], file.as_slice()].concat()).collect()
}

/// Messages between validators.
#[must_use]
pub fn messages() -> Vec<Vec<u8>> {
    let key = Keypair::from_seed([7; 32]);
    let transfer = Action::Token(TokenAction::Transfer { to: AccountId([1; 32]), amount: Amount::ONE });
    let registration = |vector: Vector| {
        Action::Model(ModelAction::Register { roots: roots(&vector.subject), program: vector.subject.program })
    };
    let actions =
        vectors().into_iter().take(2).map(registration).chain([transfer, Action::Worker(WorkerAction::WithdrawStake)]);
    let body = |action| TxBody { chain: ChainId([2; 32]), sender: key.account(), nonce: Nonce(3), action };
    let txs: Vec<Vec<u8>> = actions.map(|action| encode(&SignedTx::sign(body(action), &key))).collect();
    let consensus = [
        ciro_consensus::Message::Status(ciro_types::Height(5)),
        ciro_consensus::Message::SyncRequest(ciro_types::Height(6)),
        ciro_consensus::Message::SyncResponse(Vec::new()),
    ];
    let messages = consensus.into_iter().map(Wire::Consensus).chain([Wire::Txs(txs), Wire::Txs(Vec::new())]);
    messages.map(|wire| wire.to_bytes()).collect()
}

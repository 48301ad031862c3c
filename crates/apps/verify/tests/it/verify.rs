//! A receipt, checked by the one call and by the small program.

use ciro_auditor::ProofContext;
use ciro_graph::{RawInput, RawTensor};
use ciro_prover::{ProvingKey, prove};
use ciro_receipt::Receipt;
use ciro_test_models::relu;
use ciro_verify::{ModelId, Terms, verify};
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn receipt() -> (ModelId, Vec<u8>) {
    let key = ProvingKey::new(relu(2)).expect("the model has a relation");
    let bits = [1.25f32, 0.5].map(f32::to_bits).to_vec();
    let input = RawInput(vec![RawTensor { shape: vec![1, 2], bits }]);
    let proof = prove(&key, &input, &ProofContext::default()).expect("proves");
    let receipt = Receipt::stand_alone((key.program(), key.roots().key), key.weights(), &proof.statement, proof.bytes);
    (key.model_id(), receipt.to_bytes())
}

fn program(args: &[&str], file: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ciro-verify"));
    let child = child.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("starts");
    // It may end without reading.
    let _ = child.stdin.take().expect("is piped").write_all(file);
    child.wait_with_output().expect("ends")
}

#[test]
fn a_receipt_of_the_model_that_was_promised_has_a_verdict() {
    let (model, file) = receipt();
    let verdict = verify(&file, &Terms { model: Some(model), ..Terms::default() }).expect("is valid");
    assert!(verdict.valid && verdict.proven && !verdict.settled);
    assert_eq!((verdict.model_id, verdict.batch, verdict.sample), (model, 1, None));
    let outputs = serde_json::to_string(&verdict.outputs).expect("is JSON");
    assert_eq!(outputs, r#"{"y":[1]}"#, "2·1.25 − 3·0.5");
    let inputs = serde_json::to_string(&verdict.inputs).expect("is JSON");
    assert_eq!(inputs, r#"{"x":[1.25,0.5]}"#);
    assert!(verdict.text.starts_with("valid, proven"), "{}", verdict.text);
}

#[test]
fn a_receipt_of_another_model_or_with_any_byte_changed_is_refused() {
    let (model, file) = receipt();
    let other = ModelId([7; 32]);
    let refused = verify(&file, &Terms { model: Some(other), ..Terms::default() }).expect_err("is of another model");
    assert!(refused.to_string().contains("another model"), "{refused}");
    for place in (0..file.len()).step_by(file.len() / 97) {
        let mut changed = file.clone();
        changed[place] ^= 1;
        // What the receipt calls the model is not part of any claim but the model id, which a pin excludes.
        let pinned = Terms { model: Some(model), ..Terms::default() };
        assert!(verify(&changed, &pinned).is_err(), "byte {place} does not matter");
    }
}

#[test]
fn the_small_program_says_the_same_as_the_call_and_ends_as_documented() {
    let (model, file) = receipt();
    let verdict = verify(&file, &Terms::default()).expect("is valid");
    let shown = program(&["-", "--model", &model.to_string()], &file);
    assert_eq!(shown.status.code(), Some(0));
    assert_eq!(String::from_utf8(shown.stdout).expect("is text"), format!("{}\n", verdict.text));
    let json = program(&["--json", "-"], &file);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("is JSON");
    assert_eq!((&json["valid"], &json["model_id"]), (&true.into(), &model.to_string().into()));

    assert_eq!(program(&["--proven", "-"], &file).status.code(), Some(0));
    let refused = program(&["-", "--json", "--model", &"00".repeat(32)], &file);
    let refused: serde_json::Value = serde_json::from_slice(&refused.stderr).expect("is JSON");
    assert!(refused["error"].as_str().is_some_and(|error| error.contains("another model")), "{refused}");

    let cut = program(&["-"], &file[..file.len() / 2]);
    assert_eq!((cut.status.code(), cut.stdout.is_empty()), (Some(1), true));
    assert!(String::from_utf8_lossy(&cut.stderr).starts_with("error: invalid receipt: "));
    for args in [&[][..], &["-", "--model"], &["-", "--model", "zz"], &["-", "-", "x"], &["--what", "-"], &["/nowhere"]]
    {
        assert_eq!(program(args, &file).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(program(&["--help"], &[]).status.code(), Some(0));
}

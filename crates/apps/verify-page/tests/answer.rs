//! What the page is answered, without a browser.

use ciro_graph::{RawInput, RawTensor};
use ciro_prover::{ProvingKey, prove};
use ciro_test_models::relu;
use ciro_verify_page::answer_to;
use serde_json::Value;

fn receipt() -> (String, Vec<u8>) {
    let key = ProvingKey::new(relu(2)).expect("the model has a relation");
    let bits = [1.25f32, 0.5].map(f32::to_bits).to_vec();
    let input = RawInput(vec![RawTensor { shape: vec![1, 2], bits }]);
    let proof = prove(&key, &input, &ciro_auditor::ProofContext::default()).expect("proves");
    let receipt = ciro_receipt::Receipt::stand_alone(
        (key.program(), key.roots().key),
        key.weights(),
        &proof.statement,
        proof.bytes,
    );
    (key.model_id().to_string(), receipt.to_bytes())
}

fn answered(file: &[u8], pins: &str) -> Value {
    serde_json::from_str(&answer_to(file, pins.as_bytes())).expect("is JSON")
}

#[test]
fn a_page_is_told_the_verdict_or_why_there_is_none() {
    let (model, file) = receipt();
    let answer = answered(&file, &format!(r#"{{"model":"{model}","network":""}}"#));
    assert_eq!((&answer["verdict"]["proven"], &answer["error"]), (&true.into(), &Value::Null));
    assert!(answer["text"].as_str().is_some_and(|text| text.starts_with("valid, proven")));

    for (file, pins, expected) in [
        (&file[..], format!(r#"{{"model":"{}"}}"#, "07".repeat(32)), "another model"),
        (&file[..], r#"{"model":"zz"}"#.into(), "model: "),
        (&file[..], format!(r#"{{"network":"{}"}}"#, "07".repeat(32)), "expected a settlement"),
        (&file[..], "no pins".into(), "pins: "),
        (&file[..100], "{}".into(), "invalid receipt: "),
        (&[], "{}".into(), "invalid receipt: "),
    ] {
        let answer = answered(file, &pins);
        assert!(answer["error"].as_str().is_some_and(|error| error.contains(expected)), "{answer}");
        assert_eq!(answer["verdict"], Value::Null);
    }
}

//! Batches and the receipts of their samples, from the command line.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn ciro(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ciro")).args(args).output().expect("the binary starts")
}

fn bundled(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/models").join(file).display().to_string()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("stdout is JSON")
}

const MODEL: &str = "A_logreg_bc.onnx";
const SAMPLES: &str = "A_logreg_bc.npz";

/// Proves five samples and writes the receipts of numbers 1 and 4 into `folder`.
fn prove(folder: &Path) -> Value {
    let (model, samples) = (bundled(MODEL), bundled(SAMPLES));
    let [batch, receipts] = ["batch.ciro", "each"].map(|name| folder.join(name).display().to_string());
    let options = ["--batch", "5", "--receipts", &receipts, "--receipt-of", "1,4", "-o", &batch, "--json"];
    json(&ciro(&[&["prove", &model, "--input", &samples], &options[..]].concat()))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn a_sample_of_a_batch_verifies_alone_and_says_what_it_is() {
    let folder = tempfile::tempdir().expect("a directory");
    let proven = prove(folder.path());
    assert_eq!((&proven["batch"], proven["samples"].as_array().map(Vec::len)), (&5.into(), Some(2)));
    let file: PathBuf = folder.path().join("each/sample-4.ciro");
    let view = json(&ciro(&["verify", text(&file), "--json"]));
    assert_eq!((&view["sample"], &view["batch"]), (&4.into(), &5.into()));
    assert_eq!(view["model_id"], proven["model_id"]);
    assert_eq!(
        (&view["visibility"]["input"], &view["visibility"]["output"]),
        (&"committed".into(), &"committed".into())
    );

    let alone = folder.path().join("alone.ciro");
    let alone = ["prove", &bundled(MODEL), "--input", &bundled(SAMPLES), "--sample", "4", "-o", text(&alone), "--json"];
    let alone = json(&ciro(&alone));
    assert_eq!(view["outputs"], alone["outputs"], "the same answer as alone");
    assert_ne!(view["model_id"], alone["model_id"]);

    let read = String::from_utf8(ciro(&["verify", text(&file)]).stdout).expect("stdout is text");
    assert!(read.contains("sample 4 of a batch of 5") && read.contains("sample opened"), "{read}");
}

#[test]
fn the_batch_of_a_model_is_told_from_that_of_another() {
    let folder = tempfile::tempdir().expect("a directory");
    prove(folder.path());
    for name in ["batch.ciro", "each/sample-1.ciro"] {
        let file = folder.path().join(name);
        let by = |model: &str| ciro(&["verify", text(&file), "--made-from", &bundled(model)]).status.code();
        assert_eq!(by(MODEL), Some(0), "{name}");
        assert_eq!(by("A2_linreg_diabetes.onnx"), Some(1), "{name}");
    }
}

#[test]
fn an_altered_receipt_of_a_sample_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    prove(folder.path());
    let file = folder.path().join("each/sample-1.ciro");
    let bytes = std::fs::read(&file).expect("the receipt is there");
    for at in (0..bytes.len()).step_by(bytes.len() / 20) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        std::fs::write(&file, altered).expect("writable");
        assert_eq!(ciro(&["verify", text(&file)]).status.code(), Some(1), "byte {at}");
    }
}

#[test]
fn a_batch_needs_its_samples() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("batch.ciro");
    let prove = |options: &[&str]| {
        let base = ["prove", &bundled(MODEL), "--input", &bundled(SAMPLES), "-o", text(&file)].map(String::from);
        let args: Vec<&str> = base.iter().map(String::as_str).chain(options.iter().copied()).collect();
        ciro(&args).status.code()
    };
    assert_eq!(prove(&["--batch", "60000"]), Some(2));
    assert_eq!(prove(&["--batch", "0"]), Some(2));
    assert_eq!(prove(&["--batch", "4", "--receipts", text(folder.path()), "--receipt-of", "4"]), Some(2));
    assert_eq!(prove(&["--batch", "4", "--receipt-of", "1"]), Some(2));
}

#[test]
fn what_the_model_refuses_is_named_and_the_others_are_proven() {
    let folder = tempfile::tempdir().expect("a directory");
    let row = |at: usize, number: &str| {
        let cells: Vec<&str> = (0..30).map(|i| if i == at { number } else { "0.5" }).collect();
        cells.join(",")
    };
    let samples = folder.path().join("samples.csv");
    std::fs::write(&samples, [row(0, "1"), row(7, "nan"), row(3, "2"), row(2, "1e9")].join("\n")).expect("writable");
    let [receipt, each] = ["batch.ciro", "each"].map(|name| folder.path().join(name));
    let prove = |first: &str, count: &str| {
        let base = ["prove", &bundled(MODEL), "--input", text(&samples), "--sample", first, "--batch", count];
        ciro(&[&base[..], &["--receipts", text(&each), "-o", text(&receipt), "--json"]].concat())
    };

    let done = prove("0", "4");
    assert_eq!(done.status.code(), Some(5), "{}", String::from_utf8_lossy(&done.stderr));
    let view: Value = serde_json::from_slice(&done.stdout).expect("stdout is JSON");
    assert_eq!(
        (&view["batch"], &view["refused"][0]["sample"], &view["refused"][1]["sample"]),
        (&2.into(), &1.into(), &3.into())
    );
    let reasons = ["element 7: expected a number, got NaN", "got 1000000000"];
    for (refused, reason) in view["refused"].as_array().expect("a list").iter().zip(reasons) {
        assert!(refused["reason"].as_str().is_some_and(|text| text.ends_with(reason)), "{refused}");
    }
    // Notes come before the error's document.
    let told = String::from_utf8(done.stderr).expect("stderr is text");
    let document = told.find('{').and_then(|start| told.get(start..)).expect("a document");
    let error: Value = serde_json::from_str(document).expect("it is JSON");
    assert!(error.to_string().contains("2 of 4 samples refused, the others are proven; sample 1: "), "{error}");
    for number in [0, 2] {
        let verified = ciro(&["verify", text(&each.join(format!("sample-{number}.ciro")))]);
        assert_eq!(verified.status.code(), Some(0), "{number}");
    }
    assert!(!each.join("sample-1.ciro").exists());
    assert_eq!(prove("1", "1").status.code(), Some(1), "nothing is left to prove");
}

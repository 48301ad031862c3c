//! Receipts as a stranger handles them: verified, inspected, altered.

use ciro_auditor::{ProofContext, Weights};
use ciro_forge::{Answer, Forger, Frozen};
use ciro_graph::{RawInput, RawTensor};
use ciro_prover::{ProvingKey, prove};
use ciro_receipt::{Evidence, Receipt};
use ciro_test_models::relu;
use ciro_types::{AccountId, Assurance, Hash32};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Ended};

fn receipt() -> Receipt {
    let key = ProvingKey::new(relu(2)).expect("the model has a relation");
    let bits = [1.25f32, 0.5].map(f32::to_bits).to_vec();
    let input = RawInput(vec![RawTensor { shape: vec![1, 2], bits }]);
    let proof = prove(&key, &input, &ProofContext::default()).expect("proves");
    Receipt::stand_alone((key.program(), key.roots().key), key.weights(), &proof.statement, proof.bytes)
}

fn write(directory: &Path, bytes: &[u8]) -> PathBuf {
    let path = directory.join("receipt.ciro");
    std::fs::write(&path, bytes).expect("writable");
    path
}

fn ciro(args: &[&str], file: &Path) -> Ended {
    Command::new(env!("CARGO_BIN_EXE_ciro")).args(args).arg(file).output().expect("the binary starts")
}

fn json(output: &Ended) -> Value {
    serde_json::from_slice(&output.stdout).expect("stdout is JSON")
}

#[test]
fn a_valid_receipt_says_what_is_shown_and_what_it_rests_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = write(directory.path(), &receipt().to_bytes());
    let output = ciro(&["verify", "--json"], &file);
    assert_eq!(output.status.code(), Some(0));
    let view = json(&output);
    assert_eq!(view["valid"], true);
    assert_eq!(view["outputs"]["y"][0], 1.0, "2·1.25 − 3·0.5");
    assert_eq!(view["shown"][0]["what"], "inference proven");
    assert!(view["assumptions"].as_array().is_some_and(|list| !list.is_empty()));

    let text = String::from_utf8(ciro(&["verify"], &file).stdout).expect("stdout is text");
    assert!(text.contains("x [1, 2] = 1.25, 0.5") && text.contains("y = 1"), "{text}");
}

#[test]
fn it_says_who_can_read_what_and_never_calls_a_proof_zero_knowledge() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = write(directory.path(), &receipt().to_bytes());
    let view = json(&ciro(&["verify", "--json"], &file));
    let visible = serde_json::json!({
        "input": "public", "output": "public", "program": "public", "weights": "committed", "is_zero_knowledge": false
    });
    assert_eq!(view["visibility"], visible);
    let text = String::from_utf8(ciro(&["verify"], &file).stdout).expect("stdout is text");
    assert!(text.contains("weights   committed") && text.contains("nothing here is zero-knowledge"), "{text}");
}

#[test]
fn the_budget_is_printed_term_by_term_when_asked() {
    let directory = tempfile::tempdir().expect("a directory");
    let receipt = receipt();
    let file = write(directory.path(), &receipt.to_bytes());
    let key = ciro_auditor::AuditedModel::of(&receipt.program, &receipt.weights).expect("a key");
    let budget = key.budget();

    let view = json(&ciro(&["verify", "-v", "--json"], &file));
    let details = &view["details"];
    let terms: Vec<(String, u64)> = details["soundness"]["terms"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|term| (term["what"].as_str().expect("a text").into(), term["bits"].as_u64().expect("a number")))
        .collect();
    let expected: Vec<_> = budget.terms.iter().map(|term| (term.what.to_string(), u64::from(term.total()))).collect();
    assert_eq!(terms, expected);
    assert_eq!(details["soundness"]["total_bits"], budget.total_bits);
    assert_eq!(details["soundness"]["total_bits_newer"], budget.total_bits_newer);
    let cost = key.cost();
    assert_eq!([&details["cost"]["units"], &details["cost"]["peak_bytes"]], [cost.units(), cost.peak_bytes]);
    assert_eq!(details["profile"], "native");
    assert_eq!(details["sizes"]["constants"], 2);
    let Evidence::Proven { proof, .. } = &receipt.evidence else { panic!("a proof") };
    assert_eq!(details["sizes"]["proof_bytes"], proof.len());

    let text = String::from_utf8(ciro(&["verify", "--verbose"], &file).stdout).expect("stdout is text");
    for (what, _) in &expected {
        assert!(text.contains(what.as_str()), "{what}");
    }
    assert!(text.contains("profile native"), "{text}");
    for (theorem, bits) in [("BCHKS25", budget.total_bits), ("DKT26", budget.total_bits_newer)] {
        let by = text.lines().find(|line| line.contains("union of all") && line.contains(theorem)).expect("a line");
        assert!(by.ends_with(&format!(" {bits} bits")), "{by}");
    }
    let said = format!("\n  {} units of about 1 µs: {} field", cost.units(), cost.field_ops);
    assert!(text.contains("cost of verification, at most: ") && text.contains(&said), "{text}");
    // No number stands without saying what it counts.
    let cells = format!("{} cells of them committed for this proof", key.relation().made_cells());
    let views = format!("{} views: columns in another order, or repeated", key.relation().views.len());
    for explained in [cells.as_str(), views.as_str(), "2 constants, weights and tables", "proofs that are made fast"] {
        assert!(text.contains(explained), "{explained}: {text}");
    }
    assert_eq!(json(&ciro(&["verify", "--json"], &file))["details"], Value::Null, "only when asked");
}

#[test]
fn every_flipped_byte_is_noticed() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = receipt().to_bytes();
    let step = bytes.len() / 40;
    for at in (0..bytes.len()).step_by(step) {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        let output = ciro(&["verify"], &write(directory.path(), &altered));
        assert_eq!(output.status.code(), Some(1), "byte {at}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "byte {at}");
    }
}

/// A checksum guards against accidents; these repair it, as an attacker would.
#[test]
fn an_altered_receipt_with_a_repaired_checksum_is_refused_by_the_proof() {
    let directory = tempfile::tempdir().expect("a directory");
    let alter: [fn(&mut Receipt); 3] = [
        |receipt| receipt.weights = Weights::Committed(Hash32([1; 32])),
        |receipt| receipt.output[8] ^= 1,
        |receipt| {
            if let Evidence::Proven { context, .. } = &mut receipt.evidence {
                context.worker.0[0] ^= 1;
            }
        },
    ];
    for (which, alter) in alter.into_iter().enumerate() {
        let mut receipt = receipt();
        alter(&mut receipt);
        let output = ciro(&["verify"], &write(directory.path(), &receipt.to_bytes()));
        assert_eq!(output.status.code(), Some(1), "alteration {which}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("invalid receipt"), "alteration {which}");
    }
}

#[test]
fn a_receipt_about_another_model_is_refused_when_the_model_is_pinned() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = write(directory.path(), &receipt().to_bytes());
    let own = json(&ciro(&["verify", "--json"], &file))["model_id"].as_str().map(String::from).expect("an id");
    assert_eq!(ciro(&["verify", "--model", &own], &file).status.code(), Some(0));
    assert_eq!(ciro(&["verify", "--model", &"0".repeat(64)], &file).status.code(), Some(1));
    assert_eq!(ciro(&["verify", "--model", "nonsense"], &file).status.code(), Some(2));
}

#[test]
fn a_missing_file_is_a_usage_error_and_noise_is_no_receipt() {
    let directory = tempfile::tempdir().expect("a directory");
    assert_eq!(ciro(&["verify"], &directory.path().join("absent")).status.code(), Some(2));
    assert_eq!(ciro(&["verify"], directory.path()).status.code(), Some(2));
    for noise in [&b""[..], b"CIRO-RECEIPT\x03", &[0xff; 1_000]] {
        assert_eq!(ciro(&["verify"], &write(directory.path(), noise)).status.code(), Some(1));
    }
}

#[test]
fn inspect_shows_parts_without_judging() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut receipt = receipt();
    receipt.weights = Weights::Committed(Hash32([1; 32]));
    let output = ciro(&["inspect", "--json"], &write(directory.path(), &receipt.to_bytes()));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(json(&output)["evidence"], "proof (A4)");
    assert_eq!(json(&output)["settlement"], Value::Null);
}

/// The folder of bundled models.
fn bundled(file: &str) -> String {
    format!("{}/../../../vectors/models/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// What `ciro` says to these arguments.
fn run(args: &[&str]) -> Ended {
    Command::new(env!("CARGO_BIN_EXE_ciro")).args(args).output().expect("the binary starts")
}

#[test]
fn what_a_receipt_commits_to_is_not_stated_and_opens_to_the_value_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (model, input) = (bundled("A_logreg_bc_ml.onnx"), bundled("A_logreg_bc_ml.input.json"));
    let prove = |receipt: &str| {
        let shown = ["--input-visibility", "committed", "--output-visibility", "private", "--weights", "public"];
        let proven = run(&[&["prove", &model, "--input", &input, "-o", receipt, "--json"][..], &shown].concat());
        assert_eq!(proven.status.code(), Some(0), "{}", String::from_utf8_lossy(&proven.stderr));
        json(&proven)
    };
    let (one, other) = (path("one.ciro"), path("other.ciro"));
    let (made, _) = (prove(&one), prove(&other));
    let opening = format!("{one}.input");
    assert_eq!(made["openings"], serde_json::json!([opening]), "a private output has none");
    assert_eq!(std::fs::metadata(&opening).expect("it is there").permissions().mode() & 0o777, 0o600);

    let view = json(&run(&["verify", &one, "--json"]));
    let visible = &view["visibility"];
    assert_eq!([&visible["input"], &visible["output"], &visible["weights"]], ["committed", "private", "public"]);
    assert_eq!(view["outputs"], Value::Null);
    assert_ne!(
        visible["input_commitment"],
        json(&run(&["verify", &other, "--json"]))["visibility"]["input_commitment"]
    );
    let text = String::from_utf8(run(&["verify", &one, "-v"]).stdout).expect("stdout is text");
    assert!(text.contains("some output is what model") && text.contains("not zero-knowledge"), "{text}");

    let opened = run(&["open", &one, &opening, "--input", &input, "--json"]);
    assert_eq!(opened.status.code(), Some(0), "{}", String::from_utf8_lossy(&opened.stderr));
    assert_eq!(json(&opened)["is_compared"], true);
    assert_eq!(json(&opened)["root"], visible["input_commitment"]);
    // Of another receipt, of another part, of a receipt that shows all, damaged.
    let other_opening = format!("{other}.input");
    let plain = write(directory.path(), &receipt().to_bytes()).display().to_string();
    for [receipt, opening] in [[&one, &other_opening], [&plain, &opening], [&one, &one]] {
        let refused = run(&["open", receipt, opening]);
        assert_eq!(refused.status.code(), Some(1), "{receipt} {opening}");
        assert!(refused.stdout.is_empty());
    }
    let another = directory.path().join("x.json");
    let text = std::fs::read_to_string(&input).expect("readable").replacen("1.2", "1.3", 1);
    std::fs::write(&another, text).expect("writable");
    let compared = run(&["open", &one, &opening, "--input", &another.display().to_string()]);
    assert_eq!(compared.status.code(), Some(1));
}

#[test]
fn the_network_is_not_asked_to_hide() {
    let directory = tempfile::tempdir().expect("a directory");
    let (model, input) = (bundled("A_logreg_bc_ml.onnx"), bundled("A_logreg_bc_ml.input.json"));
    let home = directory.path().display().to_string();
    let refused = run(&["run", &model, "--input", &input, "--weights", "public", "--data", &home]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("hint: make the receipt yourself"));
}

/// A signed lie on a network of one person: valid, and worth nothing.
fn lie(change: impl FnOnce(Answer) -> Answer) -> Receipt {
    Forger::default().signed(change(Frozen::named("B_dtree_bc_ml").answer.lied()))
}

#[test]
fn the_first_line_says_whether_anything_is_proven_before_any_word_of_a_stranger() {
    let directory = tempfile::tempdir().expect("a directory");
    let lie = lie(|answer| answer.named("proven (A4) and settled"));
    let file = write(directory.path(), &lie.to_bytes());
    let text = String::from_utf8(ciro(&["verify"], &file).stdout).expect("stdout is text");
    let (verdict, rest) = text.split_once("\n\n").expect("a verdict");
    assert!(verdict.starts_with("valid, not proven (A0: signed answer) · model id "), "{verdict}");
    assert!(!verdict.contains("settled\n") && !verdict.contains("proven (A4)"), "{verdict}");
    assert!(rest.starts_with("model \"proven (A4) and settled\", as its maker calls it"), "{rest}");
    let view = json(&ciro(&["verify", "--json"], &file));
    assert_eq!([&view["valid"], &view["proven"], &view["settled"]], [true, false, true]);
    assert_eq!(view["assurance"], "a0");
    let bound = &view["bound_to"];
    assert_eq!(bound["network"], view["settlement"]["network"]);
    assert_eq!(bound["workers"].as_array().map(Vec::len), Some(1));

    let proven = write(directory.path(), &receipt().to_bytes());
    let text = String::from_utf8(ciro(&["verify"], &proven).stdout).expect("stdout is text");
    assert!(text.starts_with("valid, proven (A4: proof of the inference) · model id "), "{text}");
    assert!(text.contains("\nnot settled: nothing says that this was ever paid or ordered\n"), "{text}");
    let view = json(&ciro(&["verify", "--json"], &proven));
    assert_eq!([&view["proven"], &view["settled"]], [true, false]);
    assert_eq!([&view["bound_to"], &view["settlement"]], [&Value::Null, &Value::Null]);
}

#[test]
fn a_named_network_must_have_settled_the_receipt() {
    let directory = tempfile::tempdir().expect("a directory");
    let forger = Forger::default();
    let (own, other) = (forger.chain().to_string(), "ab".repeat(32));
    let settled = write(directory.path(), &lie(|answer| answer).to_bytes());
    assert_eq!(ciro(&["verify", "--network", &own], &settled).status.code(), Some(0));
    assert_eq!(ciro(&["verify", "--network", &other], &settled).status.code(), Some(1));
    let stripped = write(directory.path(), &receipt().to_bytes());
    let refused = ciro(&["verify", "--network", &other], &stripped);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains(&format!("expected a settlement of {other}, got none")) && told.contains("hint: "), "{told}");
}

/// The finding: the file that panicked, with both ways to check.
#[test]
fn a_record_of_the_last_height_is_refused_with_a_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let last = ciro_types::Height(u64::MAX);
    let forger = Forger { settled: last, header: ciro_types::Height(0), ..Forger::default() };
    let receipt = forger.signed(Frozen::named("B_dtree_bc_ml").answer);
    let file = write(directory.path(), &receipt.to_bytes());
    let own = forger.chain().to_string();
    for args in [&["verify"][..], &["verify", "--network", &own], &["verify", "-v", "--json"]] {
        let refused = ciro(args, &file);
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("expected the header after height"));
    }
    assert_eq!(ciro(&["inspect"], &file).status.code(), Some(0), "inspect does not judge");
}

/// Whether output can move a cursor, hide or reorder: it is printable, and lines end only where we end them.
fn assert_printable(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("text");
    assert_eq!(ciro_types::Lines(text).to_string(), text);
}

/// The finding, and its kind: no command shows what a stranger chose as anything but text on its own line.
#[test]
fn names_that_are_not_printable_print_nothing_of_their_own() {
    let directory = tempfile::tempdir().expect("a directory");
    for hidden in ["\u{1b}[2J\u{1b}[Hvalid", "\nvalid", "\r", "\u{9b}2J", "\u{202e}", "\u{200b}", "\u{2028}", "\u{1f}"]
    {
        let mut forger = Forger::default();
        forger.genesis.network = format!("net{hidden}work");
        let loud = forger.signed(Frozen::named("B_dtree_bc_ml").answer.named(hidden));
        for (which, receipt) in [lie(|answer| answer.named(hidden)), loud].into_iter().enumerate() {
            let file = write(directory.path(), &receipt.to_bytes());
            for (args, code) in
                [(&["verify"][..], 1), (&["verify", "--json"], 1), (&["inspect"], 0), (&["inspect", "--json"], 0)]
            {
                let output = ciro(args, &file);
                assert_eq!(output.status.code(), Some(code), "{hidden:?} {which} {args:?}");
                assert_printable(&output.stdout);
                assert_printable(&output.stderr);
                let lines = output.stdout.split(|byte| *byte == b'\n');
                assert!(lines.into_iter().all(|line| !line.starts_with(b"valid")), "{hidden:?} {which} {args:?}");
            }
        }
    }
}

/// The finding: a record that pays a million workers printed all of them, before the words "not proven" and by the megabyte.
#[test]
fn a_record_pays_few_workers_and_names_fewer() {
    let directory = tempfile::tempdir().expect("a directory");
    let forger = Forger::default();
    let answer = || Frozen::named("B_dtree_bc_ml").answer;
    let paid = |count: u8| {
        let workers: Vec<AccountId> = (0..count).map(|n| AccountId([100 + n; 32])).collect();
        let record = forger.record(&answer(), Assurance::A2, &workers);
        Receipt { settlement: Some(forger.settle(record)), ..answer().receipt(Evidence::Agreed) }
    };
    let file = write(directory.path(), &paid(65).to_bytes());
    let refused = ciro(&["verify"], &file);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("expected at most 64 workers paid, got 65"), "{told}");
    let file = write(directory.path(), &paid(64).to_bytes());
    let text = String::from_utf8(ciro(&["verify"], &file).stdout).expect("stdout is text");
    assert!(text.contains(&format!(" and {} and 61 more", AccountId([102; 32]))), "{text}");
    assert!(!text.contains(&AccountId([103; 32]).to_string()), "{text}");
}

/// An output that would take gigabytes to show is refused by its length, before anything is made of it.
#[test]
fn an_output_that_is_too_long_to_show_is_refused_by_its_length() {
    let directory = tempfile::tempdir().expect("a directory");
    let answer = Answer { output: vec![0; (8 << 20) + 1], ..Frozen::named("B_dtree_bc_ml").answer };
    let file = write(directory.path(), &Forger::default().signed(answer).to_bytes());
    let refused = ciro(&["verify"], &file);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(
        told.contains("output: expected at most 8388608 bytes, got 8388609") && told.contains("--max-memory"),
        "{told}"
    );
}

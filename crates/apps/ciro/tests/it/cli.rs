//! The command line as a script sees it: exit codes, and what goes to which stream.

use std::path::Path;
use std::process::{Command, Output};

fn ciro(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ciro")).args(args).env("CIRO_HOME", home).output().expect("the binary starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("stdout is text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("stderr is text")
}

#[test]
fn an_unknown_command_is_a_usage_error_and_says_nothing_on_stdout() {
    let home = tempfile::tempdir().expect("a directory");
    let output = ciro(home.path(), &["frobnicate"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("frobnicate"));
}

#[test]
fn help_is_data_and_names_the_exit_codes() {
    let home = tempfile::tempdir().expect("a directory");
    let output = ciro(home.path(), &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("3 network unreachable"));
    assert_eq!(stderr(&output), "");
}

#[test]
fn completions_are_a_script_for_each_shell() {
    let home = tempfile::tempdir().expect("a directory");
    for shell in ["bash", "zsh", "fish"] {
        let output = ciro(home.path(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(stdout(&output).contains("wallet"), "{shell}");
        for attacker in ["gap-flood", "full-disk"] {
            assert!(stdout(&output).contains(attacker), "{shell}: {attacker}");
        }
    }
    let help = stdout(&ciro(home.path(), &["attack", "--help"]));
    assert!(!help.contains("gap-flood, "), "the list is `ciro attack --list`: {help}");
}

#[test]
fn a_network_is_named_by_its_chain_id() {
    let home = tempfile::tempdir().expect("a directory");
    let output = ciro(home.path(), &["verify", "receipt.ciro", "--network", "local"]);
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(told.contains("a chain id, no name") && told.contains("`ciro inspect` prints it"), "{told}");
}

#[test]
fn a_wallet_is_made_once_is_private_and_survives() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().expect("a directory");
    let made = ciro(home.path(), &["wallet", "new", "--json"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let made: serde_json::Value = serde_json::from_str(&stdout(&made)).expect("--json is JSON");

    let file = home.path().join("wallet.json");
    let mode = std::fs::metadata(&file).expect("the file exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let shown = ciro(home.path(), &["wallet", "show", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&stdout(&shown)).expect("--json is JSON");
    assert_eq!(made["account"], shown["account"]);

    let again = ciro(home.path(), &["wallet", "new"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("hint: show it"), "{}", stderr(&again));
}

#[test]
fn a_wallet_that_others_can_read_or_that_was_altered_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().expect("a directory");
    ciro(home.path(), &["wallet", "new"]);
    let file = home.path().join("wallet.json");

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("chmod works");
    let output = ciro(home.path(), &["wallet", "show"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("chmod 600"));

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("chmod works");
    let text = std::fs::read_to_string(&file).expect("readable").replace("\"version\": 1", "\"version\": 2");
    std::fs::write(&file, text).expect("writable");
    assert_eq!(ciro(home.path(), &["wallet", "show"]).status.code(), Some(1));
}

#[test]
fn errors_are_json_on_stderr_when_asked() {
    let home = tempfile::tempdir().expect("a directory");
    let output = ciro(home.path(), &["wallet", "show", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let body: serde_json::Value = serde_json::from_str(&stderr(&output)).expect("stderr is JSON");
    assert_eq!(body["error"]["kind"], "failed");
    assert!(body["error"]["hint"].as_str().is_some_and(|hint| hint.contains("ciro wallet new")));
}

fn bundled(name: &str) -> String {
    format!("{}/../../../vectors/models/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn profile_and_bits_are_part_of_the_model_and_come_too_late_for_a_compiled_folder() {
    let home = tempfile::tempdir().expect("a directory");
    let path = |name: &str| home.path().join(name).display().to_string();
    let (model, folder, receipt) = (bundled("A_logreg_bc.onnx"), path("folder"), path("receipt"));
    let input = bundled("A_logreg_bc.input.json");
    let id = |option: &str, value: &str| {
        let output = ciro(home.path(), &["compile", &model, "-o", &folder, option, value, "--json"]);
        let view: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("--json is JSON");
        view["model_id"].as_str().map(String::from).expect("an id")
    };
    let (native, chain, strong) = (id("--profile", "native"), id("--profile", "chain"), id("--bits", "128"));
    assert_eq!(native, id("--bits", "100"));
    assert!(native != chain && native != strong);

    let output =
        ciro(home.path(), &["prove", &model, "--input", &input, "-o", &receipt, "--profile", "chain", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let view: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("--json is JSON");
    let messages = view["messages"].as_array().expect("a list");
    let bytes: u64 = messages.iter().filter_map(|message| message["bytes"].as_u64()).sum();
    assert_eq!(Some(bytes), view["proof_bytes"].as_u64(), "every byte belongs to a message");
    let verified = ciro(home.path(), &["verify", "-v", "--model", &chain, &receipt]);
    assert!(stdout(&verified).contains("profile chain"), "{}", stdout(&verified));
    // What compiling says that verifying costs is what the receipt's reader is told.
    let compiled = stdout(&ciro(home.path(), &["compile", &model, "-o", &folder, "--profile", "chain"]));
    let said = compiled.lines().find(|line| line.contains(" units of about 1 µs: ")).expect("the cost").trim();
    assert!(stdout(&verified).contains(said), "{said}");

    let output = ciro(home.path(), &["prove", &model, "--input", &input, "-o", &receipt, "--bits", "128"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let verified = stdout(&ciro(home.path(), &["verify", "-v", "--model", &strong, &receipt]));
    assert!(verified.contains("(128 bits wanted)") && verified.contains(" of them work"), "{verified}");

    for late in [["--profile", "chain"], ["--bits", "128"], ["--dim", "n=3"]] {
        let output = ciro(home.path(), &["prove", &folder, "--input", &input, "-o", &receipt, late[0], late[1]]);
        assert_eq!(output.status.code(), Some(2), "{late:?}");
        assert!(stderr(&output).contains("compiled already"), "{}", stderr(&output));
    }
}

#[test]
fn a_precision_that_changes_nothing_is_said_to() {
    let home = tempfile::tempdir().expect("a directory");
    let told = |model: &str, precision: &[&str]| {
        let (model, folder) = (bundled(model), home.path().join("folder").display().to_string());
        let output = ciro(home.path(), &[&["compile", &model, "-o", &folder], precision].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        format!("{}{}", stdout(&output), stderr(&output))
    };
    let said = "changes nothing";
    assert!(told("B_dtree_bc.onnx", &["--precision", "exact"]).contains(said));
    assert!(!told("B_dtree_bc.onnx", &[]).contains(said));
    assert!(!told("F_lenet_digits.onnx", &["--precision", "exact"]).contains(said), "a network has precisions");
}

/// The smallest models differ by less than what random positions of queries share of their paths.
#[test]
fn the_chain_profile_makes_the_smaller_proof_of_a_forest() {
    let home = tempfile::tempdir().expect("a directory");
    let (model, input) = (bundled("D_xgb_bc.onnx"), bundled("D_xgb_bc.input.json"));
    let receipt = home.path().join("receipt").display().to_string();
    let bytes = |profile: &str| {
        let args = ["prove", &model, "--input", &input, "-o", &receipt, "--profile", profile, "--json"];
        let output = ciro(home.path(), &args);
        let view: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("--json is JSON");
        view["proof_bytes"].as_u64().expect("a size")
    };
    let (native, chain) = (bytes("native"), bytes("chain"));
    assert!(chain < native - native / 20, "native {native}, chain {chain}");
}

#[test]
fn bench_prove_measures_each_model_and_lists_what_fails() {
    let home = tempfile::tempdir().expect("a directory");
    let good = bundled("A_logreg_bc.onnx");
    let bad = home.path().join("noise.onnx");
    std::fs::write(&bad, "no model").expect("writable");
    let bad = bad.display().to_string();
    let bench = |more: &[&str]| {
        let args = ["bench", "prove", "--only", "models", "--runs", "1", "--models", &good, &bad];
        let output = ciro(home.path(), &[&args, more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let view: serde_json::Value = serde_json::from_str(&bench(&["--json"])).expect("--json is JSON");
    let [row, failed] = view["models"].as_array().expect("a list").as_slice() else { panic!("two rows: {view}") };
    let bytes = row["figures"]["proof_bytes"].as_u64().expect("a number");
    assert_eq!(row["figures"]["proof_felts"].as_u64(), Some(bytes.div_ceil(31)));
    assert_eq!(row["figures"]["runs"], 1);
    assert!(row["figures"]["constants"].as_u64().is_some_and(|count| count > 30), "{row}");
    assert!(row["figures"]["phases"].is_null(), "{row}");
    assert!(failed["figures"].is_null(), "{failed}");
    assert!(failed["error"].as_str().is_some_and(|error| error.contains("not an ONNX model")), "{failed}");

    let page = bench(&["--markdown", "--profile", "chain", "--phases"]);
    let phases: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| A_logreg_bc | ")?.split(" |").next()).collect();
    let expected = ["witness", "commitment", "lookups", "constraints", "products", "gathers", "batch", "opening"];
    assert_eq!(phases[1..], expected, "{page}");
    assert!(page.contains("| A_logreg_bc | ") && page.contains("- noise: "), "{page}");
    let row = page.lines().find(|line| line.starts_with("| A_logreg_bc")).expect("a row");
    let chain: u64 = row.split('|').nth(7).and_then(|cell| cell.trim().parse().ok()).expect("proof bytes");
    assert_ne!(chain, bytes, "another profile, other parameters");
}

#[test]
fn ops_lists_both_domains_with_what_onnx_tests_found() {
    let home = tempfile::tempdir().expect("a directory");
    let output = ciro(home.path(), &["ops", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("--json is JSON");
    let rows = rows.as_array().expect("a list");
    let row = |operator: &str| rows.iter().find(|row| row["operator"] == operator).expect("listed");
    assert!(row("Conv")["tests"]["agree"].as_u64().is_some_and(|agree| agree > 0));
    assert_eq!(row("TreeEnsembleClassifier")["domain"], "ai.onnx.ml");
    assert!(rows.iter().all(|row| row["operator"] != "NonZero"), "what is not supported is not listed");
    assert_eq!(stdout(&ciro(home.path(), &["ops"])).lines().count(), rows.len());
}

#[test]
fn a_dimension_is_a_name_and_a_size() {
    let home = tempfile::tempdir().expect("a directory");
    for wrong in ["sequence", "sequence=", "sequence=many", "sequence=-1"] {
        let output = ciro(home.path(), &["compile", "m.onnx", "-o", "m", "--dim", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(stderr(&output).contains("NAME=SIZE"), "{wrong}: {}", stderr(&output));
    }
}

#[test]
fn completions_know_the_options_of_compile_prove_and_verify() {
    let home = tempfile::tempdir().expect("a directory");
    let script = stdout(&ciro(home.path(), &["completions", "bash"]));
    for option in ["--dim", "--profile", "--bits", "--verbose", "--calibration"] {
        assert!(script.contains(option), "{option}");
    }
}

#[test]
fn the_reference_names_every_command() {
    let home = tempfile::tempdir().expect("a directory");
    let reference = include_str!("../../../../../docs/reference/cli.md");
    let help = stdout(&ciro(home.path(), &["--help"]));
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<_> =
        commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        assert!(reference.contains(&format!("`ciro {name}")), "docs/reference/cli.md lacks {name}");
    }
}

/// A model whose file names no columns: those of the table that calibrates it are its columns from then on.
#[test]
fn a_table_in_another_order_is_put_in_order_by_the_names_of_the_calibration() {
    let home = tempfile::tempdir().expect("a directory");
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../vectors/models/A2_linreg_diabetes.onnx");
    let table = |name: &str, columns: &[usize]| {
        let names: Vec<String> = columns.iter().map(|c| format!("column {c}")).collect();
        let cell = |row: usize, c: usize| format!("{}", ((row * 7 + c * 13) % 29) as f64 / 200.0 - 0.07);
        let row = |row: usize| columns.iter().map(|&c| cell(row, c)).collect::<Vec<_>>().join(",");
        let lines: Vec<String> = [names.join(",")].into_iter().chain((0..40).map(row)).collect();
        let path = home.path().join(name);
        std::fs::write(&path, lines.join("\n")).expect("writes");
        path.display().to_string()
    };
    let columns: Vec<usize> = (0..10).collect();
    let (straight, reversed) =
        (table("a.csv", &columns), table("b.csv", &columns.iter().rev().copied().collect::<Vec<_>>()));
    let folder = home.path().join("model").display().to_string();
    let compiled = ciro(home.path(), &["compile", model, "--calibration", &straight, "-o", &folder]);
    assert_eq!(compiled.status.code(), Some(0), "{}", stderr(&compiled));
    assert!(stdout(&compiled).contains("header of the samples"), "{}", stdout(&compiled));

    let outputs = |table: &str| {
        let receipt = home.path().join("r.ciro").display().to_string();
        let proven =
            ciro(home.path(), &["prove", &folder, "--input", table, "--sample", "3", "-o", &receipt, "--json"]);
        assert_eq!(proven.status.code(), Some(0), "{}", stderr(&proven));
        serde_json::from_str::<serde_json::Value>(&stdout(&proven)).expect("--json is JSON")["outputs"].clone()
    };
    assert_eq!(outputs(&straight), outputs(&reversed));
    let other = table("c.csv", &(1..11).collect::<Vec<_>>());
    let refused = ciro(home.path(), &["prove", &folder, "--input", &other]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("column 0"), "{}", stderr(&refused));
}

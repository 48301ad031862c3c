//! Boosters in the files of XGBoost and LightGBM, against what those libraries answer.

use crate::support::{calibrated, fixtures, numbers, read, run_doubles, stored_as};
use ciro_compile::{Compiled, Options, Rounds, Signature, compile_model};
use ciro_graph::Ingest;
use ciro_graph::render::Cell;
use serde_json::Value;
use std::path::PathBuf;

fn folder() -> PathBuf {
    fixtures().join("native")
}

fn compiled(name: &str, ending: &str) -> Compiled {
    let (model, samples) = stored_as(&folder(), name, ending);
    calibrated(&model, samples)
}

/// Compares every answer to the stored samples. A wrong branch would show: it changes a sum by the difference of two leaves.
fn check(name: &str, ending: &str, limit: f64) -> Compiled {
    let compiled = compiled(name, ending);
    let report = compiled.report.as_ref().expect("samples were given");
    let expected = report.expected.first().expect("the samples carry answers");
    assert!(expected.max_deviation <= limit, "{name}: {expected:?}");
    assert!(expected.same_class.is_none_or(|part| part >= 1.0), "{name}: {expected:?}");
    assert!(report.outputs.iter().all(|output| output.same_class.is_none_or(|part| part >= 1.0)), "{name}");
    compiled
}

#[test]
fn xgboost_json() {
    // Targets are a few hundreds.
    check("xgb_regression", "json", 1e-4);
    check("xgb_binary", "json", 5e-6);
    check("xgb_binary_full", "json", 5e-6);
    check("xgb_logitraw", "json", 2e-6);
    check("xgb_softprob", "json", 5e-6);
    check("xgb_softmax", "json", 0.0);
}

#[test]
fn xgboost_ubjson_and_random_forests() {
    check("xgb_forest", "ubj", 5e-6);
}

#[test]
fn lightgbm_text_and_json() {
    check("lgb_regression", "txt", 1e-4);
    check("lgb_binary", "txt", 5e-6);
    check("lgb_binary_full", "txt", 5e-6);
    check("lgb_multiclass", "json", 5e-6);
    check("lgb_ova", "txt", 5e-6);
}

#[test]
fn splits_by_categories_go_where_the_library_goes() {
    // Sets of categories and single ones; some samples miss theirs, or have one that was never seen.
    check("xgb_categories", "json", 5e-6);
    check("xgb_one_category", "json", 5e-6);
    check("lgb_categories", "txt", 5e-6);
    check("lgb_categories_dump", "json", 5e-6);
}

#[test]
fn counts_and_amounts_are_exponentials() {
    check("xgb_poisson", "json", 1e-4);
    check("xgb_gamma", "json", 1e-4);
    check("lgb_tweedie", "txt", 1e-4);
}

#[test]
fn dropped_trees_weigh_less_and_labels_may_be_several() {
    check("xgb_dart", "json", 5e-6);
    check("xgb_labels", "json", 5e-6);
}

#[test]
fn a_linear_booster_is_a_linear_model() {
    check("xgb_linear", "json", 1e-5);
}

#[test]
fn an_estimator_that_stopped_early_predicts_up_to_its_best_round() {
    let stopped = check("xgb_stopped", "json", 5e-6);
    assert!(stopped.notes.iter().any(|note| note.contains("up to the best iteration")), "{:?}", stopped.notes);
    // A booster that was saved by itself does not say who predicts.
    let mut document = json("xgb_stopped.json");
    document["learner"]["attributes"].as_object_mut().unwrap().remove("scikit_learn");
    let (message, hint) = refusal(document.to_string().as_bytes());
    assert!(message.contains("training stopped early") && hint.contains("--rounds all"), "{message}; {hint}");
    let taking = |rounds: Rounds, document: &Value| {
        let signature = Signature { rounds: Some(rounds), ..Signature::default() };
        compile_model(document.to_string().as_bytes(), &Options { signature, ..Options::default() }).unwrap()
    };
    let all = taking(Rounds::All, &document);
    assert!(all.notes.iter().any(|note| note.contains("all trees count")), "{:?}", all.notes);
    assert_ne!(all.model.weights, stopped.model.weights);
    assert_eq!(taking(Rounds::Best, &document).model.weights, stopped.model.weights);
    document["learner"]["gradient_booster"]["model"].as_object_mut().unwrap().remove("iteration_indptr");
    taking(Rounds::All, &document);
}

#[test]
fn lightgbm_takes_tiny_numbers_for_zero() {
    check("lgb_zeros", "txt", 1e-5);
}

/// Seconds, amounts and ids that float32 does not tell apart, many on thresholds or beside them: each branch is LightGBM's.
#[test]
fn lightgbm_reads_doubles() {
    let compiled = check("lgb_doubles", "txt", 5e-6);
    let narrowed = |x: f64| f64::from(x as f32);
    let (_, samples) = stored_as(&folder(), "lgb_doubles", "txt");
    let other = samples.inputs.iter().filter(|sample| {
        let answer = |of: &dyn Fn(f64) -> f64| {
            let numbers: Vec<f64> = sample.0[0].doubles().map(|bits| of(f64::from_bits(bits))).collect();
            run_doubles(&compiled, &numbers)
        };
        answer(&|x| x) != answer(&narrowed)
    });
    assert!(other.count() > 20, "float32 would do");
}

#[test]
fn lightgbm_averages_its_forests() {
    check("lgb_forest", "txt", 1e-4);
    check("lgb_forest_binary", "txt", 5e-6);
}

#[test]
fn a_booster_takes_missing_values_and_says_so() {
    for (name, ending) in [("xgb_binary", "json"), ("lgb_binary", "txt"), ("lgb_multiclass", "json")] {
        let (model, samples) = stored_as(&folder(), name, ending);
        let compiled = compile_model(&model, &Options::default()).unwrap();
        let input = &compiled.model.program.inputs[0];
        let missing = samples.inputs.iter().flat_map(|x| input.given(&x.0[0])).filter(|x| x == "NaN");
        assert!(missing.count() > 50, "{name} has samples with missing values");
        let reads_doubles = name.starts_with("lgb");
        let ingest = if reads_doubles { Ingest::OrderedDouble { missing: true } } else { Ingest::OrderedMissing };
        assert_eq!(input.ingest, ingest);
    }
}

#[test]
fn the_label_of_two_classes_follows_the_probability() {
    for (name, ending) in [("xgb_binary", "json"), ("lgb_binary", "txt")] {
        let compiled = compiled(name, ending);
        let (_, samples) = stored_as(&folder(), name, ending);
        for input in &samples.inputs {
            let given = compiled.model.program.inputs[0].given(&input.0[0]);
            let x: Vec<f64> = given.map(|x| x.parse().unwrap()).collect();
            let outputs = run_doubles(&compiled, &x);
            let yes = numbers(&outputs[1])[0] > 0.5;
            assert_eq!(outputs[0], [Cell::Int(i64::from(yes))], "{name}");
        }
    }
}

fn json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&read(&folder().join(name))).unwrap()
}

/// The refusal of an edited document and its hint.
fn refusal(bytes: &[u8]) -> (String, String) {
    let error = compile_model(bytes, &Options::default()).expect_err("a model that is not supported");
    (error.to_string(), error.hint().unwrap_or_default())
}

fn edited(name: &str, edit: impl FnOnce(&mut serde_json::Value)) -> (String, String) {
    let mut document = json(name);
    edit(&mut document);
    refusal(document.to_string().as_bytes())
}

#[test]
fn what_xgboost_knows_and_the_compiler_does_not_is_refused_by_name() {
    let booster =
        |name: &'static str| edited("xgb_binary.json", |d| d["learner"]["gradient_booster"]["name"] = name.into());
    assert_eq!(booster("neural").0, "XGBoost model: booster \"neural\"");
    assert!(booster("neural").1.contains("booster=\"gbtree\""));
    let unknown = edited("xgb_binary.json", |d| d["learner"]["objective"]["name"] = "count:stars".into());
    assert!(unknown.0.contains("count:stars") && unknown.1.contains("reg:squarederror"));
    let tree = |edit: fn(&mut serde_json::Value)| {
        edited("xgb_binary.json", |d| edit(&mut d["learner"]["gradient_booster"]["model"]["trees"][3]))
    };
    let (message, _) = tree(|tree| tree["split_type"][0] = 1.into());
    assert!(message.contains("categories for each split by them"), "{message}");
    assert!(tree(|tree| tree["tree_param"]["size_leaf_vector"] = "3".into()).0.contains("vectors at leaves"));
}

#[test]
fn what_lightgbm_knows_and_the_compiler_does_not_is_refused_by_name() {
    let text = String::from_utf8(read(&folder().join("lgb_binary.txt"))).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from));
        refusal(text.replace(from, to).as_bytes())
    };
    assert!(changed("objective=binary sigmoid:0.7", "objective=stars").0.contains("objective \"stars\""));
    assert!(changed("is_linear=0", "is_linear=1").0.contains("leaf_const"), "linear leaves have offsets and slopes");
    assert!(changed("decision_type=8", "decision_type=1").0.contains("the number of a category list"));
    let categorical = edited("lgb_multiclass.json", |d| {
        d["tree_info"][0]["tree_structure"]["decision_type"] = "==".into();
    });
    assert!(categorical.0.contains("expected a text"), "{categorical:?}");
}

#[test]
fn zeros_that_are_missing_and_roots_of_targets_are_read() {
    let text = String::from_utf8(read(&folder().join("lgb_binary.txt"))).unwrap();
    // Missing type Zero, default right, on a threshold that zero does not exceed.
    let torn = text.replace("decision_type=8", "decision_type=4").replace("binary sigmoid:0.7", "regression sqrt");
    let compiled = compile_model(torn.as_bytes(), &Options::default()).unwrap();
    assert_eq!(compiled.model.program.outputs.len(), 1, "the squared sum alone");
}

#[test]
fn malformed_boosters_are_refused_where_they_are_malformed() {
    let model = "/learner/gradient_booster/model";
    let edit = |path: &str, value: serde_json::Value| {
        edited("xgb_softprob.json", |d| *d.pointer_mut(&format!("{model}{path}")).unwrap() = value)
    };
    let place = "XGBoost model: file.learner.gradient_booster.model";
    assert_eq!(
        edit("/trees/0/left_children/0", 0.into()).0,
        format!("{place}.trees[0]: expected a tree, got node 0 with two parents")
    );
    assert!(edit("/trees/0/right_children/0", 999.into()).0.contains("expected children below"));
    assert!(edit("/trees/0/right_children/0", (-1).into()).0.ends_with("expected two children, got -1"));
    assert!(edit("/trees/1/split_indices/0", 13.into()).0.ends_with("expected features below 13, got 13"));
    assert!(edit("/trees/1/default_left", vec![0].into()).0.contains("expected lists of"));
    assert_eq!(edit("/tree_info/2", 3.into()).0, format!("{place}.tree_info: expected numbers below 3, got 3"));
    assert!(edit("/trees", "none".into()).0.ends_with("expected a list, got a text"));
    let base =
        |text: &str| edited("xgb_binary.json", |d| d["learner"]["learner_model_param"]["base_score"] = text.into());
    assert!(base("1E0").0.contains("expected a score that the objective can predict, got 1E0"));
    assert!(base("[0.5,0.5]").0.contains("expected 1 or 1 numbers, got 2"));

    let text = String::from_utf8(read(&folder().join("lgb_regression.txt"))).unwrap();
    let cut = |text: &str| refusal(text.as_bytes()).0;
    assert!(cut(&text.replace("end of trees", "")).contains("expected a line \"end of trees\""));
    assert!(cut(&text.replacen("num_leaves=", "num_leaves=1", 1)).starts_with("LightGBM model: tree 0, "));
    assert!(cut(&text.replace("max_feature_idx=9", "max_feature_idx=1")).contains("expected numbers below 2"));
}

#[test]
fn other_files_of_python_programs_are_recognised() {
    let safetensors = [&10u64.to_le_bytes()[..], b"{\"w\": [1]}data"].concat();
    for (file, what, line) in [
        (&b"\x80\x04\x95stuff."[..], "pickle", "joblib.load"),
        (b"x\x9cstuff", "joblib", "joblib.load"),
        (b"\x1f\x8bstuff", "joblib", "joblib.load"),
        (b"CBM1stuff", "CatBoost", "format=\"onnx\""),
        (b"{\"oblivious_trees\": []}", "CatBoost", "format=\"json\""),
        (&safetensors, "safetensors", "torch.onnx.export"),
        (b"\x08\x01\x12\x02xx", "SavedModel", "--saved-model"),
        (b"\x89HDF\r\n\x1a\nstuff", "Keras", "keras.models.load_model"),
        (b"\x1c\0\0\0TFL3stuff", "TensorFlow Lite", "--tflite"),
        (b"GGUFstuff", "GGUF", "torch.onnx.export"),
        (b"<?xml version=\"1.0\"?><PMML>", "PMML", "ciro.compile"),
    ] {
        let (message, hint) = refusal(file);
        assert!(message.contains(what), "{message}");
        assert!(hint.contains(line) && hint.lines().count() == 4, "{hint}");
    }
    assert!(refusal(b"binf\0\0\0\0").1.contains(".json"));
    assert!(refusal(b"{\"layers\": []}").0.contains("no known library"));
    assert!(refusal(b"{\"learner\": ").0.contains("expected JSON, got EOF"));
}

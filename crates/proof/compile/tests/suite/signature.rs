//! Columns by name, categories as texts, missing values by a number, and classes under their users' names.

#![expect(clippy::float_cmp, reason = "codes of categories are whole numbers")]

use crate::support::{Onnx, fixtures, floats, numbers, read, texts};
use ciro_compile::samples::{Cells, Port, Samples, Table, from_table, parse};
use ciro_compile::signature::labels_from;
use ciro_compile::{CompileError, Compiled, Options, Signature, compile_model, compile_onnx, ports, ports_for};
use ciro_execution::execute;
use ciro_graph::render::{Cell, render};
use ciro_graph::{Column, Given, RawInput, Unseen};
use serde_json::Value;

fn column(name: &str, categories: &[&str]) -> Column {
    Column { name: name.into(), categories: categories.iter().map(ToString::to_string).collect(), ..Column::default() }
}

/// A model of an age and a job.
fn people() -> Vec<Port> {
    let columns = vec![column("age", &[]), column("job", &["clerk", "nurse"])];
    vec![Port { name: "x".into(), shape: vec![1, 2], double: false, columns }]
}

fn rows(samples: &Samples) -> Vec<Vec<f32>> {
    let row = |input: &RawInput| input.0.iter().flat_map(|t| t.bits.iter().map(|&b| f32::from_bits(b))).collect();
    samples.inputs.iter().map(row).collect()
}

#[test]
fn columns_are_matched_by_name_in_every_format() {
    let expected = [[31.0, 1.0], [47.0, 0.0]];
    for (format, text) in [
        ("csv", "job,id,age\nnurse,7,31\nclerk,8,47\n"),
        ("csv", "31,nurse\n47,clerk\n"),
        ("csv", "\"job\",\"age\"\r\n\"nurse\",31\r\n\"clerk\",\"47\"\r\n"),
        ("json", r#"[{"job": "nurse", "age": 31}, {"age": 47, "job": "clerk"}]"#),
        ("json", r#"{"job": ["nurse", "clerk"], "age": [31, 47]}"#),
    ] {
        assert_eq!(rows(&parse(format, text.as_bytes(), &people()).unwrap()), expected, "{text}");
    }
    let one = parse("json", br#"{"job": "nurse", "age": 31}"#, &people()).unwrap();
    assert_eq!(rows(&one), [[31.0, 1.0]]);
}

#[test]
fn what_does_not_fit_is_named_by_its_column() {
    let refusal = |format: &str, text: &str| parse(format, text.as_bytes(), &people()).unwrap_err().to_string();
    assert_eq!(
        refusal("csv", "job,years\nnurse,31\n"),
        r#"column "age": expected a column of this name, got "job", "years""#
    );
    assert_eq!(refusal("csv", "age,job,age\n1,nurse,2\n"), r#"column "age": expected one column of this name, got 2"#);
    assert_eq!(refusal("csv", "age,job\n\nold,nurse\n"), r#"column "age": expected a number, got "old" in line 3"#);
    assert_eq!(
        refusal("json", r#"[{"age": 1, "job": "nurse"}, {"age": 2}]"#),
        r#"column "job": expected a value in every record, got none in record 1"#
    );
    let uneven = refusal("json", r#"{"age": [1, 2], "job": ["nurse"]}"#);
    assert_eq!(uneven, r#"column "job": expected 2 cells as in the first column, got 1"#);
}

#[test]
fn cells_in_quotes_hold_commas_quotes_and_line_ends() {
    let ports = [Port { columns: vec![column("age", &[]), column("job", &["a, \"b\"\nc"])], ..people()[0].clone() }];
    let samples = parse("csv", b"age,job\n1,\"a, \"\"b\"\"\nc\"\n2,\"a\"\n", &ports).unwrap();
    let rows = rows(&samples);
    assert_eq!(rows[0], [1.0, 0.0]);
    assert!(rows[1][1].is_nan(), "what was never seen is missing here");
}

#[test]
fn what_a_model_has_not_seen_is_missing_coded_or_refused() {
    let read = |unseen: Unseen, cell: Option<&str>| {
        let mut ports = people();
        ports[0].columns[1].unseen = unseen;
        let columns = vec![Cells::Numbers(vec![1.0]), Cells::Texts(vec![cell.map(String::from)])];
        let table = Table { names: vec!["age".into(), "job".into()], columns, lines: vec![] };
        from_table(&table, &ports).map(|samples| rows(&samples)[0][1]).map_err(|e| e.to_string())
    };
    assert!(read(Unseen::Missing, Some("smith")).unwrap().is_nan());
    assert_eq!(read(Unseen::Coded, Some("smith")), Ok(-1.0));
    assert_eq!(read(Unseen::Coded, None), Ok(-1.0));
    assert!(read(Unseen::Refused, None).unwrap().is_nan());
    let refusal = read(Unseen::Refused, Some("smith")).unwrap_err();
    assert_eq!(refusal, r#"column "job": expected one of "clerk", "nurse", got "smith" in row 0"#);
}

#[test]
fn categories_that_are_numbers_are_found_by_value() {
    let mut ports = people();
    ports[0].columns[1] = column("job", &["1", "5.5", "True"]);
    let read = |text: &str| rows(&parse("csv", text.as_bytes(), &ports).unwrap())[0][1];
    assert_eq!([read("age,job\n0,1.0\n"), read("age,job\n0,5.50\n"), read("age,job\n0,true\n")], [0.0, 1.0, 0.0]);
    assert_eq!(read("age,job\n0,True\n"), 2.0);
}

#[test]
fn a_number_for_missing_values_is_nan_in_every_format() {
    let mut ports = people();
    ports[0].columns = vec![Column { missing: Some((-999f64).to_bits()), ..Column::default() }; 2];
    for (format, text) in [("csv", "-999,3\n"), ("json", r#"{"x": [-999.0, 3]}"#)] {
        let row = &rows(&parse(format, text.as_bytes(), &ports).unwrap())[0];
        assert!(row[0].is_nan() && row[1] == 3.0, "{row:?}");
    }
    assert!(matches!(ports[0].columns[0].given(f64::NAN), Given::Number(number) if number == -999.0));
}

#[test]
fn one_array_serves_a_model_with_an_input_per_column() {
    let port = |name: &str| Port { name: name.into(), shape: vec![1, 1], double: false, columns: vec![] };
    let samples = parse("csv", b"1,2\n3,4\n", &[port("a"), port("b")]).unwrap();
    assert_eq!(rows(&samples), [[1.0, 2.0], [3.0, 4.0]]);
    let samples = parse("csv", b"b,a\n1,2\n", &[port("a"), port("b")]).unwrap();
    assert_eq!(rows(&samples), [[2.0, 1.0]]);
}

fn booster(edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(&read(&fixtures().join("native/xgb_binary.json"))).unwrap();
    edit(&mut document["learner"]);
    serde_json::to_vec(&document).unwrap()
}

fn named() -> Vec<u8> {
    booster(|learner| {
        let count: usize = learner["learner_model_param"]["num_feature"].as_str().unwrap().parse().unwrap();
        learner["feature_names"] = (0..count).map(|i| format!("column {i}")).collect();
    })
}

fn id(compiled: &Compiled) -> ciro_types::Hash32 {
    ciro_compile::artifact::program_digest(&compiled.model.program)
}

#[test]
fn names_of_an_xgboost_file_are_part_of_the_program() {
    let plain = compile_model(&booster(|_| {}), &Options::default()).unwrap();
    let with_names = compile_model(&named(), &Options::default()).unwrap();
    assert_eq!(plain.model.program.columns, []);
    assert_eq!(with_names.model.program.columns[3].name, "column 3");
    assert_ne!(id(&plain), id(&with_names));
    let reversed: Vec<String> = with_names.model.program.columns.iter().rev().map(|c| c.name.clone()).collect();
    let header = reversed.join(",");
    let row = (0..reversed.len()).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    let samples = parse("csv", format!("{header}\n{row}\n").as_bytes(), &ports(&named()).unwrap()).unwrap();
    assert_eq!(rows(&samples)[0][0], (reversed.len() - 1) as f32);
}

#[test]
fn classes_are_called_as_the_user_calls_them() {
    let with = |labels: &[&str]| {
        let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
        let signature = Signature { labels: Some(labels_from(&labels)), ..Signature::default() };
        compile_model(&booster(|_| {}), &Options { signature, ..Options::default() })
    };
    let label = |compiled: &Compiled| {
        let program = &compiled.model.program;
        let zeros = crate::support::raw(&vec![0.0; program.inputs[0].shape[1] as usize]);
        let run = execute(&compiled.model, &zeros).unwrap();
        render(program, &run.outputs(program)).unwrap()[0].values[0].clone()
    };
    assert!(matches!(label(&with(&["good", "bad"]).unwrap()), Cell::Text(text) if matches!(&*text, "good" | "bad")));
    assert!(matches!(label(&with(&["1", "2"]).unwrap()), Cell::Int(1 | 2)));
    assert!(matches!(label(&with(&["False", "True"]).unwrap()), Cell::Bool(_)));
    let refusal = with(&["a", "b", "c"]).unwrap_err();
    assert_eq!(refusal.to_string(), "labels: expected 2, one per class of the model, got 3");
}

#[test]
fn a_file_that_numbers_its_classes_says_so() {
    let file = read(&fixtures().join("native/lgb_binary.txt"));
    let bare = compile_model(&file, &Options::default()).unwrap();
    assert_eq!(bare.model.program.outputs[0].name, "class_index");
    assert!(bare.notes.iter().any(|note| note.contains("--labels")), "{:?}", bare.notes);
    let labels = Some(labels_from(&["good".into(), "bad".into()]));
    let named = Options { signature: Signature { labels, ..Signature::default() }, ..Options::default() };
    assert_eq!(compile_model(&file, &named).unwrap().model.program.outputs[0].name, "label");
}

#[test]
fn a_missing_value_by_a_flag_goes_where_nan_goes() {
    let missing = |number| Options {
        signature: Signature { missing: Some(number), ..Signature::default() },
        ..Options::default()
    };
    let compiled = compile_model(&booster(|_| {}), &missing(-999.0)).unwrap();
    assert!(compiled.model.program.columns.iter().all(|column| column.missing == Some((-999f64).to_bits())));
    let ports = ports_for(&booster(|_| {}), &missing(-999.0)).unwrap();
    let width = ports[0].shape[1] as usize;
    let row = vec!["-999"; width].join(",");
    let samples = parse("csv", row.as_bytes(), &ports).unwrap();
    assert!(rows(&samples)[0].iter().all(|x| x.is_nan()));
    // NaN says that no number stands for it.
    assert_eq!(compile_model(&booster(|_| {}), &missing(f64::NAN)).unwrap().model.program.columns, []);
}

/// Two columns of texts and one of numbers, as skl2onnx writes a ColumnTransformer.
fn texts_and_numbers() -> Onnx {
    Onnx::new(1)
        .edit(|model| {
            let graph = model.graph.as_mut().unwrap();
            for name in ["job", "town"] {
                let mut input = graph.input[0].clone();
                input.name = Some(name.into());
                input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().elem_type = Some(8);
                graph.input.push(input);
            }
        })
        .node("ml.OneHotEncoder job -> jobs", vec![texts("cats_strings", &["clerk", "nurse"])])
        .node(
            "ml.LabelEncoder town -> towns",
            vec![
                texts("keys_strings", &["Bern", "Rome"]),
                floats("values_floats", &[3.0, 5.0]),
                crate::support::float("default_float", -7.0),
            ],
        )
        .int_constant("flat", &[2], &[1, 2])
        .node("Reshape jobs flat -> row", vec![])
        .node("Concat x row towns -> all", vec![crate::support::int("axis", 1)])
        .node(
            "ml.LinearRegressor all -> y",
            vec![floats("coefficients", &[1.0, 10.0, 20.0, 100.0]), floats("intercepts", &[0.0])],
        )
        .outputs(&["y"])
}

#[test]
fn texts_of_an_onnx_file_are_codes_of_its_own_tables() {
    let onnx = texts_and_numbers();
    let options = Options { input_range: Some(64.0), ..Options::default() };
    let compiled = compile_onnx(&onnx.bytes(), &options).unwrap();
    let program = &compiled.model.program;
    assert_eq!(program.columns[1].categories, ["clerk", "nurse"]);
    assert_eq!((program.columns[2].name.as_str(), program.columns[2].unseen), ("town", Unseen::Coded));
    let answer = |text: &str| {
        let samples = parse("csv", text.as_bytes(), &Port::of(program)).unwrap();
        let run = execute(&compiled.model, &samples.inputs[0]).unwrap();
        numbers(&render(program, &run.outputs(program)).unwrap()[0].values)[0]
    };
    for (row, expected) in
        [("2,clerk,Bern", 312.0), ("2,nurse,Rome", 522.0), ("2,smith,Rome", 502.0), ("2,nurse,Oslo", -678.0)]
    {
        let got = answer(&format!("x,job,town\n{row}\n"));
        assert!((got - expected).abs() < 0.01, "{row}: {got}");
    }
    assert!((answer("town,x,job\nBern,2,clerk\n") - 312.0).abs() < 0.01);
}

#[test]
fn texts_that_are_read_inside_are_refused_with_their_operator() {
    let onnx = texts_and_numbers().edit(|model| {
        model.graph.as_mut().unwrap().node[0].op_type = Some("StringNormalizer".into());
    });
    let error: CompileError = compile_onnx(&onnx.bytes(), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("StringNormalizer reads inside a text"), "{error}");
    assert!(error.hint().unwrap().contains("before the model"));
}

/// A file that skl2onnx wrote of an encoder of texts.
#[test]
fn texts_of_a_pipeline_are_encoded() {
    let compiled = compile_onnx(&read(&fixtures().join("encoded_texts.onnx")), &Options::default()).unwrap();
    let colour = compiled.model.program.columns.iter().find(|column| column.name == "colour").unwrap();
    assert!(!colour.categories.is_empty() && colour.unseen == Unseen::Coded);
}

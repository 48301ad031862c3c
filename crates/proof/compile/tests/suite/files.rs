//! Sample files and compiled folders.

use crate::support::{Onnx, bundled, calibrated, read, stored};
use ciro_compile::samples::{Port, SampleProblem, Samples, load, parse};
use ciro_compile::{ArtifactError, Compiled, ports};
use std::fs;
use std::path::Path;

fn port(name: &str, shape: &[u32]) -> Port {
    Port { name: name.into(), shape: shape.to_vec(), double: false, columns: vec![] }
}

fn one() -> Vec<Port> {
    vec![port("x", &[1, 3])]
}

fn values(samples: &Samples) -> Vec<Vec<Vec<f32>>> {
    let floats = |bits: &[u32]| bits.iter().map(|&b| f32::from_bits(b)).collect();
    samples.inputs.iter().map(|input| input.0.iter().map(|tensor| floats(&tensor.bits)).collect()).collect()
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn json_holds_lists_by_position_or_by_name() {
    let read = |text: &str, ports: &[Port]| parse("json", text.as_bytes(), ports);
    let three = vec![vec![vec![1.0, 2.5, -3.0]]];
    for text in [r#"{"input_data": [[1, 2.5, -3]]}"#, r#"{"input_data": [1, 2.5, -3]}"#, r#"{"x": [[[1, 2.5, -3]]]}"#] {
        assert_eq!(values(&read(text, &one()).unwrap()), three, "{text}");
    }
    let many = read(r#"{"input_data": [[1,2,3],[4,5,6]]}"#, &one()).unwrap();
    assert_eq!(values(&many), [[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]]);
    let two = [port("a", &[1, 2]), port("b", &[1, 1])];
    for text in [r#"{"input_data": [[1,2],[3]]}"#, r#"{"b": [3], "a": [1,2]}"#] {
        assert_eq!(values(&read(text, &two).unwrap()), [[vec![1.0, 2.0], vec![3.0]]], "{text}");
    }
}

#[test]
fn json_that_does_not_fit_says_what_was_expected() {
    let refusal = |text: &str| parse("json", text.as_bytes(), &one()).unwrap_err().to_string();
    assert_eq!(refusal(r#"{"y": [1,2,3]}"#), r#"expected arrays named ["x"], got ["y"]"#);
    assert_eq!(refusal(r#"{"x": [1,2]}"#), r#"input "x": expected a multiple of 3 numbers, got 2"#);
    assert_eq!(refusal(r#"{"x": [1,"2",3]}"#), "expected numbers, got a text");
    assert_eq!(refusal("[1,2,3]"), "expected a JSON object or a list of records, got a list");
    assert!(refusal("{").starts_with("expected JSON, got EOF"));
}

#[test]
fn csv_has_a_sample_a_row_and_may_have_a_header() {
    let read = |text: &str| parse("csv", text.as_bytes(), &one());
    let two = [[[1.0, 2.0, 3.5]], [[4.0, -5.0, 6.0]]];
    assert_eq!(values(&read("1,2,3.5\n4,-5,6\n").unwrap()), two);
    assert_eq!(values(&read("\u{feff}age, \"size\",z\r\n1, 2,\"3.5\"\r\n\r\n4,-5,6").unwrap()), two);
    let refusal = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(refusal("1,2,3\n1,2,3,0\n"), "expected 3 columns, got 4 in line 2");
    assert_eq!(refusal("1,2,3\n1,oops,3\n"), "expected a number, got \"oops\" in line 2");
    assert_eq!(refusal("a,b,c\n"), "expected at least one row of numbers, got none");
}

#[test]
fn a_missing_value_is_null_or_an_empty_cell() {
    let texts = [("csv", "a,b,c\n1,,3\n"), ("csv", "1,\"\",3\n"), ("csv", "1,nan,3"), ("json", r#"{"x": [1,null,3]}"#)];
    for (format, text) in texts {
        let samples = parse(format, text.as_bytes(), &one()).unwrap();
        let row = &values(&samples)[0][0];
        assert!(row.len() == 3 && row[1].is_nan(), "{text}: {row:?}");
        assert_eq!([row[0], row[2]].map(f32::to_bits), [1.0, 3.0].map(f32::to_bits), "{text}");
    }
}

#[test]
fn numpy_arrays_of_any_number_type_and_batch() {
    let read = |bytes: &[u8]| parse("npy", bytes, &one());
    let flat = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let two = [[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]];
    assert_eq!(values(&read(&npy("<f4", "(2, 3)", &floats(&flat))).unwrap()), two);
    assert_eq!(values(&read(&npy("<f4", "(2, 1, 3)", &floats(&flat))).unwrap()), two);
    assert_eq!(values(&read(&npy("<f4", "(3,)", &floats(&flat[..3]))).unwrap()), [[[1.0, 2.0, 3.0]]]);
    let doubles: Vec<u8> = flat.iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect();
    assert_eq!(values(&read(&npy("<f8", "(2, 3)", &doubles)).unwrap()), two);
    let longs: Vec<u8> = (1i64..7).flat_map(i64::to_le_bytes).collect();
    assert_eq!(values(&read(&npy("<i8", "(2, 3)", &longs)).unwrap()), two);

    let refusal = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert_eq!(
        refusal(&npy("<f4", "(3, 2)", &floats(&flat))),
        "input \"x\": expected shape [1, 3], or [samples, 3], got shape [3, 2]"
    );
    assert_eq!(refusal(&npy("<c8", "(1, 3)", &[0; 24])), "expected an array of floats or integers, got type \"<c8\"");
    assert_eq!(refusal(&npy("<f4", "(2, 3)", &[0; 8])), "expected elements for shape [2, 3], got 2 elements");
    assert_eq!(refusal(b"PK"), "expected an array in NumPy's format, got other bytes");

    // Columns side by side.
    let fortran = String::from_utf8_lossy(&npy("<f4", "(2, 3)", &[])[10..]).replace("False", "True ");
    let mut bytes = npy("<f4", "(2, 3)", &[]);
    bytes.truncate(10);
    bytes.extend(fortran.as_bytes());
    bytes.extend(floats(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
    assert_eq!(values(&read(&bytes).unwrap()), two);
}

#[test]
fn archives_are_read_by_input_name_with_answers() {
    let (_, samples) = stored(&bundled(), "E_mlp_digits");
    let expected = samples.expected.expect("y");
    assert_eq!((samples.inputs.len(), expected.width, expected.values.len()), (32, 10, 320));
    assert_eq!(expected.row(31).map(<[f32]>::len), Some(10));
    assert_eq!(expected.row(32), None);
    // The same file for a model whose input has another name, and no array `x` by that name.
    let bytes = read(&bundled().join("E_mlp_digits.npz"));
    let error = parse("npz", &bytes, &[port("label", &[1, 3])]).unwrap_err();
    assert!(matches!(error, SampleProblem::Shape { .. }), "{error}");
    let error = parse("npz", &bytes[..200], &one()).unwrap_err();
    assert!(error.to_string().starts_with("expected a zip archive of arrays"), "{error}");
}

#[test]
fn the_first_sample_of_the_archive_is_the_stored_json_input() {
    for name in ["A_logreg_bc", "D2_xgb_digits_ml"] {
        let (onnx, samples) = stored(&bundled(), name);
        let path = bundled().join(format!("{name}.input.json"));
        let json = load(&path, &ports(&onnx).unwrap()).unwrap();
        assert_eq!(json.inputs[..], samples.inputs[..1]);
    }
}

#[test]
fn a_table_of_another_library_is_told_by_its_content() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes, way_out) in [
        ("rows.parquet", b"PAR1rows", "read_parquet"),
        ("rows.csv", b"PAR1rows", "read_parquet"),
        ("rows.x", b"ARROW1\0\0", "read_feather"),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = load(&path, &one()).unwrap_err();
        assert!(
            error.problem.hint().is_some_and(|hint| hint.contains(way_out) && hint.lines().count() == 4),
            "{error}"
        );
    }
}

#[test]
fn a_file_error_names_the_file() {
    let error = load(Path::new("nowhere/data.npz"), &one()).unwrap_err();
    assert_eq!(error.to_string(), "nowhere/data.npz: cannot be read");
    let error = load(Path::new("data.parquet"), &one()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "data.parquet: expected a file name ending in .npy, .npz, .csv or .json, got \"parquet\""
    );
}

#[test]
fn a_folder_round_trips() {
    let dir = tempfile::tempdir().unwrap();
    let (onnx, samples) = stored(&bundled(), "A_logreg_bc");
    let compiled = calibrated(&onnx, samples);
    compiled.write(dir.path()).unwrap();
    let loaded = Compiled::load(dir.path()).unwrap();
    assert!(loaded.model == compiled.model && loaded.notes == compiled.notes);
    let (before, after) = (compiled.report.unwrap(), loaded.report.unwrap());
    assert_eq!((after.samples, after.operators.len()), (before.samples, before.operators.len()));
    assert!((after.outputs[0].max_deviation - before.outputs[0].max_deviation).abs() < 1e-15);
    // A second model in the same place leaves nothing of the first.
    let other = Onnx::new(1).node("Relu x -> y", vec![]).outputs(&["y"]).compile().unwrap();
    other.write(dir.path()).unwrap();
    assert_eq!(Compiled::load(dir.path()).unwrap(), other);
}

/// Notes and report are no part of the model id, so whoever hands a folder on can write anything there.
#[test]
fn notes_and_report_of_a_folder_show_nothing_but_text_on_one_line() {
    const FORGED: &str = "a\u{1b}[2J\r\nvalid, proven (A4)\u{202e}";
    const SHOWN: &str = "a\\u{1b}[2J\\u{d}\\u{a}valid, proven (A4)\\u{202e}";
    let dir = tempfile::tempdir().unwrap();
    let (onnx, samples) = stored(&bundled(), "A_logreg_bc");
    let mut compiled = calibrated(&onnx, samples);
    compiled.notes = vec![FORGED.into()];
    let report = compiled.report.as_mut().unwrap();
    report.outputs.iter_mut().for_each(|output| output.name = FORGED.into());
    report.operators.iter_mut().for_each(|operator| operator.node = FORGED.into());
    let held_out = report.held_out.as_mut().unwrap();
    held_out.first_refused = Some(ciro_compile::report::Refused { sample: 0, reason: FORGED.into() });
    compiled.write(dir.path()).unwrap();
    let loaded = Compiled::load(dir.path()).unwrap();
    let report = loaded.report.unwrap();
    let names = report.outputs.into_iter().map(|output| output.name);
    let nodes = report.operators.into_iter().map(|operator| operator.node);
    let reason = report.held_out.unwrap().first_refused.map(|refused| refused.reason);
    let texts: Vec<String> = loaded.notes.into_iter().chain(names).chain(nodes).chain(reason).collect();
    assert!(texts.len() >= 4 && texts.iter().all(|text| text == SHOWN), "{texts:?}");
}

#[test]
fn any_changed_byte_of_a_folder_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let compiled = Onnx::new(2)
        .constant("w", &[2, 1], &[0.5, -0.75])
        .node("MatMul x w -> a", vec![])
        .node("Relu a -> y", vec![])
        .outputs(&["y"])
        .compile()
        .unwrap();
    compiled.write(dir.path()).unwrap();
    for name in ["program.bin", "weights.bin"] {
        let path = dir.path().join(name);
        let bytes = fs::read(&path).unwrap();
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1 << (i % 8);
            fs::write(&path, &changed).unwrap();
            let error = Compiled::load(dir.path()).unwrap_err();
            assert!(matches!(error, ArtifactError::Digest { .. }), "{name} byte {i}: {error}");
        }
        fs::write(&path, bytes).unwrap();
    }
    Compiled::load(dir.path()).unwrap();
}

#[test]
fn a_model_that_is_not_well_formed_is_refused_even_with_right_digests() {
    let dir = tempfile::tempdir().unwrap();
    let mut compiled = Onnx::new(2).node("Relu x -> y", vec![]).outputs(&["y"]).compile().unwrap();
    compiled.model.program.nodes[0].hi -= 1;
    compiled.write(dir.path()).unwrap();
    assert!(matches!(Compiled::load(dir.path()), Err(ArtifactError::Model(_))));
    fs::remove_file(dir.path().join("manifest.json")).unwrap();
    assert!(matches!(Compiled::load(dir.path()), Err(ArtifactError::Io { .. })));
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    let (onnx, samples) = stored(&bundled(), "D_xgb_bc_ml");
    let model = || ciro_types::encode(&calibrated(&onnx, samples.clone()).model);
    assert_eq!(model(), model());
}

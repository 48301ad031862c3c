//! ONNX's own tests of single operators, compiled and run. `tests/conformance/generate.py` writes them to a folder.

use crate::support::read;
use ciro_compile::onnx::proto::{ModelProto, TensorProto};
use ciro_compile::operators::Operator;
use ciro_compile::samples::Samples;
use ciro_compile::{Options, compile_onnx};
use ciro_execution::execute;
use ciro_graph::{OutputKind, RawInput, RawTensor};
use prost::Message;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Largest deviation allowed, of the largest expected magnitude (at least one).
const TOLERANCE: f64 = 0.02;

/// Cases that deviate, and why.
const KNOWN: &[(&str, &str)] = &[
    ("test_softmax_large_number", "one scale for numbers four orders of magnitude apart"),
    ("test_tan", "steep near its poles"),
    ("test_logsoftmax_large_number", "one scale for numbers four orders of magnitude apart"),
];

/// What the table starts with.
const HEADER: &str = "# Operators of ai.onnx that compile

ONNX's own tests of single operators write this page. Each case is compiled, run, and held against its expected result. It may
deviate by at most 2 % of the largest expected magnitude (at least one). Operands beside the first are weights where they may
be, else inputs. Cases whose tensors are not of float, int32, int64 or bool count as refused. To write it anew, see
`crates/proof/compile/tests/conformance/generate.py`.

A refused form is named with its node, and with a way out where there is one. Softmax, LogSoftmax and Tan deviate in one case
each (numbers four orders of magnitude apart at one scale; arguments near a pole).

| operator | cases that agree | refused | why others are refused |
|---|---|---|---|
";

/// How a case went.
#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    Agrees,
    Deviates(f64),
    Refused(String),
}

/// Reports every case, and writes a table by operator to the file that `CIRO_OPS` names.
#[test]
#[ignore = "needs the cases that tests/conformance/generate.py writes"]
fn conformance() {
    let dir = PathBuf::from(std::env::var("CIRO_CONFORMANCE").expect("a folder"));
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let mut deviating = Vec::new();
    let mut table: BTreeMap<String, Vec<Verdict>> = BTreeMap::new();
    for case in &cases {
        let Some((operator, verdict)) = judge(case) else { continue };
        let name = case.file_name().unwrap().to_string_lossy();
        eprintln!("{name}: {operator}: {verdict:?}");
        if matches!(verdict, Verdict::Deviates(_)) && KNOWN.iter().all(|(known, _)| *known != name) {
            deviating.push(name.to_string());
        }
        table.entry(operator).or_default().push(verdict);
    }
    if let Ok(path) = std::env::var("CIRO_OPS") {
        std::fs::write(path, rendered(&table)).unwrap();
    }
    assert!(deviating.is_empty(), "compiled, but deviating: {deviating:?}");
}

fn rendered(table: &BTreeMap<String, Vec<Verdict>>) -> String {
    let mut text = String::from(HEADER);
    for (operator, verdicts) in table {
        let agree = verdicts.iter().filter(|verdict| **verdict == Verdict::Agrees).count();
        if agree == 0 {
            continue;
        }
        assert!(Operator::of("", operator).is_some(), "{operator} is not listed");
        let mut reasons: Vec<&str> = verdicts
            .iter()
            .filter_map(|verdict| if let Verdict::Refused(reason) = verdict { Some(reason.as_str()) } else { None })
            .collect();
        let refused = reasons.len();
        reasons.sort_unstable();
        reasons.dedup();
        writeln!(text, "| {operator} | {agree} of {} | {refused} | {} |", verdicts.len(), reasons.join("; ")).unwrap();
    }
    text
}

fn tensors(case: &Path, kind: &str) -> Vec<TensorProto> {
    let path = |i: usize| case.join(format!("{kind}_{i}.pb"));
    (0..).map(path).take_while(|path| path.exists()).map(|path| TensorProto::decode(&*read(&path)).unwrap()).collect()
}

/// The only operator of a case, and how it went; `None` if it has several or is of another domain.
fn judge(case: &Path) -> Option<(String, Verdict)> {
    let model = ModelProto::decode(&*read(&case.join("model.onnx"))).ok()?;
    let graph = model.graph.as_ref()?;
    let [node] = graph.node.as_slice() else { return None };
    if !matches!(node.domain.as_deref(), None | Some("" | "ai.onnx")) {
        return None;
    }
    let operator = node.op_type.clone()?;
    let (inputs, outputs) = (tensors(case, "input"), tensors(case, "output"));
    let expected: Option<Vec<Vec<f32>>> = outputs.iter().map(floats).collect();
    let (Some(expected), false) = (expected, inputs.is_empty()) else { return None };
    // First with the other operands as weights, then with all as inputs; the better verdict counts.
    let attempts = [1, inputs.len()].map(|fed| attempt(&model, &inputs, fed, &expected));
    let [first, second] = attempts;
    Some((operator, if matches!(first, Verdict::Refused(_)) { second_of(first, second) } else { first }))
}

fn second_of(first: Verdict, second: Verdict) -> Verdict {
    if matches!(second, Verdict::Refused(_)) { first } else { second }
}

/// Numbers of a tensor, if it has numbers.
fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    let raw = tensor.raw_data.as_deref()?;
    match tensor.data_type? {
        1 => Some(raw.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect()),
        7 => Some(raw.as_chunks::<8>().0.iter().map(|&b| i64::from_le_bytes(b) as f32).collect()),
        9 => Some(raw.iter().map(|&b| f32::from(b)).collect()),
        6 => Some(raw.as_chunks::<4>().0.iter().map(|&b| i32::from_le_bytes(b) as f32).collect()),
        _ => None,
    }
}

fn attempt(model: &ModelProto, inputs: &[TensorProto], fed: usize, expected: &[Vec<f32>]) -> Verdict {
    let mut model = model.clone();
    let graph = model.graph.as_mut().unwrap();
    let named = |(tensor, info): (&TensorProto, &ciro_compile::onnx::proto::ValueInfoProto)| TensorProto {
        name: info.name.clone(),
        ..tensor.clone()
    };
    let weights: Vec<TensorProto> = inputs.iter().zip(&graph.input).skip(fed).map(named).collect();
    graph.initializer.extend(weights);
    let mut tensors = Vec::new();
    for tensor in &inputs[..fed] {
        let Some(values) = floats(tensor) else { return Verdict::Refused("inputs that are no float or int".into()) };
        let shape = tensor.dims.iter().map(|&d| d as u32).collect();
        tensors.push(RawTensor { shape, bits: values.iter().map(|v| v.to_bits()).collect() });
    }
    let input = RawInput(tensors);
    let samples = Samples { inputs: vec![input.clone()], expected: None };
    let options = Options { calibration: Some(samples), ..Options::default() };
    let compiled = match compile_onnx(&model.encode_to_vec(), &options) {
        Ok(compiled) => compiled,
        Err(error) => return Verdict::Refused(without_node(&error.to_string())),
    };
    let run = match execute(&compiled.model, &input) {
        Ok(run) => run,
        Err(error) => return Verdict::Refused(error.to_string()),
    };
    let program = &compiled.model.program;
    let mut worst = 0.0f64;
    for ((output, got), expected) in program.outputs.iter().zip(&run.outputs(program).0).zip(expected) {
        let scale =
            if let OutputKind::Fixed { frac_bits } = output.kind { (-f64::from(frac_bits)).exp2() } else { 1.0 };
        let size = expected.iter().filter(|v| v.is_finite()).fold(1.0f64, |size, v| size.max(f64::from(v.abs())));
        if got.len() != expected.len() {
            return Verdict::Deviates(f64::INFINITY);
        }
        let deviations = got.iter().zip(expected).map(|(&got, &v)| (got as f64 * scale - f64::from(v)).abs() / size);
        worst = deviations.fold(worst, f64::max);
    }
    if worst <= TOLERANCE { Verdict::Agrees } else { Verdict::Deviates(worst) }
}

/// An error's text without the node that it names.
fn without_node(error: &str) -> String {
    let text = error.split_once("): ").map_or(error, |(_, rest)| rest);
    let digits = |c: char| c.is_ascii_digit();
    // Reasons that differ in numbers only are one.
    text.split(digits).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("…")
}

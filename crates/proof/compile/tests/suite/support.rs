//! Bundled models, and ONNX models written by hand.

use ciro_compile::compile::ports_with;
use ciro_compile::onnx::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use ciro_compile::samples::{Samples, load};
use ciro_compile::{CompileError, Compiled, Options, compile_model, compile_onnx, ports};
use ciro_execution::execute;
use ciro_graph::render::{Cell, render};
use ciro_graph::{RawInput, RawTensor};
use prost::Message;
use std::path::{Path, PathBuf};

pub(crate) fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/models")
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The ONNX model `name` in a folder and its stored samples.
pub(crate) fn stored(dir: &Path, name: &str) -> (Vec<u8>, Samples) {
    stored_as(dir, name, "onnx")
}

/// As [`stored`], for a model with named dimensions.
pub(crate) fn stored_with(dir: &Path, name: &str, dims: &[(String, u32)]) -> (Vec<u8>, Samples) {
    let model = read(&dir.join(format!("{name}.onnx")));
    let samples = load(&dir.join(format!("{name}.npz")), &ports_with(&model, dims).unwrap()).unwrap();
    (model, samples)
}

/// The model file `name.ending` in a folder and its stored samples.
pub(crate) fn stored_as(dir: &Path, name: &str, ending: &str) -> (Vec<u8>, Samples) {
    let model = read(&dir.join(format!("{name}.{ending}")));
    let samples = load(&dir.join(format!("{name}.npz")), &ports(&model).unwrap()).unwrap();
    (model, samples)
}

pub(crate) fn calibrated(model: &[u8], samples: Samples) -> Compiled {
    let options = Options { calibration: Some(samples), ..Options::default() };
    compile_model(model, &options).unwrap_or_else(|e| panic!("{e}"))
}

/// An ONNX graph with input `x`.
#[derive(Clone)]
pub(crate) struct Onnx(ModelProto);

impl Onnx {
    /// With `x` of shape [1, width].
    pub(crate) fn new(width: i64) -> Self {
        Self::of(&[1, width])
    }

    /// With `x` of these dimensions.
    pub(crate) fn of(dims: &[i64]) -> Self {
        let dim = |&value: &i64| DimensionProto { dim_value: Some(value), dim_param: None };
        let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
        let tensor = TensorTypeProto { elem_type: Some(1), shape: Some(shape) };
        let input = ValueInfoProto { name: Some("x".into()), r#type: Some(TypeProto { tensor_type: Some(tensor) }) };
        let graph = GraphProto { name: Some("test".into()), input: vec![input], ..GraphProto::default() };
        let opset = OperatorSetIdProto { domain: None, version: Some(17) };
        Self(ModelProto { graph: Some(graph), opset_import: vec![opset], ..ModelProto::default() })
    }

    fn graph(&mut self) -> &mut GraphProto {
        self.0.graph.get_or_insert_default()
    }

    pub(crate) fn constant(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        self.graph().initializer.push(TensorProto {
            name: Some(name.into()),
            dims: dims.to_vec(),
            data_type: Some(1),
            float_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    pub(crate) fn int_constant(mut self, name: &str, dims: &[i64], values: &[i64]) -> Self {
        self.graph().initializer.push(TensorProto {
            name: Some(name.into()),
            dims: dims.to_vec(),
            data_type: Some(7),
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    /// A node with results named by their operator, or as given: `Op in… -> out…`. An operator `ml.Op` is of ai.onnx.ml.
    pub(crate) fn node(mut self, text: &str, attribute: Vec<AttributeProto>) -> Self {
        let (left, right) = text.split_once("->").expect("results");
        let mut words = left.split_whitespace().map(String::from);
        let operator = words.next().expect("an operator");
        let (domain, operator) = match operator.strip_prefix("ml.") {
            Some(operator) => ("ai.onnx.ml", operator.to_string()),
            None => ("", operator),
        };
        let node = NodeProto {
            input: words.collect(),
            output: right.split_whitespace().map(String::from).collect(),
            name: Some(format!("the {operator}")),
            op_type: Some(operator),
            domain: Some(domain.into()),
            attribute,
        };
        self.graph().node.push(node);
        self
    }

    pub(crate) fn outputs(mut self, names: &[&str]) -> Self {
        let output = |name: &&str| ValueInfoProto { name: Some(name.to_string()), r#type: None };
        self.graph().output = names.iter().map(output).collect();
        self
    }

    /// The model, changed.
    pub(crate) fn edit(mut self, edit: impl FnOnce(&mut ModelProto)) -> Self {
        edit(&mut self.0);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    pub(crate) fn compile(&self) -> Result<Compiled, CompileError> {
        compile_onnx(&self.bytes(), &Options::default())
    }

    pub(crate) fn compile_within(&self, range: f64) -> Compiled {
        compile_onnx(&self.bytes(), &Options { input_range: Some(range), ..Options::default() }).unwrap()
    }
}

pub(crate) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: Some(name.into()), i: Some(i), r#type: Some(2), ..AttributeProto::default() }
}

pub(crate) fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: Some(name.into()), f: Some(f), r#type: Some(1), ..AttributeProto::default() }
}

pub(crate) fn text(name: &str, s: &str) -> AttributeProto {
    AttributeProto { name: Some(name.into()), s: Some(s.into()), r#type: Some(3), ..AttributeProto::default() }
}

pub(crate) fn floats(name: &str, floats: &[f32]) -> AttributeProto {
    AttributeProto { name: Some(name.into()), floats: floats.to_vec(), r#type: Some(6), ..AttributeProto::default() }
}

pub(crate) fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: Some(name.into()), ints: ints.to_vec(), r#type: Some(7), ..AttributeProto::default() }
}

pub(crate) fn texts(name: &str, texts: &[&str]) -> AttributeProto {
    let strings = texts.iter().map(|t| t.as_bytes().to_vec()).collect();
    AttributeProto { name: Some(name.into()), strings, r#type: Some(8), ..AttributeProto::default() }
}

/// A tree `x[feature] ≤ threshold ? 1 : 2`.
pub(crate) fn stump(feature: i64, threshold: f32) -> Vec<AttributeProto> {
    vec![
        ints("nodes_treeids", &[0; 3]),
        ints("nodes_nodeids", &[0, 1, 2]),
        ints("nodes_featureids", &[feature, 0, 0]),
        ints("nodes_truenodeids", &[1, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0]),
        floats("nodes_values", &[threshold, 0.0, 0.0]),
        texts("nodes_modes", &["BRANCH_LEQ", "LEAF", "LEAF"]),
        ints("target_treeids", &[0; 2]),
        ints("target_nodeids", &[1, 2]),
        ints("target_ids", &[0; 2]),
        floats("target_weights", &[1.0, 2.0]),
    ]
}

pub(crate) fn raw(x: &[f32]) -> RawInput {
    RawInput(vec![RawTensor { shape: vec![1, x.len() as u32], bits: x.iter().map(|v| v.to_bits()).collect() }])
}

/// All outputs on one row of features.
pub(crate) fn run(compiled: &Compiled, x: &[f32]) -> Vec<Vec<Cell>> {
    run_doubles(compiled, &x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>())
}

/// As [`run`], of doubles where the model reads them.
pub(crate) fn run_doubles(compiled: &Compiled, x: &[f64]) -> Vec<Vec<Cell>> {
    let program = &compiled.model.program;
    let input = if program.inputs[0].words() == 2 {
        RawInput(vec![RawTensor::of_doubles(vec![1, x.len() as u32], x.iter().map(|x| x.to_bits()))])
    } else {
        raw(&x.iter().map(|&x| x as f32).collect::<Vec<f32>>())
    };
    let run = execute(&compiled.model, &input).unwrap_or_else(|e| panic!("{e} on {x:?}"));
    render(program, &run.outputs(program)).unwrap().into_iter().map(|output| output.values).collect()
}

/// An output of numbers.
pub(crate) fn numbers(cells: &[Cell]) -> Vec<f64> {
    let number = |cell: &Cell| match cell {
        Cell::Number(text) => text.parse().unwrap(),
        other => panic!("{other:?} is no number"),
    };
    cells.iter().map(number).collect()
}

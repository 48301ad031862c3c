//! How the cost of a proof grows: one family of models at four sizes.
//!
//! The family is a convolutional network on square images of growing side: the weights stay, the cells grow with the area.

use super::measure::{Figures, measure, timed};
use crate::error::CliError;
use ciro_compile::onnx::proto::{
    ATTRIBUTE_INTS, AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TYPE_FLOAT,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use ciro_compile::{Options, compile_onnx};
use ciro_graph::{RawInput, RawTensor};
use prost::Message as _;
use serde::Serialize;

/// Sides of the images, pixels: the area grows four times from one to the next.
const SIDES: [u32; 4] = [16, 32, 64, 128];
const CHANNELS: u32 = 8;
const CLASSES: u32 = 10;
const CONVOLUTIONS: u32 = 3;

/// One size of the family.
#[derive(Serialize)]
pub(super) struct Point {
    /// Of the image, pixels.
    pub(super) side: u32,
    pub(super) figures: Figures,
    /// Nanoseconds of proof per committed cell.
    pub(super) ns_per_cell: f64,
}

/// Measures the family, smallest first.
pub(super) fn curve(runs: usize, mut progress: impl FnMut(u32)) -> Result<Vec<Point>, CliError> {
    let point = |side| {
        progress(side);
        let (compiled, compile_ms) = timed(|| {
            let options = Options { input_range: Some(1.0), ..Options::default() };
            compile_onnx(&family(side).encode_to_vec(), &options).map_err(CliError::failed)
        });
        let figures = measure(compiled?.model, &image(side), compile_ms, runs, false)?;
        let ns_per_cell = figures.proof_ms * 1e6 / figures.witness_cells.max(1) as f64;
        Ok(Point { side, figures, ns_per_cell })
    };
    SIDES.into_iter().map(point).collect()
}

/// Numbers that look random and are always the same (SplitMix64), uniform in [-1, 1).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

fn image(side: u32) -> RawInput {
    let mut noise = Noise(u64::from(side));
    let bits = (0..side * side).map(|_| noise.next().abs().to_bits()).collect();
    RawInput(vec![RawTensor { shape: vec![1, 1, side, side], bits }])
}

/// Convolutions of 3×3 with ReLU, the mean of each channel, and a linear layer. Weights keep the variance.
fn family(side: u32) -> ModelProto {
    let mut noise = Noise(1);
    let (mut node, mut initializer) = (vec![], vec![]);
    let mut value = "x".to_string();
    for layer in 0..CONVOLUTIONS {
        let inputs = if layer == 0 { 1 } else { CHANNELS };
        let (weight, sum, next) = (format!("w{layer}"), format!("c{layer}"), format!("r{layer}"));
        initializer.push(tensor(&weight, &[CHANNELS, inputs, 3, 3], inputs * 9, &mut noise));
        let attribute = vec![ints("kernel_shape", &[3, 3]), ints("pads", &[1, 1, 1, 1])];
        node.push(operator("Conv", &[&value, &weight], &sum, attribute));
        node.push(operator("Relu", &[&sum], &next, vec![]));
        value = next;
    }
    initializer.push(tensor("head", &[CHANNELS, CLASSES], CHANNELS, &mut noise));
    node.push(operator("GlobalAveragePool", &[&value], "mean", vec![]));
    node.push(operator("Flatten", &["mean"], "flat", vec![]));
    node.push(operator("Gemm", &["flat", "head"], "y", vec![]));
    let graph = GraphProto {
        name: Some(format!("convolutions_{side}")),
        node,
        initializer,
        input: vec![port("x", &[1, 1, side, side])],
        output: vec![port("y", &[1, CLASSES])],
    };
    let opset = OperatorSetIdProto { domain: None, version: Some(17) };
    ModelProto { ir_version: Some(8), graph: Some(graph), opset_import: vec![opset], ..ModelProto::default() }
}

fn operator(kind: &str, input: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: input.iter().map(ToString::to_string).collect(),
        output: vec![output.into()],
        name: Some(output.into()),
        op_type: Some(kind.into()),
        attribute,
        domain: None,
    }
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        ints: ints.to_vec(),
        r#type: Some(ATTRIBUTE_INTS),
        ..AttributeProto::default()
    }
}

fn tensor(name: &str, dims: &[u32], fan_in: u32, noise: &mut Noise) -> TensorProto {
    let size = (3.0 / fan_in as f32).sqrt();
    TensorProto {
        name: Some(name.into()),
        dims: dims.iter().map(|&d| i64::from(d)).collect(),
        data_type: Some(TYPE_FLOAT),
        float_data: (0..dims.iter().product()).map(|_: u32| noise.next() * size).collect(),
        ..TensorProto::default()
    }
}

fn port(name: &str, dims: &[u32]) -> ValueInfoProto {
    let dim = dims.iter().map(|&d| DimensionProto { dim_value: Some(i64::from(d)), dim_param: None }).collect();
    let tensor = TensorTypeProto { elem_type: Some(TYPE_FLOAT), shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: Some(name.into()), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_grow_with_the_area_and_constants_hardly() {
        let figures = |side| {
            let options = Options { input_range: Some(1.0), ..Options::default() };
            let model = compile_onnx(&family(side).encode_to_vec(), &options).expect("the family compiles").model;
            measure(model, &image(side), 0.0, 1, false).expect("proves and verifies")
        };
        let (small, large) = (figures(16), figures(48));
        // Where more values share the tables of functions, these are finer.
        assert!(large.constants < 2 * small.constants, "{} {}", small.constants, large.constants);
        assert!(large.witness_cells > 2 * small.witness_cells, "{} {}", small.witness_cells, large.witness_cells);
        assert_eq!(small.runs, 1);
        assert_eq!(small.proof_felts, small.proof_bytes.div_ceil(31));
    }
}

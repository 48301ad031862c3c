//! From an ONNX graph to a [`Net`]: shapes inferred, steps of constants folded at once.
//!
//! | module | operators |
//! |---|---|
//! | [`products`] | Gemm, MatMul, Conv, ConvTranspose |
//! | [`pointwise`] | arithmetic and functions of single elements |
//! | [`attention`] | Attention, RotaryEmbedding |
//! | [`budget`] | none: how much a file may ask for |
//! | [`branches`] | If, and Loop with a constant number of trips |
//! | [`choices`] | Where, truth values |
//! | [`moves`] | Reshape, Transpose, Slice, Gather and everything else that moves elements |
//! | [`inputs`] | none: what goes in |
//! | [`scatter`] | elements at constant positions |
//! | [`grid`] | images read between their elements |
//! | [`quantized`] | integers of eight bits |
//! | [`resize`] | Resize, Upsample |
//! | [`einsum`] | Einsum |
//! | [`windows`] | pooling |
//! | [`volumes`] | windows over three dimensions |
//! | [`rows`] | reductions, Softmax, normalisations |
//! | [`recurrent`] | LSTM, GRU and RNN, unrolled |
//! | [`classical`] | those of ai.onnx.ml, and what becomes of class labels |
//! | [`distances`] | Scan over constant rows, as exporters spell distances to them |
//! | [`kernels`] | support vector machines |
//! | [`constants`] | what only works on constants: Shape, Range, ConstantOfShape |

mod attention;
mod branches;
mod budget;
mod builder;
mod choices;
mod classical;
mod constants;
mod ctx;
mod distances;
mod einsum;
mod grid;
mod inputs;
mod kernels;
mod moves;
mod pointwise;
mod products;
mod quantized;
mod recurrent;
mod resize;
mod rows;
mod scatter;
mod sizes;
mod volumes;
mod windows;

use super::catboost::CatBoost;
use super::onnx::{Attributes, Data, Tensor, node_at, opset};
use crate::fronts::onnx::proto::{GraphProto, ModelProto, NodeProto};
use crate::graph::array::count;
use crate::graph::net::Net;
use crate::graph::operators::{Family, Operator, family};
use crate::graph::revealed::Revealed;
use crate::terms::error::CompileError;
use builder::{Bound, Builder, is_signed};
use ctx::Ctx;
use sizes::Sizes;
use std::collections::BTreeMap;

/// Reads a model's graph. `dims` gives sizes to open dimensions, and values to inputs that are one whole number. An open first dimension
/// is one, and so are all of its name.
pub(crate) fn read(model: &ModelProto, dims: &[(String, u32)]) -> Result<Net, CompileError> {
    let empty = GraphProto::default();
    let graph = model.graph.as_ref().unwrap_or(&empty);
    let name = graph.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| "model".into());
    let net = Net { name, inputs: vec![], steps: vec![], outputs: vec![], notes: vec![] };
    let opset = opset(model);
    let (texts, classes) = (BTreeMap::new(), BTreeMap::new());
    let catboost = CatBoost::of(model);
    let sizes = Sizes::of(graph, dims);
    let bytes = BTreeMap::new();
    let mut builder = Builder {
        net,
        opset,
        is_classical: is_classical(model),
        names: BTreeMap::new(),
        texts,
        bytes,
        classes,
        catboost,
        sizes,
        left: budget::MOST_IN_ALL,
    };
    builder.constants(graph)?;
    graph.input.iter().try_for_each(|input| builder.input(input))?;
    graph.node.iter().try_for_each(|node| builder.node(node))?;
    graph.output.iter().try_for_each(|output| builder.output(output.name.as_deref().unwrap_or_default()))?;
    Ok(builder.net)
}

/// Whether a graph has operators of classical models: what is read here becomes a plan then, and no layers of a network.
pub(crate) fn is_classical(model: &ModelProto) -> bool {
    let nodes = model.graph.iter().flat_map(|graph| &graph.node);
    nodes.into_iter().any(|node| node.domain.as_deref() == Some("ai.onnx.ml"))
}

impl Builder<'_> {
    fn constants(&mut self, graph: &GraphProto) -> Result<(), CompileError> {
        for proto in &graph.initializer {
            let name = proto.name.clone().unwrap_or_default();
            self.bytes.extend(is_signed(proto).map(|signed| (name.clone(), signed)));
            let refuse = |reason| CompileError::Initializer { tensor: name.clone(), reason };
            let tensor = Tensor::read(proto).map_err(refuse)?;
            if let Data::Texts(_) = tensor.data {
                self.texts.insert(name, tensor);
                continue;
            }
            let array = tensor.into_numbers().ok_or_else(|| refuse("a constant of numbers or texts".into()))?;
            self.names.insert(name, Bound::Const(array));
        }
        Ok(())
    }

    fn node(&mut self, node: &NodeProto) -> Result<(), CompileError> {
        let at = node_at(node);
        let attributes = Attributes::new(node, at.clone());
        let mut ctx = Ctx { builder: self, node, at, attributes };
        let name = node.op_type.as_deref().unwrap_or_default();
        let Some(operator) = Operator::of(node.domain.as_deref().unwrap_or_default(), name) else {
            return Err(CompileError::Operator { at: ctx.at, hint: super::hints::hint(name) });
        };
        ctx.add(operator)?;
        ctx.attributes.finish()
    }

    fn output(&mut self, name: &str) -> Result<(), CompileError> {
        let refuse = |reason: &str| CompileError::Output { output: name.into(), reason: reason.into() };
        let value = match self.names.get(name) {
            Some(Bound::Value(id)) => *id,
            Some(Bound::Const(_)) => return Err(refuse("it does not depend on the input")),
            None => return Err(refuse("no node produces it")),
        };
        let dims = self.net.dims(value).to_vec();
        if count(&dims) == 0 {
            return Err(refuse("it is empty"));
        }
        let (value, labels) = match classical::class_of(self, value) {
            Some((index, labels)) => (index, Some(labels)),
            None => (value, crate::graph::net::labels(&self.net, value)),
        };
        self.net.outputs.push(Revealed { name: name.into(), value, dims, labels });
        Ok(())
    }
}

impl Ctx<'_, '_> {
    /// Adds the steps of a node.
    fn add(&mut self, operator: Operator) -> Result<(), CompileError> {
        match operator.family() {
            Family::Activations(operator) => pointwise::activation(self, operator),
            Family::Arithmetic(operator) => pointwise::arithmetic(self, operator),
            Family::Attention(operator) => attention::add(self, operator),
            Family::Branches(operator) => branches::add(self, operator),
            Family::Chosen(family::Chosen::ArrayFeatureExtractor) => classical::chosen(self),
            Family::Classical(_) => classical::add(self),
            Family::Constants(operator) => constants::add(self, operator),
            Family::Convolutions(family::Convolutions::Conv) => self.convolution(),
            Family::Dims(operator) => moves::reshaped(self, operator),
            Family::Distances(family::Distances::Scan) => distances::add(self),
            Family::Einsum(family::Einsum::Einsum) => einsum::add(self),
            Family::Functions(operator) => pointwise::function(self, operator),
            Family::GlobalPools(operator) => windows::add_global(self, operator),
            Family::Grid(family::Grid::GridSample) => grid::add(self),
            Family::Kernels(family::Kernels::SvmClassifier) => kernels::classifier(self),
            Family::Kernels(family::Kernels::SvmRegressor) => kernels::regressor(self),
            Family::Moves(operator) => moves::add(self, operator),
            Family::Pointwise(operator) => pointwise::add(self, operator),
            Family::Pools(operator) => self.pool(operator),
            Family::Products(operator) => products::add(self, operator),
            Family::Quantized(operator) => quantized::add(self, operator),
            Family::Recurrent(operator) => recurrent::add(self, operator),
            Family::Reductions(operator) => rows::reduction(self, operator),
            Family::Resize(operator) => resize::add(self, operator),
            Family::Rows(operator) => rows::add(self, operator),
            Family::RuntimeQuantized(operator) => quantized::of_runtime(self, operator),
            Family::Scattered(operator) => scatter::add(self, operator),
        }
    }

    fn convolution(&mut self) -> Result<(), CompileError> {
        if volumes::convolution(self)? { Ok(()) } else { products::plane_convolution(self) }
    }

    fn pool(&mut self, operator: family::Pools) -> Result<(), CompileError> {
        if volumes::pooled(self, operator)? { Ok(()) } else { windows::add(self, operator) }
    }
}

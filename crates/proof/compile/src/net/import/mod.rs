//! From an ONNX graph to a [`Net`]: shapes inferred, steps of constants folded at once.
//!
//! | module | operators |
//! |---|---|
//! | [`products`] | Gemm, MatMul, Conv, ConvTranspose |
//! | [`pointwise`] | arithmetic and functions of single elements |
//! | [`choices`] | Where, truth values |
//! | [`moves`] | Reshape, Transpose, Slice, Gather and everything else that moves elements |
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

mod choices;
mod classical;
mod constants;
mod ctx;
mod distances;
mod einsum;
mod kernels;
mod moves;
mod pointwise;
mod products;
mod recurrent;
mod resize;
mod rows;
mod volumes;
mod windows;

use super::array::{Array, count};
use super::step::{Id, Net, NetInput, NetOutput};
use crate::error::CompileError;
use crate::onnx::proto::{
    GraphProto, ModelProto, NodeProto, TYPE_BOOL, TYPE_DOUBLE, TYPE_FLOAT, TYPE_FLOAT16, TYPE_INT8, TYPE_INT32,
    TYPE_INT64, TYPE_UINT8, ValueInfoProto, type_name,
};
use crate::onnx::{Attributes, Data, Tensor};
use crate::operators::{Family, Operator};
use crate::plan::{CatBoost, Labels, node_at};
use ctx::{Bound, Ctx};

use std::collections::BTreeMap;

/// Whether the steps of an operator are repeated with the same weights, for each position of a sequence or slice of a volume.
pub(super) fn is_unrolled(operator: &str) -> bool {
    matches!(operator, "LSTM" | "GRU" | "RNN" | volumes::SLICES)
}

/// Most elements of a value.
const MAX_LEN: usize = 1 << 24;

/// The network under construction.
struct Builder<'a> {
    net: Net,
    /// Version of ai.onnx.
    opset: i64,
    names: BTreeMap<String, Bound>,
    /// Constants that are texts.
    texts: BTreeMap<String, Tensor>,
    /// Values that are numbers of classes: the class's index, and what it means.
    classes: BTreeMap<Id, (Id, Labels)>,
    /// What CatBoost means by its own files.
    catboost: Option<CatBoost>,
    /// Sizes of named dimensions.
    dims: &'a [(String, u32)],
}

/// Reads a model's graph. `dims` gives sizes to named dimensions; an open first dimension is one.
pub(crate) fn read(model: &ModelProto, dims: &[(String, u32)]) -> Result<Net, CompileError> {
    let empty = GraphProto::default();
    let graph = model.graph.as_ref().unwrap_or(&empty);
    let name = graph.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| "model".into());
    let net = Net { name, inputs: vec![], steps: vec![], outputs: vec![], notes: vec![] };
    let opset = crate::plan::opset(model);
    let (texts, classes) = (BTreeMap::new(), BTreeMap::new());
    let catboost = CatBoost::of(model);
    let mut builder = Builder { net, opset, names: BTreeMap::new(), texts, classes, catboost, dims };
    builder.constants(graph)?;
    graph.input.iter().try_for_each(|input| builder.input(input))?;
    graph.node.iter().try_for_each(|node| builder.node(node))?;
    graph.output.iter().try_for_each(|output| builder.output(output.name.as_deref().unwrap_or_default()))?;
    Ok(builder.net)
}

impl Builder<'_> {
    fn constants(&mut self, graph: &GraphProto) -> Result<(), CompileError> {
        for proto in &graph.initializer {
            let name = proto.name.clone().unwrap_or_default();
            let refuse = |reason| CompileError::Initializer { tensor: name.clone(), reason };
            let tensor = Tensor::read(proto).map_err(refuse)?;
            if let Data::Texts(_) = tensor.data {
                self.texts.insert(name, tensor);
                continue;
            }
            let array = Array::of(tensor).ok_or_else(|| refuse("a constant of numbers or texts".into()))?;
            self.names.insert(name, Bound::Const(array));
        }
        Ok(())
    }

    fn input(&mut self, info: &ValueInfoProto) -> Result<(), CompileError> {
        let name = info.name.clone().unwrap_or_default();
        // Old files list initializers among the inputs.
        if self.names.contains_key(&name) {
            return Ok(());
        }
        let (dims, whole) = self.input_type(&name, info)?;
        let id = self.net.inputs.len();
        self.net.inputs.push(NetInput { name: name.clone(), dims, whole });
        self.names.insert(name, Bound::Value(id));
        Ok(())
    }

    fn input_type(&self, name: &str, info: &ValueInfoProto) -> Result<(Vec<usize>, bool), CompileError> {
        let refuse =
            |expected: &str, got: String| CompileError::Input { input: name.into(), expected: expected.into(), got };
        let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
        let tensor = tensor.ok_or_else(|| refuse("a tensor", "another type".into()))?;
        let whole = match tensor.elem_type.unwrap_or(0) {
            // Doubles are read as float32: where that makes a difference, the program does not pass for the model.
            TYPE_FLOAT | TYPE_FLOAT16 | TYPE_DOUBLE => false,
            TYPE_INT32 | TYPE_INT64 | TYPE_BOOL | TYPE_UINT8 | TYPE_INT8 => true,
            other => {
                let expected = "a tensor of float, float16, double, int8, uint8, int32, int64 or bool";
                return Err(refuse(expected, format!("one of {}", type_name(other))));
            }
        };
        let shape = tensor.shape.as_ref().ok_or_else(|| refuse("a shape", "none".into()))?;
        let mut dims = Vec::with_capacity(shape.dim.len());
        for (i, dim) in shape.dim.iter().enumerate() {
            let given =
                self.dims.iter().find(|(name, _)| Some(name) == dim.dim_param.as_ref()).map(|(_, size)| *size as usize);
            let fixed = dim.dim_value.and_then(|d| usize::try_from(d).ok()).filter(|&d| d > 0);
            match fixed.or(given) {
                Some(d) => dims.push(d),
                // An open first dimension is the batch: one sample is proven at a time.
                None if i == 0 => dims.push(1),
                None => {
                    let named = dim.dim_param.as_deref().map_or(String::new(), |name| format!(" ({name:?})"));
                    return Err(refuse("fixed dimensions after the first", format!("an open dimension {i}{named}")));
                }
            }
        }
        let fits = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).is_some_and(|n| n <= MAX_LEN);
        if fits { Ok((dims, whole)) } else { Err(refuse("at most 16 Mi elements", format!("shape {dims:?}"))) }
    }

    fn node(&mut self, node: &NodeProto) -> Result<(), CompileError> {
        let at = node_at(node);
        let attributes = Attributes::new(node, at.clone());
        let mut ctx = Ctx { builder: self, node, at, attributes };
        let name = node.op_type.as_deref().unwrap_or_default();
        let known = match Operator::of(node.domain.as_deref().unwrap_or_default(), name) {
            Some(operator) => ctx.add(operator)?,
            None => false,
        };
        if !known {
            return Err(CompileError::Operator { at: ctx.at, hint: crate::plan::hint(name) });
        }
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
            None => (value, crate::net::step::labels(&self.net, value)),
        };
        self.net.outputs.push(NetOutput { name: name.into(), value, dims, labels });
        Ok(())
    }
}

impl Ctx<'_, '_> {
    /// Adds the steps of a node; `false` if it has a form that its importer does not know.
    fn add(&mut self, operator: Operator) -> Result<bool, CompileError> {
        let name = operator.name();
        match operator.family() {
            Family::Branch => branch(self).map(|()| true),
            Family::Chosen => classical::chosen(self).map(|()| true),
            Family::Classical => classical::add(self).map(|()| true),
            Family::Constants => constants::add(self, name),
            Family::Convolutions => Ok(volumes::add(self, name)? || products::add(self, name)?),
            Family::Distances => distances::add(self).map(|()| true),
            Family::Einsum => einsum::add(self, name),
            Family::KernelClassifier => kernels::classifier(self).map(|()| true),
            Family::KernelRegressor => kernels::regressor(self).map(|()| true),
            Family::Moves => moves::add(self, name),
            Family::Pointwise => pointwise::add(self, name),
            Family::Pools => Ok(volumes::add(self, name)? || windows::add(self, name)?),
            Family::Products => products::add(self, name),
            Family::Recurrent => recurrent::add(self, name),
            Family::Resize => resize::add(self, name),
            Family::Rows => rows::add(self, name),
            Family::Windows => windows::add(self, name),
        }
    }
}

/// The branch that a constant condition takes, in place.
fn branch(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    ctx.attributes.ignore(&["then_branch", "else_branch"]);
    let taken = match ctx.operand(0)? {
        Bound::Const(condition) => condition.scalar().is_some_and(|v| v != 0.0),
        Bound::Value(_) => {
            let hint = "export the model so that the branch is decided, or choose between both results with Where";
            return Err(ctx.form("a branch by a condition that depends on the input", hint));
        }
    };
    let name = if taken { "then_branch" } else { "else_branch" };
    let graphs = ctx.node.attribute.iter().filter(|attribute| attribute.name.as_deref() == Some(name));
    let Some(graph) = graphs.filter_map(|attribute| attribute.g.as_deref()).next_back() else {
        return Err(ctx.attributes.refuse(name, "a graph", "nothing"));
    };
    ctx.builder.constants(graph)?;
    graph.node.iter().try_for_each(|node| ctx.builder.node(node))?;
    for (i, output) in graph.output.iter().enumerate() {
        let found = ctx.builder.names.get(output.name.as_deref().unwrap_or_default()).cloned();
        let result = found.ok_or_else(|| ctx.refuse(0, "a branch with results", "none"))?;
        ctx.bind(i, result);
    }
    Ok(())
}

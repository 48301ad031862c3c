//! From an ONNX graph to a plan.

use super::leaves::LeafFunction;
use super::trees_in_tensors::Readers;
use super::{
    Elem, Id, Kind, Labels, Plan, PlanInput, PlanOutput, Step, core_ops, hints, labels, leaves, ml_ops, shares, stairs,
    trees_in_tensors,
};
use crate::error::{At, CompileError};
use crate::onnx::proto::{
    GraphProto, ModelProto, NodeProto, TYPE_DOUBLE, TYPE_FLOAT, TYPE_INT32, TYPE_INT64, ValueInfoProto, type_name,
};
use crate::onnx::{self, Attributes, Data, Tensor};
use crate::size::count_of;
use std::collections::{BTreeMap, BTreeSet};

/// Most elements of a tensor of one sample.
const MAX_LEN: usize = 1 << 24;

/// Why what only some operators read is refused to others.
const NO_NUMBERS: &str = "numbers cut off to whole ones, or a sum of scores other than to divide them by it";

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Bound {
    /// Numbers.
    Value { id: Id, dims: Vec<usize> },
    /// A class index and its meaning.
    Label { id: Id, dims: Vec<usize>, labels: Labels },
    /// Numbers cut off to whole ones: for encoders.
    Whole { id: Id, dims: Vec<usize> },
    /// What the scores `of` are divided by to add up to one; see [`super::shares`].
    Total { of: Id, dims: Vec<usize> },
    /// A truth value: whether the sum of the scores `of` is zero, or whether it is not.
    TotalTest { of: Id, is_zero: bool },
    /// One, or a multiple of it, if the sum of the scores `of` is zero, else zero.
    NoTotal { of: Id },
    /// Values of these dimensions, put together along a dimension before them: the models of an ensemble.
    Stack { ids: Vec<Id>, dims: Vec<usize> },
    /// A constant.
    Const(Tensor),
}

/// The plan under construction.
pub(super) struct Builder {
    pub(super) plan: Plan,
    /// Version of ai.onnx.
    pub(super) opset: i64,
    /// What CatBoost means by its own files and does not say in the graph.
    pub(super) catboost: Option<CatBoost>,
    names: BTreeMap<String, Bound>,
    /// Initializers of doubles: dimensions and elements.
    doubles: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
    /// Functions of a tree's leaf that are no steps yet.
    pub(super) leaf_functions: BTreeMap<String, LeafFunction>,
    /// Steps of functions of one number that are constant between thresholds.
    pub(super) stairs: BTreeSet<Id>,
    /// How many leaves and nodes these and the forests made of them have.
    pub(super) spent: usize,
}

/// What CatBoost means by its own files: missing values are below all numbers, and some predictions are other functions of the sums than
/// the file says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CatBoost {
    pub(super) exponential: bool,
    /// Whether classes have probabilities of their own, of which its files make a softmax.
    pub(super) apart: bool,
}

impl CatBoost {
    pub(crate) fn of(model: &ModelProto) -> Option<Self> {
        model.producer_name.as_deref().filter(|name| *name == "CatBoost")?;
        let parameters = model.metadata_props.iter().find(|entry| entry.key.as_deref() == Some("params"));
        let parameters = parameters.and_then(|entry| entry.value.as_deref()).unwrap_or_default();
        let parameters: serde_json::Value = serde_json::from_str(parameters).unwrap_or_default();
        let loss = parameters["loss_function"]["type"].as_str().unwrap_or_default();
        let exponential = matches!(loss, "Poisson" | "Tweedie" | "LogLinQuantile");
        Some(Self { exponential, apart: loss == "MultiClassOneVsAll" })
    }
}

/// Reads a model's graph.
pub(crate) fn plan(model: &ModelProto) -> Result<Plan, CompileError> {
    let empty = GraphProto::default();
    let graph = model.graph.as_ref().unwrap_or(&empty);
    let mut builder = Builder::new(model, graph)?;
    let readers = Readers::of(graph);
    let mut in_forests = BTreeSet::new();
    for (i, node) in graph.node.iter().enumerate() {
        if let Some(found) = trees_in_tensors::find(&builder, &readers, i) {
            in_forests.extend(found.nodes.iter().copied());
            builder.forest(found, graph);
        }
        if !in_forests.contains(&i) {
            builder.node(node)?;
        }
    }
    for output in &graph.output {
        builder.output(output.name.as_deref().unwrap_or_default())?;
    }
    Ok(builder.plan)
}

/// A node of ai.onnx.ml by itself: its steps, where its operands are `inputs`, and what its results are.
pub(crate) fn single(
    node: &NodeProto,
    operands: Vec<(String, Operand)>,
    catboost: Option<CatBoost>,
) -> Result<(Plan, Vec<Option<ResultOf>>), CompileError> {
    let plan =
        Plan { name: String::new(), inputs: vec![], steps: vec![], outputs: vec![], zeroed: vec![], notes: vec![] };
    let mut builder = Builder { catboost, ..Builder::empty(plan, 1) };
    for (name, operand) in operands {
        let id = builder.plan.inputs.len();
        let (dims, bound) = match operand {
            Operand::Constant(tensor) => (None, Bound::Const(tensor)),
            Operand::Numbers(dims) => (Some(dims.clone()), Bound::Value { id, dims }),
            Operand::Whole(dims) => (Some(dims.clone()), Bound::Whole { id, dims }),
            Operand::Class(dims, labels) => (Some(dims.clone()), Bound::Label { id, dims, labels }),
        };
        if let Some(dims) = dims {
            builder.plan.inputs.push(PlanInput { name: name.clone(), dims, double: false });
        }
        builder.names.insert(name, bound);
    }
    builder.node(node)?;
    let result = |name: &String| match builder.names.get(name)? {
        Bound::Value { id, dims } => Some(ResultOf { id: *id, dims: dims.clone(), labels: None }),
        Bound::Label { id, dims, labels } => {
            Some(ResultOf { id: *id, dims: dims.clone(), labels: Some(labels.clone()) })
        }
        Bound::Whole { .. } | Bound::Total { .. } | Bound::TotalTest { .. } | Bound::NoTotal { .. } => None,
        Bound::Stack { .. } | Bound::Const(_) => None,
    };
    let results = node.output.iter().map(result).collect();
    Ok((builder.plan, results))
}

/// What an operand of a single node is.
pub(crate) enum Operand {
    Constant(Tensor),
    /// Numbers, of these dimensions.
    Numbers(Vec<usize>),
    /// Numbers cut off to whole ones.
    Whole(Vec<usize>),
    /// The index of a class.
    Class(Vec<usize>, Labels),
}

/// What a result of a single node is: a value of its plan.
pub(crate) struct ResultOf {
    pub(crate) id: Id,
    pub(crate) dims: Vec<usize>,
    /// For the index of a class: what it means.
    pub(crate) labels: Option<Labels>,
}

/// Version of ai.onnx that a model asks for.
pub(crate) fn opset(model: &ModelProto) -> i64 {
    let of_core = |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let versions = model.opset_import.iter().filter(|import| of_core(&import.domain)).filter_map(|i| i.version);
    versions.max().unwrap_or(17)
}

impl Builder {
    fn empty(plan: Plan, opset: i64) -> Self {
        let (names, doubles, leaf_functions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { plan, opset, catboost: None, names, doubles, leaf_functions, stairs: BTreeSet::new(), spent: 0 }
    }

    fn new(model: &ModelProto, graph: &GraphProto) -> Result<Self, CompileError> {
        let name = graph.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| "model".into());
        let plan = Plan { name, inputs: vec![], steps: vec![], outputs: vec![], zeroed: vec![], notes: vec![] };
        let mut builder = Self { catboost: CatBoost::of(model), ..Self::empty(plan, opset(model)) };
        for proto in &graph.initializer {
            let name = proto.name.clone().unwrap_or_default();
            let tensor =
                Tensor::read(proto).map_err(|reason| CompileError::Initializer { tensor: name.clone(), reason })?;
            if proto.data_type == Some(TYPE_DOUBLE)
                && let Ok(values) = onnx::doubles(proto)
            {
                builder.doubles.insert(name.clone(), (tensor.dims.clone(), values));
            }
            builder.names.insert(name, Bound::Const(tensor));
        }
        for input in &graph.input {
            builder.input(input)?;
        }
        Ok(builder)
    }

    fn input(&mut self, info: &ValueInfoProto) -> Result<(), CompileError> {
        let name = info.name.clone().unwrap_or_default();
        // Old files list initializers among the inputs.
        if self.names.contains_key(&name) {
            return Ok(());
        }
        let (dims, double) = (input_dims(&name, info)?, elem_type(info) == TYPE_DOUBLE);
        let id = self.plan.inputs.len();
        self.plan.inputs.push(PlanInput { name: name.clone(), dims: dims.clone(), double });
        self.names.insert(name, Bound::Value { id, dims });
        Ok(())
    }

    fn node(&mut self, node: &NodeProto) -> Result<(), CompileError> {
        if leaves::fold(self, node)? {
            return Ok(());
        }
        let at = node_at(node);
        let attributes = Attributes::new(node, at.clone());
        let mut ctx = Ctx { builder: self, node, at, attributes };
        let operator = node.op_type.as_deref().unwrap_or_default();
        let known = match node.domain.as_deref().unwrap_or_default() {
            "" | "ai.onnx" => {
                stairs::compared(&mut ctx, operator)?
                    || labels::add(&mut ctx, operator)
                    || shares::add(&mut ctx, operator)?
                    || core_ops::add(&mut ctx, operator)?
            }
            "ai.onnx.ml" => ml_ops::add(&mut ctx, operator)?,
            _ => false,
        };
        if !known {
            return Err(CompileError::Operator { at: ctx.at, hint: hints::hint(operator) });
        }
        ctx.attributes.finish()
    }

    /// Dimensions and elements of an initializer of doubles, with all their bits.
    pub(super) fn doubles(&self, name: &str) -> Option<(&[usize], &[f64])> {
        self.doubles.get(name).map(|(dims, values)| (dims.as_slice(), values.as_slice()))
    }

    /// Whether some element of a value has more bits than float32: computed in doubles, or picked from an input of these.
    pub(super) fn is_double(&self, id: Id) -> bool {
        match self.plan.step(id) {
            None => self.plan.inputs[id].double,
            Some(Step { kind: Kind::Elem(Elem::Wide(_)), .. }) => true,
            Some(Step { kind: Kind::Pick(_) | Kind::Elem(Elem::Impute(_)), operands, .. }) => {
                operands.iter().any(|&operand| self.is_double(operand))
            }
            Some(_) => false,
        }
    }

    /// What a name stands for so far.
    pub(super) fn bound(&self, name: &str) -> Option<&Bound> {
        self.names.get(name)
    }

    /// Binds the result of a forest's last node.
    fn forest(&mut self, found: trees_in_tensors::Found, graph: &GraphProto) {
        let Some(node) = found.nodes.last().and_then(|&last| graph.node.get(last)) else { return };
        let classes = found.forest.classes;
        let kind = Kind::Trees(found.forest);
        let id = self.push(Step { at: node_at(node), kind, operands: vec![found.x], len: classes });
        if let Some(name) = node.output.first() {
            self.bind(name, Bound::Value { id, dims: vec![1, classes] });
        }
    }

    /// Appends a step.
    pub(super) fn push(&mut self, step: Step) -> Id {
        self.plan.steps.push(step);
        self.plan.id_of(self.plan.steps.len() - 1)
    }

    /// Names a result.
    pub(super) fn bind(&mut self, name: &str, bound: Bound) {
        self.names.insert(name.to_string(), bound);
    }

    fn output(&mut self, name: &str) -> Result<(), CompileError> {
        leaves::materialize(self, name)?;
        let refuse = |reason: &str| CompileError::Output { output: name.into(), reason: reason.into() };
        let (value, dims, labels) = match self.names.get(name) {
            Some(Bound::Value { id, dims }) => (*id, dims.clone(), None),
            Some(Bound::Label { id, dims, labels }) => (*id, dims.clone(), Some(labels.clone())),
            Some(Bound::Const(_)) => return Err(refuse("it does not depend on the input")),
            Some(Bound::Whole { .. } | Bound::Total { .. } | Bound::TotalTest { .. } | Bound::NoTotal { .. }) => {
                return Err(refuse(NO_NUMBERS));
            }
            Some(Bound::Stack { .. }) => return Err(refuse("it is of several models, of which the mean can be shown")),
            None => return Err(refuse("no node produces it")),
        };
        self.plan.outputs.push(PlanOutput { name: name.into(), value, dims, labels });
        Ok(())
    }
}

/// Where a node is.
pub(crate) fn node_at(node: &NodeProto) -> At {
    let name = node.name.clone().filter(|name| !name.is_empty());
    let operator = node.op_type.clone().unwrap_or_default();
    At {
        node: name.or_else(|| node.output.first().cloned()).unwrap_or_default(),
        operator: match node.domain.as_deref() {
            None | Some("" | "ai.onnx") => operator,
            Some(domain) => format!("{domain} {operator}"),
        },
    }
}

/// The type of an input's elements, as ONNX numbers types.
fn elem_type(info: &ValueInfoProto) -> i32 {
    info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).and_then(|t| t.elem_type).unwrap_or(0)
}

fn input_dims(name: &str, info: &ValueInfoProto) -> Result<Vec<usize>, CompileError> {
    let refuse =
        |expected: &str, got: String| CompileError::Input { input: name.into(), expected: expected.into(), got };
    let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| refuse("a tensor", "another type".into()))?;
    let elem_type = elem_type(info);
    if ![TYPE_FLOAT, TYPE_DOUBLE, TYPE_INT64, TYPE_INT32].contains(&elem_type) {
        return Err(refuse("a tensor of float, double, int64 or int32", format!("one of {}", type_name(elem_type))));
    }
    let shape = tensor.shape.as_ref().ok_or_else(|| refuse("a shape", "none".into()))?;
    let mut dims = Vec::with_capacity(shape.dim.len());
    for (i, dim) in shape.dim.iter().enumerate() {
        match dim.dim_value.and_then(|d| usize::try_from(d).ok()) {
            Some(d) if d > 0 => dims.push(d),
            // An open first dimension is the batch: one sample is proven at a time.
            _ if i == 0 => dims.push(1),
            _ => return Err(refuse("fixed dimensions after the first", format!("an open dimension {i}"))),
        }
    }
    match count_of(&dims, MAX_LEN) {
        Some(_) => Ok(dims),
        None => Err(refuse("at most 16 Mi elements", format!("shape {dims:?}"))),
    }
}

/// A constant of floats.
pub(super) struct Floats {
    pub(super) dims: Vec<usize>,
    pub(super) values: Vec<f32>,
}

/// One node while it is read.
pub(super) struct Ctx<'a> {
    pub(super) builder: &'a mut Builder,
    pub(super) node: &'a NodeProto,
    pub(super) at: At,
    pub(super) attributes: Attributes<'a>,
}

impl Ctx<'_> {
    /// What operand `i` stands for; `None` if it is omitted.
    pub(super) fn operand(&self, i: usize) -> Result<Option<Bound>, CompileError> {
        Ok(onnx::operand(self.node, i, &self.builder.names, &self.at)?.cloned())
    }

    /// Operand `i` as numbers that depend on the input.
    pub(super) fn value(&self, i: usize) -> Result<(Id, Vec<usize>), CompileError> {
        match self.operand(i)? {
            Some(Bound::Value { id, dims }) => Ok((id, dims)),
            Some(Bound::Label { .. }) => Err(self.refuse(i, "numbers", "a class label")),
            Some(Bound::Whole { .. } | Bound::Total { .. } | Bound::TotalTest { .. } | Bound::NoTotal { .. }) => {
                Err(self.refuse(i, "numbers", NO_NUMBERS))
            }
            Some(Bound::Stack { .. }) => {
                Err(self.refuse(i, "numbers", "several models put together, of which the mean works"))
            }
            Some(Bound::Const(_)) => Err(self.refuse(i, "a value that depends on the input", "a constant")),
            None => Err(self.refuse(i, "a value", "nothing")),
        }
    }

    /// Operand `i` as a constant, if it is given.
    pub(super) fn constant(&self, i: usize) -> Result<Option<Tensor>, CompileError> {
        match self.operand(i)? {
            None => Ok(None),
            Some(Bound::Const(tensor)) => Ok(Some(tensor)),
            Some(_) => Err(self.refuse(i, "a constant", "a value that depends on the input")),
        }
    }

    /// Operand `i` as constant floats of the given dimensions.
    pub(super) fn floats(&self, i: usize) -> Result<Option<Floats>, CompileError> {
        match self.constant(i)? {
            None => Ok(None),
            Some(Tensor { dims, data: Data::Floats(values) }) => Ok(Some(Floats { dims, values })),
            Some(_) => Err(self.refuse(i, "a constant of floats", "another type")),
        }
    }

    /// Operand `i` as constant integers.
    pub(super) fn ints(&self, i: usize) -> Result<Option<Vec<i64>>, CompileError> {
        match self.constant(i)? {
            None => Ok(None),
            Some(Tensor { data: Data::Ints(values), .. }) => Ok(Some(values)),
            Some(_) => Err(self.refuse(i, "a constant of integers", "another type")),
        }
    }

    pub(super) fn refuse(&self, i: usize, expected: impl Into<String>, got: impl Into<String>) -> CompileError {
        CompileError::operand(&self.at, i, expected, got)
    }

    pub(super) fn form(&self, what: impl Into<String>, hint: impl Into<String>) -> CompileError {
        CompileError::Form { at: self.at.clone(), what: what.into(), hint: hint.into() }
    }

    /// Appends a step.
    pub(super) fn push(&mut self, kind: Kind, operands: Vec<Id>, len: usize) -> Id {
        let plan = &mut self.builder.plan;
        plan.steps.push(Step { at: self.at.clone(), kind, operands, len });
        plan.inputs.len() + plan.steps.len() - 1
    }

    pub(super) fn note(&mut self, note: String) {
        self.builder.plan.notes.push(note);
    }

    /// Names result `i`; one that the node does not name is dropped.
    pub(super) fn bind(&mut self, i: usize, bound: Bound) {
        if let Some(name) = self.node.output.get(i).filter(|name| !name.is_empty()) {
            self.builder.names.insert(name.clone(), bound);
        }
    }

    /// Whether the node names result `i`.
    pub(super) fn names(&self, i: usize) -> bool {
        self.node.output.get(i).is_some_and(|name| !name.is_empty())
    }
}

//! The plan under construction, and what names stand for so far.

use crate::fronts::catboost::CatBoost;
use crate::fronts::onnx::proto::{
    GraphProto, ModelProto, NodeProto, TYPE_DOUBLE, TYPE_FLOAT, TYPE_INT32, TYPE_INT64, ValueInfoProto, type_name,
};
use crate::fronts::onnx::{self, Data, Tensor, node_at, opset};
use crate::graph::elem::Elem;
use crate::graph::plan::{Id, Kind, Plan, PlanInput, Step};
use crate::terms::error::{At, CompileError};
use crate::terms::labels::Labels;
use crate::terms::size::count_of;
use std::collections::{BTreeMap, BTreeSet};

/// Most leaves of all functions and nodes of all forests that are made here: a small file could ask for any number.
pub(super) const SPENT_MAX: usize = 1 << 24;

/// A function of the leaf that one tree ends at.
#[derive(Clone, Debug)]
pub(super) struct LeafFunction {
    pub(super) at: At,
    /// The step of the tree.
    pub(super) tree: Id,
    /// What the function is at each leaf, in the order of the tree's nodes. Leaf by leaf, these are as many elements as `dims` say. Truth
    /// values are zeros and ones.
    pub(super) values: Data,
    pub(super) dims: Vec<usize>,
}

impl LeafFunction {
    /// Elements at each leaf.
    pub(super) fn width(&self) -> usize {
        self.dims.iter().product()
    }
}

/// Most elements of a tensor of one sample.
const MAX_LEN: usize = 1 << 24;

/// Why what only some operators read is refused to others.
pub(super) const NO_NUMBERS: &str = "numbers cut off to whole ones, or a sum of scores other than to divide them by it";

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
    pub(super) names: BTreeMap<String, Bound>,
    /// Initializers of doubles: dimensions and elements.
    doubles: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
    /// Functions of a tree's leaf that are no steps yet.
    pub(super) leaf_functions: BTreeMap<String, LeafFunction>,
    /// Steps of functions of one number that are constant between thresholds.
    pub(super) stairs: BTreeSet<Id>,
    /// How many leaves and nodes these and the forests made of them have.
    pub(super) spent: usize,
}

impl Builder {
    pub(super) fn empty(plan: Plan, opset: i64) -> Self {
        let (names, doubles, leaf_functions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { plan, opset, catboost: None, names, doubles, leaf_functions, stairs: BTreeSet::new(), spent: 0 }
    }

    pub(super) fn new(model: &ModelProto, graph: &GraphProto) -> Result<Self, CompileError> {
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

    /// Appends a step.
    pub(super) fn push(&mut self, step: Step) -> Id {
        self.plan.steps.push(step);
        self.plan.id_of(self.plan.steps.len() - 1)
    }

    /// Names a result.
    pub(super) fn bind(&mut self, name: &str, bound: Bound) {
        self.names.insert(name.to_string(), bound);
    }
}

/// Counts what is made for a node.
pub(super) fn spend(builder: &mut Builder, node: &NodeProto, count: usize) -> Result<(), CompileError> {
    builder.spent = builder.spent.saturating_add(count);
    if builder.spent <= SPENT_MAX {
        return Ok(());
    }
    let what = format!("more than {SPENT_MAX} leaves and nodes of computed trees");
    Err(CompileError::Form {
        at: node_at(node),
        what,
        hint: "export a forest as one TreeEnsemble operator, and encode fewer categories".into(),
    })
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

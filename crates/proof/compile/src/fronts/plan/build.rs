//! From an ONNX graph to a plan.

use super::builder::{Bound, Builder, NO_NUMBERS};
use super::ctx::Ctx;
use super::trees_in_tensors::{self, Readers};
use super::{core_ops, labels, leaves, ml_ops, shares, stairs};
use crate::fronts::catboost::CatBoost;
use crate::fronts::hints;
use crate::fronts::onnx::proto::{GraphProto, ModelProto, NodeProto};
use crate::fronts::onnx::{Attributes, Tensor, node_at};
use crate::graph::operators::{Domain, Operator, PlanClassical};
use crate::graph::plan::{Id, Kind, Plan, PlanInput, Step};
use crate::graph::revealed::Revealed;
use crate::terms::error::CompileError;
use crate::terms::labels::Labels;
use std::collections::BTreeSet;

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
    let mut builder = Builder::empty(plan, 1);
    builder.catboost = catboost;
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

impl Builder {
    fn node(&mut self, node: &NodeProto) -> Result<(), CompileError> {
        if leaves::fold(self, node)? {
            return Ok(());
        }
        let at = node_at(node);
        let attributes = Attributes::new(node, at.clone());
        let mut ctx = Ctx { builder: self, node, at, attributes };
        let (domain, name) = (node.domain.as_deref().unwrap_or_default(), node.op_type.as_deref().unwrap_or_default());
        // What onnxruntime's optimiser writes is left to the net.
        let known = match Operator::of_standard(domain, name) {
            None => false,
            Some(operator) if operator.domain() == Domain::Classical => match PlanClassical::of(operator) {
                Some(operator) => ml_ops::add(&mut ctx, operator).map(|()| true)?,
                None => false,
            },
            Some(operator) => {
                stairs::compared(&mut ctx, operator)?
                    || labels::add(&mut ctx, operator)
                    || shares::add(&mut ctx, operator)?
                    || core_ops::add(&mut ctx, operator)?
            }
        };
        if !known {
            return Err(CompileError::Operator { at: ctx.at, hint: hints::hint(name) });
        }
        ctx.attributes.finish()
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
        self.plan.outputs.push(Revealed { name: name.into(), value, dims, labels });
        Ok(())
    }
}

//! Small models for tests.

use ciro_graph::bounds::{Consts, Scope};
use ciro_graph::problem::Problem;
use ciro_graph::{
    ConstId, Constant, Forest, Ingest, Input, Model, Node, Op, Output, OutputKind, Program, RawInput, RawTensor,
    ValueId,
};

/// Builds a model node by node, with the intervals that interval arithmetic gives.
pub(crate) struct Builder {
    pub(crate) model: Model,
    scope: Scope,
}

impl Builder {
    pub(crate) fn new(ingest: Ingest, len: u32) -> Self {
        let input = Input { name: "x".into(), shape: vec![1, len], ingest };
        let mut scope = Scope::new(8);
        scope.push_input(&input);
        let program = Program {
            name: "test".into(),
            inputs: vec![input],
            constants: vec![],
            nodes: vec![],
            outputs: vec![],
            columns: vec![],
            limb_bits: 8,
            profile: ciro_graph::Profile::Native,
            security: ciro_graph::Security::Bits100,
            visibility: ciro_graph::Visibility::default(),
            batch: 1,
        };
        Self { model: Model { program, weights: vec![] }, scope }
    }

    pub(crate) fn constant(&mut self, values: Vec<i32>) -> ConstId {
        let id = ConstId(self.model.weights.len() as u32);
        self.model.program.constants.push(Constant { name: format!("c{}", id.0), shape: vec![values.len() as u32] });
        self.model.weights.push(values);
        id
    }

    pub(crate) fn node(&mut self, op: Op) -> Result<ValueId, Problem> {
        let consts = Consts { shapes: &self.model.program.constants, weights: Some(&self.model.weights) };
        let shape = self.scope.outcome(&op, consts)?;
        let interval = shape.interval.expect("weights were given");
        self.scope.push(&op, shape.shape.clone(), interval);
        self.model.program.nodes.push(Node { op, shape: shape.shape, lo: interval.lo as i32, hi: interval.hi as i32 });
        Ok(ValueId(self.scope.len() as u32 - 1))
    }

    pub(crate) fn output(&mut self, value: ValueId, kind: OutputKind) {
        let len = self.scope.get(value).expect("defined").len();
        let name = format!("y{}", self.model.program.outputs.len());
        self.model.program.outputs.push(Output { name, value, shape: vec![len], kind });
    }

    pub(crate) fn len_of(&self, value: ValueId) -> u32 {
        self.scope.get(value).expect("defined").len()
    }
}

pub(crate) fn raw(values: &[f32]) -> RawInput {
    let bits = values.iter().map(|v| v.to_bits()).collect();
    RawInput(vec![RawTensor { shape: vec![1, values.len() as u32], bits }])
}

/// A plain binary tree for the naive float walk.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Leaf(i32),
    Split { feature: u32, threshold: f32, below: Box<Tree>, above: Box<Tree> },
}

impl Tree {
    pub(crate) fn walk(&self, x: &[f32]) -> i32 {
        match self {
            Self::Leaf(value) => *value,
            Self::Split { feature, threshold, below, above } => {
                if x[*feature as usize] < *threshold {
                    below.walk(x)
                } else {
                    above.walk(x)
                }
            }
        }
    }

    pub(crate) fn depth(&self) -> u32 {
        match self {
            Self::Leaf(_) => 0,
            Self::Split { below, above, .. } => 1 + below.depth().max(above.depth()),
        }
    }
}

/// Lays trees out in the numbering of [`Forest`], breadth first.
pub(crate) fn add_forest(builder: &mut Builder, trees: &[Tree], tree_class: Vec<u32>, classes: u32) -> Op {
    let mut queue: Vec<&Tree> = trees.iter().collect();
    let (mut feature, mut hi, mut lo, mut left, mut leaf, mut values) =
        (vec![], vec![], vec![], vec![], vec![], vec![]);
    let mut at = 0;
    while at < queue.len() {
        let threshold = match queue[at] {
            Tree::Leaf(value) => {
                feature.push(0);
                left.push(at as i32);
                leaf.push(at as i32);
                values.push(*value);
                u32::MAX
            }
            Tree::Split { feature: f, threshold, below, above } => {
                feature.push(*f as i32);
                left.push(queue.len() as i32);
                queue.extend([&**below, &**above]);
                ciro_graph::ingest::ordered(threshold.to_bits())
            }
        };
        hi.push((threshold >> 16) as i32);
        lo.push((threshold & 0xffff) as i32);
        at += 1;
    }
    let depth = trees.iter().map(Tree::depth).max().unwrap_or(0).max(1);
    let forest = Forest {
        trees: trees.len() as u32,
        depth,
        classes,
        leaf_width: 1,
        tree_class,
        feature: builder.constant(feature),
        threshold_hi: builder.constant(hi),
        threshold_lo: builder.constant(lo),
        left: builder.constant(left),
        leaf: builder.constant(leaf),
        values: vec![builder.constant(values)],
    };
    Op::Trees { parts: vec![ValueId(0)], forest }
}

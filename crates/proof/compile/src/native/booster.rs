//! The common form of boosters, and its plan.

use super::{Format, NativeError};
use crate::error::At;
use crate::plan::{Affine, Elem, Ensemble, Id, Kind, Labels, Mode, Plan, PlanInput, PlanOutput, Step, TreeNode};
use std::collections::BTreeSet;

/// Most features of a booster: what is declared sizes the input.
pub(super) const FEATURES_MAX: usize = 1 << 20;

/// Most classes or targets of a booster.
pub(super) const CLASSES_MAX: usize = 1 << 12;

/// What becomes of the trees' sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Link {
    /// They are the predictions.
    Identity,
    /// One sum, of which the logistic function is the probability of the second class.
    Binary {
        /// The sum's factor.
        steepness: f32,
    },
    /// The logistic function of each sum, which is no class.
    Logistic,
    /// One probability per class, which together make one.
    Softmax,
    /// The class with the largest sum, and nothing else.
    Class,
    /// One probability per class, each by itself.
    OneVersusAll {
        /// The sums' factor.
        steepness: f32,
    },
}

/// A booster.
#[derive(Clone, Debug)]
pub(super) struct Booster {
    pub(super) format: Format,
    pub(super) features: usize,
    pub(super) forest: Ensemble,
    pub(super) link: Link,
    pub(super) notes: Vec<String>,
}

impl Booster {
    /// What it computes. The last output is what the library's `predict` answers.
    pub(super) fn into_plan(self) -> Plan {
        let classes = self.forest.classes;
        let input = PlanInput { name: "x".into(), dims: vec![1, self.features] };
        let plan = Plan {
            name: self.format.0.to_ascii_lowercase(),
            inputs: vec![input],
            steps: vec![],
            outputs: vec![],
            zeroed: vec![],
            notes: self.notes,
        };
        let mut draft = Draft { plan, operator: self.format.0 };
        let sums = draft.push("trees", Kind::Trees(self.forest), 0, classes);
        draft.outputs(sums, classes, self.link);
        draft.plan
    }
}

struct Draft {
    plan: Plan,
    operator: &'static str,
}

impl Draft {
    fn push(&mut self, node: &str, kind: Kind, operand: Id, len: usize) -> Id {
        let at = At { node: node.into(), operator: self.operator.into() };
        self.plan.steps.push(Step { at, kind, operands: vec![operand], len });
        self.plan.id_of(self.plan.steps.len() - 1)
    }

    fn outputs(&mut self, sums: Id, classes: usize, link: Link) {
        match link {
            Link::Identity => self.reveal("prediction", sums, classes),
            Link::Logistic => self.logistic("prediction", sums, classes),
            Link::Binary { steepness } => {
                let sums = self.steep(sums, classes, steepness);
                // The second class only if its probability exceeds one half: of equals, the first one wins.
                let affine = Affine { n: 2, weight: vec![-1.0, 1.0], bias: vec![0.0; 2] };
                let pair = self.push("margins", Kind::Affine(affine), sums, 2);
                self.label(pair, 2);
                self.logistic("probability", sums, classes);
            }
            Link::Softmax => {
                self.label(sums, classes);
                let id = self.push("probabilities", Kind::Softmax, sums, classes);
                self.reveal("probabilities", id, classes);
            }
            Link::Class => self.label(sums, classes),
            Link::OneVersusAll { steepness } => {
                let sums = self.steep(sums, classes, steepness);
                self.label(sums, classes);
                self.logistic("probabilities", sums, classes);
            }
        }
    }

    fn steep(&mut self, sums: Id, classes: usize, steepness: f32) -> Id {
        if steepness.to_bits() == 1f32.to_bits() {
            return sums;
        }
        self.push("steepness", Kind::Elem(Elem::Mul(vec![steepness; classes])), sums, classes)
    }

    fn logistic(&mut self, name: &str, sums: Id, classes: usize) {
        let id = self.push(name, Kind::Sigmoid, sums, classes);
        self.reveal(name, id, classes);
    }

    fn label(&mut self, scores: Id, classes: usize) {
        let id = self.push("label", Kind::ArgMax, scores, 1);
        let labels = Some(Labels::Ints((0..).take(classes).collect()));
        self.plan.outputs.push(PlanOutput { name: "label".into(), value: id, dims: vec![1], labels });
    }

    fn reveal(&mut self, name: &str, value: Id, classes: usize) {
        self.plan.outputs.push(PlanOutput { name: name.into(), value, dims: vec![1, classes], labels: None });
    }
}

/// A node as a file has it; children by their numbers in the file's tree.
#[derive(Clone, Copy, Debug)]
pub(super) enum FileNode {
    Leaf(f32),
    Split { feature: usize, mode: Mode, threshold: f32, yes: usize, no: usize, missing_yes: bool },
}

/// Adds a tree that votes for `class`: the nodes that are reached from `root`, each of which `read` gives.
pub(super) fn add_tree(
    forest: &mut Ensemble,
    (class, root): (usize, usize),
    place: impl Fn() -> String,
    format: Format,
    mut read: impl FnMut(usize) -> Result<FileNode, NativeError>,
) -> Result<(), NativeError> {
    let vacant = || TreeNode::Leaf(vec![]);
    let nodes = &mut forest.nodes;
    forest.roots.push(nodes.len());
    let (mut seen, mut open) = (BTreeSet::new(), vec![(root, nodes.len())]);
    nodes.push(vacant());
    while let Some((number, at)) = open.pop() {
        if !seen.insert(number) {
            return Err(format.malformed(&place(), "a tree", format!("node {number} with two parents")));
        }
        nodes[at] = match read(number)? {
            FileNode::Leaf(value) if !value.is_finite() => {
                return Err(format.malformed(&place(), "finite leaves", format!("{value} at node {number}")));
            }
            FileNode::Leaf(value) => TreeNode::Leaf(vec![(class, value)]),
            FileNode::Split { feature, mode, threshold, yes, no, missing_yes } => {
                let first = nodes.len();
                nodes.extend([vacant(), vacant()]);
                open.extend([(yes, first), (no, first + 1)]);
                TreeNode::Split { feature, mode, threshold, yes: first, no: first + 1, missing_yes }
            }
        };
    }
    Ok(())
}

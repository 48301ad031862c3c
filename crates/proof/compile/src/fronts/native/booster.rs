//! The common form of boosters, and its plan.

use super::sentinel::Thresholds;
use crate::graph::elem::Elem;
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::forest::{Ensemble, Mode, TreeNode};
use crate::graph::plan::{Affine, Id, Kind, Plan, PlanInput, Step};
use crate::graph::revealed::Revealed;
use crate::terms::error::At;
use crate::terms::labels::Labels;
use crate::terms::native::{Format, NativeError, XGBOOST};
use ciro_graph::Column;
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
    /// Their exponentials are: counts, amounts and hazards.
    Exponential,
    /// Their squares with their signs are, of a regression on square roots.
    SignedSquare,
    /// Whether the sum is positive, and nothing else.
    Sign,
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

/// What makes the sums.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// Trees, some of whose splits ask whether a feature is one of some categories.
    Trees(Ensemble, Memberships),
    /// Trees with a linear model at each leaf. With c sums and f features, vote c + s·f + j is the slope of feature j in sum s.
    LinearTrees(Ensemble, Memberships),
    /// A linear model.
    Linear(Affine),
}

/// A booster.
#[derive(Clone, Debug)]
pub(super) struct Booster {
    pub(super) format: Format,
    pub(super) features: usize,
    /// What the file says of them; one per feature, or none.
    pub(super) columns: Vec<Column>,
    /// Whether it reads float64; else float32.
    pub(super) double: bool,
    pub(super) body: Body,
    pub(super) link: Link,
    pub(super) notes: Vec<String>,
}

impl Booster {
    /// The thresholds that tell whether a number stands for missing values. LightGBM knows no such number.
    pub(super) fn thresholds(&self) -> Thresholds {
        match &self.body {
            Body::Trees(forest, _) if self.format.0 == XGBOOST.0 => Thresholds::of(forest),
            Body::Trees(..) | Body::LinearTrees(..) | Body::Linear(_) => Thresholds::default(),
        }
    }

    /// What it computes. The last output is what the library's `predict` answers.
    pub(super) fn into_plan(self) -> Plan {
        let input = PlanInput { name: "x".into(), dims: vec![1, self.features], double: self.double };
        let plan = Plan {
            name: self.format.0.to_ascii_lowercase(),
            inputs: vec![input],
            steps: vec![],
            outputs: vec![],
            zeroed: vec![],
            notes: self.notes,
        };
        let mut draft = Draft { plan, operator: self.format.0 };
        let (sums, classes) = match self.body {
            Body::Trees(forest, memberships) => {
                let features = draft.features(self.features, &memberships);
                let classes = forest.classes;
                (draft.push("trees", Kind::Trees(forest), features, classes), classes)
            }
            Body::LinearTrees(forest, memberships) => {
                let features = draft.features(self.features, &memberships);
                let classes = forest.classes;
                (draft.linear_leaves(forest, self.features, features), classes)
            }
            Body::Linear(affine) => {
                let classes = affine.n;
                (draft.push("weights", Kind::Affine(affine), 0, classes), classes)
            }
        };
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
        self.push_of(node, kind, vec![operand], len)
    }

    fn push_of(&mut self, node: &str, kind: Kind, operands: Vec<Id>, len: usize) -> Id {
        let at = At { node: node.into(), operator: self.operator.into() };
        self.plan.steps.push(Step { at, kind, operands, len });
        self.plan.id_of(self.plan.steps.len() - 1)
    }

    /// The sums of trees with linear leaves: the forest votes for offset and slopes, and the slopes are multiplied by the features.
    fn linear_leaves(&mut self, mut forest: Ensemble, features: usize, operand: Id) -> Id {
        let classes = forest.classes;
        let votes = |node: &TreeNode| if let TreeNode::Leaf(votes) = node { votes.clone() } else { vec![] };
        let all = forest.nodes.iter().flat_map(votes).map(|(vote, _)| vote);
        let slopes: Vec<usize> = all.filter(|vote| *vote >= classes).collect::<BTreeSet<_>>().into_iter().collect();
        let number = |vote: usize| slopes.binary_search(&vote).map_or(vote, |i| classes + i);
        for node in &mut forest.nodes {
            if let TreeNode::Leaf(votes) = node {
                votes.iter_mut().for_each(|(vote, _)| *vote = number(*vote));
            }
        }
        let len = classes + slopes.len();
        (forest.classes, forest.base) = (len, vec![0.0; len]);
        let sums = self.push("trees", Kind::Trees(forest), operand, len);
        if slopes.is_empty() {
            return sums;
        }
        let steep = Kind::Pick((classes..len).map(|i| (0, i)).collect());
        let steep = self.push("slopes", steep, sums, slopes.len());
        let read = Kind::Pick(slopes.iter().map(|slope| (0, (slope - classes) % features)).collect());
        let read = self.push("features", read, 0, slopes.len());
        let products = self.push_of("products", Kind::Mul, vec![steep, read], slopes.len());
        let places = (0..classes).map(|i| (0, i)).chain((0..slopes.len()).map(|i| (1, i))).collect();
        let parts = self.push_of("leaves", Kind::Pick(places), vec![sums, products], len);
        let class = |i: usize| i.checked_sub(classes).map_or(i, |i| (slopes[i] - classes) / features);
        let weight = (0..len).flat_map(|i| (0..classes).map(move |c| f32::from(class(i) == c))).collect();
        self.push("sums", Kind::Affine(Affine { n: classes, weight, bias: vec![0.0; classes] }), parts, classes)
    }

    /// The input, and after it a flag for each membership.
    fn features(&mut self, features: usize, memberships: &Memberships) -> Id {
        let flags = memberships.0.len();
        if flags == 0 {
            return 0;
        }
        let operator = self.operator.into();
        let flag = self.push("categories", Kind::Trees(memberships.forest()), 0, flags);
        let places = (0..features).map(|i| (0, i)).chain((0..flags).map(|i| (1, i))).collect();
        let at = At { node: "features".into(), operator };
        let step = Step { at, kind: Kind::Pick(places), operands: vec![0, flag], len: features + flags };
        self.plan.steps.push(step);
        self.plan.id_of(self.plan.steps.len() - 1)
    }

    fn outputs(&mut self, sums: Id, classes: usize, link: Link) {
        match link {
            Link::Identity => self.reveal("prediction", sums, classes),
            Link::Exponential => {
                let id = self.push("prediction", Kind::Exp, sums, classes);
                self.reveal("prediction", id, classes);
            }
            Link::SignedSquare => {
                let size = Expr::unary(Fun::Abs, Expr::X);
                let id = self.push("prediction", Kind::Curve(Expr::binary(Arith::Mul, Expr::X, size)), sums, classes);
                self.reveal("prediction", id, classes);
            }
            Link::Sign => self.pair(sums),
            Link::Logistic => self.logistic("prediction", sums, classes),
            Link::Binary { steepness } => {
                let sums = self.steep(sums, classes, steepness);
                self.pair(sums);
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

    /// The second class only if its probability exceeds one half: of equals, the first one wins.
    fn pair(&mut self, sums: Id) {
        let affine = Affine { n: 2, weight: vec![-1.0, 1.0], bias: vec![0.0; 2] };
        let pair = self.push("margins", Kind::Affine(affine), sums, 2);
        self.label(pair, 2);
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
        self.plan.outputs.push(Revealed { name: "label".into(), value: id, dims: vec![1], labels });
    }

    fn reveal(&mut self, name: &str, value: Id, classes: usize) {
        self.plan.outputs.push(Revealed { name: name.into(), value, dims: vec![1, classes], labels: None });
    }
}

/// A node as a file has it; children by their numbers in the file's tree.
#[derive(Clone, Debug)]
pub(super) enum FileNode {
    Leaf(f32),
    /// A value for each of all sums.
    Leaves(Vec<f32>),
    /// An offset, and votes for slopes; see [`Body::LinearTrees`].
    LinearLeaf {
        offset: f32,
        slopes: Vec<(usize, f32)>,
    },
    Split {
        feature: usize,
        mode: Mode,
        threshold: f64,
        yes: usize,
        no: usize,
        missing_yes: bool,
    },
    /// A split by the number of a membership.
    Member {
        number: usize,
        member: usize,
        other: usize,
    },
}

/// Whether a feature lies in some stretches of the numbers, such as those of categories, which are whole numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Membership {
    feature: usize,
    /// Where membership changes along the numbers, ascending: members lie from every first to every second bound.
    bounds: Vec<f64>,
    /// Whether a missing value counts as a member.
    missing: bool,
}

/// The memberships that a booster's splits ask for, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Memberships(Vec<Membership>);

impl Memberships {
    /// The number of a membership.
    pub(super) fn number(&mut self, membership: Membership) -> usize {
        let known = self.0.iter().position(|other| *other == membership);
        known.unwrap_or_else(|| {
            self.0.push(membership);
            self.0.len() - 1
        })
    }

    /// A tree for each, which votes one for members.
    fn forest(&self) -> Ensemble {
        let classes = self.0.len();
        let (mut roots, mut nodes) = (vec![], vec![]);
        for (class, membership) in self.0.iter().enumerate() {
            roots.push(nodes.len());
            // The stretch below all bounds has no members, and the next one has.
            let stretches = Stretches { class, membership, missing: usize::from(membership.missing) };
            stretches.add(&mut nodes, 0, membership.bounds.len());
        }
        Ensemble { roots, nodes, classes, divisor: 1.0, base: vec![0.0; classes], takes_missing: true }
    }
}

impl Membership {
    /// Members from every first to every second bound; none below the first.
    pub(super) const fn between(feature: usize, bounds: Vec<f64>, missing: bool) -> Self {
        Self { feature, bounds, missing }
    }

    /// Members are categories, ascending, each once, below 2²⁴. If a number `truncates`, those between −1 and 0 are category zero.
    pub(super) fn of(feature: usize, categories: &[u32], missing: bool, truncates: bool) -> Self {
        let mut bounds: Vec<f64> = Vec::new();
        for &category in categories {
            let first = if category == 0 && truncates { (-1f64).next_up() } else { f64::from(category) };
            match bounds.last() {
                Some(&end) if end.to_bits() == f64::from(category).to_bits() => bounds.truncate(bounds.len() - 1),
                _ => bounds.push(first),
            }
            bounds.push(f64::from(category + 1));
        }
        Self::between(feature, bounds, missing)
    }
}

/// The stretches between the bounds of a membership, as a tree.
struct Stretches<'a> {
    class: usize,
    membership: &'a Membership,
    /// Which stretch a missing value falls into.
    missing: usize,
}

impl Stretches<'_> {
    /// Adds the tree that tells the stretches from `first` to `last` apart.
    fn add(&self, nodes: &mut Vec<TreeNode>, first: usize, last: usize) {
        let at = nodes.len();
        let vote = first % 2 == 1;
        nodes.push(TreeNode::Leaf(vec![(self.class, f32::from(vote))]));
        if first == last {
            return;
        }
        let middle = first + (last - first) / 2;
        let yes = nodes.len();
        self.add(nodes, first, middle);
        let no = nodes.len();
        self.add(nodes, middle + 1, last);
        nodes[at] = TreeNode::Split {
            feature: self.membership.feature,
            mode: Mode::Lt,
            threshold: self.membership.bounds[middle],
            yes,
            no,
            missing_yes: self.missing <= middle,
        };
    }
}

/// Adds a tree that votes for `class`. Its nodes are those that are reached from `root`, and `read` gives each of them. The flags of
/// memberships come after so many `features`.
pub(super) fn add_tree(
    forest: &mut Ensemble,
    (class, root, features): (usize, usize, usize),
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
            FileNode::LinearLeaf { offset, slopes } => {
                let all = || slopes.iter().map(|slope| slope.1).chain([offset]);
                if let Some(got) = all().find(|value| !value.is_finite()) {
                    return Err(format.malformed(&place(), "finite leaves", format!("{got} at node {number}")));
                }
                TreeNode::Leaf([(class, offset)].into_iter().chain(slopes).collect())
            }
            FileNode::Leaves(values) => {
                if let Some(got) = values.iter().find(|value| !value.is_finite()) {
                    return Err(format.malformed(&place(), "finite leaves", format!("{got} at node {number}")));
                }
                TreeNode::Leaf(values.into_iter().enumerate().collect())
            }
            FileNode::Member { number, member, other } => {
                let first = nodes.len();
                nodes.extend([vacant(), vacant()]);
                open.extend([(other, first), (member, first + 1)]);
                TreeNode::Split {
                    feature: features + number,
                    mode: Mode::Lt,
                    threshold: 0.5,
                    yes: first,
                    no: first + 1,
                    missing_yes: true,
                }
            }
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

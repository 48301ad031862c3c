//! Forests: what trees decide, and what they add up to.

/// A forest: `y[class] = Σ_trees leaf / divisor + base[class]`.
#[derive(Clone, Debug)]
pub(crate) struct Ensemble {
    /// Roots, in order.
    pub(crate) roots: Vec<usize>,
    pub(crate) nodes: Vec<TreeNode>,
    pub(crate) classes: usize,
    pub(crate) divisor: f32,
    /// One per class.
    pub(crate) base: Vec<f32>,
    /// Whether the model takes missing values (NaN) and knows where they go; one that does not refuses them.
    pub(crate) takes_missing: bool,
}

/// A node of a tree. Every node but a root has one parent.
#[derive(Clone, Debug)]
pub(crate) enum TreeNode {
    Split {
        feature: usize,
        mode: Mode,
        threshold: f64,
        yes: usize,
        no: usize,
        /// Whether a missing value goes to the yes-child.
        missing_yes: bool,
    },
    /// Votes: class and weight, in order.
    Leaf(Vec<(usize, f32)>),
}

/// When a split goes to its yes-child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `x ≤ threshold`.
    Leq,
    /// `x < threshold`.
    Lt,
    /// `x ≥ threshold`.
    Gte,
    /// `x > threshold`.
    Gt,
}

impl Mode {
    pub(crate) fn holds(self, x: f64, threshold: f64) -> bool {
        match self {
            Self::Leq => x <= threshold,
            Self::Lt => x < threshold,
            Self::Gte => x >= threshold,
            Self::Gt => x > threshold,
        }
    }
}

/// What a forest says of one row, of which `x` gives the features.
pub(crate) fn leaf_sums(forest: &Ensemble, x: impl Fn(usize) -> f64) -> Vec<f32> {
    let mut sums = vec![0.0f32; forest.classes];
    for &root in &forest.roots {
        for &(class, weight) in leaf(forest, root, &x) {
            sums[class] += weight;
        }
    }
    sums.iter().zip(&forest.base).map(|(sum, base)| sum / forest.divisor + base).collect()
}

fn leaf(forest: &Ensemble, root: usize, x: impl Fn(usize) -> f64) -> &[(usize, f32)] {
    let mut node = root;
    loop {
        match &forest.nodes[node] {
            TreeNode::Leaf(votes) => return votes,
            TreeNode::Split { feature, mode, threshold, yes, no, missing_yes } => {
                let x = x(*feature);
                let holds = if x.is_nan() { *missing_yes } else { mode.holds(x, *threshold) };
                node = if holds { *yes } else { *no };
            }
        }
    }
}

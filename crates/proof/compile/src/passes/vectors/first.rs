//! The first of many numbers that is not negative: by a chain of comparisons, which trees of limited depth hold in two stages.

use crate::graph::elem::Elem;
use crate::graph::forest::{Ensemble, Mode, TreeNode};
use crate::graph::plan::{self, Affine};
use crate::passes::vectors::Vectors;
use crate::terms::error::At;

/// Longest chain of comparisons: trees are at most 64 deep.
const LONGEST: usize = 48;

impl Vectors<'_> {
    /// The index of the first of `len` elements that is not negative, or the last one, which x may leave out.
    pub(super) fn first_not_negative(&mut self, at: &At, x: plan::Id, len: usize) -> plan::Id {
        if len <= LONGEST {
            return self.push(at, plan::Kind::Trees(chains(len, len)), vec![x], 1);
        }
        // In each run one more than the index there, or zero if all are negative.
        let runs = len.div_ceil(LONGEST);
        let found = self.push(at, plan::Kind::Trees(chains(len, LONGEST)), vec![x], runs);
        let less = self.elem(at, Elem::Sub(vec![0.5; runs]), found);
        let run = self.first_not_negative(at, less, runs);
        let chosen = self.one_hot(at, run, runs);
        let starts = (0..runs).map(|run| (run * LONGEST) as f32 - 1.0).collect();
        let index = self.elem(at, Elem::Add(starts), found);
        let kept = self.push(at, plan::Kind::Mul, vec![chosen, index], runs);
        let sum = Affine { n: 1, weight: vec![1.0; runs], bias: vec![0.0] };
        self.push(at, plan::Kind::Affine(sum), vec![kept], 1)
    }
}

/// A chain for each run of `len` numbers. If there is one run, it gives the index, or the last one if all are negative. If there are
/// several, it gives one more than the index, or zero.
fn chains(len: usize, run: usize) -> Ensemble {
    let is_whole = len <= run;
    let runs = len.div_ceil(run.max(1)).max(1);
    let (mut nodes, mut roots) = (Vec::new(), Vec::with_capacity(runs));
    for class in 0..runs {
        roots.push(nodes.len());
        let (start, end) = (class * run, len.min((class + 1) * run));
        let chained = if is_whole { start..end.saturating_sub(1) } else { start..end };
        for feature in chained {
            let (yes, no) = (nodes.len() + 1, nodes.len() + 2);
            nodes.push(TreeNode::Split { feature, mode: Mode::Gte, threshold: 0.0, yes, no, missing_yes: false });
            let index = feature - start + usize::from(!is_whole);
            nodes.push(TreeNode::Leaf(vec![(class, index as f32)]));
        }
        let last = if is_whole { len.saturating_sub(1) } else { 0 };
        nodes.push(TreeNode::Leaf(vec![(class, last as f32)]));
    }
    Ensemble { roots, nodes, classes: runs, divisor: 1.0, base: vec![0.0; runs], takes_missing: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::forest::leaf_sums;

    #[test]
    fn chains_tell_the_first_of_each_run() {
        let x = [-1.0, -2.0, 0.0, 3.0, -1.0, -1.0, -1.0, 5.0];
        assert_eq!(leaf_sums(&chains(8, 8), |i| x[i]), [2.0]);
        assert_eq!(leaf_sums(&chains(8, 3), |i| x[i]), [3.0, 1.0, 2.0]);
        assert_eq!(leaf_sums(&chains(2, 8), |_| -1.0), [1.0], "the last one");
        assert_eq!(leaf_sums(&chains(4, 3), |_| -1.0), [0.0, 0.0]);
    }
}

//! Forests in tensor form: Gather, comparisons and matrix products.

use crate::support::{Onnx, int, run};
use ciro_graph::Op;
use ciro_graph::render::Cell;
use proptest::prelude::*;

const DEPTH: usize = 3;
const INNER: usize = (1 << DEPTH) - 1;
const LEAVES: usize = 1 << DEPTH;
const FEATURES: i64 = 3;

/// A full tree: node i has the children 2i + 1 and 2i + 2.
#[derive(Clone, Debug)]
struct Tree {
    splits: Vec<(i64, f32)>,
    leaves: Vec<f32>,
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let quarter = || (-8i32..8).prop_map(|v| v as f32 / 4.0);
    let splits = prop::collection::vec((0..FEATURES, quarter()), INNER);
    (splits, prop::collection::vec(quarter(), LEAVES)).prop_map(|(splits, leaves)| Tree { splits, leaves })
}

/// How a comparison is written.
#[derive(Clone, Copy, Debug)]
struct Form {
    operator: &'static str,
    constant_first: bool,
    equal: bool,
}

impl Form {
    fn holds(self, x: f32, t: f32) -> bool {
        let (a, b) = if self.constant_first { (t, x) } else { (x, t) };
        match self.operator {
            "Less" => a < b,
            "LessOrEqual" => a <= b,
            "Greater" => a > b,
            _ => a >= b,
        }
    }
}

fn any_form() -> impl Strategy<Value = Form> {
    let operator = prop::sample::select(vec!["Less", "LessOrEqual", "Greater", "GreaterOrEqual"]);
    (operator, any::<bool>(), any::<bool>()).prop_map(|(operator, constant_first, equal)| Form {
        operator,
        constant_first,
        equal,
    })
}

/// The path matrix of a full tree and the number of true turns of each leaf.
fn path() -> (Vec<f32>, Vec<f32>) {
    let (mut path, mut counts) = (vec![0.0; INNER * LEAVES], vec![0.0; LEAVES]);
    for leaf in 0..LEAVES {
        let mut node = 0;
        for step in (0..DEPTH).rev() {
            let holds = leaf >> step & 1 == 0;
            path[node * LEAVES + leaf] = if holds { 1.0 } else { -1.0 };
            counts[leaf] += f32::from(u8::from(holds));
            node = 2 * node + if holds { 1 } else { 2 };
        }
    }
    (path, counts)
}

fn tensors(trees: &[Tree], form: Form) -> Onnx {
    let count = trees.len() as i64;
    let (inner, leaves) = (INNER as i64, LEAVES as i64);
    let (path, counts) = path();
    let splits = || trees.iter().flat_map(|tree| &tree.splits);
    let features: Vec<i64> = splits().map(|s| s.0).collect();
    let thresholds: Vec<f32> = splits().map(|s| s.1).collect();
    let values: Vec<f32> = trees.iter().flat_map(|tree| tree.leaves.clone()).collect();
    let comparison = if form.constant_first { "t g -> c" } else { "g t -> c" };
    let hit = if form.equal { "Equal s n -> r" } else { "GreaterOrEqual s n -> r" };
    Onnx::new(FEATURES)
        .int_constant("i", &[count * inner], &features)
        .constant("t", &[1, count * inner], &thresholds)
        .constant("p", &[count, inner, leaves], &path.repeat(trees.len()))
        .constant("n", &[1, 1, leaves], &counts)
        .constant("v", &[count * leaves, 1], &values)
        .int_constant("shape", &[3], &[count, 1, inner])
        .int_constant("row", &[2], &[1, -1])
        .node("Gather x i -> g", vec![int("axis", 1)])
        .node(&format!("{} {comparison}", form.operator), vec![])
        .node("Cast c -> f", vec![int("to", 1)])
        .node("Reshape f shape -> b", vec![])
        .node("MatMul b p -> s", vec![])
        .node(hit, vec![])
        .node("Cast r -> q", vec![int("to", 1)])
        .node("Reshape q row -> w", vec![])
        .node("MatMul w v -> y", vec![])
        .outputs(&["y"])
}

fn walk(tree: &Tree, form: Form, x: &[f32]) -> f32 {
    let (mut node, mut leaf) = (0, 0);
    for _ in 0..DEPTH {
        let (feature, threshold) = tree.splits[node];
        let holds = form.holds(x[feature as usize], threshold);
        node = 2 * node + if holds { 1 } else { 2 };
        leaf = 2 * leaf + usize::from(!holds);
    }
    tree.leaves[leaf]
}

const fn is_forest(op: &Op) -> bool {
    matches!(op, Op::Trees { .. })
}

proptest! {
    #[test]
    fn tensors_decide_as_the_trees_they_stand_for(
        trees in prop::collection::vec(any_tree(), 1..4),
        form in any_form(),
        // Quarters meet thresholds exactly.
        x in prop::collection::vec((-9i32..9).prop_map(|v| v as f32 / 4.0), 3),
    ) {
        let compiled = tensors(&trees, form).compile().unwrap();
        let nodes = &compiled.model.program.nodes;
        prop_assert!(nodes.len() == 1 && is_forest(&nodes[0].op));
        let sum: f32 = trees.iter().map(|tree| walk(tree, form, &x)).sum();
        let expected = Cell::Number(format!("{}", if sum == 0.0 { 0.0 } else { sum }));
        prop_assert_eq!(&run(&compiled, &x)[0][0], &expected);
    }
}

#[test]
fn a_forest_whose_inner_values_something_else_reads_is_left_alone() {
    let tree = Tree { splits: vec![(0, 0.5); INNER], leaves: vec![1.0; LEAVES] };
    let form = Form { operator: "Less", constant_first: false, equal: false };
    let compiled = tensors(&[tree], form).outputs(&["y", "s"]).compile();
    assert!(!compiled.is_ok_and(|c| c.model.program.nodes.iter().any(|node| is_forest(&node.op))));
}

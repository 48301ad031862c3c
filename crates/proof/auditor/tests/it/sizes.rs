//! Small programs that are well formed and describe relations too large to hold: refused before they are made. The evidence is the
//! count at which each is refused.

use ciro_auditor::Limits;
use ciro_auditor::RelationError;
use ciro_auditor::size::ENTRIES_MAX;
use ciro_graph::{
    ConstId, Constant, Forest, Ingest, Input, Node, Op, Output, OutputKind, Pick, Profile, Program, Security, ValueId,
    Visibility, Window, check_program,
};

fn program(inputs: &[&[u32]], constants: &[&[u32]], nodes: Vec<Node>) -> Program {
    let fixed = Ingest::Fixed { exponents: vec![0], lo: 0, hi: 0 };
    let input =
        |(i, shape): (usize, &&[u32])| Input { name: format!("x{i}"), shape: shape.to_vec(), ingest: fixed.clone() };
    let last = nodes.last().expect("a node");
    let output = Output {
        name: "y".into(),
        value: ValueId((inputs.len() + nodes.len() - 1) as u32),
        shape: last.shape.clone(),
        kind: OutputKind::Fixed { frac_bits: 0 },
    };
    Program {
        name: "hostile".into(),
        inputs: inputs.iter().enumerate().map(input).collect(),
        constants: constants.iter().map(|shape| Constant { name: "c".into(), shape: shape.to_vec() }).collect(),
        outputs: vec![output],
        nodes,
        columns: vec![],
        limb_bits: 16,
        profile: Profile::Native,
        security: Security::Bits100,
        visibility: Visibility::default(),
        batch: 1,
    }
}

/// The node at which a program is refused that the checks of programs accept, and the count there.
fn refused(program: &Program) -> (usize, usize) {
    assert_eq!(check_program(program), Ok(()));
    match ciro_auditor::lower(program, &Limits::NONE) {
        Err(RelationError::TooMany { node, expected: ENTRIES_MAX, got }) => (node, got),
        Err(other) => panic!("{other}"),
        Ok((relation, _)) => panic!("a relation of {} columns", relation.columns.len()),
    }
}

/// So many nodes, node i reading value i and those before it.
fn chain(len: u32, shape: &[u32], op: impl Fn(u32) -> Op) -> Vec<Node> {
    (0..len).map(|i| Node { op: op(i), shape: shape.to_vec(), lo: 0, hi: 0 }).collect()
}

/// Forty nodes would be 2⁴⁰ terms, were equal columns not one.
#[test]
fn sums_that_double_are_one_term() {
    let doubled = |i| Op::Add { a: ValueId(i), b: ValueId(i) };
    let relation =
        ciro_auditor::lower(&program(&[&[1]], &[], chain(40, &[1], doubled)), &Limits::NONE).expect("a relation").0;
    let terms = relation.sections.iter().flat_map(|section| &section.constraints).map(|c| c.terms.len());
    assert_eq!(terms.max(), Some(2));
}

/// A column of its own for each of so many nodes. Then as many sums follow, and each is one term longer than the one before.
fn growing(len: u32, shape: &[u32]) -> Vec<Node> {
    let taken = |_| Op::Take { x: ValueId(0), picks: vec![Pick { axis: 0, index: vec![0; shape[0] as usize] }] };
    let mut nodes = chain(len, shape, taken);
    let sum = |i| if i == 0 { ValueId(1) } else { ValueId(len + i) };
    nodes.extend(chain(len, shape, |i| Op::Add { a: sum(i), b: ValueId(1 + i) }));
    nodes
}

/// Each sum reads the one before it: a term more each time, and all of them are kept.
#[test]
fn sums_that_grow() {
    let (node, got) = refused(&program(&[&[1]], &[], growing(5_000, &[1])));
    assert!((5_000..8_000).contains(&node) && got < ENTRIES_MAX + 10_000, "{node} {got}");
}

#[test]
fn tens_of_thousands_of_forests() {
    let forest = Forest {
        trees: 1,
        depth: 64,
        classes: 1,
        leaf_width: 1,
        feature: ConstId(0),
        threshold_hi: ConstId(0),
        threshold_lo: ConstId(0),
        left: ConstId(0),
        leaf: ConstId(0),
        values: vec![ConstId(0)],
        tree_class: vec![0],
    };
    let trees = |_| Op::Trees { parts: vec![ValueId(0)], forest: forest.clone() };
    let (node, got) = refused(&program(&[&[1]], &[&[1]], chain(60_000, &[1], trees)));
    // Columns count as eight entries.
    assert!(node < 1_000 && got < ENTRIES_MAX + 100_000, "{node} {got}");
}

/// Of 2¹² parts of 2¹² elements, each would list its place among all 2²⁴.
#[test]
fn parts_of_a_concatenation() {
    let parts = vec![ValueId(0); 1 << 12];
    let concat = |_| Op::Concat { parts: parts.clone(), axis: 0 };
    let (node, got) = refused(&program(&[&[1 << 12]], &[], chain(1, &[1 << 24], concat)));
    assert!(node == 0 && got <= ENTRIES_MAX + (1 << 24), "{node} {got}");
}

/// 256 windows of 4,096 taps list 2²⁰ positions, in every node again.
#[test]
fn windows_of_convolutions() {
    let window = Window { kernel: [1, 4_096], stride: [1, 1], dilation: [1, 1], before: [0, 0], after: [0, 0] };
    let conv = |_| Op::Conv { x: ValueId(0), weight: ConstId(0), bias: None, window, groups: 1 };
    let (node, got) = refused(&program(&[&[1, 1, 4_351]], &[&[1, 1, 1, 4_096]], chain(1_000, &[1, 1, 256], conv)));
    assert!(node < 4 && got < ENTRIES_MAX + (1 << 21), "{node} {got}");
}

/// Every term of a sum is seen through a view of its own.
#[test]
fn views_of_long_sums() {
    let mut nodes = growing(1_000, &[2, 2]);
    let turned = |_| Op::Transpose { x: ValueId(2_000), perm: vec![1, 0] };
    nodes.extend(chain(1_000, &[2, 2], turned));
    let (node, got) = refused(&program(&[&[2, 2]], &[], nodes));
    assert!((2_000..2_300).contains(&node) && got < ENTRIES_MAX + 100_000, "{node} {got}");
}

/// A layout lists every position, even of a value that no column makes.
#[test]
fn layouts_of_nothing() {
    let shape = |i: u32| if i.is_multiple_of(2) { [255, 257] } else { [257, 255] };
    let mut nodes = chain(1, &shape(0), |_| Op::Sub { a: ValueId(0), b: ValueId(0) });
    nodes.extend((1..1_000).map(|i| Node {
        op: Op::Reshape { x: ValueId(i) },
        shape: shape(i).to_vec(),
        lo: 0,
        hi: 0,
    }));
    let (node, got) = refused(&program(&[&shape(0)], &[], nodes));
    assert!(node < 100 && got <= ENTRIES_MAX + (1 << 17), "{node} {got}");
}

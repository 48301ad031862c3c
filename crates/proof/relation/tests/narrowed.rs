//! A narrowed number needs no range of its own where another operator shows the same.

use ciro_graph::{
    ConstId, Constant, Ingest, Input, Node, Op, Output, OutputKind, Profile, Program, Security, ValueId, Visibility,
};
use ciro_relation::Relation;

/// Lookups of a number narrowed to `lo..lo + 2⁸` that is then rescaled to −8..8, its last four bits rounded off.
fn lookups(lo: i32, is_looked_up: bool) -> usize {
    let node = |op, lo, hi| Node { op, shape: vec![1], lo, hi };
    let mut nodes = vec![
        node(Op::Narrow { x: ValueId(0), shift: 0, lo, bits: 8 }, lo, lo + 255),
        node(Op::Rescale { x: ValueId(1), shift: 4 }, -8, 7),
    ];
    if is_looked_up {
        nodes.push(node(Op::Table { x: ValueId(2), lo: -8, values: ConstId(0) }, 0, 0));
    }
    let value = ValueId(nodes.len() as u32);
    let fixed = Ingest::Fixed { exponents: vec![0], lo: -1_000, hi: 1_000 };
    let program = Program {
        name: "narrowed".into(),
        inputs: vec![Input { name: "x".into(), shape: vec![1], ingest: fixed }],
        constants: vec![Constant { name: "c".into(), shape: vec![16] }],
        nodes,
        outputs: vec![Output { name: "y".into(), value, shape: vec![1], kind: OutputKind::Fixed { frac_bits: 0 } }],
        limb_bits: 8,
        profile: Profile::Native,
        security: Security::Bits100,
        visibility: Visibility::default(),
        batch: 1,
    };
    Relation::build(&program).expect("a relation").lookups.len()
}

/// −136..120 are the numbers that round to −8..8. Those from one more on are not.
#[test]
fn a_rescale_to_the_very_interval_shows_it() {
    assert!(lookups(-136, false) < lookups(-135, false));
}

/// A table may take fewer results than a range of them would, or more.
#[test]
fn a_rescale_whose_result_is_looked_up_does_not() {
    assert_eq!(lookups(-136, true), lookups(-135, true));
}

//! Programs of strangers that once took a verifier minutes or gigabytes. What they cost now is said before it is
//! spent, and what costs too much is refused. No prover is needed: zeros about zeros are consistent in every phase up
//! to the opening.

use ciro_auditor::RelationError;
use ciro_auditor::{AuditError, AuditedModel, Cost, Limits, Phase, ProofContext, Statement, Weights};
use ciro_graph::check::Place;
use ciro_graph::problem::{MAX_RANK, Problem};
use ciro_graph::{
    ConstId, Constant, Disclosure, Forest, Ingest, Input, Node, Op, Output, OutputKind, Pick, Profile, Program,
    RawInput, RawOutput, RawTensor, Security, ValueId, Visibility, check_program,
};
use ciro_relation::TooCostly;
use ciro_types::{Hash32, encode};

const X: ValueId = ValueId(0);

fn program(shape: &[u32], hi: i32) -> Program {
    let ingest = Ingest::Fixed { exponents: vec![0], lo: 0, hi };
    Program {
        name: "hostile".into(),
        inputs: vec![Input { name: "x".into(), shape: shape.to_vec(), ingest }],
        constants: vec![],
        nodes: vec![],
        outputs: vec![],
        columns: vec![],
        limb_bits: 8,
        profile: Profile::Native,
        security: Security::Bits100,
        visibility: Visibility::default(),
        batch: 1,
    }
}

/// Adds a node of numbers from zero to `hi` and returns its value.
fn node(p: &mut Program, op: Op, shape: &[u32], hi: i32) -> ValueId {
    p.nodes.push(Node { op, shape: shape.to_vec(), lo: 0, hi });
    ValueId((p.inputs.len() + p.nodes.len() - 1) as u32)
}

fn output(p: &mut Program, value: ValueId, shape: &[u32]) {
    let kind = OutputKind::Fixed { frac_bits: 0 };
    p.outputs.push(Output { name: "y".into(), value, shape: shape.to_vec(), kind });
}

/// The sum of many zeros, two at a time.
fn sum(p: &mut Program, mut values: Vec<ValueId>, shape: &[u32]) -> ValueId {
    while values.len() > 1 {
        let mut next = Vec::new();
        for pair in values.chunks(2) {
            next.push(match *pair {
                [a, b] => node(p, Op::Add { a, b }, shape, 0),
                _ => pair[0],
            });
        }
        values = next;
    }
    values[0]
}

fn key(p: &Program, limits: &Limits) -> Result<AuditedModel, AuditError> {
    assert_eq!(check_program(p), Ok(()));
    AuditedModel::new_within(&encode(p), Hash32::ZERO, limits)
}

/// What it costs, whatever that is.
fn cost(p: &Program) -> Cost {
    key(p, &Limits::NONE).expect("a key").cost()
}

/// The limit that is passed, and by how much.
fn refused(p: &Program, limits: &Limits) -> (&'static str, u64) {
    match key(p, limits) {
        Err(AuditError::Relation(RelationError::TooCostly(TooCostly { what, got, .. }))) => (what, got),
        Err(other) => panic!("{other}"),
        Ok(key) => panic!("accepted at {:?}", key.cost()),
    }
}

/// A proof of zeros, as long as proofs are, about zeros.
fn zeros(key: &AuditedModel) -> AuditError {
    let program = key.program();
    let len = |shape: &[u32]| shape.iter().product::<u32>() as usize;
    let tensor = |input: &Input| RawTensor { shape: input.shape.clone(), bits: vec![0; len(&input.shape)] };
    let input = RawInput(program.inputs.iter().map(tensor).collect());
    let output = RawOutput(program.outputs.iter().map(|output| vec![0; len(&output.shape)]).collect());
    let statement = Statement::public(input, output, ProofContext::default());
    let proof = vec![0; *key.proof_bytes().end()];
    key.verify(&statement, &proof).expect_err("a proof of zeros")
}

#[test]
fn a_value_added_to_itself_is_one_term() {
    let doubled = |times: u32| {
        let mut p = program(&[1 << 12], 1);
        let value = (0..times).fold(X, |x, i| node(&mut p, Op::Add { a: x, b: x }, &[1 << 12], 2 << i));
        output(&mut p, value, &[1 << 12]);
        p
    };
    let [few, many] = [2, 25].map(|times| cost(&doubled(times)).units());
    assert!(many < few + few / 4, "{few} {many}");
    assert_eq!(zeros(&key(&doubled(25), &Limits::LEDGER).expect("a key")).phase(), Phase::Encoding);
}

/// Each operator, not only those that compute a shape.
#[test]
fn no_value_has_more_dimensions_than_tensors_may() {
    let shaped = |rank: usize| {
        let mut p = program(&[1], 1);
        let value = node(&mut p, Op::Reshape { x: X }, &vec![1; rank], 1);
        output(&mut p, value, &[1]);
        p
    };
    assert_eq!(check_program(&shaped(MAX_RANK as usize)), Ok(()));
    for rank in [MAX_RANK as usize + 1, 1 << 10, 1 << 16] {
        let error = check_program(&shaped(rank)).expect_err("too many dimensions");
        let problem = Problem::TooMany { what: "dimensions", expected: MAX_RANK, got: rank as u64 };
        assert_eq!((error.place, error.problem), (Place::Node(0, "Reshape"), problem));
    }
}

/// Of 2²⁶ padded cells 2.8 million are real.
#[test]
fn padding_of_an_input_costs_nothing() {
    let shape = [17, 17, 17, 17, 33];
    let mut p = program(&shape, 1);
    let value = node(&mut p, Op::Sum { x: X }, &[17, 17, 17, 17, 1], 33);
    output(&mut p, value, &[17, 17, 17, 17]);
    assert!(cost(&p).peak_bytes < 4 << 26, "{:?}", cost(&p));
    assert_eq!(refused(&p, &Limits::LEDGER).0, "units of work");
    assert_eq!(zeros(&key(&p, &Limits::VERIFY).expect("a key")).phase(), Phase::Encoding);
}

/// Row numbers of as many positions.
#[test]
fn padding_of_row_numbers_costs_nothing() {
    let full = [17, 17, 17, 17, 33];
    let mut p = program(&full, 0);
    p.constants.push(Constant { name: "c".into(), shape: vec![1, 1] });
    let rows = node(&mut p, Op::Embed { ids: X, table: ConstId(0) }, &[&full[..], &[1]].concat(), 1);
    let value = node(&mut p, Op::Reshape { x: rows }, &full, 1);
    let value = node(&mut p, Op::Sum { x: value }, &[17, 17, 17, 17, 1], 33);
    output(&mut p, value, &[17, 17, 17, 17]);
    assert!(cost(&p).peak_bytes < 4 << 26, "{:?}", cost(&p));
    assert_eq!(zeros(&key(&p, &Limits::VERIFY).expect("a key")).phase(), Phase::Encoding);
}

/// Of 2²⁸ padded cells four million are weights.
#[test]
fn padding_of_public_weights_costs_nothing() {
    let shape = [5, 5, 5, 5, 9, 9, 9, 9];
    let mut p = program(&[5, 5, 5, 5, 1, 1, 1, 1], 1);
    let ingest = Ingest::Fixed { exponents: vec![0], lo: 0, hi: 1 };
    p.inputs.push(Input { name: "z".into(), shape: vec![9, 9, 9, 9], ingest });
    p.constants.push(Constant { name: "c".into(), shape: shape.to_vec() });
    let both = node(&mut p, Op::Add { a: X, b: ValueId(1) }, &shape, 2);
    node(&mut p, Op::AddConst { x: both, c: ConstId(0) }, &shape, 2);
    output(&mut p, X, &[625]);
    p.visibility.weights = Disclosure::Public;
    let weights = Weights::Public(encode(&vec![vec![0i32; 625 * 6561]]));
    let key = AuditedModel::of(&encode(&p), &weights).expect("a key");
    assert!(key.cost().peak_bytes < 1 << 29, "{:?}", key.cost());
    let ledger = AuditedModel::of_within(&encode(&p), &weights, &Limits::LEDGER);
    assert!(matches!(ledger, Err(AuditError::Relation(RelationError::TooCostly(TooCostly { .. })))), "{ledger:?}");
}

/// Public weights that every node reads anew are refused before the first one does.
#[test]
fn public_weights_are_paid_for_by_each_that_reads_them() {
    let side = 1 << 11;
    let mut p = program(&[1, side], 0);
    p.visibility.weights = Disclosure::Public;
    p.constants.push(Constant { name: "c".into(), shape: vec![side, side] });
    let linear = Op::Linear { x: X, weight: ConstId(0), bias: None };
    let products: Vec<ValueId> = (0..500).map(|_| node(&mut p, linear.clone(), &[1, side], 0)).collect();
    let value = sum(&mut p, products, &[1, side]);
    output(&mut p, value, &[1, side]);
    let weights = Weights::Public(encode(&vec![vec![0i32; (side * side) as usize]]));
    let key = AuditedModel::of(&encode(&p), &weights);
    assert!(matches!(key, Err(AuditError::Relation(RelationError::TooCostly(TooCostly { .. })))), "{key:?}");
}

/// The matrix of pairs of classes has at most 2²⁴ cells.
#[test]
fn hidden_labels_have_few_classes() {
    let labelled = |classes: u32| {
        let mut p = program(&[classes], 1);
        let value = node(&mut p, Op::ArgMax { x: X }, &[1], classes as i32 - 1);
        let kind = OutputKind::IntLabel { labels: vec![0; classes as usize] };
        p.outputs.push(Output { name: "y".into(), value, shape: vec![1], kind });
        p.visibility.output = Disclosure::Committed;
        key(&p, &Limits::NONE).map(|_| ())
    };
    assert_eq!(labelled(1 << 12), Ok(()));
    let what = "classes of a hidden label";
    for (classes, got) in [((1 << 12) + 1, 13), (1 << 20, 20)] {
        let wide = RelationError::TooWide { node: 0, what, expected: 12, got };
        assert_eq!(labelled(classes), Err(AuditError::Relation(wide)));
    }
}

/// Claims of many sums on one column of 2¹⁸ picked positions.
#[test]
fn gathers_are_walked_once_a_claim_and_paid_for_by_each() {
    let claimed = |sums: u32| {
        let mut p = program(&[1, 16], 0);
        let len = 1u32 << 18;
        let index = (0..len).map(|i| ((i ^ (i >> 3)) % 16) as i32).collect();
        let taken = node(&mut p, Op::Take { x: X, picks: vec![Pick { axis: 1, index }] }, &[1, len], 0);
        let sums = (0..sums).map(|_| node(&mut p, Op::Sum { x: taken }, &[1, 1], 0)).collect();
        let value = sum(&mut p, sums, &[1, 1]);
        output(&mut p, value, &[1, 1]);
        p
    };
    assert!(key(&claimed(4), &Limits::VERIFY).is_ok());
    assert_eq!(refused(&claimed(4), &Limits::LEDGER).0, "units of work");
    let (what, got) = refused(&claimed(1 << 12), &Limits::VERIFY);
    assert!(what == "units of work" && got > Limits::VERIFY.units, "{got}");
}

/// A public input of a million elements under a thousand Takes, and one that a ledger would take under dozens.
#[test]
fn takes_of_one_public_input_are_paid_for_by_each() {
    let taken = |shape: &[u32], takes: u32| {
        let mut p = program(shape, 0);
        let one = vec![1; shape.len()];
        let pick = |i: u32| {
            let at = |(axis, &d): (usize, &u32)| Pick { axis: axis as u8, index: vec![(i % d) as i32] };
            shape.iter().enumerate().map(at).collect()
        };
        let takes = (0..takes).map(|i| node(&mut p, Op::Take { x: X, picks: pick(i) }, &one, 0)).collect();
        let value = sum(&mut p, takes, &one);
        output(&mut p, value, &one);
        p
    };
    let (what, got) = refused(&taken(&[1 << 20], 1024), &Limits::VERIFY);
    assert!(what == "units of work" && got > Limits::VERIFY.units, "{got}");
    let deep = [5, 5, 5, 5, 5, 5, 5, 3];
    assert_eq!(refused(&taken(&deep, 64), &Limits::LEDGER).0, "units of work");
    assert_eq!(zeros(&key(&taken(&deep, 4), &Limits::VERIFY).expect("a key")).phase(), Phase::Encoding);
}

/// Many forests that read many parts of many dimensions.
#[test]
fn parts_of_forests_are_few_and_flat() {
    let c = ConstId(0);
    let forest = Forest {
        trees: 1,
        depth: 1,
        classes: 1,
        leaf_width: 1,
        tree_class: vec![0],
        feature: c,
        threshold_hi: c,
        threshold_lo: c,
        left: c,
        leaf: c,
        values: vec![c],
    };
    let mut p = program(&[1], 0);
    p.constants.push(Constant { name: "c".into(), shape: vec![1] });
    let forests: Vec<ValueId> =
        (0..1_000).map(|_| node(&mut p, Op::Trees { parts: vec![X; 256], forest: forest.clone() }, &[1], 0)).collect();
    let value = sum(&mut p, forests, &[1]);
    output(&mut p, value, &[1]);
    // Refused while the relation is built, after a hundredth of it.
    let (what, got) = refused(&p, &Limits::LEDGER);
    assert!(what == "units of work" && got < 2 * Limits::LEDGER.units, "{got}");
}

/// The frozen statements, of all families of gadgets and some bundled models, are cheap enough for a ledger many times over.
#[test]
fn ordinary_programs_stay_far_below_the_limits() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/proofs");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the vectors are there") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "subject") {
            continue;
        }
        let bytes = std::fs::read(&path).expect("a readable file");
        let subject: (Vec<u8>, Weights, Vec<u8>, Vec<u8>, ProofContext) = borsh::from_slice(&bytes).expect("a subject");
        let key = AuditedModel::of_within(&subject.0, &subject.1, &Limits::LEDGER).expect("a cheap key");
        assert!(key.cost().units() < Limits::LEDGER.units / 8, "{}: {:?}", path.display(), key.cost());
        assert!(key.cost().peak_bytes < Limits::LEDGER.peak_bytes / 8, "{}: {:?}", path.display(), key.cost());
        seen += 1;
    }
    assert!(seen > 20);
}

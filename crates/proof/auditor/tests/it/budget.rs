//! What keys count: the budget of a sample that opens alone, and the cost of schedules.

use ciro_auditor::RelationError;
use ciro_auditor::{AuditError, AuditedModel};
use ciro_graph::{
    ConstId, Constant, Disclosure, Forest, Ingest, Input, Node, Op, Output, OutputKind, Profile, Program, Security,
    ValueId, Visibility,
};
use ciro_pcs::{Params, Size};
use ciro_relation::TooCostly;
use ciro_relation::{Knowledge, Limits, Poly, Space};
use ciro_types::{Hash32, encode};

/// Batches of four samples with so many committed inputs and outputs of `len` numbers.
fn program(ports: u32, len: u32, security: Security) -> Program {
    let fixed = Ingest::Fixed { exponents: vec![0], lo: -8, hi: 7 };
    let input = |i| Input { name: format!("x{i}"), shape: vec![1, len], ingest: fixed.clone() };
    let node = |i| Node { op: Op::Scale { x: ValueId(i), factor: 2 }, shape: vec![1, len], lo: -16, hi: 14 };
    let output = |i| Output {
        name: format!("y{i}"),
        value: ValueId(ports + i),
        shape: vec![1, len],
        kind: OutputKind::Fixed { frac_bits: 0 },
    };
    let committed = Disclosure::Committed;
    Program {
        name: "doubled".into(),
        inputs: (0..ports).map(input).collect(),
        constants: Vec::new(),
        nodes: (0..ports).map(node).collect(),
        outputs: (0..ports).map(output).collect(),
        columns: Vec::new(),
        limb_bits: 4,
        profile: Profile::Native,
        security,
        visibility: Visibility { input: committed, output: committed, weights: committed },
        batch: 4,
    }
}

fn key(ports: u32, len: u32, security: Security) -> AuditedModel {
    AuditedModel::new(&encode(&program(ports, len, security)), Hash32::ZERO).expect("a key")
}

/// Bits of a term of the sample's budget.
fn bits(key: &AuditedModel, what: &str) -> u32 {
    key.key().sample_budget().terms.iter().find(|term| term.what == what).expect("the term").bits
}

/// A sample of more numbers has more coordinates, and more inputs and outputs more claims. Each counts.
#[test]
fn a_sample_counts_its_coordinates_and_its_claims() {
    let lost = |ports, len| {
        let key = key(ports, len, Security::Bits100);
        let (point, claims) = (bits(&key, "sample: cells at a point"), bits(&key, "sample: claims together"));
        i64::from(point) - i64::from(claims)
    };
    // One coordinate and four claims (a column and a polynomial each); four coordinates; and four times the columns.
    assert_eq!([lost(1, 2), lost(1, 16), lost(7, 16)], [2, 0, 2]);
}

/// As many inputs and outputs as there may be, the inputs of three columns each: 258 claims.
#[test]
fn a_sample_has_the_bits_that_were_asked_for_by_work_if_need_be() {
    let few = program(1, 2, Security::Bits128);
    let forest = Forest {
        trees: 1,
        depth: 1,
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
    let mut many = program(64, 1, Security::Bits128);
    many.inputs.iter_mut().for_each(|input| input.ingest = Ingest::OrderedMissing);
    many.outputs.iter_mut().for_each(|output| (output.value, output.shape) = (ValueId(64), vec![1]));
    many.constants = vec![Constant { name: "c".into(), shape: vec![1] }];
    many.nodes = vec![Node { op: Op::Trees { parts: vec![ValueId(0)], forest }, shape: vec![1], lo: -1, hi: 1 }];
    let [few, many] = [few, many].map(|program| AuditedModel::new(&encode(&program), Hash32::ZERO).expect("a key"));
    for key in [few, many] {
        let lacking: Vec<u32> =
            key.key().sample_terms().iter().take(2).map(|term| 134u32.saturating_sub(term.bits)).collect();
        assert_eq!(key.key().sample_work(), lacking[..]);
        assert!(key.key().sample_budget().total_bits >= 128, "{:?}", key.key().sample_budget());
    }
}

/// Weights are encoded once for many proofs, so their codeword may be long where that makes proofs short.
#[test]
fn a_schedule_counts_no_encoding_of_weights() {
    let mut program = program(1, 256, Security::Bits100);
    program.constants = vec![Constant { name: "w".into(), shape: vec![256, 4_096] }];
    let linear = Op::Linear { x: ValueId(0), weight: ConstId(0), bias: None };
    program.nodes = vec![Node { op: linear, shape: vec![1, 4_096], lo: -1_000, hi: 1_000 }];
    program.outputs.iter_mut().for_each(|output| output.shape = vec![1, 4_096]);
    let key = AuditedModel::new(&encode(&program), Hash32::ZERO).expect("a key");
    let schedule = |shared: Poly| {
        let size = |space: &Space| Size {
            vars: space.vars,
            used: space.used,
            is_shared: space.poly == shared,
            is_salted: space.known == Knowledge::Salted,
        };
        let sizes: Vec<Size> = key.relation().committed().map(size).collect();
        Params::new(&sizes, ciro_pcs::Security::Bits100, ciro_pcs::Profile::Native)
    };
    assert_eq!(key.params(), &schedule(Poly::Model));
    assert_ne!(key.params(), &schedule(Poly::Witness));
}

/// A key is made within its own cost, and not within one unit or one byte less.
#[test]
fn a_key_is_refused_where_verifying_costs_more_than_is_accepted() {
    let program = encode(&program(2, 16, Security::Bits100));
    let new = |limits: Limits| AuditedModel::new_within(&program, Hash32::ZERO, &limits);
    let cost = new(Limits::NONE).expect("a key").cost();
    let exact = Limits { units: cost.units(), peak_bytes: cost.peak_bytes };
    assert_eq!(new(exact).expect("a key").cost(), cost);
    for less in [Limits { units: exact.units - 1, ..exact }, Limits { peak_bytes: exact.peak_bytes - 1, ..exact }] {
        let refused = matches!(new(less), Err(AuditError::Relation(RelationError::TooCostly(TooCostly { .. }))));
        assert!(refused, "{less:?}");
    }
    // Before anything is decoded.
    let long = vec![0xff; 1 << 20];
    let error = AuditedModel::new_within(&long, Hash32::ZERO, &Limits { units: 1_000, ..Limits::NONE });
    assert!(matches!(error, Err(AuditError::Relation(RelationError::TooCostly(TooCostly { expected: 1_000, .. })))));
}

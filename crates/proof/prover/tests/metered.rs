//! What verifying takes is no more than its key says. Field operations and hashed bytes are counted by the loops,
//! memory by the allocator.
//!
//! `cargo test --release -p ciro-prover --features meter --test metered` runs it; `CIRO_SEEDS=FROM..TO` tries other random programs.

mod common;

use ciro_auditor::{AuditedModel, Phase, ProofContext, Statement};
use ciro_graph::{
    ConstId, Constant, Disclosure, Forest, Ingest, Input, Model, Node, Op, Output, OutputKind, Pick, Profile, Program,
    RawInput, RawOutput, RawTensor, Security, ValueId, Visibility,
};
use ciro_prover::{Proof, ProvingKey, prove_hiding};
use ciro_relation::{Axis, ColId, Constraint, Cost, Gather, Limits, Lookup, Part, Relation, Rows, Section};
use ciro_test_models::random::{self, Draw, Magnitude};
use ciro_transcript::meter;
use ciro_types::{Hash32, encode};
use ciro_verifier::{Key, KeyError};
use common::liar::raw_doubles;
use common::{SEED, allocated, doubles_model, seeds};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[global_allocator]
static COUNTED: allocated::Counting = allocated::Counting;

/// Memory is that of the process: one measurement at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a verification was said to take, and what it took.
struct Measured {
    said: Cost,
    done: Cost,
    /// To compare with units; nothing depends on it.
    took: Duration,
}

impl Measured {
    /// Builds the key from bytes and verifies an honest proof, as a stranger would.
    fn of(model: Model, input: &RawInput) -> Self {
        let key = ProvingKey::new(model).expect("the model has a relation");
        let Proof { bytes: proof, statement, .. } =
            prove_hiding(&key, input, &ProofContext::default(), &SEED).expect("the model runs");
        let (program, weights) = (key.program().to_vec(), key.weights());
        let visibility = key.model().program.visibility;
        let (input, output) = statement.encode();
        drop((key, statement));
        let _ = meter::take();
        let (before, started) = (allocated::begin(), Instant::now());
        let key = AuditedModel::of_within(&program, &weights, &Limits::NONE).expect("a key");
        let statement = Statement::decode(&visibility, &input, &output, ProofContext::default()).expect("a statement");
        key.verify(&statement, &proof).expect("an honest proof verifies");
        let done = Cost { peak_bytes: allocated::peak_since(before), ..meter::take() };
        let took = started.elapsed();
        assert!(key.proof_bytes().contains(&proof.len()));
        Self { said: key.cost(), done, took }
    }

    /// Neither work nor memory is more than was said.
    fn check(&self, what: &str) {
        let Self { said, done, took } = self;
        eprintln!("{what}: {done:?} of {said:?}, {} units, {} us", said.units(), took.as_micros());
        assert!(done.field_ops <= said.field_ops, "{what}: {done:?} of {said:?}");
        assert!(done.hash_bytes <= said.hash_bytes, "{what}: {done:?} of {said:?}");
        assert!(done.peak_bytes <= said.peak_bytes, "{what}: {done:?} of {said:?}");
    }
}

/// A program that grows by hand.
struct Hostile {
    program: Program,
    weights: Vec<Vec<i32>>,
}

impl Hostile {
    fn new(shape: &[u32]) -> Self {
        let ingest = Ingest::Fixed { exponents: vec![0], lo: 0, hi: 1 };
        let program = Program {
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
        };
        Self { program, weights: vec![] }
    }

    fn constant(&mut self, shape: &[u32]) -> ConstId {
        self.program.constants.push(Constant { name: "c".into(), shape: shape.to_vec() });
        self.weights.push(vec![1; shape.iter().product::<u32>() as usize]);
        ConstId(self.weights.len() as u32 - 1)
    }

    fn node(&mut self, op: Op, shape: &[u32], hi: i32) -> ValueId {
        self.program.nodes.push(Node { op, shape: shape.to_vec(), lo: 0, hi });
        ValueId((self.program.inputs.len() + self.program.nodes.len() - 1) as u32)
    }

    /// The sum of many values of one shape, two at a time.
    fn sum(&mut self, mut values: Vec<(ValueId, i32)>, shape: &[u32]) -> ValueId {
        while values.len() > 1 {
            let pairs: Vec<Vec<(ValueId, i32)>> = values.chunks(2).map(<[_]>::to_vec).collect();
            values = pairs
                .into_iter()
                .map(|pair| match pair[..] {
                    [(a, x), (b, y)] => (self.node(Op::Add { a, b }, shape, x + y), x + y),
                    _ => pair[0],
                })
                .collect();
        }
        values[0].0
    }

    fn output(&mut self, value: ValueId, shape: &[u32]) {
        let name = format!("y{}", self.program.outputs.len());
        let kind = OutputKind::Fixed { frac_bits: 0 };
        self.program.outputs.push(Output { name, value, shape: shape.to_vec(), kind });
    }

    /// Measures it on an input of ones.
    fn check(self, what: &str) -> Measured {
        let model = Model { program: self.program, weights: self.weights };
        ciro_graph::check_model(&model).expect("well formed");
        let tensor = |input: &Input| RawTensor {
            bits: vec![1f32.to_bits(); input.shape.iter().product::<u32>() as usize],
            shape: input.shape.clone(),
        };
        let input = RawInput(model.program.inputs.iter().map(tensor).collect());
        let measured = Measured::of(model, &input);
        measured.check(what);
        measured
    }
}

const X: ValueId = ValueId(0);

/// A value added to itself k times has 2^k terms, or one.
#[test]
fn terms_that_double() {
    let _alone = alone();
    let measured = |doublings: i32| {
        let mut p = Hostile::new(&[1 << 10]);
        let mut value = X;
        for i in 0..doublings {
            value = p.node(Op::Add { a: value, b: value }, &[1 << 10], 2 << i);
        }
        p.output(value, &[1 << 10]);
        p.check("terms that double").done.field_ops
    };
    let (few, many) = (measured(2), measured(20));
    assert!(many < few + few / 8, "{few} {many}");
}

/// Every Take reads the same public input at the same point.
#[test]
fn gathers_of_one_input() {
    let _alone = alone();
    let measured = |takes: u32| {
        let mut p = Hostile::new(&[1 << 12]);
        let takes = (0..takes).map(|i| {
            let picks = vec![Pick { axis: 0, index: vec![i as i32] }];
            (p.node(Op::Take { x: X, picks }, &[1], 1), 1)
        });
        let takes = takes.collect();
        let sum = p.sum(takes, &[1]);
        p.output(sum, &[1]);
        p.check("gathers of one input").done.field_ops
    };
    let (few, many) = (measured(2), measured(34));
    // 32 evaluations of 2¹² elements would be 32·2¹² products.
    assert!(many < few + (16 << 12) * ciro_transcript::cost::F_MUL, "{few} {many}");
}

/// Sums that all read one gathered column, at one point.
#[test]
fn claims_on_one_gather() {
    let _alone = alone();
    let measured = |sums: u32| {
        let mut p = Hostile::new(&[1, 16]);
        let len = 1u32 << 12;
        let index = (0..len).map(|i| ((i ^ (i >> 3)) % 16) as i32).collect();
        let taken = p.node(Op::Take { x: X, picks: vec![Pick { axis: 1, index }] }, &[1, len], 1);
        let sums = (0..sums).map(|_| (p.node(Op::Sum { x: taken }, &[1, 1], len as i32), len as i32)).collect();
        let sum = p.sum(sums, &[1, 1]);
        p.output(sum, &[1, 1]);
        p.check("claims on one gather").done.field_ops
    };
    let (few, many) = (measured(2), measured(34));
    assert!(many < few + (16 << 12) * ciro_transcript::cost::E_MUL, "{few} {many}");
}

/// Inputs and row numbers whose padded cells are many times the real ones.
#[test]
fn padded_inputs() {
    let _alone = alone();
    let shape = [17, 17, 17, 5];
    let mut p = Hostile::new(&shape);
    let sum = p.node(Op::Sum { x: X }, &[17, 17, 17, 1], 5);
    p.output(sum, &[17, 17, 17]);
    let padded: u64 = shape.iter().map(|d| u64::from(d.next_power_of_two())).product();
    let measured = p.check("a padded input");
    assert!(measured.done.peak_bytes < 16 * padded, "{:?}", measured.done);

    let mut p = Hostile::new(&[17, 17, 17]);
    p.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo: 0, hi: 2 };
    let table = p.constant(&[3, 1]);
    let rows = p.node(Op::Embed { ids: X, table }, &[17, 17, 17, 1], 1);
    let sum = p.node(Op::Sum { x: rows }, &[17, 17, 17, 1], 1);
    p.output(sum, &[17, 17, 17]);
    p.check("row numbers");
}

#[test]
fn padded_public_weights() {
    let _alone = alone();
    let shape = [5, 5, 5, 9, 9];
    let mut p = Hostile::new(&shape);
    p.program.visibility.weights = Disclosure::Public;
    let c = p.constant(&shape);
    let sum = p.node(Op::AddConst { x: X, c }, &shape, 2);
    let weight = p.constant(&[9, 33]);
    let linear = p.node(Op::Linear { x: sum, weight, bias: None }, &[5, 5, 5, 9, 33], 2 * 9);
    let total = p.node(Op::Sum { x: linear }, &[5, 5, 5, 9, 1], 2 * 9 * 33);
    p.output(total, &[5, 5, 5, 9]);
    p.check("padded public weights");
}

/// One public constant that every node reads.
#[test]
fn public_weights_that_every_node_reads() {
    let _alone = alone();
    let mut p = Hostile::new(&[1, 64]);
    p.program.visibility.weights = Disclosure::Public;
    let weight = p.constant(&[64, 64]);
    let products = (0..16).map(|_| (p.node(Op::Linear { x: X, weight, bias: None }, &[1, 64], 64), 64)).collect();
    let sum = p.sum(products, &[1, 64]);
    p.output(sum, &[1, 64]);
    p.check("public weights read by every node");
}

/// Each order of the dimensions reads the input at another point.
#[test]
fn transposed_inputs() {
    let _alone = alone();
    let mut p = Hostile::new(&[6, 6, 6, 6]);
    let mut perms: Vec<Vec<u8>> = vec![vec![]];
    for _ in 0..4 {
        let longer = |perm: Vec<u8>| {
            let free: Vec<u8> = (0..4).filter(|axis| !perm.contains(axis)).collect();
            free.into_iter().map(move |axis| [&perm[..], &[axis]].concat())
        };
        perms = perms.into_iter().flat_map(longer).collect();
    }
    let turned = perms.into_iter().map(|perm| (p.node(Op::Transpose { x: X, perm }, &[6, 6, 6, 6], 1), 1)).collect();
    let sum = p.sum(turned, &[6, 6, 6, 6]);
    p.output(sum, &[6, 6, 6, 6]);
    p.check("an input in every order");
}

/// Gathers of copies of gathers.
#[test]
fn chains_of_layouts() {
    let _alone = alone();
    let mut p = Hostile::new(&[15, 17]);
    let mut value = p.node(Op::Relu { x: X }, &[15, 17], 1);
    let shapes: [&[u32]; 4] = [&[17, 15], &[5, 51], &[3, 5, 17], &[255]];
    for i in 0..24 {
        value = p.node(Op::Reshape { x: value }, shapes[i % 4], 1);
    }
    p.output(value, &[255]);
    p.check("a chain of layouts");
}

/// Many forests that read many parts.
#[test]
fn forests_of_many_parts() {
    let _alone = alone();
    let mut p = Hostile::new(&[1, 3]);
    let [c0, leaf] = [p.constant(&[1]), p.constant(&[1])];
    p.weights[0] = vec![0];
    p.weights[1] = vec![0];
    let [most, value] = [p.constant(&[1]), p.constant(&[1])];
    p.weights[2] = vec![0xffff];
    let forest = Forest {
        trees: 1,
        depth: 1,
        classes: 1,
        leaf_width: 1,
        tree_class: vec![0],
        feature: c0,
        threshold_hi: most,
        threshold_lo: most,
        left: c0,
        leaf,
        values: vec![value],
    };
    let forests = (0..8).map(|_| {
        let op = Op::Trees { parts: vec![X; 32], forest: forest.clone() };
        (p.node(op, &[1], 1), 1)
    });
    let forests = forests.collect();
    let sum = p.sum(forests, &[1]);
    p.output(sum, &[1]);
    p.check("forests of many parts");
}

/// Programs that say much in few bytes: whether they are well formed or not, decoding and checking them takes what their length says.
#[test]
fn programs_that_decode_to_much() {
    let _alone = alone();
    let plain = || Hostile::new(&[1]).program;
    let mut nodes = plain();
    nodes.nodes = vec![Node { op: Op::Relu { x: X }, shape: vec![], lo: 0, hi: 0 }; 1 << 17];
    let mut labels = plain();
    let kind = OutputKind::TextLabel { labels: vec![String::new(); 1 << 19] };
    labels.outputs.push(Output { name: "y".into(), value: X, shape: vec![1], kind });
    let mut picks = plain();
    let picked = vec![Pick { axis: 0, index: vec![] }; 1 << 18];
    picks.nodes.push(Node { op: Op::Take { x: X, picks: picked }, shape: vec![1], lo: 0, hi: 1 });
    let mut taps = plain();
    let op = Op::Rectify { x: X, shift: 0, bits: 1, taps: vec![vec![]; 1 << 19] };
    taps.nodes.push(Node { op, shape: vec![1], lo: 0, hi: 1 });
    let mut inputs = plain();
    inputs.inputs = vec![Input { name: String::new(), ..inputs.inputs[0].clone() }; 1 << 16];
    for program in [nodes, labels, picks, taps, inputs] {
        let bytes = encode(&program);
        drop(program);
        let before = allocated::begin();
        let key = AuditedModel::new_within(&bytes, Hash32::ZERO, &Limits::NONE);
        let peak = allocated::peak_since(before);
        assert!(key.is_err());
        let said = ciro_auditor::cost::of_program(bytes.len());
        eprintln!("{} bytes: {peak} of {}", bytes.len(), said.peak_bytes);
        assert!(peak <= said.peak_bytes, "{} bytes: {peak} of {}", bytes.len(), said.peak_bytes);
    }
}

/// What a proof of zeros takes, as long as proofs are, about zeros: of a relation without lookups they are consistent up to the opening.
fn zeros(p: &Hostile) -> Cost {
    let key = AuditedModel::new_within(&encode(&p.program), Hash32::ZERO, &Limits::NONE).expect("a key");
    let len = |shape: &[u32]| shape.iter().product::<u32>() as usize;
    let tensor = |input: &Input| RawTensor { shape: input.shape.clone(), bits: vec![0; len(&input.shape)] };
    let input = RawInput(p.program.inputs.iter().map(tensor).collect());
    let output = RawOutput(p.program.outputs.iter().map(|output| vec![0; len(&output.shape)]).collect());
    let statement = Statement::public(input, output, ProofContext::default());
    let proof = vec![0; *key.proof_bytes().end()];
    let _ = meter::take();
    let error = key.verify(&statement, &proof).expect_err("a proof of zeros");
    assert_eq!(error.phase(), Phase::Encoding, "{error}");
    meter::take()
}

/// However much there is to evaluate, it is not begun.
#[test]
fn a_proof_of_zeros_is_refused_at_once() {
    let _alone = alone();
    let mut sums = Hostile::new(&[1, 16]);
    let len = 1u32 << 16;
    let index = (0..len).map(|i| ((i ^ (i >> 3)) % 16) as i32).collect();
    let taken = sums.node(Op::Take { x: X, picks: vec![Pick { axis: 1, index }] }, &[1, len], 1);
    let each = (0..64).map(|_| (sums.node(Op::Sum { x: taken }, &[1, 1], len as i32), len as i32)).collect();
    let total = sums.sum(each, &[1, 1]);
    sums.output(total, &[1, 1]);

    let mut turned = Hostile::new(&[13, 13, 13, 13]);
    let orders = [[0, 1, 3, 2], [0, 2, 1, 3], [1, 0, 2, 3], [3, 2, 1, 0], [2, 3, 0, 1], [1, 2, 3, 0]];
    let each = orders.map(|perm| (turned.node(Op::Transpose { x: X, perm: perm.to_vec() }, &[13, 13, 13, 13], 1), 1));
    let total = turned.sum(each.to_vec(), &[13, 13, 13, 13]);
    turned.output(total, &[13, 13, 13, 13]);

    for p in [sums, turned] {
        let elements = |shape: &[u32]| u64::from(shape.iter().product::<u32>());
        let shown = elements(&p.program.inputs[0].shape) * 4 + elements(&p.program.outputs[0].shape) * 8;
        let done = zeros(&p);
        // The statement is hashed, whatever comes after it.
        let statement = Cost::hash(shown).units();
        assert!(
            done.units() <= statement + 1_000,
            "{done:?}: {} units, {statement} of them the statement",
            done.units()
        );
    }
}

#[test]
fn ranks_of_doubles() {
    let _alone = alone();
    for shown in [Disclosure::Public, Disclosure::Committed, Disclosure::Private] {
        let mut model = doubles_model(true);
        model.program.visibility.input = shown;
        let input = raw_doubles(&model, &[f64::NAN, 1.7e9]);
        Measured::of(model, &input).check("doubles");
    }
}

/// What is a byte or four in a key is a struct in memory, and vectors grow by doubling.
#[test]
fn keys_of_many_small_parts() {
    let _alone = alone();
    let model = doubles_model(true);
    let key = ProvingKey::new(model).expect("the model has a relation").verifying().key().key().clone();
    let many = 1 << 18;
    let gathered = |relation: &mut Relation| {
        let axis = Axis { bits: 18, by: Vec::new(), index: vec![None; many + 1] };
        relation.gathers.push(Gather { of: ColId(0), parts: vec![Part::Pick(axis)] });
    };
    let constrained = |relation: &mut Relation| {
        let none = Constraint { name: "", terms: Vec::new() };
        relation.sections.push(Section { log_len: 0, constraints: vec![none; many + 1] });
    };
    let looked_up = |relation: &mut Relation| {
        let (log_len, rows, tag) = (0, Rows::vector(1), 0);
        relation.lookups.extend(vec![Lookup { log_len, rows, tag, tuple: Vec::new() }; many + 1]);
    };
    let picked = |relation: &mut Relation| {
        let none = Gather { of: ColId(0), parts: Vec::new() };
        relation.gathers.extend(vec![none; many + 1]);
    };
    let changes: [(&str, &dyn Fn(&mut Relation)); 4] = [
        ("positions that pick nothing", &gathered),
        ("constraints without terms", &constrained),
        ("lookups of nothing", &looked_up),
        ("gathers of nothing", &picked),
    ];
    for (what, change) in changes {
        let mut long = key.clone();
        change(&mut long.relation);
        let bytes = long.encode();
        drop(long);
        let before = allocated::begin();
        let _ = Key::decode(&bytes, &Limits::NONE);
        let peak = allocated::peak_since(before);
        eprintln!("{what}: {peak} of {} bytes", bytes.len());
        assert!(peak > bytes.len() as u64, "{what}: nothing was decoded");
        let less = Limits { peak_bytes: peak - 1, ..Limits::NONE };
        assert!(matches!(Key::decode(&bytes, &less), Err(KeyError::TooCostly(_))), "{what}");
    }
}

#[test]
fn random_programs() {
    let _alone = alone();
    let mut measured = 0;
    for magnitude in [Magnitude::Small, Magnitude::HalfTheField] {
        for seed in seeds(0..400) {
            let model = random::model(seed, magnitude);
            let Some(input) = random::input(&model, &mut Draw::new(!seed)) else { continue };
            if ciro_auditor::lower(&model.program, &Limits::NONE).is_err() {
                continue;
            }
            Measured::of(model, &input).check(&format!("seed {seed} {magnitude:?}"));
            measured += 1;
        }
    }
    assert!(measured > 20, "{measured}");
}

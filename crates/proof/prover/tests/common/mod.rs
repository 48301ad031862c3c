//! Programs written node by node, and one honest case per gadget.
#![allow(dead_code, reason = "each test binary uses its own part")]

#[cfg(feature = "meter")]
pub(crate) mod allocated;
pub(crate) mod blocks;
pub(crate) mod liar;
pub(crate) mod net;

use ciro_auditor::{ProofContext, Shown, Statement};
use ciro_execution::Execution;
use ciro_graph::Disclosure::{self, Committed, Private, Public};
use ciro_graph::{
    ConstId, Constant, Forest, Ingest, Input, Model, Node, Op, Output, OutputKind, Program, RawInput, RawOutput,
    RawTensor, Security, ValueId, Visibility,
};
use ciro_prover::{Proof, ProvingKey, Seed, Witness, prove_hiding};
use std::ops::Range;

/// Builds programs node by node.
pub(crate) struct Sketch {
    pub(crate) program: Program,
    pub(crate) weights: Vec<Vec<i32>>,
}

impl Sketch {
    pub(crate) fn new(len: u32) -> Self {
        let ingest = Ingest::Fixed { exponents: vec![0], lo: -4000, hi: 4000 };
        let input = Input { name: "x".into(), shape: vec![1, len], ingest };
        let program = Program {
            name: "sketch".into(),
            inputs: vec![input],
            constants: vec![],
            nodes: vec![],
            outputs: vec![],
            columns: vec![],
            limb_bits: 8,
            profile: ciro_graph::Profile::Native,
            security: ciro_graph::Security::Bits100,
            visibility: ciro_graph::Visibility::default(),
            batch: 1,
        };
        Self { program, weights: vec![] }
    }

    pub(crate) fn constant(&mut self, values: Vec<i32>) -> ConstId {
        self.program.constants.push(Constant { name: "c".into(), shape: vec![values.len() as u32] });
        self.weights.push(values);
        ConstId(self.weights.len() as u32 - 1)
    }

    pub(crate) fn node(&mut self, op: Op, len: u32, lo: i32, hi: i32) -> ValueId {
        let shape = if matches!(op, Op::Trees { .. } | Op::ArgMax { .. }) { vec![len] } else { vec![1, len] };
        self.program.nodes.push(Node { op, shape, lo, hi });
        ValueId(self.program.nodes.len() as u32)
    }

    pub(crate) fn output(&mut self, value: ValueId, len: u32) {
        self.reveal(value, len, OutputKind::Fixed { frac_bits: 0 });
    }

    pub(crate) fn reveal(&mut self, value: ValueId, len: u32, kind: OutputKind) {
        let name = format!("y{}", self.program.outputs.len());
        self.program.outputs.push(Output { name, value, shape: vec![1, len], kind });
    }

    pub(crate) fn model(self) -> Model {
        let model = Model { program: self.program, weights: self.weights };
        ciro_graph::check_model(&model).expect("the sketch is well formed");
        model
    }

    /// Proves an execution, verifies it, and returns the outputs.
    pub(crate) fn check(self, x: &[f32]) -> Vec<Vec<i64>> {
        Case::new("sketch", self.model(), x).output().0.clone()
    }
}

/// An honest proof and all that went into it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) model: Model,
    pub(crate) key: ProvingKey,
    pub(crate) input: RawInput,
    pub(crate) statement: Statement,
    pub(crate) execution: Execution,
    pub(crate) witness: Witness,
    pub(crate) proof: Proof,
}

impl Case {
    /// Runs, proves and verifies.
    pub(crate) fn new(name: &'static str, model: Model, x: &[f32]) -> Self {
        let input = liar::raw(&model, x);
        Self::on(name, model, input)
    }

    /// As [`Case::new`], on an input as a user gives it.
    pub(crate) fn on(name: &'static str, model: Model, input: RawInput) -> Self {
        let key = ProvingKey::new(model.clone()).expect("the model has a relation");
        let context = ProofContext::default();
        let proof = prove_hiding(&key, &input, &context, &SEED).expect("the model runs");
        let statement = proof.statement.clone();
        key.verifying().verify(&statement, &proof.bytes).expect("an honest proof verifies");
        let execution = ciro_execution::execute(&model, &input).expect("the model runs");
        let instance = key.verifying().instance(&statement).expect("the statement is well formed");
        let witness = Witness::fill(&key, &instance, &execution).salted(&SEED);
        Self { name, model, key, input, statement, execution, witness, proof }
    }

    /// The same inference by a program that shows this much of input, output and weights.
    pub(crate) fn showing(
        self,
        name: &'static str,
        input: Disclosure,
        output: Disclosure,
        weights: Disclosure,
    ) -> Self {
        let mut model = self.model;
        model.program.visibility = Visibility { input, output, weights };
        Self::on(name, model, self.input)
    }

    /// What the model answered.
    pub(crate) fn output(&self) -> &RawOutput {
        &self.proof.output
    }

    /// The case's statement about another input and output, as far as it shows them.
    pub(crate) fn stating(&self, input: RawInput, output: RawOutput) -> Statement {
        let mut statement = self.statement.clone();
        if let Shown::Public(shown) = &mut statement.input {
            *shown = input;
        }
        if let Shown::Public(shown) = &mut statement.output {
            *shown = output;
        }
        statement
    }

    /// Its model on several samples at once. The first is its own; each other one has its elements turned one place further.
    pub(crate) fn batch(&self, name: &'static str, samples: u32) -> Self {
        let program = self.model.program.clone().batched(samples);
        let model = Model { program, weights: self.model.weights.clone() };
        ciro_graph::check_model(&model).expect("the batch is well formed");
        let own: Vec<&[u32]> = self.input.0[0].bits.chunks_exact(model.program.inputs[0].words()).collect();
        let turned =
            |by: usize| own.iter().cycle().skip(by).take(own.len()).flat_map(|element| element.iter().copied());
        let bits = (0..samples as usize).flat_map(turned).collect();
        let shape = model.program.batch_shape(&model.program.inputs[0].shape);
        Self::on(name, model, RawInput(vec![RawTensor { shape, bits }]))
    }
}

/// The seeds of random programs to try: those of `CIRO_SEEDS=FROM..TO`, if it is set.
pub(crate) fn seeds(default: Range<u64>) -> Range<u64> {
    let given = std::env::var("CIRO_SEEDS").ok();
    let ends = given.as_deref().and_then(|ends| ends.split_once(".."));
    ends.map_or(default, |(from, to)| from.parse().expect("a seed")..to.parse().expect("a seed"))
}

pub(crate) const X: ValueId = ValueId(0);

/// Of all salts.
pub(crate) const SEED: Seed = Seed::new([7; 32]);

/// One case per gadget, with limbs and tables as small as they come.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        layer("layer", Security::Bits100),
        layer("layer, 128 bits", Security::Bits128),
        elementwise(),
        division(),
        net::convolution(),
        net::rectified(),
        net::attention(),
        net::embedding(),
        forest("forest, one value per leaf", 1, &[0.25, 3.5]),
        forest("forest, values by class", 3, &[0.25, 3.5]),
        forest("forest, a missing value", 1, &[0.25, f32::NAN]),
        Case::new("forest of numbers", forest_of_numbers(), &[3.0, 12.0]),
        elementwise().batch("batch of three", 3),
        forest("", 1, &[0.25, f32::NAN]).batch("batch of three, forest", 3),
        elementwise().showing("", Committed, Committed, Committed).batch("batch of three, committed", 3),
        layer("", Security::Bits100).showing("layer, committed", Committed, Committed, Committed),
        layer("", Security::Bits128).showing("layer, committed, 128 bits", Committed, Committed, Public),
        elementwise().showing("elementwise, private to committed", Private, Committed, Committed),
        net::embedding().showing("embedding, committed to private", Committed, Private, Committed),
        net::convolution().showing("convolution, public weights", Public, Public, Public),
        forest("", 3, &[0.25, 3.5]).showing("forest, private, public weights", Private, Public, Public),
        forest("", 1, &[0.25, f32::NAN]).showing("forest, a missing value, committed", Committed, Committed, Public),
        doubles(),
        doubles().showing("doubles, committed", Committed, Committed, Committed),
        doubles().showing("", Committed, Committed, Committed).batch("batch of three, doubles, committed", 3),
    ]
}

fn small(len: u32, bound: i32) -> Sketch {
    let mut s = Sketch::new(len);
    s.program.limb_bits = 4;
    s.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo: -bound, hi: bound };
    s
}

fn layer(name: &'static str, security: Security) -> Case {
    let mut s = small(3, 100);
    s.program.security = security;
    let weight = s.constant(vec![1, 2, 3, 4, 5, 6]);
    let bias = Some(s.constant(vec![10, -10]));
    let y = s.node(Op::Linear { x: X, weight, bias }, 2, -1210, 1190);
    let y = s.node(Op::Rescale { x: y, shift: 2 }, 2, -303, 298);
    let r = s.node(Op::Relu { x: y }, 2, 0, 298);
    let c = s.node(Op::Clamp { x: y, lo: -16, hi: 15 }, 2, -16, 15);
    let values = s.constant((0..8).map(|i| i * i).collect());
    let slopes = s.constant((0..8).map(|i| 2 * i + 1).collect());
    let y = s.node(Op::Curve { x: c, lo: -16, frac_bits: 2, values, slopes }, 2, 0, 64);
    s.output(r, 2);
    s.output(y, 2);
    Case::new(name, s.model(), &[7.0, -20.0, 15.0])
}

fn elementwise() -> Case {
    let mut s = small(3, 50);
    let c = s.constant(vec![5, -6, 7]);
    let m = s.node(Op::Max { x: X }, 1, -50, 50);
    let d = s.node(Op::Sub { a: m, b: X }, 3, -100, 100);
    let p = s.node(Op::Mul { a: d, b: m }, 3, -5000, 5000);
    let k = s.node(Op::MulConst { x: X, c }, 3, -350, 350);
    let t = s.node(Op::Sum { x: p }, 1, -15000, 15000);
    let l = s.node(Op::ArgMax { x: X }, 1, 0, 2);
    s.output(k, 3);
    s.output(t, 1);
    s.reveal(l, 1, OutputKind::IntLabel { labels: vec![0, 1, 2] });
    Case::new("elementwise", s.model(), &[2.0, 9.0, 9.0])
}

fn division() -> Case {
    let mut s = small(3, 20);
    let q = s.node(Op::Mul { a: X, b: X }, 3, -400, 400);
    let n = s.node(Op::Sum { x: q }, 1, -1200, 1200);
    let n = s.node(Op::Clamp { x: n, lo: 1, hi: 1200 }, 1, 1, 1200);
    let r = s.node(Op::Isqrt { x: n }, 1, 1, 34);
    let y = s.node(Op::Div { num: X, den: r, digit_bits: 4, digits: 2 }, 3, -256, 256);
    s.output(y, 3);
    Case::new("division", s.model(), &[3.0, -4.0, 12.0])
}

/// The order-preserving image of a float, as the program's ingest defines it.
fn ordered(x: f32) -> u32 {
    let magnitude = i64::from(x.abs().to_bits());
    let image = 0x8000_0000 + if x < 0.0 { -magnitude } else { magnitude };
    u32::try_from(image).expect("no NaN")
}

/// Three trees of different depth over two features, three classes. Where a value is missing in `x`, the first tree sends it left
/// and the second one right.
fn forest(name: &'static str, leaf_width: u32, x: &[f32]) -> Case {
    Case::new(name, forest_model(leaf_width, x.iter().any(|x| x.is_nan())), x)
}

/// Cuts of two features of [`doubles_model`]: of both kinds that float32 does not tell from their neighbours.
pub(crate) const CUTS: [&[f64]; 2] = [&[1.7e9 + 0.25], &[-0.1, 1e-310, 9_007_199_254_740_991.0]];

/// Ranks of two doubles, and the same with a missing one above all: what trees of doubles read.
pub(crate) fn doubles_model(missing: bool) -> Model {
    let mut s = small(2, 1);
    s.program.inputs[0].ingest = Ingest::OrderedDouble { missing };
    let image = |&cut: &f64| ciro_graph::ingest::ordered_double(cut.to_bits());
    let ends = |cuts: &[f64]| [vec![0], cuts.iter().map(image).collect(), vec![u64::MAX]].concat();
    let cuts = CUTS.map(ends);
    let feature = s.constant(cuts.iter().zip(0..).flat_map(|(cuts, i)| vec![i; cuts.len()]).collect());
    let limb = |shift: u32| cuts.concat().iter().map(|cut| (cut >> shift & 0xffff) as i32).collect();
    let cut = [0, 16, 32, 48].map(|shift| s.constant(limb(shift)));
    let rank = s.node(Op::Rank { x: X, feature, cut }, 2, 0, 6);
    let missing = s.node(Op::Missing { x: X }, 2, 0, 1);
    let above = s.node(Op::Scale { x: missing, factor: 8 }, 2, 0, 8);
    let above = s.node(Op::Add { a: rank, b: above }, 2, 0, 14);
    s.output(rank, 2);
    s.output(above, 2);
    s.model()
}

fn doubles() -> Case {
    let model = doubles_model(true);
    let input = liar::raw_doubles(&model, &[CUTS[0][0], f64::NAN]);
    Case::on("doubles", model, input)
}

/// Two trees of one split over the numbers of two values: x, and its rectified copy.
pub(crate) fn forest_of_numbers() -> Model {
    let mut s = small(2, 4000);
    let r = s.node(Op::Relu { x: X }, 2, 0, 4000);
    // x₀ < 5 and r₁ < 10; nodes 2 to 5 are leaves.
    let image = |threshold: i64| threshold + ciro_graph::forest::NUMBER_ORIGIN;
    let [hi, lo] = [|image: i64| (image >> 16) as i32, |image: i64| (image & 0xffff) as i32];
    let mut halves =
        |half: fn(i64) -> i32| s.constant([vec![half(image(5)), half(image(10))], vec![0xffff; 4]].concat());
    let (threshold_hi, threshold_lo) = (halves(hi), halves(lo));
    let forest = Forest {
        trees: 2,
        depth: 1,
        classes: 2,
        leaf_width: 1,
        tree_class: vec![0, 1],
        feature: s.constant(vec![0, 3, 0, 0, 0, 0]),
        threshold_hi,
        threshold_lo,
        left: s.constant(vec![2, 4, 2, 3, 4, 5]),
        leaf: s.constant(vec![2, 3, 4, 5]),
        values: vec![s.constant(vec![1, 10, 100, 1000])],
    };
    let y = s.node(Op::Trees { parts: vec![X, r], forest }, 2, 1, 1000);
    s.output(y, 2);
    s.model()
}

/// The forest of [`forest`], which takes missing values or refuses them.
pub(crate) fn forest_model(leaf_width: u32, missing: bool) -> Model {
    let mut s = Sketch::new(2);
    s.program.inputs[0].ingest = if missing { Ingest::OrderedMissing } else { Ingest::Ordered };
    let second_copy = if missing { 2 } else { 0 };
    // (feature, threshold, left); a leaf is None. Roots 0, 1, 2; right child = left + 1.
    let nodes: [Option<(i32, f32, i32)>; 11] = [
        Some((0, 0.5, 3)),
        Some((second_copy + 1, -1.25, 5)),
        None,
        Some((1, 3.0, 7)),
        None,
        None,
        Some((0, 2.0, 9)),
        None,
        None,
        None,
        None,
    ];
    let column = |f: &dyn Fn(usize) -> i32| (0..nodes.len()).map(f).collect::<Vec<i32>>();
    let threshold = |i: usize| nodes[i].map_or(u32::MAX, |(_, t, _)| ordered(t));
    let feature = s.constant(column(&|i| nodes[i].map_or(0, |n| n.0)));
    let threshold_hi = s.constant(column(&|i| (threshold(i) >> 16) as i32));
    let threshold_lo = s.constant(column(&|i| (threshold(i) & 0xffff) as i32));
    let left = s.constant(column(&|i| nodes[i].map_or(i as i32, |n| n.2)));
    let leaves: Vec<i32> = (0..nodes.len()).filter(|&i| nodes[i].is_none()).map(|i| i as i32).collect();
    let values = (0..leaf_width as i32).map(|g| s.constant(leaves.iter().map(|l| 10 * l + g).collect())).collect();
    let leaf = s.constant(leaves);
    let tree_class = if leaf_width == 1 { vec![0, 2, 2] } else { vec![] };
    let forest = Forest {
        trees: 3,
        depth: 2,
        classes: 3,
        leaf_width,
        tree_class,
        feature,
        threshold_hi,
        threshold_lo,
        left,
        leaf,
        values,
    };
    let y = s.node(Op::Trees { parts: vec![X], forest }, 3, 0, 330);
    s.output(y, 3);
    s.model()
}

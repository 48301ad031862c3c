//! Programs over tensors, their shapes and intervals computed.

use super::Case;
use ciro_graph::bounds::{Consts, Scope};
use ciro_graph::{
    ConstId, Constant, Ingest, Input, Interval, Model, Node, Op, Output, OutputKind, Pick, Profile, Program, Security,
    ValueId, Visibility, Window,
};

pub(crate) struct Net {
    program: Program,
    weights: Vec<Vec<i32>>,
    scope: Scope,
}

impl Net {
    pub(crate) fn new(shape: &[u32], bound: i32, limb_bits: u8) -> Self {
        Self::within(shape, -bound, bound, limb_bits)
    }

    pub(crate) fn within(shape: &[u32], lo: i32, hi: i32, limb_bits: u8) -> Self {
        let ingest = Ingest::Fixed { exponents: vec![0], lo, hi };
        let input = Input { name: "x".into(), shape: shape.to_vec(), ingest };
        let mut scope = Scope::new(limb_bits);
        scope.push_input(&input);
        let program = Program {
            name: "net".into(),
            inputs: vec![input],
            constants: vec![],
            nodes: vec![],
            outputs: vec![],
            columns: vec![],
            limb_bits,
            profile: Profile::Native,
            security: Security::Bits100,
            visibility: Visibility::default(),
            batch: 1,
        };
        Self { program, weights: vec![], scope }
    }

    pub(crate) fn constant(&mut self, shape: &[u32], value: impl Fn(i32) -> i32) -> ConstId {
        let len: u32 = shape.iter().product();
        self.program.constants.push(Constant { name: format!("c{}", self.weights.len()), shape: shape.to_vec() });
        self.weights.push((0..len as i32).map(value).collect());
        ConstId(self.weights.len() as u32 - 1)
    }

    pub(crate) fn node(&mut self, op: Op) -> ValueId {
        self.shaped(op, None)
    }

    pub(crate) fn reshape(&mut self, x: ValueId, shape: &[u32]) -> ValueId {
        self.shaped(Op::Reshape { x }, Some(shape.to_vec()))
    }

    /// A node that declares these ends, which may be wider than its operator's.
    pub(crate) fn declared(&mut self, op: Op, lo: i32, hi: i32) -> ValueId {
        let consts = Consts { shapes: &self.program.constants, weights: Some(&self.weights) };
        let shape = self.scope.outcome(&op, consts).expect("the operator fits").shape;
        self.scope.push(&op, shape.clone(), Interval { lo: lo.into(), hi: hi.into() });
        self.program.nodes.push(Node { op, shape, lo, hi });
        ValueId(self.scope.len() as u32 - 1)
    }

    fn shaped(&mut self, op: Op, shape: Option<Vec<u32>>) -> ValueId {
        let consts = Consts { shapes: &self.program.constants, weights: Some(&self.weights) };
        let outcome = self.scope.outcome(&op, consts).expect("the operator fits");
        let (shape, ends) = (shape.unwrap_or(outcome.shape), outcome.interval.expect("weights are known"));
        self.scope.push(&op, shape.clone(), ends);
        self.program.nodes.push(Node { op, shape, lo: ends.lo as i32, hi: ends.hi as i32 });
        ValueId(self.scope.len() as u32 - 1)
    }

    pub(crate) fn output(&mut self, value: ValueId) {
        let shape = self.scope.get(value).expect("defined").shape.clone();
        let name = format!("y{}", self.program.outputs.len());
        self.program.outputs.push(Output { name, value, shape, kind: OutputKind::Fixed { frac_bits: 0 } });
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// What has been built so far, checked.
    pub(crate) fn model(self) -> Model {
        let model = Model { program: self.program, weights: self.weights };
        ciro_graph::check_model(&model).expect("the net is well formed");
        model
    }

    /// Proves and verifies on an input made of small numbers.
    pub(crate) fn case(self, name: &'static str, x: impl Fn(i32) -> i32) -> Case {
        let model = self.model();
        let len: u32 = model.program.inputs[0].shape.iter().product();
        let x: Vec<f32> = (0..len as i32).map(|i| x(i) as f32).collect();
        Case::new(name, model, &x)
    }
}

pub(crate) const fn window(kernel: [u32; 2], stride: [u32; 2], before: [u32; 2], after: [u32; 2]) -> Window {
    Window { kernel, stride, dilation: [1, 1], before, after }
}

/// Small numbers without a pattern that a wrong index would respect.
pub(crate) fn mixed(i: i32) -> i32 {
    (i * 37 + 11) % 23 - 11
}

/// A convolution with every oddity, its activation by a table, and the largest of four strided parts.
pub(crate) fn convolution() -> Case {
    let mut net = Net::new(&[2, 5, 4], 12, 4);
    let weight = net.constant(&[3, 2, 3, 2], |i| mixed(i) / 3);
    let bias = Some(net.constant(&[3, 1, 1], |i| 5 - i));
    let window = window([3, 2], [2, 1], [1, 0], [1, 1]);
    let y = net.node(Op::Conv { x: super::X, weight, bias, window, groups: 1 });
    let y = net.node(Op::Narrow { x: y, shift: 5, lo: -32, bits: 6 });
    let values = net.constant(&[64], |i| (i - 32).max(0));
    let y = net.node(Op::Table { x: y, lo: -32, values });
    let part = |i: i32| vec![Pick { axis: 1, index: vec![0, 2] }, Pick { axis: 2, index: vec![i, i + 2] }];
    let parts = vec![net.node(Op::Take { x: y, picks: part(0) }), net.node(Op::Take { x: y, picks: part(1) })];
    let y = net.node(Op::Largest { parts });
    net.output(y);
    net.case("convolution", mixed)
}

/// Sums that are rounded and rectified as they are, and the largest of windows of three of them and zero, one of which lies outside.
pub(crate) fn rectified() -> Case {
    let mut net = Net::new(&[3, 5], 12, 4);
    let weight = net.constant(&[5, 6], |i| mixed(i) / 2);
    let bias = Some(net.constant(&[6], mixed));
    let y = net.node(Op::Linear { x: super::X, weight, bias });
    let one = net.node(Op::Rectify { x: y, shift: 3, bits: 6, taps: vec![] });
    let tap = |index: [i32; 2]| vec![Pick { axis: 1, index: index.to_vec() }];
    let pooled = net.node(Op::Rectify { x: y, shift: 4, bits: 6, taps: vec![tap([0, 3]), tap([1, 4]), tap([2, -1])] });
    let again = net.node(Op::Rectify { x: pooled, shift: 0, bits: 7, taps: vec![tap([1, 0]), tap([0, 1])] });
    net.output(one);
    net.output(again);
    net.case("rectified", mixed)
}

/// Rows of a table and their positions, what is next to them, and how far each lies below the largest of its row. Proven for a
/// contract.
pub(crate) fn embedding() -> Case {
    let mut net = Net::within(&[3], 0, 4, 4);
    net.program.profile = Profile::Chain;
    let table = net.constant(&[5, 2], mixed);
    let y = net.node(Op::Embed { ids: super::X, table });
    let c = net.constant(&[3, 1], |i| i - 1);
    let y = net.node(Op::AddConst { x: y, c });
    let next = net.node(Op::Take { x: y, picks: vec![Pick { axis: 0, index: vec![1, 2, -1] }] });
    let y = net.node(Op::Concat { parts: vec![y, next], axis: 1 });
    let y = net.node(Op::Gap { x: y, shift: 0, bits: 6 });
    net.output(y);
    net.case("embedding", |i| (i * 3) % 5)
}

/// Two heads of attention over three positions, with a softmax, and a normalisation by rows.
pub(crate) fn attention() -> Case {
    let mut net = Net::new(&[3, 4], 12, 4);
    let heads = |net: &mut Net, seed: i32, perm: Vec<u8>| {
        let weight = net.constant(&[4, 4], move |i| mixed(i + seed) / 4);
        let y = net.node(Op::Linear { x: super::X, weight, bias: None });
        let y = net.node(Op::Rescale { x: y, shift: 3 });
        let y = net.reshape(y, &[3, 2, 2]);
        net.node(Op::Transpose { x: y, perm })
    };
    let q = heads(&mut net, 1, vec![1, 0, 2]);
    let k = heads(&mut net, 5, vec![1, 0, 2]);
    let v = heads(&mut net, 9, vec![1, 0, 2]);
    let s = net.node(Op::Contract { a: q, b: k, transposed: true });
    let gap = net.node(Op::Gap { x: s, shift: 6, bits: 6 });
    let values = net.constant(&[64], |i| 64 >> i.min(8));
    let e = net.node(Op::Table { x: gap, lo: 0, values });
    let total = net.node(Op::Sum { x: e });
    let total = net.node(Op::Narrow { x: total, shift: 0, lo: 0, bits: 8 });
    let o = net.node(Op::Contract { a: e, b: v, transposed: false });
    let y = net.node(Op::Quotient { num: o, den: total, lo: -40, hi: 40 });
    let y = net.node(Op::Transpose { x: y, perm: vec![1, 0, 2] });
    let y = net.reshape(y, &[3, 4]);
    let y = net.node(Op::Add { a: y, b: super::X });
    let n = net.node(Op::Dot { a: y, b: y });
    let n = net.node(Op::Isqrt { x: n });
    net.output(n);
    net.output(y);
    net.case("attention", mixed)
}

/// Rows whose padding fills parts of its own, in more than one dimension. They are those of biased sums, a table, and a view of it that
/// is looked up.
pub(crate) fn parted() -> Case {
    let mut net = Net::new(&[4, 6], 12, 8);
    let weight = net.constant(&[6, 330], |i| mixed(i) / 2);
    let bias = Some(net.constant(&[330], mixed));
    let y = net.node(Op::Linear { x: super::X, weight, bias });
    let y = net.node(Op::Rescale { x: y, shift: 3 });
    let values = net.constant(&[128], |i| i * i);
    let y = net.node(Op::Table { x: y, lo: -64, values });
    let y = net.node(Op::Transpose { x: y, perm: vec![1, 0] });
    let y = net.node(Op::Rescale { x: y, shift: 2 });
    net.output(y);
    net.case("parted", mixed)
}

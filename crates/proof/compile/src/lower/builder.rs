//! The integer program under construction, and the values on their way into it.

use crate::terms::error::{At, CompileError};
use ciro_graph::bounds::{Consts, Scope};
use ciro_graph::problem::Problem;
use ciro_graph::{
    CheckError, ConstId, Constant, Input, Interval, MAX_MAGNITUDE, Model, Node, Op, Output, Profile, Program, Security,
    ValueId, Visibility, check_model,
};

/// Every model of this compiler uses tables of 256 rows for range checks: small programs do not pay for large tables.
pub(crate) const LIMB_BITS: u8 = 8;

/// What a sum may reach: a little below the field's limit. So the quotient and remainder of a later Rescale by up to [`MAX_SHIFT`] bits
/// still tell one value.
pub(crate) const ROOM: i64 = MAX_MAGNITUDE - (1 << 22);

/// Most bits that one Rescale drops.
pub(crate) const MAX_SHIFT: u32 = 20;

/// Widest operand of Max and ArgMax, bits: a proof shows the gap to the largest element, which has to stay below 2³⁰.
pub(crate) const COMPARED_BITS: u32 = 29;

/// Bits of an input that no affine map reads first: whatever reads it narrows it to what it needs.
pub(crate) const DEFAULT_BITS: u32 = 24;

/// A value of the program and how its integers read: element i is the number `integer / 2^exponent(i)`.
#[derive(Clone, Debug)]
pub(crate) struct Quant {
    pub(crate) id: ValueId,
    pub(crate) exponents: Exponents,
}

/// Scales of a value's elements.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Exponents {
    /// One for all.
    Uniform(i32),
    /// One per element.
    Each(Vec<i32>),
}

impl Exponents {
    pub(crate) fn at(&self, i: usize) -> i32 {
        match self {
            Self::Uniform(e) => *e,
            Self::Each(all) => all[i],
        }
    }

    /// Each exponent less `by`.
    pub(crate) fn lowered(&self, by: i32) -> Self {
        match self {
            Self::Uniform(e) => Self::Uniform(e - by),
            Self::Each(all) => Self::Each(all.iter().map(|e| e - by).collect()),
        }
    }
}

impl Quant {
    pub(crate) fn uniform(id: ValueId, exponent: i32) -> Self {
        Self { id, exponents: Exponents::Uniform(exponent) }
    }
}

/// The program so far.
pub(crate) struct ProgramBuilder {
    program: Program,
    weights: Vec<Vec<i32>>,
    scope: Scope,
}

impl ProgramBuilder {
    pub(crate) fn new(name: &str, inputs: Vec<Input>) -> Self {
        Self::with_limbs(name, inputs, LIMB_BITS)
    }

    pub(crate) fn with_limbs(name: &str, inputs: Vec<Input>, limb_bits: u8) -> Self {
        let mut scope = Scope::new(limb_bits);
        inputs.iter().for_each(|input| scope.push_input(input));
        let program = Program {
            name: shortened(name, usize::MAX),
            inputs,
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

    /// A new constant named after the node and its role.
    pub(crate) fn constant(&mut self, at: &At, role: &str, values: Vec<i32>) -> ConstId {
        self.shaped_constant(at, role, vec![values.len() as u32], values)
    }

    /// As [`Self::constant`], or an earlier one with the same contents: tables are paid for once.
    pub(crate) fn shared_constant(&mut self, at: &At, role: &str, values: Vec<i32>) -> ConstId {
        self.shared_weight(at, role, vec![values.len() as u32], values)
    }

    /// As [`Self::shaped_constant`], or an earlier one with the same contents: what many nodes read is committed once.
    pub(crate) fn shared_weight(&mut self, at: &At, role: &str, shape: Vec<u32>, values: Vec<i32>) -> ConstId {
        let same = |(i, constant): (usize, &Constant)| constant.shape == shape && self.weights[i] == values;
        match self.program.constants.iter().enumerate().position(same) {
            Some(i) => ConstId(i as u32),
            None => self.shaped_constant(at, role, shape, values),
        }
    }

    /// A new constant of the given dimensions.
    pub(crate) fn shaped_constant(&mut self, at: &At, role: &str, shape: Vec<u32>, values: Vec<i32>) -> ConstId {
        let name = shortened(&format!("{}.{role}", at.node), self.weights.len());
        self.program.constants.push(Constant { name, shape });
        self.weights.push(values);
        ConstId(self.weights.len() as u32 - 1)
    }

    /// A new node, with the interval that interval arithmetic gives it.
    pub(crate) fn try_node(&mut self, op: Op) -> Result<ValueId, Problem> {
        let consts = Consts { shapes: &self.program.constants, weights: Some(&self.weights) };
        let outcome = self.scope.outcome(&op, consts)?;
        // All weights are known here, so every interval is.
        let interval = outcome.interval.unwrap_or(Interval { lo: 0, hi: 0 });
        self.scope.push(&op, outcome.shape.clone(), interval);
        self.program.nodes.push(Node { op, shape: outcome.shape, lo: interval.lo as i32, hi: interval.hi as i32 });
        Ok(ValueId(self.scope.len() as u32 - 1))
    }

    /// The same elements under other dimensions; the value itself if it has them.
    pub(crate) fn reshape(&mut self, at: &At, x: ValueId, shape: Vec<u32>) -> Result<ValueId, CompileError> {
        if self.shape(x) == shape {
            return Ok(x);
        }
        if self.len(x) as u64 != u64::from(ciro_graph::program::element_count(&shape)) {
            let reason = format!("{} elements under dimensions {shape:?}", self.len(x));
            return Err(CompileError::Range { at: at.clone(), reason });
        }
        let (op, interval) = (Op::Reshape { x }, self.interval(x));
        self.scope.push(&op, shape.clone(), interval);
        self.program.nodes.push(Node { op, shape, lo: interval.lo as i32, hi: interval.hi as i32 });
        Ok(ValueId(self.scope.len() as u32 - 1))
    }

    /// Dimensions of a value.
    pub(crate) fn shape(&self, id: ValueId) -> Vec<u32> {
        self.scope.get(id).map(|value| value.shape.clone()).unwrap_or_default()
    }

    /// As [`Self::try_node`], with the problem reported at an ONNX node.
    pub(crate) fn node(&mut self, at: &At, op: Op) -> Result<ValueId, CompileError> {
        self.try_node(op).map_err(|problem| CompileError::Range { at: at.clone(), reason: problem.to_string() })
    }

    /// Elements of a value.
    pub(crate) fn len(&self, id: ValueId) -> usize {
        self.scope.get(id).map_or(0, |value| value.len() as usize)
    }

    /// The interval of a value that holds numbers.
    pub(crate) fn interval(&self, id: ValueId) -> Interval {
        match self.scope.get(id).map(|value| value.kind) {
            Ok(ciro_graph::bounds::Kind::Bounded(interval)) => interval,
            _ => Interval { lo: 0, hi: 0 },
        }
    }

    /// Whether a value is an input.
    pub(crate) fn is_input(&self, id: ValueId) -> bool {
        (id.0 as usize) < self.program.inputs.len()
    }

    /// The operand of a Relu that produces `id`.
    pub(crate) fn relu_of(&self, id: ValueId) -> Option<ValueId> {
        let node = self.program.nodes.get((id.0 as usize).checked_sub(self.program.inputs.len())?)?;
        if let Op::Relu { x } = node.op { Some(x) } else { None }
    }

    /// The finished model with `outputs`, without what they do not need, and the new number of each value (`None` for those
    /// dropped).
    pub(crate) fn finish(mut self, outputs: Vec<Output>) -> Result<(Model, Vec<Option<ValueId>>), CheckError> {
        self.program.outputs = outputs;
        let renumbered = drop_unused(&mut self.program, &mut self.weights);
        let model = Model { program: self.program, weights: self.weights };
        check_model(&model)?;
        Ok((model, renumbered))
    }
}

/// At most 200 bytes of a name, told apart by a number where it had to be cut.
fn shortened(name: &str, number: usize) -> String {
    const LONGEST: usize = 200;
    if name.len() <= LONGEST {
        return name.to_string();
    }
    let cut = (0..=LONGEST).rev().find(|&i| name.is_char_boundary(i)).unwrap_or(0);
    format!("{}#{number}", &name[..cut])
}

fn drop_unused(program: &mut Program, weights: &mut Vec<Vec<i32>>) -> Vec<Option<ValueId>> {
    let inputs = program.inputs.len();
    let mut live = vec![false; inputs + program.nodes.len()];
    live[..inputs].fill(true);
    program.outputs.iter().for_each(|output| live[output.value.0 as usize] = true);
    for (i, node) in program.nodes.iter().enumerate().rev() {
        if live[inputs + i] {
            node.op.operands().iter().for_each(|x| live[x.0 as usize] = true);
        }
    }
    let new_id = numbering(&live);
    let mut kept = live[inputs..].iter();
    program.nodes.retain(|_| kept.next() == Some(&true));

    let mut used = vec![false; weights.len()];
    program.nodes.iter().flat_map(|node| node.op.constants()).for_each(|c| used[c.0 as usize] = true);
    let new_const = numbering(&used);
    let mut kept = used.iter();
    program.constants.retain(|_| kept.next() == Some(&true));
    let mut kept = used.iter();
    weights.retain(|_| kept.next() == Some(&true));

    for node in &mut program.nodes {
        node.op
            .renumber(|x| x.0 = new_id[x.0 as usize].unwrap_or(x.0), |c| c.0 = new_const[c.0 as usize].unwrap_or(c.0));
    }
    for output in &mut program.outputs {
        output.value.0 = new_id[output.value.0 as usize].unwrap_or(output.value.0);
    }
    new_id.into_iter().map(|id| id.map(ValueId)).collect()
}

/// Consecutive numbers for the marked ones.
fn numbering(marked: &[bool]) -> Vec<Option<u32>> {
    let mut next = 0;
    let number = |&mark: &bool| {
        let number = mark.then_some(next);
        next += u32::from(mark);
        number
    };
    marked.iter().map(number).collect()
}

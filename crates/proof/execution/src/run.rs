//! One run of a program: inputs, then node by node.

mod tensor;

use crate::engine::{Engine, Plain};
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::arith;
use ciro_graph::check::{CheckError, check_program, op_name};
use ciro_graph::cuts::{CutError, Cuts};
use ciro_graph::forest::{ForestError, NUMBER_ORIGIN, Tables, add_leaf};
use ciro_graph::ingest::{IngestError, ingest};
use ciro_graph::interval::Interval;
use ciro_graph::program::{ConstId, Forest, Model, Node, Op, Program, ValueId};
use ciro_graph::tensor::{RawInput, RawOutput};

/// Every value of one inference, by [`ValueId`]: inputs first, then one per node. A value holds all samples of a batch, one after the
/// other. Most validators in one set. Certificates grow linearly with it, and a certificate travels in every receipt. So does one for
/// each validator that lost its vote. The certificates of so many have 16,290 signatures, which a reader of receipts accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The values.
    pub values: Vec<Vec<i64>>,
}

impl Execution {
    /// The revealed values, in the order of [`Program::outputs`]. A value that this execution lacks is empty.
    #[must_use]
    pub fn outputs(&self, program: &Program) -> RawOutput {
        let value = |id: ValueId| self.values.get(id.0 as usize).cloned().unwrap_or_default();
        RawOutput(program.outputs.iter().map(|output| value(output.value)).collect())
    }
}

/// Why a model does not run on an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// The program is malformed.
    #[error("malformed program: {0}")]
    Program(CheckError),
    /// The weights do not have the lengths the program declares.
    #[error("constant {constant}: expected {expected} weights, got {got}")]
    Weights {
        /// The constant's number.
        constant: usize,
        /// Its declared length.
        expected: usize,
        /// The length found.
        got: usize,
    },
    /// The input was refused.
    #[error("{0}")]
    Input(IngestError),
    /// An operator refused its operands.
    #[error("node {node} ({op}): {fault}")]
    Node {
        /// The node's number.
        node: usize,
        /// Its operator.
        op: &'static str,
        /// Why.
        fault: Fault,
    },
}

/// Why an operator refused its operands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A result outside the declared interval: the model was not checked, or a check is wrong.
    #[error("element {index}: expected a value in {expected}, got {got}")]
    Interval {
        /// Position in the result.
        index: usize,
        /// The declared interval.
        expected: Interval,
        /// The result.
        got: i64,
    },
    /// A result that the operator refuses: no calibration sample came near it.
    #[error("element {index}: expected a result in {expected}, which the model was calibrated for, got {got}")]
    Uncalibrated {
        /// Position in the result.
        index: usize,
        /// The results that are not refused.
        expected: Interval,
        /// The result.
        got: i64,
    },
    /// A quotient outside [−1, 1], or a divisor that is not positive.
    #[error("element {index}: expected a dividend of at most the divisor, got {dividend} / {divisor}")]
    Quotient {
        /// Position in the result.
        index: usize,
        /// The dividend.
        dividend: i64,
        /// The divisor.
        divisor: i64,
    },
    /// A result of another length than declared, or an operand or constant that is missing.
    #[error("expected {expected} elements, got {got}")]
    Length {
        /// The length needed.
        expected: usize,
        /// The length found.
        got: usize,
    },
    /// A sum beyond 64 bits.
    #[error("element {index}: overflow")]
    Overflow {
        /// Position in the result.
        index: usize,
    },
    /// A broken forest.
    #[error("{0}")]
    Forest(ForestError),
    /// A number without a place among its cuts.
    #[error("{0}")]
    Cuts(CutError),
}

/// Runs `model` on `raw`. Total: a model that was never checked gives an error, not a panic.
///
/// # Errors
/// [`ExecError`] if the program is malformed, the input is refused, or a result leaves its declared interval.
pub fn execute(model: &Model, raw: &RawInput) -> Result<Execution, ExecError> {
    execute_on(&Plain, model, raw)
}

/// As [`execute`], products of matrices on an engine.
///
/// # Errors
/// As [`execute`].
pub fn execute_on(engine: &dyn Engine, model: &Model, raw: &RawInput) -> Result<Execution, ExecError> {
    check_program(&model.program).map_err(ExecError::Program)?;
    check_weights(model)?;
    let inputs = ingest(&model.program, raw).map_err(ExecError::Input)?;
    resume_on(engine, model, inputs)
}

/// Runs the rest of a model whose first values, all inputs among them, are given.
///
/// # Errors
/// As [`execute`]. The program and the lengths of weights and values are the caller's to check.
pub fn resume(model: &Model, values: Vec<Vec<i64>>) -> Result<Execution, ExecError> {
    resume_on(&Plain, model, values)
}

fn resume_on(engine: &dyn Engine, model: &Model, values: Vec<Vec<i64>>) -> Result<Execution, ExecError> {
    let samples = model.program.batch as usize;
    if samples == 1 {
        return run(engine, model, values);
    }
    let part = |all: &Vec<i64>, sample: usize| {
        let len = all.len() / samples.max(1);
        all[sample * len..(sample + 1) * len].to_vec()
    };
    let mut joined: Vec<Vec<i64>> = Vec::new();
    for sample in 0..samples {
        let execution = run(engine, model, values.iter().map(|all| part(all, sample)).collect())?;
        joined.resize_with(execution.values.len(), Vec::new);
        joined.iter_mut().zip(execution.values).for_each(|(all, own)| all.extend(own));
    }
    Ok(Execution { values: joined })
}

/// Runs one sample.
fn run(engine: &dyn Engine, model: &Model, mut values: Vec<Vec<i64>>) -> Result<Execution, ExecError> {
    let done = values.len().saturating_sub(model.program.inputs.len());
    for (i, node) in model.program.nodes.iter().enumerate().skip(done) {
        let run = Run { engine, program: &model.program, values: &values, weights: &model.weights };
        let result = run.node(node).map_err(|fault| ExecError::Node { node: i, op: op_name(&node.op), fault })?;
        values.push(result);
    }
    Ok(Execution { values })
}

fn check_weights(model: &Model) -> Result<(), ExecError> {
    for (constant, shape) in model.program.constants.iter().enumerate() {
        let (expected, got) = (shape.len() as usize, model.weights.get(constant).map_or(0, Vec::len));
        if expected != got {
            return Err(ExecError::Weights { constant, expected, got });
        }
    }
    Ok(())
}

/// The values so far and the weights, of a program that passed [`check_program`].
struct Run<'a> {
    engine: &'a dyn Engine,
    program: &'a Program,
    values: &'a [Vec<i64>],
    weights: &'a [Vec<i32>],
}

impl Run<'_> {
    fn node(&self, node: &Node) -> Result<Vec<i64>, Fault> {
        let result = self.op(node)?;
        if result.len() != node.len() as usize {
            return Err(Fault::Length { expected: node.len() as usize, got: result.len() });
        }
        let expected = Interval { lo: i64::from(node.lo), hi: i64::from(node.hi) };
        match first_outside(&result, expected) {
            Some(index) => Err(Fault::Interval { index, expected, got: result[index] }),
            None => Ok(result),
        }
    }

    fn op(&self, node: &Node) -> Result<Vec<i64>, Fault> {
        match &node.op {
            Op::Linear { x, weight, bias } => self.linear(*x, *weight, *bias),
            Op::Conv { x, weight, bias, window, groups } => {
                self.conv(*x, (*weight, *bias), window, *groups, &node.shape)
            }
            Op::Contract { a, b, transposed } => self.contract(*a, *b, *transposed),
            Op::Dot { a, b } => self.dot(*a, *b),
            Op::Table { x, lo, values } => self.table(*x, *lo, *values),
            Op::Embed { ids, table } => self.embed(*ids, *table),
            Op::Largest { parts } => self.largest(parts),
            Op::Reshape { x } => self.value(*x).map(<[i64]>::to_vec),
            Op::Transpose { x, perm } => self.transpose(*x, perm),
            Op::Take { x, picks } => self.take(*x, picks),
            Op::Concat { parts, axis } => self.concat(parts, usize::from(*axis)),
            Op::Quotient { num, den, lo, hi } => {
                calibrated(self.quotient(*num, *den)?, Interval { lo: i64::from(*lo), hi: i64::from(*hi) })
            }
            Op::Narrow { x, shift, lo, bits } => {
                calibrated(self.map(*x, |v| arith::rounded(v, *shift))?, arith::narrowed(*lo, *bits))
            }
            Op::Rescale { x, shift } => self.map(*x, |v| arith::round_shift(v, *shift)),
            Op::Relu { x } => self.map(*x, |v| v.max(0)),
            Op::Rectify { x, shift, bits, taps } => {
                let rounded = self.map(*x, |v| arith::rounded(v, *shift))?;
                self.rectify(rounded, self.shape(*x), *bits, taps)
            }
            Op::Clamp { x, lo, hi } => self.map(*x, |v| v.clamp(i64::from(*lo), i64::from(*hi))),
            Op::Curve { x, lo, frac_bits, values, slopes } => self.curve(*x, *lo, *frac_bits, *values, *slopes),
            Op::Add { a, b } => self.binary(*a, *b, |a, b| a + b),
            Op::Sub { a, b } => self.binary(*a, *b, |a, b| a - b),
            Op::Mul { a, b } => self.binary(*a, *b, |a, b| a * b),
            Op::Scale { x, factor } => self.map(*x, |v| v * i64::from(*factor)),
            Op::AddConst { x, c } => self.with_const(*x, *c, |v, c| v + c),
            Op::MulConst { x, c } => self.with_const(*x, *c, |v, c| v * c),
            Op::Sum { x } => Ok(self.rows(*x)?.map(|row| row.iter().sum()).collect()),
            Op::Max { x } => Ok(self.rows(*x)?.filter_map(|row| row.iter().copied().max()).collect()),
            Op::Gap { x, shift, bits } => {
                let gaps = self.rows(*x)?.flat_map(|row| tensor::gaps(row, *shift)).collect();
                calibrated(gaps, Interval { lo: 0, hi: (1 << bits) - 1 })
            }
            Op::ArgMax { x } => Ok(vec![argmax(self.value(*x)?)]),
            Op::Isqrt { x } => self.map(*x, arith::isqrt),
            Op::Div { num, den, digit_bits, digits } => {
                self.div(*num, *den, u32::from(*digit_bits) * u32::from(*digits))
            }
            Op::Trees { parts, forest } => self.trees(parts, forest),
            Op::Rank { x, feature, cut } => self.rank(*x, *feature, *cut),
            Op::Missing { x } => self.map(*x, |x| i64::from(x == 0)),
        }
    }

    fn value(&self, id: ValueId) -> Result<&[i64], Fault> {
        self.values.get(id.0 as usize).map(Vec::as_slice).ok_or(Fault::Length { expected: 1, got: 0 })
    }

    fn constant(&self, id: ConstId) -> Result<&[i32], Fault> {
        self.weights.get(id.0 as usize).map(Vec::as_slice).ok_or(Fault::Length { expected: 1, got: 0 })
    }

    /// A function of each element.
    fn map(&self, x: ValueId, f: impl Fn(i64) -> i64 + Sync) -> Result<Vec<i64>, Fault> {
        let x = self.value(x)?;
        let mut result = vec![0; x.len()];
        self.engine.fill(&mut result, &|start, out| {
            out.iter_mut().zip(&x[start..]).for_each(|(out, &v)| *out = f(v));
        });
        Ok(result)
    }

    /// The dimensions of a value.
    fn shape(&self, id: ValueId) -> &[u32] {
        let (id, inputs) = (id.0 as usize, self.program.inputs.len());
        let input = self.program.inputs.get(id).map(|input| input.shape.as_slice());
        let node = || self.program.nodes.get(id - inputs).map(|node| node.shape.as_slice());
        input.or_else(node).unwrap_or(&[])
    }

    /// The rows of a value.
    fn rows(&self, id: ValueId) -> Result<core::slice::ChunksExact<'_, i64>, Fault> {
        let row = self.shape(id).last().map_or(1, |&d| d as usize);
        Ok(self.value(id)?.chunks_exact(row.max(1)))
    }

    fn curve(&self, x: ValueId, lo: i32, frac_bits: u8, values: ConstId, slopes: ConstId) -> Result<Vec<i64>, Fault> {
        let (values, slopes) = (self.constant(values)?, self.constant(slopes)?);
        let at = |&x: &i64| {
            let u = x - i64::from(lo);
            let segment = usize::try_from(u >> frac_bits).ok()?;
            let (value, slope) = (*values.get(segment)?, *slopes.get(segment)?);
            Some(arith::curve_point(i64::from(value), i64::from(slope), u & ((1 << frac_bits) - 1), frac_bits))
        };
        // The domain covers x's interval in a checked program, and every element was held against that interval.
        let got = values.len();
        self.value(x)?.iter().map(|x| at(x).ok_or(Fault::Length { expected: got + 1, got })).collect()
    }

    fn binary(&self, a: ValueId, b: ValueId, f: impl Fn(i64, i64) -> i64 + Sync) -> Result<Vec<i64>, Fault> {
        let shapes = (self.shape(a), self.shape(b));
        let (a, b) = (self.value(a)?, self.value(b)?);
        Ok(tensor::zip(self.engine, a, b, shapes, f))
    }

    fn with_const(&self, x: ValueId, c: ConstId, f: impl Fn(i64, i64) -> i64 + Sync) -> Result<Vec<i64>, Fault> {
        let constant = self.program.constants.get(c.0 as usize).map_or(&[][..], |c| &c.shape);
        let c: Vec<i64> = self.constant(c)?.iter().map(|&c| i64::from(c)).collect();
        Ok(tensor::zip(self.engine, self.value(x)?, &c, (self.shape(x), constant), f))
    }

    fn div(&self, num: ValueId, den: ValueId, bits: u32) -> Result<Vec<i64>, Fault> {
        let num = self.value(num)?;
        let divisor = self.value(den)?.first().copied().unwrap_or(0);
        let quotient = |(index, &dividend): (usize, &i64)| {
            if divisor < 1 || dividend.abs() > divisor {
                return Err(Fault::Quotient { index, dividend, divisor });
            }
            Ok((dividend << bits).div_euclid(divisor))
        };
        num.iter().enumerate().map(quotient).collect()
    }

    fn rank(&self, x: ValueId, feature: ConstId, cut: [ConstId; 4]) -> Result<Vec<i64>, Fault> {
        let cuts = Cuts::new(feature, cut, self.weights).ok_or(Fault::Length { expected: 1, got: 0 })?;
        let row =
            |(i, &image): (usize, &i64)| Ok(cuts.row(i, image as u64).ok_or(CutError::Place { feature: i })? as i64);
        self.value(x)?.iter().enumerate().map(row).collect::<Result<_, _>>().map_err(Fault::Cuts)
    }

    fn trees(&self, parts: &[ValueId], forest: &Forest) -> Result<Vec<i64>, Fault> {
        let mut x = Vec::new();
        for &part in parts {
            let is_ordered = self.program.inputs.get(part.0 as usize).is_some_and(ciro_graph::Input::is_ordered);
            let origin = if is_ordered { 0 } else { NUMBER_ORIGIN };
            x.extend(self.value(part)?.iter().map(|v| v + origin));
        }
        let tables = Tables::new(forest, self.weights).ok_or(Fault::Length { expected: 1, got: 0 })?;
        let mut sums = vec![0i64; forest.classes as usize];
        for tree in 0..forest.trees as usize {
            let row = tables.walk(tree, &x).map_err(Fault::Forest)?;
            let add = |class: usize, value| sums[class] += value;
            add_leaf(forest, self.weights, tree, row, add).ok_or(Fault::Forest(ForestError::Walk { tree }))?;
        }
        Ok(sums)
    }
}

/// The position of the first value outside an interval.
fn first_outside(values: &[i64], interval: Interval) -> Option<usize> {
    // Without a way out, a piece is looked at in lanes.
    let has_one = |piece: &[i64]| piece.iter().fold(false, |found, &v| found | !interval.has(v));
    let piece = values.chunks(PIECE).position(has_one)?;
    let first = piece * PIECE;
    values[first..].iter().position(|&v| !interval.has(v)).map(|i| first + i)
}

/// The results, if all lie in the interval that an operator takes.
fn calibrated(results: Vec<i64>, expected: Interval) -> Result<Vec<i64>, Fault> {
    match first_outside(&results, expected) {
        Some(index) => Err(Fault::Uncalibrated { index, expected, got: results[index] }),
        None => Ok(results),
    }
}

/// Values that are looked at together.
const PIECE: usize = 1 << 10;

/// The smallest index of a largest element; zero for an empty slice.
fn argmax(x: &[i64]) -> i64 {
    let best = (0..x.len()).reduce(|best, i| if x[i] > x[best] { i } else { best });
    best.unwrap_or(0) as i64
}

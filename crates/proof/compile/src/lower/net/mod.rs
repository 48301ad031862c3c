//! From a net to an integer program.
//!
//! A value of the program reads as `integer · scale`. Sums and products leave wide integers behind, at scales that follow from their
//! operands. A reader may need a narrow value: a *column*, one committed number per element. Then the value is rescaled once, to as many
//! bits as the sums of its readers have room for. For example, a sum of 64 products that stays below 2³⁰ has room for 12 bits of each factor.
//!
//! Interval arithmetic often allows far more than the samples show. Then the value is declared to stay near to what they show, so that
//! intervals do not grow from layer to layer. An input for which it does not is refused.
//!
//! | module | what it holds |
//! |---|---|
//! | [`budget`] | widths: of limbs, tables, and each value |
//! | [`lowering`] | the program under construction |
//! | [`range`] | how a value becomes narrow |
//! | [`form`] | what is known of a value: numbers, or a sum whose scale is still free |
//! | [`sums`] | sums of products with weights, and their scales |
//! | [`columns`] | narrowing |
//! | [`functions`] | pointwise functions, by table or by comparison |
//! | [`grids`] | functions of whole numbers that a sum is rounded to |
//! | [`moves`] | what moves elements, pooling |
//! | [`attention`] | Softmax, and normalisation after the product |
//! | [`norms`] | normalisation of rows |
//! | [`squares`] | its sums of squares |
//! | [`reciprocals`] | its division, where rows deviate alike |
//! | [`steep`] | functions that a table has too few arguments for |
//! | [`powers`] | which functions are squares and roots |
//! | [`roots`] | squares of elements, and roots of wide values |
//! | [`arithmetic`] | products and quotients of values |
//! | [`ports`] | inputs and outputs |

mod arithmetic;
mod attention;
mod budget;
mod columns;
mod form;
mod functions;
mod grids;
mod lowering;
mod moves;
mod norms;
mod ports;
mod powers;
mod range;
mod reciprocals;
mod roots;
mod squares;
mod steep;
mod sums;

use super::builder::ProgramBuilder;
use super::reading::Reading;
use crate::graph::expr::{Arith, Expr};
use crate::graph::net::{Id, Kind, Net, Step};
use crate::passes::calibrate::Sizes;
use crate::passes::simplify::HIDES;
use crate::terms::error::{At, CompileError};
use crate::terms::options::Precision;
use budget::Budget;
use ciro_graph::{Model, Op, ValueId};
use form::{Form, Quant, Term};
use lowering::Lowering;

/// A compiled network.
pub(crate) struct Lowered {
    pub(crate) model: Model,
    values: Vec<Option<Quant>>,
    /// Bits without the sign: of what is multiplied, and of what is not.
    pub(crate) widest: (u32, u32),
}

impl Lowered {
    /// How each value of the network reads in the program, where it is held.
    pub(crate) fn readings(&self) -> Vec<Option<Reading>> {
        self.values.iter().map(|value| value.map(|q| Reading::uniform(q.id, q.scale))).collect()
    }
}

/// Compiles `net` for values of the given sizes. `rows`: for each input, how many rows the tables have that it indexes.
pub(crate) fn lower(
    net: &Net,
    sizes: &Sizes,
    rows: &[Option<usize>],
    (span, precision): (Option<f64>, Precision),
) -> Result<Lowered, CompileError> {
    let budget = Budget::of(net, sizes, precision);
    let inputs = ports::inputs(net, sizes, rows, span, &budget);
    let forms =
        inputs.iter().enumerate().map(|(i, (_, scale))| Form::Ready(Quant { id: ValueId(i as u32), scale: *scale }));
    let count = net.inputs.len() + net.steps.len();
    let mut readers: Vec<usize> = net.readers().iter().map(Vec::len).collect();
    net.outputs.iter().for_each(|output| readers[output.value] += 1);
    let mut lowering = Lowering {
        net,
        sizes,
        readers,
        forms: forms.collect(),
        columns: vec![None; count],
        held: vec![None; count],
        builder: ProgramBuilder::with_limbs(
            &net.name,
            inputs.into_iter().map(|(input, _)| input).collect(),
            budget.limb_bits,
        ),
        budget,
    };
    for step in &net.steps {
        let form = lowering.step(step)?;
        lowering.forms.push(form);
    }
    lowering.finish()
}

impl Lowering<'_> {
    fn step(&mut self, step: &Step) -> Result<Form, CompileError> {
        let at = &step.at;
        let x = step.operands.first().copied().unwrap_or(0);
        match &step.kind {
            Kind::Linear(_) | Kind::Conv(_) => {
                let column = self.column(x)?;
                Ok(Form::Sum(vec![Term::weights(self.here(), column)]))
            }
            // A dozen bits do not tell which whole number is next.
            Kind::Pointwise(expr) if expr.truncates() => Err(CompileError::Form {
                at: at.clone(),
                what: "a cast of numbers to integers among layers of a network".into(),
                hint: "give the whole numbers as an input of integers".into(),
            }),
            Kind::Pointwise(expr) => match expr.as_line() {
                Some((slope, intercept)) => self.line(at, x, slope, intercept),
                None if powers::is_square(expr) => self.square(at, x).map(Form::Ready),
                None => self.tabled(at, x, expr).map(Form::Ready),
            },
            Kind::AddConst(c) => {
                let mut terms = self.terms(x)?;
                terms.push(Term::constant(c.clone()));
                Ok(Form::Sum(terms))
            }
            Kind::Binary(arith @ (Arith::Add | Arith::Sub)) => {
                let mut terms = self.terms(x)?;
                let sign = if *arith == Arith::Sub { -1.0 } else { 1.0 };
                terms.extend(self.terms(step.operands[1])?.into_iter().map(|term| term.times(sign)));
                Ok(Form::Sum(terms))
            }
            Kind::Reshape | Kind::Transpose(_) | Kind::Take(_) => Ok(Form::Moved),
            // A Softmax takes its mask into account itself.
            Kind::Hide => Ok(Form::Moved),
            Kind::Mask { fill, .. } if *fill <= HIDES && self.only_softmax(self.here()) => Ok(Form::Moved),
            Kind::Choose { fill } if self.only_softmax(self.here()) && self.hides(x, *fill)? => Ok(Form::Moved),
            Kind::Choose { fill } => self.choose(at, (x, step.operands[1]), *fill),
            Kind::Softmax { log: false } => self.softmax(at, x),
            Kind::Constant(_) | Kind::Contract { .. } | Kind::MulConst(_) | Kind::Binary(_) | Kind::Embed(_) => {
                self.computed(step, x).map(Form::Ready)
            }
            Kind::Sum | Kind::Max | Kind::MaxPool { .. } | Kind::Softmax { log: true } | Kind::Normalize { .. } => {
                self.computed(step, x).map(Form::Ready)
            }
            Kind::Mask { .. } | Kind::ArgMax | Kind::Concat(_) => self.computed(step, x).map(Form::Ready),
            Kind::Elem(_) | Kind::Norm(_) | Kind::Trees { .. } | Kind::Top { .. } => Err(CompileError::Form {
                at: at.clone(),
                what: "a classical model beside layers of a network".into(),
                hint: "compile the network and the classical model one by one".into(),
            }),
        }
    }

    fn tabled(&mut self, at: &At, x: Id, expr: &Expr) -> Result<Quant, CompileError> {
        if let Some(line) = powers::root_of(expr)
            && let Some(root) = self.root(at, x, &line)?
        {
            return Ok(root);
        }
        if let Some(whole) = self.gridded(at, x, expr)? {
            return Ok(whole);
        }
        self.function(at, x, expr)
    }

    fn computed(&mut self, step: &Step, x: Id) -> Result<Quant, CompileError> {
        let at = &step.at;
        match &step.kind {
            Kind::Contract { transposed } => self.contract(at, (x, step.operands[1]), *transposed),
            Kind::MulConst(c) => self.mul_const(at, x, c),
            Kind::Binary(arith) => self.binary(at, *arith, x, step.operands[1]),
            Kind::Sum => {
                let x = self.column(x)?;
                let id = self.node(at, Op::Sum { x: x.id })?;
                Ok(Quant { id, scale: x.scale })
            }
            Kind::Max => {
                let x = self.column(x)?;
                let id = self.node(at, Op::Max { x: x.id })?;
                Ok(Quant { id, scale: x.scale })
            }
            Kind::MaxPool { window, positive: false } => self.max_pool(at, x, window, &step.dims),
            Kind::MaxPool { window, positive: true } => {
                let taps = self.taps(at, x, window, &step.dims)?;
                self.rectified(at, x, taps)
            }
            Kind::Softmax { .. } => self.log_softmax(at, x),
            Kind::Normalize { centred, eps } => self.normalize(at, x, *centred, *eps),
            Kind::Embed(table) => self.embed(at, x, table),
            Kind::Mask { keep, fill } => self.masked(at, x, keep, *fill),
            Kind::ArgMax => self.argmax(at, x),
            Kind::Concat(axis) => self.concat(step, *axis),
            // Of these, `step` lowers all but constants.
            Kind::Constant(_) | Kind::Linear(_) | Kind::Conv(_) | Kind::Pointwise(_) | Kind::AddConst(_) => {
                self.constant(step)
            }
            Kind::Choose { .. } | Kind::Hide | Kind::Reshape | Kind::Transpose(_) | Kind::Take(_) => {
                self.constant(step)
            }
            Kind::Elem(_) | Kind::Norm(_) | Kind::Trees { .. } | Kind::Top { .. } => self.constant(step),
        }
    }

    fn finish(mut self) -> Result<Lowered, CompileError> {
        let outputs = self.net.outputs.iter().map(|output| self.output(output)).collect::<Result<Vec<_>, _>>()?;
        let widest = self.budget.widest;
        let (model, renumbered) = self.builder.finish(outputs).map_err(CompileError::Internal)?;
        let held = self.columns.iter().zip(&self.forms).zip(&self.held).map(|((column, form), held)| {
            match (held, column, form) {
                (Some(q), ..) | (None, Some(q), _) | (None, None, Form::Ready(q)) => Some(*q),
                _ => None,
            }
        });
        let moved = |q: Quant| Some(Quant { id: renumbered.get(q.id.0 as usize).copied().flatten()?, ..q });
        let values = held.map(|q| q.and_then(moved)).collect();
        Ok(Lowered { model, values, widest })
    }
}

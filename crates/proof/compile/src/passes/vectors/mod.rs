//! From a net of few numbers to a plan: classical models, and what is computed around them.
//!
//! The steps of a plan are lowered exactly or nearly so. Its values are as wide as the program can hold them, where a net's are a dozen
//! bits.
//!
//! | module | what it holds |
//! |---|---|
//! | [`by_element`] | functions of single elements |
//! | [`first`] | the first of several elements, as a forest's votes |

mod by_element;
mod first;

use super::simplify::fused;
use crate::graph::array::{Array, count, positions};
use crate::graph::elem::Elem;
use crate::graph::expr::{Arith, Expr, Fun, one_and_power};
use crate::graph::net::eval::rearranged;
use crate::graph::net::{Id, Kind, Net, Step};
use crate::graph::plan::{self, Affine, Plan, PlanInput};
use crate::graph::revealed::Revealed;
use crate::graph::stairs;
use crate::terms::error::{At, CompileError};
use by_element::Functions;
use std::collections::BTreeMap;

/// Most elements of a value, and of the weights of a product.
const LARGEST: usize = 1 << 16;
/// Most rows of one sample of which each is made a Softmax.
const MOST_ROWS: usize = 64;

/// The network as steps on vectors.
///
/// # Errors
/// [`CompileError::Form`] for steps that only networks have.
pub(crate) fn vectors(read: &Net) -> Result<Plan, CompileError> {
    let net = &fused(read);
    let inputs =
        net.inputs.iter().map(|input| PlanInput { name: input.name.clone(), dims: input.dims.clone(), double: false });
    let plan = Plan {
        name: net.name.clone(),
        inputs: inputs.collect(),
        steps: vec![],
        outputs: vec![],
        zeroed: vec![],
        notes: net.notes.clone(),
    };
    let held = (0..net.inputs.len()).map(Held::Value).collect();
    let mut vectors = Vectors { net, plan, held, made: BTreeMap::new(), differ: by_element::differ(net) };
    for step in &net.steps {
        let held = vectors.step(step)?;
        vectors.held.push(held);
    }
    for output in &net.outputs {
        let at = At { node: output.name.clone(), operator: "output".into() };
        let value = match vectors.held[output.value] {
            // A class is shown by itself.
            Held::Value(id) if output.labels.is_some() => id,
            Held::Value(_) | Held::Constant(_) | Held::Functions(_) => vectors.value(&at, output.value)?,
        };
        let (name, dims, labels) = (output.name.clone(), output.dims.clone(), output.labels.clone());
        vectors.plan.outputs.push(Revealed { name, value, dims, labels });
    }
    Ok(vectors.plan)
}

/// What stands for a value of the network.
#[derive(Clone)]
enum Held {
    Value(plan::Id),
    Constant(Vec<f32>),
    /// Nothing has computed them yet.
    Functions(Functions),
}

struct Vectors<'a> {
    net: &'a Net,
    plan: Plan,
    held: Vec<Held>,
    /// Whether elements have functions of their own, so that functions are kept as they are written.
    differ: bool,
    /// Functions of values that are there already, by how they are written.
    made: BTreeMap<(plan::Id, String), plan::Id>,
}

impl Vectors<'_> {
    fn step(&mut self, step: &Step) -> Result<Held, CompileError> {
        let (at, len) = (&step.at, count(&step.dims));
        if len > LARGEST {
            return Err(refused(at));
        }
        if let Kind::Constant(c) = &step.kind {
            return Ok(Held::Constant(c.values.to_vec()));
        }
        if self.differ
            && let Some(held) = self.by_element(step)
        {
            return Ok(held);
        }
        for &operand in &step.operands {
            if let Held::Functions(functions) = self.held[operand].clone() {
                self.held[operand] = Held::Value(self.computed(at, &functions)?);
            }
        }
        let x = step.operands.first().copied().unwrap_or(0);
        if crate::graph::net::moves(&step.kind) {
            return self.moved(step);
        }
        let id = match &step.kind {
            Kind::Binary(arith) => return self.binary(step, *arith),
            kind => {
                let id = self.value(at, x)?;
                self.unary(at, kind, (x, id), step)?
            }
        };
        Ok(Held::Value(id))
    }

    fn unary(
        &mut self,
        at: &At,
        kind: &Kind,
        (source, x): (Id, plan::Id),
        step: &Step,
    ) -> Result<plan::Id, CompileError> {
        let len = count(&step.dims);
        let x_dims = self.net.dims(source).to_vec();
        let row = x_dims.last().copied().unwrap_or(1);
        Ok(match kind {
            Kind::Linear(linear) => {
                let rows = count(&x_dims) / linear.k.max(1);
                let (k, n) = (linear.k * rows, linear.n * rows);
                if k.saturating_mul(n) > LARGEST {
                    return Err(refused(at));
                }
                let mut weight = vec![0.0; k * n];
                for (row, (i, w)) in (0..rows).flat_map(|row| linear.weight.iter().enumerate().map(move |w| (row, w))) {
                    weight[(row * linear.k + i / linear.n) * n + row * linear.n + i % linear.n] = *w;
                }
                let bias = linear.bias.as_ref().map_or_else(|| vec![0.0; linear.n], |bias| bias.to_vec());
                let bias = (0..rows).flat_map(|_| bias.iter().copied()).collect();
                self.push(at, plan::Kind::Affine(Affine { n, weight, bias }), vec![x], n)
            }
            Kind::Pointwise(expr) => self.function(at, expr, x)?,
            Kind::AddConst(c) => self.elem(at, Elem::Add(c.spread(&step.dims)), x),
            Kind::MulConst(c) => self.elem(at, Elem::Mul(c.spread(&step.dims)), x),
            Kind::Elem(elem) => self.elem(at, elem.clone(), x),
            Kind::Mask { keep, fill } if fill.is_finite() => {
                let keep = keep.spread(&step.dims);
                let fills = keep.iter().map(|&k| if k == 0.0 { *fill } else { 0.0 }).collect();
                let kept = self.elem(at, Elem::Mul(keep.iter().map(|&k| f32::from(k != 0.0)).collect()), x);
                self.elem(at, Elem::Add(fills), kept)
            }
            Kind::Choose { fill } => self.chosen(at, step, x, *fill)?,
            Kind::Sum if row == count(&x_dims) => {
                let ones = Affine { n: 1, weight: vec![1.0; row], bias: vec![0.0] };
                self.push(at, plan::Kind::Affine(ones), vec![x], 1)
            }
            Kind::Sum => self.push(at, plan::Kind::Sums(row), vec![x], len),
            Kind::Max => self.push(at, plan::Kind::Maxima(row), vec![x], len),
            Kind::Softmax { log: false } => self.softmax(at, x, &x_dims)?,
            Kind::Top { .. } if row != count(&x_dims) => return Err(refused(at)),
            Kind::Top { k, largest } => self.top(at, x, *k, *largest),
            Kind::ArgMax => self.push(at, plan::Kind::ArgMax, vec![x], 1),
            Kind::Norm(norm) => self.push(at, plan::Kind::Normalize(*norm), vec![x], len),
            Kind::Trees { forest, .. } => self.push(at, plan::Kind::Trees(forest.as_ref().clone()), vec![x], len),
            Kind::Conv(_)
            | Kind::Contract { .. }
            | Kind::MaxPool { .. }
            | Kind::Softmax { log: true }
            | Kind::Normalize { .. }
            | Kind::Embed(_)
            | Kind::Mask { .. }
            | Kind::Hide => return Err(refused(at)),
            Kind::Constant(_) | Kind::Binary(_) => return Err(refused(at)),
            Kind::Reshape | Kind::Transpose(_) | Kind::Take(_) | Kind::Concat(_) => return Err(refused(at)),
        })
    }

    pub(crate) fn push(&mut self, at: &At, kind: plan::Kind, operands: Vec<plan::Id>, len: usize) -> plan::Id {
        self.plan.steps.push(plan::Step { at: at.clone(), kind, operands, len });
        self.plan.id_of(self.plan.steps.len() - 1)
    }

    pub(crate) fn elem(&mut self, at: &At, elem: Elem, x: plan::Id) -> plan::Id {
        let len = self.plan.len(x);
        self.push(at, plan::Kind::Elem(elem), vec![x], len)
    }

    fn value(&mut self, at: &At, id: Id) -> Result<plan::Id, CompileError> {
        match self.held[id].clone() {
            Held::Value(id) => Ok(self.number(at, id)),
            Held::Functions(functions) => self.computed(at, &functions),
            Held::Constant(values) => {
                // As a sum with what an input counts for nothing in.
                let any = self.pick(at, &[0], &vec![(0, 0); values.len()]);
                Ok(self.constants(at, any, &vec![true; values.len()], &values))
            }
        }
    }

    /// A value that can be computed with: of the index of a largest element, a tree's answer.
    fn number(&mut self, at: &At, id: plan::Id) -> plan::Id {
        let Some(plan::Step { kind: plan::Kind::ArgMax, operands, .. }) = self.plan.step(id) else { return id };
        let x = operands[0];
        let key = (id, String::new());
        if let Some(&made) = self.made.get(&key) {
            return made;
        }
        let len = self.plan.len(x);
        let below = if len == 2 {
            let difference = Affine { n: 1, weight: vec![1.0, -1.0], bias: vec![0.0] };
            self.push(at, plan::Kind::Affine(difference), vec![x], 1)
        } else {
            let largest = self.push(at, plan::Kind::Maxima(len), vec![x], 1);
            self.push(at, plan::Kind::Sub, vec![x, largest], len)
        };
        let made = self.first_not_negative(at, below, len);
        self.made.insert(key, made);
        made
    }

    /// x, but constants where `is_constant`.
    fn constants(&mut self, at: &At, x: plan::Id, is_constant: &[bool], values: &[f32]) -> plan::Id {
        let kept = is_constant.iter().map(|&is_constant| f32::from(!is_constant)).collect();
        let kept = self.elem(at, Elem::Mul(kept), x);
        let added = is_constant.iter().zip(values).map(|(&is, &v)| if is { v } else { 0.0 }).collect();
        self.elem(at, Elem::Add(added), kept)
    }

    pub(crate) fn pick(&mut self, at: &At, operands: &[plan::Id], places: &[(usize, usize)]) -> plan::Id {
        let is_whole = |len: usize| places.iter().copied().eq((0..len).map(|i| (0, i)));
        match operands {
            &[one] if is_whole(self.plan.len(one)) => one,
            _ => self.push(at, plan::Kind::Pick(places.to_vec()), operands.to_vec(), places.len()),
        }
    }

    /// What moves elements: places among those of the operands.
    fn moved(&mut self, step: &Step) -> Result<Held, CompileError> {
        let at = &step.at;
        let places =
            rearranged(&step.kind, &step.operands.iter().map(|&x| self.net.dims(x)).collect::<Vec<_>>(), &step.dims);
        let mut held: Vec<Held> = step.operands.iter().map(|&x| self.held[x].clone()).collect();
        if places.len() > 1 {
            for value in &mut held {
                if let Held::Value(id) = value {
                    *id = self.number(at, *id);
                }
            }
        }
        let constant = |place: &Option<(usize, usize)>| match place.map(|(operand, i)| (&held[operand], i)) {
            None => Some(0.0),
            Some((Held::Constant(values), i)) => Some(values[i]),
            Some((Held::Value(_) | Held::Functions(_), _)) => None,
        };
        let fixed: Vec<Option<f32>> = places.iter().map(constant).collect();
        if let Some(values) = fixed.iter().copied().collect::<Option<Vec<f32>>>() {
            return Ok(Held::Constant(values));
        }
        let mut operands: Vec<plan::Id> = Vec::new();
        let mut numbered: Vec<Option<(usize, usize)>> = Vec::with_capacity(places.len());
        for place in &places {
            let value = place.and_then(|(operand, i)| match held[operand] {
                Held::Value(id) => Some((id, i)),
                Held::Constant(_) | Held::Functions(_) => None,
            });
            numbered.push(value.map(|(id, i)| {
                let known = operands.iter().position(|operand| *operand == id);
                let number = known.unwrap_or_else(|| {
                    operands.push(id);
                    operands.len() - 1
                });
                (number, i)
            }));
        }
        // Constants take the place of any element.
        let any = numbered.iter().flatten().next().copied().unwrap_or((0, 0));
        let all: Vec<(usize, usize)> = numbered.iter().map(|place| place.unwrap_or(any)).collect();
        let picked = self.pick(at, &operands, &all);
        if fixed.iter().all(Option::is_none) {
            return Ok(Held::Value(picked));
        }
        let is_constant: Vec<bool> = fixed.iter().map(Option::is_some).collect();
        let values: Vec<f32> = fixed.into_iter().map(Option::unwrap_or_default).collect();
        Ok(Held::Value(self.constants(at, picked, &is_constant, &values)))
    }

    /// A value with the elements of `dims`, to which it broadcasts.
    fn spread(&mut self, at: &At, id: Id, dims: &[usize]) -> Result<plan::Id, CompileError> {
        let x = self.value(at, id)?;
        let places: Vec<(usize, usize)> = positions(self.net.dims(id), dims).into_iter().map(|i| (0, i)).collect();
        Ok(self.pick(at, &[x], &places))
    }

    fn binary(&mut self, step: &Step, arith: Arith) -> Result<Held, CompileError> {
        let at = &step.at;
        let (a, b) = (step.operands[0], step.operands[1]);
        let constant = |id: Id, held: &[Held]| match &held[id] {
            Held::Constant(values) => Some(Array::new(self.net.dims(id).to_vec(), values.clone()).spread(&step.dims)),
            Held::Value(_) | Held::Functions(_) => None,
        };
        let fixed = (constant(a, &self.held), constant(b, &self.held));
        let id = match fixed {
            (Some(a), Some(b)) => {
                let both = |(&a, &b): (&f32, &f32)| arith.at(f64::from(a), f64::from(b)) as f32;
                return Ok(Held::Constant(a.iter().zip(&b).map(both).collect()));
            }
            (None, Some(c)) => {
                let x = self.spread(at, a, &step.dims)?;
                self.with_constants(at, arith, x, c)?
            }
            (Some(c), None) => {
                let x = self.spread(at, b, &step.dims)?;
                self.constants_with(at, arith, c, x)?
            }
            (None, None) => {
                let x = self.spread(at, a, &step.dims)?;
                let single = self.net.len(b) == 1;
                let y = if single { self.value(at, b)? } else { self.spread(at, b, &step.dims)? };
                self.both(at, arith, x, y)?
            }
        };
        Ok(Held::Value(id))
    }

    fn with_constants(&mut self, at: &At, arith: Arith, x: plan::Id, c: Vec<f32>) -> Result<plan::Id, CompileError> {
        Ok(match arith {
            Arith::Add => self.elem(at, Elem::Add(c), x),
            Arith::Sub => self.elem(at, Elem::Sub(c), x),
            Arith::Mul => self.elem(at, Elem::Mul(c), x),
            Arith::Div => self.elem(at, Elem::Div(c), x),
            Arith::Max => {
                let above = self.elem(at, Elem::Sub(c.clone()), x);
                let above = self.relu(at, above);
                self.elem(at, Elem::Add(c), above)
            }
            Arith::Min => {
                let below = self.elem(at, Elem::SubFrom(c.clone()), x);
                let below = self.relu(at, below);
                self.elem(at, Elem::SubFrom(c), below)
            }
            Arith::Pow
            | Arith::Mod
            | Arith::Equal
            | Arith::Less
            | Arith::LessOrEqual
            | Arith::Greater
            | Arith::GreaterOrEqual
            | Arith::And
            | Arith::Or
            | Arith::UnlessNan
            | Arith::UnlessInfinite => return Err(refused(at)),
        })
    }

    /// The same with the operands the other way around.
    fn constants_with(&mut self, at: &At, arith: Arith, c: Vec<f32>, x: plan::Id) -> Result<plan::Id, CompileError> {
        if arith == Arith::Sub {
            Ok(self.elem(at, Elem::SubFrom(c), x))
        } else if arith.commutes() {
            self.with_constants(at, arith, x, c)
        } else {
            Err(refused(at))
        }
    }

    fn relu(&mut self, at: &At, x: plan::Id) -> plan::Id {
        let len = self.plan.len(x);
        self.push(at, plan::Kind::Relu, vec![x], len)
    }

    /// Arithmetic of two values; b may have one element.
    fn both(&mut self, at: &At, arith: Arith, a: plan::Id, b: plan::Id) -> Result<plan::Id, CompileError> {
        let len = self.plan.len(a);
        let kind = match arith {
            Arith::Add => plan::Kind::Add,
            Arith::Sub => plan::Kind::Sub,
            Arith::Mul => plan::Kind::Mul,
            Arith::Div => plan::Kind::Div,
            Arith::Max => {
                let above = self.push(at, plan::Kind::Sub, vec![a, b], len);
                let above = self.relu(at, above);
                return self.both(at, Arith::Add, above, b);
            }
            Arith::Min => {
                let above = self.push(at, plan::Kind::Sub, vec![a, b], len);
                let above = self.relu(at, above);
                return self.both(at, Arith::Sub, a, above);
            }
            Arith::Pow
            | Arith::Mod
            | Arith::Equal
            | Arith::Less
            | Arith::LessOrEqual
            | Arith::Greater
            | Arith::GreaterOrEqual
            | Arith::And
            | Arith::Or
            | Arith::UnlessNan
            | Arith::UnlessInfinite => return Err(refused(at)),
        };
        Ok(self.push(at, kind, vec![a, b], len))
    }

    /// The first operand where the second is one, else `fill`.
    fn chosen(&mut self, at: &At, step: &Step, x: plan::Id, fill: f32) -> Result<plan::Id, CompileError> {
        if !fill.is_finite() {
            return Err(refused(at));
        }
        let shown = self.spread(at, step.operands[1], &step.dims)?;
        let len = count(&step.dims);
        let above = self.elem(at, Elem::Sub(vec![fill; len]), x);
        let kept = self.push(at, plan::Kind::Mul, vec![above, shown], len);
        Ok(self.elem(at, Elem::Add(vec![fill; len]), kept))
    }

    /// The positions of the k largest elements, or the smallest: one by one, each without those before.
    fn top(&mut self, at: &At, x: plan::Id, k: usize, largest: bool) -> plan::Id {
        let n = self.plan.len(x);
        let mut rest = if largest { x } else { self.elem(at, Elem::Mul(vec![-1.0; n]), x) };
        let mut positions = Vec::with_capacity(k);
        let mut gone: Option<plan::Id> = None;
        for _ in 0..k {
            // What is gone lies as far down as all elements lie apart.
            if let Some(gone) = gone {
                let apart = self.apart(at, x);
                let down = self.push(at, plan::Kind::Mul, vec![gone, apart], n);
                let start = if largest { x } else { self.elem(at, Elem::Mul(vec![-1.0; n]), x) };
                rest = self.push(at, plan::Kind::Sub, vec![start, down], n);
            }
            let top = self.push(at, plan::Kind::Maxima(n), vec![rest], 1);
            let below = self.push(at, plan::Kind::Sub, vec![rest, top], n);
            let position = self.first_not_negative(at, below, n);
            let chosen = self.one_hot(at, position, n);
            gone = Some(match gone {
                None => chosen,
                Some(gone) => self.push(at, plan::Kind::Add, vec![gone, chosen], n),
            });
            positions.push(position);
        }
        let places: Vec<(usize, usize)> = (0..k).map(|i| (i, 0)).collect();
        self.pick(at, &positions, &places)
    }

    /// More than the elements of x lie apart.
    fn apart(&mut self, at: &At, x: plan::Id) -> plan::Id {
        let key = (x, "apart".to_string());
        if let Some(&made) = self.made.get(&key) {
            return made;
        }
        let n = self.plan.len(x);
        let negated = self.elem(at, Elem::Mul(vec![-1.0; n]), x);
        let (most, least) =
            (self.push(at, plan::Kind::Maxima(n), vec![x], 1), self.push(at, plan::Kind::Maxima(n), vec![negated], 1));
        let apart = self.push(at, plan::Kind::Add, vec![most, least], 1);
        let apart = self.elem(at, Elem::Mul(vec![2.0]), apart);
        // Where all are equal as well.
        let apart = self.elem(at, Elem::Add(vec![1.0]), apart);
        self.made.insert(key, apart);
        apart
    }

    /// One at a position, zero elsewhere.
    pub(crate) fn one_hot(&mut self, at: &At, position: plan::Id, n: usize) -> plan::Id {
        let thresholds = (1..n).map(|i| i as f32 - 0.5).collect();
        let forest = stairs::one_hot(thresholds, n);
        self.push(at, plan::Kind::Trees(forest), vec![position], n)
    }

    fn softmax(&mut self, at: &At, x: plan::Id, dims: &[usize]) -> Result<plan::Id, CompileError> {
        let row = dims.last().copied().unwrap_or(1).max(1);
        let rows = count(dims) / row;
        if rows == 1 {
            return Ok(self.push(at, plan::Kind::Softmax, vec![x], row));
        }
        if rows > MOST_ROWS {
            return Err(refused(at));
        }
        let mut parts = Vec::with_capacity(rows);
        for i in 0..rows {
            let places: Vec<(usize, usize)> = (0..row).map(|j| (0, i * row + j)).collect();
            let part = self.pick(at, &[x], &places);
            parts.push(self.push(at, plan::Kind::Softmax, vec![part], row));
        }
        let places: Vec<(usize, usize)> = (0..rows).flat_map(|i| (0..row).map(move |j| (i, j))).collect();
        Ok(self.pick(at, &parts, &places))
    }

    /// A function of each element.
    pub(crate) fn function(&mut self, at: &At, expr: &Expr, x: plan::Id) -> Result<plan::Id, CompileError> {
        let key = (x, format!("{expr:?}"));
        if let Some(&made) = self.made.get(&key) {
            return Ok(made);
        }
        let id = self.function_anew(at, expr, x)?;
        self.made.insert(key, id);
        Ok(id)
    }

    fn function_anew(&mut self, at: &At, expr: &Expr, x: plan::Id) -> Result<plan::Id, CompileError> {
        let len = self.plan.len(x);
        if let Some((slope, intercept)) = expr.as_line() {
            return Ok(self.line(at, x, slope, intercept));
        }
        if let (1, Some((inner, lo, hi))) = (len, expr.as_clipped()) {
            let inner = self.function(at, inner, x)?;
            return Ok(self.push(at, plan::Kind::Curve(Expr::X.clipped(lo, hi)), vec![inner], 1));
        }
        if let Some(thresholds) = expr.thresholds() {
            let forest = stairs::by_element(&thresholds, |v| expr.at(f64::from(v)) as f32, len);
            return Ok(self.push(at, plan::Kind::Trees(forest), vec![x], len));
        }
        if self.differ && expr.meets() {
            return Ok(self.push(at, plan::Kind::Curve(expr.clone()), vec![x], len));
        }
        match expr {
            Expr::Unary(Fun::Relu, inner) => {
                let inner = self.function(at, inner, x)?;
                Ok(self.relu(at, inner))
            }
            Expr::Unary(Fun::Abs, inner) => {
                let inner = self.function(at, inner, x)?;
                let negated = self.elem(at, Elem::Mul(vec![-1.0; len]), inner);
                let (above, below) = (self.relu(at, inner), self.relu(at, negated));
                self.both(at, Arith::Add, above, below)
            }
            Expr::Unary(Fun::Sigmoid, inner) => {
                let inner = self.function(at, inner, x)?;
                Ok(self.push(at, plan::Kind::Sigmoid, vec![inner], len))
            }
            Expr::Unary(Fun::Exp, inner) => {
                let inner = self.function(at, inner, x)?;
                Ok(self.push(at, plan::Kind::Exp, vec![inner], len))
            }
            Expr::Unary(Fun::Neg, inner) => {
                let inner = self.function(at, inner, x)?;
                Ok(self.elem(at, Elem::Mul(vec![-1.0; len]), inner))
            }
            Expr::Binary(Arith::Div, one, below) if **one == Expr::Const(1.0) && one_and_power(below).is_some() => {
                let inner = self.function(at, one_and_power(below).unwrap_or(&Expr::X), x)?;
                let negated = self.elem(at, Elem::Mul(vec![-1.0; len]), inner);
                Ok(self.push(at, plan::Kind::Sigmoid, vec![negated], len))
            }
            Expr::Binary(Arith::Pow, base, power) if **power == Expr::Const(2.0) => {
                let base = self.function(at, base, x)?;
                self.both(at, Arith::Mul, base, base)
            }
            Expr::Binary(arith @ (Arith::Add | Arith::Sub | Arith::Mul | Arith::Min | Arith::Max), a, b) => {
                self.composed(at, *arith, (a, b), x)
            }
            Expr::Binary(Arith::Div, a, b) if matches!(**b, Expr::Const(_)) => self.composed(at, Arith::Div, (a, b), x),
            Expr::X | Expr::Const(_) | Expr::Unary(..) | Expr::Binary(..) if !expr.is_continuous() => {
                Err(CompileError::Form {
                    at: at.clone(),
                    what: "a function with steps that are no comparisons with constants".into(),
                    hint: "encode or compare whole numbers, and cut off or round them before the model".into(),
                })
            }
            Expr::X | Expr::Const(_) | Expr::Unary(..) | Expr::Binary(..) => {
                Ok(self.push(at, plan::Kind::Curve(expr.clone()), vec![x], len))
            }
        }
    }

    fn composed(
        &mut self,
        at: &At,
        arith: Arith,
        (a, b): (&Expr, &Expr),
        x: plan::Id,
    ) -> Result<plan::Id, CompileError> {
        let len = self.plan.len(x);
        match (a, b) {
            (a, Expr::Const(c)) => {
                let a = self.function(at, a, x)?;
                self.with_constants(at, arith, a, vec![*c as f32; len])
            }
            (Expr::Const(c), b) => {
                let b = self.function(at, b, x)?;
                self.constants_with(at, arith, vec![*c as f32; len], b)
            }
            (a, b) => {
                let (a, b) = (self.function(at, a, x)?, self.function(at, b, x)?);
                self.both(at, arith, a, b)
            }
        }
    }
}

fn refused(at: &At) -> CompileError {
    CompileError::Form {
        at: at.clone(),
        what: "a network's layer beside a classical model".into(),
        hint: "compile the network and the classical model one by one".into(),
    }
}

//! Functions of single elements, each with constants of its own: what a power transform makes of its columns.
//!
//! They are kept as they are written until something else computes with them, so that a choice between two branches is one function.

use crate::graph::array::{Array, positions};
use crate::graph::elem::Elem;
use crate::graph::expr::{Arith, Expr};
use crate::graph::net::eval::rearranged;
use crate::graph::net::{Id, Kind, Net, Step, moves};
use crate::graph::plan;
use crate::passes::vectors::{Held, Vectors};
use crate::terms::error::{At, CompileError};

/// A larger function is made of several.
const LONGEST: usize = 512;

/// A value whose elements are functions of elements of another one.
#[derive(Clone)]
pub(super) struct Functions {
    of: plan::Id,
    /// For each element: which one it is a function of.
    each: Vec<(usize, Expr)>,
}

/// Whether elements of a value become powers, or are compared, with constants of their own: what only such functions say.
pub(super) fn differ(net: &Net) -> bool {
    let is_constant = |&x: &Id| net.step(x).is_some_and(|step| matches!(step.kind, Kind::Constant(_)));
    let differs = |step: &Step| match &step.kind {
        Kind::Binary(Arith::Pow) => step.operands.iter().any(is_constant),
        Kind::Binary(arith) => arith.is_comparison() && step.operands.iter().any(is_constant),
        _ => false,
    };
    net.steps.iter().any(differs)
}

/// An operand element by element.
enum Side {
    Constants(Vec<f32>),
    Functions(Functions),
}

impl Side {
    fn at(&self, i: usize) -> Expr {
        match self {
            Self::Constants(values) => Expr::Const(f64::from(values[i])),
            Self::Functions(functions) => functions.each[i].1.clone(),
        }
    }
}

impl Functions {
    fn same(of: plan::Id, len: usize) -> Self {
        Self { of, each: (0..len).map(|i| (i, Expr::X)).collect() }
    }

    fn map(&self, f: impl Fn(usize, &Expr) -> Expr) -> Option<Self> {
        let made = |(i, (element, expr)): (usize, &(usize, Expr))| (*element, f(i, expr).simplified());
        let each: Vec<(usize, Expr)> = self.each.iter().enumerate().map(made).collect();
        each.iter().all(|(_, expr)| expr.size() <= LONGEST).then_some(Self { of: self.of, each })
    }

    fn picked(&self, places: &[usize]) -> Self {
        Self { of: self.of, each: places.iter().map(|&i| self.each[i].clone()).collect() }
    }

    /// Whether each element is a function of the same one as the other's.
    fn is_beside(&self, other: &Self) -> bool {
        self.of == other.of && self.each.iter().map(|each| each.0).eq(other.each.iter().map(|each| each.0))
    }

    fn held(self) -> Held {
        let constant = |(_, expr): &(usize, Expr)| if let Expr::Const(c) = expr { Some(*c as f32) } else { None };
        match self.each.iter().map(constant).collect() {
            Some(values) => Held::Constant(values),
            None => Held::Functions(self),
        }
    }
}

impl Vectors<'_> {
    /// A line of each element.
    pub(super) fn line(&mut self, at: &At, x: plan::Id, slope: f64, intercept: f64) -> plan::Id {
        let len = self.plan.len(x);
        let scaled =
            if slope.to_bits() == 1f64.to_bits() { x } else { self.elem(at, Elem::Mul(vec![slope as f32; len]), x) };
        if intercept == 0.0 { scaled } else { self.elem(at, Elem::Add(vec![intercept as f32; len]), scaled) }
    }

    /// A step as functions of the elements of one value; `None` if it is another one.
    pub(super) fn by_element(&self, step: &Step) -> Option<Held> {
        let x = *step.operands.first()?;
        let functions = match &step.kind {
            Kind::Pointwise(expr) => self.functions(x)?.map(|_, f| expr.put(f)),
            Kind::AddConst(c) => {
                let c = c.spread(&step.dims);
                self.functions(x)?.map(|i, f| with(Arith::Add, f, c[i]))
            }
            Kind::MulConst(c) => {
                let c = c.spread(&step.dims);
                self.functions(x)?.map(|i, f| with(Arith::Mul, f, c[i]))
            }
            Kind::Elem(Elem::Impute(c)) => self.functions(x)?.map(|i, f| with(Arith::UnlessNan, f, c[i])),
            Kind::Elem(elem) => self.functions(x)?.map(|i, f| {
                let (slope, intercept) = elem.line(i);
                Expr::line(slope, intercept).put(f)
            }),
            Kind::Binary(arith) => self.of_two(step, *arith),
            kind if moves(kind) && step.operands.len() == 1 => {
                let places = rearranged(kind, &[self.net.dims(x)], &step.dims);
                let places: Option<Vec<usize>> = places.into_iter().map(|place| Some(place?.1)).collect();
                Some(self.functions(x)?.picked(&places?))
            }
            _ => None,
        }?;
        Some(functions.held())
    }

    fn functions(&self, id: Id) -> Option<Functions> {
        match &self.held[id] {
            Held::Value(value) => Some(Functions::same(*value, self.net.len(id))),
            Held::Functions(functions) => Some(functions.clone()),
            Held::Constant(_) => None,
        }
    }

    fn side(&self, id: Id, dims: &[usize]) -> Side {
        let from = self.net.dims(id);
        match (&self.held[id], self.functions(id)) {
            (_, Some(functions)) => Side::Functions(functions.picked(&positions(from, dims))),
            (Held::Constant(values), _) => Side::Constants(Array::new(from.to_vec(), values.clone()).spread(dims)),
            (Held::Value(_) | Held::Functions(_), None) => Side::Constants(vec![]),
        }
    }

    fn of_two(&self, step: &Step, arith: Arith) -> Option<Functions> {
        let (a, b) = (self.side(step.operands[0], &step.dims), self.side(step.operands[1], &step.dims));
        let base = match (&a, &b) {
            (Side::Functions(a), Side::Functions(b)) => a.is_beside(b).then_some(a)?,
            (Side::Functions(base), Side::Constants(_)) | (Side::Constants(_), Side::Functions(base)) => base,
            (Side::Constants(_), Side::Constants(_)) => return None,
        };
        base.map(|i, _| Expr::binary(arith, a.at(i), b.at(i)))
    }

    /// The functions as a value of the plan.
    pub(super) fn computed(&mut self, at: &At, functions: &Functions) -> Result<plan::Id, CompileError> {
        let Functions { of, each } = functions;
        let in_order = each.iter().map(|each| each.0).eq(0..self.plan.len(*of));
        if let Some((_, first)) = each.first()
            && in_order
            && each.iter().all(|(_, expr)| expr == first)
        {
            return self.function(at, first, *of);
        }
        let mut parts = Vec::with_capacity(each.len());
        for (element, expr) in each {
            let x = self.pick(at, &[*of], &[(0, *element)]);
            parts.push(self.function(at, expr, x)?);
        }
        let places: Vec<(usize, usize)> = (0..parts.len()).map(|i| (i, 0)).collect();
        Ok(self.pick(at, &parts, &places))
    }
}

fn with(arith: Arith, f: &Expr, c: f32) -> Expr {
    Expr::binary(arith, f.clone(), Expr::Const(f64::from(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_that_are_constants_are_no_functions() {
        let same = Functions::same(0, 2);
        let none = same.map(|_, f| Expr::binary(Arith::Sub, f.clone(), f.clone())).unwrap();
        assert!(matches!(none.held(), Held::Constant(values) if values == [0.0, 0.0]));
        let moved = same.picked(&[1, 0]);
        assert!(!moved.is_beside(&same) && moved.is_beside(&moved));
    }
}

//! One node while it is read, and the steps that several operators share.

use super::builder::{Bound, Builder};
use crate::fronts::onnx::proto::NodeProto;
use crate::fronts::onnx::{self, Attributes};
use crate::graph::array::{Array, count, joint};
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::net::eval::fold;
use crate::graph::net::{Id, Kind, Step};
use crate::terms::error::{At, CompileError};

/// One node while it is read.
pub(super) struct Ctx<'a, 'b> {
    pub(super) builder: &'a mut Builder<'b>,
    pub(super) node: &'a NodeProto,
    pub(super) at: At,
    pub(super) attributes: Attributes<'a>,
}

impl Ctx<'_, '_> {
    /// What operand `i` stands for; `None` if it is omitted.
    pub(super) fn optional(&self, i: usize) -> Result<Option<Bound>, CompileError> {
        Ok(onnx::operand(self.node, i, &self.builder.names, &self.at)?.cloned())
    }

    pub(super) fn operand(&self, i: usize) -> Result<Bound, CompileError> {
        self.optional(i)?.ok_or_else(|| self.refuse(i, "a value", "nothing"))
    }

    /// Operand `i`, which has to be a constant if it is given.
    pub(super) fn constant(&self, i: usize) -> Result<Option<Array>, CompileError> {
        match self.optional(i)? {
            None => Ok(None),
            Some(Bound::Const(array)) => Ok(Some(array)),
            Some(Bound::Value(_)) => Err(self.refuse(i, "a constant", "a value that depends on the input")),
        }
    }

    pub(super) fn required(&self, i: usize) -> Result<Array, CompileError> {
        self.constant(i)?.ok_or_else(|| self.refuse(i, "a constant", "nothing"))
    }

    /// Integers that older versions have as an attribute and newer ones as operand `i`.
    pub(super) fn ints(&mut self, attribute: &'static str, i: usize) -> Result<Option<Vec<i64>>, CompileError> {
        if let Some(array) = self.constant(i)? {
            return Ok(Some(array.ints()));
        }
        let given = self.attributes.ints(attribute)?;
        Ok((!given.is_empty()).then(|| given.to_vec()))
    }

    pub(super) fn dims(&self, bound: &Bound) -> Vec<usize> {
        match bound {
            Bound::Value(id) => self.builder.net.dims(*id).to_vec(),
            Bound::Const(array) => array.dims.clone(),
        }
    }

    pub(super) fn operands(&self) -> usize {
        self.node.input.len()
    }

    /// A possibly negative axis of a tensor of `rank` dimensions.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, CompileError> {
        crate::fronts::shape::axis(axis, rank)
            .ok_or_else(|| self.attributes.refuse("axis", format!("an axis of {rank} dimensions"), axis.to_string()))
    }

    pub(super) fn refuse(&self, i: usize, expected: impl Into<String>, got: impl Into<String>) -> CompileError {
        CompileError::operand(&self.at, i, expected, got)
    }

    pub(super) fn form(&self, what: impl Into<String>, hint: impl Into<String>) -> CompileError {
        CompileError::Form { at: self.at.clone(), what: what.into(), hint: hint.into() }
    }

    /// Appends a step, or folds it if all its operands are constants.
    pub(super) fn push(&mut self, kind: Kind, operands: Vec<Bound>, dims: Vec<usize>) -> Result<Bound, CompileError> {
        let n = self.charge(&dims)?;
        // Only moves of nothing make nothing: everything else would read elements that are not there.
        let is_empty = |bound: &Bound| count(&self.dims(bound)) == 0;
        if n > 0 && !matches!(kind, Kind::Concat(_)) && operands.iter().any(is_empty) {
            return Err(self.form("an operand without elements", "leave out what computes nothing"));
        }
        let constants: Option<Vec<&Array>> =
            operands.iter().map(|bound| if let Bound::Const(array) = bound { Some(array) } else { None }).collect();
        if let Some(constants) = constants {
            self.charge_fold(&kind, &constants, n)?;
            return Ok(Bound::Const(fold(&kind, &constants, &dims)));
        }
        let operands = operands.into_iter().map(|bound| self.value(bound)).collect();
        Ok(Bound::Value(self.step(kind, operands, dims)))
    }

    fn step(&mut self, kind: Kind, operands: Vec<Id>, dims: Vec<usize>) -> Id {
        let net = &mut self.builder.net;
        net.steps.push(Step { at: self.at.clone(), kind, operands, dims });
        net.inputs.len() + net.steps.len() - 1
    }

    /// The value that stands for a bound: a constant becomes a step.
    pub(super) fn value(&mut self, bound: Bound) -> Id {
        match bound {
            Bound::Value(id) => id,
            Bound::Const(array) => {
                let dims = array.dims.clone();
                self.step(Kind::Constant(array), vec![], dims)
            }
        }
    }

    /// Names result `i`; one that the node does not name is dropped.
    pub(super) fn bind(&mut self, i: usize, bound: Bound) {
        if let Some(name) = self.node.output.get(i).filter(|name| !name.is_empty()) {
            self.builder.names.insert(name.clone(), bound);
        }
    }

    /// Whether the node names result `i`.
    pub(super) fn names(&self, i: usize) -> bool {
        self.node.output.get(i).is_some_and(|name| !name.is_empty())
    }

    pub(super) fn pointwise(&mut self, expr: Expr, x: Bound) -> Result<Bound, CompileError> {
        let dims = self.dims(&x);
        self.push(Kind::Pointwise(expr), vec![x], dims)
    }

    pub(super) fn scaled(&mut self, factor: f64, x: Bound) -> Result<Bound, CompileError> {
        self.pointwise(Expr::line(factor, 0.0), x)
    }

    pub(super) fn reshape(&mut self, x: Bound, dims: Vec<usize>) -> Result<Bound, CompileError> {
        let from = self.dims(&x);
        if from == dims {
            return Ok(x);
        }
        if count(&from) != count(&dims) {
            return Err(self.form(format!("dimensions {from:?} as {dims:?}"), "the number of elements has to agree"));
        }
        if let Bound::Const(array) = x {
            return Ok(Bound::Const(array.reshaped(dims)));
        }
        self.push(Kind::Reshape, vec![x], dims)
    }

    pub(super) fn transpose(&mut self, x: Bound, perm: Vec<usize>) -> Result<Bound, CompileError> {
        let from = self.dims(&x);
        if perm.iter().enumerate().all(|(i, &axis)| i == axis) {
            return Ok(x);
        }
        let dims = perm.iter().map(|&axis| from[axis]).collect();
        self.push(Kind::Transpose(perm), vec![x], dims)
    }

    /// Picks positions along some dimensions.
    pub(super) fn take(
        &mut self,
        x: Bound,
        mut picks: Vec<(usize, Vec<Option<usize>>)>,
    ) -> Result<Bound, CompileError> {
        let mut dims = self.dims(&x);
        picks.retain(|(axis, index)| {
            index.len() != dims[*axis] || index.iter().enumerate().any(|(i, &at)| at != Some(i))
        });
        picks.sort_by_key(|(axis, _)| *axis);
        if picks.is_empty() {
            return Ok(x);
        }
        picks.iter().for_each(|(axis, index)| dims[*axis] = index.len());
        self.push(Kind::Take(picks), vec![x], dims)
    }

    /// Repeats dimensions of one, numpy's way.
    pub(super) fn expand(&mut self, x: Bound, dims: &[usize]) -> Result<Bound, CompileError> {
        let from = self.dims(&x);
        self.room(dims)?;
        let Some(to) = joint(&from, dims) else {
            return Err(self.form(format!("dimensions {from:?} spread to {dims:?}"), "they have to broadcast"));
        };
        self.room(&to)?;
        let mut aligned = vec![1; to.len() - from.len()];
        aligned.extend(&from);
        let picks = aligned.iter().zip(&to).enumerate().filter(|(_, (from, to))| from != to);
        let picks = picks.map(|(axis, (_, &to))| (axis, vec![Some(0); to])).collect();
        let x = self.reshape(x, aligned.clone())?;
        self.take(x, picks)
    }

    pub(super) fn concat(&mut self, parts: Vec<Bound>, axis: usize) -> Result<Bound, CompileError> {
        let mut dims = parts.first().map(|part| self.dims(part)).unwrap_or_default();
        if axis >= dims.len() {
            return Err(self.form("parts without that dimension", "give the parts as many dimensions"));
        }
        let mut total = 0;
        for part in &parts {
            let mut like = self.dims(part);
            let own = like.get(axis).copied().unwrap_or(0);
            if let Some(d) = like.get_mut(axis) {
                *d = dims[axis];
            }
            if like != dims {
                return Err(self.form(format!("parts {dims:?} and {like:?}"), "the other dimensions have to agree"));
            }
            total += own;
        }
        dims[axis] = total;
        match <[Bound; 1]>::try_from(parts) {
            Ok([only]) => Ok(only),
            Err(parts) => self.push(Kind::Concat(axis), parts, dims),
        }
    }

    /// Arithmetic of two operands, broadcast, each a value or a constant.
    pub(super) fn arithmetic(&mut self, arith: Arith, a: Bound, b: Bound) -> Result<Bound, CompileError> {
        let (a_dims, b_dims) = (self.dims(&a), self.dims(&b));
        let Some(dims) = joint(&a_dims, &b_dims) else {
            return Err(self.refuse(1, format!("dimensions that broadcast with {a_dims:?}"), format!("{b_dims:?}")));
        };
        match (a, b) {
            (Bound::Value(x), Bound::Const(c)) => {
                let x = self.expand(Bound::Value(x), &dims)?;
                match c.scalar() {
                    Some(c) => self.pointwise(Expr::binary(arith, Expr::X, Expr::Const(f64::from(c))), x),
                    None => self.with_constant(arith, x, &c),
                }
            }
            (Bound::Const(c), Bound::Value(x)) => {
                let x = self.expand(Bound::Value(x), &dims)?;
                match c.scalar() {
                    Some(c) => self.pointwise(Expr::binary(arith, Expr::Const(f64::from(c)), Expr::X), x),
                    None => self.constant_with(arith, &c, x),
                }
            }
            (a, b) => match arith {
                Arith::Max if a_dims != b_dims => self.raised(a, b),
                Arith::Min if a_dims != b_dims => {
                    let (a, b) = (self.scaled(-1.0, a)?, self.scaled(-1.0, b)?);
                    let largest = self.raised(a, b)?;
                    self.scaled(-1.0, largest)
                }
                _ => self.push(Kind::Binary(arith), vec![a, b], dims),
            },
        }
    }

    /// The larger of two values that broadcast: `a + max(b − a, 0)`.
    fn raised(&mut self, a: Bound, b: Bound) -> Result<Bound, CompileError> {
        let above = self.arithmetic(Arith::Sub, b, a.clone())?;
        let above = self.pointwise(Expr::unary(Fun::Relu, Expr::X), above)?;
        self.arithmetic(Arith::Add, a, above)
    }

    fn with_constant(&mut self, arith: Arith, x: Bound, c: &Array) -> Result<Bound, CompileError> {
        let dims = self.dims(&x);
        let kind = match arith {
            Arith::Add => Kind::AddConst(c.clone()),
            Arith::Sub => Kind::AddConst(c.map(|v| -v)),
            Arith::Mul => Kind::MulConst(c.clone()),
            Arith::Div => Kind::MulConst(c.map(f32::recip)),
            Arith::Min | Arith::Max | Arith::Pow => {
                let c = Bound::Const(Array::new(dims.clone(), c.spread(&dims)));
                return self.push(Kind::Binary(arith), vec![x, c], dims);
            }
            Arith::Mod | Arith::And | Arith::Or | Arith::UnlessNan | Arith::UnlessInfinite => {
                return Err(self.differing_constants());
            }
            Arith::Equal | Arith::Less | Arith::LessOrEqual | Arith::Greater | Arith::GreaterOrEqual => {
                return Err(self.differing_constants());
            }
        };
        self.push(kind, vec![x], dims)
    }

    fn constant_with(&mut self, arith: Arith, c: &Array, x: Bound) -> Result<Bound, CompileError> {
        match arith {
            Arith::Add | Arith::Mul | Arith::Min | Arith::Max => self.with_constant(arith, x, c),
            Arith::Sub => {
                let negated = self.pointwise(Expr::unary(Fun::Neg, Expr::X), x)?;
                self.with_constant(Arith::Add, negated, c)
            }
            Arith::Div => {
                let inverse = Expr::binary(Arith::Div, Expr::Const(1.0), Expr::X);
                let inverted = self.pointwise(inverse, x)?;
                self.with_constant(Arith::Mul, inverted, c)
            }
            Arith::Pow | Arith::Mod | Arith::And | Arith::Or | Arith::UnlessNan | Arith::UnlessInfinite => {
                Err(self.differing_constants())
            }
            Arith::Equal | Arith::Less | Arith::LessOrEqual | Arith::Greater | Arith::GreaterOrEqual => {
                Err(self.differing_constants())
            }
        }
    }

    fn differing_constants(&self) -> CompileError {
        self.form("different constants for different elements", "use one constant for all elements")
    }

    /// The dimensions `axes` become the last one; the others keep their order. Returns the value of shape (others…, product).
    pub(super) fn axes_last(&mut self, x: Bound, axes: &[usize]) -> Result<Bound, CompileError> {
        let dims = self.dims(&x);
        let mut perm: Vec<usize> = (0..dims.len()).filter(|axis| !axes.contains(axis)).collect();
        let mut shape: Vec<usize> = perm.iter().map(|&axis| dims[axis]).collect();
        shape.push(count(&axes.iter().map(|&axis| dims[axis]).collect::<Vec<_>>()));
        perm.extend(axes);
        let x = self.transpose(x, perm)?;
        self.reshape(x, shape)
    }
}

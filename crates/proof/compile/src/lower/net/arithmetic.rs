//! Products, quotients and maxima of values.

use super::form::{Form, Quant, Term};
use super::lowering::Lowering;
use super::range::power_of_two;
use super::sums::integer;
use crate::graph::array::{Array, narrow};
use crate::graph::expr::Arith;
use crate::graph::net::Id;
use crate::terms::error::{At, CompileError};
use ciro_graph::{Op, ValueId};

/// Bits of a factor that is a constant.
const FACTOR_BITS: i32 = 12;

impl Lowering<'_> {
    /// x times a constant for each element.
    pub(super) fn mul_const(&mut self, at: &At, x: Id, c: &Array) -> Result<Quant, CompileError> {
        let x = self.column(x)?;
        let size = c.values.iter().fold(0.0f64, |size, v| size.max(f64::from(v.abs())));
        let scale = power_of_two(size) / f64::from(FACTOR_BITS).exp2();
        let values: Option<Vec<i32>> = c.values.iter().map(|&v| integer(f64::from(v) / scale)).collect();
        let values = values.ok_or_else(|| self.too_wide(at))?;
        let c = self.builder.shaped_constant(at, "factor", narrow(&c.dims), values);
        let id = self.node(at, Op::MulConst { x: x.id, c })?;
        Ok(Quant { id, scale: x.scale * scale })
    }

    /// `x·keep + fill·(1 − keep)`, where keep is one or zero.
    pub(super) fn choose(&mut self, at: &At, (x, keep): (Id, Id), fill: f32) -> Result<Form, CompileError> {
        let (x, keep) = (self.column(x)?, self.column(keep)?);
        let kept = self.node(at, Op::Mul { a: x.id, b: keep.id })?;
        let kept = Quant { id: kept, scale: x.scale * keep.scale };
        let mut terms = vec![Term::quant(kept)];
        if fill != 0.0 {
            terms.push(Term::quant(keep).times(-f64::from(fill)));
            terms.push(Term::constant(Array::new(vec![1], vec![fill])));
        }
        Ok(Form::Sum(terms))
    }

    /// Arithmetic of two values other than sums.
    pub(super) fn binary(&mut self, at: &At, arith: Arith, a: Id, b: Id) -> Result<Quant, CompileError> {
        match arith {
            Arith::Mul => {
                let (a, b) = (self.column(a)?, self.column(b)?);
                let id = self.node(at, Op::Mul { a: a.id, b: b.id })?;
                Ok(Quant { id, scale: a.scale * b.scale })
            }
            Arith::Max | Arith::Min => self.extreme(at, arith == Arith::Min, a, b),
            Arith::Div => self.quotient(at, a, b),
            Arith::Add
            | Arith::Sub
            | Arith::Pow
            | Arith::Mod
            | Arith::Equal
            | Arith::Less
            | Arith::LessOrEqual
            | Arith::Greater
            | Arith::GreaterOrEqual
            | Arith::And
            | Arith::Or
            | Arith::UnlessNan
            | Arith::UnlessInfinite => Err(CompileError::Form {
                at: at.clone(),
                what: "two operands that depend on the input".into(),
                hint: "make one of them a constant".into(),
            }),
        }
    }

    fn extreme(&mut self, at: &At, smallest: bool, a: Id, b: Id) -> Result<Quant, CompileError> {
        let both = self.common(at, &[a, b])?;
        let scale = both.first().map_or(1.0, |q| q.scale);
        let mut parts: Vec<ValueId> = both.into_iter().map(|q| q.id).collect();
        let dims = self.net.dims(self.here()).iter().map(|&d| d as u32).collect::<Vec<_>>();
        if let Some(i) = parts.iter().position(|&part| self.builder.shape(part) != dims) {
            return Err(CompileError::Form {
                at: at.clone(),
                what: format!("dimensions {:?} spread to {dims:?}", self.builder.shape(parts[i])),
                hint: "give both operands the same dimensions".into(),
            });
        }
        if smallest {
            parts = parts.into_iter().map(|x| self.node(at, Op::Scale { x, factor: -1 })).collect::<Result<_, _>>()?;
        }
        let mut id = self.node(at, Op::Largest { parts })?;
        if smallest {
            id = self.node(at, Op::Scale { x: id, factor: -1 })?;
        }
        Ok(Quant { id, scale })
    }

    /// a / b for b that samples show positive. An input for which b is not, or the quotient four times larger than on any
    /// sample, is refused.
    fn quotient(&mut self, at: &At, a: Id, b: Id) -> Result<Quant, CompileError> {
        let id = self.here();
        let (num, den) = (self.column(a)?, self.column(b)?);
        if self.sizes.lo[b] < 0.0 || self.interval(den).hi < 1 {
            return Err(CompileError::Form {
                at: at.clone(),
                what: "a divisor that is not positive".into(),
                hint: "divide by positive values, such as norms, sums of squares or exponentials".into(),
            });
        }
        let unit = num.scale / den.scale;
        let size = power_of_two(4.0 * self.sizes.of(id));
        let wanted = self.budget.wanted[id] as i32 - (size / unit).log2().ceil() as i32;
        let bits = wanted.min(self.ratio_bits(num.id, den.id, size / unit));
        let scale = unit / f64::from(bits).exp2();
        let end = integer((size / scale).ceil()).ok_or_else(|| self.too_wide(at))?;
        let id = self.ratio(at, (num.id, den.id), bits, (-end, end))?;
        Ok(Quant { id, scale })
    }
}

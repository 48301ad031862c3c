//! Functions of one number, as trees: what a chain of pointwise operators on one value amounts to.

use ciro_graph::ingest::{ordered, unordered};

/// A function of x.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// The argument.
    X,
    Const(f64),
    Unary(Fun, Box<Expr>),
    Binary(Arith, Box<Expr>, Box<Expr>),
}

/// Functions of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fun {
    Neg,
    Abs,
    Sqrt,
    Exp,
    Log,
    Erf,
    Tanh,
    Sigmoid,
    Relu,
    Softplus,
    Floor,
    Ceil,
    Round,
    /// The whole number next to zero.
    Trunc,
    Sign,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Asinh,
    Acosh,
    Atanh,
    Not,
}

/// Functions of two numbers. Comparisons give 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Min,
    Max,
    Mod,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    /// The first, or the second where the first is NaN.
    UnlessNan,
    /// The first, or the second where the first is infinite above.
    UnlessInfinite,
}

/// A curve that is rounded to whole numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CurvedRounding {
    /// What is made of the whole numbers.
    pub(crate) outer: Expr,
    /// What is rounded, held beyond where the whole numbers make a difference.
    pub(crate) curve: Expr,
    /// How far from zero that is, at most.
    pub(crate) end: f64,
}

/// A larger function is not fused further.
const LARGEST: usize = 64;

/// Whole numbers are told apart up to this distance from zero.
const WHOLE_MOST: i32 = 1 << 13;

impl Fun {
    pub(crate) fn at(self, x: f64) -> f64 {
        match self {
            Self::Neg => -x,
            Self::Abs => x.abs(),
            Self::Sqrt => x.sqrt(),
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Erf => erf(x),
            Self::Tanh => x.tanh(),
            Self::Sigmoid => sigmoid(x),
            Self::Relu => x.max(0.0),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Round => x.round_ties_even(),
            Self::Trunc => x.trunc(),
            Self::Sign if x == 0.0 => 0.0,
            Self::Sign => x.signum(),
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Tan => x.tan(),
            Self::Asin => x.asin(),
            Self::Acos => x.acos(),
            Self::Atan => x.atan(),
            Self::Sinh => x.sinh(),
            Self::Cosh => x.cosh(),
            Self::Asinh => x.asinh(),
            Self::Acosh => x.acosh(),
            Self::Atanh => x.atanh(),
            Self::Not => f64::from(x == 0.0),
        }
    }
}

impl Arith {
    /// Whether it compares its operands.
    pub(crate) const fn is_comparison(self) -> bool {
        matches!(self, Self::Equal | Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual)
    }

    /// Whether its operands may change places.
    pub(crate) const fn commutes(self) -> bool {
        match self {
            Self::Add | Self::Mul | Self::Min | Self::Max | Self::Equal | Self::And | Self::Or => true,
            Self::Sub
            | Self::Div
            | Self::Pow
            | Self::Mod
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::UnlessNan
            | Self::UnlessInfinite => false,
        }
    }

    pub(crate) fn at(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Pow => a.powf(b),
            Self::Min => a.min(b),
            Self::Max => a.max(b),
            Self::Mod => a - b * (a / b).floor(),
            Self::Equal => f64::from(a.total_cmp(&b).is_eq() || (a == 0.0 && b == 0.0)),
            Self::Less => f64::from(a < b),
            Self::LessOrEqual => f64::from(a <= b),
            Self::Greater => f64::from(a > b),
            Self::GreaterOrEqual => f64::from(a >= b),
            Self::And => f64::from(a != 0.0 && b != 0.0),
            Self::Or => f64::from(a != 0.0 || b != 0.0),
            Self::UnlessNan if a.is_nan() => b,
            Self::UnlessInfinite if a == f64::INFINITY => b,
            Self::UnlessNan | Self::UnlessInfinite => a,
        }
    }
}

impl Expr {
    pub(crate) fn unary(fun: Fun, x: Self) -> Self {
        Self::Unary(fun, Box::new(x))
    }

    pub(crate) fn binary(arith: Arith, a: Self, b: Self) -> Self {
        Self::Binary(arith, Box::new(a), Box::new(b))
    }

    /// The same function, where differences and quotients of a number with itself are constants, and so is what is computed of constants.
    pub(crate) fn simplified(&self) -> Self {
        match self {
            Self::X | Self::Const(_) => self.clone(),
            Self::Unary(fun, a) => match a.simplified() {
                Self::Const(c) => Self::Const(fun.at(c)),
                a @ (Self::X | Self::Unary(..) | Self::Binary(..)) => Self::unary(*fun, a),
            },
            Self::Binary(arith, a, b) => match (arith, a.simplified(), b.simplified()) {
                (_, Self::Const(a), Self::Const(b)) => Self::Const(arith.at(a, b)),
                (Arith::Sub, a, b) if a == b => Self::Const(0.0),
                (Arith::Div, a, b) if a == b => Self::Const(1.0),
                (Arith::Add | Arith::Sub, a, Self::Const(0.0)) => a,
                (Arith::Mul, _, Self::Const(0.0)) | (Arith::Mul, Self::Const(0.0), _) => Self::Const(0.0),
                (Arith::Mul, a, Self::Const(1.0)) | (Arith::Mul, Self::Const(1.0), a) => a,
                (_, a, b) => Self::binary(*arith, a, b),
            },
        }
    }

    /// `slope · x + intercept`.
    pub(crate) fn line(slope: f64, intercept: f64) -> Self {
        Self::binary(Arith::Add, Self::binary(Arith::Mul, Self::X, Self::Const(slope)), Self::Const(intercept))
    }

    pub(crate) fn at(&self, x: f64) -> f64 {
        match self {
            Self::X => x,
            Self::Const(c) => *c,
            Self::Unary(fun, a) => fun.at(a.at(x)),
            Self::Binary(arith, a, b) => arith.at(a.at(x), b.at(x)),
        }
    }

    /// This function of `inner`; `None` if that would be too large.
    pub(crate) fn of(&self, inner: &Self) -> Option<Self> {
        (self.size() + self.reads() * inner.size() <= LARGEST).then(|| self.put(inner))
    }

    /// This function of `inner`, however large.
    pub(crate) fn put(&self, inner: &Self) -> Self {
        match self {
            Self::X => inner.clone(),
            Self::Const(c) => Self::Const(*c),
            Self::Unary(fun, a) => Self::unary(*fun, a.put(inner)),
            Self::Binary(arith, a, b) => Self::binary(*arith, a.put(inner), b.put(inner)),
        }
    }

    pub(crate) fn size(&self) -> usize {
        match self {
            Self::X | Self::Const(_) => 1,
            Self::Unary(_, a) => 1 + a.size(),
            Self::Binary(_, a, b) => 1 + a.size() + b.size(),
        }
    }

    fn reads(&self) -> usize {
        match self {
            Self::X => 1,
            Self::Const(_) => 0,
            Self::Unary(_, a) => a.reads(),
            Self::Binary(_, a, b) => a.reads() + b.reads(),
        }
    }

    /// Slope and intercept, if the function is a line by its form.
    pub(crate) fn as_line(&self) -> Option<(f64, f64)> {
        match self {
            Self::X => Some((1.0, 0.0)),
            Self::Const(c) => Some((0.0, *c)),
            Self::Unary(Fun::Neg, a) => a.as_line().map(|(slope, intercept)| (-slope, -intercept)),
            Self::Unary(..) => None,
            Self::Binary(arith, a, b) => {
                let ((a, c), (b, d)) = (a.as_line()?, b.as_line()?);
                match arith {
                    Arith::Add => Some((a + b, c + d)),
                    Arith::Sub => Some((a - b, c - d)),
                    Arith::Mul if b == 0.0 => Some((a * d, c * d)),
                    Arith::Mul if a == 0.0 => Some((b * c, d * c)),
                    Arith::Div if b == 0.0 => Some((a / d, c / d)),
                    Arith::Mul | Arith::Div | Arith::Pow | Arith::Min | Arith::Max | Arith::Mod => None,
                    Arith::Equal
                    | Arith::Less
                    | Arith::LessOrEqual
                    | Arith::Greater
                    | Arith::GreaterOrEqual
                    | Arith::And
                    | Arith::Or
                    | Arith::UnlessNan
                    | Arith::UnlessInfinite => None,
                }
            }
        }
    }

    /// One where x is not zero.
    pub(crate) fn truth() -> Self {
        Self::unary(Fun::Not, Self::unary(Fun::Not, Self::X))
    }

    /// Whether the function is a truth value by its form: one or zero.
    pub(crate) fn is_truth(&self) -> bool {
        match self {
            Self::Unary(fun, _) => *fun == Fun::Not,
            Self::Binary(arith, ..) => arith.is_comparison() || matches!(arith, Arith::And | Arith::Or),
            Self::X | Self::Const(_) => false,
        }
    }

    /// Where the function changes, if it is constant between some thresholds: a tree of comparisons of x with constants. It has its
    /// value from each threshold on.
    pub(crate) fn thresholds(&self) -> Option<Vec<f32>> {
        let both = |a: &Self, b: &Self| Some([a.thresholds()?, b.thresholds()?].concat());
        match self {
            Self::X => None,
            Self::Const(_) => Some(vec![]),
            Self::Unary(Fun::Not | Fun::Sign, a) if a.is_monotone() => {
                Some(ends(|x| a.at(x) < 0.0, |x| a.at(x) <= 0.0))
            }
            Self::Unary(_, a) => a.thresholds(),
            Self::Binary(arith, a, b) if arith.is_comparison() => match (a.as_ref(), b.as_ref()) {
                (Self::Const(c), f) | (f, Self::Const(c)) if f.is_monotone() => {
                    Some(ends(|x| f.at(x) < *c, |x| f.at(x) <= *c))
                }
                _ => both(a, b),
            },
            Self::Binary(_, a, b) => both(a, b),
        }
    }

    /// Whether the function has no steps by its form.
    pub(crate) fn is_continuous(&self) -> bool {
        match self {
            Self::X | Self::Const(_) => true,
            Self::Unary(Fun::Floor | Fun::Ceil | Fun::Round | Fun::Trunc | Fun::Sign | Fun::Not, _) => false,
            Self::Unary(_, a) => a.is_continuous(),
            Self::Binary(Arith::Mod | Arith::And | Arith::Or, ..) => false,
            Self::Binary(arith, a, b) => !arith.is_comparison() && a.is_continuous() && b.is_continuous(),
        }
    }

    /// Whether the function has comparisons, and goes on where they change: what a choice between two branches that meet is.
    pub(crate) fn meets(&self) -> bool {
        const JUMP: f64 = 1e-5;
        let Some(breaks) = self.breaks() else { return false };
        let beside = |x: f32| [x.next_down(), x, x.next_up()].map(|x| self.at(f64::from(x)));
        let steady = |[a, b, c]: [f64; 3]| (a - b).abs().max((b - c).abs()) <= JUMP * b.abs().max(1.0);
        !breaks.is_empty() && breaks.iter().all(|&x| steady(beside(x)))
    }

    /// Where its comparisons change; `None` if that does not follow from its form.
    fn breaks(&self) -> Option<Vec<f32>> {
        match self {
            Self::X | Self::Const(_) => Some(vec![]),
            Self::Unary(Fun::Not | Fun::Sign, a) if a.is_monotone() => self.thresholds(),
            Self::Unary(Fun::Floor | Fun::Ceil | Fun::Round | Fun::Trunc | Fun::Sign, _) => None,
            Self::Unary(_, a) => a.breaks(),
            Self::Binary(Arith::Mod, ..) => None,
            Self::Binary(arith, ..) if arith.is_comparison() => self.thresholds(),
            Self::Binary(_, a, b) => Some([a.breaks()?, b.breaks()?].concat()),
        }
    }

    /// Whether the function cuts numbers off to whole ones.
    pub(crate) fn truncates(&self) -> bool {
        match self {
            Self::X | Self::Const(_) => false,
            Self::Unary(fun, a) => *fun == Fun::Trunc || a.truncates(),
            Self::Binary(_, a, b) => a.truncates() || b.truncates(),
        }
    }

    /// The line that the function rounds to whole numbers, and what it makes of those; nothing if it does otherwise.
    pub(crate) fn rounding(&self) -> Option<(Self, (f64, f64))> {
        let (outer, inner) = self.rounded()?;
        inner.as_line().map(|line| (outer, line))
    }

    /// The curve that the function rounds to whole numbers, if it makes the same of all those from some number on, upwards and downwards.
    pub(crate) fn curved_rounding(&self) -> Option<CurvedRounding> {
        let (outer, inner) = self.rounded()?;
        if inner.as_line().is_some() || !inner.is_continuous() {
            return None;
        }
        let (lo, hi) = outer.whole_ends()?;
        // A line that is followed across the bend where it is held is off there.
        let slack = (hi - lo) / 8 + 1;
        let [least, most] = [lo - slack, hi + slack].map(f64::from);
        let from_below = Self::binary(Arith::Max, inner, Self::Const(least));
        let curve = Self::binary(Arith::Min, from_below, Self::Const(most));
        Some(CurvedRounding { outer, curve, end: least.abs().max(most.abs()) })
    }

    /// The whole numbers from which on, downwards and upwards, the function makes the same of all.
    pub(crate) fn whole_ends(&self) -> Option<(i32, i32)> {
        // The two zeros are one number.
        let at = |n: i32| (self.at(f64::from(n)) + 0.0).to_bits();
        let differs = |n: &i32| at(*n) != at(*n + 1);
        let (lo, hi) = ((-WHOLE_MOST..WHOLE_MOST).find(differs)?, (-WHOLE_MOST..WHOLE_MOST).rfind(differs)? + 1);
        (at(i32::MIN) == at(lo) && at(i32::MAX) == at(hi)).then_some((lo, hi))
    }

    /// What the function rounds to whole numbers first, and what it makes of those.
    fn rounded(&self) -> Option<(Self, Self)> {
        match self {
            Self::X | Self::Const(_) => None,
            Self::Unary(fun, inner) => {
                if let Some((outer, first)) = inner.rounded() {
                    return Some((Self::unary(*fun, outer), first));
                }
                let inner = Self::clone(inner);
                // Half a unit lower, rounding half up goes down.
                let lower = |inner| Self::binary(Arith::Sub, inner, Self::Const(0.5));
                let first = if *fun == Fun::Floor { lower(inner) } else { inner };
                matches!(fun, Fun::Floor | Fun::Round).then_some((Self::X, first))
            }
            Self::Binary(arith, a, b) => match (a.as_ref(), b.as_ref()) {
                (inner, Self::Const(c)) => {
                    inner.rounded().map(|(outer, inner)| (Self::binary(*arith, outer, Self::Const(*c)), inner))
                }
                (Self::Const(c), inner) => {
                    inner.rounded().map(|(outer, inner)| (Self::binary(*arith, Self::Const(*c), outer), inner))
                }
                (Self::X | Self::Unary(..) | Self::Binary(..), Self::X | Self::Unary(..) | Self::Binary(..)) => None,
            },
        }
    }

    /// Whether all results are whole numbers by the function's form.
    pub(crate) fn is_whole(&self) -> bool {
        match self {
            Self::X => false,
            Self::Const(c) => c.fract() == 0.0,
            Self::Unary(Fun::Round | Fun::Floor | Fun::Ceil | Fun::Trunc | Fun::Sign | Fun::Not, _) => true,
            Self::Unary(fun, a) => matches!(fun, Fun::Neg | Fun::Abs | Fun::Relu) && a.is_whole(),
            Self::Binary(Arith::Add | Arith::Sub | Arith::Mul | Arith::Min | Arith::Max, a, b) => {
                a.is_whole() && b.is_whole()
            }
            Self::Binary(..) => self.is_truth(),
        }
    }

    /// Whether the function never falls by its form, as far as is needed to compare it with a constant.
    fn is_monotone(&self) -> bool {
        match self {
            Self::X => true,
            Self::Const(_) => false,
            Self::Unary(Fun::Trunc | Fun::Floor | Fun::Ceil | Fun::Round | Fun::Exp | Fun::Sigmoid | Fun::Tanh, a) => {
                a.is_monotone()
            }
            Self::Unary(..) | Self::Binary(..) => self.as_line().is_some_and(|(slope, _)| slope > 0.0),
        }
    }

    /// Whether it is x².
    pub(crate) fn is_square(&self) -> bool {
        self.behaves_as(|x| x * x)
    }

    /// The function cut off at `lo` and `hi`.
    pub(crate) fn clipped(self, lo: f64, hi: f64) -> Self {
        Self::binary(Arith::Min, Self::binary(Arith::Max, self, Self::Const(lo)), Self::Const(hi))
    }

    /// What is cut off and where, if it is written as [`Expr::clipped`] writes it.
    pub(crate) fn as_clipped(&self) -> Option<(&Self, f64, f64)> {
        let Self::Binary(Arith::Min, above, hi) = self else { return None };
        let Self::Binary(Arith::Max, inner, lo) = above.as_ref() else { return None };
        match (lo.as_ref(), hi.as_ref()) {
            (Self::Const(lo), Self::Const(hi)) if lo <= hi => Some((inner, *lo, *hi)),
            _ => None,
        }
    }

    /// Whether the function is max(x, 0).
    pub(crate) fn is_relu(&self) -> bool {
        self.behaves_as(|x| x.max(0.0))
    }

    /// Whether the function agrees with `f` on a range of arguments, to float32's precision.
    pub(crate) fn behaves_as(&self, f: impl Fn(f64) -> f64) -> bool {
        const PROBES: [f64; 10] = [-300.0, -17.3, -3.1, -0.7, -0.01, 0.0, 0.02, 0.9, 4.7, 211.0];
        PROBES.iter().all(|&x| (self.at(x) - f(x)).abs() <= 1e-6 * f(x).abs().max(1e-6))
    }
}

/// The x of `1 + e^x`.
pub(crate) fn one_and_power(expr: &Expr) -> Option<&Expr> {
    let Expr::Binary(Arith::Add, a, b) = expr else { return None };
    match (a.as_ref(), b.as_ref()) {
        (Expr::Const(1.0), Expr::Unary(Fun::Exp, x)) | (Expr::Unary(Fun::Exp, x), Expr::Const(1.0)) => Some(x),
        (Expr::X | Expr::Const(_) | Expr::Unary(..) | Expr::Binary(..), _) => None,
    }
}

/// The first float32 at which each condition, true of all numbers below some point, no longer holds.
fn ends(below: impl Fn(f64) -> bool, up_to: impl Fn(f64) -> bool) -> Vec<f32> {
    let first = |holds: &dyn Fn(f64) -> bool| {
        let number = |image: u32| f32::from_bits(unordered(image));
        let (mut yes, mut no) = (ordered(f32::NEG_INFINITY.to_bits()) - 1, ordered(f32::INFINITY.to_bits()));
        if holds(f64::INFINITY) {
            return None;
        }
        while yes + 1 < no {
            let middle = yes + (no - yes) / 2;
            if holds(f64::from(number(middle))) { yes = middle } else { no = middle }
        }
        Some(number(no))
    };
    [first(&below), first(&up_to)].into_iter().flatten().collect()
}

/// The error function: its power series near zero, the continued fraction of its complement beyond.
fn erf(x: f64) -> f64 {
    let size = x.abs();
    if size > 6.0 {
        return x.signum();
    }
    if size < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return sum * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let tail = (1..60).rev().fold(size, |tail, n| size + f64::from(n) / 2.0 / tail);
    x.signum() * (1.0 - (-x * x).exp() / (tail * std::f64::consts::PI.sqrt()))
}

/// `1 / (1 + e^−x)`.
pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_exact_to_nine_digits_on_both_branches() {
        for (x, expected) in [(0.5, 0.5204998778), (1.0, 0.8427007929), (2.4, 0.9993114861), (2.6, 0.9997639656)] {
            assert!((erf(x) - expected).abs() < 1e-9, "{x}: {}", erf(x));
            assert!((erf(-x) + expected).abs() < 1e-9);
        }
    }

    #[test]
    fn lines_are_found_through_arithmetic_and_nothing_else_is_one() {
        let x = || Expr::X;
        let twice = Expr::binary(Arith::Sub, Expr::binary(Arith::Mul, x(), Expr::Const(3.0)), x());
        assert_eq!(twice.as_line(), Some((2.0, 0.0)));
        assert_eq!(Expr::binary(Arith::Mul, x(), x()).as_line(), None);
        assert_eq!(Expr::line(2.0, 1.0).of(&Expr::line(3.0, 5.0)).unwrap().as_line(), Some((6.0, 11.0)));
    }

    #[test]
    fn a_choice_between_branches_that_meet_goes_on_and_one_that_jumps_does_not() {
        let zero = Expr::binary(Arith::Sub, Expr::X, Expr::X);
        let is_below = Expr::binary(Arith::Less, Expr::X, zero).simplified();
        assert_eq!(is_below, Expr::binary(Arith::Less, Expr::X, Expr::Const(0.0)));
        let chosen = |slope: f64, intercept: f64| {
            let below = Expr::binary(Arith::Mul, Expr::line(slope, intercept), is_below.clone());
            let above = Expr::binary(Arith::Mul, Expr::X, Expr::unary(Fun::Not, is_below.clone()));
            Expr::binary(Arith::Add, below, above)
        };
        assert!(chosen(0.1, 0.0).meets() && !chosen(0.1, 0.5).meets());
        assert!(!Expr::X.meets(), "nothing is chosen");
    }
}

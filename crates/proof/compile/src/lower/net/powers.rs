//! Squares and roots among functions, told by their form.

use crate::graph::expr::{Arith, Expr, Fun};

/// The line under a root.
pub(super) struct Line {
    pub(super) slope: f64,
    pub(super) intercept: f64,
}

/// Whether a function is `x²` by its form.
pub(super) fn is_square(expr: &Expr) -> bool {
    match expr {
        Expr::Binary(Arith::Mul, a, b) => (a.as_ref(), b.as_ref()) == (&Expr::X, &Expr::X),
        Expr::Binary(Arith::Pow, a, b) => **a == Expr::X && matches!(**b, Expr::Const(2.0)),
        Expr::X | Expr::Const(_) | Expr::Unary(..) | Expr::Binary(..) => false,
    }
}

/// What a function is the root of, if that is a line that does not fall.
pub(super) fn root_of(expr: &Expr) -> Option<Line> {
    let inner = match expr {
        Expr::Unary(Fun::Sqrt, inner) => inner,
        Expr::Binary(Arith::Pow, inner, half) if matches!(**half, Expr::Const(0.5)) => inner,
        Expr::X | Expr::Const(_) | Expr::Unary(..) | Expr::Binary(..) => return None,
    };
    let (slope, intercept) = inner.as_line()?;
    (slope > 0.0 && intercept >= 0.0).then_some(Line { slope, intercept })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_and_roots_are_known_by_their_form() {
        let squared = Expr::binary(Arith::Mul, Expr::X, Expr::X);
        let power = |e: f64| Expr::binary(Arith::Pow, Expr::X, Expr::Const(e));
        assert!(is_square(&squared) && is_square(&power(2.0)));
        assert!(!is_square(&power(3.0)) && !is_square(&Expr::X));
        let line = root_of(&Expr::unary(Fun::Sqrt, Expr::line(2.0, 0.5))).unwrap();
        assert_eq!((line.slope, line.intercept), (2.0, 0.5));
        assert!(root_of(&power(0.5)).is_some());
        assert!(root_of(&Expr::unary(Fun::Sqrt, Expr::line(-1.0, 1.0))).is_none());
        assert!(root_of(&Expr::unary(Fun::Sqrt, squared)).is_none());
    }
}

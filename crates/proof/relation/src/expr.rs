//! Expressions over columns, in which each column and each product of columns stands once.

use crate::column::ColId;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Σ coefficient·column + Σ coefficient·column·column + constant, row by row. Columns of length one stand for their value on
/// every row. Lookups take expressions without products only.
///
/// Terms of the same column are one: a value added to itself many times is as long as the value. A foreign program chooses the factors,
/// so a coefficient may leave `COEFFICIENT_MAX`. It then stays outside, whatever is added to it, and no term takes it in. A relation with
/// such a coefficient is refused when it is finished.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Expr {
    /// (coefficient, column), in the order in which columns came.
    pub terms: Vec<(i64, ColId)>,
    /// (coefficient, column, column), likewise.
    pub quads: Vec<(i64, ColId, ColId)>,
    /// Added on every row.
    pub constant: i64,
}

/// No coefficient of a relation is larger in magnitude.
pub const COEFFICIENT_MAX: i64 = 1 << 61;

/// What a coefficient is that left the largest. It is odd, so that no half of it is inside again.
const BEYOND: i64 = i64::MAX;

/// So many terms are looked for among others one by one; for more of them, their places are noted first.
const FEW: usize = 16;

fn is_beyond(c: i64) -> bool {
    c.unsigned_abs() > COEFFICIENT_MAX.unsigned_abs()
}

/// a + b, or beyond if one of them or their sum is.
fn sum(a: i64, b: i64) -> i64 {
    let sum = a.saturating_add(b);
    if is_beyond(a) || is_beyond(b) || is_beyond(sum) { BEYOND } else { sum }
}

/// a·b, or beyond if one of them or their product is. Nothing times anything is nothing.
fn product(a: i64, b: i64) -> i64 {
    let product = a.saturating_mul(b);
    let lost = product != 0 && (is_beyond(a) || is_beyond(b));
    if lost || is_beyond(product) { BEYOND } else { product }
}

/// Adds terms to others, which are of different keys; those of the same key become one, and those that cancel vanish.
fn add<K: Copy + Ord>(terms: &mut Vec<(i64, K)>, more: impl ExactSizeIterator<Item = (i64, K)>) {
    let mut places: Option<BTreeMap<K, usize>> =
        (more.len() > FEW).then(|| terms.iter().enumerate().map(|(i, (_, key))| (*key, i)).collect());
    for (c, key) in more {
        let place = match &mut places {
            None => terms.iter().position(|(_, other)| *other == key),
            Some(places) => {
                let next = terms.len();
                Some(*places.entry(key).or_insert(next)).filter(|place| *place < next)
            }
        };
        match place.and_then(|place| terms.get_mut(place)) {
            Some((own, _)) => *own = sum(*own, c),
            None => terms.push((c, key)),
        }
    }
    terms.retain(|(c, _)| *c != 0);
}

impl Expr {
    /// How many entries it is, of those that a relation may hold.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.terms.len().saturating_add(self.quads.len()).saturating_add(1)
    }

    /// The expression that is one column.
    #[must_use]
    pub fn column(col: ColId) -> Self {
        Self { terms: vec![(1, col)], ..Self::default() }
    }

    /// A constant.
    #[must_use]
    pub fn constant(constant: i64) -> Self {
        Self { constant, ..Self::default() }
    }

    /// A sum of columns with coefficients, which may repeat.
    #[must_use]
    pub fn linear(terms: Vec<(i64, ColId)>) -> Self {
        let mut own = Vec::with_capacity(terms.len());
        add(&mut own, terms.into_iter());
        Self { terms: own, ..Self::default() }
    }

    /// `self + factor·other`.
    #[must_use]
    pub fn plus(mut self, factor: i64, other: &Self) -> Self {
        add(&mut self.terms, other.terms.iter().map(|(c, col)| (product(*c, factor), *col)));
        if !other.quads.is_empty() {
            let mut quads: Vec<(i64, (ColId, ColId))> = self.quads.iter().map(|&(c, a, b)| (c, (a, b))).collect();
            add(&mut quads, other.quads.iter().map(|&(c, a, b)| (product(c, factor), (a, b))));
            self.quads = quads.into_iter().map(|(c, (a, b))| (c, a, b)).collect();
        }
        self.plus_const(product(other.constant, factor))
    }

    /// `self + factor·col`.
    #[must_use]
    pub fn plus_col(mut self, factor: i64, col: ColId) -> Self {
        add(&mut self.terms, [(factor, col)].into_iter());
        self
    }

    /// `self + constant`.
    #[must_use]
    pub fn plus_const(mut self, constant: i64) -> Self {
        self.constant = sum(self.constant, constant);
        self
    }

    /// `self · factor`.
    #[must_use]
    pub fn times(&self, factor: i64) -> Self {
        if factor == 0 {
            return Self::default();
        }
        Self {
            terms: self.terms.iter().map(|&(c, col)| (product(c, factor), col)).collect(),
            quads: self.quads.iter().map(|&(c, a, b)| (product(c, factor), a, b)).collect(),
            constant: product(self.constant, factor),
        }
    }

    /// self·other, both without products. A constant times a column needs no mask: the column is zero in the padding.
    #[must_use]
    pub fn multiplied(&self, other: &Self) -> Self {
        let alone = |expr: &Self| Self { constant: 0, ..expr.clone() };
        let by = |&(c, x): &(i64, ColId)| other.terms.iter().map(move |&(d, y)| (product(c, d), x, y));
        let quads = Self { quads: self.terms.iter().flat_map(by).collect(), ..Self::default() };
        let constant = Self::constant(product(self.constant, other.constant));
        constant.plus(1, &quads).plus(other.constant, &alone(self)).plus(self.constant, &alone(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_columns_are_one_term_in_their_first_place() {
        let x = Expr::column(ColId(7)).plus_col(3, ColId(2));
        assert_eq!(x.clone().plus(1, &x).terms, [(2, ColId(7)), (6, ColId(2))]);
        assert_eq!(x.clone().plus_col(-3, ColId(2)).terms, [(1, ColId(7))]);
        let doubled = (0..40).fold(x.clone(), |x, _| x.clone().plus(1, &x));
        assert_eq!(doubled.terms, [(1 << 40, ColId(7)), (3 << 40, ColId(2))]);
        let square = x.multiplied(&x);
        assert_eq!(square.quads.len(), 4);
        assert_eq!(square.clone().plus(1, &square).quads.len(), 4);
        assert_eq!(square.clone().plus(-1, &square), Expr::default());
    }

    #[test]
    fn long_expressions_are_added_as_short_ones_are() {
        let long = |from: usize| (from..from + 40).fold(Expr::default(), |x, i| x.plus_col(1, ColId(i)));
        let both = long(0).plus(2, &long(20));
        let expected = |i: usize| i64::from(i < 40) + 2 * i64::from(i >= 20);
        assert_eq!(both.terms, (0..60).map(|i| (expected(i), ColId(i))).collect::<Vec<_>>());
        assert_eq!(Expr::linear(vec![(1, ColId(9)); 40]).terms, [(40, ColId(9))]);
    }

    /// A coefficient that left the integers must not come back, or the expression would be another one.
    #[test]
    fn what_is_too_large_stays_too_large() {
        let huge = Expr::column(ColId(0)).plus_const(-1).times(1 << 40).times(1 << 40);
        let terms = |expr: &Expr| expr.terms.iter().map(|(c, _)| *c).chain([expr.constant]).collect::<Vec<_>>();
        assert_eq!(terms(&huge), [BEYOND; 2]);
        for other in [huge.clone(), huge.times(-1), huge.times(2), Expr::column(ColId(0)).plus_const(5)] {
            for factor in [1, -1] {
                assert_eq!(terms(&huge.clone().plus(factor, &other)), [BEYOND; 2]);
            }
        }
        assert_eq!(terms(&huge.times(0)), [0]);
        let product = huge.multiplied(&Expr::constant(1));
        assert_eq!(terms(&product), [BEYOND; 2]);
    }
}

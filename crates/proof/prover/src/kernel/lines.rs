//! Leaves that are a line in one base value, A + C·x, with the numerator one: lookups of a single number.
//!
//! The sum of two or of four such fractions is made of powers of A and C and of e₁ to e₄. These are the elementary
//! symmetric functions of the x, and lie in the base field. So parents are not stored, and what reads leaves or their
//! parents first takes a third of the multiplications. [`super::layer`] tests all of it against the definition.

use crate::kernel::arena::Buffer;
use crate::kernel::piece::{is_first, low};
use crate::kernel::sums::combine;
use crate::kernel::{PACKS, PackedE, PackedF, QUAD};
use ciro_transcript::field::E_DEGREE;
use ciro_transcript::{E, F};
use ciro_verifier::lookup::NEIGHBOURS;
use p3_field::{BasedVectorSpace, PackedValue, PrimeCharacteristicRing};

/// Fewest leaves of a line: four rows at once in rounds over their parents, whatever the width of a pack.
pub const LEAVES_MIN: usize = 32 << NEIGHBOURS;

/// Leaves 1/(A + C·x), a multiple of [`LEAVES_MIN`].
pub struct Line {
    /// A.
    pub constant: E,
    /// C.
    pub slope: E,
    /// x of each leaf.
    pub values: Buffer<F>,
}

/// e₁ and e₂ of two values.
#[inline(always)]
fn two(x: PackedF, y: PackedF) -> [PackedF; 2] {
    [x + y, x * y]
}

/// e₁ to e₄ of four values, from those of two and of the other two.
#[inline(always)]
fn four([s0, m0]: [PackedF; 2], [s1, m1]: [PackedF; 2]) -> [PackedF; 4] {
    [s0 + s1, m0 + m1 + s0 * s1, s0 * m1 + s1 * m0, m0 * m1]
}

/// At 2, from 0 and 1.
#[inline(always)]
fn beyond<const K: usize>(zero: [PackedF; K], one: [PackedF; K]) -> [PackedF; K] {
    std::array::from_fn(|i| one[i].double() - zero[i])
}

/// e₁ and e₂ of the leaves of one pack of parents, whose groups begin with `group`.
#[inline(always)]
fn parent(values: &[PackedF], group: usize, i: usize) -> [PackedF; 2] {
    two(values[2 * group * PACKS + i], values[(2 * group + 1) * PACKS + i])
}

/// A constant plus a linear form in base values.
struct Form<const K: usize> {
    constant: [PackedF; E_DEGREE],
    /// By coefficients, so that each takes one reduction.
    factors: [[PackedF; K]; E_DEGREE],
}

impl<const K: usize> Form<K> {
    fn new(constant: E, factors: [E; K]) -> Self {
        let coefficient =
            |x: &E, i: usize| PackedF::from(<E as BasedVectorSpace<F>>::as_basis_coefficients_slice(x)[i]);
        Self {
            constant: std::array::from_fn(|i| coefficient(&constant, i)),
            factors: std::array::from_fn(|i| factors.each_ref().map(|factor| coefficient(factor, i))),
        }
    }

    #[inline(always)]
    fn at(&self, values: &[PackedF; K]) -> PackedE {
        PackedE::new(std::array::from_fn(|i| self.constant[i] + PackedF::dot_product(&self.factors[i], values)))
    }
}

/// Σ eq, and Σ eq·e for each of e at 0 and 2 of the last variable of groups. `symmetric` takes e from the `span` packs that two groups
/// are made of.
#[inline(always)]
fn weigh<const K: usize>(
    values: &[PackedF],
    span: usize,
    eq: &[PackedE],
    symmetric: impl Fn(&[PackedF], usize) -> [[PackedF; K]; 2],
) -> (PackedE, [[PackedE; K]; 2]) {
    let (mut total, mut sums) = (PackedE::ZERO, [[PackedE::ZERO; K]; 2]);
    for (values, eq) in values.chunks_exact(4 * span).zip(eq.as_chunks::<{ 4 * PACKS }>().0) {
        for (four, eq) in eq.as_chunks::<4>().0.iter().enumerate() {
            let row = |i: usize| symmetric(&values[i / PACKS * span..][..span], i % PACKS);
            let rows: [[[PackedF; K]; 2]; 4] = std::array::from_fn(|i| row(4 * four + i));
            total += eq[0] + eq[1] + eq[2] + eq[3];
            for (x, sums) in sums.iter_mut().enumerate() {
                for (k, sum) in sums.iter_mut().enumerate() {
                    *sum += combine(&rows.map(|row| row[x][k]), eq.each_ref());
                }
            }
        }
    }
    (total, sums)
}

/// Σ cₖ·sumₖ, the constant's being the sum of the weights.
fn combined<const K: usize>(total: PackedE, sums: [PackedE; K], constant: E, factors: [E; K]) -> PackedE {
    let terms = sums.into_iter().zip(factors);
    terms.fold(total * constant, |acc, (sum, factor)| acc + sum * factor)
}

impl Line {
    /// x, packed.
    pub fn packs(&self) -> &[PackedF] {
        PackedF::pack_slice(&self.values)
    }

    /// Numerator and denominator of the sum of four leaves: the factors of 1 and of e₁ to e₄.
    fn sum_of_four(&self) -> [[E; 5]; 2] {
        let (a, c) = (self.constant, self.slope);
        let (a2, c2) = (a.square(), c.square());
        let p = [(a2 * a).double().double(), a2 * c * E::from_u32(3), (a * c2).double(), c2 * c, E::ZERO];
        [p, [a2.square(), a2 * a * c, a2 * c2, a * c2 * c, c2.square()]]
    }

    /// Writes the sums of four leaves each, of some of its own.
    pub fn add_four(&self, leaves: &[PackedF], p: &mut [PackedE], q: &mut [PackedE]) {
        let [p_form, q_form] = self.sum_of_four().map(|[constant, factors @ ..]| Form::new(constant, factors));
        let outputs = p.as_chunks_mut::<PACKS>().0.iter_mut().zip(q.as_chunks_mut::<PACKS>().0);
        for ((p, q), leaves) in outputs.zip(leaves.as_chunks::<QUAD>().0) {
            for i in 0..PACKS {
                let e = four(parent(leaves, 0, i), parent(leaves, 1, i));
                p[i] = p_form.at(&e);
                q[i] = q_form.at(&e);
            }
        }
    }

    /// t(0) and t(2) over leaves: Σ eq·((1 + λq₀)(1 + λq₁) − `offset`).
    pub fn leaf_sums(&self, leaves: &[PackedF], eq: &[PackedE], lambda: E, offset: E) -> [PackedE; 2] {
        let (a, c) = (lambda * self.constant + E::ONE, lambda * self.slope);
        let (total, sums) = weigh(leaves, QUAD, eq, |leaves, i| {
            let at = |child: usize| [leaves[child * PACKS + i], leaves[(2 + child) * PACKS + i]];
            let (x, y) = (at(0), at(1));
            let ([x2], [y2]) = (beyond([x[0]], [x[1]]), beyond([y[0]], [y[1]]));
            [two(x[0], y[0]), two(x2, y2)]
        });
        sums.map(|sums| combined(total, sums, a.square() - offset, [a * c, c.square()]))
    }

    /// 1 + λq with the last variable of groups bound to `r`.
    pub fn bind_leaves(&self, r: E, lambda: E) -> impl Fn(&[PackedF; 2 * QUAD]) -> [PackedE; QUAD] + use<> {
        let (a, c) = (lambda * self.constant + E::ONE, lambda * self.slope);
        let form = Form::new(a, [c * (E::ONE - r), c * r]);
        move |leaves| std::array::from_fn(|i| form.at(&[leaves[low(i)], leaves[low(i) + 2 * PACKS]]))
    }

    /// t(0) and t(2) over parents: Σ eq·(p₀q₁ + p₁q₀ + λq₀q₁ − λ).
    pub fn parent_sums(&self, leaves: &[PackedF], eq: &[PackedE], lambda: E) -> [PackedE; 2] {
        let (total, sums) = weigh(leaves, 2 * QUAD, eq, |leaves, i| {
            let [x0, y0, x1, y1] = std::array::from_fn(|group| parent(leaves, group, i));
            [four(x0, y0), four(beyond(x0, x1), beyond(y0, y1))]
        });
        let [p, q] = self.sum_of_four();
        let [constant, factors @ ..]: [E; 5] = std::array::from_fn(|k| p[k] + lambda * q[k]);
        sums.map(|sums| combined(total, sums, constant - lambda, factors))
    }

    /// p₀ and b = p₁ + λq₁ in turn, and q, of parents with the last variable of groups bound to `r`.
    pub fn bind_parents(&self, r: E, lambda: E) -> impl Fn(&[PackedF; 4 * QUAD]) -> [[PackedE; QUAD]; 2] + use<> {
        let (a, c) = (self.constant, self.slope);
        let bound = |s: E, m: E| [s * (E::ONE - r), s * r, m * (E::ONE - r), m * r];
        let p = Form::new(a.double(), bound(c, E::ZERO));
        let b = Form::new(a.double() + lambda * a.square(), bound(c + lambda * a * c, lambda * c.square()));
        let q = Form::new(a.square(), bound(a * c, c.square()));
        move |leaves| {
            let mut out = [[PackedE::ZERO; QUAD]; 2];
            let [ps, qs] = &mut out;
            for (i, (p_out, q_out)) in ps.iter_mut().zip(qs).enumerate() {
                let (group, lane) = (low(i) / PACKS, i % PACKS);
                let ([s0, m0], [s1, m1]) = (parent(leaves, group, lane), parent(leaves, group + 2, lane));
                let values = [s0, s1, m0, m1];
                *p_out = if is_first(i) { p.at(&values) } else { b.at(&values) };
                *q_out = q.at(&values);
            }
            out
        }
    }
}

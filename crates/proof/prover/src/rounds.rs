//! What the sumchecks share: folding tables, and round messages of summands with an eq factor.

use crate::kernel::sums::{dot_tables, inner_round};
use crate::kernel::table::Table;
use crate::kernel::work::grind;
use ciro_sumcheck::Work;
use ciro_transcript::{E, Transcript, Writer};
use p3_field::{Field, PrimeCharacteristicRing};

/// Binds a table's first variable to `r`, in place.
pub fn fold(table: &mut Vec<E>, r: E) {
    let half = table.len() / 2;
    let (low, high) = table.split_at_mut(half);
    for (l, &h) in low.iter_mut().zip(high.iter()) {
        *l += r * (h - *l);
    }
    table.truncate(half);
}

/// A sumcheck of Σ_x eq(z, x)·g(x) with g of degree two in each variable. The eq factor is kept apart, so that the work per round is two
/// evaluations of g.
pub struct EqRounds<'a> {
    z: &'a [E],
    /// 1/z, coordinate by coordinate.
    inverses: Vec<E>,
    label: &'static str,
    /// The claimed sum, without the scale.
    claim: E,
    /// eq of what is bound so far.
    scale: E,
    point: Vec<E>,
}

impl<'a> EqRounds<'a> {
    /// Starts with the claimed sum.
    #[must_use]
    pub fn new(label: &'static str, z: &'a [E], claim: E) -> Self {
        let point = Vec::with_capacity(z.len());
        Self { z, inverses: inverses(z), label, claim, scale: E::ONE, point }
    }

    /// Variables that are not bound after the current round.
    pub fn rest(&self) -> usize {
        self.z.len() - self.point.len() - 1
    }

    /// Whether all variables are bound.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.point.len() == self.z.len()
    }

    /// Sends the round polynomial for t(X) = Σ_y eq(rest, y)·g(bound, X, y), given t(0) and t(2); returns the challenge.
    pub fn send(&mut self, transcript: &mut Writer, [t0, t2]: [E; 2]) -> E {
        let z = self.z[self.point.len()];
        let inverse = self.inverses[self.point.len()];
        // The claim is (1 − z)·t(0) + z·t(1).
        let t1 = (self.claim - (E::ONE - z) * t0) * inverse;
        let t3 = t0 + (t2 - t1) * E::from_u32(3);
        let slope = z.double() - E::ONE;
        let line = |x: u32| self.scale * (E::ONE - z + slope * E::from_u32(x));
        let sent = [line(0) * t0, line(2) * t2, line(3) * t3];
        transcript.write_exts(self.label, &sent);
        let r = transcript.challenge(self.label);
        self.claim = quadratic([t0, t1, t2], r);
        self.scale *= ciro_sumcheck::eq(&[z], &[r]);
        self.point.push(r);
        r
    }

    /// The point, once all variables are bound.
    #[must_use]
    pub fn into_point(self) -> Vec<E> {
        self.point
    }
}

/// The inverse of each element, or zeros if one has none. A zero challenge has probability 2⁻¹⁵⁵. The proof would then fail, not lie.
fn inverses(z: &[E]) -> Vec<E> {
    let mut before = Vec::with_capacity(z.len());
    let mut product = E::ONE;
    for &z in z {
        before.push(product);
        product *= z;
    }
    let mut inverse = product.try_inverse().unwrap_or(E::ZERO);
    for (before, &z) in before.iter_mut().zip(z).rev() {
        *before *= inverse;
        inverse *= z;
    }
    before
}

/// h(r), given h(0), h(1) and h(2).
fn quadratic([h0, h1, h2]: [E; 3], r: E) -> E {
    h0 + r * (h1 - h0 + (r - E::ONE) * (h2 - h1.double() + h0).halve())
}

/// The messages and challenges of a sumcheck of degree two.
pub struct Quadratics {
    label: &'static str,
    work: Work,
    claim: E,
    point: Vec<E>,
}

impl Quadratics {
    /// Starts with the claimed sum.
    #[must_use]
    pub fn new(label: &'static str, work: Work, claim: E) -> Self {
        Self { label, work, claim, point: Vec::new() }
    }

    /// Sends h(0) and h(2) and the work that the challenge takes; returns the challenge.
    pub fn send(&mut self, transcript: &mut Writer, [h0, h2]: [E; 2]) -> E {
        transcript.write_exts(self.label, &[h0, h2]);
        grind(transcript, self.work.label, self.work.before(self.point.len()));
        let r = transcript.challenge(self.label);
        self.claim = quadratic([h0, self.claim - h0, h2], r);
        self.point.push(r);
        r
    }

    /// What is left of the claim.
    pub fn claim(&self) -> E {
        self.claim
    }

    /// The challenges so far.
    pub fn point(&self) -> &[E] {
        &self.point
    }
}

/// A product of two tables in a sumcheck over more variables than they have. On the leading variables, the factor Π (1 − x) ties it to
/// zero.
pub struct Inner {
    a: Table,
    b: Table,
    /// Leading variables still to come.
    absent: usize,
    /// Π (1 − r) of those that came, times the weight of this summand.
    scale: E,
    /// Sum over the cube, without the scale, while variables are absent.
    sum: E,
}

impl Inner {
    /// A summand weight·Σ a·b in a sumcheck of `rounds` rounds.
    #[must_use]
    pub fn new(a: Vec<E>, b: Vec<E>, rounds: usize, weight: E) -> Self {
        let (a, b) = (Table::new(a), Table::new(b));
        let absent = rounds - a.len().ilog2() as usize;
        let sum = dot_tables(&a, &b);
        Self { a, b, absent, scale: weight, sum }
    }

    /// weight·Σ a·b.
    pub fn total(&self) -> E {
        self.scale * self.sum
    }

    fn round(&self) -> (E, E) {
        if self.absent > 0 {
            // (1 − X)·sum at 0 and 2.
            return (self.scale * self.sum, -self.scale * self.sum);
        }
        let [h0, h2] = inner_round(&self.a, &self.b);
        (self.scale * h0, self.scale * h2)
    }

    fn bind(&mut self, r: E) {
        if self.absent > 0 {
            self.absent -= 1;
            self.scale *= E::ONE - r;
            return;
        }
        self.a.fold(r);
        self.b.fold(r);
    }

    /// a at the end of the sumcheck.
    pub fn a(&self) -> E {
        self.a.first()
    }

    /// What a weighs at the end of the sumcheck.
    pub fn weight(&self) -> E {
        self.scale * self.b.first()
    }
}

/// Runs a sumcheck over a sum of [`Inner`] summands and returns its point.
pub fn inner_sumcheck(transcript: &mut Writer, label: &'static str, rounds: usize, summands: &mut [Inner]) -> Vec<E> {
    let claim = summands.iter().fold(E::ZERO, |acc, s| acc + s.total());
    let mut messages = Quadratics::new(label, Work::NONE, claim);
    bind_inner(transcript, &mut messages, rounds, summands);
    messages.point
}

/// The next `rounds` rounds of a sumcheck over a sum of [`Inner`] summands.
pub fn bind_inner(transcript: &mut Writer, messages: &mut Quadratics, rounds: usize, summands: &mut [Inner]) {
    for _ in 0..rounds {
        let sums = summands.iter().fold([E::ZERO; 2], |[h0, h2], s| {
            let (a, b) = s.round();
            [h0 + a, h2 + b]
        });
        let r = messages.send(transcript, sums);
        summands.iter_mut().for_each(|summand| summand.bind(r));
    }
}

//! What the sumchecks share: folding tables, and round messages of summands with an eq factor.

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

/// A sumcheck of Σ_x eq(z, x)·g(x) with g of degree two in each variable: the eq factor is kept apart, so that the work per
/// round is two evaluations of g.
pub struct EqRounds<'a> {
    z: &'a [E],
    label: &'static str,
    claim: E,
    /// eq of what is bound so far.
    scale: E,
    point: Vec<E>,
}

impl<'a> EqRounds<'a> {
    /// Starts with the claimed sum.
    #[must_use]
    pub fn new(label: &'static str, z: &'a [E], claim: E) -> Self {
        Self { z, label, claim, scale: E::ONE, point: Vec::with_capacity(z.len()) }
    }

    /// Coordinates of z that are not bound after the current round: the sums of [`EqRounds::send`] are weighted with eq of these.
    pub fn rest(&self) -> &'a [E] {
        &self.z[self.point.len() + 1..]
    }

    /// Whether all variables are bound.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.point.len() == self.z.len()
    }

    /// Sends the round polynomial for t(X) = Σ_y eq(rest, y)·g(bound, X, y), given t(0) and t(2); returns the challenge.
    pub fn send(&mut self, transcript: &mut Writer, t0: E, t2: E) -> E {
        let z = self.z[self.point.len()];
        let h0 = self.scale * (E::ONE - z) * t0;
        // h(1) = claim − h(0) gives t(1). A zero challenge has probability 2⁻¹⁵⁵; the proof would then fail, not lie.
        let t1 = (self.claim - h0) * (self.scale * z).try_inverse().unwrap_or(E::ZERO);
        let t3 = t0 + (t2 - t1) * E::from_u32(3);
        let line = |x: u32| self.scale * (E::ONE - z + (z.double() - E::ONE) * E::from_u32(x));
        let sent = [h0, line(2) * t2, line(3) * t3];
        transcript.write_exts(self.label, &sent);
        let r = transcript.challenge(self.label);
        self.claim = ciro_sumcheck::interpolate(&sent, self.claim, r);
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

/// Sends a degree-two round given h(0) and h(2); returns the challenge and updates the claim.
pub fn send_quadratic(transcript: &mut Writer, label: &'static str, claim: &mut E, h0: E, h2: E) -> E {
    let sent = [h0, h2];
    transcript.write_exts(label, &sent);
    let r = transcript.challenge(label);
    *claim = ciro_sumcheck::interpolate(&sent, *claim, r);
    r
}

/// h(0) and h(2) of Σ_y a(X, y)·b(X, y).
pub fn inner_round(a: &[E], b: &[E]) -> (E, E) {
    let half = a.len() / 2;
    let (a0, a1) = a.split_at(half);
    let (b0, b1) = b.split_at(half);
    let (mut h0, mut h2) = (E::ZERO, E::ZERO);
    for i in 0..half {
        h0 += a0[i] * b0[i];
        h2 += (a1[i].double() - a0[i]) * (b1[i].double() - b0[i]);
    }
    (h0, h2)
}

/// A product of two tables in a sumcheck over more variables than they have: tied to zero, by Π (1 − x), on the leading ones.
pub struct Inner {
    a: Vec<E>,
    b: Vec<E>,
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
        let absent = rounds - a.len().ilog2() as usize;
        let sum = a.iter().zip(&b).fold(E::ZERO, |acc, (&x, &y)| acc + x * y);
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
        let (h0, h2) = inner_round(&self.a, &self.b);
        (self.scale * h0, self.scale * h2)
    }

    fn bind(&mut self, r: E) {
        if self.absent > 0 {
            self.absent -= 1;
            self.scale *= E::ONE - r;
            return;
        }
        fold(&mut self.a, r);
        fold(&mut self.b, r);
    }

    /// a at the end of the sumcheck.
    pub fn a(&self) -> E {
        self.a[0]
    }

    /// b at the end of the sumcheck.
    pub fn b(&self) -> E {
        self.b[0]
    }
}

/// Runs a sumcheck over a sum of [`Inner`] summands and returns its point.
pub fn inner_sumcheck(transcript: &mut Writer, label: &'static str, rounds: usize, summands: &mut [Inner]) -> Vec<E> {
    let mut claim = summands.iter().fold(E::ZERO, |acc, s| acc + s.total());
    let mut point = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let (h0, h2) = summands.iter().fold((E::ZERO, E::ZERO), |(h0, h2), s| {
            let (a, b) = s.round();
            (h0 + a, h2 + b)
        });
        let r = send_quadratic(transcript, label, &mut claim, h0, h2);
        for summand in summands.iter_mut() {
            summand.bind(r);
        }
        point.push(r);
    }
    point
}

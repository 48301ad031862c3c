//! Thaler's sumchecks for all products. See `ciro_verifier::products` for the protocol.

use crate::operand;
use crate::rounds;
use crate::witness::Witness;
use ciro_relation::{Operand, Product, Relation};
use ciro_sumcheck::eq_table;
use ciro_transcript::{E, Transcript, Writer};
use ciro_verifier::layout::{Evaluations, is_sent, product_degree, product_rounds};
use ciro_verifier::products::points;
use p3_field::PrimeCharacteristicRing;

/// Proves the product phase, given the point τ of the constraint phase.
pub fn prove(transcript: &mut Writer, relation: &Relation, witness: &Witness, tau: &[E], claims: &mut Evaluations) {
    if relation.products.is_empty() {
        return;
    }
    let mu = transcript.challenge("mu");
    let (total, degree) = (product_rounds(relation), product_degree(relation));
    let mut weight = E::ONE;
    let mut summands: Vec<Summand> = Vec::with_capacity(relation.products.len());
    for product in &relation.products {
        summands.push(Summand::new(relation, witness, product, tau, total, weight));
        weight *= mu;
    }
    let kappa = sumcheck(transcript, total, degree, &mut summands);

    let mut sent = Vec::new();
    for (product, summand) in relation.products.iter().zip(&summands) {
        let (x, y) = points(relation, product, &kappa, tau);
        for (operand, value) in [(&product.a, summand.a[0]), (&product.b, summand.b[0])] {
            if is_sent(relation, operand) {
                let point = operand.point(x, y);
                let value = shown(relation, witness, operand, &point, value);
                sent.push(value);
                claims.claim(relation, operand.col, point, value);
            }
        }
    }
    transcript.write_exts("product operands", &sent);
}

/// What is sent for an operand with this value: for a view with repeated dimensions, the value of the column seen.
fn shown(relation: &Relation, witness: &Witness, operand: &Operand, point: &[E], value: E) -> E {
    match relation.view(operand.col) {
        Some(view) if !view.repeats.is_empty() => witness.seen(relation, operand.col, point),
        _ => value,
    }
}

/// Σ_x tie(x)·a(x)·b(x), tied to zero on the leading variables that it does not have.
struct Summand {
    a: Vec<E>,
    b: Vec<E>,
    /// eq of the tied variables that are not bound yet.
    tie: Vec<E>,
    absent: usize,
    scale: E,
    sum: E,
}

impl Summand {
    fn new(relation: &Relation, witness: &Witness, product: &Product, tau: &[E], rounds: usize, weight: E) -> Self {
        let log_sum = product.log_sum as usize;
        let (_, y) = points(relation, product, &[], tau);
        let a = operand::fold(relation, witness, &product.a, log_sum, y);
        let b = operand::fold(relation, witness, &product.b, log_sum, y);
        let tied: Vec<E> = product.tied.iter().map(|&i| y[i]).collect();
        let mut summand =
            Self { a, b, tie: eq_table(&tied, E::ONE), absent: rounds - log_sum, scale: weight, sum: E::ZERO };
        summand.sum = summand.terms().fold(E::ZERO, |acc, (w, a, b)| acc + w * a * b);
        summand
    }

    fn terms(&self) -> impl Iterator<Item = (E, E, E)> + '_ {
        let run = self.a.len() / self.tie.len();
        self.a.iter().zip(&self.b).enumerate().map(move |(i, (&a, &b))| (self.tie[i / run], a, b))
    }

    /// The round polynomial at 0, 2 and, for degree three, 3.
    fn round(&self, degree: usize) -> [E; 3] {
        if self.absent > 0 {
            // (1 − X)·sum.
            let at = self.scale * self.sum;
            return [at, -at, -at.double()];
        }
        let half = self.a.len() / 2;
        let mut h = [E::ZERO; 3];
        if self.tie.len() == 1 {
            for i in 0..half {
                let (a0, b0) = (self.a[i], self.b[i]);
                let (da, db) = (self.a[half + i] - a0, self.b[half + i] - b0);
                let (a2, b2) = (a0 + da.double(), b0 + db.double());
                h[0] += a0 * b0;
                h[1] += a2 * b2;
                if degree == 3 {
                    h[2] += (a2 + da) * (b2 + db);
                }
            }
            let scale = self.scale * self.tie[0];
            return h.map(|h| scale * h);
        }
        let (tie0, tie1) = self.tie.split_at(self.tie.len() / 2);
        let run = half / tie0.len();
        for (t, (&t0, &t1)) in tie0.iter().zip(tie1).enumerate() {
            let mut inner = [E::ZERO; 3];
            for i in t * run..(t + 1) * run {
                let (a0, b0) = (self.a[i], self.b[i]);
                let (da, db) = (self.a[half + i] - a0, self.b[half + i] - b0);
                let (a2, b2) = (a0 + da.double(), b0 + db.double());
                inner[0] += a0 * b0;
                inner[1] += a2 * b2;
                inner[2] += (a2 + da) * (b2 + db);
            }
            let dt = t1 - t0;
            let t2 = t0 + dt.double();
            h[0] += t0 * inner[0];
            h[1] += t2 * inner[1];
            h[2] += (t2 + dt) * inner[2];
        }
        h.map(|h| self.scale * h)
    }

    fn bind(&mut self, r: E) {
        if self.absent > 0 {
            self.absent -= 1;
            self.scale *= E::ONE - r;
            return;
        }
        rounds::fold(&mut self.a, r);
        rounds::fold(&mut self.b, r);
        if self.tie.len() > 1 {
            rounds::fold(&mut self.tie, r);
        }
    }
}

fn sumcheck(transcript: &mut Writer, rounds: usize, degree: usize, summands: &mut [Summand]) -> Vec<E> {
    let mut point = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let sent = summands.iter().fold([E::ZERO; 3], |sum, s| {
            let round = s.round(degree);
            [sum[0] + round[0], sum[1] + round[1], sum[2] + round[2]]
        });
        transcript.write_exts("product rounds", &sent[..degree]);
        let r = transcript.challenge("product rounds");
        summands.iter_mut().for_each(|s| s.bind(r));
        point.push(r);
    }
    point
}

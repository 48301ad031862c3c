//! Thaler's sumchecks for all products. See `ciro_verifier::products` for the protocol.

use crate::rounds::{Inner, inner_sumcheck};
use crate::witness::Witness;
use ciro_relation::{Product, Relation};
use ciro_sumcheck::{eq_table, suffix};
use ciro_transcript::{E, F, Transcript, Writer};
use ciro_verifier::layout::{Evaluations, matrix_point, product_matrices, product_rounds, product_vectors};
use p3_field::PrimeCharacteristicRing;

/// Proves the product phase, given the point τ of the constraint phase.
pub fn prove(transcript: &mut Writer, relation: &Relation, witness: &Witness, tau: &[E], claims: &mut Evaluations) {
    if relation.products.is_empty() {
        return;
    }
    let mu = transcript.challenge("mu");
    let rounds = product_rounds(relation);
    let mut weight = E::ONE;
    let mut summands: Vec<Inner> = Vec::with_capacity(relation.products.len());
    for product in &relation.products {
        let a = witness.column(product.a).iter().map(|&x| E::from(x)).collect();
        let b = fold_matrix(product, witness.column(product.b), tau);
        summands.push(Inner::new(a, b, rounds, weight));
        weight *= mu;
    }
    let kappa = inner_sumcheck(transcript, "product rounds", rounds, &mut summands);

    let vectors = product_vectors(relation);
    let vector_values = witness.evaluate(relation, &vectors, &kappa);
    transcript.write_exts("product vectors", &vector_values);
    let matrices = product_matrices(relation);
    let matrix_values: Vec<E> = matrices.iter().map(|&i| summands[i].b()).collect();
    transcript.write_exts("product matrices", &matrix_values);
    for (&i, &value) in matrices.iter().zip(&matrix_values) {
        let product = &relation.products[i];
        claims.claim(relation, product.b, matrix_point(product, &kappa, tau), value);
    }
    claims.claim_columns(relation, &vectors, &kappa, &vector_values);
}

/// b(k, τ) for every k.
fn fold_matrix(product: &Product, b: &[F], tau: &[E]) -> Vec<E> {
    let eq = eq_table(suffix(tau, product.log_n as usize), E::ONE);
    let k = 1usize << product.log_k;
    if product.transposed {
        let mut folded = E::zero_vec(k);
        for (row, &w) in b.chunks_exact(k).zip(&eq) {
            for (f, &x) in folded.iter_mut().zip(row) {
                *f += w * x;
            }
        }
        return folded;
    }
    let dot = |row: &[F]| row.iter().zip(&eq).fold(E::ZERO, |acc, (&x, &w)| acc + w * x);
    b.chunks_exact(1 << product.log_n).map(dot).collect()
}

//! The reduction of all claims to one point. See `ciro_verifier::batch` for the protocol.

use crate::kernel::arena::Buffer;
use crate::kernel::eq::eq_table;
use crate::kernel::table::{Table, add_lane, lane};
use crate::kernel::{FOLD_PACKS, PackedE, WIDTH};
use crate::rounds::{Inner, inner_sumcheck};
use ciro_relation::{Poly, Relation};
use ciro_transcript::{E, F, Transcript, Writer};
use ciro_verifier::layout::{Evaluation, Evaluations};
use p3_field::PrimeCharacteristicRing;
use rayon::prelude::*;

/// Proves the batch phase for the tables of the model and the witness; returns the point ρ.
pub fn prove(transcript: &mut Writer, relation: &Relation, model: &[F], witness: &[F], claims: Evaluations) -> Vec<E> {
    let claims = claims.into_committed().unwrap_or_default();
    let eta = transcript.challenge("eta");
    let rounds = relation.model_vars.max(relation.witness_vars) as usize;
    let summand =
        |table: &[F], poly: Poly| Inner::base(table, weights(&claims, eta, poly, table.len()), rounds, E::ONE);
    let mut summands = [summand(model, Poly::Model), summand(witness, Poly::Witness)];
    let rho = inner_sumcheck(transcript, "batch rounds", rounds, &mut summands);
    transcript.write_exts("opened values", &[summands[0].a(), summands[1].a()]);
    rho
}

/// Σ ηⁱ·eq over the windows of the claims on `poly`.
fn weights(claims: &[Evaluation], eta: E, poly: Poly, len: usize) -> Table {
    let mut w = Buffer::stale(len.div_ceil(WIDTH));
    w.fill(PackedE::ZERO);
    let mut power = E::ONE;
    // Claims share a few points: one table each serves them all.
    let mut tables: Vec<(&[E], Table)> = Vec::new();
    for claim in claims {
        if claim.poly == poly {
            let known = tables.iter().position(|(point, _)| *point == claim.point.as_slice()).unwrap_or_else(|| {
                tables.push((&claim.point, eq_table(&claim.point, E::ONE)));
                tables.len() - 1
            });
            add_window(&mut w, claim.offset, &tables[known].1, power);
        }
        power *= eta;
    }
    if len < WIDTH { Table::Few((0..len).map(|i| lane(&w[0], i)).collect()) } else { Table::packed(w) }
}

/// w += scale·eq on the window that begins at `offset`, a multiple of its length.
fn add_window(w: &mut [PackedE], offset: usize, eq: &Table, scale: E) {
    match eq {
        Table::Few(eq) => {
            for (i, &t) in (offset..).zip(eq) {
                add_lane(&mut w[i / WIDTH], i % WIDTH, scale * t);
            }
        }
        Table::Many(eq) => {
            let window = &mut w[offset / WIDTH..][..eq.len()];
            let scale = PackedE::from(scale);
            window.par_chunks_mut(FOLD_PACKS).zip(eq.par_chunks(FOLD_PACKS)).for_each(|(window, eq)| {
                for (w, &t) in window.iter_mut().zip(eq) {
                    *w += scale * t;
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::tests::elements;

    #[test]
    fn weights_equal_their_definition() {
        let eta = elements(1)[0];
        let points = elements(11);
        let windows = [(Poly::Witness, 1024, 10), (Poly::Model, 0, 9), (Poly::Witness, 0, 3), (Poly::Witness, 1344, 6)];
        let windows =
            [&windows[..], &[(Poly::Witness, 17, 0), (Poly::Witness, 1984, 5), (Poly::Witness, 1280, 8)]].concat();
        let claims: Vec<Evaluation> = windows
            .into_iter()
            .map(|(poly, offset, vars)| Evaluation { poly, offset, point: points[..vars].to_vec(), value: E::ONE })
            .collect();
        let mut expected = E::zero_vec(2048);
        let mut power = E::ONE;
        for claim in &claims {
            for (i, t) in ciro_sumcheck::eq_table(&claim.point, power).into_iter().enumerate() {
                if claim.poly == Poly::Witness {
                    expected[claim.offset + i] += t;
                }
            }
            power *= eta;
        }
        assert_eq!(weights(&claims, eta, Poly::Witness, 2048).to_vec(), expected);
    }
}

//! Out-of-domain samples of the committed polynomials. See `ciro_verifier::samples` for the protocol.

use crate::kernel::cells::Cells;
use crate::kernel::eq::eq_table;
use crate::kernel::matrix::dot_rows;
use crate::kernel::sums::dot;
use crate::opening::Opened;
use ciro_pcs::Params;
use ciro_relation::Relation;
use ciro_sumcheck::suffix;
use ciro_transcript::{E, Transcript, Writer};
use ciro_verifier::batch::LOW_VARS;
use ciro_verifier::layout::Evaluations;
use p3_field::PrimeCharacteristicRing;

/// Sends the values of the committed polynomials, in order, if they are asked for, and records the claims they make.
pub fn prove(
    transcript: &mut Writer,
    relation: &Relation,
    params: &Params,
    opened: &[Opened<'_>],
    claims: &mut Evaluations,
) {
    if !params.is_first_sampled() {
        return;
    }
    let point = transcript.challenges("sample point", params.largest_vars() as usize);
    let points = || relation.committed().map(|space| suffix(&point, space.vars as usize));
    let values: Vec<E> = opened.iter().zip(points()).map(|(opened, point)| evaluate(opened.cells, point)).collect();
    transcript.write_exts("samples", &values);
    for ((space, point), value) in relation.committed().zip(points()).zip(values) {
        claims.claim_polynomial(space.poly, point, value);
    }
}

/// The value of a table at a point, row by row: a large one has no table of eq.
fn evaluate(cells: Cells<'_>, point: &[E]) -> E {
    let (high, low) = point.split_at(point.len().saturating_sub(LOW_VARS));
    let rows = dot_rows(cells, &eq_table(low, E::ONE));
    dot(&rows, &eq_table(high, E::ONE).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::tests::{cells, elements};

    #[test]
    fn values_equal_the_verifiers_for_every_length() {
        let point = elements(12);
        for log in 0..=12 {
            let (table, point) = (cells(1 << log), suffix(&point, log));
            assert_eq!(evaluate(Cells::from(&table), point), ciro_sumcheck::evaluate_base(&table, point), "{log}");
        }
    }
}

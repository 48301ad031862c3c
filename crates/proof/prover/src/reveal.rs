//! The commitment to given integers: what a third person computes who is shown a committed input or output.

use crate::fill::read;
use crate::oracle::BaseOracle;
use crate::prove::Proof;
use crate::seed::Seed;
use ciro_auditor::Hint;
use ciro_auditor::{AuditError, AuditedModel, Part};
use ciro_execution::Execution;
use ciro_graph::{IngestError, Program, RawInput, ingest};
use ciro_relation::{Poly, Source};
use ciro_transcript::F;
use ciro_transcript::field::from_int;
use ciro_types::Hash32;
use p3_field::PrimeCharacteristicRing;

const fn poly_of(part: Part) -> Poly {
    match part {
        Part::Input => Poly::Input,
        Part::Output => Poly::Output,
    }
}

/// The seed of the salts of one part's commitment: to be given away with its integers, and with nothing else.
#[must_use]
pub fn salts_of(seed: &Seed, part: Part) -> Hash32 {
    Hash32(seed.of(poly_of(part)))
}

/// What reveals a committed part of a proof's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reveal {
    /// Which part.
    pub part: Part,
    /// The seed of its salts.
    pub salts: Hash32,
    /// Its integers, one vector per input or output.
    pub values: Vec<Vec<i64>>,
}

/// What reveals each part that `proof`, made with `seed` on `input`, commits to.
///
/// # Errors
/// If the program refuses the input.
pub fn reveals(program: &Program, input: &RawInput, proof: &Proof, seed: &Seed) -> Result<Vec<Reveal>, IngestError> {
    let mut reveals = Vec::new();
    for part in [Part::Input, Part::Output] {
        if proof.statement.root(part).is_some() {
            let values = match part {
                Part::Input => ingest(program, input)?,
                Part::Output => proof.output.0.clone(),
            };
            reveals.push(Reveal { part, salts: salts_of(seed, part), values });
        }
    }
    Ok(reveals)
}

/// The root of the commitment to `values`, one vector per input or output, under salts of `salts`. `None` if the program does not
/// commit to this part.
///
/// # Errors
/// If the model has no such values: integers outside its intervals would be committed to like others that are p away.
pub fn root(key: &AuditedModel, part: Part, values: &[Vec<i64>], salts: Hash32) -> Result<Option<Hash32>, AuditError> {
    match part {
        Part::Input => key.check_inputs(values)?,
        Part::Output => key.check_outputs(values)?,
    }
    let (relation, poly) = (key.relation(), poly_of(part));
    let Some(at) = relation.committed().position(|space| space.poly == poly) else { return Ok(None) };
    let cells = cells(key, poly, &execution(key, part, values));
    Ok(key.params().first.get(at).map(|round| Hash32(BaseOracle::new(&cells, round, &salts.0).root())))
}

/// An execution of which only these values are known.
fn execution(key: &AuditedModel, part: Part, values: &[Vec<i64>]) -> Execution {
    let program = key.program();
    let mut all = vec![Vec::new(); program.inputs.len() + program.nodes.len()];
    let places: Vec<usize> = match part {
        Part::Input => (0..program.inputs.len()).collect(),
        Part::Output => program.outputs.iter().map(|output| output.value.0 as usize).collect(),
    };
    for (place, values) in places.into_iter().zip(values) {
        all[place].clone_from(values);
    }
    Execution { values: all }
}

/// The cells of a polynomial whose columns are filled from values alone.
fn cells(key: &AuditedModel, poly: Poly, execution: &Execution) -> Vec<F> {
    let (relation, samples) = (key.relation(), key.program().batch as usize);
    let mut cells = F::zero_vec(1 << relation.vars(poly));
    for hint in &key.recipe().hints {
        let (Hint::Value { col, .. } | Hint::Half { col, .. } | Hint::Missing { flag: col, .. }) = hint else {
            continue;
        };
        let Some(column) = relation.column(*col) else { continue };
        if let Source::Committed { poly: of, offset } = column.source
            && of == poly
        {
            let rows = column.rows.indices();
            for (row, value) in rows.iter().zip(read(hint, execution, rows.len(), samples)) {
                cells[offset + row] = from_int(value);
            }
        }
    }
    cells
}

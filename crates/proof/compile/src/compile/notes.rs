//! What a user should know of a program that was made without samples.

use ciro_graph::Program;

/// What each input accepts.
pub(crate) fn range_notes(program: &Program) -> Vec<String> {
    let arithmetic = program.inputs.iter().filter(|input| !input.is_ordered() && !input.is_ordered_double());
    let advice = "pass calibration samples or a range if yours may be larger";
    let note = |input: &ciro_graph::Input| {
        format!("input {:?} accepts {}; {advice}", input.name, crate::emit::artifact::range_text(&input.ingest))
    };
    arithmetic.map(note).collect()
}

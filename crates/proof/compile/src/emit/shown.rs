//! What is shown of a compiled model besides its program: texts of one line each, whoever has made the folder or named the nodes.

use super::report::{AccuracyReport, OutputAccuracy};
use ciro_types::text::Escaped;

/// The text on one line.
pub(crate) fn line(text: &str) -> String {
    Escaped(text).to_string()
}

/// The report with every text of it on one line.
pub(crate) fn report(mut report: AccuracyReport) -> AccuracyReport {
    escape_outputs(&mut report.outputs);
    escape_outputs(&mut report.expected);
    if let Some(held_out) = &mut report.held_out {
        escape_outputs(&mut held_out.outputs);
        held_out.first_refused.iter_mut().for_each(|refused| refused.reason = line(&refused.reason));
    }
    for operator in &mut report.operators {
        operator.node = line(&operator.node);
        operator.operator = line(&operator.operator);
    }
    report
}

fn escape_outputs(outputs: &mut [OutputAccuracy]) {
    for output in outputs {
        output.name = line(&output.name);
        output.classes.iter_mut().for_each(|class| class.class = line(&class.class));
    }
}

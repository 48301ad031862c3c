//! A valid receipt as people read it. Names and labels, which strangers chose, come after the verdict and never end a line.

use crate::judge::Judged;
use crate::report::Finding;
use crate::visibility::Visibility;
use ciro_graph::render::Cell;
use ciro_graph::{Column, Given, Input, Program, RawInput, RawTensor, RenderError, Rendered};
use ciro_types::Named;
use ciro_verifier::Shown;

/// Elements of one tensor that are shown before it is said how many are left.
const SHOWN: usize = 12;

impl Judged {
    /// The verdict, what was run on what, what that shows and rests on, and who can read what.
    ///
    /// # Errors
    /// As [`Judged::outputs`].
    pub fn text(&self) -> Result<String, RenderError> {
        let report = &self.report;
        let sections = [
            report.verdict(),
            format!("model {}, as its maker calls it{}", Named(&report.program.name), self.batch()),
            format!("input\n{}", self.input_lines()),
            format!("output\n{}", self.output_lines()?),
            format!("shown\n{}", findings(&report.shown)),
            format!("provided that\n{}", findings(&report.assumptions)),
            format!("who can read what\n{}", Visibility::of(report).text()),
        ];
        Ok(sections.join("\n\n"))
    }

    fn batch(&self) -> String {
        match (&self.sample, self.report.program.batch) {
            (Some(sample), batch) => format!("\nsample {} of a batch of {batch} (from 0)", sample.index),
            (None, 1) => String::new(),
            (None, batch) => format!("\na batch of {batch} samples"),
        }
    }

    fn input_lines(&self) -> String {
        let program = &self.report.program;
        self.input().map_or_else(|| hidden(&self.report.input), |input| input_lines(program, input))
    }

    fn output_lines(&self) -> Result<String, RenderError> {
        let outputs = self.outputs()?;
        Ok(outputs.map_or_else(|| hidden(&self.report.output), |outputs| output_lines(&outputs)))
    }
}

fn input_lines(program: &Program, input: &RawInput) -> String {
    let line_of = |(i, (spec, tensor)): (usize, (&Input, &RawTensor))| {
        let mut columns = program.columns_of(i).iter().cycle();
        let items = spec.given(tensor).map(|text| element(columns.next(), text));
        format!("  {} {:?} = {}", Named(&spec.name), tensor.shape, list(items))
    };
    lines(program.inputs.iter().zip(&input.0).enumerate().map(line_of))
}

/// An element of an input as its users write it, from its shortest decimal.
fn element(column: Option<&Column>, text: String) -> String {
    // deterministic: a decimal that was written from a float reads as that float.
    let Ok(number) = text.parse::<f64>() else { return text };
    match column.map(|column| column.given(number)) {
        Some(Given::Category(category)) => Named(category).to_string(),
        Some(Given::Unseen) => "another category".into(),
        Some(Given::Number(given)) if number.is_nan() => given.to_string(),
        Some(Given::Number(_)) | None => text,
    }
}

fn output_lines(outputs: &[Rendered]) -> String {
    lines(outputs.iter().map(|output| line(&output.name, output.values.iter().map(cell))))
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Number(number) => number.clone(),
        Cell::Int(label) => label.to_string(),
        Cell::Bool(label) => label.to_string(),
        Cell::Text(label) => Named(label).to_string(),
    }
}

fn findings(findings: &[Finding]) -> String {
    lines(findings.iter().map(|finding| format!("  {}: {}", finding.what, finding.detail)))
}

fn hidden<T>(shown: &Shown<T>) -> String {
    shown.root().map_or_else(|| "  private".into(), |root| format!("  committed: {root}"))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

/// A value under its name, indented. The items are printable.
#[must_use]
pub fn line(name: &str, items: impl ExactSizeIterator<Item = String>) -> String {
    format!("  {} = {}", Named(name), list(items))
}

/// The first items and how many are left.
fn list(mut items: impl ExactSizeIterator<Item = String>) -> String {
    let left = items.len().saturating_sub(SHOWN);
    let shown = items.by_ref().take(SHOWN).collect::<Vec<_>>().join(", ");
    if left == 0 { shown } else { format!("{shown}, … {left} more") }
}

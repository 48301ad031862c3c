//! A valid receipt as people read it. Names and labels, which strangers chose, come after the verdict and never end a line.

use crate::judge::Judged;
use crate::report::Finding;
use crate::visibility::Visibility;
use ciro_auditor::Shown;
use ciro_graph::render::Cell;
use ciro_graph::{Column, Given, Input, Program, RawInput, RawTensor, RenderError, Rendered};
use ciro_types::Named;
use std::fmt;

/// Elements of one tensor that are shown before it is said how many are left.
const SHOWN: usize = 12;

/// An input that is shown. Its elements are made as they are read: as texts they take many times the receipt's bytes.
#[derive(Clone, Copy, Debug)]
pub struct ShownInput<'a> {
    columns: &'a [Column],
    spec: &'a Input,
    tensor: &'a RawTensor,
}

/// An element of an input as its users write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// A number that is there: its shortest decimal, or an infinity.
    Number(String),
    /// No number, where none is written for it: NaN.
    Missing,
    /// A category by its text.
    Category(&'a str),
    /// A category that the model has not seen.
    Unseen,
}

impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(number),
            Self::Missing => f.write_str("NaN"),
            Self::Category(text) => Named(text).fmt(f),
            Self::Unseen => f.write_str("another category"),
        }
    }
}

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
    lines(shown_inputs(program, input).map(|shown| {
        let items = shown.elements().map(|element| element.to_string());
        format!("  {} {:?} = {}", Named(shown.name()), shown.tensor.shape, list(items))
    }))
}

/// The inputs in the program's order.
pub fn shown_inputs<'a>(program: &'a Program, input: &'a RawInput) -> impl Iterator<Item = ShownInput<'a>> {
    let specs = program.inputs.iter().zip(&input.0).enumerate();
    specs.map(|(i, (spec, tensor))| ShownInput { columns: program.columns_of(i), spec, tensor })
}

impl<'a> ShownInput<'a> {
    /// Its name, which the program's maker chose.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.spec.name
    }

    /// Its elements, flat and row-major.
    pub fn elements(self) -> impl ExactSizeIterator<Item = Element<'a>> {
        let mut columns = self.columns.iter().cycle();
        self.spec.given(self.tensor).map(move |text| element(columns.next(), text))
    }
}

/// An element from its shortest decimal.
fn element(column: Option<&Column>, text: String) -> Element<'_> {
    // deterministic: a decimal that was written from a float reads as that float.
    let Ok(number) = text.parse::<f64>() else { return Element::Number(text) };
    match column.map(|column| column.given(number)) {
        Some(Given::Category(category)) => Element::Category(category),
        Some(Given::Unseen) => Element::Unseen,
        Some(Given::Number(given)) if number.is_nan() && !given.is_nan() => Element::Number(given.to_string()),
        Some(Given::Number(_)) | None if number.is_nan() => Element::Missing,
        Some(Given::Number(_)) | None => Element::Number(text),
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

//! `ciro ops`: the operators that compile, and how ONNX's own tests of them went.
//!
//! The second part is read from `docs/reference/ops.md`, which those tests write: page and command say the same.

use crate::error::CliError;
use crate::ui::Ui;
use ciro_compile::operators::{Domain, Operator};
use serde::Serialize;

/// Written by the conformance tests of `ciro-compile`.
const TESTED: &str = include_str!("../../../../../docs/reference/ops.md");

/// One operator.
#[derive(Serialize)]
struct Row {
    operator: &'static str,
    domain: &'static str,
    /// Versions of the domain that have it, up to the newest form that is known: `1-13`.
    opsets: String,
    /// Attributes that are read, or known to change nothing.
    attributes: &'static [&'static str],
    /// Which half of the compiler reads it: `network`, or `classical` for linear models, trees and what stands around them.
    pathway: &'static str,
    /// None where ONNX has no test of the operator alone that says something here.
    #[serde(skip_serializing_if = "Option::is_none")]
    tests: Option<Tests>,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'static str,
}

/// ONNX's tests of one operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Tests {
    /// Compiled, run, and as expected.
    agree: u32,
    all: u32,
    /// Not compiled, with an error that names the form.
    refused: u32,
    /// Why.
    #[serde(skip_serializing_if = "str::is_empty")]
    reasons: &'static str,
}

/// Prints the table.
pub(crate) fn run(ui: &Ui) -> Result<(), CliError> {
    let rows = rows();
    ui.result(&rows, || rows.iter().map(Row::line).collect::<Vec<_>>().join("\n"))
}

fn rows() -> Vec<Row> {
    let core = Operator::of_domain(Domain::Core).map(|operator| Row {
        operator: operator.name(),
        domain: operator.domain().name(),
        opsets: opsets(operator),
        attributes: operator.attributes(),
        pathway: "network",
        tests: tests(operator.name()),
        note: "",
    });
    let classical = Operator::of_domain(Domain::Classical).map(|operator| Row {
        operator: operator.name(),
        domain: operator.domain().name(),
        opsets: opsets(operator),
        attributes: operator.attributes(),
        pathway: "classical",
        tests: None,
        note: note(operator.name()),
    });
    core.chain(classical).collect()
}

fn opsets(operator: Operator) -> String {
    let opsets = operator.opsets();
    if opsets.start() == opsets.end() {
        opsets.start().to_string()
    } else {
        format!("{}-{}", opsets.start(), opsets.end())
    }
}

/// What ONNX's tests, which hardly cover this domain, do not say.
fn note(operator: &str) -> &'static str {
    match operator {
        "ArrayFeatureExtractor" => {
            "at constant positions, or of a constant list at a class index or at positions of TopK"
        }
        "SVMClassifier" => "without probabilities",
        "Imputer" => "missing values are NaN",
        "LinearClassifier" | "LinearRegressor" | "TreeEnsembleClassifier" | "TreeEnsembleRegressor" => {
            "post_transform NONE, LOGISTIC or SOFTMAX"
        }
        "Normalizer" => "norm L1 or L2",
        "ZipMap" => "a vector in the order of the labels instead of a dictionary",
        _ => "",
    }
}

/// The operator's row of the page.
fn tests(operator: &str) -> Option<Tests> {
    TESTED.lines().filter_map(parsed).find(|(name, _)| *name == operator).map(|(_, tests)| tests)
}

/// `| operator | 6 of 7 | 1 | reasons |`.
fn parsed(line: &'static str) -> Option<(&'static str, Tests)> {
    let mut cells = line.strip_prefix("| ")?.strip_suffix('|')?.splitn(4, '|').map(str::trim);
    let (operator, counts, refused, reasons) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    let (agree, all) = counts.split_once(" of ")?;
    let tests = Tests { agree: agree.parse().ok()?, all: all.parse().ok()?, refused: refused.parse().ok()?, reasons };
    Some((operator, tests))
}

impl Row {
    fn line(&self) -> String {
        let tests = self.tests.map_or_else(String::new, |tests| format!("{} of {}", tests.agree, tests.all));
        let refused = self.tests.map_or("", |tests| tests.reasons);
        let refused = if refused.is_empty() { String::new() } else { format!("refused: {refused}") };
        let (operator, domain, opsets, pathway) = (self.operator, self.domain, &self.opsets, self.pathway);
        let line = format!("{operator:<24} {domain:<11} {opsets:<6} {pathway:<10} {tests:<9} {}{refused}", self.note);
        line.trim_end().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_page_is_read_and_is_of_an_operator_that_is_listed() {
        let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| operator");
        let lines: Vec<&str> = TESTED.lines().filter(is_row).collect();
        assert!(lines.len() > 80, "{}", lines.len());
        for line in lines {
            let (operator, tests) = parsed(line).unwrap_or_else(|| panic!("{line}"));
            assert!(Operator::of("", operator).is_some(), "{operator}");
            assert!(tests.agree >= 1 && tests.agree + tests.refused <= tests.all, "{line}");
        }
    }

    #[test]
    fn versions_are_a_span_or_one() {
        assert_eq!(opsets(Operator::Relu), "1-14");
        assert_eq!(opsets(Operator::Gelu), "20");
    }

    #[test]
    fn a_row_without_counts_is_none() {
        assert_eq!(parsed("|---|---|---|---|"), None);
        assert_eq!(parsed("| operator | cases that agree | refused | why |"), None);
        assert_eq!(parsed("| Relu | 2 of two | 0 |  |"), None);
        let tests = Tests { agree: 2, all: 3, refused: 1, reasons: "why" };
        assert_eq!(parsed("| Relu | 2 of 3 | 1 | why |"), Some(("Relu", tests)));
    }
}

//! What is printed.

use super::curve::Point;
use super::measure::Figures;
use crate::cmd::bench::machine::Machine;
use serde::Serialize;

/// All that was measured.
#[derive(Serialize)]
pub(super) struct View {
    pub(super) machine: Machine,
    /// How models were compiled, as options of the command; empty for the defaults.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) form: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) models: Option<Vec<Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) curve: Option<Vec<Point>>,
}

/// One model: its figures, or why there are none.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) model: String,
    /// Samples of a proof.
    pub(super) batch: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) figures: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}
